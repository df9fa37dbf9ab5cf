"""The keys of the dashboard and their effects, with a scripted backend."""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from importlib import import_module
from pkgutil import walk_packages
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.cells import cell_len
from support import snapshots
from support.app_driver import NARROW, WIDE, AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.dom import DOMNode
from textual.events import Key, MouseDown, MouseScrollDown, MouseScrollUp, MouseUp, Paste
from textual.screen import Screen
from textual.widgets import Input

import jobtui.tui
from jobtui import Scheduler
from jobtui.engine.enums import Cancellation, JobStatus, RunState
from jobtui.engine.views import JobView, Snapshot
from jobtui.frontend.local_backend import LocalBackend
from jobtui.schedules.schedule import Cron
from jobtui.schedules.zones import zone_name
from jobtui.tui import app as app_module
from jobtui.tui.app import MAX_REFRESH_RATE, JobtuiApp
from jobtui.tui.screens.confirm import ConfirmScreen
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.screens.pause_dialog import PauseEnds, PauseScreen
from jobtui.tui.screens.quit import QuitScreen
from jobtui.tui.screens.run import RunScreen


def selected(driver: AppDriver, table: str = "jobs") -> str:
    """Return the name of the job, or of the run's job, under the cursor of a table."""
    row = driver.table(table).selected
    return "" if row is None else str(getattr(row, "name", "") or row.job)


def job_names(driver: AppDriver) -> list[str]:
    """Return the names in the table of jobs."""
    return [job.name for job in driver.table().rows]


# --- commands -------------------------------------------------------------------------------------


@async_test
async def test_the_first_snapshot_is_visible_at_once() -> None:
    """The dashboard does not wait for the first change."""
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend) as driver:
        assert "hash_folder +2" in driver.text
        assert "4/4" in driver.text
        assert "SATURATED" in driver.text


@async_test
async def test_r_runs_the_selected_job() -> None:
    """A toast has the number of the run."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("j", "r")
        assert backend.commands == [("run", "hash_folder")]
        assert driver.toasts == [("information", "▶ hash_folder: run 900")]


@async_test
async def test_r_on_one_off_runs_runs_nothing_and_explains_why() -> None:
    """Each has arguments of its own."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("G", "r")
        assert backend.commands == []
        [(severity, text)] = driver.toasts
        assert severity == "warning"
        assert text.startswith("send_mail groups one-off runs")


@async_test
async def test_r_on_the_screen_of_an_ended_run_runs_it_again() -> None:
    """A run that has not ended cannot run again."""
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend) as driver:
        await driver.press("4", "enter", "r")
        [(command, number)] = backend.commands
        assert command == "run_again"
        assert driver.toasts == [("information", f"▶ run {number} again: run 900")]
        await driver.press("escape", "2", "enter", "r")
        assert len(backend.commands) == 1
        assert driver.toasts[-1] == ("warning", "only a run that has ended can run again")


@async_test
async def test_r_in_a_pane_runs_the_job_of_the_selected_run() -> None:
    """The keys act on the row under the cursor of the focused table."""
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend) as driver:
        await driver.press("4", "j", "r")
        assert backend.commands == [("run", "check_sockets")]


@async_test
async def test_keys_without_any_job_explain_that_no_job_is_selected() -> None:
    """The keys that move or open have no effect."""
    backend = ScriptedBackend(snapshots.empty())
    async with running_app(backend) as driver:
        await driver.press("r", "p", "P", "x", "enter", "j", "k", "g", "G", "pagedown")
        assert backend.commands == []
        assert [severity for severity, _ in driver.toasts] == ["warning"] * 4


@async_test
async def test_p_pauses_a_job_and_resumes_a_paused_one() -> None:
    """A toast confirms each."""
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend) as driver:
        await driver.press("p")
        assert backend.commands == []
        await driver.press("p")
        await driver.press("j", "j", "p")
        assert backend.commands == [("pause", "refresh_cache"), ("resume", "workday_report")]
        assert [text for _, text in driver.toasts] == [
            "‖ refresh_cache paused; u undoes it",
            "workday_report resumed; u undoes it",
        ]


@pytest.mark.parametrize(
    ("key", "end", "toast"),
    [
        ("1", snapshots.ago(-3600), " til 11:24"),
        ("h", snapshots.ago(-3600), " til 11:24"),
        ("t", snapshots.NOW.replace(day=17, hour=8, minute=0, second=0), " til Tue 08:00"),
        ("enter", None, ""),
    ],
)
@async_test
async def test_p_asks_how_long_to_pause_a_job(key: str, end: datetime | None, toast: str) -> None:
    """The end is in the scheduler's zone."""
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend) as driver:
        await driver.press("p")
        assert isinstance(driver.screen, PauseScreen)
        assert "Pause refresh_cache?" in driver.text
        await driver.press(key)
        assert backend.commands == [("pause", "refresh_cache", *([end] if end else []))]
        assert driver.toasts == [("information", f"‖ refresh_cache paused{toast}; u undoes it")]


@pytest.mark.parametrize(
    ("now", "hour", "morning"),
    [
        ("2026-03-16T23:30:00-04:00", "2026-03-17T00:30:00-04:00", "2026-03-17T08:00:00-04:00"),
        ("2026-03-17T00:10:00-04:00", "2026-03-17T01:10:00-04:00", "2026-03-18T08:00:00-04:00"),
        ("2026-03-08T01:30:00-05:00", "2026-03-08T03:30:00-04:00", "2026-03-09T08:00:00-04:00"),
        ("2026-10-31T12:00:00-04:00", "2026-10-31T13:00:00-04:00", "2026-11-01T08:00:00-05:00"),
        ("2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00", "2026-11-02T08:00:00-05:00"),
    ],
)
def test_the_ends_of_a_pause_are_an_hour_of_elapsed_time_and_the_next_morning(
    now: str, hour: str, morning: str
) -> None:
    ends = PauseEnds.after(datetime.fromisoformat(now).astimezone(ZoneInfo("America/New_York")))
    assert (ends.hour.isoformat(), ends.morning.isoformat()) == (hour, morning)


@async_test
async def test_the_header_says_that_the_size_of_the_pool_was_set_by_hand() -> None:
    """And what the settings say."""
    snapshot = snapshots.saturated()
    changed = replace(snapshot, pool=replace(snapshot.pool, configured=10))
    async with running_app(ScriptedBackend(changed)) as driver:
        assert "4/4 (set by hand; the settings say 10)  queued" in driver.text


@async_test
async def test_escape_leaves_the_question_how_long_to_pause_a_job() -> None:
    """The job is not paused."""
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend) as driver:
        await driver.press("p", "escape")
        assert isinstance(driver.screen, Dashboard)
        assert (backend.commands, driver.toasts) == ([], [])


@async_test
async def test_p_on_one_off_runs_pauses_nothing_and_explains_why() -> None:
    """One-off runs have no schedule."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("G", "p")
        assert backend.commands == []
        assert "no schedule to pause" in driver.toasts[0][1]


@async_test
async def test_p_on_a_job_that_was_paused_elsewhere_says_so() -> None:
    """Another front end may have paused it since the last snapshot."""
    backend = ScriptedBackend(snapshots.idle())
    backend.succeeds = False
    async with running_app(backend) as driver:
        await driver.press("p", "p")
        assert driver.toasts == [("information", "refresh_cache was already paused")]


@async_test
async def test_upper_p_pauses_all_jobs_after_a_question_and_resumes_them_after_another() -> None:
    """One-off runs do not count as jobs that are not paused."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("P")
        assert "Pause 8 jobs?" in driver.text
        assert backend.commands == []
        await driver.press("y")
        await driver.show_snapshot(snapshots.paused())
        await driver.press("P")
        assert "Resume 8 jobs?" in driver.text
        await driver.press("y")
        assert backend.commands[0] == ("pause_all",)
        assert sorted(backend.commands[1:]) == sorted(("resume", job.name) for job in snapshots.idle_jobs())
        assert [text for _, text in driver.toasts] == [
            "‖ 9 jobs paused; P resumes them",
            "8 jobs resumed; u undoes it",
        ]


@pytest.mark.parametrize("key", ["n", "escape", "q"])
@async_test
async def test_upper_p_pauses_and_resumes_nothing_without_confirmation(key: str) -> None:
    """A key that is pressed by mistake changes no job."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        for snapshot in (snapshots.idle(), snapshots.paused()):
            await driver.show_snapshot(snapshot)
            await driver.press("P", key)
            assert isinstance(driver.screen, Dashboard)
        assert backend.commands == []


def with_paused(*names: str) -> Snapshot:
    """Return a snapshot of three jobs, a, b and c, of which some are paused."""
    return snapshots.make(
        [
            snapshots.make_job(
                name,
                status=JobStatus.PAUSED if name in names else JobStatus.IDLE,
                paused_since=snapshots.ago(5) if name in names else None,
            )
            for name in "abc"
        ]
    )


@pytest.mark.parametrize(
    ("steps", "resumed"),
    [
        ([("", "pp"), ("a", "Py"), ("abc", "Py")], "bc"),  # a was paused alone
        ([("a", "Py"), ("abc", "Pn"), ("abc", "Py")], "bc"),
        ([("a", "jPy"), ("abc", "p"), ("ac", "Py"), ("abc", "Py")], "bc"),  # b is resumed and paused again
        ([("", "Py"), ("abc", "p"), ("bc", "pp"), ("abc", "Py")], "bc"),  # a is resumed and paused alone
        ([("ab", "Py"), ("abc", "Py")], "c"),
        ([("abc", "Py")], "abc"),  # another front end paused them
        ([("", "Py"), ("abc", "Py"), ("", "Py"), ("abc", "Py")], "abcabc"),
        ([("a", "Py"), ("abc", "Py"), ("abc", "Py")], "bcbc"),  # undo has paused b and c again
    ],
)
@async_test
async def test_upper_p_resumes_only_the_jobs_that_it_paused(
    steps: list[tuple[str, str]], resumed: str
) -> None:
    """Each step is the jobs that are paused, and the keys then."""
    backend = ScriptedBackend(with_paused())
    async with running_app(backend) as driver:
        for paused, keys in steps:
            await driver.show_snapshot(with_paused(*paused))
            before = len(backend.commands)
            await driver.press(*keys)
            if "P" not in keys:
                backend.commands[before:] = []
        assert "".join(str(name) for word, *names in backend.commands for name in names) == resumed


@async_test
async def test_jobs_removed_before_upper_p_is_confirmed_are_not_counted() -> None:
    """The others are resumed."""
    backend = ScriptedBackend(snapshots.paused())
    backend.command_error = LookupError("removed")
    async with running_app(backend) as driver:
        await driver.press("P", "y")
        assert len(backend.commands) == 8
        assert driver.toasts == [("information", "0 jobs resumed")]


@async_test
async def test_plus_and_minus_change_the_pool_size_by_one() -> None:
    """`=` is `+` without the shift key."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("plus")
        await driver.show_snapshot(snapshots.make(snapshots.idle_jobs(), pool=5))
        await driver.press("equals_sign")
        await driver.show_snapshot(snapshots.make(snapshots.idle_jobs(), pool=6))
        await driver.press("minus")
        assert backend.commands == [("resize", 5), ("resize", 6), ("resize", 5)]
        assert driver.toasts[-1] == ("information", "pool: 5 runs at once; u undoes it")


@async_test
async def test_two_quick_presses_of_plus_grow_the_pool_by_two() -> None:
    """Keys that are faster than snapshots add up."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("plus", "plus", "minus", "plus")
        assert backend.commands == [("resize", size) for size in (5, 6, 5, 6)]


@async_test
async def test_a_failed_resize_does_not_affect_the_next_one() -> None:
    """The next key changes the size in the latest snapshot."""
    backend = ScriptedBackend(snapshots.idle())
    backend.command_error = RuntimeError("no")
    async with running_app(backend) as driver:
        await driver.press("plus")
        await driver.press("plus")
        assert backend.commands == [("resize", 5), ("resize", 5)]


@pytest.mark.parametrize(
    ("pool", "key", "words"), [(1, "minus", "cannot be smaller than 1"), (0, "plus", "has no limit")]
)
@async_test
async def test_an_impossible_pool_size_is_rejected(pool: int, key: str, words: str) -> None:
    """Size 0 would mean no limit, and a pool without a limit has no next size."""
    backend = ScriptedBackend(snapshots.make(snapshots.idle_jobs(), pool=pool))
    async with running_app(backend) as driver:
        await driver.press(key)
        assert backend.commands == []
        assert words in driver.toasts[0][1]


@async_test
async def test_x_asks_for_confirmation_and_y_cancels_the_run() -> None:
    """The question names the run's number and its job."""
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend) as driver:
        await driver.press("2", "j", "x")
        assert isinstance(driver.screen, ConfirmScreen)
        assert "Cancel run 882 of send_mail?" in driver.text
        assert backend.commands == []
        await driver.press("y")
        assert backend.commands == [("cancel", 882)]
        assert driver.toasts == [("information", "⊘ run 882 of send_mail cancelled: it will not start")]
        assert isinstance(driver.screen, Dashboard)


@pytest.mark.parametrize("key", ["n", "escape", "q"])
@async_test
async def test_x_cancels_nothing_without_confirmation(key: str) -> None:
    """Every key that answers no closes the dialog."""
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend) as driver:
        await driver.press("2", "x", key)
        assert backend.commands == []
        assert isinstance(driver.screen, Dashboard)


def one_job_with(runs: str) -> Snapshot:
    """Return a snapshot of one job with a running (r), a waiting (w) or a scheduled (s) run."""
    job, saturated = snapshots.idle_jobs()[0], snapshots.saturated()
    running = replace(saturated.running[0], number=900, job=job.name)
    waiting = replace(saturated.waiting[0], number=901, job=job.name)
    later = replace(snapshots.idle().scheduled[0], number=902, job=job.name)
    return snapshots.make(
        [job],
        running=[running] if "r" in runs else [],
        waiting=[waiting] if "w" in runs else [],
        scheduled=[later] if "s" in runs else [],
    )


@pytest.mark.parametrize(
    ("runs", "number", "note"),
    [
        ("r", 900, "It is running: a coroutine is interrupted, a thread is asked to stop."),
        ("rw", 901, "It has not started."),
        ("rs", 902, "It has not started."),
        ("rws", 902, "It has not started."),
    ],
)
@async_test
async def test_x_on_a_job_cancels_its_latest_waiting_run_or_else_the_running_one(
    runs: str, number: int, note: str
) -> None:
    """The question says whether the run has started."""
    backend = ScriptedBackend(one_job_with(runs))
    async with running_app(backend) as driver:
        await driver.press("x")
        assert f"Cancel run {number} of refresh_cache?" in driver.text
        assert note in driver.text
        await driver.press("y")
        assert backend.commands == [("cancel", number)]


@async_test
async def test_x_on_a_job_without_waiting_or_running_runs_explains_that_none_is_selected() -> None:
    """An ended run cannot be cancelled."""
    backend = ScriptedBackend(one_job_with(""))
    async with running_app(backend) as driver:
        await driver.press("x")
        assert driver.toasts == [("warning", "no waiting or running run is selected")]


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.HELD])
@async_test
async def test_x_on_a_waiting_run_says_that_it_has_not_started(state: RunState) -> None:
    """It does not mention threads and coroutines."""
    snapshot = snapshots.saturated()
    run = next(run for run in snapshot.waiting if run.state is state)
    backend = ScriptedBackend(replace(snapshot, waiting=(run,)))
    async with running_app(backend) as driver:
        await driver.press("2", "x")
        assert f"Cancel run {run.number} of {run.job}?" in driver.text
        assert "It has not started." in driver.text


@async_test
async def test_x_in_the_pane_upcoming_cancels_a_scheduled_one_off_run() -> None:
    """It has a number, unlike the ticks in that pane."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("3", *"jjjj", "x", "y")
        assert backend.commands == [("cancel", 872)]


@pytest.mark.parametrize(
    ("cancellation", "words"),
    [
        (Cancellation.INTERRUPTED, "interrupted: its coroutine"),
        (Cancellation.ASKED, "asked to stop: a thread"),
    ],
)
@async_test
async def test_x_on_a_running_run_says_what_a_cancel_does(cancellation: Cancellation, words: str) -> None:
    """The question mentions coroutines and threads; the toast says which it was."""
    backend = ScriptedBackend(snapshots.saturated())
    backend.cancellation = cancellation
    running = snapshots.saturated().running[0]
    async with running_app(backend) as driver:
        await driver.press("1", "x")
        assert f"Cancel run {running.number} of {running.job}?" in driver.text
        assert "It is running: a coroutine is interrupted" in driver.text
        await driver.press("y")
        assert backend.commands == [("cancel", running.number)]
        assert words in driver.toasts[0][1]


@async_test
async def test_x_on_a_tick_or_an_ended_run_explains_that_no_run_is_selected() -> None:
    """A tick has no run yet."""
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend) as driver:
        for pane in "34":
            await driver.press(pane, "x")
        assert isinstance(driver.screen, Dashboard)
        assert [severity for severity, _ in driver.toasts] == ["warning"] * 2


@async_test
async def test_x_on_a_run_that_ended_before_the_confirmation_says_too_late() -> None:
    """The backend reports it."""
    backend = ScriptedBackend(snapshots.saturated())
    backend.succeeds = False
    async with running_app(backend) as driver:
        await driver.press("2", "x", "y")
        assert "too late" in driver.toasts[0][1]


@async_test
async def test_the_error_of_a_command_is_shown_as_a_toast() -> None:
    """Its message is not parsed as markup."""
    backend = ScriptedBackend(snapshots.idle())
    backend.command_error = LookupError("job '[/b]x' was removed")
    async with running_app(backend) as driver:
        await driver.press("r")
        assert driver.toasts == [("error", "job '[/b]x' was removed")]


# --- filter and sort ------------------------------------------------------------------------------


@async_test
async def test_slash_filters_the_jobs_and_escape_clears_the_filter() -> None:
    """Every typed letter filters at once; enter keeps the filter."""
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("slash", *"ReF")
        assert job_names(driver) == ["refresh_cache"]
        await driver.press("enter")
        assert driver.focus == "jobs"
        assert job_names(driver) == ["refresh_cache"]
        assert "0 Jobs 1 of 9, filter: ref" in driver.text
        await driver.press("escape")
        assert len(job_names(driver)) == 9
        assert "filter" not in driver.text


@async_test
async def test_command_keys_are_text_while_the_filter_has_the_focus() -> None:
    """The footer does not offer them."""
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend) as driver:
        await driver.press("slash", *"rpPxsSqo0123", "plus", "minus", "question_mark", "slash")
        assert driver.screen.query_one(Input).value == "rpPxsSqo0123+-?/"
        assert backend.commands == []
        assert "Cancel" not in driver.text
        assert "Detach" not in driver.text
        await driver.press("escape")
        assert driver.focus == "jobs"
        assert "Cancel" in driver.text


@async_test
async def test_a_filter_with_markup_is_shown_literally() -> None:
    """Textual parses the title that shows it as markup."""
    async with running_app(ScriptedBackend(snapshots.odd_names())) as driver:
        await driver.press("slash", *"[/]", "enter")
        assert "filter: [/]" in driver.text
        assert job_names(driver) == ["[bold]x[/]", "[/]", "[@click=app.bell]y[/]"]
        await driver.press("escape", "slash", "[", "b", "enter")
        assert "filter: [b" in driver.text


@async_test
async def test_a_filter_without_a_match_explains_how_to_clear_it() -> None:
    """It differs from the text for a scheduler without jobs."""
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("slash", *"zzz")
        assert "no job matches the filter; esc clears it" in driver.text


@async_test
async def test_s_sorts_by_the_next_column_and_upper_s_reverses_the_order() -> None:
    """The title of the table and the title of the column show the order."""
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("s", "s", "s")
        assert job_names(driver) == sorted(job_names(driver))
        assert "by name ▲" in driver.text
        assert "NAME▲" in driver.text
        await driver.press("S")
        assert job_names(driver) == sorted(job_names(driver), reverse=True)
        assert "NAME▼" in driver.text


@async_test
async def test_a_click_on_a_column_title_sorts_by_it_and_a_second_one_reverses_the_order() -> None:
    """A click on the title of the table has no effect."""
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        jobs = driver.table()
        x = driver.lines(jobs)[0].index("NAME") + 1
        await driver.pilot.click(jobs, offset=(x, 0))
        assert "by name" not in str(jobs.border_title)
        await driver.pilot.click(jobs, offset=(x, 1))
        assert job_names(driver) == sorted(job_names(driver))
        await driver.pilot.click(jobs, offset=(x, 1))
        assert job_names(driver) == sorted(job_names(driver), reverse=True)


@async_test
async def test_a_click_selects_a_row_and_a_double_click_opens_it() -> None:
    """It is the row under the mouse."""
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        jobs = driver.table()
        await driver.pilot.click(jobs, offset=(15, 5))
        assert selected(driver) == "compress_log"
        await driver.pilot.click(jobs, offset=(15, 4), times=2)
        await driver.settle()
        assert isinstance(driver.screen, JobScreen)
        assert "workday_report" in driver.text


# --- jobs that fail -------------------------------------------------------------------------------


@async_test
async def test_an_idle_job_whose_latest_run_failed_has_the_status_failed() -> None:
    """A busy one keeps its status. The header names both, and both have the mark in the column FAIL."""
    idle = snapshots.make_job("orders", recent=(RunState.OK, RunState.FAILED), failures=3)
    busy = replace(idle, name="mails", status=JobStatus.RUNNING, running=1)
    fine = snapshots.make_job("backup", recent=(RunState.FAILED, RunState.OK), failures=7)
    for size in (WIDE, NARROW):
        async with running_app(ScriptedBackend(snapshots.make([fine, busy, idle])), size) as driver:
            lines = {
                line.split()[2]: line.rstrip() for line in driver.lines(driver.table())[1:] if line.strip()
            }
            assert "○ IDLE" in driver.lines(driver.table())[1]
            assert "▶ RUNNING" in lines["mails"]
            assert "✗ FAILED" in lines["orders"]
            assert lines["mails"].endswith("✗ 3")
            assert lines["orders"].endswith("✗ 3")
            assert "✗ 2 failed last" in driver.text
            assert "✗ 2 jobs failed last: mails, orders" in driver.text


@async_test
async def test_the_header_shortens_the_names_of_many_failing_jobs() -> None:
    """Wide characters count twice."""
    for name in ("a_job_with_a_long_name", "長い名前の仕事"):
        jobs = [snapshots.make_job(f"{name}_{index}", recent=(RunState.FAILED,)) for index in range(5)]
        async with running_app(ScriptedBackend(snapshots.make(jobs))) as driver:
            assert "✗ 5 failed last" in driver.text
            line = driver.text.splitlines()[2]
            assert line.startswith(f" ✗ 5 jobs failed last: {name}_")
            assert " and 2 more" in line
            assert cell_len(line) <= WIDE[0]


@async_test
async def test_n_moves_to_each_job_that_failed_and_then_to_the_first_one_again() -> None:
    """From a pane, too. A filter by the word in its row finds it, too."""
    jobs = list(snapshots.many_jobs(100).jobs)
    for index in (20, 70):
        jobs[index] = replace(jobs[index], recent=(RunState.FAILED, RunState.SKIPPED), failures=1)
    async with running_app(ScriptedBackend(snapshots.make(jobs))) as driver:
        for expected in ("job_020", "job_070", "job_099", "job_020"):
            await driver.press("n")
            assert selected(driver) == expected
            assert re.search(f"▸ ✗ FAILED +{expected}", driver.text)
        await driver.press("3", "n")
        assert driver.focus == "jobs"
        assert selected(driver) == "job_070"
        await driver.press("slash", *"fail", "enter")
        assert job_names(driver) == ["job_020", "job_070", "job_099"]


@async_test
async def test_f_shows_only_the_jobs_that_need_attention_and_then_all_again() -> None:
    """The cursor stays on its job, and the title says which view it is."""
    async with running_app(ScriptedBackend(snapshots.saturated())) as driver:
        await driver.press("j", "f")
        expected = [
            *("refresh_cache", "hash_folder", "compress_log", "import_orders", "check_sockets", "send_mail"),
        ]
        assert job_names(driver) == expected
        assert selected(driver) == "hash_folder"
        assert "0 Jobs 6 of 9 that need attention" in driver.text
        await driver.press("f")
        assert len(job_names(driver)) == 9
        assert selected(driver) == "hash_folder"
        assert "0 Jobs 9━" in driver.text


@async_test
async def test_a_view_without_a_job_that_needs_attention_says_so() -> None:
    async with running_app(ScriptedBackend(snapshots.make([snapshots.make_job()]))) as driver:
        await driver.press("f")
        assert "no job needs attention; f shows all" in driver.text
        await driver.press("slash", *"xyz", "enter")
        assert "no job matches the filter" in driver.text


@async_test
async def test_n_finds_a_job_that_fails_now_and_then() -> None:
    """If none failed last. On its screen, n moves to the next run that failed."""
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("n")
        assert selected(driver) == "import_orders"
        await driver.press("enter")
        assert "KeyError: 'amount'" in driver.text.split("Runs, the latest")[0]
        await driver.press("n", "enter")
        assert "import_orders #866" in driver.text


@async_test
async def test_n_in_the_pane_recent_moves_to_the_next_run_that_failed() -> None:
    """Its traceback is one key away."""
    async with running_app(ScriptedBackend(snapshots.saturated())) as driver:
        await driver.press("4", "n", "n")
        row = driver.table("recent").selected
        assert row is not None
        assert row.number == 876  # 866, and then from the top again
        await driver.press("enter")
        assert "KeyError: 'amount'" in driver.text


@pytest.mark.parametrize(
    ("snapshot", "keys", "text"),
    [
        (snapshots.make([snapshots.make_job()]), "n", "no job failed lately"),
        (snapshots.make([snapshots.make_job()]), ("enter", "n"), "none of these runs failed"),
        (snapshots.empty(), "n", "no job failed lately"),
        (snapshots.mid_run(), "4nn", ""),
        (snapshots.empty(), "4n", "no recent run failed"),
        (
            snapshots.many_jobs(),
            ("slash", *"job_00", "enter", "n"),
            "the filter hides the jobs that failed",
        ),
    ],
)
@async_test
async def test_n_says_why_it_moves_nowhere(snapshot: Snapshot, keys: tuple[str, ...], text: str) -> None:
    """No key is silent."""
    async with running_app(ScriptedBackend(snapshot)) as driver:
        await driver.press(*keys)
        assert [toast[: len(text)] for _, toast in driver.toasts] == [text] * bool(text)


@async_test
async def test_two_keys_show_why_a_job_failed_and_a_third_one_its_traceback() -> None:
    """The screen of the job has the reason, and its cursor is on the run that failed."""
    snapshot = snapshots.saturated()
    cancelled = snapshots.ended_run(877, "import_orders", 1, RunState.CANCELLED)
    backend = ScriptedBackend(replace(snapshot, recent=(cancelled, *snapshot.recent)))
    async with running_app(backend) as driver:
        await driver.press("n", "enter")
        assert "FAILED KeyError: 'amount'" in driver.text
        await driver.press("enter")
        assert isinstance(driver.screen, RunScreen)
        assert "import_orders #876" in driver.text
        assert 'return Decimal(line["amount"])' in driver.text


@async_test
async def test_one_press_of_s_sorts_the_jobs_that_failed_to_the_top() -> None:
    """A second press sorts by the number of failures."""
    async with running_app(ScriptedBackend(snapshots.many_jobs(100))) as driver:
        await driver.press("s")
        assert job_names(driver)[0] == "job_099"
        await driver.press("s")
        assert "by fail ▼" in driver.text


# --- cursor and focus -----------------------------------------------------------------------------


@async_test
async def test_cursor_keys_move_the_cursor_and_stop_at_both_ends() -> None:
    """The row under the cursor is always visible."""
    async with running_app(ScriptedBackend(snapshots.many_jobs(100))) as driver:
        jobs = driver.table()
        page = jobs.size.height - 1
        for keys, row in [
            ("k", 0),
            ("j", 1),
            ("down", 2),
            ("up", 1),
            ("k", 0),
            ("G", 99),
            ("j", 99),
            ("g", 0),
            ("end", 99),
            ("home", 0),
            ("pagedown", page),
            ("ctrl+f", 2 * page),
            ("pageup", page),
            ("ctrl+b", 0),
            ("ctrl+b", 0),
        ]:
            await driver.press(keys)
            assert jobs.cursor == row, keys
            assert re.search(f"▸ . [A-Z]+ +job_{row:03}", driver.text)


@async_test
async def test_tab_cycles_through_the_tables_and_a_digit_focuses_one() -> None:
    """Shift+tab cycles backwards. The alarm comes last, if something is wrong."""
    async with running_app(ScriptedBackend(snapshots.saturated())) as driver:
        order = ["jobs", "running", "waiting", "upcoming", "recent", "alarm"]
        for name in [*order[1:], "jobs"]:
            await driver.press("tab")
            assert driver.focus == name
        for name in [*reversed(order[1:]), "jobs"]:
            await driver.press("shift+tab")
            assert driver.focus == name
        for digit, name in reversed(list(enumerate(order[:-1]))):
            await driver.press(str(digit))
            assert driver.focus == name


@pytest.mark.parametrize(
    "keys",
    [
        ("4", "r"),
        ("2", "x"),
        ("2", "x", "y", "j", "x"),
        ("0", "p", "p"),
        ("tab", "tab", "j", "x"),
        ("slash", "z", "q"),
        ("slash", "q", "r", "P"),
        ("slash", *"import", "enter", "r"),
        ("slash", *"import", "escape", "j", "p", "1"),
        ("slash", *"im", "tab", "x", "n", "r"),
        ("slash", *"im", "ctrl+c", "escape", "p", "p"),
        ("j", "enter", "p", "p", "escape", "r"),
        ("4", "j", "enter", "j", "q", "r"),
        ("o", "k", "q", "j", "r"),
        ("question_mark", "j", "q", "r"),
        ("q", "q", "r"),
        ("s", "s", "j", "r"),
        (*"jjjj", "enter", "enter"),
    ],
    ids="".join,
)
@async_test
async def test_keys_in_one_burst_do_the_same_as_slow_keys(keys: tuple[str, ...]) -> None:
    """A slow connection or a fast typist delivers several keys before the first has an effect."""
    seen = []
    for burst in (False, True):
        backend = ScriptedBackend(snapshots.saturated())
        async with running_app(backend, stop=lambda _grace: None) as driver:
            await (driver.press_at_once if burst else driver.press)(*keys)
            seen.append((driver.text, driver.focus, backend.commands, driver.toasts))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("pane", ["1", "2", "4"])
@async_test
async def test_the_pool_and_the_drawer_follow_the_focus_at_once(pane: str) -> None:
    """They show the job of the selected row, which is another one in another pane."""
    async with running_app(ScriptedBackend(snapshots.saturated()), (180, 50)) as driver:
        await driver.press(pane)
        shown = driver.text
        await driver.refresh()
        assert driver.text == shown


@async_test
async def test_a_paste_in_one_burst_with_slash_goes_to_the_filter() -> None:
    """The terminal sends it between the keys."""
    async with running_app(ScriptedBackend(snapshots.saturated())) as driver:
        await driver.send_at_once(Key("slash", "/"), Paste("import"), Key("enter", None))
        assert job_names(driver) == ["import_orders"]


@async_test
async def test_a_click_in_one_burst_with_keys_has_its_effect_between_theirs() -> None:
    """The key after it acts on the row that was clicked; the filter does not get it."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        row = driver.table().content_region.y + 3  # the third job: the first line has the titles
        down, up = (each(None, 20, row, 0, 0, 1, False, False, False) for each in (MouseDown, MouseUp))
        await driver.send_at_once(Key("slash", "/"), down, up, Key("p", "p"), Key("p", "p"))
        assert backend.commands == [("pause", "workday_report")]
        assert driver.focus == "jobs"


@async_test
async def test_a_small_terminal_shows_one_pane_under_tabs() -> None:
    """A digit or a click on a tab activates a pane."""
    async with running_app(ScriptedBackend(snapshots.saturated()), NARROW) as driver:
        assert "compress_log" in driver.lines(driver.table("running"))[0]
        await driver.press("2")
        assert "[2 Waiting 5]" in driver.text
        assert driver.table("waiting").display
        assert not driver.table("running").display
        await driver.pilot.click("PaneTabs", offset=(driver.text.splitlines()[14].index("4 Recent") + 2, 0))
        await driver.settle()
        assert "[4 Recent]" in driver.text
        assert driver.focus == "recent"


@async_test
async def test_tabs_are_abbreviated_in_a_narrow_terminal_and_a_click_finds_them() -> None:
    async with running_app(ScriptedBackend(snapshots.saturated()), (40, 10)) as driver:
        assert " 1 Run 4  2 Wai 5  3 Upc 8  4 Rec " in driver.text
        await driver.pilot.click("PaneTabs", offset=(12, 0))
        await driver.settle()
        assert "[2 Waiting 5]" in driver.text
        assert driver.focus == "waiting"


@async_test
async def test_the_cursor_stays_on_its_job_when_rows_are_added_removed_or_sorted() -> None:
    """The job stays visible."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("j", "j")
        assert selected(driver) == "workday_report"
        jobs = snapshots.idle().jobs
        new = [snapshots.make_job(f"new_{index}") for index in range(30)]
        for rows in ([*new, *jobs], jobs, tuple(reversed(jobs)), [jobs[2]], jobs):
            await driver.show_snapshot(snapshots.make(rows))
            assert selected(driver) == "workday_report"
            assert any(line.startswith("▸ ○ IDLE     workday_report") for line in driver.text.splitlines())
        await driver.press("s", "s")
        assert selected(driver) == "workday_report"


@async_test
async def test_the_cursor_stays_on_the_first_job_when_a_row_is_added_above() -> None:
    """The table of jobs is anchored."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.show_snapshot(snapshots.make([snapshots.make_job("aaa"), *snapshots.idle().jobs]))
        assert selected(driver) == "refresh_cache"


@async_test
async def test_the_cursor_of_a_pane_stays_at_the_top_unless_it_was_moved() -> None:
    """A new ended run is then visible at once."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        recent = snapshots.recent_runs()
        newer = [snapshots.ended_run(900 + index, "vacuum", 1) for index in range(3)]
        await driver.show_snapshot(snapshots.make(snapshots.idle_jobs(), recent=[newer[0], *recent]))
        assert selected(driver, "recent") == "vacuum"
        await driver.press("4", "j")
        await driver.show_snapshot(snapshots.make(snapshots.idle_jobs(), recent=[*reversed(newer), *recent]))
        assert driver.table("recent").selected == recent[0]


@async_test
async def test_the_cursor_moves_to_the_last_row_when_its_job_is_removed() -> None:
    """A table without rows shows a text."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("G")
        await driver.show_snapshot(snapshots.make(snapshots.idle_jobs()[:2]))
        assert selected(driver) == "hash_folder"
        await driver.show_snapshot(snapshots.empty())
        assert "no jobs yet" in driver.text
        await driver.show_snapshot(snapshots.idle())
        assert selected(driver) == "refresh_cache"


@async_test
async def test_keys_act_on_a_visible_row_after_the_mouse_wheel() -> None:
    """The cursor stays in the part of the table that is visible."""
    backend = ScriptedBackend(snapshots.many_jobs(100))
    async with running_app(backend) as driver:
        jobs = driver.table()
        for event in (MouseScrollDown, MouseScrollUp):
            for _ in range(8):
                await driver.pilot._post_mouse_events([event], jobs, offset=(20, 5))  # noqa: SLF001 - Textual's; the pilot has no method that scrolls
                await driver.settle()
            assert jobs.shows_cursor
            assert f" {selected(driver)} " in driver.text
            await driver.press("r")
            assert backend.commands[-1] == ("run", selected(driver))
        assert backend.commands[0] != backend.commands[1]


@async_test
async def test_keys_act_on_no_row_if_the_terminal_is_too_small_to_show_it() -> None:
    """A toast says so."""
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend, (80, 1)) as driver:
        assert "refresh_cache" not in driver.text
        await driver.press("r", "p", "x", "enter")
        assert backend.commands == []
        assert isinstance(driver.screen, Dashboard)
        assert driver.toasts == [("warning", "the terminal is too small to show the selected row")] * 3
        await driver.press("1", "x", "enter")
        assert isinstance(driver.screen, Dashboard)
        assert len(driver.toasts) == 4
        await driver.resize(80, 24)
        await driver.until(lambda: driver.table("running").shows_cursor)
        await driver.press("x")
        assert isinstance(driver.screen, ConfirmScreen)


# --- screens --------------------------------------------------------------------------------------


@async_test
async def test_enter_opens_a_job_and_r_and_p_act_on_it() -> None:
    """Its screen shows the schedule in words, the next ten ticks and the latest runs."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press(*"jjjj", "enter")
        assert isinstance(driver.screen, JobScreen)
        assert "every 20 seconds" in driver.text
        assert driver.text.count("Mon 2026-03-16 10:2") >= 10
        assert "KeyError: 'amount'" in driver.text
        await driver.press("r", "p", "p")
        assert sorted(backend.commands) == [("pause", "import_orders"), ("run", "import_orders")]
        await driver.show_snapshot(snapshots.paused())
        await driver.press("p")
        assert backend.commands[-1] == ("resume", "import_orders")
        await driver.press("escape")
        assert isinstance(driver.screen, Dashboard)


@async_test
async def test_enter_on_the_screen_of_a_job_opens_a_run() -> None:
    """Closing a screen returns to the one below."""
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press(*"jjjj", "enter", "j", "enter")
        assert isinstance(driver.screen, RunScreen)
        assert "import_orders #866" in driver.text
        await driver.press("q")
        assert isinstance(driver.screen, JobScreen)
        await driver.press("q")
        assert isinstance(driver.screen, Dashboard)


@async_test
async def test_the_screen_of_a_failed_run_shows_traceback_and_output() -> None:
    """Its output is not parsed as markup."""
    backend = ScriptedBackend(snapshots.idle())
    backend.outputs[866] = "order 5117 has [no] amount\n"
    async with running_app(backend) as driver:
        await driver.press("4", *"jjjjj", "enter")
        assert isinstance(driver.screen, RunScreen)
        assert 'return Decimal(line["amount"])' in driver.text
        assert "KeyError: 'amount'" in driver.text
        assert "order 5117 has [no] amount" in driver.text


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("", "printed nothing; what C code, os.system and forked processes write"),
        (None, "not recorded: "),
        (LookupError("run 866 has ended and is not kept any more"), "run 866 has ended and is not kept any"),
        ("\x1b[31mred\x1b[0m\n10%\r100%\na\tb\n", "red"),
        ("\x1b[31mred\x1b[0m\n10%\r100%\na\tb\n", "100%"),
        ("\x1b[31mred\x1b[0m\n10%\r100%\na\tb\n", "a       b"),
    ],
)
@async_test
async def test_the_screen_of_a_run_tells_no_output_from_none_that_is_kept(
    output: str | LookupError | None, shown: str
) -> None:
    """Output is shown as a terminal shows it."""

    class Backend(ScriptedBackend):
        def output_of(self, _number: int) -> str | None:
            if isinstance(output, LookupError):
                raise output
            return output

    async with running_app(Backend(snapshots.idle())) as driver:
        await driver.press("4", *"jjjjj", "enter", "G")
        assert shown in driver.text
        assert "10%100%" not in driver.text
        assert "[31m" not in driver.text


@async_test
async def test_enter_on_a_tick_without_a_run_shows_the_reason_and_no_output() -> None:
    """A skipped tick printed nothing."""
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("4", *"jjjjjj", "enter")
        assert isinstance(driver.screen, RunScreen)
        assert "still running since 10:13:11, run 802" in driver.text
        assert "Output" not in driver.text


@async_test
async def test_enter_on_an_upcoming_tick_opens_its_job() -> None:
    """A tick has no run yet."""
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("3", "enter")
        assert isinstance(driver.screen, JobScreen)
        assert "check_sockets" in driver.text


@async_test
async def test_the_screen_of_a_removed_job_says_so_and_stays_open() -> None:
    """Commands then show an error."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("enter")
        await driver.show_snapshot(snapshots.make(snapshots.idle_jobs()[1:]))
        assert "job 'refresh_cache' was removed" in driver.text
        backend.command_error = LookupError("job 'refresh_cache' was removed")
        await driver.press("r")
        assert driver.toasts[-1][0] == "error"
        await driver.press("escape")
        assert isinstance(driver.screen, Dashboard)


@async_test
async def test_a_count_stands_on_the_screen_once() -> None:
    """Runs and jobs are not counted side by side under one word."""
    for size in (WIDE, NARROW):
        async with running_app(ScriptedBackend(snapshots.saturated()), size) as driver:
            assert driver.text.count("9 jobs") + driver.text.count("Jobs 9") == 1
            assert driver.text.count("running 4/4") == 1
            assert "1 Running 4" in driver.text


@async_test
async def test_the_help_screen_scrolls_by_keys() -> None:
    """It may be longer than the terminal."""
    async with running_app(ScriptedBackend(snapshots.idle()), NARROW) as driver:
        await driver.press("question_mark")
        box = driver.screen.query_one(VerticalScroll)
        for key, place in [("j", 1), ("down", 2), ("k", 1), ("up", 0)]:
            await driver.press(key)
            await driver.settle()
            assert box.scroll_y == place


@async_test
async def test_the_palette_offers_every_key_of_the_screen_except_those_in_tables() -> None:
    """Ctrl+P opens it."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        titles = {command.title for command in driver.app.get_system_commands(driver.screen)}
        bindings = [each for each in (*Dashboard.BINDINGS, *JobtuiApp.BINDINGS) if isinstance(each, Binding)]
        # Some are there for several schedulers only, or if a server has rejected a password.
        bindings = [each for each in bindings if not str(each.id).startswith(("tab.", "server."))]
        texts = {each.tooltip or each.description for each in bindings if each.action != "quit"}
        assert titles == texts | {"Detach", "Theme", "Screenshot"}
        await driver.press("ctrl+p")
        await driver.pilot.press(*"grow the pool")
        await driver.until(lambda: "Grow the pool by one" in driver.text)
        await driver.press("enter")
        await driver.until(lambda: bool(backend.commands))
        assert backend.commands == [("resize", 5)]


@pytest.mark.parametrize(
    ("title", "answer", "expected"),
    [
        ("Run the selected job now", "", ("run", "refresh_cache")),
        ("Pause the selected job, or resume it", "p", ("pause", "refresh_cache")),
        ("Shrink the pool by one", "", ("resize", 3)),
    ],
)
@async_test
async def test_each_command_of_the_palette_does_the_same_as_its_key(
    title: str, answer: str, expected: tuple[Any, ...]
) -> None:
    """It calls the same action."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        commands = {command.title: command for command in driver.app.get_system_commands(driver.screen)}
        driver.app.call_later(commands[title].callback)
        await driver.settle()
        await driver.press(*answer)
        assert backend.commands == [expected]


# --- quitting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
@async_test
async def test_quit_exits_at_once_if_no_run_is_running(key: str) -> None:
    """No question is necessary."""
    async with running_app(ScriptedBackend(snapshots.idle()), stop=lambda _grace: None) as driver:
        await driver.pilot.press(key)
        assert driver.exiting


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
@async_test
async def test_quit_asks_if_runs_are_running(key: str) -> None:
    """The dialog lists them."""
    stopped: list[float] = []
    async with running_app(ScriptedBackend(snapshots.saturated()), stop=stopped.append, grace=7) as driver:
        await driver.press(key)
        assert [type(screen) for screen in driver.app.screen_stack] == [Dashboard, QuitScreen]
        assert "4 running, 5 waiting" in driver.text
        assert "compress_log, run 870, for 1m26s" in driver.text
        assert "at most 7 s" in driver.text
        await driver.press("escape")
        assert isinstance(driver.screen, Dashboard)
        assert not driver.exiting
        assert stopped == []


@pytest.mark.parametrize(
    "keys", [("ctrl+c", "ctrl+c"), ("q", "ctrl+c"), ("q", "ctrl+q"), ("q", "w", "ctrl+c")]
)
@async_test
async def test_ctrl_c_in_the_dialog_exits_at_once(keys: tuple[str, ...]) -> None:
    """While the dashboard waits for the runs, too."""
    never = threading.Event()
    async with running_app(
        ScriptedBackend(snapshots.saturated()), stop=lambda _grace: never.wait()
    ) as driver:
        await driver.pilot.press(*keys[:-1])
        assert not driver.exiting
        await driver.pilot.press(keys[-1])
        await driver.until(lambda: driver.exiting)
        never.set()


@pytest.mark.parametrize(
    "keys", [("enter",), ("4", "enter"), ("o",), ("question_mark",), ("2", "x"), ("slash", "a"), ("ctrl+p",)]
)
@async_test
async def test_ctrl_c_quits_on_every_screen(keys: tuple[str, ...]) -> None:
    """In a dialog, and while the user types."""
    async with running_app(ScriptedBackend(snapshots.saturated()), stop=lambda _grace: None) as driver:
        await driver.press(*keys)
        await driver.press("ctrl+c")
        assert isinstance(driver.screen, QuitScreen)


@async_test
async def test_upper_q_in_the_dialog_exits_without_waiting() -> None:
    """It does not stop the scheduler."""
    stopped: list[float] = []
    async with running_app(ScriptedBackend(snapshots.saturated()), stop=stopped.append) as driver:
        await driver.pilot.press("q", "Q")
        assert driver.exiting
        assert stopped == []


@async_test
async def test_w_in_the_dialog_stops_the_scheduler_with_the_grace_and_exits() -> None:
    """Running work gets the grace to end."""
    stopped: list[float] = []
    async with running_app(ScriptedBackend(snapshots.saturated()), stop=stopped.append, grace=7) as driver:
        await driver.pilot.press("q", "w")
        await driver.until(lambda: driver.exiting)
        assert stopped == [7]


@async_test
async def test_quit_without_a_stop_function_exits_without_a_question() -> None:
    """A dashboard on a remote scheduler ends no run."""
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend) as driver:
        await driver.pilot.press("q")
        assert driver.exiting
    assert backend.listeners == []


# --- bindings -------------------------------------------------------------------------------------


def node_classes() -> list[type[DOMNode]]:
    """Return every class of the dashboard that may bind keys."""
    found: set[type[DOMNode]] = set()
    for module in walk_packages(jobtui.tui.__path__, "jobtui.tui."):
        for _, value in inspect.getmembers(import_module(module.name), inspect.isclass):
            if value.__module__ == module.name and issubclass(value, DOMNode):
                found.add(value)
    return sorted(found, key=lambda each: each.__name__)


def bound_classes() -> list[type[DOMNode]]:
    """Return every class of the dashboard that binds keys."""
    return [each for each in node_classes() if "BINDINGS" in vars(each)]


def all_screens() -> list[type[DOMNode]]:
    """Return every screen of the dashboard."""
    return [each for each in node_classes() if issubclass(each, Screen)]


@pytest.mark.parametrize("bound", bound_classes(), ids=lambda each: each.__name__)
def test_every_binding_has_an_id_a_description_and_an_action(bound: type[DOMNode]) -> None:
    """The ids are for remapping keys."""
    bindings = vars(bound)["BINDINGS"]
    ids = [binding.id for binding in bindings]
    assert all(isinstance(binding, Binding) for binding in bindings)
    assert all(ids)
    assert len(set(ids)) == len(ids)
    keys = [key.strip() for binding in bindings for key in binding.key.split(",")]
    assert len(set(keys)) == len(keys)
    for binding in bindings:
        assert binding.description
        action = binding.action.partition("(")[0]
        owners = all_screens() if action.startswith("screen.") else [bound]
        assert any(hasattr(owner, f"action_{action.removeprefix('screen.')}") for owner in owners)


def test_the_tests_of_bindings_find_every_class_with_keys() -> None:
    """Otherwise the test above would check nothing."""
    names = {each.__name__ for each in bound_classes()}
    assert names >= {
        "Dashboard",
        "LineTable",
        "JobtuiApp",
        "HelpScreen",
        "JobScreen",
        "RunScreen",
        "QuitScreen",
    }


def test_binding_ids_are_unique_across_classes() -> None:
    """A keymap is for the whole app."""
    ids = [binding.id for bound in bound_classes() for binding in vars(bound)["BINDINGS"]]
    assert len(set(ids)) == len(ids)


# --- text of the user -----------------------------------------------------------------------------


@async_test
async def test_markup_and_control_codes_are_shown_literally_on_every_screen() -> None:
    """In names, reasons, errors and output; they never raise an error."""
    backend = ScriptedBackend(snapshots.odd_names(), title="[/b]jobs.py")
    backend.outputs |= dict.fromkeys(range(40, 60), "[/]\x1b[31m")
    backend.output_log.write("[b]x", 1, "[b]", "[/b] printed\n")
    async with running_app(backend, stop=lambda _grace: None) as driver:
        assert "[/b]jobs.py" in driver.text
        assert "[bold]x[/]" in driver.text
        assert "\x1b" not in driver.text
        for index, name in enumerate(job.name for job in snapshots.odd_names().jobs):
            await driver.press("0", "g", *"j" * index, "enter")
            assert isinstance(driver.screen, JobScreen)
            title = driver.screen.query_one(".dialog").border_title
            assert title is not None
            await driver.press("r", "p", "p", "end", "enter")
            assert isinstance(driver.screen, RunScreen)
            assert "\x1b" not in driver.text
            if len(name) < 30 and name.isprintable() and name.isascii():
                assert f"─ {name} #{40 + index} ─" in driver.text
                assert f"[/b]{name}" in driver.text
            await driver.press("escape", "escape")
            assert isinstance(driver.screen, Dashboard)
        await driver.press("2", "j", "j", "x")
        assert "Cancel run 22 of [bold]x[/]?" in driver.text
        await driver.press("n", "o")
        assert "[/b] printed" in driver.text
        await driver.press("escape", "q")
        assert "[bold]x[/], run 8" in driver.text


@async_test
async def test_a_toast_shows_a_name_with_markup_literally() -> None:
    """Textual parses toasts as markup by default."""
    async with running_app(ScriptedBackend(snapshots.odd_names())) as driver:
        await driver.press("j", "j", "j", "r")
        assert "▶ [/]: run 900" in driver.text


@async_test
async def test_joined_emoji_are_shown_apart_and_persian_words_as_they_are() -> None:
    """Terminals disagree about the width of joined emoji; a joiner between letters has no width."""
    emoji, persian = "👨\u200d👩\u200d👧", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0645"
    name = f"{emoji} {persian}"
    job = snapshots.make_job(name, recent=(RunState.FAILED,))
    runs = [snapshots.running_run(1, name, 5)]
    backend = ScriptedBackend(snapshots.make([job], running=runs, recent=[snapshots.failed_run(2, 3)]))
    async with running_app(backend, stop=lambda _grace: None) as driver:
        backend.outputs[1] = f"{name}\n"
        for keys in ((), ("enter",), ("escape", "r"), ("1", "enter"), ("escape", "x"), ("n", "q")):
            await driver.press(*keys)
            assert f"👨👩👧 {persian}" in driver.text
            assert "\u200d" not in driver.text
        assert backend.commands == [("run", name)]


@pytest.mark.parametrize("name", ["\U0001f469\U0001f3fd", "\u2620\ufe0f", "\u231a\ufe0e", "1\ufe0f\u20e3"])
@async_test
async def test_columns_after_an_emoji_are_where_every_terminal_shows_them(name: str) -> None:
    """Some terminals give a skin tone or a variation selector a cell, others do not: none is sent to them."""
    async with running_app(ScriptedBackend(snapshots.make([snapshots.make_job(name)]))) as driver:
        row = driver.lines(driver.table())[1]
        assert name[0] in row
        assert not set(name[1:]) & set(row) - {"\u20e3"}


@async_test
async def test_a_schedule_in_another_zone_names_it_in_every_list() -> None:
    """The times beside it are in the scheduler's zone, which the first line names."""
    tokyo = Cron("0 9 * * *", tz="Asia/Tokyo")
    job = replace(snapshots.make_job("report"), schedule=tokyo, spec="0 9 * * * (Asia/Tokyo)")
    async with running_app(ScriptedBackend(snapshots.make([job])), (180, 50)) as driver:
        await driver.press("d")  # without the drawer, the columns have room
        zone = zone_name(driver.backend.snapshot().zone)
        assert f" {zone} " in driver.text.splitlines()[0]
        assert "TZ=Asia/Tokyo 0 9 * * *" in driver.lines(driver.table())[1]
        assert "TZ=Asia/Tokyo 0 9 * * *" in driver.lines(driver.table("upcoming"))[0]
        await driver.press("enter")
        assert "TZ=Asia/Tokyo 0 9 * * *" in driver.text
        assert f"Next ticks, {zone}" in driver.text


@async_test
async def test_every_state_has_a_word_next_to_its_glyph() -> None:
    """Nothing depends on colour alone."""
    async with running_app(ScriptedBackend(snapshots.saturated())) as driver:
        for words in ("▶ RUNNING", "◔ QUEUED", "‖ PAUSED", "○ IDLE", "◌ HELD", "✗ FAILED", "✓ OK"):
            assert words in driver.text


# --- the header -----------------------------------------------------------------------------------


@async_test
async def test_the_status_line_shows_a_late_heartbeat_and_an_internal_error() -> None:
    """The heartbeat is late if the timer has not woken for 35 seconds."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        assert "♥ 2s" in driver.text
        await driver.show_snapshot(snapshots.make(heartbeat=snapshots.ago(36)))
        assert "♥ STALLED 36s" in driver.text
        await driver.show_snapshot(snapshots.make(heartbeat=None, internal_error="ValueError: [/]"))
        assert "! error: ValueError: [/]" in driver.text


@pytest.mark.parametrize(
    ("running", "size", "gauge"),
    [
        (0, 2, "▕▁▁▁▁▁▁▁▁▁▁▁▁▏▕▁▁▁▁▁▁▁▁▁▁▁▁▏ running 0/2"),
        (1, 2, "▕▁▁▁▁▁▁▁▁▁▁▁▅▏▕▁▁▁▁▁▁▁▁▁▁▁▁▏ running 1/2"),
        (2, 10, "pool ▕▁▁▁▁▁▂▏▕▁▁▁▁▁▂▏▕▁▁▁▁▁▁▏▕▁▁▁▁▁▁▏"),
        (1, 100, " pool ▕▁▁▁▁▁▁▁▁▁▁▁▂▏ running 1/100"),
        (4, 4, "running 4/4"),
        (5, 4, "running 5/4"),
        (2, 0, " pool  running 2, no limit"),
    ],
)
@async_test
async def test_the_gauge_shows_how_many_slots_are_taken(running: int, size: int, gauge: str) -> None:
    """SATURATED means that every slot is taken."""
    runs = [snapshots.running_run(index + 1, "a", 1) for index in range(running)]
    async with running_app(ScriptedBackend(snapshots.make(running=runs, pool=size))) as driver:
        assert gauge in driver.text
        assert ("SATURATED" in driver.text) is (0 < size <= running)


# --- refreshes ------------------------------------------------------------------------------------


class FakeLoop:
    """Replaces an app's clock and timers, so that a test moves the time and sets the cost of refreshes.

    Attributes:
        time: The time of the loop.
        cpu: The CPU time that the app's thread has used.
        timers: The instant and the callback of each timer.
        interval: The app's timer that refreshes each second, stopped.
    """

    def __init__(self, app: JobtuiApp, monkeypatch: pytest.MonkeyPatch) -> None:
        (self.interval,) = app._timers  # noqa: SLF001 - Textual's; the test replaces its clock
        self.interval.pause()
        self.time = 1000.0
        self.cpu = 0.0
        monkeypatch.setattr(app_module, "thread_cpu", lambda: self.cpu)
        self.timers: list[tuple[float, Callable[[], None]]] = []
        monkeypatch.setattr(app, "_loop_time", lambda: self.time)  # its timers are replaced as well
        monkeypatch.setattr(
            app, "set_timer", lambda delay, callback: self.timers.append((self.time + delay, callback))
        )

    def advance(self, seconds: float) -> None:
        """Move the time, and run the timers that are due."""
        self.time += seconds
        due = [callback for at, callback in self.timers if at <= self.time + 1e-9]
        self.timers = [(at, callback) for at, callback in self.timers if at > self.time + 1e-9]
        for callback in due:
            callback()


@async_test
async def test_a_flood_of_changes_causes_at_most_ten_refreshes_a_second() -> None:
    """The refresh of each second counts as one of them, and the last change is shown."""
    backend = ScriptedBackend(snapshots.idle())
    with pytest.MonkeyPatch.context() as monkeypatch:
        async with running_app(backend) as driver:
            loop = FakeLoop(driver.app, monkeypatch)
            driver.refresh_now()
            before = backend.snapshots_taken
            for number in range(100):
                if number % 20 == 13:
                    # More often than once a second, and between two refreshes.
                    driver.app.call_next(loop.interval._callback or pytest.fail)  # noqa: SLF001 - Textual's; what the timer calls
                for _ in range(10):
                    backend.notify()
                await driver.pilot.pause()
                for _ in range(10):
                    backend.notify()
                await driver.pilot.pause()
                loop.advance(0.01)
            assert MAX_REFRESH_RATE - 1 <= backend.snapshots_taken - before <= MAX_REFRESH_RATE
            backend.set_snapshot(snapshots.make([snapshots.make_job("last_change")]))
            await driver.pilot.pause()
            loop.advance(1 / MAX_REFRESH_RATE)
            await driver.settle()
            assert job_names(driver) == ["last_change"]
            assert loop.timers == []


@async_test
async def test_a_costly_refresh_delays_the_next_one() -> None:
    """Its cost is known once it is painted."""
    backend = ScriptedBackend(snapshots.idle())
    with pytest.MonkeyPatch.context() as monkeypatch:
        async with running_app(backend) as driver:
            loop = FakeLoop(driver.app, monkeypatch)
            driver.refresh_now()
            before = job_names(driver)
            backend.set_snapshot(snapshots.make([snapshots.make_job("new")]))
            await driver.settle()
            loop.cpu += 0.03  # at a fifth of a core, that takes 0.15 seconds
            loop.advance(1 / MAX_REFRESH_RATE)
            await driver.settle()
            assert job_names(driver) == before
            loop.advance(0.05)
            await driver.settle()
            assert job_names(driver) == ["new"]
            assert loop.timers == []


@async_test
async def test_a_change_is_shown_at_once_if_the_last_refresh_was_long_ago() -> None:
    """Only a change soon after a refresh is delayed."""
    backend = ScriptedBackend(snapshots.idle())
    with pytest.MonkeyPatch.context() as monkeypatch:
        async with running_app(backend) as driver:
            loop = FakeLoop(driver.app, monkeypatch)
            driver.refresh_now()
            loop.advance(1 / MAX_REFRESH_RATE)
            backend.set_snapshot(snapshots.make([snapshots.make_job("new")]))
            await driver.settle()
            assert job_names(driver) == ["new"]
            assert loop.timers == []


@async_test
async def test_the_clock_causes_a_refresh_only_if_the_present_second_is_not_shown() -> None:
    backend = ScriptedBackend(snapshots.make([], at=snapshots.NOW.replace(microsecond=70_000)))
    with pytest.MonkeyPatch.context() as monkeypatch:
        async with running_app(backend) as driver:
            loop = FakeLoop(driver.app, monkeypatch)
            driver.refresh_now()
            before = backend.snapshots_taken
            for seconds, refreshes in [(0.25, 0), (0.67, 0), (0.02, 1), (0.9, 1), (0.1, 2)]:
                loop.advance(seconds)
                driver.app.call_next(loop.interval._callback or pytest.fail)  # noqa: SLF001 - Textual's; what the timer calls
                await driver.settle()
                assert backend.snapshots_taken - before == refreshes, seconds


@async_test
async def test_many_changes_post_only_one_message() -> None:
    """Until the app handles it."""
    backend = ScriptedBackend(snapshots.idle())
    with pytest.MonkeyPatch.context() as monkeypatch:
        async with running_app(backend) as driver:
            posted: list[object] = []
            monkeypatch.setattr(driver.app, "post_message", posted.append)
            for _ in range(1000):
                backend.notify()
            assert len(posted) == 1


@async_test
async def test_the_app_unsubscribes_when_it_ends() -> None:
    """The backend may outlive the app."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend):
        assert len(backend.listeners) == 1
    assert backend.listeners == []


# --- sizes ----------------------------------------------------------------------------------------


@async_test
async def test_every_screen_survives_any_size_of_the_terminal() -> None:
    """Even a size of one cell."""
    backend = ScriptedBackend(snapshots.saturated())
    sizes = [WIDE, NARROW, (40, 10), (200, 60), (10, 3), (1, 1), (120, 1), (1, 40), (80, 5), WIDE]
    async with running_app(backend, stop=lambda _grace: None) as driver:
        for keys in ([], ["enter"], ["question_mark"], ["o"], ["4", "enter"], ["q"], ["slash"]):
            await driver.press("escape", *keys)
            for number, (width, height) in enumerate(sizes):
                await driver.resize(width, height)
                await driver.show_snapshot(snapshots.saturated() if number % 2 else snapshots.many_jobs(100))
            await driver.press("escape")
        assert "SATURATED" in driver.text or "0/4" in driver.text


@async_test
async def test_a_terminal_without_rows_shows_nothing_and_raises_nothing() -> None:
    """After a resize the jobs are visible again."""
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend, (80, 24)) as driver:
        await driver.resize(80, 0)
        await driver.show_snapshot(snapshots.many_jobs())
        await driver.press("j", "G", "pagedown", "pageup", "g")
        await driver.resize(80, 24)
        await driver.settle()
        assert "job_000" in driver.text


@pytest.mark.parametrize("size", [(110, 28), (109, 28), (110, 27)])
@async_test
async def test_all_four_panes_are_visible_from_110_columns_and_28_rows(size: tuple[int, int]) -> None:
    """A smaller terminal shows one."""
    async with running_app(ScriptedBackend(snapshots.saturated()), size) as driver:
        names = ("running", "waiting", "upcoming", "recent")
        seen = sum(driver.table(name).display for name in names)
        assert seen == (4 if size == (110, 28) else 1)


@async_test
async def test_every_line_of_the_screen_has_the_width_of_the_terminal() -> None:
    """With wide characters, too."""
    for snapshot in (snapshots.odd_names(), snapshots.many_jobs(), snapshots.saturated()):
        for width, height in (WIDE, NARROW, (57, 20)):
            async with running_app(ScriptedBackend(snapshot), (width, height)) as driver:
                strips = driver.screen._compositor.render_strips()  # noqa: SLF001 - Textual's; the text as it is painted
                assert {strip.cell_length for strip in strips} == {width}


@async_test
async def test_countdowns_change_with_the_time_and_the_rest_of_the_table_does_not() -> None:
    """A refresh each second moves clocks and countdowns."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        before = driver.lines(driver.table())
        later: Snapshot = replace(snapshots.idle(), at=snapshots.NOW + timedelta(seconds=1))
        await driver.show_snapshot(later)
        after = driver.lines(driver.table())
        assert "10:24:08" in driver.text
        changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
        assert ("in 15s" in changed[0][0], "in 14s" in changed[0][1]) == (True, True)
        assert all("IDLE" in old for old, _ in changed)


def test_the_snapshots_of_the_tests_have_every_job_status() -> None:
    """They have a held run, too."""
    jobs: list[JobView] = [*snapshots.saturated().jobs, *snapshots.idle().jobs]
    assert {job.status.value for job in jobs} == {"IDLE", "RUNNING", "QUEUED", "PAUSED"}
    assert RunState.HELD in {run.state for run in snapshots.saturated().waiting}


@async_test
async def test_u_resumes_exactly_the_jobs_that_upper_p_paused_and_pauses_exactly_those_it_resumed() -> None:
    """A job that was paused before keeps its pause."""
    scheduler = Scheduler(tz="UTC")
    jobs = {name: scheduler.schedule("@yearly", print, name=name) for name in "abc"}
    jobs["a"].pause(note="the disk is full")

    def paused() -> str:
        return "".join(job.name for job in scheduler.snapshot().jobs if job.paused_since is not None)

    with scheduler:
        async with running_app(LocalBackend(scheduler, "jobs.py")) as driver:
            await driver.press("P", "y")
            assert (paused(), driver.toasts[-1][1]) == ("abc", "‖ 2 jobs paused; P resumes them; u undoes it")
            await driver.press("u")
            assert (paused(), driver.toasts[-1][1]) == ("a", "undone: 2 jobs resumed")
            await driver.refresh()  # the key asks about what the screen shows
            await driver.press("P", "y")
            await driver.refresh()
            await driver.press("P", "y")
            await driver.press("u")
            assert (paused(), driver.toasts[-1][1]) == ("abc", "undone: 2 jobs paused again")
            await driver.refresh()
            await driver.press("P")
            assert "Resume 2 jobs?" in driver.text
        assert scheduler.snapshot().jobs[0].pause_note == "the disk is full"


@async_test
async def test_a_key_that_arrives_while_the_app_ends_does_nothing() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        app = driver.app
    late = Key("j", "j")
    late._set_forwarded()  # noqa: SLF001 - Textual's: a screen has passed it on before it went
    await app.on_event(late)
