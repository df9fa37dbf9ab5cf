"""The attempts of a run go on in other processes, whether a process is killed or stops between them."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

from support.headless_process import HeadlessProcess
from support.store_parts import query
from support.waiting import wait_until

from jobtui.store.history import History

JOBS = """
import os
import jobtui

def flaky():
    attempt = jobtui.current_run().attempt
    with open("attempts", "a") as file:
        print(os.getpid(), attempt, file=file)
    print(f"makes attempt {attempt}")
    if attempt < 4:
        raise OSError(f"no answer {attempt}")

job = jobtui.every("24h", flaky, retry=jobtui.Retry(3, first="1h", factor=1, most="1h"))

@jobtui.on_app_start
def request():
    if not os.path.exists("requested"):
        open("requested", "w").close()
        jobtui.now(job)
"""


def wait_failed(process: HeadlessProcess, store: Path, attempt: int) -> None:
    """Wait until the file has a failed attempt, and let the next one be due at once in another process."""
    found = "SELECT 1 FROM runs WHERE state = 'RETRYING' AND attempt = ? AND retry_at > 0"
    process.stderr.wait_for(f"attempt {attempt} of 4 failed")
    wait_until(lambda: query(store, found, attempt))
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE runs SET retry_at = 0.0 WHERE state = 'RETRYING'")


def test_each_attempt_is_made_once_by_one_process_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(JOBS, "utf-8")
    store, options = tmp_path / "jobs.db", ("jobs.py", "--store", "jobs.db")
    with HeadlessProcess(tmp_path, *options) as first:
        wait_failed(first, store, 1)
        first.send_signal(signal.SIGKILL)
        first.wait()
    with HeadlessProcess(tmp_path, *options) as second:
        assert "goes on after a restart" in second.stderr.wait_for("RETRYING")
        wait_failed(second, store, 2)
        with HeadlessProcess(tmp_path, *options) as third:
            third.stderr.wait_for("STANDBY")
            second.send_signal(signal.SIGKILL)
            second.wait()
            wait_failed(third, store, 3)
            third.send_signal(signal.SIGTERM)
            assert third.wait() == 0
    with HeadlessProcess(tmp_path, *options) as fourth:
        fourth.stderr.wait_for("OK")
        wait_until(lambda: query(store, "SELECT 1 FROM runs WHERE state = 'OK'"))

    processes = [first, second, third, fourth]
    made = [line.split() for line in (tmp_path / "attempts").read_text().splitlines()]
    assert made == [[str(each.pid), str(attempt)] for attempt, each in enumerate(processes, 1)]
    [row] = query(store, "SELECT number, state, attempt, attempts FROM runs")
    assert row == (1, "OK", 4, 4)
    history = History(store)
    run = history.run(1)
    assert run is not None
    assert [made[-1] for made in run[-1]] == [f"OSError: no answer {attempt}" for attempt in (1, 2, 3)]
    written = [line.text for line in history.output(1)]
    assert written == ["makes attempt 1"] + [
        line for n in (2, 3, 4) for line in (f"--- attempt {n} of 4 ---", f"makes attempt {n}")
    ]
