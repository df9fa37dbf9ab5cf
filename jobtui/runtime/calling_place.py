"""The place in the user's code from which jobtui is called."""

from __future__ import annotations

import sys

from jobtui.engine.tracebacks import is_internal


def calling_place() -> str:
    """Return ``file:line`` of the innermost frame outside jobtui; "" if there is none.

    All jobs that are registered in one line have the same object.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - the traceback module would read the files
    while frame is not None and is_internal(frame.f_code.co_filename):
        frame = frame.f_back  # type: ignore[assignment] # None above the outermost one
    return "" if frame is None else sys.intern(f"{frame.f_code.co_filename}:{frame.f_lineno}")
