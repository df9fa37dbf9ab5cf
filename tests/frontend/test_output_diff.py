"""The difference between the output of two runs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import snapshots
from support.scripted_backend import ScriptedBackend

from jobtui.frontend.output_diff import (
    MAX_EDITS,
    MAX_LINES,
    DiffKind,
    OutputDiff,
    compare_output,
    normalize,
    read_output,
)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("127 orders", "3 orders"),
        ("took 12ms", "took 1.5 s"),
        ("2026-11-27 02:30:15.120 begin", "2025-01-02 12:00:00.000 begin"),
        ("2026-11-27T02:30:15Z", "2025-01-02T12:00:00Z"),
        ("<Order object at 0x7f3aede4d5>", "<Order object at 0x7F00000000>"),
        ("3f2a9c1e-77aa-4c8e-9a55-0123456789ab ok", "00000000-77aa-4c8e-9a55-0123456789ff ok"),
        (
            "commit e83c5163316f89bfbde7d9ab23ca2e25604af290",
            "commit a5d3f1c0deadbeef0123456789abcdef0123456",
        ),
        ("read 12.5 MB", "read 900kB"),
        ("10.0.0.1:8080 open", "127.0.0.1:80 open"),
        ("trailing ", "trailing"),
    ],
)
def test_lines_that_differ_in_numbers_times_and_addresses_only_are_equal(one: str, two: str) -> None:
    assert normalize(one) == normalize(two)


@pytest.mark.parametrize(
    ("one", "two"), [("no amount", "no customer"), ("deadbeef", "cafebabe"), ("a 1", "a"), ("-", "+")]
)
def test_lines_that_differ_in_words_are_different(one: str, two: str) -> None:
    assert normalize(one) != normalize(two)


def rows(diff: OutputDiff) -> list[str]:
    """Return the rows as a unified difference shows them."""
    signs = {DiffKind.EQUAL: " ", DiffKind.REMOVED: "-", DiffKind.ADDED: "+", DiffKind.FOLDED: "…"}
    return [f"{signs[row.kind]}{row.text}" for row in diff.rows]


def test_only_lines_that_differ_stand_out() -> None:
    before = ["reading", "127 orders", "customers are known", "done in 12 ms"]
    after = ["reading", "3 orders", "customer 5118 is unknown", "Traceback", "done in 1.5 s"]
    diff = compare_output(before, after)
    assert rows(diff) == [
        " reading",
        " 3 orders",
        "-customers are known",
        "+customer 5118 is unknown",
        "+Traceback",
        " done in 1.5 s",
    ]
    assert (diff.differences, diff.limit) == ([2], "")


def test_changed_words_of_a_line_are_marked_and_changed_numbers_are_not() -> None:
    diff = compare_output(["order 5117 has no amount"], ["order 5118 has no customer"])
    removed, added = diff.rows
    assert [removed.text[begin:end] for begin, end in removed.changed] == ["amount"]
    assert [added.text[begin:end] for begin, end in added.changed] == ["customer"]
    diff = compare_output(["a b c"], ["x y z"])
    assert [row.changed for row in diff.rows] == [(), ()]
    diff = compare_output(["word " * 1000], ["word " * 999 + "x"])
    assert [row.changed for row in diff.rows] == [(), ()]


def test_equal_lines_far_from_a_difference_are_folded() -> None:
    words = "abcdefghijklmnopqrstuvwxyz"
    diff = compare_output(words, words[:13] + "!" + words[13:])
    assert rows(diff) == ["…10 equal lines", " k", " l", " m", "+!", " n", " o", " p", "…10 equal lines"]
    assert rows(compare_output(words, words)) == ["…26 equal lines"]
    assert rows(compare_output([], [])) == []
    assert rows(compare_output("abcd", "xabcd")) == ["+x", " a", " b", " c", " d"]


def restored(diff: OutputDiff, kind: DiffKind, all_equal: Sequence[str]) -> list[str]:
    """Return the lines of one side, with folded lines taken from the equal ones in order."""
    equal = iter(all_equal)
    lines: list[str] = []
    for row in diff.rows:
        if row.kind is kind:
            lines.append(row.text)
        elif row.kind in (DiffKind.EQUAL, DiffKind.FOLDED):
            lines += [next(equal) for _ in range(row.count)]
    return lines


def longest_common(one: Sequence[str], two: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, by the table of all prefixes."""
    row = [0] * (len(two) + 1)
    for left in one:
        before = row
        row = [0]
        for place, right in enumerate(two):
            row.append(before[place] + 1 if left == right else max(row[-1], before[place + 1]))
    return row[-1]


@settings(max_examples=300)
@given(st.text("abc", max_size=30), st.text("abc", max_size=30))
def test_the_difference_is_the_smallest_and_has_every_line(before: str, after: str) -> None:
    diff = compare_output(before, after)
    removed = [row.text for row in diff.rows if row.kind is DiffKind.REMOVED]
    added = [row.text for row in diff.rows if row.kind is DiffKind.ADDED]
    common = longest_common(before, after)
    assert len(before) - len(removed) == len(after) - len(added) == common
    equal = subtract(after, diff)
    assert restored(diff, DiffKind.ADDED, equal) == list(after)
    assert restored(diff, DiffKind.REMOVED, equal) == list(before)
    assert [diff.rows[place].kind.value.startswith("only") for place in diff.differences] == [True] * len(
        diff.differences
    )


def subtract(after: str, diff: OutputDiff) -> list[str]:
    """Return the lines of `after` that the difference says are equal, in order."""
    equal: list[str] = []
    place = 0
    for row in diff.rows:
        if row.kind in (DiffKind.EQUAL, DiffKind.FOLDED):
            equal += after[place : place + row.count]
        place += row.count if row.kind is not DiffKind.REMOVED else 0
    return equal


def test_a_search_that_would_take_too_long_ends_and_says_so() -> None:
    """The begin and the end are still compared."""
    letters = [chr(0x4E00 + number) for number in range(5_000)]
    before = ["begin", *letters, "end"]
    after = ["begin", *letters[::-1], "end"]
    diff = compare_output(before, after)
    assert diff.limit == "too different to be compared line by line to the end"
    assert (rows(diff)[0], rows(diff)[-1]) == (" begin", " end")
    assert sum(row.count for row in diff.rows if row.kind is not DiffKind.ADDED) == len(before)
    assert len([row for row in diff.rows if row.kind is DiffKind.REMOVED]) > MAX_EDITS


def test_outputs_of_a_hundred_thousand_lines_are_compared_as_far_as_the_limit() -> None:
    before = [f"line {'abcdefg'[number % 7]}" for number in range(100_000)]
    after = [*before[:60_000], "Traceback", *before[60_001:99_990]]
    diff = compare_output(before, after)
    assert (diff.limit, len(diff.differences)) == ("", 2)


def test_output_is_read_page_by_page_up_to_the_limit() -> None:
    backend = ScriptedBackend(snapshots.idle())
    backend.outputs[866] = "".join(f"{number}\n" for number in range(5_000))
    lines, is_cut = read_output(backend, 866)
    assert (lines, is_cut) == ([str(number) for number in range(5_000)], False)
    backend.outputs[866] = "x\n" * (MAX_LINES + 1)
    lines, is_cut = read_output(backend, 866)
    assert (len(lines), is_cut) == (MAX_LINES, True)
