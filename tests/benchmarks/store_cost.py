"""The cost of the store, beside the same scheduler without one in the same process, in turns.

    python tests/benchmarks/store_cost.py [--quick]

- `now`: functions that do nothing, requested by one thread: the time until all have ended.
- 2,000 runs a second: 100 jobs with 20 ticks a second each, their phases spread: how late they start.
- A batch of 500 endings: the time of its transaction, in an empty file and in one with 10,000,000 endings
  (with --quick 200,000), which is made with plain SQL before.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

from peers import TIMEOUT, noop
from rows import Row, compare_rounds, compare_with_limit, main, percentile

from jobtui import Scheduler
from jobtui.engine.enums import RunState, Trigger
from jobtui.engine.records import PackedRun
from jobtui.engine.views import RunView
from jobtui.store.database import open_for_writing
from jobtui.store.outbox import OutboxBatch
from jobtui.store.run_writing import RunWriting

RUNS, QUICK_RUNS = 50_000, 20_000
ROUNDS, QUICK_ROUNDS = 9, 3
JOBS, INTERVAL = 100, 0.05  # seconds: 2,000 runs a second
SECONDS, TICK_ROUNDS, QUICK_TICK_ROUNDS = 2, 11, 3  # short rounds in turns: the load of the machine changes
LARGE, QUICK_LARGE = 10_000_000, 200_000
BATCH, BATCHES, TURNS = 500, 40, 4
PART = 1_000_000  # rows in a transaction while the large file is made
START = 1_700_000_000.0
WITHOUT = "without a store"
_DEFAULTS = {each.name: each.default for each in fields(RunView)}


def time_burst(store: Path | None, runs: int) -> float:
    """Return the microseconds per run."""
    done = threading.Event()
    with Scheduler(store=store) as scheduler:
        began = time.perf_counter()
        for _ in range(runs - 1):
            scheduler.now(noop)
        scheduler.now(done.set)
        if not done.wait(TIMEOUT):
            raise RuntimeError("the last run has not ended")
        return (time.perf_counter() - began) / runs * 1e6


def measure_ticks(store: Path | None, seconds: float) -> tuple[float, int]:
    """Return how late the runs started, in milliseconds (p99), and how many there were."""
    scheduler = Scheduler(store=store, tz="UTC")
    scheduler.stop_logging()
    late: list[float] = []

    def make(phase: float) -> None:
        def note() -> None:
            late.append((time.time() - phase) % INTERVAL)

        begin = scheduler.snapshot().at.replace(microsecond=0) + timedelta(seconds=1 + phase)
        scheduler.every(INTERVAL, note, start=begin, name=f"job {phase:.4f}")

    for number in range(JOBS):
        make(number * INTERVAL / JOBS)
    with scheduler:
        time.sleep(1.5)
        late.clear()
        time.sleep(seconds)
        values = list(late)
    return percentile(values, 99) * 1e3, len(values)


def ending(number: int, job: str) -> PackedRun:
    """Return a run that has ended."""
    at = START + number * 0.5
    values: dict[str, object] = {
        "number": number,
        "job": job,
        "trigger": Trigger.TICK.value,
        "state": RunState.OK.value,
        "created": at,
        "due": at,
        "waiting_since": at,
        "started": at,
        "worker": "jobtui-worker-1",
        "ended": at + 0.01,
        "elapsed": 0.01,
        "error": (),
    }
    return tuple(values.get(field.name, _DEFAULTS[field.name]) for field in fields(RunView))


def make_file(path: Path, rows: int) -> None:
    """Make a file with so many endings of a hundred jobs."""
    with closing(open_for_writing(path)) as connection:
        connection.executemany("INSERT INTO jobs (name) VALUES (?)", [(f"job {job}",) for job in range(100)])
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'runs'"
        ).fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for first in range(1, rows + 1, PART):
            connection.execute("BEGIN")
            connection.execute(
                "WITH RECURSIVE n(i) AS (VALUES (?) UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                "INSERT INTO runs (life, number, job, trigger, state, created, due, waiting_since, started, "
                "worker, ended, elapsed, reason, error, ticks, exception, place) "
                "SELECT 1, i, 1 + i % 100, 'tick', iif(i % 100 = 0, 'FAILED', 'OK'), ? + i * 0.5, "
                "? + i * 0.5, ? + i * 0.5, ? + i * 0.5, 'jobtui-worker-1', ? + i * 0.5 + 0.01, 0.01, "
                "'', '', 1, '', '' FROM n",
                (first, min(first + PART - 1, rows), *[START] * 5),
            )
            connection.execute("COMMIT")
        for _, sql in triggers:
            connection.execute(sql)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def time_batches(path: Path, first: int) -> list[float]:
    """Return the milliseconds of each batch."""
    times = []
    choices = random.Random(1)
    with closing(open_for_writing(path)) as connection:
        writing = RunWriting(connection, life=2)
        for batch in range(BATCHES):
            start = first + batch * BATCH
            runs = [ending(start + each, f"job {choices.randrange(100)}") for each in range(BATCH)]
            began = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            writing.write(OutboxBatch(recorded=runs))
            connection.execute("COMMIT")
            times.append((time.perf_counter() - began) * 1e3)
    return times


def measure(quick: bool) -> Iterator[Row]:
    """Measure with and without a store in turns."""
    runs, rounds = (QUICK_RUNS, QUICK_ROUNDS) if quick else (RUNS, ROUNDS)
    tick_rounds, large = (QUICK_TICK_ROUNDS, QUICK_LARGE) if quick else (TICK_ROUNDS, LARGE)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "jobs.db"
        time_burst(store, runs)
        with_store, without = [], []
        for _ in range(rounds):
            with_store.append(time_burst(store, runs))
            without.append(time_burst(None, runs))
        measured = f"`now` with a store, {runs:,} functions that do nothing: each"
        yield compare_rounds(measured, "us", with_store, WITHOUT, without, at_least=0.7)

        late_with, late_without, counts = [], [], []
        for _ in range(tick_rounds):
            p99, count = measure_ticks(store, SECONDS)
            late_with.append(p99)
            counts.append(count / SECONDS)
            late_without.append(measure_ticks(None, SECONDS)[0])
        measured = f"{statistics.median(counts):,.0f} runs a second with a store: lateness p99"
        yield compare_rounds(measured, "ms", late_with, WITHOUT, late_without, at_most=1.2)

        empty, full = Path(folder) / "empty.db", Path(folder) / "full.db"
        make_file(empty, 0)
        make_file(full, large)
        times_empty, times_full = [], []
        for turn in range(TURNS):
            first = 1 + turn * BATCH * BATCHES
            round_empty, round_full = time_batches(empty, first), time_batches(full, large + first)
            if turn:  # the first one fills the caches
                times_empty += round_empty
                times_full += round_full
        size = full.stat().st_size / 1_048_576
        yield compare_with_limit(
            f"a batch of {BATCH} endings, {large:,} in the file ({size:,.0f} MiB)",
            "ms",
            times_full,
            1.5 * statistics.median(times_empty),
            peer=f"an empty file: {statistics.median(times_empty):.3g} ms",
        )


if __name__ == "__main__":
    main(__doc__, measure)
