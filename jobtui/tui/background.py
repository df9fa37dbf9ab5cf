"""Questions to a source, asked in a worker thread: the thread that paints never waits for an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from textual.screen import Screen

from jobtui.process.printable import printable

Answer = TypeVar("Answer")


def said(error: Exception) -> str:
    """What an error says, as a source raises them: LookupError puts quotes around its message."""
    return printable(str(error.args[0] if error.args else error))


class BackgroundQuery(Generic[Answer]):
    """Asks one question again and again, but never twice at once.

    Args:
        screen: Where the answer is shown. Once it is closed, answers are let go.
        ask: Asks, in a worker thread. It may raise LookupError, RuntimeError or OSError.
        show: Shows the answer.
        refused: Shows why there is none.
    """

    def __init__(
        self,
        screen: Screen[None],
        ask: Callable[[], Answer],
        show: Callable[[Answer], None],
        refused: Callable[[Exception], None],
    ) -> None:
        self._screen = screen
        self._ask = ask
        self._show = show
        self._refused = refused
        self._asking = False
        self._wanted = False

    def ask(self) -> None:
        """Ask now, or once the last answer has come."""
        if self._asking:
            self._wanted = True
            return
        self._asking = True
        self._screen.app.run_worker(self._work, thread=True, group="inquiries", exit_on_error=False)

    def _work(self) -> None:
        app = self._screen.app
        try:
            answer = self._ask()
        except (LookupError, RuntimeError, OSError) as error:
            app.call_later(self._answered, self._refused, error)
        else:
            app.call_later(self._answered, self._show, answer)

    def _answered(self, show: Callable[[object], None], answer: object) -> None:
        self._asking = False
        if not self._screen.is_attached:
            return
        show(answer)
        if self._wanted:
            self._wanted = False
            self.ask()
