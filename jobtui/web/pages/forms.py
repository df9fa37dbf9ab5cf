"""Forms: that they are our own, where they lead back to, and the cookie by which a browser is known."""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import parse_qsl

from aiohttp import web

from jobtui.web.pages.template_renderer import ROOT
from jobtui.web.request_parsing import ACCESS_REQUEST, read_body
from jobtui.web.responses import Problem
from jobtui.web.security.access_control import AccessControl

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 20
_LONGEST_WAY = 2_000  # characters
_INSIDE = re.compile(rf"{ROOT}(?:[/?][!-~]*)?")  # no blanks, no control characters
_STEP = re.compile(r"/(?:\.|%2e){1,2}(?:[/?]|$)", re.IGNORECASE)  # what a browser takes for a step in a path


class Forms:
    """Reads forms and keeps cookies.

    Args:
        gate: Knows which cookie goes with which token.
        cookie: The cookie's name.
    """

    def __init__(self, gate: AccessControl, cookie: str) -> None:
        self._gate = gate
        self._cookie = cookie

    def cookie_of(self, request: web.Request) -> str:
        """The secret in a browser's cookie; a new one if it has none."""
        return request[ACCESS_REQUEST].cookie or self._gate.sessions.new_secret()

    def keep(self, request: web.Request, response: web.Response, cookie: str) -> None:
        """Have a browser keep a cookie, unless it has it."""
        if request[ACCESS_REQUEST].cookie != cookie:
            response.set_cookie(
                self._cookie,
                cookie,
                path=ROOT,
                httponly=True,
                samesite="Strict",
                secure=self._is_secure(request),
            )

    def forget(self, response: web.Response) -> None:
        """Have a browser forget its cookie."""
        response.del_cookie(self._cookie, path=ROOT, httponly=True, samesite="Strict")

    async def read(self, request: web.Request) -> dict[str, str]:
        """The fields of one of our own forms.

        Raises:
            Problem: It is somebody else's, or none.
        """
        body = await read_body(request)
        if request.content_type != _FORM:
            raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"a form is {_FORM}")
        try:
            pairs = parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=_MOST_FIELDS,
            )
        except ValueError:
            raise Problem(HTTPStatus.BAD_REQUEST, "the form cannot be read") from None
        fields = dict(pairs)
        if len(fields) < len(pairs):
            raise Problem(HTTPStatus.BAD_REQUEST, "a field of the form stands there twice")
        if not self._gate.sessions.is_form_token(request[ACCESS_REQUEST].cookie, fields.get("token", "")):
            raise Problem(
                HTTPStatus.FORBIDDEN, "this form is not of a page that was shown here lately: load it again"
            )
        return fields

    def _is_secure(self, request: web.Request) -> bool:
        """Whether the browser has come by https, as far as can be known."""
        proxy = self._gate.rules.acceptproxyaddress
        return request.secure or (proxy and request.headers.get("X-Forwarded-Proto", "").lower() == "https")


def inside(way: str) -> str:
    """A path of ours that somebody wants to be led to; that of the status page in place of any other."""
    ours = len(way) <= _LONGEST_WAY and _INSIDE.fullmatch(way) and not _STEP.search(way) and "\\" not in way
    return way if ours else ROOT
