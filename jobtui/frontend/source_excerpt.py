"""Read the source lines around a frame, if the file is the one that ran."""

from __future__ import annotations

import stat
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path

from jobtui.engine.views import RunView
from jobtui.frontend.parsed_traceback import RaisedException, TraceFrame, parse_traceback

CONTEXT = 2  # lines before a line, and after it
MAX_FILE = 5_000_000  # bytes of a source file that is read


class SourceState(Enum):
    """Whether the lines of a file are those that ran. The value says it to the user."""

    SAME = ""
    CHANGED = "the file has changed since the run"
    UNREADABLE = "the file is not on this machine"


@dataclass(frozen=True, slots=True)
class SourceExcerpt:
    """Consecutive lines of a source file.

    Attributes:
        state: Whether they are those that ran; there are none otherwise.
        first: The number of the first line.
        lines: The lines, without white space at their ends.
    """

    state: SourceState
    first: int = 0
    lines: tuple[str, ...] = ()


def read_excerpt(frame: TraceFrame, ended: datetime | None) -> SourceExcerpt:
    """Return the lines around that of a frame.

    Args:
        frame: The frame.
        ended: When the run has ended; a file that was written later has changed. None if it goes on.
    """
    path = Path(frame.file)
    if not path.is_absolute() or not frame.source:
        return SourceExcerpt(SourceState.UNREADABLE)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE:
            return SourceExcerpt(SourceState.UNREADABLE)
        with tokenize.open(path) as file:
            lines = file.read().splitlines()
    except (OSError, ValueError, SyntaxError):  # the last is that of an unknown encoding
        return SourceExcerpt(SourceState.UNREADABLE)
    line = lines[frame.line - 1].strip() if frame.line <= len(lines) else ""
    is_newer = ended is not None and status.st_mtime > ended.timestamp()
    if is_newer or not line or line != frame.code:
        return SourceExcerpt(SourceState.CHANGED)
    first, last = max(1, frame.line - CONTEXT), min(len(lines), frame.line + CONTEXT)
    while not lines[first - 1].strip():
        first += 1
    while not lines[last - 1].strip():
        last -= 1
    return SourceExcerpt(SourceState.SAME, first, tuple(line.rstrip() for line in lines[first - 1 : last]))


Excerpts = dict[tuple[str, int], SourceExcerpt]  # by file and line


def read_run_excerpts(run: RunView) -> Excerpts:
    """Return the source around every frame in the errors of a run. Reads files, so it may block."""
    excerpts: Excerpts = {}
    for text, ended in [*((each.error, each.ended) for each in run.attempts_made), (run.error, run.ended)]:
        for frame in frames_with_source(parse_traceback(text)):
            excerpts[frame.file, frame.line] = read_excerpt(frame, ended)
    return excerpts


def frames_with_source(error: RaisedException) -> Iterator[TraceFrame]:
    """Yield the frames of an exception, and of those below it, that have a source line."""
    for frame in error.frames:
        if isinstance(frame, TraceFrame) and frame.source:
            yield frame
    for below in (*error.members, error.previous):
        if below is not None:
            yield from frames_with_source(below)
