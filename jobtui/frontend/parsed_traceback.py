"""Read the text of a traceback back into its exceptions and frames.

The store and the API keep a traceback as the text that Python prints, of any version from 3.11 on. Any
other text, and one of which the middle is cut out, is read as far as possible and never rejected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from jobtui.engine.tracebacks import LOCAL, is_installed

_HEADERS = ("Traceback (most recent call last):", "Exception Group Traceback (most recent call last):")
_FRAME = re.compile(r'  File "(.*)", line (\d+|None)(?:, in (.*))?')
_LINKS = {
    "The above exception was the direct cause of the following exception:": True,
    "During handling of the above exception, another exception occurred:": False,
}
_MEMBER = re.compile(r"-+(?: (\d+|\.\.\.) -+)?")  # before each member; without a number, after the last one
_VALUE = f"    {LOCAL}"
_CARETS = re.compile(r"[ ~^]*[~^][ ~^]*")
# Folders of libraries on any machine, because the text may come from another one.
_LIBRARIES = re.compile(r"[/\\](?:site-packages|dist-packages)[/\\]|[/\\]lib[/\\]python3[.\d]*[/\\]")


@dataclass(frozen=True, slots=True)
class TraceFrame:
    """A frame.

    Attributes:
        file: The path of the source file, as Python knows it.
        line: The number of the line, from 1; 0 if it is not known.
        function: The name of the function; "" for the place of a SyntaxError.
        source: Each source line with the carets below it, "" for none. A frame whose file could not be read
            has none.
        values: Its local variables as `name = value`, if they were captured.
    """

    file: str
    line: int
    function: str
    source: tuple[tuple[str, str], ...] = ()
    values: tuple[str, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether the frame is in the user's code, and not in a library, in Python or in jobtui."""
        return not (is_installed(self.file) or _LIBRARIES.search(self.file))

    @property
    def code(self) -> str:
        """The first source line without its indentation, or ""."""
        return self.source[0][0].strip() if self.source else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaisedException:
    """An exception with what led to it.

    Attributes:
        title: Its class, and the first line of its message.
        details: The other lines of its message, and its notes.
        frames: Its frames, outermost first. A text stands for frames that are left out.
        previous: The exception that was raised before; None for none.
        is_cause: Whether `previous` is the cause. Otherwise this one was raised while that was handled.
        members: The exceptions of a group.
        left_out: How many other members there are, in words; "" for none.
    """

    title: str
    details: tuple[str, ...] = ()
    frames: tuple[TraceFrame | str, ...] = ()
    previous: RaisedException | None = None
    is_cause: bool = False
    members: tuple[RaisedException, ...] = ()
    left_out: str = ""

    @property
    def place(self) -> TraceFrame | None:
        """The innermost frame in the user's code, else the innermost one; None without frames."""
        frames = [frame for frame in self.frames if isinstance(frame, TraceFrame)]
        own = [frame for frame in frames if frame.is_own]
        return next(reversed(own or frames), None)


def failing_exception(error: RaisedException) -> RaisedException:
    """Return the exception whose place a user wants to see first.

    That is the first one with a place in the user's code: of a group a member, then the exception itself,
    then those that were raised before.
    """
    related = [each for each in _related(error) if each.place is not None]
    own = (each for each in related if each.place is not None and each.place.is_own)
    return next(own, related[0] if related else error)


def failing_frame(error: RaisedException) -> TraceFrame | None:
    """Return the place of the failing exception; None if no exception has frames."""
    return failing_exception(error).place


def _related(error: RaisedException) -> Iterator[RaisedException]:
    for member in error.members:
        yield from _related(member)
    yield error
    if error.previous is not None:
        yield from _related(error.previous)


@lru_cache(maxsize=64)  # a screen reads the same few texts again and again
def parse_traceback(text: str) -> RaisedException:
    """Return the last exception of a traceback, with the others below it."""
    return _Reader(text.rstrip().split("\n")).read_chain(0)


class _Reader:
    """Reads lines from the first to the last one.

    Below a group, Python indents the lines of each member and puts a margin before them. A depth is the
    number of margins; 0 is outside of groups.
    """

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 0

    def read_chain(self, depth: int) -> RaisedException:
        """Read exceptions of which each led to the next, and return the last."""
        error = self._read_exception(depth, None, is_cause=False)
        while (is_cause := self._link(depth)) is not None:
            self._at += 3
            error = self._read_exception(depth, error, is_cause=is_cause)
        return error

    def _line(self, depth: int, ahead: int = 0) -> str | None:
        """Return a line without its margin; None if it does not belong to this depth, or after the end."""
        if self._at + ahead >= len(self._lines):
            return None
        line = self._lines[self._at + ahead]
        if not depth:
            return line
        margin = "  " * depth + "|"
        return line[len(margin) + 1 :] if line.startswith(margin) else None

    def _link(self, depth: int) -> bool | None:
        """Return whether the exception before is the cause of the next one; None if there is no link."""
        before, sentence, after = (self._line(depth, ahead) for ahead in range(3))
        return _LINKS.get(sentence or "") if before == after == "" else None

    def _read_exception(
        self, depth: int, previous: RaisedException | None, *, is_cause: bool
    ) -> RaisedException:
        if not depth and self._line(0) == f"  + {_HEADERS[1]}":
            depth = 1
            self._at += 1
        elif self._line(depth) in _HEADERS:
            self._at += 1
        frames = self._read_frames(depth)
        title, *details = self._read_message(depth) or [""]
        members, left_out = self._read_members(depth)
        return RaisedException(
            title=title,
            details=tuple(details),
            frames=tuple(frames),
            previous=previous,
            is_cause=is_cause,
            members=tuple(members),
            left_out=left_out,
        )

    def _read_frames(self, depth: int) -> list[TraceFrame | str]:
        frames: list[TraceFrame | str] = []
        while (line := self._line(depth)) is not None:
            if found := _FRAME.fullmatch(line):
                self._at += 1
                number = 0 if found[2] == "None" else int(found[2])
                source, values = tuple(self._read_source(depth)), tuple(self._read_values(depth))
                frames.append(TraceFrame(found[1], number, found[3] or "", source, values))
            elif line.startswith("  ") or _FRAME.fullmatch(self._line(depth, 1) or ""):
                # A remark, such as on repeated frames, or what is left of a line that is cut.
                self._at += 1
                frames.append(line.strip())
            else:
                break
        return frames

    def _read_source(self, depth: int) -> Iterator[tuple[str, str]]:
        while (line := self._line(depth)) is not None and line.startswith("    ") and not _is_value(line):
            self._at += 1
            below = self._line(depth)
            carets = below if below is not None and _CARETS.fullmatch(below) else ""
            self._at += bool(carets)
            yield line[4:], carets[4:].rstrip()

    def _read_values(self, depth: int) -> Iterator[str]:
        while (line := self._line(depth)) is not None and _is_value(line):
            self._at += 1
            yield line[len(_VALUE) :]

    def _read_message(self, depth: int) -> list[str]:
        lines: list[str] = []
        while (line := self._line(depth)) is not None and self._link(depth) is None:
            self._at += 1
            lines.append(line)
        return lines

    def _read_members(self, depth: int) -> tuple[list[RaisedException], str]:
        members: list[RaisedException] = []
        left_out = ""
        first, others = "  " * depth + "+-+", "  " * depth + "  +"
        while depth and self._at < len(self._lines):
            line = self._lines[self._at]
            start = others if members or left_out else first
            if not line.startswith(start) or not (found := _MEMBER.fullmatch(line[len(start) :])):
                break
            self._at += 1
            if found[1] == "...":
                left_out = " ".join(self._read_message(depth + 1))
            elif found[1]:
                members.append(self.read_chain(depth + 1))
            else:
                break
        return members, left_out


def _is_value(line: str) -> bool:
    return line.startswith(_VALUE) and " = " in line
