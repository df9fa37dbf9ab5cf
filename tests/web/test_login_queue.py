"""The queue of logins: its order, and the number of passwords that are compared."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from jobtui.web.security.login_queue import GUESSES_PER_SECOND, MAX_GUESSES_AT_ONCE, LoginQueue

STRANGER, GUESSER = (0, 0), (7, 7)
LONG = 20.0  # seconds


async def compare(
    queue: LoginQueue, password: str, rank: tuple[int, int], seconds: float = LONG
) -> bool | None:
    """Let a queue compare the password of a client whose rank does not change."""
    return await queue.compare("ada", password, lambda: rank, seconds)


class BlockedComparison:
    """Compares passwords in the order of the queue, but none before `release`."""

    def __init__(self) -> None:
        self.compared: list[str] = []
        self._started, self._released = threading.Event(), threading.Event()

    def matches(self, _user: str, password: str) -> bool:
        """Record the password; only ``right`` matches."""
        self.compared.append(password)
        self._started.set()
        assert self._released.wait(20)
        return password == "right"

    async def wait_started(self) -> None:
        """Wait until the first comparison is in progress."""
        await asyncio.to_thread(self._started.wait, 20)

    def release(self) -> None:
        """Let all comparisons end."""
        self._released.set()


def order_of(*logins: tuple[str, tuple[int, int]]) -> list[str]:
    """Return the order in which passwords are compared that wait while another one is compared."""
    comparison = BlockedComparison()

    async def compare_all() -> None:
        queue = LoginQueue(comparison.matches)
        first = asyncio.create_task(compare(queue, "first", STRANGER))
        await comparison.wait_started()
        waiting = [asyncio.create_task(compare(queue, *login)) for login in logins]
        await asyncio.sleep(0)
        comparison.release()
        await asyncio.gather(first, *waiting)

    asyncio.run(compare_all())
    return comparison.compared[1:]


def test_clients_that_guess_wait_behind_all_others() -> None:
    """Sixty addresses that guess at once do not delay the owner's login."""
    guesses = [(f"guess {number}", GUESSER) for number in range(60)]
    assert order_of(*guesses, ("right", STRANGER), ("late guess", GUESSER))[0] == "right"


def test_among_equal_clients_the_latest_login_is_compared_first() -> None:
    """The others have waited, so that they are the first to be rejected."""
    assert order_of(("a", GUESSER), ("b", GUESSER), ("c", GUESSER)) == ["c", "b", "a"]


def test_an_address_that_guesses_waits_behind_the_other_addresses_of_its_group() -> None:
    """127.0.0.2 guesses, 127.0.0.1 does not; the group is the same."""
    assert order_of(("right", (7, 0)), ("guess", (7, 7)))[0] == "right"


@pytest.mark.parametrize("end", ["rejected", "cancelled"])
def test_a_login_that_is_tried_again_is_compared_first(end: str) -> None:
    """After a rejection or a reload, a user sends the same one; a client that guesses sends another."""
    comparison = BlockedComparison()

    async def compare_all() -> None:
        queue = LoginQueue(comparison.matches)
        first = asyncio.create_task(compare(queue, "first", STRANGER))
        await comparison.wait_started()
        if end == "rejected":
            assert await compare(queue, "right", GUESSER, 0.05) is None
        else:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await compare(queue, "right", GUESSER)
        again = asyncio.create_task(compare(queue, "right", GUESSER))
        others = [asyncio.create_task(compare(queue, f"guess {n}", STRANGER)) for n in range(9)]
        await asyncio.sleep(0)
        comparison.release()
        assert await again
        await asyncio.gather(first, *others)

    asyncio.run(compare_all())
    assert comparison.compared == ["first", "right"]


def test_guesses_count_against_the_logins_that_already_wait() -> None:
    """After a restart all clients are strangers, and many guesses may wait before the first one fails."""
    comparison, failures = BlockedComparison(), 0

    async def compare_all() -> None:
        nonlocal failures
        queue = LoginQueue(comparison.matches)
        first = asyncio.create_task(compare(queue, "first", STRANGER))
        await comparison.wait_started()
        guess = queue.compare("ada", "guess", lambda: (failures, failures), LONG)
        waiting = [asyncio.create_task(guess)]
        await asyncio.sleep(0)
        failures = 1
        waiting.append(asyncio.create_task(compare(queue, "right", (1, 0))))
        await asyncio.sleep(0)
        comparison.release()
        await asyncio.gather(first, *waiting)

    asyncio.run(compare_all())
    assert comparison.compared == ["first", "right"]


def test_a_queue_is_busy_for_a_while_after_a_login_waited_for_another_one() -> None:
    """Otherwise clients that guess would get their answers at once whenever it is empty for a moment."""

    async def compare_some() -> list[bool]:
        queue = LoginQueue(lambda _user, _password: False)
        await compare(queue, "alone", STRANGER)
        alone = queue.is_busy
        await asyncio.gather(*(compare(queue, f"guess {n}", STRANGER) for n in range(3)))
        return [alone, queue.is_busy]

    assert asyncio.run(compare_some()) == [False, True]


def test_after_the_right_password_no_other_one_is_hashed() -> None:
    """A difference to the right one is enough."""
    assert order_of(("a", GUESSER), ("b", GUESSER), ("right", STRANGER)) == ["right"]


def test_equal_credentials_are_compared_once() -> None:
    """A browser and a script send the same ones in many requests at the same time."""
    assert order_of(("a", GUESSER), ("a", STRANGER), ("a", GUESSER)) == ["a"]


def run_in_queue(
    matches: Callable[[str, str], bool], work: Callable[[LoginQueue], Awaitable[list[bool | None]]]
) -> list[bool | None]:
    """Return what logins in a new queue return."""

    async def run() -> list[bool | None]:
        return await work(LoginQueue(matches))

    return asyncio.run(run())


@pytest.mark.parametrize("known", [False, True], ids=["at first", "after the right one was given"])
def test_the_guesses_of_all_clients_together_are_bounded(*, known: bool) -> None:
    """The others are not compared at all, so that not even the right one would be recognized."""

    async def guess(queue: LoginQueue) -> list[bool | None]:
        if known:
            assert await compare(queue, "right", STRANGER)
        return await asyncio.gather(*(compare(queue, f"guess {n}", (0, n), 1.5) for n in range(300)))

    outcomes = run_in_queue(lambda _user, password: password == "right", guess)
    compared = sum(outcome is not None for outcome in outcomes)
    assert MAX_GUESSES_AT_ONCE <= compared <= MAX_GUESSES_AT_ONCE + 2 * GUESSES_PER_SECOND


def test_right_passwords_do_not_count_as_guesses() -> None:
    """Programs without a session send the password with each request."""

    async def log_in(queue: LoginQueue) -> list[bool | None]:
        return [await compare(queue, "right", STRANGER) for _ in range(3 * MAX_GUESSES_AT_ONCE)]

    assert set(run_in_queue(lambda _user, password: password == "right", log_in)) == {True}


def test_an_accented_letter_may_be_one_character_or_two() -> None:
    """Browsers and terminals send different ones."""

    async def log_in(queue: LoginQueue) -> list[bool | None]:
        return [await compare(queue, password, STRANGER) for password in ("é", "e\u0301")]

    assert run_in_queue(lambda _user, password: password == "é", log_in) == [True, True]


def test_credentials_that_are_too_long_are_rejected_at_once() -> None:
    """They cannot be right, and a long text takes long to normalize."""

    async def log_in(queue: LoginQueue) -> list[bool | None]:
        return [
            await queue.compare(*each, lambda: STRANGER, LONG)
            for each in [("a" * 257, ""), ("", "a" * 1_025)]
        ]

    assert run_in_queue(lambda _user, _password: True, log_in) == [False, False]


def test_an_error_of_the_comparison_reaches_its_request_and_ends_no_other() -> None:
    """Such as MemoryError: scrypt needs 32 MiB."""

    def matches(_user: str, password: str) -> bool:
        if password == "bad":
            raise MemoryError
        return password == "right"

    async def log_in(queue: LoginQueue) -> list[bool | None]:
        with pytest.raises(MemoryError):
            await compare(queue, "bad", STRANGER)
        return [await compare(queue, "right", STRANGER)]

    assert run_in_queue(matches, log_in) == [True]
