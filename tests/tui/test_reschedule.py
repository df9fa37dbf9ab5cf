"""The dialog that gives a job another schedule, on a scripted backend and on real ones."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from support import snapshots
from support.app_driver import NARROW, AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend
from textual.widgets import Input, Static

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.access.rules import AccessRules
from jobtui.cli.attach import connect
from jobtui.frontend.backend import SchedulePreview
from jobtui.frontend.local_backend import LocalBackend
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.screens.reschedule import RescheduleScreen
from jobtui.web.server import Server


async def type_spec(driver: AppDriver, spec: str) -> None:
    """Replace the spec in the dialog, as a paste does."""
    driver.screen.query_one(Input).value = spec
    await driver.settle()


def lines_of(driver: AppDriver) -> list[str]:
    """Return the lines inside the dialog."""
    return [line.split("│")[1].rstrip() for line in driver.text.splitlines() if line.count("│") > 1]


def is_wrong(driver: AppDriver) -> bool:
    """Return whether the dialog shows an error."""
    return driver.screen.query_one("#spec-meaning", Static).has_class("-wrong")


@async_test
async def test_e_shows_the_spec_of_the_job_in_words_with_its_next_five_ticks() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), size=NARROW) as driver:
        await driver.press("j", "e")
        assert isinstance(driver.screen, RescheduleScreen)
        assert driver.screen.query_one(Input).value == "0 */5 * * * *"
        lines = [line.strip() for line in lines_of(driver)]
        assert "Schedule of hash_folder" in driver.text
        assert "every 5 minutes (Europe/London)" in lines
        ticks = [line for line in lines if line.startswith("Mon 2026-03-16 10:")]
        assert ticks[0] == "Mon 2026-03-16 10:25:00 GMT  in 53s"
        assert len(ticks) == 5


@async_test
async def test_the_countdowns_in_the_dialog_go_on() -> None:
    snapshot = snapshots.idle()
    backend = ScriptedBackend(snapshot)
    async with running_app(backend, size=NARROW) as driver:
        await driver.press("j", "e")
        assert "10:25:00 GMT  in 53s" in driver.text
        await driver.show_snapshot(replace(snapshot, at=snapshot.at + timedelta(seconds=50)))
        await driver.settle()
        assert "10:25:00 GMT  in 3s" in driver.text


@async_test
async def test_ticks_in_quiet_times_are_marked_in_the_dialog_and_on_the_screen_of_a_job() -> None:
    snapshot = replace(snapshots.idle(), quiet=("MON 10:30 for 5m",))
    async with running_app(ScriptedBackend(snapshot)) as driver:
        await driver.press("j", "enter")
        assert [line for line in driver.text.splitlines() if line.rstrip(" │").endswith(" quiet")]
        await driver.press("e")
        marked = [line for line in driver.text.splitlines() if "GMT" in line and "s  quiet" in line]
        assert len(marked) == 1
        assert "Mon 2026-03-16 10:30:00 GMT  in 5m53s  quiet" in marked[0]


@async_test
async def test_a_spec_is_checked_while_the_user_types_and_applied_with_enter() -> None:
    """The message has the place of the mistake; enter on a wrong spec changes nothing."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("j", "e", "backspace", "9")
        assert is_wrong(driver)
        lines = lines_of(driver)
        place = next(number for number, line in enumerate(lines) if "day-of-week: '9' is above 6" in line)
        assert lines[place + 1].index("9") == lines[place + 2].index("^")
        await driver.press("enter")
        assert isinstance(driver.screen, RescheduleScreen)
        await driver.press("backspace", "5")
        assert not is_wrong(driver)
        assert "every 5 minutes, on Friday (Europe/London)" in driver.text
        await driver.press("enter")
        assert isinstance(driver.screen, Dashboard)
        assert backend.commands == [("update", "hash_folder", "0 */5 * * * 5")]
        assert driver.toasts == [
            ("information", "hash_folder has a new schedule: 0 */5 * * * 5; u undoes it")
        ]


@async_test
async def test_escape_leaves_the_schedule_as_it_is() -> None:
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("e", "1", "escape")
        assert isinstance(driver.screen, Dashboard)
        assert (backend.commands, driver.toasts) == ([], [])


@async_test
async def test_one_off_runs_have_no_schedule_to_edit() -> None:
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("G", "e")
        assert isinstance(driver.screen, Dashboard)
        assert "has no schedule to edit" in driver.toasts[0][1]


@async_test
async def test_the_screen_of_a_job_has_the_key_too() -> None:
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("enter", "e")
        await type_spec(driver, " 10m ")
        await driver.press("enter")
        assert isinstance(driver.screen, JobScreen)
        assert backend.commands == [("update", "refresh_cache", "10m")]


@async_test
async def test_a_long_spec_stays_inside_a_small_terminal() -> None:
    """With the mistake and the place of it visible."""
    async with running_app(ScriptedBackend(snapshots.idle()), size=NARROW) as driver:
        await driver.press("e")
        await type_spec(driver, ",".join(map(str, range(60))) + " * * * 77")
        assert is_wrong(driver)
        assert "day-of-week: '77' is above 6" in driver.text
        lines = lines_of(driver)
        place = next(number for number, line in enumerate(lines) if line.strip() == "^")
        assert lines[place - 1][lines[place].index("^") :] == "77"
        assert "esc Cancel" in driver.text.splitlines()[-1]


class SlowChecks(ScriptedBackend):
    """A backend whose previews block until the test releases them.

    Attributes:
        released: Set while previews may return.
        specs: The specs that were asked for, oldest first.
    """

    def __init__(self) -> None:
        super().__init__(snapshots.idle())
        self.released = threading.Event()
        self.specs: list[str] = []

    def preview(self, job: str, spec: str) -> SchedulePreview:
        """Block, then return what the spec means."""
        self.specs.append(spec)
        assert self.released.wait(20)
        return super().preview(job, spec)


@async_test
async def test_enter_before_the_answer_applies_the_spec_once_it_is_known_to_be_valid() -> None:
    """Of the specs in between, none is asked for."""
    backend = SlowChecks()
    async with running_app(backend) as driver:
        await driver.pilot.press("e", *["backspace"] * 20, "1", "0", "m", "enter")
        await driver.until(lambda: bool(backend.specs))
        assert isinstance(driver.screen, RescheduleScreen)
        backend.released.set()
        await driver.settle()
        assert isinstance(driver.screen, Dashboard)
        assert backend.commands == [("update", "refresh_cache", "10m")]
        assert len(backend.specs) <= 3


@pytest.mark.parametrize("kind", ["local", "attached", "read-only"])
@async_test
async def test_a_job_of_a_real_scheduler_gets_the_schedule_and_a_named_spec_is_known(kind: str) -> None:
    """Attached, the scheduler checks it, which alone has the names. Read-only access changes nothing."""
    scheduler = Scheduler(tz="UTC", schedules={"cron.often": "0 */30 * * * *"})
    job = scheduler.schedule("@hourly", print, name="work")
    local = LocalBackend(scheduler, "jobs.py")
    rules = AccessRules(readonly=kind == "read-only")
    with scheduler, Server(local, parse_address("127.0.0.1:0"), access=rules) as server:
        remote = None if kind == "local" else connect(str(server.address))
        try:
            async with running_app(remote or local) as driver:
                await driver.press("e")
                assert "every hour" in driver.text
                await type_spec(driver, "cron.oftn")
                assert is_wrong(driver)
                assert "cron.often" in driver.text
                await type_spec(driver, "cron.often")
                assert "every 30 minutes" in driver.text
                await driver.press("enter")
                [(severity, text)] = driver.toasts
        finally:
            if remote is not None:
                remote.close()
    if kind == "read-only":
        assert (severity, str(job.schedule)) == ("error", "TZ=UTC 0 0 * * * *")
        assert "read-only" in text
    else:
        assert (severity, text) == ("information", "work has a new schedule: cron.often; u undoes it")
        assert str(job.schedule) == "TZ=UTC 0 0,30 * * * *"
