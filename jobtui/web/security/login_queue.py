"""The queue of logins whose password must be compared, bounded in rate over all clients together.

Before a password is compared, a client that guesses looks like a user. So every login is compared within two
seconds or rejected. The clients with the fewest wrong passwords come first, and of these the latest, so that
clients that guess wait behind all others.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from jobtui.access.passwords import MAX_PASSWORD
from jobtui.access.rules import MAX_USER
from jobtui.frontend.cooperative import yield_to_others

MAX_GUESSES_AT_ONCE = 100  # wrong passwords that are compared without a delay
GUESSES_PER_SECOND = 15  # after these; so in one minute at most 1,000 for all clients together
MAX_WAIT = 1.5  # seconds until a login that could not be compared is rejected
_MAX_REMEMBERED = 1_000  # digests of wrong credentials, and of rejected ones

Rank = tuple[int, int]
_FIRST: Rank = -1, -1


@dataclass(slots=True, eq=False, kw_only=True)
class _Login:
    """Credentials that wait to be compared, for one request or several."""

    user: str
    password: str
    digest: bytes
    rank: Rank
    requests: int = 0
    outcome: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class LoginQueue:
    """Compares credentials with the right ones, one after the other.

    Equal credentials are compared once: a scrypt hash takes some tenths of a second and 32 MiB. When the
    right ones are known, no other ones need to be hashed.

    Args:
        matches: Returns whether a user name and a password are right. It is called in another thread.
    """

    def __init__(self, matches: Callable[[str, str], bool]) -> None:
        self._matches = matches
        self._key = secrets.token_bytes(32)  # the digests are keyed, so that they are worthless elsewhere
        self._right: bytes | None = None
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._rejected: OrderedDict[bytes, None] = OrderedDict()  # those that there was no time to compare
        self._waiting: dict[bytes, _Login] = {}  # by digest; the latest is the last
        self._worker: asyncio.Task[None] | None = None
        self._guesses = float(MAX_GUESSES_AT_ONCE)  # how many may be compared at once
        self._counted_at = 0.0  # on the loop's clock

    @property
    def is_busy(self) -> bool:
        """Whether logins wait for others."""
        return bool(self._waiting)

    def is_right(self, user: str, password: str) -> bool:
        """Return whether these are the credentials that were right before. Takes no time worth mentioning."""
        return self._is_right(self._digest_of(user, password))

    async def compare(self, user: str, password: str, rank: Rank) -> bool | None:
        """Return whether credentials are right; None if there was no time to compare them.

        Args:
            user: The user name.
            password: The password.
            rank: Credentials of a lower rank are compared first.
        """
        digest = self._digest_of(user, password)
        if digest is None or digest in self._wrong:
            return False
        login = self._waiting.get(digest)
        if login is None:
            if (
                digest in self._rejected
            ):  # a user who tries again sends the same password, a guess is a new one
                rank = _FIRST
            login = _Login(user=user, password=password, digest=digest, rank=rank)
            self._waiting[digest] = login
        login.rank = min(login.rank, rank)
        login.requests += 1
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._compare_waiting())
        try:
            async with asyncio.timeout(MAX_WAIT):
                return await asyncio.shield(login.outcome)
        except TimeoutError:
            if self._waiting.get(digest) is login:
                _remember(self._rejected, digest)
                return None
            return await asyncio.shield(login.outcome)  # it is being compared
        finally:
            login.requests -= 1
            if not login.requests and self._waiting.get(digest) is login:
                del self._waiting[digest]

    async def _compare_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            if delay := self._time_to_next_guess(loop.time()):
                await yield_to_others(delay)
                continue
            login = min(reversed(self._waiting.values()), key=lambda each: each.rank)
            del self._waiting[login.digest]
            self._guesses -= 1
            try:
                right = self._is_right(login.digest)
                if self._right is None:
                    right = await loop.run_in_executor(None, self._matches, login.user, login.password)
            except Exception as error:  # noqa: BLE001 - the request gets it
                login.outcome.set_exception(error)
                continue
            if right:
                self._right = login.digest
                self._guesses += 1
            else:
                _remember(self._wrong, login.digest)
            login.outcome.set_result(right)

    def _time_to_next_guess(self, now: float) -> float:
        """Return how many seconds the next comparison has to wait; 0 if it need not wait."""
        new = (now - self._counted_at) * GUESSES_PER_SECOND
        self._guesses, self._counted_at = min(self._guesses + new, MAX_GUESSES_AT_ONCE), now
        return max(0.0, (1 - self._guesses) / GUESSES_PER_SECOND)

    def _digest_of(self, user: str, password: str) -> bytes | None:
        """Return a keyed hash of credentials in Unicode's form C; None if they are too long to be right."""
        if len(user) > MAX_USER or len(password) > MAX_PASSWORD:
            return None
        text = unicodedata.normalize("NFC", f"{len(user)}:{user}:{password}")
        return hmac.digest(self._key, text.encode(errors="surrogatepass"), hashlib.sha256)

    def _is_right(self, digest: bytes | None) -> bool:
        return digest is not None and self._right is not None and hmac.compare_digest(self._right, digest)


def _remember(digests: OrderedDict[bytes, None], digest: bytes) -> None:
    digests[digest] = None
    if len(digests) > _MAX_REMEMBERED:
        digests.popitem(last=False)
