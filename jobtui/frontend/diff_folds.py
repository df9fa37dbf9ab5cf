"""The rows of a difference as a screen shows them: folds open and close, and a search finds folded lines."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable

from jobtui.frontend.output_diff import DiffKind, DiffRow, OutputDiff

_Place = tuple[
    int, int
]  # a row of the difference, and a line of its fold, counted from 1; 0 for the row itself


class DiffFolds:
    """The rows of a difference, with consecutive indices.

    An open fold keeps its own row above its lines, so that it can be closed there.

    Args:
        diff: The difference.
    """

    first = 0

    def __init__(self, diff: OutputDiff) -> None:
        self._diff = diff
        self._open: set[int] = set()  # places
        self._folds = {place for place, row in enumerate(diff.rows) if row.folded}
        self._places: list[_Place] = []
        self._matches: list[_Place] = []
        self._lay_out()

    def _lay_out(self) -> None:
        self._places = [
            (place, line)
            for place, row in enumerate(self._diff.rows)
            for line in range(len(row.folded) + 1 if place in self._open else 1)
        ]

    # --- rows -------------------------------------------------------------------------------------

    @property
    def end(self) -> int:
        """The index after the last row."""
        return len(self._places)

    def row(self, index: int) -> DiffRow:
        """Return a row."""
        place, line = self._places[index]
        row = self._diff.rows[place]
        if line:
            return DiffRow(DiffKind.EQUAL, row.folded[line - 1])
        return DiffRow(DiffKind.UNFOLDED, row.text) if place in self._open else row

    @property
    def differences(self) -> list[int]:
        """The indices of the rows at which a difference begins."""
        return [self._index_of((place, 0)) for place in self._diff.differences]

    def _index_of(self, place: _Place) -> int:
        """Return the index of a row; of a line that is folded, the index of its fold."""
        index = bisect_left(self._places, place)
        is_shown = index < self.end and self._places[index] == place
        return index if is_shown else max(0, index - 1)

    # --- folds ------------------------------------------------------------------------------------

    @property
    def has_folds(self) -> bool:
        """Whether there are equal lines far from a difference."""
        return bool(self._folds)

    @property
    def are_all_open(self) -> bool:
        """Whether every fold is open."""
        return len(self._open) == len(self._folds)

    def toggle(self, index: int) -> int | None:
        """Open or close the fold that a row belongs to.

        Returns:
            The index of the row of the fold; None if the row belongs to none.
        """
        place = self._places[index][0] if index < self.end else -1
        if place not in self._folds:
            return None
        self._open ^= {place}
        self._lay_out()
        return self._index_of((place, 0))

    def toggle_all(self, index: int) -> int:
        """Open all folds; close them if all are open. Return where the row at an index is then."""
        place = self._places[index] if index < self.end else (0, 0)
        self._open = set() if self.are_all_open else set(self._folds)
        self._lay_out()
        return self._index_of(place)

    # --- search -----------------------------------------------------------------------------------

    def search(self, matches: Callable[[str], bool] | None) -> None:
        """Find the lines that match, also those that are folded; None ends the search."""
        self._matches = (
            []
            if matches is None
            else [
                (place, line)
                for place, row in enumerate(self._diff.rows)
                for line, text in enumerate(row.folded or (row.text,), 1 if row.folded else 0)
                if matches(text)
            ]
        )

    @property
    def match_count(self) -> int:
        """The number of lines that match."""
        return len(self._matches)

    def match_number(self, index: int) -> int | None:
        """Return which match a row is, counted from 1; None if it is none."""
        number = bisect_left(self._matches, self._places[index]) if index < self.end else self.match_count
        is_match = number < self.match_count and self._matches[number] == self._places[index]
        return number + 1 if is_match else None

    def next_match(self, index: int, step: int) -> int | None:
        """Return the index of the match after a row, or before it; open its fold. None if there is none."""
        here = self._places[index] if index < self.end else (0, 0)
        number = bisect_right(self._matches, here) if step > 0 else bisect_left(self._matches, here) - 1
        if not 0 <= number < self.match_count:
            return None
        place, line = self._matches[number]
        if line and place not in self._open:
            self._open.add(place)
            self._lay_out()
        return self._index_of((place, line))


NO_DIFFERENCE = OutputDiff(rows=(), differences=())
