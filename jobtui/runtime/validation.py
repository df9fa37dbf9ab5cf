"""Checks of the arguments that users pass to the scheduler, whose methods say what is raised.

Each function returns the value to use. Each message says what is allowed.
"""

from __future__ import annotations

import os
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from typing import TypeVar, cast, get_args
from zoneinfo import ZoneInfo

from jobtui.engine.enums import Misfire, Overlap, SingleName
from jobtui.process.printable import is_printable
from jobtui.schedules.durations import SHORTEST_INTERVAL, as_interval, parse_duration
from jobtui.schedules.zones import zone

Policy = TypeVar("Policy", Overlap, Misfire)
T = TypeVar("T", int, float)


def job_name(name: str | None) -> str:
    """Return a job's name without blanks around it; "" for None."""
    if name is None:
        return ""
    if not isinstance(name, str) or not name.strip() or not is_printable(name):
        raise ValueError(f"a job's name must be printable text, not {name!r:.80}")
    return name.strip()


def pool_size(pool: int) -> int:
    """Return how many runs may be RUNNING at once; 0 means no limit."""
    if isinstance(pool, bool) or not isinstance(pool, int):
        raise TypeError(f"the pool must be a number of runs (0 = no limit), not {pool!r:.80}")
    if pool < 0:
        raise ValueError(f"the pool cannot be negative ({pool}); 0 means no limit")
    return pool


def scheduler_zone(tz: str | tzinfo | None) -> tzinfo:
    """Return the zone of a scheduler. The class has to be of the standard library.

    The scheduler computes wall-clock times with its lock held, when no code of the user may run.
    """
    found = zone(tz)
    if type(found) not in {ZoneInfo, timezone}:
        raise TypeError(
            "a scheduler's zone must be a name such as 'Europe/Oslo', a zoneinfo.ZoneInfo or a "
            f"datetime.timezone, not {type(found).__module__}.{type(found).__qualname__}; "
            "the schedule of a job may have any zone"
        )
    return found


def held_limit(max_held: int) -> int:
    """Return how many runs of a job may be held before its ticks are skipped."""
    if isinstance(max_held, bool) or not isinstance(max_held, int):
        raise TypeError(f"max_held must be a number of runs, not {max_held!r:.80}")
    if max_held < 1:
        raise ValueError(f"max_held must be at least 1, not {max_held}")
    return max_held


def store_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of a store's file."""
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise TypeError(f"the store must be the path of a file, such as 'jobtui.db', not {path!r:.80}")
    found = Path(path)
    if not found.name or "\0" in str(found):
        raise ValueError(f"the store must be the path of a file, such as 'jobtui.db', not {path!r:.80}")
    return found


def keep_limit(parameter: str, limit: T, least: int) -> T:
    """Return a limit of the store; ``parameter`` is the name of the argument, for the message."""
    if isinstance(limit, bool) or not isinstance(limit, int | float):
        raise TypeError(f"{parameter} must be a number, not {limit!r:.80}")
    if not limit >= least:  # also for nan
        raise ValueError(f"{parameter} must be at least {least}, not {limit}")
    return limit


def catch_up_limit(most: int) -> int:
    """Return how many ticks of one job are caught up."""
    if isinstance(most, bool) or not isinstance(most, int):
        raise TypeError(f"catch_up_most must be a number of ticks, not {most!r:.80}")
    if most < 1:
        raise ValueError(f"catch_up_most must be at least 1, not {most}")
    return most


def delay_seconds(delay: timedelta | float | str) -> float:
    """Return a delay in seconds. Unlike an interval, it may be shorter than a millisecond, or 0."""
    if isinstance(delay, str):
        delay = parse_duration(delay)
    if not isinstance(delay, bool) and isinstance(delay, timedelta | float | int):
        seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
        if seconds < 0:
            raise ValueError(f"a delay cannot be negative ({seconds:g} s)")
        if seconds < SHORTEST_INTERVAL.total_seconds():
            return seconds
    return as_interval(delay).total_seconds()


def single_name(name: str) -> SingleName:
    """Return the rule for a store that another scheduler uses."""
    for allowed in get_args(SingleName):
        if name == allowed:
            return cast("SingleName", name)
    names = ", ".join(map(repr, get_args(SingleName)))
    raise ValueError(f"single must be one of {names}, not {name!r:.80}")


def policy(kind: type[Policy], parameter: str, value: str) -> Policy:
    """Return the policy of a name; ``parameter`` is the name of the argument, for the message."""
    try:
        return kind(value)
    except ValueError:
        allowed = ", ".join(repr(each.value) for each in kind)
        raise ValueError(f"{parameter} must be one of {allowed}, not {value!r:.80}") from None
