"""The spans of time that a timeline draws: the runs of each job before and after now. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from jobtui.engine.enums import RunState
from jobtui.engine.views import RunView
from jobtui.frontend.formatting import STATE_SIGNS
from jobtui.simulation.forecast import Forecast
from jobtui.simulation.predicted_runs import PredictedRun


class SpanKind(Enum):
    """The meaning of a span."""

    WAITS = "waits"  # for a slot, or for an earlier run
    PREDICTED = "predicted"  # work to come
    RAN = "ran"  # work that was done, or goes on
    MARK = "mark"  # an instant: a failure, or ticks that start no run


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of the line of a job.

    Attributes:
        job: The name of the job.
        kind: The meaning.
        start: The beginning.
        end: The end; the beginning for a mark.
        tone: The tone of its colour.
        glyph: The sign of a mark, else "".
        run: The run, or the ticks, that it belongs to.
    """

    job: str
    kind: SpanKind
    start: datetime
    end: datetime
    tone: str
    glyph: str = ""
    run: RunView | PredictedRun


def timeline_spans(
    past: Iterable[RunView], predicted: Iterable[PredictedRun], forecast: Forecast
) -> Iterator[Span]:
    """Yield the spans of some runs.

    Args:
        past: The runs that are RUNNING or have ended, and the ticks that started none.
        predicted: The runs of the forecast.
        forecast: The forecast, which begins now.
    """
    for run in past:
        yield from _past_spans(run, forecast.start)
    for each in predicted:
        yield from _predicted_spans(each, forecast)


def _past_spans(run: RunView, now: datetime) -> Iterator[Span]:
    sign = STATE_SIGNS[run.state]
    due = run.due or run.created
    if run.started is None:
        if run.state.ended:
            yield _mark(run, due, sign.glyph, sign.tone)
        else:
            yield _wait(run, due, now)
        return
    end = run.ended or now
    if due < run.started:
        yield _wait(run, due, run.started)
    yield Span(job=run.job, kind=SpanKind.RAN, start=run.started, end=end, tone=sign.tone, run=run)
    if run.state not in (RunState.OK, RunState.RUNNING):
        yield _mark(run, end, sign.glyph, sign.tone)


def _predicted_spans(run: PredictedRun, forecast: Forecast) -> Iterator[Span]:
    if run.is_lost:
        yield _mark(run, run.due, STATE_SIGNS[run.state].glyph, "failed")
    elif run.started is not None:
        if (due := max(forecast.start, run.due)) < run.started:
            yield _wait(run, due, run.started)
        start, end = max(forecast.start, run.started), run.ended or forecast.end
        yield Span(job=run.job, kind=SpanKind.PREDICTED, start=start, end=end, tone="running", run=run)
    elif not run.state.ended:  # it waits until the end of the forecast
        yield _wait(run, max(forecast.start, run.due), forecast.end)


def _wait(run: RunView | PredictedRun, start: datetime, end: datetime) -> Span:
    return Span(job=run.job, kind=SpanKind.WAITS, start=start, end=end, tone="waiting", run=run)


def _mark(run: RunView | PredictedRun, at: datetime, glyph: str, tone: str) -> Span:
    return Span(job=run.job, kind=SpanKind.MARK, start=at, end=at, tone=tone, glyph=glyph, run=run)
