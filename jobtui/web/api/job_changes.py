"""Find out which jobs a client lacks, so that it gets those alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress, count, takewhile
from operator import is_not
from typing import NamedTuple

from jobtui.engine.views import JobView

MAX_REMOVED = 1_000  # names of removed jobs that are remembered


class Changes(NamedTuple):
    """The changes of the jobs since an earlier version of them.

    A client first drops the removed jobs, then replaces those that it has in their places, and appends the
    others.

    Attributes:
        removed: The names of jobs that were removed.
        jobs: The jobs that have changed or were added, in the order of registration.
    """

    removed: Sequence[str]
    jobs: Sequence[JobView]


class JobChanges:
    """Numbers the versions of the jobs of successive snapshots.

    A job that has not changed is the same view object in the next snapshot, so an update compares objects.
    The version of the latest change of each job serves clients with any version.

    Args:
        most_removed: How many removed jobs are remembered. Clients from before then need all jobs.

    Attributes:
        version: The number of the version that `update` has taken last; 0 before the first one.
    """

    def __init__(self, most_removed: int = MAX_REMOVED) -> None:
        self.version = 0
        self._most_removed = most_removed
        self._jobs: Sequence[JobView] = ()
        self._places: dict[str, int] = {}  # of the jobs, by name
        # The version of the latest change of each job, and of each removal, by name in ascending order.
        self._changed: dict[str, int] = {}
        self._removed: dict[str, int] = {}
        self._oldest = 0  # clients with an earlier version need all jobs

    def update(self, jobs: Sequence[JobView]) -> None:
        """Take the jobs of the next snapshot."""
        before = self._jobs
        if jobs is before:
            return
        self.version += 1
        self._jobs = jobs
        places = list(compress(count(), map(is_not, jobs, before)))
        if len(jobs) != len(before) or any(jobs[place].name != before[place].name for place in places):
            self._update_names(before)
        else:
            for place in places:
                self._note(self._changed, jobs[place].name)

    def since(self, version: int) -> Changes | None:
        """Return the changes since a version; None if they are not known any more, or it is not a version."""
        if not self._oldest <= version <= self.version:
            return None
        places = sorted(self._places[name] for name in _later(self._changed, version))
        return Changes(_later(self._removed, version), [self._jobs[place] for place in places])

    def _update_names(self, before: Sequence[JobView]) -> None:
        known = {job.name: job for job in before}
        names = [job.name for job in self._jobs]
        self._places = {name: place for place, name in enumerate(names)}
        for name in known:
            if name not in self._places:
                del self._changed[name]
                self._note(self._removed, name)
        for job in self._jobs:
            if known.get(job.name) is not job:
                self._note(self._changed, job.name)
        kept = [name for name in known if name in self._places]
        if names != kept + [name for name in names if name not in known]:  # a client would have another order
            self._oldest = self.version
        while len(self._removed) > self._most_removed:
            first = next(iter(self._removed))
            self._oldest = max(self._oldest, self._removed.pop(first))

    def _note(self, versions: dict[str, int], name: str) -> None:
        versions.pop(name, None)  # so that it comes last
        versions[name] = self.version


def _later(versions: dict[str, int], version: int) -> list[str]:
    """Return the names with a later version, given versions in ascending order."""
    return list(takewhile(lambda name: versions[name] > version, reversed(versions)))
