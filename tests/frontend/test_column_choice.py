"""The choice of columns and of their order."""

from __future__ import annotations

from jobtui.frontend.column_choice import ColumnSet, describe_unknown

COLUMNS = ColumnSet(
    known=("status", "name", "next", "runs", "p95"), default=("status", "name", "next"), always=("name",)
)


def test_a_hidden_column_comes_after_those_that_are_shown() -> None:
    choice = COLUMNS.choice_of(["runs", "name"])
    assert choice.order == ("runs", "name", "status", "next", "p95")
    assert choice.shown == ("runs", "name")


def test_a_column_that_is_toggled_stays_in_its_place() -> None:
    choice = COLUMNS.choice_of(COLUMNS.default).toggle("status")
    assert choice.shown == ("name", "next")
    assert choice.order == COLUMNS.known
    assert choice.toggle("status").shown == ("status", "name", "next")


def test_a_column_that_is_always_shown_cannot_be_hidden_but_moved() -> None:
    choice = COLUMNS.choice_of(COLUMNS.default).toggle("name").move("name", 1)
    assert choice.shown == ("status", "next", "name")


def test_a_column_moves_as_far_as_there_are_places() -> None:
    choice = COLUMNS.choice_of(COLUMNS.default)
    assert choice.move("status", -1) == choice
    assert choice.move("p95", 1) == choice
    assert choice.move("status", 2).order == ("name", "next", "status", "runs", "p95")


def test_columns_that_a_user_names_are_completed_by_those_that_are_always_shown() -> None:
    """A name twice counts once, and one that is not known not at all."""
    assert COLUMNS.complete(["runs", "gone", "runs", "p95"]) == ("name", "runs", "p95")
    assert COLUMNS.complete(["runs", "name"]) == ("runs", "name")


def test_an_unknown_name_is_described_with_the_nearest_one() -> None:
    assert describe_unknown("column", "nxt", COLUMNS.known) == "unknown column 'nxt'; did you mean next?"
    assert describe_unknown("column", "?", COLUMNS.known) == "unknown column '?'"
