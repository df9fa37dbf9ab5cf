"""The end of a child that a job has forked, when the job's call returns or raises there.

The child has only the thread of the job, which would wait for further runs, or end with the status 0 after an
exception.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn


def end_forked_child(exception: BaseException | None = None, traceback: str = "") -> NoReturn:
    """End this process as Python ends one whose main thread has returned or raised an exception.

    The exit handlers are those of the parent, and are not called.

    Args:
        exception: The exception; None if the job returned. SystemExit says with which status the process
            ends.
        traceback: What is written to standard error, unless SystemExit says it.
    """
    status = int(exception is not None)
    if isinstance(exception, SystemExit):
        code = exception.code
        status = code if isinstance(code, int) else int(code is not None)
        traceback = str(code) if status and not isinstance(code, int) else ""
    with suppress(BaseException):  # the streams may be closed, or objects of the user
        if traceback:
            sys.stderr.write(f"{traceback}\n")
        sys.stderr.flush()
        sys.stdout.flush()
    os._exit(status & 0xFF)
