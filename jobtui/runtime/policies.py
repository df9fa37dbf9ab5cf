"""The policies of a job as keyword arguments, and the checks of their values.

To add a policy: an attribute in `Policies` and in `JobPolicies`, and a line in `_CHECKS`.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta, tzinfo
from functools import partial
from typing import Any, TypeVar

from jobtui.engine.enums import Misfire, Overlap
from jobtui.engine.job_policies import DEFAULT_POLICIES, JobPolicies
from jobtui.engine.retry import Retry
from jobtui.runtime.ending_callbacks import check_callback
from jobtui.runtime.first_guesses import check_keywords
from jobtui.runtime.validation import instant_text, length
from jobtui.schedules.adjusted import AdjustedSchedule, base_of
from jobtui.schedules.schedule import Never, Schedule

MAX_JITTER = 3600.0  # seconds; a search for the next tick looks at all ticks within that time

Kind = TypeVar("Kind", Overlap, Misfire)


def job_policies(
    function: str, given: Mapping[str, Any], defaults: JobPolicies = DEFAULT_POLICIES, *others: str
) -> JobPolicies:
    """Return the policies of a job.

    Args:
        function: The name of the function that gets them, for the message.
        given: The policies that are given, by name.
        defaults: Those of the others.
        *others: The other arguments of the function, for the message.

    Raises:
        TypeError: A policy is unknown, with the nearest name, or a value is of another type.
        ValueError: A value is not allowed.
    """
    checked = checked_policies(function, given, *others)
    return replace(defaults, **checked) if checked else defaults


def checked_policies(function: str, given: Mapping[str, Any], *others: str) -> dict[str, Any]:
    """Return the attributes of `JobPolicies` that are given.

    Args:
        function: As for `job_policies`.
        given: As for `job_policies`; None counts as not given.
        *others: As for `job_policies`.

    Raises:
        TypeError: As for `job_policies`.
        ValueError: As for `job_policies`.
    """
    check_keywords(function, (*others, *_CHECKS), dict(given))
    return {name: _CHECKS[name](value) for name, value in given.items() if value is not None}


def changed_policies(
    function: str, given: Mapping[str, Any], defaults: JobPolicies, *others: str
) -> dict[str, Any]:
    """Return the attributes of `JobPolicies` that a job is to have instead of its own.

    Args:
        function: As for `job_policies`.
        given: As for `job_policies`; None stands for the default.
        defaults: Those of the scheduler.
        *others: As for `job_policies`.

    Raises:
        TypeError: As for `job_policies`.
        ValueError: As for `job_policies`.
    """
    checked = checked_policies(function, given, *others)
    return checked | {name: getattr(defaults, name) for name in given if name not in checked}


def _name_in(kind: type[Kind], parameter: str) -> Callable[[str], Kind]:
    """Return the check of a policy that is one of some names."""

    def check(value: str) -> Kind:
        try:
            return kind(value)
        except ValueError:
            allowed = ", ".join(repr(each.value) for each in kind)
            raise ValueError(f"{parameter} must be one of {allowed}, not {value!r:.80}") from None

    return check


def _count(parameter: str, unit: str, least: int) -> Callable[[int], int]:
    """Return the check of a policy that is a number of things."""

    def check(value: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{parameter} must be a number of {unit}, not {value!r:.80}")
        if value < least:
            raise ValueError(f"{parameter} must be at least {least}, not {value}")
        return value

    return check


def _on_start(value: bool) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"on_start must be True or False, not {value!r:.80}")
    return value


def _jitter(value: timedelta | float | str) -> float:
    seconds = length("jitter", value)
    if seconds > MAX_JITTER:
        raise ValueError(f"jitter must be at most 1h, not {value}; spread may be longer")
    return seconds


def adjusted(schedule: Schedule, policies: JobPolicies, name: str, tz: tzinfo) -> Schedule:
    """Return a schedule with the adjustments that policies ask for, and no others.

    Args:
        schedule: The schedule.
        policies: The policies.
        name: The name of the job.
        tz: The zone of instants without one.

    Raises:
        ValueError: The last instant is before the first one.
    """
    base = base_of(schedule)
    assert base is not None  # a schedule was given
    first, last = policies.bounds(tz)
    if first is not None and last is not None and last < first:
        raise ValueError(f"until must not be before not_before: {last} is before {first}")
    if isinstance(base, Never) or not (first or last or policies.spread or policies.jitter):
        return base
    return AdjustedSchedule(
        base=base,
        not_before=first,
        until=last,
        spread=timedelta(seconds=policies.spread),
        jitter=timedelta(seconds=policies.jitter),
        name=name,
        seed=platform.node(),
    )


def _retry(value: Retry | int) -> Retry:
    """Return a retry policy; a number is short for that many retries."""
    if isinstance(value, Retry):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"retry must be a number of retries or a jobtui.Retry, not {value!r:.80}")
    return Retry(value)


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "overlap": _name_in(Overlap, "overlap"),
    "misfire": _name_in(Misfire, "misfire"),
    "max_late": partial(length, "max_late"),
    "catch_up": partial(length, "catch_up"),
    "max_held": _count("max_held", "runs", 1),
    "pause_after": _count("pause_after", "failures", 0),
    "times": _count("times", "runs", 1),
    "on_start": _on_start,
    "not_before": partial(instant_text, "not_before"),
    "until": partial(instant_text, "until"),
    "spread": partial(length, "spread"),
    "jitter": _jitter,
    "timeout": partial(length, "timeout"),
    "warn": partial(length, "warn"),
    "abandon": partial(length, "abandon"),
    "retry": _retry,
    "on_success": partial(check_callback, name="on_success"),
    "on_failure": partial(check_callback, name="on_failure"),
    "on_missed": partial(check_callback, name="on_missed"),
}
