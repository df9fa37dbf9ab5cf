"""The status page on the nights the clocks change."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from support.status_page import serving

from jobtui import Scheduler
from jobtui.runtime.clock import ManualClock

EVE = datetime(2026, 3, 7, 13, 30, tzinfo=ZoneInfo("America/New_York"))  # tonight 02:00 becomes 03:00


@pytest.mark.parametrize(
    ("spec", "badges"),
    [
        pytest.param("0 30 2 * * *", 2, id="a time that does not exist tonight"),
        pytest.param("0 30 4 * * *", 0, id="a time that does"),
        pytest.param("@every 1h", 0, id="an interval"),
    ],
)
def test_a_fire_that_the_clock_moves_has_a_badge(spec: str, badges: int) -> None:
    """In the row of its job and in that of what comes; the job's page says what happens."""
    with Scheduler(tz="America/New_York", clock=ManualClock(EVE.timestamp())) as scheduler:
        scheduler.schedule(spec, print, name="nightly")
        with serving(scheduler) as visitor:
            assert [each.words for each in visitor.get().page.all("abbr")] == ["DST"] * badges
            assert ("moved" in visitor.get("/@jobs/jobs/nightly").page.words) is bool(badges)
