"""The ended runs of a job as columns of plain values, which charts read: thousands of them cost little."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import NamedTuple

from jobtui.engine.packed_exceptions import PackedException
from jobtui.engine.records import (
    ATTEMPTS_MADE,
    CREATED,
    ELAPSED,
    ENDED,
    ERROR,
    NUMBER,
    REASON,
    STARTED,
    STATE,
    PackedRun,
)
from jobtui.engine.tracebacks import innermost_place, summarize

MAX_POINTS = 10_000  # runs that one question returns, unless it says how many
NO_ERROR = -1  # the place of the signature of a run without an error
_LONGEST = 120  # characters of a signature
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|\d+(?:[.:]\d+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunColumns:
    """The latest runs of a job that have started and ended. The columns are equally long, oldest first.

    Attributes:
        numbers: The numbers of the runs.
        ended: When each ended, in seconds since the epoch.
        seconds: How long each took.
        states: The final state of each: the value of a `RunState`.
        errors: The place of its signature in `signatures`; -1 for none.
        signatures: The signatures of their errors, each once: the class and the place of an exception, or the
            reason without its numbers.
        reasons: The latest reason for each signature.
    """

    numbers: tuple[int, ...] = ()
    ended: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    states: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    signatures: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


class RunPoint(NamedTuple):
    """A run as the store has it.

    Attributes:
        number: The number of the run.
        created: When the run was requested, in seconds since the epoch. With the number, it identifies it.
        ended: When it ended.
        seconds: How long it took.
        state: Its final state.
        exception: The class of its exception; "" for none.
        place: ``file:line`` of the exception, or "".
        reason: How it ended, in words; "" if it is OK.
    """

    number: int
    created: float
    ended: float
    seconds: float
    state: str
    exception: str = ""
    place: str = ""
    reason: str = ""


def point_of(run: PackedRun) -> RunPoint | None:
    """Return the point of a packed run; None if it has not started."""
    if run[STARTED] is None or not run[NUMBER]:
        return None
    values = (*run[:ATTEMPTS_MADE],)
    seconds = run[ELAPSED] if run[ELAPSED] is not None else max(0.0, run[ENDED] - run[STARTED])
    error: PackedException | str = values[ERROR] if len(values) > ERROR else ""
    reason = values[REASON] if len(values) > REASON else ""
    exception = place = ""
    if error and not isinstance(error, str):
        exception, place, reason = error[0][0], innermost_place(error), summarize(error)
    return RunPoint(run[NUMBER], run[CREATED], run[ENDED], seconds, run[STATE], exception, place, reason)


def columns_of(points: Iterable[RunPoint], limit: int) -> RunColumns:
    """Return the latest of some points as columns. Of a run that occurs twice, the last point counts.

    Args:
        points: The points, in any order.
        limit: How many are returned at most.
    """
    unique = {(point.number, point.created): point for point in points}
    latest = sorted(unique.values(), key=lambda point: (point.ended, point.created, point.number))[-limit:]
    signatures: dict[str, int] = {}
    reasons: list[str] = []
    errors = []
    for point in latest:
        if point.state == "OK" or not (point.exception or point.reason):
            errors.append(NO_ERROR)
            continue
        signature = error_signature(point.exception, point.place, point.reason)
        place = signatures.setdefault(signature, len(signatures))
        reasons[place : place + 1] = [point.reason]
        errors.append(place)
    return RunColumns(
        numbers=tuple([point.number for point in latest]),
        ended=tuple([point.ended for point in latest]),
        seconds=tuple([point.seconds for point in latest]),
        states=tuple([point.state for point in latest]),
        errors=tuple(errors),
        signatures=tuple(signatures),
        reasons=tuple(reasons),
    )


def error_signature(exception: str, place: str, reason: str) -> str:
    """Return what equal errors have in common.

    Args:
        exception: The class of the exception; "" for none.
        place: ``file:line``, or "".
        reason: The reason, used if there is no place.
    """
    if exception and place:
        file, _, line = place.rpartition(":")
        return f"{exception} {PurePath(file).name}:{line}"
    text = _NUMBER.sub("N", _QUOTED.sub("'…'", reason))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
