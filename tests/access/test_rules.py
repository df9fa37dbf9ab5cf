"""Access rules: user names, networks, and client addresses in all the ways they can be written."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobtui.access.passwords import read_password
from jobtui.access.rules import AccessRules, Credentials, IpNetwork, check_user, parse_network

SECRET = "correct horse"
UNPRINTABLE = "the user name contains line breaks or other characters that cannot be printed"
ME = Credentials("me", read_password(SECRET))


class TestCredentials:
    """The user name and password."""

    @pytest.mark.parametrize("user", ["me", "Åse Ødegård", "me@example.org", " ", "用户"])
    def test_a_user_name_may_contain_letters_of_any_script_and_spaces(self, user: str) -> None:
        """Only a colon and unprintable characters are rejected."""
        assert Credentials(user, ME.password).user == user

    @pytest.mark.parametrize(
        ("user", "expected"),
        [
            ("", "the user name is empty"),
            (f"me:{SECRET}", "the user name contains a colon, which separates it from the password"),
            (f"me\n{SECRET}", UNPRINTABLE),
            (f"\x1b[31m{SECRET}", UNPRINTABLE),
        ],
    )
    def test_a_user_name_that_cannot_log_in_is_rejected_without_being_repeated(
        self, user: str, expected: str
    ) -> None:
        """It may contain the password by mistake."""
        for use in (check_user, lambda name: Credentials(name, ME.password)):
            with pytest.raises(ValueError, match=r"^the user name ") as caught:
                use(user)
            assert str(caught.value) == expected

    def test_the_repr_of_credentials_does_not_show_the_password(self) -> None:
        """Neither that of credentials nor that of access rules."""
        assert repr(ME) == "Credentials(user='me')"
        assert SECRET not in repr(AccessRules(credentials=ME))
        assert "Password" not in repr(AccessRules(credentials=ME))

    def test_rules_with_equal_credentials_are_equal(self) -> None:
        """Even if the password was read twice."""
        assert AccessRules(credentials=ME) == AccessRules(
            credentials=Credentials("me", read_password(SECRET))
        )
        assert AccessRules(credentials=ME) != AccessRules(
            credentials=Credentials("me", read_password("other"))
        )


class TestAllows:
    """Which client addresses may connect. Addresses are numbers, never prefixes of texts."""

    @pytest.mark.parametrize("address", ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::1%lo"])
    def test_loopback_addresses_are_always_allowed(self, address: str) -> None:
        """Also an IPv4 client as an IPv6 socket reports it."""
        assert AccessRules().allows(ip_address(address))
        assert AccessRules(credentials=ME, allow=(ip_network("10.0.0.0/8"),)).allows(ip_address(address))

    @pytest.mark.parametrize(
        "address",
        ["10.0.0.1", "128.0.0.1", "0.0.0.0", "::", "::2", "::7f00:1", "fe80::1%lo", "::ffff:10.0.0.1",
         "64:ff9b::7f00:1", "2002:7f00:1::"],
    )  # fmt: skip
    def test_without_allowed_networks_other_addresses_are_rejected(self, address: str) -> None:
        """An address that contains a loopback address is not one."""
        assert not AccessRules().allows(ip_address(address))

    @pytest.mark.parametrize(
        ("address", "inside"),
        [
            ("10.0.0.0", True),
            ("10.255.255.255", True),
            ("11.0.0.0", False),
            ("9.255.255.255", False),
            ("::ffff:10.1.2.3", True),
            ("::ffff:11.1.2.3", False),
            ("::a00:1", False),  # 10.0.0.1 as a number, but of IPv6
            ("fd00::1", True),
            ("fdff::1%eth0", True),
            ("fe80::1", False),
        ],
    )
    def test_addresses_inside_allowed_networks_are_allowed(self, address: str, *, inside: bool) -> None:
        """And no others, in both versions of IP."""
        rules = AccessRules(credentials=ME, allow=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")))
        assert rules.allows(ip_address(address)) is inside

    def test_networks_without_credentials_are_rejected(self) -> None:
        """An address does not prove who the client is."""
        with pytest.raises(
            ValueError, match=r"^jobs\.allow lets other machines connect, so it requires jobs\.auth\.user "
        ):
            AccessRules(allow=(ip_network("10.0.0.0/8"),))


class TestParseNetwork:
    """An item of `jobs.allow`."""

    @pytest.mark.parametrize(
        ("text", "network"),
        [
            ("10.0.0.0/8", IPv4Network("10.0.0.0/8")),
            ("192.168.1.7", IPv4Network("192.168.1.7/32")),
            ("10.0.0.0/255.0.0.0", IPv4Network("10.0.0.0/8")),
            ("0.0.0.0/0", IPv4Network("0.0.0.0/0")),
            ("fd00::/8", IPv6Network("fd00::/8")),
            ("::/0", IPv6Network("::/0")),
            ("2001:db8::7", IPv6Network("2001:db8::7/128")),
        ],
    )
    def test_a_network_or_an_address_is_parsed(self, text: str, network: IpNetwork) -> None:
        """An address is a network of one."""
        assert parse_network(text) == network

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("10.0.0.1/8",
             "'10.0.0.1/8' is an address in a network; did you mean 10.0.0.0/8, or 10.0.0.1 alone?"),
            ("fd00::1/8", "'fd00::1/8' is an address in a network; did you mean fd00::/8, or fd00::1 alone?"),
            (
                "::ffff:10.0.0.0/104",
                "'::ffff:10.0.0.0/104' is an IPv4 network written as IPv6; did you mean 10.0.0.0/8?",
            ),
            ("fe80::%eth0/10", "'fe80::%eth0/10' contains the name of an interface; leave it out"),
        ],
    )  # fmt: skip
    def test_a_network_that_would_match_other_addresses_is_rejected(self, text: str, expected: str) -> None:
        """The message suggests the network that was probably meant."""
        with pytest.raises(ValueError, match=" ") as caught:
            parse_network(text)
        assert str(caught.value) == expected

    @pytest.mark.parametrize(
        ("text", "meant"),
        [
            ("10", "10.0.0.0/8"),
            ("10.", "10.0.0.0/8"),
            ("10/8", "10.0.0.0/8"),
            ("192.168", "192.168.0.0/16"),
            ("192.168.*", "192.168.0.0/16"),
            ("192.168.*.*", "192.168.0.0/16"),
            ("192.168.1.*", "192.168.1.0/24"),
            ("300.1", ""),
            ("10.0.0.0/33", ""),
            ("010.0.0.0/8", ""),
            ("localhost", ""),
            ("", ""),
            (" 10.0.0.0/8", ""),
            ("http://10.0.0.1", ""),
            ("10.0.0.0-10.0.0.9", ""),
            ("10.0.0.٣", ""),
        ],
    )
    def test_a_text_that_is_not_a_network_is_rejected(self, text: str, meant: str) -> None:
        """The beginning of an address, which Revel compares as text, gets its network."""
        with pytest.raises(ValueError, match="is not a network") as caught:
            parse_network(text)
        assert str(caught.value) == (
            f"'{text}' is not a network, such as 10.0.0.0/8, 192.168.1.7 or fd00::/8"
            + (f"; did you mean {meant}?" if meant else "")
        )

    @given(st.one_of(st.text(), st.text("0123456789abcdef.:/%*[]", max_size=50)))
    def test_any_text_is_a_network_or_rejected_in_one_printable_line(self, text: str) -> None:
        """The message is short."""
        try:
            assert parse_network(text) is not None
        except ValueError as error:
            assert len(str(error)) < 250  # noqa: PT017 - or none is raised
            assert str(error).isprintable()  # noqa: PT017 - as above

    @given(st.ip_addresses(v=4), st.integers(0, 32))
    def test_a_suggested_network_can_be_parsed(self, address: object, prefix: int) -> None:
        """For any address in a network."""
        try:
            parse_network(f"{address}/{prefix}")
        except ValueError as error:
            meant = str(error).partition("did you mean ")[2].partition(",")[0]
            assert parse_network(meant) == ip_network(f"{address}/{prefix}", strict=False)


def test_credentials_match_if_user_and_password_are_right() -> None:
    """However an accent is composed; wrong ones of any kind do not raise."""
    credentials = Credentials("andré", read_password("pass é"))
    assert credentials.match("andré", "pass é")
    assert credentials.match("andre\u0301", "pass e\u0301")
    for user, password in (
        ("andré", "other"),
        ("andre", "pass é"),
        ("", ""),
        ("\ud800", "pass é"),
        ("é" * 300, "x"),
    ):
        assert not credentials.match(user, password)


def test_a_user_name_has_at_most_256_characters() -> None:
    """The whole name is compared in a login."""
    Credentials("u" * 256, read_password("pass"))
    with pytest.raises(ValueError, match="more than 256 characters"):
        Credentials("u" * 257, read_password("pass"))
