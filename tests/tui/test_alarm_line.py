"""The line in the header that says what is wrong."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from support import snapshots
from support.app_driver import AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend

from jobtui.engine.enums import Phase, RunState
from jobtui.engine.views import JobView, Snapshot, StoreView
from jobtui.tui.screens.run import RunScreen
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
        assert line.rstrip().endswith("a opens it")
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


def with_several_alarms() -> Snapshot:
    """Return a snapshot in which a job fails, another one missed ticks, and the store is not written."""
    missed = snapshots.ended_ticks("workday_report", 60, RunState.MISSED, "no scheduler was running", 2)
    jobs = tuple(
        replace(job, recent=(RunState.FAILED,)) if job.name == "import_orders" else job
        for job in snapshots.idle().jobs
    )
    failed = snapshots.failed_run(866, 32)
    store = StoreView(file="jobs.db", problem="the disk is full")
    return replace(snapshots.idle(), jobs=jobs, recent=(failed, missed), store=store)


@async_test
async def test_a_opens_the_run_in_which_the_cause_is_to_be_seen() -> None:
    async with running_app(ScriptedBackend(snapshots.saturated())) as driver:
        await driver.press("a")
        assert isinstance(driver.screen, RunScreen)
        assert "KeyError: 'amount'" in driver.text


@async_test
async def test_tab_leads_to_the_line_and_enter_opens_the_cause() -> None:
    async with running_app(ScriptedBackend(with_missed_ticks())) as driver:
        await driver.press("shift+tab")
        assert driver.focus == "alarm"
        await driver.press("enter")
        assert isinstance(driver.screen, RunScreen)
        assert "no scheduler was running" in driver.text
        await driver.press("escape", "tab")
        assert driver.focus == "jobs"


@async_test
async def test_without_an_alarm_tab_passes_the_line_over_and_a_says_so() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("shift+tab")
        assert driver.focus == "recent"
        await driver.press("a")
        assert driver.toasts[-1] == ("warning", "nothing is wrong now")


@async_test
async def test_an_alarm_that_no_job_causes_opens_nothing() -> None:
    snapshot = replace(snapshots.idle(), store=StoreView(file="jobs.db", problem="the disk is full"))
    async with running_app(ScriptedBackend(snapshot)) as driver:
        assert "opens it" not in driver.text.splitlines()[2]
        await driver.press("a")
        assert "no job is the cause" in driver.toasts[-1][1]


@async_test
async def test_of_several_alarms_the_worst_is_shown_and_upper_a_lists_all() -> None:
    async with running_app(ScriptedBackend(with_several_alarms())) as driver:
        line = driver.text.splitlines()[2]
        assert "the store is not written: the disk is full" in line
        assert "+2 more: A" in line
        await driver.press("A")
        rows = [line.strip(" │▸") for line in driver.text.splitlines()[1:4]]
        assert [row.split(" ", 2)[1] for row in rows] == ["the", "import_orders", "2"]
        await driver.press("j", "enter")
        assert isinstance(driver.screen, RunScreen)
        assert "KeyError: 'amount'" in driver.text


@async_test
async def test_the_list_of_alarms_follows_and_says_when_nothing_is_wrong() -> None:
    async with running_app(ScriptedBackend(with_several_alarms())) as driver:
        await driver.press("A")
        assert "Alarms: 3" in driver.text
        await driver.show_snapshot(with_missed_ticks())
        assert "Alarms: 1" in driver.text
        assert "the disk is full" not in driver.text
        await driver.show_snapshot(snapshots.idle())
        assert "nothing is wrong now" in driver.text


async def alarm_at(driver: AppDriver, width: int) -> str:
    """Return the line of the alarm in a terminal of so many columns."""
    await driver.resize(width, 32)
    await driver.until(lambda: len(driver.text.splitlines()[2]) == width)
    return driver.text.splitlines()[2].strip()


@async_test
async def test_the_number_of_other_alarms_stays_in_every_width() -> None:
    snapshot = with_several_alarms()
    snapshot = replace(snapshot, store=replace(snapshot.store, problem="no space " * 30))
    async with running_app(ScriptedBackend(snapshot)) as driver:
        for width in (180, 120, 80, 60, 40, 30):
            line = await alarm_at(driver, width)
            assert "… " in line
            assert line.endswith("+2 more: A" if width > 40 else ("+2 more: A", "+2: A"))


@async_test
async def test_a_narrow_terminal_cuts_the_error_before_the_place_and_drops_parts_as_a_whole() -> None:
    """A piece of a path, of a number or of a key would say nothing."""
    error = "RuntimeError: an order cannot be read, because the file has ended"
    run = replace(snapshots.failed_run(866, 32), reason=error)
    job = snapshots.make_job("import_orders", recent=(RunState.OK, *[RunState.FAILED] * 2))
    runs = run, replace(run, number=865, ended=snapshots.ago(52))
    missed = snapshots.ended_ticks("other", 60, RunState.MISSED, "no scheduler was running", 2)
    snapshot = snapshots.make([job], recent=[*runs, missed])
    expected = {
        180: f"✗ import_orders fails since 10:23:15, 2 in a row: {error}  demo_jobs.py:172  "
        "+1 more: A  a opens it",
        120: "✗ import_orders fails since 10:23:15, 2 in a row: RuntimeError: an order…  demo_jobs.py:172  "
        "+1 more: A  a opens it",
        80: "✗ import_orders fails: RuntimeError: an order…  demo_jobs.py:172  +1 more: A",
        60: "✗ import_orders fails: RuntimeError: an order…  +1 more: A",
        40: "✗ import_orders fails: Runtime…  +1: A",
    }
    async with running_app(ScriptedBackend(snapshot)) as driver:
        lines = {width: await alarm_at(driver, width) for width in expected}
    assert {width: "  ".join(re.split(" {2,}", line)) for width, line in lines.items()} == expected


@async_test
async def test_the_key_that_opens_the_cause_stays_if_the_details_that_gave_way_took_more_room() -> None:
    brief = "✗ 30 ticks of 2 jobs were missed while the scheduler was down"
    expected = {
        120: f"{brief} from 08:12:41 (killed) to 10:23:40  a opens it",
        80: f"{brief}  a opens it",
    }
    async with running_app(ScriptedBackend(snapshots.after_downtime())) as driver:
        lines = {width: await alarm_at(driver, width) for width in expected}
    assert {width: "  ".join(re.split(" {2,}", line)) for width, line in lines.items()} == expected


@async_test
async def test_the_line_remembers_an_error_that_the_snapshot_does_not_list_any_more() -> None:
    async with running_app(ScriptedBackend(snapshots.saturated())) as driver:
        assert "import_orders failed at 10:24:04: KeyError: 'amount'" in driver.text.splitlines()[2]
        await driver.show_snapshot(replace(snapshots.saturated(), seq=2, recent=()))
        assert "import_orders failed at 10:24:04: KeyError: 'amount'" in driver.text.splitlines()[2]
        await driver.press("A")
        assert "import_orders failed at 10:24:04: KeyError: 'amount'" in driver.text


@async_test
async def test_the_status_line_does_not_say_in_memory_while_another_process_uses_the_store() -> None:
    """A scheduler in standby has a store, which it opens when it takes over."""
    standby = replace(snapshots.idle(), phase=Phase.STANDBY, started=None, heartbeat=None)
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        assert "in memory" in driver.text.splitlines()[0]
        await driver.show_snapshot(standby)
        assert "  standby " in driver.text.splitlines()[0]
        assert "in memory" not in driver.text.splitlines()[0]
        assert "another process uses the store" in driver.text.splitlines()[0]
        await driver.show_snapshot(replace(standby, seq=2, store=StoreView(file="/srv/jobtui.db")))
        assert "jobtui.db" in driver.text.splitlines()[0]
        await driver.show_snapshot(replace(standby, seq=3, phase=Phase.NEW))
        assert "in memory" not in driver.text.splitlines()[0]


def has_name(name: str, job: JobView) -> bool:
    """Return whether a job has a name."""
    return job.name == name


@async_test
async def test_the_slots_that_work_for_the_selected_job_are_emphasized() -> None:
    """By a sign, too, so that it needs no colour."""
    async with running_app(ScriptedBackend(snapshots.mid_run())) as driver:
        assert driver.text.splitlines()[1].count("▸") == 0
        assert selected_job(driver) == "refresh_cache"
        for name, slot in (("compress_log", 0), ("hash_folder", 1), ("vacuum", None)):
            driver.table().select(partial(has_name, name))
            await driver.settle()
            strips = driver.text.splitlines()[1].removeprefix(" pool ").split("▏")[:-1]
            assert [strip[0] == "▸" for strip in strips] == [place == slot for place in range(len(strips))]


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
