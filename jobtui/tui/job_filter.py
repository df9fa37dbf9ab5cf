"""Filter and sort the list of jobs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from jobtui.engine.views import JobView
from jobtui.frontend.attention import AttentionView
from jobtui.frontend.job_index import JobIndex
from jobtui.tui.widgets.columns import JOB_COLUMNS
from jobtui.tui.widgets.line_table import Column

REGISTRATION_ORDER = ""  # the sort key for no column
_SORTABLE = {column.key: column for column in JOB_COLUMNS if column.sort_key is not None}
# First the columns that show which jobs fail, then the others from left to right.
SORT_KEYS = tuple(dict.fromkeys((REGISTRATION_ORDER, "status", "failures", *_SORTABLE)))
_LARGEST_FIRST = {"prev", "last", "usual", "runs", "failures"}


@dataclass(frozen=True, slots=True)
class JobListFilter:
    """The words that select jobs, and the column by which they are sorted.

    Attributes:
        words: The words that a job's name, schedule or status must contain, in any case. A job may have
            several statuses: it runs, others of its runs wait, it is paused, and it failed lately.
        sort: The key of the column to sort by; "" for the order of registration.
        reverse: Whether to reverse the usual order of that column.
        attention: Whether to show only the jobs that need attention.
    """

    words: tuple[str, ...] = ()
    sort: str = REGISTRATION_ORDER
    reverse: bool = False
    attention: bool = False

    def with_words(self, text: str) -> JobListFilter:
        """Return a filter with the words of `text` and the same order."""
        return replace(self, words=tuple(text.casefold().split()))

    def next_view(self) -> JobListFilter:
        """Return a filter with the other view: all jobs, or those that need attention."""
        return replace(self, attention=not self.attention)

    def next_sort(self) -> JobListFilter:
        """Return a filter sorted by the next of `SORT_KEYS`, and after the last by registration."""
        next_key = SORT_KEYS[(SORT_KEYS.index(self.sort) + 1) % len(SORT_KEYS)]
        return replace(self, sort=next_key, reverse=False)

    def sorted_by(self, column: Column[Any]) -> JobListFilter:
        """Return a filter sorted by a column, or with the order reversed if it is sorted by it already."""
        if column.sort_key is None:
            return self
        return replace(self, sort=column.key, reverse=self.sort == column.key and not self.reverse)

    def reversed(self) -> JobListFilter:
        """Return a filter sorted by the same column in the opposite order."""
        return replace(self, reverse=not self.reverse)

    def apply(self, index: JobIndex, attention: AttentionView) -> list[JobView]:
        """Return the jobs that match, in order.

        Args:
            index: All jobs.
            attention: Those that need attention.
        """
        matching = index.matching(self.words)
        if self.attention:
            matching = [job for job in matching if job in attention]
        column = _SORTABLE.get(self.sort)
        if column is not None and column.sort_key is not None:
            # Sorting is stable: equal jobs stay in the order of registration.
            matching.sort(key=column.sort_key, reverse=self._descending)
        return matching

    @property
    def mark(self) -> str:
        """The arrow to show after the title of the sorted column."""
        return "▼" if self._descending else "▲"

    @property
    def title(self) -> str:
        """The order as text, such as `name ▲`; "" for the order of registration."""
        column = _SORTABLE.get(self.sort)
        return f"{column.title.lower()} {self.mark}" if column else ""

    @property
    def _descending(self) -> bool:
        return (self.sort in _LARGEST_FIRST) is not self.reverse
