"""Who may come in where something listens, as the settings say it."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from jobtui.passwords import Password

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one user who is let in, and what that user has to know."""

    user: str
    password: Password = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
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

    def lets_in(self, address: IpAddress) -> bool:
        """Whether somebody may come from this address."""
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        plain = mapped or address
        return plain.is_loopback or any(plain in network for network in self.allow)
