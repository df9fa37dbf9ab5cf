"""Runs, waits and times as an explanation names them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from jobtui.engine.enums import RunState
from jobtui.engine.views import RunView
from jobtui.frontend.formatting import format_duration, pluralize

MOST_NAMED = 10  # jobs that a sentence names with their runs, and runs that an explanation describes
_MOST_NUMBERS = 3  # of runs of one job in a sentence
# What the run does behind which another one is held.
_DOES = {
    RunState.RUNNING: "which runs",
    RunState.QUEUED: "which waits for a slot",
    RunState.HELD: "which waits too",
    RunState.RETRYING: "which waits for its next attempt",
}
# What the run does that is in front of all of them.
_IS_FIRST = {
    RunState.RUNNING: "is the one that runs",
    RunState.QUEUED: "is the one that waits for a slot",
    RunState.RETRYING: "is the one that waits for its next attempt",
}


def describe_run(run: RunView, near: datetime) -> str:
    """Return a run with its times and its outcome, the times near another one without a date."""
    parts = [f"run {run.number} of {run.job}"]
    if run.started is not None:
        parts.append(f"started {time_near(run.started, near)}")
    if run.ended is not None:
        parts.append(f"ended {time_near(run.ended, near)}")
    return f"{', '.join(parts)}: {describe_outcome(run)}"


def describe_outcome(run: RunView) -> str:
    """Return the state of a run, with its duration and the reason."""
    if not run.state.ended:
        return f"RETRYING: {run.reason}" if run.state is RunState.RETRYING else str(run.state.value)
    took = "" if run.elapsed is None else f" after {format_duration(run.elapsed)}"
    reason = f": {run.reason}" if run.reason and run.state is not RunState.OK else ""
    return f"{run.state.value}{took}{reason}"


def describe_held(run: RunView, blockers: Sequence[RunView]) -> str:
    """Return a sentence that says behind which run another one is held.

    Args:
        run: The run that is HELD.
        blockers: The earlier runs of its job that have not ended, by number, as far as they are known.
    """
    if not blockers:
        return (
            f"It is held: {run.reason}."
            if run.reason
            else "It is held behind an earlier run of the same job."
        )
    *_, front = blockers
    sentence = f"It is held behind run {front.number} of the same job, {_DOES[front.state]}"
    first = next((each for each in blockers if each.state in _IS_FIRST), front)
    if front.state is not RunState.HELD or first is front:
        return f"{sentence}."
    return f"{sentence}; run {first.number} {_IS_FIRST[first.state]}."


def describe_queued(slots: int, holders: Sequence[RunView]) -> str:
    """Return a sentence that says which runs have the slots for which a QUEUED run waits.

    Args:
        slots: How many slots there are; 0 if there is no limit, or if that is not known.
        holders: The runs that are RUNNING.
    """
    if not holders:
        return "It waits for a slot; the runs that have the slots are not known."
    taken = len(holders)
    if not slots:
        return f"It waits for a worker, while {name_runs(holders)} {'runs' if taken == 1 else 'run'}."
    if taken < slots:
        return f"It waits for a worker: {taken} of {pluralize(slots, 'slot')} {_are_taken(taken, holders)}."
    every = "the only slot" if slots == 1 else f"all {slots} slots"
    return f"It waits for a slot: {every} {_are_taken(slots, holders)}."


def _are_taken(count: int, holders: Sequence[RunView]) -> str:
    return f"{'is' if count == 1 else 'are'} taken by {name_runs(holders)}"


def name_runs(runs: Sequence[RunView]) -> str:
    """Return runs by number and job: `run 2 of long, runs 5, 6, 7 and 9 more of short`."""
    numbers: dict[str, list[int]] = {}
    for run in runs:
        numbers.setdefault(run.job, []).append(run.number)
    named = [f"{_name_numbers(of_job)} of {job}" for job, of_job in numbers.items()]
    more = len(named) - MOST_NAMED
    shown = ", ".join(named[:MOST_NAMED])
    return f"{shown} and of {pluralize(more, 'more job')}" if more > 0 else shown


def _name_numbers(numbers: Sequence[int]) -> str:
    shown, more = ", ".join(map(str, numbers[:_MOST_NUMBERS])), len(numbers) - _MOST_NUMBERS
    return f"run{'s' if len(numbers) > 1 else ''} {shown}{f' and {more} more' if more > 0 else ''}"


def time_near(instant: datetime, near: datetime) -> str:
    """Return a time in the zone of another one, with its date if that is another day."""
    instant = instant.astimezone(near.tzinfo)
    text = clock_time(instant)
    return text if instant.date() == near.date() else f"{instant:%Y-%m-%d} {text}"


def clock_time(instant: datetime) -> str:
    """Return the time of day, with milliseconds if there are some."""
    milliseconds = instant.microsecond // 1000
    return f"{instant:%H:%M:%S}" + (f".{milliseconds:03}" if milliseconds else "")
