"""A scheduler goes on whatever is wrong with its store, says so once, and writes again as soon as it can."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.store_parts import query
from support.waiting import LIMIT, wait_until

from jobtui import RunState, Scheduler, StoreError
from jobtui.engine.enums import SingleName
from jobtui.engine.events import NoticeGiven, StoreChanged
from jobtui.store.schema import VERSIONS


def work() -> int:
    """Return a value."""
    return 7


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return the path of a file that does not exist yet, in a folder of its own."""
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder / "jobs.db"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of one MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.name != "posix" or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def run(scheduler: Scheduler, times: int = 1) -> None:
    """Run the job so many times, to its end."""
    for _ in range(times):
        request = scheduler.now(work)
        assert request.wait(LIMIT)
        assert request.state is RunState.OK


def problem(scheduler: Scheduler) -> str:
    """Return what the snapshot says of the store."""
    return scheduler.snapshot().store.problem


def rows(store: Path) -> list[int]:
    """Return the numbers of the ended runs in the file."""
    return [number for [number] in query(store, "SELECT number FROM runs WHERE state = 'OK' ORDER BY number")]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings that were logged."""
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_full_disk_is_told_once_and_written_again_when_there_is_room(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = small_disk / "jobs.db"
    with Scheduler(store=store) as scheduler:
        subscription = scheduler.subscribe()
        run(scheduler)
        wait_until(lambda: rows(store) == [1])
        filler = small_disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(512))
        run(scheduler, 2_000)
        wait_until(lambda: problem(scheduler))
        assert problem(scheduler) == f"{store}: the disk is full"
        assert scheduler.liveness().store.problem  # the health check says "degraded"
        run(scheduler)
        filler.unlink()
        wait_until(lambda: not problem(scheduler))
        run(scheduler)
        changes = [event.problem for event in subscription.read() if isinstance(event, StoreChanged)]
        subscription.close()
    assert rows(store) == [*range(1, 2_004)]
    assert changes == [f"{store}: the disk is full", ""]
    assert warnings(caplog) == [
        f"{store}: the disk is full; the scheduler goes on in memory",
        "the store is written again",
    ]
    assert query(store, "PRAGMA integrity_check") == [("ok",)]


def test_a_full_disk_refuses_durable_runs_and_loses_none_that_was_accepted(small_disk: Path) -> None:
    store = small_disk / "jobs.db"
    accepted = 0

    def request(times: int) -> None:
        nonlocal accepted
        for _ in range(times):
            scheduler.in_(3600, work, durable=True)
            accepted += 1

    with Scheduler(store=store) as scheduler:
        scheduler.stop_logging()
        filler = small_disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(512))
        with pytest.raises(StoreError, match="the disk is full"):
            request(2_000)
        filler.unlink()
        wait_until(lambda: not problem(scheduler))
        request(1)
        assert len(scheduler.find_runs(state=RunState.SCHEDULED, limit=3_000)) == accepted
    assert query(store, "SELECT count(*) FROM one_offs") == [(accepted,)]


def test_a_damaged_file_refuses_durable_runs(store: Path) -> None:
    store.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)
    with Scheduler(store=store) as scheduler, pytest.raises(StoreError, match=re.escape(str(store))):
        scheduler.now(work, durable=True)


def test_a_file_without_the_right_to_write_is_told_and_written_when_there_is_one() -> None:
    """Root may write anything, so another process does this, with the rights of another user."""
    code = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from support.waiting import wait_until
from jobtui import Scheduler

def work(): pass

def check(folder):
    store = folder / "jobs.db"
    problems = []
    def run(store, allow=lambda: None):
        with Scheduler(store=store) as scheduler:
            problems.append(scheduler.snapshot().store.problem)
            assert scheduler.now(work).wait(20)
            allow()
            if allow is not run.__defaults__[0]:
                wait_until(lambda: not scheduler.snapshot().store.problem)
    run(store)
    os.chmod(store, 0o400)
    run(store, lambda: os.chmod(store, 0o600))
    os.chmod(folder, 0o500)
    run(store, lambda: os.chmod(folder, 0o700))
    os.chmod(folder, 0o500)
    run(folder / "missing" / "jobs.db")
    os.chmod(folder, 0o700)
    return problems

check(Path(sys.argv[1]))  # as root, to import everything
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
print(*check(Path(sys.argv[2])), sep="\\n")
"""
    with TemporaryDirectory() as first, TemporaryDirectory() as folder:
        if os.getuid() == 0:
            os.chown(folder, 65534, 65534)
        arguments = first, folder, str(Path(__file__).parents[1])
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
        )
        store = Path(folder) / "jobs.db"
        stored = rows(store)
    assert done.stdout.splitlines() == [
        "",
        f"{store}: the file or its folder is read-only",
        f"{store}: the file or its folder is read-only",
        f"{Path(folder) / 'missing' / 'jobs.db'}: Permission denied",
    ], done.stderr
    assert stored == [1, 2, 3]  # the file could be read


@pytest.mark.parametrize("damage", [b"x" * 20_000, b"SQLite format 3\0" + b"x" * 20_000, b"short"])
def test_a_file_that_is_damaged_is_left_alone_and_a_new_one_is_made_if_it_is_moved(
    store: Path, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    store.write_bytes(damage)
    with Scheduler(store=store) as scheduler:
        assert "this is not a file of jobtui" in problem(scheduler)
        run(scheduler)
        assert store.read_bytes() == damage
        store.rename(store.with_name("damaged.db"))
        wait_until(lambda: not problem(scheduler))
    assert rows(store) == [1]
    assert store.with_name("damaged.db").read_bytes() == damage
    assert len(warnings(caplog)) == 2


def test_a_page_that_is_damaged_while_the_scheduler_runs_is_told(store: Path) -> None:
    with Scheduler(store=store) as scheduler:
        run(scheduler, 2_000)
    content = bytearray(store.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    store.write_bytes(content)
    with Scheduler(store=store) as scheduler:
        run(scheduler)
        wait_until(lambda: problem(scheduler))
        assert problem(scheduler) == f"{store}: the file is damaged; move it away, and jobtui makes a new one"
        store.rename(store.with_name("damaged.db"))
        wait_until(lambda: not problem(scheduler))
    assert rows(store) == [1]


def test_a_file_of_a_newer_version_is_left_alone(store: Path) -> None:
    with Scheduler(store=store) as scheduler:
        run(scheduler)
    query(store, f"PRAGMA user_version = {len(VERSIONS) + 1}")
    before = store.read_bytes()
    with Scheduler(store=store) as scheduler:
        assert "a newer jobtui has written the file" in problem(scheduler)
        run(scheduler)
        assert len(scheduler.find_runs()) == 1
    assert store.read_bytes() == before


def test_a_file_that_another_program_has_locked_is_written_when_the_lock_is_gone(store: Path) -> None:
    with Scheduler(store=store) as scheduler:
        run(scheduler)
        wait_until(lambda: rows(store) == [1])
        with closing(sqlite3.connect(store, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            run(scheduler)
            wait_until(lambda: problem(scheduler))
            assert problem(scheduler) == f"{store}: another program holds a lock on the file"
            run(scheduler, 100)
            other.execute("ROLLBACK")
        wait_until(lambda: not problem(scheduler))
    assert rows(store) == [*range(1, 103)]


def test_the_state_of_a_file_that_was_locked_at_the_start_is_restored_later(store: Path) -> None:
    with Scheduler(store=store) as scheduler:
        run(scheduler, 3)
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        scheduler = Scheduler(store=store)
        scheduler.start()
        assert problem(scheduler) == f"{store}: another program holds a lock on the file"
        run(scheduler)
        other.execute("ROLLBACK")
    wait_until(lambda: not problem(scheduler))
    wait_until(lambda: scheduler.snapshot().jobs[0].runs == 4)
    last = scheduler.now(work)
    assert last.wait(LIMIT)
    assert last.number == 5  # the lock did not keep the file from being read
    scheduler.stop()
    with Scheduler(store=store) as scheduler:
        scheduler.schedule("@yearly", work)
        assert scheduler.snapshot().jobs[0].runs == 5


@pytest.mark.parametrize("single", ["standby", "off"])
def test_a_missing_folder_is_made_and_told_once(tmp_path: Path, single: SingleName) -> None:
    store = tmp_path / "a" / "b" / "jobs.db"
    scheduler = Scheduler(store=store, single=single)
    events = scheduler.subscribe()
    for _ in range(2):
        with scheduler:
            assert problem(scheduler) == ""
            run(scheduler)
    notices = [event.text for event in events.read() if isinstance(event, NoticeGiven)]
    events.close()
    assert notices == [f"the folder {store.parent} of the store was missing, and was created"]
    assert rows(store) == [1, 2]


def remove_file(store: Path) -> None:
    """Delete the file alone."""
    store.unlink()


def remove_all_files(store: Path) -> None:
    """Delete the file and those beside it."""
    for each in store.parent.iterdir():
        each.unlink()


def remove_folder(store: Path) -> None:
    """Delete the folder."""
    shutil.rmtree(store.parent)


def move_file(store: Path) -> None:
    """Move the file away."""
    store.rename(store.with_name("moved.db"))


@pytest.mark.parametrize("remove", [remove_file, remove_all_files, remove_folder, move_file])
def test_a_file_that_is_removed_while_it_is_in_use_is_told_and_made_again(
    store: Path, caplog: pytest.LogCaptureFixture, remove: Callable[[Path], None]
) -> None:
    with Scheduler(store=store) as scheduler:
        run(scheduler)
        wait_until(lambda: rows(store) == [1])
        remove(store)
        run(scheduler)
        wait_until(lambda: problem(scheduler))
        assert problem(scheduler) == f"{store}: the file was deleted or replaced while it was in use"
        run(scheduler)
        wait_until(lambda: not problem(scheduler))
        code = "import sys; from pathlib import Path; from jobtui.store.file_lock import FileLock; "
        code += "sys.exit(FileLock(Path(sys.argv[1])).acquire())"
        assert subprocess.run([sys.executable, "-c", code, str(store)], check=False).returncode == 0
    assert rows(store) == [2, 3]
    assert query(store, "PRAGMA integrity_check") == [("ok",)]
    assert len(warnings(caplog)) == 2
    if remove is move_file:
        assert rows(store.with_name("moved.db")) == [1]


def test_a_file_that_is_replaced_by_an_older_copy_is_written_on(store: Path) -> None:
    copy = store.with_name("copy.db")
    with Scheduler(store=store) as scheduler:
        run(scheduler, 5)
        wait_until(lambda: rows(store) == [1, 2, 3, 4, 5])
        with closing(sqlite3.connect(store)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        run(scheduler, 1_000)
        wait_until(lambda: len(rows(store)) == 1_005)
        copy.replace(store)
        run(scheduler)
        wait_until(lambda: problem(scheduler))
        wait_until(lambda: not problem(scheduler))
        run(scheduler)
    assert rows(store) == [1, 2, 3, 4, 5, 1_006, 1_007]
    assert query(store, "PRAGMA integrity_check") == [("ok",)]
    assert query(store, "SELECT count(*), count(ended) FROM lives") == [(1, 1)]


def test_a_folder_in_place_of_the_file_is_told(store: Path) -> None:
    store.mkdir()
    with Scheduler(store=store) as scheduler:
        assert problem(scheduler) == f"{store}: this is a folder; name a file in it, such as jobtui.db"
        run(scheduler)
        store.rmdir()
        wait_until(lambda: not problem(scheduler))
    assert rows(store) == [1]
