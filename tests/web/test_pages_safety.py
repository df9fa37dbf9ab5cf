"""What is shown cannot act, forms of others are refused, and nobody is led astray."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest
from support.status_page import LIMIT, LOCKED, PASSWORD, USER, Element, Tree, Visitor, serving, streaming

from jobtui import Scheduler
from jobtui.access.rules import AccessRules
from jobtui.engine.enums import JobStatus
from jobtui.runtime.output_capture import OutputLog, capture_streams
from jobtui.web.pages.forms import safe_redirect_target

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "'\"><svg onload=alert(1)>",
    "</title></textarea></pre><iframe src=javascript:alert(1)>",
    "{{ 7 * 7 }}{% if 1 %}x{% endif %}",
    "&lt;b&gt; &#60;b&#62;",
    "javascript:alert(1)",
    '" autofocus onfocus="alert(1)',
]
# What the templates write. Whatever else appears was written by somebody else.
TAGS = """
html head meta title link script body a header div p bdi dl dt dd span time button main section h1 h2 small
nav form label input table thead tbody tr th td strong dialog kbd ol li pre
"""
ATTRIBUTES = """
lang charset name content rel href type src defer class id role hidden tabindex method action value form
formaction aria-label aria-hidden aria-labelledby scope title datetime placeholder autocomplete spellcheck
autocapitalize required autofocus maxlength for disabled data-tag data-now data-offset data-heartbeat
data-live data-refetch data-poll data-rows data-job data-run data-status data-phase data-search data-label
data-since data-until data-confirm
"""


def check(page: Element) -> None:
    """See that nothing is on a page but what the templates have."""
    for element in page.all():
        assert element.tag in TAGS.split()
        assert set(element.attributes) <= set(ATTRIBUTES.split())
        for name in ("href", "src", "action", "formaction"):
            assert element.attributes.get(name, "/").startswith(("/@jobs", "#", "/"))
            assert not element.attributes.get(name, "/").startswith("//")


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """A scheduler that runs."""
    with Scheduler(pool=4, tz="UTC") as scheduler:
        yield scheduler


@pytest.mark.parametrize("attack", ATTACKS)
def test_whatever_a_user_writes_is_only_shown(scheduler: Scheduler, attack: str) -> None:
    """Names, titles, summaries, reasons, tracebacks and outputs are text, on every page and in the stream."""

    def job() -> None:
        print(attack)
        sys.stdout.flush()
        raise ValueError(attack)

    job.__doc__ = attack
    with capture_streams(OutputLog()), serving(scheduler, title=attack) as visitor:
        scheduler.every("1h", job, name=attack)
        page = visitor.get().page
        run = scheduler.run(attack)
        assert run.wait(LIMIT)
        paths = ("/@jobs", *(each.attributes["href"] for each in visitor.get().page.all("a")))
        pages = [visitor.get(path).page for path in paths if path.startswith("/")]
        for each in pages:
            check(each)
            assert each.one("header").one("bdi").words == attack
        text = visitor.get(f"/@jobs/runs/{run.number}").page
        assert text.one("pre", id="output").text.strip() == attack
        assert text.one("pre", id="traceback").text.endswith(f"ValueError: {attack}")
        with streaming(visitor, page) as stream:
            tag, data = next(stream.messages())
            assert tag
            for html in data["fragments"].values():
                check(Tree(html).root)
        check(
            visitor.get(f"/@jobs?q={attack.replace(' ', '+').replace('&', '%26').replace('#', '%23')}").page
        )


def test_control_bidi_and_surrogate_characters_are_escaped_on_pages(scheduler: Scheduler) -> None:
    """A lone surrogate, which UTF-8 cannot encode, does not break the page."""

    def job() -> None:
        raise ValueError("\x00\x1b[31m\u202egnp.exe\ud800 ok")

    with serving(scheduler) as visitor:
        scheduler.every("1h", job, name="job")
        run = scheduler.run("job")
        assert run.wait(LIMIT)
        for path in ("/@jobs", f"/@jobs/runs/{run.number}"):
            text = visitor.get(path).text
            assert r"\u202egnp.exe\ud800 ok" in text
            assert not set("\x00\x1b\u202e") & set(text)


# --- forms of others ------------------------------------------------------------------------------


def test_a_form_without_the_token_is_refused(scheduler: Scheduler) -> None:
    """Without it, with another one, or with another browser's, nothing happens."""
    job = scheduler.every("1h", print, name="backup")
    with serving(scheduler) as visitor:
        token = visitor.get().page.one("input", name="token").attributes["value"]
        for wrong in ("", "0" * 64, token[:-1], "ü"):
            assert visitor.post("/@jobs", {"token": wrong, "pause": "backup"}).status == 403
        assert visitor.post("/@jobs", {"pause": "backup"}).status == 403
        other = Visitor(visitor.address)
        assert other.post("/@jobs", {"token": token, "pause": "backup"}).status == 403, "no cookie"
        other.get()
        assert other.post("/@jobs", {"token": token, "pause": "backup"}).status == 403, "another cookie"
        assert job.status.value == "IDLE"
        assert visitor.post("/@jobs", {"token": token, "pause": "backup"}).status == 303
    assert job.status.value == "PAUSED"


def test_a_token_without_a_cookie_is_nobodys(scheduler: Scheduler) -> None:
    """The token of no cookie at all cannot be had, and would not be taken."""
    with serving(scheduler) as visitor:
        page = visitor.get("/@jobs", {"Cookie": "jobtui="}).page
        token = page.one("input", name="token").attributes["value"]
        stranger = Visitor(visitor.address)
        stranger.cookies[stranger.cookie] = ""
        assert stranger.post("/@jobs", {"token": token, "pause-all": "1"}).status == 403


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"token=x", "text/plain", 415),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"token=%ff", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 30, "application/x-www-form-urlencoded", 400),
        (b"token=1&token=2", "application/x-www-form-urlencoded", 400),
    ],
)
def test_what_is_no_form_is_refused(scheduler: Scheduler, body: bytes, kind: str, status: int) -> None:
    """Each with the status that says why."""
    with serving(scheduler) as visitor:
        visitor.get()
        assert visitor.ask("POST", "/@jobs", body, {"Content-Type": kind}).status == status


def test_the_cookie_is_for_this_page_alone(scheduler: Scheduler) -> None:
    """No script reads it, no other site sends it, and it is given once."""
    with serving(scheduler) as visitor:
        cookie = visitor.get().headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Path=/@jobs" in cookie
        assert "Secure" not in cookie
        assert "Set-Cookie" not in visitor.get().headers


def test_behind_https_the_cookie_is_for_https(scheduler: Scheduler) -> None:
    """A proxy that may be believed says so; nobody else can."""
    https = {"X-Forwarded-Proto": "https"}
    with serving(scheduler, AccessRules(acceptproxyaddress=True)) as visitor:
        assert "Secure" in visitor.get(headers=https).headers["Set-Cookie"]
    with serving(scheduler) as visitor:
        assert "Secure" not in visitor.get(headers=https).headers["Set-Cookie"]


# --- logging in -----------------------------------------------------------------------------------


def test_who_has_not_logged_in_is_led_to_the_login_and_back(scheduler: Scheduler) -> None:
    """A page, the form, the right password, and one is where one wanted to go; with another cookie."""
    scheduler.every("1h", print, name="a b")
    with serving(scheduler, LOCKED) as visitor:
        answer = visitor.log_in(path="/@jobs/jobs/a%20b?x=1")
        before = answer.headers["Set-Cookie"]
        assert (answer.status, answer.headers["Location"]) == (303, "/@jobs/jobs/a%20b?x=1")
        page = visitor.get("/@jobs/jobs/a%20b").page
        assert page.one("h1").words == "a b"
        visitor.press(page, "pause", "a b")
        assert visitor.cookies[visitor.cookie] in before
        assert visitor.get("/@jobs/login?next=/@jobs/runs/1").headers["Location"] == "/@jobs/runs/1"
    assert scheduler.job("a b").status is JobStatus.PAUSED


def test_the_login_gives_a_new_cookie(scheduler: Scheduler) -> None:
    """Whoever has planted a cookie in a browser before knows nothing afterwards."""
    with serving(scheduler, LOCKED) as visitor:
        visitor.cookies[visitor.cookie] = planted = "planted"
        assert visitor.log_in().status == 303
        assert visitor.cookies[visitor.cookie] != planted
        thief = Visitor(visitor.address)
        thief.cookies[thief.cookie] = planted
        assert thief.get().status == 303


def test_a_wrong_password_is_refused_on_the_form(scheduler: Scheduler) -> None:
    """The form comes again, with the error and the user, without the password."""
    with serving(scheduler, LOCKED) as visitor:
        for user, password in ((USER, "wrong"), ("eve", PASSWORD), (USER, "")):
            answer = visitor.log_in(user, password)
            assert answer.status == 403
            page = answer.page
            assert page.one("p", role="alert").words == "✗ wrong user or password"
            assert page.one("input", name="user").attributes["value"] == user
            assert "value" not in page.one("input", name="password").attributes
            assert visitor.get().status == 303


def test_the_login_form_helps_password_managers(scheduler: Scheduler) -> None:
    """Its fields say what they are."""
    with serving(scheduler, LOCKED) as visitor:
        page = visitor.get("/@jobs/login").page
        assert page.one("input", name="user").attributes["autocomplete"] == "username"
        assert page.one("input", name="password").attributes["autocomplete"] == "current-password"
        assert {each.attributes["for"] for each in page.all("label")} == {"user", "password"}


def test_who_guesses_has_to_wait(scheduler: Scheduler) -> None:
    """After a few wrong passwords not even the right one is looked at, and a page says for how long."""
    with serving(scheduler, LOCKED) as visitor:
        for _ in range(5):
            assert visitor.log_in(USER, "wrong").status == 403
        answer = visitor.log_in()
        assert answer.status == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 60
        assert "wait a minute" in answer.page.one("main").words


def test_a_login_form_of_another_site_is_refused(scheduler: Scheduler) -> None:
    """Nobody is logged in, as whomever, by a form that we did not give."""
    with serving(scheduler, LOCKED) as visitor:
        fields = {"user": USER, "password": PASSWORD}
        assert visitor.post("/@jobs/login", fields).status == 403
        visitor.get("/@jobs/login")
        assert visitor.post("/@jobs/login", fields | {"token": "0" * 64}).status == 403


def test_logging_out_ends_the_session(scheduler: Scheduler) -> None:
    """The cookie is worth nothing afterwards, and only our own form logs out."""
    with serving(scheduler, LOCKED) as visitor:
        visitor.log_in()
        cookie = dict(visitor.cookies)
        page = visitor.get().page
        assert visitor.post("/@jobs/logout", {}).status == 403
        token = page.one("input", name="token").attributes["value"]
        (button,) = page.all("button", formaction="/@jobs/logout")
        assert button.words == "Log out"
        assert visitor.post("/@jobs/logout", {"token": token}).headers["Location"] == "/@jobs/login"
        visitor.cookies = cookie
        assert visitor.get().status == 303


def test_one_can_log_out_where_nothing_can_be_changed(scheduler: Scheduler) -> None:
    """Readonly does not keep anybody in."""
    access = AccessRules(credentials=LOCKED.credentials, readonly=True)
    with serving(scheduler, access) as visitor:
        visitor.log_in()
        token = visitor.get().page.one("input", name="token").attributes["value"]
        assert visitor.post("/@jobs/logout", {"token": token}).status == 303
        assert visitor.get().status == 303


def test_programs_are_asked_for_credentials_and_not_for_a_form(scheduler: Scheduler) -> None:
    """They get 401 with the scheme; the page's own script gets one at which no browser shows its own form."""
    with serving(scheduler, LOCKED) as visitor:
        for path in ("/@jobs", "/@jobs/live", "/@jobs/api/snapshot"):
            answer = visitor.get(path, {"Accept": "application/json"})
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Basic ")
            script = visitor.get(path, {"Accept": "application/json", "Sec-Fetch-Mode": "cors"})
            assert script.status == 401
            assert not script.headers["WWW-Authenticate"].startswith("Basic ")
        assert visitor.get("/@jobs/api/snapshot").status == 401, "the API is for programs, whoever asks"


def test_who_follows_a_link_from_another_site_stays_logged_in(scheduler: Scheduler) -> None:
    """A browser keeps a strict cookie to itself then; asked again by our own page, it shows it."""
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    with serving(scheduler, LOCKED) as visitor:
        answer = visitor.get("/@jobs/runs/1?a=1", elsewhere)
        assert answer.status == 200
        assert "Set-Cookie" not in answer.headers, "it would take the place of the one that was not shown"
        assert answer.page.one("meta", content="0").attributes["http-equiv"] == "refresh"
        assert answer.page.one("a").attributes["href"] == "/@jobs/runs/1?a=1"
    with serving(scheduler) as visitor:
        assert "Set-Cookie" not in visitor.get(headers=elsewhere).headers


ASTRAY = [
    "",
    "//evil.example",
    "https://evil.example/@jobs",
    "/@jobs@evil.example",
    "/@jobsevil",
    "/\\evil.example",
    "/@jobs/\\evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    "/@jobs/..//evil.example",
    "/@jobs/../..",
    "/@jobs/%2e%2e/evil",
    "/@jobs/.%2E/evil",
    "/@jobs/x/./y",
    "/@jobs/\r\nSet-Cookie: a=b",
    "/@jobs\t",
    " /@jobs",
    "/@jobs/a b",
    "/@jobs/ü",
    "/@jobs/" + "x" * 3000,
    "@jobs",
]


@pytest.mark.parametrize("way", ASTRAY)
def test_nobody_is_led_away(scheduler: Scheduler, way: str) -> None:
    """The login and the forms lead back into the page and nowhere else, whatever they are given."""
    assert safe_redirect_target(way) == "/@jobs"
    with serving(scheduler, LOCKED) as visitor:
        visitor.get("/@jobs/login")
        page = visitor.get("/@jobs/login").page
        fields = {each.attributes["name"]: each.attributes.get("value", "") for each in page.all("input")}
        fields |= {"user": USER, "password": PASSWORD, "next": way}
        assert visitor.post("/@jobs/login", fields).headers["Location"] == "/@jobs"
        token = visitor.get().page.one("input", name="token").attributes["value"]
        sent = visitor.post("/@jobs", {"token": token, "pause-all": "1", "return_to": way})
        assert sent.headers["Location"] == "/@jobs"


@pytest.mark.parametrize(
    "way", ["/@jobs", "/@jobs?q=a%20b", "/@jobs/jobs/..%2Fx", "/@jobs/runs/7", "/@jobs/jobs/a.b"]
)
def test_one_is_led_to_where_one_wanted(way: str) -> None:
    """Every page of ours, with its query."""
    assert safe_redirect_target(way) == way


def test_a_form_that_comes_slowly_keeps_nobody_waiting(scheduler: Scheduler) -> None:
    """While one browser sends its form byte by byte, another one gets its page."""
    with serving(scheduler) as visitor:
        host = str(visitor.address.host), visitor.address.port
        with socket.create_connection(host, timeout=LIMIT) as slow:
            slow.sendall(
                b"POST /@jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n\r\ntok"
            )
            assert visitor.get().status == 200


def test_two_servers_on_one_machine_do_not_log_each_other_out() -> None:
    """To a browser, the ports of a machine share their cookies."""
    with Scheduler(tz="UTC") as one, Scheduler(tz="UTC") as other:
        locked = LOCKED
        with serving(one, locked) as visitor, serving(other, locked) as next_door:
            next_door.cookies = visitor.cookies  # it is the same browser
            assert visitor.log_in().status == 303
            assert next_door.log_in().status == 303
            assert visitor.get().status == 200
            assert next_door.get().status == 200
