"""The user's choices about the dashboard, which the command line collects and the app follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jobtui.frontend.look import LookFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """The choices; without arguments, those for a terminal that shows every sign.

    Attributes:
        ascii: Whether to draw every sign in ASCII.
        encoding: The terminal's encoding; None if it is not known.
        look: The file that keeps the look; None to keep nothing.
        keymap: The keys that the user has set, with commas between them, by the ids of their bindings.
        keys_file: The file in which the user sets keys; None if there is no folder for it.
    """

    ascii: bool = False
    encoding: str | None = None
    look: LookFile | None = None
    keymap: Mapping[str, str] = field(default_factory=dict)
    keys_file: Path | None = None


DEFAULT_DISPLAY = Display()
