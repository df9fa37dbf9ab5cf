"""`jobtui.asgi`: the status page, the API and events in a web application."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from support.real_threads import LIMIT, jobtui_threads
from support.waiting import wait_until

import jobtui
import jobtui.fastapi
from jobtui import Phase, Scheduler
from jobtui.embedding.asgi import MAX_BODY, Asgi

ROOT = "/team/jobs"


@dataclass
class Client:
    """Sends one request to an ASGI application, as a server for asyncio does.

    Attributes:
        status: The status of the response; 0 before that.
        headers: The headers of the response.
        body: The body so far.
        ended: Whether the response is complete.
    """

    app: Any
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    ended: bool = False

    def __post_init__(self) -> None:
        """Make what the client and the application wait for."""
        self.disconnected = asyncio.Event()
        self._news = asyncio.Event()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        root: str = ROOT,
        framework: str = "Starlette",
        **more: str,
    ) -> Client:
        """Send a request, and return when the response is complete or the client has disconnected.

        Args:
            method: The method.
            path: The path below the application, with the query.
            body: The body.
            root: Where the application is mounted.
            framework: Whose way to tell the path is used.
            **more: Headers; underscores stand for hyphens.
        """
        below, _, query = path.partition("?")
        headers = {"host": "app.example", **{name.replace("_", "-"): value for name, value in more.items()}}
        messages = [
            {"type": "http.request", "body": body[:10], "more_body": True},
            {"type": "http.request", "body": body[10:], "more_body": False},
        ]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop(0)
            await self.disconnected.wait()
            return {"type": "http.disconnect"}

        await self.app(
            {
                "type": "http",
                "method": method,
                "scheme": "https",
                **_path_for(framework, root, below),
                "query_string": query.encode(),
                "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            },
            receive,
            self._note,
        )
        return self

    async def _note(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            self.body += message["body"]
            self.ended = not message.get("more_body", False)
        self._news.set()

    async def wait_for(self, text: bytes) -> None:
        """Wait until the body has a text."""
        while text not in self.body:
            self._news.clear()
            await self._news.wait()

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def header(self, name: str) -> str:
        """Return the only value of a header."""
        [value] = [value.decode() for key, value in self.headers if key == name.encode()]
        return value


def _path_for(framework: str, root: str, below: str) -> dict[str, Any]:
    """Return what a framework puts into the scope for a path below one at which it mounts an application."""
    if framework == "Litestar":
        raw = f"{root}{below}".encode()
        return {"path": f"{below.rstrip('/')}/", "root_path": "", "raw_path": raw}
    return {"path": below if framework == "Starlette 0.32" else root + below, "root_path": root}


def write() -> None:
    """Do nothing."""


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """Return a scheduler that runs, with a job."""
    with Scheduler(tz="UTC") as scheduler:
        scheduler.every("1h", write, name="a/b c")
        yield scheduler


@pytest.fixture
def app(scheduler: Scheduler) -> Iterator[Asgi]:
    """Return the application."""
    app = jobtui.asgi(scheduler, title="shop")
    yield app
    app.close()


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine, and fail if it hangs."""

    async def limited() -> None:
        async with asyncio.timeout(LIMIT):
            await main()

    asyncio.run(limited())


@pytest.mark.parametrize("framework", ["Starlette", "Starlette 0.32", "Litestar"])
@pytest.mark.parametrize("root", ["", "/jobs", ROOT])
def test_the_api_is_found_wherever_the_application_is_mounted(app: Asgi, root: str, framework: str) -> None:
    """A framework may leave the path at which it is mounted in the path of a request, or take it away."""

    async def main() -> None:
        client = await Client(app).request("GET", "/api/snapshot", root=root, framework=framework)
        assert (client.status, client.json["title"], client.ended) == (200, "shop", True)
        health = await Client(app).request("GET", "/healthz", root=root, framework=framework)
        assert health.status == 200
        metrics = await Client(app).request("GET", "/metrics", root=root, framework=framework)
        assert b"jobtui_" in metrics.body

    run(main)


def test_the_path_without_a_slash_is_redirected(app: Asgi) -> None:
    """The links of the page are relative."""

    async def main() -> None:
        for framework in ("Starlette", "Starlette 0.32", "Litestar"):
            client = await Client(app).request("GET", "?q=x", framework=framework)
            assert (client.status, client.header("location")) == (307, f"{ROOT}/?q=x")

    run(main)


def test_a_job_can_be_run_with_a_form_whose_cookie_belongs_to_the_mounted_path(
    app: Asgi, scheduler: Scheduler
) -> None:
    async def main() -> None:
        page = await Client(app).request("GET", "/", accept="text/html")
        cookie, *attributes = page.header("set-cookie").split("; ")
        assert f"Path={ROOT}" in attributes
        assert "Secure" in attributes
        [token, *_] = re.findall(rb'name="token" value="([^"]+)"', page.body)
        form = {"token": token.decode(), "run": "a/b c"}
        sent: dict[str, Any] = {
            "content_type": "application/x-www-form-urlencoded",
            "origin": "https://app.example",
            "cookie": f"session={'x' * 9_000}; {cookie}",  # larger than the server accepts
            "accept": "text/html",
        }
        done = await Client(app).request("POST", "/", body=urlencode(form).encode(), **sent)
        assert (done.status, done.header("location")) == (303, "./")
        assert scheduler.runs_of("a/b c") or scheduler.snapshot().running

    run(main)


def test_a_job_whose_name_has_a_slash_can_be_run_by_a_program(app: Asgi, scheduler: Scheduler) -> None:
    """ASGI decodes the path."""

    async def main() -> None:
        client = await Client(app).request("POST", "/api/jobs/a/b c/run")
        assert client.status == 202
        assert scheduler.run_view(client.json["number"]).job == "a/b c"

    run(main)


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec_fetch_site": "cross-site"}], ids=str
)
def test_a_page_of_another_site_can_change_nothing(
    app: Asgi, scheduler: Scheduler, headers: dict[str, Any]
) -> None:
    async def main() -> None:
        client = await Client(app).request("POST", "/api/jobs/a/b c/run", **headers)
        assert client.status == 403

    run(main)
    assert not scheduler.find_runs(limit=1)


def test_headers_of_clients_that_only_proxies_may_send_are_ignored(app: Asgi) -> None:
    async def main() -> None:
        forged: dict[str, Any] = {
            "x_forwarded_prefix": "/evil",
            "x_forwarded_for": "6.6.6.6",
            "x_forwarded_host": "evil",
        }
        page = await Client(app).request("GET", "/", accept="text/html", **forged)
        assert f"Path={ROOT};" in page.header("set-cookie")

    run(main)


def test_events_arrive_one_by_one_and_end_when_the_client_disconnects(
    app: Asgi, scheduler: Scheduler
) -> None:
    async def main() -> None:
        client = Client(app)
        streaming = asyncio.create_task(client.request("GET", "/api/events"))
        await client.wait_for(b": jobtui")
        await scheduler.now(write)
        await client.wait_for(b"RunFinished")
        assert not client.ended
        client.disconnected.set()
        await streaming

    run(main)


def test_a_stream_that_is_cancelled_ends_properly(app: Asgi) -> None:
    """As uvicorn does when it ends."""

    async def main() -> None:
        client = Client(app)
        streaming = asyncio.create_task(client.request("GET", "/api/events"))
        await client.wait_for(b": jobtui")
        streaming.cancel()
        await streaming
        assert client.ended

    run(main)


def test_a_read_only_application_changes_nothing(scheduler: Scheduler) -> None:
    app = jobtui.asgi(scheduler, readonly=True)

    async def main() -> None:
        client = await Client(app).request("POST", "/api/pause")
        assert client.status == 403

    run(main)
    app.close()


def test_a_request_that_is_too_large_or_malformed_is_rejected(app: Asgi) -> None:
    async def main() -> None:
        large = await Client(app).request("POST", "/api/pause", body=b"x" * (MAX_BODY + 1))
        assert large.status == 413
        broken = await Client(app).request("GET", "/api/pool", accept="a\r\nHost: evil")
        assert broken.status == 400

    run(main)


def test_the_application_works_on_one_event_loop_after_another(app: Asgi) -> None:
    """As with several test clients. After `close` the next request starts another server."""

    async def main() -> None:
        assert (await Client(app).request("GET", "/api/pool")).status == 200

    run(main)
    run(main)
    app.close()
    wait_until(lambda: "jobtui-web" not in jobtui_threads())
    run(main)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_has_a_server_of_its_own(app: Asgi) -> None:
    """As the workers of a web server that loads the application before it forks them."""

    async def main() -> None:
        assert (await Client(app).request("GET", "/api/pool")).status == 200

    run(main)
    child = os.fork()
    if child == 0:
        try:
            run(main)
            app.close()
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    run(main)


def test_the_server_behind_it_listens_on_no_address_and_leaves_no_file(
    app: Asgi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    async def main() -> None:
        assert (await Client(app).request("GET", "/api/pool")).status == 200

    run(main)
    assert list(tmp_path.rglob("*")) == []


def test_on_another_library_than_asyncio_the_error_says_what_to_do(app: Asgi) -> None:
    async def never(*_: object) -> dict[str, Any]:
        raise AssertionError

    request = app({"type": "http", "path": "/"}, never, never)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match=r"needs asyncio, and .*, such as trio: run it with uvicorn"):
        request.send(None)  # as a loop of another library runs it


def test_websockets_are_closed_and_other_protocols_are_not_answered(app: Asgi) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {}

    async def main() -> None:
        await app({"type": "websocket"}, receive, send)
        assert sent == [{"type": "websocket.close"}]
        with pytest.raises(NotImplementedError, match="lifespan"):
            await app({"type": "lifespan"}, receive, send)

    run(main)


def test_the_lifespan_starts_and_stops_the_scheduler_with_the_application() -> None:
    """Twice, as two test clients of one application do."""
    scheduler = Scheduler(tz="UTC")
    lifespan = jobtui.fastapi.lifespan(scheduler)

    async def get_loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def main() -> None:
        async with lifespan(None):
            assert await scheduler.now(get_loop) is asyncio.get_running_loop()
        assert scheduler.snapshot().phase is Phase.STOPPED

    run(main)
    run(main)
