"""Tests of the page of a run, and of the failure on the page of a job."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import snapshots
from support.app_driver import NARROW, WIDE, AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend

from jobtui.engine.enums import RunState
from jobtui.engine.views import RunView
from jobtui.frontend.text_lines import TextLine
from jobtui.tui.screens.arguments_screen import RunFormScreen
from jobtui.tui.screens.confirm import ConfirmScreen
from jobtui.tui.screens.history_screen import HistoryScreen
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.screens.log_screen import LogScreen
from jobtui.tui.screens.pause_dialog import PauseScreen
from jobtui.tui.screens.reschedule import RescheduleScreen
from jobtui.tui.screens.run import RunScreen
from jobtui.tui.screens.stack_screen import StackScreen
from jobtui.tui.screens.why_screen import WhyScreen
from jobtui.tui.widgets.wrapped_lines import WrappedLines, wrap_line

FAILED = ("4", *"jjjjj", "enter")  # the keys to the page of the run 866
BESIDE = (160, 40)


def page_of(driver: AppDriver) -> WrappedLines:
    """Return the page of the run on the screen."""
    return driver.screen.query_one("#run-page", WrappedLines)


# --- which line of my code: two keys --------------------------------------------------------------


@async_test
async def test_a_long_message_hides_neither_the_line_of_code_nor_the_runs_in_a_small_terminal() -> None:
    """The page of the run has the whole message, in a fold."""
    snapshot, long = snapshots.saturated(), "the server said no because " * 40

    def changed(run: RunView) -> RunView:
        error = run.error.replace("KeyError: 'amount'", f"ValueError: {long}")
        return replace(run, reason=f"ValueError: {long}", error=error) if run.error else run

    recent = tuple(map(changed, snapshot.recent))
    async with running_app(ScriptedBackend(replace(snapshot, recent=recent)), NARROW) as driver:
        await driver.press("n", "enter")
        assert "demo_jobs.py:172 in read_order" in driver.text
        assert "✗ FAILED    #876" in driver.text
        await driver.press("enter")
        assert "more characters of the message" in driver.text
        assert "demo_jobs.py:172 in read_order" in driver.text


@async_test
async def test_the_first_frame_of_the_page_has_its_whole_width_or_nothing() -> None:
    """The widget gets its lines before its size."""
    async with running_app(ScriptedBackend(snapshots.saturated())) as driver:
        page = WrappedLines(empty="", id="before-the-layout")
        await driver.screen.mount(page)
        page.update_lines([TextLine("part", (("some words that would wrap", ""),))])
        assert not page.size.width
        assert list(page.rows) == []
        await driver.settle()
        assert ["".join(text for text, _ in row.pieces) for row in page.rows] == [
            "some words that would wrap"
        ]


@async_test
async def test_two_keys_show_the_error_and_the_line_of_the_users_code() -> None:
    async with running_app(ScriptedBackend(snapshots.saturated())) as driver:
        await driver.press("n", "enter")
        assert isinstance(driver.screen, JobScreen)
        assert "✗ FAILED KeyError: 'amount'" in driver.text
        assert "demo_jobs.py:172 in read_order  #876, Mon 2026-03-16 10:24:04 GMT" in driver.text
        assert '→   172 │ return Decimal(line["amount"])' in driver.text


@async_test
async def test_another_failure_replaces_the_first_and_stays_until_the_job_has_not_failed_lately() -> None:
    async with running_app(ScriptedBackend(snapshots.saturated())) as driver:
        await driver.press("n", "enter")
        snapshot = driver.backend.snapshot()
        again = replace(snapshots.failed_run(890, 1), error="OSError: disk full")
        await driver.show_snapshot(replace(snapshot, recent=(again, *snapshot.recent)))
        assert "✗ FAILED OSError: disk full" in driver.text
        for recent, shown in (((RunState.FAILED, RunState.OK), True), ((RunState.OK,), False)):
            jobs = tuple(
                replace(job, recent=recent) if job.name == "import_orders" else job for job in snapshot.jobs
            )
            await driver.show_snapshot(replace(snapshot, jobs=jobs, recent=(again, *snapshot.recent)))
            assert ("✗ FAILED OSError: disk full" in driver.text) is shown
            assert ("#890, Mon 2026-03-16 10:24:06 GMT, OK since" in driver.text) is shown


@async_test
async def test_the_failure_takes_few_rows_in_a_low_terminal() -> None:
    async with running_app(ScriptedBackend(snapshots.saturated()), NARROW) as driver:
        await driver.press("n", "enter")
        assert '→   172 │ return Decimal(line["amount"])' in driver.text
        assert "✗ FAILED    #876" in driver.text


# --- the page -------------------------------------------------------------------------------------


@async_test
async def test_enter_folds_and_unfolds_what_is_under_the_cursor() -> None:
    link = "The above exception was the direct cause of the following exception:"
    error = f"OSError: x\n\n{link}\n\n{snapshots.TRACEBACK}"
    snapshot = snapshots.idle()
    recent = tuple(replace(run, error=error) if run.number == 866 else run for run in snapshot.recent)
    async with running_app(ScriptedBackend(replace(snapshot, recent=recent))) as driver:
        await driver.press(*FAILED)
        page = page_of(driver)
        page.select(lambda row: "caused by" in "".join(text for text, _ in row.pieces))
        assert "▸ caused by OSError: x" in driver.text
        await driver.press("enter")
        assert "▾ caused by OSError: x" in driver.text
        await driver.press("enter")
        assert "▸ caused by OSError: x" in driver.text
        await driver.press("a")
        assert "▾ caused by OSError: x" in driver.text
        await driver.press("a")
        assert "▸ caused by OSError: x" in driver.text


@async_test
async def test_the_page_follows_a_run_until_it_has_ended() -> None:
    snapshot = snapshots.mid_run()
    backend = ScriptedBackend(snapshot)
    backend.outputs[870] = "half\n"
    async with running_app(backend) as driver:
        await driver.press("1", "enter")
        assert "▶ RUNNING for 1m15s" in driver.text
        assert "progress  " in driver.text
        assert "half" in driver.text
        backend.outputs[870] = "half\nwhole\n"
        ended = replace(
            snapshots.ended_run(870, "compress_log", 0, RunState.FAILED, took=76),
            error=snapshots.TRACEBACK,
        )
        await driver.show_snapshot(replace(snapshot, running=snapshot.running[1:], recent=(ended,)))
        assert "✗ FAILED after 1m16s" in driver.text
        assert "KeyError: 'amount'" in driver.text
        assert "whole" in driver.text


@async_test
async def test_a_run_that_goes_on_is_asked_for_once_in_each_refresh_and_an_ended_one_never_again() -> None:
    asked: list[str] = []

    class Backend(ScriptedBackend):
        def run_view(self, number: int) -> RunView:
            asked.append("run")
            return super().run_view(number)

        def find_runs(self, **conditions: Any) -> Sequence[RunView]:
            asked.append("runs")
            return super().find_runs(**conditions)

    snapshot = snapshots.mid_run()
    waited = replace(snapshot.running[0], waiting_since=snapshots.ago(99))
    async with running_app(Backend(replace(snapshot, running=(waited, *snapshot.running[1:])))) as driver:
        await driver.press("1", "enter")
        assert sorted(asked) == ["run", "runs"]
        await driver.refresh()
        assert sorted(asked) == ["run", "run", "runs"]
        await driver.press("escape", "4", "enter")
        asked.clear()
        await driver.refresh()
        assert asked == []


@pytest.mark.parametrize(("size", "beside"), [(BESIDE, True), ((120, 32), False), (NARROW, False)])
@async_test
async def test_the_output_stands_beside_the_page_in_a_wide_terminal(
    size: tuple[int, int], beside: bool
) -> None:
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend, size) as driver:
        await driver.press(*FAILED)
        page, output = page_of(driver).region, driver.screen.query_one("#run-output").region
        assert (output.x > page.right - 2) is beside
        assert (output.y >= page.bottom) is not beside


@pytest.mark.parametrize("lines", [1, 200], ids=["all fit", "scrollbar"])
@async_test
async def test_a_row_that_is_as_wide_as_the_table_is_shown_in_full(lines: int) -> None:
    """The first piece of a cell that is too narrow would be shortened."""
    snapshot = snapshots.idle()
    reason = "".join(f"{number:05}" for number in range(100)) * lines
    recent = tuple(replace(run, error="", arguments=reason) if run.error else run for run in snapshot.recent)
    async with running_app(ScriptedBackend(replace(snapshot, recent=recent)), NARROW) as driver:
        await driver.press(*FAILED)
        page = page_of(driver)
        rows = ["".join(text for text, _ in row.pieces) for row in page.rows]
        shown = [line[2:].rstrip(" ▁▂▃▄▅▆▇█") for line in driver.lines(page)]
        assert [row.rstrip(" █") for row in rows[: len(shown)]] == shown[: len(rows)]


@async_test
async def test_short_output_leaves_its_rows_to_the_page() -> None:
    backend = ScriptedBackend(snapshots.idle())
    backend.outputs[866] = "one line\n"
    async with running_app(backend) as driver:
        await driver.press(*FAILED)
        output = driver.screen.query_one("#run-output")
        assert output.outer_size.height == 2  # with the title
        await driver.press("tab", "z")
        assert output.outer_size.height > 20


@async_test
async def test_z_gives_the_whole_screen_to_the_focused_pane_and_back() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press(*FAILED, "z")
        assert "Output" not in driver.text
        await driver.press("z", "tab", "z")
        assert "KeyError" not in driver.text
        assert "printed nothing" in driver.text
        await driver.press("z")
        assert "KeyError" in driver.text


@async_test
async def test_y_copies_the_traceback_as_python_prints_it() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press(*FAILED, "y")
        assert driver.app.clipboard == snapshots.TRACEBACK
        assert driver.toasts[-1][1] == "copied the traceback: 8 lines"


@async_test
async def test_keys_without_a_traceback_say_so() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("4", "enter", "y", "E", "t", "x", "n")
        assert [text for _, text in driver.toasts] == [
            "the run has no traceback to copy",
            "the run has no traceback, so there is no line to open",
            "run 871 does not run now, so it has no stack",
            "the run has ended, so there is nothing to cancel",
            "no earlier run of the job that is kept has failed",
        ]


@async_test
async def test_n_shows_the_failure_before_this_one() -> None:
    snapshot = snapshots.idle()
    recent = (*snapshot.recent, snapshots.failed_run(700, 3600))
    async with running_app(ScriptedBackend(replace(snapshot, recent=recent))) as driver:
        await driver.press(*FAILED, "n")
        assert "import_orders #700" in driver.text
        await driver.press("escape")
        assert not isinstance(driver.screen, RunScreen)


@pytest.mark.parametrize(
    ("key", "screen"),
    [
        ("w", WhyScreen),
        ("h", HistoryScreen),
        ("p", PauseScreen),
        ("e", RescheduleScreen),
        ("R", RunFormScreen),
    ],
)
@async_test
async def test_a_key_opens_the_screen_that_it_opens_elsewhere(key: str, screen: type) -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press(*FAILED, key)
        assert isinstance(driver.screen, screen)
        await driver.press("escape")
        assert isinstance(driver.screen, RunScreen)


@async_test
async def test_l_shows_the_log_of_the_run() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press(*FAILED, "l")
        assert isinstance(driver.screen, LogScreen)


@pytest.mark.parametrize(("key", "screen"), [("x", ConfirmScreen), ("t", StackScreen)])
@async_test
async def test_a_key_acts_on_the_run_that_runs(key: str, screen: type) -> None:
    backend = ScriptedBackend(snapshots.mid_run())
    async with running_app(backend) as driver:
        await driver.press("1", "enter", key)
        assert isinstance(driver.screen, screen)
        if key == "x":
            await driver.press("y")
            assert ("cancel", 870) in backend.commands


@pytest.mark.parametrize("size", [WIDE, NARROW])
@async_test
async def test_the_footer_has_the_keys_to_cancel_a_run_and_to_see_its_stack_while_it_runs(
    size: tuple[int, int],
) -> None:
    snapshot = snapshots.mid_run()
    async with running_app(ScriptedBackend(snapshot), size) as driver:
        await driver.press("1", "enter")
        footer = driver.text.splitlines()[-1]
        assert "r Again x Cancel t Stack E Editor y Copy" in " ".join(footer.split())
        ended = snapshots.ended_run(870, "compress_log", 0, took=76)
        await driver.show_snapshot(replace(snapshot, running=snapshot.running[1:], recent=(ended,)))
        footer = driver.text.splitlines()[-1]
        assert "r Again E Editor y Copy" in " ".join(footer.split())


@async_test
async def test_the_footer_of_a_run_that_waits_has_the_key_to_cancel_it_but_none_for_a_stack() -> None:
    waiting = snapshots.waiting_run(880, "refresh_cache", 8, RunState.QUEUED)
    snapshot = replace(snapshots.idle(), waiting=(waiting,))
    async with running_app(ScriptedBackend(snapshot)) as driver:
        await driver.press("2", "enter")
        assert isinstance(driver.screen, RunScreen)
        footer = " ".join(driver.text.splitlines()[-1].split())
        assert "r Again x Cancel E Editor" in footer


# --- the editor -----------------------------------------------------------------------------------


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set an editor that writes its arguments into a file, and return that file."""
    path = tmp_path / "edited"
    script = f"import sys; open({str(path)!r}, 'w').write(repr(sys.argv[1:]))"
    monkeypatch.setenv("VISUAL", f'{sys.executable} -c "{script}"')
    return path


def backend_with_source(tmp_path: Path) -> tuple[ScriptedBackend, str]:
    """Return a backend with a failed run whose file exists, and the path of the file."""
    source = tmp_path / "orders.py"
    source.write_text("def work():\n    raise KeyError('amount')\n")
    os.utime(source, (0, 0))
    error = (
        f'Traceback (most recent call last):\n  File "{source}", line 2, in work\n'
        "    raise KeyError('amount')\nKeyError: 'amount'"
    )
    snapshot = snapshots.saturated()

    def changed(run: RunView) -> RunView:
        return replace(run, error=error) if run.error else run

    return ScriptedBackend(replace(snapshot, recent=tuple(map(changed, snapshot.recent)))), str(source)


@pytest.mark.parametrize("keys", [("n", "enter", "E"), ("n", "enter", "enter", "E")], ids=["job", "run"])
@async_test
async def test_upper_e_opens_the_line_that_failed_in_the_editor(
    keys: tuple[str, ...], tmp_path: Path, edited: Path
) -> None:
    backend, source = backend_with_source(tmp_path)
    async with running_app(backend) as driver:
        await driver.press(*keys)
        assert driver.toasts == []
    assert edited.read_text() == repr(["+2", source])  # noqa: ASYNC240 - a small file


@async_test
async def test_upper_e_says_that_a_file_is_on_another_machine() -> None:
    error = snapshots.TRACEBACK.replace("demo_jobs.py", "/srv/elsewhere/jobs.py")
    snapshot = snapshots.idle()
    recent = tuple(replace(run, error=error) if run.error else run for run in snapshot.recent)
    async with running_app(ScriptedBackend(replace(snapshot, recent=recent))) as driver:
        await driver.press(*FAILED, "E")
        assert driver.toasts == [("warning", "/srv/elsewhere/jobs.py is not on this machine")]


# --- wrapping -------------------------------------------------------------------------------------


def wrapped(text: str, width: int, carets: str = "", margin: str = "", hang: int = 0) -> list[str]:
    """Return the rows of a line."""
    line = TextLine("part", ((text, ""),), margin=margin, hang=hang, carets=carets)
    return ["".join(piece for piece, _ in row) for row in wrap_line(line, width)]


def test_carets_stay_below_their_code_when_it_wraps() -> None:
    assert wrapped("0123456789abcdef", 10, carets="        ^^^^") == [
        "0123456789",
        "        ^^",
        "abcdef",
        "^^",
    ]


def test_carets_stay_below_wide_characters() -> None:
    """A wide character takes two cells, and is never cut in half."""
    assert wrapped("日本語です", 5, carets="  ~~~~") == ["日本", "  ~~", "語で", "~~", "す"]


def test_a_line_breaks_after_a_space_and_hangs_below_its_margin() -> None:
    assert wrapped("return the whole order", 14, margin="│ ", hang=2) == [
        "│ return the ",
        "│   whole ",
        "│   order",
    ]


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_table_that_is_very_narrow_wraps_without_end(width: int) -> None:
    assert "".join(wrapped("日本 ab", width)).replace(" ", "") == "日本ab"
