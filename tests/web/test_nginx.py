"""The status page behind a real nginx, with its usual configurations."""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode

import pytest
from support.nginx import free_ports, needs_nginx, nginx_in_front
from support.status_page import HTML, LIMIT, Element, PageParser

from jobtui import Scheduler
from jobtui.access.addresses import TcpAddress, parse_address
from jobtui.access.passwords import read_password
from jobtui.access.public_url import parse_public_url
from jobtui.access.rules import AccessRules, Credentials
from jobtui.cli.attach import connect
from jobtui.frontend.local_backend import LocalBackend
from jobtui.web.server import Server

pytestmark = needs_nginx

HOST = "jobs.test"
ADA = Credentials("ada", read_password("lovelace"))

PLAIN = "location /@jobs { proxy_pass UPSTREAM; }"
WITH_HOST = "location /@jobs { proxy_pass UPSTREAM; proxy_set_header Host $host; }"
WITH_HOST_AND_PORT = "location /@jobs { proxy_pass UPSTREAM; proxy_set_header Host $http_host; }"
WITH_SERVER_PORT = "location /@jobs { proxy_pass UPSTREAM; proxy_set_header Host $host:$server_port; }"
FORWARDED = """location /@jobs {
    proxy_pass UPSTREAM;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme;
}"""
RECOMMENDED = """location /@jobs {
    proxy_pass UPSTREAM;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
}"""
PREFIX = "location /team/ { proxy_pass UPSTREAM/; }"
PREFIX_WITH_HOST = "location /team/ { proxy_pass UPSTREAM/; proxy_set_header Host $http_host; }"
PREFIX_FORWARDED = """location /team/ {
    proxy_pass UPSTREAM/;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Prefix /team;
}"""
RENAMED = "location /jobs/ { proxy_pass UPSTREAM/@jobs/; proxy_set_header Host $http_host; }"


class Visitor:
    """A browser: it keeps cookies by path, and says in ``Origin`` which URL it shows.

    Args:
        scheme: ``http`` or ``https``.
        port: The port of nginx.
        host: The name in the URL.
        sends_fetch_metadata: Whether it sends ``Sec-Fetch-Site``, as browsers do over https.
    """

    def __init__(
        self, scheme: str, port: int, host: str = HOST, *, sends_fetch_metadata: bool = False
    ) -> None:
        self._server = f"{scheme}://127.0.0.1:{port}"
        self.origin = f"{scheme}://{host}:{port}"
        self._sends_fetch_metadata = sends_fetch_metadata
        self._authority = f"{host}:{port}"
        self.cookies = CookieJar()
        context = ssl._create_unverified_context()  # noqa: SLF001 - the standard library's; the certificate is the test's own
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context), urllib.request.HTTPCookieProcessor(self.cookies)
        )
        self.path = ""

    def open(
        self, path: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Request a path, or submit a form, and follow redirects. Returns the status and the body."""
        sent = {"Host": self._authority, "Accept": HTML, **(headers or {})}
        if form is not None:
            sent.setdefault("Origin", self.origin)
            if self._sends_fetch_metadata:
                sent["Sec-Fetch-Site"] = "same-origin"
        data = None if form is None else urlencode(form).encode()
        request = urllib.request.Request(self._server + path, data, sent)
        try:
            with self._opener.open(request, timeout=LIMIT) as response:
                self.path = response.url.removeprefix(self._server)
                return response.status, response.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    def page(self, path: str) -> Element:
        """Request a page, which must exist."""
        status, body = self.open(path)
        assert status == 200, body
        return PageParser(body, self.path).root

    @contextmanager
    def stream(self, path: str) -> Iterator[Iterable[bytes]]:
        """Yield the lines of a stream as they arrive."""
        request = urllib.request.Request(self._server + path, headers={"Host": self._authority})
        with self._opener.open(request, timeout=LIMIT) as response:
            yield response

    def press(self, page: Element, name: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Press a button of a page."""
        button = page.find_all("button", name=name)[0]
        form = page.find_one("form", id=button.attributes["form"])
        fields = {each.attributes["name"]: each.attributes["value"] for each in form.find_all("input")}
        return self.open(form.link("action"), fields | {name: button.attributes["value"]}, headers)


@dataclass(frozen=True)
class SetUp:
    """A configuration of nginx, and the settings that belong to it.

    Attributes:
        locations: The ``location`` blocks of nginx; UPSTREAM stands for the URL of the server.
        path: The path of the status page, as the browser knows it.
        url: The path in the setting ``jobs.url``; None to leave out the setting.
        acceptproxyaddress: The setting ``jobs.acceptproxyaddress``.
        unix: Whether nginx connects to a Unix socket.
    """

    locations: str
    path: str = "/@jobs"
    url: str | None = ""
    acceptproxyaddress: bool = False
    unix: bool = False


SET_UPS = {
    "defaults": SetUp(PLAIN),
    "Host": SetUp(WITH_HOST),
    "Host with its port": SetUp(WITH_HOST_AND_PORT),
    "Host with the port of the server": SetUp(WITH_SERVER_PORT),
    "X-Forwarded headers": SetUp(FORWARDED, acceptproxyaddress=True),
    "X-Forwarded headers without a public URL": SetUp(FORWARDED, url=None, acceptproxyaddress=True),
    "as recommended": SetUp(RECOMMENDED, acceptproxyaddress=True),
    "prefix": SetUp(PREFIX, "/team/@jobs", "/team/@jobs"),
    "prefix and Host": SetUp(PREFIX_WITH_HOST, "/team/@jobs", "/team/@jobs"),
    "prefix, URL with a slash": SetUp(PREFIX_WITH_HOST, "/team/@jobs/", "/team/@jobs/"),
    "X-Forwarded-Prefix": SetUp(PREFIX_FORWARDED, "/team/@jobs", None, acceptproxyaddress=True),
    "another path": SetUp(RENAMED, "/jobs/", "/jobs"),
    "Unix socket": SetUp(PLAIN, unix=True),
    "Unix socket, prefix and Host": SetUp(PREFIX_WITH_HOST, "/team/@jobs", "/team/@jobs", unix=True),
}


@contextmanager
def serve_behind_nginx(
    folder: Path, set_up: SetUp, scheme: str, credentials: Credentials | None = None
) -> Iterator[tuple[Scheduler, int]]:
    """Run a scheduler with one job, its server, and nginx in front. Yields the scheduler and nginx's port."""
    ports = free_ports()
    access = AccessRules(
        credentials=credentials,
        acceptproxyaddress=set_up.acceptproxyaddress,
        url=None
        if set_up.url is None
        else parse_public_url(f"{scheme}://{HOST}:{ports[scheme]}{set_up.url}"),
    )
    address = parse_address(f"unix:{folder}/jobs.sock" if set_up.unix else "127.0.0.1:0")
    with Scheduler(pool=2, tz="UTC") as scheduler:
        scheduler.every("1h", print, name="a/b c")
        with Server(LocalBackend(scheduler, "shop.py"), address, access=access) as server:
            bound = server.address
            upstream = f"http://{bound.authority if isinstance(bound, TcpAddress) else f'{bound}:'}"
            with nginx_in_front(set_up.locations.replace("UPSTREAM", upstream), ports, folder):
                yield scheduler, ports[scheme]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("set_up", SET_UPS.values(), ids=SET_UPS.keys())
def test_links_buttons_and_the_stream_work_behind_nginx(tmp_path: Path, set_up: SetUp, scheme: str) -> None:
    """A page of another site can still press no button."""
    with serve_behind_nginx(tmp_path, set_up, scheme) as (scheduler, port):
        visitor = Visitor(scheme, port)
        page = visitor.page(set_up.path)
        loaded = [*page.find_all("link"), *page.find_all("script")]
        paths = [each.link("src" if each.tag == "script" else "href") for each in loaded]
        assert {visitor.open(path)[0] for path in paths} == {200}
        job = next(each for each in page.find_all("a") if each.plain_text == "a/b c")
        assert visitor.page(job.link()).find_one("h1").plain_text == "a/b c"
        status, body = visitor.press(page, "run")
        assert (status, "▶ a/b c: run 1" in body) == (200, True), body
        visitor.press(PageParser(body, visitor.path).root, "pause")
        assert scheduler.job("a/b c").status.value == "PAUSED"
        body_element = page.find_one("body")
        stream = f"{body_element.link('data-live')}?after={body_element.attributes['data-tag']}"
        with visitor.stream(stream) as lines:
            assert any(line.startswith(b"data: ") and b"PAUSED" in line for line in lines)
        status, body = visitor.press(page, "run", {"Origin": f"{scheme}://evil.test"})
        assert (status, "names another web site" in body) == (403, True), body


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("set_up", SET_UPS.values(), ids=SET_UPS.keys())
def test_a_login_behind_nginx_leads_to_the_requested_page(tmp_path: Path, set_up: SetUp, scheme: str) -> None:
    """Every cookie is sent to the paths of the page alone."""
    with serve_behind_nginx(tmp_path, set_up, scheme, ADA) as (_, port):
        visitor = Visitor(scheme, port)
        requested = f"{set_up.path.rstrip('/')}/jobs/a%2Fb%20c"
        form = visitor.page(requested).find_one("form")
        fields = {
            each.attributes["name"]: each.attributes.get("value", "") for each in form.find_all("input")
        }
        status, body = visitor.open(form.link("action"), fields | {"user": "ada", "password": "lovelace"})
        page = PageParser(body, visitor.path).root
        assert (status, page.find_one("h1").plain_text) == (200, "a/b c")
        assert {cookie.path for cookie in visitor.cookies} <= {"/@jobs", set_up.path.rstrip("/")}
        status, body = visitor.press(page, "pause")
        assert (status, "Resume" in body) == (200, True), body
        root = PageParser(body, visitor.path).root
        button = root.find_one("button", formaction="logout")
        token = root.find_one("input", name="token").attributes["value"]
        status, body = visitor.open(button.link("formaction"), {"token": token})
        assert (status, PageParser(body, visitor.path).root.find_one("input", id="password").tag) == (
            200,
            "input",
        )


@pytest.mark.parametrize("name", ["as recommended", "X-Forwarded headers", "Host with its port"])
def test_the_cookie_is_secure_if_the_browser_connects_to_nginx_over_https(tmp_path: Path, name: str) -> None:
    """It is not secure over http: the browser would not send it back."""
    for scheme in ("http", "https"):
        folder = tmp_path / scheme
        folder.mkdir()
        with serve_behind_nginx(folder, SET_UPS[name], scheme) as (_, port):
            visitor = Visitor(scheme, port)
            visitor.page("/@jobs")
            assert {cookie.secure for cookie in visitor.cookies} == {scheme == "https"}


@pytest.mark.parametrize("name", ["defaults", "X-Forwarded headers without a public URL"])
def test_a_name_that_nginx_does_not_pass_on_gets_no_further_than_with_jobs_url(
    tmp_path: Path, name: str
) -> None:
    """The message for a wrong Origin says which setting is missing."""
    set_up = SET_UPS[name]
    with serve_behind_nginx(tmp_path, SetUp(PLAIN, url=None), "http") as (_, port):
        visitor = Visitor("http", port)
        status, body = visitor.press(visitor.page(set_up.path), "run")
        assert (status, "set jobs.url to the URL in the browser" in body) == (403, True), body


def test_a_browser_that_sends_fetch_metadata_needs_no_setting_behind_nginx(tmp_path: Path) -> None:
    """It compares the origin with the URL that it has requested itself."""
    with serve_behind_nginx(tmp_path, SetUp(PLAIN, url=None), "https") as (_, port):
        visitor = Visitor("https", port, sends_fetch_metadata=True)
        status, body = visitor.press(visitor.page("/@jobs"), "run")
        assert (status, "run 1" in body) == (200, True), body


def test_a_host_that_is_not_the_public_one_gets_the_line_for_the_settings(tmp_path: Path) -> None:
    """After DNS rebinding, the browser sends the attacker's host name to nginx."""
    with serve_behind_nginx(tmp_path, SetUp(WITH_HOST, url=None), "http") as (_, port):
        status, body = Visitor("http", port).open("/@jobs")
        assert (status, f"jobs.url = &#34;https://{HOST}/@jobs&#34;" in body) == (403, True), body
    for name in ("Host", "as recommended", "X-Forwarded headers"):
        folder = tmp_path / name.partition(" ")[0]
        folder.mkdir()
        with serve_behind_nginx(folder, SET_UPS[name], "http") as (_, port):
            assert Visitor("http", port).open("/@jobs")[0] == 200
            assert Visitor("http", port, "evil.test").open("/@jobs")[0] == 403


def test_attach_connects_through_nginx_below_another_path(tmp_path: Path) -> None:
    """The URL is the one in the browser."""
    with serve_behind_nginx(tmp_path, SET_UPS["prefix"], "http") as (scheduler, port):
        backend = connect(f"http://127.0.0.1:{port}/team/@jobs")
        try:
            backend.pause("a/b c")
        finally:
            backend.close()
        assert scheduler.job("a/b c").status.value == "PAUSED"
