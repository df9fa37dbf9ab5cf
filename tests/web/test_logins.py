"""Credentials: failed logins, sessions, form tokens, and what may not appear in logs."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from ipaddress import ip_address, ip_network

import pytest
from support.access_requests import HOST, PAGE, RawResponse, basic, request, running_server

from jobtui.access.addresses import TcpAddress
from jobtui.access.passwords import Password, hash_password, read_password
from jobtui.access.rules import AccessRules, Credentials
from jobtui.runtime.clock import ManualClock
from jobtui.web.security import access_control, login_queue
from jobtui.web.security.logins import (
    LOCKOUT,
    MAX_FAILURES,
    MAX_SESSIONS,
    SESSION_LIFETIME,
    FailedLogins,
    LoginSessions,
)

API = f"{PAGE}/api/pool"
RULES = AccessRules(credentials=Credentials("ada", read_password("lovelace")))
RIGHT, WRONG = basic("ada", "lovelace"), basic("ada", "secret-guess")


def test_after_five_wrong_passwords_only_the_right_one_is_accepted_for_a_minute() -> None:
    """Wrong ones get status 429 until no password was wrong for a minute."""
    clock = ManualClock(0)
    with running_server(RULES, clock=clock) as server:

        def answer_to(password: str) -> RawResponse:
            return request(server.address, path=API, headers=(HOST, basic("ada", password)))

        assert [answer_to(f"wrong {n}").status for n in range(MAX_FAILURES)] == [401] * MAX_FAILURES
        clock.advance(20)
        refused = answer_to("wrong")
        assert (refused.status, refused.header("Retry-After")) == (429, str(round(LOCKOUT)))
        clock.advance(LOCKOUT)
        assert answer_to("wrong again").status == 401


@pytest.mark.parametrize("known", [False, True], ids=["that is new", "that was right before"])
def test_the_right_password_is_accepted_after_many_wrong_ones(*, known: bool) -> None:
    """Other users of the machine cannot lock its owner out."""
    with running_server(RULES) as server:
        if known:
            assert request(server.address, path=API, headers=(HOST, RIGHT)).status == 200
        statuses = [
            request(server.address, path=API, headers=(HOST, basic("ada", f"guess {number}"))).status
            for number in range(50)
        ]
        assert statuses == [401] * MAX_FAILURES + [429] * 45
        assert request(server.address, path=API, headers=(HOST, RIGHT)).status == 200


def test_a_connection_that_was_let_in_before_is_not_affected_by_guesses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An attached dashboard keeps working while others use up all guesses; a guess on it has to wait."""
    monkeypatch.setattr(login_queue, "MAX_GUESSES_AT_ONCE", 10)
    monkeypatch.setattr(login_queue, "GUESSES_PER_SECOND", 0.001)
    monkeypatch.setattr(access_control, "REJECTION_DELAYS", (0.1, 0.1))
    with running_server(RULES) as server:
        assert isinstance(server.address, TcpAddress)
        with closing(HTTPConnection(str(server.address.host), server.address.port)) as attached:

            def status_of(header: tuple[str, str]) -> int:
                attached.request("GET", API, headers=dict([header]))
                response = attached.getresponse()
                response.read()
                return response.status

            assert status_of(RIGHT) == 200
            for number in range(20):
                request(server.address, path=API, headers=(HOST, basic("ada", f"guess {number}")))
            assert [status_of(RIGHT), status_of(RIGHT)] == [200, 200]
            assert [status_of(basic("ada", "guess")), status_of(RIGHT)] == [429, 429]


def test_requests_without_credentials_do_not_count_as_failed_logins() -> None:
    """A browser sends the first request of each page without them."""
    with running_server(RULES) as server:
        for _ in range(2 * MAX_FAILURES):
            assert request(server.address, path=API, headers=(HOST,)).status == 401
        assert request(server.address, path=API, headers=(HOST, RIGHT)).status == 200


def test_a_lockout_behind_a_proxy_affects_only_the_one_client() -> None:
    """The other clients of the proxy can still log in."""
    networks = (ip_network("10.0.0.0/8"),)
    rules = AccessRules(credentials=RULES.credentials, acceptproxyaddress=True, allow=networks)
    with running_server(rules) as server:
        guessing = (HOST, WRONG, ("X-Forwarded-For", "10.0.0.9"))
        assert [request(server.address, path=API, headers=guessing).status for _ in range(6)][-1] == 429
        other = (HOST, WRONG, ("X-Forwarded-For", "10.0.0.8"))
        assert request(server.address, path=API, headers=other).status == 401


def test_an_address_that_a_client_puts_in_front_of_its_own_does_not_avoid_the_lockout() -> None:
    """The proxy appends the address from which the client connects."""
    rules = AccessRules(
        credentials=RULES.credentials, acceptproxyaddress=True, allow=(ip_network("10.0.0.0/8"),)
    )
    with running_server(rules) as server:
        statuses = [
            request(
                server.address,
                path=API,
                headers=(HOST, WRONG, ("X-Forwarded-For", f"10.1.0.{number}, 10.0.0.9")),
            ).status
            for number in range(MAX_FAILURES + 1)
        ]
    assert statuses == [401] * MAX_FAILURES + [429]


def test_a_forged_forwarded_address_does_not_avoid_the_lockout() -> None:
    """Without jobs.acceptproxyaddress, X-Forwarded-For is ignored."""
    with running_server(RULES) as server:
        for number in range(MAX_FAILURES):
            guessing = (HOST, WRONG, ("X-Forwarded-For", f"127.0.0.{number}"))
            assert request(server.address, path=API, headers=guessing).status == 401
        assert request(server.address, path=API, headers=(HOST, WRONG)).status == 429


def test_simultaneous_logins_hash_the_password_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser sends several requests at once."""
    compared = record_comparisons(monkeypatch)
    with running_server(RULES) as server, ThreadPoolExecutor(8) as pool:

        def send(_number: int) -> int:
            return request(server.address, path=API, headers=(HOST, RIGHT)).status

        assert set(pool.map(send, range(24))) == {200}
    assert compared == ["lovelace"]


def test_a_successful_login_resets_the_count_of_failures() -> None:
    """Four failures before it and four after it cause no lockout."""
    with running_server(RULES) as server:
        four = [(HOST, WRONG)] * (MAX_FAILURES - 1)
        tries = [*four, (HOST, RIGHT), *four]
        statuses = [request(server.address, path=API, headers=headers).status for headers in tries]
    assert statuses == [401] * 4 + [200] + [401] * 4


def test_after_a_success_the_failed_counts_from_zero() -> None:
    """One more failure does not lock the address out."""
    failed = FailedLogins(ManualClock(0).monotonic)
    home = ip_address("127.0.0.1")
    for _ in range(MAX_FAILURES - 1):
        failed.record_failure(home)
    failed.record_success(home)
    failed.record_failure(home)
    assert failed.retry_after(home) == 0


def test_failures_a_minute_apart_are_not_added_up() -> None:
    """Only failures within a minute of the previous one count."""
    clock = ManualClock(0)
    failed = FailedLogins(clock.monotonic)
    for _ in range(2 * MAX_FAILURES):
        failed.record_failure(None)
        clock.advance(LOCKOUT)
    failed.record_failure(None)
    assert failed.retry_after(None) == 0
    for _ in range(MAX_FAILURES - 1):
        failed.record_failure(None)
    assert failed.retry_after(None) == LOCKOUT


def test_all_addresses_of_an_ipv6_site_are_counted_as_one() -> None:
    """A client with one address of the site has 2^64; an IPv4-mapped address counts as the IPv4 address."""
    failed = FailedLogins(ManualClock(0).monotonic)
    for host in range(MAX_FAILURES):
        failed.record_failure(ip_address(f"2001:db8::{host:x}"))
    assert failed.retry_after(ip_address("2001:db8::ffff")) == LOCKOUT
    assert failed.retry_after(ip_address("2001:db8:0:1::1")) == 0
    for _ in range(MAX_FAILURES):
        failed.record_failure(ip_address("::ffff:10.0.0.1"))
    assert failed.retry_after(ip_address("10.0.0.1")) == LOCKOUT
    assert failed.retry_after(ip_address("::ffff:10.0.0.2")) == 0


@pytest.mark.parametrize("other", ["127.0.0.2", "127.255.255.254", "::1", "::ffff:127.0.0.9"])
def test_all_loopback_addresses_are_counted_as_one(other: str) -> None:
    """Every program on the machine can use all of them."""
    failed = FailedLogins(ManualClock(0).monotonic)
    for host in range(MAX_FAILURES):
        failed.record_failure(ip_address(f"127.0.0.{host + 3}"))
    assert failed.retry_after(ip_address(other)) == LOCKOUT
    assert failed.retry_after(ip_address("10.0.0.1")) == failed.retry_after(None) == 0


def test_failures_are_kept_for_at_most_a_thousand_addresses() -> None:
    """The oldest failures are dropped."""
    failed = FailedLogins(ManualClock(0).monotonic)
    for _ in range(MAX_FAILURES):
        failed.record_failure(ip_address("10.0.0.1"))
    for host in range(999):
        failed.record_failure(ip_address(host))
    assert failed.retry_after(ip_address("10.0.0.1")) == LOCKOUT
    failed.record_failure(ip_address(999))
    assert failed.retry_after(ip_address("10.0.0.1")) == 0


def test_a_session_ends_when_it_is_not_used_for_twelve_hours() -> None:
    """Each use extends it."""
    clock = ManualClock(0)
    sessions = LoginSessions(clock.monotonic)
    secret = sessions.open_session()
    clock.advance(SESSION_LIFETIME - 1)
    assert sessions.has_session(secret)
    clock.advance(SESSION_LIFETIME - 1)
    assert sessions.has_session(secret)
    clock.advance(SESSION_LIFETIME)
    assert not sessions.has_session(secret)


def test_closing_a_session_ends_only_that_session() -> None:
    """Other sessions of the same user continue."""
    sessions = LoginSessions(ManualClock(0).monotonic)
    one, other = sessions.open_session(), sessions.open_session()
    sessions.close_session(one)
    assert (sessions.has_session(one), sessions.has_session(other)) == (False, True)


def test_above_the_limit_the_session_unused_for_longest_ends() -> None:
    """So repeated logins use no more memory."""
    sessions = LoginSessions(ManualClock(0).monotonic)
    first, second = sessions.open_session(), sessions.open_session()
    assert sessions.has_session(first)  # used once more
    for _ in range(MAX_SESSIONS - 1):
        sessions.open_session()
    assert (sessions.has_session(first), sessions.has_session(second)) == (True, False)


def test_a_secret_without_a_login_identifies_no_session() -> None:
    """It only proves that the browser's forms are ours."""
    sessions = LoginSessions(ManualClock(0).monotonic)
    secret = sessions.new_secret()
    assert not sessions.has_session(secret)
    assert sessions.is_form_token(secret, sessions.form_token(secret))
    assert not sessions.is_form_token(secret, sessions.form_token(sessions.new_secret()))
    assert not sessions.is_form_token(secret, "")
    assert not sessions.is_form_token(secret, "é")
    assert LoginSessions(ManualClock(0).monotonic).form_token(secret) != sessions.form_token(secret)


def test_logs_do_not_contain_credentials(caplog: pytest.LogCaptureFixture) -> None:
    """A failed login is logged with its address only, and a malformed request is not quoted."""
    with caplog.at_level(logging.DEBUG), running_server(RULES) as server:
        request(server.address, path=API, headers=(HOST, WRONG))
        request(server.address, path=API, headers=(HOST, RIGHT))
        for broken in (("X Y", "1"), ("X-Nul", "a\0b"), ("Content-Length", "x")):
            assert request(server.address, headers=(HOST, RIGHT, broken)).status == 400
        request(server.address, "G ET", headers=(HOST, RIGHT))
    text = caplog.text + repr([record.__dict__ for record in caplog.records])
    assert "from 127.0.0.1" in text
    for secret in ("lovelace", "secret-guess", RIGHT[1], WRONG[1], RIGHT[1].removeprefix("Basic ")):
        assert secret not in text


def test_a_hashed_password_works_like_the_plain_one() -> None:
    """The settings accept the output of `jobtui hash-password`."""
    hashed = read_password(hash_password("lovelace"))
    with running_server(AccessRules(credentials=Credentials("ada", hashed))) as server:
        assert request(server.address, path=API, headers=(HOST, WRONG)).status == 401
        assert request(server.address, path=API, headers=(HOST, RIGHT)).status == 200


def record_comparisons(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the passwords that are compared with the right one from now on."""
    compared: list[str] = []
    matches = Password.matches

    def counting(self: Password, candidate: str) -> bool:
        compared.append(candidate)
        return matches(self, candidate)

    monkeypatch.setattr(Password, "matches", counting)
    return compared


def test_a_password_that_matched_once_is_not_hashed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing takes some tenths of a second on purpose, and a dashboard sends ten requests a second."""
    compared = record_comparisons(monkeypatch)
    with running_server(RULES) as server:
        for credentials in (RIGHT, RIGHT, basic("ada:love", "lace"), basic("adal", "ovelace"), RIGHT):
            request(server.address, path=API, headers=(HOST, credentials))
    assert compared == ["lovelace"]  # wrong ones of the same letters are seen to be different


def test_requests_through_an_unexpected_proxy_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """All clients of the proxy have access, which its administrator may not know."""
    with running_server() as server:
        for _ in range(3):
            request(server.address, path=API, headers=(HOST, ("X-Forwarded-For", "203.0.113.9")))
    assert caplog.text.count("jobs.acceptproxyaddress") == 1
