"""``jobtui why``: from a store while nothing runs, and from a scheduler that runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.stored_runs import write_store
from support.waiting import LIMIT, wait_until

from jobtui import RunState, Scheduler
from jobtui.access.addresses import parse_address
from jobtui.cli.main import main
from jobtui.frontend.local_backend import LocalBackend
from jobtui.store.history import History
from jobtui.store.store_errors import StoreError
from jobtui.web.server import Server

Ask = Callable[..., tuple[int, str, str]]
EVERY_SECOND = "import jobtui\njobtui.schedule('* * * * * *', print, name='ticks')\n"


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """Return a function that runs the command, and returns its status and its texts."""

    def run(*words: str) -> tuple[int, str, str]:
        status = main(["why", *words])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def test_a_run_in_a_store_is_explained(ask: Ask, tmp_path: Path) -> None:
    store = str(write_store(tmp_path / "jobs.db"))
    status, out, _ = ask("--store", store, "#2")
    assert status == 0
    assert out == (
        "run 2 of import on 2026-11-27: due 12:00:21, queued until 12:00:59; "
        "the runs that had the slots are not known, started 12:00:59, "
        "FAILED after 1m01s: TimeoutError: no answer\n"
    )
    status, out, _ = ask("--store", store, "3", "--json")
    found = json.loads(out)
    assert (status, found["verdict"], found["runs"]) == (0, "ran", [3, 2])


def test_a_run_or_a_job_that_does_not_exist_is_named(ask: Ask, tmp_path: Path) -> None:
    store = str(write_store(tmp_path / "jobs.db"))
    assert ask("--store", store, "99") == (1, "", "jobtui: there is no run 99\n")
    assert ask("--store", store, "mial") == (1, "", "jobtui: there is no job 'mial'; near: mail\n")


def test_mistakes_are_explained(ask: Ask, tmp_path: Path) -> None:
    store = tmp_path / "jobs.db"
    with Scheduler(store=store, tz="UTC") as scheduler:
        scheduler.schedule("@yearly", print, name="a")
    status, _, err = ask("--store", str(store), "a", "--at", "noon")
    assert status == 2
    assert err.startswith("jobtui: 'noon' is not an instant; write 02:30, 'yesterday 02:30' or")
    for words in ((), ("a", "b", "c"), ("--store", str(store), "a", "b")):
        status, _, err = ask(*words)
        assert (status, "one JOB or RUN is needed" in err) == (2, True)
    assert ask("127.0.0.1:1", "a")[0] == 2


def test_a_scheduler_that_runs_gives_the_answer_of_its_store(ask: Ask, tmp_path: Path) -> None:
    store = tmp_path / "jobs.db"
    scheduler = Scheduler(store=store, tz="UTC")
    scheduler.schedule("0 30 2 * * *", lambda: None, name="a")
    server = Server(LocalBackend(scheduler, "jobs.py"), parse_address("127.0.0.1:0"))
    with scheduler, server:
        wait_until(lambda: store.exists() and History(store).job_names())
        for words in (
            ("a", "--at", "tomorrow 02:30"),
            ("a", "--at", "02:31"),
            ("a", "--at", "2020-01-01T02:30"),
        ):
            live, stored = ask(str(server.address), *words), ask("--store", str(store), *words)
            assert live == stored
            assert live[0] == 0
        run = scheduler.run("a")
        assert run.wait(LIMIT)
        wait_until(lambda: History(store).run(run.number) is not None)
        assert ask(str(server.address), "1") == ask("--store", str(store), "1")


def test_the_end_of_a_process_that_was_killed_is_named_while_nothing_runs(ask: Ask, tmp_path: Path) -> None:
    """The process is a real one, and the command reads its file after it was killed."""
    file, store = tmp_path / "jobs.py", tmp_path / "jobs.db"
    file.write_text(EVERY_SECOND)
    command = [sys.executable, "-m", "jobtui", str(file), "--headless", "--store", str(store), "--tz", "UTC"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: _has_ended_run(store))
        finally:
            process.send_signal(signal.SIGKILL)
        process.wait(LIMIT)
    tick = datetime.now(UTC) + timedelta(seconds=2)
    wait_until(lambda: datetime.now(UTC) > tick)
    status, out, _ = ask("--store", str(store), "ticks", "--at", f"{tick:%Y-%m-%dT%H:%M:%S}")
    assert status == 0
    assert out.startswith(f"ticks did not run at {tick:%Y-%m-%d %H:%M:%S} UTC: not running from ")
    assert out.endswith("(killed) to now\n")
    assert ask("--store", str(store), "ticks")[1].startswith("run ")
    later = ask("--store", str(store), "ticks", "--at", "tomorrow 02:30")
    assert ": no scheduler runs now; it will run if one runs then" in later[1]


def _has_ended_run(store: Path) -> bool:
    try:
        return bool(History(store).find(job="ticks", state=RunState.OK, limit=1))
    except StoreError:  # the file is being made
        return False
