"""The form for the arguments of a run, on real schedulers: in this process and attached."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal

import pytest
from support import snapshots
from support.app_driver import AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend
from textual import events

from jobtui import RunView, Scheduler, Secret
from jobtui.access.addresses import parse_address
from jobtui.access.rules import AccessRules
from jobtui.cli.attach import connect
from jobtui.frontend.backend import Backend, JobDetails
from jobtui.frontend.local_backend import LocalBackend
from jobtui.tui.screens.arguments_screen import ArgumentChoice, ArgumentInput, RunFormScreen
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.screens.run import RunScreen
from jobtui.web.server import Server


def export(
    table: str,
    limit: int = 100,
    mode: Literal["fast", "slow", "safe"] = "fast",
    dry: bool = False,
    key: Secret[str] = Secret(""),  # noqa: B008 - never changed
) -> None:
    """Export a table.

    Args:
        table: Its name.
        limit: The most rows.
        mode: The way to read.
        dry: Whether nothing is written.
        key: The key.
    """
    if limit < 0:
        raise ValueError("negative")


def ping() -> None:
    """Do nothing."""


@contextmanager
def local(scheduler: Scheduler) -> Iterator[Backend]:
    """Yield the backend in this process."""
    yield LocalBackend(scheduler, "jobs.py")


@contextmanager
def attached(scheduler: Scheduler) -> Iterator[Backend]:
    """Yield a backend that asks a server."""
    address = parse_address("127.0.0.1:0")
    with Server(LocalBackend(scheduler, "jobs.py"), address, access=AccessRules()) as server:
        backend = connect(str(server.address))
        try:
            yield backend
        finally:
            backend.close()


Connect = Callable[[Scheduler], Any]
everywhere = pytest.mark.parametrize("connect_to", [local, attached])


@asynccontextmanager
async def form_of(connect_to: Connect, *keys: str) -> AsyncIterator[tuple[AppDriver, Scheduler]]:
    """Run the dashboard of a scheduler with two jobs, and press keys."""
    scheduler = Scheduler(tz="UTC")
    scheduler.every("1h", export, args=("orders",))
    scheduler.every("1h", ping)
    with scheduler, connect_to(scheduler) as backend:
        async with running_app(backend) as driver:
            await driver.press(*keys)
            yield driver, scheduler


def runs(scheduler: Scheduler) -> list[RunView]:
    """Return the runs of the scheduler, oldest first."""
    return sorted(scheduler.find_runs(), key=lambda run: run.number)


def field(driver: AppDriver, name: str) -> ArgumentInput | ArgumentChoice:
    """Return the widget of a field by its name."""
    assert isinstance(driver.screen, RunFormScreen)
    found = driver.screen.field(name)
    assert found is not None
    return found


@everywhere
@async_test
async def test_capital_r_then_a_text_then_enter_runs_the_job_with_it(connect_to: Connect) -> None:
    """Typing replaces the text of the first field."""
    async with form_of(connect_to, "R") as (driver, scheduler):
        assert isinstance(driver.screen, RunFormScreen)
        assert field(driver, "table").text == "orders"
        await driver.press(*"users", "enter")
        assert [run.arguments for run in runs(scheduler)] == ["table='users'"]
        assert isinstance(driver.screen, Dashboard)
        assert driver.toasts[-1] == ("information", "▶ export: run 1")


@everywhere
@async_test
async def test_a_form_that_is_not_changed_runs_the_job_with_its_own_arguments(connect_to: Connect) -> None:
    async with form_of(connect_to, "R", "enter") as (_, scheduler):
        [run] = runs(scheduler)
        assert run.arguments == ""


@everywhere
@async_test
async def test_a_wrong_text_is_marked_at_its_field_and_nothing_is_queued(connect_to: Connect) -> None:
    async with form_of(connect_to, "R", "tab", *"many", "enter") as (driver, scheduler):
        assert "✗ must be a whole number, not 'many'" in driver.text
        assert driver.app.focused is field(driver, "limit")
        assert runs(scheduler) == []
        await driver.press("ctrl+r", "5", "enter")
        assert [run.arguments for run in runs(scheduler)] == ["table='orders', limit=5"]


@async_test
async def test_the_scheduler_has_the_last_word_on_an_argument() -> None:
    """Its message is shown at the field, and the form stays open."""

    class Picky(ScriptedBackend):
        def job_details(self, job: str) -> JobDetails:
            found = super().job_details(job)
            found.parameters.update(
                {
                    "type": "object",
                    "properties": {"limit": {"type": "integer"}},
                    "additionalProperties": False,
                }
            )
            return found

        def run(self, job: str, arguments: Any = None) -> int:
            raise ValueError(self.refusal)

        refusal = "limit: must be even"

    backend = Picky(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("R", "5", "enter")
        assert "✗ must be even" in driver.text
        backend.refusal = "the job cannot run"
        await driver.press("enter")
        assert "✗ the job cannot run" in driver.text
        assert isinstance(driver.screen, RunFormScreen)


@async_test
async def test_arrows_space_and_letters_choose_one_of_a_few_values() -> None:
    async with form_of(local, "R", "tab", "tab") as (driver, scheduler):
        mode, dry = field(driver, "mode"), field(driver, "dry")
        assert driver.app.focused is mode
        seen = [mode.text]
        for key in ("right", "space", "right", "left", "s", "s", "f", "x"):
            await driver.press(key)
            seen.append(mode.text)
        assert seen == ["fast", "slow", "safe", "fast", "safe", "slow", "safe", "fast", "fast"]
        await driver.press("s", "down", "t", "enter")
        assert dry.text == "true"
        assert [run.arguments for run in runs(scheduler)] == ["table='orders', mode='slow', dry=True"]


@async_test
async def test_a_click_chooses_the_next_value() -> None:
    async with form_of(local, "R") as (driver, _):
        mode = field(driver, "mode")
        await driver.pilot.click(mode)
        assert mode.text == "slow"


@async_test
async def test_the_help_of_the_field_with_the_focus_is_shown() -> None:
    async with form_of(local, "R") as (driver, _):
        assert "Export a table." in driver.text
        assert "Its name." in driver.text
        await driver.press("down")
        assert "whole number" in driver.text
        assert "The most rows." in driver.text
        await driver.press("up")
        assert "The most rows." not in driver.text
        await driver.press("shift+tab")
        assert driver.app.focused is field(driver, "key")


@async_test
async def test_escape_runs_nothing() -> None:
    async with form_of(local, "R", *"users", "escape") as (driver, scheduler):
        assert isinstance(driver.screen, Dashboard)
        assert runs(scheduler) == []


@async_test
async def test_the_texts_of_the_last_form_are_there_again_but_no_secret() -> None:
    async with form_of(local, "R", *"users", "up", *"hunter2") as (driver, scheduler):
        assert "hunter2" not in driver.text
        await driver.press("enter")
        await driver.press("R")
        assert (field(driver, "table").text, field(driver, "key").text) == ("users", "")
        await driver.press("ctrl+r")
        assert field(driver, "table").text == "orders"
        assert [run.arguments for run in runs(scheduler)] == ["table='users', key=***"]


@async_test
async def test_a_job_without_parameters_runs_with_enter() -> None:
    async with form_of(local, "j", "R") as (driver, scheduler):
        assert "It takes no arguments." in driver.text
        await driver.press("enter")
        assert [run.job for run in runs(scheduler)] == ["ping"]
        await driver.press("R", "q")
        assert isinstance(driver.screen, Dashboard)


@async_test
async def test_capital_r_works_on_the_screen_of_a_job() -> None:
    async with form_of(local, "enter") as (driver, scheduler):
        assert isinstance(driver.screen, JobScreen)
        await driver.press("R", *"users", "enter")
        assert [run.arguments for run in runs(scheduler)] == ["table='users'"]
        assert isinstance(driver.screen, JobScreen)


@async_test
async def test_capital_r_works_on_the_page_of_a_run() -> None:
    async with form_of(local, "r") as (driver, scheduler):
        await driver.until(lambda: bool(driver.table("recent").rows))
        await driver.press("4", "enter")
        assert isinstance(driver.screen, RunScreen)
        await driver.press("R", *"users", "enter")
        assert [run.arguments for run in runs(scheduler)] == ["", "table='users'"]


class LateParameters(LocalBackend):
    """Sends the parameters of a job when the test says so."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler, "jobs.py")
        self.answer = threading.Event()
        self.error: Exception | None = None

    def job_details(self, job: str) -> JobDetails:
        assert self.answer.wait(60)
        if self.error is not None:
            raise self.error
        return super().job_details(job)


@asynccontextmanager
async def late_form() -> AsyncIterator[tuple[AppDriver, Scheduler, LateParameters]]:
    """Open the form of a job whose parameters have not arrived."""
    scheduler = Scheduler(tz="UTC")
    scheduler.every("1h", export, args=("orders",))
    backend = LateParameters(scheduler)
    with scheduler:
        async with running_app(backend) as driver:
            try:
                await driver.pilot.press("R")
                yield driver, scheduler, backend
            finally:
                backend.answer.set()


@pytest.mark.parametrize(
    ("keys", "arguments"),
    [
        ([*"users", "enter"], "table='users'"),
        (["tab", "5", "enter"], "table='orders', limit=5"),
        (["down", "5", "up", *"users", "enter"], "table='users', limit=5"),
        (["tab", "tab", "s", "down", "t", "enter"], "table='orders', mode='slow', dry=True"),
        ([*"users", "backspace", "enter"], "table='user'"),
        ([*"users", "ctrl+r", "enter"], ""),
    ],
)
@async_test
async def test_keys_that_are_pressed_before_the_parameters_arrive_are_kept(
    keys: list[str], arguments: str
) -> None:
    """They have the same effect, in the same order, as if the fields had been there."""
    async with late_form() as (driver, scheduler, backend):
        await driver.pilot.press(*keys[:-1])
        assert f"Keys that wait for them: {len(keys) - 1}." in driver.text
        backend.answer.set()
        await driver.press(keys[-1])
        assert [run.arguments for run in runs(scheduler)] == [arguments]


@async_test
async def test_a_paste_waits_for_the_parameters_too() -> None:
    async with late_form() as (driver, scheduler, backend):
        driver.app.post_message(events.Paste("users"))
        await driver.pilot.press("enter")
        assert "Keys that wait for them: 2." in driver.text
        backend.answer.set()
        await driver.settle()
        assert [run.arguments for run in runs(scheduler)] == ["table='users'"]


@pytest.mark.parametrize("keys_before", range(7))
@async_test
async def test_keys_keep_their_order_while_the_parameters_arrive(keys_before: int) -> None:
    """The answer arrives while the keys of a program, which come at once, are being delivered."""
    keys = ["tab", *"12345", "enter"]
    async with late_form() as (driver, scheduler, backend):
        await driver.pilot.press(*keys[:keys_before])
        backend.answer.set()
        await driver.press_at_once(*keys[keys_before:])
        assert [run.arguments for run in runs(scheduler)] == ["table='orders', limit=12345"]


@async_test
async def test_escape_closes_the_form_before_the_parameters_arrive() -> None:
    """Keys that were kept for it are forgotten."""
    async with late_form() as (driver, scheduler, backend):
        await driver.pilot.press(*"users", "enter", "escape")
        assert isinstance(driver.screen, Dashboard)
        backend.answer.set()
        await driver.press("j")
        assert runs(scheduler) == []
        assert isinstance(driver.screen, Dashboard)


@async_test
async def test_a_form_whose_parameters_cannot_be_sent_says_why_and_runs_nothing() -> None:
    async with late_form() as (driver, scheduler, backend):
        await driver.pilot.press(*"users", "enter")
        backend.error = OSError("no connection")
        backend.answer.set()
        await driver.settle()
        assert "The parameters have not arrived." in driver.text
        assert "✗ no connection" in driver.text
        assert runs(scheduler) == []
        await driver.press("escape")
        assert isinstance(driver.screen, Dashboard)


@async_test
async def test_one_off_runs_have_no_form() -> None:
    scheduler = Scheduler(tz="UTC")
    with scheduler:
        scheduler.in_("1h", ping)
        async with running_app(LocalBackend(scheduler, "jobs.py")) as driver:
            await driver.press("R")
            assert isinstance(driver.screen, Dashboard)
            assert "groups one-off runs" in driver.toasts[-1][1]
