"""Two processes with one store: one runs the jobs, the other stands by."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest
from support.headless_process import HeadlessProcess

from jobtui.engine.records import DUE, NUMBER, STATE
from jobtui.store.history import History

JOBS = """
import jobtui

@jobtui.scheduled(every="50ms", misfire="all", catch_up="1h", start=START)
def tick():
    print("a line")
"""

LIMIT = 10_000  # rows that are read


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a job file, whose grid of ticks is the same in each process."""
    start = "__import__('datetime').datetime.fromisoformat('2026-01-01T00:00:00+00:00')"
    (tmp_path / "jobs.py").write_text(JOBS.replace("START", start), "utf-8")
    (tmp_path / "jobtui.toml").write_text('jobs.store = "jobs.db"\n', "utf-8")
    return tmp_path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda each: each.name)
def test_the_second_process_takes_over_and_no_tick_is_lost_or_run_twice(
    folder: Path, number: signal.Signals
) -> None:
    with HeadlessProcess(folder, "jobs.py") as first:
        first.stderr.wait_for("OK")
        with HeadlessProcess(folder, "jobs.py") as second:
            second.stderr.wait_for(f"STANDBY   {folder / 'jobs.db'}: process {first.pid} uses this store")
            first.send_signal(number)
            first.wait()
            second.stderr.wait_for("STARTED")
            second.stderr.wait_for("OK")
            second.send_signal(signal.SIGTERM)
            second.wait()
    runs = [run for run in History(folder / "jobs.db").find(job="tick", limit=LIMIT) if run[NUMBER]]
    due = Counter(run[DUE] for run in runs if run[STATE] in {"OK", "LOST", "CANCELLED"})
    ticks = sorted(due)
    assert set(due.values()) == {1}
    assert len(ticks) == round((ticks[-1] - ticks[0]) / 0.05) + 1
