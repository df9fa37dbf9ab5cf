"""The log view: it follows, stands still, reads pages, searches, filters, copies and saves."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import snapshots
from support.app_driver import NARROW, WIDE, AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import Input

from jobtui.engine.enums import RunState
from jobtui.engine.views import RunView
from jobtui.frontend.backend import LogLine
from jobtui.frontend.line_buffer import LineBuffer
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.tui.screens.log_screen import LogScreen
from jobtui.tui.widgets.log_lines import LogLines

RUN = 866  # a run of import_orders in the snapshot that has failed
LATEST = 869  # its latest run
AT = snapshots.NOW.timestamp()


def line(text: str, stream: str = "stdout", at: float = AT) -> LogLine:
    """Return a line of the run."""
    return LogLine(at, "import_orders", RUN, stream, text)


def backend_with(lines: Sequence[LogLine], *, page_size: int = 2_000) -> ScriptedBackend:
    """Return a backend whose failed run has written lines."""
    backend = ScriptedBackend(snapshots.idle())
    backend.log_lines |= {RUN: list(lines), LATEST: list(lines)}
    backend.page_size = page_size
    return backend


class LogDriver:
    """Reads the log view of a running app.

    Args:
        driver: Drives the app.
    """

    def __init__(self, driver: AppDriver) -> None:
        self.driver = driver

    @property
    def lines(self) -> LogLines[LogLine]:
        """The lines."""
        return self.driver.screen.query_one(LogLines)

    @property
    def selected(self) -> str:
        """The text of the selected line."""
        return "" if self.lines.selected is None else self.lines.selected.text

    @property
    def shown(self) -> list[str]:
        """The text of the lines on the screen, without the blank ones."""
        return [text.rstrip(" ▐") for text in self.driver.lines(self.lines) if text.strip(" ▐")]

    @property
    def state(self) -> str:
        """The line above the lines."""
        return self.driver.lines(self.driver.screen.query_one("#log-state"))[0].rstrip()

    async def refresh(self) -> None:
        """Take another snapshot, and wait for the answer of the request for new lines."""
        await self.driver.refresh()


@asynccontextmanager
async def log_of_run(backend: ScriptedBackend, size: tuple[int, int] = WIDE) -> AsyncIterator[LogDriver]:
    """Open the log of the failed run."""
    async with running_app(backend, size) as driver:
        await driver.press("4", *"jjjjj", "l")
        assert isinstance(driver.screen, LogScreen)
        assert f"Log: import_orders #{RUN}" in driver.text
        yield LogDriver(driver)


@asynccontextmanager
async def log_of_all(backend: ScriptedBackend, size: tuple[int, int] = WIDE) -> AsyncIterator[LogDriver]:
    """Open the merged log."""
    async with running_app(backend, size) as driver:
        await driver.press("o")
        assert "Log of all jobs" in driver.text
        yield LogDriver(driver)


# --- opening --------------------------------------------------------------------------------------


@async_test
async def test_two_keys_show_what_a_run_has_printed() -> None:
    """On a job: its latest run."""
    backend = backend_with([line("127 orders, 3 new")])
    async with running_app(backend) as driver:
        await driver.press("j", "l")
        assert "127 orders, 3 new" not in driver.text
        await driver.press("escape", "j", "j", "j", "l")
        assert f"Log: import_orders #{LATEST}" in driver.text
        assert "127 orders, 3 new" in driver.text
        await driver.press("l")
        assert isinstance(driver.screen, Dashboard)


@async_test
@pytest.mark.parametrize(
    "keys", [["4", *"jjjjj", "enter", "l"], [*"jjjj", "enter", "l"], ["h", "j", "j", "l"]]
)
async def test_the_log_opens_from_the_screens_of_run_job_and_history(keys: list[str]) -> None:
    async with running_app(backend_with([line("127 orders, 3 new")])) as driver:
        await driver.press(*keys)
        assert isinstance(driver.screen, LogScreen)
        assert "127 orders, 3 new" in driver.text


@async_test
async def test_a_job_without_a_run_has_a_sentence_in_place_of_lines() -> None:
    backend = ScriptedBackend(snapshots.idle())
    backend.history = []
    async with running_app(backend) as driver:
        await driver.press("l")
        assert re.search("no run of [a-z_]+ has started yet", driver.text)


@async_test
async def test_the_view_of_a_job_without_a_run_follows_the_first_run_as_soon_as_it_starts() -> None:
    """A search or a difference before that says that there is nothing yet, and ends."""
    job = snapshots.make_job("later", prev=None)
    backend = ScriptedBackend(snapshots.make([job]))
    async with running_app(backend) as driver:
        await driver.press("l")
        log = LogDriver(driver)
        assert driver.text.count("no run of later has started yet") == 1
        assert log.state == "waits for the first run"
        await driver.press("slash", *"order", "enter")
        assert "searching" not in log.state
        assert driver.toasts[-1] == ("warning", "no match")
        for key in "dS":
            await driver.press(key)
            assert driver.toasts[-1] == ("warning", "no run of later has started yet")
        read = backend.pages_read
        await log.refresh()
        assert backend.pages_read == read
        run = snapshots.running_run(9, "later", 1)
        backend.log_lines[9] = [LogLine(AT, "later", 9, "stdout", "first")]
        started = replace(job, running=1, prev=run.started)
        await driver.show_snapshot(snapshots.make([started], running=[run]))
        assert "Log: later #9" in driver.text
        assert "no run of" not in "".join(log.shown)
        assert log.state.startswith("▶ RUNNING for 1s  ▼ follows new lines")
        assert log.selected == "first"
        backend.log_lines[9].append(LogLine(AT, "later", 9, "stdout", "second"))
        await log.refresh()
        assert log.selected == "second"


@async_test
async def test_a_run_that_starts_while_the_first_request_is_answered_is_followed_too() -> None:
    """No later snapshot may say so: the view asks again after a moment."""
    job = snapshots.make_job("later", prev=None)
    run = snapshots.running_run(9, "later", 1)

    class Backend(ScriptedBackend):
        def find_runs(self, **conditions: Any) -> Sequence[RunView]:
            found = super().find_runs(**conditions)
            started = replace(job, running=1, prev=run.started)
            self._snapshot = snapshots.make([started], running=[run])  # without a signal
            return found

    backend = Backend(snapshots.make([job]))
    backend.log_lines[9] = [LogLine(AT, "later", 9, "stdout", "first")]
    async with running_app(backend) as driver:
        await driver.press("l")
        await driver.until(lambda: "Log: later #9" in driver.text)


@async_test
async def test_an_error_ends_a_search_and_is_shown_once() -> None:
    backend = ScriptedBackend(snapshots.idle())
    backend.history = []
    backend.find_error = ValueError("the scheduler has no log")
    async with running_app(backend) as driver:
        await driver.press("l", "slash", *"order", "enter")
        assert driver.text.count("the scheduler has no log") == 1
        assert "searching" not in driver.text


@async_test
async def test_a_run_without_output_and_one_that_is_not_recorded_are_told_apart() -> None:
    backend = backend_with([])
    async with log_of_run(backend) as log:
        assert "printed nothing" in log.driver.text
    backend.outputs[RUN] = None  # type: ignore[assignment]  # as of a program that captures no output
    backend.log_lines[RUN] = []
    async with log_of_run(backend) as log:
        assert "not recorded" in log.driver.text


# --- following ------------------------------------------------------------------------------------


@async_test
async def test_the_view_opens_at_the_end_and_follows_until_the_cursor_moves_up() -> None:
    backend = ScriptedBackend(snapshots.idle())
    output_log = backend.output_log
    output_log.write("a", 1, "stdout", "".join(f"line {index}\n" for index in range(200)))
    async with log_of_all(backend) as log:
        assert log.selected == "line 199"
        assert log.state.startswith("▼ follows new lines  200 lines")
        output_log.write("a", 1, "stdout", "more\nbegun")
        await log.refresh()
        assert log.selected == "begun"
        output_log.write("a", 1, "stdout", " and ended\n")
        await log.refresh()
        assert log.selected == "begun and ended"
        await log.driver.press("k", "k")
        shown = log.shown
        output_log.write("a", 1, "stdout", "x\n" * 50)
        await log.refresh()
        assert log.shown == shown
        assert log.selected == "line 199"
        assert "‖ stands still, f follows  line 200 of 252" in log.state
        await log.driver.press("f")
        assert log.selected == "x"
        assert "follows new lines" in log.state
        await log.driver.press("f")
        assert "stands still" in log.state
        await log.driver.press("k", "j")
        assert "follows new lines" in log.state
        await log.driver.press("k")
        assert "stands still" in log.state
        await log.driver.press("G")
        assert "follows new lines" in log.state
        await log.driver.press("o")
        assert len(log.driver.app.screen_stack) == 1


@async_test
async def test_the_view_of_a_run_that_has_ended_asks_no_more() -> None:
    backend = backend_with([line("done")])
    async with log_of_run(backend) as log:
        assert log.state.startswith("✗ FAILED after")
        assert "at the end" in log.state
        read = backend.pages_read
        await log.refresh()
        assert backend.pages_read == read


@async_test
async def test_a_poll_without_news_repaints_nothing() -> None:
    backend = ScriptedBackend(snapshots.idle())
    backend.output_log.write("a", 1, "stdout", "one\nbegun")
    async with log_of_all(backend) as log:
        await log.refresh()
        painted: list[object] = []
        render_lines = log.lines.render_lines

        def paint(crop: Region) -> list[Strip]:
            painted.append(crop)
            return render_lines(crop)

        setattr(log.lines, "render_lines", paint)  # noqa: B010 - mypy allows no other way
        read = backend.pages_read
        await log.refresh()
        assert backend.pages_read == read + 1
        assert painted == []
        backend.output_log.write("a", 1, "stdout", " and ended\n")
        await log.refresh()
        assert painted


@async_test
async def test_lines_of_a_restarted_scheduler_come_after_a_line_that_says_so() -> None:
    backend = ScriptedBackend(snapshots.idle())
    backend.output_log.write("a", 1, "stdout", "old 1\nold 2\n")
    async with log_of_all(backend) as log:
        restarted = ScriptedBackend(snapshots.idle())
        restarted.output_log.write("a", 1, "stdout", "new 1\n")
        page = restarted.log_page()
        backend.log_page = lambda run=None, *, before=None, after=None: replace(page, continues=not after)  # type: ignore[method-assign]
        await log.refresh()
        assert [line.text for line in log.lines.visible_rows] == [
            "old 1",
            "old 2",
            "[lines in between are not kept any more]",
            "new 1",
        ]
        assert log.selected == "new 1"


# --- pages ----------------------------------------------------------------------------------------


@async_test
async def test_earlier_pages_are_read_when_the_cursor_comes_near_and_nothing_jumps() -> None:
    backend = backend_with([line(f"line {index:03}") for index in range(500)], page_size=100)
    async with log_of_run(backend) as log:
        assert (log.selected, backend.pages_read) == ("line 499", 1)
        for _ in range(12):
            await log.driver.press("pageup")
        assert backend.pages_read > 2
        index = int(log.selected.split()[1])
        assert log.shown[0].endswith(f"line {index - log.lines.cursor + log.lines.top:03}")
        await log.driver.press("g")
        assert log.selected == "line 000"
        assert "line 1 of" in log.state
        await log.driver.press(*["pagedown"] * 5)
        assert log.selected > "line 100"
        await log.driver.press("G")
        assert log.selected == "line 499"


@async_test
async def test_pages_are_read_until_a_filter_that_hides_most_lines_fills_the_screen() -> None:
    lines = [line(f"line {index}", "ERROR" if index % 50 == 0 else "INFO") for index in range(2_000)]
    async with log_of_run(backend_with(lines, page_size=100)) as log:
        await log.driver.press("L", "L")
        assert "level WARNING or above" in log.state
        assert len(log.shown) == log.lines.size.height
        assert log.selected == "line 1950"
        await log.driver.press("L", "L")
        assert "no line of level CRITICAL or above; L shows others" in log.driver.text
        await log.driver.press("L")
        assert "level" not in log.state


# --- searching ------------------------------------------------------------------------------------


@async_test
async def test_a_search_moves_between_matches_and_counts_them() -> None:
    texts = ["order 1", "Order 2", "nothing", "order 3", "nothing"]
    async with log_of_run(backend_with([line(text) for text in texts])) as log:
        await log.driver.press("slash", *"order", "enter")
        assert (log.selected, log.driver.focus) == ("order 3", "log-lines")
        assert "/order/ 3 of 3" in log.state
        await log.driver.press("N")
        assert log.selected == "Order 2"
        await log.driver.press("n")
        assert log.selected == "order 3"
        await log.driver.press("n")
        assert log.driver.toasts[-1] == ("warning", "no match below; N searches upwards")
        await log.driver.press("N", "N", "N")
        assert log.driver.toasts[-1] == ("warning", "no match above; n searches downwards")
        assert log.selected == "order 1"
        await log.driver.press("slash", "escape")
        assert "order" not in log.state
        await log.driver.press("n")
        assert log.driver.toasts[-1] == ("warning", "there is nothing to search: / asks for a text")


@async_test
async def test_a_search_reads_pages_until_it_finds_a_match() -> None:
    lines = [line("needle" if index in (3, 1_990) else f"hay {index}") for index in range(2_000)]
    async with log_of_run(backend_with(lines, page_size=100)) as log:
        await log.driver.press("slash", *"needle", "enter")
        assert log.selected == "needle"
        await log.driver.press("N")
        assert log.selected == "needle"
        assert backend_reads_all(log)
        await log.driver.press("N")
        assert log.driver.toasts[-1][1].startswith("no match above")
        await log.driver.press("n")
        assert log.selected == "needle"


@async_test
async def test_a_number_of_lines_has_a_plus_while_there_are_more_lines_than_those_in_memory() -> None:
    """The number of the first line, that of the lines, and that of the matches, in both directions."""
    lines = [line("match" if index % 2 else f"line {index}") for index in range(500)]
    async with log_of_run(backend_with(lines, page_size=100)) as log:
        assert "100+ lines" in log.state
        await log.driver.press("slash", *"match", "enter")
        assert "/match/ 50 of 50+" in log.state
        await log.driver.press("g")
        assert "line 1 of 100+" in log.state
        assert "/match/ 50+ lines" in log.state
        await log.driver.press("j")
        assert "/match/ 1 of 50+" in log.state
        for _ in range(30):
            await log.driver.press("pagedown")
        await log.driver.press("G", "N")
        assert "line 498 of 500" in log.state
        assert "500+" not in log.state
        assert "/match/ 249 of 250" in log.state
        assert "250+" not in log.state


@async_test
async def test_a_search_without_any_match_says_so_when_all_lines_have_been_searched() -> None:
    """Even if they do not fit into the memory; and only then."""
    lines = [line(f"line {index}") for index in range(500)]
    async with log_of_run(backend_with(lines, page_size=100)) as log:
        buffer = log.lines.rows
        assert isinstance(buffer, LineBuffer)
        buffer.most = 250
        await log.driver.press("slash", *"nowhere", "enter")
        assert log.driver.toasts[-1] == ("warning", "no match")
        assert not buffer.is_latest
        await log.driver.press("n")
        assert log.driver.toasts[-1] == ("warning", "no match")
        await log.driver.press("k", "k", "k", "n")
        assert log.driver.toasts[-1] == ("warning", "no match below; N searches upwards")
        await log.driver.press("N")
        assert log.driver.toasts[-1] == ("warning", "no match")


@async_test
async def test_a_search_stays_at_its_match_while_lines_are_written() -> None:
    """Also if the last line, which the view follows, is the match."""
    backend = ScriptedBackend(snapshots.idle())
    backend.output_log.write("a", 1, "stdout", "order 1\nother\norder 2\n")
    async with log_of_all(backend) as log:
        await log.driver.press("slash", *"order", "enter")
        backend.output_log.write("a", 1, "stdout", "other\n" * 50)
        await log.refresh()
        assert log.selected == "order 2"
        assert "stands still" in log.state
        await log.driver.press("N")
        assert log.selected == "order 1"


def backend_reads_all(log: LogDriver) -> bool:
    """Return whether all pages of 2,000 lines were read."""
    backend = log.driver.backend
    assert isinstance(backend, ScriptedBackend)
    return backend.pages_read >= 20


@async_test
async def test_a_regular_expression_finds_and_a_bad_one_says_where_it_is_wrong() -> None:
    async with log_of_run(backend_with([line("port 80"), line("port x")])) as log:
        await log.driver.press("slash", *"port [0-9", "ctrl+r")
        assert "! not a regular expression: unterminated character set, at character 6" in log.state
        await log.driver.press("enter")
        assert log.driver.focus == "log-search"
        await log.driver.press("right_square_bracket", "enter")
        assert log.selected == "port 80"
        assert "/regex port [0-9]/ 1 of 1" in log.state
        await log.driver.press("ctrl+r")
        assert log.driver.toasts[-1][1] == "the search is a text"
        assert "/port [0-9]/ 0 lines" in log.state


@async_test
async def test_a_regular_expression_that_takes_too_long_is_given_up_with_a_message() -> None:
    async with log_of_run(backend_with([line("a" * 100 + "b")])) as log:
        await log.driver.press("slash", "ctrl+r", *"(a+)+$")
        assert "! the search takes more than 0.25 s: simplify the regular expression" in log.state
        assert "0 lines" not in log.state  # that is not known
        await log.driver.press("enter")
        assert log.driver.focus == "log-search"
        await log.driver.press("escape")
        assert "the search" not in log.state


@async_test
async def test_keys_are_text_while_the_search_is_typed() -> None:
    async with log_of_run(backend_with([line("x")])) as log:
        await log.driver.press("slash", *"qLWTfySo")
        assert log.driver.screen.query_one(Input).value == "qLWTfySo"


# --- how lines are shown --------------------------------------------------------------------------


@async_test
async def test_times_are_of_the_day_since_the_start_or_absent() -> None:
    backend = backend_with([])
    run = backend.run_view(RUN)
    assert run.started is not None
    backend.log_lines[RUN] = [line("x", at=run.started.timestamp() + 1.5)]
    async with log_of_run(backend) as log:
        assert re.search(r"▸ \d\d:\d\d:\d\d\.\d{3} +x", log.shown[0])
        await log.driver.press("T")
        assert re.search(r"▸ +\+1\.500 +x", log.shown[0])
        assert "times since the start" in log.state
        await log.driver.press("T")
        assert re.fullmatch(r"▸ +x", log.shown[0])
        await log.driver.press("T")
        assert ":" in log.shown[0]
    async with log_of_all(ScriptedBackend(snapshots.idle())) as log:
        await log.driver.press("T")
        assert "times since" not in log.state


@async_test
async def test_long_lines_are_cut_off_moved_sideways_or_wrapped() -> None:
    long = "".join(f"{number:03}," for number in range(100))
    async with log_of_run(backend_with([line(long), line("last")]), NARROW) as log:
        assert log.shown[0].endswith("…")
        assert "099" not in log.driver.text
        await log.driver.press(*["right"] * 45)
        assert "099" in log.driver.text
        await log.driver.press(*["left"] * 45)
        assert "000," in log.shown[0]
        await log.driver.press("W")
        assert "wraps" in log.state
        assert "".join(text[24:] for text in log.shown[:-1]).replace(" ", "") == long
        await log.driver.press("W")
        assert len(log.shown) == 2


@async_test
async def test_a_wrapped_line_higher_than_the_screen_can_be_read_to_its_end() -> None:
    backend = backend_with([line("first"), line("x" * 1_000 + "middle" + "y" * 3_000 + "end"), line("last")])
    async with log_of_run(backend, NARROW) as log:
        await log.driver.press("W", "g")
        assert log.shown[0].endswith("first")
        seen = ""
        for _ in range(120):
            seen += log.driver.text
            await log.driver.pilot.press("j")
            await log.driver.pilot.pause()
        assert "middle" in seen
        assert "yend" in seen
        assert log.selected == "last"
        await log.driver.press("pageup", "pageup", "pageup", "pageup")
        assert log.shown[0].endswith("first")


@async_test
@pytest.mark.parametrize("wrap", [[], ["W"]])
async def test_odd_text_is_shown_literally_and_stays_inside_the_view(wrap: list[str]) -> None:
    odd = [
        "\x1b[31mred\x1b[0m",
        "a\tb",
        "\x00\x07\u202e",
        "[/b]",
        "日本語" * 100,
        "",
        "👩‍👩‍👧",
        "e\u0301",
        "\ud800",
    ]
    lines = [line(text) for text in [*odd, "x" * 1_000_000]]
    async with log_of_run(backend_with(lines), NARROW) as log:
        await log.driver.press(*wrap, "g")
        for text in ("\\x1b[31mred", "a b", "\\x00\\x07\\u202e", "[/b]", "日本語", "\\ud800"):
            assert text in log.driver.text
        assert all(row.endswith(("│", "╮", "╯")) for row in log.driver.text.splitlines()[:-1])
        await log.driver.press("G")
        assert "\x1b" not in log.driver.text
        assert not wrap or "[980000 characters more]" in log.driver.text


@async_test
async def test_the_level_of_a_record_is_a_word_beside_its_line() -> None:
    async with log_of_run(backend_with([line("a", "WARNING"), line("b", "stderr"), line("c")])) as log:
        words = [text.split()[-2] for text in log.shown[:2]]
        assert words == ["WARNING", "stderr"]
        assert len(log.shown[2].split()) == 3


# --- merged ---------------------------------------------------------------------------------------


@async_test
async def test_merged_lines_have_their_job_and_enter_opens_the_log_of_the_run() -> None:
    backend = backend_with([line("127 orders, 3 new")])
    backend.output_log.write("import_orders", RUN, "stdout", "127 orders, 3 new\n")
    backend.output_log.write("", 0, "fd 1", "from C\n")
    async with log_of_all(backend) as log:
        assert re.search(rf"import_orders +#{RUN} +127 orders, 3 new", log.shown[0])
        assert re.search(r"- +fd 1 +from C", log.shown[1])
        await log.driver.press("enter")
        assert log.driver.toasts[-1] == ("warning", "no run wrote this line")
        await log.driver.press("k", "enter")
        assert f"Log: import_orders #{RUN}" in log.driver.text
        await log.driver.press("enter", "escape")
        assert "Log of all jobs" in log.driver.text


@async_test
async def test_the_log_of_marked_jobs_has_only_their_lines() -> None:
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        names = [driver.table().rows[place].name for place in (0, 2)]
        for name in (*names, driver.table().rows[1].name):
            backend.output_log.write(name, 7, "stdout", f"of {name}\n")
        await driver.press("space", "j", "space", "l")
        assert f"Log of 2 jobs: {', '.join(sorted(names))}" in driver.text
        assert [text.split()[-1] for text in LogDriver(driver).shown] == names


# --- taking lines out -----------------------------------------------------------------------------


@async_test
async def test_the_selected_line_and_the_lines_on_the_screen_are_copied() -> None:
    async with log_of_run(backend_with([line("one"), line("two", "ERROR")])) as log:
        await log.driver.press("T", "T", "y")
        assert log.driver.app.clipboard == "two"
        await log.driver.press("Y")
        assert log.driver.app.clipboard == "one\nERROR two\n"
        assert log.driver.toasts[-1][1] == "copied the screen: 2 lines"


@async_test
async def test_the_whole_output_is_saved_and_no_file_is_replaced_without_a_question(tmp_path: Path) -> None:
    lines = [line(f"line {index}", "INFO" if index % 2 else "stdout") for index in range(450)]
    file = tmp_path / "out.log"
    async with log_of_run(backend_with(lines, page_size=100)) as log:
        await log.driver.press("T", "T", "L", "L", "S")
        field = log.driver.screen.query_one(Input)
        assert field.value == f"import_orders-{RUN}.log"
        field.value = str(file)
        await log.driver.press("enter")
        assert file.read_text() == "".join(f"line {index}\n" for index in range(0, 450, 2))
        assert log.driver.toasts[-1] == ("information", f"saved 225 lines to {file}")
        await log.driver.press("L", "L", "L", "S")
        log.driver.screen.query_one(Input).value = str(file)
        await log.driver.press("enter")
        assert "There is a file of that name." in log.driver.text
        await log.driver.press("n")
        assert len(file.read_text().splitlines()) == 225
        await log.driver.press("S")
        log.driver.screen.query_one(Input).value = str(file)
        await log.driver.press("enter")
        await log.driver.press("y")
        assert len(file.read_text().splitlines()) == 450
        await log.driver.press("S")
        log.driver.screen.query_one(Input).value = str(tmp_path / "missing" / "out.log")
        await log.driver.press("enter")
        assert log.driver.toasts[-1][0] == "error"
        assert log.driver.toasts[-1][1].endswith("No such file or directory")
        await log.driver.press("S", "escape")
        assert isinstance(log.driver.screen, LogScreen)


@async_test
async def test_e_opens_the_first_file_with_a_line_number_in_the_editor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited, source = tmp_path / "edited", tmp_path / "my jobs.py"
    source.touch()
    script = f"import sys; open({str(edited)!r}, 'w').write(repr(sys.argv[1:]))"
    monkeypatch.setenv("VISUAL", f'{sys.executable} -c "{script}"')
    texts = ["nothing here: 12:30", "see /srv/else.py:3", f'  File "{source}", line 12, in work']
    async with log_of_run(backend_with([line(text) for text in texts])) as log:
        await log.driver.press("e")
        assert edited.read_text() == repr(["+12", str(source)])
        await log.driver.press("k", "e")
        assert log.driver.toasts[-1] == ("warning", "/srv/else.py is not on this machine")
        await log.driver.press("k", "e")
        assert log.driver.toasts[-1][1].startswith("the line names no file with a line number")


# --- the difference -------------------------------------------------------------------------------


@async_test
async def test_d_compares_the_output_with_that_of_the_last_ok_run() -> None:
    same = [f"{letter} equal" for letter in "abcdefghijklmnopqrst"]
    backend = backend_with([line(text) for text in ["took 12 ms", *same, "no amount", "Traceback"]])
    backend.log_lines[LATEST] = [line(text) for text in ["took 3 s", "extra", *same, "has amount"]]
    backend.history = [run for run in snapshots.recent_runs() if run.number == LATEST]
    async with log_of_run(backend) as log:
        await log.driver.press("d")
        state = log.driver.lines(log.driver.screen.query_one("#diff-state"))[0]
        assert re.match(rf"- only in #{LATEST}, OK at 2026-03-16 10:2\d:\d\d  \+ only in #{RUN} ", state)
        assert state.rstrip().endswith("1 of 2 differences")
        assert log.shown == [
            "    took 12 ms",
            "▸ - extra",
            "    a equal",
            "    b equal",
            "    c equal",
            "  … 14 equal lines",
            "    r equal",
            "    s equal",
            "    t equal",
            "  - has amount",
            "  + no amount",
            "  + Traceback",
        ]
        await log.driver.press("n")
        assert log.shown[9].startswith("▸ - has amount")
        await log.driver.press("y", "n")
        assert log.driver.app.clipboard == "has amount"
        assert log.driver.toasts[-1] == ("warning", "no difference below")
        await log.driver.press("N", "N")
        assert log.driver.toasts[-1] == ("warning", "no difference above")
        await log.driver.press("G", "W", "g", "d")
        assert f"Log: import_orders #{RUN}" in log.driver.text


@async_test
async def test_equal_lines_of_a_difference_unfold_and_are_searched() -> None:
    same = [f"{letter} equal" for letter in "abcdefghijklmnopqrst"]
    backend = backend_with([line(text) for text in [*same, "no amount"]])
    backend.log_lines[LATEST] = [line(text) for text in [*same, "has amount"]]
    backend.history = [run for run in snapshots.recent_runs() if run.number == LATEST]
    async with log_of_run(backend) as log:
        await log.driver.press("d")
        folded = ["… 17 equal lines", "r equal", "s equal", "t equal", "- has amount", "+ no amount"]
        assert [text[2:].strip() for text in log.shown] == folded
        await log.driver.press("enter")
        assert log.driver.toasts[-1] == ("warning", "no equal lines are folded here; a unfolds all")
        await log.driver.press("g", "enter")
        assert [text.strip() for text in log.shown][:3] == ["▸ ▾ 17 equal lines", "a equal", "b equal"]
        await log.driver.press("y")
        assert log.driver.app.clipboard == ""
        await log.driver.press("j", "j", "enter")
        assert [text[2:].strip() for text in log.shown] == folded
        await log.driver.press("a")
        assert len(log.shown) == 23
        await log.driver.press("a", "slash", *"c eq", "enter")
        assert [text for text in log.shown if text.startswith("▸")] == ["▸   c equal"]
        assert "/c eq/ 1 of 1" in log.driver.text
        await log.driver.press("n")
        assert log.driver.toasts[-1] == ("warning", "no match below")
        await log.driver.press("slash", "escape", "n")
        assert [text for text in log.shown if text.startswith("▸")] == ["▸ - has amount"]
        await log.driver.press("slash", *"zzz", "enter")
        assert log.driver.toasts[-1] == ("warning", "no match")


@async_test
async def test_d_pressed_before_the_run_is_known_opens_the_difference() -> None:
    async with running_app(backend_with([line("x")])) as driver:
        await driver.press_at_once("j", "j", "j", "j", "l", "d")
        assert f"Difference: import_orders #{LATEST}" in driver.text


@async_test
async def test_a_run_without_a_difference_or_without_an_ok_run_says_so() -> None:
    backend = backend_with([line("took 12 ms")])
    backend.log_lines[LATEST] = [line("took 3 s")]
    backend.history = [run for run in snapshots.recent_runs() if run.number == LATEST]
    async with log_of_run(backend) as log:
        await log.driver.press("d")
        assert "no difference, apart from numbers and times" in log.driver.text
        await log.driver.press("escape")
        backend.history = []
        await log.driver.press("d")
        assert "no earlier OK run of import_orders is known" in log.driver.text
    async with log_of_all(backend) as log:
        await log.driver.press("d")
        assert log.driver.toasts[-1][1].startswith("no run is shown; in merged output, enter opens")


# --- size and mouse -------------------------------------------------------------------------------


@async_test
async def test_a_view_of_any_size_keeps_the_cursor_on_the_screen() -> None:
    async with log_of_run(backend_with([line(f"line {index} " * 20) for index in range(100)])) as log:
        for wrap in ([], ["W"]):
            await log.driver.press(*wrap, "g", *"jjjjjjjjjj")
            for size in ((20, 5), (300, 100), (80, 24), (40, 10)):
                await log.driver.resize(*size)
                await log.driver.settle()
                if log.lines.size.height:
                    assert any(text.startswith("▸") for text in log.shown), size
            await log.driver.resize(*WIDE)


@async_test
async def test_the_wheel_scrolls_and_a_click_selects() -> None:
    async with log_of_run(backend_with([line(f"line {index:02}") for index in range(99)])) as log:
        await log.driver.pilot._post_mouse_events(  # noqa: SLF001 - Textual's pilot has no public wheel
            [events.MouseScrollUp], widget=log.lines, offset=(5, 5)
        )
        await log.driver.settle()
        assert "stands still" in log.state
        top = log.shown[0]
        await log.driver.pilot.click(log.lines, offset=(10, 0))
        await log.driver.settle()
        assert log.shown[0][1:] == top[1:]
        assert log.shown[0].startswith("▸")
        await log.driver.pilot.click(log.lines, offset=(log.lines.size.width - 1, 0))
        await log.driver.settle()
        assert log.selected == "line 00"


def test_the_failed_run_of_the_snapshot_is_the_one_that_these_tests_open() -> None:
    assert ScriptedBackend(snapshots.idle()).run_view(RUN).state is RunState.FAILED
