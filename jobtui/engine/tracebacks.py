"""Format packed exceptions for users, at a bounded length, and log exceptions."""

from __future__ import annotations

import contextlib
import linecache
import logging
import os
import site
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from traceback import FrameSummary, StackSummary, TracebackException
from types import TracebackType
from typing import Any

from jobtui.engine.packed_exceptions import (
    FRAMES,
    MEMBERS,
    PACKAGE,
    Frame,
    Frames,
    PackedException,
    cut,
    member_texts,
    pack_exception,
)

logger = logging.getLogger("jobtui")

DEMO = f"{PACKAGE}demo{os.sep}"  # user code, although jobtui brings it

# The folders of the standard library and of installed packages.
_INSTALLED = tuple(
    {
        folder + os.sep
        for folder in (
            *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
            *site.getsitepackages(),  # Debian has two: one for apt and one for pip
            site.getusersitepackages(),
        )
    }
)

MAX_TRACEBACK = 32_000  # characters kept of one traceback
MAX_ONE_LINE = 200  # characters of an exception in one line
LOCAL = "where "  # before a local variable: never the beginning of a source line that assigns a value
MAX_REPEATED = 3  # equal frames in a row that are shown; Python shows as many


def one_line(exception: BaseException) -> str:
    """Return the exception's type and message in one line of at most `MAX_ONE_LINE` characters."""
    return summarize(pack_exception(exception))


def summarize(packed: PackedException) -> str:
    """Return the type, the message and the notes in one line of at most `MAX_ONE_LINE` characters.

    The text of a group names its members, and of a member that is a group the members of that.
    """
    name, message, notes = packed[0][:3]
    if packed[0][MEMBERS] and len(message) > MAX_ONE_LINE // 2:
        message = f"{message[: MAX_ONE_LINE // 2]}…"  # room for the members
    text = f"{name}: {message[:1_000]}" if message else name
    for note in notes:
        text += f" {note[:1_000]}"
    if packed[0][MEMBERS]:
        text += f": {'; '.join(member_texts(packed))}"
    text = " ".join(text.split())
    return text if len(text) <= MAX_ONE_LINE else text[: MAX_ONE_LINE - 1] + "…"


def format_traceback(packed: PackedException) -> str:
    """Return the traceback as Python formats it; cut the middle of a long one. "" for no exception.

    Source lines are read from the files, as they are now. Python's suggestions ("Did you mean ...?") are
    missing, because they need the user's objects.
    """
    if not packed:
        return ""
    exception = _stand_in(packed, 0)
    trace = TracebackException(type(exception), exception, None, lookup_lines=False, compact=True)
    _restore(trace, packed, 0)
    return cut("".join(trace.format()).rstrip(), MAX_TRACEBACK)


def is_internal(filename: str) -> bool:
    """Return whether a file belongs to jobtui, but not to its demo, or to Python's import system."""
    return filename.startswith(("<frozen ", PACKAGE)) and not filename.startswith(DEMO)


def is_installed(filename: str) -> bool:
    """Return whether a file belongs to Python, to an installed package or to jobtui, not to the user."""
    return is_internal(filename) or (filename.startswith(_INSTALLED) and not filename.startswith(DEMO))


def innermost_place(packed: PackedException) -> str:
    """Return ``file:line`` of the innermost frame in the user's code, else of the innermost one, else ""."""
    frames = [item for item in packed[0][FRAMES] if isinstance(item, tuple)] if packed else []
    own = [frame for frame in frames if not is_installed(frame[0])]
    for file, line, *_ in reversed(own or frames):
        return f"{file}:{line}"
    return ""


def traceback_from_user(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback from its first entry outside jobtui, which called it; as it is if there is none."""
    entry = trace
    while entry is not None and is_internal(entry.tb_frame.f_code.co_filename):
        entry = entry.tb_next
    return entry or trace


def log_exception(message: str, error: BaseException | None = None) -> None:
    """Log an exception, by default the one that is being handled. Ignore a log handler that raises."""
    # SystemExit included: the exception that a handler formats may be the user's, and raise anything.
    with contextlib.suppress(BaseException):
        logger.error(message, exc_info=sys.exc_info() if error is None else error)


class _GroupStandIn(BaseExceptionGroup[BaseException]):
    def __str__(self) -> str:
        return self.message  # without the number of members, which it has already


def _stand_in(packed: PackedException, index: int) -> BaseException:
    """Return an exception that Python formats as the packed one, except for its frames."""
    name, message, notes, _, syntax, previous, is_cause, members, _ = packed[index]
    exception: BaseException
    if members:
        group = _stand_in_class(_GroupStandIn, name)
        exception = group(message, [_stand_in(packed, member) for member in members])
    elif syntax is None:
        exception = _stand_in_class(Exception, name)(message)
    else:
        exception = error = _stand_in_class(SyntaxError, name)()
        error.filename, error.lineno, error.offset, error.text = syntax[:4]
        error.end_lineno, error.end_offset, error.msg = syntax[4:]
    for note in notes:
        exception.add_note(note)
    if previous >= 0:
        earlier = _stand_in(packed, previous)
        if is_cause:
            exception.__cause__ = earlier
        else:
            exception.__context__ = earlier
    return exception


@lru_cache(maxsize=256)
def _stand_in_class(base: type[Any], name: str) -> type[Any]:
    return type("StandIn", (base,), {"__module__": "builtins", "__qualname__": name})


def _restore(trace: TracebackException, packed: PackedException, index: int) -> None:
    """Add what a stand-in lacks: the frames, and the number of the members that have been left out."""
    _, _, _, frames, _, previous, _, members, count = packed[index]
    trace.stack = _PackedFrames(frames)
    earlier = trace.__cause__ or trace.__context__
    if earlier is not None:
        _restore(earlier, packed, previous)
    if trace.exceptions:
        for member, member_index in zip(trace.exceptions, members, strict=True):
            _restore(member, packed, member_index)
        trace.exceptions += trace.exceptions[:1] * (count - len(members))  # only their number is shown


class _PackedFrames(StackSummary):
    """Frames as `pack_exception` returns them, formatted like those of Python."""

    def __init__(self, frames: Frames) -> None:
        super().__init__()
        self._frames = frames

    def __bool__(self) -> bool:
        return bool(self._frames)

    def format(self, **_: object) -> list[str]:
        return list(_format_frames(self._frames))


def _format_frames(frames: Frames) -> Iterator[str]:
    for file in {frame[0] for frame in frames if isinstance(frame, tuple)}:
        linecache.checkcache(file)
    expanded: list[Frame | str] = []
    for item in frames:
        expanded += expanded[-1:] * item if isinstance(item, int) else [item]
    for _, group in groupby(expanded, key=_place):
        equal = list(group)
        yield from [_format_frame(item) for item in equal[:MAX_REPEATED]]
        hidden = len(equal) - MAX_REPEATED
        if hidden > 0:
            yield f"  [Previous line repeated {hidden} more time{'s' if hidden > 1 else ''}]\n"


def _place(item: Frame | str) -> object:
    """Return what Python compares to find repeated frames: the file, the line and the function."""
    return item if isinstance(item, str) else (item[0], item[1], item[5])


def _format_frame(item: Frame | str) -> str:
    if isinstance(item, str):
        return f"  [{item}]\n"
    file, line, end_line, column, end_column, function, *values = item
    summary = FrameSummary(
        file, line, function, lookup_line=False, end_lineno=end_line, colno=column, end_colno=end_column
    )
    try:
        text = StackSummary.from_list([summary]).format()[0]
    except Exception:  # noqa: BLE001 - the file may have changed, so that the columns are wrong
        text = f'  File "{file}", line {line}, in {function}\n'
    return text + "".join(f"    {LOCAL}{value}\n" for text in values for value in text.split("\n"))
