"""Which jobs the table shows, and in which order: the filter and the sort."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from jobtui.engine.views import JobView
from jobtui.tui.widgets.columns import JOB_COLUMNS
from jobtui.tui.widgets.line_table import Column

REGISTERED = ""  # the key of the order in which the jobs were registered
SORTS = (REGISTERED, *(column.key for column in JOB_COLUMNS if column.order is not None))
_LARGEST_FIRST = {"prev", "last", "runs", "failures"}


@dataclass(frozen=True, slots=True)
class JobListFilter:
    """A filter and a sort.

    Attributes:
        words: Each of these must be found in a job's name, schedule or status, in any case.
        sort: The key of the column to sort by; "" for the order of registration.
        backwards: Whether the usual direction of that column is turned around.
    """

    words: tuple[str, ...] = ()
    sort: str = REGISTERED
    backwards: bool = False

    def filtered(self, text: str) -> JobListFilter:
        """The same with another filter."""
        return replace(self, words=tuple(text.casefold().split()))

    def next_sort(self) -> JobListFilter:
        """The same, sorted by the next column; after the last comes the order of registration."""
        following = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
        return replace(self, sort=following, backwards=False)

    def sorted_by(self, column: Column[Any]) -> JobListFilter:
        """The same, sorted by a column; once more turns it around."""
        if column.order is None:
            return self
        return replace(self, sort=column.key, backwards=self.sort == column.key and not self.backwards)

    def apply(self, jobs: Iterable[JobView]) -> list[JobView]:
        """The jobs to show, in order."""
        shown = [job for job in jobs if self._matches(job)] if self.words else list(jobs)
        column = next((each for each in JOB_COLUMNS if each.key == self.sort), None)
        if column is not None and column.order is not None:
            # Sorting is stable: equal jobs stay in the order of registration, so no row dances.
            shown.sort(key=column.order, reverse=self._descending)
        return shown

    @property
    def mark(self) -> str:
        """The arrow behind the title of the column that is sorted by."""
        return "▼" if self._descending else "▲"

    @property
    def title(self) -> str:
        """The sort in words; "" for the order of registration."""
        column = next((each for each in JOB_COLUMNS if each.key == self.sort), None)
        return "" if column is None else f"{column.title.lower()} {self.mark}"

    @property
    def _descending(self) -> bool:
        return (self.sort in _LARGEST_FIRST) is not self.backwards

    def _matches(self, job: JobView) -> bool:
        text = f"{job.name} {job.spec} {job.status.value}".casefold()
        return all(word in text for word in self.words)
