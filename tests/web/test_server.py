"""The server's life: where it listens, what it leaves behind, and that no job waits for it."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from support.access_requests import PAGE, connected, request, serving

from jobtui import Scheduler
from jobtui.access.addresses import TcpAddress, parse_address
from jobtui.access.passwords import read_password
from jobtui.access.rules import AccessRules, Credentials
from jobtui.frontend.backend import LocalBackend
from jobtui.web.listeners import CannotListenError
from jobtui.web.server import Server

HOST = ("Host", "127.0.0.1")
API = f"{PAGE}/api/pool"
RULES = AccessRules(credentials=Credentials("ada", read_password("lovelace")))


EVENTS = b"GET /@jobs/api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HALF = b"POST /@jobs/api/pause HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n"


def make(listen: str, access: AccessRules | None = None) -> Server:
    """A server that is bound and not started."""
    return Server(LocalBackend(Scheduler(tz="UTC"), "jobs.py"), parse_address(listen), access=access)


def web_threads() -> list[threading.Thread]:
    """The threads that serve."""
    return [thread for thread in threading.enumerate() if thread.name == "jobtui-web"]


def test_a_port_that_is_left_to_the_system_is_told() -> None:
    """With port 0 it chooses a free one."""
    with serving() as server:
        assert isinstance(server.address, TcpAddress)
        assert server.address.port > 0
        assert str(server.address) == f"http://127.0.0.1:{server.address.port}/@jobs"
        assert request(server.address, path=API, headers=(HOST,)).status == 200


def test_it_listens_on_ipv6() -> None:
    """As well as on IPv4."""
    with serving(listen="[::1]:0") as server:
        assert str(server.address).startswith("http://[::1]:")
        assert request(server.address, path=API, headers=(("Host", "[::1]"),)).status == 200


def test_an_address_that_is_taken_is_an_error_at_once() -> None:
    """Before any job has started."""
    with serving() as server:
        assert isinstance(server.address, TcpAddress)
        with pytest.raises(CannotListenError, match=r"cannot listen on 127\.0\.0\.1:.*in use"):
            make(server.address.authority)


def test_an_address_of_another_machine_is_an_error() -> None:
    """One of those that are set apart for examples."""
    with pytest.raises(CannotListenError, match=r"cannot listen on 192\.0\.2\.77:9001"):
        make("192.0.2.77:9001", RULES)


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.77:0"])
def test_what_others_can_reach_needs_credentials(listen: str) -> None:
    """It is refused before it is bound."""
    with pytest.raises(CannotListenError, match=r"needs jobs\.auth\.user and jobs\.auth\.pass"):
        make(listen)


def test_with_credentials_it_listens_everywhere_and_still_lets_in_this_machine_alone() -> None:
    """The address rule holds whatever it is bound to: its own address on the network is not loopback."""
    with serving(RULES, listen="0.0.0.0:0") as server:
        assert isinstance(server.address, TcpAddress)
        home = parse_address(f"127.0.0.1:{server.address.port}")
        assert request(home, path=API, headers=(HOST,)).status == 401
        outside = _outside_address()
        if outside is None:
            pytest.skip("this machine has no address but loopback")
        there = parse_address(f"{outside}:{server.address.port}")
        assert request(there, path=API, headers=(HOST,)).status == 403


def _outside_address() -> str | None:
    """The address by which this machine would talk to others; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.77", 9))
        except OSError:
            return None
        name: str = probe.getsockname()[0]
        return None if name.startswith("127.") else name


# --- Unix sockets ---------------------------------------------------------------------------------


def test_a_unix_socket_can_be_opened_by_its_owner_alone(tmp_path: Path) -> None:
    """From the moment it is there, whatever the umask; when all is over it is gone."""
    path = tmp_path / "jobs.sock"
    before = os.umask(0)
    try:
        server = make(f"unix:{path}")
        assert os.umask(0) == 0  # as it was
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with server:
        assert request(server.address, path=API, headers=(HOST,)).status == 200
    assert not path.exists()


def test_a_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    """By a process that was killed."""
    path = tmp_path / "jobs.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with serving(listen=f"unix:{path}") as server:
        assert request(server.address, path=API, headers=(HOST,)).status == 200


def test_a_socket_that_another_process_listens_on_is_left_alone(tmp_path: Path) -> None:
    """Its clients would be taken away from it."""
    with serving(listen=f"unix:{tmp_path}/jobs.sock") as server:
        with pytest.raises(CannotListenError, match="another process does"):
            make(str(server.address))
        assert request(server.address, path=API, headers=(HOST,)).status == 200


@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_what_is_no_socket_is_left_alone(tmp_path: Path, what: str) -> None:
    """A slip of the finger must not remove somebody's file."""
    path = tmp_path / "jobs.sock"
    match what:
        case "file":
            path.write_text("mine")
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CannotListenError, match="this is no socket"):
        make(f"unix:{path}")
    assert path.lstat()


def test_what_has_taken_the_sockets_place_is_left_alone(tmp_path: Path) -> None:
    """At the end only our own socket is removed."""
    path = tmp_path / "jobs.sock"
    with serving(listen=f"unix:{path}"):
        path.unlink()
        path.write_text("mine")
    assert path.read_text() == "mine"


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """It says which socket it is about."""
    with pytest.raises(
        CannotListenError, match=f"cannot listen on unix:{tmp_path}/no/jobs.sock: No such file"
    ):
        make(f"unix:{tmp_path}/no/jobs.sock")


# --- life -----------------------------------------------------------------------------------------


def test_no_thread_and_no_port_is_left_when_it_is_closed() -> None:
    """Open streams are broken off, too."""
    with serving() as server:
        [thread] = web_threads()
        with connected(server.address) as stream:
            stream.sendall(EVENTS)
            assert stream.recv(20).startswith(b"HTTP/1.1 200")
            server.close()
            with suppress(ConnectionResetError):
                while stream.recv(65_536):
                    pass
        assert not thread.is_alive()
        with pytest.raises(ConnectionRefusedError):
            request(server.address, headers=(HOST,))


def test_a_server_that_was_never_started_can_be_closed(tmp_path: Path) -> None:
    """As when something after it fails: the port is free again, and the socket gone."""
    server = make(f"unix:{tmp_path}/jobs.sock")
    server.close()
    assert not (tmp_path / "jobs.sock").exists()
    first = make("127.0.0.1:0")
    first.close()
    make(first.address.authority).close()  # type: ignore[union-attr] # TCP


def test_a_server_that_cannot_begin_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is missing in silence would be found out at night."""

    def broken(*_arguments: object) -> None:
        raise OSError("the description is gone")

    monkeypatch.setattr("jobtui.web.server.make_app", broken)
    server = make("127.0.0.1:0")
    with pytest.raises(OSError, match="the description is gone"):
        server.start()
    server.close()
    assert not web_threads()


def test_it_shows_a_scheduler_that_has_not_started_and_one_that_has_stopped() -> None:
    """The page is there before the first job and after the last."""
    scheduler = Scheduler(tz="UTC")
    with Server(LocalBackend(scheduler, "jobs.py"), parse_address("127.0.0.1:0")) as server:

        def phase() -> object:
            reply = request(server.address, path=f"{PAGE}/api/snapshot", headers=(HOST,))
            return json.loads(reply.body)["snapshot"]["phase"]

        seen = [phase()]
        scheduler.start()
        seen.append(phase())
        scheduler.stop(0)
        seen.append(phase())
    assert seen == ["new", "running", "stopped"]


def test_a_process_with_open_streams_ends(tmp_path: Path) -> None:
    """Nobody who watches holds it up: neither by a stream, nor by a request that is never finished."""
    script = tmp_path / "watched.py"
    script.write_text(
        "import socket\n"
        "from jobtui import Scheduler\n"
        "from jobtui.access.addresses import parse_address\n"
        "from jobtui.frontend.backend import LocalBackend\n"
        "from jobtui.web.server import Server\n"
        "scheduler = Scheduler(tz='UTC')\n"
        "with Server(LocalBackend(scheduler, 'x'), parse_address('127.0.0.1:0')) as server, scheduler:\n"
        "    clients = [socket.create_connection(('127.0.0.1', server.address.port)) for _ in range(3)]\n"
        f"    clients[0].sendall({EVENTS!r})\n"
        f"    clients[1].sendall({HALF!r})\n"
        "    assert clients[0].recv(9)\n"
        "print('over')\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("over\n", "", 0)


def test_an_error_of_ours_is_reported_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    """The client learns that it was our fault, and nothing of our code; the server goes on."""
    with serving() as server:
        server._source.snapshot = lambda: 1 / 0  # type: ignore[assignment, return-value] # a mistake
        reply = request(server.address, path=f"{PAGE}/api/jobs", headers=(HOST,))
        assert (reply.status, b"ZeroDivision" in reply.body) == (500, False)
        assert "ZeroDivisionError" in caplog.text
        assert request(server.address, path=f"{PAGE}/api/openapi.json", headers=(HOST,)).status == 200


def test_a_stream_that_fails_is_cut_off(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No error page is written into it: the client sees that it has ended, and comes back."""
    monkeypatch.setattr("jobtui.web.api.event_stream.encode_event", lambda _event: 1 / 0)
    with serving() as server, connected(server.address) as stream:
        stream.sendall(EVENTS)
        received = stream.recv(65_536)
        request(server.address, "POST", f"{PAGE}/api/jobs/tick/run", headers=(HOST,))
        while part := stream.recv(65_536):
            received += part
    assert received.count(b"HTTP/1.1") == 1
    assert b"Internal" not in received
    assert "ZeroDivisionError" in caplog.text


def test_every_answer_forbids_what_a_page_may_be_abused_for() -> None:
    """Also those that refuse."""
    with serving() as server:
        for path, host in ((PAGE, HOST), (API, HOST), ("/nothing", HOST), (API, ("Host", "evil.example"))):
            reply = request(server.address, path=path, headers=(host,))
            assert "default-src 'none'" in reply.header("Content-Security-Policy")
            assert "frame-ancestors 'none'" in reply.header("Content-Security-Policy")
            assert "unsafe" not in reply.header("Content-Security-Policy")
            assert reply.header("X-Content-Type-Options") == "nosniff"
            assert reply.header("Referrer-Policy") == "same-origin"
            assert reply.header("Cross-Origin-Resource-Policy") == "same-origin"
            assert reply.header("Cache-Control") == "no-store"
            assert reply.header("Access-Control-Allow-Origin") == ""
            assert reply.header("Server") == "jobtui"
