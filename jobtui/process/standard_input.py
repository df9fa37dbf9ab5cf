"""Standard input while jobs run: the null device, so that no job reads the keys of the user, or blocks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

NO_DEBUGGER = (
    "breakpoint() has no terminal to read from: the standard input of jobs is the null device. Debug the "
    "function in a Python of its own (python -m pdb FILE), or set PYTHONBREAKPOINT to a debugger with a "
    "terminal of its own, such as remote_pdb.set_trace"
)


@contextmanager
def null_input() -> Iterator[int | None]:
    """Replace standard input by the null device, also for subprocesses; have ``breakpoint()`` say so.

    On Windows, subprocesses keep standard input, because the dashboard needs it for itself.

    Yields:
        A file descriptor of the former standard input; None if Python was started
        without one, so that descriptor 0 may be any other file, and on Windows.
    """
    former, sys.stdin = sys.stdin, open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - closed below
    hook = sys.breakpointhook
    if hook is sys.__breakpointhook__:  # otherwise the user has set another debugger
        sys.breakpointhook = _refuse_breakpoint
    replacement = sys.stdin
    saved = _replace_descriptor() if os.name == "posix" and sys.__stdin__ is not None else None
    try:
        yield saved
    finally:
        if saved is not None:
            os.dup2(saved, 0)
            os.close(saved)
        if sys.stdin is replacement:
            sys.stdin = former
        if sys.breakpointhook is _refuse_breakpoint:
            sys.breakpointhook = hook
        replacement.close()


def _replace_descriptor() -> int:
    """Replace file descriptor 0 by the null device. Return a copy of the former one."""
    saved = os.dup(0)
    null_device = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null_device, 0)
    os.close(null_device)
    return saved


def _refuse_breakpoint(*arguments: object, **options: object) -> object:
    debugger = os.environ.get("PYTHONBREAKPOINT", "")
    if debugger not in {"", "pdb.set_trace"}:  # "0", or a debugger with a terminal of its own
        return sys.__breakpointhook__(*arguments, **options)  # noqa: T100 - what the user has asked for
    raise RuntimeError(NO_DEBUGGER)
