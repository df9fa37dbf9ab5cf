"""The timeline as shapes: each job's lane, its bars and marks, and the load of the pool. Pure functions.

Places and widths are in percent of the width of a lane, so that the browser scales them without a script.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobtui.engine.enums import RunState
from jobtui.engine.views import RunView
from jobtui.frontend.formatting import format_duration, format_instant, run_label
from jobtui.frontend.look_ahead import TimelinePicture
from jobtui.frontend.slot_load import SlotLoad
from jobtui.frontend.timeline import Window, average_load, axis_labels, describe_waits
from jobtui.frontend.timeline_spans import Span, SpanKind, timeline_spans
from jobtui.process.gil import let_other_threads_run
from jobtui.simulation.predicted_runs import PredictedRun

COLUMNS = 1_000  # of the window; one is less than a pixel wide on most screens
MAX_BARS = 4_000  # shapes on a page; about 600 kB
_GAP = 0.15  # percent: bars that are closer to each other become one
_THINNEST = 0.2  # percent
_STEP = 200  # runs or spans after which other threads may run
_LOAD_COLUMNS = 200
_LABEL_COLUMNS = 72  # so that the labels of the axis are 16 % apart at least, which fits a phone


@dataclass(slots=True, kw_only=True)
class LaneBar:
    """One span, or several that are so close to each other that they look like one.

    Attributes:
        first: The first span.
        x: The left edge; of a mark, its middle.
        end: The right edge.
        spans: How many spans it stands for.
        until: When the last one ends.
    """

    first: Span
    x: float
    end: float
    spans: int
    until: datetime

    @property
    def width(self) -> float:
        """The width that is drawn: a short run is visible, too."""
        return max(self.end - self.x, _THINNEST)

    @property
    def number(self) -> int:
        """The number of its only run; 0 if there are several, or none."""
        return self.first.run.number if self.spans == 1 else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The line of a job.

    Attributes:
        job: The name of the job.
        bars: Its shapes, in the order in which they are drawn.
        summary: What they show, as text.
    """

    job: str
    bars: Sequence[LaneBar]
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadColumn:
    """A column of the line of the pool: its left edge, and the share of the slots that is taken."""

    x: float
    width: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FullBar:
    """A time in which the pool is full, with its description."""

    x: float
    width: float
    text: str


def percent(window: Window, instant: datetime) -> float:
    """Return the place of an instant."""
    return window.position(instant) / window.width * 100


class LaneIndex:
    """The runs of a picture by their jobs, so that only the jobs that are shown are drawn.

    Args:
        picture: The runs and the forecast.
        window: The part of time that is shown.

    Attributes:
        names: The jobs that have runs or ticks in the window, in the order of the scheduler.
    """

    def __init__(self, picture: TimelinePicture, window: Window) -> None:
        self._forecast, self._window = picture.forecast, window
        self._past: dict[str, list[RunView]] = {}
        self._future: dict[str, list[PredictedRun]] = {}
        start, end = window.start.timestamp(), window.end.timestamp()
        now, last = picture.forecast.start.timestamp(), picture.forecast.end.timestamp()
        for index, run in enumerate(picture.past):
            _pause(index)
            due = (run.due or run.created).timestamp()
            until = due if run.started is None and run.state.ended else _instant(run.ended, now)
            if due <= end and until >= start:
                self._past.setdefault(run.job, []).append(run)
        for index, predicted in enumerate(picture.forecast.runs):
            _pause(index)
            due = predicted.due.timestamp()
            until = due if predicted.is_lost else _instant(predicted.ended, last)
            if due <= end and until >= start and not predicted.intended:
                self._future.setdefault(predicted.job, []).append(predicted)
        self.names = [job for job in picture.jobs if job in self._past or job in self._future]

    def spans(self, names: Iterable[str]) -> dict[str, list[Span]]:
        """Return the spans of some of the jobs, in the window."""
        return {job: self._spans_of(job) for job in names}

    def _spans_of(self, job: str) -> list[Span]:
        past, future = self._past.get(job, ()), self._future.get(job, ())
        spans = []
        for index, span in enumerate(timeline_spans(past, future, self._forecast)):
            _pause(index)
            begin, end = self._window.position(span.start), self._window.position(span.end)
            is_short = span.kind is SpanKind.WAITS and end - begin < 0.5  # noqa: PLR2004 - half a column
            if end >= 0 and begin <= self._window.width and not is_short:
                spans.append(span)
        return spans


def _instant(at: datetime | None, otherwise: float) -> float:
    return otherwise if at is None else at.timestamp()


def _pause(index: int) -> None:
    """Let other threads run after some runs."""
    if index % _STEP == _STEP - 1:
        let_other_threads_run()


def draw_lanes(spans: dict[str, list[Span]], window: Window) -> list[Lane]:
    """Return the lanes of jobs. Bars are joined until there are not too many."""
    gap = _GAP
    while True:
        bars = {job: _join(each, window, gap) for job, each in spans.items()}
        if sum(map(len, bars.values())) <= MAX_BARS or gap > 100:  # noqa: PLR2004 - one bar of each kind
            break
        gap *= 2
    return [Lane(job=job, bars=each, summary=_summary(spans[job])) for job, each in bars.items()]


def _join(spans: Iterable[Span], window: Window, gap: float) -> list[LaneBar]:
    """Return the bars of a lane: first the waiting, then the work, then the marks."""
    last: dict[object, LaneBar] = {}
    bars: list[LaneBar] = []
    for span in sorted(spans, key=lambda each: each.start.timestamp()):
        x, end = (max(0.0, min(100.0, percent(window, each))) for each in (span.start, span.end))
        key = span.kind, span.tone, span.glyph
        before = last.get(key)
        least = 4 * gap if span.kind is SpanKind.MARK else gap
        if before is not None and x - before.end < least:
            before.end, before.spans = max(before.end, end), before.spans + 1
            before.until = max(before.until, span.end, key=datetime.timestamp)
        else:
            last[key] = bar = LaneBar(first=span, x=x, end=end, spans=1, until=span.end)
            bars.append(bar)
    return sorted(bars, key=lambda bar: _ORDER.index(bar.first.kind))


_ORDER = [SpanKind.WAITS, SpanKind.PREDICTED, SpanKind.RAN, SpanKind.MARK]


def describe_bar(bar: LaneBar, now: datetime) -> str:
    """Return what a bar stands for: its tooltip."""
    span, begin, end = bar.first, format_instant(bar.first.start, now), format_instant(bar.until, now)
    begin, end = begin.strip(), end.strip()
    took = format_duration(timedelta(seconds=bar.until.timestamp() - span.start.timestamp()))
    if bar.spans > 1:
        return f"{bar.spans} times {_word(span)}, {begin} to {end}"
    label = run_label(span.run) if isinstance(span.run, RunView) else ""
    reason = f": {span.run.reason}" if span.kind is SpanKind.MARK and span.run.reason else ""
    if span.kind is SpanKind.MARK:
        return f"{label} {_word(span)} at {begin}{reason}".strip()
    if isinstance(span.run, RunView) and span.run.state is RunState.RUNNING and span.kind is SpanKind.RAN:
        return f"{label} RUNNING since {begin}, for {took}"
    return f"{label} {_word(span)} at {begin}, for {took}".strip()


def _word(span: Span) -> str:
    if span.kind is SpanKind.WAITS:
        return "waited" if isinstance(span.run, RunView) else "waits"
    return "expected" if span.kind is SpanKind.PREDICTED else span.run.state.value


def _summary(spans: Iterable[Span]) -> str:
    """Return the content of a lane as text."""
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    for span in spans:
        if isinstance(span.run, RunView):
            before[span.run.state.value] += span.kind is not SpanKind.WAITS and not _ends_work(span)
        else:
            after[_word(span)] += 1
    past = ", ".join(f"{number} {word}" for word, number in before.items() if number)
    future = ", ".join(f"{number} {word}" for word, number in after.items())
    return f"until now {past or 'nothing'}; then {future or 'nothing'}"


def _ends_work(span: Span) -> bool:
    """Return whether a mark stands at the end of work, which counts already."""
    return span.kind is SpanKind.MARK and isinstance(span.run, RunView) and span.run.started is not None


def draw_load(picture: TimelinePicture, window: Window) -> list[LoadColumn]:
    """Return how many slots of the pool are taken. Without a limit, the largest number is the full height.

    The past has the pool that there was, even if the forecast asks what another pool would do.
    """
    coarse = Window(window.start, window.column * window.width / _LOAD_COLUMNS, _LOAD_COLUMNS)
    slots = average_load(SlotLoad(picture.past, picture.forecast), coarse)
    pool, highest, width = picture.forecast.pool, max(1.0, *slots), 100 / _LOAD_COLUMNS
    before = pool if picture.real_pool is None else picture.real_pool
    now = coarse.place(picture.forecast.start)
    return [
        LoadColumn(
            x=index * width,
            width=width,
            share=min(1.0, each / ((before if index < now else pool) or highest)),
        )
        for index, each in enumerate(slots)
        if each
    ]


def draw_full(picture: TimelinePicture, window: Window) -> list[FullBar]:
    """Return the times in which the pool is full and runs wait."""
    bars = []
    for span in picture.forecast.full:
        x, end = (max(0.0, min(100.0, percent(window, each))) for each in (span.start, span.end))
        if x < 100 and end > 0:  # noqa: PLR2004 - the right edge
            begin = format_instant(span.start, picture.forecast.start).strip()
            text = f"full at {begin} for {format_duration(span.end - span.start)}: {describe_waits(span)}"
            bars.append(FullBar(x=x, width=max(end - x, _THINNEST), text=text))
    return bars


def draw_axis(window: Window, now: datetime) -> list[tuple[float, str]]:
    """Return the labels of the axis with their places. None of them covers the one for now."""
    coarse = Window(window.start, window.column * window.width / _LABEL_COLUMNS, _LABEL_COLUMNS)
    present = percent(window, now)
    labels = [(percent(window, instant), label) for instant, label in axis_labels(coarse, now)]
    return [(x, label) for x, label in labels if 3 <= x <= 97 and abs(x - present) > 6]  # noqa: PLR2004 - percent


def troubles(picture: TimelinePicture, least: timedelta) -> list[PredictedRun]:
    """Return the runs of the forecast that wait for long, and the ticks that start none, earliest first."""
    found = [run for run in picture.forecast.runs if run.is_lost or run.wait >= least or _never_starts(run)]
    return sorted(found, key=lambda run: run.due.timestamp())


def _never_starts(run: PredictedRun) -> bool:
    return run.state in (RunState.QUEUED, RunState.HELD)
