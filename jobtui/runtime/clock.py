"""The only module that reads the time. All others are given a clock, so that tests can move it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """The source of time of a scheduler."""

    def now(self) -> float:
        """Return the wall clock, in seconds since the epoch (UTC). It can be set, so it can jump."""

    def monotonic(self) -> float:
        """Return the seconds since a fixed point. Never goes backwards; may stand still during suspend."""


def thread_cpu() -> float:
    """Return the CPU time that the calling thread has taken, in seconds."""
    return time.thread_time()


class SystemClock:
    """The machine's clocks."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


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
