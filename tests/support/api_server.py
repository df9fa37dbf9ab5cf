"""A server with a scheduler, an API client, and the OpenAPI description that every response must match."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPMessage, HTTPResponse
from importlib.resources import files
from typing import Any

from jsonschema_rs import Draft202012Validator

from jobtui import Run, Scheduler
from jobtui.access.addresses import TcpAddress, parse_address
from jobtui.access.rules import AccessRules
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.output_log import OutputLog
from jobtui.web.server import Server

API = "/@jobs/api"
LIMIT = 60.0  # seconds after which a test fails because something has not happened
DESCRIPTION: dict[str, Any] = json.loads(files("jobtui.web.api").joinpath("openapi.json").read_text("utf-8"))


class BlockingJob:
    """A job whose runs block until the test releases them."""

    def __init__(self) -> None:
        self._started = threading.Semaphore(0)
        self._released = threading.Event()

    def run(self) -> None:
        """Block until `release` is called."""
        self._started.release()
        assert self._released.wait(LIMIT)

    def wait_started(self) -> None:
        """Wait until one more run has started."""
        assert self._started.acquire(timeout=LIMIT)

    def release(self) -> None:
        """Let all runs end, including later ones."""
        self._released.set()


def wait_ended(*runs: Run) -> None:
    """Wait until runs have ended."""
    for run in runs:
        assert run.wait(LIMIT), run


@dataclass(frozen=True)
class ApiResponse:
    """The status, the headers and the body of a response."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def detail(self) -> str:
        """The detail of a problem."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        return str(self.json["detail"])


class ApiClient:
    """Sends requests to a server, and asserts that each response matches the description.

    Args:
        address: The address that the server listens on.
    """

    def __init__(self, address: TcpAddress) -> None:
        self.address = address

    def get(self, path: str, **headers: str) -> ApiResponse:
        """Get a path below the API, or an absolute path."""
        return self.send("GET", path, headers=headers)

    def post(self, path: str, value: Any = None) -> ApiResponse:
        """Post a value as JSON."""
        return self.send_json("POST", path, value)

    def send_json(self, method: str, path: str, value: Any = None) -> ApiResponse:
        """Send a value as JSON."""
        body = b"" if value is None else json.dumps(value).encode()
        return self.send(method, path, body, {"Content-Type": "application/json"} if body else {})

    def send(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> ApiResponse:
        """Send one request, and return the response."""
        path = path if path.startswith("/@jobs") else API + path
        with self.open_request(method, path, body, headers) as response:
            received = ApiResponse(response.status, response.headers, response.read())
        if method in {"GET", "POST", "PATCH"}:
            assert_described(method, path.partition("?")[0], received)
        return received

    @contextmanager
    def open_request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Iterator[HTTPResponse]:
        """Send one request, and yield the response, whose body the test reads."""
        with closing(HTTPConnection(str(self.address.host), self.address.port, timeout=LIMIT)) as connection:
            connection.request(method, path, body or None, dict(headers or {}))
            yield connection.getresponse()


@contextmanager
def serving_api(
    scheduler: Scheduler, access: AccessRules | None = None, log: OutputLog | None = None
) -> Iterator[ApiClient]:
    """Run a server for a scheduler, which the caller starts, and yield a client of the server."""
    address = parse_address("127.0.0.1:0")
    with Server(LocalBackend(scheduler, "test.py", log), address, access=access) as server:
        assert isinstance(server.address, TcpAddress)
        yield ApiClient(server.address)


# --- the description ------------------------------------------------------------------------------


def described_operations() -> set[tuple[str, str]]:
    """Return every method and path in the description."""
    return {(method.upper(), path) for path, item in DESCRIPTION["paths"].items() for method in item}


def find_operation(method: str, path: str) -> dict[str, Any] | None:
    """Return the description of a request, or None. Paths without parameters come first."""
    for template in sorted(DESCRIPTION["paths"], key=lambda each: each.count("{")):
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in DESCRIPTION["paths"][template]:
            found: dict[str, Any] = DESCRIPTION["paths"][template][method.lower()]
            return found
    return None


def resolve_reference(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the description, or the part that it refers to."""
    if "$ref" not in part:
        return part
    found: Any = DESCRIPTION
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


def make_validator(schema: dict[str, Any]) -> Draft202012Validator:
    """Make a validator for a schema of the description."""
    return Draft202012Validator({**schema, "components": DESCRIPTION["components"]})


def assert_described(method: str, path: str, response: ApiResponse) -> None:
    """Assert that the description allows a response: its status, its type, its headers and its body."""
    operation = find_operation(method, path)
    if operation is None or response.status == 405:
        assert response.status in {401, 403, 404, 405}, response
        schema: dict[str, Any] = {"$ref": "#/components/schemas/Problem"}
    else:
        assert str(response.status) in operation["responses"], (method, path, response)
        described = resolve_reference(operation["responses"][str(response.status)])
        if response.status == HTTPStatus.NOT_MODIFIED:
            assert response.body == b"", response
            return
        content_type = response.headers["Content-Type"].partition(";")[0]
        assert content_type in described["content"], (method, path, response)
        for name in described.get("headers", {}):
            assert name in response.headers, (method, path, response)
        schema = described["content"][content_type]["schema"]
        if not content_type.endswith("json"):
            return
    make_validator(schema).validate(response.json)
