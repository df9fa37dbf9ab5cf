"""The rows of a difference with folds that open and close."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobtui.frontend.diff_folds import NO_DIFFERENCE, DiffFolds
from jobtui.frontend.output_diff import DiffKind, compare_output

BEFORE = [f"{letter} equal" for letter in "abcdefghijklmnopqrst"]
AFTER = [*BEFORE[:10], "new", *BEFORE[10:]]


def texts(folds: DiffFolds) -> list[str]:
    """Return the texts of all rows."""
    return [folds.row(index).text for index in range(folds.end)]


def test_an_open_fold_has_its_lines_below_its_title() -> None:
    folds = DiffFolds(compare_output(BEFORE, AFTER))
    assert texts(folds)[:2] == ["7 equal lines", "h equal"]
    assert folds.differences == [4]
    assert folds.toggle(0) == 0
    assert texts(folds)[:9] == ["7 equal lines", *BEFORE[:8]]
    assert (folds.row(0).kind, folds.row(1).kind) == (DiffKind.UNFOLDED, DiffKind.EQUAL)
    assert folds.differences == [11]
    assert folds.row(11).text == "new"


def test_a_fold_closes_from_each_of_its_lines() -> None:
    folds = DiffFolds(compare_output(BEFORE, AFTER))
    folds.toggle(0)
    assert folds.toggle(5) == 0
    assert texts(folds)[:2] == ["7 equal lines", "h equal"]
    assert folds.toggle(4) is None


@pytest.mark.parametrize(("index", "unfolded", "folded"), [(0, 0, 0), (4, 11, 4), (8, 15, 8)])
def test_all_folds_open_and_close_and_the_cursor_stays_on_its_row(
    index: int, unfolded: int, folded: int
) -> None:
    folds = DiffFolds(compare_output(BEFORE, AFTER))
    assert folds.toggle_all(index) == unfolded
    assert [text for text in texts(folds) if "lines" not in text] == AFTER
    assert folds.toggle_all(unfolded) == folded
    assert folds.end == 9


def test_the_cursor_on_a_line_that_is_folded_moves_to_its_title() -> None:
    folds = DiffFolds(compare_output(BEFORE, AFTER))
    folds.toggle_all(0)
    assert folds.toggle_all(5) == 0


def test_a_search_finds_folded_lines_and_opens_their_folds() -> None:
    folds = DiffFolds(compare_output(BEFORE, AFTER))
    folds.search(lambda text: text[0] in "cns")
    assert folds.match_count == 4
    assert folds.next_match(4, 1) is not None
    assert folds.end == 16
    found = folds.next_match(4, -1)
    assert found == 3
    assert folds.row(found).text == "c equal"
    assert folds.match_number(found) == 1
    assert folds.next_match(found, -1) is None
    assert folds.match_number(0) is None
    folds.search(None)
    assert (folds.match_count, folds.next_match(0, 1)) == (0, None)


def test_an_empty_difference_has_no_rows() -> None:
    folds = DiffFolds(NO_DIFFERENCE)
    assert (folds.end, folds.has_folds, folds.toggle(0), folds.toggle_all(0)) == (0, False, None, 0)
    assert (folds.match_number(0), folds.next_match(0, 1)) == (None, None)


@given(st.text("ab", max_size=40), st.text("ab", max_size=40), st.data())
def test_every_match_is_reached_in_order_from_the_top(before: str, after: str, data: st.DataObject) -> None:
    folds = DiffFolds(compare_output(before, after))
    for _ in range(data.draw(st.integers(0, 3))):
        if folds.end:
            folds.toggle(data.draw(st.integers(0, folds.end - 1)))
    folds.search(lambda text: text == "a")
    found = 0
    index = 0 if folds.end and folds.row(0).text == "a" else folds.next_match(0, 1)
    while index is not None:
        found += 1
        assert folds.row(index).text == "a"
        assert folds.match_number(index) == found
        index = folds.next_match(index, 1)
    assert found == folds.match_count
