"""Checks of the arguments that users pass to the scheduler, whose methods say what is raised.

Each function returns the value to use. Each message says what is allowed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, time, timedelta, timezone, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args
from zoneinfo import ZoneInfo

from jobtui.engine.enums import SingleName
from jobtui.process.printable import is_printable
from jobtui.runtime.clock import Clock, SystemClock
from jobtui.schedules.bad_spec import naming
from jobtui.schedules.durations import SHORTEST_INTERVAL, as_interval, parse_duration
from jobtui.schedules.parser import NAMED_PREFIX, is_at_start, parse
from jobtui.schedules.schedule import Cron
from jobtui.schedules.zones import FIRST_YEAR, LAST_YEAR, zone

if TYPE_CHECKING:
    import asyncio

MAX_TEXT = 500  # characters of a note
MAX_NAME = 1_000  # characters of a job's name
_WALL_TIME = re.compile(r"\d\d:\d\d(:\d\d)?")

T = TypeVar("T", int, float)


def job_name(name: str | None) -> str:
    """Return a job's name without blanks around it; "" for None."""
    if name is None:
        return ""
    if not isinstance(name, str) or not name.strip() or not is_printable(name):
        raise ValueError(f"a job's name must be printable text, not {name!r:.80}")
    if len(name.strip()) > MAX_NAME:
        raise ValueError(f"a job's name must have at most {MAX_NAME:,} characters, not {len(name.strip()):,}")
    return name.strip()


def call_arguments(args: Any, kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional and the keyword arguments of a job."""
    if not isinstance(args, tuple | list):
        raise TypeError(
            f"args must be a tuple or a list of positional arguments, such as (5,), not {type(args).__name__}"
        )
    return tuple(args), by_name("kwargs", kwargs, "keyword arguments by name, such as {'limit': 5}")


def by_name(parameter: str, values: Any, content: str) -> dict[str, Any]:
    """Return values that are given by their names, none for None; ``content`` describes them."""
    values = {} if values is None else values
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        raise TypeError(
            f"{parameter} must be a dict of {content}, not {type(values).__name__}"
            + (" with other keys" if isinstance(values, Mapping) else "")
        )
    return dict(values)


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


def source_of_time(clock: Clock | None) -> Clock:
    """Return the clock of a scheduler; that of the machine for None."""
    if clock is None:
        return SystemClock()
    if not all(callable(getattr(clock, name, None)) for name in ("now", "monotonic")):
        raise TypeError(f"clock must be an object with the methods now() and monotonic(), not {clock!r:.80}")
    return clock


def memory_limit(parameter: str, limit: int) -> int:
    """Return a number of bytes; ``parameter`` is the name of the argument, for the message."""
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise TypeError(f"{parameter} must be a number of bytes, not {limit!r:.80}")
    return limit


def named_specs(specs: Mapping[str, str] | None) -> dict[str, str]:
    """Return the named specs of a scheduler; raise BadSpec, a ValueError, if one is not valid."""
    found = by_name("schedules", specs, "specs by name, such as {'cron.night': '0 30 2 * * *'}")
    for name, spec in found.items():
        if not name.startswith(NAMED_PREFIX) or name == NAMED_PREFIX:
            raise ValueError(
                f"schedules: a name must begin with {NAMED_PREFIX}, as in cron.night, not {name!r:.80}"
            )
        with naming(f"schedules[{name!r:.80}]"):
            if not is_at_start(spec):
                parse(spec, tz="UTC")
    return found


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


def check_timeout(timeout: float | None) -> None:
    """Check how many seconds a caller waits for a run."""
    if timeout is not None and not isinstance(timeout, int | float):
        raise TypeError(f"timeout must be a number of seconds or None, not {timeout!r:.80}")


def catch_up_limit(most: int) -> int:
    """Return how many ticks of one job are caught up."""
    if isinstance(most, bool) or not isinstance(most, int):
        raise TypeError(f"catch_up_most must be a number of ticks, not {most!r:.80}")
    if most < 1:
        raise ValueError(f"catch_up_most must be at least 1, not {most}")
    return most


def abandoned_limit(most: int) -> int:
    """Return how many runs may be abandoned at once."""
    if isinstance(most, bool) or not isinstance(most, int):
        raise TypeError(f"abandoned must be a number of runs, not {most!r:.80}")
    if most < 0:
        raise ValueError(f"abandoned must be at least 0, not {most}")
    return most


def switch(parameter: str, value: bool) -> bool:
    """Return an argument that is True or False; raise TypeError if it is not."""
    if not isinstance(value, bool):
        raise TypeError(f"{parameter} must be True or False, not {value!r:.80}")
    return value


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
    return as_interval(delay, "a delay").total_seconds()


def length(parameter: str, value: timedelta | float | str) -> float:
    """Return a length of time in seconds; ``parameter`` is the name of the argument."""
    with naming(parameter):
        return delay_seconds(value)


def instant_text(parameter: str, instant: datetime | str) -> datetime:
    """Return an instant that may be a text in ISO 8601, with or without a zone."""
    if isinstance(instant, str):
        try:
            instant = datetime.fromisoformat(instant)
        except ValueError:
            raise ValueError(
                f"{parameter} must be ISO 8601, as in 2026-12-31 18:00, not {instant!r:.80}"
            ) from None
    if not isinstance(instant, datetime):
        raise TypeError(f"{parameter} must be a datetime or a text such as '2026-12-31', not {instant!r:.80}")
    with naming(parameter):
        return within_calendar(instant)


def within_calendar(instant: datetime) -> datetime:
    """Return an instant that every zone can show."""
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise ValueError(f"{instant} is not between the years {FIRST_YEAR} and {LAST_YEAR}")
    return instant


def pause_end(
    until: datetime | str | None, for_: timedelta | float | str | None, now: float, tz: tzinfo
) -> float | None:
    """Return the end of a pause in seconds since the epoch; None for no end.

    Args:
        until: The instant: an aware datetime, ISO 8601, or the next time that the wall clock shows `HH:MM`.
        for_: How long the pause lasts.
        now: The time.
        tz: The zone of a text without one.
    """
    if for_ is not None:
        if until is not None:
            raise TypeError("give either until= or for_=, not both")
        seconds = length("the length of a pause", for_)
        if not seconds:
            raise ValueError("a pause cannot be for 0 seconds")
        return now + seconds
    if until is None:
        return None
    instant = _instant_of(until, now, tz) if isinstance(until, str) else until
    if not isinstance(instant, datetime):
        raise TypeError(f"until must be an aware datetime or a text such as '08:00', not {until!r:.80}")
    if instant.tzinfo is None:
        raise ValueError(f"until must have a zone: {until} is naive")
    end = instant.timestamp()
    if end <= now:
        raise ValueError(f"a pause cannot end in the past: {instant}")
    return end


def _instant_of(text: str, now: float, tz: tzinfo) -> datetime:
    """Return the instant of a text: in ISO 8601, or the next time that the wall clock shows it."""
    with suppress(ValueError):
        if _WALL_TIME.fullmatch(text):
            at = time.fromisoformat(text)
            found = Cron(f"{at.second} {at.minute} {at.hour} * * *", tz=tz).next(
                datetime.fromtimestamp(now, tz)
            )
            assert found is not None  # every day has that time, or the instant in its place
            return found
        instant = datetime.fromisoformat(text)
        return instant if instant.tzinfo is not None else instant.replace(tzinfo=tz)
    raise ValueError(
        f"until must be a time such as '08:00' or '2026-11-27 08:00', or an instant with its offset, "
        f"not {text!r:.80}"
    )


def one_line_text(parameter: str, text: str) -> str:
    """Return a text of the user without blanks around it; ``parameter`` is the name of the argument."""
    if not isinstance(text, str):
        raise TypeError(f"{parameter} must be a text, not {text!r:.80}")
    text = text.strip()
    if (text and not is_printable(text)) or len(text) > MAX_TEXT:
        raise ValueError(
            f"{parameter} must be printable text in one line, at most {MAX_TEXT} characters, not {text!r:.80}"
        )
    return text


def single_name(name: str) -> SingleName:
    """Return the rule for a store that another scheduler uses."""
    for allowed in get_args(SingleName):
        if name == allowed:
            return cast("SingleName", name)
    names = ", ".join(map(repr, get_args(SingleName)))
    raise ValueError(f"single must be one of {names}, not {name!r:.80}")


def event_loop(loop: asyncio.AbstractEventLoop | None) -> asyncio.AbstractEventLoop | None:
    """Return the event loop of the application; None for none."""
    if loop is None:
        return None
    from asyncio import AbstractEventLoop  # noqa: PLC0415 - lazy: takes 30 ms, and is loaded if there is a loop

    if not isinstance(loop, AbstractEventLoop):
        raise TypeError(f"loop must be an asyncio event loop that runs, not {loop!r:.80}")
    return loop
