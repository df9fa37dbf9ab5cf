"""What the tests of the API share: a server with a scheduler, a client, and the API's document."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage, HTTPResponse
from importlib.resources import files
from typing import Any

from jsonschema_rs import Draft202012Validator

from jobtui import Run, Scheduler
from jobtui.access.addresses import TcpAddress, parse_address
from jobtui.access.rules import AccessRules
from jobtui.frontend.backend import LocalBackend
from jobtui.web.server import Server

API = "/@jobs/api"
LIMIT = 20.0  # seconds after which something that should have happened has not
DOCUMENT: dict[str, Any] = json.loads(files("jobtui.web.api").joinpath("openapi.json").read_text("utf-8"))


class Latch:
    """A job that says when it has begun, and waits until it is let through."""

    def __init__(self) -> None:
        self._begun = threading.Semaphore(0)
        self._open = threading.Event()

    def run(self) -> None:
        """Wait to be let through."""
        self._begun.release()
        assert self._open.wait(LIMIT)

    def wait_begun(self) -> None:
        """Wait until one more run has begun."""
        assert self._begun.acquire(timeout=LIMIT)

    def open(self) -> None:
        """Let everybody through."""
        self._open.set()


def done(*runs: Run) -> None:
    """Wait for runs to end."""
    for run in runs:
        assert run.wait(LIMIT), run


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    @property
    def detail(self) -> str:
        """What was wrong, of a problem."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        return str(self.json["detail"])


class Client:
    """Asks a server, and holds every answer against the document.

    Args:
        address: Where the server listens.
    """

    def __init__(self, address: TcpAddress) -> None:
        self.address = address

    def get(self, path: str, **headers: str) -> Answer:
        """Look at something below the API, or at an absolute path."""
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, value: Any = None) -> Answer:
        """Change something."""
        body = b"" if value is None else json.dumps(value).encode()
        return self.ask("POST", path, body, {"Content-Type": "application/json"} if body else {})

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request."""
        path = path if path.startswith("/@jobs") else API + path
        with self.asking(method, path, body, headers) as response:
            answer = Answer(response.status, response.headers, response.read())
        if method in {"GET", "POST"}:
            check_answer(method, path.partition("?")[0], answer)
        return answer

    @contextmanager
    def asking(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Iterator[HTTPResponse]:
        """Send one request, and read its answer bit by bit."""
        with closing(HTTPConnection(str(self.address.host), self.address.port, timeout=LIMIT)) as connection:
            connection.request(method, path, body or None, dict(headers or {}))
            yield connection.getresponse()


@contextmanager
def served(scheduler: Scheduler, access: AccessRules | None = None) -> Iterator[Client]:
    """A server for a scheduler, which is not started here."""
    address = parse_address("127.0.0.1:0")
    with Server(LocalBackend(scheduler, "test.py"), address, access=access) as server:
        assert isinstance(server.address, TcpAddress)
        yield Client(server.address)


# --- the document ---------------------------------------------------------------------------------


def operations() -> set[tuple[str, str]]:
    """Every method and path in the document."""
    return {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """What the document says of a request; None if nothing. A path without a place for a name comes first."""
    for template in sorted(DOCUMENT["paths"], key=lambda each: each.count("{")):
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in DOCUMENT["paths"][template]:
            found: dict[str, Any] = DOCUMENT["paths"][template][method.lower()]
            return found
    return None


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """A part of the document, or what it refers to."""
    if "$ref" not in part:
        return part
    found: Any = DOCUMENT
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """Holds values against a schema of the document."""
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def check_answer(method: str, path: str, answer: Answer) -> None:
    """See that the document allows an answer: its status, its type, its body."""
    operation = operation_of(method, path)
    if operation is None or answer.status == 405:
        assert answer.status in {401, 403, 404, 405}, answer
        schema: dict[str, Any] = {"$ref": "#/components/schemas/Problem"}
    else:
        assert str(answer.status) in operation["responses"], (method, path, answer)
        response = resolved(operation["responses"][str(answer.status)])
        kind = answer.headers["Content-Type"].partition(";")[0]
        assert kind in response["content"], (method, path, answer)
        for name in response.get("headers", {}):
            assert name in answer.headers, (method, path, answer)
        schema = response["content"][kind]["schema"]
        if not kind.endswith("json"):
            return
    validator(schema).validate(answer.json)
