"""A real nginx in front of a server, with a configuration that the test writes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
REQUIRED = os.environ.get("JOBTUI_NGINX") == "required"
LIMIT = 60.0  # seconds until nginx must accept connections

needs_nginx = pytest.mark.skipif(
    not REQUIRED and (NGINX is None or shutil.which("openssl") is None),
    reason="nginx and openssl are not installed (an error with JOBTUI_NGINX=required)",
)

_CONFIGURATION = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {servers}
}}
"""
_SERVER = """
server {{
    listen 127.0.0.1:{http};
    listen 127.0.0.1:{https} ssl;
    ssl_certificate {folder}/certificate.pem;
    ssl_certificate_key {folder}/key.pem;
    {locations}
}}
"""


@contextmanager
def nginx_in_front(locations: str, ports: Mapping[str, int], folder: Path) -> Iterator[None]:
    """Run nginx in front of a server.

    Args:
        locations: The ``location`` blocks, which pass requests to the server.
        ports: The ports to listen on, by scheme: ``http`` and ``https``.
        folder: The folder for nginx's files.
    """
    server = _SERVER.format(folder=folder, locations=locations, **ports)
    with nginx_running(server, ports, folder):
        yield


@contextmanager
def nginx_running(servers: str, ports: Mapping[str, int], folder: Path) -> Iterator[None]:
    """Let nginx check its configuration, and run it.

    Args:
        servers: The ``server`` blocks. Their certificate is ``certificate.pem`` in the folder, its key
            ``key.pem``.
        ports: The ports that they listen on, by scheme.
        folder: The folder for nginx's files.
    """
    assert NGINX is not None, "JOBTUI_NGINX=required, but nginx is not installed"
    _make_certificate(folder)
    configuration = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    configuration.write_text(
        _CONFIGURATION.format(folder=folder, user=user, servers=servers), encoding="utf-8"
    )
    command = [NGINX, "-p", str(folder), "-c", str(configuration), "-e", str(folder / "error.log")]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    process = subprocess.Popen(command)
    try:
        for port in ports.values():
            _wait_until_open(port, process, folder)
        yield
    finally:
        process.terminate()
        process.wait(LIMIT)


def _make_certificate(folder: Path) -> None:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=jobs.test -keyout key.pem"
    arguments = [*command.split(), "-out", "certificate.pem"]
    subprocess.run(arguments, cwd=folder, check=True, capture_output=True)


def free_ports() -> dict[str, int]:
    """Return two ports that are free at the moment, by scheme: ``http`` and ``https``."""
    with closing(socket.socket()) as http, closing(socket.socket()) as https:  # at once, or they could be one
        http.bind(("127.0.0.1", 0))
        https.bind(("127.0.0.1", 0))
        return {"http": http.getsockname()[1], "https": https.getsockname()[1]}


def _wait_until_open(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + LIMIT
    while True:
        assert process.poll() is None, (folder / "error.log").read_text(encoding="utf-8")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=LIMIT).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "nginx does not listen"
            time.sleep(0.02)
        else:
            return
