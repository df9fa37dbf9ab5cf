"""Filter and sort the list of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobtui.engine.views import JobView
from jobtui.frontend.attention import AttentionView
from jobtui.frontend.job_index import JobIndex
from jobtui.tui.widgets.columns_of_jobs import JOB_COLUMNS
from jobtui.tui.widgets.line_table import Column

REGISTRATION_ORDER = ""  # the sort key for no column
_SORTABLE = {column.key: column for column in JOB_COLUMNS if column.sort_key is not None}
# First the columns that show which jobs fail, then the others from left to right.
SORT_KEYS = tuple(dict.fromkeys((REGISTRATION_ORDER, "status", "fail", *_SORTABLE)))
VIEWS = ("all", "attention")


@dataclass(frozen=True, slots=True)
class JobListFilter:
    """The words that select jobs, and the column by which they are sorted.

    Attributes:
        words: The words that a job's name, schedule or status must contain, in any case. A job may have
            several statuses: it runs, others of its runs wait, it is paused, and it failed lately.
        sort: The key of the column to sort by; "" for the order of registration.
        reverse: Whether to reverse the usual order of that column.
        view: The jobs to show, one of `VIEWS`: all, or those that need attention.
    """

    words: tuple[str, ...] = ()
    sort: str = REGISTRATION_ORDER
    reverse: bool = False
    view: str = VIEWS[0]

    @property
    def attention(self) -> bool:
        """Whether only the jobs that need attention are shown."""
        return self.view == "attention"

    def with_words(self, text: str) -> JobListFilter:
        """Return a filter with the words of `text` and the same order."""
        return replace(self, words=tuple(text.casefold().split()))

    def next_sort(self, columns: Sequence[str]) -> JobListFilter:
        """Return a filter sorted by the next key: by status, by failures, by each column, by registration.

        Args:
            columns: The columns that the user has chosen.
        """
        keys = [key for key in SORT_KEYS[:3] if key] + [key for key in columns if key in _SORTABLE]
        keys = [REGISTRATION_ORDER, *dict.fromkeys(keys)]
        at = keys.index(self.sort) if self.sort in keys else 0
        return replace(self, sort=keys[(at + 1) % len(keys)], reverse=False)

    def sorted_by(self, column: Column[Any]) -> JobListFilter:
        """Return a filter sorted by a column, or with the order reversed if it is sorted by it already."""
        if column.sort_key is None:
            return self
        return replace(self, sort=column.key, reverse=self.sort == column.key and not self.reverse)

    def reversed(self) -> JobListFilter:
        """Return a filter sorted by the same column in the opposite order."""
        return replace(self, reverse=not self.reverse)

    def apply(self, index: JobIndex, attention: AttentionView) -> Sequence[JobView]:
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
            matching = sorted(matching, key=column.sort_key, reverse=self._descending)
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

    def describe(self, shown: int, total: int) -> str:
        """Return how many of all jobs are shown, which, and in which order, for a title."""
        text = f"{shown} of {total}" if self.words or self.attention else str(shown)
        if self.attention:
            text += " that need attention"
        if self.words:
            text += f", filter: {' '.join(self.words)}"
        return f"{text}, by {self.title}" if self.title else text

    @property
    def _descending(self) -> bool:
        column = _SORTABLE.get(self.sort)
        return (column is not None and column.largest_first) is not self.reverse
