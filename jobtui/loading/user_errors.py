"""Describe exceptions of the user's code: their own line first, then a traceback of their own frames."""

from __future__ import annotations

import os
import re
import traceback
from pathlib import Path
from traceback import FrameSummary, StackSummary, TracebackException

from jobtui.engine.tracebacks import is_installed, is_internal, one_line
from jobtui.process.printable import printable, printable_lines
from jobtui.runtime.first_guesses import PACKAGE_NAMES
from jobtui.schedules.bad_spec import BadSpec

# The types that jobtui's functions raise for a wrong argument; exact types, so KeyError is not among them.
_ARGUMENT_ERRORS = (BadSpec, LookupError, TypeError, ValueError, RuntimeError)


def short_path(path: str | Path) -> str:
    """Return a path relative to the current folder if it is below it, else as it is."""
    text = str(path)
    try:
        here = str(Path.cwd()) + os.sep
    except OSError:  # the current folder was removed
        return text
    return text.removeprefix(here)


def location_of(error: BaseException) -> str:
    """Return ``file:line`` of the user's innermost frame in an exception's traceback, or "".

    If none of the frames is in the user's code (the target is an installed package), it is the innermost
    frame outside jobtui and the import system.
    """
    frame = _innermost_user_frame(traceback.extract_tb(error.__traceback__))
    return f"{short_path(frame.filename)}:{frame.lineno}" if frame else ""


def user_traceback(error: BaseException) -> str:
    """Return the traceback of an exception and of its causes, reduced to the user's own frames.

    An exception that passed through none of them keeps all frames outside jobtui and the import system.
    """
    trace = TracebackException.from_exception(error)
    _keep_user_frames(trace)
    return printable_lines("".join(trace.format()))


def usage_error(error: BaseException) -> str:
    """Return the message for an exception that jobtui raised for a wrong argument, or "" for others.

    It has the line that called jobtui, and the problem; a traceback would only add frames of jobtui.
    """
    frames = traceback.extract_tb(error.__traceback__)
    if type(error) not in _ARGUMENT_ERRORS or not frames or not is_internal(frames[-1].filename):
        return ""
    frame = _innermost_user_frame(frames)
    if frame is None:
        return ""
    return printable_lines(f"{short_path(frame.filename)}:{frame.lineno}: {frame.line}\n{error}")


def format_exception(error: BaseException, message: str = "") -> str:
    """Return the description of an exception in the user's code: the line, the message, the traceback.

    Args:
        error: The exception.
        message: What happened; by default the exception's type and text.
    """
    if not message and isinstance(error, SyntaxError) and error.filename and error.lineno:
        return _format_syntax_error(error)
    location = location_of(error)
    message = printable(message or one_line(error) + _advice_on_import(error))
    return f"{location}: {message}\n\n{user_traceback(error)}" if location else message


def _advice_on_import(error: BaseException) -> str:
    """Return what to write instead of a name of another scheduler that is imported from jobtui, or ""."""
    if type(error) is not ImportError or error.name != "jobtui":
        return ""
    name = re.search(r"cannot import name '(\w+)'", str(error))
    advice = PACKAGE_NAMES.get(name[1]) if name else None
    return f"; {advice}" if advice else ""


def exit_text(error: SystemExit) -> str:
    """Return ": " and the text that was given to ``sys.exit``, or "" if it was called with a status."""
    return "" if error.code is None or isinstance(error.code, int) else f": {printable(str(error.code))}"


def _format_syntax_error(error: SyntaxError) -> str:
    """Show the faulty line with a caret; a traceback would only repeat it."""
    *excerpt, sentence = traceback.format_exception_only(error)
    location = f"{short_path(error.filename or '')}:{error.lineno}"
    return printable_lines("".join([f"{location}: {sentence}", *excerpt[1:]]))


def _keep_user_frames(trace: TracebackException) -> None:
    trace.stack = StackSummary.from_list(_user_frames(trace.stack))
    for related in (trace.__cause__, trace.__context__, *(trace.exceptions or ())):
        if related is not None:
            _keep_user_frames(related)


def _user_frames(frames: StackSummary) -> list[FrameSummary]:
    own_frames = [frame for frame in frames if not is_installed(frame.filename)]
    return own_frames or [frame for frame in frames if not is_internal(frame.filename)]


def _innermost_user_frame(frames: StackSummary) -> FrameSummary | None:
    return next(reversed(_user_frames(frames)), None)
