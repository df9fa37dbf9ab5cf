"""The parts of the time of a run as a bar: for what it waited, and when it ran."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from jobtui.frontend.formatting import format_duration
from jobtui.frontend.run_page import SPAN_SIGNS, RunSpan

_SHORT = timedelta(milliseconds=10)  # a shorter wait is left out
_THINNEST = 0.4  # percent


class TimePart(NamedTuple):
    """A part of the bar; places and widths are in percent.

    Attributes:
        x: The left edge.
        width: The width.
        name: What the run did, such as ``queued``.
        tone: The tone of its colour.
        length: How long it took, as text.
    """

    x: float
    width: float
    name: str
    tone: str
    length: str


def draw_parts(spans: Sequence[RunSpan]) -> list[TimePart]:
    """Return the parts of a bar; none if it only ran, which its duration says already."""
    spans = [span for span in spans if span.length >= _SHORT]
    total = sum((span.length for span in spans), timedelta())
    if {span.name for span in spans} <= {"ran"}:
        return []
    parts, begin = list[TimePart](), timedelta()
    for span in spans:
        width = max(_THINNEST, 100 * (span.length / total))
        tone = SPAN_SIGNS[span.name][1]
        parts.append(TimePart(100 * (begin / total), width, span.name, tone, format_duration(span.length)))
        begin += span.length
    return parts
