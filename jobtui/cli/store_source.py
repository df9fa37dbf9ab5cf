"""A store that a command asks, whether a scheduler runs or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from jobtui.cli.command_error import CommandError
from jobtui.cli.source import JobList, Process
from jobtui.engine.enums import JobStatus, Misfire, Overlap, RunState
from jobtui.engine.records import NUMBER, packed_view
from jobtui.engine.views import JobView, RunView
from jobtui.frontend.backend import RunLine, RunLines
from jobtui.frontend.explanation import Explanation
from jobtui.frontend.formatting import format_instant_full
from jobtui.frontend.why_run import explain_run
from jobtui.frontend.why_stored import StoreFacts
from jobtui.frontend.why_tick import explain_tick
from jobtui.process.printable import printable
from jobtui.runtime.clock import SystemClock
from jobtui.runtime.output_log import MAX_CHUNK
from jobtui.schedules.bad_spec import BadSpec, closest_matches
from jobtui.schedules.zones import local_zone_or_utc, zone
from jobtui.store.history import History
from jobtui.store.job_states import JobSummary
from jobtui.store.lives import Life
from jobtui.store.query import parse_query
from jobtui.store.store_errors import StoreError

_LATEST_RUNS = 50  # of a job, among which a reader finds those that have begun since its last look


class StoreSource:
    """The store that a command asks.

    Args:
        path: The file.
        zone_name: The name of the zone of the answers; None for that of the scheduler which used it last.

    Attributes:
        path: The file.
        name: Its name in messages.

    Raises:
        CommandError: The file cannot be read.
    """

    def __init__(self, path: Path, zone_name: str | None) -> None:
        self.path = path
        self.name = printable(str(path))
        self._history = History(path)
        with _explaining():
            self._life = self._history.life()
        self._zone = _zone(zone_name, self._life)

    @property
    def now(self) -> datetime:
        """The time, in the zone of the answers."""
        return datetime.fromtimestamp(SystemClock().now(), self._zone)

    def list_jobs(self) -> JobList:
        """Return all jobs."""
        with _explaining():
            summaries = self._history.jobs()
        process = None if self._life is None else self._process(self._life)
        return JobList(
            jobs=[self._job_view(job, process) for job in summaries],
            headline=f"{self.name}: {_describe(process)}",
            store=str(self.path),
            process=process,
            endings={job.name: job.endings for job in summaries},
        )

    def job_names(self) -> list[str]:
        """Return the names of all jobs."""
        with _explaining():
            return self._history.job_names()

    def search(self, query: str, limit: int) -> tuple[Sequence[RunView], bool]:
        """Return the newest runs that meet a query, and whether there are more."""
        with _explaining():
            found = self._history.search(parse_query(query, self.now), limit + 1)
        return [packed_view(run, self._zone) for run in found[:limit]], len(found) > limit

    def run(self, number: int) -> RunView:
        """Return a run."""
        with _explaining():
            packed = self._history.run(number)
        if packed is None:
            raise LookupError(f"there is no run {number} in {self.name}")
        return packed_view(packed, self._zone)

    def process_of(self, run: RunView) -> Process | None:
        """Return the process of a run; None if it is not known."""
        with _explaining():
            life = self._history.life(run.number)
        return None if life is None else self._process(life)

    def latest_run(self, job: str) -> int:
        """Return the number of a job's latest run: one that is RUNNING, else the last one to end."""
        with _explaining():
            number = self._history.latest_run(job)
        if number:
            return number
        names = self.job_names()
        if job in names:
            raise LookupError(f"no run of job {job!r} is kept in {self.name}")
        near = closest_matches(job, names)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise LookupError(f"{self.name} has no job {job!r}{hint}")

    def started_runs(self, job: str) -> Sequence[int]:
        """Return the numbers of the latest runs of a job that are RUNNING or have ended, in any order."""
        with _explaining():
            ended = self._history.find(job=job, limit=_LATEST_RUNS)
            return [*(run[NUMBER] for run in ended), self._history.latest_run(job)]

    def why(self, job: str, at: str) -> Explanation:
        """Explain a tick of a job."""
        with _explaining():
            return explain_tick(StoreFacts(self._history, self.now), job, at)

    def why_run(self, number: int) -> Explanation:
        """Explain a run."""
        with _explaining():
            return explain_run(StoreFacts(self._history, self.now), number)

    def output(self, number: int, after: str = "") -> RunLines:
        """Return the next lines of a run's output."""
        run = self.run(number)  # before its lines: those that are written later are not missed
        if run.ended is None:
            process = self.process_of(run)
            has_ended = process is None or not process.lives
        else:
            has_ended = True
        with _explaining():
            found = self._history.output_after(number, int(after or 0), MAX_CHUNK)
        return RunLines(
            lines=tuple([RunLine(line.at, line.stream, line.text) for _, line in found]),
            next=str(found[-1][0]) if found else after,
            ended=has_ended and len(found) < MAX_CHUNK,
        )

    def _instant(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, self._zone)

    def _process(self, life: Life) -> Process:
        return Process(
            pid=life.pid,
            host=life.host,
            started=self._instant(life.started),
            seen=self._instant(life.seen),
            ended=None if life.ended is None else self._instant(life.ended),
            killed=bool(life.killed),
            lives=life.may_live(SystemClock().now()),
            file=life.file,
            commit=life.git_commit,
        )

    def _job_view(self, job: JobSummary, process: Process | None) -> JobView:
        """Return the view of a job, without what only its scheduler knows."""
        running = job.running if process is not None and process.lives else 0
        is_over = job.pause is not None and not job.pause.covers(self.now.timestamp())
        pause = None if is_over else job.pause
        status = JobStatus.IDLE if pause is None else JobStatus.PAUSED
        if running or job.retrying:
            status = JobStatus.RUNNING if running else JobStatus.RETRYING
        return JobView(
            name=job.name,
            status=status,
            schedule=None,
            spec="",
            origin="",
            summary="",
            overlap=Overlap.HOLD,
            misfire=Misfire.COALESCE,
            running=running,
            queued=0,
            held=0,
            scheduled=0,
            prev=None if job.prev is None else self._instant(job.prev),
            next=None,
            paused_since=None if pause is None else self._instant(pause.since),
            paused_until=None if pause is None or pause.until is None else self._instant(pause.until),
            paused_by="" if pause is None else pause.by,
            pause_note="" if pause is None else pause.note,
            last_elapsed=None if job.last_elapsed is None else timedelta(seconds=job.last_elapsed),
            last_ok_elapsed=None if job.last_ok_elapsed is None else timedelta(seconds=job.last_ok_elapsed),
            recent=job.recent,
            recent_durations=job.recent_durations,
            runs=sum(count for state, count in job.endings.items() if state.completed),
            failures=sum(count for state, count in job.endings.items() if state.failed),
            retrying=job.retrying,
            retry_at=None if job.retry_at is None else self._instant(job.retry_at),
            retry_attempt=job.retry_attempt,
            attempts=job.attempts,
            retries=job.endings.get(RunState.RETRYING, 0),
        )


@contextmanager
def _explaining() -> Iterator[None]:
    """Turn what a store raises into the error of a command."""
    try:
        yield
    except (StoreError, ValueError) as error:  # ValueError: a query or an instant is not valid
        raise CommandError(str(error)) from error


def _zone(name: str | None, life: Life | None) -> tzinfo:
    if name is not None:
        return zone(name)  # the parser has checked it
    try:
        return local_zone_or_utc() if life is None else zone(life.zone)
    except BadSpec:  # of another machine
        return local_zone_or_utc()


def _describe(process: Process | None) -> str:
    """Return which scheduler has used the store last, and whether it still runs."""
    if process is None:
        return "no scheduler has used it"
    name = f"process {process.pid} on {printable(process.host)}"
    if process.lives:
        return f"{name} runs the jobs since {format_instant_full(process.started)}"
    if process.ended is None or process.killed:
        seen = format_instant_full(process.seen)
        return f"no scheduler runs; {name} ended without stopping, and was last seen {seen}"
    return f"no scheduler runs; {name} stopped {format_instant_full(process.ended)}"
