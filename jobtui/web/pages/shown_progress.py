"""The progress of a RUNNING run, for a bar that the script moves on."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from jobtui.engine.enums import RunState
from jobtui.engine.typical_duration import TypicalDuration
from jobtui.engine.views import RunView
from jobtui.frontend.progress import estimate_progress, progress_pieces, progress_words


class ShownProgress(NamedTuple):
    """A bar and its text.

    Attributes:
        fraction: The part that is done, from 0 to 1; None for no bar.
        text: The part and the time that is left, in words.
        usual: How many seconds the runs of the job usually take, so that the script can move the bar; 0 if
            the code of the run reports its progress.
        long: How many seconds 95 % of them do not exceed.
    """

    fraction: float | None
    text: str
    usual: float
    long: float


def show_progress(run: RunView, usual: TypicalDuration | None, now: datetime) -> ShownProgress | None:
    """Return the progress of a run; None if nothing is known of it.

    Args:
        run: The run.
        usual: The usual duration of the runs of its job; None if that is not known.
        now: The present instant.
    """
    if run.state is not RunState.RUNNING or run.started is None:
        return None
    found = estimate_progress(run, usual, run.started, now)
    if not found.is_known:
        return None
    pieces = progress_pieces(run, usual, run.started, now)
    has_bar = found.fraction is not None or found.reported is None
    text = progress_words(pieces)
    fraction = 1.0 if has_bar and found.fraction is None else found.fraction
    if usual is None or found.reported is not None:
        return ShownProgress(fraction, text, 0.0, 0.0)
    return ShownProgress(fraction, text, usual.median.total_seconds(), usual.p95.total_seconds())
