"""The views of all jobs for snapshots: only those of jobs that have changed are built again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import tzinfo

from jobtui.engine.records import JobRecord
from jobtui.engine.views import JobView


class JobViews:
    """The current view of each job, in the order of registration. Used with the state lock held.

    A snapshot of many jobs costs what has changed since the one before, and a copy of a list.

    Args:
        jobs: The jobs, which the engine adds and removes.
        tz: The zone of the times in the views.
    """

    def __init__(self, jobs: Mapping[str, JobRecord], tz: tzinfo) -> None:
        self._jobs = jobs
        self._tz = tz
        self._changed: list[JobRecord] = []  # since the latest `current`; a job may be in it twice
        self._places: dict[JobRecord, int] | None = None  # None after a change of the jobs' order
        self._views: list[JobView] = []
        self._latest: tuple[JobView, ...] = ()

    def outdate(self, job: JobRecord) -> None:
        """Note that a job has changed, or is about to within this hold of the lock."""
        if job.cached_view is not None:
            self._changed.append(job)  # first: after an exception in between, the job is noted once too often
            job.cached_view = None

    def outdate_after_output(self, jobs: Iterable[JobRecord]) -> None:
        """Note which of these jobs have written output since their views were built: no event says so."""
        for job in jobs:
            if job.output is not None and job.output.viewed != job.output.last:
                self.outdate(job)

    def outdate_all(self) -> None:
        """Note that a job was added, removed or renamed."""
        self._places = None

    def outdated(self) -> list[JobRecord]:
        """Return the jobs whose views are to be built."""
        jobs = self._changed if self._places is not None else self._jobs.values()
        return [job for job in jobs if job.cached_view is None and not job.removed]

    def current(self) -> tuple[JobView, ...]:
        """Return the current views: the same tuple if no job has changed."""
        tz = self._tz
        if self._places is None:
            self._views = [job.cached_view or job.view(tz) for job in self._jobs.values()]
            self._places = {job: place for place, job in enumerate(self._jobs.values())}
        elif not self._changed:
            return self._latest
        else:
            for job in self._changed:
                place = self._places.get(job)
                if place is not None:
                    self._views[place] = job.view(tz)
        self._latest = tuple(self._views)
        self._changed.clear()
        return self._latest
