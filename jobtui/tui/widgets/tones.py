"""The style of a piece of text: that of its line with a tone."""

from __future__ import annotations

from functools import lru_cache

from rich.style import Style


@lru_cache(maxsize=1024)  # a screen has a thousand pieces of text, and few different styles
def toned(base: Style, tone: Style) -> Style:
    """Return a style with the colour and the weight of a tone, and the background of the line.

    Args:
        base: The style of the line.
        tone: The component style of the tone. Its background is left out, so that any background fits.
    """
    return base + Style(color=tone.color, bold=tone.bold)
