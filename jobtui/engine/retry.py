"""Retries: the policy of a job whose failing runs are tried again, and the exceptions that steer it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Literal

from jobtui.schedules.bad_spec import naming
from jobtui.schedules.durations import as_interval, format_duration

MAX_TIMES = 1_000
MOST = "5m"  # the longest delay, unless it is given or the first one is longer
SHOWN_DELAYS = 4  # in a description
UNTIL_TICK = ", before the next tick"  # the end of the description of a policy that ends there
SHOWN_ATTEMPTS = 20  # whose instants are shown

Duration = timedelta | float | str
ExceptionClasses = type[BaseException] | tuple[type[BaseException], ...]


@dataclass(frozen=True, slots=True)
class Retry:
    """The rule by which a run that fails is tried again.

    Attributes:
        times: How many attempts may follow the first one; 0 for none.
        first: The delay before the second attempt: a timedelta, seconds, or a duration such as ``"2s"``.
        factor: Each delay is so many times as long as the one before, at least 1.
        most: The longest delay; None for 5 minutes, or `first` if that is longer.
        jitter: A random part, from 0 to this fraction, is added to each delay.
        on: The exceptions after which a run is tried again: a class, or a tuple of classes.
        not_on: Those of them after which it is not.
        until: ``"next tick"``: make no attempt at or after the next tick of the job. None for no limit.

    Raises:
        TypeError: A value is of another type.
        ValueError: A value is not allowed.
    """

    times: int
    first: Duration = "2s"
    factor: float = 2.0
    most: Duration | None = None
    jitter: float = 0.1
    on: ExceptionClasses = (Exception,)
    not_on: ExceptionClasses = ()
    until: Literal["next tick"] | None = None

    def __post_init__(self) -> None:
        """Check the values. Delays become timedeltas, and classes tuples, so that equal rules are equal."""
        _check_number("times", self.times, 0, MAX_TIMES, int)
        _check_number("factor", self.factor, 1, math.inf, int | float)
        _check_number("jitter", self.jitter, 0, 1, int | float)
        first = _delay("first", self.first)
        most = max(first, as_interval(MOST)) if self.most is None else _delay("most", self.most)
        if most < first:
            shorter = f"{format_duration(most)}, which is shorter than first, {format_duration(first)}"
            raise ValueError(f"Retry: most is {shorter}")
        if self.until not in {None, "next tick"}:
            raise ValueError(f"Retry: until must be None or 'next tick', not {self.until!r:.80}")
        changed: dict[str, Any] = {"first": first, "most": most}
        changed["on"], changed["not_on"] = _classes("on", self.on), _classes("not_on", self.not_on)
        for name, value in changed.items():
            object.__setattr__(self, name, value)

    @property
    def attempts(self) -> int:
        """The number of attempts that a run may have."""
        return self.times + 1

    def applies_to(self, exception: BaseException) -> bool:
        """Return whether a run that raised an exception is tried again."""
        kind = type(exception)  # unlike `isinstance`, without `__class__`, which may be overridden
        return issubclass(kind, self.on) and not issubclass(kind, self.not_on)

    def delay_after(self, attempt: int) -> float:
        """Return the seconds between an attempt that failed and the next one, without jitter.

        Args:
            attempt: The number of the attempt, counted from 1.
        """
        first, most = as_interval(self.first), as_interval(self.most or MOST).total_seconds()
        delay = first.total_seconds()
        for _ in range(attempt - 1):
            delay *= self.factor
            if delay >= most:
                return most
        return delay

    def instants(self) -> list[float]:
        """Return when each attempt begins, if each fails at once: seconds after the first, without jitter."""
        instants = [0.0]
        for attempt in range(1, self.attempts):
            instants.append(instants[-1] + self.delay_after(attempt))
        return instants

    def describe(self) -> str:
        """Return the rule in words, such as `3 retries, after 2s, 4s, 8s`; "" if there are none."""
        if not self.times:
            return ""
        count = "1 retry" if self.times == 1 else f"{self.times} retries"
        shown = [self.delay_after(attempt) for attempt in range(1, min(self.times, SHOWN_DELAYS) + 1)]
        delays = [format_duration(timedelta(seconds=delay)) for delay in shown]
        if self.times > SHOWN_DELAYS:
            last = timedelta(seconds=self.delay_after(self.times))
            delays[-1:] = ["...", format_duration(last)]
        limit = UNTIL_TICK if self.until else ""
        return f"{count}, after {', '.join(delays)}{limit}"


class RetryIn(Exception):  # noqa: N818 - a request, not an error
    """Raised by a job to let its run be tried again after a delay of its own choice.

    The attempts are counted, and limited, as those after any other exception.

    Args:
        delay: A timedelta, seconds, or a duration such as ``"30s"``.
        reason: The reason, in words.
    """

    __module__ = "jobtui"  # as users know it, for the reasons of runs

    def __init__(self, delay: Duration, reason: str = "") -> None:
        self.seconds = as_interval(delay).total_seconds()
        self.reason = reason
        text = f"retry in {format_duration(as_interval(delay))}"
        super().__init__(f"{text}: {reason}" if reason else text)

    def __reduce__(self) -> tuple[type[RetryIn], tuple[float, str]]:
        """Pickle the arguments, as of an exception that another process has raised."""
        return type(self), (self.seconds, self.reason)


class GiveUp(Exception):  # noqa: N818 - a request, not an error
    """Raised by a job to let its run end as FAILED, without another attempt.

    Args:
        reason: The reason, in words.
    """

    __module__ = "jobtui"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


def _check_number(name: str, value: Any, least: float, most: float, kind: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, kind):
        raise TypeError(f"Retry: {name} must be a number, not {value!r:.80}")
    if not least <= value < math.inf or value > most:
        allowed = f"at least {least}" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"Retry: {name} must be {allowed}, not {value!r:.80}")


def _delay(name: str, value: Duration) -> timedelta:
    with naming(f"Retry: {name}"):
        return as_interval(value)


def _classes(name: str, value: object) -> tuple[type[BaseException], ...]:
    classes = value if isinstance(value, tuple) else (value,)
    for each in classes:
        if not (isinstance(each, type) and issubclass(each, BaseException)):
            allowed = "a class of exceptions or a tuple of them"
            raise TypeError(f"Retry: {name} must be {allowed}, not {value!r:.80}")
    return classes


NO_RETRY = Retry(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLadder:
    """The attempts of a retry policy as they are shown beforehand.

    Attributes:
        text: The policy in words.
        offsets: When the attempts after the first are due if each fails at once, without jitter, counted from
            the first; at most `SHOWN_ATTEMPTS`.
        span: When the last attempt is due at the latest, counted in the same way, with jitter.
    """

    text: str
    offsets: tuple[timedelta, ...]
    span: timedelta


@lru_cache(maxsize=256)
def ladder_of(retry: Retry) -> RetryLadder:
    """Return the attempts of a policy as they are shown."""
    instants = retry.instants()
    return RetryLadder(
        text=retry.describe(),
        offsets=tuple([timedelta(seconds=each) for each in instants[1 : SHOWN_ATTEMPTS + 1]]),
        span=timedelta(seconds=instants[-1] * (1 + retry.jitter)),
    )
