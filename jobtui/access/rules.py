"""The access rules: which addresses may connect, which credentials they need, and what they may do."""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Hashable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from jobtui.access.passwords import Password
from jobtui.access.public_url import PublicUrl
from jobtui.schedules.bad_spec import quote_text

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

MAX_USER = 256  # characters
CLIENT_BYTES = 64_000_000  # of memory for all clients, unless set
_MAPPED = IPv6Network("::ffff:0:0/96")  # IPv4 addresses as an IPv6 socket reports them
_IPV6_SITE_PREFIX = 64  # bits: a client with one address of this network has all of them
_IPV4_PREFIX = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){0,2})(?:\.\*)*\.?(?:/[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The user name and password that a client must present.

    Raises:
        ValueError: The user name is not allowed, see `check_user`.
    """

    user: str
    password: Password = field(repr=False)

    def __post_init__(self) -> None:
        """Check the user name."""
        check_user(self.user)

    def match(self, user: str, password: str) -> bool:
        """Return whether these are the credentials, in the same time whichever of the two is wrong.

        The user name is compared in Unicode's normal form C, like the password. `Password.matches` says how
        long that takes.
        """
        password_matches = self.password.matches(password)
        return hmac.compare_digest(_encode(user), _encode(self.user)) and password_matches


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRules:
    """The rules for the clients of a server.

    Attributes:
        credentials: The credentials that a client must present, in addition to having an allowed address;
            None if none are required.
        allow: Networks that may connect, in addition to this machine; requires credentials.
        acceptproxyaddress: Whether the ``X-Forwarded-...`` headers of proxies on this machine count.
        proxies: Networks of proxies on other machines whose headers count, too; requires credentials.
        probes: Networks that may read the health check and the metrics without credentials, even if they are
            not in `allow`; requires credentials.
        readonly: Whether clients may only read.
        client_bytes: How much memory all clients together may take, in bytes.
        url: The URL that browsers use; None if they connect directly.
    """

    credentials: Credentials | None = None
    allow: tuple[IpNetwork, ...] = ()
    acceptproxyaddress: bool = False
    proxies: tuple[IpNetwork, ...] = ()
    probes: tuple[IpNetwork, ...] = ()
    readonly: bool = False
    client_bytes: int = CLIENT_BYTES
    url: PublicUrl | None = None

    def __post_init__(self) -> None:
        """Reject networks without credentials.

        Raises:
            ValueError: `allow`, `proxies` or `probes` is set without `credentials`.
        """
        for key, networks in (
            ("jobs.allow", self.allow),
            ("jobs.proxies", self.proxies),
            ("jobs.probes", self.probes),
        ):
            if networks and self.credentials is None:
                raise ValueError(
                    f"{key} lets other machines connect, so it requires jobs.auth.user and jobs.auth.pass"
                )

    def client_name(self, interface: str) -> str:
        """Return what is known of a client: the interface, such as `API`, and the user if there is one."""
        return interface if self.credentials is None else f"{self.credentials.user} ({interface})"

    def allows(self, address: IpAddress) -> bool:
        """Return whether a client of this address may connect."""
        real = _without_mapping(address)
        return real.is_loopback or any(real in network for network in self.allow)

    def allows_probe(self, address: IpAddress | None) -> bool:
        """Return whether a client of this address may read health and metrics without credentials."""
        real = None if address is None else _without_mapping(address)
        return any(real in network for network in self.probes) if real is not None else False

    def trusts(self, proxy: IpAddress | None) -> bool:
        """Return whether the headers of a proxy count; its address is None for a Unix socket."""
        real = None if proxy is None else _without_mapping(proxy)
        if real is None or real.is_loopback:
            return self.acceptproxyaddress
        return any(real in network for network in self.proxies)


def _without_mapping(address: IpAddress) -> IpAddress:
    """Return the IPv4 address of a client that an IPv6 socket reports as ``::ffff:...``."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def address_group(address: IpAddress | None) -> Hashable:
    """Return a value that is equal for all addresses that one client can use.

    These are all loopback addresses, and the addresses of an IPv6 /64. None stands for a Unix socket.
    """
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if address is not None and address.is_loopback:
        return "loopback"
    if isinstance(address, IPv6Address):
        return ip_network((int(address), _IPV6_SITE_PREFIX), strict=False)
    return address


def _encode(user: str) -> bytes:
    short = user if len(user) <= MAX_USER else ""  # a long text can be built that takes minutes to normalize
    return unicodedata.normalize("NFC", short).encode(errors="surrogatepass")


def check_user(user: str) -> None:
    """Check that HTTP's basic authentication can carry a user name.

    Raises:
        ValueError: It cannot. The message, a sentence without its full stop, says why. It does not repeat the
            user name, which may contain the password.
    """
    if not user:
        raise ValueError("the user name is empty")
    if len(user) > MAX_USER:
        raise ValueError(f"the user name has more than {MAX_USER} characters")
    if ":" in user:
        raise ValueError("the user name contains a colon, which separates it from the password")
    if not user.isprintable():
        raise ValueError("the user name contains line breaks or other characters that cannot be printed")


def parse_network(text: str) -> IpNetwork:
    """Parse a network such as ``10.0.0.0/8``, or a single address.

    Raises:
        ValueError: The text is neither. The message, a sentence without its full stop, says what is wrong and
            what was probably meant.
    """
    try:
        network = ip_network(text, strict=False)
        address = ip_address(text.partition("/")[0])
    except ValueError:
        meant = _network_of_prefix(text)
        raise ValueError(
            f"{quote_text(text)} is not a network, such as 10.0.0.0/8, 192.168.1.7 or fd00::/8"
            + (f"; did you mean {meant}?" if meant else "")
        ) from None
    if "%" in text:
        raise ValueError(f"{quote_text(text)} contains the name of an interface; leave it out")
    if address != network.network_address:
        raise ValueError(
            f"{quote_text(text)} is an address in a network; did you mean {network}, or {address} alone?"
        )
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        ipv4 = network.network_address.ipv4_mapped
        raise ValueError(
            f"{quote_text(text)} is an IPv4 network written as IPv6; "
            f"did you mean {ipv4}/{network.prefixlen - _MAPPED.prefixlen}?"
        )
    return network


def _network_of_prefix(text: str) -> IPv4Network | None:
    """Return the network of the beginning of an address: ``10.``, ``192.168.*`` or ``10/8``."""
    prefix = _IPV4_PREFIX.fullmatch(text)
    if prefix is None:
        return None
    octets = prefix[1].split(".")
    try:
        return IPv4Network(f"{'.'.join(octets + ['0'] * (4 - len(octets)))}/{8 * len(octets)}")
    except ValueError:
        return None
