"""What is answered where something is wrong: problem details (RFC 9457)."""

from __future__ import annotations

import json
from http import HTTPStatus

from aiohttp import web


class Problem(Exception):  # noqa: N818 - the RFC's word
    """A request that is not carried out.

    Args:
        status: The HTTP status.
        detail: What is wrong with this request, as a sentence for a person; "" says no more than the status.
        headers: What the answer needs beside it, such as ``Retry-After``.
    """

    def __init__(self, status: HTTPStatus, detail: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(detail or status.phrase)
        self.status = status
        self.detail = detail
        self.headers = headers or {}

    def response(self) -> web.Response:
        """The answer for a program."""
        body = {"type": "about:blank", "title": self.status.phrase, "status": self.status.value}
        if self.detail:
            body["detail"] = self.detail
        return web.Response(
            status=self.status,
            body=json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
            content_type="application/problem+json",
            headers=self.headers,
        )
