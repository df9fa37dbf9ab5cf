"""What a person is told about their own code: which line it was, and a traceback of their own frames."""

from __future__ import annotations

import os
import sysconfig
import traceback
from pathlib import Path
from traceback import FrameSummary, StackSummary, TracebackException

from jobtui.engine.tracebacks import one_line
from jobtui.process.printable import printable, printable_lines
from jobtui.schedules.bad_spec import BadSpec

_OURS = str(Path(__file__).parents[1]) + os.sep
# Where the code of Python and of installed packages lies.
_INSTALLED = tuple(
    {sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
# What our registering functions raise for what they are given. Of subclasses, such as KeyError, they are not.
_REFUSALS = (BadSpec, LookupError, TypeError, ValueError, RuntimeError)


def shown_path(path: str | Path) -> str:
    """Returns a path as short as it can be read here: relative where it is below the current folder."""
    text = str(path)
    try:
        here = str(Path.cwd()) + os.sep
    except OSError:  # the current folder was removed
        return text
    return text.removeprefix(here)


def is_installed(filename: str) -> bool:
    """Tells whether a file belongs to Python, to an installed package or to jobtui, not to the user."""
    return filename.startswith(("<frozen ", _OURS, *_INSTALLED))


def place_of(error: BaseException) -> str:
    """Returns ``file:line`` of the user's innermost frame in an exception's traceback, or "".

    Where none of the frames is the user's (an installed package as the target), it is the innermost that is
    neither ours nor the import machinery's.
    """
    frame = _innermost(traceback.extract_tb(error.__traceback__))
    return f"{shown_path(frame.filename)}:{frame.lineno}" if frame else ""


def users_traceback(error: BaseException) -> str:
    """Returns the traceback of an exception and of those it came from, with the user's own frames alone.

    An exception that passed through none of them keeps its frames, but for those of jobtui and of imports.
    """
    told = TracebackException.from_exception(error)
    _trim(told)
    return printable_lines("".join(told.format()))


def refusal(error: BaseException) -> str:
    """Returns what to say when a function of jobtui refused what it was given, or "" for other exceptions.

    That is the line that called it, and the message: a traceback would add nothing but our own frames.
    """
    frames = traceback.extract_tb(error.__traceback__)
    if type(error) not in _REFUSALS or not frames or not frames[-1].filename.startswith(_OURS):
        return ""
    frame = _innermost(frames)
    if frame is None:
        return ""
    return f"{shown_path(frame.filename)}:{frame.lineno}: {frame.line}\n{error}"


def explained(error: BaseException, what: str = "") -> str:
    """Returns what to say about an exception in the user's code: the line, the exception, the traceback.

    Args:
        error: The exception.
        what: What was going on, to be read before the exception, such as "on_app_start function connect: ".
    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return _explained_syntax(error)
    place = place_of(error)
    head = f"{what}{printable(one_line(error))}"
    return f"{place}: {head}\n\n{users_traceback(error)}" if place else head


def _explained_syntax(error: SyntaxError) -> str:
    """Shows the faulty line with a caret; the traceback would say the same a second time."""
    *picture, sentence = traceback.format_exception_only(error)
    place = f"{shown_path(error.filename or '')}:{error.lineno}"
    return "".join([f"{place}: {sentence}", *picture[1:]]).rstrip()


def _trim(told: TracebackException) -> None:
    told.stack = StackSummary.from_list(_users_frames(told.stack))
    for related in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if related is not None:
            _trim(related)


def _users_frames(frames: StackSummary) -> list[FrameSummary]:
    users = [frame for frame in frames if not is_installed(frame.filename)]
    return users or [frame for frame in frames if not frame.filename.startswith(("<frozen ", _OURS))]


def _innermost(frames: StackSummary) -> FrameSummary | None:
    return next(reversed(_users_frames(frames)), None)
