"""When the runs of a job write output, and how long they usually write none."""

from __future__ import annotations

from collections import deque

RUNS = 20  # how many of the latest runs count


class JobOutput:
    """The instants of one job's output. Times are seconds since the epoch (UTC).

    Any thread may note an output at any moment, and needs no lock: an output that two threads note at once
    may count as one. The engine notes the ends of runs, with the state lock held.

    Attributes:
        last: When a run of the job last wrote output.
        viewed: The value of `last` in the latest view of the job.
    """

    __slots__ = ("_longest", "_silences", "last", "viewed")

    def __init__(self) -> None:
        self.last = self.viewed = 0.0
        self._longest = 0.0  # seconds, of the present run
        self._silences: deque[float] = deque(maxlen=RUNS)  # the longest one of each run

    def note(self, started: float, at: float) -> None:
        """Note that a run has written output.

        Args:
            started: When the run started.
            at: The time.
        """
        silence = at - max(self.last, started)
        self.last = at
        self._longest = max(self._longest, silence)

    def note_end(self, started: float, ended: float, *, is_ok: bool) -> None:
        """Note the end of a run. It counts if it was OK and has written output.

        Args:
            started: When the run started.
            ended: When it ended.
            is_ok: Whether it was OK.
        """
        if is_ok and self.last >= started:
            self._silences.append(max(self._longest, ended - self.last))
        self._longest = 0.0

    @property
    def longest_silence(self) -> float | None:
        """The longest time without output in one of the latest runs, in seconds; None without such a run."""
        return max(self._silences, default=None)
