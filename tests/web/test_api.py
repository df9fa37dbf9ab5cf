"""The API as people and programs use it, and as they misuse it."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from support.api_server import API, LIMIT, Client, Latch, done, served

from jobtui import Scheduler
from jobtui.access.rules import AccessRules
from jobtui.engine.enums import RunState

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def latch() -> Iterator[Latch]:
    """What the job ``waits`` waits for; it is open in the end."""
    latch = Latch()
    yield latch
    latch.open()


@pytest.fixture
def scheduler(latch: Latch) -> Scheduler:
    """A scheduler that is not started: a job that ends at once, one that waits, one that fails."""
    scheduler = Scheduler(pool=2, tz="UTC")
    scheduler.schedule("@yearly", lambda: None, name="quick")
    scheduler.schedule("@yearly", latch, name="waits")
    scheduler.schedule("@yearly", lambda: 1 / 0, name="fails")
    return scheduler


@pytest.fixture
def client(scheduler: Scheduler, latch: Latch) -> Iterator[Client]:
    """A client of a server for that scheduler, which is started."""
    with scheduler, served(scheduler) as client:
        yield client
        latch.open()


# --- looking --------------------------------------------------------------------------------------


def test_a_run_can_be_followed_from_the_answer_that_promised_it(client: Client, scheduler: Scheduler) -> None:
    """The Location of an accepted run leads to it, and its end is seen there."""
    accepted = client.post("/jobs/fails/run")
    number = accepted.json["number"]
    assert accepted.headers["Location"] == f"{API}/runs/{number}"
    client.post("/jobs/quick/run")
    while (run := client.get(accepted.headers["Location"]).json["run"])["state"] in {"QUEUED", "RUNNING"}:
        tag = client.get("/snapshot").json["tag"]
        client.get(f"/snapshot?after={tag}&wait=1")
    assert (run["state"], run["trigger"]) == ("FAILED", "by hand")
    assert run["error"].endswith("ZeroDivisionError: division by zero")


def test_a_look_says_what_a_dashboard_needs(client: Client) -> None:
    """Title, rights, and the tag to go on from come with the snapshot."""
    look = client.get("/snapshot").json
    assert (look["title"], look["readonly"]) == ("test.py", False)
    assert [job["name"] for job in look["snapshot"]["jobs"]] == ["quick", "waits", "fails"]
    assert client.get("/jobs").json == look["snapshot"]["jobs"]


def test_a_snapshot_tells_of_what_changed_and_of_nothing_else(client: Client, scheduler: Scheduler) -> None:
    """Written again is what changed, whoever asks in between; the rest reads as before."""
    before = client.get("/snapshot").json["snapshot"]
    done(scheduler.run("quick"))
    after = client.get("/snapshot").json["snapshot"]
    assert after["jobs"][1:] == before["jobs"][1:]
    assert (before["jobs"][0]["runs"], after["jobs"][0]["runs"]) == (0, 1)
    assert after["recent"][0]["state"] == "OK"
    done(scheduler.run("quick"))
    assert [run["number"] for run in client.get("/snapshot").json["snapshot"]["recent"]] == [2, 1]
    assert client.get("/snapshot").json["snapshot"]["recent"][1] == after["recent"][0]


def test_a_look_waits_until_something_happens(client: Client, scheduler: Scheduler) -> None:
    """With the tag of the last look it is answered once there is news, and not before."""
    tag = client.get("/snapshot").json["tag"]
    looks = []

    def look() -> None:
        looks.append(client.get(f"/snapshot?after={tag}&wait=20").json)

    asker = threading.Thread(target=look)
    asker.start()
    done(scheduler.run("quick"))
    asker.join(LIMIT)
    assert looks[0]["tag"] != tag
    assert looks[0]["snapshot"]["seq"] > int(tag.partition("-")[2])


@pytest.mark.parametrize("after", ["", "x", "0-0", "deadbeef-3", "{epoch}-999999999999", "{epoch}-x"])
def test_a_tag_that_makes_no_sense_is_answered_at_once(client: Client, after: str) -> None:
    """A tag of another life, of the future or of nothing leads to no wait: the client knows nothing yet."""
    epoch = client.get("/snapshot").json["tag"].partition("-")[0]
    path = f"/snapshot?after={after.format(epoch=epoch)}&wait=30"  # longer than the client waits
    assert client.get(path).status == 200


def test_the_runs_of_a_job_are_found_behind_those_of_busier_ones(
    client: Client, scheduler: Scheduler
) -> None:
    """A snapshot lists 200 endings of all jobs; whoever asks for one job gets its latest, however old."""
    first = scheduler.run("fails")
    done(first, *[scheduler.now(abs, number) for number in range(300)])
    assert [run["number"] for run in client.get("/runs?job=fails").json] == [first.number]
    assert client.get("/runs?job=fails&state=OK").json == []
    assert len(client.get("/runs").json) == 100
    assert len(client.get("/runs?limit=800").json) == 200


def test_runs_are_listed_by_job_and_state(client: Client, scheduler: Scheduler, latch: Latch) -> None:
    """What goes comes first, then what waits, then what ended; each can be asked for alone."""
    runs = [scheduler.run("waits"), scheduler.run("waits")]
    latch.wait_begun()
    failed = scheduler.run("fails")
    done(failed)
    numbers = [runs[0].number, runs[1].number, failed.number]
    assert [run["number"] for run in client.get("/runs").json] == numbers
    assert [run["number"] for run in client.get("/runs?state=held").json] == [runs[1].number]
    assert [run["number"] for run in client.get("/runs?job=waits&limit=1").json] == [runs[0].number]


def test_the_endings_of_a_removed_job_can_still_be_read(client: Client, scheduler: Scheduler) -> None:
    """The ledger keeps them; only the job is gone, and cannot be run."""
    done(scheduler.run("quick"))
    scheduler.job("quick").remove()
    assert [run["state"] for run in client.get("/runs?job=quick").json] == ["OK"]
    assert client.get("/jobs/quick").status == 404
    assert "there is no job 'quick'" in client.post("/jobs/quick/run").detail


# --- steering -------------------------------------------------------------------------------------


def test_two_requests_are_two_runs(client: Client, latch: Latch) -> None:
    """Nothing is done once where it was asked for twice: the second run is held."""
    first, second = [client.post("/jobs/waits/run").json["number"] for _ in range(2)]
    latch.wait_begun()
    assert client.get(f"/runs/{first}").json["run"]["state"] == "RUNNING"
    assert client.get(f"/runs/{second}").json["run"]["state"] == "HELD"
    assert client.post(f"/runs/{second}/cancel").json == {"cancellation": "taken out"}
    assert client.post(f"/runs/{second}/cancel").json == {"cancellation": "too late"}
    assert client.post(f"/runs/{first}/cancel").json == {"cancellation": "asked"}


def test_many_clients_at_once_get_a_run_each(client: Client) -> None:
    """Requests that come together are answered each for itself."""
    numbers: list[int] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait(LIMIT)
        numbers.append(client.post("/jobs/quick/run").json["number"])

    askers = [threading.Thread(target=ask) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(LIMIT)
    assert sorted(numbers) == list(range(1, 9))


def test_pausing_says_whether_it_changed_anything(client: Client) -> None:
    """Once it does, twice it does not; all at once it is counted."""
    assert client.post("/jobs/quick/pause").json == {"changed": True}
    assert client.post("/jobs/quick/pause").json == {"changed": False}
    assert client.post("/pause").json == {"changed": 2}
    assert client.post("/jobs/quick/resume").json == {"changed": True}
    assert client.post("/resume").json == {"changed": 2}


@pytest.mark.parametrize("size", [0, 1, 7, 1_000_000, 8.0])
def test_the_pool_is_resized(client: Client, size: float) -> None:
    """The answer is the pool as it is then; 8.0 is a whole number in JSON."""
    assert client.post("/pool/resize", {"size": size}).json["size"] == size
    assert client.get("/pool").json == {"size": size, "running": 0, "queued": 0, "held": 0}


def test_a_one_off_cannot_be_run_again(client: Client, scheduler: Scheduler) -> None:
    """It is there, so it is no 404: it conflicts with what it is. Pausing it changes nothing."""

    def once() -> None:
        """Do nothing."""

    done(scheduler.now(once))
    answer = client.post("/jobs/once/run")
    assert (answer.status, answer.detail) == (
        409,
        "once cannot run again: the arguments of one-off runs are not kept",
    )
    assert client.post("/jobs/once/pause").json == {"changed": False}


def test_a_stopped_scheduler_is_shown_and_runs_nothing(client: Client, scheduler: Scheduler) -> None:
    """What it was can be read; a run is refused with the reason."""
    scheduler.stop()
    assert client.get("/snapshot").json["snapshot"]["phase"] == "stopped"
    answer = client.post("/jobs/quick/run")
    assert (answer.status, answer.detail) == (409, "the scheduler has stopped: it takes no more runs")


def test_where_nothing_can_be_changed_everything_can_be_seen(scheduler: Scheduler) -> None:
    """`jobs.readonly` refuses every POST and no GET, and says so."""
    with served(scheduler, AccessRules(readonly=True)) as client:
        assert client.get("/snapshot").json["readonly"] is True
        answer = client.post("/jobs/quick/run")
        assert (answer.status, "jobs.readonly" in answer.detail) == (403, True)


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
def test_any_name_can_be_put_into_a_path(client: Client, scheduler: Scheduler, name: str) -> None:
    """Percent-encoded, a name means itself, whatever is in it."""
    scheduler.schedule("@yearly", lambda: None, name=name)
    path = f"/jobs/{quote(name, safe='')}"
    assert client.get(path).json["job"]["name"] == name
    assert client.post(f"{path}/pause").json == {"changed": True}
    assert client.get(f"/runs?job={quote(name, safe='')}").status == 200


@pytest.mark.parametrize("name", [".", ".."])
def test_names_of_dots_stay_what_they_are(client: Client, scheduler: Scheduler, name: str) -> None:
    """A client that does not take them for folders reaches them."""
    scheduler.schedule("@yearly", lambda: None, name=name)
    assert client.get(f"/jobs/{name}").json["job"]["name"] == name


def test_half_a_character_is_shown_as_a_question_mark(client: Client, scheduler: Scheduler) -> None:
    """UTF-8 has no bytes for it, and a reader in another language would refuse the whole answer."""

    def odd() -> None:
        pass

    odd.__doc__ = "Half a \ud800 character."
    scheduler.schedule("@yearly", odd)
    assert client.get("/jobs").json[-1]["summary"] == "Half a ? character."
    assert client.get("/jobs/odd%ED%A0%80").status == 404  # a name cannot have any


def test_a_name_that_is_not_there_is_answered_with_those_that_are_near(client: Client) -> None:
    """A slip of the finger is put right at once."""
    for answer in (client.get("/jobs/quik"), client.post("/jobs/quik/run"), client.get("/runs?job=quik")):
        assert (answer.status, answer.detail) == (404, "there is no job 'quik'; near: quick")


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/jobs?x=1", 400, "the parameter 'x' is not known; none is allowed here"),
        ("/runs?lmit=5", 400, "the parameter 'lmit' is not known; allowed: job, state, limit"),
        ("/runs?limit=5&limit=6", 400, "the parameter 'limit' stands there twice"),
        ("/runs?limit=0", 400, "limit is a whole number from 1 to 800"),
        ("/runs?limit=1.5", 400, "limit is a whole number from 1 to 800"),
        ("/runs?limit=" + "9" * 5000, 400, "limit is a whole number from 1 to 800"),
        ("/runs?limit=%D9%A3", 400, "limit is a whole number from 1 to 800"),  # an Arabic 3
        ("/runs?state=done", 400, f"state is one of {', '.join(state.value for state in RunState)}"),
        ("/snapshot?wait=31", 400, "wait is a whole number from 0 to 30"),
        ("/snapshot?wait=", 400, "wait is a whole number from 0 to 30"),
        ("/upcoming?limit=101", 400, "limit is a whole number from 1 to 100"),
        ("/events?after=1", 400, "the parameter 'after' is not known; none is allowed here"),
        ("/@jobs/metrics?name[]=x", 400, "the parameter 'name[]' is not known; none is allowed here"),
        ("/@jobs/healthz?verbose", 400, "the parameter 'verbose' is not known; none is allowed here"),
        ("/runs/0", 400, "a run's number is a whole number from 1 to 100000000000000000"),
        ("/runs/-1", 400, "a run's number is a whole number from 1 to 100000000000000000"),
        ("/runs/" + "9" * 30, 400, "a run's number is a whole number from 1 to 100000000000000000"),
        ("/runs/4711", 404, "unknown run 4711: it never existed, or it ended too long ago"),
        ("/nothing", 404, "there is nothing at this address"),
        ("/jobs/", 404, "there is nothing at this address"),
        ("/jobs/quick/run/", 404, "there is nothing at this address"),
    ],
)  # fmt: skip
def test_a_wrong_question_is_answered_with_what_is_wrong(
    client: Client, path: str, status: int, detail: str
) -> None:
    """The detail says what, and what is allowed."""
    answer = client.get(path)
    assert (answer.status, answer.detail) == (status, detail)


@pytest.mark.parametrize("path", ["/runs/4711/cancel", "/jobs/quik/pause", "/jobs/quik/resume"])
def test_what_is_not_there_cannot_be_steered(client: Client, path: str) -> None:
    """A number or a name of nothing is not silently accepted."""
    assert client.post(path).status == 404


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 422, "size is a whole number from 0 to 1000000, where 0 is no limit"),
        (b'{"size": -1}', 422, "size is a whole number from 0 to 1000000, where 0 is no limit"),
        (b'{"size": 1000001}', 422, "size is a whole number from 0 to 1000000, where 0 is no limit"),
        (b'{"size": 1.5}', 422, "size is a whole number from 0 to 1000000, where 0 is no limit"),
        (b'{"size": 1e400}', 422, "size is a whole number from 0 to 1000000, where 0 is no limit"),
        (b'{"size": true}', 422, "size is a whole number from 0 to 1000000, where 0 is no limit"),
        (b'{"size": "4"}', 422, "size is a whole number from 0 to 1000000, where 0 is no limit"),
        (b'{"size": null}', 422, "size is a whole number from 0 to 1000000, where 0 is no limit"),
        (b'{"pool": 4}', 422, "the key 'pool' is not known; allowed: size"),
        (b'{"size": 4, "size": 5}', 422, "the key 'size' stands there twice"),
        (b"[4]", 422, "the body has to be a JSON object"),
        (b"4", 422, "the body has to be a JSON object"),
        (b'{"size": NaN}', 400, "the body is not JSON in UTF-8"),
        (b'{"size": -Infinity}', 400, "the body is not JSON in UTF-8"),
        (b'{"size": 4', 400, "the body is not JSON in UTF-8"),
        (b'\xff{"size": 4}', 400, "the body is not JSON in UTF-8"),
        ('{"size": 4}'.encode("utf-16"), 400, "the body is not JSON in UTF-8"),
        (b"[" * 60_000, 400, "the body is not JSON in UTF-8"),
        (b'{"size": ' + b"1" * 20_000 + b"}", 400, "the body is not JSON in UTF-8"),
        (b'{"size": 4}' + b" " * 66_000, 413, "a request has at most 65536 bytes"),
    ],
    ids=lambda value: repr(value)[:24],
)  # fmt: skip
def test_a_wrong_body_is_answered_with_what_is_wrong(
    client: Client, body: bytes, status: int, detail: str
) -> None:
    """Whatever it is, the pool stays as it was."""
    answer = client.ask("POST", "/pool/resize", body, JSON)
    assert (answer.status, answer.detail) == (status, detail)
    assert client.get("/pool").json["size"] == 2


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "json"]
)
def test_a_body_of_another_type_is_refused(client: Client, kind: str) -> None:
    """A form of another web site could send those; a charset that JSON does not have is no slip either."""
    answer = client.ask("POST", "/pool/resize", b'{"size": 4}', {"Content-Type": kind})
    assert (answer.status, answer.detail) == (415, "a body is application/json here, in UTF-8")


@pytest.mark.parametrize("kind", ["application/json; charset=UTF-8", "Application/JSON"])
def test_a_content_type_may_be_written_in_any_way(client: Client, kind: str) -> None:
    """Upper case, and saying that it is UTF-8, are allowed."""
    assert client.ask("POST", "/pool/resize", b'{"size": 4}', {"Content-Type": kind}).status == 200


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)], ids=["gzip", "deflate"]
)
def test_a_compressed_body_is_read_and_a_bomb_is_not(client: Client, encoding: str, compress: object) -> None:
    """The limit is for what comes out, and holds before all of it has."""
    assert callable(compress)
    headers = JSON | {"Content-Encoding": encoding}
    assert client.ask("POST", "/pool/resize", compress(b'{"size": 4}'), headers).status == 200
    bomb = compress(b'{"size": 4}' + b" " * 50_000_000)
    assert len(bomb) < 65_536
    assert client.ask("POST", "/pool/resize", bomb, headers).status == 413
    assert client.ask("POST", "/pool/resize", b"no " + bomb, headers).status == 400


def test_a_post_that_says_more_than_it_needs_is_refused(client: Client) -> None:
    """A key that would be passed over in silence is a misunderstanding; an empty object is none."""
    assert client.post("/jobs/quick/run", {}).status == 202
    answer = client.post("/jobs/quick/run", {"args": [1]})
    assert (answer.status, answer.detail) == (422, "the key 'args' is not known; none is allowed here")
    assert client.post("/jobs/quick/run?force=1").status == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST"])
def test_other_methods_are_refused_with_those_that_are_possible(client: Client, method: str) -> None:
    """Problem details and the Allow header; nothing is done."""
    answer = client.ask(method, "/jobs/quick")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")
    assert client.ask("GET", "/jobs/quick/run").headers["Allow"] == "POST"


@pytest.mark.parametrize("path", ["/snapshot", "/jobs", "/runs", "/@jobs/metrics", "/@jobs/healthz"])
def test_head_is_get_without_the_body(client: Client, path: str) -> None:
    """Status and headers are those of GET."""
    answer = client.ask("HEAD", path)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Type"] == client.get(path).headers["Content-Type"]


def test_head_of_the_stream_ends(client: Client) -> None:
    """It would otherwise be open for ever, with nothing to come."""
    assert client.ask("HEAD", "/events").status == 405


def test_a_body_where_none_belongs_does_no_harm(client: Client) -> None:
    """The body of a GET means nothing, and the next request on the server is answered."""
    assert client.ask("GET", "/pool", b'{"size": 9}', JSON).json["size"] == 2
    assert client.ask("GET", "/pool", b"x" * 300_000, JSON).status == 200
    assert client.get("/pool").status == 200
