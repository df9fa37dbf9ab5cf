"""Bytes for many streams, packed once for all of them."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from aiohttp import web

Pack = Callable[[bytes], bytes]

GZIP = {"Content-Encoding": "gzip"}
GZIP_BEGIN = (
    b"\x1f\x8b\x08" + bytes(6) + b"\xff"
)  # deflate, no name, no time, of an unknown system (RFC 1952)
_FASTEST = 1


def takes_gzip(request: web.Request) -> bool:
    """Whether a client takes what is packed."""
    return "gzip" in request.headers.get("Accept-Encoding", "")


def squeezed(data: bytes) -> bytes:
    """A piece of a gzip stream that refers to nothing before it, so that it fits into any.

    Each stream has a beginning (`GZIP_BEGIN`), any such pieces, and no end.
    """
    squeeze = zlib.compressobj(_FASTEST, zlib.DEFLATED, -zlib.MAX_WBITS)
    return squeeze.compress(data) + squeeze.flush(zlib.Z_FULL_FLUSH)


def unpacked(data: bytes) -> bytes:
    """The bytes as they are, for clients that take nothing else."""
    return data
