"""The order of the runs that a query finds: newest first, and the same in the store and in memory.

Many runs may have one instant, so more than that is compared. Then a position between two runs stays valid
while new runs arrive.
"""

from __future__ import annotations

import base64
import json
from math import isfinite
from typing import NamedTuple, Self

from jobtui.engine.records import CREATED, ENDED, JOB, NUMBER, STARTED, STATE, PackedRun

_LARGEST_NUMBER = 2**63 - 1


class RunPosition(NamedTuple):
    """The position of a run in the order. Times are in seconds since the epoch.

    Attributes:
        instant: When it ended; if it has not, when it started; if it has not, when it was requested.
        number: The number of the run; 0 for ticks that started none.
        job: The name of its job.
        created: When it was requested.
        state: Its state.
    """

    instant: float
    number: int
    job: str
    created: float
    state: str

    @classmethod
    def of(cls, run: PackedRun) -> Self:
        """Return the position of a run, which may lack fields at its end."""
        times = [run[field] for field in (ENDED, STARTED) if field < len(run)]
        instant = next((time for time in times if time is not None), run[CREATED])
        return cls(float(instant), run[NUMBER], run[JOB], float(run[CREATED]), run[STATE])

    def to_cursor(self) -> str:
        """Return the position as an opaque text for URLs."""
        return base64.urlsafe_b64encode(json.dumps(self).encode()).decode().rstrip("=")

    @classmethod
    def from_cursor(cls, text: str) -> Self:
        """Return the position that `to_cursor` has made a text.

        Raises:
            ValueError: The text is not one.
        """
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
            match json.loads(data):
                case [float() as instant, int() as number, str() as job, float() as created, str() as state]:
                    (job + state).encode()  # no lone surrogates
                    if isfinite(instant) and isfinite(created) and abs(number) <= _LARGEST_NUMBER:
                        return cls(instant, number, job, created, state)
        except (ValueError, RecursionError):
            pass
        raise ValueError("cursor is not the cursor of a page; leave it out to begin with the first page")
