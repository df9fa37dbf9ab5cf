"""The dashboard on a remote scheduler: slow answers, lost connections; and its listener on a local one."""

from __future__ import annotations

import asyncio
import threading
from contextlib import nullcontext

import pytest
from support import snapshots
from support.app_driver import NARROW, WIDE, async_test, running_app
from support.fake_listener import FakeListener
from support.scripted_backend import ScriptedBackend
from support.served_scheduler import serving_schedulers
from support.slow_backend import SlowBackend
from textual.screen import Screen

from jobtui import Scheduler
from jobtui.cli.attach import connect
from jobtui.engine.enums import Phase
from jobtui.frontend.backend import ObservableBackend
from jobtui.remote import remote_backend
from jobtui.runtime.hooks import StartError
from jobtui.tui import run_app
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.screens.log_screen import LogScreen
from jobtui.tui.screens.run import RunScreen

LIMIT = 60.0  # seconds
CONNECTION_ERROR = "connection lost at 10:24:07 (connection refused); trying again"


# --- slow answers ---------------------------------------------------------------------------------


@async_test
async def test_a_slow_query_does_not_block_the_dashboard() -> None:
    """It runs in a worker thread, one at a time; keys work while it runs."""
    backend = SlowBackend()
    async with running_app(backend) as driver:
        await driver.pilot.press(*"jjjj", "enter")
        await driver.until(lambda: len(backend.queries) == 1)
        assert isinstance(driver.screen, JobScreen)
        assert "import_orders" in driver.text
        assert "every 20 seconds" not in driver.text
        for _ in range(5):
            driver.refresh_now()
            await driver.pilot.pause()
        assert backend.queries == ["job_details"]
        assert threading.main_thread() not in backend.threads
        await driver.pilot.press("r")
        await driver.until(lambda: backend.commands == [("run", "import_orders")])
        backend.released.set()
        await driver.settle()
        assert "every 20 seconds" in driver.text
        assert len(backend.queries) >= 2  # the refreshes during the first query caused another one


@async_test
async def test_the_screen_of_a_job_shows_what_is_known_already_if_the_answer_takes_long() -> None:
    """An answer or an error takes its place."""
    backend = SlowBackend()
    async with running_app(backend) as driver:
        await driver.pilot.press("enter")
        await driver.until(lambda: "The scheduler has not answered yet." in driver.text)
        assert "@every 15s" in driver.text
        assert "late ticks" in driver.text
        backend.released.set()
        await driver.settle()
        assert "every 15 seconds" in driver.text
        assert "has not answered" not in driver.text


@async_test
async def test_an_error_takes_the_place_of_what_was_known() -> None:
    backend = SlowBackend()
    async with running_app(backend) as driver:
        await driver.pilot.press("enter")
        await driver.until(lambda: "has not answered" in driver.text)
        backend.error = ConnectionError("no response within 5 s")
        backend.released.set()
        await driver.settle()
        assert "no response within 5 s" in driver.text
        assert "has not answered" not in driver.text


@async_test
async def test_the_screen_of_a_job_keeps_the_old_details_until_new_ones_arrive() -> None:
    """During a query and after a connection error. The error for a missing job is shown."""
    backend = SlowBackend()
    backend.released.set()
    async with running_app(backend) as driver:
        await driver.press("enter")
        before = driver.text
        assert "every 15 seconds" in before
        backend.released.clear()
        queries = len(backend.queries)
        driver.refresh_now()
        await driver.until(lambda: len(backend.queries) > queries)
        assert driver.text == before
        backend.error = ConnectionError("no response within 5 s")
        backend.released.set()
        await driver.settle()
        assert driver.text == before
        backend.error = LookupError("there is no job 'refresh_cache'")
        await driver.refresh()
        assert "there is no job 'refresh_cache'" in driver.text


@async_test
@pytest.mark.parametrize(
    ("keys", "kind"), [(["enter"], JobScreen), (["4", "enter"], RunScreen), (["o"], LogScreen)]
)
async def test_an_answer_for_a_closed_screen_is_dropped(keys: list[str], kind: type[Screen[None]]) -> None:
    """The screen makes no further query."""
    backend = SlowBackend()
    async with running_app(backend) as driver:
        await driver.pilot.press(*keys)
        await driver.until(lambda: len(backend.queries) == 1)
        assert isinstance(driver.screen, kind)
        driver.refresh_now()  # an open screen would query again
        await driver.pilot.press("escape")
        await driver.until(lambda: isinstance(driver.screen, Dashboard))
        backend.released.set()
        await driver.settle()
        assert isinstance(driver.screen, Dashboard)
        assert len(backend.queries) == 1
        assert driver.toasts == []


@async_test
@pytest.mark.parametrize("keys", [["enter"], ["4", "enter"], ["o"]])
async def test_a_screen_shows_the_error_of_its_query(keys: list[str]) -> None:
    """Literally, with control codes escaped."""
    backend = SlowBackend()
    backend.error = ConnectionError("no response from [/b]there\x1b[31m (connection refused)")
    backend.released.set()
    async with running_app(backend) as driver:
        await driver.press(*keys)
        assert "no response from [/b]there" in driver.text
        assert "\x1b" not in driver.text


@async_test
async def test_the_app_closes_its_backend_when_it_ends() -> None:
    """That ends every call that still waits for an answer."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend):
        assert not backend.closed
    assert backend.closed


# --- lost connections -----------------------------------------------------------------------------


@async_test
@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_a_lost_connection_is_shown_and_the_tables_are_greyed_out(size: tuple[int, int]) -> None:
    """In the status line, and in the border of every large dialog, because that covers the status line."""
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend, size) as driver:
        backend.connection_error = CONNECTION_ERROR
        await driver.show_snapshot(snapshots.saturated())
        assert f"! {CONNECTION_ERROR}" in driver.text.splitlines()[0]
        assert "♥ —" in driver.text or size == NARROW
        assert driver.table().styles.opacity < 1
        assert "hash_folder" in driver.text
        for keys in (["enter"], ["escape", "4", "enter"], ["escape", "o"], ["escape", "question_mark"]):
            await driver.press(*keys)
            await driver.refresh()
            assert "connection lost at 10:24:07" in driver.text
        await driver.press("escape")
        backend.connection_error = ""
        await driver.show_snapshot(snapshots.saturated())
        assert "connection lost" not in driver.text
        assert driver.table().styles.opacity == 1


@async_test
async def test_a_command_without_a_connection_shows_the_error_as_a_toast() -> None:
    """The dashboard keeps running."""
    backend = ScriptedBackend(snapshots.idle())
    backend.connection_error = CONNECTION_ERROR
    backend.command_error = ConnectionError(
        "no response from http://127.0.0.1:9001/@jobs (connection refused)"
    )
    async with running_app(backend) as driver:
        await driver.press("r")
        assert driver.toasts == [
            ("error", "no response from http://127.0.0.1:9001/@jobs (connection refused)")
        ]


@async_test
async def test_a_connection_error_with_markup_is_shown_literally() -> None:
    """It may contain text of the server."""
    backend = ScriptedBackend(snapshots.idle())
    backend.connection_error = "[/b]lost\x1b[31m"
    async with running_app(backend) as driver:
        assert "[/b]lost" in driver.text
        await driver.press("enter")
        await driver.refresh()
        assert "[/b]lost" in driver.text
        assert "\x1b" not in driver.text


@async_test
async def test_the_status_line_shows_the_address_if_there_is_room() -> None:
    """In a small terminal the clock is more important."""
    backend = ScriptedBackend(snapshots.idle())
    backend.address = "http://127.0.0.1:9001/@jobs"
    async with running_app(backend, WIDE) as driver:
        assert driver.text.splitlines()[0].rstrip().endswith(backend.address)
        await driver.resize(60, 24)
        await driver.until(lambda: backend.address not in driver.text)
        assert "10:24:07" in driver.text.splitlines()[0]


@async_test
async def test_an_attached_dashboard_follows_a_real_server_and_the_server_that_replaces_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the two it shows that the connection is lost."""
    monkeypatch.setattr(remote_backend, "MIN_RECONNECT_DELAY", 0.01)
    monkeypatch.setattr(remote_backend, "MAX_RECONNECT_DELAY", 0.02)

    async with serving_schedulers() as served:
        first = await served.start("first")
        backend = await asyncio.to_thread(connect, first.address)
        async with running_app(backend) as driver:
            assert "first.py" in driver.text
            await driver.press("r")
            await driver.until(lambda: "✓ OK" in driver.text)
            await first.stop()
            await driver.until(lambda: "(connection refused); trying again" in driver.text)
            assert "first" in driver.text
            await driver.press("p", "p")
            assert driver.toasts[-1][0] == "error"
            second = await served.start("second", first.address)
            await driver.until(lambda: "second.py" in driver.text)
            assert "connection lost" not in driver.text.splitlines()[0]
            assert [job.name for job in driver.table().rows] == ["second"]
            await driver.press("r")
            await driver.until(lambda: bool(second.scheduler.snapshot().recent))


# --- a listener for other processes ---------------------------------------------------------------


@pytest.fixture
def shown_addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the app with one that ends at once; return the addresses of the backends that it shows."""
    addresses: list[str] = []

    class App:
        return_code = 0
        is_terminal_lost = False
        is_ended_by_signal = False

        def __init__(self, backend: ObservableBackend, **_options: object) -> None:
            addresses.append(backend.address)

        def run(self) -> None:
            """Return at once."""

    monkeypatch.setattr(run_app, "JobtuiApp", App)
    monkeypatch.setattr(run_app, "_reserve_terminal", lambda _output: nullcontext((None, None)))  # none here
    return addresses


def test_the_listener_runs_from_before_the_start_until_after_the_stop(shown_addresses: list[str]) -> None:
    """The dashboard shows its address."""
    listeners: list[FakeListener] = []

    def serve(backend: ObservableBackend) -> FakeListener:
        listeners.append(FakeListener(backend))
        return listeners[0]

    assert run_app.run_dashboard(Scheduler(), title="a program", grace=0, serve=serve) == 0
    assert listeners[0].phases == [Phase.NEW, Phase.STOPPED]
    assert shown_addresses == ["unix:/run/x"]


def test_an_error_of_the_listener_prevents_the_start(shown_addresses: list[str]) -> None:
    """The caller receives it before the app runs."""
    scheduler = Scheduler()

    def serve(_source: ObservableBackend) -> FakeListener:
        raise OSError("address in use")

    with pytest.raises(OSError, match="address in use"):
        run_app.run_dashboard(scheduler, title="a program", grace=0, serve=serve)
    assert scheduler.snapshot().phase is Phase.NEW
    assert shown_addresses == []
    scheduler.stop(0)


def test_the_listener_stops_if_the_start_fails(shown_addresses: list[str]) -> None:
    """The app does not run."""
    scheduler = Scheduler()
    listeners: list[FakeListener] = []

    @scheduler.on_app_start
    def fail() -> None:
        raise ValueError

    def serve(backend: ObservableBackend) -> FakeListener:
        listeners.append(FakeListener(backend))
        return listeners[0]

    with pytest.raises(StartError):
        run_app.run_dashboard(scheduler, title="a program", grace=0, serve=serve)
    assert len(listeners[0].phases) == 2
    assert shown_addresses == []
