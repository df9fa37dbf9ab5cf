"""The log view: the output of a run, or of several jobs, which it follows, filters, searches and saves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from textual import on
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input

from jobtui.engine.views import RunView, Snapshot
from jobtui.frontend.backend import Backend, LogLine
from jobtui.frontend.formatting import STATE_SIGNS, format_age, format_duration
from jobtui.frontend.log_view import (
    BadPatternError,
    LineSearch,
    TimeStamps,
    find_source_line,
    format_line_time,
    format_log_line,
    stream_label,
    stream_tone,
)
from jobtui.frontend.saved_log import log_file_name, save_log
from jobtui.tui.background_work import BackgroundCommands, error_text
from jobtui.tui.key_names import key_of
from jobtui.tui.log_feed import LogFeed, LogScope
from jobtui.tui.screens.diff_screen import DiffScreen
from jobtui.tui.screens.save_log import ask_and_save
from jobtui.tui.widgets.key_footer import KeyFooter, adapt_bindings
from jobtui.tui.widgets.literal_text import cell_text, literal_title
from jobtui.tui.widgets.log_lines import LogLines, LogSearchInput, PaintedLine
from jobtui.tui.widgets.state_line import Piece, StateLine
from jobtui.tui.widgets.tones import JOB_TONES

_STREAM_WIDTH = 8  # cells: CRITICAL
# In a narrow terminal and in a wide one, of merged lines; in cells.
_TIME_WIDTHS = (8, 12)
_JOB_WIDTHS = (16, 24)
_WIDE = 100  # columns
# Columns below which the text needs the cells of the times (of merged lines, and of others) and of the jobs.
_NARROW_MERGED, _NARROW = 50, 32
_KINDS = ("text", "regular expression")  # of searches


class LogScreen(ModalScreen[None]):
    """Shows output, from its end on, and more as it is written.

    Args:
        scope: The output.
        background_commands: Shows messages; has the scheduler.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,l,o", "close", "Close", key_display="esc", id="log.close"),
        Binding("slash", "search", "Search", key_display="/", id="log.search"),
        Binding("n", "next_match(1)", "Next match", show=False, id="log.next"),
        Binding("N", "next_match(-1)", "Previous match", show=False, id="log.previous"),
        Binding("ctrl+r", "toggle_regex", "Regular expression, or text", show=False, id="log.regex"),
        Binding("f", "follow", "Follow", id="log.follow"),
        Binding("d", "diff", "Diff", tooltip="Compare with the last OK run of the job", id="log.diff"),
        Binding("L", "next_level", "Level", id="log.level"),
        Binding("W", "toggle_wrap", "Wrap", id="log.wrap"),
        Binding("T", "next_stamps", "Times", id="log.stamps"),
        Binding("y", "copy", "Copy", tooltip="Copy the selected line", id="log.copy"),
        Binding("Y", "copy_visible", "Copy the lines on the screen", show=False, id="log.copy_visible"),
        Binding("e", "edit_source", "Open the file:line in the line in $EDITOR", show=False, id="log.editor"),
        Binding("S", "save", "Save", tooltip="Save the output to a file", id="log.save"),
        Binding("enter", "open_run", "Its log", id="log.run"),
        Binding("g,home", "first", "First line", show=False, id="log.first"),
        Binding("G,end", "last", "Last line, and follow", show=False, id="log.last"),
    ]

    @dataclass
    class OutputSeen(Message):
        """The user sees the latest output of these jobs; None for all."""

        jobs: Collection[str] | None

    def __init__(self, scope: LogScope, background_commands: BackgroundCommands) -> None:
        super().__init__()
        self._scope = scope
        self._commands = background_commands
        self._backend: Backend = background_commands.backend
        self._feed = LogFeed(self, self._backend, scope, self._show_page, self._show_error)
        self._buffer = self._feed.buffer
        self._stamps = TimeStamps.ABSOLUTE
        self._search: LineSearch | None = None
        self._search_error = ""
        self._shown_version = 0  # of the buffer
        self._is_empty = True  # whether the buffer has no line
        self._error = ""  # of the latest request
        self._is_regex = False
        self._searches_all: bool | None = None  # if no match is found; None until a page has been read
        self._wants_diff = False  # as soon as the run is known
        self._tones: dict[str, str] = {}  # of the jobs, in the order in which they appear
        self._state = StateLine(id="log-state")
        self._lines: LogLines[LogLine] = LogLines(
            self._buffer, self._paint, lambda line: line.text, follows=True, id="log-lines"
        )
        self._lines.set_empty_text("reading")
        self._input = LogSearchInput(id="log-search", compact=True)

    @classmethod
    def of_run(cls, run: RunView, background_commands: BackgroundCommands) -> LogScreen:
        """Return the view of a run's output."""
        return cls(LogScope(run=run.number, job=run.job), background_commands)

    @classmethod
    def of_job(cls, job: str, background_commands: BackgroundCommands) -> LogScreen:
        """Return the view of the output of a job's latest run."""
        return cls(LogScope(job=job), background_commands)

    @classmethod
    def of_jobs(cls, jobs: Collection[str] | None, background_commands: BackgroundCommands) -> LogScreen:
        """Return the view of the merged output of some jobs, or, given None, of everything."""
        return cls(LogScope(jobs=None if jobs is None else frozenset(jobs)), background_commands)

    def compose(self) -> ComposeResult:
        """Compose the state, the lines and the search."""
        with Vertical(classes="dialog large") as box:
            box.border_title = literal_title(self._scope.title)
            yield self._state
            yield self._lines
            yield self._input
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read the latest page."""
        self._input.display = False
        self.set_focus(self._lines)
        self._show_state()
        self._feed.read_latest()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Disable the keys that are text while the user types, and so remove them from the footer."""
        if action == "open_run" and not self._scope.is_merged:
            return False
        return self.focused is not self._input or action in ("clear_search", "toggle_regex")

    # --- pages ------------------------------------------------------------------------------------

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys for the footer. It dims those that have no effect on this output."""
        useless = {"diff"} if self._scope.is_merged else set()
        if self._is_empty:
            useless |= {"next_stamps", "copy", "open_run"}
        return adapt_bindings(super().active_bindings, useless, {})

    def _show_page(self, is_elsewhere: bool) -> None:
        """Show the changed buffer; move to its begin or its end if it is at another place now."""
        self._error = ""
        buffer, lines = self._buffer, self._lines
        box = self.query_one(".dialog")
        title = literal_title(self._feed.scope.title)
        if box.border_title != title:
            box.border_title = title
        if is_elsewhere:
            lines.cursor = buffer.first if self._feed.direction > 0 and not lines.follows else buffer.end - 1
        lines.set_empty_text(self._empty_text())
        if self._feed.seeking:
            self._seek()
        if buffer.version != self._shown_version:
            self._shown_version = buffer.version
            lines.update()
            if buffer.is_latest:
                scope = self._feed.scope
                self.post_message(self.OutputSeen([scope.job] if scope.job else scope.jobs))
        if self._is_empty != (buffer.first == buffer.end):
            self._is_empty = buffer.first == buffer.end
            self.refresh_bindings()
        self._show_state()
        self._feed.read_on(lines)
        if self._wants_diff:
            self._wants_diff = False
            self.action_diff()

    def _show_error(self, error: Exception) -> None:
        if not isinstance(error, OSError):  # after which the feed tries again
            self._feed.seeking = 0
        self._lines.set_empty_text("")  # the error stands above
        self._error = error_text(error)
        self._show_state()

    # --- painting ---------------------------------------------------------------------------------

    def update_snapshot(self, snapshot: Snapshot) -> None:
        """Show the state of the run in a snapshot, and for how long it has run; read what is new."""
        self._feed.update_snapshot(snapshot)
        self._show_state()
        if not self._backend.connection_error:
            self._feed.poll_early()

    def _empty_text(self) -> str:
        if not self._feed.is_recorded:
            return "not recorded: the program of this scheduler does not capture the output of its jobs"
        if self._buffer.filter.least and not self._feed.awaits_run:
            least, key = self._buffer.filter.least, key_of(self, "log.level")
            return f"no line of level {least} or above; {key} shows others"
        if self._feed.awaits_run:
            return f"{self._not_started}; its output will show here"
        if self._feed.run is None:
            return "no output yet"
        so_far = "" if self._feed.run.state.ended else " so far"
        return f"printed nothing{so_far}; what C code and os.system write is not recorded as output of a run"

    @property
    def _not_started(self) -> str:
        return f"no run of {self._scope.job} has started yet"

    def _paint(self, line: LogLine, text: str) -> PaintedLine:
        prefix: list[Piece] = []
        room = self.size.width
        if self._stamps is not TimeStamps.OFF and room >= (
            _NARROW_MERGED if self._scope.is_merged else _NARROW
        ):
            width = _TIME_WIDTHS[self._is_wide or not self._scope.is_merged]
            prefix.append((f"{self._stamp(line)[:width]:>{width}} ", "muted"))
        if self._scope.is_merged and room >= _NARROW:
            prefix += self._job_pieces(line)
        label = cell_text(stream_label(line.stream))[:_STREAM_WIDTH]
        if room >= _NARROW:
            label = f"{label:{_STREAM_WIDTH}}"
        tone = stream_tone(line.stream)
        prefix.append((f"{label} " if label else "", tone or "muted"))
        spans = [(begin, end, "match") for begin, end in self._search.spans(text)] if self._search else ()
        return PaintedLine(prefix, text, tone, spans)

    @property
    def _is_wide(self) -> bool:
        return self.size.width >= _WIDE

    def _job_pieces(self, line: LogLine) -> list[Piece]:
        """Return the name of a line's job, in a colour of its own, and the number of its run."""
        width = _JOB_WIDTHS[self._is_wide]
        new_tone = f"job-{len(self._tones) % JOB_TONES}" if line.job else "muted"
        tone = self._tones.setdefault(line.job, new_tone)
        number = f" #{line.run}" if line.run else ""
        name, room = cell_text(line.job) or "-", width - len(number)
        fitted = name if cell_len(name) <= room else set_cell_size(name, room - 1) + "…"
        return [(set_cell_size(fitted, room), tone), (f"{number} ", "muted")]

    def _stamp(self, line: LogLine) -> str:
        started = None if self._feed.run is None else self._feed.run.started
        start = None if started is None else started.timestamp()
        return format_line_time(line.at, self._stamps, start, self._backend.zone)

    def _show_state(self) -> None:
        """Show what the view does, and its choices."""
        buffer = self._buffer
        left = [] if self._feed.run is None else [self._run_piece(self._feed.run)]
        left += self._place_pieces()
        if error := self._error or self._search_problem:
            left = [(f"! {error}", "failed")]
        right: list[Piece] = []
        if self._feed.seeking:
            right.append((f"searching: {key_of(self, 'log.close')} ends it", "waiting"))
        elif self._search is not None and not self._search.problem:
            right.append((self._search_text(self._search), "strong"))
        elif self.focused is self._input:
            right.append((_KINDS[self._is_regex], "muted"))
        if buffer.filter.least:
            right.append((f"level {buffer.filter.least} or above", "waiting"))
        if self._stamps is TimeStamps.RELATIVE:
            right.append(("times since the start", "muted"))
        if self._lines.wraps:
            right.append(("wraps", "muted"))
        if buffer.lacks_earlier and not buffer.before and self._lines.top == buffer.first:
            right.append(("earlier lines are not kept", "waiting"))
        self._state.show(left, right)

    def _place_pieces(self) -> list[Piece]:
        """Return whether the view follows new lines, and how many lines there are."""
        if self._feed.awaits_run:
            return [("waits for the first run", "waiting")]
        buffer = self._buffer
        count = buffer.end - buffer.first
        if not self._lines.follows:
            return [
                (f"‖ stands still, {key_of(self, 'log.follow')} follows", "waiting"),
                (f"line {self._lines.cursor - buffer.first + 1:,} of {count:,}{self._more}", "muted"),
            ]
        has_ended = buffer.ended and buffer.is_latest
        return [
            ("at the end", "muted") if has_ended else ("▼ follows new lines", "ok"),
            (self._count_text(count), "muted"),
        ]

    def _count_text(self, count: int) -> str:
        """Return a number of lines, of which there may be more that are not in memory."""
        return f"{count:,}{self._more} {'line' if count == 1 and not self._more else 'lines'}"

    @property
    def _more(self) -> str:
        """The sign after a number of lines if there are more than those in memory."""
        buffer = self._buffer
        return "+" if buffer.version and (buffer.before or not buffer.is_latest) else ""

    @property
    def _search_problem(self) -> str:
        return self._search_error or ("" if self._search is None else self._search.problem)

    def _run_piece(self, run: RunView) -> Piece:
        sign = STATE_SIGNS[run.state]
        if run.elapsed is not None:
            took = f" after {format_duration(run.elapsed)}"
        elif run.started is not None:
            took = f" for {format_age(run.started, self._backend.snapshot().at)}"
        else:
            took = ""
        return f"{sign.glyph} {run.state.value}{took}", sign.tone

    def _search_text(self, search: LineSearch) -> str:
        kind = "regex " if search.is_regex else ""
        count = len(self._buffer.matches)
        number = self._buffer.match_number(self._lines.cursor)
        place = self._count_text(count) if number is None else f"{number:,} of {count:,}{self._more}"
        return f"/{kind}{cell_text(search.text)}/ {place}"

    # --- moving -----------------------------------------------------------------------------------

    @on(LogLines.Moved)
    def _after_move(self, message: LogLines.Moved) -> None:
        self._feed.seeking = 0
        self._feed.direction = 1 if message.step > 0 else -1
        self._lines.follows = self._buffer.is_latest and self._lines.cursor == self._buffer.end - 1
        self._show_state()
        self._feed.read_on(self._lines)

    def action_follow(self) -> None:
        """Follow new lines, or stay at the line under the cursor."""
        if self._lines.follows:
            self._lines.follows = False
            self._show_state()
        else:
            self.action_last()

    def action_last(self) -> None:
        """Move to the last line, and follow."""
        self._feed.seeking, self._feed.direction = 0, -1
        self._lines.follows = True
        if self._buffer.is_latest:
            self._lines.update()
            self._show_state()
            self._feed.read_on(self._lines)
        else:
            self._feed.read_latest()

    def action_first(self) -> None:
        """Move to the first line that is kept."""
        self._feed.seeking, self._feed.direction = 0, 1
        self._lines.follows = False
        if self._buffer.before:
            self._feed.read_first()
        else:
            self._lines.move_to(self._buffer.first)
            self._show_state()
            self._feed.read_on(self._lines)

    @on(LogLines.RowOpened)
    def action_open_run(self) -> None:
        """Open the log of the run that wrote the selected line."""
        line = self._lines.selected
        if not self._scope.is_merged or line is None:
            return
        if line.run:
            self.app.push_screen(LogScreen(LogScope(run=line.run, job=line.job), self._commands))
        else:
            self._commands.notify("no run wrote this line", "warning")

    def action_diff(self) -> None:
        """Compare the output with that of the last OK run of the same job."""
        if self._feed.awaits_run:
            self._commands.notify(self._not_started, "warning")
        elif self._feed.run is None and not self._scope.is_merged:
            self._wants_diff = True
        elif self._feed.run is None:
            opens = key_of(self, "log.run")
            self._commands.notify(
                f"no run is shown; in merged output, {opens} opens the log of one", "warning"
            )
        else:
            self.app.push_screen(DiffScreen(self._feed.run, self._commands))

    # --- searching --------------------------------------------------------------------------------

    def action_search(self) -> None:
        """Show the field for the text, and move there."""
        self._input.display = True
        self._show_placeholder()
        self.set_focus(self._input)
        self._show_state()

    def action_clear_search(self) -> None:
        """Forget the search, and return to the lines."""
        self._input.value = ""
        self._set_search("")
        self._hide_input()

    def action_toggle_regex(self) -> None:
        """Take the text as a regular expression, or as it is."""
        self._is_regex = not self._is_regex
        self._show_placeholder()
        self._set_search(self._input.value)
        if self.focused is not self._input:
            self._commands.notify(f"the search is a {_KINDS[self._is_regex]}")

    def _show_placeholder(self) -> None:
        kind, other = _KINDS[self._is_regex], _KINDS[not self._is_regex]
        self._input.placeholder = f"search a {kind}; {key_of(self, 'log.regex')}: a {other}"

    def _set_search(self, text: str) -> None:
        self._search_error, self._feed.seeking = "", 0
        try:
            self._search = LineSearch(text, is_regex=self._is_regex) if text else None
        except BadPatternError as error:
            self._search, self._search_error = None, str(error)
        self._buffer.set_search(self._search)
        self._lines.refresh()
        self._show_state()

    @on(Input.Changed, "#log-search")
    def _search_while_typing(self, message: Input.Changed) -> None:
        self._set_search(message.value)

    @on(Input.Submitted, "#log-search")
    def _start_search(self) -> None:
        if self._search_problem:
            return
        self._hide_input()
        if self._search is not None and self._buffer.match_number(self._lines.cursor) is not None:
            self._lines.follows = False
        elif self._search is not None:
            self._start_seeking(-1 if self._lines.cursor >= self._buffer.end - 1 else 1)
        self._show_state()

    def _hide_input(self) -> None:
        self._input.display = False
        self.set_focus(self._lines)
        self._show_state()

    def action_next_match(self, step: int) -> None:
        """Move to the next line that matches, or to the previous one; read further pages if necessary."""
        if self._search is None:
            key = key_of(self, "log.search")
            self._commands.notify(f"there is nothing to search: {key} asks for a text", "warning")
            return
        self._start_seeking(step)
        self._show_state()

    def _start_seeking(self, step: int) -> None:
        self._feed.seeking, self._searches_all = step, None
        self._seek()
        self._feed.read_on(self._lines)

    def _seek(self) -> None:
        """Move to the next match in the direction of the search, or note that further pages are needed."""
        step, buffer = self._feed.seeking, self._buffer
        if not buffer.version:  # no page has been read
            return
        if self._searches_all is None:
            has_all_behind = buffer.is_latest if step < 0 else not buffer.before
            self._searches_all = has_all_behind and not buffer.matches
        if self._search_problem:  # no further page would have a match
            self._feed.seeking = 0
            return
        found = buffer.next_match(self._lines.cursor, step)
        if found is not None:
            self._feed.seeking = 0
            self._lines.follows = False
            self._lines.move_to(found)
            self._feed.direction = step
        elif (step > 0 and not buffer.is_latest) or (step < 0 and buffer.before):
            self._feed.direction = step
            self._lines.follows = False
            self._lines.move_to(buffer.end - 1 if step > 0 else buffer.first)
        else:
            self._feed.seeking = 0
            where, back, other = (
                ("below", "log.previous", "upwards") if step > 0 else ("above", "log.next", "downwards")
            )
            elsewhere = "" if self._searches_all else f" {where}; {key_of(self, back)} searches {other}"
            self._commands.notify(f"no match{elsewhere}", "warning")

    # --- choices ----------------------------------------------------------------------------------

    def action_next_level(self) -> None:
        """Show only log records of the next least level; lines of streams are always shown."""
        buffer = self._buffer
        self._lines.cursor = buffer.set_filter(buffer.filter.next_level(), self._lines.cursor)
        self._lines.set_empty_text(self._empty_text())
        self._lines.update()
        self._show_state()
        self._feed.direction = -1
        self._feed.read_on(self._lines)

    def action_toggle_wrap(self) -> None:
        """Wrap long lines, or cut them off."""
        self._lines.set_wraps(not self._lines.wraps)
        self._show_state()

    def action_next_stamps(self) -> None:
        """Show the times of the lines as times of day, since the start of the run, or not at all."""
        stamps = [each for each in TimeStamps if not (self._scope.is_merged and each is TimeStamps.RELATIVE)]
        self._stamps = stamps[(stamps.index(self._stamps) + 1) % len(stamps)]
        self._lines.update()
        self._show_state()

    # --- taking lines out -------------------------------------------------------------------------

    def _formatted(self, line: LogLine) -> str:
        return format_log_line(line, self._stamp(line), with_job=self._scope.is_merged)

    def action_copy(self) -> None:
        """Copy the text of the selected line."""
        if self._lines.selected is not None:
            self._commands.copy(self._lines.selected.text, "the line")

    def action_copy_visible(self) -> None:
        """Copy the lines on the screen as they are shown."""
        lines = self._lines.visible_rows
        if lines:
            self._commands.copy("".join(f"{self._formatted(line)}\n" for line in lines), "the screen")

    def action_edit_source(self) -> None:
        """Open the first file with a line number in the selected line in the user's editor."""
        line = self._lines.selected
        place = None if line is None else find_source_line(line.text)
        if place is None:
            self._commands.notify("the line names no file with a line number, such as jobs.py:12", "warning")
        else:
            self._commands.edit(*place)

    def action_save(self) -> None:
        """Ask for a file, and save the output there."""
        if self._feed.awaits_run:
            self._commands.notify(self._not_started, "warning")
            return
        run = self._feed.run
        number = None if run is None else run.number
        least, admits = self._buffer.filter.least, self._buffer.filter.admits
        what = "what is in memory" if run is None else "the whole output"
        level = f", log records of level {least} or above" if least else ""

        def format_line(line: LogLine) -> str | None:
            return self._formatted(line) if admits(line) else None

        ask_and_save(
            self,
            self._commands,
            name="jobtui.log" if run is None else log_file_name(run),
            note=f"Save {what}, with times as shown{level}.",
            save=partial(save_log, self._backend, number, format_line=format_line),
        )

    def action_close(self) -> None:
        """End a search that reads further pages, or close the view."""
        if self._feed.seeking:
            self._feed.seeking = 0
            self._show_state()
        else:
            self.dismiss()
