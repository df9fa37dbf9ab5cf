"""A backend that serves hand-made snapshots and records the commands it receives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from jobtui.engine.enums import Cancellation
from jobtui.engine.views import JobView, Snapshot
from jobtui.frontend.backend import JobDetails, Unsubscribe
from jobtui.runtime.output_capture import OutputChunk, OutputLog
from jobtui.schedules.describe import describe
from jobtui.schedules.dst import TickPreview, preview_ticks

Command = tuple[str | int, ...]


class ScriptedBackend:
    """Serves one snapshot until the test sets another.

    Args:
        snapshot: The first snapshot.
        title: The title of the backend.

    Attributes:
        commands: The commands it has received, oldest first, such as `("run", "refresh_cache")`.
        listeners: The functions to call after a change.
        snapshots_taken: How often the snapshot was read.
        outputs: The output of each run, by its number.
        output_log: The output of all jobs.
        connection_error: Why the snapshot is out of date.
        address: The address at which other processes reach the scheduler.
        closed: Whether `close` was called.
        command_error: The error that every command raises, or None.
        succeeds: Whether commands succeed; if not, they return False or `TOO_LATE`.
        cancellation: The result of a cancel that succeeds.
    """

    def __init__(self, snapshot: Snapshot, title: str = "demo_jobs.py") -> None:
        self.title = title
        self.commands: list[Command] = []
        self.listeners: list[Callable[[], None]] = []
        self.snapshots_taken = 0
        self.outputs: dict[int, str] = {}
        self.output_log = OutputLog()
        self.output_since: Callable[[int], OutputChunk] = self.output_log.output_since
        self.connection_error = ""
        self.address = ""
        self.closed = False
        self.command_error: Exception | None = None
        self.succeeds = True
        self.cancellation = Cancellation.TAKEN_OUT
        self._snapshot = snapshot

    @property
    def zone(self) -> tzinfo:
        """The zone of the snapshot."""
        return self._snapshot.zone

    def set_snapshot(self, snapshot: Snapshot) -> None:
        """Serve another snapshot from now on, and notify the listeners."""
        self._snapshot = snapshot
        self.notify()

    def notify(self) -> None:
        """Notify the listeners of a change."""
        for notify in tuple(self.listeners):
            notify()

    def on_change(self, notify: Callable[[], None]) -> Unsubscribe:
        """Call `notify` after every change, until the returned function is called."""
        self.listeners.append(notify)
        return lambda: self.listeners.remove(notify)

    def snapshot(self) -> Snapshot:
        """Return the current snapshot."""
        self.snapshots_taken += 1
        return self._snapshot

    def job_details(self, job: str) -> JobDetails:
        """Return a job's details; its runs are those of the snapshot."""
        view = next((each for each in self._snapshot.jobs if each.name == job), None)
        if view is None:
            raise LookupError(f"job {job!r} was removed")
        return JobDetails(
            job=view,
            description="one-off runs, no schedule" if view.schedule is None else describe(view.schedule),
            preview=self._preview(view),
            runs=tuple(run for run in self._snapshot.recent if run.job == job),
        )

    def _preview(self, view: JobView) -> TickPreview:
        if view.schedule is None or view.next is None:
            return TickPreview()
        return preview_ticks(self._snapshot.at, view.schedule, view.next, self.zone)

    def output_of(self, number: int) -> str:
        """Return the output of a run."""
        return self.outputs.get(number, "")

    def run(self, job: str) -> int:
        """Record the command. Return 900."""
        self._record("run", job)
        return 900

    def pause(self, job: str) -> bool:
        """Record the command."""
        return self._record("pause", job)

    def resume(self, job: str) -> bool:
        """Record the command."""
        return self._record("resume", job)

    def pause_all(self) -> int:
        """Record the command."""
        self._record("pause_all")
        return len(self._snapshot.jobs)

    def resume_all(self) -> int:
        """Record the command."""
        self._record("resume_all")
        return len(self._snapshot.jobs)

    def cancel(self, number: int) -> Cancellation:
        """Record the command."""
        return self.cancellation if self._record("cancel", number) else Cancellation.TOO_LATE

    def resize(self, size: int) -> None:
        """Record the command."""
        self._record("resize", size)

    def close(self) -> None:
        """Record the call."""
        self.closed = True

    def _record(self, *command: str | int) -> bool:
        self.commands.append(command)
        if self.command_error is not None:
            raise self.command_error
        return self.succeeds
