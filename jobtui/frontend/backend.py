"""What a dashboard needs of a scheduler, as one small protocol, and its form for one in this process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

from jobtui.engine.enums import Cancellation
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.runtime.output_capture import OutputChunk, OutputLog
from jobtui.runtime.scheduler import Scheduler
from jobtui.runtime.subscriptions import Subscription
from jobtui.schedules.describe import describe
from jobtui.schedules.dst import TickPreview, preview_ticks
from jobtui.schedules.schedule import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetails:
    """One job in depth.

    Attributes:
        job: The job.
        description: Its schedule in plain English.
        preview: Its next ticks, in the scheduler's zone.
        runs: Its latest ended runs, newest first, at most 20.
    """

    job: JobView
    description: str
    preview: TickPreview
    runs: tuple[RunView, ...]


Unsubscribe = Callable[[], None]  # more than one call does no harm


class Backend(Protocol):
    """A scheduler as a dashboard sees and steers it.

    Every method may be called from any thread. `snapshot` and the properties answer at once, so they are for
    the thread that paints; everything else may take a moment, and is called in a worker thread. Those that
    name a job raise LookupError where it is gone, and where the scheduler is another process's, all of them
    raise an OSError where it does not answer or does not let this one in, each with a message for the user.
    """

    @property
    def title(self) -> str:
        """Where the jobs come from, such as the file's name."""
        ...

    @property
    def address(self) -> str:
        """Where the scheduler can be reached by other processes, or ""."""
        ...

    @property
    def connection_error(self) -> str:
        """Why the picture is an old one, in words, or "" while all is well. Followers are told of changes."""
        ...

    @property
    def zone(self) -> tzinfo:
        """The zone in which times are shown."""
        ...

    def on_change(self, notify: Callable[[], None]) -> Unsubscribe:
        """Call `notify` after every change, in any thread, until the returned function is called."""
        ...

    def snapshot(self) -> Snapshot:
        """Everything as it is now."""
        ...

    def job_details(self, job: str) -> JobDetails:
        """One job in depth."""
        ...

    def output_of(self, number: int) -> str:
        """The tail of what a run printed, where that is collected, else ""."""
        ...

    def output_since(self, after: int) -> OutputChunk:
        """What everything printed after the line of that number, as far as it is kept.

        All of it, with other numbers, where the line is of another life of the scheduler.
        """
        ...

    def run(self, job: str) -> int:
        """Run a job now. Returns the run's number."""
        ...

    def pause(self, job: str) -> bool:
        """Pause a job. Returns whether that changed anything."""
        ...

    def resume(self, job: str) -> bool:
        """Resume a job. Returns whether that changed anything."""
        ...

    def pause_all(self) -> int:
        """Pause every job. Returns how many were not paused before."""
        ...

    def resume_all(self) -> int:
        """Resume every job. Returns how many were paused."""
        ...

    def cancel(self, number: int) -> Cancellation:
        """Take out a waiting run, or interrupt or ask one that runs. Returns which it was."""
        ...

    def resize(self, size: int) -> None:
        """Change how many runs may be RUNNING at once; 0 for no limit."""
        ...

    def close(self) -> None:
        """Be done with it: whoever waits for an answer waits no longer. The scheduler goes on."""
        ...


class Listening(AbstractContextManager[object], Protocol):
    """Something that lets other processes see and steer a scheduler, for as long as it is entered."""

    @property
    def address(self) -> object:
        """Where; its ``str`` is a URL, or ``unix:`` and a path."""
        ...


Serve = Callable[["LocalBackend"], Listening]  # may raise: it binds a socket


class LocalBackend:
    """A scheduler in this process.

    Args:
        scheduler: The scheduler.
        title: Where its jobs come from.
        console: What jobs print, where it is collected.

    Attributes:
        scheduler: The scheduler.
    """

    connection_error = ""

    def __init__(self, scheduler: Scheduler, title: str, console: OutputLog | None = None) -> None:
        self.title = title
        self.address = ""
        self.zone = scheduler.tz
        self.scheduler = scheduler
        self.snapshot = scheduler.snapshot
        self.output_of = scheduler.output_of
        self.output_since = (console or OutputLog()).output_since
        self.pause = scheduler.pause
        self.resume = scheduler.resume
        self.pause_all = scheduler.pause_all
        self.resume_all = scheduler.resume_all
        self.cancel = scheduler.cancel
        self.resize = scheduler.resize
        self._coming: tuple[Schedule, float, TickPreview] | None = (
            None  # the last answer, and what it is about
        )

    def on_change(self, notify: Callable[[], None]) -> Unsubscribe:
        """Call `notify` after every change, in any thread, until the returned function is called."""
        subscription: Subscription | None = None

        def skip_and_notify() -> None:
            if subscription is not None:  # the first call may precede the assignment below
                subscription.skip()  # the reader takes a snapshot: the events are only a signal
            notify()

        subscription = self.scheduler.subscribe(skip_and_notify)
        return subscription.close

    def close(self) -> None:
        """Nothing: nobody waits for answers of this process."""

    def run(self, job: str) -> int:
        """Run a job now. Returns the run's number."""
        return self.scheduler.run(job).number

    def job_details(self, job: str) -> JobDetails:
        """One job in depth."""
        runs = self.scheduler.runs_of(job)  # raises, and names those that are near
        snapshot = self.scheduler.snapshot()
        view = next((each for each in snapshot.jobs if each.name == job), None)
        if view is None:  # it was removed in between
            raise LookupError(f"there is no job {job!r} any more")
        return JobDetails(
            job=view,
            description="one-off runs, no schedule" if view.schedule is None else describe(view.schedule),
            preview=self._preview_of(view, snapshot.at),
            runs=runs,
        )

    def _preview_of(self, view: JobView, now: datetime) -> TickPreview:
        """What comes of a job; searched for anew only when its next fire is another one."""
        if view.schedule is None or view.next is None:
            return TickPreview()
        next_fire, known = view.next.timestamp(), self._coming
        if known is not None and known[0] is view.schedule and known[1] == next_fire:
            soonest = known[2].ticks[0]
            if not soonest.dropped or soonest.at > now:
                return known[2]
        coming = preview_ticks(now, view.schedule, view.next, self.zone)
        self._coming = (view.schedule, next_fire, coming)
        return coming
