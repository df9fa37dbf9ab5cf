"""The dashboard under the keys of a user, on a source whose pictures are made by hand."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import pytest
from support import snapshots
from support.app_driver import NARROW, WIDE, Stage, driven, on_stage
from support.scripted_backend import ScriptedBackend
from textual.binding import Binding
from textual.dom import DOMNode
from textual.widgets import Input

import jobtui.tui
from jobtui.engine.enums import Cancellation, RunState
from jobtui.engine.views import JobView, Snapshot
from jobtui.tui import app as app_module
from jobtui.tui.app import FRAMES, JobtuiApp
from jobtui.tui.screens.confirm import ConfirmScreen
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.tui.screens.help import HelpScreen, spoken
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.screens.output import OutputScreen
from jobtui.tui.screens.quit import QuitScreen
from jobtui.tui.screens.run import RunScreen
from jobtui.tui.widgets.line_table import LineTable


def selected(stage: Stage, table: str = "jobs") -> str:
    """The name of the job, or of the run's job, under a table's cursor."""
    row = stage.table(table).selected
    return "" if row is None else str(getattr(row, "name", "") or row.job)


def shown(stage: Stage) -> list[str]:
    """The names in the table of jobs."""
    return [job.name for job in stage.table().rows]


# --- what the keys do -----------------------------------------------------------------------------


@driven
async def test_the_first_picture_is_there_at_once() -> None:
    """The dashboard does not wait for the clock's first tick to show jobs."""
    source = ScriptedBackend(snapshots.saturated())
    async with on_stage(source) as stage:
        assert "hash_folder +2" in stage.text
        assert "4/4" in stage.text
        assert "SATURATED" in stage.text


@driven
async def test_r_runs_the_selected_job() -> None:
    """``r`` runs the job under the cursor and says which run that is."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        await stage.press("j", "r")
        assert source.commands == [("run", "hash_folder")]
        assert stage.toasts == [("information", "▶ hash_folder: run 900")]


@driven
async def test_r_on_a_one_off_row_explains() -> None:
    """What ran once cannot be run again, and the user is told why."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        await stage.press("G", "r")
        assert source.commands == []
        [(severity, text)] = stage.toasts
        assert severity == "warning"
        assert text.startswith("send_mail cannot run again")


@driven
async def test_r_in_a_pane_runs_the_job_of_the_row() -> None:
    """In a pane the keys are about the job of the run under the cursor."""
    source = ScriptedBackend(snapshots.saturated())
    async with on_stage(source) as stage:
        await stage.press("4", "j", "r")
        assert source.commands == [("run", "check_sockets")]


@driven
async def test_keys_about_a_job_without_jobs_explain() -> None:
    """Where there is no job, ``r``, ``p``, ``P`` and ``x`` do nothing but say so."""
    source = ScriptedBackend(snapshots.empty())
    async with on_stage(source) as stage:
        await stage.press("r", "p", "P", "x", "enter", "j", "k", "g", "G", "pagedown")
        assert source.commands == []
        assert [severity for severity, _ in stage.toasts] == ["warning"] * 4


@driven
async def test_p_pauses_and_resumes() -> None:
    """``p`` pauses a job, and resumes one that is paused."""
    source = ScriptedBackend(snapshots.saturated())
    async with on_stage(source) as stage:
        await stage.press("p")
        await stage.press("j", "j", "p")
        assert source.commands == [("pause", "refresh_cache"), ("resume", "workday_report")]
        assert [text for _, text in stage.toasts] == ["‖ refresh_cache paused", "workday_report resumed"]


@driven
async def test_p_on_one_off_runs_explains() -> None:
    """One-off runs have no schedule to pause."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        await stage.press("G", "p")
        assert source.commands == []
        assert "no schedule to pause" in stage.toasts[0][1]


@driven
async def test_p_that_came_too_late_says_so() -> None:
    """If somebody else has paused the job meanwhile, the toast does not claim otherwise."""
    source = ScriptedBackend(snapshots.idle())
    source.obedient = False
    async with on_stage(source) as stage:
        await stage.press("p")
        assert stage.toasts == [("information", "refresh_cache was already paused")]


@driven
async def test_upper_p_pauses_all_and_resumes_all() -> None:
    """``P`` pauses all jobs, and resumes them if all are paused; one-off runs do not count."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        await stage.press("P")
        await stage.show(snapshots.paused(), source)
        await stage.press("P")
        assert source.commands == [("pause_all",), ("resume_all",)]
        assert [text for _, text in stage.toasts] == ["‖ 9 jobs paused; P resumes them", "8 jobs resumed"]


@driven
async def test_plus_and_minus_resize_the_pool() -> None:
    """``+``, ``=`` and ``-`` change the pool by one run."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        await stage.press("plus")
        await stage.show(snapshots.scene(snapshots.idle_jobs(), pool=5), source)
        await stage.press("equals_sign")
        await stage.show(snapshots.scene(snapshots.idle_jobs(), pool=6), source)
        await stage.press("minus")
        assert source.commands == [("resize", 5), ("resize", 6), ("resize", 5)]
        assert stage.toasts[-1] == ("information", "pool: 5 runs at once")


@driven
async def test_two_quick_presses_of_plus_grow_the_pool_by_two() -> None:
    """Keys that come faster than pictures add up."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        await stage.press("plus", "plus", "minus", "plus")
        assert source.commands == [("resize", size) for size in (5, 6, 5, 6)]


@driven
async def test_a_resize_that_failed_is_forgotten() -> None:
    """After an error the next press counts from the size that is shown."""
    source = ScriptedBackend(snapshots.idle())
    source.refusal = RuntimeError("no")
    async with on_stage(source) as stage:
        await stage.press("plus")
        await stage.press("plus")
        assert source.commands == [("resize", 5), ("resize", 5)]


@pytest.mark.parametrize(
    ("pool", "key", "words"), [(1, "minus", "cannot be smaller than 1"), (0, "plus", "has no limit")]
)
@driven
async def test_sizes_that_make_no_sense_are_refused(pool: int, key: str, words: str) -> None:
    """The pool does not shrink to 0, which would mean no limit; and a pool without limit has no next size."""
    source = ScriptedBackend(snapshots.scene(snapshots.idle_jobs(), pool=pool))
    async with on_stage(source) as stage:
        await stage.press(key)
        assert source.commands == []
        assert words in stage.toasts[0][1]


@driven
async def test_x_asks_and_y_cancels() -> None:
    """``x`` asks by number and name, and only then cancels."""
    source = ScriptedBackend(snapshots.saturated())
    async with on_stage(source) as stage:
        await stage.press("2", "j", "x")
        assert isinstance(stage.screen, ConfirmScreen)
        assert "Cancel run 882 of send_mail?" in stage.text
        assert source.commands == []
        await stage.press("y")
        assert source.commands == [("cancel", 882)]
        assert stage.toasts == [("information", "⊘ run 882 of send_mail cancelled: it will not start")]
        assert isinstance(stage.screen, Dashboard)


@pytest.mark.parametrize("key", ["n", "escape", "q"])
@driven
async def test_x_and_no_cancels_nothing(key: str) -> None:
    """Any way of saying no leaves the run alone."""
    source = ScriptedBackend(snapshots.saturated())
    async with on_stage(source) as stage:
        await stage.press("2", "x", key)
        assert source.commands == []
        assert isinstance(stage.screen, Dashboard)


def of_one_job(runs: str) -> Snapshot:
    """A job, with these runs and no others."""
    job, scene = snapshots.idle_jobs()[0], snapshots.saturated()
    running = replace(scene.running[0], number=900, job=job.name)
    waiting = replace(scene.waiting[0], number=901, job=job.name)
    later = replace(snapshots.idle().scheduled[0], number=902, job=job.name)
    return snapshots.scene(
        [job],
        running=[running] if "r" in runs else [],
        waiting=[waiting] if "w" in runs else [],
        scheduled=[later] if "s" in runs else [],
    )


@pytest.mark.parametrize(
    ("runs", "number", "note"),
    [
        ("r", 900, "It runs: a coroutine is interrupted, a thread is asked to stop."),
        ("rw", 901, "It has not started."),
        ("rs", 902, "It has not started."),
        ("rws", 902, "It has not started."),
    ],
)
@driven
async def test_x_on_a_job_takes_its_latest_run(runs: str, number: int, note: str) -> None:
    """The one that would start last, or else the one that runs; the question says which it is."""
    source = ScriptedBackend(of_one_job(runs))
    async with on_stage(source) as stage:
        await stage.press("x")
        assert f"Cancel run {number} of refresh_cache?" in stage.text
        assert note in stage.text
        await stage.press("y")
        assert source.commands == [("cancel", number)]


@driven
async def test_x_on_a_job_without_live_runs_explains() -> None:
    """What has ended cannot be cancelled."""
    source = ScriptedBackend(of_one_job(""))
    async with on_stage(source) as stage:
        await stage.press("x")
        assert stage.toasts == [("warning", "no run that waits or runs is selected")]


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.HELD])
@driven
async def test_x_on_a_run_that_waits_says_so(state: RunState) -> None:
    """It is no thread that has to be asked."""
    scene = snapshots.saturated()
    run = next(run for run in scene.waiting if run.state is state)
    source = ScriptedBackend(replace(scene, waiting=(run,)))
    async with on_stage(source) as stage:
        await stage.press("2", "x")
        assert f"Cancel run {run.number} of {run.job}?" in stage.text
        assert "It has not started." in stage.text


@driven
async def test_x_on_a_one_off_that_is_to_come_cancels_it() -> None:
    """A run that waits for its instant can be taken out in the pane of what comes."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        await stage.press("3", *"jjjj", "x", "y")
        assert source.commands == [("cancel", 872)]


@pytest.mark.parametrize(
    ("cancellation", "words"),
    [
        (Cancellation.INTERRUPTED, "interrupted: its coroutine"),
        (Cancellation.ASKED, "asked to stop: a thread"),
    ],
)
@driven
async def test_x_on_a_run_that_runs_says_what_it_can_do(cancellation: Cancellation, words: str) -> None:
    """The question tells coroutines from threads, and the toast says which it was."""
    source = ScriptedBackend(snapshots.saturated())
    source.cancellation = cancellation
    running = snapshots.saturated().running[0]
    async with on_stage(source) as stage:
        await stage.press("1", "x")
        assert f"Cancel run {running.number} of {running.job}?" in stage.text
        assert "It runs: a coroutine is interrupted" in stage.text
        await stage.press("y")
        assert source.commands == [("cancel", running.number)]
        assert words in stage.toasts[0][1]


@driven
async def test_x_on_what_is_no_live_run_explains() -> None:
    """A fire that has no run yet, or a run that has ended, cannot be cancelled."""
    source = ScriptedBackend(snapshots.saturated())
    async with on_stage(source) as stage:
        for pane in "34":
            await stage.press(pane, "x")
        assert isinstance(stage.screen, Dashboard)
        assert [severity for severity, _ in stage.toasts] == ["warning"] * 2


@driven
async def test_x_that_came_too_late_says_so() -> None:
    """If the run has started while the question stood, the toast says so."""
    source = ScriptedBackend(snapshots.saturated())
    source.obedient = False
    async with on_stage(source) as stage:
        await stage.press("2", "x", "y")
        assert "too late" in stage.toasts[0][1]


@driven
async def test_errors_of_commands_become_toasts() -> None:
    """What a command raises is said, literally, and nothing ends."""
    source = ScriptedBackend(snapshots.idle())
    source.refusal = LookupError("job '[/b]x' was removed")
    async with on_stage(source) as stage:
        await stage.press("r")
        assert stage.toasts == [("error", "job '[/b]x' was removed")]


# --- filter and sort ------------------------------------------------------------------------------


@driven
async def test_slash_filters_and_escape_clears() -> None:
    """Jobs follow what is typed; enter keeps the filter, esc drops it."""
    async with on_stage(ScriptedBackend(snapshots.idle())) as stage:
        await stage.press("slash", *"ReF")
        assert shown(stage) == ["refresh_cache"]
        await stage.press("enter")
        assert stage.focus == "jobs"
        assert shown(stage) == ["refresh_cache"]
        assert "0 Jobs 1 of 9, filter: ref" in stage.text
        await stage.press("escape")
        assert len(shown(stage)) == 9
        assert "filter" not in stage.text


@driven
async def test_keys_are_text_while_the_filter_is_typed() -> None:
    """Letters and signs that are keys elsewhere are only typed, and the footer does not offer them."""
    source = ScriptedBackend(snapshots.saturated())
    async with on_stage(source) as stage:
        await stage.press("slash", *"rpPxsSqo0123", "plus", "minus", "question_mark", "slash")
        assert stage.screen.query_one(Input).value == "rpPxsSqo0123+-?/"
        assert source.commands == []
        assert "Pool" not in stage.text
        await stage.press("escape")
        assert stage.focus == "jobs"
        assert "Pool" in stage.text


@driven
async def test_a_filter_that_looks_like_markup_is_shown_as_it_is() -> None:
    """Nothing that is typed is read as markup."""
    async with on_stage(ScriptedBackend(snapshots.strange())) as stage:
        await stage.press("slash", *"[/]", "enter")
        assert "filter: [/]" in stage.text
        assert shown(stage) == ["[bold]x[/]", "[/]", "[@click=app.bell]y[/]"]
        await stage.press("escape", "slash", "[", "b", "enter")
        assert "filter: [b" in stage.text


@driven
async def test_nothing_that_matches_says_how_to_go_back() -> None:
    """A filter without matches is told from a scheduler without jobs."""
    async with on_stage(ScriptedBackend(snapshots.idle())) as stage:
        await stage.press("slash", *"zzz")
        assert "no job matches the filter; escape clears it" in stage.text


@driven
async def test_s_sorts_by_the_next_column_and_upper_s_turns_it_around() -> None:
    """The column and the direction are named in the title and at the column."""
    async with on_stage(ScriptedBackend(snapshots.idle())) as stage:
        await stage.press("s", "s")
        assert shown(stage) == sorted(shown(stage))
        assert "by name ▲" in stage.text
        assert "NAME▲" in stage.text
        await stage.press("S")
        assert shown(stage) == sorted(shown(stage), reverse=True)
        assert "NAME▼" in stage.text


@driven
async def test_a_click_on_a_column_sorts_by_it() -> None:
    """A click on a heading sorts, another turns it around; a click on the title does nothing."""
    async with on_stage(ScriptedBackend(snapshots.idle())) as stage:
        jobs = stage.table()
        x = stage.lines(jobs)[0].index("NAME") + 1
        await stage.pilot.click(jobs, offset=(x, 0))
        assert "by name" not in str(jobs.border_title)
        await stage.pilot.click(jobs, offset=(x, 1))
        assert shown(stage) == sorted(shown(stage))
        await stage.pilot.click(jobs, offset=(x, 1))
        assert shown(stage) == sorted(shown(stage), reverse=True)


@driven
async def test_a_click_selects_the_row_and_a_second_one_opens_it() -> None:
    """The row under the mouse is the one that is meant."""
    async with on_stage(ScriptedBackend(snapshots.idle())) as stage:
        jobs = stage.table()
        await stage.pilot.click(jobs, offset=(15, 5))
        assert selected(stage) == "compress_log"
        await stage.pilot.click(jobs, offset=(15, 4), times=2)
        assert isinstance(stage.screen, JobScreen)
        assert "workday_report" in stage.text


# --- moving ---------------------------------------------------------------------------------------


@driven
async def test_the_cursor_keys() -> None:
    """Arrows and ``j k g G``, pages, home and end move the cursor, and stop at the ends."""
    async with on_stage(ScriptedBackend(snapshots.many(100))) as stage:
        jobs = stage.table()
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
            await stage.press(keys)
            assert jobs.cursor == row, keys
            assert f"▸ ○ IDLE    job_{row:03}" in stage.text


@driven
async def test_tab_and_digits_move_the_keys() -> None:
    """Tab goes round all tables in both directions, digits go straight to one."""
    async with on_stage(ScriptedBackend(snapshots.saturated())) as stage:
        order = ["jobs", "running", "waiting", "upcoming", "recent"]
        for name in [*order[1:], "jobs"]:
            await stage.press("tab")
            assert stage.focus == name
        for name in [*reversed(order[1:]), "jobs"]:
            await stage.press("shift+tab")
            assert stage.focus == name
        for digit, name in reversed(list(enumerate(order))):
            await stage.press(str(digit))
            assert stage.focus == name


@driven
async def test_quick_keys_are_about_the_table_that_the_first_of_them_chose() -> None:
    """Keys that come in one burst, as over a slow line, do not act on the table that had the focus before."""
    source = ScriptedBackend(snapshots.saturated())
    async with on_stage(source) as stage:
        await stage.press_at_once("4", "r")
        assert source.commands == [("run", "import_orders")]
        await stage.press_at_once("2", "x")
        assert "Cancel run 881 of send_mail?" in stage.text
        await stage.press("n")
        await stage.press_at_once("0", "p")
        assert source.commands[-1] == ("pause", "refresh_cache")


@driven
async def test_quick_letters_after_slash_are_no_commands() -> None:
    """What comes in one burst with ``/`` neither quits nor runs anything."""
    source = ScriptedBackend(snapshots.saturated())
    async with on_stage(source, stop=lambda _grace: None) as stage:
        await stage.press_at_once("slash", "q", "r", "P")
        assert source.commands == []
        assert len(stage.app.screen_stack) == 1
        assert stage.focus == "filter"


@driven
async def test_in_a_small_terminal_the_chosen_pane_is_the_one_that_is_seen() -> None:
    """At 80x24 the panes are tabs: a digit or a click brings one to the front."""
    async with on_stage(ScriptedBackend(snapshots.saturated()), NARROW) as stage:
        assert "compress_log" in stage.lines(stage.table("running"))[0]
        await stage.press("2")
        assert "[2 Waiting 5]" in stage.text
        assert stage.table("waiting").display
        assert not stage.table("running").display
        await stage.pilot.click("PaneTabs", offset=(stage.text.splitlines()[14].index("4 Recent") + 2, 0))
        await stage.settle()
        assert "[4 Recent]" in stage.text
        assert stage.focus == "recent"


@driven
async def test_the_cursor_stays_on_its_job() -> None:
    """Rows that come above, go, or are sorted do not move the cursor to another job."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        await stage.press("j", "j")
        assert selected(stage) == "workday_report"
        jobs = snapshots.idle().jobs
        new = [snapshots.job(f"new_{index}") for index in range(30)]
        for rows in ([*new, *jobs], jobs, tuple(reversed(jobs)), [jobs[2]], jobs):
            await stage.show(snapshots.scene(rows), source)
            assert selected(stage) == "workday_report"
            assert any(line.startswith("▸ ○ IDLE    workday_report") for line in stage.text.splitlines())
        await stage.press("s", "s")
        assert selected(stage) == "workday_report"


@driven
async def test_the_cursor_stays_on_the_first_job_too() -> None:
    """Even at the top the table of jobs keeps its cursor on the job."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        await stage.show(snapshots.scene([snapshots.job("aaa"), *snapshots.idle().jobs]), source)
        assert selected(stage) == "refresh_cache"


@driven
async def test_panes_at_the_top_stay_at_the_top() -> None:
    """The newest ending comes in at the top, unless the user has moved down to one."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        recent = snapshots.endings()
        newer = [snapshots.ended(900 + index, "vacuum", 1) for index in range(3)]
        await stage.show(snapshots.scene(snapshots.idle_jobs(), recent=[newer[0], *recent]), source)
        assert selected(stage, "recent") == "vacuum"
        await stage.press("4", "j")
        await stage.show(snapshots.scene(snapshots.idle_jobs(), recent=[*reversed(newer), *recent]), source)
        assert stage.table("recent").selected == recent[0]


@driven
async def test_the_cursor_of_a_job_that_is_gone_stays_in_the_table() -> None:
    """When rows go, the cursor is on a row that there is."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        await stage.press("G")
        await stage.show(snapshots.scene(snapshots.idle_jobs()[:2]), source)
        assert selected(stage) == "hash_folder"
        await stage.show(snapshots.empty(), source)
        assert "no jobs yet" in stage.text
        await stage.show(snapshots.idle(), source)
        assert selected(stage) == "refresh_cache"


# --- what opens -----------------------------------------------------------------------------------


@driven
async def test_enter_opens_the_details_of_a_job() -> None:
    """Enter on a job shows its schedule in words, its next ten fires and its runs; r and p are about it."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        await stage.press(*"jjjj", "enter")
        assert isinstance(stage.screen, JobScreen)
        assert "every 20 seconds" in stage.text
        assert stage.text.count("Mon 2026-03-16 10:2") >= 10
        assert "KeyError: 'amount'" in stage.text
        await stage.press("r", "p")
        assert sorted(source.commands) == [("pause", "import_orders"), ("run", "import_orders")]
        await stage.show(snapshots.paused(), source)
        await stage.press("p")
        assert source.commands[-1] == ("resume", "import_orders")
        await stage.press("escape")
        assert isinstance(stage.screen, Dashboard)


@driven
async def test_enter_in_the_details_opens_a_run() -> None:
    """From a job's details one goes on to a run, and back in steps."""
    async with on_stage(ScriptedBackend(snapshots.idle())) as stage:
        await stage.press(*"jjjj", "enter", "j", "enter")
        assert isinstance(stage.screen, RunScreen)
        assert "import_orders #866" in stage.text
        await stage.press("q")
        assert isinstance(stage.screen, JobScreen)
        await stage.press("q")
        assert isinstance(stage.screen, Dashboard)


@driven
async def test_a_failed_run_opens_its_traceback() -> None:
    """Enter on a failed run shows the reason, the traceback and what it printed."""
    source = ScriptedBackend(snapshots.idle())
    source.outputs[866] = "order 5117 has [no] amount\n"
    async with on_stage(source) as stage:
        await stage.press("4", *"jjjjj", "enter")
        assert isinstance(stage.screen, RunScreen)
        assert 'return Decimal(line["amount"])' in stage.text
        assert "KeyError: 'amount'" in stage.text
        assert "order 5117 has [no] amount" in stage.text


@driven
async def test_a_tick_that_started_no_run_opens() -> None:
    """A row without a run says why there is none, and has no output."""
    async with on_stage(ScriptedBackend(snapshots.idle())) as stage:
        await stage.press("4", *"jjjjjj", "enter")
        assert isinstance(stage.screen, RunScreen)
        assert "still running since 10:13:11, run 802" in stage.text
        assert "Output" not in stage.text


@driven
async def test_enter_on_what_comes_opens_its_job() -> None:
    """A fire has no run yet, so its job is shown."""
    async with on_stage(ScriptedBackend(snapshots.idle())) as stage:
        await stage.press("3", "enter")
        assert isinstance(stage.screen, JobScreen)
        assert "check_sockets" in stage.text


@driven
async def test_a_job_removed_while_its_details_are_open() -> None:
    """The details say that the job is gone; r and p say so too, and nothing ends."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        await stage.press("enter")
        await stage.show(snapshots.scene(snapshots.idle_jobs()[1:]), source)
        assert "job 'refresh_cache' was removed" in stage.text
        source.refusal = LookupError("job 'refresh_cache' was removed")
        await stage.press("r")
        assert stage.toasts[-1][0] == "error"
        await stage.press("escape")
        assert isinstance(stage.screen, Dashboard)


@driven
async def test_o_shows_the_output_and_follows_it() -> None:
    """The output screen stays at its end while lines come, unless the user has moved up."""
    source = ScriptedBackend(snapshots.idle())
    console = source.console
    console.write("a", "first\n")
    async with on_stage(source) as stage:
        await stage.press("o")
        assert isinstance(stage.app.screen, OutputScreen)
        table: LineTable[Any] = stage.screen.query_one("#output", LineTable)

        def said() -> str:
            return "" if table.selected is None else str(table.selected.text)

        console.write("a", "".join(f"line {index}\n" for index in range(200)))
        await stage.show(snapshots.idle(), source)
        assert said() == "line 199"
        assert "line 199" in stage.text
        await stage.press("k")
        for text in ("one more\n", "unfinished", " and finished\n", "x\n" * 2100):
            console.write("a", text)
            await stage.show(snapshots.idle(), source)
            if len(text) < 100:
                assert said() == "line 198"
        assert said() == "x"
        await stage.press("o")
        assert len(stage.app.screen_stack) == 1


@driven
async def test_question_mark_lists_every_binding_there_is() -> None:
    """The help has each key of the dashboard, the tables and the app, with what it does."""
    async with on_stage(ScriptedBackend(snapshots.idle()), (120, 70)) as stage:
        await stage.press("question_mark")
        assert isinstance(stage.screen, HelpScreen)
        lines = [line.split("│")[1].strip() for line in stage.text.splitlines() if line.count("│") > 1]
        for binding in (*Dashboard.BINDINGS, *LineTable.BINDINGS, *JobtuiApp.BINDINGS):
            assert isinstance(binding, Binding)
            keys = " ".join(spoken(key) for key in binding.key.split(","))
            assert f"{keys}  {binding.tooltip or binding.description}" in lines
        assert any(line.startswith("ctrl+p") for line in lines)
        await stage.press("question_mark")
        assert isinstance(stage.screen, Dashboard)


@driven
async def test_every_screen_scrolls_by_keys() -> None:
    """Where the help or a run does not fit, j and k, and in a run g and G, move it."""
    source = ScriptedBackend(snapshots.idle())
    source.outputs[871] = "".join(f"line {index}\n" for index in range(100))
    async with on_stage(source, NARROW) as stage:
        await stage.press("question_mark")
        box = stage.screen.query_one(".dialog")
        for key, place in [("j", 1), ("down", 2), ("k", 1), ("up", 0)]:
            await stage.press(key)
            assert box.scroll_y == place
        await stage.press("escape", "4", "enter")
        box = stage.screen.query_one(".dialog")
        for key, place in [("j", 1), ("down", 2), ("k", 1), ("up", 0)]:
            await stage.press(key)
            assert box.scroll_y == place
        await stage.press("G")
        assert "line 99" in stage.text
        await stage.press("g")
        assert box.scroll_y == 0


@driven
async def test_the_palette_has_the_commands() -> None:
    """Ctrl+P offers by name what the keys do, and carries it out."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        titles = {command.title for command in stage.app.get_system_commands(stage.screen)}
        assert titles == {
            "Run the selected job",
            "Pause or resume the selected job",
            "Pause or resume all jobs",
            "Grow the pool by one",
            "Shrink the pool by one",
            "Cancel the selected run",
            "Filter the jobs",
            "Show the output of all jobs",
            "Help",
            "Theme",
            "Quit",
            "Screenshot",
        }
        await stage.press("ctrl+p")
        await stage.pilot.press(*"grow the pool")
        await stage.until(lambda: "Grow the pool by one" in stage.text)
        await stage.press("enter")
        await stage.until(lambda: bool(source.commands))
        assert source.commands == [("resize", 5)]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Run the selected job", ("run", "refresh_cache")),
        ("Pause or resume the selected job", ("pause", "refresh_cache")),
        ("Pause or resume all jobs", ("pause_all",)),
        ("Shrink the pool by one", ("resize", 3)),
    ],
)
@driven
async def test_commands_of_the_palette_do_what_they_say(title: str, expected: tuple[Any, ...]) -> None:
    """Each command does the same as its key."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        commands = {command.title: command for command in stage.app.get_system_commands(stage.screen)}
        commands[title].callback()
        await stage.settle()
        assert source.commands == [expected]


# --- leaving --------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
@driven
async def test_quit_without_runs_leaves(key: str) -> None:
    """Nothing goes, so nothing is asked."""
    async with on_stage(ScriptedBackend(snapshots.idle()), stop=lambda _grace: None) as stage:
        await stage.pilot.press(key)
        assert stage.app._exit


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
@driven
async def test_quit_with_runs_asks(key: str) -> None:
    """While runs go the question lists them; esc stays; the same key twice asks once."""
    stopped: list[float] = []
    async with on_stage(ScriptedBackend(snapshots.saturated()), stop=stopped.append, grace=7) as stage:
        await stage.press(key, key)
        assert [type(screen) for screen in stage.app.screen_stack] == [Dashboard, QuitScreen]
        assert "4 runs going, 5 waiting" in stage.text
        assert "compress_log, run 870, for 1m26s" in stage.text
        assert "at most 7 s" in stage.text
        await stage.press("escape")
        assert isinstance(stage.screen, Dashboard)
        assert not stage.app._exit
        assert stopped == []


@driven
async def test_upper_q_quits_at_once() -> None:
    """``Q`` waits for nothing."""
    stopped: list[float] = []
    async with on_stage(ScriptedBackend(snapshots.saturated()), stop=stopped.append) as stage:
        await stage.pilot.press("q", "Q")
        assert stage.app._exit
        assert stopped == []


@driven
async def test_w_stops_with_the_grace_and_leaves() -> None:
    """``w`` gives running work the grace, and then the app is gone."""
    stopped: list[float] = []
    async with on_stage(ScriptedBackend(snapshots.saturated()), stop=stopped.append, grace=7) as stage:
        await stage.pilot.press("q", "w")
        await stage.until(lambda: stage.app._exit)
        assert stopped == [7]


@driven
async def test_leaving_a_scheduler_that_goes_on_asks_nothing() -> None:
    """Without a way to stop the scheduler, quitting the dashboard ends no run."""
    source = ScriptedBackend(snapshots.saturated())
    async with on_stage(source) as stage:
        await stage.pilot.press("q")
        assert stage.app._exit
    assert source.listeners == []


# --- bindings -------------------------------------------------------------------------------------


def bound_classes() -> list[type[DOMNode]]:
    """Every class of the dashboard that has keys."""
    found: set[type[DOMNode]] = set()
    for module in walk_packages(jobtui.tui.__path__, "jobtui.tui."):
        for _, value in inspect.getmembers(import_module(module.name), inspect.isclass):
            if value.__module__ == module.name and issubclass(value, DOMNode) and "BINDINGS" in vars(value):
                found.add(value)
    return sorted(found, key=lambda each: each.__name__)


@pytest.mark.parametrize("bound", bound_classes(), ids=lambda each: each.__name__)
def test_every_binding_has_an_id_of_its_own(bound: type[DOMNode]) -> None:
    """So that keys can be remapped, each has an id, an action that exists and a description."""
    bindings = vars(bound)["BINDINGS"]
    ids = [binding.id for binding in bindings]
    assert all(isinstance(binding, Binding) for binding in bindings)
    assert all(ids)
    assert len(set(ids)) == len(ids)
    keys = [key.strip() for binding in bindings for key in binding.key.split(",")]
    assert len(set(keys)) == len(keys)
    for binding in bindings:
        assert binding.description
        assert hasattr(bound, f"action_{binding.action.partition('(')[0]}")


def test_there_are_keys_to_look_at() -> None:
    """The test above has found the classes that it is about."""
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


def test_ids_are_unique_everywhere() -> None:
    """No two keys share an id, whatever class they are of."""
    ids = [binding.id for bound in bound_classes() for binding in vars(bound)["BINDINGS"]]
    assert len(set(ids)) == len(ids)


# --- what the user has written --------------------------------------------------------------------


@driven
async def test_markup_is_shown_as_it_is_everywhere() -> None:
    """Names, reasons and errors that look like markup or steer terminals are shown, and never raise."""
    source = ScriptedBackend(snapshots.strange(), title="[/b]jobs.py")
    source.outputs |= dict.fromkeys(range(40, 60), "[/]\x1b[31m")
    source.console.write("[b]x", "[/b] printed\n")
    async with on_stage(source, stop=lambda _grace: None) as stage:
        assert "[/b]jobs.py" in stage.text
        assert "[bold]x[/]" in stage.text
        assert "\x1b" not in stage.text
        for index, name in enumerate(job.name for job in snapshots.strange().jobs):
            await stage.press("0", "g", *"j" * index, "enter")
            assert isinstance(stage.screen, JobScreen)
            title = stage.screen.query_one(".dialog").border_title
            assert title is not None
            await stage.press("r", "p", "enter")
            assert isinstance(stage.screen, RunScreen)
            assert "\x1b" not in stage.text
            if len(name) < 30 and name.isprintable() and name.isascii():
                assert f"─ {name} #{40 + index} ─" in stage.text
                assert f"[/b]{name}" in stage.text
            await stage.press("escape", "escape")
            assert isinstance(stage.screen, Dashboard)
        await stage.press("2", "j", "j", "x")
        assert "Cancel run 22 of [bold]x[/]?" in stage.text
        await stage.press("n", "o")
        assert "[/b] printed" in stage.text
        await stage.press("escape", "q")
        assert "[bold]x[/], run 8" in stage.text


@driven
async def test_a_toast_with_markup_is_drawn() -> None:
    """A job named like markup is confirmed by its name."""
    async with on_stage(ScriptedBackend(snapshots.strange())) as stage:
        await stage.press("j", "j", "j", "r")
        assert "▶ [/]: run 900" in stage.text


@driven
async def test_no_color_leaves_glyphs_and_words() -> None:
    """Every state is told by a word beside its glyph, never by colour alone."""
    async with on_stage(ScriptedBackend(snapshots.saturated())) as stage:
        for words in ("▶ RUNNING", "◔ QUEUED", "‖ PAUSED", "○ IDLE", "◌ HELD", "✗ FAILED", "✓ OK"):
            assert words in stage.text


# --- the header -----------------------------------------------------------------------------------


@driven
async def test_a_timer_that_is_late_is_said_to_be_stalled() -> None:
    """The heartbeat has a word when the timer has not woken for longer than it ever should."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        assert "♥ 2s" in stage.text
        await stage.show(snapshots.scene(heartbeat=snapshots.ago(36)), source)
        assert "♥ STALLED 36s" in stage.text
        await stage.show(snapshots.scene(heartbeat=None, internal_error="ValueError: [/]"), source)
        assert "! error: ValueError: [/]" in stage.text


@pytest.mark.parametrize(
    ("going", "size", "gauge"),
    [
        (0, 4, "░░░░░░░░░░ 0/4"),
        (1, 100, "█░░░░░░░░░ 1/100"),
        (2, 4, "█████░░░░░ 2/4"),
        (4, 4, "██████████ 4/4"),
        (5, 4, "██████████ 5/4"),
        (2, 0, "2 running, no limit"),
    ],
)
@driven
async def test_the_gauge_shows_how_full_the_pool_is(going: int, size: int, gauge: str) -> None:
    """A bar and numbers; SATURATED exactly when every slot is taken."""
    runs = [snapshots.running(index + 1, "a", 1) for index in range(going)]
    async with on_stage(ScriptedBackend(snapshots.scene(running=runs, pool=size))) as stage:
        assert gauge in stage.text
        assert ("SATURATED" in stage.text) is (0 < size <= going)


# --- pictures -------------------------------------------------------------------------------------


class Loop:
    """The time and the timers of an app, in the hands of a test; and what its pictures cost."""

    def __init__(self, app: JobtuiApp, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = 1000.0
        self.cpu = 0.0
        monkeypatch.setattr(app_module, "thread_cpu", lambda: self.cpu)
        self.timers: list[tuple[float, Callable[[], None]]] = []
        monkeypatch.setattr(app, "_loop_time", lambda: self.time)
        monkeypatch.setattr(app, "set_timer", lambda delay, act: self.timers.append((self.time + delay, act)))

    def advance(self, seconds: float) -> None:
        """Let time pass, and do what is due."""
        self.time += seconds
        due = [act for at, act in self.timers if at <= self.time + 1e-9]
        self.timers = [(at, act) for at, act in self.timers if at > self.time + 1e-9]
        for act in due:
            act()


@driven
async def test_a_flood_of_changes_makes_few_pictures_a_second() -> None:
    """However often something changes, a second has at most 10 pictures; the last one is not lost.

    The clock's own picture of each second is one of them, and does not come out of turn.
    """
    source = ScriptedBackend(snapshots.idle())
    with pytest.MonkeyPatch.context() as monkeypatch:
        async with on_stage(source) as stage:
            (clock,) = stage.app._timers
            clock.pause()
            loop = Loop(stage.app, monkeypatch)
            stage.app._show_picture()
            before = source.asked
            for number in range(100):
                if number % 20 == 13:
                    # It comes more often here, and between two pictures.
                    stage.app.call_next(clock._callback or pytest.fail)
                for _ in range(10):
                    source.notify()
                await stage.pilot.pause()
                for _ in range(10):
                    source.notify()
                await stage.pilot.pause()
                loop.advance(0.01)
            assert FRAMES - 1 <= source.asked - before <= FRAMES
            source.move(snapshots.scene([snapshots.job("the_last")]))
            await stage.pilot.pause()
            loop.advance(1 / FRAMES)
            await stage.settle()
            assert shown(stage) == ["the_last"]
            assert loop.timers == []


@driven
async def test_costly_pictures_come_less_often() -> None:
    """What a picture has cost is known when it has been painted, and the next one waits accordingly."""
    source = ScriptedBackend(snapshots.idle())
    with pytest.MonkeyPatch.context() as monkeypatch:
        async with on_stage(source) as stage:
            loop = Loop(stage.app, monkeypatch)
            stage.app._show_picture()
            before = shown(stage)
            source.move(snapshots.scene([snapshots.job("new")]))
            await stage.settle()
            loop.cpu += 0.03  # which at a fifth of a core takes 0.15 seconds
            loop.advance(1 / FRAMES)
            await stage.settle()
            assert shown(stage) == before
            loop.advance(0.05)
            await stage.settle()
            assert shown(stage) == ["new"]
            assert loop.timers == []


@driven
async def test_a_change_after_a_rest_is_shown_at_once() -> None:
    """Only what comes too soon after a picture waits."""
    source = ScriptedBackend(snapshots.idle())
    with pytest.MonkeyPatch.context() as monkeypatch:
        async with on_stage(source) as stage:
            loop = Loop(stage.app, monkeypatch)
            stage.app._show_picture()
            loop.advance(1 / FRAMES)
            source.move(snapshots.scene([snapshots.job("new")]))
            await stage.settle()
            assert shown(stage) == ["new"]
            assert loop.timers == []


@driven
async def test_only_one_message_is_under_way() -> None:
    """Many changes before the app has looked are one message."""
    source = ScriptedBackend(snapshots.idle())
    with pytest.MonkeyPatch.context() as monkeypatch:
        async with on_stage(source) as stage:
            posted: list[object] = []
            monkeypatch.setattr(stage.app, "post_message", posted.append)
            for _ in range(1000):
                source.notify()
            assert len(posted) == 1


@driven
async def test_leaving_follows_no_more() -> None:
    """An app that is gone is told nothing."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source):
        assert len(source.listeners) == 1
    assert source.listeners == []


# --- sizes ----------------------------------------------------------------------------------------


@driven
async def test_any_size_of_terminal_will_do() -> None:
    """The terminal may change its size at any time, to almost nothing, whatever screen is open."""
    source = ScriptedBackend(snapshots.saturated())
    sizes = [WIDE, NARROW, (40, 10), (200, 60), (10, 3), (1, 1), (120, 1), (1, 40), (80, 5), WIDE]
    async with on_stage(source, stop=lambda _grace: None) as stage:
        for keys in ([], ["enter"], ["question_mark"], ["o"], ["4", "enter"], ["q"], ["slash"]):
            await stage.press("escape", *keys)
            for number, (width, height) in enumerate(sizes):
                await stage.resize(width, height)
                await stage.show(snapshots.saturated() if number % 2 else snapshots.many(100), source)
            await stage.press("escape")
        assert "SATURATED" in stage.text or "0/4" in stage.text


@driven
async def test_a_terminal_without_rows() -> None:
    """A table of no height, and a terminal of no rows, show nothing and raise nothing."""
    source = ScriptedBackend(snapshots.saturated())
    async with on_stage(source, (80, 24)) as stage:
        await stage.resize(80, 0)
        await stage.show(snapshots.many(), source)
        await stage.press("j", "G", "pagedown", "pageup", "g")
        await stage.resize(80, 24)
        await stage.settle()
        assert "job_000" in stage.text


@pytest.mark.parametrize("size", [(110, 28), (109, 28), (110, 27)])
@driven
async def test_panes_stand_side_by_side_where_there_is_room(size: tuple[int, int]) -> None:
    """From 110x28 all four panes are seen; below, one."""
    async with on_stage(ScriptedBackend(snapshots.saturated()), size) as stage:
        names = ("running", "waiting", "upcoming", "recent")
        seen = sum(stage.table(name).display for name in names)
        assert seen == (4 if size == (110, 28) else 1)


@driven
async def test_every_cell_of_every_line_is_where_it_belongs() -> None:
    """No line of the screen is longer or shorter than the terminal is wide, wide characters included."""
    for snapshot in (snapshots.strange(), snapshots.many(), snapshots.saturated()):
        for width, height in (WIDE, NARROW, (57, 20)):
            async with on_stage(ScriptedBackend(snapshot), (width, height)) as stage:
                strips = stage.screen._compositor.render_strips()
                assert {strip.cell_length for strip in strips} == {width}


@driven
async def test_clocks_go_on_while_nothing_happens() -> None:
    """A later picture has new countdowns, and nothing else of the table changes."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        before = stage.lines(stage.table())
        later: Snapshot = replace(snapshots.idle(), at=snapshots.NOW + timedelta(seconds=1))
        await stage.show(later, source)
        after = stage.lines(stage.table())
        assert "10:24:08" in stage.text
        changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
        assert ("in 15s" in changed[0][0], "in 14s" in changed[0][1]) == (True, True)
        assert all("IDLE" in old for old, _ in changed)


def test_jobs_and_states_are_complete() -> None:
    """The scenes have every status of a job that the dashboard can show."""
    jobs: list[JobView] = [*snapshots.saturated().jobs, *snapshots.idle().jobs]
    assert {job.status.value for job in jobs} == {"IDLE", "RUNNING", "QUEUED", "PAUSED"}
    assert RunState.HELD in {run.state for run in snapshots.saturated().waiting}
