"""``jobtui.serve()``: the status page, the API and the metrics of a scheduler in a program of the user."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from jobtui.access.addresses import parse_address
from jobtui.access.passwords import read_password
from jobtui.access.public_url import parse_public_url
from jobtui.access.rules import AccessRules, Credentials, IpNetwork, parse_network
from jobtui.frontend.backend import Listener
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.default_scheduler import check_scheduler
from jobtui.runtime.output_log import OutputLog
from jobtui.runtime.scheduler import Scheduler


@contextmanager
def serve(
    scheduler: Scheduler,
    address: str = "127.0.0.1:9001",
    *,
    title: str | None = None,
    user: str | None = None,
    password: str | None = None,
    allow: Sequence[str] = (),
    probes: Sequence[str] = (),
    proxies: Sequence[str] = (),
    acceptproxyaddress: bool = False,
    url: str | None = None,
    readonly: bool = False,
    capture: bool = False,
) -> Iterator[Listener]:
    """Serve the status page, the API and the metrics of a scheduler until the end of a ``with`` block.

    The scheduler may start before or after that. The access rules are those of the settings.

    Args:
        scheduler: The scheduler.
        address: Where to listen: an address with a port, 0 for a free one, or ``unix:PATH``.
        title: The title of the page; None for the name of the program.
        user: The user name that clients must present, as ``jobs.auth.user``.
        password: The password or its hash, as ``jobs.auth.pass``.
        allow: The networks that may connect, as ``jobs.allow``.
        probes: The networks that need no password for health and metrics, as ``jobs.probes``.
        proxies: The networks of proxies, as ``jobs.proxies``.
        acceptproxyaddress: Whether headers of proxies on this machine count, as ``jobs.acceptproxyaddress``.
        url: The URL of the page in browsers, as ``jobs.url``.
        readonly: Whether clients may only read, as ``jobs.readonly``.
        capture: Whether to show what jobs print. Then ``sys.stdout``, ``sys.stderr`` and the log handlers
            bound to them are replaced until the end of the block; what is written still gets there, too.

    Yields:
        An object whose ``address`` is that of the server; its ``str`` is the URL.

    Raises:
        OSError: It cannot listen on the address, or other machines can reach it and there is no password.
        TypeError: The scheduler or the address is of another type.
        ValueError: The address, a network, the URL, the user name or the password is not valid, only one of
            user name and password is given, or networks are given without them.
        ModuleNotFoundError: The extra ``web`` is not installed.
    """
    from jobtui.runtime.output_capture import capture_streams  # noqa: PLC0415 - lazy: few programs need it
    from jobtui.web.server import Server  # noqa: PLC0415 - lazy: imports aiohttp

    check_scheduler("serve()", scheduler)
    if not isinstance(address, str):
        raise TypeError(f"the address must be a text such as '127.0.0.1:9001', not {address!r:.80}")
    if (user is None) is not (password is None):
        raise ValueError("user and password belong together: pass both, or neither")
    rules = AccessRules(
        credentials=None if user is None else Credentials(user, read_password(password or "")),
        allow=_networks(allow),
        probes=_networks(probes),
        proxies=_networks(proxies),
        acceptproxyaddress=acceptproxyaddress,
        url=None if url is None else parse_public_url(url),
        readonly=readonly,
    )
    log = OutputLog()
    log.redact = scheduler.redaction.redact
    backend = LocalBackend(scheduler, program_name() if title is None else title, log)
    with ExitStack() as cleanup:
        server = cleanup.enter_context(Server(backend, parse_address(address), access=rules))
        if capture:
            cleanup.enter_context(capture_streams(log, pass_on=True))
        yield server


def program_name() -> str:
    """Return the name of the program's file; "python" if it has none."""
    program = getattr(sys.modules.get("__main__"), "__file__", None)
    return "python" if program is None else Path(program).name


def _networks(texts: Sequence[str]) -> tuple[IpNetwork, ...]:
    if isinstance(texts, str):
        raise TypeError(f"networks are a list, such as [{texts!r:.80}], not a text")
    return tuple(parse_network(text) for text in texts)
