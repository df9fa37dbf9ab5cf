"""HTML forms: CSRF tokens, the session cookie, commands, and safe redirect targets."""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

from aiohttp import web

from jobtui.frontend import commands
from jobtui.frontend.backend import Backend
from jobtui.frontend.json_codec import STATUS_PAGE
from jobtui.web.request_parsing import (
    ACCESS_REQUEST,
    MAX_POOL_SIZE,
    parse_run_number,
    parse_whole_number,
    read_body,
)
from jobtui.web.responses import Problem, call_scheduler
from jobtui.web.security.access_control import AccessControl, Forwarded

MAX_FIELDS = 20
_DOUBLE_CLICK = 1.0  # seconds
_MAX_RESULTS = 200
_CONTENT_TYPE = "application/x-www-form-urlencoded"
_MAX_TARGET = 2_000  # characters
_OUR_PATH = re.compile(rf"{STATUS_PAGE}(?:[/?][!-~]*)?")  # neither blanks nor control characters
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:[/?]|$)", re.IGNORECASE)  # as a browser resolves it


class Forms:
    """Reads forms, and sets the session cookie that their tokens belong to.

    Args:
        access_control: Makes and checks the tokens.
        cookie_name: The name of the cookie.
    """

    def __init__(self, access_control: AccessControl, cookie_name: str) -> None:
        self._access_control = access_control
        self._cookie_name = cookie_name

    def cookie_of(self, request: web.Request) -> str:
        """Return the secret in a browser's cookie, or a new one if there is none."""
        return request[ACCESS_REQUEST].cookie or self._access_control.sessions.new_secret()

    def token_of(self, request: web.Request) -> str:
        """Return the token of the forms of a browser; of one without a cookie, a new one each time."""
        return self._access_control.sessions.form_token(self.cookie_of(request))

    def set_cookie(self, request: web.Request, response: web.Response, secret: str) -> None:
        """Set a browser's cookie to a secret, unless it already has this value."""
        if request[ACCESS_REQUEST].cookie != secret:
            self._add_cookie(request, response, secret)

    def delete_cookie(self, request: web.Request, response: web.Response) -> None:
        """Delete a browser's cookie."""
        self._add_cookie(request, response, "", "; Max-Age=0")

    def _add_cookie(
        self, request: web.Request, response: web.Response, secret: str, lifetime: str = ""
    ) -> None:
        forwarded = self._access_control.read_forwarded(request[ACCESS_REQUEST])
        secure = "; Secure" if request.secure or forwarded.is_https else ""
        for path in self._cookie_paths(forwarded):
            cookie = f"{self._cookie_name}={secret}; Path={path}; HttpOnly; SameSite=Strict{secure}{lifetime}"
            response.headers.add("Set-Cookie", cookie)

    def _cookie_paths(self, forwarded: Forwarded) -> list[str]:
        """Return the paths under which the browser may see the status page."""
        url = self._access_control.rules.url
        if forwarded.prefix or url is None:
            return [forwarded.prefix + STATUS_PAGE]
        if forwarded.is_public or url.path == STATUS_PAGE:
            return [url.path]
        # The browser connects directly, or through a proxy that does not pass on the name of its host.
        return [STATUS_PAGE, url.path]

    async def read_form(self, request: web.Request, most: int = MAX_FIELDS) -> dict[str, str]:
        """Return the fields of a form.

        Args:
            request: The request.
            most: How many fields the form may have.

        Raises:
            Problem: The body is not a form, or its token is not the one of the browser's cookie.
        """
        body = await read_body(request)
        if request.content_type != _CONTENT_TYPE:
            raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"a form must be {_CONTENT_TYPE}")
        try:
            text = body.decode("ascii")
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=most)
        except ValueError:
            detail = f"the form is not percent-encoded UTF-8, or has more than {most} fields"
            raise Problem(HTTPStatus.BAD_REQUEST, detail) from None
        fields = dict(pairs)
        if len(fields) < len(pairs):
            raise Problem(HTTPStatus.BAD_REQUEST, "duplicate form field")
        cookie, token = request[ACCESS_REQUEST].cookie, fields.get("token", "")
        if not self._access_control.sessions.is_form_token(cookie, token):
            detail = (
                "the form has expired or is from another site; reload the page"
                if cookie
                else "the browser did not send this page's cookie: allow cookies; behind a proxy that "
                "changes the path, set jobs.url to the URL in the browser"
            )
            raise Problem(HTTPStatus.FORBIDDEN, detail)
        return fields


class RecentForms:
    """Keeps the results of the latest forms, because the second click of a double click sends one again.

    Args:
        monotonic: The monotonic clock.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._results: OrderedDict[tuple[tuple[str, str], ...], tuple[float, str]] = OrderedDict()

    def result_of(self, fields: Mapping[str, str]) -> str | None:
        """Return the result of a form that was sent twice by a double click; None for a new one.

        Only forms with the field `once`, which the page fills with a new value each time, are recognized.
        """
        executed_at, result = self._results.get(_key(fields), (-math.inf, None))
        is_second = "once" in fields and self._monotonic() - executed_at <= _DOUBLE_CLICK
        return result if is_second else None

    def keep(self, fields: Mapping[str, str], result: str) -> None:
        """Keep the result of a form."""
        key = _key(fields)
        self._results.pop(key, None)
        self._results[key] = self._monotonic(), result
        while len(self._results) > _MAX_RESULTS:
            self._results.popitem(last=False)


def _key(fields: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(fields.items()))


def execute(backend: Backend, fields: Mapping[str, str], by: str) -> str:
    """Execute the command of a form.

    Args:
        backend: The scheduler.
        fields: The form. Exactly one field is named after a command; its value is the job, run or pool size.
        by: What is known of the client, for the pauses that it makes.

    Returns:
        The result, as a message to the user.

    Raises:
        Problem: The job or run does not exist, the scheduler rejects the command, or the form has none or
            several commands.
    """
    known = {**_COMMANDS, **_PAUSES}
    names = [name for name in fields if name in known]
    if len(names) != 1:
        raise Problem(HTTPStatus.BAD_REQUEST, f"a form must have exactly one command: {', '.join(known)}")
    [name] = names
    if name in _PAUSES:
        return call_scheduler(_PAUSES[name], backend, fields[name], by)
    return call_scheduler(_COMMANDS[name], backend, fields[name])


def _cancel(backend: Backend, value: str) -> str:
    number = parse_run_number(value)
    return commands.cancel(backend, number, f"run {number}")


def _run(backend: Backend, value: str) -> str:
    try:
        return commands.run(backend, value)
    except ValueError as error:  # the job requires arguments
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None


def _run_again(backend: Backend, value: str) -> str:
    return commands.run_again(backend, parse_run_number(value))


def _resize(backend: Backend, value: str) -> str:
    # The buttons change the size by one, and a size of 0 would mean no limit.
    return commands.resize(backend, parse_whole_number("the pool size", value, 1, MAX_POOL_SIZE))


_COMMANDS: Mapping[str, Callable[[Backend, str], str]] = {
    "run": _run,
    "again": _run_again,
    "resume": commands.resume,
    "resume-all": lambda backend, _value: commands.resume_all(backend),
    "cancel": _cancel,
    "resize": _resize,
}
_PAUSES: Mapping[str, Callable[[Backend, str, str], str]] = {
    "pause": commands.pause,
    "pause-all": lambda backend, _value, by: commands.pause_all(backend, by),
}


def safe_redirect_target(path: str) -> str:
    """Return a requested path if it is one of our pages, else the status page.

    A redirect to any other address would let a link of ours lead to a foreign site (open redirect).
    """
    is_safe = (
        len(path) <= _MAX_TARGET
        and _OUR_PATH.fullmatch(path)
        and not _DOT_SEGMENT.search(path)
        and "\\" not in path
    )
    return path if is_safe else STATUS_PAGE
