"""Metrics as text, written by prometheus-client a piece at a time: 10,000 jobs make 300,000 lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from jobtui.frontend.cooperative import yield_to_others

Encoder = Callable[[Collector], bytes]

_OPENMETRICS = "application/openmetrics-text"
_END = b"# EOF\n"  # of OpenMetrics


class _Piece:
    """One metric for an encoder."""

    def __init__(self, *metrics: Metric) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def encoder_for(accept: str) -> tuple[Encoder, str]:
    """What writes the format that an Accept header asks for, and its content type; there are two."""
    try:
        _, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is no number
        content_type = ""
    # Without whatever else was asked for: how to write names that ours do not have.
    return choose_encoder(_OPENMETRICS if content_type.startswith(_OPENMETRICS) else "")


async def written(pieces: Iterable[Metric], encode: Encoder) -> bytes:
    """Metrics as text. The loop has a turn after each.

    Args:
        pieces: Metrics; those of one name follow each other, and are one.
        encode: Writes them.
    """
    texts: list[bytes] = []
    latest = ""
    for piece in pieces:
        text = encode(_Piece(piece)).removesuffix(_END)
        texts.append(_without_head(text) if piece.name == latest else text)
        latest = piece.name
        await yield_to_others()
    return b"".join([*texts, encode(_Piece())])


def _without_head(text: bytes) -> bytes:
    """The samples, without the lines that say what they are."""
    while text.startswith(b"# "):
        text = text.partition(b"\n")[2]
    return text
