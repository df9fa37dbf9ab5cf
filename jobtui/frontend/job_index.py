"""Totals and lists of all jobs of a scheduler, kept up to date as the jobs change."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import compress, count, takewhile
from operator import is_not
from typing import NamedTuple

from jobtui.engine.views import JobView
from jobtui.frontend.formatting import failed_last, failed_lately, status_words
from jobtui.frontend.now_next import LATE, needs_attention


class _Facts(NamedTuple):
    """The facts that are derived from one job."""

    failed_last: bool
    failed_lately: bool
    is_paused: bool
    needs_attention: bool
    upcoming: int  # how many ticks and one-off runs of it wait for their time
    due: tuple[float, str, int] | None  # its next tick as a timestamp, its name and its place


class JobIndex:
    """Counts and lists the jobs in successive snapshots.

    An update looks only at the jobs whose views are other objects than before, so the cost of a picture
    follows what has changed.

    Args:
        jobs: The jobs to begin with.
    """

    def __init__(self, jobs: Sequence[JobView] = ()) -> None:
        self._jobs: Sequence[JobView] = ()
        self._facts: list[_Facts] = []
        self._failing: set[int] = set()  # places
        self._attention: set[int] = set()  # places of the jobs that need it, whatever the time
        self._places: dict[str, int] = {}  # by the name of the job
        self._due: list[tuple[float, str, int]] = []  # sorted
        self._totals: Counter[str] = Counter()
        self._texts: list[str] | None = None  # for `matching`, from its first call on
        self.update(jobs)

    def update(self, jobs: Sequence[JobView]) -> None:
        """Take the jobs of the next snapshot."""
        before = self._jobs
        if jobs is before:
            return
        self._jobs = jobs
        if len(jobs) != len(before):
            self._rebuild()
            return
        for place in compress(count(), map(is_not, jobs, before)):
            if jobs[place].name != before[place].name:
                self._rebuild()
                return
            self._remove(place)
            self._facts[place] = facts = _facts_of(jobs[place], place)
            self._add(facts, place)
            if self._texts is not None:
                self._texts[place] = _searchable_text(jobs[place])

    @property
    def failing(self) -> list[JobView]:
        """The jobs whose latest run has failed, in the order of registration."""
        return [self._jobs[place] for place in sorted(self._failing)]

    @property
    def any_failed_lately(self) -> bool:
        """Whether one of the latest endings of any job is a failure."""
        return self._totals["failed_lately"] > 0

    @property
    def paused(self) -> int:
        """The number of jobs that are paused."""
        return self._totals["paused"]

    @property
    def upcoming(self) -> int:
        """The number of ticks and one-off runs that wait; of each job, only the next tick counts."""
        return self._totals["upcoming"]

    @property
    def names(self) -> Collection[str]:
        """The names of the jobs: another object once a job was added, removed or renamed."""
        return self._places

    def job(self, name: str) -> JobView | None:
        """Return the job of a name; None if there is none."""
        place = self._places.get(name)
        return None if place is None else self._jobs[place]

    def needing_attention(self, now: float) -> list[JobView]:
        """Return the jobs that need attention at an instant, in seconds since the epoch."""
        late = takewhile(lambda due: due[0] < now - LATE.total_seconds(), self._due)
        return [self._jobs[place] for place in {*self._attention, *(place for *_, place in late)}]

    def soonest(self, limit: int) -> list[JobView]:
        """Return the jobs whose next ticks are the first, the soonest first."""
        return [self._jobs[place] for _, _, place in self._due[:limit]]

    def matching(self, words: Sequence[str]) -> Sequence[JobView]:
        """Return the jobs of which the name, the schedule and the status together contain all words."""
        if not words:
            return self._jobs
        if self._texts is None:
            self._texts = [_searchable_text(job) for job in self._jobs]
        texts = self._texts
        return [
            job for job, text in zip(self._jobs, texts, strict=True) if all(word in text for word in words)
        ]

    def _rebuild(self) -> None:
        self._facts = [_facts_of(job, place) for place, job in enumerate(self._jobs)]
        self._places = {job.name: place for place, job in enumerate(self._jobs)}
        self._texts = None
        self._due = sorted(facts.due for facts in self._facts if facts.due is not None)
        self._failing = {place for place, facts in enumerate(self._facts) if facts.failed_last}
        self._attention = {place for place, facts in enumerate(self._facts) if facts.needs_attention}
        self._totals = Counter(
            failed_lately=sum(facts.failed_lately for facts in self._facts),
            paused=sum(facts.is_paused for facts in self._facts),
            upcoming=sum(facts.upcoming for facts in self._facts),
        )

    def _count(self, facts: _Facts, by: int) -> None:
        self._totals["failed_lately"] += by * facts.failed_lately
        self._totals["paused"] += by * facts.is_paused
        self._totals["upcoming"] += by * facts.upcoming

    def _add(self, facts: _Facts, place: int) -> None:
        self._count(facts, 1)
        if facts.failed_last:
            self._failing.add(place)
        if facts.needs_attention:
            self._attention.add(place)
        if facts.due is not None:
            insort(self._due, facts.due)

    def _remove(self, place: int) -> None:
        facts = self._facts[place]
        self._count(facts, -1)
        self._failing.discard(place)
        self._attention.discard(place)
        if facts.due is not None:
            del self._due[bisect_left(self._due, facts.due)]


def _facts_of(job: JobView, place: int) -> _Facts:
    return _Facts(
        failed_last=failed_last(job),
        failed_lately=failed_lately(job),
        is_paused=job.paused_since is not None,
        needs_attention=needs_attention(job),
        upcoming=(job.next is not None) + job.scheduled,
        due=None if job.next is None else (job.next.timestamp(), job.name, place),
    )


def _searchable_text(job: JobView) -> str:
    failed = " failed failing" if failed_lately(job) else ""
    return f"{job.name} {job.spec} {status_words(job)}{failed}".casefold()
