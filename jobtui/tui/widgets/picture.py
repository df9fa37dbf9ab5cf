"""A picture of text that is drawn for the size of its place, such as a chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from jobtui.frontend.charts import Line
from jobtui.tui.widgets.tones import ToneStyles

Draw = Callable[[int, int], Sequence[Line]]  # for a width and a height


class Picture(Widget):
    """Shows lines of pieces, which have tones, under a title. It draws once for each content and size.

    Args:
        title: The title.
        id: The id of the widget.
    """

    def __init__(self, title: str, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.border_title = title
        self._draw: Draw = lambda _width, _height: ()
        self._lines: Sequence[Line] | None = None  # None until they are drawn
        self._toned = ToneStyles(self)

    def show(self, draw: Draw) -> None:
        """Show what a function draws for the size."""
        self._draw, self._lines = draw, None
        self.refresh()

    def on_resize(self) -> None:
        """Draw for the new size."""
        self._lines = None

    def render_line(self, y: int) -> Strip:
        """Render one line, counted from the top of the widget."""
        width = self.size.width
        if self._lines is None:
            self._lines = self._draw(width, self.size.height)
        line = self._lines[y] if y < len(self._lines) else ()
        segments = [Segment(text, self._toned(tone)) for text, tone in line]
        return Strip(segments).adjust_cell_length(width, self._toned())
