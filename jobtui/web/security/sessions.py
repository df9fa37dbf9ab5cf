"""Who has logged in, and the tokens that show that a form is one of ours."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable

LIFE = 12 * 3600.0  # seconds since it was used last
MOST = 200  # sessions; the one that was not used for longest makes room
_LENGTH = 32  # bytes


class Sessions:
    """Sessions, each known by the secret in its cookie.

    Every browser gets such a secret, so that its forms can be told from those of other sites; only some
    of them belong to somebody who has logged in.

    Args:
        monotonic: Tells how much time has passed, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._key = secrets.token_bytes(_LENGTH)
        self._used: OrderedDict[bytes, float] = OrderedDict()  # by a hash: a dump of memory has no cookies

    def new_cookie(self) -> str:
        """A secret for a browser that has none; nobody has logged in with it."""
        return secrets.token_urlsafe(_LENGTH)

    def open(self) -> str:
        """Somebody has logged in. Returns the secret, which is a new one: nobody can have known it before."""
        cookie = self.new_cookie()
        self._used[self._digest("session", cookie)] = self._monotonic()
        while len(self._used) > MOST:
            self._used.popitem(last=False)
        return cookie

    def is_open(self, cookie: str) -> bool:
        """Whether somebody has logged in with this, and is still there."""
        name = self._digest("session", cookie)
        used = self._used.pop(name, None)
        if used is None or self._monotonic() - used >= LIFE:
            return False
        self._used[name] = self._monotonic()
        return True

    def close(self, cookie: str) -> None:
        """Somebody has logged out."""
        self._used.pop(self._digest("session", cookie), None)

    def token(self, cookie: str) -> str:
        """What a form has to bring along."""
        return self._digest("form", cookie).hex()

    def is_token(self, cookie: str, token: str) -> bool:
        """Whether a form brought along what this browser was given."""
        return hmac.compare_digest(self.token(cookie).encode(), token.encode(errors="replace"))

    def _digest(self, use: str, cookie: str) -> bytes:
        return hmac.digest(self._key, f"{use}:{cookie}".encode(errors="replace"), hashlib.sha256)
