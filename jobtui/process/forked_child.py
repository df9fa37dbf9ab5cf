"""The end of a child that a job has forked, if an exception escapes from the job there.

The child has only the thread of the job, so its process ends with that, and Python would report the status 0.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn


def end_forked_child(exception: BaseException, traceback: str) -> NoReturn:
    """End this process as Python ends one by an exception of its main thread.

    The exit handlers are those of the parent, and are not called.

    Args:
        exception: The exception. SystemExit says with which status the process ends.
        traceback: What is written to standard error, unless SystemExit says it.
    """
    status = 1
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
