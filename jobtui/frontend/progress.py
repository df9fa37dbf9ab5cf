"""The progress of a RUNNING run in words and as a bar: from its code, else from its job's usual duration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from jobtui.engine.typical_duration import TypicalDuration, typical_duration
from jobtui.engine.views import Progress, RunView, Snapshot
from jobtui.frontend.formatting import elapsed_between, format_age, format_duration, format_whole_seconds

Piece = tuple[str, str]  # a text and its tone

_BAR = 10  # cells
_NARROW_BAR, _NARROWEST_BAR = 6, 5
_WORDS = 17  # cells for the part that is done and the time that is left: ` 71% ~12m05s left`
_ROOMY = _BAR + _WORDS
_FULL, _FREE = "█", "░"
_PASSED = timedelta(seconds=3)  # after its expected end, a run is not nearly done any more
_SHORT = timedelta(seconds=2)  # a run that takes less needs no bar from the clock alone
_MOST_BY_CLOCK = 0.99  # the part that is done, if the clock alone says so: the run has not ended
_PLAIN = 100_000  # numbers below it are shown with all digits
_UNITS = ("", "k", "M", "G", "T", "P")
_STEP = 1_000
_TEN, _HUNDRED = 9.995, 99.95  # so that rounding gives no fourth digit


@dataclass(frozen=True, slots=True)
class Estimate:
    """The part of a run that is done, and the time to its end.

    Attributes:
        fraction: The part that is done, from 0 to 1; None if that is not known.
        left: The time to the expected end, negative if that has just passed; None if that is not known, or
            more than 3 seconds ago.
        over: The time beyond the median of the job's latest runs, if the run takes longer than 95 % of them;
            else None.
        reported: What the code of the run has reported; None if all follows from the clock.
    """

    fraction: float | None = None
    left: timedelta | None = None
    over: timedelta | None = None
    reported: Progress | None = None

    @property
    def is_known(self) -> bool:
        """Whether more is known than for how long the run has run."""
        return self.fraction is not None or self.reported is not None or self.over is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEstimate:
    """The progress of a RUNNING run, as programs read it. All times are aware, in the scheduler's zone.

    Attributes:
        run: The number of the run.
        job: The name of its job.
        fraction: The part that is done, from 0 to 1, as the code of the run reports it, else from the usual
            duration of its job; None if neither is known.
        expected_end: When it will probably end; None if that is not known, or that instant has passed.
        overtime: The time beyond the median of the job's latest runs, if the run takes longer than 95 % of
            them; else None.
        is_reported: Whether the code of the run has reported progress.
        text: All of this, and the text that the code has reported, in words.
    """

    run: int
    job: str
    fraction: int | float | None
    expected_end: datetime | None
    overtime: timedelta | None
    is_reported: bool
    text: str


def estimate_runs(snapshot: Snapshot) -> list[RunEstimate]:
    """Return how far the RUNNING runs of a snapshot are; those of a job in the order of their start."""
    jobs = {job.name: job for job in snapshot.jobs} if snapshot.running else {}
    return [
        _estimate_run(
            run, run.started, typical_duration(jobs[run.job]) if run.job in jobs else None, snapshot.at
        )
        for run in snapshot.running
        if run.started is not None
    ]


def _estimate_run(
    run: RunView, started: datetime, typical: TypicalDuration | None, now: datetime
) -> RunEstimate:
    found = estimate_progress(run, typical, started, now)
    return RunEstimate(
        run=run.number,
        job=run.job,
        fraction=found.fraction,
        expected_end=None
        if found.left is None or found.left < timedelta()
        else (now.astimezone(UTC) + found.left).astimezone(now.tzinfo),
        overtime=found.over,
        is_reported=found.reported is not None,
        text=progress_words(progress_pieces(run, typical, started, now)),
    )


def estimate_progress(
    run: RunView | None, typical: TypicalDuration | None, started: datetime, now: datetime
) -> Estimate:
    """Return how far a RUNNING run is.

    Args:
        run: The run; None if only its start is known.
        typical: The usual duration of the runs of its job; None if that is not known.
        started: When it started.
        now: The present instant.
    """
    reported = None if run is None else run.progress
    ran = elapsed_between(started, now)
    is_over = typical is not None and ran > max(typical.p95, _SHORT)
    over = ran - typical.median if typical is not None and is_over else None
    if reported is not None:
        end = reported.expected_end
        left = None if end is None else elapsed_between(now, end)
        if left is not None and left <= (timedelta() if is_over else -_PASSED):
            left = None
        return Estimate(reported.fraction, left, over, reported)
    if typical is None or typical.median < _SHORT or is_over:
        return Estimate(over=over)
    return Estimate(min(_MOST_BY_CLOCK, ran / typical.median), typical.median - ran)


def progress_pieces(
    run: RunView | None,
    typical: TypicalDuration | None,
    started: datetime,
    now: datetime,
    width: int = _ROOMY,
) -> list[Piece]:
    """Return the progress of a RUNNING run: its bar, its part, the time that is left, its text.

    Args:
        run: The run; None if only its start is known.
        typical: The usual duration of the runs of its job; None if that is not known.
        started: When it started.
        now: The present instant.
        width: How many cells there are. The bar is shorter if it would leave too few to the words.

    Returns:
        The pieces, the most important ones first.
    """
    found = estimate_progress(run, typical, started, now)
    age, reported = format_age(started, now), found.reported
    over = ""
    if found.over is not None:
        is_long = found.over >= timedelta(seconds=1)  # "+0s over" would say nothing
        over = f" +{format_whole_seconds(found.over)} over" if is_long else " <1s over"
    tone = "waiting" if over else "running"
    narrow = _NARROWEST_BAR if over and found.fraction is not None else _NARROW_BAR
    bar = max(narrow, min(_BAR, width - _WORDS))
    pieces: list[Piece]
    if found.fraction is not None:
        pieces = [
            (progress_bar(found.fraction, bar), tone),
            (f" {int(found.fraction * 100):2d}%", tone),
            (over, tone),
            (_remaining(found.left), "muted"),
        ]
    elif reported is not None:
        pieces = [(f"{format_amount(reported.done)} done", tone), (over or f" in {age}", tone)]
    elif over:
        pieces = [(_FULL * bar, tone), (over, tone)]
    else:
        usual = "" if typical is None else f" of ~{format_duration(typical.median)}"
        pieces = [(f"for {age}", tone), (usual, "muted")]
    if reported is not None:
        count = format_counts(reported)
        pieces += [(count and f"  {count}", "muted"), (reported.text and f"  {reported.text}", "")]
    return pieces


def running_pieces(
    run: RunView | None,
    typical: TypicalDuration | None,
    started: datetime,
    now: datetime,
    width: int = _ROOMY,
) -> list[Piece]:
    """Return that a RUNNING run has been asked to stop, and when and why; else its progress.

    The arguments and the order of the pieces are those of `progress_pieces`.
    """
    if run is None or not run.reason:  # a RUNNING run has one only since it was asked to stop
        return progress_pieces(run, typical, started, now, width)
    what, _, why = run.reason.partition(": ")
    what, at, instant = what.partition(" at ")
    return [(what, "waiting"), (at + instant, "muted"), (why and f": {why}", "muted")]


def _remaining(left: timedelta | None) -> str:
    if left is None:
        return ""
    return f" ~{format_duration(left)} left" if left > timedelta() else " nearly done"


def progress_text(pieces: Sequence[Piece]) -> str:
    """Return pieces as one text."""
    return "".join(text for text, _ in pieces)


def progress_words(pieces: Sequence[Piece]) -> str:
    """Return pieces as one text, without the bar."""
    has_bar = bool(pieces) and not set(pieces[0][0]) - {_FULL, _FREE}
    return progress_text(pieces[has_bar:]).strip()


def progress_bar(fraction: float, width: int = _BAR) -> str:
    """Return a bar of a width in cells. It is full only when all is done."""
    full = width if fraction >= 1 else min(int(fraction * width), width - 1)
    return _FULL * full + _FREE * (width - full)


def format_counts(progress: Progress) -> str:
    """Return how much is done of how much, such as `40/100`; "" if the part that is done says it all."""
    if progress.total is None or progress.total == 1:
        return ""
    return f"{format_amount(progress.done)}/{format_amount(progress.total)}"


def format_amount(amount: float) -> str:
    """Return an amount in at most 6 characters, such as `40`, `0.25`, `99999`, `1.25M`."""
    if amount < _PLAIN and amount == int(amount):
        return str(int(amount))
    value, unit = float(amount), 0
    while value >= _STEP and unit < len(_UNITS) - 1:
        value /= _STEP
        unit += 1
    digits = 2 if value < _TEN else 1 if value < _HUNDRED else 0
    return f"{value:.{digits}f}{_UNITS[unit]}"
