"""The importance of lines of output, by the stream or the level of the log that they were written to."""

from __future__ import annotations

from enum import IntEnum


class Level(IntEnum):
    """The importance of a line: a filter for a level admits what is as important, or more."""

    ALL = 0
    WARNING = 1
    ERROR = 2


TONES = {Level.ALL: "", Level.WARNING: "waiting", Level.ERROR: "failed"}
_LEVELS = {
    "stderr": Level.WARNING,
    "fd 2": Level.WARNING,
    "WARNING": Level.WARNING,
    "ERROR": Level.ERROR,
    "CRITICAL": Level.ERROR,
}


def level_of(stream: str) -> Level:
    """Return the level of a line of a stream, such as ``stderr`` or ``WARNING``."""
    return _LEVELS.get(stream, Level.ALL)
