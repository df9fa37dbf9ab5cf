"""The security of the pages: escaping, form tokens, logins and redirects."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from support.status_page import (
    LIMIT,
    LOGIN_REQUIRED,
    PASSWORD,
    USER,
    Element,
    PageClient,
    PageParser,
    open_page_stream,
    serve_page,
)

from jobtui import Scheduler
from jobtui.access.rules import AccessRules
from jobtui.engine.enums import JobStatus
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.web.pages import calendar_page
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
# The tags and attributes in the templates. Any other one would come from an attack.
TAGS = """
html head base wbr meta title link script body a header div p bdi dl dt dd span time button main section h1 h2
small nav mark svg rect line text tfoot form label input table thead tbody tr th td strong dialog kbd
ol ul li pre select option progress circle noscript
"""
ATTRIBUTES = """
lang charset name content rel href type src defer class id role hidden tabindex method action value form
formaction aria-label aria-hidden aria-labelledby scope title datetime placeholder autocomplete spellcheck
autocapitalize required autofocus maxlength for disabled aria-current aria-invalid aria-describedby data-tag
data-after data-level data-at data-stream checked selected download data-about cx cy r data-usual data-long
data-key data-other-key x y x1 x2 y1 y2 width height min max data-now data-offset data-heartbeat
data-live data-refetch data-poll data-rows data-job data-run data-status data-phase data-search
data-since data-until data-confirm data-title data-text data-icon data-jobs data-all-paused data-visible
data-total data-words data-label http-equiv colspan
"""


def assert_only_our_markup(page: Element) -> None:
    """Assert that a page has no tags, attributes and link targets that the templates do not have."""
    for element in page.find_all():
        assert element.tag in TAGS.split()
        assert set(element.attributes) <= set(ATTRIBUTES.split())
        for name in ("href", "src", "action", "formaction"):
            if name in element.attributes:
                assert element.link(name).startswith("/@jobs")


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """Start a scheduler."""
    with Scheduler(pool=4, tz="UTC") as scheduler:
        yield scheduler


@pytest.mark.parametrize("attack", ATTACKS)
def test_names_titles_errors_and_output_are_shown_as_text(scheduler: Scheduler, attack: str) -> None:
    """They are escaped on every page and in the stream."""

    def job() -> None:
        print(attack)
        sys.stdout.flush()
        raise ValueError(attack)

    job.__doc__ = attack
    with capture_streams(OutputLog()), serve_page(scheduler, title=attack) as client:
        scheduler.every("1h", job, name=attack)
        page = client.get().page
        run = scheduler.run(attack)
        assert run.wait(LIMIT)
        paths = ("/@jobs", *(each.link() for each in client.get().page.find_all("a")))
        pages = [client.get(path).page for path in paths if path.startswith("/")]
        for each in pages:
            assert_only_our_markup(each)
            assert each.find_one("header").find_one("bdi").plain_text == attack
        text = client.get(f"/@jobs/runs/{run.number}").page
        assert text.find_one("pre", id="output").text.strip() == attack
        assert text.find_one("pre", id="traceback").text.endswith(f"ValueError: {attack}")
        with open_page_stream(client, page) as stream:
            tag, data = next(stream.diffs())
            assert tag
            for html in data["fragments"].values():
                assert_only_our_markup(PageParser(html, "/@jobs/").root)
        assert_only_our_markup(client.get(f"/@jobs?{urlencode({'q': attack})}").page)


@pytest.mark.parametrize("attack", ATTACKS)
def test_pages_about_a_failure_and_lists_of_ticks_show_text(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, attack: str
) -> None:
    """The status page has no links to them."""

    def job() -> None:
        raise ValueError(attack)

    monkeypatch.setattr(calendar_page, "PATIENCE", LIMIT)
    assert scheduler.every("1h", job, name=attack).run().wait(LIMIT)
    with serve_page(scheduler) as client:
        calendar = client.get("/@jobs/calendar").page
        hours = [each.link() for each in calendar.find_all("a") if "minutes=60" in each.link()]
        ticks = client.get(hours[1]).page
        assert ticks.find_one("tbody", **{"data-rows": "ticks"}).find_one("th").plain_text == attack
        streak = client.get(f"/@jobs/streak?{urlencode({'job': attack})}").page
        assert f"error: ValueError: {attack}" in streak.find_one("section", id="streak").plain_text
        difference = client.get("/@jobs/diff?run=1").page
        for page in (calendar, ticks, streak, difference):
            assert_only_our_markup(page)


@pytest.mark.parametrize("path", ["calendar", "streak?job=backup", "diff?run=1", "run?job=backup"])
def test_every_page_requires_the_login(scheduler: Scheduler, path: str) -> None:
    scheduler.every("1h", print, name="backup").run().wait(LIMIT)
    with serve_page(scheduler, LOGIN_REQUIRED) as client:
        response = client.get(f"/@jobs/{path}")
        assert (response.status, response.location.partition("?")[0]) == (303, "/@jobs/login")


def test_control_bidi_and_surrogate_characters_are_escaped_on_pages(scheduler: Scheduler) -> None:
    """A lone surrogate, which UTF-8 cannot encode, does not break the page."""

    def job() -> None:
        raise ValueError("\x00\x1b[31m\u202egnp.exe\ud800 ok")

    with serve_page(scheduler) as client:
        scheduler.every("1h", job, name="job")
        run = scheduler.run("job")
        assert run.wait(LIMIT)
        for path in ("/@jobs", f"/@jobs/runs/{run.number}"):
            text = client.get(path).text
            assert r"\u202egnp.exe\ud800 ok" in text
            assert not set("\x00\x1b\u202e") & set(text)


# --- form tokens ----------------------------------------------------------------------------------


def test_a_form_without_its_browsers_token_is_rejected(scheduler: Scheduler) -> None:
    """A token is valid only with the cookie that it was made for."""
    job = scheduler.every("1h", print, name="backup")
    with serve_page(scheduler) as client:
        token = client.get().page.find_one("input", name="token").attributes["value"]
        for wrong in ("", "0" * 64, token[:-1], "ü"):
            assert client.post("/@jobs", {"token": wrong, "pause": "backup"}).status == 403
        assert client.post("/@jobs", {"pause": "backup"}).status == 403
        other = PageClient(client.address)
        assert other.post("/@jobs", {"token": token, "pause": "backup"}).status == 403, "no cookie"
        other.get()
        assert other.post("/@jobs", {"token": token, "pause": "backup"}).status == 403, "another cookie"
        assert job.status.value == "IDLE"
        assert client.post("/@jobs", {"token": token, "pause": "backup"}).status == 303
    assert job.status.value == "PAUSED"


def test_the_token_for_an_empty_cookie_is_rejected(scheduler: Scheduler) -> None:
    """Otherwise a client without a cookie could submit a form."""
    with serve_page(scheduler) as client:
        page = client.get("/@jobs", {"Cookie": "jobtui="}).page
        token = page.find_one("input", name="token").attributes["value"]
        other = PageClient(client.address)
        other.cookies[other.cookie_name] = ""
        assert other.post("/@jobs", {"token": token, "pause-all": "1"}).status == 403


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        pytest.param(b"{}", "application/json", 415, id="json"),
        pytest.param(b"token=x", "text/plain", 415, id="plain-text"),
        pytest.param(b"\xff\xfe", "application/x-www-form-urlencoded", 400, id="not-ascii"),
        pytest.param(b"token=%ff", "application/x-www-form-urlencoded", 400, id="not-utf-8"),
        pytest.param(b"a=1&" * 30, "application/x-www-form-urlencoded", 400, id="too-many-fields"),
        pytest.param(b"token=1&token=2", "application/x-www-form-urlencoded", 400, id="duplicate-field"),
    ],
)
def test_a_malformed_form_is_rejected(scheduler: Scheduler, body: bytes, kind: str, status: int) -> None:
    """The status depends on what is wrong."""
    with serve_page(scheduler) as client:
        client.get()
        assert client.request("POST", "/@jobs", body, {"Content-Type": kind}).status == status


def test_the_cookie_is_limited_to_this_page_and_set_once(scheduler: Scheduler) -> None:
    """Scripts cannot read it, and other sites cannot make a browser send it."""
    with serve_page(scheduler) as client:
        cookie = client.get().headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Path=/@jobs" in cookie
        assert "Secure" not in cookie
        assert "Set-Cookie" not in client.get().headers


def test_the_cookie_is_secure_if_a_trusted_proxy_reports_https(scheduler: Scheduler) -> None:
    """The header counts only if jobs.acceptproxyaddress is set."""
    https = {"X-Forwarded-Proto": "https"}
    with serve_page(scheduler, AccessRules(acceptproxyaddress=True)) as client:
        assert "Secure" in client.get(headers=https).headers["Set-Cookie"]
    with serve_page(scheduler) as client:
        assert "Secure" not in client.get(headers=https).headers["Set-Cookie"]


# --- logins ---------------------------------------------------------------------------------------


def test_the_login_redirects_to_the_requested_page_with_a_new_cookie(scheduler: Scheduler) -> None:
    """A browser that is logged in gets no login form."""
    scheduler.every("1h", print, name="a b")
    with serve_page(scheduler, LOGIN_REQUIRED) as client:
        response = client.log_in(path="/@jobs/jobs/a%20b?x=1")
        before = response.headers["Set-Cookie"]
        assert (response.status, response.location) == (303, "/@jobs/jobs/a%20b?x=1")
        page = client.get("/@jobs/jobs/a%20b").page
        assert page.find_one("h1").plain_text == "a b"
        client.press(page, "pause", "a b")
        assert client.cookies[client.cookie_name] in before
        assert client.get("/@jobs/login?next=/@jobs/runs/1").location == "/@jobs/runs/1"
    assert scheduler.job("a b").status is JobStatus.PAUSED


def test_a_cookie_from_before_the_login_has_no_access_after_it(scheduler: Scheduler) -> None:
    """An attacker may have planted it in the browser (session fixation)."""
    with serve_page(scheduler, LOGIN_REQUIRED) as client:
        client.cookies[client.cookie_name] = planted = "planted"
        assert client.log_in().status == 303
        assert client.cookies[client.cookie_name] != planted
        attacker = PageClient(client.address)
        attacker.cookies[attacker.cookie_name] = planted
        assert attacker.get().status == 303


def test_after_a_wrong_password_the_form_shows_the_error_and_keeps_the_user(scheduler: Scheduler) -> None:
    """The password is not in the page."""
    with serve_page(scheduler, LOGIN_REQUIRED) as client:
        for user, password in ((USER, "wrong"), ("eve", PASSWORD), (USER, "")):
            response = client.log_in(user, password)
            assert response.status == 403
            page = response.page
            assert page.find_one("p", role="alert").plain_text == "✗ wrong user name or password"
            assert page.find_one("input", name="user").attributes["value"] == user
            assert "value" not in page.find_one("input", name="password").attributes
            assert client.get().status == 303


def test_the_login_form_is_labelled_for_password_managers(scheduler: Scheduler) -> None:
    """The fields have autocomplete attributes and labels."""
    with serve_page(scheduler, LOGIN_REQUIRED) as client:
        page = client.get("/@jobs/login").page
        assert page.find_one("input", name="user").attributes["autocomplete"] == "username"
        assert page.find_one("input", name="password").attributes["autocomplete"] == "current-password"
        assert {each.attributes["for"] for each in page.find_all("label")} == {"user", "password"}


def test_after_five_wrong_passwords_only_the_right_one_is_accepted(scheduler: Scheduler) -> None:
    """The page says how long to wait with another one."""
    with serve_page(scheduler, LOGIN_REQUIRED) as client:
        for _ in range(5):
            assert client.log_in(USER, "wrong").status == 403
        response = client.log_in(USER, "wrong again")
        assert response.status == 429
        assert 0 < int(response.headers["Retry-After"]) <= 60
        assert "wait a minute" in response.page.find_one("main").plain_text
        assert client.log_in().status == 303


def test_a_login_form_without_a_valid_token_is_rejected(scheduler: Scheduler) -> None:
    """Another site could log a browser in with the site's own account."""
    with serve_page(scheduler, LOGIN_REQUIRED) as client:
        fields = {"user": USER, "password": PASSWORD}
        assert client.post("/@jobs/login", fields).status == 403
        client.get("/@jobs/login")
        assert client.post("/@jobs/login", fields | {"token": "0" * 64}).status == 403


def test_a_logout_ends_the_session_and_requires_a_token(scheduler: Scheduler) -> None:
    """The old cookie gives no access any more."""
    with serve_page(scheduler, LOGIN_REQUIRED) as client:
        client.log_in()
        cookie = dict(client.cookies)
        page = client.get().page
        assert client.post("/@jobs/logout", {}).status == 403
        token = page.find_one("input", name="token").attributes["value"]
        (button,) = page.find_all("button", formaction="logout")
        assert button.plain_text == "Log out"
        assert client.post("/@jobs/logout", {"token": token}).location == "/@jobs/login"
        client.cookies = cookie
        assert client.get().status == 303


def test_a_logout_works_on_a_read_only_page(scheduler: Scheduler) -> None:
    """It changes nothing in the scheduler."""
    access = AccessRules(credentials=LOGIN_REQUIRED.credentials, readonly=True)
    with serve_page(scheduler, access) as client:
        client.log_in()
        token = client.get().page.find_one("input", name="token").attributes["value"]
        assert client.post("/@jobs/logout", {"token": token}).status == 303
        assert client.get().status == 303


def test_programs_and_the_script_get_status_401_in_place_of_the_login_form(scheduler: Scheduler) -> None:
    """At the script's challenge, browsers do not open a password dialog."""
    with serve_page(scheduler, LOGIN_REQUIRED) as client:
        for path in ("/@jobs", "/@jobs/live", "/@jobs/api/snapshot"):
            response = client.get(path, {"Accept": "application/json"})
            assert response.status == 401
            assert response.headers["WWW-Authenticate"].startswith("Basic ")
            script = client.get(path, {"Accept": "application/json", "Sec-Fetch-Mode": "cors"})
            assert script.status == 401
            assert not script.headers["WWW-Authenticate"].startswith("Basic ")
        assert client.get("/@jobs/api/snapshot").status == 401, "the API has no login form"


def test_a_link_on_another_site_gets_a_page_that_reloads_with_the_cookie(scheduler: Scheduler) -> None:
    """A browser does not send a SameSite=Strict cookie with such a request."""
    cross_site = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    with serve_page(scheduler, LOGIN_REQUIRED) as client:
        response = client.get("/@jobs/runs/1?a=1", cross_site)
        assert response.status == 200
        assert "Set-Cookie" not in response.headers, "it would replace the cookie that was not sent"
        assert response.page.find_one("meta", content="0").attributes["http-equiv"] == "refresh"
        assert response.page.find_one("a").link() == "/@jobs/runs/1?a=1"
    with serve_page(scheduler) as client:
        assert "Set-Cookie" not in client.get(headers=cross_site).headers


UNSAFE_TARGETS = [
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


@pytest.mark.parametrize("target", UNSAFE_TARGETS)
def test_forms_do_not_redirect_to_an_unsafe_target(scheduler: Scheduler, target: str) -> None:
    """The login and the command form redirect to the status page instead."""
    assert safe_redirect_target(target) == "/@jobs"
    with serve_page(scheduler, LOGIN_REQUIRED) as client:
        client.get("/@jobs/login")
        page = client.get("/@jobs/login").page
        fields = {
            each.attributes["name"]: each.attributes.get("value", "") for each in page.find_all("input")
        }
        fields |= {"user": USER, "password": PASSWORD, "next": target}
        assert client.post("/@jobs/login", fields).location == "/@jobs/"
        token = client.get().page.find_one("input", name="token").attributes["value"]
        response = client.post("/@jobs", {"token": token, "pause-all": "1", "return_to": target})
        assert response.location == "/@jobs/"


@pytest.mark.parametrize(
    "target", ["/@jobs", "/@jobs?q=a%20b", "/@jobs/jobs/..%2Fx", "/@jobs/runs/7", "/@jobs/jobs/a.b"]
)
def test_every_page_of_ours_is_a_safe_redirect_target(target: str) -> None:
    """The query is kept."""
    assert safe_redirect_target(target) == target


def test_a_slow_form_does_not_block_other_browsers(scheduler: Scheduler) -> None:
    """Another browser gets its page while the form is incomplete."""
    with serve_page(scheduler) as client:
        host = str(client.address.host), client.address.port
        with socket.create_connection(host, timeout=LIMIT) as slow:
            slow.sendall(
                b"POST /@jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n\r\ntok"
            )
            assert client.get().status == 200


def test_two_servers_on_one_host_do_not_log_each_other_out(scheduler: Scheduler) -> None:
    """Browsers do not separate cookies by port."""
    servers = (serve_page(scheduler, LOGIN_REQUIRED), serve_page(Scheduler(), LOGIN_REQUIRED))
    with servers[0] as client, servers[1] as other:
        other.cookies = client.cookies  # one browser has both pages open
        assert client.log_in().status == 303
        assert other.log_in().status == 303
        assert client.get().status == 200
        assert other.get().status == 200
