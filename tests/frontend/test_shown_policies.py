"""The policies of a job in `jobtui check`, in the dashboard, on the status page and in the API."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from support.api_server import serving_api
from support.app_driver import async_test, running_app
from support.command_line import WriteFile
from support.status_page import LIMIT, serve_page

from jobtui.cli.check import format_report
from jobtui.frontend.local_backend import LocalBackend
from jobtui.loading.loader import Loaded, load
from jobtui.runtime.clock import ManualClock

NOON = 1_795_435_200.0  # 2026-11-23 12:00 UTC

# The arguments of a job, the text in the front ends, and the fields in the API.
POLICIES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "retry=3",
        "3 retries, after 2s, 4s, 8s; at 08:00:02, 08:00:06, 08:00:14 if a run of",
        {"attempts": 4, "retry_offsets": [2, 6, 14]},
    ),
    (
        "retry=jobtui.Retry(1, until='next tick')",
        "1 retry, after 2s, before the next tick",
        {"retry": "1 retry, after 2s, before the next tick"},
    ),
    ("timeout='5m'", "timeout 5m00s, abandoned 30s later", {"timeout": 300, "abandon": 30}),
    ("timeout=60, abandon='5s'", "timeout 1m00s, abandoned 5.0s later", {"timeout": 60, "abandon": 5}),
    ("warn=30", "warning after 30s", {"warn": 30, "timeout": None}),
    ("pause_after=5", "after 5 failures in a row", {"pause_after": 5}),
    ("pause_after=1", "after 1 failure", {"pause_after": 1}),
    ("not_before='2026-12-01'", "not before 2026-12-01 00:00:00", {}),
    ("until='2026-12-24 18:00'", "until 2026-12-24 18:00:00", {}),
    ("spread='1h'", "late (spread 1h)", {}),
    ("jitter='30s'", "up to 30s late (jitter)", {}),
    ("args=(1,), kwargs={'end': jobtui.Secret('x')}", "1, end=***", {"arguments": "1, end=***"}),
]
SHOWN = pytest.mark.parametrize(("arguments", "text", "fields"), POLICIES, ids=[each[0] for each in POLICIES])


@pytest.fixture
def loaded(write_file: WriteFile, arguments: str) -> Iterator[Loaded]:
    """Load a file with a job that has some arguments, and start its scheduler at a fixed time."""
    clock = f"jobtui.runtime.clock.ManualClock({NOON})"
    file = write_file(
        "shop.py",
        "import jobtui, jobtui.runtime.clock\n"
        f"scheduler = jobtui.Scheduler(tz='UTC', clock={clock})\n"
        f"scheduler.schedule('0 0 8 * * *', print, name='nightly', {arguments})\n",
    )
    loaded = load(str(file))
    with loaded.scheduler:
        yield loaded


def in_one_line(text: str) -> str:
    """Return a text whose lines were folded to a width, as one line."""
    return " ".join(text.split())


@SHOWN
def test_check_shows_the_policies_of_a_job(loaded: Loaded, text: str, fields: dict[str, Any]) -> None:
    report = format_report(loaded, io.StringIO(), clock=ManualClock(NOON))
    assert text in in_one_line(report)


@SHOWN
def test_the_screen_of_a_job_shows_its_policies(loaded: Loaded, text: str, fields: dict[str, Any]) -> None:
    @async_test
    async def read_screen() -> None:
        async with running_app(LocalBackend(loaded.scheduler, "shop.py"), size=(200, 50)) as driver:
            await driver.press("enter")
            assert text in in_one_line(" ".join(driver.lines(driver.screen.query_one("#about"))))

    read_screen()


@SHOWN
def test_the_page_of_a_job_shows_its_policies(loaded: Loaded, text: str, fields: dict[str, Any]) -> None:
    with serve_page(loaded.scheduler) as client:
        assert text in in_one_line(client.get("/@jobs/jobs/nightly").page.plain_text)


@SHOWN
def test_the_api_has_the_policies_of_a_job(loaded: Loaded, text: str, fields: dict[str, Any]) -> None:
    with serving_api(loaded.scheduler) as client:
        answer = client.get("/jobs/nightly").json
    assert {name: answer["job"][name] for name in fields} == fields
    assert fields or text in answer["description"]  # bounds and shifts are a part of the schedule


@pytest.mark.parametrize("arguments", ["times=5, on_start=True"])
def test_a_job_that_runs_a_number_of_times_and_at_the_start_shows_both_everywhere(loaded: Loaded) -> None:
    scheduler = loaded.scheduler
    assert scheduler.run("nightly").wait(LIMIT)

    report = format_report(loaded, io.StringIO(), clock=ManualClock(NOON))
    assert "nightly: is done after 5 runs" in report
    assert "nightly: runs when the scheduler starts" in report
    with serve_page(scheduler) as client:
        page = client.get("/@jobs/jobs/nightly").page.plain_text
    assert "2 of 5, of which 0 failed" in page
    assert "runs when the scheduler starts" in page
    with serving_api(scheduler) as api:
        shown = api.get("/jobs/nightly").json["job"]
    assert (shown["times"], shown["runs"], shown["on_start"]) == (5, 2, True)

    @async_test
    async def read_screen() -> None:
        async with running_app(LocalBackend(scheduler, "shop.py"), size=(200, 50)) as driver:
            await driver.press("enter")
            assert "2 of 5, of which 0 failed" in driver.text
            assert "0 0 8 * * *; at the start, too" in driver.text

    read_screen()
