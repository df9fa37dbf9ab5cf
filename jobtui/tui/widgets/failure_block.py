"""The latest failure of a job in a few lines: the error, and the line of the user's code that raised it."""

from __future__ import annotations

from rich.text import Text
from textual.widget import Widget

from jobtui.engine.views import RunView
from jobtui.frontend.backend import Backend
from jobtui.frontend.failure import Failure, failure_lines, read_failure
from jobtui.frontend.parsed_traceback import TraceFrame
from jobtui.tui.background_work import BackgroundQuery
from jobtui.tui.widgets.tones import ToneStyles
from jobtui.tui.widgets.wrapped_lines import wrap_line

LOW = 30  # rows of a terminal; in a lower one, the block has the line alone


class FailureBlock(Widget):
    """Shows one failed run, and is hidden without one.

    Args:
        backend: The scheduler of the run.
        id: Textual's.
    """

    def __init__(self, backend: Backend, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._backend = backend
        self._toned = ToneStyles(self)
        self._failure: Failure | None = None
        self._note = ""

    def on_mount(self) -> None:
        """Hide the block until it has something to show."""
        self.display = self._failure is not None

    @property
    def frame(self) -> TraceFrame | None:
        """The frame that is shown; None if there is none."""
        return None if self._failure is None else self._failure.frame

    def show_run(self, run: RunView | None, note: str = "") -> None:
        """Show a failed run, or nothing. Its traceback and its source are read in the background.

        Args:
            run: The run.
            note: Text to show after its number and its end.
        """
        if note != self._note:
            self._note = note
            self.refresh(layout=True)
        shown = None if self._failure is None else self._failure.run
        if run is None:
            self._show(None)
        elif shown is None or (shown.number, shown.ended) != (run.number, run.ended):
            self._show(Failure(run=run))
            query = BackgroundQuery(
                self.screen, lambda: read_failure(self._backend, run), self._show_answer, self._ignore
            )
            query.request()

    def _show(self, failure: Failure | None) -> None:
        self._failure = failure
        self.display = failure is not None
        self.refresh(layout=True)

    def _show_answer(self, failure: Failure) -> None:
        if self._failure is not None and self._failure.run.number == failure.run.number:
            self._show(failure)

    def _ignore(self, _error: Exception) -> None:
        """Keep the reason: the connection is lost, which the screen says."""

    def render(self) -> Text:
        """Return the lines, wrapped at the width of the block."""
        if self._failure is None or not self.size.width:
            return Text()
        text = Text(end="", no_wrap=True)
        lines = failure_lines(self._failure, with_context=self.app.size.height >= LOW, note=self._note)
        for line in lines:
            for pieces in wrap_line(line, self.size.width):
                for piece, tone in pieces:
                    text.append(piece, self._toned(tone))
                text.append("\n")
        text.right_crop(1)
        return text
