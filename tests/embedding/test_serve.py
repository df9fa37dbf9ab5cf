"""`jobtui.serve`: the status page of a scheduler in a program of the user."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from support.real_threads import LIMIT

import jobtui
from jobtui import Scheduler


def get(url: str, **headers: str) -> Any:
    """Return the JSON at a URL."""
    with urlopen(Request(url, headers=headers), timeout=LIMIT) as response:
        return json.load(response)


def post(url: str) -> int:
    """Post nothing to a URL, and return the status."""
    try:
        with urlopen(Request(url, method="POST", data=b""), timeout=LIMIT) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code


def write() -> None:
    """Print something."""
    print("42 customers")


def test_the_status_page_is_served_until_the_end_of_the_block() -> None:
    """The scheduler may start later."""
    scheduler = Scheduler(tz="UTC")
    job = scheduler.every("1h", write)
    with jobtui.serve(scheduler, "127.0.0.1:0", title="shop") as server, scheduler:
        url = str(server.address)
        assert url.startswith("http://127.0.0.1:")
        assert url.endswith("/@jobs")
        assert get(f"{url}/api/snapshot")["title"] == "shop"
        assert post(f"{url}/api/jobs/{job.name}/run") == 202
    with pytest.raises(OSError, match="refused"):
        urlopen(url, timeout=LIMIT)


def test_output_is_left_alone_unless_it_is_to_be_captured(capsys: pytest.CaptureFixture[str]) -> None:
    """Captured output is passed on, too, and the stream is given back at the end."""
    before = sys.stdout
    scheduler = Scheduler(tz="UTC")
    for capture, found in ((False, None), (True, "42 customers\n")):
        with scheduler, jobtui.serve(scheduler, "127.0.0.1:0", capture=capture) as server:
            run = scheduler.now(write)
            run.result(LIMIT)
            assert get(f"{server.address}/api/runs/{run.number}")["output"] == found
        assert sys.stdout is before
        assert capsys.readouterr().out == "42 customers\n"


def test_credentials_are_required_if_they_are_given() -> None:
    scheduler = Scheduler(tz="UTC")
    with jobtui.serve(scheduler, "127.0.0.1:0", user="me", password="open sesame") as server:
        url = f"{server.address}/api/snapshot"
        with pytest.raises(HTTPError, match="401"):
            get(url)
        assert get(url, Authorization=f"Basic {b64encode(b'me:open sesame').decode()}")


def test_a_read_only_page_changes_nothing() -> None:
    scheduler = Scheduler(tz="UTC")
    job = scheduler.every("1h", write)
    with scheduler, jobtui.serve(scheduler, "127.0.0.1:0", readonly=True) as server:
        assert post(f"{server.address}/api/jobs/{job.name}/pause") == 403
    assert job.status.value != "PAUSED"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"address": "0.0.0.0:0"}, OSError, "can be reached by other machines"),
        ({"user": "me"}, ValueError, "user and password belong together"),
        ({"allow": ["10.0.0.0/8"]}, ValueError, "jobs.allow lets other machines connect"),
        ({"allow": "10.0.0.0/8"}, TypeError, r"networks are a list, such as \['10\.0\.0\.0/8'\]"),
        ({"address": "9001"}, ValueError, "did you mean 127.0.0.1:9001"),
        ({"url": "jobs"}, ValueError, "URL"),
    ],
)
def test_a_mistake_is_an_error_that_names_it(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message), jobtui.serve(Scheduler(), **arguments):
        pass
