"""Snapshots of the screen in every state, in a large and in a small terminal.

After an intended change, run `pytest tests/tui/test_snapshots.py --snapshot-update` and inspect the changes.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import snapshots
from support.app_driver import NARROW, WIDE, quick_pilot
from support.scripted_backend import ScriptedBackend
from textual.pilot import Pilot
from textual.widgets import Input

from jobtui.engine.views import Snapshot
from jobtui.frontend.backend import LogLine
from jobtui.frontend.blank_snapshot import blank_snapshot
from jobtui.runtime.output_log import OutputLog
from jobtui.tui.app import JobtuiApp
from jobtui.tui.widgets.drawer import Drawer

AssertScreen = Callable[..., None]

LARGE = (180, 50)
SMALL = [(60, 15), (40, 10), (20, 5)]
SETTLE = "settle"  # among keys: wait for the answer to a query
_in_small_terminals: set[str] = set()  # the names of the tests with snapshots of small terminals only
_in_a_large_terminal: set[str] = set()  # the names of the tests with a snapshot of a large terminal, too


def also_large(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that compares the screen in a large terminal, too."""
    _in_a_large_terminal.add(test.__name__)
    return test


def only_small(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that compares the screen in small terminals, and in no other."""
    _in_small_terminals.add(test.__name__)
    return test


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test in terminals of several sizes."""
    name = metafunc.function.__name__
    sizes = [WIDE, NARROW, *([LARGE] if name in _in_a_large_terminal else [])]
    sizes = SMALL if name in _in_small_terminals else sizes
    metafunc.parametrize("size", sizes, ids=lambda size: "x".join(map(str, size)))


def write_output(output_log: OutputLog) -> None:
    """Write some lines of output of jobs and of C code."""
    output_log.write("import_orders", 866, "stdout", "reading orders.csv\n127 orders, 3 new\n")
    output_log.write("", 0, "fd 1", "gzip: access.log: 81.3% -- replaced with access.log.gz\n")
    output_log.write("", 0, "stderr", "[b]not bold[/b] \x1b[31mnot red\x1b[0m\n")
    output_log.write("import_orders", 866, "WARNING", "order 5117 has no amount\n")
    output_log.write("import_orders", 866, "ERROR", "order 5118 has no customer\n")
    output_log.write("check_sockets", 867, "stdout", "日本語 127.0.0.1:8080 open\n" + "long " * 60 + "\n")
    output_log.write("import_orders", 866, "stdout", "an unfinished line")


def run_lines(start: float) -> list[LogLine]:
    """Return the output of a failed run that started at a time."""
    lines = [
        (0.0, "stdout", "reading orders.csv"),
        (0.012, "DEBUG", "connected to the shop at 0x7f3aede4d5"),
        (0.02, "INFO", "127 orders, 3 new"),
        (0.02, "stdout", "order 5115: 日本語 の注文 " + "2 anvils, " * 20),
        (0.05, "WARNING", "order 5117 has no amount"),
        (0.29, "ERROR", "order 5118 has no customer"),
        (0.29, "stderr", "[b]not bold[/b] \x1b[31mnot red\x1b[0m"),
    ]
    return [LogLine(start + after, "import_orders", 866, stream, text) for after, stream, text in lines]


@pytest.fixture
def assert_screen(snap_compare: Callable[..., bool], size: tuple[int, int]) -> AssertScreen:
    """Return a function that shows a snapshot, presses keys, and compares the screen with the stored SVG."""

    def compare(
        snapshot: Snapshot,
        keys: Sequence[str] = (),
        *,
        theme: str = "textual-dark",
        connection_error: str = "",
        address: str = "",
        needs_sign_in: bool = False,
        others: Sequence[ScriptedBackend] = (),
        output: Mapping[int, list[LogLine]] | None = None,
    ) -> None:
        backend = ScriptedBackend(snapshot)
        backend.connection_error, backend.address = connection_error, address
        backend.needs_sign_in = needs_sign_in
        backend.columns["import_orders"] = snapshots.columns()
        backend.stacks[870] = snapshots.stack()
        backend.parameters = snapshots.parameters()
        backend.outputs[866] = "reading orders.csv\norder 5117 has no amount\n"
        backend.log_lines[866] = run_lines(snapshot.at.timestamp() - 32.29)
        backend.log_lines[869] = [
            *(line._replace(text=line.text.replace("127", "95")) for line in backend.log_lines[866][:-3]),
            LogLine(None, "import_orders", 869, "INFO", "order 5116 has no customer name"),
            LogLine(None, "import_orders", 869, "stdout", "95 orders are stored"),
        ]
        backend.log_lines.update(output or {})
        write_output(backend.output_log)
        stopped = threading.Event()  # set after the comparison: the screen shows the app while it waits
        app = JobtuiApp(backend, others=others, stop=lambda _grace: stopped.wait())
        app.animation_level = "none"
        app.theme = theme

        async def wait_for_drawer(pilot: Pilot[Any]) -> None:
            drawer = app.screen_stack[0].query_one(Drawer)
            asks = bool(snapshot.jobs) and not connection_error and "z" not in keys  # z hides it
            async with asyncio.timeout(60):
                while size == LARGE and asks and not drawer.is_answered:
                    await pilot.pause()

        async def before(pilot: Pilot[Any]) -> None:
            await pilot.pause()
            app.screen_stack[0].query_one(Input).cursor_blink = False
            for key in keys:
                if len(app.screen_stack) == 1:  # behind a dialog, a later answer might not be painted
                    await wait_for_drawer(pilot)
                if key == SETTLE:
                    await app.workers.wait_for_complete()
                else:
                    await pilot.press(key)
                await pilot.pause()
            await wait_for_drawer(pilot)
            await app.workers.wait_for_complete()
            app.take_snapshot()
            await pilot.pause()

        try:
            with quick_pilot():
                assert snap_compare(app, terminal_size=size, run_before=before)
        finally:
            stopped.set()

    return compare


def test_the_dashboard_shows_idle_jobs(assert_screen: AssertScreen) -> None:
    """Every job has its status, times and countdown."""
    assert_screen(snapshots.idle())


def test_the_dashboard_shows_running_jobs(assert_screen: AssertScreen) -> None:
    """Two of four slots are taken; the running runs show for how long."""
    assert_screen(snapshots.mid_run())


@also_large
def test_the_dashboard_shows_a_full_pool(assert_screen: AssertScreen) -> None:
    """The pool is full; the waiting runs are listed in the order in which they will start."""
    assert_screen(snapshots.saturated())


@also_large
def test_the_dashboard_shows_new_output_and_unusual_silence(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.writing())


@also_large
def test_the_dashboard_shows_slow_and_abandoned_runs(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.overtime())


@also_large
def test_the_screen_of_a_stack_shows_where_a_run_is(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.overtime(), ["1", "j", "j", "t"])


@also_large
def test_the_timeline_shows_what_ran_and_what_will_run(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.busy(), ["5"])


def test_the_timeline_is_readable_in_a_light_theme(assert_screen: AssertScreen) -> None:
    """It asks what a pool with one more slot would do."""
    assert_screen(snapshots.saturated(), ["5", "plus"], theme="textual-light")


@also_large
def test_the_calendar_shows_taken_slots_and_crowded_minutes(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.crowded(), ["6", SETTLE, "n"])


def test_the_calendar_is_readable_in_a_light_theme(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.crowded(), ["6", SETTLE, "j", "j"], theme="textual-light")


@also_large
def test_the_ticks_of_a_minute_are_listed(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.crowded(), ["6", SETTLE, "n", "enter"])


@also_large
def test_the_form_has_a_field_for_each_parameter(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.idle(), ["R", SETTLE])


@also_large
def test_the_form_shows_problems_at_their_fields(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.idle(), ["R", SETTLE, "backspace", "tab", *"many", "enter"])


def test_the_form_is_readable_in_a_light_theme(assert_screen: AssertScreen) -> None:
    keys = ["R", SETTLE, "tab", *"many", "tab", "tab", "space", "enter"]
    assert_screen(snapshots.idle(), keys, theme="textual-light")


@also_large
def test_the_dashboard_shows_the_progress_of_runs(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.progressing())


@also_large
def test_the_drawer_shows_the_failure_of_the_selected_job(assert_screen: AssertScreen) -> None:
    """In a smaller terminal there is no drawer."""
    assert_screen(snapshots.saturated(), [*"jjjj"])


@also_large
def test_a_zoomed_table_has_all_the_space(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.saturated(), ["4", "z"])


@also_large
def test_the_dashboard_shows_the_jobs_that_need_attention(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.saturated(), ["f"])


@also_large
def test_the_chooser_lists_the_columns_and_those_without_room(assert_screen: AssertScreen) -> None:
    """The table above has two more, and one of them comes first."""
    assert_screen(snapshots.saturated(), ["c", "G", "space", "g", *["j"] * 13, "space", *["K"] * 13])


def test_the_chooser_is_readable_in_a_light_theme(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.saturated(), ["c", "G", "space"], theme="textual-light")


@also_large
def test_the_other_columns_show_what_they_are_named_for(assert_screen: AssertScreen) -> None:
    """Wide characters, long names and zones included."""
    names = "ago due p95 ok retries kind zone overlap misfire timeout arguments code"
    assert_screen(snapshots.odd_names(), ["colon", *f"columns {names}", "enter"])


@also_large
def test_the_alarm_names_ticks_that_were_missed(assert_screen: AssertScreen) -> None:
    """The key leads to the job. The strips of a large pool share one."""
    assert_screen(snapshots.after_downtime(), ["n"])


def test_the_waiting_pane_has_a_focus_and_a_cursor(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.saturated(), ["2", "j"])


@also_large
def test_the_dashboard_shows_paused_jobs(assert_screen: AssertScreen) -> None:
    """Paused jobs show it in their status and in place of their next tick."""
    assert_screen(snapshots.paused())


def test_the_dashboard_shows_a_quiet_time_and_the_ticks_in_it(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.quiet(), ["3"])


@pytest.fixture
def failed_with_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    """Return a snapshot with a run that failed in a file of the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "shop.py"
    path.write_text(snapshots.SHOP)
    os.utime(path, (0, 0))
    snapshot = snapshots.idle()
    error = snapshots.SHOP_TRACEBACK.replace("shop.py", str(path))
    recent = tuple(replace(run, error=error) if run.error else run for run in snapshot.recent)
    return replace(snapshot, recent=recent)


@also_large
def test_the_screen_of_a_failed_run_shows_its_traceback(
    assert_screen: AssertScreen, failed_with_source: Snapshot
) -> None:
    """With the source of the user's frames, and their local variables."""
    assert_screen(failed_with_source, ["4", *"jjjjj", "enter", SETTLE, *"jjjjjjjjj", "enter"])


def test_the_title_shows_the_filter(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.idle(), ["slash", *"every 1", "enter"])


def test_the_dashboard_shows_a_filter_without_a_match(assert_screen: AssertScreen) -> None:
    """The filter has the focus, and no job matches it."""
    assert_screen(snapshots.idle(), ["slash", *"nosuchjob"])


def test_the_sorted_column_is_marked(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.idle(), ["s", "s"])


@also_large
def test_the_screen_of_a_job_shows_its_ticks_and_runs(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.idle(), [*"jjjj", "enter"])


@also_large
def test_the_screen_of_a_job_that_failed_shows_the_line_of_code(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.saturated(), ["n", "enter"])


@also_large
def test_a_failed_run_is_readable_in_a_light_theme(
    assert_screen: AssertScreen, failed_with_source: Snapshot
) -> None:
    """With everything unfolded."""
    assert_screen(failed_with_source, ["4", *"jjjjj", "enter", SETTLE, "a"], theme="textual-light")


@also_large
def test_the_charts_of_a_job_show_its_durations(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.with_limits(), [*"jjjj", "enter", "2"])


@also_large
def test_the_charts_of_a_job_show_its_outcomes_and_errors(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.with_limits(), [*"jjjj", "enter", "3"])


def test_the_charts_of_a_job_are_readable_in_a_light_theme(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.with_limits(), [*"jjjj", "enter", "2"], theme="textual-light")


@also_large
def test_the_screen_of_one_off_runs_shows_no_ticks(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.saturated(), ["G", "enter"])


@also_large
def test_the_help_screen_lists_keys_and_signs(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.idle(), ["question_mark"])


@also_large
def test_the_quit_dialog_lists_the_running_runs(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.saturated(), ["q"])


def test_the_quit_dialog_waits_for_the_running_runs(assert_screen: AssertScreen) -> None:
    """While the dashboard waits for runs to end, quitting at once is the only choice."""
    assert_screen(snapshots.saturated(), ["q", "w"])


def test_the_cancel_dialog_asks_for_confirmation(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.saturated(), ["2", "x"])


@also_large
def test_the_pause_dialog_offers_three_ends(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.saturated(), ["p"])


def test_the_dialog_for_another_schedule_shows_words_and_ticks(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.idle(), ["j", "e"])


def test_the_dialog_for_another_schedule_shows_the_place_of_a_mistake(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.idle(), ["j", "e", "backspace", "9"])


def test_the_screen_of_a_paused_job_shows_the_end_and_the_note(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.paused(), [*"jjjj", "enter"])


@also_large
def test_a_dashboard_without_jobs_explains_how_to_register_one(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.empty())


@also_large
def test_the_dashboard_is_readable_in_a_light_theme(assert_screen: AssertScreen) -> None:
    """A light theme is as readable as a dark one."""
    assert_screen(snapshots.saturated(), theme="textual-light")


@also_large
def test_odd_names_stay_inside_their_columns(assert_screen: AssertScreen) -> None:
    """Long names, wide characters and markup stay inside their columns."""
    assert_screen(snapshots.odd_names())


@also_large
def test_the_cursor_is_visible_on_the_last_of_300_jobs(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.many_jobs(), ["G"])


@also_large
def test_the_log_view_shows_the_output_of_all_jobs(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.idle(), ["o"])


@also_large
def test_the_log_of_a_run_shows_a_search_and_levels(assert_screen: AssertScreen) -> None:
    """The matches of a search, wrapped lines, and times since the start of the run."""
    keys = ["4", *"jjjjj", "l", "W", "T", "slash", *"order", "enter", "N"]
    assert_screen(snapshots.idle(), keys)


@also_large
def test_the_log_of_a_run_is_readable_in_a_light_theme(assert_screen: AssertScreen) -> None:
    """A regular expression that is not complete yet says where it ends."""
    keys = ["4", *"jjjjj", "l", "slash", *"order [0-", "ctrl+r"]
    assert_screen(snapshots.idle(), keys, theme="textual-light")


@also_large
def test_the_difference_to_the_last_ok_run_stands_out(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.idle(), ["4", *"jjjjj", "l", "d", SETTLE])


@also_large
def test_equal_lines_of_a_difference_are_folded_or_have_a_title(assert_screen: AssertScreen) -> None:
    """The first ones are unfolded, the last ones are not."""
    equal = [f"order {number} is stored" for number in range(5100, 5122)]
    lines = {
        run: [LogLine(None, "import_orders", run, "stdout", text) for text in [*equal[:11], end, *equal[11:]]]
        for run, end in ((869, "all prices are known"), (866, "no prices are known"))
    }
    keys = ["4", *"jjjjj", "l", "d", SETTLE, "g", "enter"]
    assert_screen(snapshots.idle(), keys, output=lines)


def test_an_unfolded_difference_is_readable_in_a_light_theme(assert_screen: AssertScreen) -> None:
    lines = {
        run: [
            *(
                LogLine(None, "import_orders", run, "stdout", f"order {each} is stored")
                for each in "abcdefgh"
            ),
            LogLine(None, "import_orders", run, "stdout", end),
        ]
        for run, end in ((869, "all prices are known"), (866, "no prices are known"))
    }
    keys = ["4", *"jjjjj", "l", "d", SETTLE, "a"]
    assert_screen(snapshots.idle(), keys, theme="textual-light", output=lines)


@also_large
def test_a_search_in_a_difference_marks_its_matches(assert_screen: AssertScreen) -> None:
    keys = ["4", *"jjjjj", "l", "d", SETTLE, "slash", *"order", "enter"]
    assert_screen(snapshots.idle(), keys)


@also_large
def test_the_dialog_to_save_output_asks_for_a_name(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.idle(), ["4", *"jjjjj", "l", "S"])


LOST = "connection lost at 10:24:07 (connection refused); trying again"


def test_the_status_line_shows_the_address(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.mid_run(), address="http://127.0.0.1:9001/@jobs")


@also_large
def test_a_lost_connection_greys_the_dashboard_out(assert_screen: AssertScreen) -> None:
    """The last snapshot is greyed out, and the status line gives the error."""
    assert_screen(snapshots.saturated(), connection_error=LOST, address="http://127.0.0.1:9001/@jobs")


def test_a_lost_connection_is_readable_in_a_light_theme(assert_screen: AssertScreen) -> None:
    """The error is readable on a light background, too."""
    assert_screen(snapshots.saturated(), theme="textual-light", connection_error=LOST)


@also_large
def test_the_screen_of_a_job_shows_a_lost_connection(assert_screen: AssertScreen) -> None:
    """The screen of a job covers the status line, so its border gives the error."""
    assert_screen(snapshots.idle(), [*"jjjj", "enter"], connection_error=LOST)


@also_large
def test_moved_ticks_have_a_badge(assert_screen: AssertScreen) -> None:
    """Ticks that the transition moves have a badge, in the table of jobs and in the pane Upcoming."""
    assert_screen(snapshots.before_transition(snapshots.SPRING), ["3"])


def test_repeated_ticks_have_a_badge(assert_screen: AssertScreen) -> None:
    """Ticks whose wall time occurs twice have a badge."""
    assert_screen(snapshots.before_transition(snapshots.AUTUMN), ["3"])


def test_the_badge_is_readable_in_a_light_theme(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.before_transition(snapshots.SPRING), theme="textual-light")


def test_the_screen_of_a_job_explains_a_moved_tick(assert_screen: AssertScreen) -> None:
    """A moved tick is marked, and a note explains why."""
    assert_screen(snapshots.before_transition(snapshots.SPRING), ["enter"])


@also_large
def test_the_screen_of_a_job_explains_a_dropped_tick(assert_screen: AssertScreen) -> None:
    """A line stands in for the dropped tick, and a note explains why."""
    assert_screen(snapshots.before_transition(snapshots.SPRING), [*"jjjj", "enter"])


def test_the_screen_of_a_job_explains_repeated_ticks(assert_screen: AssertScreen) -> None:
    """Both ticks of one wall time are marked, and one note explains why."""
    assert_screen(snapshots.before_transition(snapshots.AUTUMN), [*"jj", "enter"])


@also_large
def test_the_history_shows_the_runs_that_meet_a_query(assert_screen: AssertScreen) -> None:
    """With their states and reasons."""
    assert_screen(snapshots.mid_run(), ["h", "slash", *"state:failed", "enter"])


@also_large
def test_the_history_shows_odd_names_while_a_query_is_typed(assert_screen: AssertScreen) -> None:
    """The keys that are text then are not in the footer."""
    assert_screen(snapshots.odd_names(), ["h", "slash", *"took:5"])


@also_large
def test_marked_jobs_have_a_mark_and_the_title_counts_them(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.saturated(), ["space", "space", "down", "space", "k"])


@also_large
def test_the_command_line_completes_names(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.saturated(), ["colon", *"pause ha"])


def test_the_command_line_says_what_is_wrong(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.saturated(), ["colon", *"puase", "enter"])


def test_the_dashboard_in_colours_for_eyes_that_do_not_tell_red_from_green(
    assert_screen: AssertScreen,
) -> None:
    assert_screen(snapshots.saturated(), theme="colour-safe-light")


@also_large
def test_the_help_of_a_job_lists_its_keys(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.saturated(), ["enter", "question_mark"])


@only_small
@pytest.mark.parametrize(
    ("make_snapshot", "keys"),
    [
        pytest.param(snapshots.saturated, [], id="dashboard"),
        pytest.param(snapshots.saturated, ["4"], id="pane"),
        pytest.param(snapshots.empty, [], id="no-jobs"),
        pytest.param(snapshots.idle, ["enter"], id="job"),
        pytest.param(snapshots.saturated, ["n", "enter"], id="failed-job"),
        pytest.param(snapshots.with_limits, [*"jjjj", "enter", "2"], id="durations"),
        pytest.param(snapshots.with_limits, [*"jjjj", "enter", "3"], id="outcomes"),
        pytest.param(snapshots.idle, ["4", *"jjjjj", "enter"], id="run"),
        pytest.param(snapshots.idle, ["4", *"jjjjj", "l"], id="log"),
        pytest.param(snapshots.busy, ["5"], id="timeline"),
        pytest.param(snapshots.crowded, ["6", SETTLE], id="calendar"),
        pytest.param(snapshots.mid_run, ["h"], id="history"),
        pytest.param(snapshots.idle, ["question_mark"], id="help"),
        pytest.param(snapshots.saturated, ["p"], id="pause"),
        pytest.param(snapshots.idle, ["j", "e"], id="schedule"),
    ],
)
def test_a_small_terminal_shows_what_matters_most(
    assert_screen: AssertScreen, make_snapshot: Callable[[], Snapshot], keys: list[str]
) -> None:
    """In the lowest terminal, a dialog has one row for its border."""
    assert_screen(make_snapshot(), keys)


# --- several schedulers ---------------------------------------------------------------------------


NEVER_CONNECTED = "no connection (connection refused); trying again"


def other_schedulers() -> list[ScriptedBackend]:
    """Return three schedulers: with jobs that fail, never reached, and with a long name."""
    others = [
        ScriptedBackend(snapshots.saturated(), "billing.py"),
        ScriptedBackend(blank_snapshot(snapshots.NOW), "127.0.0.1:9003"),
        ScriptedBackend(snapshots.after_downtime(), "reports_of_the_whole_company_日本語.py"),
    ]
    others[1].connection_error = NEVER_CONNECTED
    return others


@also_large
def test_the_first_row_has_a_tab_for_each_scheduler(assert_screen: AssertScreen) -> None:
    """With a mark if it needs attention."""
    assert_screen(snapshots.mid_run(), others=other_schedulers())


@also_large
def test_a_screen_above_the_dashboard_has_the_tabs_too(assert_screen: AssertScreen) -> None:
    """In a light theme."""
    assert_screen(snapshots.mid_run(), ["alt+2", "enter"], others=other_schedulers(), theme="textual-light")


@also_large
def test_the_tab_of_a_scheduler_that_was_never_reached_says_why(assert_screen: AssertScreen) -> None:
    """Nothing on it is made up."""
    assert_screen(
        blank_snapshot(snapshots.NOW), connection_error=NEVER_CONNECTED, others=other_schedulers()[::2]
    )


@also_large
def test_the_alarms_are_listed_in_whole_sentences(assert_screen: AssertScreen) -> None:
    assert_screen(snapshots.saturated(), ["A"])


@also_large
def test_the_dialog_for_another_password_names_the_server_and_the_error(assert_screen: AssertScreen) -> None:
    """Of the password, only the length is visible."""
    assert_screen(
        blank_snapshot(snapshots.NOW),
        ["i", *"ada", "enter", *"secret"],
        connection_error="no connection (wrong user name or password); trying again every 120 s",
        address="http://127.0.0.1:9001/@jobs",
        needs_sign_in=True,
    )
