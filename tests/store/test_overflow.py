"""Counters stay exact when the outbox overflows while the file cannot be written."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from support.store_parts import counters, query
from support.waiting import LIMIT, wait_until

from jobtui import Scheduler
from jobtui.engine.ledger import ENTRY_BYTES
from jobtui.store.outbox import OUTBOX_BYTES


def work() -> None:
    """Do nothing."""


def test_the_ending_of_a_run_whose_row_says_running_is_written(tmp_path: Path) -> None:
    """A run that is only counted would be LOST at the next start, too."""
    store = tmp_path / "jobs.db"
    release = threading.Event()

    def hold() -> None:
        release.wait(LIMIT)

    with Scheduler(store=store) as scheduler:
        held = scheduler.now(hold)
        wait_until(lambda: query(store, "SELECT 1 FROM runs WHERE state = 'RUNNING'"))
        with closing(sqlite3.connect(store, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            release.set()
            assert held.wait(LIMIT)
            total = OUTBOX_BYTES // ENTRY_BYTES + 5_000
            for _ in range(total - 1):
                scheduler.now(work)
            assert scheduler.now(work).wait(LIMIT)
            wait_until(lambda: scheduler.snapshot().store.lost)
            other.execute("ROLLBACK")
        wait_until(lambda: not scheduler.snapshot().store.problem)
        lost = scheduler.snapshot().store.lost
    assert query(store, "SELECT count(*) FROM runs WHERE state = 'RUNNING'") == [(0,)]
    assert counters(store)["hold", "OK"] == 1
    assert counters(store)["work", "OK"] == total
    assert query(store, "SELECT count(*) FROM runs") == [(1 + total - lost,)]
    assert lost >= 4_000
