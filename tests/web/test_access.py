"""Who gets in: address, forwarded-for, credentials, host, origin and method, request by request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import ip_network

import pytest
from support.access_requests import PAGE, Header, basic, coming_from, request, serving

from jobtui.access.passwords import read_password
from jobtui.access.rules import AccessRules, Credentials
from jobtui.web.server import Server

API = f"{PAGE}/api/pool"
RUN = f"{PAGE}/api/jobs/tick/run"

ADA = Credentials("ada", read_password("lovelace"))
RULES = {
    "open": AccessRules(),
    "password": AccessRules(credentials=ADA),
    "proxy": AccessRules(acceptproxyaddress=True),
    "proxy+password": AccessRules(acceptproxyaddress=True, credentials=ADA),
    "networks": AccessRules(credentials=ADA, allow=(ip_network("10.0.0.0/8"), ip_network("fd00::/8"))),
    "networks+proxy": AccessRules(
        credentials=ADA, allow=(ip_network("10.0.0.0/8"),), acceptproxyaddress=True
    ),
    "readonly": AccessRules(readonly=True),
}

HOME, ABROAD = "127.0.0.1", "203.0.113.9"
HOST = ("Host", "127.0.0.1:9001")
RIGHT, WRONG = basic("ada", "lovelace"), basic("ada", "byron")


@dataclass(frozen=True)
class Try:
    """A request, and the status that it gets."""

    expected: int
    rules: str = "open"
    peer: str | None = HOME
    method: str = "GET"
    path: str = API
    headers: tuple[Header, ...] = ()
    host: tuple[Header, ...] = field(default=(HOST,))


def forwarded(*addresses: str) -> tuple[Header, ...]:
    """One header for each."""
    return tuple(("X-Forwarded-For", address) for address in addresses)


def origin(name: str) -> tuple[Header, ...]:
    """Where a browser says that a request was made."""
    return (("Origin", name),)


def host(*names: str) -> tuple[Header, ...]:
    """Whom a request is for."""
    return tuple(("Host", name) for name in names)


TRIES = {
    # The address.
    "loopback": Try(200),
    "another loopback address": Try(200, peer="127.8.9.10"),
    "loopback of IPv6": Try(200, peer="::1"),
    "loopback of IPv4 as IPv6": Try(200, peer="::ffff:127.0.0.1"),
    "a Unix socket": Try(200, peer=None),
    "abroad": Try(403, peer=ABROAD),
    "abroad, IPv6": Try(403, peer="2001:db8::1"),
    "abroad as IPv6": Try(403, peer="::ffff:203.0.113.9"),
    "the local network": Try(403, peer="192.168.1.2"),
    "link-local": Try(403, peer="fe80::1%eth0"),
    "unspecified": Try(403, peer="0.0.0.0"),
    "one that only looks like loopback": Try(403, peer="::127.0.0.1"),
    "a prefix of loopback is no loopback": Try(403, peer="12.127.0.1"),
    "abroad, a page": Try(403, peer=ABROAD, path=PAGE),
    "abroad, the metrics": Try(403, peer=ABROAD, path=f"{PAGE}/metrics"),
    "abroad, health": Try(403, peer=ABROAD, path=f"{PAGE}/healthz"),
    "abroad, the style sheet": Try(403, peer=ABROAD, path=f"{PAGE}/style.css"),
    "abroad, the login": Try(403, "password", peer=ABROAD, path=f"{PAGE}/login"),
    "abroad, what is not there": Try(403, peer=ABROAD, path="/nothing"),
    "abroad, running a job": Try(403, peer=ABROAD, method="POST", path=RUN),
    # Forwarded for somebody.
    "forwarded, which does not count": Try(200, headers=forwarded(ABROAD)),
    "abroad says it is at home": Try(403, peer=ABROAD, headers=forwarded(HOME)),
    "abroad says so where proxies count": Try(403, "proxy", peer=ABROAD, headers=forwarded(HOME)),
    "a proxy forwards home": Try(200, "proxy", headers=forwarded(HOME)),
    "a proxy forwards home, IPv6": Try(200, "proxy", headers=forwarded("::1")),
    "with a port": Try(200, "proxy", headers=forwarded("127.0.0.1:5000")),
    "IPv6 with a port": Try(200, "proxy", headers=forwarded("[::1]:5000")),
    "a proxy forwards nobody": Try(200, "proxy"),
    "a proxy forwards abroad": Try(403, "proxy", headers=forwarded(ABROAD)),
    "a proxy forwards abroad, running": Try(403, "proxy", headers=forwarded(ABROAD), method="POST", path=RUN),
    "abroad writes home in front": Try(403, "proxy", headers=forwarded(f"{HOME}, {ABROAD}")),
    "abroad writes home in a line before": Try(403, "proxy", headers=forwarded(HOME, ABROAD)),
    "home behind another proxy abroad": Try(403, "proxy", headers=forwarded(f"{ABROAD}, {HOME}")),
    "forwarded for nonsense": Try(403, "proxy", headers=forwarded("unknown")),
    "forwarded for a prefix": Try(403, "proxy", headers=forwarded("127.0.0.1.evil.example")),
    "forwarded for nothing": Try(403, "proxy", headers=forwarded("")),
    "forwarded for home and nothing": Try(403, "proxy", headers=forwarded(f"{HOME},")),
    "forwarded to a Unix socket": Try(403, "proxy", peer=None, headers=forwarded(ABROAD)),
    "other headers for it do not count": Try(200, "proxy", headers=(("X-Real-IP", ABROAD),)),
    # Credentials, in addition.
    "no credentials": Try(401, "password"),
    "no credentials, IPv6": Try(401, "password", peer="::1"),
    "no credentials, Unix socket": Try(401, "password", peer=None),
    "no credentials, metrics": Try(401, "password", path=f"{PAGE}/metrics"),
    "no credentials, health": Try(401, "password", path=f"{PAGE}/healthz"),
    "no credentials, what is not there": Try(401, "password", path="/nothing"),
    "no credentials, running a job": Try(401, "password", method="POST", path=RUN),
    "the right ones": Try(200, "password", headers=(RIGHT,)),
    "the right ones, running a job": Try(202, "password", headers=(RIGHT,), method="POST", path=RUN),
    "the right ones, Unix socket": Try(200, "password", peer=None, headers=(RIGHT,)),
    "the right ones from abroad": Try(403, "password", peer=ABROAD, headers=(RIGHT,)),
    "the wrong password": Try(401, "password", headers=(WRONG,)),
    "the wrong user": Try(401, "password", headers=(basic("adam", "lovelace"),)),
    "an empty password": Try(401, "password", headers=(basic("ada", ""),)),
    "no colon": Try(401, "password", headers=(("Authorization", "Basic YWRh"),)),
    "no Base64": Try(401, "password", headers=(("Authorization", "Basic ***"),)),
    "no words": Try(401, "password", headers=(("Authorization", "Basic"),)),
    "another scheme": Try(401, "password", headers=(("Authorization", "Bearer bG92ZWxhY2U="),)),
    "the scheme in any case": Try(
        200, "password", headers=(("Authorization", RIGHT[1].replace("Basic", "bAsIc")),)
    ),
    "twice": Try(401, "password", headers=(RIGHT, RIGHT)),
    "an invented session": Try(401, "password", headers=(("Cookie", "jobtui=invented"),)),
    "credentials nobody asked for": Try(200, headers=(WRONG,)),
    "the right ones through a proxy": Try(200, "proxy+password", headers=(*forwarded(HOME), RIGHT)),
    "the right ones through a proxy, abroad": Try(403, "proxy+password", headers=(*forwarded(ABROAD), RIGHT)),
    "none through a proxy": Try(401, "proxy+password", headers=forwarded(HOME)),
    # Networks.
    "from the network, with credentials": Try(200, "networks", peer="10.1.2.3", headers=(RIGHT,)),
    "from the network, IPv6": Try(200, "networks", peer="fd00::7", headers=(RIGHT,)),
    "from the network, IPv4 as IPv6": Try(200, "networks", peer="::ffff:10.1.2.3", headers=(RIGHT,)),
    "from the network, without": Try(401, "networks", peer="10.1.2.3"),
    "from this machine, with": Try(200, "networks", headers=(RIGHT,)),
    "from beside the network": Try(403, "networks", peer="11.0.0.1", headers=(RIGHT,)),
    "from the network by proxy": Try(200, "networks+proxy", headers=(*forwarded("10.1.2.3"), RIGHT)),
    "from beside it by proxy": Try(403, "networks+proxy", headers=(*forwarded("11.0.0.1"), RIGHT)),
    "a proxy in the network": Try(
        403, "networks+proxy", peer="10.0.0.2", headers=(*forwarded(ABROAD), RIGHT)
    ),
    # Whom it is for.
    "for localhost": Try(200, host=host("localhost:9001")),
    "for LOCALHOST.": Try(200, host=host("LOCALHOST.")),
    "for an IPv6 address": Try(200, host=host("[::1]:9001")),
    "for another port": Try(200, host=host("127.0.0.1")),
    "for a name that leads here": Try(403, host=host("evil.example:9001")),
    "for a name that begins like ours": Try(403, host=host("127.0.0.1.evil.example")),
    "for a name that ends like ours": Try(403, host=host("evil.localhost.example")),
    "for a number that is no address": Try(403, host=host("2130706433")),
    "for such a name, with credentials": Try(403, "password", host=host("evil.example"), headers=(RIGHT,)),
    "for such a name, the login": Try(403, "password", host=host("evil.example"), path=f"{PAGE}/login"),
    "for such a name, by a Unix socket": Try(200, peer=None, host=host("evil.example")),
    "for nobody": Try(400, host=()),
    "for two": Try(400, host=host("127.0.0.1", "evil.example")),
    "for nonsense": Try(400, host=host("127.0.0.1/@evil.example")),
    "for somebody @ a host": Try(400, host=host("evil.example@127.0.0.1")),
    # Which site made the browser send it.
    "run": Try(202, method="POST", path=RUN),
    "run, from our page": Try(202, method="POST", path=RUN, headers=origin("http://127.0.0.1:9001")),
    "run, from another site": Try(403, method="POST", path=RUN, headers=origin("http://evil.example")),
    "run, from another port": Try(403, method="POST", path=RUN, headers=origin("http://127.0.0.1:8000")),
    "run, from nowhere": Try(403, method="POST", path=RUN, headers=origin("null")),
    "run, from nothing": Try(403, method="POST", path=RUN, headers=origin("")),
    "run, from a file": Try(403, method="POST", path=RUN, headers=origin("file://127.0.0.1:9001")),
    "run, from one that hides": Try(
        403, method="POST", path=RUN, headers=origin("http://evil@127.0.0.1:9001")
    ),
    "run, from two": Try(
        403,
        method="POST",
        path=RUN,
        headers=(*origin("http://127.0.0.1:9001"), *origin("http://evil.example")),
    ),
    "run, another site by what the browser says": Try(
        403, method="POST", path=RUN, headers=(("Sec-Fetch-Site", "cross-site"),)
    ),
    "run, a neighbour by what the browser says": Try(
        403, method="POST", path=RUN, headers=(("Sec-Fetch-Site", "same-site"),)
    ),
    "run, our page by what the browser says": Try(
        202, method="POST", path=RUN, headers=(("Sec-Fetch-Site", "same-origin"),)
    ),
    "run, from another site with credentials": Try(
        403, "password", method="POST", path=RUN, headers=(*origin("http://evil.example"), RIGHT)
    ),
    "log in, from another site": Try(
        403, "password", method="POST", path=f"{PAGE}/login", headers=origin("http://evil.example")
    ),
    "look, from another site": Try(200, headers=origin("http://evil.example")),  # it cannot read the answer
    "run, by the name the proxy has": Try(
        202,
        "proxy",
        method="POST",
        path=RUN,
        headers=(*origin("https://ops.example"), ("X-Forwarded-Host", "ops.example")),
    ),
    "run, through a proxy that tells no name": Try(
        202, "proxy", method="POST", path=RUN, headers=origin("http://127.0.0.1:9001")
    ),
    "run, by another name than the proxy has": Try(
        403,
        "proxy",
        method="POST",
        path=RUN,
        headers=(*origin("https://evil.example"), ("X-Forwarded-Host", "ops.example")),
    ),
    "run, by a name that no proxy may give": Try(
        403,
        method="POST",
        path=RUN,
        headers=(*origin("https://evil.example"), ("X-Forwarded-Host", "evil.example")),
    ),
    # Methods.
    "only the head": Try(200, method="HEAD"),
    "what is not possible": Try(405, method="DELETE"),
    "a question before": Try(405, method="OPTIONS"),
    "a question before, from another site": Try(403, method="OPTIONS", headers=origin("http://evil.example")),
    "an echo": Try(405, method="TRACE"),
    "looking, readonly": Try(200, "readonly"),
    "running, readonly": Try(403, "readonly", method="POST", path=RUN),
    "resizing, readonly": Try(403, "readonly", method="POST", path=f"{PAGE}/api/pool/resize"),
    "what is not there": Try(404, path=f"{PAGE}/nothing"),
    "what is not there, beside": Try(404, path="/elsewhere"),
    "the login is not where it only seems to be": Try(401, "password", path=f"{PAGE}%2Flogin"),
    "nor by a detour": Try(401, "password", path=f"{PAGE}/login/../api/pool"),
}


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    """A server for each set of rules."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(serving(rules)) for name, rules in RULES.items()}


@pytest.mark.parametrize("tried", TRIES.values(), ids=TRIES.keys())
def test_who_gets_in(tried: Try, servers: dict[str, Server]) -> None:
    """First the address, then whom it is for, which site sent it, the credentials, and what it wants."""
    with coming_from(tried.peer):
        reply = request(servers[tried.rules].address, tried.method, tried.path, (*tried.host, *tried.headers))
    assert reply.status == tried.expected, reply


def test_there_are_as_many_tries_as_promised() -> None:
    """The table is not thinned out by accident."""
    assert len(TRIES) >= 60
