"""Logins: sessions and form tokens of browsers, and the count of failed logins."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Hashable

from jobtui.access.rules import IpAddress, address_group

SESSION_LIFETIME = 12 * 3600.0  # seconds since a session was last used
MAX_SESSIONS = 200  # above it, the session that was not used for longest ends
MAX_FAILURES = 5
LOCKOUT = 60.0  # seconds from the last failure, for which further failures get status 429
_MAX_ADDRESSES = 1_000
_SECRET_LENGTH = 32  # bytes


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


class FailedLogins:
    """Counts the recent failed logins of each client.

    Args:
        monotonic: Returns the elapsed time in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()  # count, time of the last

    def counts_of(self, address: IpAddress | None) -> tuple[int, int]:
        """Return the number of failures from an address's group, and from the address alone."""
        return self._count(address_group(address)), self._count(address)

    def retry_after(self, address: IpAddress | None) -> float:
        """Return after how many seconds an address's group may fail again; 0 if it need not wait."""
        group = address_group(address)
        if self._count(group) < MAX_FAILURES:
            return 0.0
        return self._failures[group][1] + LOCKOUT - self._monotonic()

    def record_failure(self, address: IpAddress | None) -> None:
        """Count a failed login from an address."""
        for key in {address_group(address), address}:
            count = self._count(key)
            self._failures.pop(key, None)
            self._failures[key] = (count + 1, self._monotonic())
        while len(self._failures) > _MAX_ADDRESSES:
            self._failures.popitem(last=False)

    def record_success(self, address: IpAddress | None) -> None:
        """Forget the failed logins from an address and its group, unless there were too many of them."""
        if not self.retry_after(address):
            for key in (address_group(address), address):
                self._failures.pop(key, None)

    def _count(self, key: Hashable) -> int:
        count, last = self._failures.get(key, (0, 0.0))
        return count if self._monotonic() - last < LOCKOUT else 0
