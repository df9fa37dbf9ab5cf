"""Which requests have access: address, X-Forwarded-For, credentials, Host, Origin and method."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_network

import pytest
from support.access_requests import PAGE, Header, basic, request, requests_from, running_server

from jobtui.access.passwords import read_password
from jobtui.access.public_url import parse_public_url
from jobtui.access.rules import AccessRules, Credentials
from jobtui.web.server import Server

API = f"{PAGE}/api/pool"
RUN = f"{PAGE}/api/jobs/tick/run"
HEALTH, METRICS, PROBE = f"{PAGE}/healthz", f"{PAGE}/metrics", "10.1.2.3"

ADA = Credentials("ada", read_password("lovelace"))
PUBLIC = parse_public_url("https://ops.example:8443/@jobs")
RULES = {
    "open": AccessRules(),
    "password": AccessRules(credentials=ADA),
    "proxy": AccessRules(acceptproxyaddress=True),
    "proxy+password": AccessRules(acceptproxyaddress=True, credentials=ADA),
    "networks": AccessRules(credentials=ADA, allow=(ip_network("10.0.0.0/8"), ip_network("fd00::/8"))),
    "networks+proxy": AccessRules(
        credentials=ADA, allow=(ip_network("10.0.0.0/8"),), acceptproxyaddress=True
    ),
    "probes": AccessRules(credentials=ADA, probes=(ip_network("10.0.0.0/8"),)),
    "probes+proxy": AccessRules(credentials=ADA, probes=(ip_network("10.0.0.0/8"),), acceptproxyaddress=True),
    "readonly": AccessRules(readonly=True),
    "url": AccessRules(url=PUBLIC),
    "url+proxy": AccessRules(url=PUBLIC, acceptproxyaddress=True),
    "proxies": AccessRules(credentials=ADA, proxies=(ip_network("172.18.0.0/16"),)),
    "proxies+networks": AccessRules(
        credentials=ADA,
        allow=(ip_network("10.0.0.0/8"), ip_network("203.0.113.0/24")),
        proxies=(ip_network("172.18.0.0/16"),),
    ),
}

LOOPBACK, FOREIGN = "127.0.0.1", "203.0.113.9"
RIGHT, WRONG = basic("ada", "lovelace"), basic("ada", "byron")


def forwarded(*addresses: str) -> tuple[Header, ...]:
    """Return an X-Forwarded-For header for each address."""
    return tuple(("X-Forwarded-For", address) for address in addresses)


def origin(name: str) -> tuple[Header, ...]:
    """Return the Origin header."""
    return (("Origin", name),)


def host(*names: str) -> tuple[Header, ...]:
    """Return a Host header for each name."""
    return tuple(("Host", name) for name in names)


@dataclass(frozen=True)
class Case:
    """A request, the rules of the server, and the expected status."""

    expected: int
    rules: str = "open"
    peer: str | None = LOOPBACK
    method: str = "GET"
    path: str = API
    headers: tuple[Header, ...] = ()
    host: tuple[Header, ...] = host("127.0.0.1:9001")


def posted(expected: int, rules: str, headers: tuple[Header, ...], peer: str = LOOPBACK) -> Case:
    """Return the case of a request that runs a job."""
    return Case(expected, rules, peer, "POST", RUN, headers)


CASES = {
    # Address of the client.
    "loopback": Case(200),
    "another loopback address": Case(200, peer="127.8.9.10"),
    "IPv6 loopback": Case(200, peer="::1"),
    "IPv4-mapped loopback": Case(200, peer="::ffff:127.0.0.1"),
    "Unix socket": Case(200, peer=None),
    "foreign address": Case(403, peer=FOREIGN),
    "foreign IPv6 address": Case(403, peer="2001:db8::1"),
    "IPv4-mapped foreign address": Case(403, peer="::ffff:203.0.113.9"),
    "local network": Case(403, peer="192.168.1.2"),
    "link-local address": Case(403, peer="fe80::1%eth0"),
    "unspecified address": Case(403, peer="0.0.0.0"),
    "IPv4-compatible address, which is not loopback": Case(403, peer="::127.0.0.1"),
    "address that ends like loopback": Case(403, peer="12.127.0.1"),
    "foreign address, status page": Case(403, peer=FOREIGN, path=PAGE),
    "foreign address, metrics": Case(403, peer=FOREIGN, path=f"{PAGE}/metrics"),
    "foreign address, health check": Case(403, peer=FOREIGN, path=f"{PAGE}/healthz"),
    "foreign address, style sheet": Case(403, peer=FOREIGN, path=f"{PAGE}/style.css"),
    "foreign address, login page": Case(403, "password", peer=FOREIGN, path=f"{PAGE}/login"),
    "foreign address, unknown path": Case(403, peer=FOREIGN, path="/nothing"),
    "foreign address, run a job": Case(403, peer=FOREIGN, method="POST", path=RUN),
    # X-Forwarded-For.
    "X-Forwarded-For ignored": Case(200, headers=forwarded(FOREIGN)),
    "foreign address forges X-Forwarded-For": Case(403, peer=FOREIGN, headers=forwarded(LOOPBACK)),
    "foreign address forges X-Forwarded-For where proxies are accepted": Case(
        403, "proxy", peer=FOREIGN, headers=forwarded(LOOPBACK)
    ),
    "proxy forwards loopback": Case(200, "proxy", headers=forwarded(LOOPBACK)),
    "proxy forwards IPv6 loopback": Case(200, "proxy", headers=forwarded("::1")),
    "forwarded address with port": Case(200, "proxy", headers=forwarded("127.0.0.1:5000")),
    "forwarded IPv6 address with port": Case(200, "proxy", headers=forwarded("[::1]:5000")),
    "proxy mode without X-Forwarded-For": Case(200, "proxy"),
    "proxy forwards foreign address": Case(403, "proxy", headers=forwarded(FOREIGN)),
    "proxy forwards foreign address, run a job": Case(
        403, "proxy", headers=forwarded(FOREIGN), method="POST", path=RUN
    ),
    "foreign address behind forged loopback": Case(403, "proxy", headers=forwarded(f"{LOOPBACK}, {FOREIGN}")),
    "foreign address behind forged loopback in another header": Case(
        403, "proxy", headers=forwarded(LOOPBACK, FOREIGN)
    ),
    "loopback behind a foreign proxy": Case(403, "proxy", headers=forwarded(f"{FOREIGN}, {LOOPBACK}")),
    "forwarded for text": Case(403, "proxy", headers=forwarded("unknown")),
    "forwarded for a host name that begins like loopback": Case(
        403, "proxy", headers=forwarded("127.0.0.1.evil.example")
    ),
    "forwarded for an empty address": Case(403, "proxy", headers=forwarded("")),
    "forwarded for loopback and an empty address": Case(403, "proxy", headers=forwarded(f"{LOOPBACK},")),
    "Unix socket, proxy forwards foreign address": Case(403, "proxy", peer=None, headers=forwarded(FOREIGN)),
    "X-Real-IP ignored": Case(200, "proxy", headers=(("X-Real-IP", FOREIGN),)),
    # Credentials, in addition to the address.
    "no credentials": Case(401, "password"),
    "no credentials, IPv6 loopback": Case(401, "password", peer="::1"),
    "no credentials, Unix socket": Case(401, "password", peer=None),
    "no credentials, metrics": Case(401, "password", path=f"{PAGE}/metrics"),
    "no credentials, health check": Case(401, "password", path=f"{PAGE}/healthz"),
    "no credentials, unknown path": Case(401, "password", path="/nothing"),
    "no credentials, run a job": Case(401, "password", method="POST", path=RUN),
    "right credentials": Case(200, "password", headers=(RIGHT,)),
    "right credentials, run a job": Case(202, "password", headers=(RIGHT,), method="POST", path=RUN),
    "right credentials, Unix socket": Case(200, "password", peer=None, headers=(RIGHT,)),
    "right credentials, foreign address": Case(403, "password", peer=FOREIGN, headers=(RIGHT,)),
    "wrong password": Case(401, "password", headers=(WRONG,)),
    "wrong user": Case(401, "password", headers=(basic("adam", "lovelace"),)),
    "empty password": Case(401, "password", headers=(basic("ada", ""),)),
    "credentials without colon": Case(401, "password", headers=(("Authorization", "Basic YWRh"),)),
    "credentials not Base64": Case(401, "password", headers=(("Authorization", "Basic ***"),)),
    "scheme without credentials": Case(401, "password", headers=(("Authorization", "Basic"),)),
    "another scheme": Case(401, "password", headers=(("Authorization", "Bearer bG92ZWxhY2U="),)),
    "scheme in mixed case": Case(
        200, "password", headers=(("Authorization", RIGHT[1].replace("Basic", "bAsIc")),)
    ),
    "two Authorization headers": Case(401, "password", headers=(RIGHT, RIGHT)),
    "forged session cookie": Case(401, "password", headers=(("Cookie", "jobtui=invented"),)),
    "credentials where none are required": Case(200, headers=(WRONG,)),
    "right credentials through a proxy": Case(200, "proxy+password", headers=(*forwarded(LOOPBACK), RIGHT)),
    "right credentials through a proxy, foreign address": Case(
        403, "proxy+password", headers=(*forwarded(FOREIGN), RIGHT)
    ),
    "no credentials through a proxy": Case(401, "proxy+password", headers=forwarded(LOOPBACK)),
    # Allowed networks.
    "allowed network, right credentials": Case(200, "networks", peer="10.1.2.3", headers=(RIGHT,)),
    "allowed IPv6 network": Case(200, "networks", peer="fd00::7", headers=(RIGHT,)),
    "allowed network, IPv4-mapped": Case(200, "networks", peer="::ffff:10.1.2.3", headers=(RIGHT,)),
    "allowed network, no credentials": Case(401, "networks", peer="10.1.2.3"),
    "allowed networks, loopback": Case(200, "networks", headers=(RIGHT,)),
    "next to the allowed network": Case(403, "networks", peer="11.0.0.1", headers=(RIGHT,)),
    "proxy forwards allowed network": Case(200, "networks+proxy", headers=(*forwarded("10.1.2.3"), RIGHT)),
    "proxy forwards address next to the allowed network": Case(
        403, "networks+proxy", headers=(*forwarded("11.0.0.1"), RIGHT)
    ),
    "proxy in the allowed network forwards foreign address": Case(
        403, "networks+proxy", peer="10.0.0.2", headers=(*forwarded(FOREIGN), RIGHT)
    ),
    # Probes: health and metrics without credentials.
    "probe, health check": Case(200, "probes", peer=PROBE, path=HEALTH),
    "probe, metrics": Case(200, "probes", peer=PROBE, path=METRICS),
    "probe, HEAD": Case(200, "probes", peer=PROBE, method="HEAD", path=HEALTH),
    "probe, IPv4-mapped": Case(200, "probes", peer=f"::ffff:{PROBE}", path=HEALTH),
    "probe, wrong password": Case(200, "probes", peer=PROBE, path=HEALTH, headers=(WRONG,)),
    "probe, POST": Case(403, "probes", peer=PROBE, method="POST", path=HEALTH),
    "probe, API": Case(403, "probes", peer=PROBE),
    "probe, status page": Case(403, "probes", peer=PROBE, path=PAGE),
    "probe, login page": Case(403, "probes", peer=PROBE, path=f"{PAGE}/login"),
    "probe, right password, API": Case(403, "probes", peer=PROBE, headers=(RIGHT,)),
    "probe, escaped path": Case(200, "probes", peer=PROBE, path=f"{PAGE}/health%7A"),
    "probe, path below": Case(403, "probes", peer=PROBE, path=f"{HEALTH}/api"),
    "probe, another name": Case(403, "probes", peer=PROBE, path=HEALTH, host=host("evil.example")),
    "next to the probes, health check": Case(403, "probes", peer="11.0.0.1", path=HEALTH),
    "no probe, health check": Case(401, "probes", path=HEALTH),
    "no probe, right password": Case(200, "probes", path=HEALTH, headers=(RIGHT,)),
    "no probe, Unix socket": Case(401, "probes", peer=None, path=METRICS),
    "proxy forwards a probe": Case(200, "probes+proxy", path=HEALTH, headers=forwarded(PROBE)),
    "proxy forwards a probe, API": Case(403, "probes+proxy", headers=forwarded(PROBE)),
    "proxy forwards another client": Case(401, "probes+proxy", path=HEALTH, headers=forwarded(LOOPBACK)),
    "proxy forwards a foreign client behind a forged probe": Case(
        403, "probes+proxy", path=HEALTH, headers=forwarded(f"{PROBE}, {FOREIGN}")
    ),
    "proxy that is not trusted, a probe itself, forwards a client": Case(
        401, "probes", peer=PROBE, path=HEALTH, headers=forwarded(FOREIGN)
    ),
    # Host.
    "Host localhost": Case(200, host=host("localhost:9001")),
    "Host LOCALHOST.": Case(200, host=host("LOCALHOST.")),
    "Host IPv6 address": Case(200, host=host("[::1]:9001")),
    "Host without port": Case(200, host=host("127.0.0.1")),
    "Host rebound name": Case(403, host=host("evil.example:9001")),
    "Host that begins like loopback": Case(403, host=host("127.0.0.1.evil.example")),
    "Host that contains localhost": Case(403, host=host("evil.localhost.example")),
    "Host decimal number": Case(403, host=host("2130706433")),
    "Host rebound name, right credentials": Case(
        403, "password", host=host("evil.example"), headers=(RIGHT,)
    ),
    "Host rebound name, login page": Case(403, "password", host=host("evil.example"), path=f"{PAGE}/login"),
    "Host rebound name, Unix socket": Case(200, peer=None, host=host("evil.example")),
    "no Host": Case(400, host=()),
    "two Host headers": Case(400, host=host("127.0.0.1", "evil.example")),
    "Host with path": Case(400, host=host("127.0.0.1/@evil.example")),
    "Host with user": Case(400, host=host("evil.example@127.0.0.1")),
    # Origin and Sec-Fetch-Site.
    "POST without Origin": Case(202, method="POST", path=RUN),
    "POST, own Origin": Case(202, method="POST", path=RUN, headers=origin("http://127.0.0.1:9001")),
    "POST, foreign Origin": Case(403, method="POST", path=RUN, headers=origin("http://evil.example")),
    "POST, Origin with another port": Case(
        403, method="POST", path=RUN, headers=origin("http://127.0.0.1:8000")
    ),
    "POST, Origin null": Case(403, method="POST", path=RUN, headers=origin("null")),
    "POST, empty Origin": Case(403, method="POST", path=RUN, headers=origin("")),
    "POST, Origin file": Case(403, method="POST", path=RUN, headers=origin("file://127.0.0.1:9001")),
    "POST, Origin with user": Case(
        403, method="POST", path=RUN, headers=origin("http://evil@127.0.0.1:9001")
    ),
    "POST, two Origin headers": Case(
        403,
        method="POST",
        path=RUN,
        headers=(*origin("http://127.0.0.1:9001"), *origin("http://evil.example")),
    ),
    "POST, Sec-Fetch-Site cross-site": Case(
        403, method="POST", path=RUN, headers=(("Sec-Fetch-Site", "cross-site"),)
    ),
    "POST, Sec-Fetch-Site same-site": Case(
        403, method="POST", path=RUN, headers=(("Sec-Fetch-Site", "same-site"),)
    ),
    "POST, Sec-Fetch-Site same-origin": Case(
        202, method="POST", path=RUN, headers=(("Sec-Fetch-Site", "same-origin"),)
    ),
    "POST, foreign Origin, right credentials": Case(
        403, "password", method="POST", path=RUN, headers=(*origin("http://evil.example"), RIGHT)
    ),
    "login, foreign Origin": Case(
        403, "password", method="POST", path=f"{PAGE}/login", headers=origin("http://evil.example")
    ),
    "GET, foreign Origin": Case(
        200, headers=origin("http://evil.example")
    ),  # its page cannot read the response
    "POST, Origin is X-Forwarded-Host": Case(
        202,
        "proxy",
        method="POST",
        path=RUN,
        headers=(*origin("https://ops.example"), ("X-Forwarded-Host", "ops.example")),
    ),
    "POST through a proxy without X-Forwarded-Host": Case(
        202, "proxy", method="POST", path=RUN, headers=origin("http://127.0.0.1:9001")
    ),
    "POST, Origin is not X-Forwarded-Host": Case(
        403,
        "proxy",
        method="POST",
        path=RUN,
        headers=(*origin("https://evil.example"), ("X-Forwarded-Host", "ops.example")),
    ),
    "POST, X-Forwarded-Host ignored": Case(
        403,
        method="POST",
        path=RUN,
        headers=(*origin("https://evil.example"), ("X-Forwarded-Host", "evil.example")),
    ),
    # A public URL.
    "Host of the public URL": Case(200, "url", host=host("ops.example:8443")),
    "Host of the public URL without its port": Case(200, "url", host=host("ops.example")),
    "Host of the public URL in capitals": Case(200, "url", host=host("OPS.example.")),
    "Host local with a public URL": Case(200, "url"),
    "Host next to the public URL": Case(403, "url", host=host("evil.ops.example")),
    "POST, Origin is the public URL": posted(202, "url", origin("https://ops.example:8443")),
    "POST, Origin is the public URL over http": posted(403, "url", origin("http://ops.example:8443")),
    "POST, Origin is the public URL with another port": posted(403, "url", origin("https://ops.example")),
    "POST, Origin local with a public URL": posted(202, "url", origin("http://127.0.0.1:9001")),
    "POST, X-Forwarded-Host is not the public URL": posted(
        403, "url+proxy", (*origin("https://evil.example"), ("X-Forwarded-Host", "evil.example"))
    ),
    "GET, X-Forwarded-Host is not the public URL": Case(
        403, "url+proxy", headers=(("X-Forwarded-Host", "evil.example"),)
    ),
    "GET, X-Forwarded-Host is the public URL": Case(
        200, "url+proxy", headers=(("X-Forwarded-Host", "ops.example:8443"),)
    ),
    "POST, Origin is the last X-Forwarded-Host": posted(
        202, "proxy", (*origin("https://ops.example"), ("X-Forwarded-Host", "evil.example, ops.example"))
    ),
    "POST, Origin is an earlier X-Forwarded-Host": posted(
        403, "proxy", (*origin("https://evil.example"), ("X-Forwarded-Host", "evil.example, ops.example"))
    ),
    "POST, Sec-Fetch-Site same-origin through a proxy that changes Host": posted(
        202, "open", (*origin("https://ops.example"), ("Sec-Fetch-Site", "same-origin"))
    ),
    "POST, Sec-Fetch-Site cross-site with the right Origin": posted(
        403, "url", (*origin("https://ops.example:8443"), ("Sec-Fetch-Site", "cross-site"))
    ),
    "POST, Host with the default port of http": Case(
        202, method="POST", path=RUN, headers=origin("http://127.0.0.1"), host=host("127.0.0.1:80")
    ),
    "POST, Host with the default port of https": Case(
        202, method="POST", path=RUN, headers=origin("https://127.0.0.1"), host=host("127.0.0.1:443")
    ),
    "POST, Host with the default port of another scheme": Case(
        403, method="POST", path=RUN, headers=origin("https://127.0.0.1"), host=host("127.0.0.1:80")
    ),
    # Proxies on other machines.
    "trusted proxy, allowed client": Case(
        200, "proxies+networks", peer="172.18.0.3", headers=(*forwarded("10.1.2.3"), RIGHT)
    ),
    "trusted proxy, IPv4-mapped": Case(
        200, "proxies+networks", peer="::ffff:172.18.0.3", headers=(*forwarded("10.1.2.3"), RIGHT)
    ),
    "trusted proxy, foreign client": Case(
        403, "proxies", peer="172.18.0.3", headers=(*forwarded(FOREIGN), RIGHT)
    ),
    "trusted proxy without X-Forwarded-For": Case(403, "proxies", peer="172.18.0.3", headers=(RIGHT,)),
    "two trusted proxies": Case(
        200, "proxies+networks", peer="172.18.0.3", headers=(*forwarded("10.1.2.3, 172.18.0.4"), RIGHT)
    ),
    "next to the trusted proxy": Case(
        403, "proxies+networks", peer="172.19.0.3", headers=(*forwarded("10.1.2.3"), RIGHT)
    ),
    "allowed client sends X-Forwarded-Host itself": posted(
        403,
        "proxies+networks",
        (*origin("https://evil.example"), ("X-Forwarded-Host", "evil.example"), RIGHT),
        peer="10.1.2.3",
    ),
    "trusted proxy sends X-Forwarded-Host": posted(
        202,
        "proxies+networks",
        (
            *origin("https://ops.example"),
            ("X-Forwarded-Host", "ops.example"),
            *forwarded("10.1.2.3"),
            RIGHT,
        ),
        peer="172.18.0.3",
    ),
    "X-Forwarded-Prefix is not a path": Case(
        400, "proxy", headers=(("X-Forwarded-Prefix", "https://evil.example"),)
    ),
    "X-Forwarded-Prefix with a dot segment": Case(400, "proxy", headers=(("X-Forwarded-Prefix", "/a/.."),)),
    "X-Forwarded-Prefix ends the cookie's path": Case(
        400, "proxy", headers=(("X-Forwarded-Prefix", "/a; Domain=example"),)
    ),
    "X-Forwarded-Prefix ignored": Case(200, headers=(("X-Forwarded-Prefix", "https://evil.example"),)),
    # Methods and paths.
    "HEAD": Case(200, method="HEAD"),
    "DELETE": Case(405, method="DELETE"),
    "OPTIONS": Case(405, method="OPTIONS"),
    "OPTIONS, foreign Origin": Case(403, method="OPTIONS", headers=origin("http://evil.example")),
    "TRACE": Case(405, method="TRACE"),
    "readonly, GET": Case(200, "readonly"),
    "readonly, run a job": Case(403, "readonly", method="POST", path=RUN),
    "readonly, resize the pool": Case(403, "readonly", method="POST", path=f"{PAGE}/api/pool/resize"),
    "unknown path below the page": Case(404, path=f"{PAGE}/nothing"),
    "unknown path": Case(404, path="/elsewhere"),
    "path that decodes to the login page": Case(401, "password", path=f"{PAGE}%2Flogin"),
    "path that begins like the login page": Case(401, "password", path=f"{PAGE}/login/../api/pool"),
}


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    """Run a server for each set of rules."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(running_server(rules)) for name, rules in RULES.items()}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_request_gets_the_status_that_the_rules_require(case: Case, servers: dict[str, Server]) -> None:
    """The checks: address, Host, Origin, credentials, then path and method."""
    with requests_from(case.peer):
        response = request(servers[case.rules].address, case.method, case.path, (*case.host, *case.headers))
    assert response.status == case.expected, response


def test_at_least_sixty_cases_of_access_are_tested() -> None:
    """The table must not shrink by accident."""
    assert len(CASES) >= 60


AT_URL = AccessRules(url=parse_public_url("https://jobs.test/@jobs"))


@pytest.mark.parametrize(
    ("rules", "host", "remedy"),
    [
        (None, "jobs.example.org", 'jobs.url = "https://jobs.example.org/@jobs"'),
        (None, "jobs.example.org:8443", 'jobs.url = "https://jobs.example.org:8443/@jobs"'),
        (None, "backend", "proxy_set_header Host $http_host;"),  # `proxy_pass http://backend` in nginx
        (AT_URL, "job_servers:80", "proxy_set_header Host $http_host;"),
        (AT_URL, "evil.test", "or the host of jobs.url"),
    ],
)
def test_a_host_that_is_not_ours_is_answered_with_the_remedy(
    rules: AccessRules | None, host: str, remedy: str
) -> None:
    """Without a dot it is the name of a group of servers in the proxy's settings, which no browser knows."""
    with running_server(rules) as server:
        response = request(server.address, headers=(("Host", host),))
    detail = json.loads(response.body)["detail"]
    assert (response.status, remedy in detail) == (403, True), detail
    assert ("https://" in detail) is remedy.startswith("jobs.url")
