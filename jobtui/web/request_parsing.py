"""What the rules have found out about a request, and reading what it says."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from http import HTTPStatus
from typing import Any

from aiohttp import web

from jobtui.web.problems import Problem
from jobtui.web.security.access_control import AccessRequest

VISIT: web.RequestKey[AccessRequest] = web.RequestKey("visit", AccessRequest)
CLIENT: web.RequestKey[Any] = web.RequestKey("client", object)  # IpAddress, or None for a Unix socket

READING = 10.0  # seconds for a body to come
LARGEST_NUMBER = 10**17  # of a run
LARGEST_POOL = 1_000_000
_MOST_DIGITS = 18


async def read_body(request: web.Request) -> bytes:
    """The whole body.

    Raises:
        Problem: It does not come, or it is cut off or not compressed as it says.
    """
    try:
        async with asyncio.timeout(READING):
            return await request.read()
    except TimeoutError:
        raise Problem(HTTPStatus.REQUEST_TIMEOUT, "the body did not come") from None
    except web.RequestPayloadError:
        raise Problem(HTTPStatus.BAD_REQUEST, "the body cannot be read") from None


async def read_json(request: web.Request, *allowed: str) -> dict[str, Any]:
    """The JSON object in the body; an empty body is an empty object.

    Raises:
        Problem: It is something else, or has a key that is not allowed.
    """
    given = request.headers.get("Content-Type") is not None
    if given and (request.content_type != "application/json" or not _is_utf8(request.charset)):
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a body is application/json here, in UTF-8")
    value = _parsed(await read_body(request) or b"{}")
    if not isinstance(value, dict):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the body has to be a JSON object")
    unknown = sorted(set(value) - set(allowed))
    if unknown:
        known = f"allowed: {', '.join(allowed)}" if allowed else "none is allowed here"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the key {unknown[0]!r:.60} is not known; {known}")
    return value


def _is_utf8(charset: str | None) -> bool:
    return charset is None or charset.lower() == "utf-8"


def _parsed(body: bytes) -> Any:
    """JSON as the RFC has it (8259), without what readers may take for one thing or another."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is not JSON in UTF-8") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the key {twice!r:.60} stands there twice")
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(constant)  # NaN and Infinity, which are Python's own


def check_query(request: web.Request, *allowed: str) -> None:
    """See that no parameter of the query is a slip of the finger.

    Raises:
        Problem: One is not known, or stands there twice.
    """
    for name in request.query:
        if name not in allowed:
            known = f"allowed: {', '.join(allowed)}" if allowed else "none is allowed here"
            raise Problem(HTTPStatus.BAD_REQUEST, f"the parameter {name!r:.60} is not known; {known}")
        if len(request.query.getall(name)) > 1:
            raise Problem(HTTPStatus.BAD_REQUEST, f"the parameter {name!r} stands there twice")


def whole_number(name: str, text: str, lowest: int, highest: int) -> int:
    """The whole number that is written there.

    Raises:
        Problem: It is none, or out of range.
    """
    is_number = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    if not (is_number and lowest <= int(text) <= highest):
        raise Problem(HTTPStatus.BAD_REQUEST, f"{name} is a whole number from {lowest} to {highest}")
    return int(text)
