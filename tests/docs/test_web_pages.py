"""docs/api.md, metrics.md and status-page.md agree with a server that is started as a reader starts it."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.doc_pages import README, USER_PAGES, code_words, page

API = page("docs/api.md")
METRICS = page("docs/metrics.md")
STATUS_PAGE = page("docs/status-page.md")

ADDRESS = "127.0.0.1:9001"  # in the examples
LIMIT = 60.0  # seconds that a response may take

JOBS = """
import jobtui

jobtui.schedule("0 30 2 * * *", lambda: 1 / 0, name="nightly")
"""


@dataclass(frozen=True)
class Response:
    """The parts of a response that the tests read."""

    status: int
    location: str
    body: str

    @property
    def json(self) -> Any:
        """Decode the body."""
        return json.loads(self.body)


@dataclass(frozen=True)
class ServerProcess:
    """A server in another process.

    Attributes:
        authority: Its address and port.
    """

    authority: str

    def request(self, method: str, url: str, body: str = "") -> Response:
        """Send a request as curl does. Of a stream of events, read only the first line."""
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        headers = {"Content-Type": "application/json"} if body else {}
        with closing(HTTPConnection(self.authority, timeout=LIMIT)) as connection:
            connection.request(method, path, body.encode() or None, headers)
            response = connection.getresponse()
            stream = response.headers.get_content_type() == "text/event-stream"
            content = response.readline() if stream else response.read()
            return Response(response.status, response.headers.get("Location", ""), content.decode())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Start ``jobtui api_jobs.py --headless --listen`` with a free port, and run its job once."""
    folder: Path = tmp_path_factory.mktemp("served")
    (folder / "api_jobs.py").write_text(JOBS, encoding="utf-8")
    command = [sys.executable, "-m", "jobtui", "api_jobs.py", "--headless", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            lines = []
            for line in process.stderr:
                lines.append(line)
                if found := re.search(r"http://(127\.0\.0\.1:\d+)/@jobs", line):
                    break
            else:
                pytest.fail("".join(lines))
            started = ServerProcess(found[1])
            assert started.request("POST", "/@jobs/api/jobs/nightly/run").status == 202
            tag = ""
            while "jobtui_run_duration_seconds" not in started.request("GET", "/@jobs/metrics").body:
                tag = started.request("GET", f"/@jobs/api/snapshot?after={tag}&wait=5").json["tag"]
            yield started
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=LIMIT)


@pytest.fixture(scope="module")
def document(server: ServerProcess) -> Any:
    """Return the description of the API that the server sends."""
    return server.request("GET", "/@jobs/api/openapi.json").json


# --- docs/api.md ----------------------------------------------------------------------------------


def test_every_path_and_method_and_no_other_is_documented(document: Any) -> None:
    """The OpenAPI description has them too."""
    rows = [(method, code_words(path)[0]) for method, path, _ in API.table("Paths")]
    shown = [(method, path if path.startswith("/@jobs") else f"/@jobs/api{path}") for method, path in rows]
    known = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method in {"get", "patch", "post"}
    }
    assert set(shown) == known
    assert len(shown) == len(known)


def test_the_documented_parameters_are_those_of_the_openapi_description(document: Any) -> None:
    """Of the paths with filters."""
    for method, path, text in API.table("Paths"):
        if "filter" in text:
            operation = document["paths"][f"/@jobs/api{code_words(path)[0]}"][method.lower()]
            known = [each["name"] for each in operation["parameters"] if each.get("in") == "query"]
            assert code_words(text.partition("filter")[2]) == known


def test_every_event_of_the_stream_and_no_other_is_documented(document: Any) -> None:
    """And `lost`, which is the stream's own event."""
    shown = [event for events, _ in API.table("Follow the scheduler") for event in code_words(events)]
    kinds = [kind["properties"]["type"] for kind in document["components"]["schemas"]["Event"]["oneOf"]]
    known = [name for kind in kinds for name in kind.get("enum", [kind.get("const")])]
    assert sorted(shown) == sorted([*known, "lost"])


def test_every_status_of_an_error_and_no_other_is_documented(document: Any) -> None:
    """405 holds for every path, so the description has it once."""
    shown = {int(status) for statuses, _ in API.table("Errors") for status in statuses.split(", ")}
    known = {
        int(status)
        for item in document["paths"].values()
        for operation in item.values()
        for status in operation["responses"]
    }
    assert shown == {status for status in known if status >= 400} | {405}


def test_the_documented_error_is_the_one_that_the_server_sends(server: ServerProcess) -> None:
    """With the suggestion of a near name."""
    [line] = API.in_language("sh")[1].text.splitlines()
    response = server.request("GET", shlex.split(line)[-1])
    assert response.json == json.loads(API.in_language("json")[0].text)
    assert response.status == 404


def curl_lines() -> list[Any]:
    """Return every call of curl that the user documentation shows as a parameter."""
    return [
        pytest.param(line, id=f"{each.name}: {line}")
        for each in [README, *USER_PAGES]
        for text in [*(block.text for block in each.in_language("sh")), *code_words(each.prose)]
        for line in text.splitlines()
        if line.startswith("curl ") and "http" in line
    ]


@pytest.mark.parametrize("line", curl_lines())
def test_a_documented_call_of_curl_works(line: str, server: ServerProcess) -> None:
    """Sent to a server on another port, for a run that exists."""
    words = shlex.split(line, comments=True)
    [url] = [word for word in words if word.startswith("http")]
    body = words[words.index("--json") + 1] if "--json" in words else ""
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if body else "GET"
    assert urlsplit(url).netloc in (ADDRESS, "localhost")
    number = "/runs/88"  # an example; here the first run has the number 1
    response = server.request(method, url.replace(number, "/runs/1"), body)
    assert response.status < 300 or "nigtly" in url, response


def test_running_a_job_returns_the_documented_response(server: ServerProcess) -> None:
    """202, the number of the run, and where to find it."""
    response = server.request("POST", "/@jobs/api/jobs/nightly/run")
    assert (response.status, list(response.json)) == (202, ["number"])
    assert response.location == f"../../runs/{response.json['number']}"


def test_a_snapshot_has_a_tag_for_the_next_request(server: ServerProcess) -> None:
    """A client follows the scheduler with it."""
    tag = server.request("GET", "/@jobs/api/snapshot").json["tag"]
    assert server.request("GET", f"/@jobs/api/snapshot?after={tag}&wait=0").json["tag"]


# --- docs/metrics.md ------------------------------------------------------------------------------


def exported(server: ServerProcess) -> dict[str, tuple[str, set[str]]]:
    """Return the type and the labels of every metric that the server exports, by name.

    Metrics about a run that is RUNNING have no samples now. All of them are by job.
    """
    text = server.request("GET", "/@jobs/metrics").body
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    labels: dict[str, set[str]] = {name: set() for name in types}
    for name, some in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
        family = name if name in types else re.sub(r"_(bucket|sum|count)$", "", name)
        labels[family] |= set(re.findall(r'(\w+)="', some)) - {"le"}
    for name in types:
        if name.startswith("jobtui_job_"):
            assert not labels[name]
            labels[name] = {"job"}
    return {name: (kind, labels[name]) for name, kind in types.items()}


def test_every_metric_and_no_other_is_documented_with_type_and_labels(server: ServerProcess) -> None:
    """As Prometheus reads them."""
    shown = {}
    for metric, kind, _ in METRICS.table("Metrics"):
        name, _, labels = code_words(metric)[0].partition("{")
        shown[name] = (kind, set(filter(None, labels.strip("}").split(","))))
    assert shown == exported(server)


def test_every_outcome_and_no_other_is_documented(server: ServerProcess) -> None:
    """The values of the label."""
    shown = [outcome for outcomes, _ in METRICS.table("Outcomes") for outcome in code_words(outcomes)]
    known = re.findall(r'outcome="(\w+)"', server.request("GET", "/@jobs/metrics").body)
    assert sorted(shown) == sorted(set(known))


def test_the_documented_alerts_use_existing_metrics_and_outcomes(server: ServerProcess) -> None:
    """A misspelt name would match nothing."""
    [_, alerts] = METRICS.in_language("yaml")
    names = set(re.findall(r"\bjobtui_\w+", alerts.text))
    assert {re.sub(r"_bucket$", "", name) for name in names} <= set(exported(server))
    outcomes = {
        each for found in re.findall(r'outcome=~?"([^"]+)"', alerts.text) for each in found.split("|")
    }
    assert outcomes <= {each for row in METRICS.table("Outcomes") for each in code_words(row[0])}


def test_every_status_of_the_health_check_is_documented(document: Any, server: ServerProcess) -> None:
    """In the order of the description."""
    rows = METRICS.table("Health")
    assert [code_words(status)[0] for status, *_ in rows] == document["components"]["schemas"]["Health"][
        "properties"
    ]["status"]["enum"]
    assert (
        server.request("GET", "/@jobs/healthz").json.keys()
        == json.loads(METRICS.in_language("json")[0].text).keys()
    )


# --- docs/status-page.md --------------------------------------------------------------------------


def test_every_key_of_the_status_page_and_no_other_is_documented(server: ServerProcess) -> None:
    """The help of the page lists its keys. A key may mean something else on some pages."""
    html = server.request("GET", "/@jobs").body
    shown: set[str] = set()
    parts = ("On the timeline", "On the calendar of load", "On a difference", "In an output")
    for heading in ("Keys on the page", *parts):
        keys = [key for keys, _ in STATUS_PAGE.table(heading) for key in code_words(keys)]
        assert len(keys) == len(set(keys))
        shown.update(keys)
    assert shown == set(re.findall(r"<kbd>([^<]+)</kbd>", html))


def test_the_status_page_has_the_documented_parts(server: ServerProcess) -> None:
    """The pool, the jobs, and their buttons."""
    html = server.request("GET", "/@jobs").body
    for part in ("pool", "nightly", "Run", "Pause"):
        assert part in html
