"""A run as a row of the store's file, and a row as a view.

The columns are the attributes of `RunView`, the one table of a run's fields, in their order, except its
attempts, which have a table of their own; and what only the file has: the class and the place of the
exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields
from datetime import tzinfo
from functools import lru_cache
from typing import Any

from jobtui.engine.packed_exceptions import PackedException
from jobtui.engine.records import (
    ATTEMPT_ERROR,
    ATTEMPTS_MADE,
    ERROR,
    JOB,
    REASON,
    PackedAttempt,
    PackedRun,
    packed_view,
)
from jobtui.engine.tracebacks import format_traceback, innermost_place, summarize
from jobtui.engine.views import RunView

Row = tuple[Any, ...]

_FIELDS = fields(RunView)[:ATTEMPTS_MADE]  # which is the last one
VIEW_COLUMNS = tuple(field.name for field in _FIELDS)
COLUMNS = (*VIEW_COLUMNS, "exception", "place")
ATTEMPT_COLUMNS = ("number", "started", "ended", "elapsed", "error", "reason")
_DEFAULTS = [None if each.default is MISSING else each.default for each in _FIELDS]


def row_of(run: PackedRun, job_id: int) -> Row:
    """Return the row of a packed run, which may lack fields at its end.

    Args:
        run: The run, or ticks that started none.
        job_id: The row of its job.
    """
    values = [*run[:ATTEMPTS_MADE], *_DEFAULTS[len(run) :]]
    values[JOB] = job_id
    error: PackedException = values[ERROR]
    if error:
        values[REASON], values[ERROR], exception, place = _describe(error)
    else:
        values[ERROR] = exception = place = ""
    return (*[storable(value) if type(value) is str else value for value in values], exception, place)


def attempt_row(attempt: PackedAttempt) -> Row:
    """Return the row of a failed attempt, with the columns `ATTEMPT_COLUMNS`."""
    if isinstance(attempt[ATTEMPT_ERROR], str):  # it comes from the store
        return attempt
    *facts, error = attempt
    reason, traceback, *_ = _describe(error)
    return (*facts, traceback, reason)


@lru_cache(maxsize=256)  # a job that fails mostly fails again in the same way
def _describe(error: PackedException) -> tuple[str, str, str, str]:
    """Return the summary, the traceback, the class and the innermost place of an exception.

    The traceback is formatted now, because its source lines may have changed when it is read.
    """
    texts = summarize(error), format_traceback(error), error[0][0], innermost_place(error)
    summary, traceback, exception, place = map(storable, texts)
    return summary, traceback, exception, place


def storable(text: str) -> str:
    """Return a text without lone surrogates, which UTF-8 cannot encode."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def packed_of(row: Sequence[Any], job: str) -> PackedRun:
    """Return the packed run of a row with the columns `VIEW_COLUMNS`. Its error is a text.

    Args:
        row: The row.
        job: The name of its job.
    """
    return (*row[:JOB], job, *row[JOB + 1 :])


def view_of(row: Sequence[Any], job: str, tz: tzinfo) -> RunView:
    """Return the view of a row with the columns `VIEW_COLUMNS`.

    Args:
        row: The row.
        job: The name of its job.
        tz: The zone of the times.
    """
    return packed_view(packed_of(row, job), tz)
