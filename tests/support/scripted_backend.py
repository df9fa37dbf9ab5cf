"""A source whose pictures are made by hand, and which remembers what it was told to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from jobtui.engine.enums import Cancellation
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.backend import JobDetails, Unsubscribe
from jobtui.runtime.output_capture import OutputChunk, OutputLog
from jobtui.schedules.describe import describe
from jobtui.schedules.dst import TickPreview, preview_ticks

Command = tuple[str | int, ...]


class ScriptedBackend:
    """Serves one snapshot until the test moves it to another.

    Args:
        snapshot: The first one.
        title: Where its jobs are said to come from.

    Attributes:
        commands: What it was told to do, oldest first, such as ``("run", "refresh_cache")``.
        listeners: The functions to call after a change.
        asked: How many snapshots were taken.
        outputs: What each run printed, by its number.
        console: What everything printed.
        trouble: Why the picture is an old one.
        address: Where the scheduler can be reached.
        closed: Whether it was closed.
        refusal: What commands raise; None carries them out.
        obedient: What commands that answer yes or no answer.
    """

    def __init__(self, snapshot: Snapshot, title: str = "demo_jobs.py") -> None:
        self.title = title
        self.commands: list[Command] = []
        self.listeners: list[Callable[[], None]] = []
        self.asked = 0
        self.outputs: dict[int, str] = {}
        self.console = OutputLog()
        self.output_since: Callable[[int], OutputChunk] = self.console.output_since
        self.connection_error = ""
        self.address = ""
        self.closed = False
        self.refusal: Exception | None = None
        self.obedient = True
        self.cancellation = Cancellation.TAKEN_OUT
        self._snapshot = snapshot

    @property
    def zone(self) -> tzinfo:
        """The zone of the snapshot."""
        return self._snapshot.zone

    def move(self, snapshot: Snapshot) -> None:
        """Be in another state from now on, and say so."""
        self._snapshot = snapshot
        self.notify()

    def notify(self) -> None:
        """Say that something has changed."""
        for notify in tuple(self.listeners):
            notify()

    def on_change(self, notify: Callable[[], None]) -> Unsubscribe:
        """Call `notify` after every change, until the returned function is called."""
        self.listeners.append(notify)
        return lambda: self.listeners.remove(notify)

    def snapshot(self) -> Snapshot:
        """The current picture."""
        self.asked += 1
        return self._snapshot

    def job_details(self, job: str) -> JobDetails:
        """One job in depth; its runs are those of the snapshot."""
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
        """What a run printed."""
        return self.outputs.get(number, "")

    def run(self, job: str) -> int:
        """Pretend to run a job. Returns 900."""
        self._told("run", job)
        return 900

    def pause(self, job: str) -> bool:
        """Pretend to pause a job."""
        return self._told("pause", job)

    def resume(self, job: str) -> bool:
        """Pretend to resume a job."""
        return self._told("resume", job)

    def pause_all(self) -> int:
        """Pretend to pause every job."""
        self._told("pause_all")
        return len(self._snapshot.jobs)

    def resume_all(self) -> int:
        """Pretend to resume every job."""
        self._told("resume_all")
        return len(self._snapshot.jobs)

    def cancel(self, number: int) -> Cancellation:
        """Pretend to cancel a run."""
        obeyed = self._told("cancel", number)
        return self.cancellation if obeyed else Cancellation.TOO_LATE

    def resize(self, size: int) -> None:
        """Pretend to change the pool's size."""
        self._told("resize", size)

    def close(self) -> None:
        """Remember it."""
        self.closed = True

    def _told(self, *command: str | int) -> bool:
        self.commands.append(command)
        if self.refusal is not None:
            raise self.refusal
        return self.obedient


def latest_of(snapshot: Snapshot, job: str) -> RunView:
    """The latest ending of a job in a snapshot."""
    return next(run for run in snapshot.recent if run.job == job)
