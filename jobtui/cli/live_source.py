"""A scheduler that runs, in this machine or in another one, as a command asks it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import datetime, tzinfo
from typing import Any, TypeVar

from jobtui.cli.command_error import CommandError
from jobtui.cli.source import JobList, Process
from jobtui.engine.enums import Phase
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.backend import RunLines
from jobtui.frontend.explanation import Explanation
from jobtui.frontend.formatting import format_instant_full
from jobtui.frontend.json_codec import RUN_LISTS
from jobtui.frontend.registry import Entry
from jobtui.process.printable import printable
from jobtui.remote.remote_backend import RemoteBackend
from jobtui.schedules.zones import zone

View = TypeVar("View", JobView, RunView)


class LiveSource:
    """The scheduler that a command asks.

    Args:
        backend: The scheduler, connected.
        entry: Its entry among those that run here; None if it has none.
        zone_name: The name of the zone of the answers; None for that of the scheduler.

    Attributes:
        backend: The scheduler.
        name: Its name in messages.
    """

    def __init__(self, backend: RemoteBackend, entry: Entry | None, zone_name: str | None) -> None:
        self.backend = backend
        self.name = printable(backend.title)
        self._entry = entry
        self._zone: tzinfo = backend.zone if zone_name is None else zone(zone_name)

    @property
    def now(self) -> datetime:
        """The time, in the zone of the answers."""
        return self.backend.snapshot().at.astimezone(self._zone)

    def list_jobs(self) -> JobList:
        """Return all jobs."""
        snapshot = self._snapshot_in_zone()
        process = self._process(snapshot)
        number = "a process" if process.pid is None else f"process {process.pid}"
        doing = "runs the jobs" if snapshot.phase is Phase.RUNNING else f"is {snapshot.phase.value}"
        since = "" if process.started is None else f" since {format_instant_full(process.started)}"
        return JobList(
            jobs=snapshot.jobs,
            headline=f"{self.name}: {number} {doing}{since}\n{self.backend.address}",
            store=snapshot.store.file,
            process=process,
            endings=None,
            snapshot=snapshot,
        )

    def job_names(self) -> list[str]:
        """Return the names of all jobs."""
        return [job.name for job in self.backend.snapshot().jobs]

    def search(self, query: str, limit: int) -> tuple[Sequence[RunView], bool]:
        """Return the newest runs that meet a query, and whether there are more."""
        with asking(self.backend):
            page = self.backend.search_runs(query, limit=limit)
        return [self._in_zone(run) for run in page.runs], bool(page.next)

    def run(self, number: int) -> RunView:
        """Return a run."""
        with asking(self.backend):
            return self._in_zone(self.backend.run_view(number))

    def process_of(self, run: RunView) -> Process | None:
        """Return the process of a run; None if an earlier one may have run it."""
        snapshot = self.backend.snapshot()
        if snapshot.started is None or run.created < snapshot.started:
            return None
        return self._process(snapshot)

    def latest_run(self, job: str) -> int:
        """Return the number of a job's latest run: one that is RUNNING, else the last one to end."""
        snapshot = self.backend.snapshot()
        running = [run.number for run in snapshot.running if run.job == job]
        if running:
            return running[-1]
        with asking(self.backend):
            details = self.backend.job_details(job)
        for run in details.runs:
            if run.number:
                return run.number
        raise LookupError(f"no run of job {job!r} is kept in {self.name}")

    def started_runs(self, job: str) -> Sequence[int]:
        """Return the numbers of the latest runs of a job that are RUNNING or have ended, in any order."""
        running = [run.number for run in self.backend.snapshot().running if run.job == job]
        with asking(self.backend):
            return [*running, *(run.number for run in self.backend.job_details(job).runs)]

    def why(self, job: str, at: str) -> Explanation:
        """Explain a tick of a job."""
        with asking(self.backend):
            return self.backend.why(job, at)

    def why_run(self, number: int) -> Explanation:
        """Explain a run."""
        with asking(self.backend):
            return self.backend.why_run(number)

    def output(self, number: int, after: str = "") -> RunLines:
        """Return the next lines of a run's output."""
        with asking(self.backend):
            return self.backend.output_lines(number, after)

    def _process(self, snapshot: Snapshot) -> Process:
        entry = self._entry
        return Process(
            pid=None if entry is None else entry.pid,
            host="",
            started=None if snapshot.started is None else snapshot.started.astimezone(self._zone),
            seen=snapshot.at.astimezone(self._zone),
            ended=None,
            killed=False,
            lives=True,
            file="" if entry is None else entry.file,
            commit="",
        )

    def _snapshot_in_zone(self) -> Snapshot:
        snapshot = self.backend.snapshot()
        runs: dict[str, Any] = {
            name: tuple(map(self._in_zone, getattr(snapshot, name))) for name in RUN_LISTS
        }
        jobs = tuple(map(self._in_zone, snapshot.jobs))
        return replace(snapshot, at=snapshot.at.astimezone(self._zone), jobs=jobs, **runs)

    def _in_zone(self, view: View) -> View:
        instants: dict[str, Any] = {}
        for each in fields(view):
            value = getattr(view, each.name)
            if isinstance(value, datetime):
                instants[each.name] = value.astimezone(self._zone)
        return replace(view, **instants)


@contextmanager
def asking(backend: RemoteBackend) -> Iterator[None]:
    """Turn an error of the connection, or a refusal of the scheduler, into the error of a command."""
    try:
        yield
    except LookupError:
        raise
    except PermissionError as error:
        raise CommandError(f"{backend.address}: {error.args[0]}") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise CommandError(str(error.args[0])) from None
