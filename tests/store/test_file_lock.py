"""The lock of a file is free as soon as its process has ended, and two never hold it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.store_parts import mode_of
from support.waiting import LIMIT

from jobtui.store.file_lock import FileLock

HOLD = """
import sys, time
from pathlib import Path
from jobtui.store.file_lock import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
{then}
sys.stdin.read()
"""
# The child lives on when its parent is killed, and has inherited all its descriptors.
FORK = """
import os
if os.fork() == 0:
    print("child", os.getpid(), flush=True)
    time.sleep(60)
    os._exit(0)
"""


def start(path: Path, then: str = "") -> subprocess.Popen[str]:
    """Start a process that takes the lock."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD.format(then=then), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def read_line(process: subprocess.Popen[str]) -> str:
    """Return the next line that a process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and wait for its end."""
    process.kill()
    process.wait(LIMIT)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def test_a_second_lock_of_this_process_is_refused_until_the_first_is_released(path: Path) -> None:
    first, second = FileLock(path), FileLock(path)
    assert first.acquire()
    assert not second.acquire()
    assert second.holder() == os.getpid()
    second.release()  # it does not hold it
    assert not FileLock(path).acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_a_file_and_a_link_to_it_have_one_lock(path: Path) -> None:
    link = path.with_name("link.db")
    link.symlink_to(path)
    lock = FileLock(path)
    assert lock.acquire()
    assert not FileLock(link).acquire()
    lock.release()


def test_only_the_owner_may_read_the_file_of_the_lock(path: Path) -> None:
    before = os.umask(0)
    lock = FileLock(path)
    try:
        assert lock.acquire()
    finally:
        os.umask(before)
    assert mode_of(path.with_name("jobs.db.lock")) == 0o600
    lock.release()


def test_of_many_threads_one_gets_the_lock(path: Path) -> None:
    for _ in range(50):
        locks = [FileLock(path) for _ in range(8)]
        results: list[bool] = []
        barrier = threading.Barrier(len(locks))

        def take(lock: FileLock, barrier: threading.Barrier, results: list[bool]) -> None:
            barrier.wait(LIMIT)
            results.append(lock.acquire())

        threads = [threading.Thread(target=take, args=(lock, barrier, results)) for lock in locks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        assert sorted(results) == [False] * 7 + [True]
        for lock in locks:
            lock.release()


def test_another_process_gets_the_lock_when_its_holder_is_killed(path: Path) -> None:
    process = start(path)
    assert read_line(process) == "True"
    lock = FileLock(path)
    assert not lock.acquire()
    assert lock.holder() == process.pid
    kill(process)
    assert lock.acquire()
    lock.release()


def test_a_forked_child_that_lives_on_does_not_keep_the_lock(path: Path) -> None:
    process = start(path, FORK)
    assert read_line(process) == "True"
    word, child = read_line(process).split()
    assert word == "child"
    try:
        lock = FileLock(path)
        assert not lock.acquire()
        process.kill()
        process.wait(LIMIT)
        os.kill(int(child), 0)  # it lives
        assert lock.acquire()
        lock.release()
    finally:
        os.kill(int(child), signal.SIGKILL)
        kill(process)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a fork with threads, since Python 3.12
def test_the_end_of_a_forked_child_does_not_release_the_lock_of_its_parent(path: Path) -> None:
    lock = FileLock(path)
    assert lock.acquire()

    def release_and_try() -> None:
        lock.release()
        os._exit(FileLock(path).acquire())

    child = multiprocessing.get_context("fork").Process(target=release_and_try)
    child.start()
    child.join(LIMIT)
    assert child.exitcode == 0
    process = start(path)
    assert read_line(process) == "False"
    kill(process)
    lock.release()


def test_the_lock_is_taken_again_if_its_folder_was_removed(path: Path) -> None:
    lock = FileLock(path)
    assert lock.acquire()
    assert lock.ensure()
    lock.path.unlink()
    assert lock.ensure()
    process = start(path)
    assert read_line(process) == "False"
    kill(process)
    lock.path.unlink()
    process = start(path)
    assert read_line(process) == "True"
    assert not lock.ensure()
    assert not lock.ensure()
    kill(process)
    assert lock.ensure()
    process = start(path)
    assert read_line(process) == "False"
    kill(process)
    lock.release()


def test_a_lock_that_was_never_taken_is_not_taken_again(path: Path) -> None:
    assert FileLock(path).ensure()
    assert not path.with_name("jobs.db.lock").exists()
