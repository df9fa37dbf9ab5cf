"""A server with a scheduler, and a client that reads and operates the status page without JavaScript."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from jobtui import Scheduler
from jobtui.access.addresses import TcpAddress, parse_address
from jobtui.access.passwords import read_password
from jobtui.access.rules import AccessRules, Credentials
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.clock import Clock
from jobtui.web.server import Server

LIMIT = 60.0  # seconds after which a test fails because something has not happened
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"
USER, PASSWORD = "ada", "käse und brot"
LOGIN_REQUIRED = AccessRules(credentials=Credentials(USER, read_password(PASSWORD)))


@dataclass
class Element:
    """An element of a page.

    Attributes:
        text: The text in the element and in its descendants.
        base: The path that links of the page are relative to.
    """

    tag: str
    attributes: dict[str, str]
    parent: Element | None
    base: str
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def link(self, name: str = "href") -> str:
        """Return the path that an attribute links to, as a browser resolves it."""
        return urljoin(self.base, self.attributes[name])

    def find_all(self, tag: str = "", **attributes: str) -> list[Element]:
        """Return the descendants with a tag and with attributes."""
        found = [
            child
            for child in self.children
            if tag in ("", child.tag)
            and all(child.attributes.get(name) == value for name, value in attributes.items())
        ]
        return [*found, *(each for child in self.children for each in child.find_all(tag, **attributes))]

    def find_one(self, tag: str = "", **attributes: str) -> Element:
        """Return the one such descendant; fail if there are none or several."""
        (found,) = self.find_all(tag, **attributes)
        return found

    @property
    def plain_text(self) -> str:
        """The text with single spaces."""
        return " ".join(self.text.split())


class PageParser(HTMLParser):
    """Parses HTML, and fails if it is not well-formed.

    Args:
        html: The page.
        path: The path of the page.

    Attributes:
        root: The element that contains the page.
    """

    VOID_TAGS = frozenset({"base", "wbr", "meta", "link", "input", "br", "hr", "img"})

    def __init__(self, html: str, path: str = "/@jobs") -> None:
        super().__init__()
        self._base = path
        self.root = self._current = Element("", {}, None, path)
        self.feed(html)
        self.close()
        assert self._current is self.root, f"<{self._current.tag}> is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Add an element, and enter it unless it is void."""
        element = Element(tag, {name: value or "" for name, value in attrs}, self._current, self._base)
        if tag == "base":
            self._base = element.link()
        self._current.children.append(element)
        if tag not in self.VOID_TAGS:
            self._current = element

    def handle_endtag(self, tag: str) -> None:
        """Leave the current element."""
        assert self._current.tag == tag, f"</{tag}> ends a <{self._current.tag}>"
        assert self._current.parent is not None
        self._current = self._current.parent

    def handle_data(self, data: str) -> None:
        """Add text to the current element and all its ancestors."""
        element: Element | None = self._current
        while element is not None:
            element.text += data
            element = element.parent


@dataclass
class PageResponse:
    """A response of the server.

    Attributes:
        path: The path that was requested.
    """

    path: str
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def location(self) -> str:
        """The path of a redirect."""
        return urljoin(self.path, str(self.headers["Location"]))

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def page(self) -> Element:
        """The body as a page."""
        return PageParser(self.text, self.path).root

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class PageClient:
    """A browser without JavaScript: it keeps cookies, and presses buttons.

    Attributes:
        cookies: The cookies that servers have set, by name.
    """

    def __init__(self, address: TcpAddress) -> None:
        self.address = address
        self.cookies: dict[str, str] = {}

    @property
    def cookie_name(self) -> str:
        """The name of the server's cookie."""
        return f"jobtui-{self.address.port}"

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> PageResponse:
        """Send a request with the cookies; does not follow redirects."""
        connection = http.client.HTTPConnection(str(self.address.host), self.address.port, timeout=LIMIT)
        try:
            connection.request(method, path, body, self.request_headers(HTML, headers))
            response = connection.getresponse()
            result = PageResponse(path, response.status, response.headers, response.read())
        finally:
            connection.close()
        for line in result.headers.get_all("Set-Cookie", []):
            name, _, rest = line.partition("=")
            self.cookies[name] = rest.partition(";")[0].strip('"')
        return result

    def request_headers(self, accept: str, headers: dict[str, str] | None) -> dict[str, str]:
        """Return the headers of a request: the accepted type, the cookies and additional ones."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Accept": accept, **(headers or {}), **({"Cookie": cookies} if cookies else {})}

    def get(self, path: str = "/@jobs", headers: dict[str, str] | None = None) -> PageResponse:
        """Request a page."""
        return self.request("GET", path, headers=headers)

    def post(self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None) -> PageResponse:
        """Submit a form."""
        form_headers = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self.request("POST", path, urlencode(fields).encode(), form_headers)

    def fields_of(self, form: Element) -> dict[str, str]:
        """Return the fields of a form."""
        inputs = form.find_all("input")
        return {each.attributes["name"]: each.attributes.get("value", "") for each in inputs}

    def submit(self, page: Element, name: str, value: str | None = None) -> PageResponse:
        """Press the button with a name (and value) on a page. Returns the response."""
        attributes = {"name": name} if value is None else {"name": name, "value": value}
        button = page.find_all("button", **attributes)[0]
        form = page.find_one("form", id=button.attributes["form"])
        return self.post(form.link("action"), self.fields_of(form) | {name: button.attributes["value"]})

    def press(self, page: Element, name: str, value: str | None = None) -> PageResponse:
        """Press the button with a name (and value) on a page. Returns the page it redirects to."""
        response = self.submit(page, name, value)
        assert response.status == http.HTTPStatus.SEE_OTHER, response.text
        return self.get(response.location)

    def log_in(self, user: str = USER, password: str = PASSWORD, path: str = "/@jobs") -> PageResponse:
        """Request a page, follow the redirect to the login form, and submit it."""
        redirect = self.get(path)
        assert redirect.status == http.HTTPStatus.SEE_OTHER
        form = self.get(redirect.location).page.find_one("form")
        inputs = form.find_all("input")
        fields = {each.attributes["name"]: each.attributes.get("value", "") for each in inputs}
        return self.post(form.link("action"), fields | {"user": user, "password": password})


class PageEvents:
    """The server-sent events of a stream.

    Args:
        client: The client that opens it.
        path: The path of the stream.
        headers: Additional headers of the request.
    """

    def __init__(self, client: PageClient, path: str, headers: dict[str, str] | None = None) -> None:
        address = client.address
        self._connection = http.client.HTTPConnection(str(address.host), address.port, timeout=LIMIT)
        self._connection.request("GET", path, headers=client.request_headers("text/event-stream", headers))
        self.response = self._connection.getresponse()

    def events(self) -> Iterator[tuple[str, str, Any]]:
        """Yield each event: its type, its id and its data."""
        kind, tag, data = "message", "", ""
        while line := self.response.readline().decode():
            name, _, value = line.rstrip("\n").partition(": ")
            match name:
                case "event":
                    kind = value
                case "id":
                    tag = value
                case "data":
                    data = value
                case "" if data:
                    yield kind, tag, json.loads(data)
                    kind, tag, data = "message", "", ""

    def diffs(self) -> Iterator[tuple[str, Any]]:
        """Yield each change of the page: its tag and its data."""
        return ((tag, data) for kind, tag, data in self.events() if kind == "message")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def serve_page(
    scheduler: Scheduler,
    access: AccessRules | None = None,
    title: str = "shop.py",
    clock: Clock | None = None,
) -> Iterator[PageClient]:
    """Serve a scheduler on a free port; yields a client."""
    backend, address = LocalBackend(scheduler, title), parse_address("127.0.0.1:0")
    with Server(backend, address, access=access, clock=clock) as server:
        assert isinstance(server.address, TcpAddress)
        yield PageClient(server.address)


@contextmanager
def open_page_stream(
    client: PageClient, page: Element, headers: dict[str, str] | None = None
) -> Iterator[PageEvents]:
    """Open the stream that the script of a page would open."""
    body = page.find_one("body")
    url = urlsplit(body.link("data-live"))
    after = urlencode({"after": body.attributes["data-tag"]})
    stream = PageEvents(client, f"{url.path}?{url.query}{'&' if url.query else ''}{after}", headers)
    try:
        yield stream
    finally:
        stream.close()
