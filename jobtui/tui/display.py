"""The user's choices about the dashboard, which the command line collects and the app follows."""

from __future__ import annotations

from dataclasses import dataclass

from jobtui.frontend.look import LookFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """The choices; without arguments, those for a terminal that shows every sign.

    Attributes:
        ascii: Whether to draw every sign in ASCII.
        encoding: The terminal's encoding; None if it is not known.
        look: The file that keeps the look; None to keep nothing.
    """

    ascii: bool = False
    encoding: str | None = None
    look: LookFile | None = None


DEFAULT_DISPLAY = Display()
