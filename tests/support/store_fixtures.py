"""Fixtures for tests of the store: the path of its file, and a connection to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from jobtui.store.fork_gate import StoreConnection


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a file that does not exist yet."""
    return tmp_path / "jobs.db"


@pytest.fixture
def store(path: Path) -> Path:
    """Return the path of the file that a scheduler uses; it does not exist yet."""
    return path


@pytest.fixture
def connection(path: Path) -> Iterator[StoreConnection]:
    """Open a new file for writing."""
    from jobtui.store.database import open_for_writing  # noqa: PLC0415 - imports sqlite3

    with closing(open_for_writing(path)) as opened:
        yield opened
