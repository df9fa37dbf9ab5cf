"""The answer to the question why a tick or a run came out as it did, with its evidence."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from jobtui.engine.views import RunView
from jobtui.frontend.backend import Backend
from jobtui.frontend.explanation import Explanation
from jobtui.tui.background_work import BackgroundQuery, error_text
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.literal_text import cell_text, literal_title


class WhyScreen(ModalScreen[None]):
    """Asks, and shows the answer.

    Args:
        title: The job, or the run.
        question: Returns the answer; called in a worker thread.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,w,enter", "dismiss", "Close", key_display="esc", id="why.close")
    ]

    def __init__(self, title: str, question: Callable[[], Explanation]) -> None:
        super().__init__()
        self._title = title
        self._answer = Static("asking", id="why")
        self._query = BackgroundQuery(self, question, self._show_answer, self._show_error)

    @classmethod
    def of_job(cls, job: str, backend: Backend) -> WhyScreen:
        """Return the screen for the latest tick of a job."""
        return cls(job, partial(backend.why, job))

    @classmethod
    def of_run(cls, run: RunView, backend: Backend) -> WhyScreen:
        """Return the screen for a run, or for ticks that started none."""
        if run.number:
            return cls(f"run {run.number} of {run.job}", partial(backend.why_run, run.number))
        at = "" if run.due is None else run.due.isoformat()
        return cls(run.job, partial(backend.why, run.job, at))

    def compose(self) -> ComposeResult:
        """Compose the dialog."""
        with VerticalScroll(classes="dialog") as box:
            box.border_title = literal_title(f"Why: {self._title}")
            yield self._answer
        yield KeyFooter()

    def on_mount(self) -> None:
        """Ask."""
        self._query.request()

    def _show_answer(self, answer: Explanation) -> None:
        text = Text(cell_text(answer.sentence), "bold")
        for line in answer.evidence:
            text.append(f"\n\n{cell_text(line)}", "not bold")
        self._answer.update(text)

    def _show_error(self, error: Exception) -> None:
        self._answer.update(Text(error_text(error)))
