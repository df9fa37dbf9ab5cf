"""Writing to standard output and standard error, whoever reads them, or nobody."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO


def say(stream: TextIO | None, text: str) -> None:
    """Write a text and a newline, now. Where nobody can read it (``| head``, ``>&-``), nothing happens.

    Characters that the stream's encoding does not have are escaped.
    """
    if stream is None:  # closed by whoever started us
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    safe = text.encode(encoding, "backslashreplace").decode(encoding)
    with suppress(OSError, ValueError):  # nobody reads it any more; closed by the user's code
        stream.write(f"{safe}\n")
    flush(stream)


def flush(stream: TextIO | None) -> None:
    """Write out what a stream has buffered; if that cannot be done, let go of the stream."""
    if stream is None or getattr(stream, "closed", False):  # user code may have put anything there
        return
    try:
        stream.flush()
    except OSError:
        _give_up(stream)


def flush_all() -> None:
    """Write out what standard output and standard error have buffered."""
    flush(sys.stdout)
    flush(sys.stderr)


def _give_up(stream: TextIO) -> None:
    """Send the rest nowhere: Python would try again as it ends, complain, and exit with status 120."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):  # not a file
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
