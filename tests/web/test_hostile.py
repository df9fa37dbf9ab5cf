"""Clients that are slow, silent, too many, or send too much or malformed data: others are still served."""

from __future__ import annotations

import errno
import json
import resource
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_network
from itertools import count

import pytest
from support.access_requests import HOST, PAGE, basic, connection_to, exchange, request, running_server

from jobtui import Scheduler
from jobtui.access.addresses import Address
from jobtui.access.passwords import read_password
from jobtui.access.rules import AccessRules, Credentials
from jobtui.web import application, connection_limit, request_parsing
from jobtui.web import server as web_server
from jobtui.web.api import event_stream

API = f"{PAGE}/api/pool"
RESIZE = f"{PAGE}/api/pool/resize"
CLIENTS = 2_000
REQUEST_START = b"GET /@jobs/api/pool HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture(autouse=True, scope="module")
def allow_many_files() -> Iterator[None]:
    """Raise the limit of open files, since this process has both ends of every connection."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2 * CLIENTS + 500, before[1]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextmanager
def open_clients(address: Address, size: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """Connect as many clients, each of which sends something and reads nothing."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connection_to(address)) for _ in range(size)]
        for client in clients:
            with suppress(OSError):  # the server may have closed it already
                client.sendall(sent)
        yield clients


def connection_count(server: web_server.Server) -> int:
    """Return how many connections the server has, without another request."""
    return server.connections.count


def count_open(clients: list[socket.socket]) -> int:
    """Return how many connections the server has not closed."""
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
        pytest.param(b"", id="that send nothing"),
        pytest.param(REQUEST_START + b"X-Slow: ", id="that never end their headers"),
        pytest.param(REQUEST_START + b"\r\n", id="that keep an idle connection open"),
    ],
)
def test_two_thousand_slow_clients_block_neither_jobs_nor_other_clients(sent: bytes) -> None:
    """Above the limit, the connection that has been idle for longest is closed."""
    scheduler = Scheduler(pool=2, tz="UTC")
    with (
        running_server(scheduler=scheduler) as server,
        open_clients(server.address, CLIENTS, sent) as clients,
    ):
        assert [scheduler.now(lambda: 7).result(30) for _ in range(10)] == [7] * 10
        assert request(server.address, path=API, headers=(HOST,)).status == 200
        assert 0 < count_open(clients) <= connection_limit.MAX_CONNECTIONS


def test_a_connection_with_an_open_request_is_not_closed_for_a_new_one() -> None:
    """If all connections have open requests, the new connection is rejected."""
    with running_server() as server:
        stream = b"GET /@jobs/api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        with open_clients(server.address, connection_limit.MAX_CONNECTIONS, stream) as clients:
            for client in clients:
                assert client.recv(65_536).startswith(b"HTTP/1.1 200 OK")
            rejected = exchange(server.address, b"")
            assert (rejected.status, rejected.body) == (503, b"too many connections\n")
            clients.pop().close()
            while request(server.address, path=API, headers=(HOST,)).status != 200:
                pass  # the server may not have noticed the closed connection yet
            assert count_open(clients) == connection_limit.MAX_CONNECTIONS - 1


LOGIN_START = f"POST {PAGE}/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500\r\n".encode()
RULES = AccessRules(credentials=Credentials("ada", read_password("lovelace")))
WITHOUT_CREDENTIALS = {
    "that send a login slowly": LOGIN_START + b"Content-Type: application/x-www-form-urlencoded\r\n\r\nuser=",
    "that send a command slowly": LOGIN_START.replace(b"login", b"api/pause") + b"\r\n{",
    "that ask for the login page and do not read it": 100
    * b"GET /@jobs/login HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "that send wrong passwords": REQUEST_START + b"Authorization: Basic YWRhOndyb25n\r\n\r\n",
}


@pytest.mark.parametrize("sent", WITHOUT_CREDENTIALS.values(), ids=WITHOUT_CREDENTIALS.keys())
def test_clients_without_credentials_cannot_use_up_the_connections(sent: bytes) -> None:
    """The owner gets an answer, and the connections of an owner that was let in before stay open."""
    rights = basic("ada", "lovelace")
    with running_server(RULES) as server, connection_to(server.address) as stream:
        stream.sendall(
            f"GET {PAGE}/api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n{': '.join(rights)}\r\n\r\n".encode()
        )
        assert stream.recv(65_536).startswith(b"HTTP/1.1 200")
        with open_clients(server.address, connection_limit.MAX_CONNECTIONS + 50, sent):
            assert request(server.address, path=API, headers=(HOST, rights)).status == 200
            form = request(server.address, path=f"{PAGE}/login", headers=(HOST,))
            assert form.status == 200
            assert count_open([stream]) == 1


@pytest.mark.parametrize("path", ["login", "api/pool", "style.css"])
def test_the_server_does_not_read_pipelined_requests_without_end(path: str) -> None:
    """A client without credentials would fill the memory: aiohttp before 3.14.4 reads all of them."""
    wanted = 40_000_000
    sent, head = 0, f"GET {PAGE}/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    with running_server(RULES) as server, connection_to(server.address) as client:
        client.settimeout(1)
        with suppress(OSError):
            while sent < wanted:
                sent += client.send(head * 10_000)
        assert sent < wanted


def test_a_probe_is_not_trusted_with_a_large_body() -> None:
    """It was let in without credentials."""
    rules = AccessRules(credentials=RULES.credentials, probes=(ip_network("127.0.0.0/8"),))
    with running_server(rules) as server, connection_to(server.address) as probe:
        probe.sendall(f"GET {PAGE}/healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert probe.recv(65_536).startswith(b"HTTP/1.1 200")
        form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9000\r\n\r\n"
        probe.sendall(f"POST {PAGE}/login HTTP/1.1\r\nHost: 127.0.0.1\r\n{form}".encode() + b"x" * 9_000)
        assert probe.recv(65_536).startswith(b"HTTP/1.1 413")


def test_a_login_whose_body_does_not_arrive_within_seconds_gets_408(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three seconds; here a fifth of a second. Clients with credentials have more time."""
    monkeypatch.setattr(request_parsing, "UNTRUSTED_BODY_TIMEOUT", 0.2)
    monkeypatch.setattr(request_parsing, "BODY_TIMEOUT", 1_000.0)
    with running_server(RULES) as server:
        assert exchange(server.address, WITHOUT_CREDENTIALS["that send a login slowly"]).status == 408


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
def test_a_login_may_have_only_a_few_kilobytes(*, chunked: bool) -> None:
    """It gets status 413 before all of it has arrived."""
    body = b"user=" + b"a" * request_parsing.MAX_UNTRUSTED_BODY
    head = f"POST {PAGE}/login HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    if chunked:
        sent = f"{head}Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n".encode() + body
    else:
        sent = f"{head}Content-Length: {len(body) + 1}\r\n\r\n".encode() + body
    with running_server(RULES) as server:
        assert exchange(server.address, sent).status == 413


def test_a_connection_without_a_complete_request_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After twenty seconds; here after a fifth of a second."""
    monkeypatch.setattr(web_server, "IDLE_TIMEOUT", 0.2)
    with (
        running_server() as server,
        connection_to(server.address) as silent,
        connection_to(server.address) as half,
    ):
        half.sendall(REQUEST_START)
        assert (silent.recv(1), half.recv(1)) == (b"", b"")


def test_a_request_whose_body_does_not_arrive_gets_408(monkeypatch: pytest.MonkeyPatch) -> None:
    """The detail says that the body did not arrive."""
    monkeypatch.setattr(request_parsing, "BODY_TIMEOUT", 0.2)
    monkeypatch.setattr(request_parsing, "UNTRUSTED_BODY_TIMEOUT", 1_000.0)
    with running_server() as server:
        head = f"POST {RESIZE} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 20\r\n\r\n{{".encode()
        response = exchange(server.address, head)
        assert (response.status, json.loads(response.body)["detail"]) == (
            408,
            "the body did not arrive in time",
        )


def test_a_client_that_does_not_read_the_response_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the server would keep the response in memory."""
    monkeypatch.setattr(application, "RESPONSE_TIMEOUT", 0.2)
    scheduler = Scheduler(tz="UTC")
    for number in range(20_000):
        scheduler.schedule("0 0 30 2 *", print, name=f"job {number} with a name that fills the buffers")
    with running_server(scheduler=scheduler) as server, connection_to(server.address) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.sendall(REQUEST_START.replace(b"/pool", b"/jobs") + b"\r\n")
        never = threading.Event()
        while not connection_count(server):
            never.wait(0.01)
        while connection_count(server):  # the client reads nothing, and the response exceeds the buffers
            never.wait(0.01)


@pytest.mark.parametrize("path", ["api/events", "live"])
def test_a_client_that_never_reads_its_stream_is_disconnected(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although it keeps the connection open, so that what the server wrote can never be sent."""
    monkeypatch.setattr(event_stream, "WRITE_TIMEOUT", 0.2)
    scheduler = Scheduler(tz="UTC")
    scheduler.stop_logging()  # pytest would keep every traceback, which are gigabytes within seconds

    def fail() -> None:
        raise ValueError("x" * 20_000)

    jobs = [scheduler.schedule("0 0 30 2 *", fail, name=f"job {number} {'x' * 200}") for number in range(500)]
    with running_server(scheduler=scheduler) as server, connection_to(server.address) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        if path == "live":
            page = request(server.address, path=PAGE, headers=(HOST,)).body.decode()
            path += "?after=" + page.partition('data-tag="')[2].partition('"')[0]
        client.sendall(f"GET {PAGE}/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        never = threading.Event()
        while not connection_count(server):
            never.wait(0.01)
        while connection_count(server):
            for run in [job.run() for job in jobs]:
                run.wait(20)


@pytest.mark.parametrize("path", ["api/events", "api/jobs"])
def test_clients_that_do_not_read_share_a_limit_of_memory(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above it, those that have been slow for longest are disconnected, long before their time is over."""
    monkeypatch.setattr(event_stream, "WRITE_TIMEOUT", 1_000.0)
    monkeypatch.setattr(application, "RESPONSE_TIMEOUT", 1_000.0)
    scheduler = Scheduler(tz="UTC")
    scheduler.stop_logging()  # pytest would keep every traceback

    def fail() -> None:
        raise ValueError("x" * 20_000)

    names = [f"job {number} {'x' * 200}" for number in range(2_000)]
    jobs = [scheduler.schedule("0 0 30 2 *", fail, name=name) for name in names]
    never = threading.Event()
    with running_server(AccessRules(client_bytes=200_000), scheduler=scheduler) as server:
        head = f"GET {PAGE}/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        with open_clients(server.address, 6, head) as clients:
            for client in clients:
                assert client.recv(1) == b"H"
            while connection_count(server) > 3:
                for run in [job.run() for job in jobs[:50]]:
                    run.wait(20)
                never.wait(0.01)


def receive_events(address: Address, tag: str, last_seq: int) -> bytes:
    """Return what a client gets that reconnects after an event, up to another event."""
    with connection_to(address) as client:
        head = f"GET {PAGE}/api/events HTTP/1.1\r\nHost: 127.0.0.1\r\nLast-Event-ID: {tag}"
        client.sendall(f"{head}\r\n\r\n".encode())
        received = b""
        while f'"seq":{last_seq},'.encode() not in received:
            received += client.recv(65_536)
        return received


def test_the_events_for_clients_that_reconnect_are_bounded_in_memory() -> None:
    """Large tracebacks displace older events; the client learns how many it lost."""
    scheduler = Scheduler(tz="UTC")
    failures = count(1)

    def fail() -> None:
        raise ValueError(f"{next(failures)}" * 10_000)

    job = scheduler.schedule("0 0 30 2 *", fail, name="fail")
    with running_server(AccessRules(client_bytes=1_000_000), scheduler=scheduler) as server:
        snapshot = request(server.address, path=f"{PAGE}/api/snapshot", headers=(HOST,))
        tag = json.loads(snapshot.body)["tag"]
        for _ in range(100):
            job.run().wait(20)
        last_seq = scheduler.liveness().seq
        receive_events(server.address, tag, last_seq)  # so the server has read all of them
        received = receive_events(server.address, tag, last_seq)
        lost = int(received.partition(b'{"lost":')[2].partition(b"}")[0])
        assert 200 < lost < 300  # of 300
        assert received.count(b'"seq":') == 300 - lost


@pytest.mark.parametrize("path", [RESIZE, f"{PAGE}/api/pause", f"{PAGE}/login", f"{PAGE}/nothing", PAGE])
def test_a_body_of_ten_megabytes_is_rejected(path: str) -> None:
    """On every path, also if it begins like a valid body."""
    with running_server() as server:
        body = b'{"size": ' + b" " * 10_000_000 + b"3}"
        with connection_to(server.address) as client:
            head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
            with suppress(ConnectionError):  # the server closes the connection during the transfer
                client.sendall(head.encode() + body)
            with suppress(ConnectionError):
                status = client.recv(65_536).split(b" ", 2)[1:2]
                assert status in ([], [b"404"], [b"405"], [b"413"], [b"415"]), status
        assert json.loads(request(server.address, path=API, headers=(HOST,)).body)["size"] == 10


MALFORMED = {
    "TLS instead of HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a line of text": b"hello\r\n\r\n",
    "a method with a NUL": b"G\x00T /@jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "another protocol": b"GET /@jobs GOPHER/1.0\r\nHost: 127.0.0.1\r\n\r\n",
    "HTTP/1.1 without Host": b"GET /@jobs HTTP/1.1\r\n\r\n",
    "HTTP/1.0 without Host": b"GET /@jobs HTTP/1.0\r\n\r\n",
    "a header without a name": b"GET /@jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n: x\r\n\r\n",
    "a header with a NUL": b"GET /@jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x00b\r\n\r\n",
    "a folded header": b"GET /@jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\r\n b\r\n\r\n",
    "a huge header": b"GET /@jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    "a huge path": b"GET /@jobs/" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "many headers": b"GET /@jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: a\r\n" * 5_000 + b"\r\n",
    "two Content-Length headers": b"POST /@jobs/api/pause HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
    "a length and chunked encoding": b"POST /@jobs/api/pause HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a negative Content-Length": b"POST /@jobs/api/pause HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Length: -1\r\n\r\n",
    "a broken chunk": b"POST /@jobs/api/pause HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "a body that is not gzip": b"POST /@jobs/api/pause HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
    "a malformed URL": b"GET http://[/@jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a malformed percent escape": b"GET /@jobs/api/jobs/%zz%e HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a percent escape that is not UTF-8": b"GET /@jobs/api/jobs/%ff%fe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "bytes that are not UTF-8": b"GET /@jobs/api/jobs/\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a path out of the site": b"GET /@jobs/../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "an escaped path out of the site": b"GET /@jobs/static/..%2f..%2fpages.py HTTP/1.1\r\n"
    b"Host: 127.0.0.1\r\n\r\n",
    "CONNECT": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "an upgrade to WebSocket": b"GET /@jobs HTTP/1.1\r\nHost: evil.example\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_request_gets_a_client_error_or_no_response(
    sent: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    """The server continues, and prints nothing."""
    with running_server() as server:
        with connection_to(server.address) as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            received = client.recv(65_536)
        assert not received or 400 <= int(received.split(b" ", 2)[1]) < 500, received
        assert request(server.address, path=API, headers=(HOST,)).status == 200
    assert capfd.readouterr() == ("", "")


def test_pipelined_requests_are_answered_in_order() -> None:
    """Also if one of them is rejected."""
    with running_server() as server:
        evil = b"GET /@jobs/api/pool HTTP/1.1\r\nHost: evil.example\r\n\r\n"
        last = REQUEST_START + b"Connection: close\r\n\r\n"
        with connection_to(server.address) as client:
            client.sendall(REQUEST_START + b"\r\n" + evil + last)
            received = b""
            while part := client.recv(65_536):
                received += part
        found = [received.find(status) for status in (b"HTTP/1.1 200", b"HTTP/1.1 403")]
        assert -1 < found[0] < found[1] < received.rfind(b"HTTP/1.1 200")


def test_compressed_bodies_of_clients_without_credentials_are_not_decompressed() -> None:
    """Each has 40 MB: sixty would keep the server busy for seconds. They cost it what plain ones do."""
    compressed = zlib.compress(bytes(40_000_000))
    head = (
        b"POST /@jobs/login HTTP/1.1\r\nHost: 127.0.0.1\r\n%s"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n"
    )

    def cpu_of(encoding: bytes) -> float:
        sent = head % (encoding, len(compressed)) + compressed
        before = time.process_time()
        with open_clients(server.address, 60, sent):
            assert request(server.address, path=API, headers=(HOST,)).status == 200
            return time.process_time() - before

    with running_server() as server:
        plain = cpu_of(b"")
        assert cpu_of(b"Content-Encoding: deflate\r\n") < 10 * plain
