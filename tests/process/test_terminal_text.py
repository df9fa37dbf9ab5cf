"""Text that was written for a terminal is shown as a terminal shows it."""

from __future__ import annotations

import pytest

from jobtui.process.terminal_text import terminal_line, terminal_lines


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain", "plain"),
        ("日本", "日本"),
        ("\x1b[31mred\x1b[0m and \x1b[1;38;2;255;0;0mbold\x1b[m", "red and bold"),
        ("\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b(Btext\x1b7\x1b8\x1b=", "text"),
        ("\x1bPdevice\x1b\\text", "text"),
        ("cut \x1b[3", "cut "),
        ("\x1b]a title without an end", "a title without an end"),
        ("10%\r 20%\r 100%", " 100%"),
        ("10%\r20%\r", "20%"),
        ("10%\r      \r", "      "),
        ("50%\r\x1b[K", ""),
        ("50%\x1b[2K\r", ""),
        ("50%\x1b[2K\rdone", "done"),
        ("windows\r", "windows"),
        ("|\b/\b-\b\\", "\\"),
        ("\b\bab\b", "ab"),
        ("a\tb\tc", "a       b       c"),
        ("\x1b[1ma\x1b[0m\tb", "a       b"),
        ("\x00 stays", "\x00 stays"),
    ],
)
def test_a_line_is_shown_as_a_terminal_shows_it(written: str, shown: str) -> None:
    """Colours, titles, links, carriage returns, backspaces and tabs."""
    assert terminal_line(written) == shown


def test_each_line_of_a_text_is_shown_by_itself() -> None:
    """A carriage return goes back to the beginning of its own line."""
    assert terminal_lines("one\r\n1%\r2%\n\x1b[32mok\x1b[0m\n") == "one\n2%\nok\n"
