"""All times of a screen are in the zone of the scheduler, which the header names."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from support.app_driver import AppDriver, async_test, running_app

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.cli.attach import connect
from jobtui.frontend.backend import Backend
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.web.server import Server

NOW = datetime(2026, 3, 16, 10, 24, 7, tzinfo=ZoneInfo("Asia/Tokyo"))
OWN_ZONE = "America/New_York"  # of the job: it is 21:24:07 there
TIMES = re.compile(r"(?<![0-9:])([0-2][0-9]):[0-5][0-9]\b")  # whole: the border of a dialog may cut one
HOURS = {"10", "11"}  # of the tick, of the run and of the present, in the scheduler's zone
TOMORROW = "08"  # the hour of a pause that ends tomorrow
SCREENS = {
    "dashboard": [],
    "job": ["enter"],
    "run": ["enter", "enter"],
    "log": ["l"],
    "outputs": ["o"],
    "timeline": ["5"],
    "history": ["h"],
    "why": ["w"],
    "pause": ["p"],
    "schedule": ["e"],
}


@pytest.fixture(autouse=True)
def _machine_in_honolulu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the zone of this machine, in which it is 15:24:07."""
    monkeypatch.setenv("TZ", "Pacific/Honolulu")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def start(resources: ExitStack, *, attached: bool) -> Backend:
    """Start a scheduler in Tokyo whose only job has another zone. Return a backend for it."""
    clock = ManualClock(NOW.timestamp())
    log, scheduler = OutputLog(clock=clock), Scheduler(tz="Asia/Tokyo", clock=clock)
    scheduler.stop_logging()
    job = scheduler.schedule("0 0 22 * * *", lambda: print("paid"), name="payroll", tz=OWN_ZONE)
    resources.enter_context(capture_streams(log))
    resources.enter_context(scheduler)
    assert scheduler.now(job).wait(20)
    backend = LocalBackend(scheduler, "shop.py", log)
    if not attached:
        return backend
    server = Server(backend, parse_address("127.0.0.1:0"))
    server.start()
    resources.callback(server.close)
    return connect(str(server.address))


def wrong_lines(driver: AppDriver) -> list[str]:
    """Return the lines with a time of another zone that do not name this zone."""
    return [
        line
        for line in driver.text.splitlines()
        if OWN_ZONE not in line
        and " EDT" not in line
        and any(hour not in {*HOURS, TOMORROW} for hour in TIMES.findall(line))
    ]


@pytest.mark.parametrize("attached", [False, True], ids=["local", "attached"])
@async_test
async def test_all_times_of_a_screen_are_in_the_zone_that_the_header_names(attached: bool) -> None:
    """Neither in that of a job, unless the line says so, nor in that of this machine, nor in UTC."""
    with ExitStack() as resources:
        backend = await asyncio.to_thread(lambda: start(resources, attached=attached))
        async with running_app(backend, (180, 50)) as driver:
            await driver.until(lambda: "11:00:00" in driver.text)
            assert "Asia/Tokyo" in driver.text.splitlines()[0]
            wrong = {}
            for name, keys in SCREENS.items():
                await driver.press(*keys)
                assert TIMES.search(driver.text), name
                wrong[name] = wrong_lines(driver)
                while len(driver.app.screen_stack) > 1:
                    await driver.press("escape")
        await asyncio.to_thread(resources.close)
    assert not any(wrong.values()), wrong
