"""The line in the header that says what is wrong."""

from __future__ import annotations

from dataclasses import replace

from support import snapshots
from support.app_driver import AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend

from jobtui.engine.enums import RunState
from jobtui.engine.views import Snapshot
from jobtui.tui.widgets.header import PoolGauge


@async_test
async def test_the_line_appears_with_the_first_failure_and_then_stays_in_its_place() -> None:
    """The rows below it would jump with each run that fails or is OK."""
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        assert "0 Jobs" in driver.text.splitlines()[2]
        await driver.show_snapshot(snapshots.saturated())
        assert "import_orders failed at 10:24:04: KeyError: 'amount'" in driver.text.splitlines()[2]
        await driver.show_snapshot(snapshots.idle())
        assert "the alarm is over" in driver.text.splitlines()[2]
        assert "0 Jobs" in driver.text.splitlines()[3]
        await driver.show_snapshot(snapshots.saturated())
        assert "import_orders failed" in driver.text.splitlines()[2]


def with_missed_ticks() -> Snapshot:
    """Return a snapshot in which the third job missed ticks, and none failed last."""
    missed = snapshots.ended_ticks("workday_report", 60, RunState.MISSED, "no scheduler was running", 2)
    return replace(snapshots.idle(), recent=(missed,))


def selected_job(driver: AppDriver) -> str:
    """Return the name of the selected job."""
    job = driver.table().selected
    assert job is not None
    return str(job.name)


@async_test
async def test_n_and_a_click_lead_to_the_job_that_the_line_names() -> None:
    """Also if it did not fail. The line says so."""
    async with running_app(ScriptedBackend(with_missed_ticks())) as driver:
        line = driver.text.splitlines()[2]
        assert "! 2 ticks" not in line
        assert "✗ 2 ticks of workday_report were missed: no scheduler was running" in line
        assert line.rstrip().endswith("n goes there")
        await driver.press("n")
        assert selected_job(driver) == "workday_report"
        await driver.press("g", "2")
        await driver.pilot.click("#alarm", offset=(5, 0))
        await driver.settle()
        assert selected_job(driver) == "workday_report"
        assert driver.focus == "jobs"


@async_test
async def test_a_job_that_the_filter_hides_is_not_lost_silently() -> None:
    async with running_app(ScriptedBackend(with_missed_ticks())) as driver:
        await driver.press("slash", *"vacuum", "enter", "n")
        assert "the list does not show workday_report" in driver.toasts[-1][1]


@async_test
async def test_a_slot_says_at_the_mouse_which_run_takes_it() -> None:
    async with running_app(ScriptedBackend(snapshots.mid_run())) as driver:
        gauge = driver.app.screen.query_one(PoolGauge)
        places = [driver.text.splitlines()[1].index("▕") + 2]
        places.append(driver.text.splitlines()[1].index("▏") + 3)
        found = []
        for x in (*places, 100):
            await driver.pilot.hover("#gauge", offset=(x, 0))
            found.append(gauge.tooltip)
        assert found == [
            "slot 1: compress_log #870 for 1m15s",
            "slot 2: hash_folder #873 for 3s",
            None,
        ]


@async_test
async def test_the_strips_fit_every_width() -> None:
    """A pool that is too large for a strip of each slot has one for all, or none."""
    for size in (1, 4, 30):
        snapshot = replace(snapshots.saturated(), pool=replace(snapshots.saturated().pool, size=size))
        async with running_app(ScriptedBackend(snapshot)) as driver:
            for width in (300, 150, 120, 100, 80, 60, 40):
                await driver.resize(width, 32)
                await driver.settle()
                line = driver.text.splitlines()[1]
                assert f"running 4/{size}" in line or width < 60
                strips = line.split("▏")[:-1]
                assert len({len(strip.split("▕")[1]) for strip in strips}) <= 1
                assert len(strips) in (0, 1, max(size, 4))
