"""The lines in memory: indices that stay, a bound, a filter and a search over pages at both ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from jobtui.frontend.backend import LogLine, LogPage
from jobtui.frontend.line_buffer import LineBuffer
from jobtui.frontend.log_view import LineFilter, LineSearch


def page(first: int, end: int, *, unfinished: Sequence[str] = (), is_latest: bool = True) -> LogPage:
    """Return the lines with the numbers from `first` to before `end`; every third one is an INFO record."""
    return LogPage(
        lines=tuple(line(number) for number in range(first, end)),
        unfinished=tuple(LogLine(0.0, "a", 1, "stdout", text) for text in unfinished),
        before=str(first) if first > 0 else "",
        after=str(end),
        is_latest=is_latest,
    )


def line(number: int) -> LogLine:
    """Return the line with a number."""
    return LogLine(0.0, "a", 1, "stdout" if number % 3 else "INFO", f"line {number}")


def texts(buffer: LineBuffer) -> list[str]:
    """Return the texts of all shown lines."""
    return [buffer.row(index).text for index in range(buffer.first, buffer.end)]


def test_lines_keep_their_indices_while_pages_are_added_at_both_ends() -> None:
    buffer = LineBuffer()
    buffer.reset(page(100, 110))
    index = buffer.first + 5
    buffer.prepend(page(50, 100, is_latest=False))
    buffer.append(page(110, 120, unfinished=["begun"]))
    assert buffer.row(index).text == "line 105"
    assert texts(buffer) == [*(f"line {number}" for number in range(50, 120)), "begun"]
    assert (buffer.before, buffer.after, buffer.is_latest) == ("50", "120", True)
    buffer.append(page(120, 121))
    assert texts(buffer)[-2:] == ["line 119", "line 120"]


def test_a_page_at_the_end_displaces_the_earliest_ones() -> None:
    buffer = LineBuffer(most=5_000)
    buffer.reset(page(0, 2_000))
    buffer.set_search(LineSearch("line 1999"))
    for first in range(2_000, 8_000, 100):
        buffer.append(page(first, first + 100))
    assert 3_000 <= buffer.end - buffer.first <= 5_000
    assert texts(buffer)[-1] == "line 7999"
    assert buffer.row(buffer.first).text == f"line {buffer.before}"
    assert buffer.is_latest
    assert buffer.matches == []


def test_a_page_at_the_begin_displaces_the_latest_ones() -> None:
    buffer = LineBuffer(most=5_000)
    buffer.reset(page(8_000, 10_000, unfinished=["begun"]))
    for first in range(6_000, -1, -2_000):
        buffer.prepend(page(first, first + 2_000, is_latest=False))
    assert texts(buffer) == [f"line {number}" for number in range(4_000)]
    assert (buffer.before, buffer.after, buffer.is_latest, buffer.is_full) == ("", "4000", False, False)


def test_a_page_that_does_not_continue_the_lines_leaves_them_where_they_are() -> None:
    """A line says that others are missing; before the first line there is nothing left to read."""
    buffer = LineBuffer()
    buffer.reset(page(10, 12))
    index = buffer.first
    buffer.append(replace(page(90, 92), continues=False))
    assert texts(buffer) == [
        "line 10",
        "line 11",
        "[lines in between are not kept any more]",
        "line 90",
        "line 91",
    ]
    assert (buffer.row(index).text, buffer.after) == ("line 10", "92")
    buffer.prepend(replace(page(90, 92), continues=False))
    assert (buffer.first, buffer.before, buffer.lacks_earlier) == (index, "", True)


def test_a_filter_keeps_the_selected_line_or_takes_the_next_one_that_is_shown() -> None:
    buffer = LineBuffer()
    buffer.reset(page(0, 30, unfinished=["begun"]))
    hidden = LineFilter(least="WARNING")
    assert buffer.row(buffer.set_filter(hidden, buffer.first + 10)).text == "line 10"
    assert "line 9" not in texts(buffer)
    shown = texts(buffer)
    assert (
        buffer.row(buffer.set_filter(LineFilter(), buffer.first + shown.index("line 10"))).text == "line 10"
    )
    assert buffer.row(buffer.set_filter(hidden, buffer.first + 9)).text == "line 10"
    assert buffer.row(buffer.set_filter(LineFilter(), buffer.end - 1)).text == "begun"
    buffer.append(page(30, 33))
    assert texts(buffer) == [f"line {number}" for number in range(33)]
    everything_hidden = LineFilter(jobs=frozenset({"b"}))
    buffer.set_filter(everything_hidden, buffer.first)
    assert texts(buffer) == []


def test_matches_are_found_in_both_directions() -> None:
    buffer = LineBuffer()
    buffer.reset(page(10, 30))
    buffer.set_search(LineSearch("5"))
    found = [buffer.row(index).text for index in buffer.matches]
    assert found == ["line 15", "line 25"]
    first, second = buffer.matches
    assert buffer.next_match(first, 1) == second
    assert buffer.next_match(second, -1) == first
    assert (buffer.next_match(second, 1), buffer.next_match(first, -1)) == (None, None)
    assert (buffer.match_number(second), buffer.match_number(second + 1)) == (2, None)
    buffer.set_search(None)
    assert buffer.matches == []


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 700)), max_size=30), st.booleans())
def test_matches_and_lines_agree_whatever_pages_come(steps: list[tuple[bool, int]], filtered: bool) -> None:
    """They are those of a buffer that gets all its lines at once."""
    first = end = 100_000
    buffer = LineBuffer(most=1_000, filter=LineFilter(least="ERROR" if filtered else ""))
    buffer.set_search(LineSearch("7"))
    buffer.reset(page(first, end))
    for is_after, count in steps:
        if is_after:
            first, end = int(buffer.before or 0), int(buffer.after)
            buffer.append(page(end, end + count))
        else:
            first = int(buffer.before)
            buffer.prepend(page(first - count, first))
    expected = LineBuffer(most=1_000_000, filter=buffer.filter)
    expected.set_search(LineSearch("7"))
    expected.reset(page(int(buffer.before), int(buffer.after)))
    assert texts(buffer) == texts(expected)
    assert [index - buffer.first for index in buffer.matches] == expected.matches
