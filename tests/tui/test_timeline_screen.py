"""The screen with the timeline of all jobs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from support import snapshots
from support.app_driver import AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend
from support.slow_backend import LIMIT

from jobtui.engine.enums import RunState
from jobtui.engine.views import RunView, Snapshot
from jobtui.frontend.json_codec import ForeignSchedule
from jobtui.frontend.timeline_cells import BRIEF, NOW, PREDICTED
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.screens.run import RunScreen
from jobtui.tui.screens.timeline_screen import LONGEST, SHORTEST, TimelineScreen, pause_after


class SearchedBackend(ScriptedBackend):
    """Counts how often runs were searched."""

    searches = 0

    def find_runs(self, **conditions: Any) -> Sequence[RunView]:
        """Return the runs that have ended."""
        self.searches += 1
        return super().find_runs(**conditions)


class BlockedBackend(ScriptedBackend):
    """A backend whose searches for runs can be blocked by the test."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__(snapshot)
        self.released = threading.Event()
        self.released.set()

    def find_runs(self, **conditions: Any) -> Sequence[RunView]:
        """Wait until the test releases the search, then return the runs."""
        assert self.released.wait(LIMIT)
        return super().find_runs(**conditions)


def line_of(driver: AppDriver, job: str) -> str:
    """Return the line of a job as it is painted."""
    [line] = [line for line in driver.text.splitlines() if f" {job} " in line]
    return line


def load_line(driver: AppDriver) -> str:
    """Return the line of the pool as it is painted."""
    [line] = [line.strip("┃│ ") for line in driver.text.splitlines() if "  pool of " in line]
    return line


@async_test
async def test_5_shows_the_timeline_and_escape_closes_it() -> None:
    async with running_app(ScriptedBackend(snapshots.mid_run())) as driver:
        await driver.press("5")
        assert isinstance(driver.screen, TimelineScreen)
        assert f"Timeline: 15m, {len(snapshots.mid_run().jobs)} jobs" in driver.text
        line = line_of(driver, "import_orders")
        before, after = line.split(NOW)[:2] if line.count(NOW) == 1 else line.strip("│").split(NOW)
        assert BRIEF[PREDICTED] not in before
        assert BRIEF[PREDICTED] in after  # the jobs take no time
        await driver.press("escape")
        assert driver.focus == "jobs"


@async_test
async def test_the_title_explains_the_signs_that_fit() -> None:
    legend = ["█ ran", "▒ will run", "· waits", "✗ failed", "↷ no run"]
    for size, count in (((120, 32), 5), ((80, 24), 5), ((60, 20), 3)):
        async with running_app(ScriptedBackend(snapshots.mid_run()), size) as driver:
            await driver.press("5")
            [title] = [line for line in driver.text.splitlines() if "Timeline: " in line]
            assert [sign for sign in legend if sign in title] == legend[:count]


@async_test
async def test_the_brackets_choose_how_much_time_is_shown() -> None:
    async with running_app(ScriptedBackend(snapshots.mid_run())) as driver:
        await driver.press("5", "left_square_bracket", "left_square_bracket", "left_square_bracket")
        assert "Timeline: 5m," in driver.text
        await driver.press(*["right_square_bracket"] * 20)
        assert "Timeline: 7d," in driver.text


@async_test
async def test_h_and_l_move_the_window_and_n_goes_back_to_now() -> None:
    async with running_app(ScriptedBackend(snapshots.mid_run())) as driver:
        await driver.press("5")
        before = driver.text
        await driver.press("l", "l")
        assert "now" not in driver.text.splitlines()[1]
        await driver.press("h", "h", "h", "h", "h")
        assert "now" not in driver.text.splitlines()[1]
        await driver.press("n")
        assert driver.text == before


@async_test
async def test_plus_and_minus_ask_what_another_pool_would_do_and_change_nothing() -> None:
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend) as driver:
        await driver.press("5")
        assert "pool of 4" in driver.text
        await driver.press(*["minus"] * 9)
        assert "pool of 1" in driver.text
        assert "what if the pool were 1: full now" in driver.text
        await driver.press(*["plus"] * 3)
        assert "what if" not in driver.text  # it is the real pool again
        await driver.press(*["plus"] * 57)
        assert "what if the pool were 61: until " in driver.text
        await driver.press("n")
        assert "what if" not in driver.text
        assert [command for command in backend.commands if command[0] == "resize"] == []


@async_test
async def test_the_sentence_names_the_pool_of_its_numbers_until_the_next_answer() -> None:
    """And says that the answer for the other size is being computed."""
    backend = BlockedBackend(snapshots.saturated())
    async with running_app(backend) as driver:
        await driver.press("5", "minus")
        backend.released.clear()
        before = load_line(driver)
        try:
            await driver.pilot.press("minus", "minus")
            await driver.until(
                lambda: "looking ahead with a pool of 1; what if the pool were 3: " in driver.text
            )
            assert load_line(driver) == before
            await driver.pilot.press("n")
            await driver.until(
                lambda: "looking ahead with a pool of 4; what if the pool were 3: " in driver.text
            )
        finally:
            backend.released.set()
        await driver.settle()
        assert "looking ahead" not in driver.text
        assert "what if" not in driver.text
        await driver.press("minus")
        assert "what if the pool were 3: " in driver.text


@async_test
async def test_the_load_before_now_is_that_of_the_pool_that_there_is() -> None:
    async with running_app(ScriptedBackend(snapshots.saturated())) as driver:
        await driver.press("5")
        before = load_line(driver).split(NOW)[0]
        assert before.strip(" █")
        await driver.press(*["plus"] * 20)
        assert load_line(driver).split(NOW)[0].replace("pool of 24", "pool of 4 ") == before


@async_test
async def test_full_stop_selects_the_run_that_is_running_first() -> None:
    """It is one bar, from its start to its expected end."""
    snapshot = snapshots.busy()
    running = snapshots.running_run(900, "import_orders", 5)
    async with running_app(ScriptedBackend(replace(snapshot, running=(running,)))) as driver:
        await driver.press("5", "full_stop")
        assert "▾ import_orders  10:24:02  run 900 has run for 5.0s, and will end in 9.0s" in driver.text
        await driver.press("full_stop")
        assert "will run for 14s" in driver.text
        await driver.press("comma")
        assert "run 900 has run" in driver.text
        await driver.press("enter")
        assert isinstance(driver.screen, RunScreen)


@async_test
async def test_enter_opens_the_selected_job() -> None:
    snapshot = snapshots.mid_run()
    async with running_app(ScriptedBackend(snapshot)) as driver:
        await driver.press("5", "j", "enter")
        assert isinstance(driver.screen, JobScreen)
        assert snapshot.jobs[1].name in driver.text
        await driver.press("escape")
        assert type(driver.screen).__name__ == "TimelineScreen"


@async_test
async def test_comma_and_full_stop_select_a_run_and_enter_opens_it() -> None:
    async with running_app(ScriptedBackend(snapshots.busy())) as driver:
        await driver.press("5")
        await driver.press("comma")
        assert "▾" in driver.text.splitlines()[1]
        assert "▾ import_orders  10:23:47  run 832 OK, 14s" in driver.text
        await driver.press("comma")
        assert "▾ import_orders  10:23:07  run 829 FAILED, 14s" in driver.text
        await driver.press("enter")
        assert isinstance(driver.screen, RunScreen)
        assert "import_orders #829" in driver.text
        await driver.press("escape")
        await driver.press("n")
        assert "▾" not in driver.text


@async_test
async def test_f_selects_the_failures_before_now_of_any_job_and_upper_f_goes_back() -> None:
    snapshot = snapshots.busy()
    states = {831: RunState.TIMED_OUT, 809: RunState.OK, 810: RunState.FAILED}
    recent = [replace(run, state=states.get(run.number, run.state)) for run in snapshot.recent[:30]]
    async with running_app(ScriptedBackend(replace(snapshot, recent=tuple(recent)))) as driver:
        await driver.press("5", "F")
        assert driver.toasts[-1] == ("warning", "no run failed after this one")
        for chosen in (
            "best_sellers  10:23:45  run 831 TIMED_OUT, 9.0s",
            "import_orders  10:23:07  run 829 FAILED, 14s",
            "check_sockets  10:19:30  run 810 FAILED, 2.0s",
        ):
            await driver.press("f")
            assert f"▾ {chosen}" in driver.text
            assert "▾" in driver.text.splitlines()[1]
        await driver.press("f")
        assert driver.toasts[-1] == (
            "warning",
            "no other run failed since 10:18:07; h looks farther back",
        )
        assert "▾ check_sockets  10:19:30  run 810 FAILED, 2.0s" in driver.text
        await driver.press("F")
        assert "▾ import_orders  10:23:07  run 829 FAILED, 14s" in driver.text
        await driver.press("enter")
        assert "import_orders #829" in driver.text


@async_test
async def test_a_run_of_the_forecast_is_described_and_enter_opens_its_job() -> None:
    async with running_app(ScriptedBackend(snapshots.busy())) as driver:
        await driver.press("5")
        await driver.press("full_stop")
        assert "will run for 14s" in driver.text
        await driver.press("enter")
        assert isinstance(driver.screen, JobScreen)
        await driver.press("escape")
        await driver.press("j")
        assert "▾" not in driver.text


@async_test
async def test_the_selected_run_follows_the_forecast() -> None:
    """It waits for a slot of two, and not with four."""
    async with running_app(ScriptedBackend(snapshots.busy())) as driver:
        await driver.press("5")
        await driver.press("full_stop")
        assert "▾ import_orders  10:25:03  will run for 14s after a wait of 16s" in driver.text
        await driver.press("plus", "plus")
        assert "▾ import_orders  10:24:47  will run for 14s" in driver.text
        assert "after a wait" not in driver.text


@async_test
async def test_the_window_moves_to_the_selected_run() -> None:
    async with running_app(ScriptedBackend(snapshots.busy())) as driver:
        await driver.press("5")
        await driver.press(*["left_square_bracket"] * 2, "comma")
        assert "▾" in driver.text.splitlines()[1]
        await driver.press(*["comma"] * 7)
        assert "▾" in driver.text.splitlines()[1]
        assert "now" not in driver.text.splitlines()[1]


@async_test
async def test_a_job_without_a_run_in_the_window_has_no_bar() -> None:
    snapshot = snapshots.idle()
    async with running_app(ScriptedBackend(replace(snapshot, recent=(), running=()))) as driver:
        await driver.press("5")
        await driver.press("j", "j", "j", "j", "j", "j", "j", "full_stop")
        assert driver.toasts[-1] == ("warning", "this job has no run in this time")


@async_test
async def test_a_click_selects_the_run_at_its_place_and_a_double_click_opens_it() -> None:
    async with running_app(ScriptedBackend(snapshots.busy())) as driver:
        await driver.press("5")
        await driver.press("comma", "comma")
        chosen = driver.text.split("▾")[-1].splitlines()[0]
        column = driver.text.splitlines()[1].index("▾")
        await driver.press("n")
        await driver.pilot.click("#timeline", offset=(column - 2, 0))
        await driver.settle()
        assert driver.text.split("▾")[-1].splitlines()[0] == chosen
        await driver.pilot.click("#timeline", offset=(column - 2, 0), times=2)
        await driver.settle()
        assert isinstance(driver.screen, RunScreen)


@async_test
async def test_a_key_makes_no_forecast_of_a_time_that_is_known() -> None:
    backend = SearchedBackend(snapshots.mid_run())
    async with running_app(backend) as driver:
        await driver.press("5", "right_square_bracket")
        before = backend.searches
        await driver.press("left_square_bracket", "left_square_bracket", "right_square_bracket", "j", "n")
        assert backend.searches == before
        await driver.press("right_square_bracket", "h")
        assert backend.searches == before + 1


def test_a_costly_forecast_delays_the_next_one() -> None:
    assert [pause_after(cpu) for cpu in (0.01, 0.5, 60.0)] == [SHORTEST, 5.0, LONGEST]


@async_test
async def test_it_says_from_when_on_it_has_all_runs() -> None:
    """A backend returns the latest 800 runs: a blank before them does not mean that nothing ran."""
    runs = tuple(snapshots.ended_run(number, "import_orders", number / 4) for number in range(800))
    snapshot = replace(snapshots.mid_run(), running=(), waiting=(), scheduled=(), recent=runs)
    async with running_app(ScriptedBackend(snapshot)) as driver:
        await driver.press("5")
        assert "runs before 10:20:47 are not shown; " in driver.text
        await driver.press("left_square_bracket", "l")
        assert "are not shown" not in driver.text
    async with running_app(ScriptedBackend(replace(snapshot, recent=runs[1:]))) as driver:
        await driver.press("5")
        assert "are not shown" not in driver.text


@async_test
async def test_an_error_is_shown_below_the_timeline() -> None:
    backend = ScriptedBackend(snapshots.mid_run())
    backend.find_error = ConnectionError("the scheduler does not answer")
    async with running_app(backend) as driver:
        await driver.press("5")
        assert "the scheduler does not answer" in driver.text


@async_test
async def test_jobs_that_are_missing_in_the_forecast_are_named() -> None:
    """As after `jobtui attach` to a scheduler with schedules of the user's own classes."""
    snapshot = snapshots.mid_run()
    first = replace(snapshot.jobs[0], schedule=ForeignSchedule(snapshot.zone))
    async with running_app(ScriptedBackend(replace(snapshot, jobs=(first, *snapshot.jobs[1:])))) as driver:
        await driver.press("5")
        assert "; without refresh_cache, whose ticks are not known here" in driver.text


@async_test
async def test_the_timeline_fits_into_any_terminal() -> None:
    """Down to a few cells, with 300 jobs and with wide names."""
    for snapshot in (snapshots.many_jobs(), snapshots.odd_names(), snapshots.empty()):
        async with running_app(ScriptedBackend(snapshot)) as driver:
            await driver.press("5")
            for size in ((20, 5), (60, 15), (300, 100), (80, 24)):
                await driver.resize(*size)
                await driver.settle()
                assert isinstance(driver.screen, TimelineScreen)
