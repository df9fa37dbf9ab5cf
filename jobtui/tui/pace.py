"""How fast pictures may follow each other."""

from __future__ import annotations

# Pictures a second at most. A key's picture, and the second one that Textual paints where something moved,
# come on top: there are to be no more than 15.
FRAMES = 10
SHARE = 0.2  # of a core: pictures that cost more than that come less often
LONGEST = 0.25  # seconds between two pictures, whatever they cost
FINEST = 0.001  # seconds; less is no time to wait


class Pace:
    """Says how long the next picture has to wait.

    A dashboard on a busy scheduler takes the time of the machine from the jobs that it shows. So the next
    picture waits for a moment, and if the last one was costly, for longer. All times are in seconds.
    """

    def __init__(self) -> None:
        self._began = 0.0
        self._cpu = 0.0

    def begin(self, now: float, cpu: float) -> None:
        """A picture begins, at an instant and at a reading of the CPU time that the thread has taken."""
        self._began = now
        self._cpu = cpu

    def rest(self, now: float, cpu: float) -> float:
        """How long the next picture has to wait yet; 0 if it may come."""
        spacing = min(max(1 / FRAMES, (cpu - self._cpu) / SHARE), LONGEST)
        rest = self._began + spacing - now
        return rest if rest >= FINEST else 0.0
