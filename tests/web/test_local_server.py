"""The server for the commands of the same user: its socket, and its entry in the registry."""

from __future__ import annotations

import stat
import sys
from contextlib import closing
from pathlib import Path

import pytest

from jobtui import Scheduler
from jobtui.cli.attach import connect
from jobtui.frontend.local_backend import LocalBackend
from jobtui.frontend.registry import Registry
from jobtui.web.local_server import LocalServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry([tmp_path / "run"])


@pytest.fixture
def backend() -> LocalBackend:
    scheduler = Scheduler(tz="UTC")
    scheduler.every("1h", print, name="tidy")
    return LocalBackend(scheduler, "shop.py")


def test_a_command_finds_and_asks_the_scheduler_until_the_end_of_the_block(
    backend: LocalBackend, registry: Registry, tmp_path: Path
) -> None:
    with LocalServer(backend, registry=registry) as server:
        [entry] = registry.entries()
        assert (entry.title, entry.address, entry.store) == ("shop.py", str(server.address), "")
        assert stat.S_IMODE(server.address.path.stat().st_mode) == 0o600
        with closing(connect(entry.address)) as remote:
            assert [job.name for job in remote.snapshot().jobs] == ["tidy"]
    assert registry.entries() == []
    assert list((tmp_path / "run").iterdir()) == []


def test_the_socket_is_beside_the_store(backend: LocalBackend, registry: Registry, tmp_path: Path) -> None:
    with LocalServer(backend, store=tmp_path / "jobs.db", registry=registry):
        [entry] = registry.entries()
        assert (entry.address, entry.store) == (f"unix:{tmp_path}/jobs.db.sock", f"{tmp_path}/jobs.db")
    assert not (tmp_path / "jobs.db.sock").exists()


def test_a_path_that_is_too_long_for_a_socket_leaves_it_in_the_folder_of_the_registry(
    backend: LocalBackend, registry: Registry, tmp_path: Path
) -> None:
    store = tmp_path / ("long" * 30) / "jobs.db"
    store.parent.mkdir()
    with LocalServer(backend, store=store, registry=registry) as server:
        assert server.address.path.parent == tmp_path / "run"
        assert [entry.store for entry in registry.entries()] == [str(store)]


def test_a_server_that_cannot_listen_leaves_no_entry(
    backend: LocalBackend, registry: Registry, tmp_path: Path
) -> None:
    (tmp_path / "jobs.db.sock").write_text("a file of the user")
    with pytest.raises(OSError, match="is not a socket"):
        LocalServer(backend, store=tmp_path / "jobs.db", registry=registry)
    assert list((tmp_path / "run").iterdir()) == []
