"""Access control: the checks that each request passes before its handler runs.

The client's address is checked first. Credentials are required in addition to the right address, never in
its place. The ``Host`` header exposes requests that a web site sends here by DNS rebinding; ``Origin`` and
``Sec-Fetch-Site`` expose those that a page of another site makes a browser send.
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
from jobtui.web.responses import Problem
from jobtui.web.security.logins import LoginLimiter, LoginSessions

BASIC_CHALLENGE = 'Basic realm="jobtui", charset="UTF-8"'
SAFE_METHODS = frozenset({"GET", "HEAD"})
_PROXY_WARNING = (
    "requests to the status page come through a proxy: unless jobs.acceptproxyaddress = true, "
    "every client of the proxy has the same access as a client on this machine"
)
_HOST_AND_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?P<port>:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """The parts of a request that access control checks.

    Attributes:
        peer: The address at the other end of the connection; None for a Unix socket.
        method: The HTTP method.
        headers: The headers.
        cookie: The secret in the session cookie, or "".
    """

    peer: IpAddress | None
    method: str
    headers: CIMultiDictProxy[str]
    cookie: str = ""


class AccessControl:
    """Checks requests against the access rules.

    Args:
        rules: The rules from the settings.
        sessions: The login sessions.
        monotonic: Returns the elapsed time in seconds.
    """

    def __init__(self, rules: AccessRules, sessions: LoginSessions, monotonic: Callable[[], float]) -> None:
        self.rules = rules
        self.sessions = sessions
        self._limiter = LoginLimiter(monotonic)
        self._host_names = frozenset(("localhost", socket.gethostname().lower()))
        self._key = secrets.token_bytes(32)
        self._verified: bytes | None = None  # a keyed hash of the credentials that matched last
        self._hashing = asyncio.Lock()  # one password at a time: scrypt needs 32 MiB for each
        self._proxy_warned = False

    # --- address, host and site -------------------------------------------------------------------

    def check_address_and_site(self, request: AccessRequest) -> IpAddress | None:
        """Check the client's address, the Host header, and that no other site made the browser send this.

        Returns:
            The client's address, also from behind a proxy; None for a Unix socket.

        Raises:
            Problem: A check failed.
        """
        client = self._check_address(request)
        host = self._check_host(request)
        if request.method not in SAFE_METHODS:
            self._check_same_site(request, host)
        return client

    def _check_address(self, request: AccessRequest) -> IpAddress | None:
        if request.peer is not None and not self.rules.allows(request.peer):
            raise Problem(HTTPStatus.FORBIDDEN, f"access from {request.peer} is not allowed")
        forwarded = request.headers.getall("X-Forwarded-For", [])
        if not forwarded:
            return request.peer
        if not self.rules.acceptproxyaddress:
            if not self._proxy_warned:
                self._proxy_warned = True
                logger.warning(_PROXY_WARNING)
            return request.peer
        # Check every address: a client can put addresses in front of its own, but cannot remove its own.
        addresses = [_parse_forwarded(part) for line in forwarded for part in line.split(",")]
        if not all(address is not None and self.rules.allows(address) for address in addresses):
            raise Problem(HTTPStatus.FORBIDDEN, "access from an address in X-Forwarded-For is not allowed")
        return addresses[-1]

    def _check_host(self, request: AccessRequest) -> str:
        hosts = request.headers.getall("Host", [])
        parts = _HOST_AND_PORT.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if parts is None:
            raise Problem(HTTPStatus.BAD_REQUEST, "the Host header is missing or malformed")
        name = parts["host"].lower().rstrip(".")
        # After DNS rebinding, the browser sends the attacker's host name.
        if request.peer is not None and name not in self._host_names and _parse_ip(name.strip("[]")) is None:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "the Host header does not name this machine: use its IP address, its host name or localhost",
            )
        return hosts[0].lower()

    def _check_same_site(self, request: AccessRequest, host: str) -> None:
        site = request.headers.get("Sec-Fetch-Site")
        if site is not None and site not in ("same-origin", "none"):
            raise Problem(HTTPStatus.FORBIDDEN, "another web site made the browser send this request")
        origins = request.headers.getall("Origin", [])
        if not origins:
            return
        allowed = host
        if self.rules.acceptproxyaddress and "X-Forwarded-Host" in request.headers:
            allowed = request.headers["X-Forwarded-Host"].lower()  # the name by which the browser knows us
        if len(origins) > 1 or _host_of_origin(origins[0]) != allowed:
            raise Problem(HTTPStatus.FORBIDDEN, "the Origin header names another web site")

    # --- credentials ------------------------------------------------------------------------------

    async def check_credentials(self, request: AccessRequest, client: IpAddress | None) -> None:
        """Check that a request has a login session or the right credentials, if the rules require them.

        Raises:
            Problem: It has neither, or too many logins from the client's address have failed.
        """
        if self.rules.credentials is None or self.sessions.has_session(request.cookie):
            return
        credentials = _parse_basic(request.headers.getall("Authorization", []))
        if credentials is None:
            raise _unauthorized("authentication required: user name and password")
        if not await self.verify_login(*credentials, client):
            raise _unauthorized("wrong user name or password")

    async def verify_login(self, user: str, password: str, client: IpAddress | None) -> bool:
        """Return whether user name and password are right. Call only if the rules have credentials.

        Credentials that matched before are recognized without hashing them again.

        Raises:
            Problem: Too many logins from the client's address have failed.
        """
        credentials = self.rules.credentials
        assert credentials is not None
        message = f"{len(user)}:{user}:{password}".encode(errors="replace")
        digest = hmac.digest(self._key, message, hashlib.sha256)
        if self._is_verified(digest):
            return True
        async with self._hashing:
            if self._is_verified(digest):  # while this request waited
                return True
            retry_after = self._limiter.retry_after(client)
            if retry_after:
                raise Problem(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    "too many wrong passwords; wait a minute",
                    {"Retry-After": str(math.ceil(retry_after))},
                )
            loop = asyncio.get_running_loop()
            right = await loop.run_in_executor(None, credentials.match, user, password)
            if right:
                self._verified = digest
                self._limiter.record_success(client)
            else:
                self._limiter.record_failure(client)
                logger.warning("failed login to the status page from %s", client or "the Unix socket")
            return right

    def _is_verified(self, digest: bytes) -> bool:
        return self._verified is not None and hmac.compare_digest(self._verified, digest)


def _unauthorized(detail: str) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": BASIC_CHALLENGE})


def _parse_basic(headers: list[str]) -> tuple[str, str] | None:
    """Return user name and password of an Authorization header; None if it is missing or malformed."""
    scheme, _, encoded = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, colon, password = decoded.partition(":")
    return (user, password) if colon else None


def _parse_forwarded(text: str) -> IpAddress | None:
    """Parse one address of X-Forwarded-For, to which some proxies append a port."""
    text = text.strip()
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::[0-9]+)?", text)
    if bracketed:
        return _parse_ip(bracketed[1])
    return _parse_ip(text.rpartition(":")[0] if text.count(":") == 1 else text)


def _parse_ip(text: str) -> IpAddress | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _host_of_origin(origin: str) -> str:
    """Return the host and port of an Origin header; "" for other schemes and for ``null``."""
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return ""
    return parts.netloc if parts.scheme in ("http", "https") else ""
