"""One contestant with many jobs that are due every second, in its own process; for the scripts beside it.

    python tests/benchmarks/ticks.py WHO JOBS SECONDS {spread,one-phase}

Prints what came of it as JSON: see `Ticks`. Every job notes the time when its body starts, nothing else.
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

from peers import APSCHEDULER, BARE, Body, apscheduler, bare_timer, ours, percentile

OURS = "jobtui"
AHEAD = 1.0  # seconds, at least, before the first job is due
REGISTERED = 5_000  # jobs each second, at least, by the slowest contestant

Phases = Literal["spread", "one-phase"]
EverySecond = Callable[[float, Body], object]


@dataclass(frozen=True, kw_only=True)
class Ticks:
    """What came of the ticks.

    Attributes:
        astray: How many runs there were too few or too many, of all jobs together.
        p99: The lateness that 99 % of the runs do not exceed, in milliseconds: the start of the body after
            its tick. A job that missed ticks has its runs compared with the latest tick before each.
        last: The lateness of the last run of each second, in milliseconds; the median of the seconds.
        cpu: The process's CPU time, in seconds, for each second.
    """

    astray: int
    p99: float
    last: float
    cpu: float


@contextmanager
def contestant(who: str) -> Iterator[EverySecond]:
    """Start a contestant; yields how it is given a body and the first instant."""
    if who == OURS:
        with ours() as scheduler:
            yield lambda first, body: scheduler.every(1, body, start=datetime.fromtimestamp(first, UTC))
    elif who == BARE:
        with bare_timer() as timer:
            yield timer.every_second
    else:
        with apscheduler() as peer:
            yield lambda first, body: peer.add_job(
                body, "interval", seconds=1, start_date=datetime.fromtimestamp(first, UTC)
            )


def stamped(starts: list[float]) -> Body:
    """Return a body that notes when it starts."""
    return lambda: starts.append(time.time())


def run(who: str, jobs: int, seconds: int, phases: Phases) -> Ticks:
    """Measure one contestant in this process."""
    begin = round(time.time() + AHEAD + jobs / REGISTERED, 3)
    firsts = [begin + (number / jobs if phases == "spread" else 0.0) for number in range(jobs)]
    starts: list[list[float]] = [[] for _ in range(jobs)]
    with contestant(who) as every_second:
        for first, own in zip(firsts, starts, strict=True):
            every_second(first, stamped(own))
        gc.collect()  # what registering has left behind is none of what is measured
        if time.time() > begin - 0.5:
            raise RuntimeError(f"{who}: registering took too long to measure what comes after")
        time.sleep(begin - time.time())
        cpu = time.process_time()
        time.sleep(begin + seconds - time.time())
        cpu = time.process_time() - cpu
        time.sleep(1.0)  # until the last second of the last job is over
        # Taken before the end, in which a contestant that is behind may catch up.
        counted = [list(own) for own in starts]
    return summary(firsts, counted, seconds, cpu / seconds)


def summary(firsts: list[float], starts: list[list[float]], seconds: int, cpu: float) -> Ticks:
    """Compare the starts with the grid."""
    late: list[float] = []
    by_second: list[list[float]] = [[] for _ in range(seconds)]
    astray = 0
    for first, own in zip(firsts, starts, strict=True):
        since = [start - first for start in own if start - first < seconds]
        astray += abs(len(since) - seconds)
        complete = len(since) == seconds
        for number, elapsed in enumerate(since):
            tick = number if complete else int(elapsed)
            late.append((elapsed - tick) * 1e3)
            by_second[tick].append((elapsed - tick) * 1e3)
    return Ticks(
        astray=astray,
        p99=percentile(late, 99),
        last=statistics.median(max(each) for each in by_second if each),
        cpu=cpu,
    )


def measured(who: str, jobs: int, seconds: int, phases: Phases) -> Ticks:
    """Measure one contestant in a process of its own."""
    command = [sys.executable, __file__, who, str(jobs), str(seconds), phases]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return Ticks(**json.loads(done.stdout))


if __name__ == "__main__":
    _, name, many, long, grid = sys.argv
    assert name in (OURS, BARE, APSCHEDULER)
    print(json.dumps(asdict(run(name, int(many), int(long), "spread" if grid == "spread" else "one-phase"))))
