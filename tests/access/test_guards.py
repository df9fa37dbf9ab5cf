"""Who is let in: users, networks, and addresses in all the ways they can be written."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobtui.access.passwords import read_password
from jobtui.access.rules import AccessRules, Credentials, IpNetwork, check_user, parse_network

SECRET = "correct horse"
ME = Credentials("me", read_password(SECRET))


class TestCredentials:
    """The user."""

    @pytest.mark.parametrize("user", ["me", "Åse Ødegård", "me@example.org", " ", "用户"])
    def test_any_name_will_do(self, user: str) -> None:
        """Letters of every script, and spaces."""
        assert Credentials(user, ME.password).user == user

    @pytest.mark.parametrize(
        ("user", "said"),
        [
            ("", "it is empty"),
            (f"me:{SECRET}", "it has a colon in it, which ends the user in a login"),
            (f"me\n{SECRET}", "it has line ends or other characters in it that cannot be printed"),
            (f"\x1b[31m{SECRET}", "it has line ends or other characters in it that cannot be printed"),
        ],
    )
    def test_who_could_never_log_in_is_refused(self, user: str, said: str) -> None:
        """The message does not repeat it: somebody may have put the password there."""
        for use in (check_user, lambda name: Credentials(name, ME.password)):
            with pytest.raises(ValueError, match=r"^it ") as caught:
                use(user)
            assert str(caught.value) == said

    def test_the_password_is_not_printed(self) -> None:
        """Neither with the credentials nor with the rules around them."""
        assert repr(ME) == "Credentials(user='me')"
        assert SECRET not in repr(AccessRules(credentials=ME))
        assert "Password" not in repr(AccessRules(credentials=ME))

    def test_two_that_say_the_same_are_equal(self) -> None:
        """Also where the password was read twice."""
        assert AccessRules(credentials=ME) == AccessRules(
            credentials=Credentials("me", read_password(SECRET))
        )
        assert AccessRules(credentials=ME) != AccessRules(
            credentials=Credentials("me", read_password("other"))
        )


class TestLetsIn:
    """Addresses are numbers, never beginnings of texts."""

    @pytest.mark.parametrize("address", ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::1%lo"])
    def test_this_machine_always(self, address: str) -> None:
        """Also where an IPv6 socket sees an IPv4 client."""
        assert AccessRules().allows(ip_address(address))
        assert AccessRules(credentials=ME, allow=(ip_network("10.0.0.0/8"),)).allows(ip_address(address))

    @pytest.mark.parametrize(
        "address",
        ["10.0.0.1", "128.0.0.1", "0.0.0.0", "::", "::2", "::7f00:1", "fe80::1%lo", "::ffff:10.0.0.1",
         "64:ff9b::7f00:1", "2002:7f00:1::"],
    )  # fmt: skip
    def test_nobody_else(self, address: str) -> None:
        """What is not loopback itself is another machine, whatever it is embedded in."""
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
    def test_the_networks_that_are_allowed(self, address: str, *, inside: bool) -> None:
        """All of them and nothing beside them, in both versions."""
        rules = AccessRules(credentials=ME, allow=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")))
        assert rules.allows(ip_address(address)) is inside

    def test_no_network_without_credentials(self) -> None:
        """An address is no proof of who it is."""
        with pytest.raises(
            ValueError, match=r"^jobs\.allow lets other machines in: it needs jobs\.auth\.user "
        ):
            AccessRules(allow=(ip_network("10.0.0.0/8"),))


class TestParseNetwork:
    """What stands in `jobs.allow`."""

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
    def test_a_network_or_an_address(self, text: str, network: IpNetwork) -> None:
        """As everybody writes them."""
        assert parse_network(text) == network

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("10.0.0.1/8",
             "'10.0.0.1/8' is an address in a network; did you mean 10.0.0.0/8, or 10.0.0.1 alone?"),
            ("fd00::1/8", "'fd00::1/8' is an address in a network; did you mean fd00::/8, or fd00::1 alone?"),
            (
                "::ffff:10.0.0.0/104",
                "'::ffff:10.0.0.0/104' is an IPv4 network written as IPv6; did you mean 10.0.0.0/8?",
            ),
            ("fe80::%eth0/10", "'fe80::%eth0/10' has the name of an interface in it; write it without"),
        ],
    )  # fmt: skip
    def test_one_that_would_not_do_what_it_says(self, text: str, said: str) -> None:
        """The message has the network that was meant."""
        with pytest.raises(ValueError, match=" ") as caught:
            parse_network(text)
        assert str(caught.value) == said

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
    def test_what_is_none(self, text: str, meant: str) -> None:
        """The beginning of an address, as Revel compares it, is answered with its network."""
        with pytest.raises(ValueError, match="is not a network") as caught:
            parse_network(text)
        assert str(caught.value) == (
            f"'{text}' is not a network, such as 10.0.0.0/8, 192.168.1.7 or fd00::/8"
            + (f"; did you mean {meant}?" if meant else "")
        )

    @given(st.one_of(st.text(), st.text("0123456789abcdef.:/%*[]", max_size=50)))
    def test_any_text_is_a_network_or_refused_in_a_line(self, text: str) -> None:
        """The message is short and cannot drive a terminal."""
        try:
            assert parse_network(text) is not None
        except ValueError as error:
            assert len(str(error)) < 250  # noqa: PT017 - or none is raised
            assert str(error).isprintable()  # noqa: PT017 - as above

    @given(st.ip_addresses(v=4), st.integers(0, 32))
    def test_what_it_offers_is_a_network(self, address: object, prefix: int) -> None:
        """Whoever writes what was offered is understood."""
        try:
            parse_network(f"{address}/{prefix}")
        except ValueError as error:
            meant = str(error).partition("did you mean ")[2].partition(",")[0]
            assert parse_network(meant) == ip_network(f"{address}/{prefix}", strict=False)


def test_credentials_match_when_both_are_right() -> None:
    """However an accent is composed, and whatever somebody sends instead of them."""
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


def test_a_user_has_an_end() -> None:
    """What is compared in a login is looked at whole."""
    Credentials("u" * 256, read_password("pass"))
    with pytest.raises(ValueError, match="more than 256 characters"):
        Credentials("u" * 257, read_password("pass"))
