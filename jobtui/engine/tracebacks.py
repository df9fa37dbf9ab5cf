"""Tracebacks as the user wants to read them: their own frames, not ours."""

from __future__ import annotations

import contextlib
import logging
import sys
import traceback
from types import TracebackType

logger = logging.getLogger("jobtui")

LONGEST = 32_000  # characters kept of one traceback
LONGEST_LINE = 200


def one_line(exception: BaseException) -> str:
    """The exception's type and message, in one line of at most 200 characters."""
    try:
        lines = traceback.format_exception_only(exception)
    except Exception:  # noqa: BLE001 - such as that of a SyntaxError with a column that is no number
        lines = [f"{type(exception).__name__}: <it cannot be shown>"]
    text = " ".join("".join(lines).split())
    return text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1] + "…"


def trimmed_traceback(exception: BaseException, *, skip: str) -> str:
    """The traceback from the first frame not in the file ``skip``; if it is huge, its middle is cut."""
    frames = exception.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == skip:
        frames = frames.tb_next
    return _formatted(exception, frames)


def log_exception(message: str) -> None:
    """Log the exception being handled, which must end nothing; nor may a log handler that raises."""
    with contextlib.suppress(Exception):
        logger.error(message, exc_info=sys.exc_info())


def _formatted(exception: BaseException, frames: TracebackType | None) -> str:
    try:
        lines = traceback.format_exception(type(exception), exception, frames)
    except Exception:  # noqa: BLE001 - as above
        lines = [*traceback.format_tb(frames), one_line(exception)]
    text = "".join(lines).rstrip()
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
