"""How fast pictures may follow each other."""

from __future__ import annotations

from dataclasses import dataclass

FINEST = 0.001  # seconds; less is no time to wait


@dataclass(slots=True)
class AdaptiveThrottle:
    """Says how long the next picture has to wait.

    Who shows a busy scheduler takes the time of the machine from the jobs that are shown. So the next
    picture waits for a moment, and if the last one was costly, for longer. All times are in seconds.

    Args:
        spacing: Between two pictures at least.
        longest: Between two pictures at most, whatever they cost.
        share: Of a core: pictures that cost more than that come less often.
    """

    spacing: float
    longest: float
    share: float
    _began: float = 0.0
    _cpu: float = 0.0

    def begin(self, now: float, cpu: float) -> None:
        """A picture begins, at an instant and at a reading of the CPU time that the thread has taken."""
        self._began = now
        self._cpu = cpu

    def rest(self, now: float, cpu: float) -> float:
        """How long the next picture has to wait yet; 0 if it may come."""
        spacing = min(max(self.spacing, (cpu - self._cpu) / self.share), self.longest)
        rest = self._began + spacing - now
        return rest if rest >= FINEST else 0.0
