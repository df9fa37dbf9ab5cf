"""Filter lines of output by level, search in them, and format their times, for a log view."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import Enum
from functools import lru_cache
from typing import TypeVar

from jobtui.frontend.backend import LogLine
from jobtui.process.cpu_limit import CpuLimitError, limit_cpu
from jobtui.runtime.clock import thread_cpu

MAX_SEARCH_CPU = 0.25  # seconds that a regular expression may take for the lines in memory, or for one

LEAST_LEVELS = ("", "INFO", "WARNING", "ERROR", "CRITICAL")  # in the order in which a key cycles them
_STREAM_TONES = {"stderr": "waiting", "WARNING": "waiting", "ERROR": "failed", "CRITICAL": "failed"}
_SOURCE_LINE = re.compile(
    r"""File[ ]"(?P<quoted>[^"]+)",[ ]line[ ](?P<first>\d{1,9})   # of a traceback
    | (?<![^\s"'(\[])(?P<file>[^\s:"'(\[]+\.[a-zA-Z]\w*):(?P<second>\d{1,9})""",
    re.VERBOSE,
)
_MINUTE, _HOUR = 60, 3600  # seconds

Found = TypeVar("Found")


class TimeStamps(Enum):
    """The form of the times of lines."""

    ABSOLUTE = "time of day"
    RELATIVE = "since the start"
    OFF = "off"


@lru_cache(maxsize=256)
def level_number(stream: str) -> int | None:
    """Return the number of a log level; None for a stream, such as `stdout`, and for an unknown level."""
    named = logging.getLevelNamesMapping().get(stream)
    if named is not None:
        return named
    number = stream.removeprefix("Level ")  # as `logging` names a level without a name
    return int(number) if number != stream and number.isascii() and number.isdecimal() else None


def find_source_line(text: str) -> tuple[str, int] | None:
    """Return the file and the number of the first source line that a line of output names; None if none."""
    match = _SOURCE_LINE.search(text)
    return (
        None if match is None else (match["quoted"] or match["file"], int(match["first"] or match["second"]))
    )


def stream_label(stream: str) -> str:
    """Return the word beside a line: its level, or its stream unless that is standard output."""
    return "" if stream == "stdout" else stream


def stream_tone(stream: str) -> str:
    """Return the tone of a stream or level."""
    return _STREAM_TONES.get(stream, "muted" if stream == "DEBUG" else "")


@dataclass(frozen=True, slots=True)
class LineFilter:
    """Chooses the lines that are shown.

    Attributes:
        jobs: The names of the jobs whose lines are shown; None for all.
        least: The least level of the log records that are shown; "" for all. Lines of a stream, such as
            `stdout`, have no level, and are always shown.
    """

    jobs: frozenset[str] | None = None
    least: str = ""

    def admits(self, line: LogLine) -> bool:
        """Return whether a line is shown."""
        if self.jobs is not None and line.job not in self.jobs:
            return False
        if not self.least:
            return True
        level = level_number(line.stream)
        return level is None or level >= logging.getLevelNamesMapping()[self.least]

    @property
    def admits_all(self) -> bool:
        """Whether every line is shown."""
        return self.jobs is None and not self.least

    def next_level(self) -> LineFilter:
        """Return the filter with the next least level."""
        place = LEAST_LEVELS.index(self.least) + 1
        return LineFilter(self.jobs, LEAST_LEVELS[place % len(LEAST_LEVELS)])


class BadPatternError(ValueError):
    """A regular expression is not valid; the message has the place of the mistake."""


class LineSearch:
    """Finds a text or a regular expression in lines.

    A text without upper case finds every case, any other only its own. A regular expression that takes too
    long, such as ``(a+)+$``, finds nothing from then on.

    Args:
        text: The text.
        is_regex: Whether it is a regular expression.

    Attributes:
        problem: Why the search is given up; "" if it is not.

    Raises:
        BadPatternError: The regular expression is not valid.
    """

    def __init__(self, text: str, *, is_regex: bool = False) -> None:
        self.text = text
        self.is_regex = is_regex
        self.problem = ""
        # The classes of a regular expression, such as \S, are not upper case.
        plain = re.sub(r"\\.", "", text) if is_regex else text
        self._ignores_case = plain == plain.lower()
        try:
            self._pattern = re.compile(
                text if is_regex else re.escape(text), re.IGNORECASE if self._ignores_case else 0
            )
        except re.error as error:
            place = "" if error.pos is None else f", at character {error.pos + 1}"
            raise BadPatternError(f"not a regular expression: {error.msg}{place}") from None
        except (OverflowError, RecursionError):
            raise BadPatternError("not a regular expression: it is too large") from None

    def matches(self, text: str) -> bool:
        """Return whether a line has a match."""
        if self.is_regex or not text.isascii():
            return self._pattern.search(text) is not None
        return self.text in (text.lower() if self._ignores_case else text)

    def places(self, texts: Iterable[str], first: int = 0) -> list[int]:
        """Return the places of the texts that match, counted from `first`."""
        return self._limited(lambda: [place for place, text in enumerate(texts, first) if self.matches(text)])

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return the begin and the end of each match that is not empty."""
        matches = self._pattern.finditer(text)
        return self._limited(lambda: [match.span() for match in matches if match.end() > match.start()])

    def _limited(self, find: Callable[[], list[Found]]) -> list[Found]:
        """Return what a function finds; nothing if that takes too long."""
        if not self.is_regex:  # a plain text is always found quickly
            return find()
        if self.problem:
            return []
        try:
            with limit_cpu(MAX_SEARCH_CPU, thread_cpu):
                return find()
        except CpuLimitError:
            self.problem = f"the search takes more than {MAX_SEARCH_CPU:g} s: simplify the regular expression"
            return []


def format_line_time(at: float | None, stamps: TimeStamps, start: float | None, zone: tzinfo) -> str:
    """Return the time of a line as its stamp; "" if that is not known or not shown.

    Args:
        at: When the line was written, in seconds since the epoch.
        stamps: The form of the stamp.
        start: When the run has started, in seconds since the epoch; None if it is not known.
        zone: The zone of a time of day.
    """
    if at is None or stamps is TimeStamps.OFF:
        return ""
    if stamps is TimeStamps.ABSOLUTE:
        return f"{datetime.fromtimestamp(at, zone):%H:%M:%S.%f}"[:-3]
    return "" if start is None else format_offset(at - start)


def format_offset(seconds: float) -> str:
    """Return a time since a start in at most 12 characters: `+1.203`, `+1:02.500`, `+1:02:03.5`."""
    sign, seconds = ("-" if seconds < 0 else "+"), abs(seconds)
    if seconds < _MINUTE:
        return f"{sign}{seconds:.3f}"
    whole, rest = divmod(seconds, _MINUTE)
    minutes = int(whole)
    if seconds < _HOUR:
        return f"{sign}{minutes}:{rest:06.3f}"
    return f"{sign}{minutes // _MINUTE}:{minutes % _MINUTE:02}:{rest:04.1f}"


def format_log_line(line: LogLine, stamp: str, *, with_job: bool) -> str:
    """Return a line of a file or of the clipboard: its stamp, its job and its stream before its text.

    Args:
        line: The line.
        stamp: Its time; "" for none.
        with_job: Whether to name the job and the run.
    """
    job = f"{line.job} #{line.run}" if with_job and line.run else ""
    return " ".join([*filter(None, (stamp, job, stream_label(line.stream))), line.text])
