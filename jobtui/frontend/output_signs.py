"""The signs of output: a job has written some since the user last looked, or is silent for unusually long."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from jobtui.engine.views import JobView
from jobtui.frontend.formatting import elapsed_between, format_duration
from jobtui.frontend.progress import Piece

NEW_OUTPUT = "¶"
SILENT = "∅"
LEAST_SILENCE = timedelta(seconds=30)
_HOUR = 60  # minutes
TIMES_LONGEST = 2  # so many times as long as the longest silence of its latest runs


class SeenOutput:
    """The output that the user has seen. What was written before the dashboard began counts as seen.

    Args:
        begun: When the dashboard began.
    """

    def __init__(self, begun: datetime) -> None:
        self._all = begun.timestamp()  # when the user last saw the output of all jobs
        self._seen: dict[str, float] = {}  # when the user last saw that of one job

    def look(self, jobs: Collection[str] | None, now: datetime) -> None:
        """Note that the user sees the output of jobs, or, given None, that of all."""
        at = now.timestamp()
        if jobs is None:
            self._all, self._seen = at, {}
        else:
            self._seen.update(dict.fromkeys(jobs, at))

    def has_new(self, job: JobView) -> bool:
        """Return whether a job has written output that the user has not seen."""
        return job.last_output is not None and job.last_output.timestamp() > self._seen.get(
            job.name, self._all
        )


def silence_of(job: JobView, now: datetime) -> timedelta | None:
    """Return for how long a RUNNING job has written no output, if that is unusual; else None.

    It is if it takes at least half a minute, and more than twice as long as the longest silence in the latest
    runs that were OK and have written output.
    """
    if not job.running or job.longest_silence is None or job.last_output is None:
        return None
    silence = elapsed_between(job.last_output, now)
    if job.prev is not None:
        silence = min(silence, elapsed_between(job.prev, now))
    return silence if silence > max(LEAST_SILENCE, TIMES_LONGEST * job.longest_silence) else None


def add_silence(progress: Sequence[Piece], job: JobView, now: datetime) -> list[Piece]:
    """Return the progress of a job, and after its bar for how long the job is silent, if that is unusual."""
    pieces, silence = list(progress), silence_of(job, now)
    if silence is not None:
        after_part = len(pieces) > 1 and pieces[1][0].endswith("%")
        pieces.insert(1 + after_part, (f" silent {_format_silence(silence)}", "waiting"))
    return pieces


def _format_silence(silence: timedelta) -> str:
    """Return a time in whole minutes from one minute to one hour: its seconds would change all the time."""
    minutes = silence // timedelta(minutes=1)
    return f"{minutes}m" if 1 <= minutes < _HOUR else format_duration(silence)


def output_signs(job: JobView, now: datetime, *, is_new: bool) -> list[Piece]:
    """Return the signs of a job's output, as they stand after its name.

    Args:
        job: The job.
        now: The present instant.
        is_new: Whether the job has written output that the user has not seen.
    """
    silent = silence_of(job, now) is not None
    signs = f"{NEW_OUTPUT if is_new else ''}{SILENT if silent else ''}"
    return [(f" {signs}", "waiting" if silent else "running")] if signs else []
