"""Clients that are slow, dead, too many, too large or broken: the scheduler and the others go on."""

from __future__ import annotations

import errno
import json
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from support.access_requests import PAGE, connected, exchange, request, serving

from jobtui import Scheduler
from jobtui.access.addresses import Address
from jobtui.web import application, connection_limit, request_parsing
from jobtui.web import server as web_server

HOST = ("Host", "127.0.0.1")
API = f"{PAGE}/api/pool"
RESIZE = f"{PAGE}/api/pool/resize"
CROWD = 2_000
START = b"GET /@jobs/api/pool HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture(autouse=True, scope="module")
def many_files() -> Iterator[None]:
    """Both ends of every connection are ours here."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2 * CROWD + 500, before[1]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextmanager
def crowd(address: Address, size: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """So many clients that have each sent something, and read nothing."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(address)) for _ in range(size)]
        for client in clients:
            with suppress(OSError):  # it was shown the door already
                client.sendall(sent)
        yield clients


def open_ones(clients: list[socket.socket]) -> int:
    """How many have not been hung up on."""
    count = 0
    for client in clients:
        client.setblocking(False)
        try:
            while client.recv(65_536):
                pass
        except OSError as error:
            count += error.errno == errno.EAGAIN
    return count


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="who say nothing"),
        pytest.param(START + b"X-Slow: ", id="who never end their headers"),
        pytest.param(START + b"\r\n", id="who stay when they have got what they want"),
    ],
)
def test_two_thousand_slow_clients_keep_nobody_out(sent: bytes) -> None:
    """They are more than there is room for: who was silent for longest goes, and the jobs go on running."""
    scheduler = Scheduler(pool=2, tz="UTC")
    with serving(scheduler=scheduler) as server, crowd(server.address, CROWD, sent) as clients:
        assert [scheduler.now(lambda: 7).result(30) for _ in range(10)] == [7] * 10
        assert request(server.address, path=API, headers=(HOST,)).status == 200
        assert 0 < open_ones(clients) <= connection_limit.MOST


def test_who_is_busy_is_not_hung_up_on() -> None:
    """Where every connection has a request under way, it is the new one that is turned away."""
    with serving() as server:
        stream = b"GET /@jobs/api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        with crowd(server.address, connection_limit.MOST, stream) as clients:
            for client in clients:
                assert client.recv(65_536).startswith(b"HTTP/1.1 200 OK")
            turned_away = exchange(server.address, b"")
            assert (turned_away.status, turned_away.body) == (503, b"too many connections\n")
            clients.pop().close()
            while request(server.address, path=API, headers=(HOST,)).status != 200:
                pass  # the server has not seen yet that one has gone
            assert open_ones(clients) == connection_limit.MOST - 1


def test_who_says_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """After twenty seconds; here after a fifth of one."""
    monkeypatch.setattr(web_server, "IDLE", 0.2)
    with serving() as server, connected(server.address) as silent, connected(server.address) as half:
        half.sendall(START)
        assert (silent.recv(1), half.recv(1)) == (b"", b"")


def test_who_does_not_send_the_body_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told so."""
    monkeypatch.setattr(request_parsing, "READING", 0.2)
    with serving() as server:
        head = f"POST {RESIZE} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 20\r\n\r\n{{".encode()
        reply = exchange(server.address, head)
        assert (reply.status, json.loads(reply.body)["detail"]) == (408, "the body did not come")


def test_who_does_not_take_the_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer is not kept for ever."""
    monkeypatch.setattr(application, "ANSWERING", 0.2)
    scheduler = Scheduler(tz="UTC")
    for number in range(20_000):
        scheduler.schedule("0 0 30 2 *", print, name=f"job {number} with a name that fills the pipe")
    with serving(scheduler=scheduler) as server, connected(server.address) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        lazy.sendall(START.replace(b"/pool", b"/jobs") + b"\r\n")
        turn = threading.Event()
        while not server._connections._open:
            turn.wait(0.01)  # it has not been let in yet
        while server._connections._open:
            turn.wait(0.01)  # though it has read nothing, and there is more than fits into the pipe


@pytest.mark.parametrize("path", [RESIZE, f"{PAGE}/api/pause", f"{PAGE}/login", f"{PAGE}/nothing", PAGE])
def test_ten_megabytes_are_not_taken(path: str) -> None:
    """Wherever they are sent, and with whatever they begin."""
    with serving() as server:
        body = b'{"size": ' + b" " * 10_000_000 + b"3}"
        with connected(server.address) as client:
            head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
            with suppress(ConnectionError):  # it hangs up while we are still sending
                client.sendall(head.encode() + body)
            with suppress(ConnectionError):
                status = client.recv(65_536).split(b" ", 2)[1:2]
                assert status in ([], [b"404"], [b"405"], [b"413"], [b"415"]), status
        assert json.loads(request(server.address, path=API, headers=(HOST,)).body)["size"] == 10


BROKEN = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "nonsense": b"hello\r\n\r\n",
    "a method of nonsense": b"G\x00T /@jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "another protocol": b"GET /@jobs GOPHER/1.0\r\nHost: 127.0.0.1\r\n\r\n",
    "no host": b"GET /@jobs HTTP/1.1\r\n\r\n",
    "an old version without a host": b"GET /@jobs HTTP/1.0\r\n\r\n",
    "a header without a name": b"GET /@jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n: x\r\n\r\n",
    "a header with a nul": b"GET /@jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x00b\r\n\r\n",
    "a folded header": b"GET /@jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\r\n b\r\n\r\n",
    "a huge header": b"GET /@jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    "a huge path": b"GET /@jobs/" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "many headers": b"GET /@jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: a\r\n" * 5_000 + b"\r\n",
    "two lengths": b"POST /@jobs/api/pause HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
    "a length and chunks": b"POST /@jobs/api/pause HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a negative length": b"POST /@jobs/api/pause HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    "a broken chunk": b"POST /@jobs/api/pause HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "no gzip": b"POST /@jobs/api/pause HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Encoding: gzip\r\n"
    b"Content-Length: 5\r\n\r\nhello",
    "a path that is no path": b"GET http://[/@jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a path with half a percent": b"GET /@jobs/api/jobs/%zz%e HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a path that is no UTF-8": b"GET /@jobs/api/jobs/%ff%fe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "bytes that are no UTF-8": b"GET /@jobs/api/jobs/\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a way out": b"GET /@jobs/../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a way out of a folder": b"GET /@jobs/static/..%2f..%2fpages.py HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "another protocol over this one": b"GET /@jobs HTTP/1.1\r\nHost: evil.example\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n",
}


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN.keys())
def test_broken_requests_are_refused(sent: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    """By a client's error, if by anything; the server goes on, and says nothing on the terminal."""
    with serving() as server:
        with connected(server.address) as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            received = client.recv(65_536)
        assert not received or 400 <= int(received.split(b" ", 2)[1]) < 500, received
        assert request(server.address, path=API, headers=(HOST,)).status == 200
    assert capfd.readouterr() == ("", "")


def test_a_pipeline_is_answered_in_order() -> None:
    """Several requests at once on one connection, one of which is not let in."""
    with serving() as server:
        evil = b"GET /@jobs/api/pool HTTP/1.1\r\nHost: evil.example\r\n\r\n"
        last = START + b"Connection: close\r\n\r\n"
        with connected(server.address) as client:
            client.sendall(START + b"\r\n" + evil + last)
            received = b""
            while part := client.recv(65_536):
                received += part
        found = [received.find(status) for status in (b"HTTP/1.1 200", b"HTTP/1.1 403")]
        assert -1 < found[0] < found[1] < received.rfind(b"HTTP/1.1 200")
