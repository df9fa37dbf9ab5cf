"""A status page on a free port, and a visitor who has no JavaScript."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urlsplit

from jobtui import Scheduler
from jobtui.access.addresses import TcpAddress, parse_address
from jobtui.access.passwords import read_password
from jobtui.access.rules import AccessRules, Credentials
from jobtui.frontend.backend import LocalBackend
from jobtui.web.server import Server

LIMIT = 20.0  # seconds that anything may take
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"
USER, PASSWORD = "ada", "käse und brot"
LOCKED = AccessRules(credentials=Credentials(USER, read_password(PASSWORD)))


@dataclass
class Element:
    """An element of a page, with the text in it and below it."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """All elements below it of that kind."""
        found = [
            child
            for child in self.children
            if tag in ("", child.tag)
            and all(child.attributes.get(name) == value for name, value in attributes.items())
        ]
        return [*found, *(each for child in self.children for each in child.all(tag, **attributes))]

    def one(self, tag: str = "", **attributes: str) -> Element:
        """The only one of that kind."""
        (found,) = self.all(tag, **attributes)
        return found

    @property
    def words(self) -> str:
        """Its text, with single blanks."""
        return " ".join(self.text.split())


class Tree(HTMLParser):
    """Reads a page into elements."""

    VOID = frozenset({"meta", "link", "input", "br", "hr", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = self._at = Element("", {}, None)
        self.feed(text)
        self.close()
        assert self._at is self.root, f"<{self._at.tag}> is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Go down, unless nothing can be in it."""
        element = Element(tag, {name: value or "" for name, value in attrs}, self._at)
        self._at.children.append(element)
        if tag not in self.VOID:
            self._at = element

    def handle_endtag(self, tag: str) -> None:
        """Go up."""
        assert self._at.tag == tag, f"</{tag}> ends a <{self._at.tag}>"
        assert self._at.parent is not None
        self._at = self._at.parent

    def handle_data(self, data: str) -> None:
        """Text is in everything around it."""
        at: Element | None = self._at
        while at is not None:
            at.text += data
            at = at.parent


@dataclass
class Answer:
    """What the server has answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def page(self) -> Element:
        """The body as a page."""
        return Tree(self.text).root

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Visitor:
    """A browser without JavaScript: keeps cookies, and presses the buttons that are there.

    Attributes:
        cookies: What it was given.
    """

    def __init__(self, address: TcpAddress) -> None:
        self.address = address
        self.cookies: dict[str, str] = {}

    @property
    def cookie(self) -> str:
        """The name of the cookie by which the server knows it."""
        return f"jobtui-{self.address.port}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """One request, and its answer; follows nothing."""
        connection = http.client.HTTPConnection(str(self.address.host), self.address.port, timeout=LIMIT)
        sent = {"Accept": HTML, **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie", []):
            name, _, rest = line.partition("=")
            self.cookies[name] = rest.partition(";")[0].strip('"')
        return answer

    def get(self, path: str = "/@jobs", headers: dict[str, str] | None = None) -> Answer:
        """Get a page."""
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None) -> Answer:
        """Send a form."""
        sent = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self.ask("POST", path, urlencode(fields).encode(), sent)

    def press(self, page: Element, name: str, value: str | None = None) -> Answer:
        """Press the button of that name (and value) on a page; shows the page that one is led to."""
        wanted = {"name": name} if value is None else {"name": name, "value": value}
        button = page.all("button", **wanted)[0]
        form = page.one("form", id=button.attributes["form"])
        fields = {each.attributes["name"]: each.attributes["value"] for each in form.all("input")}
        fields[name] = button.attributes["value"]
        answer = self.post(form.attributes["action"], fields)
        assert answer.status == http.HTTPStatus.SEE_OTHER, answer.text
        return self.get(answer.headers["Location"])

    def log_in(self, user: str = USER, password: str = PASSWORD, path: str = "/@jobs") -> Answer:
        """Go to a page, and fill in the form that is there instead."""
        sent = self.get(path)
        assert sent.status == http.HTTPStatus.SEE_OTHER
        form = self.get(sent.headers["Location"]).page.one("form")
        fields = {each.attributes["name"]: each.attributes.get("value", "") for each in form.all("input")} | {
            "user": user,
            "password": password,
        }
        return self.post(form.attributes["action"], fields)


class Stream:
    """A stream of server-sent events.

    Args:
        visitor: Whose.
        path: Of the stream.
        headers: What is asked with it.
    """

    def __init__(self, visitor: Visitor, path: str, headers: dict[str, str] | None = None) -> None:
        address = visitor.address
        self._connection = http.client.HTTPConnection(str(address.host), address.port, timeout=LIMIT)
        sent = {"Accept": "text/event-stream", **(headers or {})}
        if visitor.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        self._connection.request("GET", path, headers=sent)
        self.response = self._connection.getresponse()

    def events(self) -> Iterator[tuple[str, str, Any]]:
        """Yields each event: its kind, its id and its data."""
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

    def messages(self) -> Iterator[tuple[str, Any]]:
        """Yields each change of the page: its tag, and what it says."""
        return ((tag, data) for kind, tag, data in self.events() if kind == "message")

    def close(self) -> None:
        """Go."""
        self._connection.close()


@contextmanager
def serving(
    scheduler: Scheduler, access: AccessRules | None = None, title: str = "shop.py"
) -> Iterator[Visitor]:
    """A server for a scheduler, and somebody who visits it."""
    source = LocalBackend(scheduler, title)
    with Server(source, parse_address("127.0.0.1:0"), access=access) as server:
        assert isinstance(server.address, TcpAddress)
        yield Visitor(server.address)


@contextmanager
def streaming(visitor: Visitor, page: Element, headers: dict[str, str] | None = None) -> Iterator[Stream]:
    """The stream that a page follows."""
    body = page.one("body").attributes
    parts = urlsplit(body["data-live"])
    more = urlencode({"after": body["data-tag"]})
    stream = Stream(visitor, f"{parts.path}?{parts.query}{'&' if parts.query else ''}{more}", headers)
    try:
        yield stream
    finally:
        stream.close()
