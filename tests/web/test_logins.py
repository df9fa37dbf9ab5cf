"""Credentials: how often one may be wrong, what is remembered, and what is never said."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import pytest
from support.access_requests import PAGE, basic, coming_from, request, serving

from jobtui.access.passwords import Password, hash_password, read_password
from jobtui.access.rules import AccessRules, Credentials
from jobtui.runtime.clock import ManualClock
from jobtui.web.security.login_limiter import LOCKED, MOST_FAILURES, LoginLimiter
from jobtui.web.security.sessions import LIFE, MOST, Sessions

HOST = ("Host", "127.0.0.1")
API = f"{PAGE}/api/pool"
RULES = AccessRules(credentials=Credentials("ada", read_password("lovelace")))
RIGHT, WRONG = basic("ada", "lovelace"), basic("ada", "secret-guess")


def test_after_five_wrong_passwords_an_address_has_to_wait_a_minute() -> None:
    """The sixth attempt is not even looked at, be it right; a minute later it is."""
    clock = ManualClock(0)
    with serving(RULES, clock=clock) as server:
        for _ in range(MOST_FAILURES):
            assert request(server.address, path=API, headers=(HOST, WRONG)).status == 401
        clock.advance(20)
        refused = request(server.address, path=API, headers=(HOST, RIGHT))
        assert (refused.status, refused.header("Retry-After")) == (429, str(round(LOCKED) - 20))
        with coming_from("::1"):
            assert request(server.address, path=API, headers=(HOST, RIGHT)).status == 200
        clock.advance(LOCKED - 20)
        assert request(server.address, path=API, headers=(HOST, RIGHT)).status == 200


def test_who_was_let_in_before_is_let_in_while_others_have_to_wait() -> None:
    """Nobody locks out a dashboard that is attached from the same machine by guessing beside it."""
    with serving(RULES) as server:
        assert request(server.address, path=API, headers=(HOST, RIGHT)).status == 200
        statuses = [request(server.address, path=API, headers=(HOST, WRONG)).status for _ in range(6)]
        assert statuses == [401] * 5 + [429]
        assert request(server.address, path=API, headers=(HOST, RIGHT)).status == 200


def test_to_give_no_credentials_is_no_attempt() -> None:
    """A browser asks without them first, each time."""
    with serving(RULES) as server:
        for _ in range(2 * MOST_FAILURES):
            assert request(server.address, path=API, headers=(HOST,)).status == 401
        assert request(server.address, path=API, headers=(HOST, RIGHT)).status == 200


def test_behind_a_proxy_it_is_the_client_that_has_to_wait() -> None:
    """Not everybody who comes through the same proxy."""
    access = AccessRules(credentials=RULES.credentials, acceptproxyaddress=True)
    with serving(access) as server:
        guessing = (HOST, WRONG, ("X-Forwarded-For", "127.0.0.9"))
        assert [request(server.address, path=API, headers=guessing).status for _ in range(6)][-1] == 429
        other = (HOST, RIGHT, ("X-Forwarded-For", "127.0.0.8"))
        assert request(server.address, path=API, headers=other).status == 200


def test_who_invents_a_client_has_to_wait_all_the_same() -> None:
    """Where no proxy is expected, X-Forwarded-For hides nobody."""
    with serving(RULES) as server:
        for number in range(MOST_FAILURES):
            guessing = (HOST, WRONG, ("X-Forwarded-For", f"127.0.0.{number}"))
            assert request(server.address, path=API, headers=guessing).status == 401
        assert request(server.address, path=API, headers=(HOST, RIGHT)).status == 429


def test_many_at_once_are_let_in_by_one_look_at_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser asks for several things at once."""
    looks = counted_looks(monkeypatch)
    with serving(RULES) as server, ThreadPoolExecutor(8) as pool:

        def ask(_number: int) -> int:
            return request(server.address, path=API, headers=(HOST, RIGHT)).status

        assert set(pool.map(ask, range(24))) == {200}
    assert looks == ["lovelace"]


def test_a_success_forgives_slips_of_the_finger() -> None:
    """Four before it and four after it lock nobody out."""
    with serving(RULES) as server:
        four = [(HOST, WRONG)] * (MOST_FAILURES - 1)
        tries = [*four, (HOST, RIGHT), *four]
        statuses = [request(server.address, path=API, headers=headers).status for headers in tries]
    assert statuses == [401] * 4 + [200] + [401] * 4


def test_what_is_forgiven_is_forgotten() -> None:
    """The count begins anew."""
    attempts = LoginLimiter(ManualClock(0).monotonic)
    home = ip_address("127.0.0.1")
    for _ in range(MOST_FAILURES - 1):
        attempts.failed(home)
    attempts.succeeded(home)
    attempts.failed(home)
    assert attempts.wait(home) == 0


def test_failures_of_long_ago_do_not_count() -> None:
    """Only those that come within a minute of the one before."""
    clock = ManualClock(0)
    attempts = LoginLimiter(clock.monotonic)
    for _ in range(2 * MOST_FAILURES):
        attempts.failed(None)
        clock.advance(LOCKED)
    attempts.failed(None)
    assert attempts.wait(None) == 0
    for _ in range(MOST_FAILURES - 1):
        attempts.failed(None)
    assert attempts.wait(None) == LOCKED


def test_all_addresses_of_an_ipv6_site_are_one() -> None:
    """Whoever has one has 2^64; an IPv4 address written as IPv6 is that address."""
    attempts = LoginLimiter(ManualClock(0).monotonic)
    for host in range(MOST_FAILURES):
        attempts.failed(ip_address(f"2001:db8::{host:x}"))
    assert attempts.wait(ip_address("2001:db8::ffff")) == LOCKED
    assert attempts.wait(ip_address("2001:db8:0:1::1")) == 0
    for _ in range(MOST_FAILURES):
        attempts.failed(ip_address("::ffff:10.0.0.1"))
    assert attempts.wait(ip_address("10.0.0.1")) == LOCKED
    assert attempts.wait(ip_address("::ffff:10.0.0.2")) == 0


def test_a_crowd_of_addresses_takes_no_more_memory() -> None:
    """The oldest failures make room."""
    attempts = LoginLimiter(ManualClock(0).monotonic)
    for host in range(5_000):
        attempts.failed(ip_address(host))
    assert len(attempts._failures) == 1_000


def test_a_session_lasts_until_it_was_not_used_for_half_a_day() -> None:
    """Each use prolongs it."""
    clock = ManualClock(0)
    sessions = Sessions(clock.monotonic)
    cookie = sessions.open()
    clock.advance(LIFE - 1)
    assert sessions.is_open(cookie)
    clock.advance(LIFE - 1)
    assert sessions.is_open(cookie)
    clock.advance(LIFE)
    assert not sessions.is_open(cookie)


def test_a_session_ends_when_it_is_closed() -> None:
    """And only that one."""
    sessions = Sessions(ManualClock(0).monotonic)
    one, other = sessions.open(), sessions.open()
    sessions.close(one)
    assert (sessions.is_open(one), sessions.is_open(other)) == (False, True)


def test_of_many_sessions_the_one_that_was_not_used_for_longest_ends() -> None:
    """So that logging in again and again takes no memory."""
    sessions = Sessions(ManualClock(0).monotonic)
    first, second = sessions.open(), sessions.open()
    assert sessions.is_open(first)  # used once more
    for _ in range(MOST - 1):
        sessions.open()
    assert (sessions.is_open(first), sessions.is_open(second)) == (True, False)


def test_the_secret_of_a_browser_that_has_not_logged_in_opens_nothing() -> None:
    """It only tells its forms from those of others."""
    sessions = Sessions(ManualClock(0).monotonic)
    cookie = sessions.new_cookie()
    assert not sessions.is_open(cookie)
    assert sessions.is_token(cookie, sessions.token(cookie))
    assert not sessions.is_token(cookie, sessions.token(sessions.new_cookie()))
    assert not sessions.is_token(cookie, "")
    assert not sessions.is_token(cookie, "é")
    assert Sessions(ManualClock(0).monotonic).token(cookie) != sessions.token(cookie)


def test_no_log_has_credentials(caplog: pytest.LogCaptureFixture) -> None:
    """Neither of a failed login, nor of a request that cannot be read: from where it came is enough."""
    with caplog.at_level(logging.DEBUG), serving(RULES) as server:
        request(server.address, path=API, headers=(HOST, WRONG))
        request(server.address, path=API, headers=(HOST, RIGHT))
        for broken in (("X Y", "1"), ("X-Nul", "a\0b"), ("Content-Length", "x")):
            assert request(server.address, headers=(HOST, RIGHT, broken)).status == 400
        request(server.address, "G ET", headers=(HOST, RIGHT))
    text = caplog.text + repr([record.__dict__ for record in caplog.records])
    assert "from 127.0.0.1" in text
    for secret in ("lovelace", "secret-guess", RIGHT[1], WRONG[1], RIGHT[1].removeprefix("Basic ")):
        assert secret not in text


def test_a_hashed_password_works_as_the_plain_one() -> None:
    """What `jobtui hash-password` makes is what the settings take."""
    hashed = read_password(hash_password("lovelace"))
    with serving(AccessRules(credentials=Credentials("ada", hashed))) as server:
        assert request(server.address, path=API, headers=(HOST, WRONG)).status == 401
        assert request(server.address, path=API, headers=(HOST, RIGHT)).status == 200


def counted_looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is compared with the password from now on."""
    looks: list[str] = []
    matches = Password.matches

    def counting(self: Password, candidate: str) -> bool:
        looks.append(candidate)
        return matches(self, candidate)

    monkeypatch.setattr(Password, "matches", counting)
    return looks


def test_a_password_that_was_right_once_is_not_hashed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scrypt takes a tenth of a second on purpose; a dashboard asks ten times a second."""
    looks = counted_looks(monkeypatch)
    with serving(RULES) as server:
        for credentials in (RIGHT, RIGHT, basic("ada:love", "lace"), basic("adal", "ovelace"), RIGHT):
            request(server.address, path=API, headers=(HOST, credentials))
    assert len(looks) == 3  # once the right one, and each wrong one, though its letters are the same


def test_a_proxy_that_is_not_expected_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """Everybody who can reach it would be let in: who set it up may not know."""
    with serving() as server:
        for _ in range(3):
            request(server.address, path=API, headers=(HOST, ("X-Forwarded-For", "203.0.113.9")))
    assert caplog.text.count("jobs.acceptproxyaddress") == 1
