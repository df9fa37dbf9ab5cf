"""A source in another process when something goes wrong: servers that die, hang, refuse and talk nonsense."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from jobtui import Scheduler
from jobtui.access.addresses import Address, parse_address
from jobtui.access.passwords import read_password
from jobtui.access.rules import AccessRules
from jobtui.access.rules import Credentials as Login
from jobtui.cli.attach import parse_target
from jobtui.frontend.backend import LocalBackend
from jobtui.frontend.codec import SNAPSHOT
from jobtui.remote import remote_backend
from jobtui.remote.http_client import Credentials, Target, UnauthorizedError
from jobtui.remote.remote_backend import RemoteBackend
from jobtui.runtime.clock import ManualClock
from jobtui.web.server import Server

LIMIT = 20.0  # seconds; only a hang takes so long
NOON = 1_795_435_200.0  # 2026-11-23 12:00 UTC

Answer = tuple[int, str, bytes]  # the status, the type and the body


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long here."""
    monkeypatch.setattr(remote_backend, "FIRST_REST", 0.01)
    monkeypatch.setattr(remote_backend, "LONGEST_REST", 0.02)
    monkeypatch.setattr(remote_backend, "ANSWERING", 1.0)
    monkeypatch.setattr(remote_backend, "WAIT", 1)


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    """What has to be ended."""
    with ExitStack() as cleanup:
        yield cleanup


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """A scheduler that runs, with one job."""
    with Scheduler(tz="UTC", clock=ManualClock(NOON)) as scheduler:
        scheduler.schedule("@yearly", print, name="a")
        yield scheduler


def serve(scheduler: Scheduler, address: Address | None = None, access: AccessRules | None = None) -> Server:
    """A server that is not entered yet."""
    return Server(LocalBackend(scheduler, "jobs.py"), address or parse_address("127.0.0.1:0"), access=access)


def target_of(server: Server) -> Target:
    """Where it is."""
    return parse_target(str(server.address))[0]


def attached(cleanup: ExitStack, target: Target, credentials: Credentials | None = None) -> RemoteBackend:
    """A source that is connected, and closed at the end."""
    source = RemoteBackend(target, credentials)
    source.connect()
    cleanup.callback(source.close)
    return source


def until(source: RemoteBackend, condition: Callable[[], object]) -> None:
    """Wait until something is so; looked at whenever the source says that something has changed."""
    news = threading.Event()
    unsubscribe = source.on_change(news.set)
    while not condition():
        assert news.wait(LIMIT), f"it never came: {source.connection_error!r} {source.snapshot()}"
        news.clear()
    unsubscribe()


class _Quiet(ThreadingHTTPServer):
    """Says nothing of clients that have gone."""

    daemon_threads = True

    def handle_error(self, *_about: object) -> None:
        """Nothing."""


class Fake:
    """A server that answers as the test says.

    Attributes:
        answer: Says what to answer to a path; may take its time.
        asked: The paths that were asked for.
        target: Where it is.
    """

    def __init__(self, answer: Callable[[str], Answer]) -> None:
        self.answer = answer
        self.asked: list[str] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                fake.asked.append(self.path)
                status, kind, body = fake.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                if status == HTTPStatus.FOUND:
                    self.send_header("Location", body.decode())
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - http.server's name for it

            def log_message(self, *args: Any) -> None:
                """Nothing."""

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self.target = Target(origin=f"http://127.0.0.1:{self._server.server_port}")
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def fake(answer: Callable[[str], Answer]) -> Iterator[Fake]:
    """A fake server for as long as this lasts."""
    server = Fake(answer)
    try:
        yield server
    finally:
        server.close()


def picture(scheduler: Scheduler, **changes: Any) -> Answer:
    """What a server answers that shows a scheduler."""
    snapshot = SNAPSHOT.encode(replace(scheduler.snapshot(), **changes))
    answer = {"tag": "e-1", "title": "jobs.py", "readonly": False, "snapshot": snapshot}
    return 200, "application/json", json.dumps(answer).encode()


def problem(status: int, detail: str) -> Answer:
    """What a server answers that refuses."""
    return status, "application/problem+json", json.dumps({"status": status, "detail": detail}).encode()


# --- lost and found -------------------------------------------------------------------------------


def test_a_server_that_dies_and_comes_back(cleanup: ExitStack, scheduler: Scheduler) -> None:
    """The last picture stays, its clock stands still, and it is said why; it comes back by itself."""
    server = cleanup.enter_context(ExitStack())
    first = server.enter_context(serve(scheduler))
    source = attached(cleanup, target_of(first))
    assert source.connection_error == ""
    server.close()
    until(source, lambda: "refused" in source.connection_error)
    assert source.connection_error == "connection lost at 12:00:00 (connection refused); trying again"
    before = source.snapshot()
    assert source.snapshot().at == before.at
    assert before.jobs[0].name == "a"
    with pytest.raises(ConnectionError, match=rf"^no answer from {source.address} \(connection refused\)$"):
        source.run("a")

    other = Scheduler(tz="Europe/Oslo")
    cleanup.callback(other.stop, 0)
    other.every("1h", print, name="b")
    other.start()
    cleanup.enter_context(serve(other, first.address))
    until(source, lambda: source.connection_error == "")
    assert [job.name for job in source.snapshot().jobs] == ["b"]
    assert str(source.zone) == "Europe/Oslo"
    source.run("b")
    until(source, lambda: source.snapshot().jobs[0].runs == 1)


def test_lines_of_another_life_are_not_mixed(cleanup: ExitStack, scheduler: Scheduler) -> None:
    """After a restart a reader who knows lines of the old process gets all of the new one's."""
    epoch = "one"

    def answer(path: str) -> Answer:
        if "/output" not in path:
            return picture(scheduler)
        after = int(path.partition("after=")[2] or 0)
        lines = [{"writer": "a", "text": f"{epoch} {number}"} for number in range(after + 1, 4)]
        body = {"epoch": epoch, "first": after + 1, "lines": lines, "unfinished": []}
        return 200, "application/json", json.dumps(body).encode()

    with fake(answer) as server:
        source = attached(cleanup, server.target)
        assert source.output_since(0).last == 3
        assert source.output_since(2).lines == (("a", "one 3"),)
        epoch = "two"
        printed = source.output_since(2)
        assert (printed.first, printed.lines[0]) == (1, ("a", "two 1"))
        source.close()


def test_a_server_that_hangs(cleanup: ExitStack, scheduler: Scheduler) -> None:
    """Silence is trouble, too; a command says that nothing came; once the server wakes up, all is well."""
    awake = threading.Event()
    cleanup.callback(awake.set)

    def answer(path: str) -> Answer:
        if "after" in path or "run" in path:
            awake.wait(LIMIT)
        return picture(scheduler)

    with fake(answer) as server:
        source = attached(cleanup, server.target)
        with pytest.raises(ConnectionError, match="nothing came within 1 s"):
            source.run("a")
        until(source, lambda: "nothing came within 2 s" in source.connection_error)
        awake.set()
        until(source, lambda: not source.connection_error)
        source.close()


def test_slow_answers_are_answers(cleanup: ExitStack, scheduler: Scheduler) -> None:
    """A server that takes its time is no trouble, as long as it is within the limit."""
    answers = threading.Semaphore(0)

    def answer(path: str) -> Answer:
        if "after" in path:
            threading.Event().wait(0.2)
            answers.release()
        return picture(scheduler)

    with fake(answer) as server:
        source = attached(cleanup, server.target)
        troubles: list[str] = []
        source.on_change(lambda: troubles.append(source.connection_error))
        for _ in range(3):
            assert answers.acquire(timeout=LIMIT)
        assert set(troubles) <= {""}
        source.close()


def test_the_clock_stands_still_from_the_loss_on(cleanup: ExitStack, scheduler: Scheduler) -> None:
    """What is shown is as of the moment of the loss, and not of its last news; once found, it goes on."""
    lost, found = threading.Event(), threading.Event()
    clock = ManualClock(0.0)

    def answer(path: str) -> Answer:
        if "after" in path and not found.is_set():
            assert lost.wait(LIMIT)
            return 500, "text/plain", b""
        return picture(scheduler)

    with fake(answer) as server:
        source = RemoteBackend(server.target, clock=clock)
        source.connect()
        cleanup.callback(source.close)
        clock.advance(3)
        lost.set()
        until(source, lambda: source.connection_error)
        assert source.connection_error.startswith("connection lost at 12:00:03 (")
        clock.advance(60)
        assert f"{source.snapshot().at:%H:%M:%S}" == "12:00:03"
        found.set()
        until(source, lambda: not source.connection_error)
        clock.advance(5)
        assert source.snapshot().at.second == 5
        source.close()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (problem(500, "an error of the server's own"), "HTTP status 500: an error of the server's own"),
        (problem(503, ""), "HTTP status 503"),
        (problem(403, "127.0.0.1 is not let in"), "127.0.0.1 is not let in"),
        (problem(429, "too many wrong passwords; wait a minute"), "too many wrong passwords; wait a minute"),
        ((200, "text/html", b"<h1>It works!</h1>"), "it is no jobtui: it answers with HTTP status 200"),
        ((302, "text/html", b""), "it is no jobtui: it answers with HTTP status 302"),
        ((200, "application/json", b"{"), "makes no sense"),
        ((200, "application/json", b"\xff" * 100), "makes no sense"),
        ((200, "application/json", b"[" * 100_000), "makes no sense"),
        ((200, "application/json", b"[1, 2]"), "makes no sense"),
        ((200, "application/json", b'{"tag": "x", "title": "y", "snapshot": {"zone": "UTC"}}'), "no sense"),
        ((500, "application/problem+json", b"null"), "HTTP status 500"),
    ],
)
def test_answers_that_are_none(cleanup: ExitStack, scheduler: Scheduler, answer: Answer, words: str) -> None:
    """Each is said in words, where it connects and where it follows; then the next right answer counts."""
    wrong = True
    with fake(lambda path: answer if wrong else picture(scheduler)) as server:
        with pytest.raises(OSError, match=re.escape(words)):
            attached(cleanup, server.target)
        wrong = False
        source = attached(cleanup, server.target)
        wrong = True
        until(source, lambda: words in source.connection_error)
        wrong = False
        until(source, lambda: not source.connection_error)
        source.close()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(404, "there is no job 'a'"), LookupError),
        (problem(409, "the scheduler has stopped"), RuntimeError),
        (problem(401, "wrong user or password"), PermissionError),
        (problem(403, "nothing can be changed here"), PermissionError),
        (problem(422, "size is a whole number"), ValueError),
        (problem(500, "oh"), ConnectionError),
        ((200, "application/json", b"{}"), ConnectionError),
        ((200, "application/json", b"17"), ConnectionError),
    ],
)
def test_refusals_of_commands(
    cleanup: ExitStack, scheduler: Scheduler, answer: Answer, kind: type[Exception]
) -> None:
    """The server's words are those that the user reads; what makes no sense is an error too."""
    with fake(lambda path: picture(scheduler) if "snapshot" in path else answer) as server:
        source = attached(cleanup, server.target)
        with pytest.raises(kind) as caught:
            source.run("a")
        if kind is not ConnectionError:
            assert caught.value.args == (json.loads(answer[2])["detail"],)
        source.close()


@pytest.mark.parametrize(
    ("name", "step"), [("..", "%2E%2E"), ("a/b", "a%2Fb"), ("%2e", "%252e"), ("é?", "%C3%A9%3F")]
)
def test_no_name_is_a_step_in_the_path(
    cleanup: ExitStack, scheduler: Scheduler, name: str, step: str
) -> None:
    """Neither here nor at a proxy in between, which would tidy the path up."""
    with fake(lambda path: problem(404, "no") if "jobs/api/jobs" in path else picture(scheduler)) as server:
        source = attached(cleanup, server.target)
        with pytest.raises(LookupError):
            source.run(name)
        assert f"/@jobs/api/jobs/{step}/run" in server.asked
        source.close()


# --- who is let in --------------------------------------------------------------------------------


def test_credentials(cleanup: ExitStack, scheduler: Scheduler) -> None:
    """They go with every request; without them, or with wrong ones, nobody gets in."""
    access = AccessRules(credentials=Login("ada", read_password("pass:wörd")))
    target = target_of(cleanup.enter_context(serve(scheduler, access=access)))
    with pytest.raises(UnauthorizedError, match="authentication required"):
        attached(cleanup, target)
    with pytest.raises(UnauthorizedError, match="wrong user or password"):
        attached(cleanup, target, Credentials("ada", "guess"))
    source = attached(cleanup, target, Credentials("ada", "pass:wörd"))
    assert source.run("a") == 1
    assert "wörd" not in repr(Credentials("ada", "pass:wörd"))


def test_a_password_that_was_changed_is_not_tried_for_ever(cleanup: ExitStack, scheduler: Scheduler) -> None:
    """Five wrong logins lock a whole machine out, so one is enough; closing still works."""
    answer = picture(scheduler)
    with fake(lambda path: answer) as server:
        source = attached(cleanup, server.target)
        answer = problem(401, "wrong user or password")
        until(source, lambda: source.connection_error)
        assert source.connection_error.endswith("(wrong user or password); attach again")
        asked = len(server.asked)
        with pytest.raises(PermissionError):
            source.run("a")
        assert len(server.asked) == asked + 1
        source.close()


def test_a_server_that_is_read_only(cleanup: ExitStack, scheduler: Scheduler) -> None:
    """It is looked at as any other, and commands are refused in its words."""
    target = target_of(cleanup.enter_context(serve(scheduler, access=AccessRules(readonly=True))))
    source = attached(cleanup, target)
    assert source.job_details("a").job.name == "a"
    with pytest.raises(PermissionError, match=r"jobs\.readonly is set"):
        source.pause_all()


# --- the end --------------------------------------------------------------------------------------


def test_two_may_be_attached(cleanup: ExitStack, scheduler: Scheduler) -> None:
    """Each sees what the other does, and one that leaves takes nothing along."""
    target = target_of(cleanup.enter_context(serve(scheduler)))
    one, other = (attached(cleanup, target) for _ in range(2))
    one.pause("a")
    until(other, lambda: other.snapshot().jobs[0].paused_since is not None)
    one.close()
    other.resume("a")
    until(other, lambda: other.snapshot().jobs[0].paused_since is None)


def test_closing_leaves_no_thread(cleanup: ExitStack, scheduler: Scheduler) -> None:
    """In the middle of a poll and of a question; whoever waits for the answer is told."""
    awake = threading.Event()
    cleanup.callback(awake.set)
    asked = threading.Event()

    def answer(path: str) -> Answer:
        if "after" in path or "run" in path:
            if "run" in path:
                asked.set()
            awake.wait(LIMIT)
        return picture(scheduler)

    errors: list[Exception] = []

    def command() -> None:
        try:
            source.run("a")
        except ConnectionError as error:
            errors.append(error)

    with fake(answer) as server:
        source = attached(cleanup, server.target)
        waiting = threading.Thread(target=command)
        waiting.start()
        assert asked.wait(LIMIT)
        source.close()
        waiting.join(LIMIT)
        assert [str(error) for error in errors] == ["the connection was closed here"]
        assert not [thread for thread in threading.enumerate() if thread.name == "jobtui-remote"]
        with pytest.raises(ConnectionError, match="the connection was closed here"):
            source.run("a")
        awake.set()


def test_a_connection_that_fails_leaves_no_thread() -> None:
    """Nothing listens there."""
    with serve(Scheduler()) as server:
        target = target_of(server)
    source = RemoteBackend(target)
    with pytest.raises(ConnectionRefusedError, match="connection refused"):
        source.connect()
    assert not [thread for thread in threading.enumerate() if thread.name == "jobtui-remote"]


def test_a_change_listener_that_raises_does_not_stop_the_others(
    cleanup: ExitStack, scheduler: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is logged."""
    target = target_of(cleanup.enter_context(serve(scheduler)))
    source = attached(cleanup, target)

    def fail() -> None:
        raise ValueError("oops")

    called = threading.Event()
    source.on_change(fail)
    source.on_change(called.set)
    source.pause("a")
    assert called.wait(LIMIT)
    assert "a change listener raised" in caplog.text


def test_no_redirect_is_followed(cleanup: ExitStack) -> None:
    """Whatever a server says, passwords go nowhere else."""
    with fake(lambda path: problem(500, "elsewhere")) as elsewhere:
        answer = 302, "text/html", f"{elsewhere.target.origin}/@jobs/api/snapshot".encode()
        with fake(lambda path: answer) as server, pytest.raises(ConnectionError, match="status 302"):
            attached(cleanup, server.target, Credentials("ada", "lovelace"))
        assert not elsewhere.asked


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_no_proxy_is_asked(
    cleanup: ExitStack, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Whatever the environment says, passwords go to the server alone."""
    with fake(lambda path: problem(500, "a proxy")) as proxy:
        monkeypatch.setenv(variable, proxy.target.origin)
        source = attached(cleanup, target_of(cleanup.enter_context(serve(scheduler))))
        source.close()
        assert not proxy.asked
