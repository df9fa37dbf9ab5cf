"""The remote backend when something goes wrong: servers that stop, hang, reject requests or send nonsense."""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from jobtui import Scheduler
from jobtui.access.addresses import Address, parse_address
from jobtui.access.passwords import read_password
from jobtui.access.rules import AccessRules, Credentials
from jobtui.cli.attach import parse_url
from jobtui.frontend.blank_snapshot import is_blank
from jobtui.frontend.json_codec import SNAPSHOT
from jobtui.frontend.local_backend import LocalBackend
from jobtui.remote import remote_backend
from jobtui.remote.http_client import (
    ClientCredentials,
    ResponseTooLargeError,
    ServerAddress,
    UnauthorizedError,
)
from jobtui.remote.remote_backend import RemoteBackend
from jobtui.runtime.clock import ManualClock
from jobtui.web.security.logins import LOCKOUT
from jobtui.web.server import Server

LIMIT = 60.0  # seconds; only a hang takes so long
NOON = 1_795_435_200.0  # 2026-11-23 12:00 UTC

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # a coding that no request asks for
HttpResponse = tuple[int, str, bytes]  # the status, the type and the body


@pytest.fixture(autouse=True)
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the timeouts and delays, so that the tests are fast."""
    monkeypatch.setattr(remote_backend, "MIN_RECONNECT_DELAY", 0.01)
    monkeypatch.setattr(remote_backend, "MAX_RECONNECT_DELAY", 0.02)
    monkeypatch.setattr(remote_backend, "RESPONSE_TIMEOUT", 1.0)
    monkeypatch.setattr(remote_backend, "POLL_WAIT", 1)


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    """Close what a test leaves open."""
    with ExitStack() as cleanup:
        yield cleanup


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """Start a scheduler with one job."""
    with Scheduler(tz="UTC", clock=ManualClock(NOON)) as scheduler:
        scheduler.schedule("@yearly", print, name="a")
        yield scheduler


def make_server(
    scheduler: Scheduler, address: Address | None = None, access: AccessRules | None = None
) -> Server:
    """Make a server that is bound but not started."""
    return Server(LocalBackend(scheduler, "jobs.py"), address or parse_address("127.0.0.1:0"), access=access)


def address_of(server: Server) -> ServerAddress:
    """Return the address of a server as `jobtui attach` parses it."""
    return parse_url(str(server.address))[0]


def connect_to(
    cleanup: ExitStack, address: ServerAddress, credentials: ClientCredentials | None = None
) -> RemoteBackend:
    """Make a connected backend, which is closed when the test ends."""
    backend = RemoteBackend(address, credentials)
    backend.connect()
    cleanup.callback(backend.close)
    return backend


def wait_until(backend: RemoteBackend, condition: Callable[[], object]) -> None:
    """Wait until a condition holds; it is checked after every change that the backend reports."""
    changed = threading.Event()
    unsubscribe = backend.on_change(changed.set)
    while not condition():
        assert changed.wait(LIMIT), f"timeout: {backend.connection_error!r} {backend.snapshot()}"
        changed.clear()
    unsubscribe()


class _QuietHttpServer(ThreadingHTTPServer):
    """An HTTP server that does not report errors of its connections."""

    daemon_threads = True

    def handle_error(self, *_about: object) -> None:
        """Ignore the error."""


class FakeHttpServer:
    """An HTTP server whose responses the test makes.

    Attributes:
        respond: Returns the response to a path; may block.
        requested_paths: The paths that were requested.
        address: Where it listens.
    """

    def __init__(self, respond: Callable[[str], HttpResponse]) -> None:
        self.respond = respond
        self.requested_paths: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.requested_paths.append(self.path)
                status, content_type, body = server.respond(self.path)
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                for magic, coding in ((GZIP_MAGIC, "gzip"), (ZSTD_MAGIC, "zstd")):
                    if body.startswith(magic):
                        self.send_header("Content-Encoding", coding)
                if status == HTTPStatus.FOUND:
                    self.send_header("Location", body.decode())
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - http.server's name for it

            def log_message(self, *args: Any) -> None:
                """Log nothing."""

        self._server = _QuietHttpServer(("127.0.0.1", 0), Handler)
        self.address = ServerAddress(origin=f"http://127.0.0.1:{self._server.server_port}")
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def fake_server(respond: Callable[[str], HttpResponse]) -> Iterator[FakeHttpServer]:
    """Run a fake server."""
    server = FakeHttpServer(respond)
    try:
        yield server
    finally:
        server.close()


def snapshot_response(scheduler: Scheduler, **changes: Any) -> HttpResponse:
    """Return a server's response with the snapshot of a scheduler."""
    snapshot = SNAPSHOT.encode(replace(scheduler.snapshot(), **changes))
    body = {
        "tag": "e-1",
        "title": "jobs.py",
        "readonly": False,
        "jobs_version": "e-1",
        "jobs_since": None,
        "jobs_removed": [],
        "snapshot": snapshot,
    }
    return 200, "application/json", json.dumps(body).encode()


def problem_response(status: int, detail: str) -> HttpResponse:
    """Return a server's response with a problem."""
    return status, "application/problem+json", json.dumps({"status": status, "detail": detail}).encode()


# --- hostile servers ------------------------------------------------------------------------------

TOO_LARGE = {
    "33 MiB of text": b'"' + b" " * 33 * 1024 * 1024 + b'"',
    "33 MiB of text in 32 kB of gzip": gzip.compress(b'"' + b" " * 33 * 1024 * 1024 + b'"'),
    "a million empty arrays": b"[" + b"[]," * 1_000_000 + b"[]]",
    "a million objects in gzip": gzip.compress(b"[" + b'{"a":{}},' * 500_000 + b"{}]"),
    "two million numbers": b"[" + b"1," * 2_000_000 + b"1]",
}


@pytest.mark.parametrize("body", TOO_LARGE.values(), ids=TOO_LARGE.keys())
@pytest.mark.parametrize("status", [200, 404])
def test_a_response_that_is_too_large_is_not_read_to_its_end(
    cleanup: ExitStack, body: bytes, status: int
) -> None:
    """Neither as bytes nor as Python's objects."""
    media_type = "application/json" if status == 200 else "application/problem+json"
    server = cleanup.enter_context(fake_server(lambda _path: (status, media_type, body)))
    with pytest.raises(ResponseTooLargeError, match=r"the response has more than (32 MiB|1000000 values)"):
        RemoteBackend(server.address).connect()


REQUESTS: dict[str, Callable[[RemoteBackend], object]] = {
    "job_details": lambda backend: backend.job_details("a"),
    "find_runs": lambda backend: backend.find_runs(),
    "run_view": lambda backend: backend.run_view(1),
    "pool_view": lambda backend: backend.pool_view(),
    "output_of": lambda backend: backend.output_of(1),
    "output_lines": lambda backend: backend.output_lines(1),
    "log_page": lambda backend: backend.log_page(1),
    "why": lambda backend: backend.why("nightly"),
    "why_run": lambda backend: backend.why_run(1),
    "search_runs": lambda backend: backend.search_runs(""),
    "run": lambda backend: backend.run("a"),
    "pause_all": lambda backend: backend.pause_all(),
    "cancel": lambda backend: backend.cancel(1),
    "resize": lambda backend: backend.resize(1),
}


@pytest.mark.parametrize("send", REQUESTS.values(), ids=REQUESTS.keys())
def test_the_response_to_every_request_is_limited(
    cleanup: ExitStack, scheduler: Scheduler, send: Callable[[RemoteBackend], object]
) -> None:
    """A server may turn hostile after the first snapshot."""
    bomb = TOO_LARGE["33 MiB of text in 32 kB of gzip"]

    def respond(path: str) -> HttpResponse:
        return snapshot_response(scheduler) if "snapshot" in path else (200, "application/json", bomb)

    server = cleanup.enter_context(fake_server(respond))
    backend = connect_to(cleanup, server.address)
    with pytest.raises(ConnectionError, match="more than 32 MiB"):
        send(backend)


def test_a_later_snapshot_that_is_too_large_is_shown_as_a_lost_connection(
    cleanup: ExitStack, scheduler: Scheduler
) -> None:
    """The dashboard keeps the snapshot before it."""
    bomb = 200, "application/json", TOO_LARGE["33 MiB of text in 32 kB of gzip"]
    server = cleanup.enter_context(
        fake_server(lambda path: bomb if "after" in path else snapshot_response(scheduler))
    )
    backend = connect_to(cleanup, server.address)
    wait_until(backend, lambda: "more than 32 MiB" in backend.connection_error)
    assert backend.snapshot().jobs[0].name == "a"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (gzip.compress(b"{}" * 1_000)[:-12], "the response is incomplete"),
        (GZIP_MAGIC + b"nonsense", "unexpected response: not a jobtui server"),
        (ZSTD_MAGIC + b"nonsense", "unexpected response: not a jobtui server"),
    ],
    ids=["cut off", "damaged", "another coding"],
)
def test_a_compressed_response_that_cannot_be_decompressed_is_an_error(
    cleanup: ExitStack, body: bytes, message: str
) -> None:
    """It is not taken for a shorter response."""
    server = cleanup.enter_context(fake_server(lambda _path: (200, "application/json", body)))
    with pytest.raises(ConnectionError, match=message):
        RemoteBackend(server.address).connect()


def test_the_detail_of_a_problem_is_shortened(cleanup: ExitStack) -> None:
    """It is shown in one line."""
    server = cleanup.enter_context(fake_server(lambda _path: problem_response(403, "x" * 100_000)))
    with pytest.raises(PermissionError) as caught:
        RemoteBackend(server.address).connect()
    assert len(str(caught.value)) == 500


# --- losing the connection ------------------------------------------------------------------------


def test_after_the_server_restarts_the_backend_reconnects(cleanup: ExitStack, scheduler: Scheduler) -> None:
    """Until then the last snapshot remains, its time stands still, and a message gives the reason."""
    server = cleanup.enter_context(ExitStack())
    first = server.enter_context(make_server(scheduler))
    backend = connect_to(cleanup, address_of(first))
    assert backend.connection_error == ""
    server.close()
    wait_until(backend, lambda: "refused" in backend.connection_error)
    assert backend.connection_error == "connection lost at 12:00:00 (connection refused); trying again"
    before = backend.snapshot()
    assert backend.snapshot().at == before.at
    assert before.jobs[0].name == "a"
    with pytest.raises(
        ConnectionError, match=rf"^no response from {backend.address} \(connection refused\)$"
    ):
        backend.run("a")

    other = Scheduler(tz="Europe/Oslo")
    cleanup.callback(other.stop, 0)
    other.every("1h", print, name="b")
    other.start()
    cleanup.enter_context(make_server(other, first.address))
    wait_until(backend, lambda: backend.connection_error == "")
    assert [job.name for job in backend.snapshot().jobs] == ["b"]
    assert str(backend.zone) == "Europe/Oslo"
    backend.run("b")
    wait_until(backend, lambda: backend.snapshot().jobs[0].runs == 1)


def test_a_server_that_hangs_is_a_connection_error_until_it_responds(
    cleanup: ExitStack, scheduler: Scheduler
) -> None:
    """A command raises an error after the timeout."""
    wake = threading.Event()
    cleanup.callback(wake.set)

    def respond(path: str) -> HttpResponse:
        if "after" in path or "run" in path:
            wake.wait(LIMIT)
        return snapshot_response(scheduler)

    with fake_server(respond) as server:
        backend = connect_to(cleanup, server.address)
        late = f"^no response from {backend.address} within 1 s"
        with pytest.raises(ConnectionError, match=f"{late}; the command may still be executed$"):
            backend.run("a")
        with pytest.raises(ConnectionError, match=f"{late}$"):
            backend.run_view(1)
        wait_until(backend, lambda: "no response within 2 s" in backend.connection_error)
        wake.set()
        wait_until(backend, lambda: not backend.connection_error)
        backend.close()


def test_slow_responses_within_the_timeout_are_not_connection_errors(
    cleanup: ExitStack, scheduler: Scheduler
) -> None:
    """The snapshots arrive, and no listener sees an error."""
    responses = threading.Semaphore(0)

    def respond(path: str) -> HttpResponse:
        if "after" in path:
            threading.Event().wait(0.2)
            responses.release()
        return snapshot_response(scheduler)

    with fake_server(respond) as server:
        backend = connect_to(cleanup, server.address)
        messages: list[str] = []
        backend.on_change(lambda: messages.append(backend.connection_error))
        for _ in range(3):
            assert responses.acquire(timeout=LIMIT)
        assert set(messages) <= {""}
        backend.close()


def test_the_snapshots_time_stands_still_while_the_connection_is_lost(
    cleanup: ExitStack, scheduler: Scheduler
) -> None:
    """It stops when the loss is noticed, not at the last snapshot, and advances again after the reconnect."""
    lost, restored = threading.Event(), threading.Event()
    clock = ManualClock(0.0)

    def respond(path: str) -> HttpResponse:
        if "after" in path and not restored.is_set():
            assert lost.wait(LIMIT)
            return 500, "text/plain", b""
        return snapshot_response(scheduler)

    with fake_server(respond) as server:
        backend = RemoteBackend(server.address, clock=clock)
        backend.connect()
        cleanup.callback(backend.close)
        clock.advance(3)
        lost.set()
        wait_until(backend, lambda: backend.connection_error)
        assert backend.connection_error.startswith("connection lost at 12:00:03 (")
        clock.advance(60)
        assert f"{backend.snapshot().at:%H:%M:%S}" == "12:00:03"
        restored.set()
        wait_until(backend, lambda: not backend.connection_error)
        clock.advance(5)
        assert backend.snapshot().at.second == 5
        backend.close()


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (
            problem_response(500, "an error of the server's own"),
            "HTTP status 500: an error of the server's own",
        ),
        (problem_response(503, ""), "HTTP status 503"),
        (
            problem_response(403, "access from 127.0.0.1 is not allowed"),
            "access from 127.0.0.1 is not allowed",
        ),
        (
            problem_response(429, "too many wrong passwords; wait a minute"),
            "too many wrong passwords; wait a minute",
        ),
        ((200, "text/html", b"<h1>It works!</h1>"), "not a jobtui server: it answered with HTTP status 200"),
        ((302, "text/html", b""), "not a jobtui server: it answered with HTTP status 302"),
        ((200, "application/json", b"{"), "unexpected response"),
        ((200, "application/json", b"\xff" * 100), "unexpected response"),
        ((200, "application/json", b"[" * 100_000), "unexpected response"),
        ((200, "application/json", b"[1, 2]"), "unexpected response"),
        (
            (200, "application/json", b'{"tag": "x", "title": "y", "snapshot": {"zone": "UTC"}}'),
            "unexpected response",
        ),
        ((500, "application/problem+json", b"null"), "HTTP status 500"),
    ],
)
def test_an_invalid_response_is_an_error_with_a_message_until_a_valid_one(
    cleanup: ExitStack, scheduler: Scheduler, response: HttpResponse, message: str
) -> None:
    """While connecting and while polling."""
    wrong = True
    with fake_server(lambda path: response if wrong else snapshot_response(scheduler)) as server:
        with pytest.raises(OSError, match=re.escape(message)):
            connect_to(cleanup, server.address)
        wrong = False
        backend = connect_to(cleanup, server.address)
        wrong = True
        wait_until(backend, lambda: message in backend.connection_error)
        wrong = False
        wait_until(backend, lambda: not backend.connection_error)
        backend.close()


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (problem_response(404, "there is no job 'a'"), LookupError),
        (problem_response(409, "the scheduler has stopped"), RuntimeError),
        (problem_response(401, "wrong user name or password"), PermissionError),
        (problem_response(403, "changes are not allowed"), PermissionError),
        (problem_response(422, "size must be a whole number"), ValueError),
        (problem_response(500, "oh"), ConnectionError),
        ((200, "application/json", b"{}"), ConnectionError),
        ((200, "application/json", b"17"), ConnectionError),
    ],
)
def test_a_rejected_command_raises_an_error_with_the_servers_message(
    cleanup: ExitStack, scheduler: Scheduler, response: HttpResponse, error: type[Exception]
) -> None:
    """An invalid response is a connection error."""
    with fake_server(lambda path: snapshot_response(scheduler) if "snapshot" in path else response) as server:
        backend = connect_to(cleanup, server.address)
        with pytest.raises(error) as caught:
            backend.run("a")
        if error is not ConnectionError:
            assert caught.value.args == (json.loads(response[2])["detail"],)
        backend.close()


@pytest.mark.parametrize(
    ("name", "segment"), [("..", "%2E%2E"), ("a/b", "a%2Fb"), ("%2e", "%252e"), ("é?", "%C3%A9%3F")]
)
def test_a_job_name_is_one_escaped_segment_of_the_path(
    cleanup: ExitStack, scheduler: Scheduler, name: str, segment: str
) -> None:
    """So that a proxy does not normalize the path."""
    with fake_server(
        lambda path: problem_response(404, "no") if "jobs/api/jobs" in path else snapshot_response(scheduler)
    ) as server:
        backend = connect_to(cleanup, server.address)
        with pytest.raises(LookupError):
            backend.run(name)
        assert f"/@jobs/api/jobs/{segment}/run" in server.requested_paths
        backend.close()


def test_a_job_without_a_name_does_not_exist(cleanup: ExitStack, scheduler: Scheduler) -> None:
    """The path without it is that of something else."""
    backend = connect_to(cleanup, address_of(cleanup.enter_context(make_server(scheduler))))
    requests: list[Callable[[str], object]] = [
        *(backend.run, backend.pause, backend.resume, backend.why, backend.job_details)
    ]
    for request in requests:
        with pytest.raises(LookupError, match="there is no job ''"):
            request("")


# --- access ---------------------------------------------------------------------------------------


def test_credentials_are_sent_with_every_request(cleanup: ExitStack, scheduler: Scheduler) -> None:
    """Without them, or with wrong ones, the server rejects the connection."""
    access = AccessRules(credentials=Credentials("ada", read_password("pass:wörd")))
    address = address_of(cleanup.enter_context(make_server(scheduler, access=access)))
    with pytest.raises(UnauthorizedError, match="authentication required"):
        connect_to(cleanup, address)
    with pytest.raises(UnauthorizedError, match="wrong user name or password"):
        connect_to(cleanup, address, ClientCredentials("ada", "guess"))
    backend = connect_to(cleanup, address, ClientCredentials("ada", "pass:wörd"))
    assert backend.run("a") == 1
    assert "wörd" not in repr(ClientCredentials("ada", "pass:wörd"))


def test_other_credentials_are_tried_at_once(cleanup: ExitStack, scheduler: Scheduler) -> None:
    """A rejected password is not: it is tried again after the delay."""
    access = AccessRules(credentials=Credentials("ada", read_password("lovelace")))
    address = address_of(cleanup.enter_context(make_server(scheduler, access=access)))
    backend = RemoteBackend(address)
    cleanup.callback(backend.close)
    backend.connect_later(UnauthorizedError("authentication required"))
    needed = [backend.needs_sign_in]
    backend.sign_in("ada", "guess")
    wait_until(backend, lambda: "(wrong user name or password)" in backend.connection_error)
    needed.append(backend.needs_sign_in)
    backend.sign_in("ada", "lovelace")
    wait_until(backend, lambda: not backend.connection_error)
    assert [*needed, backend.needs_sign_in] == [True, True, False]
    assert backend.run("a") == 1


def test_after_wrong_credentials_the_backend_waits_before_it_tries_them_again(
    cleanup: ExitStack, scheduler: Scheduler
) -> None:
    """Five wrong logins within a minute would lock out the whole machine. The backend can still be closed."""
    assert remote_backend.REJECTED_DELAY > LOCKOUT
    response = snapshot_response(scheduler)
    with fake_server(lambda path: response) as server:
        backend = connect_to(cleanup, server.address)
        response = problem_response(401, "wrong user name or password")
        wait_until(backend, lambda: backend.connection_error)
        assert backend.connection_error.endswith("(wrong user name or password); trying again every 120 s")
        count = len(server.requested_paths)
        with pytest.raises(PermissionError):
            backend.run("a")
        assert len(server.requested_paths) == count + 1
        backend.close()


def test_a_readonly_server_rejects_commands_with_its_message(
    cleanup: ExitStack, scheduler: Scheduler
) -> None:
    """Everything can be read."""
    address = address_of(cleanup.enter_context(make_server(scheduler, access=AccessRules(readonly=True))))
    backend = connect_to(cleanup, address)
    assert backend.job_details("a").job.name == "a"
    with pytest.raises(PermissionError, match=r"read-only \(jobs\.readonly\)"):
        backend.pause_all()


# --- disconnecting --------------------------------------------------------------------------------


def test_two_backends_see_each_others_commands(cleanup: ExitStack, scheduler: Scheduler) -> None:
    """Closing one does not affect the other."""
    address = address_of(cleanup.enter_context(make_server(scheduler)))
    one, other = (connect_to(cleanup, address) for _ in range(2))
    one.pause("a")
    wait_until(other, lambda: other.snapshot().jobs[0].paused_since is not None)
    one.close()
    other.resume("a")
    wait_until(other, lambda: other.snapshot().jobs[0].paused_since is None)


def test_closing_ends_requests_in_progress_and_leaves_no_thread(
    cleanup: ExitStack, scheduler: Scheduler
) -> None:
    """The thread that waits for the response gets an error."""
    wake = threading.Event()
    cleanup.callback(wake.set)
    requested = threading.Event()

    def respond(path: str) -> HttpResponse:
        if "after" in path or "run" in path:
            if "run" in path:
                requested.set()
            wake.wait(LIMIT)
        return snapshot_response(scheduler)

    errors: list[Exception] = []

    def command() -> None:
        try:
            backend.run("a")
        except ConnectionError as error:
            errors.append(error)

    with fake_server(respond) as server:
        backend = connect_to(cleanup, server.address)
        waiting = threading.Thread(target=command)
        waiting.start()
        assert requested.wait(LIMIT)
        backend.close()
        waiting.join(LIMIT)
        assert [str(error) for error in errors] == ["disconnected from the server"]
        assert not [thread for thread in threading.enumerate() if thread.name == "jobtui-remote"]
        with pytest.raises(ConnectionError, match="disconnected from the server"):
            backend.run("a")
        wake.set()


def test_a_failed_connect_leaves_no_thread() -> None:
    """Nothing listens at the address."""
    with make_server(Scheduler()) as server:
        address = address_of(server)
    backend = RemoteBackend(address)
    with pytest.raises(ConnectionRefusedError, match="connection refused"):
        backend.connect()
    assert not [thread for thread in threading.enumerate() if thread.name == "jobtui-remote"]


def test_a_backend_that_connects_later_has_no_jobs_and_the_reason_until_the_server_answers(
    cleanup: ExitStack, scheduler: Scheduler
) -> None:
    """Until then, commands raise an error. The title is the address until the server has sent one."""
    with make_server(Scheduler()) as server:
        address = address_of(server)
    backend = RemoteBackend(address)
    cleanup.callback(backend.close)
    backend.connect_later(ConnectionRefusedError("connection refused"))
    assert backend.connection_error == "no connection (connection refused); trying again"
    assert (backend.title, backend.snapshot().jobs) == (str(server.address)[7:-6], ())
    assert is_blank(backend.snapshot())
    with pytest.raises(ConnectionError):
        backend.run("a")
    cleanup.enter_context(make_server(scheduler, server.address))
    wait_until(backend, lambda: backend.connection_error == "")
    assert [job.name for job in backend.snapshot().jobs] == ["a"]
    assert backend.title == "jobs.py"
    assert not is_blank(backend.snapshot())
    assert backend.run("a") == 1


def test_a_backend_that_connects_later_tries_rejected_credentials_again_after_the_delay(
    monkeypatch: pytest.MonkeyPatch, cleanup: ExitStack, scheduler: Scheduler
) -> None:
    monkeypatch.setattr(remote_backend, "REJECTED_DELAY", 0.01)
    response = problem_response(401, "wrong user name or password")
    with fake_server(lambda _path: response) as server:
        backend = RemoteBackend(server.address)
        cleanup.callback(backend.close)
        backend.connect_later(UnauthorizedError("wrong user name or password"))
        assert backend.connection_error == (
            "no connection (wrong user name or password); trying again every 0.01 s"
        )
        response = snapshot_response(scheduler)
        wait_until(backend, lambda: not backend.connection_error)
        backend.close()


def test_a_backend_that_is_not_shown_requests_snapshots_less_often(
    monkeypatch: pytest.MonkeyPatch, cleanup: ExitStack, scheduler: Scheduler
) -> None:
    """As soon as it is shown, it requests the next one at once."""
    monkeypatch.setattr(remote_backend, "HIDDEN_INTERVAL", LIMIT)
    monkeypatch.setattr(remote_backend, "_MIN_INTERVAL", 0.0)
    with fake_server(lambda _path: snapshot_response(scheduler)) as server:
        backend = RemoteBackend(server.address)
        backend.set_shown(False)
        backend.connect()
        cleanup.callback(backend.close)

        def polls() -> int:
            return sum("after" in path for path in list(server.requested_paths))

        wait_until(backend, polls)  # the first one follows the first snapshot
        for _ in range(20):
            with suppress(ConnectionError):  # the server sends a snapshot
                backend.pool_view()
        assert polls() == 1
        backend.set_shown(True)
        wait_until(backend, lambda: polls() > 3)
        backend.close()


def test_a_change_listener_that_raises_does_not_stop_the_others(
    cleanup: ExitStack, scheduler: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is logged."""
    address = address_of(cleanup.enter_context(make_server(scheduler)))
    backend = connect_to(cleanup, address)

    def fail() -> None:
        raise ValueError("oops")

    called = threading.Event()
    backend.on_change(fail)
    backend.on_change(called.set)
    backend.pause("a")
    assert called.wait(LIMIT)
    assert "a change listener raised" in caplog.text


def test_redirects_are_not_followed(cleanup: ExitStack) -> None:
    """The password is sent to no other server."""
    with fake_server(lambda path: problem_response(500, "elsewhere")) as elsewhere:
        redirect = 302, "text/html", f"{elsewhere.address.origin}/@jobs/api/snapshot".encode()
        with fake_server(lambda path: redirect) as server, pytest.raises(ConnectionError, match="status 302"):
            connect_to(cleanup, server.address, ClientCredentials("ada", "lovelace"))
        assert not elsewhere.requested_paths


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_proxies_of_the_environment_are_not_used(
    cleanup: ExitStack, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The password is sent to the server only."""
    with fake_server(lambda path: problem_response(500, "a proxy")) as proxy:
        monkeypatch.setenv(variable, proxy.address.origin)
        backend = connect_to(cleanup, address_of(cleanup.enter_context(make_server(scheduler))))
        backend.close()
        assert not proxy.requested_paths
