"""Format exceptions for users: their own frames without those of the scheduler, at a bounded length."""

from __future__ import annotations

import contextlib
import logging
import sys
import traceback

logger = logging.getLogger("jobtui")

MAX_TRACEBACK = 32_000  # characters kept of one traceback
MAX_ONE_LINE = 200  # characters of an exception in one line


def one_line(exception: BaseException) -> str:
    """Return the exception's type and message in one line of at most `MAX_ONE_LINE` characters."""
    try:
        lines = traceback.format_exception_only(exception)
    except Exception:  # noqa: BLE001 - such as for a SyntaxError whose column is not a number
        lines = [f"{type(exception).__name__}: <it cannot be formatted>"]
    text = " ".join("".join(lines).split())
    return text if len(text) <= MAX_ONE_LINE else text[: MAX_ONE_LINE - 1] + "…"


def trimmed_traceback(exception: BaseException, *, skip: str) -> str:
    """Return the traceback from the first frame outside the file ``skip``; cut the middle of a long one."""
    frames = exception.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == skip:
        frames = frames.tb_next
    try:
        lines = traceback.format_exception(type(exception), exception, frames)
    except Exception:  # noqa: BLE001 - as in `one_line`
        lines = [*traceback.format_tb(frames), one_line(exception)]
    text = "".join(lines).rstrip()
    if len(text) <= MAX_TRACEBACK:
        return text
    half = MAX_TRACEBACK // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


def log_exception(message: str) -> None:
    """Log the exception that is being handled. Ignore a log handler that raises."""
    with contextlib.suppress(Exception):
        logger.error(message, exc_info=sys.exc_info())
