"""The only module that reads the time. All others are given a clock, so that tests can move it."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

# The instants that a clock may show, in seconds since the epoch: the years 1900 to 9998, in any zone.
FIRST_INSTANT, LAST_INSTANT = -2_208_900_000.0, 253_370_700_000.0


class Clock(Protocol):
    """The source of time of a scheduler."""

    def now(self) -> float:
        """Return the wall clock, in seconds since the epoch (UTC). It can be set, so it can jump."""

    def monotonic(self) -> float:
        """Return the seconds since a fixed point. Never goes backwards; may stand still during suspend."""


def thread_cpu() -> float:
    """Return the CPU time that the calling thread has taken, in seconds."""
    return time.thread_time()


def _elapsed_clock() -> Callable[[], float]:
    """Return the monotonic clock that goes on while the machine is suspended, if there is one."""
    if hasattr(time, "CLOCK_BOOTTIME"):  # Linux
        return partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return partial(time.clock_gettime, time.CLOCK_MONOTONIC)
    return time.monotonic  # on Windows, it is that clock


class SystemClock:
    """The machine's clocks.

    `elapsed` is slower to read than `monotonic`, and goes on while the machine is suspended. So it tells a
    suspension, in which time has passed, from a wall clock that has been set.
    """

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    elapsed = staticmethod(_elapsed_clock())
    error = ""  # the machine's clocks do not fail; see `SteadyClock`


class SteadyClock:
    """Reads another clock, and repeats its last good reading where that clock fails.

    A clock fails if it raises, or returns something that is not an instant between the years 1900 and 9998.
    The monotonic clock fails, too, if it goes back.

    Args:
        clock: The clock.

    Attributes:
        error: What the clock did the last time that it failed; "" if nothing has happened since that was
            reset.

    Raises:
        ValueError: The clock fails at the first reading.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now = self._monotonic = math.nan
        self.error = ""
        if math.isnan(self.now()) or math.isnan(self.monotonic()):
            raise ValueError(f"the clock {clock!r:.80} does not work: {self.error}")

    def now(self) -> float:
        """Return the wall clock, in seconds since the epoch (UTC)."""
        try:
            now = self._clock.now()
            if FIRST_INSTANT <= now <= LAST_INSTANT:
                self._now = now
            else:
                self.error = f"now() returned {now!r:.40}"
        except Exception as error:  # noqa: BLE001 - the clock may be the user's code
            self.error = f"now() raised {type(error).__name__}"
        return self._now

    def monotonic(self) -> float:
        """Return the seconds since a fixed point."""
        try:
            now = self._clock.monotonic()
            if now >= self._monotonic or (math.isnan(self._monotonic) and math.isfinite(now)):
                self._monotonic = now
            else:
                self.error = f"monotonic() returned {now!r:.40} after {self._monotonic!r}"
        except Exception as error:  # noqa: BLE001 - as above
            self.error = f"monotonic() raised {type(error).__name__}"
        return self._monotonic

    def elapsed(self) -> float:
        """Return the seconds since a fixed point. There is no other clock for this than the monotonic one."""
        return self.monotonic()


class ManualClock:
    """A clock that a test moves.

    Args:
        start: The first value of the wall clock, in seconds since the epoch (UTC).
    """

    def __init__(self, start: float) -> None:
        self._now = float(start)
        self._monotonic = 0.0

    def now(self) -> float:
        """Return the wall clock, in seconds since the epoch (UTC)."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds by which the clock has been advanced in all."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: The number of seconds is negative.
        """
        if seconds < 0:
            raise ValueError(f"time cannot pass backwards ({seconds} s): use step() to set the wall clock")
        self._now += seconds
        self._monotonic += seconds

    def step(self, seconds: float) -> None:
        """Set the wall clock forward or back, as a person or NTP does. No time passes."""
        self._now += seconds
