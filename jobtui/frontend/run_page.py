"""Lay the page of a run out in lines: its end, where its time went, its error, and its details."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from jobtui.engine.enums import Overlap, RunState
from jobtui.engine.ledger import MAX_RUNS
from jobtui.engine.typical_duration import TypicalDuration
from jobtui.engine.views import AttemptView, RunView
from jobtui.frontend.backend import Backend
from jobtui.frontend.formatting import (
    STATE_SIGNS,
    elapsed_between,
    format_age,
    format_attempts,
    format_duration,
    format_instant_full,
    format_whole_seconds,
)
from jobtui.frontend.parsed_traceback import parse_traceback
from jobtui.frontend.progress import estimate_progress, progress_pieces
from jobtui.frontend.source_excerpt import Excerpts
from jobtui.frontend.text_lines import CLOSED, OPEN, Folds, Piece, TextLine
from jobtui.frontend.traceback_lines import TracebackLayout

_BAR_WIDTH = 48  # cells of the bar for the time of a run, if there is room
_ROUNDING = timedelta(microseconds=1)
_SHORT = timedelta(milliseconds=10)  # a shorter time is not divided


class RunSpan(NamedTuple):
    """A part of the time of a run.

    Attributes:
        name: What the run did.
        length: How long it took.
    """

    name: str
    length: timedelta


# The sign and the tone of each part.
SPAN_SIGNS = {
    "late": ("·", "muted"),
    "held": ("░", "waiting"),
    "queued": ("▒", "waiting"),
    "waited": ("▒", "waiting"),
    "ran": ("█", "running"),
    "between attempts": ("┄", "muted"),
}


def time_spans(run: RunView, now: datetime, held_until: datetime | None = None) -> list[RunSpan]:
    """Return where the time of a run went, from the instant for which it was due to its end, or to now.

    Args:
        run: The run.
        now: The present.
        held_until: When the run of its job has ended for which it was held; None if it was not held, or if
            that is not known.
    """
    begin = run.due or run.created
    end = run.ended or now
    spans = []
    attempts = [(each.started, each.ended) for each in run.attempts_made]
    if run.started is not None and run.state is not RunState.RETRYING:
        # Handing in the end of the work takes time, too.
        attempts.append((run.started, end if run.elapsed is None else run.started + run.elapsed))
    started = attempts[0][0] if attempts else end
    waits_from = min(max(run.waiting_since or run.created, begin), started)
    spans.append(RunSpan("late", elapsed_between(begin, waits_from)))
    if run.state is RunState.HELD:
        held_until = started
    if held_until is not None and waits_from < held_until <= started:
        spans.append(RunSpan("held", elapsed_between(waits_from, held_until)))
        waits_from = held_until
    spans.append(RunSpan("queued", elapsed_between(waits_from, started)))
    last = started
    for start, stop in attempts:
        spans += [
            RunSpan("between attempts", elapsed_between(last, start)),
            RunSpan("ran", elapsed_between(start, stop)),
        ]
        last = stop
    if run.state is RunState.RETRYING:
        spans.append(RunSpan("between attempts", elapsed_between(last, now)))
    return [span for span in spans if span.length > timedelta()]


def held_until(backend: Backend, run: RunView) -> datetime | None:
    """Return when the earlier run of the job ended for which a run was held; None if that is not known.

    Raises:
        OSError: The scheduler cannot be reached.
    """
    since, until = run.waiting_since, run.started
    if since is None or until is None or elapsed_between(since, until) < _SHORT:
        return None
    job = next((job for job in backend.snapshot().jobs if job.name == run.job), None)
    if job is None or job.overlap is not Overlap.HOLD:
        return None
    # Usually the run starts at the instant at which the other one ends. A datetime has rounded both.
    ended = [
        min(other.ended, until)
        for other in backend.find_runs(job=run.job, since=since, until=until + _ROUNDING)
        if 0 < other.number < run.number and other.started is not None and other.ended is not None
    ]
    return max(ended, default=None)


def earlier_failure(backend: Backend, run: RunView) -> RunView | None:
    """Return the latest run of the job that failed before a run; None if none is kept.

    Raises:
        OSError: The scheduler cannot be reached.
    """
    for other in backend.find_runs(job=run.job, until=run.ended, limit=MAX_RUNS):
        if other.state.failed and 0 < other.number < run.number:
            return other
    return None


def time_bar(spans: Sequence[RunSpan], width: int = _BAR_WIDTH) -> tuple[Piece, ...]:
    """Return a bar in which each span has its share of the width, and at least a cell."""
    total = sum((span.length for span in spans), timedelta())
    cells = [max(1, round(width * (span.length / total))) for span in spans]
    while sum(cells) > max(width, len(cells)):
        cells[cells.index(max(cells))] -= 1
    signs = [SPAN_SIGNS[span.name] for span in spans]
    return tuple((sign * count, tone) for (sign, tone), count in zip(signs, cells, strict=True))


def time_legend(spans: Sequence[RunSpan], *, grows: bool = False) -> tuple[Piece, ...]:
    """Return the sign, the name and the length of all spans of each name.

    Args:
        spans: The spans.
        grows: Whether the last one goes on, and so has its length in whole seconds, as every time of a run
            that goes on.
    """
    pieces: list[Piece] = []
    for name in dict.fromkeys(span.name for span in spans):
        sign, tone = SPAN_SIGNS[name]
        length = sum((span.length for span in spans if span.name == name), timedelta())
        is_growing = grows and name == spans[-1].name
        shown = format_whole_seconds(length) if is_growing else format_duration(length)
        pieces += [("   " if pieces else "", ""), (sign, tone), (f" {name} {shown}", "")]
    return tuple(pieces)


class RunPageLayout:
    """Lays out the page of one run.

    Args:
        run: The run.
        now: The present.
        typical: The usual duration of the runs of its job; None if that is not known.
        held_until: See `time_spans`.
        excerpts: The source around the frames of its errors, as far as it has been read.
        folds: The folds that the user has changed.
        width: How many cells a line has.
    """

    def __init__(
        self,
        run: RunView,
        now: datetime,
        *,
        typical: TypicalDuration | None = None,
        held_until: datetime | None = None,
        excerpts: Excerpts | None = None,
        folds: Folds | None = None,
        width: int = _BAR_WIDTH,
    ) -> None:
        self._run = run
        self._now = now
        self._typical = typical
        self._held_until = held_until
        self._folds = folds or Folds()
        self._bar_width = min(width, _BAR_WIDTH)
        self._traceback = TracebackLayout(excerpts or {}, self._folds)

    def lines(self) -> list[TextLine]:
        """Return all lines."""
        run = self._run
        lines = [self._headline(), *self._time()]
        lines += self._progress()
        if run.arguments:
            lines.append(TextLine("arguments", (("arguments ", "muted"), (run.arguments, "")), hang=2))
        if run.error:
            lines += [TextLine("gap"), *self._traceback.lines(parse_traceback(run.error))]
        elif run.reason:
            lines.append(TextLine("reason", ((run.reason, STATE_SIGNS[run.state].tone),)))
        for attempt in reversed(run.attempts_made):
            lines += self._attempt(attempt)
        return [*lines, TextLine("gap"), *self._details()]

    def _headline(self) -> TextLine:
        run = self._run
        sign = STATE_SIGNS[run.state]
        pieces = [(f"{sign.glyph} {run.state.value}", sign.tone)]
        if run.ended is not None and run.elapsed is not None:
            pieces.append((f" after {format_duration(run.elapsed)}", ""))
        elif run.state is RunState.RUNNING and run.started is not None:
            pieces.append((f" for {format_age(run.started, self._now)}", ""))
        if attempts := format_attempts(run):
            pieces.append((f", attempt {attempts}", ""))
        if run.warned:
            pieces.append(("  ! slow", "waiting"))
        return TextLine("head", tuple(pieces))

    def _time(self) -> Iterator[TextLine]:
        spans = time_spans(self._run, self._now, self._held_until) if self._run.number else []
        if sum((span.length for span in spans), timedelta()) >= _SHORT:
            yield TextLine("time", time_bar(spans, self._bar_width))
        if spans:
            yield TextLine("time", time_legend(spans, grows=self._run.state is RunState.RUNNING))

    def _progress(self) -> Iterator[TextLine]:
        """Yield the progress of a RUNNING run, if more is known of it than how long it has run."""
        run = self._run
        if run.state is not RunState.RUNNING or run.started is None:
            return
        if estimate_progress(run, self._typical, run.started, self._now).is_known:
            pieces = progress_pieces(run, self._typical, run.started, self._now)
            yield TextLine("progress", (("progress  ", "muted"), *pieces))

    def _attempt(self, attempt: AttemptView) -> Iterator[TextLine]:
        """Yield a failed attempt in one line, which unfolds to its traceback."""
        fold = f"attempt{attempt.number}"
        is_open = self._folds.is_open(fold)
        error = parse_traceback(attempt.error or attempt.reason)
        pieces = (
            (f"{OPEN if is_open else CLOSED} attempt {attempt.number} failed ", "muted"),
            (f"after {format_duration(attempt.elapsed)}: ", "muted"),
            (error.title, "failed"),
        )
        yield TextLine(fold, pieces, hang=2, fold=fold, frame=error.place)
        if is_open:
            yield from self._traceback.lines(error, f"{fold}.error", "  ")

    def _details(self) -> Iterator[TextLine]:
        run = self._run
        waiting_since = run.waiting_since if run.started is None and run.ended is None else None
        started = ""
        if run.started is not None:
            waited = format_duration(elapsed_between(run.due or run.created, run.started))
            started = f"{format_instant_full(run.started)}, after {waited}, on {run.worker}"
        rows = [
            ("requested", f"{format_instant_full(run.created)}, by {run.trigger.value.removeprefix('by ')}"),
            ("due", format_instant_full(run.due) if run.due else ""),
            ("waits since", format_instant_full(waiting_since) if waiting_since else ""),
            ("started", started),
            ("ended", format_instant_full(run.ended) if run.ended else ""),
            ("tried again", format_instant_full(run.retry_at) if run.retry_at else ""),
            ("slow", "it has taken longer than its job's `warn`" if run.warned else ""),
            ("ticks", f"{run.ticks}, which started no runs" if run.ticks > 1 else ""),
        ]
        for name, text in rows:
            if text:
                yield TextLine("details", ((f"{name:11} ", "muted"), (text, "")), hang=12)
