"""Logins: sessions and form tokens of browsers, and the limit on failed logins."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_network

from jobtui.access.rules import IpAddress

SESSION_LIFETIME = 12 * 3600.0  # seconds since a session was last used
MAX_SESSIONS = 200  # above it, the session that was not used for longest ends
MAX_FAILURES = 5
LOCKOUT = 60.0  # seconds from the last failure
_MAX_ADDRESSES = 1_000
_SECRET_LENGTH = 32  # bytes
_IPV6_SITE_PREFIX = 64  # bits: a client with one address of this network has all of them


class LoginSessions:
    """Login sessions, each identified by the secret in a browser's cookie.

    Every browser gets such a secret, which distinguishes its forms from those of other sites. Only after a
    login does the secret identify a session.

    Args:
        monotonic: Returns the elapsed time in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._key = secrets.token_bytes(_SECRET_LENGTH)
        self._last_used: OrderedDict[bytes, float] = OrderedDict()  # by digest: memory holds no cookies

    def new_secret(self) -> str:
        """Return a secret for a browser that has none. It identifies no session."""
        return secrets.token_urlsafe(_SECRET_LENGTH)

    def open_session(self) -> str:
        """Start a session after a login. Returns its secret: a new one, so that the old one is worthless."""
        secret = self.new_secret()
        self._last_used[self._digest("session", secret)] = self._monotonic()
        while len(self._last_used) > MAX_SESSIONS:
            self._last_used.popitem(last=False)
        return secret

    def has_session(self, secret: str) -> bool:
        """Return whether a secret identifies a session, and count that as a use of the session."""
        digest = self._digest("session", secret)
        last_used = self._last_used.pop(digest, None)
        if last_used is None or self._monotonic() - last_used >= SESSION_LIFETIME:
            return False
        self._last_used[digest] = self._monotonic()
        return True

    def close_session(self, secret: str) -> None:
        """End a session after a logout."""
        self._last_used.pop(self._digest("session", secret), None)

    def form_token(self, secret: str) -> str:
        """Return the CSRF token for the forms of the browser with this secret."""
        return self._digest("form", secret).hex()

    def is_form_token(self, secret: str, token: str) -> bool:
        """Return whether a token belongs to the browser with this secret, in constant time."""
        return hmac.compare_digest(self.form_token(secret).encode(), token.encode(errors="replace"))

    def _digest(self, purpose: str, secret: str) -> bytes:
        return hmac.digest(self._key, f"{purpose}:{secret}".encode(errors="replace"), hashlib.sha256)


class LoginLimiter:
    """Locks out an address after several failed logins.

    Args:
        monotonic: Returns the elapsed time in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures: OrderedDict[object, tuple[int, float]] = OrderedDict()  # count, time of the last

    def retry_after(self, address: IpAddress | None) -> float:
        """Return how many seconds an address must wait before it may try again; 0 if it need not wait."""
        count, last = self._failures.get(_limiter_key(address), (0, 0.0))
        return max(0.0, last + LOCKOUT - self._monotonic()) if count >= MAX_FAILURES else 0.0

    def record_failure(self, address: IpAddress | None) -> None:
        """Count a failed login from an address."""
        key = _limiter_key(address)
        count, last = self._failures.pop(key, (0, 0.0))
        now = self._monotonic()
        self._failures[key] = (1 if now - last >= LOCKOUT else count + 1, now)
        if len(self._failures) > _MAX_ADDRESSES:
            self._failures.popitem(last=False)

    def record_success(self, address: IpAddress | None) -> None:
        """Forget the failed logins from an address."""
        self._failures.pop(_limiter_key(address), None)


def _limiter_key(address: IpAddress | None) -> object:
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or ip_network((address, _IPV6_SITE_PREFIX), strict=False)
    return address
