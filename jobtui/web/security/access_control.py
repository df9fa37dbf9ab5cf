"""Who may come in: the rules for a request, before anything else is done with it.

The address comes first, and credentials come in addition to it, never in its place. ``Host`` tells requests
that were meant for us from those that a web site has sent here by DNS rebinding; ``Origin`` and
``Sec-Fetch-Site`` tell those that a page of another site makes a browser send.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import math
import re
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from multidict import CIMultiDictProxy

from jobtui.access.rules import AccessRules, IpAddress
from jobtui.engine.tracebacks import logger
from jobtui.web.problems import Problem
from jobtui.web.security.login_limiter import LoginLimiter
from jobtui.web.security.sessions import Sessions

BASIC = 'Basic realm="jobtui", charset="UTF-8"'
SAFE_METHODS = frozenset({"GET", "HEAD"})
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?P<port>:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """What the rules look at of a request.

    Attributes:
        peer: The address at the other end of the connection; None for a Unix socket.
        method: The HTTP method.
        headers: Its headers.
        cookie: The secret in its cookie, or "".
    """

    peer: IpAddress | None
    method: str
    headers: CIMultiDictProxy[str]
    cookie: str = ""


class AccessControl:
    """The rules, and what they have to remember.

    Args:
        rules: What the settings say.
        sessions: Who has logged in.
        monotonic: Tells how much time has passed, in seconds.
    """

    def __init__(self, rules: AccessRules, sessions: Sessions, monotonic: Callable[[], float]) -> None:
        self.rules = rules
        self.sessions = sessions
        self.attempts = LoginLimiter(monotonic)
        self._names = frozenset(("localhost", socket.gethostname().lower()))
        self._key = secrets.token_bytes(32)
        self._known: bytes | None = None  # the credentials that were found right, as a keyed hash
        self._one_at_a_time = asyncio.Lock()  # scrypt takes 32 MiB
        self._unheard_proxy = False

    # --- where it comes from ----------------------------------------------------------------------

    def check_origin(self, visit: AccessRequest) -> IpAddress | None:
        """See that a request comes from where it may, and that no other site has made a browser send it.

        Returns:
            The client's address, behind a proxy too; None for a Unix socket.

        Raises:
            Problem: It does not.
        """
        client = self._client(visit)
        host = self._host(visit)
        if visit.method not in SAFE_METHODS:
            self._check_same_site(visit, host)
        return client

    def _client(self, visit: AccessRequest) -> IpAddress | None:
        if visit.peer is not None and not self.rules.allows(visit.peer):
            raise Problem(HTTPStatus.FORBIDDEN, f"{visit.peer} is not let in")
        forwarded = visit.headers.getall("X-Forwarded-For", [])
        if not forwarded:
            return visit.peer
        if not self.rules.acceptproxyaddress:
            self._warn_of_proxy()
            return visit.peer
        # Each of them: who comes from outside can write addresses in front of his own, but not take it out.
        hops = [_hop(hop) for line in forwarded for hop in line.split(",")]
        for hop in hops:
            if hop is None or not self.rules.allows(hop):
                raise Problem(HTTPStatus.FORBIDDEN, "an address in X-Forwarded-For is not let in")
        return hops[-1]

    def _warn_of_proxy(self) -> None:
        if not self._unheard_proxy:
            self._unheard_proxy = True
            logger.warning(
                "the status page is asked through a proxy: without jobs.acceptproxyaddress = true, everybody "
                "who can reach the proxy is let in as if on this machine"
            )

    def _host(self, visit: AccessRequest) -> str:
        hosts = visit.headers.getall("Host", [])
        parts = _AUTHORITY.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if parts is None:
            raise Problem(HTTPStatus.BAD_REQUEST, "the Host header is missing or makes no sense")
        name = parts["host"].lower().rstrip(".")
        # A browser that was led here by a name that somebody else owns says that name.
        if visit.peer is not None and name not in self._names and _address(name.strip("[]")) is None:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "the Host header has a name that is not this machine's: use its address, or localhost",
            )
        return hosts[0].lower()

    def _check_same_site(self, visit: AccessRequest, host: str) -> None:
        site = visit.headers.get("Sec-Fetch-Site")
        if site is not None and site not in ("same-origin", "none"):
            raise Problem(HTTPStatus.FORBIDDEN, "another web site has made the browser send this")
        origins = visit.headers.getall("Origin", [])
        if not origins:
            return
        hosts = {host}
        if self.rules.acceptproxyaddress and "X-Forwarded-Host" in visit.headers:
            hosts = {visit.headers["X-Forwarded-Host"].lower()}  # by this name the browser knows us
        if len(origins) > 1 or _authority_of(origins[0]) not in hosts:
            raise Problem(HTTPStatus.FORBIDDEN, "the Origin header names another web site")

    # --- who it is --------------------------------------------------------------------------------

    async def check_credentials(self, visit: AccessRequest, client: IpAddress | None) -> None:
        """See that a request comes from somebody who has logged in, or who gives the credentials with it.

        Raises:
            Problem: It does not, or too many before it have failed.
        """
        if self.rules.credentials is None or self.sessions.is_open(visit.cookie):
            return
        given = _basic(visit.headers.getall("Authorization", []))
        if given is None:
            raise _unauthorized("who are you? Give a user and a password")
        if not await self.is_right(*given, client):
            raise _unauthorized("wrong user or password")

    async def is_right(self, user: str, password: str, client: IpAddress | None) -> bool:
        """Whether these are the credentials.

        Raises:
            Problem: Too many attempts from that address have failed.
        """
        credentials = self.rules.credentials
        assert credentials is not None  # or nobody asks
        digest = hmac.digest(
            self._key, f"{len(user)}:{user}:{password}".encode(errors="replace"), hashlib.sha256
        )
        if self._is_known(digest):
            return True
        async with self._one_at_a_time:
            if self._is_known(digest):  # meanwhile
                return True
            wait = self.attempts.wait(client)
            if wait:
                raise Problem(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    "too many wrong passwords; wait a minute",
                    {"Retry-After": str(math.ceil(wait))},
                )
            loop = asyncio.get_running_loop()
            right = await loop.run_in_executor(None, credentials.match, user, password)
            if right:
                self._known = digest
                self.attempts.succeeded(client)
            else:
                self.attempts.failed(client)
                logger.warning("a login to the status page failed, from %s", client or "the Unix socket")
            return right

    def _is_known(self, digest: bytes) -> bool:
        return self._known is not None and hmac.compare_digest(self._known, digest)


def _unauthorized(detail: str) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": BASIC})


def _basic(headers: list[str]) -> tuple[str, str] | None:
    """The user and the password in an Authorization header; None if there is none that can be read."""
    scheme, _, encoded = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, colon, password = decoded.partition(":")
    return (user, password) if colon else None


def _hop(text: str) -> IpAddress | None:
    """One address of X-Forwarded-For, which some proxies write with a port."""
    text = text.strip()
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::[0-9]+)?", text)
    if bracketed:
        return _address(bracketed[1])
    return _address(text.rpartition(":")[0] if text.count(":") == 1 else text)


def _address(text: str) -> IpAddress | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _authority_of(origin: str) -> str:
    """The host and the port of an Origin; "" for one that is none, such as ``null``."""
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return ""
    return parts.netloc if parts.scheme in ("http", "https") else ""
