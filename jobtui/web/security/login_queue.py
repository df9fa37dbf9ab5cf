"""The queue of logins whose password must be compared, bounded in rate over all clients together.

Before a password is compared, a client that guesses looks like a user. The clients with the fewest wrong
passwords come first, and of these the latest, so that clients that guess wait behind all others. A login that
waits is compared as soon as no later one comes; its client need not send it again.
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
_BUSY_TIME = 10.0  # seconds for which the queue counts as busy after a login waited for another one
_MAX_WRONG = 1_000  # digests of wrong credentials
_MAX_NOT_COMPARED = 20_000  # digests of logins that ended without a comparison; 4 MB

Rank = tuple[int, int]
_FIRST: Rank = -1, -1


@dataclass(slots=True, eq=False, kw_only=True)
class _Login:
    """Credentials that wait to be compared, for one request or several."""

    user: str
    password: str
    digest: bytes
    is_repeated: bool
    ranks: list[Callable[[], Rank]] = field(default_factory=list)  # of each request
    outcome: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def rank(self) -> Rank:
        """The rank as of now: its clients may have guessed while it waited."""
        return _FIRST if self.is_repeated else min(rank() for rank in self.ranks)


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
        self._not_compared: OrderedDict[bytes, None] = OrderedDict()  # rejected, or the client disconnected
        self._waiting: dict[bytes, _Login] = {}  # by digest; the latest is the last
        self._worker: asyncio.Task[None] | None = None
        self._guesses = float(MAX_GUESSES_AT_ONCE)  # how many may be compared at once
        self._counted_at = 0.0  # on the loop's clock
        self._busy_until = 0.0  # on the loop's clock

    @property
    def is_busy(self) -> bool:
        """Whether logins wait for others, or did so a short time ago."""
        return asyncio.get_running_loop().time() < self._busy_until

    def is_right(self, user: str, password: str) -> bool:
        """Return whether these are the credentials that were right before. Takes no time worth mentioning."""
        return self._is_right(self._digest_of(user, password))

    async def compare(
        self, user: str, password: str, rank: Callable[[], Rank], seconds: float
    ) -> bool | None:
        """Return whether credentials are right; None if they could not be compared in time.

        Args:
            user: The user name.
            password: The password.
            rank: Returns the client's rank. Credentials of a lower rank are compared first.
            seconds: How long to wait for the comparison to begin.
        """
        digest = self._digest_of(user, password)
        if digest is None or digest in self._wrong:
            return False
        login = self._waiting.get(digest)
        if login is None:
            # A user tries the same password again, a guess is a new one.
            is_repeated = digest in self._not_compared
            login = _Login(user=user, password=password, digest=digest, is_repeated=is_repeated)
            self._waiting[digest] = login
        login.ranks.append(rank)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._compare_waiting())
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(login.outcome)
        except TimeoutError:
            if self._waiting.get(digest) is login:
                return None
            return await asyncio.shield(login.outcome)  # it is being compared
        finally:
            login.ranks.remove(rank)
            if not login.ranks and self._waiting.get(digest) is login:
                del self._waiting[digest]
                _remember(self._not_compared, digest, _MAX_NOT_COMPARED)

    async def _compare_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            if delay := self._time_to_next_guess(loop.time()):
                await yield_to_others(delay)
                continue
            login = min(reversed(self._waiting.values()), key=lambda each: each.rank)
            del self._waiting[login.digest]
            if self._waiting:
                self._busy_until = loop.time() + _BUSY_TIME
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
                _remember(self._wrong, login.digest, _MAX_WRONG)
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


def _remember(digests: OrderedDict[bytes, None], digest: bytes, limit: int) -> None:
    digests[digest] = None
    if len(digests) > limit:
        digests.popitem(last=False)
