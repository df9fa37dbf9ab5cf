"""Limit how often a front end renders a busy scheduler."""

from __future__ import annotations

from dataclasses import dataclass

SHORTEST_DELAY = 0.001  # seconds; a shorter one is not worth a timer


@dataclass(slots=True)
class AdaptiveThrottle:
    """Computes how long the next frame has to wait.

    Rendering competes with the jobs for CPU, so the interval between two frames grows with the cost of the
    last one. All times are in seconds.

    Args:
        min_interval: The shortest interval between the beginnings of two frames.
        max_interval: The longest interval, however costly the frames are.
        cpu_share: The share of one core that rendering may use; a costlier frame delays the next one.
    """

    min_interval: float
    max_interval: float
    cpu_share: float
    _began: float = 0.0
    _cpu: float = 0.0

    def begin(self, now: float, cpu: float) -> None:
        """Note that a frame begins at the instant `now`; the thread has used `cpu` seconds of CPU time."""
        self._began = now
        self._cpu = cpu

    def delay(self, now: float, cpu: float) -> float:
        """Return how many seconds the next frame has to wait, with arguments as for `begin`; 0 for none."""
        interval = min(max(self.min_interval, (cpu - self._cpu) / self.cpu_share), self.max_interval)
        delay = self._began + interval - now
        return delay if delay >= SHORTEST_DELAY else 0.0
