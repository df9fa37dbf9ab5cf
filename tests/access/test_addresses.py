"""Addresses to listen on: what may be written, what it means, and what else is answered with."""

from ipaddress import IPv4Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobtui.access.addresses import TcpAddress, UnixAddress, parse_address

EXAMPLES = "127.0.0.1:9001, [::1]:9001 or unix:/run/jobtui.sock"
SECRET = "hunter22"


def refusal(text: str) -> str:
    """Return what a text is answered with."""
    with pytest.raises(ValueError, match=" ") as caught:
        parse_address(text)
    return str(caught.value)


class TestTcp:
    """An address and a port."""

    @pytest.mark.parametrize(
        ("text", "host", "port"),
        [
            ("127.0.0.1:9001", "127.0.0.1", 9001),
            ("localhost:80", "127.0.0.1", 80),
            ("LocalHost:0", "127.0.0.1", 0),
            ("0.0.0.0:65535", "0.0.0.0", 65535),
            ("[::1]:9001", "::1", 9001),
            ("[::]:9001", "::", 9001),
            ("[fe80::1%eth0]:9001", "fe80::1%eth0", 9001),
            ("[::ffff:127.0.0.1]:9001", "127.0.0.1", 9001),
        ],
    )
    def test_what_may_be_written(self, text: str, host: str, port: int) -> None:
        """IPv6 stands in brackets; `localhost` is 127.0.0.1."""
        assert parse_address(text) == TcpAddress(ip_address(host), port)

    @pytest.mark.parametrize(
        ("text", "loopback"),
        [
            ("127.0.0.1:1", True),
            ("127.9.9.9:1", True),
            ("[::1]:1", True),
            ("[::ffff:127.0.0.1]:1", True),
            ("0.0.0.0:1", False),
            ("[::]:1", False),
            ("192.168.1.1:1", False),
            ("[::ffff:0.0.0.0]:1", False),
        ],
    )
    def test_who_can_reach_it(self, text: str, *, loopback: bool) -> None:
        """Every address of the machine is not loopback."""
        assert parse_address(text).loopback is loopback

    @pytest.mark.parametrize(
        ("text", "url"),
        [
            ("127.0.0.1:9001", "http://127.0.0.1:9001/@jobs"),
            ("[::1]:9001", "http://[::1]:9001/@jobs"),
            ("[0:0::1]:9001", "http://[::1]:9001/@jobs"),
        ],
    )
    def test_it_reads_as_the_url_of_the_page(self, text: str, url: str) -> None:
        """What is printed can be pasted into a browser."""
        assert str(parse_address(text)) == url


class TestUnix:
    """A Unix socket."""

    @pytest.mark.parametrize(
        ("text", "path"),
        [
            ("unix:/run/jobtui.sock", "/run/jobtui.sock"),
            ("unix:jobs.sock", "jobs.sock"),
            ("unix:/with space:and@signs", "/with space:and@signs"),
            ("unix:///run/jobtui.sock", "/run/jobtui.sock"),
        ],
    )
    def test_what_may_be_written(self, text: str, path: str) -> None:
        """Any path; with the slashes of a URL it is the same."""
        address = parse_address(text)
        assert address == UnixAddress(Path(path))
        assert address.loopback
        assert str(address) == f"unix:{path}"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("unix:", "unix: needs the path of a socket, such as unix:/run/jobtui.sock"),
            ("unix:/a\0b", "the path of the socket has characters in it that cannot be printed"),
            ("unix:/\x1b[2J", "the path of the socket has characters in it that cannot be printed"),
            ("unix:/\udcff", "the path of the socket has characters in it that cannot be printed"),
            ("unix:/" + "x" * 103, "the path of a socket has at most 103 bytes; this one is longer"),
            ("unix:/" + "é" * 52, "the path of a socket has at most 103 bytes; this one is longer"),
        ],
    )
    def test_what_no_socket_can_have(self, text: str, said: str) -> None:
        """The system's own limit, which is in bytes, and what would drive a terminal."""
        assert refusal(text) == said

    def test_the_longest_path(self) -> None:
        """The limit itself is allowed."""
        assert parse_address("unix:/" + "x" * 102) == UnixAddress(Path("/" + "x" * 102))


class TestRefused:
    """What is no address, and what was meant."""

    @pytest.mark.parametrize(
        ("text", "meant"),
        [
            ("9001", "127.0.0.1:9001"),
            ("127.0.0.1", "127.0.0.1:9001"),
            ("localhost", "localhost:9001"),
            ("::1", "[::1]:9001"),
            ("[::1]", "[::1]:9001"),
            ("::1:9001", "[::1]:9001"),
            ("2001:db8::1:80", "[2001:db8::1]:80"),
            ("/run/jobtui.sock", "unix:/run/jobtui.sock"),
            ("", ""),
            ("99999", ""),
            ("jobs", ""),
        ],
    )
    def test_a_part_is_missing(self, text: str, meant: str) -> None:
        """A port alone, an address alone, IPv6 without brackets, a path without its scheme."""
        assert refusal(text) == f"'{text}' is not an address and a port, such as {EXAMPLES}" + (
            f"; did you mean {meant}?" if meant else ""
        )

    @pytest.mark.parametrize("text", [":9001", "*:9001"])
    def test_no_address(self, text: str) -> None:
        """Both that it can mean are offered, the safe one first."""
        assert refusal(text) == (
            f"'{text}' has no address before the port; did you mean 127.0.0.1:9001, "
            "or 0.0.0.0:9001 for every address of this machine?"
        )

    @pytest.mark.parametrize("port", ["", "65536", "99999", "-1", "http", "٣", "9001 ", "0x10", "1" * 5000])
    def test_no_port(self, port: str) -> None:
        """A port has its limits."""
        said = refusal(f"127.0.0.1:{port}")
        assert said.startswith(f"'{port[:39]}")
        assert said.endswith("' is not a port: a number from 0 to 65535")

    @pytest.mark.parametrize(
        "host", ["example.org", "[127.0.0.1]", "127.0.0.1 ", "[::1", "[]", "010.0.0.1", "256.0.0.1"]
    )
    def test_a_name_or_a_wrong_address(self, host: str) -> None:
        """Names are not looked up: what they lead to may change."""
        assert refusal(f"{host}:9001") == (
            f"'{host}' is not an address of this machine: write it in numbers, such as {EXAMPLES}"
        )

    @pytest.mark.parametrize("interface", ["\x1b[2J", "x" * 100])
    def test_an_interface_that_would_drive_the_terminal(self, interface: str) -> None:
        """Python takes any text for the name of one; it would be shown wherever the address is."""
        assert " is not an address of this machine: " in refusal(f"[fe80::1%{interface}]:9001")

    @pytest.mark.parametrize(
        ("text", "meant"),
        [
            ("http://127.0.0.1:9001/@jobs", "127.0.0.1:9001"),
            ("HTTP://localhost", "localhost:9001"),
            (f"https://me:{SECRET}@[::1]:9001/", "[::1]:9001"),
            ("127.0.0.1:9001/@jobs", "127.0.0.1:9001"),
            (f"http://me:{SECRET}@example.org", ""),
            ("http://", ""),
            (f"me:{SECRET}/x@127.0.0.1:9001", ""),
        ],
    )
    def test_a_url(self, text: str, meant: str) -> None:
        """Address and port are taken out of it, and the password is not shown."""
        assert refusal(text) == "write the address and the port without the rest of a URL" + (
            f"; did you mean {meant}?" if meant else ""
        )

    def test_credentials(self) -> None:
        """They have their own place, and are not shown here."""
        assert refusal(f"me:{SECRET}@127.0.0.1:9001") == (
            "an address to listen on has no user or password in it; "
            "in the settings these are jobs.auth.user and jobs.auth.pass"
        )


PIECES = st.lists(
    st.sampled_from(
        [
            "127.0.0.1", "::1", "[", "]", ":", "9001", "unix:", "/", "@", "localhost", "http://", "%", "*",
            "\x1b", "é", "0", " ",
        ]
    ),
    max_size=8,
).map("".join)  # fmt: skip


@given(st.one_of(st.text(), PIECES))
def test_any_text_is_an_address_or_refused_in_a_line(text: str) -> None:
    """The message is short and cannot drive a terminal, and neither can an address."""
    try:
        assert str(parse_address(text)).isprintable()
    except ValueError as error:
        assert len(str(error)) < 300  # noqa: PT017 - or none is raised
        assert str(error).isprintable()  # noqa: PT017 - as above


@given(PIECES)
def test_what_is_offered_is_an_address(text: str) -> None:
    """Whoever writes what was offered is understood."""
    try:
        parse_address(text)
    except ValueError as error:
        _, question, rest = str(error).partition("; did you mean ")
        if question:
            parse_address(rest.partition(",")[0].removesuffix("?"))


@given(st.ip_addresses(), st.integers(0, 65535))
def test_what_is_shown_is_read_again(host: IPv4Address, port: int) -> None:
    """The authority of an address is the address, but that IPv4 in IPv6 is IPv4."""
    address = parse_address(TcpAddress(host, port).authority)
    assert isinstance(address, TcpAddress)
    assert parse_address(address.authority) == address
    assert address.host == (getattr(host, "ipv4_mapped", None) or host)
