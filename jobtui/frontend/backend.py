"""The protocols through which front ends read and steer a scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, NamedTuple, Protocol, Unpack

from jobtui.engine.enums import Cancellation, RunState
from jobtui.engine.events import Event
from jobtui.engine.job_policies import Policies
from jobtui.engine.ledger import MAX_RUNS
from jobtui.engine.run_columns import MAX_POINTS, RunColumns
from jobtui.engine.views import JobCounters, JobView, Liveness, PoolView, RunPage, RunStack, RunView, Snapshot
from jobtui.frontend.explanation import Explanation
from jobtui.runtime.output_log import OutputChunk
from jobtui.schedules.dst import TickPreview


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetails:
    """A job with everything that the screen about it shows.

    Attributes:
        job: The job.
        description: Its schedule in plain English.
        preview: Its next ticks, in the scheduler's zone.
        runs: Its latest ended runs, newest first, at most 20.
        parameters: The JSON Schema of an object with its parameters; empty for one-off runs.
    """

    job: JobView
    description: str
    preview: TickPreview
    runs: tuple[RunView, ...]
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePreview:
    """The meaning that another schedule would have for a job.

    Attributes:
        description: The schedule in plain English.
        preview: Its next ticks, in the scheduler's zone.
    """

    description: str
    preview: TickPreview


class RunLine(NamedTuple):
    """A line of a run's output.

    Attributes:
        at: When it was written, in seconds since the epoch (UTC); None if that is not known.
        stream: `stdout`, `stderr`, or the level of a log record; "" if that is not known.
        text: The text, without a line break.
    """

    at: float | None
    stream: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLines:
    """Consecutive lines of a run's output.

    Attributes:
        lines: The lines, oldest first.
        next: The position after them, from which the next request goes on.
        ended: Whether the run has ended, and these are its last lines.
    """

    lines: tuple[RunLine, ...]
    next: str
    ended: bool


class LogLine(NamedTuple):
    """A line of output in the log view.

    Attributes:
        at: When it was written, in seconds since the epoch (UTC); None if that is not known.
        job: The name of the job whose run wrote it; "" outside a run.
        run: The number of that run; 0 outside a run.
        stream: `stdout`, `stderr`, the level of a log record, or `fd 1` or `fd 2`; "" if that is not known.
        text: The text, without a line break.
    """

    at: float | None
    job: str
    run: int
    stream: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    """Consecutive lines of output, of one run or of all, with the positions around them.

    Attributes:
        lines: The complete lines, oldest first.
        unfinished: The lines without a line break at their end, if this is the latest page.
        before: The position before the lines, to read the page before; "" if no earlier line is kept.
        after: The position after the lines, to read the page after.
        is_latest: Whether there are no later lines yet.
        ended: Whether the run has ended and there will be no later lines; False for all runs.
        continues: Whether the lines follow the given position. False if lines in between have been dropped,
            or if the scheduler has restarted; the page is then the latest one.
        lacks_earlier: Whether lines may have been written before these that are not kept.
    """

    lines: tuple[LogLine, ...]
    unfinished: tuple[LogLine, ...] = ()
    before: str = ""
    after: str
    is_latest: bool = True
    ended: bool = False
    continues: bool = True
    lacks_earlier: bool = False


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
    def needs_sign_in(self) -> bool:
        """Whether there is no connection because the credentials are missing or wrong."""

    def sign_in(self, user: str, password: str) -> None:
        """Try other credentials. Returns at once; `connection_error` says what came of it."""

    @property
    def zone(self) -> tzinfo:
        """The zone in which to show times."""

    def on_change(self, notify: Callable[[], None]) -> Unsubscribe:
        """Call `notify` after every change, in any thread, until the returned function is called."""

    def set_shown(self, shown: bool) -> None:
        """Note whether the user sees the scheduler. If not, its snapshot may be some seconds old."""

    def snapshot(self) -> Snapshot:
        """Return the latest view of the whole scheduler."""

    def job_details(self, job: str) -> JobDetails:
        """Return a job's details."""

    def find_runs(
        self,
        *,
        job: str | None = None,
        state: RunState | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = MAX_RUNS,
    ) -> Sequence[RunView]:
        """Return running, then waiting, then scheduled, then ended runs, the latest endings first.

        Args:
            job: Only runs of this job; None for all jobs.
            state: Only runs in this state; None for all states.
            since: Only runs that have ended at this instant or later; None for all.
            until: Only runs that have ended at this instant or earlier; None for all.
            limit: How many runs to return at most, from 1 to `MAX_RUNS`.
        """

    def search_runs(self, query: str, *, limit: int = 100, cursor: str = "") -> RunPage:
        """Return a page of the runs that meet a query, newest first; see `Scheduler.search_runs`.

        Args:
            query: The query; "" for all.
            limit: How many runs to return at most, from 1 to `MAX_RUNS`.
            cursor: The `next` of the page before; "" for the first page.

        Raises:
            ValueError: The query or the cursor is not valid.
        """

    def run_columns(self, job: str, *, limit: int = MAX_POINTS) -> RunColumns:
        """Return the latest runs of a job that have started and ended, as columns.

        Args:
            job: The name of the job.
            limit: How many runs are returned at most, from 1 to `MAX_POINTS`.
        """

    def run_view(self, number: int) -> RunView:
        """Return a run by its number: waiting, running or ended."""

    def stack(self, number: int) -> RunStack | None:
        """Return where a run is now; None if it is neither RUNNING nor abandoned."""

    def pool_view(self) -> PoolView:
        """Return the current view of the pool, which may be newer than the snapshot."""

    def output_of(self, number: int) -> str | None:
        """Return the first and the last part of a run's output; None if output is not recorded.

        Raises:
            LookupError: There is no run of that number, or it has ended and is not kept any more.
        """

    def output_lines(self, number: int, after: str = "") -> RunLines:
        """Return the next lines of a run's output, at most `MAX_CHUNK`.

        Args:
            number: The number of the run.
            after: The `next` of the lines before; "" to begin with the first line that is kept.

        Raises:
            LookupError: There is no run of that number, or it has ended and is not kept any more.
        """

    def log_page(
        self, run: int | None = None, *, before: str | None = None, after: str | None = None
    ) -> LogPage:
        """Return a page of output of at most `MAX_CHUNK` lines: the latest, or one beside a position.

        The page that follows a position is not full if all lines are read; `is_latest` says so.

        Args:
            run: Only the output of the run with this number; None for all output that is in memory.
            before: The `before` of a page, for the lines before it.
            after: The `after` of a page, for the lines after it; "" for the first lines that are kept. If it
                is given, `before` has no effect.

        Raises:
            LookupError: There is no run of that number, or it has ended and is not kept any more.
        """

    def why(self, job: str, at: str = "") -> Explanation:
        """Explain what became, or will become, of a tick of a job; see `explain_tick`.

        Args:
            job: The name of the job.
            at: The instant, such as ``02:30``; "" for the latest tick in the ledger.

        Raises:
            ValueError: The text is not an instant.
        """

    def why_run(self, number: int) -> Explanation:
        """Explain when a run was due, how long it waited for what, and how it ended."""

    def run(self, job: str, arguments: Mapping[str, Any] | None = None) -> int:
        """Run a job now. Return the run's number.

        Args:
            job: The job.
            arguments: The arguments of the run as JSON, see `read_arguments`; None for those of the job.

        Raises:
            ValueError: They are not those of the job. The message has the place of the mistake.
        """

    def run_again(self, number: int) -> int:
        """Run an ended run once more, with the same arguments. Return the number of the new run.

        Raises:
            RuntimeError: It has not ended, or its arguments are not kept.
        """

    def pause(
        self,
        job: str,
        *,
        until: datetime | str | None = None,
        for_: str | None = None,
        note: str = "",
        by: str = "",
    ) -> bool:
        """Pause a job. Return whether that changed anything.

        Args:
            job: The job.
            until: The end of the pause, as for `Scheduler.pause`; None for no end.
            for_: Its length in place of its end.
            note: The reason.
            by: What pauses the job. A scheduler in another process notes its API instead.
        """

    def resume(self, job: str) -> bool:
        """Resume a job. Return whether that changed anything."""

    def update(self, job: str, *, spec: str | None = None, **policies: Unpack[Policies]) -> None:
        """Change the schedule or the policies of a job; see `Scheduler.update`.

        Args:
            job: The job.
            spec: Its new spec or interval; None for the one that it has.
            **policies: Its new policies, without functions.

        Raises:
            ValueError: The spec or a policy is not valid. Nothing has changed.
            TypeError: As ValueError.
        """

    def preview(self, job: str, spec: str) -> SchedulePreview:
        """Return what a schedule would mean for a job if `update` gave it to the job.

        Raises:
            ValueError: The spec is not valid; the message has the place of the mistake.
        """

    def pause_all(self, *, by: str = "") -> int:
        """Pause every job. Return how many were not paused before.

        Args:
            by: As for `pause`.
        """

    def resume_all(self) -> int:
        """Resume every job. Return how many were paused."""

    def cancel(self, number: int) -> Cancellation:
        """Cancel a run: remove it from the queue, interrupt it, or ask it to stop. Return which it was."""

    def resize(self, size: int) -> None:
        """Change how many runs may be RUNNING at once; 0 means no limit."""

    def close(self) -> None:
        """Disconnect, and end every call that still waits for an answer. The scheduler keeps running."""


class EventReader(Protocol):
    """A position in the events of a scheduler. It begins where its snapshot ends."""

    @property
    def snapshot(self) -> Snapshot:
        """The scheduler at the moment of subscribing; the first event has the next number."""

    def read(self) -> Sequence[Event]:
        """Return the new events, oldest first. Iterate over them once."""

    def close(self) -> None:
        """Unsubscribe."""


class ObservableBackend(Backend, Protocol):
    """A backend in the scheduler's own process, as a server needs it: it reads every event and every counter.

    Its methods wait for no other process, so an event loop may call them.
    """

    def subscribe(self, notify: Callable[[], None]) -> EventReader:
        """Follow every event. `notify` is called after a change, once until the next read, in any thread."""

    def counters(self) -> Iterator[JobCounters]:
        """Yield how the runs and ticks of each job have ended."""

    def liveness(self) -> Liveness:
        """Return whether the scheduler is alive. Never blocks, even if the scheduler hangs."""

    def output_since(self, after: int) -> OutputChunk:
        """Return the output of all jobs after the line with the number `after`, as far as it is kept.

        If that is very much, return the latest lines. If the scheduler has restarted since that line, begin
        with its first one.
        """

    def refresh_views(self) -> Iterator[None]:
        """Do the work of the next snapshot in short steps, between which other threads may run."""


class Listener(AbstractContextManager[object], Protocol):
    """A server that gives other processes access to a scheduler while its context is entered."""

    @property
    def address(self) -> object:
        """The address; its `str` is a URL, or `unix:` and a path."""


Serve = Callable[[ObservableBackend], Listener]  # binds a socket, so it may raise OSError
