"""The strip of a job's latest outcomes: a bar for a run that was OK, as high as it was long, else a sign."""

from __future__ import annotations

from itertools import chain, groupby, repeat
from math import log2

from jobtui.engine.enums import RunState
from jobtui.engine.typical_duration import typical_duration
from jobtui.engine.views import JobView
from jobtui.frontend.formatting import STATE_SIGNS

Piece = tuple[str, str]  # a text and its tone

BARS = "▁▂▃▄▅▆▇█"
STRIP_LENGTH = 20  # outcomes; as many as the engine keeps
_MEDIAN_BAR = 2  # the place of the bar of a run that took as long as the median
_BARS_PER_DOUBLING = 2
_SMALL = 0.01  # seconds that are added to both durations, so that a few milliseconds do not show


def outcome_strip(job: JobView, length: int = STRIP_LENGTH) -> tuple[Piece, ...]:
    """Return the latest outcomes of a job, oldest first, one cell for each.

    Args:
        job: The job.
        length: How many outcomes at most.
    """
    typical = typical_duration(job)
    usual = 0.0 if typical is None else typical.median.total_seconds()
    durations = chain(job.recent_durations, repeat(None))
    cells = [
        (_bar(seconds, usual) if state is RunState.OK else STATE_SIGNS[state].glyph, STATE_SIGNS[state].tone)
        for state, seconds in [*zip(job.recent, durations, strict=False)][-length:]
    ]
    return tuple(
        ("".join(text for text, _ in same), tone) for tone, same in groupby(cells, key=lambda cell: cell[1])
    )


def _bar(seconds: float | None, usual: float) -> str:
    if seconds is None:
        return BARS[_MEDIAN_BAR]
    doublings = log2((seconds + _SMALL) / (usual + _SMALL))
    return BARS[max(0, min(len(BARS) - 1, round(_MEDIAN_BAR + _BARS_PER_DOUBLING * doublings)))]
