"""A user who may not write the file can ask, whether a scheduler runs, has stopped or was killed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.store_parts import entry, write

from jobtui.store.database import open_for_writing
from jobtui.store.read_only_access import check_unused
from jobtui.store.store_errors import StoreError

READER = """
import os, sys
from pathlib import Path
from jobtui.store.history import History
from jobtui.store.query import Query
from jobtui.store.store_errors import StoreError
history = History(Path(sys.argv[1]))
history.jobs, history.find  # to import everything before the change of the user
try:
    History(Path(sys.argv[1])).find(limit=1)
except StoreError:
    pass
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    print(*(run[0] for run in history.find(limit=10)), *(job.name for job in history.jobs()))
except StoreError as error:
    print(error)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that others may read."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
        Path(name).chmod(0o755)


def ask(path: Path) -> str:
    """Return what a user who may not write the file gets: run numbers and job names, or a message."""
    path.parent.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", READER, str(path)], capture_output=True, text=True, check=True
    )
    path.parent.chmod(0o755)
    return done.stdout.strip()


def share(path: Path) -> None:
    """Let others read the file and the files beside it."""
    for each in path.parent.iterdir():
        each.chmod(0o644 if os.getuid() == 0 else 0o444)


def test_while_a_scheduler_runs_its_latest_runs_are_read(folder: Path) -> None:
    path = folder / "jobs.db"
    with closing(open_for_writing(path)) as connection:
        write(connection, entry(1))
        share(path)
        write(connection, entry(2))
        assert ask(path) == "2 1 a"


def test_after_a_scheduler_has_stopped_the_file_alone_is_read(folder: Path) -> None:
    path = folder / "jobs.db"
    with closing(open_for_writing(path)) as connection:
        write(connection, entry(1))
    share(path)
    assert ask(path) == "1 a"
    assert [each.name for each in folder.iterdir()] == ["jobs.db"]


@pytest.mark.parametrize("left", [("-wal", "-shm"), ("-wal",)], ids="".join)
def test_the_log_that_a_killed_scheduler_has_left_is_read(folder: Path, left: tuple[str, ...]) -> None:
    """A copy of the files may lack the one that only running processes need."""
    path, running = folder / "jobs.db", folder / "running" / "jobs.db"
    with closing(open_for_writing(running)) as connection:
        write(connection, entry(1))
        for suffix in ("", *left):
            shutil.copy(f"{running}{suffix}", f"{path}{suffix}")
    shutil.rmtree(running.parent)
    share(path)
    assert ask(path) == "1 a"


def test_the_message_names_the_file_that_cannot_be_read(folder: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can make a file that another user cannot read")
    path = folder / "jobs.db"
    with closing(open_for_writing(path)) as connection:
        write(connection, entry(1))
        assert ask(path) == f"{path}: this user may not read the file"
        path.chmod(0o644)
        assert ask(path) == (
            f"{path}: this user may not read jobs.db-wal beside it; give it the mode of the file"
        )


def test_an_answer_without_locks_is_refused_if_a_process_has_opened_the_file_since(folder: Path) -> None:
    path = folder / "jobs.db"
    with closing(open_for_writing(path)) as connection:
        write(connection, entry(1))
        with pytest.raises(StoreError, match="a scheduler has just opened the file; ask again"):
            check_unused(path)
    check_unused(path)
