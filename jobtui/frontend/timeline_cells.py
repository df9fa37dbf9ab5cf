"""The cells of the line of a job on the timeline, for any part of the time. Pure values."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby
from typing import NamedTuple

from jobtui.engine.enums import RunState
from jobtui.frontend.formatting import STATE_SIGNS
from jobtui.frontend.timeline_spans import Span, SpanKind

Piece = tuple[str, str]  # a text and its tone

NOW = "│"
RAN, PREDICTED, WAITS = "█", "▒", "·"
BRIEF = {RAN: "▂", PREDICTED: "░"}  # for runs that take less than half of the time of their cell
_GLYPHS = {SpanKind.WAITS: WAITS, SpanKind.PREDICTED: PREDICTED, SpanKind.RAN: RAN}
_RANKS = {SpanKind.WAITS: 1, SpanKind.PREDICTED: 2, SpanKind.RAN: 2, SpanKind.MARK: 4}
_HALF = 0.5


class _Mark(NamedTuple):
    """The content of a cell. Of several marks, the one with the highest rank is shown."""

    rank: float
    glyph: str
    tone: str


_EMPTY = _Mark(0, " ", "")


def _mark_of(span: Span) -> _Mark:
    is_unusual = span.kind is SpanKind.RAN and span.tone != STATE_SIGNS[RunState.OK].tone
    rank = _RANKS[span.kind] + (is_unusual or span.tone == "failed")
    return _Mark(rank, span.glyph or _GLYPHS[span.kind], span.tone)


class _Layer:
    """The spans of a line that look the same, prepared so that those outside of a window cost nothing.

    Of the spans that begin in one cell, only the first and the last are looked at.

    Args:
        mark: What they look like.
        spans: The first and the last instant of each, in seconds.
    """

    def __init__(self, mark: _Mark, spans: list[tuple[float, float]]) -> None:
        spans.sort()
        self.mark = mark
        self._brief = mark._replace(rank=mark.rank - _HALF, glyph=BRIEF.get(mark.glyph, mark.glyph))
        self._starts = [start for start, _ in spans]
        self._reach = list(accumulate((end for _, end in spans), max))  # the last end up to each of them
        self._length = list(accumulate((end - start for start, end in spans), initial=0.0))

    def cells(self, start: float, column: float, width: int) -> Iterator[tuple[int, int, _Mark]]:
        """Yield the first and the last cell of the spans in a window, with what is shown in them."""
        starts, end = self._starts, start + column * width
        place = bisect_left(self._reach, start)
        while place < len(starts) and starts[place] < end:
            first = max(0, int((starts[place] - start) // column))
            after = bisect_left(starts, start + (first + 1) * column, place + 1)
            last = min(width - 1, int((self._reach[after - 1] - start) // column))
            taken = self._length[after] - self._length[place]
            is_brief = last <= first and taken < column * _HALF
            yield first, last, self._brief if is_brief else self.mark
            place = after


class LineCells:
    """The line of a job.

    Args:
        layers: Its spans.
    """

    def __init__(self, layers: Sequence[_Layer]) -> None:
        self._layers = layers

    def pieces(self, start: float, column: float, width: int, now: int) -> tuple[Piece, ...]:
        """Return the texts of the cells, with their tones.

        Args:
            start: The beginning of the first cell, in seconds.
            column: How many seconds a cell stands for.
            width: How many cells there are.
            now: The cell of the present instant, which has a line in it.
        """
        marks = [_EMPTY] * width
        for layer in self._layers:
            for first, last, mark in layer.cells(start, column, width):
                for cell in range(first, last + 1):
                    if mark.rank > marks[cell].rank:
                        marks[cell] = mark
        if 0 <= now < width:
            marks[now] = _Mark(0, NOW, "strong")
        groups = groupby(marks, key=lambda mark: mark.tone)
        return tuple(("".join(mark.glyph for mark in group), tone) for tone, group in groups)


def line_cells(spans: Iterable[Span]) -> dict[str, LineCells]:
    """Return the line of each job that has spans, by the name of the job."""
    lines: dict[str, dict[_Mark, list[tuple[float, float]]]] = {}
    for span in spans:
        layers = lines.setdefault(span.job, {})
        layers.setdefault(_mark_of(span), []).append((span.start.timestamp(), span.end.timestamp()))
    return {
        job: LineCells([_Layer(mark, each) for mark, each in layers.items()]) for job, layers in lines.items()
    }
