"""What the user asks for, carried out in a thread of its own, and confirmed by a toast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from textual.app import App

from jobtui.frontend import commands
from jobtui.frontend.backend import Backend
from jobtui.process.printable import printable
from jobtui.tui.background import said

Severity = Literal["information", "warning", "error"]


class Commands:
    """Sends commands to a source, never in the thread that paints.

    Args:
        app: Shows the toasts.
        source: Carries the commands out.
    """

    def __init__(self, app: App[Any], source: Backend) -> None:
        self.source = source
        self._app = app
        self._pool: int | None = None  # the size asked for and not seen yet: keys come faster than answers

    def run(self, job: str) -> None:
        """Run a job now."""
        self._do(lambda: commands.run(self.source, job))

    def pause(self, job: str) -> None:
        """Pause a job."""
        self._do(lambda: commands.pause(self.source, job))

    def resume(self, job: str) -> None:
        """Resume a job."""
        self._do(lambda: commands.resume(self.source, job))

    def pause_all(self) -> None:
        """Pause every job."""
        self._do(lambda: f"{commands.pause_all(self.source)}; P resumes them")

    def resume_all(self) -> None:
        """Resume every job."""
        self._do(lambda: commands.resume_all(self.source))

    def cancel(self, number: int, job: str) -> None:
        """Cancel a run, and say what came of it."""
        self._do(lambda: commands.cancel(self.source, number, f"run {number} of {job}"))

    def resize(self, size: int, by: int) -> None:
        """Change the pool's size by some slots."""
        before = size if self._pool is None else self._pool
        after = before + by
        if before == 0:
            self.say("the pool has no limit; give it one with --pool or jobs.pool", "warning")
        elif after == 0:
            self.say("the pool cannot be smaller than 1 (0 means no limit); P pauses all jobs", "warning")
        else:
            self._pool = after
            self._do(lambda: commands.resize(self.source, after))

    def seen_pool(self, size: int) -> None:
        """A picture shows this size of the pool."""
        if size == self._pool:
            self._pool = None

    def say(self, text: str, severity: Severity = "information") -> None:
        """Show a toast. Safe in the app's thread only."""
        self._app.notify(
            printable(text), severity=severity, timeout=3 if severity == "information" else 5, markup=False
        )

    def _do(self, act: Callable[[], str]) -> None:
        def work() -> None:
            severity: Severity = "information"
            try:
                text = act()
            except (LookupError, ValueError, RuntimeError, OSError) as error:
                self._pool = None
                text, severity = said(error), "error"
            self._app.call_later(self.say, text, severity)

        self._app.run_worker(work, thread=True, group="commands", exit_on_error=False)
