"""Work off the painting thread: queries and commands to a backend run in worker threads.

A backend in another process may take seconds to answer, or not answer; the app's own thread must never wait
for it. Workers hand their results back to that thread with `App.call_later`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar, TypeVarTuple

from textual.app import App
from textual.screen import Screen

from jobtui.engine.tracebacks import log_exception
from jobtui.engine.views import JobView, RunView
from jobtui.frontend import commands, undo
from jobtui.frontend.backend import Backend
from jobtui.frontend.formatting import pluralize
from jobtui.frontend.undo import Undoable, UndoStack
from jobtui.runtime.clock import SystemClock
from jobtui.tui.editor import EditorError, LeaveTerminal, edit_file
from jobtui.tui.key_names import key_of
from jobtui.tui.notices import Severity
from jobtui.tui.screens.pause_dialog import PauseEnds, PauseScreen
from jobtui.tui.widgets.literal_text import cell_text

Answer = TypeVar("Answer")
Arguments = TypeVarTuple("Arguments")
Command = Callable[[Backend], str | Undoable]  # returns the message to the user
BY = "dashboard"  # what pauses the jobs


def error_text(error: Exception) -> str:
    """Return the message of an error for one row: its first line.

    The lines after it show a spec with a caret below its fault, which only a dialog has the room for. `str`
    would put the message of a LookupError into quotes.
    """
    sentence, _, _ = str(error.args[0] if error.args else error).strip().partition("\n")
    return cell_text(sentence)


def _expected(error: Exception) -> Exception:
    """Return an error as it is if a backend may raise it; log any other, and return one that says so."""
    if isinstance(error, (LookupError, ValueError, RuntimeError, OSError)):
        return error
    log_exception("an error inside the dashboard, which goes on", error)
    return RuntimeError(f"an error inside jobtui: {type(error).__name__}: {error}")


@dataclass(eq=False)
class BackgroundQuery(Generic[Answer]):
    """Repeats one query for a screen, with at most one request at a time.

    While the tab of the screen is not shown, no query starts, and an answer waits until the tab is shown: an
    answer may open or close a screen, which must not happen in another tab.

    Attributes:
        screen: The screen that shows the answers. Answers that arrive after it is closed are dropped.
        query: Returns an answer; called in a worker thread. May raise LookupError, ValueError, RuntimeError
            or OSError.
        on_answer: Shows an answer; called in the app's thread.
        on_error: Shows an error; called in the app's thread.
    """

    screen: Screen[Any]
    query: Callable[[], Answer]
    on_answer: Callable[[Answer], None]
    on_error: Callable[[Exception], None]
    _busy: bool = field(default=False, init=False)
    _requested: bool = field(default=False, init=False)
    _waiting: Callable[[], None] | None = field(default=None, init=False)  # for the tab to be shown
    _follows_tabs: bool = field(default=False, init=False)

    def request(self) -> None:
        """Start the query, or, if it is running, start it again when its answer arrives."""
        if self._busy:
            self._requested = True
            return
        if self._is_hidden:
            self._wait_for_tab(self.request)
            return
        self._busy = True
        self.screen.app.run_worker(self._work, thread=True, group="queries", exit_on_error=False)

    def _work(self) -> None:
        app = self.screen.app
        try:
            answer = self.query()
        except Exception as error:  # noqa: BLE001 - the screen waits for an answer
            app.call_later(self._finish, self.on_error, _expected(error))
        else:
            app.call_later(self._finish, self.on_answer, answer)

    def _finish(self, show: Callable[[object], None], answer: object) -> None:
        if self._is_hidden:
            self._wait_for_tab(lambda: self._finish(show, answer))
            return
        self._busy = False
        if self.screen.is_attached:
            show(answer)
            if self._requested:
                self._requested = False
                self.request()

    @property
    def _is_hidden(self) -> bool:
        """Whether the screen is in a tab that is not shown."""
        return self.screen.is_attached and self.screen not in self.screen.app.screen_stack

    def _wait_for_tab(self, go_on: Callable[[], None]) -> None:
        self._waiting = go_on
        if not self._follows_tabs:
            self._follows_tabs = True
            self.screen.app.mode_change_signal.subscribe(self.screen, self._tab_changed)

    def _tab_changed(self, _mode: str) -> None:
        if self._waiting is not None and not self._is_hidden:
            go_on, self._waiting = self._waiting, None
            self.screen.call_after_refresh(go_on)  # the layout of a screen that resumes is not done yet


class BackgroundCommands:
    """Executes the user's commands off the painting thread, and shows a message with each result.

    A command begins when the one before it has ended. So the last of two quick commands decides, and `undo`
    takes back the command before it, although keys are faster than answers.

    Args:
        app: Shows the messages.
        backend: Executes the commands.
        leave_terminal: Leaves the terminal, if there is one, to another program.
        undo_stack: Keeps the latest changes, which the user may take back.
        origin: Returns the name of the scheduler for messages, if the user sees another one; "" if not.

    Attributes:
        typed_arguments: The texts that the user has typed last as the arguments of each job, without secrets.
    """

    def __init__(
        self,
        app: App[Any],
        backend: Backend,
        leave_terminal: LeaveTerminal,
        undo_stack: UndoStack | None = None,
        *,
        origin: Callable[[], str] = lambda: "",
    ) -> None:
        self._origin = origin
        self.typed_arguments: dict[str, dict[str, str]] = {}
        self.backend = backend
        self._undo_stack = undo_stack or UndoStack(SystemClock().monotonic)
        self._app = app
        self._leave_terminal = leave_terminal
        self._lock = threading.Lock()  # of the two below
        # The commands that have not begun, oldest first; each returns what shows its result.
        self._waiting: deque[Callable[[], Callable[[], None]]] = deque()
        self._is_executing = False  # whether a worker thread takes them
        # The pool size that was requested and that no snapshot has shown yet: keys are faster than answers.
        self._requested_size: int | None = None
        # The names of the jobs that were paused by `pause_all`, and not one by one.
        self._paused_together: set[str] = set()

    def execute(
        self,
        command: Callable[[Backend, *Arguments], str | Undoable],
        *arguments: *Arguments,
        on_end: Callable[[str], bool] = lambda _error: False,
    ) -> None:
        """Execute a command of `frontend.commands` or `frontend.undo`, and show its message.

        Args:
            command: The command.
            *arguments: What it gets after the backend.
            on_end: Called in the app's thread when the command has ended, with its error, or "" if it has
                succeeded. Returns whether the user sees the error there, so that no message is needed.
        """

        def work() -> Callable[[], None]:
            try:
                result = command(self.backend, *arguments)
            except Exception as error:  # noqa: BLE001 - the user waits for a message
                self._requested_size = None
                text = error_text(_expected(error))
                return lambda: None if on_end(text) else self.notify(text, "error")
            text, revert = Undoable(result) if isinstance(result, str) else result
            if revert is not None:
                self._undo_stack.push(revert)
                text += f"; {self._key('undo')} undoes it"

            def succeed() -> None:
                on_end("")
                self.notify(text)

            return succeed

        with self._lock:
            self._waiting.append(work)
            is_executing, self._is_executing = self._is_executing, True
        if not is_executing:
            self._app.run_worker(self._execute_waiting, thread=True, group="commands", exit_on_error=False)

    def _execute_waiting(self) -> None:
        """Execute the commands that wait, until there are no more."""
        while True:
            with self._lock:
                self._is_executing = bool(self._waiting)
                if not self._is_executing:
                    return
                work = self._waiting.popleft()
            self._app.call_later(work())

    def undo(self) -> None:
        """Take back the latest change, if it is not too old."""
        self.execute(self._take_back)

    def _take_back(self, backend: Backend) -> str:
        revert = self._undo_stack.pop()
        if revert is None:
            raise RuntimeError(
                f"nothing to undo: {self._key('undo')} takes back a pause, a schedule or a pool size of the "
                f"last {undo.UNDO_TIME:g} seconds"
            )
        return revert(backend)

    def run(self, job: JobView) -> None:
        """Run a job now."""
        if job.schedule is None:
            self.warn_of_one_off_runs(job)
        else:
            self.execute(commands.run, job.name)

    def warn_of_one_off_runs(self, job: JobView) -> None:
        """Say how to run again what a job without a schedule has run."""
        opens, again = self._key("table.open"), self._key("run.again")
        self.notify(
            f"{job.name} groups one-off runs: open one with {opens}, {again} runs it again", "warning"
        )

    def run_again(self, run: RunView) -> None:
        """Run an ended run once more, with the same arguments."""
        if run.state.ended and run.number:
            self.execute(commands.run_again, run.number)
        else:
            self.notify("only a run that has ended can run again", "warning")

    def pause_or_resume(self, job: JobView) -> None:
        """Ask how long to pause a job, or resume it if it is paused."""
        self.pause_or_resume_all([job])

    def pause_or_resume_all(self, jobs: Sequence[JobView]) -> None:
        """Ask how long to pause those of the jobs that are not paused, or resume them if all are paused."""
        with_schedule = [job for job in jobs if job.schedule is not None]
        active = [job.name for job in with_schedule if job.paused_since is None]
        names = active or [job.name for job in with_schedule]
        if not names:
            self.notify(
                f"{jobs[0].name} has no schedule to pause; {self._key('run.cancel')} cancels a run", "warning"
            )
        elif active:
            ends = PauseEnds.after(self.backend.snapshot().at)

            def pause(end: str | None) -> None:
                if end is not None:
                    until, shown = ends.chosen(end)
                    self.execute(self.command_to_pause(names, until, shown))

            self._app.push_screen(PauseScreen(names, ends), pause)
        else:
            self.resume_jobs(names)

    def command_to_pause(
        self,
        names: Sequence[str],
        until: datetime | str | None = None,
        shown: str = "",
        *,
        for_: str | None = None,
        note: str = "",
    ) -> Command:
        """Return the command that pauses some jobs one by one; see `undo.pause_jobs`."""

        def pause(backend: Backend) -> Undoable:
            return undo.pause_jobs(backend, names, BY, until, shown, for_=for_, note=note)

        self._paused_together.difference_update(names)
        return pause

    def pause_all(self, jobs: Collection[JobView]) -> None:
        """Pause every job, given those that are not paused yet."""
        self._paused_together |= {job.name for job in jobs}
        names, key = [job.name for job in jobs], self._key("jobs.pause_all")

        def pause(backend: Backend) -> Undoable:
            outcome = undo.pause_all(backend, names, BY)
            return outcome._replace(text=f"{outcome.text}; {key} resumes them")

        self.execute(pause)

    def jobs_to_resume(self, paused: Collection[JobView]) -> Collection[str]:
        """Return the names of the jobs that `pause_all` paused; without any, of all that are paused."""
        names = [job.name for job in paused]
        return [name for name in names if name in self._paused_together] or names

    def resume_jobs(self, names: Collection[str]) -> None:
        """Resume some jobs. `jobs_to_resume` remembers them: `undo` may pause them together again."""
        self.execute(undo.resume_jobs, list(names))

    def edit(self, file: str, line: int) -> None:
        """Open a file at a line in the user's editor, which gets the terminal until it ends."""
        try:
            edit_file(self._leave_terminal, file, line)
        except EditorError as error:
            self.notify(str(error), "warning")

    def copy(self, text: str, what: str) -> None:
        """Copy a text to the clipboard of the terminal, and say of what it is a copy."""
        self._app.copy_to_clipboard(text)
        self.notify(f"copied {what}: {pluralize(len(text.splitlines()), 'line')}")

    def resize(self, size: int, by: int) -> None:
        """Change the pool's size, which is `size` in the latest snapshot, by a number of slots."""
        before = size if self._requested_size is None else self._requested_size
        after = before + by
        if before == 0:
            self.notify("the pool has no limit; set one with --pool or jobs.pool", "warning")
        elif after == 0:
            key = self._key("jobs.pause_all")
            self.notify(
                f"the pool cannot be smaller than 1 (0 means no limit); {key} pauses all jobs", "warning"
            )
        else:
            self._requested_size = after
            self.execute(undo.resize, after)

    def _key(self, action: str) -> str:
        return key_of(self._app, action)

    def note_pool_size(self, size: int) -> None:
        """Note the pool's size in a new snapshot; it may be the requested one."""
        if size == self._requested_size:
            self._requested_size = None

    def notify(self, text: str, severity: Severity = "information") -> None:
        """Show a message. Call in the app's thread only."""
        if origin := self._origin():
            text = f"{origin}: {text}"
        self._app.notify(cell_text(text), severity=severity, markup=False)
