"""Draw the whole dashboard in ASCII: one filter over all painted lines, so that no widget has to know."""

from __future__ import annotations

import codecs

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from jobtui.frontend.ascii_signs import ascii_signs

_UTF_8 = codecs.lookup("utf-8").name


class AsciiFilter(LineFilter):
    """Replaces each sign by its ASCII form, and leaves the texts of users as they are.

    Args:
        keeps_text: Whether the terminal shows other characters; without it, they become question marks.
    """

    def __init__(self, *, keeps_text: bool) -> None:
        super().__init__()
        self._keeps_text = keeps_text

    @classmethod
    def for_terminal(cls, encoding: str | None, *, wanted: bool) -> AsciiFilter | None:
        """Return the filter for a terminal; None if it shows every sign and the user has not asked for ASCII.

        Args:
            encoding: The terminal's encoding; None if it is not known, and then taken for UTF-8.
            wanted: Whether the user asks for ASCII.
        """
        try:
            is_utf_8 = encoding is None or codecs.lookup(encoding).name == _UTF_8
        except LookupError:
            is_utf_8 = False
        return None if is_utf_8 and not wanted else cls(keeps_text=is_utf_8)

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - Textual's
        """Return the segments of a line in ASCII."""
        return [
            segment if segment.text.isascii() else Segment(self._translate(segment.text), *segment[1:])
            for segment in segments
        ]

    def _translate(self, text: str) -> str:
        text = ascii_signs(text)
        if self._keeps_text or text.isascii():
            return text
        return "".join(character if character.isascii() else "?" * cell_len(character) for character in text)
