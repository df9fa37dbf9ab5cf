"""The drawer at the right of a wide terminal: the essentials of the selected job, beside the list."""

from __future__ import annotations

from rich.text import Text
from textual import events
from textual.timer import Timer
from textual.widget import Widget

from jobtui.engine.views import JobView, Snapshot
from jobtui.frontend.backend import Backend
from jobtui.frontend.formatting import pluralize
from jobtui.frontend.job_summary import JobEssentials, list_summary_lines, output_title, read_job_summary
from jobtui.frontend.text_lines import Piece, TextLine
from jobtui.tui.background_work import BackgroundQuery
from jobtui.tui.key_names import key_of
from jobtui.tui.widgets.literal_text import cell_text, literal_title
from jobtui.tui.widgets.tones import ToneStyles
from jobtui.tui.widgets.wrapped_lines import wrap_line

_AFTER_MOVE = 0.15  # seconds after the cursor came to rest on another job
_AFTER_CHANGE = 1.0  # seconds between two requests for one job
_LEAST_OUTPUT = 4  # rows, before other lines give way
_TALL = 40  # rows of a drawer that has room for the lines around the one that failed
_WHEEL = 3  # lines for a step of the mouse wheel

Row = tuple[Piece, ...]


class Drawer(Widget):
    """Shows one job. It asks for the essentials only once the cursor rests, and once a second at most.

    Args:
        backend: The scheduler.

    Attributes:
        is_answered: Whether the essentials of the selected job have come, or an error in their place.
    """

    def __init__(self, backend: Backend) -> None:
        super().__init__(id="drawer")
        self._backend = backend
        self._toned = ToneStyles(self)
        self._job: JobView | None = None
        self._snapshot: Snapshot | None = None
        self._summary: JobEssentials | None = None
        self.is_answered = False
        self._rows: list[Row] = []
        self._top = 0  # how many of the rows above the output are scrolled out of sight
        self._cause: tuple[object, ...] = (None,)  # the values from which the rows were made
        self._timer: Timer | None = None
        self._query: BackgroundQuery[JobEssentials] | None = None

    def on_mount(self) -> None:
        """Prepare the query."""
        self._query = BackgroundQuery(self.screen, self._read, self._show_answer, self._show_error)

    def show_job(self, job: JobView | None, snapshot: Snapshot) -> None:
        """Show the selected job; None for none. Call after every snapshot and every move of the cursor."""
        before, self._job, self._snapshot = self._job, job, snapshot
        if not self.display:
            return
        is_other = before is None or job is None or before.name != job.name
        if is_other:
            self._summary = None
            self._top = 0
            self.is_answered = False
            self.border_title = literal_title(job.name) if job is not None else ""
        if is_other and self._timer is not None:
            self._timer.stop()
            self._timer = None
        is_stale = self._summary is None or self._summary.details.job is not job
        if job is not None and self._timer is None and (is_stale or job.running):
            self._timer = self.set_timer(_AFTER_MOVE if is_other else _AFTER_CHANGE, self._request)
        self._update()

    def on_show(self) -> None:
        """Show the job that was selected while the drawer was hidden."""
        if self._job is not None and self._snapshot is not None:
            job, self._job = self._job, None
            self.show_job(job, self._snapshot)

    def on_resize(self) -> None:
        """Wrap the lines at the new width."""
        self._update()

    def scroll_lines(self, by: int) -> None:
        """Scroll what is above the output by a number of lines."""
        self._top = max(0, self._top + by)
        self._paint()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll down."""
        event.stop()
        self.scroll_lines(_WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll up."""
        event.stop()
        self.scroll_lines(-_WHEEL)

    def _request(self) -> None:
        self._timer = None
        if self._query is not None and self.display and not self._backend.connection_error:
            self._query.request()

    def _read(self) -> JobEssentials:
        job = self._job
        return read_job_summary(self._backend, "" if job is None else job.name)

    def _show_answer(self, summary: JobEssentials) -> None:
        if self._job is not None and summary.details.job.name == self._job.name:
            self._summary = summary
            self.is_answered = True
            self._update()

    def _show_error(self, _error: Exception) -> None:
        """Keep the lines: the job was removed, or the connection is lost, which the screen says."""
        self.is_answered = True

    def _update(self) -> None:
        """Paint the lines again if they have changed, which they do at most once a second for one job."""
        at = None if self._snapshot is None else int(self._snapshot.at.timestamp())
        cause = (self._job, self._summary, self.size, at)
        if cause[1:] == self._cause[1:] and cause[0] is self._cause[0]:
            return
        self._cause = cause
        self._paint()

    def _paint(self) -> None:
        rows = self._list_rows()
        if rows != self._rows:
            self._rows = rows
            self.refresh()

    def _list_rows(self) -> list[Row]:
        job, snapshot, summary, width = self._job, self._snapshot, self._summary, self.size.width
        if job is None or snapshot is None or not width:
            return []
        lines = list_summary_lines(job, summary, snapshot, with_context=self.size.height >= _TALL)
        rows = [row for line in lines for row in wrap_line(line, width)]
        if summary is None or not (title := output_title(summary, snapshot)):
            return self._scrolled(rows, self.size.height)
        rows = self._scrolled(rows, self.size.height - _LEAST_OUTPUT)
        room = self.size.height - len(rows) - 2
        heading = [(), *wrap_line(TextLine("heading", ((title, "strong"),)), width)]
        output = summary.output[-room:] if room > 0 else ()
        shown = [((f"  {cell_text(text)}", ""),) for text in output] or [(("  nothing", "muted"),)]
        return [*rows, *heading, *shown]

    def _scrolled(self, rows: list[Row], height: int) -> list[Row]:
        """Return the rows that fit into a height. If not all do, the last row says how many follow."""
        if len(rows) <= height:
            self._top = 0
            return rows
        room = max(0, height - 1)
        self._top = top = min(self._top, len(rows) - room)
        below = len(rows) - top - room
        down, up = key_of(self, "drawer.down"), key_of(self, "drawer.up")
        hints = [f"▾ {pluralize(below, 'line')}: {down}" if below else "", f"▴ {up}" if top else ""]
        hint: Row = (("  ".join(filter(None, hints)), "muted"),)
        return [*rows[top : top + room], hint][: max(0, height)]

    def render(self) -> Text:
        """Return the lines."""
        text = Text(end="", no_wrap=True, overflow="ellipsis")
        for number, row in enumerate(self._rows):
            line = Text(no_wrap=True)
            for piece, tone in row:
                line.append(piece, self._toned(tone))
            line.truncate(self.size.width, overflow="ellipsis")
            text.append("\n" if number else "").append_text(line)
        return text
