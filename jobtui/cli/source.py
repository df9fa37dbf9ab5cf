"""The protocol of a scheduler that runs and of a store: both answer a command with the same values."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Protocol

from jobtui.engine.enums import RunState
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.backend import RunLine, RunLines
from jobtui.frontend.explanation import Explanation
from jobtui.frontend.json_codec import ESTIMATE, JOB, RUN, Json
from jobtui.frontend.progress import estimate_runs
from jobtui.process.printable import printable
from jobtui.process.stdio import write_line

FOUND, NOT_FOUND = 0, 1  # exit statuses
_STREAM_WIDTH = 8  # of CRITICAL
_INSTANT_WIDTH = 23  # with milliseconds
# The values of a job that are printed. A store knows neither its spec nor its next tick: they are null.
_JOB_KEYS = (
    *("name", "status", "spec", "next", "running", "prev", "last_elapsed", "recent", "runs", "failures"),
    *("paused_since", "paused_until", "paused_by", "pause_note"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process that runs, or has run, the jobs. Its times are in the zone of the answers.

    Attributes:
        pid: Its number; None if it is not known.
        host: The name of its host; "" if it is not known.
        started: When it began; None if it is not known.
        seen: When it was last known to live.
        ended: When it ended; None if it has not.
        killed: Whether it ended without stopping.
        lives: Whether it may still run.
        file: The job file; "" if it is not known.
        commit: The git commit of the job file; "" if it is not known.
    """

    pid: int | None
    host: str
    started: datetime | None
    seen: datetime
    ended: datetime | None
    killed: bool
    lives: bool
    file: str
    commit: str

    def encode(self) -> Json:
        """Return the process as a JSON object."""
        return {
            "pid": self.pid,
            "host": self.host,
            "started": None if self.started is None else self.started.isoformat(),
            "seen": self.seen.isoformat(),
            "ended": None if self.ended is None else self.ended.isoformat(),
            "killed": self.killed,
            "lives": self.lives,
            "file": self.file,
            "commit": self.commit,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class JobList:
    """All jobs.

    Attributes:
        jobs: The jobs.
        headline: Which process runs them, in words.
        store: The path of the store; "" without one.
        process: The process that runs them, or has run them last; None if there was none.
        endings: How many runs and ticks of each job have ended in each state, by the job's name; None if only
            a store knows it.
        snapshot: The jobs and the runs now; None if only a scheduler knows them.
    """

    jobs: Sequence[JobView]
    headline: str
    store: str
    process: Process | None
    endings: Mapping[str, Mapping[RunState, int]] | None
    snapshot: Snapshot | None = None

    def encode(self) -> Json:
        """Return the list as a JSON object."""
        return {
            "store": self.store or None,
            "process": None if self.process is None else self.process.encode(),
            "jobs": [self._encode_job(job) for job in self.jobs],
            "abandoned": [] if self.snapshot is None else list(map(RUN.encode, self.snapshot.abandoned)),
            "progress": None
            if self.snapshot is None
            else list(map(ESTIMATE.encode, estimate_runs(self.snapshot))),
        }

    def _encode_job(self, job: JobView) -> Json:
        values = JOB.encode(job)
        endings = None
        if self.endings is not None:
            endings = {state.value: count for state, count in self.endings[job.name].items()}
        return {**{key: values[key] for key in _JOB_KEYS}, "spec": job.spec or None, "endings": endings}


class Source(Protocol):
    """A scheduler that runs, or a store.

    Its methods raise LookupError if a job or run does not exist, and CommandError if the source cannot
    answer. The messages are for the user.
    """

    @property
    def name(self) -> str:
        """Its name in messages."""

    @property
    def now(self) -> datetime:
        """The time, in the zone of the answers."""

    def list_jobs(self) -> JobList:
        """Return all jobs."""

    def job_names(self) -> list[str]:
        """Return the names of all jobs."""

    def search(self, query: str, limit: int) -> tuple[Sequence[RunView], bool]:
        """Return the newest runs that meet a query, and whether there are more."""

    def run(self, number: int) -> RunView:
        """Return a run."""

    def process_of(self, run: RunView) -> Process | None:
        """Return the process of a run; None if it is not known."""

    def latest_run(self, job: str) -> int:
        """Return the number of a job's latest run: one that is RUNNING, else the last one to end."""

    def started_runs(self, job: str) -> Sequence[int]:
        """Return the numbers of the latest runs of a job that are RUNNING or have ended, in any order."""

    def why(self, job: str, at: str) -> Explanation:
        """Explain a tick of a job; see `Backend.why`."""

    def why_run(self, number: int) -> Explanation:
        """Explain a run; see `Backend.why_run`."""

    def output(self, number: int, after: str = "") -> RunLines:
        """Return the next lines of a run's output; see `Backend.output_lines`."""


def all_lines(source: Source, number: int) -> list[RunLine]:
    """Return all lines that are kept of a run's output until now."""
    lines: list[RunLine] = []
    after = ""
    while True:
        part = source.output(number, after)
        lines += part.lines
        if part.ended or not part.lines:
            return lines
        after = part.next


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    write_line(sys.stdout, json.dumps(value, indent=2, ensure_ascii=False))


def nothing_found(message: str) -> int:
    """Print why there is nothing to print, and return the exit status."""
    write_line(sys.stderr, f"jobtui: {printable(message)}")
    return NOT_FOUND


def encode_line(line: RunLine, tz: tzinfo | None) -> Json:
    """Return a line of output as a JSON object, with its time in a zone."""
    at = None if line.at is None else datetime.fromtimestamp(line.at, tz).isoformat()
    return {"at": at, "stream": line.stream, "text": line.text}


def format_line(line: RunLine, tz: tzinfo | None) -> str:
    """Return a line of output with its time in a zone, and with its stream if that is not stdout."""
    at = ""
    if line.at is not None:
        at = datetime.fromtimestamp(line.at, tz).replace(tzinfo=None).isoformat(" ", "milliseconds")
    stream = "" if line.stream == "stdout" else printable(line.stream)
    return f"{at:<{_INSTANT_WIDTH}} {stream:<{_STREAM_WIDTH}} {printable(line.text)}".rstrip()
