"""The jobs that the user has marked, on which keys act together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobtui.engine.views import JobView


@dataclass(frozen=True, slots=True)
class JobMarks:
    """The marked jobs.

    Attributes:
        names: Their names.
    """

    names: frozenset[str] = frozenset()

    def toggle(self, name: str) -> JobMarks:
        """Return the marks with that of a job added, or removed if it is there."""
        return JobMarks(self.names ^ {name})

    def toggle_all(self, shown: Iterable[str]) -> JobMarks:
        """Return the marks with those of all jobs that are shown, or without them if all are there."""
        shown = frozenset(shown)
        return JobMarks(self.names - shown if shown <= self.names else self.names | shown)

    def without_removed(self, jobs: Iterable[JobView]) -> JobMarks:
        """Return the marks of the jobs that still exist; this very object if all do."""
        if not self.names:
            return self
        kept = self.names.intersection(job.name for job in jobs)
        return self if kept == self.names else JobMarks(kept)

    def select(self, jobs: Iterable[JobView]) -> list[JobView]:
        """Return those of the jobs that are marked."""
        return [job for job in jobs if job.name in self.names]

    def describe(self, shown: Sequence[JobView]) -> str:
        """Return how many jobs are marked, and how many of those are not shown, for a title; "" for none."""
        if not self.names:
            return ""
        hidden = len(self.names.difference(job.name for job in shown))
        return f", {len(self.names)} marked" + (f", {hidden} of them hidden" if hidden else "")
