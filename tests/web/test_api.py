"""The API, with valid and invalid requests."""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from collections.abc import Iterator
from enum import Enum
from typing import Any
from urllib.parse import quote, urljoin

import pytest
from support.api_server import LIMIT, ApiClient, BlockingJob, serving_api, wait_ended

from jobtui import Scheduler
from jobtui.access.rules import AccessRules
from jobtui.engine.enums import RunState
from jobtui.engine.job_policies import Policies

JSON = {"Content-Type": "application/json"}
NO_ADDRESS = (
    "this address does not exist; the status page is /@jobs, and /@jobs/api lists the paths of the API"
)
NO_ADDRESS_WITH_SLASH = NO_ADDRESS.replace("; ", "; write it without the slash at its end; ")
ALLOWED_FOR_RUNS = "job, state, since, until, limit, offset"
INSTANT = "must be an instant in ISO 8601 with its offset, such as 2026-11-27T02:30:00Z"


@pytest.fixture
def blocking_job() -> Iterator[BlockingJob]:
    """Make the job ``blocks``, whose runs end when the test does at the latest."""
    blocking_job = BlockingJob()
    yield blocking_job
    blocking_job.release()


@pytest.fixture
def scheduler(blocking_job: BlockingJob) -> Scheduler:
    """Make a scheduler that is not started: one job ends at once, one blocks, one fails."""
    scheduler = Scheduler(pool=2, tz="UTC")
    scheduler.schedule("@yearly", lambda: None, name="quick")
    scheduler.schedule("@yearly", blocking_job, name="blocks")
    scheduler.schedule("@yearly", lambda: 1 / 0, name="fails")
    return scheduler


@pytest.fixture
def client(scheduler: Scheduler, blocking_job: BlockingJob) -> Iterator[ApiClient]:
    """Start the scheduler and a server for it."""
    with scheduler, serving_api(scheduler) as client:
        yield client
        blocking_job.release()


# --- reading --------------------------------------------------------------------------------------


def test_the_location_of_a_started_run_shows_how_it_ends(client: ApiClient, scheduler: Scheduler) -> None:
    """The Location header of the response leads to the run."""
    accepted = client.post("/jobs/fails/run")
    number = accepted.json["number"]
    assert accepted.headers["Location"] == f"../../runs/{number}"
    client.post("/jobs/quick/run")
    while (run := client.get(f"/runs/{number}").json["run"])["state"] in {"QUEUED", "RUNNING"}:
        tag = client.get("/snapshot").json["tag"]
        client.get(f"/snapshot?after={tag}&wait=1")
    assert (run["state"], run["trigger"]) == ("FAILED", "by hand")
    assert run["error"].endswith("ZeroDivisionError: division by zero")


def test_a_snapshot_has_the_title_the_rights_and_all_jobs(client: ApiClient) -> None:
    """A dashboard needs no other request to start."""
    response = client.get("/snapshot").json
    assert (response["title"], response["readonly"]) == ("test.py", False)
    assert [job["name"] for job in response["snapshot"]["jobs"]] == ["quick", "blocks", "fails"]
    assert client.get("/jobs").json == response["snapshot"]["jobs"]


def test_the_next_snapshot_differs_only_in_what_has_changed(client: ApiClient, scheduler: Scheduler) -> None:
    """Cached JSON of unchanged jobs and runs is reused correctly."""
    before = client.get("/snapshot").json["snapshot"]
    wait_ended(scheduler.run("quick"))
    after = client.get("/snapshot").json["snapshot"]
    assert after["jobs"][1:] == before["jobs"][1:]
    assert (before["jobs"][0]["runs"], after["jobs"][0]["runs"]) == (0, 1)
    assert after["recent"][0]["state"] == "OK"
    wait_ended(scheduler.run("quick"))
    assert [run["number"] for run in client.get("/snapshot").json["snapshot"]["recent"]] == [2, 1]
    assert client.get("/snapshot").json["snapshot"]["recent"][1] == after["recent"][0]


def test_a_snapshot_request_with_wait_returns_after_a_change(client: ApiClient, scheduler: Scheduler) -> None:
    """With the tag of the current snapshot it blocks until the next event."""
    tag = client.get("/snapshot").json["tag"]
    responses = []

    def poll() -> None:
        responses.append(client.get(f"/snapshot?after={tag}&wait=20").json)

    poller = threading.Thread(target=poll)
    poller.start()
    wait_ended(scheduler.run("quick"))
    poller.join(LIMIT)
    assert responses[0]["tag"] != tag
    assert responses[0]["snapshot"]["seq"] > int(tag.partition("-")[2])


@pytest.mark.parametrize("after", ["", "x", "0-0", "deadbeef-3", "{epoch}-999999999999", "{epoch}-x"])
def test_a_snapshot_request_with_an_invalid_tag_does_not_wait(client: ApiClient, after: str) -> None:
    """With a tag of another epoch, of the future or without meaning, the client knows nothing yet."""
    epoch = client.get("/snapshot").json["tag"].partition("-")[0]
    path = f"/snapshot?after={after.format(epoch=epoch)}&wait=30"  # the client waits less
    assert client.get(path).status == 200


def test_the_runs_of_one_job_include_endings_older_than_the_snapshot(
    client: ApiClient, scheduler: Scheduler
) -> None:
    """A snapshot lists 200 endings of all jobs; a request for one job returns its latest, however old."""
    first = scheduler.run("fails")
    wait_ended(first, *[scheduler.now(abs, number) for number in range(300)])
    assert [run["number"] for run in client.get("/runs?job=fails").json] == [first.number]
    assert client.get("/runs?job=fails&state=OK").json == []
    assert len(client.get("/runs").json) == 100
    assert len(client.get("/runs?limit=800").json) == 301


def test_runs_can_be_filtered_by_job_and_state(
    client: ApiClient, scheduler: Scheduler, blocking_job: BlockingJob
) -> None:
    """Running ones come first, then waiting ones, then endings."""
    runs = [scheduler.run("blocks"), scheduler.run("blocks")]
    blocking_job.wait_started()
    failed = scheduler.run("fails")
    wait_ended(failed)
    numbers = [runs[0].number, runs[1].number, failed.number]
    assert [run["number"] for run in client.get("/runs").json] == numbers
    assert [run["number"] for run in client.get("/runs?state=held").json] == [runs[1].number]
    assert [run["number"] for run in client.get("/runs?job=blocks&limit=1").json] == [runs[0].number]


def test_the_endings_of_a_removed_job_are_still_listed(client: ApiClient, scheduler: Scheduler) -> None:
    """The ledger keeps them, but the job cannot be run."""
    wait_ended(scheduler.run("quick"))
    scheduler.job("quick").remove()
    assert [run["state"] for run in client.get("/runs?job=quick").json] == ["OK"]
    assert client.get("/jobs/quick").status == 404
    assert "there is no job 'quick'" in client.post("/jobs/quick/run").detail


# --- commands -------------------------------------------------------------------------------------


def test_two_requests_to_run_a_job_make_two_runs(client: ApiClient, blocking_job: BlockingJob) -> None:
    """The second run is held. Cancelling depends on the state of each."""
    first, second = [client.post("/jobs/blocks/run").json["number"] for _ in range(2)]
    blocking_job.wait_started()
    assert client.get(f"/runs/{first}").json["run"]["state"] == "RUNNING"
    assert client.get(f"/runs/{second}").json["run"]["state"] == "HELD"
    assert client.post(f"/runs/{second}/cancel").json == {"cancellation": "taken out"}
    assert client.post(f"/runs/{second}/cancel").json == {"cancellation": "too late"}
    assert client.post(f"/runs/{first}/cancel").json == {"cancellation": "asked"}


def test_simultaneous_requests_to_run_a_job_make_one_run_each(client: ApiClient) -> None:
    """Each response has a number of its own."""
    numbers: list[int] = []
    start = threading.Barrier(8)

    def run_job() -> None:
        start.wait(LIMIT)
        numbers.append(client.post("/jobs/quick/run").json["number"])

    clients = [threading.Thread(target=run_job) for _ in range(8)]
    for each in clients:
        each.start()
    for each in clients:
        each.join(LIMIT)
    assert sorted(numbers) == list(range(1, 9))


def test_pause_and_resume_return_whether_they_changed_anything(client: ApiClient) -> None:
    """For all jobs at once they return how many they changed."""
    assert client.post("/jobs/quick/pause").json == {"changed": True}
    assert client.post("/jobs/quick/pause").json == {"changed": False}
    assert client.post("/pause").json == {"changed": 2}
    assert client.post("/jobs/quick/resume").json == {"changed": True}
    assert client.post("/resume").json == {"changed": 2}


def test_a_pause_may_have_an_end_and_a_note(client: ApiClient) -> None:
    """And the API as what has paused the job."""
    path = "/jobs/quick/pause"
    assert client.post(path, {"until": "2999-01-01T08:00Z", "note": "disk"}).json == {"changed": True}
    job = client.get("/jobs/quick").json["job"]
    assert (job["paused_until"][:16], job["pause_note"]) == ("2999-01-01T08:00", "disk")
    assert job["paused_by"].endswith("API") or job["paused_by"].endswith("(API)")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"until": "2001-01-01T08:00Z"}, "cannot end in the past"),
        ({"until": 8}, "until must be a text"),
        ({"for": "1h", "until": "08:00"}, "give either until or for, not both"),
        ({"for": "soon"}, "soon"),
        ({"note": "a\nb"}, "printable"),
        ({"by": "me"}, "unknown key"),
    ],
)
def test_a_pause_with_a_wrong_end_or_note_is_refused(
    client: ApiClient, body: dict[str, Any], problem: str
) -> None:
    """The job is not paused."""
    response = client.post("/jobs/quick/pause", body)
    assert (response.status, problem in response.detail) == (422, True)
    assert client.get("/jobs/quick").json["job"]["paused_since"] is None


def test_a_job_gets_another_schedule_and_other_policies(client: ApiClient) -> None:
    """An interval has no blanks. What is not given stays."""
    details = client.send_json("PATCH", "/jobs/quick", {"spec": "0 */30 * * * *", "overlap": "skip"}).json
    assert (details["job"]["spec"], details["job"]["overlap"]) == ("0 */30 * * * *", "skip")
    assert details["description"] == "every 30 minutes (UTC)"
    details = client.send_json(
        "PATCH", "/jobs/quick", {"spec": "1h30m", "max_held": 3, "catch_up": "12h"}
    ).json
    assert (details["job"]["spec"], details["job"]["overlap"]) == ("every 1h30m", "skip")


def test_each_policy_of_a_job_is_changed_and_null_sets_the_default_again(
    client: ApiClient, scheduler: Scheduler
) -> None:
    """Functions alone cannot be given."""
    rule = {"times": 4, "first": "10s", "until": "next tick"}
    changes: dict[str, Any] = {
        "timeout": "5m",
        "warn": 30,
        "abandon": "10s",
        "retry": rule,
        "until": "2100-01-01",
        "not_before": "2020-01-01T00:00Z",
        "spread": "1s",
        "jitter": "2s",
        "times": 5,
        "on_start": True,
        "overlap": "allow",
        "misfire": "all",
        "max_late": "2h",
        "catch_up": "1h",
        "max_held": 3,
        "pause_after": 2,
    }
    assert {*changes, "on_success", "on_failure", "on_missed"} == set(Policies.__annotations__)
    before = client.get("/jobs/quick").json["job"]
    job = client.send_json("PATCH", "/jobs/quick", changes).json["job"]
    assert (job["timeout"], job["warn"], job["abandon"], job["times"]) == (300, 30, 10, 5)
    assert job["retry"] == "4 retries, after 10s, 20s, 40s, 1m20s, before the next tick"
    assert (job["overlap"], job["misfire"], job["pause_after"]) == ("allow", "all", 2)
    assert job["max_late"] == 7200
    assert "until" in repr(scheduler.job("quick").schedule)
    client.send_json("PATCH", "/jobs/quick", dict.fromkeys(changes))
    assert client.get("/jobs/quick").json["job"] == before


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"retry": {"times": 2, "frist": "1s"}}, "did you mean first="),
        ({"retry": {"first": "1s"}}, "retry must have times"),
        ({"retry": {"times": 2, "on": "OSError"}}, "no argument 'on'"),
        ({"retry": {"times": -1}}, "times must be from 0"),
        ({"retry": True}, "retry must be a number of retries"),
        ({"retry": []}, "retry must be a number of retries"),
        ({"timeout": "5 minutes"}, "5 minutes"),
        ({"spec": None}, "spec must be a text"),
        ({"spec": "0 */30 * * * 7", "overlap": "skip"}, "             ^"),
        ({"spec": "@daily", "overlap": "never"}, "overlap must be one of 'hold', 'skip'"),
        ({"spec": 30}, "spec must be a text"),
        ({"spec": "@daily", "max_held": 0}, "max_held must be at least 1"),
        ({"catch_up": {}}, "must be a timedelta, a number of seconds"),
        ({"on_success": "print"}, "unknown key 'on_success'"),
    ],
)
def test_a_change_of_a_job_that_is_not_valid_changes_nothing(
    client: ApiClient, body: dict[str, Any], problem: str
) -> None:
    """The message for a spec has a caret below the place of the mistake."""
    before = client.get("/jobs/quick").json["job"]
    response = client.send_json("PATCH", "/jobs/quick", body)
    assert (response.status, problem in response.detail) == (422, True), response.detail
    assert client.get("/jobs/quick").json["job"] == before


@pytest.mark.parametrize("size", [0, 1, 7, 1_000_000, 8.0])
def test_resizing_the_pool_returns_the_new_size(client: ApiClient, size: float) -> None:
    """8.0 is a whole number in JSON."""
    assert client.post("/pool/resize", {"size": size}).json["size"] == size
    pool = client.get("/pool").json
    assert (pool["size"], pool["running"], pool["queued"], pool["held"]) == (size, 0, 0, 0)


def test_running_a_one_off_again_is_a_conflict(client: ApiClient, scheduler: Scheduler) -> None:
    """The job exists, so the status is not 404. Pausing it changes nothing."""

    def once() -> None:
        """Do nothing."""

    wait_ended(scheduler.now(once))
    response = client.post("/jobs/once/run")
    assert (response.status, response.detail) == (
        409,
        "once groups one-off runs, each with arguments of its own; run_again repeats one",
    )
    assert client.post("/jobs/once/pause").json == {"changed": False}


class Level(Enum):
    """Has a value that JSON does not have."""

    LOW = (1, 2)
    HIGH = "high"


def test_the_members_of_an_enum_are_given_by_value_or_by_name(
    client: ApiClient, scheduler: Scheduler
) -> None:
    def work(level: Level) -> None:
        """Have a parameter."""

    scheduler.add(work, args=(Level.LOW,))
    schema = client.get("/jobs/work").json["parameters"]["properties"]["level"]
    assert schema == {
        "enum": ["LOW", "high"],
        "x-enum-varnames": ["LOW", "HIGH"],
        "examples": ["LOW"],
    }
    for given, member in (("LOW", Level.LOW), ("HIGH", Level.HIGH), ("high", Level.HIGH)):
        number = client.post("/jobs/work/run", {"level": given}).json["number"]
        assert repr(member) in client.get(f"/runs/{number}").json["run"]["arguments"]
    response = client.post("/jobs/work/run", {"level": "no"})
    assert (response.status, response.detail) == (422, "level: must be one of 'LOW', 'high', not 'no'")


def test_a_job_runs_with_the_arguments_in_the_body(client: ApiClient, scheduler: Scheduler) -> None:
    """A mistake is 422, with its place."""

    def copy(source: str, limit: int = 5) -> None:
        """Have parameters."""

    scheduler.add(copy, args=("home",))
    details = client.get("/jobs/copy").json
    assert (details["job"]["arguments"], details["job"]["spec"]) == ("'home'", "by hand")
    assert details["parameters"]["properties"]["limit"] == {"type": "integer", "default": 5}
    good: list[tuple[dict[str, object], str]] = [
        ({"source": "etc", "limit": 6}, "source='etc', limit=6"),
        ({"args": ["etc"], "kwargs": {"limit": 6}}, "'etc', limit=6"),
        ({}, ""),
    ]
    for body, arguments in good:
        response = client.post("/jobs/copy/run", body)
        assert response.status == 202
        assert client.get(f"/runs/{response.json['number']}").json["run"]["arguments"] == arguments
    bad: list[tuple[dict[str, object], str]] = [
        ({"source": "etc", "limit": "six"}, "limit: must be a whole number, not 'six'"),
        ({"limit": 6}, "source: is missing"),
        ({"goal": 6}, "goal: there is no such parameter; the parameters are source, limit"),
        ({"args": ["etc", "six"]}, "args[1]: must be a whole number, not 'six'"),
    ]
    for body, problem in bad:
        response = client.post("/jobs/copy/run", body)
        assert (response.status, response.detail) == (422, problem)
    assert client.post("/jobs/unknown/run", {"limit": 6}).status == 404


def test_an_ended_run_runs_again_and_its_path_is_in_the_response(
    client: ApiClient, scheduler: Scheduler
) -> None:
    wait_ended(scheduler.now(len, "word"))
    response = client.post("/runs/1/again")
    assert (response.status, response.json) == (202, {"number": 2})
    assert response.headers["Location"] == "../../runs/2"
    assert client.get("/runs/2").json["run"]["arguments"] == "'word'"
    assert client.post("/runs/99/again").status == 404
    wait_ended(scheduler.now(len, "x" * 1_000_000))
    response = client.post("/runs/3/again")
    assert (response.status, "its arguments are not kept" in response.detail) == (409, True)


def test_a_stopped_scheduler_can_be_read_but_runs_nothing(client: ApiClient, scheduler: Scheduler) -> None:
    """The response to a run gives the reason."""
    scheduler.stop()
    assert client.get("/snapshot").json["snapshot"]["phase"] == "stopped"
    response = client.post("/jobs/quick/run")
    assert (response.status, response.detail) == (409, "the scheduler has stopped: it accepts no more runs")


def test_a_read_only_server_rejects_commands_but_no_reads(scheduler: Scheduler) -> None:
    """The message names the setting `jobs.readonly`."""
    with serving_api(scheduler, AccessRules(readonly=True)) as client:
        assert client.get("/snapshot").json["readonly"] is True
        response = client.post("/jobs/quick/run")
        assert (response.status, "jobs.readonly" in response.detail) == (403, True)


# --- names ----------------------------------------------------------------------------------------

NAMES = [
    "a/b",
    "a%2Fb",
    "/",
    "%",
    "%2F",
    "a b",
    "{name}",
    "a?b#c",
    "..x",
    "ünï → 任务",
    "run",
    "+",
    ";x=1",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_job_of_any_name_is_found_by_its_percent_encoded_name(
    client: ApiClient, scheduler: Scheduler, name: str
) -> None:
    scheduler.schedule("@yearly", lambda: None, name=name)
    path = f"/jobs/{quote(name, safe='')}"
    assert client.get(path).json["job"]["name"] == name
    assert client.post(f"{path}/pause").json == {"changed": True}
    assert client.get(f"/runs?job={quote(name, safe='')}").status == 200


@pytest.mark.parametrize("name", [".", ".."])
def test_a_job_whose_name_is_dots_is_found_by_its_name(
    client: ApiClient, scheduler: Scheduler, name: str
) -> None:
    """Clients that do not normalize paths can reach it."""
    scheduler.schedule("@yearly", lambda: None, name=name)
    assert client.get(f"/jobs/{name}").json["job"]["name"] == name


def test_a_lone_surrogate_is_replaced_by_a_question_mark(client: ApiClient, scheduler: Scheduler) -> None:
    """UTF-8 cannot encode it, and other clients would reject the whole response."""

    def odd() -> None:
        pass

    odd.__doc__ = "Half a \ud800 character."
    scheduler.schedule("@yearly", odd)
    assert client.get("/jobs").json[-1]["summary"] == "Half a ? character."
    assert client.get("/jobs/odd%ED%A0%80").status == 404  # a name cannot have any


def test_an_unknown_job_is_answered_with_similar_names(client: ApiClient) -> None:
    """So a typing error is easy to correct."""
    for response in (client.get("/jobs/quik"), client.post("/jobs/quik/run"), client.get("/runs?job=quik")):
        assert (response.status, response.detail) == (404, "there is no job 'quik'; near: quick")


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/jobs?x=1", 400, "unknown query parameter 'x'; allowed: limit, offset"),
        ("/runs?lmit=5", 400, f"unknown query parameter 'lmit'; allowed: {ALLOWED_FOR_RUNS}"),
        ("/runs?limit=5&limit=6", 400, "duplicate query parameter 'limit'"),
        ("/runs?limit=0", 400, "limit must be a whole number from 1 to 800"),
        ("/runs?limit=1.5", 400, "limit must be a whole number from 1 to 800"),
        ("/runs?limit=" + "9" * 5000, 400, "limit must be a whole number from 1 to 800"),
        ("/runs?limit=%D9%A3", 400, "limit must be a whole number from 1 to 800"),  # an Arabic 3
        ("/runs?state=done", 400, f"state must be one of {', '.join(state.value for state in RunState)}"),
        ("/runs?since=yesterday", 400, f"since {INSTANT}"),
        ("/runs?until=2026-11-27T02:30:00", 400, f"until {INSTANT}"),
        ("/runs?until=0001-01-01T00:00:00%2B23:00", 400, f"until {INSTANT}"),
        ("/snapshot?wait=31", 400, "wait must be a whole number from 0 to 30"),
        ("/snapshot?wait=", 400, "wait must be a whole number from 0 to 30"),
        ("/upcoming?limit=101", 400, "limit must be a whole number from 1 to 100"),
        ("/events?after=1", 400, "unknown query parameter 'after'; none is allowed here"),
        ("/@jobs/metrics?name[]=x", 400, "unknown query parameter 'name[]'; none is allowed here"),
        ("/@jobs/healthz?verbose", 400, "unknown query parameter 'verbose'; none is allowed here"),
        ("/runs/0", 400, "the run number must be a whole number from 1 to 100000000000000000"),
        ("/runs/-1", 400, "the run number must be a whole number from 1 to 100000000000000000"),
        ("/runs/" + "9" * 30, 400, "the run number must be a whole number from 1 to 100000000000000000"),
        ("/runs/4711", 404, "there is no run 4711"),
        ("/jobs/unknown", 404, "there is no job 'unknown'"),
        ("/columns?job=unknown", 404, "there is no job 'unknown'"),
        ("/nothing", 404, NO_ADDRESS),
        ("/jobs/", 404, NO_ADDRESS_WITH_SLASH),
        ("/jobs/quick/run/", 404, NO_ADDRESS_WITH_SLASH),
        ("/runs/1/", 404, NO_ADDRESS_WITH_SLASH),
        ("/pool/", 404, NO_ADDRESS_WITH_SLASH),
    ],
)  # fmt: skip
def test_an_invalid_get_request_is_answered_with_the_reason(
    client: ApiClient, path: str, status: int, detail: str
) -> None:
    """The detail says what is wrong, and what is allowed."""
    response = client.get(path)
    assert (response.status, response.detail) == (status, detail)


@pytest.mark.parametrize("path", ["/runs/4711/cancel", "/jobs/quik/pause", "/jobs/quik/resume"])
def test_a_command_for_an_unknown_run_or_job_gets_404(client: ApiClient, path: str) -> None:
    """It is not silently accepted."""
    assert client.post(path).status == 404


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 422, "size must be a whole number from 0 to 1000000; 0 means no limit"),
        (b'{"size": -1}', 422, "size must be a whole number from 0 to 1000000; 0 means no limit"),
        (b'{"size": 1000001}', 422, "size must be a whole number from 0 to 1000000; 0 means no limit"),
        (b'{"size": 1.5}', 422, "size must be a whole number from 0 to 1000000; 0 means no limit"),
        (b'{"size": 1e400}', 422, "size must be a whole number from 0 to 1000000; 0 means no limit"),
        (b'{"size": true}', 422, "size must be a whole number from 0 to 1000000; 0 means no limit"),
        (b'{"size": "4"}', 422, "size must be a whole number from 0 to 1000000; 0 means no limit"),
        (b'{"size": null}', 422, "size must be a whole number from 0 to 1000000; 0 means no limit"),
        (b'{"pool": 4}', 422, "unknown key 'pool'; allowed: size"),
        (b'{"size": 4, "size": 5}', 422, "duplicate key 'size'"),
        (b"[4]", 422, "the body must be a JSON object"),
        (b"4", 422, "the body must be a JSON object"),
        (b'{"size": NaN}', 400, "the body is not valid JSON in UTF-8"),
        (b'{"size": -Infinity}', 400, "the body is not valid JSON in UTF-8"),
        (b'{"size": 4', 400, "the body is not valid JSON in UTF-8"),
        (b'\xff{"size": 4}', 400, "the body is not valid JSON in UTF-8"),
        ('{"size": 4}'.encode("utf-16"), 400, "the body is not valid JSON in UTF-8"),
        (b"[" * 60_000, 400, "the body is not valid JSON in UTF-8"),
        (b'{"size": ' + b"1" * 20_000 + b"}", 400, "the body is not valid JSON in UTF-8"),
        (b'{"size": 4}' + b" " * 66_000, 413, "the body is too large: the limit is 65536 bytes"),
    ],
    ids=lambda value: repr(value)[:24],
)  # fmt: skip
def test_an_invalid_body_is_answered_with_the_reason(
    client: ApiClient, body: bytes, status: int, detail: str
) -> None:
    """The pool keeps its size."""
    response = client.send("POST", "/pool/resize", body, JSON)
    assert (response.status, response.detail) == (status, detail)
    assert client.get("/pool").json["size"] == 2


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "json", ""],
)
@pytest.mark.parametrize("path", ["/jobs/quick/run", "/jobs/quick/pause", "/pause", "/resume"])
def test_an_empty_body_may_have_any_content_type(client: ApiClient, path: str, kind: str) -> None:
    """`curl -X POST -d ''` calls it a form."""
    assert client.send("POST", path, b"", {"Content-Type": kind, "Content-Length": "0"}).status in (200, 202)
    chunked = {"Content-Type": kind, "Transfer-Encoding": "chunked"}
    assert client.send("POST", path, b"0\r\n\r\n", chunked).status in (200, 202)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "json"]
)
def test_a_body_of_another_content_type_is_rejected(client: ApiClient, kind: str) -> None:
    """A form of another web site could send the first two; JSON in another charset is an error as well."""
    response = client.send("POST", "/pool/resize", b'{"size": 4}', {"Content-Type": kind})
    assert (response.status, response.detail) == (415, "the body must be application/json in UTF-8")


@pytest.mark.parametrize("kind", ["application/json; charset=UTF-8", "Application/JSON"])
def test_a_json_content_type_is_accepted_in_any_spelling(client: ApiClient, kind: str) -> None:
    """Upper case and the charset UTF-8 are allowed."""
    assert client.send("POST", "/pool/resize", b'{"size": 4}', {"Content-Type": kind}).status == 200


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)], ids=["gzip", "deflate"]
)
def test_a_compressed_body_is_rejected(client: ApiClient, encoding: str, compress: object) -> None:
    """A few kilobytes may become gigabytes, and would do so before the password is checked."""
    assert callable(compress)
    headers = JSON | {"Content-Encoding": encoding}
    for body in (compress(b'{"size": 4}'), compress(b'{"size": 4}' + b" " * 50_000_000), b"hello"):
        response = client.send("POST", "/pool/resize", body, headers)
        assert (response.status, response.detail) == (415, "the body must not be compressed")


def test_a_command_with_unknown_keys_or_parameters_is_rejected(client: ApiClient) -> None:
    """They would be silently ignored otherwise. An empty object is allowed."""
    assert client.post("/jobs/quick/run", {}).status == 202
    response = client.post("/jobs/quick/resume", {"args": [1]})
    assert (response.status, response.detail) == (422, "unknown key 'args'; none is allowed here")
    assert client.post("/jobs/quick/run?force=1").status == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "POST"])
def test_an_unsupported_method_gets_405_with_the_allowed_methods(client: ApiClient, method: str) -> None:
    """The Allow header lists them."""
    response = client.send(method, "/jobs/quick")
    assert (response.status, response.headers["Allow"]) == (405, "GET,HEAD,PATCH")
    assert client.send("GET", "/jobs/quick/run").headers["Allow"] == "POST"


@pytest.mark.parametrize("path", ["/snapshot", "/jobs", "/runs", "/@jobs/metrics", "/@jobs/healthz"])
def test_head_returns_the_headers_of_get_without_a_body(client: ApiClient, path: str) -> None:
    """Status and content type are those of GET."""
    response = client.send("HEAD", path)
    assert (response.status, response.body) == (200, b"")
    assert response.headers["Content-Type"] == client.get(path).headers["Content-Type"]


def test_head_of_the_event_stream_is_not_allowed(client: ApiClient) -> None:
    """The response would never end."""
    assert client.send("HEAD", "/events").status == 405


def test_the_body_of_a_get_request_is_ignored(client: ApiClient) -> None:
    """The next request is answered as usual."""
    assert client.send("GET", "/pool", b'{"size": 9}', JSON).json["size"] == 2
    assert client.send("GET", "/pool", b"x" * 300_000, JSON).status == 200
    assert client.get("/pool").status == 200


# --- the index, pages, compression and ETags --------------------------------------------------------


def test_the_index_lists_every_path_with_its_methods(client: ApiClient) -> None:
    """They are those of the description."""
    index = client.get("/@jobs/api").json
    with client.open_request("GET", "/@jobs/api/") as response:
        assert json.loads(response.read()) == index
    described = client.get(index["openapi"]).json["paths"]
    assert [each["path"] for each in index["paths"]] == list(described)
    assert {"path": "/@jobs/api/jobs/{name}/run", "methods": ["POST"]} in index["paths"]


@pytest.mark.parametrize("path", ["/@jobs/api/job", "/@jobs/api/v1/jobs", "/api", "/api/jobs", "/metrics"])
def test_an_unknown_path_is_answered_with_the_path_of_the_index(client: ApiClient, path: str) -> None:
    """Users guess paths."""
    with client.open_request("GET", path) as response:
        assert (response.status, json.loads(response.read())["detail"]) == (404, NO_ADDRESS)


def read_pages(client: ApiClient, path: str) -> list[list[Any]]:
    """Return the entries of each page, from the first one on; follow the links."""
    pages = []
    while path:
        response = client.get(path)
        pages.append(response.json)
        link = response.headers["Link"] or ""
        target, _, relation = link.partition(">; ")
        assert relation in ("", 'rel="next"')
        path = urljoin(f"/@jobs/api{path}", target[1:]).removeprefix("/@jobs/api") if link else ""
    return pages


@pytest.mark.parametrize("limit", [1, 3, 7, 10, 11, 1000])
def test_the_links_lead_through_all_jobs(limit: int) -> None:
    """The last page has no link."""
    scheduler = Scheduler()
    names = [f"job {number}" for number in range(10)]
    for name in names:
        scheduler.every("1h", print, name=name)
    with serving_api(scheduler) as client:
        pages = read_pages(client, f"/jobs?limit={limit}")
        assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
        assert [job["name"] for page in pages for job in page] == names
        assert client.get("/jobs?offset=8").json == client.get("/jobs").json[8:]
        assert client.get("/jobs?offset=10").json == []
        assert "Link" not in client.get("/jobs").headers


def test_the_links_lead_past_ten_thousand_jobs() -> None:
    """However many jobs there are, no page but the last one lacks its link."""
    scheduler = Scheduler()
    for number in range(10_003):
        scheduler.every("1h", print, name=f"job {number}")
    with serving_api(scheduler) as client:
        pages = read_pages(client, "/jobs?limit=2&offset=9998")
        names = [[job["name"] for job in page] for page in pages]
        assert names == [["job 9998", "job 9999"], ["job 10000", "job 10001"], ["job 10002"]]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_the_links_lead_through_all_runs_that_meet_the_conditions(client: ApiClient, limit: int) -> None:
    """They keep the other parameters."""
    numbers = [client.post("/jobs/quick/run").json["number"] for _ in range(6)]
    while client.get(f"/runs/{numbers[-1]}").json["run"]["state"] != "OK":
        client.get(f"/snapshot?after={client.get('/snapshot').json['tag']}&wait=1")
    pages = read_pages(client, f"/runs?job=quick&state=ok&limit={limit}")
    assert [run["number"] for page in pages for run in page] == [
        run["number"] for run in client.get("/runs?job=quick").json
    ]


def test_the_links_lead_through_the_history_while_new_runs_arrive(client: ApiClient) -> None:
    numbers = [client.post("/jobs/quick/run").json["number"] for _ in range(6)]
    found, path = [], "/history?q=trigger:hand+state:ok&job=quick&limit=4"
    while client.get(f"/runs/{numbers[-1]}").json["run"]["state"] != "OK":
        client.get(f"/snapshot?after={client.get('/snapshot').json['tag']}&wait=1")
    while path:
        response = client.get(path)
        found.append([run["number"] for run in response.json["runs"]])
        link = response.headers["Link"] or ""
        path = f"/history{link[1:].partition('>; rel=')[0]}" if link else ""
        assert bool(response.json["next"]) is bool(path)
        client.post("/jobs/quick/run")
    assert found == [numbers[:1:-1], numbers[1::-1]]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("q=state:ok+sice:2d", "'sice' is not a key; did you mean since:? (keys are"),
        ("q=state:ok+sice:2d", '"sice:2d" (at character 10 of q)'),
        ("q=a+%22b", "a closing quote is missing in '\"b' (at character 3 of q)"),
        ("q=job:a&job=b", "the query has another job: of this kind; write only one"),
        ("cursor=x", "cursor is not the cursor of a page; leave it out to begin with the first page"),
        ("limit=801", "limit must be a whole number from 1 to 800"),
        ("offset=2", "unknown query parameter 'offset'"),
    ],
)
def test_a_wrong_question_about_the_history_is_answered_with_its_place(
    client: ApiClient, query: str, detail: str
) -> None:
    response = client.get(f"/history?{query}")
    assert response.status == 400
    assert detail in response.detail


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("limit=0", "limit must be a whole number from 1 to 1000"),
        ("limit=1001", "limit must be a whole number from 1 to 1000"),
        ("offset=-1", "offset must be a whole number from 0 to 1000000"),
        ("offset=1000001", "offset must be a whole number from 0 to 1000000"),
        ("page=2", "unknown query parameter 'page'; allowed: limit, offset"),
    ],
)
def test_a_wrong_page_of_jobs_is_rejected(client: ApiClient, query: str, detail: str) -> None:
    """No parameter is silently ignored."""
    response = client.get(f"/jobs?{query}")
    assert (response.status, response.detail) == (400, detail)


READABLE = [
    "/openapi.json",
    "/snapshot",
    "/jobs",
    "/jobs?limit=1",
    "/jobs/quick",
    "/runs",
    "/pool",
    "/progress",
    "/upcoming",
]


@pytest.mark.parametrize("path", READABLE)
def test_a_client_with_the_current_etag_gets_no_body(client: ApiClient, path: str) -> None:
    """Status 304, with the headers that it would get; other ETags get the response."""
    etag = client.get(path).headers["ETag"]
    for known in (etag, f'"other", {etag}', etag.removeprefix("W/"), "*"):
        response = client.get(path, **{"If-None-Match": known})
        assert (response.status, response.body, response.headers["ETag"]) == (304, b"", etag)
    for known in ('"other"', "", etag.replace('"', ""), f"{etag}x"):
        assert client.get(path, **{"If-None-Match": known}).status == 200
    head = client.send("HEAD", path, headers={"If-None-Match": etag})
    assert head.status == 304


@pytest.mark.parametrize("path", ["/snapshot", "/jobs", "/jobs/quick"])
def test_a_change_of_a_job_changes_the_etag(client: ApiClient, path: str) -> None:
    """The client gets the new state."""
    etag = client.get(path).headers["ETag"]
    client.post("/jobs/quick/pause")
    response = client.get(path, **{"If-None-Match": etag})
    assert (response.status, b"paused_since" in response.body) == (200, True)
    assert response.headers["ETag"] != etag


def test_errors_commands_streams_metrics_and_health_have_no_etag(client: ApiClient) -> None:
    """Their responses must not be kept."""
    for response in (
        client.get("/jobs/nothing"),
        client.post("/jobs/quick/pause"),
        client.get("/@jobs/healthz"),
        client.get("/@jobs/metrics"),
        client.get("/@jobs/healthz", **{"If-None-Match": "*"}),
    ):
        assert response.status != 304
        assert "ETag" not in response.headers
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [
        ("gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("GZIP", True),
        ("*", True),
        ("br, *;q=0.1", True),
        ("gzip;q=1.0, identity; q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0, *", False),
        ("gzip;q=x", False),
        ("identity", False),
        ("br", False),
        ("*;q=0", False),
        ("", False),
        ("xgzip", False),
    ],
)
@pytest.mark.parametrize(
    "path", ["/openapi.json", "/jobs", "/snapshot", "/@jobs/metrics", "/@jobs/style.css"]
)
def test_responses_are_compressed_for_clients_that_accept_gzip(
    path: str, accepted: str, *, is_compressed: bool
) -> None:
    """A quality of 0 means that the client does not accept it."""
    scheduler = Scheduler()
    for number in range(10):
        scheduler.every("1h", print, name=f"job {number}")
    with (
        serving_api(scheduler) as client,
        client.open_request(
            "GET",
            path if path.startswith("/@jobs") else f"/@jobs/api{path}",
            headers={"Accept-Encoding": accepted},
        ) as response,
    ):
        body = response.read()
        assert (response.headers["Content-Encoding"] == "gzip") is is_compressed
        assert "Accept-Encoding" in response.headers["Vary"]
        assert int(response.headers["Content-Length"]) == len(body)
        plain = gzip.decompress(body) if is_compressed else body
        assert b"job 9" in plain or path in ("/openapi.json", "/@jobs/style.css")
