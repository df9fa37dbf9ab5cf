"""One line with pieces of text at the left, and others at the right as far as there is room."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual.widget import Widget

from jobtui.tui.widgets.tones import ToneStyles

Piece = tuple[str, str]  # a text and its tone; "" is the default tone
_GAP = "  "


class StateLine(Widget):
    """A line that is repainted only if its text changes; the first piece at the right stays longest."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._pieces: tuple[Sequence[Piece], Sequence[Piece]] = ((), ())
        self._toned = ToneStyles(self)

    def show(self, left: Sequence[Piece], right: Sequence[Piece]) -> None:
        """Show other pieces."""
        if (left, right) != self._pieces:
            self._pieces = left, right
            self.refresh()

    def render(self) -> Text:
        """Return the line, fitted to the width."""
        left, right = self._pieces
        line = Text(_GAP, no_wrap=True, overflow="ellipsis").join(self._text(each) for each in left)
        room = self.size.width - line.cell_len - len(_GAP)
        while right and sum(cell_len(text) + len(_GAP) for text, _ in right) > room + len(_GAP):
            right = right[:-1]
        end = Text(_GAP).join(self._text(each) for each in right)
        line.append(" " * max(0, self.size.width - line.cell_len - end.cell_len))
        line.append_text(end)
        return line

    def _text(self, piece: Piece) -> Text:
        text, tone = piece
        return Text(text, self._toned(tone))
