"""Addresses to listen on: which texts are accepted, what they mean, and the messages for others."""

from ipaddress import IPv4Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobtui.access.addresses import TcpAddress, UnixAddress, parse_address

EXAMPLES = "127.0.0.1:9001, [::1]:9001 or unix:/run/jobtui.sock"
SECRET = "hunter22"


def error_for(text: str) -> str:
    """Return the message of the error for a text."""
    with pytest.raises(ValueError, match=" ") as caught:
        parse_address(text)
    return str(caught.value)


class TestTcp:
    """An IP address and a port."""

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
    def test_an_address_and_a_port_are_parsed(self, text: str, host: str, port: int) -> None:
        """An IPv6 address is in brackets; `localhost` is 127.0.0.1."""
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
    def test_only_loopback_addresses_are_loopback(self, text: str, *, loopback: bool) -> None:
        """An address for every interface of the machine is not."""
        assert parse_address(text).loopback is loopback

    @pytest.mark.parametrize(
        ("text", "url"),
        [
            ("127.0.0.1:9001", "http://127.0.0.1:9001/@jobs"),
            ("[::1]:9001", "http://[::1]:9001/@jobs"),
            ("[0:0::1]:9001", "http://[::1]:9001/@jobs"),
        ],
    )
    def test_the_text_of_an_address_is_the_url_of_the_status_page(self, text: str, url: str) -> None:
        """It can be pasted into a browser."""
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
    def test_any_path_of_a_unix_socket_is_accepted(self, text: str, path: str) -> None:
        """With the slashes of a URL it is the same path."""
        address = parse_address(text)
        assert address == UnixAddress(Path(path))
        assert address.loopback
        assert str(address) == f"unix:{path}"

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("unix:", "unix: must be followed by the path of a socket, as in unix:/run/jobtui.sock"),
            ("unix:/a\0b", "the path of the socket contains characters that cannot be printed"),
            ("unix:/\x1b[2J", "the path of the socket contains characters that cannot be printed"),
            ("unix:/\udcff", "the path of the socket contains characters that cannot be printed"),
            ("unix:/" + "x" * 103, "the path of the socket has more than 103 bytes"),
            ("unix:/" + "é" * 52, "the path of the socket has more than 103 bytes"),
        ],
    )
    def test_a_socket_path_that_is_missing_unprintable_or_too_long_is_rejected(
        self, text: str, expected: str
    ) -> None:
        """The limit is that of the system, in bytes."""
        assert error_for(text) == expected

    def test_a_socket_path_of_the_maximum_length_is_accepted(self) -> None:
        """103 bytes."""
        assert parse_address("unix:/" + "x" * 102) == UnixAddress(Path("/" + "x" * 102))


class TestRejected:
    """Texts that are not an address, and the address that was probably meant."""

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
    def test_an_incomplete_address_is_rejected_with_the_complete_one(self, text: str, meant: str) -> None:
        """A port alone, an address alone, IPv6 without brackets, a path without `unix:`."""
        assert error_for(text) == f"'{text}' is not an address and a port, such as {EXAMPLES}" + (
            f"; did you mean {meant}?" if meant else ""
        )

    @pytest.mark.parametrize("text", [":9001", "*:9001"])
    def test_a_port_without_address_is_rejected_with_two_suggestions(self, text: str) -> None:
        """The safe one comes first."""
        assert error_for(text) == (
            f"'{text}' has no address before the port; did you mean 127.0.0.1:9001, "
            "or 0.0.0.0:9001 for every address of this machine?"
        )

    @pytest.mark.parametrize("port", ["", "65536", "99999", "-1", "http", "٣", "9001 ", "0x10", "1" * 5000])
    def test_a_text_that_is_not_a_port_is_rejected(self, port: str) -> None:
        """A port is at most 65535."""
        message = error_for(f"127.0.0.1:{port}")
        assert message.startswith(f"'{port[:39]}")
        assert message.endswith("' is not a port: a number from 0 to 65535")

    @pytest.mark.parametrize(
        "host", ["example.org", "[127.0.0.1]", "127.0.0.1 ", "[::1", "[]", "010.0.0.1", "256.0.0.1"]
    )
    def test_a_host_that_is_not_an_ip_address_is_rejected(self, host: str) -> None:
        """Names are not resolved, because what they resolve to may change."""
        assert error_for(f"{host}:9001") == (
            f"'{host}' is not an IP address of this machine, such as {EXAMPLES}"
        )

    @pytest.mark.parametrize("interface", ["\x1b[2J", "x" * 100])
    def test_an_unprintable_or_long_interface_name_is_rejected(self, interface: str) -> None:
        """Python accepts any text as the name of an interface, and the address is shown to users."""
        assert " is not an IP address of this machine, " in error_for(f"[fe80::1%{interface}]:9001")

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
    def test_a_url_is_rejected_with_its_address_and_without_its_password(self, text: str, meant: str) -> None:
        """The message never repeats credentials."""
        assert error_for(text) == "write only the address and the port, not a whole URL" + (
            f"; did you mean {meant}?" if meant else ""
        )

    def test_credentials_in_an_address_are_rejected_without_being_repeated(self) -> None:
        """They belong to other settings."""
        assert error_for(f"me:{SECRET}@127.0.0.1:9001") == (
            "an address to listen on must not contain a user name or a password; "
            "set jobs.auth.user and jobs.auth.pass instead"
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
def test_any_text_is_an_address_or_rejected_in_one_printable_line(text: str) -> None:
    """The text of an address is printable, too."""
    try:
        assert str(parse_address(text)).isprintable()
    except ValueError as error:
        assert len(str(error)) < 300  # noqa: PT017 - or none is raised
        assert str(error).isprintable()  # noqa: PT017 - as above


@given(PIECES)
def test_a_suggested_address_can_be_parsed(text: str) -> None:
    """For any text."""
    try:
        parse_address(text)
    except ValueError as error:
        _, question, rest = str(error).partition("; did you mean ")
        if question:
            parse_address(rest.partition(",")[0].removesuffix("?"))


@given(st.ip_addresses(), st.integers(0, 65535))
def test_the_authority_of_an_address_is_parsed_to_the_same_address(host: IPv4Address, port: int) -> None:
    """An IPv4 address inside IPv6 becomes IPv4."""
    address = parse_address(TcpAddress(host, port).authority)
    assert isinstance(address, TcpAddress)
    assert parse_address(address.authority) == address
    assert address.host == (getattr(host, "ipv4_mapped", None) or host)
