"""Write to standard output and standard error, also when they are closed or their reader has gone away."""

from __future__ import annotations

import os
import select
import sys
from typing import TextIO

_errors: list[OSError] = []  # of standard output; see `take_output_error`


def write_line(stream: TextIO | None, text: str) -> bool:
    """Write a line and flush it. If nothing reads the stream (``| head``, ``>&-``), do nothing.

    Characters that the stream's encoding does not have are escaped. `take_output_error` returns any other
    error of standard output.

    Returns:
        Whether something may still read the stream.
    """
    if stream is None:  # Python sets sys.stdout to None if the parent process closed it
        return False
    encoding = getattr(stream, "encoding", None) or "utf-8"
    encodable = text.encode(encoding, "backslashreplace").decode(encoding)
    written = False
    try:
        stream.write(f"{encodable}\n")
        written = True
    except OSError as error:
        _note(error, stream)
    except ValueError:  # the user's code closed the stream
        pass
    return flush(stream) and written


def flush(stream: TextIO | None) -> bool:
    """Flush a stream; if it cannot be written any more, discard what is left.

    Returns:
        Whether it was flushed.
    """
    if stream is None or getattr(stream, "closed", False):  # user code may replace sys.stdout by any object
        return False
    try:
        stream.flush()
    except OSError as error:
        _note(error, stream)
        _discard(stream)
        return False
    return True


def take_output_error() -> OSError | None:
    """Return the first error since the last call that has lost something written to standard output.

    A reader that has gone away has lost nothing: it does not want more.
    """
    error = _errors[0] if _errors else None
    _errors.clear()
    return error


def _note(error: OSError, stream: TextIO) -> None:
    if stream is sys.stdout and not isinstance(error, BrokenPipeError):
        _errors.append(error)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal; a closed one, and one that never was open, is none."""
    return stream is not None and not getattr(stream, "closed", False) and stream.isatty()


def has_reader(stream: TextIO | None) -> bool:
    """Return whether something may still read the stream, without writing to it."""
    if stream is None:
        return False
    if not hasattr(select, "poll"):  # on Windows, only a write tells
        return True
    poll = select.poll()
    try:
        poll.register(stream.fileno(), 0)  # errors are always reported
    except (OSError, ValueError):  # not a file
        return True
    return not poll.poll(0)


def flush_all() -> None:
    """Flush standard output and standard error."""
    flush(sys.stdout)
    flush(sys.stderr)


def _discard(stream: TextIO) -> None:
    """Redirect the stream to the null device; else Python flushes it at exit, fails, and exits with 120."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):  # not a file
        return
    null_device = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null_device, descriptor)
    os.close(null_device)
