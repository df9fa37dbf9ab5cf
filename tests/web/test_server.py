"""The server's lifetime: where it listens, how it starts and stops, and what it leaves behind."""

from __future__ import annotations

import gc
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import warnings
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from support import snapshots
from support.access_requests import HOST, PAGE, connection_to, request, running_server
from support.api_server import ApiClient
from support.scripted_backend import ScriptedBackend

from jobtui import Scheduler
from jobtui.access.addresses import TcpAddress, parse_address
from jobtui.access.passwords import read_password
from jobtui.access.rules import AccessRules, Credentials
from jobtui.engine.views import Snapshot
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.clock import SystemClock
from jobtui.web.listening_sockets import CannotListenError
from jobtui.web.server import Server

API = f"{PAGE}/api/pool"
RULES = AccessRules(credentials=Credentials("ada", read_password("lovelace")))

LIMIT = 60.0  # seconds

EVENTS_REQUEST = b"GET /@jobs/api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
SNAPSHOT_REQUEST = b"GET /@jobs/api/snapshot HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
UNFINISHED_REQUEST = b"POST /@jobs/api/pause HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n"


def make_server(listen: str, access: AccessRules | None = None) -> Server:
    """Make a server that is bound but not started."""
    return Server(LocalBackend(Scheduler(tz="UTC"), "jobs.py"), parse_address(listen), access=access)


def test_a_server_without_an_address_serves_pairs_of_sockets_also_those_over_loopback() -> None:
    """`socket.socketpair` makes such pairs on Windows. Their addresses say nothing of the client."""
    with Server(LocalBackend(Scheduler(tz="UTC"), "jobs.py"), None) as server:
        with pytest.raises(RuntimeError, match="listens on no address"):
            _ = server.address
        with socket.create_server(("127.0.0.1", 0)) as listening:
            over_loopback = socket.create_connection(listening.getsockname()), listening.accept()[0]
        for own, its in (socket.socketpair(), over_loopback):
            server.accept(its)
            with own:
                own.settimeout(LIMIT)
                own.sendall(b"GET /@jobs/api/pool HTTP/1.0\r\nHost: app.example\r\n\r\n")
                assert own.makefile("rb").read().startswith(b"HTTP/1.0 200 OK")
    unused, late = socket.socketpair()
    with unused, late, pytest.raises(RuntimeError):
        server.accept(late)


def test_a_server_shows_any_observable_backend() -> None:
    """It asks the backend alone, and has no other way to a scheduler."""
    backend = ScriptedBackend(snapshots.saturated(), "elsewhere.py")
    with Server(backend, parse_address("127.0.0.1:0")) as server:
        assert isinstance(server.address, TcpAddress)
        client = ApiClient(server.address)
        run = backend.snapshot().running[0]
        assert client.get("/snapshot").json["title"] == "elsewhere.py"
        assert client.get(f"/runs?job={run.job}&state=running").json[0]["number"] == run.number
        assert client.get(f"/runs/{run.number}").json["run"]["job"] == run.job
        assert client.get(f"/jobs/{run.job}").json["job"]["name"] == run.job
        assert client.get("/pool").json["running"] == backend.snapshot().pool.running
        assert client.post(f"/jobs/{run.job}/run").json == {"number": 900}
        assert client.post("/pool/resize", {"size": 3}).status == 200
        assert backend.commands == [("run", run.job), ("resize", 3)]
        assert client.get(f"{PAGE}/healthz").json["status"] == "ok"
        assert f'job="{run.job}"' in client.get(f"{PAGE}/metrics").body.decode()
        for page in (PAGE, f"{PAGE}/jobs/{run.job}", f"{PAGE}/runs/{run.number}"):
            assert run.job.encode() in request(server.address, path=page, headers=(HOST,)).body


def web_threads() -> list[threading.Thread]:
    """Return the threads of running servers."""
    return [thread for thread in threading.enumerate() if thread.name == "jobtui-web"]


def test_with_port_zero_the_address_has_the_port_that_the_system_chose() -> None:
    """The server is reachable at this address."""
    with running_server() as server:
        assert isinstance(server.address, TcpAddress)
        assert server.address.port > 0
        assert str(server.address) == f"http://127.0.0.1:{server.address.port}/@jobs"
        assert request(server.address, path=API, headers=(HOST,)).status == 200


def test_a_server_can_listen_on_ipv6() -> None:
    """The status page's URL has the address in brackets."""
    with running_server(listen="[::1]:0") as server:
        assert str(server.address).startswith("http://[::1]:")
        assert request(server.address, path=API, headers=(("Host", "[::1]"),)).status == 200


def test_an_address_in_use_is_an_error_in_the_constructor() -> None:
    """So the user sees it before any job has started."""
    with running_server() as server:
        assert isinstance(server.address, TcpAddress)
        with pytest.raises(CannotListenError, match=r"cannot listen on 127\.0\.0\.1:.*in use"):
            make_server(server.address.authority)


def test_an_address_of_another_machine_cannot_be_bound() -> None:
    """The address is reserved for documentation."""
    with pytest.raises(CannotListenError, match=r"cannot listen on 192\.0\.2\.77:9001"):
        make_server("192.0.2.77:9001", RULES)


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.77:0"])
def test_an_address_that_others_can_reach_requires_credentials(listen: str) -> None:
    """It is rejected before it is bound."""
    with pytest.raises(CannotListenError, match=r"needs jobs\.auth\.user and jobs\.auth\.pass"):
        make_server(listen)


def test_a_server_on_all_addresses_still_allows_only_loopback_clients() -> None:
    """A request from this machine's external address is rejected as well."""
    with running_server(RULES, listen="0.0.0.0:0") as server:
        assert isinstance(server.address, TcpAddress)
        loopback = parse_address(f"127.0.0.1:{server.address.port}")
        assert request(loopback, path=API, headers=(HOST,)).status == 401
        host = external_address()
        if host is None:
            pytest.skip("this machine has no address but loopback")
        external = parse_address(f"{host}:{server.address.port}")
        assert request(external, path=API, headers=(HOST,)).status == 403


def external_address() -> str | None:
    """Return the address by which this machine would reach others; sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.77", 9))
        except OSError:
            return None
        name: str = probe.getsockname()[0]
        return None if name.startswith("127.") else name


# --- Unix sockets ---------------------------------------------------------------------------------


def test_only_its_owner_can_open_a_unix_socket(tmp_path: Path) -> None:
    """The mode does not depend on the umask. After the server has stopped, the file is gone."""
    path = tmp_path / "jobs.sock"
    before = os.umask(0)
    try:
        server = make_server(f"unix:{path}")
        assert os.umask(0) == 0  # the server has restored it
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with server:
        assert request(server.address, path=API, headers=(HOST,)).status == 200
    assert not path.exists()


def test_a_socket_file_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    """As after a process was killed."""
    path = tmp_path / "jobs.sock"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    with running_server(listen=f"unix:{path}") as server:
        assert request(server.address, path=API, headers=(HOST,)).status == 200


def test_a_socket_file_in_use_is_not_replaced(tmp_path: Path) -> None:
    """The other process would lose its clients."""
    with running_server(listen=f"unix:{tmp_path}/jobs.sock") as server:
        with pytest.raises(CannotListenError, match="another process listens on it"):
            make_server(str(server.address))
        assert request(server.address, path=API, headers=(HOST,)).status == 200


@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_a_file_that_is_not_a_socket_is_not_replaced(tmp_path: Path, what: str) -> None:
    """A typing error must not delete the user's file."""
    path = tmp_path / "jobs.sock"
    match what:
        case "file":
            path.write_text("precious")
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CannotListenError, match="exists and is not a socket"):
        make_server(f"unix:{path}")
    assert path.lstat()


def test_a_file_that_took_the_sockets_place_is_not_removed(tmp_path: Path) -> None:
    """When the server stops, it removes only its own socket."""
    path = tmp_path / "jobs.sock"
    with running_server(listen=f"unix:{path}"):
        path.unlink()
        path.write_text("precious")
    assert path.read_text() == "precious"


def test_a_unix_socket_in_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    """The message names the socket."""
    with pytest.raises(
        CannotListenError, match=f"cannot listen on unix:{tmp_path}/no/jobs.sock: No such file"
    ):
        make_server(f"unix:{tmp_path}/no/jobs.sock")


# --- start and stop -------------------------------------------------------------------------------


def test_a_closed_server_leaves_no_thread_and_no_open_port() -> None:
    """Open streams are aborted."""
    with running_server() as server:
        [thread] = web_threads()
        with connection_to(server.address) as stream:
            stream.sendall(EVENTS_REQUEST)
            assert stream.recv(20).startswith(b"HTTP/1.1 200")
            server.close()
            with suppress(ConnectionResetError):
                while stream.recv(65_536):
                    pass
        assert not thread.is_alive()
        with pytest.raises(ConnectionRefusedError):
            request(server.address, headers=(HOST,))


class BlockingClock:
    """A clock that can hold up the server's thread, so that several things happen to it at once."""

    def __init__(self) -> None:
        self.blocks = False
        self.reached = threading.Event()
        self.released = threading.Event()

    def now(self) -> float:
        """Return the time; in the server's thread, wait first if the clock blocks."""
        if self.blocks and threading.current_thread() in web_threads():
            self.reached.set()
            self.released.wait(LIMIT)
        return SystemClock.now()

    monotonic = staticmethod(SystemClock.monotonic)


def test_a_connection_accepted_while_the_server_closes_is_closed_too(tmp_path: Path) -> None:
    """The event loop accepts the waiting clients in the same iteration in which it sees the stop."""
    clock = BlockingClock()
    path = str(tmp_path / "s")
    server = Server(LocalBackend(Scheduler(clock=clock), "jobs.py"), parse_address(f"unix:{path}"))
    with warnings.catch_warnings(record=True) as caught, ExitStack() as clients:
        warnings.simplefilter("always", ResourceWarning)
        server.start()
        clock.blocks = True
        for number in range(10):
            client = clients.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(path)
            if number == 0:
                client.sendall(SNAPSHOT_REQUEST)
                assert clock.reached.wait(LIMIT)
        threading.Timer(0.05, clock.released.set).start()  # after `close` has asked the server to stop
        server.close()
        gc.collect()
    assert not [str(each.message) for each in caught if "transport" in str(each.message)]


def test_a_server_that_was_never_started_can_be_closed(tmp_path: Path) -> None:
    """As when a later step of the start fails: the port is free again, and the socket file is gone."""
    server = make_server(f"unix:{tmp_path}/jobs.sock")
    server.close()
    assert not (tmp_path / "jobs.sock").exists()
    first = make_server("127.0.0.1:0")
    first.close()
    make_server(first.address.authority).close()  # type: ignore[union-attr] # TCP


def test_an_error_while_the_server_starts_is_raised_by_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the page would be missing without a message."""

    def broken(*_arguments: object) -> None:
        raise OSError("the description is missing")

    monkeypatch.setattr("jobtui.web.server.make_app", broken)
    server = make_server("127.0.0.1:0")
    with pytest.raises(OSError, match="the description is missing"):
        server.start()
    server.close()
    assert not web_threads()


def test_a_server_shows_a_scheduler_before_its_start_and_after_its_stop() -> None:
    """The snapshot has the phase."""
    scheduler = Scheduler(tz="UTC")
    with Server(LocalBackend(scheduler, "jobs.py"), parse_address("127.0.0.1:0")) as server:

        def phase() -> object:
            response = request(server.address, path=f"{PAGE}/api/snapshot", headers=(HOST,))
            return json.loads(response.body)["snapshot"]["phase"]

        seen = [phase()]
        scheduler.start()
        seen.append(phase())
        scheduler.stop(0)
        seen.append(phase())
    assert seen == ["new", "running", "stopped"]


def test_a_process_with_open_connections_can_exit(tmp_path: Path) -> None:
    """Neither a stream nor an unfinished request delays the exit."""
    script = tmp_path / "watched.py"
    script.write_text(
        "import socket\n"
        "from jobtui import Scheduler\n"
        "from jobtui.access.addresses import parse_address\n"
        "from jobtui.frontend.local_backend import LocalBackend\n"
        "from jobtui.web.server import Server\n"
        "scheduler = Scheduler(tz='UTC')\n"
        "with Server(LocalBackend(scheduler, 'x'), parse_address('127.0.0.1:0')) as server, scheduler:\n"
        "    clients = [socket.create_connection(('127.0.0.1', server.address.port)) for _ in range(3)]\n"
        f"    clients[0].sendall({EVENTS_REQUEST!r})\n"
        f"    clients[1].sendall({UNFINISHED_REQUEST!r})\n"
        "    assert clients[0].recv(9)\n"
        "print('over')\n"
    )
    result = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert (result.stdout, result.stderr, result.returncode) == ("over\n", "", 0)


def test_an_internal_error_is_logged_and_not_shown_to_the_client(caplog: pytest.LogCaptureFixture) -> None:
    """The client gets status 500 without any detail of our code; the server continues."""

    class BrokenBackend(ScriptedBackend):
        def snapshot(self) -> Snapshot:
            raise ZeroDivisionError

    backend = BrokenBackend(snapshots.saturated())
    with Server(backend, parse_address("127.0.0.1:0")) as server:
        response = request(server.address, path=f"{PAGE}/api/jobs", headers=(HOST,))
        assert (response.status, b"ZeroDivision" in response.body) == (500, False)
        assert "ZeroDivisionError" in caplog.text
        assert request(server.address, path=f"{PAGE}/api/openapi.json", headers=(HOST,)).status == 200


def test_a_stream_ends_when_encoding_an_event_fails(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No error page is written into the stream: the client sees the end, and reconnects."""
    monkeypatch.setattr("jobtui.web.api.event_stream.encode_event", lambda _event: 1 / 0)
    with running_server() as server, connection_to(server.address) as stream:
        stream.sendall(EVENTS_REQUEST)
        received = stream.recv(65_536)
        request(server.address, "POST", f"{PAGE}/api/jobs/tick/run", headers=(HOST,))
        while part := stream.recv(65_536):
            received += part
    assert received.count(b"HTTP/1.1") == 1
    assert b"Internal" not in received
    assert "ZeroDivisionError" in caplog.text


def test_every_response_has_the_security_headers() -> None:
    """Including errors and rejected requests."""
    with running_server() as server:
        for path, host in ((PAGE, HOST), (API, HOST), ("/nothing", HOST), (API, ("Host", "evil.example"))):
            response = request(server.address, path=path, headers=(host,))
            assert "default-src 'none'" in response.header("Content-Security-Policy")
            assert "frame-ancestors 'none'" in response.header("Content-Security-Policy")
            assert "unsafe" not in response.header("Content-Security-Policy")
            assert response.header("X-Content-Type-Options") == "nosniff"
            assert response.header("Referrer-Policy") == "same-origin"
            assert response.header("Cross-Origin-Resource-Policy") == "same-origin"
            assert response.header("Cache-Control") == "no-store"
            assert response.header("Access-Control-Allow-Origin") == ""
            assert response.header("Server") == "jobtui"
