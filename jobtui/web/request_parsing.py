"""Parse query parameters and bodies, and define the keys under which access control stores its results."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aiohttp import web

from jobtui.frontend.json_codec import MAX_RUN_NUMBER
from jobtui.schedules.bad_spec import closest_matches
from jobtui.web.connection_limit import Connection
from jobtui.web.responses import Problem
from jobtui.web.security.access_control import AccessRequest

ACCESS_REQUEST: web.RequestKey[AccessRequest] = web.RequestKey("access_request", AccessRequest)
CONNECTION: web.RequestKey[Connection] = web.RequestKey("connection", Connection)
CLIENT_ADDRESS: web.RequestKey[Any] = web.RequestKey("client_address", object)  # None for a Unix socket

JOB_NAME = "{name:.+}"  # in a path; with slashes, because a proxy may have decoded them
BODY_TIMEOUT = 10.0  # seconds for a body to arrive
UNTRUSTED_BODY_TIMEOUT = 3.0  # seconds, for a client that has not presented its credentials yet
MAX_UNTRUSTED_BODY = 8 * 1024  # bytes
MAX_POOL_SIZE = 1_000_000
_MAX_DIGITS = 18


async def read_body(request: web.Request) -> bytes:
    """Return the whole body. A client that has not presented its credentials yet may send only a short one.

    Raises:
        Problem: The body is too large, does not arrive in time, is incomplete, or is compressed.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed")
    connection = request[CONNECTION]
    limited, seconds = request, BODY_TIMEOUT
    if not connection.trusted:
        limited, seconds = request.clone(client_max_size=MAX_UNTRUSTED_BODY), UNTRUSTED_BODY_TIMEOUT
    try:
        async with asyncio.timeout(seconds):
            body = await limited.read()
            connection.busy = True  # the request is complete
            return body
    except web.HTTPRequestEntityTooLarge as error:
        detail = f"the body is too large: the limit is {limited.client_max_size} bytes"
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail) from error
    except TimeoutError:
        raise Problem(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive in time") from None
    except web.RequestPayloadError:
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is incomplete") from None


async def read_json_object(request: web.Request, *allowed: str, any_key: bool = False) -> dict[str, Any]:
    """Return the JSON object in the body. An empty body counts as an empty object.

    Args:
        request: The request.
        *allowed: The keys that the object may have.
        any_key: Whether it may have any key.

    Raises:
        Problem: The body is something else, or has another key.
    """
    body = await read_body(request)
    if not body:  # of any type: `curl -d ''` calls it a form
        return {}
    is_utf8 = request.charset is None or request.charset.lower() == "utf-8"
    if "Content-Type" in request.headers and not (request.content_type == "application/json" and is_utf8):
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must be application/json in UTF-8")
    value = _parse_json(body)
    if not isinstance(value, dict):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the body must be a JSON object")
    unknown = sorted(set(value) - set(allowed))
    if unknown and not any_key:
        near = closest_matches(unknown[0], list(allowed))
        hint = f"did you mean {near[0]}? " if near else ""
        detail = f"unknown key {unknown[0]!r:.60}; {hint}{_list_allowed(allowed)}"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    return value


def _parse_json(body: bytes) -> Any:
    """Parse strict JSON (RFC 8259); reject duplicate keys, NaN and Infinity."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_unique_keys, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is not valid JSON in UTF-8") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        duplicate, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"duplicate key {duplicate!r:.60}")
    return value


def _reject_constant(constant: str) -> Any:
    raise ValueError(constant)  # NaN and Infinity, which only Python's parser accepts


def _list_allowed(allowed: tuple[str, ...]) -> str:
    return f"allowed: {', '.join(allowed)}" if allowed else "none is allowed here"


def check_query(request: web.Request, *allowed: str) -> None:
    """Reject unknown and duplicate query parameters.

    Args:
        request: The request.
        *allowed: The parameters that the request may have.

    Raises:
        Problem: A parameter is unknown, or occurs twice.
    """
    for name in request.query:
        if name not in allowed:
            detail = f"unknown query parameter {name!r:.60}; {_list_allowed(allowed)}"
            raise Problem(HTTPStatus.BAD_REQUEST, detail)
        if len(request.query.getall(name)) > 1:
            raise Problem(HTTPStatus.BAD_REQUEST, f"duplicate query parameter {name!r}")


def parse_whole_number(name: str, text: str, lowest: int, highest: int) -> int:
    """Parse a whole number in ASCII digits.

    Raises:
        Problem: The text is not one, or it is out of range. The message calls the number by its `name`.
    """
    is_number = text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS
    if not (is_number and lowest <= int(text) <= highest):
        raise Problem(HTTPStatus.BAD_REQUEST, f"{name} must be a whole number from {lowest} to {highest}")
    return int(text)


def parse_instant(name: str, text: str | None) -> datetime | None:
    """Parse an instant in ISO 8601 with its UTC offset; return None for None.

    Raises:
        Problem: The text is not one. The message calls the instant by its `name`.
    """
    if text is None:
        return None
    with suppress(ValueError, OverflowError):
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    detail = f"{name} must be an instant in ISO 8601 with its offset, such as 2026-11-27T02:30:00Z"
    raise Problem(HTTPStatus.BAD_REQUEST, detail)


def parse_run_number(text: str) -> int:
    """Parse the number of a run, as `parse_whole_number` does."""
    return parse_whole_number("the run number", text, 1, MAX_RUN_NUMBER)
