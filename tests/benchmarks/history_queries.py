"""A store with 1,000,000 runs is asked: the first page, and queries of each kind.

    python tests/benchmarks/history_queries.py [--quick] [--json]

200 jobs ran for 30 days. 3 % of the runs failed, with a traceback of 900 characters; nearly all others
printed a line; two of them printed a word that no other has. Each answer has up to 50 runs. The system has
the file in its cache. `--quick` asks 100,000 runs.

The last query has no target: a text of two characters, which the index of trigrams cannot look up.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from math import log
from pathlib import Path

from rows import Row, compare_with_limit, main

from jobtui.store.bulk_insert import insert_rows
from jobtui.store.database import open_for_writing
from jobtui.store.history import History
from jobtui.store.query import parse_query
from jobtui.store.run_rows import COLUMNS

RUNS, QUICK_RUNS = 1_000_000, 100_000
ROUNDS = 7
PAGE = 50
JOBS = 200
START = 1_790_000_000.0
SECONDS = 30 * 86_400
LENGTH = 0.14  # seconds
ROWS_AT_ONCE = 5_000
FIRST_PAGE, ANY_QUERY = 30.0, 100.0  # milliseconds

FIRST_PAGES = ["", "job:import_004", "state:failed", "since:2d"]
QUERIES = [
    "job:import* state:failed since:2d took:>5s trigger:hand timed",
    "job:import_004 state:failed",
    "state:lost",
    "trigger:hand",
    "trigger:now",
    "took:>5s",
    "took:>1000h",
    "took:>5s trigger:hand state:ok job:mail_007",
    "number:777",
    "imported",
    "imported trigger:hand",
    "deadlock",
    "zebra",
    "timed",
    "timed job:import_004",
    '"host7 timed out"',
    "TimeoutError host7",
    "timed state:ok",
    "timed job:import*",
    "imported took:>1000h",
]
SLOW = ["zq"]
OUTPUT = ("life", "run", "line", "at", "stream", "text")
FRAME = '  File "/srv/shop/module{0}.py", line {1}, in function_{0}\n    return call_{0}(link, timeout={1})\n'


def write_runs(
    path: Path,
    runs: int,
    *,
    jobs: int = JOBS,
    start: float = START,
    seconds: float = SECONDS,
    length: float = LENGTH,
) -> list[str]:
    """Write the runs and their output into a new store. Return the names of the jobs.

    Args:
        path: The store.
        runs: How many.
        jobs: How many jobs have them.
        start: When the first one is due, in seconds since the epoch.
        seconds: How much later the last one is due.
        length: How long a run takes in the median, in seconds.
    """
    chance = random.Random(1)
    names = [f"{['import', 'export', 'sync', 'mail'][job % 4]}_{job:03}" for job in range(jobs)]
    with closing(open_for_writing(path)) as connection:
        connection.execute("BEGIN")
        values = (1, start, start + seconds, start + seconds, 0, 1, "mill", "UTC", "0.1", "", "", "")
        connection.execute(f"INSERT INTO lives VALUES ({', '.join('?' * len(values))})", values)
        for name in names:
            connection.execute("INSERT INTO jobs (name) VALUES (?)", (name,))
        for first in range(1, runs + 1, ROWS_AT_ONCE):
            rows, lines = [], []
            for number in range(first, min(first + ROWS_AT_ONCE, runs + 1)):
                due = start + number * seconds / runs
                took = chance.lognormvariate(log(length), 1.3)
                state, reason, error = outcome(chance, number)
                trigger = "by hand" if chance.random() < 0.005 else "tick"
                run = dict.fromkeys(COLUMNS, "") | {
                    "number": number,
                    "job": chance.randrange(jobs) + 1,
                    "trigger": trigger,
                    "state": state,
                    "reason": reason,
                    "error": error,
                    "ticks": 1,
                    "attempt": 1,
                    "attempts": 1,
                    "retry_at": None,
                    "warned": 0,
                    "created": due,
                    "due": due,
                    "waiting_since": due,
                    "started": due + 0.001,
                    "worker": "worker-1",
                    "ended": due + took,
                    "elapsed": took,
                }
                if error:
                    run |= {"exception": "TimeoutError", "place": "module3.py:21"}
                rows.append((1, *run.values()))
                if state in ("OK", "FAILED"):
                    text = f"imported {chance.randrange(10_000)} rows of customer {number} in {took:.2f} s"
                    if number in (runs // 100, runs // 50):
                        text = "deadlock detected"
                    lines.append((1, number, 1, due + took, "stdout", text))
            insert_rows(connection, "runs", ("life", *COLUMNS), rows)
            insert_rows(connection, "output", OUTPUT, lines)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return names


def outcome(chance: random.Random, number: int) -> tuple[str, str, str]:
    """Return the state, the reason and the traceback of a run."""
    share = chance.random()
    if share < 0.03:
        reason = f"TimeoutError: request {number} to host{number % 50} timed out"
        frames = "".join(FRAME.format(depth, depth * 7 + number % 90) for depth in range(7))
        return "FAILED", reason, f"Traceback (most recent call last):\n{frames}{reason}"
    if share < 0.04:
        return "CANCELLED", "cancelled by hand", ""
    return ("SKIPPED", "still running since 12:03:11, run 88", "") if share < 0.05 else ("OK", "", "")


def milliseconds(history: History, text: str, now: datetime) -> tuple[int, list[float]]:
    """Return how many runs a query has found, and how long that took, in rounds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        found = history.search(parse_query(text, now), PAGE)
        times.append((time.perf_counter() - began) * 1e3)
    return len(found), times


def describe(text: str, found: int, runs: int) -> str:
    """Return the title of a row."""
    return f"{text or 'no condition'}: {found} of {runs:,} runs"


def measure(quick: bool) -> Iterator[Row]:
    """Yield a row for each query."""
    runs = QUICK_RUNS if quick else RUNS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jobs.db"
        began = time.perf_counter()
        write_runs(path, runs)
        seconds, size = time.perf_counter() - began, path.stat().st_size / 1e6
        yield Row(measured=f"write {runs:,} runs with output", jobtui=f"{seconds:.0f} s, {size:.0f} MB")
        history, now = History(path), datetime.fromtimestamp(START + SECONDS, UTC)
        for limit, queries in ((FIRST_PAGE, FIRST_PAGES), (ANY_QUERY, QUERIES)):
            for text in queries:
                found, times = milliseconds(history, text, now)
                yield compare_with_limit(describe(text, found, runs), "ms", times, limit)
        for text in SLOW:
            found, times = milliseconds(history, text, now)
            yield Row(measured=describe(text, found, runs), jobtui=f"{min(times):.0f} to {max(times):.0f} ms")


if __name__ == "__main__":
    main(__doc__, measure)
