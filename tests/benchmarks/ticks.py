"""One scheduler with many jobs that are due every second, in a process of its own; other scripts import this.

    python tests/benchmarks/ticks.py SCHEDULER JOBS SECONDS {spread,one-phase}

Prints `TickResults` as JSON. Each job only records the time at which it starts.
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

from peers import APSCHEDULER, BARE_TIMER, JOBTUI, Body, apscheduler, bare_timer, jobtui_scheduler
from rows import percentile

AHEAD = 1.0  # seconds between registering the jobs and the first tick, at least
REGISTER_RATE = 5_000  # jobs that the slowest scheduler registers in a second, at least

Phases = Literal["spread", "one-phase"]
EverySecond = Callable[[float, Body], object]


@dataclass(frozen=True, kw_only=True)
class TickResults:
    """The results of one scheduler.

    Attributes:
        wrong: How many runs of all jobs are missing or extra.
        p99: The lateness that 99 % of the runs do not exceed, in milliseconds: from the tick to the start of
            the work. If a job missed ticks, each run is compared with the latest tick before it.
        last: The lateness of the last run of each second, in milliseconds; the median of the seconds.
        cpu: The CPU time of the process, in seconds per second.
    """

    wrong: int
    p99: float
    last: float
    cpu: float


@contextmanager
def start_scheduler(name: str) -> Iterator[EverySecond]:
    """Start a scheduler; yield a function that registers a job, given its first tick and its body."""
    if name == JOBTUI:
        with jobtui_scheduler() as scheduler:
            yield lambda first, body: scheduler.every(1, body, start=datetime.fromtimestamp(first, UTC))
    elif name == BARE_TIMER:
        with bare_timer() as timer:
            yield timer.every_second
    else:
        with apscheduler() as peer:
            yield lambda first, body: peer.add_job(
                body, "interval", seconds=1, start_date=datetime.fromtimestamp(first, UTC)
            )


def make_body(starts: list[float]) -> Body:
    """Return a function that records when it starts."""
    return lambda: starts.append(time.time())


def measure_here(name: str, jobs: int, seconds: int, phases: Phases) -> TickResults:
    """Measure one scheduler in this process."""
    begin = round(time.time() + AHEAD + jobs / REGISTER_RATE, 3)
    firsts = [begin + (number / jobs if phases == "spread" else 0.0) for number in range(jobs)]
    starts: list[list[float]] = [[] for _ in range(jobs)]
    with start_scheduler(name) as every_second:
        for first, starts_of_job in zip(firsts, starts, strict=True):
            every_second(first, make_body(starts_of_job))
        gc.collect()  # the garbage of registering is not part of the measurement
        if time.time() > begin - 0.5:
            raise RuntimeError(f"{name}: registering the jobs took too long")
        time.sleep(begin - time.time())
        cpu = time.process_time()
        time.sleep(begin + seconds - time.time())
        cpu = time.process_time() - cpu
        time.sleep(1.0)  # until the last second of the last job is over
        # Copied now, because a scheduler that is behind could catch up while it stops.
        copies = [list(starts_of_job) for starts_of_job in starts]
    return compare_with_grid(firsts, copies, seconds, cpu / seconds)


def compare_with_grid(
    firsts: list[float], starts: list[list[float]], seconds: int, cpu: float
) -> TickResults:
    """Compare the starts with the ticks."""
    late: list[float] = []
    by_second: list[list[float]] = [[] for _ in range(seconds)]
    wrong = 0
    for first, starts_of_job in zip(firsts, starts, strict=True):
        offsets = [start - first for start in starts_of_job if start - first < seconds]
        wrong += abs(len(offsets) - seconds)
        complete = len(offsets) == seconds
        for number, elapsed in enumerate(offsets):
            tick = number if complete else int(elapsed)
            late.append((elapsed - tick) * 1e3)
            by_second[tick].append((elapsed - tick) * 1e3)
    return TickResults(
        wrong=wrong,
        p99=percentile(late, 99),
        last=statistics.median(max(each) for each in by_second if each),
        cpu=cpu,
    )


def measure_in_process(name: str, jobs: int, seconds: int, phases: Phases) -> TickResults:
    """Measure one scheduler in a process of its own."""
    command = [sys.executable, __file__, name, str(jobs), str(seconds), phases]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return TickResults(**json.loads(done.stdout))


if __name__ == "__main__":
    _, scheduler_name, jobs_text, seconds_text, phases_text = sys.argv
    assert scheduler_name in (JOBTUI, BARE_TIMER, APSCHEDULER)
    results = measure_here(
        scheduler_name,
        int(jobs_text),
        int(seconds_text),
        "spread" if phases_text == "spread" else "one-phase",
    )
    print(json.dumps(asdict(results)))
