"""Tests of the demo, as its owner would write them: with the fixture of jobtui."""

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

from jobtui.simulation.simulated_scheduler import SimulatedScheduler

DEMO = Path(__file__).parents[2] / "demo_jobs.py"

pytestmark = pytest.mark.simulated(start="2026-03-09T00:00", tz="Europe/Berlin")  # a Monday


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the demo create its files in a folder that pytest removes."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def shop(simulated_scheduler: SimulatedScheduler, monkeypatch: pytest.MonkeyPatch) -> SimulatedScheduler:
    """Load the demo; its heavy jobs get as little work as on a slow machine. Nothing of it has run."""
    module = simulated_scheduler.load(DEMO)
    monkeypatch.setattr(module, "cpu_seconds", lambda _work: 60.0)
    return simulated_scheduler


def keep_only(shop: SimulatedScheduler, name: str) -> None:
    """Remove all jobs but one, so that a simulated day takes little real time."""
    for job in shop.jobs:
        if job.name != name:
            job.remove()


def test_the_report_is_written_every_quarter_hour_of_working_days(shop: SimulatedScheduler) -> None:
    """From 9:00 to 17:45, Monday to Friday, as the settings say."""
    keep_only(shop, "write_report")
    shop.advance(timedelta(days=7))
    first, *fired = shop.fired("write_report")
    assert f"{first:%H:%M}" == "00:01"  # the file requests a run after a minute, too
    assert {at.strftime("%a") for at in fired} == {"Mon", "Tue", "Wed", "Thu", "Fri"}
    assert len(fired) == 5 * 9 * 4
    assert [fired[0].strftime("%H:%M"), fired[-1].strftime("%H:%M")] == ["09:00", "17:45"]


def test_old_logs_are_removed_once_on_the_day_of_the_clock_change(shop: SimulatedScheduler) -> None:
    """It is due at midnight in UTC: one o'clock before the change, two o'clock after it."""
    keep_only(shop, "remove_old_logs")
    shop.advance_to("2026-03-28T12:00")
    shop.advance("48h")
    assert [f"{at:%d %H:%M}" for at in shop.fired("remove_old_logs")][-2:] == ["29 01:00", "30 02:00"]


def test_every_third_import_fails_and_no_other_job_does(shop: SimulatedScheduler, folder: Path) -> None:
    """In the first 18 seconds, with real files, sockets and a database."""
    shop.advance("18s")
    assert [f"{at:%S}" for at in shop.fired("import_orders")] == ["03", "06", "09", "12", "15", "18"]
    assert [f"{run.job} at {run.started:%S}: {run.reason}" for run in shop.failures()] == [
        f'import_orders at {second}: ValueError: an order cannot be read: {{"product": "easel", "pieces": }}'
        for second in ("09", "18")
    ]
    [shop_folder] = folder.glob("jobtui-demo-*")
    shop.stop()
    assert not shop_folder.exists()
