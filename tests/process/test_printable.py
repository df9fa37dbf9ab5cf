"""Text made harmless for a terminal, a log file or a browser."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobtui.process.printable import printable, printable_lines

PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0645"  # one word, with a joiner that separates two letters
any_text = st.text(st.characters(codec=None, exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\tc\rd", "a b c d"),
        ("esc\x1b[31m", r"esc\x1b[31m"),
        ("\x00\x07\x7f\x9b", r"\x00\x07\x7f\x9b"),
        ("right\u202eleft\u2066", r"right\u202eleft\u2066"),
        ("\ud800", r"\ud800"),
        ("line\u2028paragraph\u2029", r"line\u2028paragraph\u2029"),
        ("zero\u200dwidth\ufeff", r"zero\u200dwidth\ufeff"),
        ("日本語 é 👩 [b]", "日本語 é 👩 [b]"),
        ("👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥", "👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥"),
        (f"{PERSIAN} CPU\u200c\u0645", f"{PERSIAN} CPU\u200c\u0645"),
        ("é\u200d\u200d\u202e\u200d", "é\u200d" + r"\u200d\u202e\u200d"),
        ("a\u200cb\u200d", r"a\u200cb\u200d"),
        ("no-break\xa0and\u3000wide spaces", "no-break\xa0and\u3000wide spaces"),
    ],
)
def test_characters_that_a_terminal_acts_on_are_escaped(text: str, expected: str) -> None:
    """Readable characters stay as they are, whatever their script."""
    assert printable(text) == expected


@given(any_text)
def test_printable_text_is_one_harmless_line_that_can_be_encoded(text: str) -> None:
    """For any text; and a text that is printable already stays the same."""
    shown = printable(text)
    shown.encode("utf-8")
    without_joiners = shown.replace("\u200c", "").replace("\u200d", "")
    assert without_joiners.isprintable() or not {
        unicodedata.category(character) for character in without_joiners
    } & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert len(shown.splitlines()) <= 1
    assert len(shown) >= len(text)
    assert printable(shown) == shown


def test_printable_lines_keep_line_breaks_and_indentation() -> None:
    """Only white space at the end of the text is cut."""
    assert printable_lines("a\n\tb\x1b\r\nc \n\n") == "a\n    b\\x1b \nc"


@given(any_text)
def test_printable_lines_escapes_each_line_as_printable_does(text: str) -> None:
    """For any text; only a tab is wider."""
    lines = text.rstrip().replace("\t", "    ").split("\n")
    assert printable_lines(text).split("\n") == [printable(line) for line in lines]
