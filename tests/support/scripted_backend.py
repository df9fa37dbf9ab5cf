"""A backend that serves hand-made snapshots and records the commands it receives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Unpack

from jobtui.engine.enums import Cancellation, RunState
from jobtui.engine.events import Event
from jobtui.engine.job_policies import Policies
from jobtui.engine.ledger import MAX_RUNS
from jobtui.engine.run_columns import MAX_POINTS, RunColumns
from jobtui.engine.views import JobCounters, JobView, Liveness, PoolView, RunPage, RunStack, RunView, Snapshot
from jobtui.frontend.backend import (
    JobDetails,
    LogLine,
    LogPage,
    RunLine,
    RunLines,
    SchedulePreview,
    Unsubscribe,
)
from jobtui.frontend.explanation import Cause, Explanation, Verdict
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.output_log import MAX_CHUNK, OutputChunk, OutputLog
from jobtui.schedules.adjusted import anchored
from jobtui.schedules.describe import describe
from jobtui.schedules.dst import TickPreview, preview_ticks
from jobtui.schedules.parser import SpecResolver

Command = tuple[str | int | datetime, ...]


@dataclass(frozen=True)
class NoEvents:
    """An event reader that has a snapshot and never an event."""

    snapshot: Snapshot

    def read(self) -> Sequence[Event]:
        """Return no events."""
        return ()

    def close(self) -> None:
        """Do nothing."""


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
        log_lines: The lines of the output of runs, by the numbers of the runs; else those of `outputs`.
        page_size: How many lines a page of the log has.
        pages_read: How many pages of the log were read.
        output_log: The output of all jobs, written at the instant of the snapshot.
        connection_error: Why the snapshot is out of date.
        needs_sign_in: Whether there is no connection because the credentials are missing or wrong.
        sign_ins: The credentials that were given since.
        address: The address at which other processes reach the scheduler.
        closed: Whether `close` was called.
        is_shown: Whether the user sees the scheduler, as far as the backend knows.
        command_error: The error that every command raises, or None.
        succeeds: Whether commands succeed; if not, they return False or `TOO_LATE`.
        cancellation: The result of a cancel that succeeds.
        history: The runs that every search finds; None for those of the snapshot that have ended.
        parameters: The JSON Schema of the parameters of every job.
        find_error: The error that `find_runs` and `run_columns` raise, or None.
        columns: The runs of jobs as columns, by the name of the job.
    """

    def __init__(self, snapshot: Snapshot, title: str = "demo_jobs.py") -> None:
        self.title = title
        self.commands: list[Command] = []
        self.listeners: list[Callable[[], None]] = []
        self.snapshots_taken = 0
        self.outputs: dict[int, str] = {}
        self.log_lines: dict[int, list[LogLine]] = {}
        self.page_size = MAX_CHUNK
        self.pages_read = 0
        self.stacks: dict[int, RunStack] = {}
        self.output_log = OutputLog(clock=ManualClock(snapshot.at.timestamp()))
        self.output_since: Callable[[int], OutputChunk] = self.output_log.output_since
        self.connection_error = ""
        self.needs_sign_in = False
        self.sign_ins: list[tuple[str, str]] = []
        self.address = ""
        self.closed = False
        self.is_shown = True
        self.command_error: Exception | None = None
        self.succeeds = True
        self.cancellation = Cancellation.TAKEN_OUT
        self.history: Sequence[RunView] | None = None
        self.find_error: Exception | None = None
        self.columns: dict[str, RunColumns] = {}
        self.parameters: dict[str, Any] = {}
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

    def sign_in(self, user: str, password: str) -> None:
        """Record the credentials."""
        self.sign_ins.append((user, password))

    def set_shown(self, shown: bool) -> None:
        """Note whether the user sees the scheduler."""
        self.is_shown = shown

    def snapshot(self) -> Snapshot:
        """Return the current snapshot."""
        self.snapshots_taken += 1
        return self._snapshot

    def _runs(self) -> Sequence[RunView]:
        snapshot = self._snapshot
        return (*snapshot.running, *snapshot.waiting, *snapshot.scheduled, *snapshot.recent)

    def find_runs(
        self,
        *,
        job: str | None = None,
        state: RunState | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = MAX_RUNS,
    ) -> Sequence[RunView]:
        """Return the matching runs of the snapshot."""
        if self.find_error is not None:
            raise self.find_error
        runs = [run for run in self._runs() if job in (None, run.job) and state in (None, run.state)]
        return runs[:limit]

    def search_runs(self, query: str, *, limit: int = 100, cursor: str = "") -> RunPage:
        """Return a page of the history, whatever the query. The cursor is the number of its first run."""
        self._record("search_runs", query, cursor)
        runs = self._snapshot.recent if self.history is None else self.history
        first, last = int(cursor or 0), int(cursor or 0) + limit
        return RunPage(runs=tuple(runs[first:last]), next=str(last) if last < len(runs) else "")

    def run_columns(self, job: str, *, limit: int = MAX_POINTS) -> RunColumns:
        """Return the columns that a test has set for a job, or none."""
        if self.find_error is not None:
            raise self.find_error
        return self.columns.get(job, RunColumns())

    def run_view(self, number: int) -> RunView:
        """Return a run of the snapshot."""
        run = next((each for each in self._runs() if each.number == number), None)
        if run is None:
            raise LookupError(f"unknown run {number}")
        return run

    def pool_view(self) -> PoolView:
        """Return the pool of the snapshot."""
        return self._snapshot.pool

    def subscribe(self, _notify: Callable[[], None]) -> NoEvents:
        """Return a reader without events."""
        return NoEvents(self._snapshot)

    def counters(self) -> Iterator[JobCounters]:
        """Yield the counters of the jobs in the snapshot, as far as it has them."""
        for job in self._snapshot.jobs:
            endings = {RunState.OK: job.runs - job.failures, RunState.FAILED: job.failures}
            yield JobCounters(job.name, job.paused_since is not None, endings)

    def liveness(self) -> Liveness:
        """Return the phase, the store and the number of the last event of the snapshot."""
        snapshot = self._snapshot
        return Liveness(phase=snapshot.phase, heartbeat_age=0.0, store=snapshot.store, seq=snapshot.seq)

    def refresh_views(self) -> Iterator[None]:
        """Do nothing: the snapshot is ready."""
        return iter(())

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
            parameters=self.parameters,
        )

    def _preview(self, view: JobView) -> TickPreview:
        if view.schedule is None or view.next is None:
            return TickPreview()
        return preview_ticks(self._snapshot.at, view.schedule, view.next, self.zone)

    def output_of(self, number: int) -> str | None:
        """Return the output of a run."""
        return self.outputs.get(number, "")

    def output_lines(self, number: int, after: str = "") -> RunLines:
        """Return the output of a run, unless the lines before have been read."""
        lines = [] if after else self.outputs.get(number, "").splitlines()
        return RunLines(lines=tuple(RunLine(None, "", line) for line in lines), next="end", ended=True)

    def log_page(
        self, run: int | None = None, *, before: str | None = None, after: str | None = None
    ) -> LogPage:
        """Return the lines of a run in `log_lines`, or all of `output_log`, in pages of `page_size` lines."""
        self.pages_read += 1
        if self.find_error is not None:
            raise self.find_error
        lines, unfinished = self._lines_of(run)
        number = int(before or after or 0)
        end = number if before else len(lines) if after is None else number + self.page_size
        begin = number if after is not None else max(0, end - self.page_size)
        part = lines[begin:end]
        end = begin + len(part)
        is_latest = end == len(lines)
        return LogPage(
            lines=tuple(part),
            unfinished=tuple(unfinished) if is_latest else (),
            before=str(begin) if begin else "",
            after=str(end),
            is_latest=is_latest,
            ended=is_latest and run is not None and self.run_view(run).state.ended,
        )

    def _lines_of(self, run: int | None) -> tuple[list[LogLine], list[LogLine]]:
        """Return the complete and the unfinished lines of a run, or of all output."""
        if run is not None:
            texts = (self.outputs.get(run) or "").splitlines()
            plain = [LogLine(None, self.run_view(run).job, run, "", text) for text in texts]
            return self.log_lines.get(run, plain), []
        chunk = self.output_log.output_since(0)
        complete, unfinished = (
            [LogLine(line.at, line.job, line.run, line.stream, line.text) for line in lines]
            for lines in (chunk.lines, chunk.unfinished)
        )
        return complete, unfinished

    def stack(self, number: int) -> RunStack | None:
        """Return the stack that a test has set."""
        return self.stacks.get(number)

    def why(self, job: str, at: str = "") -> Explanation:
        """Say that nothing is known."""
        return self._not_known(job, f"{job} {at}")

    def why_run(self, number: int) -> Explanation:
        """Say that nothing is known."""
        return self._not_known(self.run_view(number).job, f"run {number}")

    def _not_known(self, job: str, sentence: str) -> Explanation:
        return Explanation(
            job=job,
            at=self._snapshot.at,
            verdict=Verdict.NOT_KNOWN,
            cause=Cause.NOT_RECORDED,
            sentence=sentence,
        )

    def run(self, job: str, arguments: Mapping[str, Any] | None = None) -> int:
        """Record the command. Return 900."""
        self._record("run", job, *([] if arguments is None else [str(arguments)]))
        return 900

    def run_again(self, number: int) -> int:
        """Record the command. Return 900."""
        self._record("run_again", number)
        return 900

    def pause(
        self,
        job: str,
        *,
        until: datetime | str | None = None,
        for_: str | None = None,
        note: str = "",
        by: str = "",
    ) -> bool:
        """Record the command."""
        end = until or for_
        return self._record("pause", job) if end is None else self._record("pause", job, end)

    def resume(self, job: str) -> bool:
        """Record the command."""
        return self._record("resume", job)

    def update(self, job: str, *, spec: str | None = None, **policies: Unpack[Policies]) -> None:
        """Record the command."""
        self._record("update", job, spec or "", *policies)

    def preview(self, job: str, spec: str) -> SchedulePreview:
        """Return what a spec means, as a scheduler does."""
        if self.command_error is not None and not isinstance(self.command_error, ValueError):
            raise self.command_error
        if not any(each.name == job for each in self._snapshot.jobs):
            raise LookupError(f"there is no job {job!r}")
        schedule, _ = SpecResolver({}, self.zone, "once").resolve_either(spec, tz=None, dst=None)
        now = self._snapshot.at
        schedule = anchored(schedule, now)
        due = schedule.next(now)
        preview = TickPreview() if due is None else preview_ticks(now, schedule, due, self.zone)
        return SchedulePreview(description=describe(schedule), preview=preview)

    def pause_all(self, *, by: str = "") -> int:
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

    def _record(self, *command: str | int | datetime) -> bool:
        self.commands.append(command)
        if self.command_error is not None:
            raise self.command_error
        return self.succeeds
