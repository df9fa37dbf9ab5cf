"""Tracebacks as the user wants to read them: their own frames, not ours."""

from __future__ import annotations

import traceback
from types import TracebackType

LONGEST = 32_000  # characters kept of one traceback
LONGEST_LINE = 200


def one_line(exception: BaseException) -> str:
    """The exception's type and message, in one line of at most 200 characters."""
    lines = traceback.format_exception_only(exception)
    text = " ".join("".join(lines).split())
    return text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1] + "…"


def trimmed_traceback(exception: BaseException, *, skip: str) -> str:
    """The traceback from the first frame that is not in the file ``skip``; its middle is cut if it is huge."""
    frames = exception.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == skip:
        frames = frames.tb_next
    return _formatted(exception, frames)


def _formatted(exception: BaseException, frames: TracebackType | None) -> str:
    text = "".join(traceback.format_exception(type(exception), exception, frames)).rstrip()
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
