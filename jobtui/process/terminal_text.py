r"""Show what was written for a terminal as the text that a reader of the terminal would see.

Programs move the cursor: a progress bar starts its line again with ``\r``, a spinner goes back with ``\b``.
Colours are escape sequences.
"""

from __future__ import annotations

import re

from jobtui.process.live_display import HIDE, draw_display, is_display

# The escape sequences of ECMA-48: those that begin with ESC [ (colours, erasing), the strings that end with
# ESC \ (titles, links), and the short ones.
_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]?|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[PX^_][^\x1b\n]*\x1b\\|[ -/]*[0-~])"
)
DRAWS = frozenset("\r\x1b")  # the first characters of the texts that `draw` may hold
_LONGEST_BAR = 2_000  # characters
_UP = re.compile(r"(?:\x1b\[A)+")
# What starts a line again: a carriage return, and the sequence that erases the line.
_RESTART = re.compile(r"\r|\x1b\[2K")


def terminal_line(line: str) -> str:
    r"""Return what a terminal shows of one line, in its latest state, and without colours.

    A line that ``\r`` starts again is replaced as a whole, also if the new text is shorter.
    """
    if line.isprintable():
        return line
    line = _SEQUENCE.sub("", _RESTART.split(line.rstrip("\r"))[-1])
    if "\b" in line:
        line = _without_backspaces(line)
    return line.expandtabs()


def draw(drawn: str, text: str) -> tuple[str, str]:
    r"""Add a text to a line that a program draws again and again, as a bar of progress.

    Only the latest state of such a line counts. tqdm draws several bars below each other: it goes down by
    line breaks alone, draws, and goes up again; only the first of them stays. rich draws all of them at once;
    all of them stay.

    Args:
        drawn: The line so far, and what may belong to it; "" if none is drawn.
        text: What is written next; "" for the end of the line.

    Returns:
        The line with what may belong to it, and the text that is final.
    """
    if not text and not terminal_lines(drawn).strip():  # the bar has been erased
        return "", ""
    if drawn.startswith(HIDE) or is_display(text):
        return draw_display(drawn, text)
    if drawn and _UP.fullmatch(text):
        return drawn.partition("\n")[0], ""
    goes_down = drawn and text and "\n" not in drawn and not text.strip("\n")
    is_bar = text[:1] == "\r" and "\n" not in text and len(text) <= _LONGEST_BAR
    if goes_down or (is_bar and drawn.endswith("\n")):
        return drawn + text, ""
    if is_bar:
        before, line_break, _ = drawn.rpartition("\n")
        return text, before + line_break
    return "", drawn + text


def latest_state(line: str) -> str:
    """Return an unfinished line without the text that later text has replaced."""
    return line[line.rstrip("\r").rfind("\r") + 1 :]


def terminal_lines(text: str) -> str:
    """Return what a terminal shows of a text with any number of lines."""
    return "\n".join(terminal_line(line) for line in text.split("\n"))


def _without_backspaces(line: str) -> str:
    shown: list[str] = []
    column = 0
    for character in line:
        if character == "\b":
            column = max(0, column - 1)
        else:
            shown[column : column + 1] = [character]
            column += 1
    return "".join(shown)
