"""Logins that failed: after a few from one address, it has to wait."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_network

from jobtui.access.rules import IpAddress

MOST_FAILURES = 5
LOCKED = 60.0  # seconds, from the last failure
_MOST_KEPT = 1_000  # addresses
_IPV6_SITE = 64  # bits: whoever has one address has all of them


class LoginLimiter:
    """Counts the failures of each address.

    Args:
        monotonic: Tells how much time has passed, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures: OrderedDict[object, tuple[int, float]] = OrderedDict()

    def wait(self, address: IpAddress | None) -> float:
        """How many seconds an address has to wait until it may try again; 0 for not at all."""
        count, last = self._failures.get(_source(address), (0, 0.0))
        return max(0.0, last + LOCKED - self._monotonic()) if count >= MOST_FAILURES else 0.0

    def failed(self, address: IpAddress | None) -> None:
        """A login from there has failed."""
        source = _source(address)
        count, last = self._failures.pop(source, (0, 0.0))
        now = self._monotonic()
        self._failures[source] = (1 if now - last >= LOCKED else count + 1, now)
        if len(self._failures) > _MOST_KEPT:
            self._failures.popitem(last=False)

    def succeeded(self, address: IpAddress | None) -> None:
        """A login from there has succeeded."""
        self._failures.pop(_source(address), None)


def _source(address: IpAddress | None) -> object:
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or ip_network((address, _IPV6_SITE), strict=False)
    return address
