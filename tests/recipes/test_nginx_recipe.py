"""The recipe for nginx, in front of a scheduler that has the settings of the recipe."""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from pathlib import Path

import pytest
from support.command_line import LIMIT
from support.nginx import free_ports, needs_nginx, nginx_running
from support.recipes import copy_recipe, python, replace_in

from jobtui.access.passwords import hash_password

pytestmark = needs_nginx

LOGIN = f"Basic {b64encode(b'admin:open sesame').decode()}"


@dataclass
class Site:
    """The site of the recipe, ``jobs.example.org``.

    Attributes:
        ports: The ports of nginx, by scheme.
    """

    ports: dict[str, int]

    @contextmanager
    def request(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Iterator[HTTPResponse]:
        """Send a request over https, and yield the response, whose body the test reads."""
        context = ssl._create_unverified_context()  # noqa: SLF001 - the standard library's; the certificate is the test's own
        with closing(
            HTTPSConnection("127.0.0.1", self.ports["https"], timeout=LIMIT, context=context)
        ) as connection:
            sent = {"Host": "jobs.example.org", "Authorization": LOGIN, **(headers or {})}
            connection.request(method, path, headers=sent)
            yield connection.getresponse()

    def status(self, path: str, method: str = "GET", **headers: str) -> int:
        """Send a request, and return the status of the response.

        Args:
            path: The path.
            method: The method.
            **headers: Headers; underscores stand for hyphens.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with self.request(path, method, named) as response:
            return response.status


@contextmanager
def serve(tmp_path: Path, client: str = "$remote_addr") -> Iterator[Site]:
    """Run the recipe's jobs, and nginx with the recipe's configuration in front of them.

    Args:
        tmp_path: The folder of the test.
        client: The address that nginx passes on as that of the client.
    """
    folder, ports, upstream = copy_recipe("nginx", tmp_path), free_ports(), free_ports()["http"]
    replace_in(
        folder / "jobtui.toml",
        ("127.0.0.1:9001", f"127.0.0.1:{upstream}"),
        ("$scrypt$...", hash_password("open sesame")),
    )
    replace_in(
        folder / "jobs.conf",
        ("127.0.0.1:9001", f"127.0.0.1:{upstream}"),
        ("listen 80;", f"listen 127.0.0.1:{ports['http']};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{ports['https']} ssl;"),
        ("/etc/ssl/jobs", str(folder)),
        ("$remote_addr", client),
    )
    servers = (folder / "jobs.conf").read_text(encoding="utf-8")
    with python("-m", "jobtui", "jobs.py", "--headless", folder=folder) as program:
        program.wait_for("OK        run 1    import_orders")
        with nginx_running(servers, ports, folder):
            yield Site(ports)
        assert program.stop() == 0


def test_events_arrive_one_by_one_and_a_job_can_be_run(tmp_path: Path) -> None:
    """A proxy would buffer them, if jobtui did not ask it not to."""
    with serve(tmp_path) as site, site.request("/@jobs/api/events") as events:
        assert (events.status, events.getheader("Content-Type")) == (200, "text/event-stream; charset=utf-8")
        assert site.status("/@jobs/api/jobs/import_orders/run", "POST") == 202
        while b"RunFinished" not in (line := events.readline()):
            assert line


def test_a_client_needs_the_password_and_cannot_claim_another_address(tmp_path: Path) -> None:
    with serve(tmp_path) as site:
        assert site.status("/@jobs/") == 200
        assert site.status("/@jobs/", Authorization="") == 401
        assert site.status("/@jobs/", X_Forwarded_For="8.8.8.8") == 200
        assert site.status("/@jobs/api/pause", "POST", Origin="https://evil.example") == 403
        assert site.status("/@jobs/api/pause", "POST", Origin="https://jobs.example.org") == 200
        with closing(HTTPConnection("127.0.0.1", site.ports["http"], timeout=LIMIT)) as plain:
            plain.request("GET", "/@jobs/", headers={"Host": "jobs.example.org"})
            response = plain.getresponse()
            assert response.status == 301
            assert response.getheader("Location") == "https://jobs.example.org/@jobs/"


@pytest.mark.parametrize(("client", "status"), [("10.1.2.3", 200), ("192.0.2.7", 403)])
def test_the_address_of_the_client_decides_if_it_gets_in(tmp_path: Path, client: str, status: int) -> None:
    """The one of nginx does not: it is on this machine."""
    with serve(tmp_path, client) as site:
        assert site.status("/@jobs/") == status


def test_the_settings_are_rejected_until_the_password_is_replaced(tmp_path: Path) -> None:
    """The recipe has no password that everybody knows."""
    folder = copy_recipe("nginx", tmp_path)
    with python("-m", "jobtui", "jobs.py", "--headless", folder=folder) as program:
        assert program.wait() == 2
    assert "jobs.auth.pass" in program.output.text
