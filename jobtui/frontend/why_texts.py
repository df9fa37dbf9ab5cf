"""Runs and times as an explanation names them."""

from __future__ import annotations

from datetime import datetime

from jobtui.engine.enums import RunState
from jobtui.engine.views import RunView
from jobtui.frontend.formatting import format_duration


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


def time_near(instant: datetime, near: datetime) -> str:
    """Return a time in the zone of another one, with its date if that is another day."""
    instant = instant.astimezone(near.tzinfo)
    text = clock_time(instant)
    return text if instant.date() == near.date() else f"{instant:%Y-%m-%d} {text}"


def clock_time(instant: datetime) -> str:
    """Return the time of day, with milliseconds if there are some."""
    milliseconds = instant.microsecond // 1000
    return f"{instant:%H:%M:%S}" + (f".{milliseconds:03}" if milliseconds else "")
