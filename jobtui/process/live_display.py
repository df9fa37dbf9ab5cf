r"""Follow a display of several lines that a program draws again and again, as rich does with its bars.

Such a program hides the cursor first. Then it goes up to the first line of the display each time, erases
every line, and writes the new ones; text above the display comes between the two. At the end it shows the
cursor.
"""

from __future__ import annotations

import re

HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_LONGEST_DISPLAY = 20_000  # characters
_ERASED = re.compile(r"\r\x1b\[2K((?:\x1b\[1A\x1b\[2K)*)")
_UP = "\x1b[1A\x1b[2K"
_VANISHED = re.compile(rf"\r((?:{re.escape(_UP)})+)")


def is_display(text: str) -> bool:
    """Return whether a text begins a display, or continues one of which the beginning is not known."""
    if text.startswith(HIDE):
        return True
    erased = _ERASED.match(text)
    return erased is not None and "\n" in text


def draw_display(drawn: str, text: str) -> tuple[str, str]:
    """Add a text to a display.

    Args:
        drawn: The display so far, with the text above it that was written last; "" if none is drawn. The
            beginning of another writer's line may follow, after a second `HIDE`.
        text: What is written next; "" for the end of the run.

    Returns:
        The display, which begins with `HIDE`, and the text that is final: nothing erases it any more.
    """
    shown, _, begun = drawn.removeprefix(HIDE).partition(HIDE)
    if text.startswith(HIDE):
        return text, shown + begun
    if erased := _ERASED.match(text):
        height = len(erased[1]) // len(_UP) + 1
        above, _ = _without_lines(shown, height)
        display, final = _next_state(text[erased.end() :], height, begun)
        return display, above + final
    if _SHOW in text:
        return "", _ended(shown + text) + begun
    if text and shown.startswith("\r") and not shown.endswith("\n"):  # of another writer, such as `print`
        lines, line_break, begun = f"{begun}{text}".rpartition("\n")
        if len(begun) > _LONGEST_DISPLAY:
            begun, line_break = "", line_break + begun
        return _with_line(HIDE + shown, begun), lines + line_break
    if text and not shown and len(text) <= _LONGEST_DISPLAY:  # the first state erases nothing
        return (HIDE, text) if text.endswith("\n") else (HIDE + text, "")
    return "", shown + (f"\n{begun}" if begun else "") + text


def _with_line(display: str, begun: str) -> str:
    """Return a display with the beginning of another writer's line."""
    return f"{display}{HIDE}{begun}" if begun else display


def _next_state(text: str, height: int, begun: str) -> tuple[str, str]:
    """Return the display that a text draws after it has erased a number of lines, and what of it is final."""
    if _SHOW in text:
        return "", _ended(text) + begun
    # The display has as many lines as before, as a rule. So only a long text is split before it is erased.
    final, text = _without_lines(text, height) if len(text) > _LONGEST_DISPLAY else ("", text)
    return _with_line(f"{HIDE}\r{text}", begun), final


def _ended(text: str) -> str:
    """Return what stays of the last state of a display and of what follows it."""
    display, _, rest = text.partition(_SHOW)
    if vanished := _VANISHED.match(rest):
        height = len(vanished[1]) // len(_UP)
        display, _ = _without_lines(display, height + 1)  # the last one is the empty one below the display
        rest = rest[vanished.end() :]
    return display + rest


def _without_lines(text: str, count: int) -> tuple[str, str]:
    """Split the last lines off a text."""
    lines = text.split("\n")
    above = lines[:-count]
    return "".join(f"{line}\n" for line in above), "\n".join(lines[-count:])
