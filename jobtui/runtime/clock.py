"""The only place that reads the time.

Everything else is handed a clock, so that a test moves one by hand.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What the scheduler knows of time."""

    def now(self) -> float:
        """The wall clock, in seconds since the epoch (UTC). It can be set, so it can jump."""
        ...

    def monotonic(self) -> float:
        """Seconds from some fixed point; never set, never backwards. It may stand still during suspend."""
        ...


def thread_cpu() -> float:
    """How much CPU time the thread that asks has taken, in seconds."""
    return time.thread_time()


class SystemClock:
    """The machine's clocks."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


class ManualClock:
    """A clock that a test moves.

    Args:
        start: The wall clock at the beginning, in seconds since the epoch (UTC).
    """

    def __init__(self, start: float) -> None:
        self._now = float(start)
        self._monotonic = 0.0

    def now(self) -> float:
        """The wall clock, where it was last moved to."""
        return self._now

    def monotonic(self) -> float:
        """How far the clock was advanced in all, in seconds."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: For a negative number of seconds; time does not pass backwards, see `step`.
        """
        if seconds < 0:
            raise ValueError(f"time does not pass backwards ({seconds} s): use step() to set the wall clock")
        self._now += seconds
        self._monotonic += seconds

    def step(self, seconds: float) -> None:
        """Set the wall clock forth or back, as a person or NTP does; no time passes."""
        self._now += seconds
