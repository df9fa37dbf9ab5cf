"""Access control: the checks that each request passes before its handler runs.

The client's address is checked first. Credentials are required in addition to the right address, never in
its place. The ``Host`` header exposes requests that a web site sends here by DNS rebinding; ``Origin`` and
``Sec-Fetch-Site`` expose those that a page of another site makes a browser send.
"""

from __future__ import annotations

import base64
import binascii
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

from jobtui.access.public_url import is_plain_path, without_default_port
from jobtui.access.rules import AccessRules, IpAddress
from jobtui.engine.tracebacks import logger
from jobtui.frontend.cooperative import yield_to_others
from jobtui.web.responses import Problem
from jobtui.web.security.login_queue import LoginQueue
from jobtui.web.security.logins import FailedLogins, LoginSessions

BASIC_CHALLENGE = 'Basic realm="jobtui", charset="UTF-8"'
REJECTION_DELAYS = 20.0, 40.0  # seconds while other logins wait, at random, so that guessing slows down
_random = secrets.SystemRandom()
SAFE_METHODS = frozenset({"GET", "HEAD"})
_PROXY_WARNING = (
    "requests to the status page come through a proxy: unless jobs.acceptproxyaddress = true, or the proxy "
    "is in jobs.proxies, every client of the proxy has the same access as the proxy itself"
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
        is_probe: Whether it only reads the health check or the metrics.
    """

    peer: IpAddress | None
    method: str
    headers: CIMultiDictProxy[str]
    cookie: str = ""
    is_probe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """The address that a browser used, as a trusted proxy reports it.

    Attributes:
        host: The host and port that the browser used; "" if the proxy does not say.
        prefix: The beginning of the path that the proxy has removed; "" for none.
        is_https: Whether the browser connects to the proxy over https.
        is_public: Whether the browser used the host of the public URL.
    """

    host: str
    prefix: str
    is_https: bool
    is_public: bool


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
        self._monotonic = monotonic
        self._failed_logins = FailedLogins(monotonic)
        self._logins = None if rules.credentials is None else LoginQueue(rules.credentials.match)
        self._host_names = frozenset(("localhost", socket.gethostname().lower()))
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
        forwarded = self.read_forwarded(request)
        host = self._check_host(request, forwarded)
        if request.method not in SAFE_METHODS:
            self._check_same_site(request, host, forwarded)
        return client

    def read_forwarded(self, request: AccessRequest) -> Forwarded:
        """Return what the proxy in front of this server says about the browser's request.

        Raises:
            Problem: The path in ``X-Forwarded-Prefix`` is malformed.
        """
        headers, url = request.headers, self.rules.url
        is_trusted = self.rules.trusts(request.peer)
        host = _last_value(headers, "X-Forwarded-Host").lower() if is_trusted else ""
        prefix = _last_value(headers, "X-Forwarded-Prefix").rstrip("/") if is_trusted else ""
        if not is_plain_path(prefix):
            raise Problem(HTTPStatus.BAD_REQUEST, "X-Forwarded-Prefix is not a path, such as /team")
        is_public = url is not None and url.host in (_host_name(host), _host_name(headers.get("Host", "")))
        scheme = _last_value(headers, "X-Forwarded-Proto").lower() if is_trusted else ""
        is_https = scheme == "https" or (
            not scheme and is_public and url is not None and url.scheme == "https"
        )
        return Forwarded(host=host, prefix=prefix, is_https=is_https, is_public=is_public)

    def _check_address(self, request: AccessRequest) -> IpAddress | None:
        peer, rules = request.peer, self.rules
        forwarded = request.headers.getall("X-Forwarded-For", [])
        is_proxy = bool(forwarded) and rules.trusts(peer)
        if peer is not None and not is_proxy and not self._may_connect(request, peer):
            raise Problem(HTTPStatus.FORBIDDEN, f"access from {peer} is not allowed")
        if not forwarded:
            return peer
        if not rules.acceptproxyaddress and not rules.proxies:
            if not self._proxy_warned:
                self._proxy_warned = True
                logger.warning(_PROXY_WARNING)
            return peer
        # Check every address: a client can put addresses in front of its own, but cannot remove its own.
        addresses = [_parse_forwarded(part) for line in forwarded for part in line.split(",")]
        for address in addresses:
            if address is None or not (self._may_connect(request, address) or rules.trusts(address)):
                detail = "access from an address in X-Forwarded-For is not allowed"
                raise Problem(HTTPStatus.FORBIDDEN, detail)
        clients = [address for address in addresses if not rules.trusts(address)] or addresses[:1]
        return clients[-1] if is_proxy else peer

    def _may_connect(self, request: AccessRequest, address: IpAddress) -> bool:
        return self.rules.allows(address) or (request.is_probe and self.rules.allows_probe(address))

    def _check_host(self, request: AccessRequest, forwarded: Forwarded) -> str:
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not _HOST_AND_PORT.fullmatch(hosts[0]):
            raise Problem(HTTPStatus.BAD_REQUEST, "the Host header is missing or malformed")
        # After DNS rebinding, the browser sends the attacker's host name.
        if request.peer is not None and not self._is_our_name(_host_name(hosts[0])):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "the Host header does not name this machine: use its IP address, its host name"
                + self._remedy_for_host(hosts[0].lower()),
            )
        if (
            forwarded.host
            and self.rules.url is not None
            and not self._is_our_name(_host_name(forwarded.host))
        ):
            raise Problem(HTTPStatus.FORBIDDEN, "X-Forwarded-Host names neither this machine nor jobs.url")
        return hosts[0].lower()

    def _remedy_for_host(self, host: str) -> str:
        """Return the end of the sentence about a Host header: which other names are allowed, and how."""
        if "." not in host:  # rather an `upstream` of nginx than the name in a browser
            return (
                " or localhost; behind a proxy, make it pass on the browser's Host, in nginx with "
                "proxy_set_header Host $http_host; and set jobs.url to the URL in the browser"
            )
        if self.rules.url is not None:
            return ", localhost, or the host of jobs.url"
        return (
            " or localhost; behind a proxy that passes on the browser's Host, set jobs.url, as in "
            f'jobs.url = "https://{host}/@jobs"'
        )

    def _is_our_name(self, name: str) -> bool:
        url = self.rules.url
        is_public = url is not None and name == url.host
        return is_public or name in self._host_names or _parse_ip(name) is not None

    def _check_same_site(self, request: AccessRequest, host: str, forwarded: Forwarded) -> None:
        site = request.headers.get("Sec-Fetch-Site")
        if site is not None and site not in ("same-origin", "none"):
            raise Problem(HTTPStatus.FORBIDDEN, "another web site made the browser send this request")
        origins = request.headers.getall("Origin", [])
        # No page can set Sec-Fetch-Site, and the browser compares with the URL that it has requested itself,
        # whatever Host a proxy sends to this server.
        if not origins or (site == "same-origin" and len(origins) == 1):
            return
        scheme, authority = _split_origin(origins[0])
        url = self.rules.url
        is_public = url is not None and f"{scheme}://{authority}" == url.origin
        known = [each for each in (host, forwarded.host) if each]
        is_ours = scheme != "" and authority in (without_default_port(scheme, each) for each in known)
        if len(origins) > 1 or not (is_public or is_ours):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "the Origin header names another web site; if the browser shows this server's page through "
                "a proxy, set jobs.url to the URL in the browser",
            )

    # --- credentials ------------------------------------------------------------------------------

    async def check_credentials(
        self, request: AccessRequest, client: IpAddress | None, *, trusted: bool = False
    ) -> bool:
        """Check that a request has a login session or the right credentials, if the rules require them.

        Args:
            request: The request.
            client: The client's address; None for a Unix socket.
            trusted: Whether the connection's latest request had the right credentials.

        Returns:
            Whether it has them; False for a probe that is allowed without.

        Raises:
            Problem: It has neither, or too many logins have failed.
        """
        if self.rules.credentials is None or self.sessions.has_session(request.cookie):
            return True
        is_direct = "X-Forwarded-For" not in request.headers or self.rules.trusts(request.peer)
        if request.is_probe and is_direct and self.rules.allows_probe(client):
            return False
        credentials = _parse_basic(request.headers.getall("Authorization", []))
        if credentials is None:
            raise _unauthorized("authentication required: user name and password")
        if not await self.verify_login(*credentials, client, trusted=trusted):
            raise _unauthorized("wrong user name or password")
        return True

    async def verify_login(
        self, user: str, password: str, client: IpAddress | None, *, trusted: bool = False
    ) -> bool:
        """Return whether user name and password are right. Call only if the rules have credentials.

        On a trusted connection, the right ones are recognized at once. On others, they are compared before
        those of clients that guess, see `LoginQueue`.

        Raises:
            Problem: The credentials are wrong and so were others from the client's addresses, or there was no
                time to compare them. Which of the two it was stays secret.
        """
        logins, failed = self._logins, self._failed_logins
        assert logins is not None
        if trusted and logins.is_right(user, password):
            return True
        delay, started = _random.uniform(*REJECTION_DELAYS), self._monotonic()
        right = await logins.compare(user, password, lambda: failed.counts_of(client), delay)
        if right:
            failed.record_success(client)
            return True
        locked_out = failed.retry_after(client) > 0
        if right is False:
            failed.record_failure(client)
            if not locked_out:
                logger.warning("failed login to the status page from %s", client or "the Unix socket")
                return False
        if logins.is_busy:
            await yield_to_others(max(0.0, started + delay - self._monotonic()))
        retry_after = max(1.0, failed.retry_after(client))
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too many wrong passwords; wait a minute before you try another one"
            if locked_out
            else "too many logins at the same time; try again",
            {"Retry-After": str(math.ceil(retry_after))},
        )


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


def _split_origin(origin: str) -> tuple[str, str]:
    """Return the scheme, and host and port, of an Origin header; "" for other schemes and for ``null``."""
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return "", ""
    if parts.scheme not in ("http", "https"):
        return "", ""
    return parts.scheme, without_default_port(parts.scheme, parts.netloc)


def _host_name(authority: str) -> str:
    """Return the name in a Host header, in lower case, without port and brackets; "" if it is malformed."""
    parts = _HOST_AND_PORT.fullmatch(authority)
    return "" if parts is None else parts["host"].lower().rstrip(".").strip("[]")


def _last_value(headers: CIMultiDictProxy[str], name: str) -> str:
    """Return the last value of a header: the nearest proxy has added it, clients may have set the others."""
    return headers.getall(name, [""])[-1].rpartition(",")[2].strip()
