"""Forked children neither use nor damage the store of their parent, and never block because of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.store_parts import query
from support.waiting import LIMIT

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

START = """
import os, sqlite3, sys, threading, time, warnings
from contextlib import closing
from pathlib import Path
from jobtui import Scheduler
warnings.simplefilter("ignore")
store = Path(sys.argv[1])
def work(): pass
def run(scheduler, times=1):
    for _ in range(times):
        assert scheduler.now(work).wait(20)
"""


def start(code: str, store: Path) -> subprocess.Popen[str]:
    """Start a process."""
    return subprocess.Popen(
        [sys.executable, "-c", START + code, str(store)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def check(store: Path, runs: int) -> None:
    """Assert that the file is whole and has so many runs."""
    assert query(store, "PRAGMA integrity_check") == [("ok",)]
    assert query(store, "SELECT count(*), count(DISTINCT number) FROM runs WHERE state = 'OK'") == [
        (runs, runs)
    ]


def test_children_that_end_in_every_way_leave_the_file_to_their_parent(store: Path) -> None:
    code = """
with Scheduler(store=store) as scheduler:
    for number in range(60):
        run(scheduler, 20)
        child = os.fork()
        if child == 0:
            if number % 3 == 0:
                os._exit(0)
            if number % 3 == 1:
                sys.exit(0)  # the interpreter drops every object, the connections too
            scheduler.stop()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        run(scheduler, 20)
print(scheduler.snapshot().store)
"""
    process = start(code, store)
    out, errors = process.communicate(timeout=3 * LIMIT)
    assert (process.returncode, out) == (0, f"StoreView(file='{store}', problem='', lost=0)\n"), errors
    check(store, 60 * 40)


def test_a_child_that_outlives_its_killed_parent_neither_keeps_the_lock_nor_damages_the_file(
    store: Path,
) -> None:
    code = """
scheduler = Scheduler(store=store)
scheduler.start()
run(scheduler, 200)
child = os.fork()
if child == 0:
    sys.stdin.readline()
    sys.exit(0)
time.sleep(0.5)
print(child, flush=True)
time.sleep(600)
"""
    process = start(code, store)
    assert process.stdout is not None
    assert process.stdin is not None
    child = int(process.stdout.readline())
    process.kill()
    process.wait(LIMIT)
    second = start(
        """
with Scheduler(store=store, single="refuse") as scheduler:
    run(scheduler, 200)
    print("running", flush=True)
    sys.stdin.readline()
    run(scheduler, 200)
    problem = scheduler.snapshot().store.problem
print(repr(problem))
""",
        store,
    )
    assert second.stdout is not None
    assert second.stdout.readline() == "running\n"
    os.kill(child, 0)  # it still lives
    process.stdin.write("\n")
    process.stdin.flush()
    process.communicate()  # until the child has ended
    out, errors = second.communicate("\n", timeout=LIMIT)
    assert out == "''\n", errors
    check(store, 600)


def test_a_child_cannot_use_the_store_of_its_parent(store: Path) -> None:
    code = """
with Scheduler(store=store) as scheduler:
    run(scheduler, 5)
    child = os.fork()
    if child == 0:
        print([each.number for each in scheduler.find_runs()])  # those in memory
        with Scheduler(store=store, single="off") as another:
            run(another)
            print(another.snapshot().store.problem, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""
    out, errors = start(code, store).communicate(timeout=LIMIT)
    assert out.splitlines() == [
        "[5, 4, 3, 2, 1]",
        f"{store}: a forked child cannot use the store of its parent",
    ], errors
    check(store, 5)


def test_a_child_of_a_process_whose_store_is_not_open_may_open_it(store: Path) -> None:
    code = """
scheduler = Scheduler(store=store)
child = os.fork()
if child == 0:
    with scheduler:
        run(scheduler, 3)
    os._exit(0)
os.waitpid(child, 0)
with scheduler:
    run(scheduler, 3)
"""
    process = start(code, store)
    _, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, errors
    check(store, 6)


def test_a_child_that_uses_sqlite_itself_does_not_block(store: Path) -> None:
    """A fork while another thread is inside SQLite would leave its locked mutexes to the child."""
    code = """
def flood():
    while not ended:
        run(scheduler, 50)
        scheduler.find_runs(limit=100)

ended = False
with Scheduler(store=store) as scheduler:
    threads = [threading.Thread(target=flood) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(150):
        child = os.fork()
        if child == 0:
            with closing(sqlite3.connect(":memory:")) as connection:
                connection.execute("CREATE TABLE t (x)")
                connection.executemany("INSERT INTO t VALUES (?)", [("x" * 100,)] * 100)
            os._exit(0)
        deadline = time.monotonic() + 10
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(child, 9)
                os.waitpid(child, 0)
                print("a child was blocked")
                break
            time.sleep(0.001)
    ended = True
    for thread in threads:
        thread.join()
print("done")
"""
    process = start(code, store)
    out, errors = process.communicate(timeout=6 * LIMIT)
    assert out == "done\n", errors
    assert query(store, "PRAGMA integrity_check") == [("ok",)]


def test_a_job_that_uses_multiprocessing_keeps_the_store_whole(store: Path) -> None:
    code = """
import multiprocessing

def square(number):
    return number * number

def compute():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert sum(pool.map(square, range(100))) == 328350

with Scheduler(store=store) as scheduler:
    for _ in range(3):
        request = scheduler.now(compute)
        run(scheduler, 20)
        assert request.wait(20)
        assert request.state.value == "OK"
"""
    process = start(code, store)
    _, errors = process.communicate(timeout=2 * LIMIT)
    assert process.returncode == 0, errors
    check(store, 63)


def test_a_signal_ends_a_child_at_once(store: Path) -> None:
    code = """
with Scheduler(store=store) as scheduler:
    run(scheduler)
    child = os.fork()
    if child == 0:
        time.sleep(600)
    os.kill(child, 15)
    print(os.waitpid(child, 0)[1])
"""
    out, errors = start(code, store).communicate(timeout=LIMIT)
    assert out == f"{int(signal.SIGTERM)}\n", errors


def test_a_child_keeps_the_connections_of_its_parent_open(store: Path) -> None:
    """To close one could delete the write-ahead log of the parent."""
    code = """
import gc
from jobtui.store.database import open_for_writing

connection = open_for_writing(store)
child = os.fork()
if child == 0:
    del connection
    gc.collect()
    names = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    print(names.count(str(store)), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    out, errors = start(code, store).communicate(timeout=LIMIT)
    assert out == "1\n", errors
