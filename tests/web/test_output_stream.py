"""The stream of output: filters, positions, gaps and the end of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any

import pytest
from support.api_server import API, ApiClient, BlockingJob, make_validator, serving_api, wait_ended

from jobtui import Scheduler
from jobtui.runtime.output_log import MAX_CHUNK, OutputLog

VALIDATORS = {
    "line": make_validator({"$ref": "#/components/schemas/OutputLine"}),
    "lost": make_validator({"$ref": "#/components/schemas/Lost"}),
    "ended": make_validator({"$ref": "#/components/schemas/Run"}),
}


def read_event(response: HTTPResponse) -> tuple[str, str, Any]:
    """Return the tag, the name and the data of the next event, which has to match the description."""
    lines: list[str] = []
    while not lines or lines[-1]:
        line = response.readline().decode()
        assert line, "the stream has ended"
        if not line.startswith(":"):
            lines.append(line.rstrip("\n"))
        elif response.readline() != b"\n":
            raise AssertionError("a comment is followed by an empty line")
    fields = dict(line.split(": ", 1) for line in lines[:-1])
    data = json.loads(fields["data"])
    VALIDATORS[fields["event"]].validate(data)
    return fields["id"], fields["event"], data


class Output:
    """A scheduler with a job that blocks, its output log and a client.

    Args:
        scheduler: The scheduler.
        log: The output of its jobs.
        client: The client.
    """

    def __init__(self, scheduler: Scheduler, log: OutputLog, client: ApiClient) -> None:
        self.job = BlockingJob()
        scheduler.schedule("@yearly", self.job, name="talk")
        scheduler.schedule("@yearly", print, name="other")
        self.run = scheduler.run("talk")
        self.job.wait_started()
        self.log = log
        self.client = client

    def write(self, text: str, run: int = 0, job: str = "talk") -> None:
        """Write to the log as the run of the job does, or another run."""
        self.log.write(job, run or self.run.number, "stdout", text)

    @contextmanager
    def stream(self, query: str, **headers: str) -> Iterator[HTTPResponse]:
        """Open a stream."""
        with self.client.open_request("GET", f"{API}/output/stream?{query}", headers=headers) as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            assert (response.readline(), response.readline()) == (b": jobtui\n", b"\n")
            yield response


@pytest.fixture
def output() -> Iterator[Output]:
    """Start a scheduler with a run that is RUNNING, and a server."""
    log = OutputLog()
    scheduler = Scheduler(tz="UTC")
    with scheduler, serving_api(scheduler, log=log) as client:
        output = Output(scheduler, log, client)
        yield output
        output.job.release()


def test_the_stream_of_a_run_has_its_lines_from_the_first_one_and_ends_with_the_run(output: Output) -> None:
    output.write("before\n")
    with output.stream(f"run={output.run.number}") as stream:
        assert read_event(stream)[2]["text"] == "before"
        output.write("of another run\n", run=99)
        output.write("one\nunfinished")
        assert read_event(stream)[2]["text"] == "one"
        output.job.release()
        wait_ended(output.run)
        assert read_event(stream)[2]["text"] == "unfinished"
        _, name, run = read_event(stream)
        assert (name, run["number"], run["state"]) == ("ended", output.run.number, "OK")
        assert stream.read() == b""


def test_the_stream_of_a_job_begins_with_the_next_line(output: Output) -> None:
    output.write("before\n")
    with output.stream("job=talk") as stream:
        output.write("of another job\n", run=99, job="other")
        output.write("next\n", run=7)
        _, name, line = read_event(stream)
        assert (name, line["text"], line["run"], line["job"]) == ("line", "next", 7, "talk")


def test_a_stream_goes_on_after_the_last_event_that_a_client_has(output: Output) -> None:
    output.write("one\ntwo\nthree\n")
    with output.stream("after=1") as stream:
        tag, _, line = read_event(stream)
        assert line["text"] == "two"
    with output.stream("after=0", **{"Last-Event-ID": tag}) as stream:
        assert read_event(stream)[2]["text"] == "three"
    with output.stream("", **{"Last-Event-ID": "of another scheduler-7"}) as stream:
        assert read_event(stream)[2]["text"] == "one"


def test_a_stream_says_how_many_lines_were_dropped(output: Output) -> None:
    output.write("x\n" * (MAX_CHUNK + 5))
    with output.stream("after=1") as stream:
        _, name, data = read_event(stream)
        assert (name, data) == ("lost", {"lost": 4})
        assert read_event(stream)[2]["number"] == 6


def test_a_stream_of_an_unknown_run_or_job_is_refused(output: Output) -> None:
    for query in ("run=99", "job=nothing"):
        assert output.client.get(f"/output/stream?{query}").status == 404
    for query in ("run=x", "after=-1", "lines=1"):
        assert output.client.get(f"/output/stream?{query}").status == 400
