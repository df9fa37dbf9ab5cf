"""Responses in JSON, and problem details (RFC 9457) for errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ParamSpec, TypeVar

from aiohttp import web

P = ParamSpec("P")
Result = TypeVar("Result")


class Problem(Exception):  # noqa: N818 - the RFC's word
    """An error response. A handler raises it instead of returning a response.

    Args:
        status: The HTTP status.
        detail: What is wrong with the request and what is allowed, for a person; "" if the status is enough.
        headers: Additional response headers, such as ``Retry-After``.
    """

    def __init__(self, status: HTTPStatus, detail: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(detail or status.phrase)
        self.status = status
        self.detail = detail
        self.headers = headers or {}

    def to_response(self) -> web.Response:
        """Return the problem as ``application/problem+json``."""
        body = {"type": "about:blank", "title": self.status.phrase, "status": self.status.value}
        if self.detail:
            body["detail"] = self.detail
        return web.Response(
            status=self.status,
            body=json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
            content_type="application/problem+json",
            headers=self.headers,
        )


def call_scheduler(function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
    """Call a function of the scheduler, and translate its errors.

    Raises:
        Problem: The job or run does not exist, or the scheduler rejects the command.
    """
    try:
        return function(*args, **kwargs)
    except LookupError as error:
        raise Problem(HTTPStatus.NOT_FOUND, str(error.args[0])) from None
    except RuntimeError as error:
        raise Problem(HTTPStatus.CONFLICT, str(error)) from None


def to_json(value: Any) -> str:
    """Encode a value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def json_response(
    value: Any, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> web.Response:
    """Return a response with a value as JSON."""
    return json_text_response(to_json(value), status, headers)


def json_text_response(
    text: str, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> web.Response:
    """Return a response with text that is already JSON."""
    return web.Response(
        status=status,
        body=text.encode("utf-8", "replace"),  # a job's output may contain lone surrogates
        content_type="application/json",
        headers=headers,
    )
