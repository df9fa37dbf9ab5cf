"""`jobtui.asgi`, mounted in an application of Starlette that uvicorn serves."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.command_line import LIMIT
from support.recipes import Program, get, python
from support.waiting import wait_until

from jobtui.cli.attach import connect

APPLICATION = """
import asyncio
import jobtui
import jobtui.fastapi
from starlette.applications import Starlette
from starlette.routing import Mount

scheduler = jobtui.Scheduler(tz="UTC")
lifespan = jobtui.fastapi.lifespan(scheduler)
app = Starlette(routes=[Mount("/team/jobs", jobtui.asgi(scheduler, title="shop"))], lifespan=lifespan)
scheduler.on_app_stop(lambda: print("the scheduler has stopped"))

@scheduler.scheduled(every="1h")
async def greet():
    print("hello from", type(asyncio.get_running_loop()).__module__)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Program]:
    """Serve the application."""
    (tmp_path / "application.py").write_text(APPLICATION, encoding="utf-8")
    command = ("-m", "uvicorn", "application:app", "--port", "0", "--timeout-graceful-shutdown", "1")
    with python(*command, folder=tmp_path) as server:
        yield server


@pytest.fixture
def page(server: Program) -> str:
    """Return the URL of the status page."""
    return f"{server.wait_for_url()}/team/jobs"


def open_events(page: str, cleanup: ExitStack) -> HTTPResponse:
    """Open the stream of events, and return it when the server has begun to send."""
    url = urlsplit(page)
    connection = cleanup.enter_context(closing(HTTPConnection(url.netloc, timeout=LIMIT)))
    connection.request("GET", f"{url.path}/api/events")
    response = connection.getresponse()
    assert response.readline() == b": jobtui\n"
    return response


def read_until(stream: HTTPResponse, name: bytes) -> bytes:
    """Read a stream until a line has the name of an event, and return what was read."""
    text = b""
    while name not in text:
        line = stream.readline()
        assert line, text
        text += line
    return text


def test_the_page_the_api_and_the_metrics_are_below_the_mounted_path(page: str) -> None:
    status, html = get(f"{page}/")
    assert (status, "<title>shop" in html) == (200, True)
    assert not re.search(r'(href|src|action)="/', html)  # links are relative
    assert "<title>shop" in get(page)[1]  # redirected
    assert json.loads(get(f"{page}/api/snapshot")[1])["title"] == "shop"
    assert json.loads(get(f"{page}/healthz")[1])["status"] == "ok"
    assert "jobtui_jobs 1" in get(f"{page}/metrics")[1]
    assert get(f"{page}/nonsense")[0] == 404


def test_a_dashboard_can_be_attached_and_steers_the_scheduler(page: str, server: Program) -> None:
    with closing(connect(page)) as backend:
        backend.run("greet")
        server.wait_for("hello from")
        wait_until(lambda: backend.snapshot().recent)
        backend.pause("greet")
        wait_until(lambda: backend.snapshot().jobs[0].status.name == "PAUSED")


def test_two_clients_get_all_events_and_the_server_ends_cleanly_with_them(page: str, server: Program) -> None:
    with ExitStack() as cleanup:
        streams = [open_events(page, cleanup) for _ in range(2)]
        assert get(f"{page}/api/jobs/greet/run", data=b"")[0] == 202
        first, second = (read_until(stream, b"RunFinished") for stream in streams)
        assert first == second
        assert server.stop(signal.SIGINT) == 0
        for stream in streams:
            stream.read()  # to its proper end
    text = server.output.text
    assert "the scheduler has stopped" in text
    assert "Application shutdown complete" in text
    assert "Traceback" not in text
