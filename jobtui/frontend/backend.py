"""The protocol through which front ends read and steer a scheduler, and its form for one in this process."""

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
    """A job with everything that the screen about it shows.

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


Unsubscribe = Callable[[], None]  # a second call has no effect


class Backend(Protocol):
    """A scheduler as a front end sees it: in this process, or in another one.

    Every method may be called from any thread. `snapshot` and the properties return at once; the other
    methods may block, so a user interface calls them in a worker thread. They raise LookupError if the job or
    run does not exist, and OSError if a scheduler in another process cannot be reached or rejects the
    credentials. The message of each error is for the user.
    """

    @property
    def title(self) -> str:
        """The origin of the jobs, such as the file's name."""

    @property
    def address(self) -> str:
        """The address at which other processes reach the scheduler, or ""."""

    @property
    def connection_error(self) -> str:
        """The reason why the snapshot is out of date, for the user, or "". Its changes notify, too."""

    @property
    def zone(self) -> tzinfo:
        """The zone in which to show times."""

    def on_change(self, notify: Callable[[], None]) -> Unsubscribe:
        """Call `notify` after every change, in any thread, until the returned function is called."""

    def snapshot(self) -> Snapshot:
        """Return the latest view of the whole scheduler."""

    def job_details(self, job: str) -> JobDetails:
        """Return a job's details."""

    def output_of(self, number: int) -> str:
        """Return the end of a run's output, or "" if output is not collected."""

    def output_since(self, after: int) -> OutputChunk:
        """Return the output of all jobs after the line with the number `after`, as far as it is kept.

        If the scheduler has restarted since that line, return all of its output.
        """

    def run(self, job: str) -> int:
        """Run a job now. Return the run's number."""

    def pause(self, job: str) -> bool:
        """Pause a job. Return whether that changed anything."""

    def resume(self, job: str) -> bool:
        """Resume a job. Return whether that changed anything."""

    def pause_all(self) -> int:
        """Pause every job. Return how many were not paused before."""

    def resume_all(self) -> int:
        """Resume every job. Return how many were paused."""

    def cancel(self, number: int) -> Cancellation:
        """Cancel a run: remove it from the queue, interrupt it, or ask it to stop. Return which it was."""

    def resize(self, size: int) -> None:
        """Change how many runs may be RUNNING at once; 0 means no limit."""

    def close(self) -> None:
        """Disconnect, and end every call that still waits for an answer. The scheduler keeps running."""


class Listener(AbstractContextManager[object], Protocol):
    """A server that gives other processes access to a scheduler while its context is entered."""

    @property
    def address(self) -> object:
        """The address; its `str` is a URL, or `unix:` and a path."""


Serve = Callable[["LocalBackend"], Listener]  # binds a socket, so it may raise OSError


class LocalBackend:
    """A scheduler in this process.

    Args:
        scheduler: The scheduler.
        title: The origin of its jobs.
        output_log: The output of its jobs, if it is collected.

    Attributes:
        scheduler: The scheduler.
    """

    connection_error = ""

    def __init__(self, scheduler: Scheduler, title: str, output_log: OutputLog | None = None) -> None:
        self.title = title
        self.address = ""
        self.zone = scheduler.tz
        self.scheduler = scheduler
        self.snapshot = scheduler.snapshot
        self.output_of = scheduler.output_of
        self.output_since = (output_log or OutputLog()).output_since
        self.pause = scheduler.pause
        self.resume = scheduler.resume
        self.pause_all = scheduler.pause_all
        self.resume_all = scheduler.resume_all
        self.cancel = scheduler.cancel
        self.resize = scheduler.resize
        # The latest preview, with its schedule and the timestamp of its next tick.
        self._cached_preview: tuple[Schedule, float, TickPreview] | None = None

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
        """Do nothing: calls into this process do not wait for answers."""

    def run(self, job: str) -> int:
        """Run a job now. Return the run's number."""
        return self.scheduler.run(job).number

    def job_details(self, job: str) -> JobDetails:
        """Return a job's details."""
        runs = self.scheduler.runs_of(job)  # raises LookupError, with the names that are similar
        snapshot = self.scheduler.snapshot()
        view = next((each for each in snapshot.jobs if each.name == job), None)
        if view is None:  # it was removed in between
            raise LookupError(f"job {job!r} was removed")
        return JobDetails(
            job=view,
            description="one-off runs, no schedule" if view.schedule is None else describe(view.schedule),
            preview=self._preview_of(view, snapshot.at),
            runs=runs,
        )

    def _preview_of(self, view: JobView, now: datetime) -> TickPreview:
        """Return a job's next ticks; search again only if its next tick has changed."""
        if view.schedule is None or view.next is None:
            return TickPreview()
        next_tick = view.next.timestamp()
        if self._cached_preview is not None:
            schedule, timestamp, preview = self._cached_preview
            first = preview.ticks[0]
            outdated = first.is_dropped and first.at <= now
            if schedule is view.schedule and timestamp == next_tick and not outdated:
                return preview
        preview = preview_ticks(now, view.schedule, view.next, self.zone)
        self._cached_preview = (view.schedule, next_tick, preview)
        return preview
