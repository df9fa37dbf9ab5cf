"""Compression and ETags of responses, for all handlers."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from http import HTTPStatus

from aiohttp import web

from jobtui.frontend.json_codec import API_ROOT

_MIN_SIZE = 1_000  # bytes; smaller bodies fit into one packet anyway
_MAX_INLINE = 50_000  # bytes; larger ones are compressed in another thread, while the event loop continues
_LEVEL = 1  # of zlib: 200 jobs become 12 times smaller, 10,000 jobs 15 times; level 6 saves a quarter more
_GZIP = zlib.MAX_WBITS | 16
_COMPRESSIBLE = frozenset(
    {"application/json", "text/html", "text/css", "text/javascript", "text/plain", "image/svg+xml"}
)


async def encode_response(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Return a response as the client wants it: not at all if it has it already, or compressed.

    Args:
        request: The request.
        response: The complete response, or a stream, which is returned as it is.
    """
    is_read = request.method in ("GET", "HEAD") and response.status == HTTPStatus.OK
    if not is_read or not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return response
    if request.path.startswith(f"{API_ROOT}/"):
        response.headers.setdefault(
            "ETag", weak_etag(hashlib.blake2b(response.body, digest_size=12).hexdigest())
        )
        if _has_current(request, response.headers["ETag"]):
            names = ("ETag", "Link")
            kept = {name: response.headers[name] for name in names if name in response.headers}
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=kept)
    if response.content_type in _COMPRESSIBLE and len(response.body) >= _MIN_SIZE:
        response.headers["Vary"] = "Accept-Encoding"
        if accepts_gzip(request):
            response.headers["Content-Encoding"] = "gzip"
            large = len(response.body) > _MAX_INLINE
            response.body = await asyncio.to_thread(_gzip, response.body) if large else _gzip(response.body)
    return response


def weak_etag(value: str) -> str:
    """Return an ETag for a value: a weak one, because it is the same for the compressed response."""
    return f'W/"{value}"'


def accepts_gzip(request: web.Request) -> bool:
    """Return whether a client accepts gzip."""
    qualities: dict[str, float] = {}
    for part in request.headers.get("Accept-Encoding", "").lower().split(","):
        coding, _, parameters = part.partition(";")
        name, _, quality = parameters.partition("=")
        try:
            qualities[coding.strip()] = float(quality) if name.strip() == "q" else 1.0
        except ValueError:
            qualities[coding.strip()] = 0.0
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _has_current(request: web.Request, etag: str) -> bool:
    """Return whether a client has the response with an ETag."""
    known = ",".join(request.headers.getall("If-None-Match", [])).split(",")
    return any(each.strip() in ("*", etag, etag.removeprefix("W/")) for each in known)


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return compressor.compress(body) + compressor.flush()
