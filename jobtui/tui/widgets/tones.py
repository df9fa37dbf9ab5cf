"""The tones of texts: the style sheet of the app gives each of them a colour, a background or a weight.

They are component classes of the app. As those of each table and line, Textual would compute them again for
each of these widgets, each time that the styles of a screen are computed.
"""

from __future__ import annotations

from dataclasses import replace

from rich.style import Style as RichStyle
from textual.style import Style
from textual.widget import Widget

JOB_TONES = 5  # the colours "job-0" to "job-4", which tell the jobs of merged lines apart
TONES = (
    *("strong", "muted", "ok", "waiting", "running", "failed", "dst"),
    *("warning", "removed", "changed", "match", "current"),
    *("header", "cursor", "pointer", "field"),
    *(f"job-{number}" for number in range(JOB_TONES)),
)
TONE_CLASSES = {f"tone--{tone}" for tone in TONES}


class ToneStyles:
    """The styles of the texts of a widget. They are computed once, and again after a change of the theme.

    Args:
        widget: The widget. Its app has the `TONE_CLASSES` among its component classes.
    """

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._base: Style | None = None  # the style of the widget itself, another object after a change
        self._styles: dict[tuple[str, ...], RichStyle] = {}

    def __call__(self, *tones: str) -> RichStyle:
        """Return the style of the widget with tones above it, the last one on top; "" adds nothing."""
        base = self._widget.visual_style
        if base is not self._base:
            self._base = base
            self._styles.clear()
        if tones not in self._styles:
            for tone in filter(None, tones):
                base += self._style_of(tone)
            self._styles[tones] = base.rich_style
        return self._styles[tones]

    def _style_of(self, tone: str) -> Style:
        styles = self._widget.app.get_component_styles(f"tone--{tone}")
        style = Style.from_styles(styles)
        return style if styles.has_rule("color") else replace(style, foreground=None)
