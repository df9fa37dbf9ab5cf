"""Who may come in where something listens, as the settings say it."""

from __future__ import annotations

import hmac
import re
import unicodedata
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from jobtui.access.passwords import Password
from jobtui.schedules.bad_spec import quote_text

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

_LONGEST_USER = 256  # characters
_MAPPED = IPv6Network("::ffff:0:0/96")  # IPv4 addresses as IPv6 sockets see them
_BEGINNING = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){0,2})(?:\.\*)*\.?(?:/[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one user who is let in, and what that user has to know.

    Raises:
        ValueError: The user cannot be told from the password in a login, or cannot be typed. The message
            does not repeat it, since it may hold the password.
    """

    user: str
    password: Password = field(repr=False)

    def __post_init__(self) -> None:
        """Sees that the user is one."""
        check_user(self.user)

    def match(self, user: str, password: str) -> bool:
        """Whether these are the credentials. It takes the same time, whichever of the two is wrong.

        The user is compared in Unicode's form C, as the password is; for the time see `Password.matches`.
        """
        right_password = self.password.matches(password)
        return hmac.compare_digest(_encoded(user), _encoded(self.user)) and right_password


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRules:
    """The access rules.

    Attributes:
        credentials: What has to be given, in addition to coming from the right address; None for nothing.
        allow: Networks whose addresses are let in beside this machine's own; only with credentials.
        acceptproxyaddress: Whether ``X-Forwarded-For`` counts.
        readonly: Whether nothing can be changed.
    """

    credentials: Credentials | None = None
    allow: tuple[IpNetwork, ...] = ()
    acceptproxyaddress: bool = False
    readonly: bool = False

    def __post_init__(self) -> None:
        """No network is let in without credentials.

        Raises:
            ValueError: One would be.
        """
        if self.allow and self.credentials is None:
            raise ValueError("jobs.allow lets other machines in: it needs jobs.auth.user and jobs.auth.pass")

    def allows(self, address: IpAddress) -> bool:
        """Whether somebody may come from this address."""
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        plain = mapped or address
        return plain.is_loopback or any(plain in network for network in self.allow)


def _encoded(user: str) -> bytes:
    short = user if len(user) <= _LONGEST_USER else ""  # form C of a long text can be made to take minutes
    return unicodedata.normalize("NFC", short).encode(errors="surrogatepass")


def check_user(user: str) -> None:
    """Sees that a user can be given in a login.

    Raises:
        ValueError: It cannot; the message, a sentence without its end, says why.
    """
    if not user:
        raise ValueError("it is empty")
    if len(user) > _LONGEST_USER:
        raise ValueError(f"it has more than {_LONGEST_USER} characters")
    if ":" in user:
        raise ValueError("it has a colon in it, which ends the user in a login")
    if not user.isprintable():
        raise ValueError("it has line ends or other characters in it that cannot be printed")


def parse_network(text: str) -> IpNetwork:
    """Reads a network such as ``10.0.0.0/8``, or a single address.

    Raises:
        ValueError: It is none; the message, a sentence without its end, says what is wrong and what is meant.
    """
    try:
        network = ip_network(text, strict=False)
        address = ip_address(text.partition("/")[0])
    except ValueError:
        meant = _meant_by(text)
        raise ValueError(
            f"{quote_text(text)} is not a network, such as 10.0.0.0/8, 192.168.1.7 or fd00::/8"
            + (f"; did you mean {meant}?" if meant else "")
        ) from None
    if "%" in text:
        raise ValueError(f"{quote_text(text)} has the name of an interface in it; write it without")
    if address != network.network_address:
        raise ValueError(
            f"{quote_text(text)} is an address in a network; did you mean {network}, or {address} alone?"
        )
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        plain = network.network_address.ipv4_mapped
        raise ValueError(
            f"{quote_text(text)} is an IPv4 network written as IPv6; "
            f"did you mean {plain}/{network.prefixlen - _MAPPED.prefixlen}?"
        )
    return network


def _meant_by(text: str) -> IPv4Network | None:
    """The network of a beginning of an address: ``10.``, ``192.168.*`` or ``10/8``."""
    beginning = _BEGINNING.fullmatch(text)
    if beginning is None:
        return None
    octets = beginning[1].split(".")
    try:
        return IPv4Network(f"{'.'.join(octets + ['0'] * (4 - len(octets)))}/{8 * len(octets)}")
    except ValueError:
        return None
