"""Answers in JSON."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from aiohttp import web


def text_of(value: Any) -> str:
    """A value as JSON, as short as it goes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def json_response(
    value: Any, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> web.Response:
    """An answer in JSON."""
    return written_response(text_of(value), status, headers)


def written_response(
    text: str, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> web.Response:
    """An answer whose JSON has been written already."""
    return web.Response(
        status=status,
        body=text.encode("utf-8", "replace"),  # a job may print half a character
        content_type="application/json",
        headers=headers,
    )
