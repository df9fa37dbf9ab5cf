"""The longest time for which heavy calls delay the quick calls of another thread.

    python tests/benchmarks/lock_hold.py [--quick]

There are 10,000 jobs and 100,000 waiting runs: half of them queued, half of them scheduled for later. While a
heavy call goes on, or a clock leaps two days, a probe thread changes and reads the state, with pauses of
0.2 ms, and the longest of its calls is the result. A thread that only executes Python code also delays the
probe, until Python switches threads. That time is measured too, and subtracted. The interval of the switches
is short here, and the garbage collector is off, so the rest is the time for which other threads find the lock
taken. Each call is measured several times, each time with a new scheduler. The best round counts, because
another process can only make a round slower.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from peers import TIMEOUT, WORKERS, noop
from rows import Row, main

from jobtui import Job, Run, Scheduler
from jobtui.engine.enums import MisfireName
from jobtui.frontend.local_backend import LocalBackend

JOBS, QUICK_JOBS = 10_000, 2_000
RUNS, QUICK_RUNS = 100_000, 20_000
LEAPING_ALL = 10  # with misfire="all", a tenth of the jobs: two days have 18 ticks of each
ROUNDS, QUICK_ROUNDS = 3, 1
LIMIT = 10.0  # ms
SWITCH_INTERVAL = 0.0002  # seconds until Python switches threads, instead of 0.005
PAUSE = 0.0002  # seconds between two calls of the probe
BUSY = 1.0  # seconds of the comparison
TWO_DAYS = 2 * 86_400.0
PROBE_JOB = "probe"
THREADS = 8
BUSY_LOOP = "a busy loop"

Calls = Iterator[tuple[str, Callable[[], object]]]


class LeapingClock:
    """The machine's clocks, of which the wall clock can leap."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Return the wall clock, in seconds since the epoch."""
        return time.time() + self._ahead

    def monotonic(self) -> float:
        """Return the monotonic clock, in seconds."""
        return time.monotonic()

    def leap(self, seconds: float) -> None:
        """Set the wall clock ahead."""
        self._ahead += seconds


class Probe:
    """Calls a scheduler again and again in a thread, and measures the longest call.

    Args:
        scheduler: A scheduler with a job named `PROBE_JOB`.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        job = scheduler.job(PROBE_JOB)
        self._calls = (job.pause, scheduler.pool_view, job.resume)
        self._longest = 0.0
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def measure(self, call: Callable[[], object]) -> float:
        """Return how many milliseconds the longest quick call took during another call."""
        time.sleep(0.02)
        self._longest = 0.0
        call()
        time.sleep(0.02)
        return self._longest * 1e3

    def close(self) -> None:
        """End the thread."""
        self._ended = True
        self._thread.join()

    def _run(self) -> None:
        while not self._ended:
            for call in self._calls:
                began = time.perf_counter()
                call()
                self._longest = max(self._longest, time.perf_counter() - began)
                time.sleep(PAUSE)


@contextmanager
def loaded_scheduler(jobs: int, runs: int, misfire: MisfireName, clock: LeapingClock) -> Iterator[Scheduler]:
    """Yield a started scheduler with many jobs; if runs are to wait, its pool of one is blocked by a run."""
    scheduler = Scheduler(pool=1 if runs else WORKERS, tz="Europe/Berlin", clock=clock)
    for number in range(jobs):
        spec = f"{number % 60} */{1 + number % 7} * * * *"
        scheduler.schedule(spec, noop, name=f"customer-{number:05}-synchronise-invoices", misfire=misfire)
    scheduler.every("8h", noop, name=PROBE_JOB)
    released = threading.Event()
    scheduler.start()
    if runs:
        scheduler.now(released.wait)
    gc.collect()
    try:
        yield scheduler
    finally:
        released.set()
        scheduler.stop(TIMEOUT)


def busy_loop() -> None:
    """Execute Python code for some time."""
    end = time.monotonic() + BUSY
    while time.monotonic() < end:
        pass


def repeat(count: int, call: Callable[[], object]) -> None:
    """Call something several times, and ignore that a name is unknown."""
    for _ in range(count):
        with suppress(LookupError):
            call()


def leap(scheduler: Scheduler, clock: LeapingClock) -> None:
    """Let the clock leap two days, wake the timer, and wait until all missed ticks are worked off."""
    clock.leap(TWO_DAYS)
    before = scheduler.now(noop)
    scheduler.in_(0, noop).wait(TIMEOUT)
    before.wait(TIMEOUT)
    deadline = time.monotonic() + TIMEOUT
    while (view := scheduler.pool_view()).queued or view.held or view.running:
        if time.monotonic() > deadline:
            raise RuntimeError("the missed ticks are not worked off")
        time.sleep(0.05)


def set_back(scheduler: Scheduler, clock: LeapingClock, seconds: float) -> None:
    """Set the clock back, and wait until the scheduler has adjusted all due times."""
    clock.leap(-seconds)
    scheduler.in_(3_600, noop).cancel()  # the scheduler notices the step
    time.sleep(0.5)


def heavy_calls(scheduler: Scheduler, clock: LeapingClock, handles: list[Job], runs: int) -> Calls:
    """Yield the heavy calls with their names. Each may depend on those before it."""
    queued: list[Run] = []
    scheduled: list[Run] = []

    def request_queued() -> None:
        queued.extend(scheduler.now(noop) for _ in range(runs // 2))

    def request_scheduled() -> None:
        scheduled.extend(scheduler.in_(3600 + number, noop) for number in range(runs // 2))

    def cancel_each(those: list[Run]) -> None:
        for run in those:
            run.cancel()

    def remove_each(jobs: list[Job]) -> None:
        for job in jobs:
            job.remove()

    def call_in_threads(call: Callable[[], object]) -> None:
        threads = [
            threading.Thread(target=repeat, args=(runs // 10 // THREADS, call)) for _ in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    allowing = scheduler.schedule("0 0 0 1 1 *", noop, name="allowing", overlap="allow")
    replacing = scheduler.schedule("0 0 0 1 1 *", noop, name="replacing", overlap="replace")
    backend = LocalBackend(scheduler, "jobs")
    yield "`now` for each queued run", request_queued
    yield "`in_` for each scheduled run", request_scheduled
    wrong = "customer-99999-synchronise-invoice"
    yield "`pause` with a wrong name, 20 times", partial(repeat, 20, partial(scheduler.pause, wrong))
    yield "`cancel` of an unknown number, 20 times", partial(repeat, 20, partial(scheduler.cancel, 10**9))
    yield "`run_view` of an unknown number, 20 times", partial(repeat, 20, partial(scheduler.run_view, 10**9))
    yield f"`now` in {THREADS} threads", partial(call_in_threads, lambda: scheduler.now(noop))
    yield "`snapshot`", scheduler.snapshot
    yield "`snapshot` again", scheduler.snapshot
    yield "`subscribe`", lambda: scheduler.subscribe().close()
    yield "`find_runs` of a job", partial(repeat, 20, lambda: backend.find_runs(job=handles[0].name))
    yield "`job_details`", lambda: backend.job_details(handles[0].name)
    yield "`jobs`", lambda: scheduler.jobs
    yield "`counters`", lambda: list(scheduler.counters())
    yield "`pause_all`", scheduler.pause_all
    yield "`resume_all`", scheduler.resume_all
    held = [job.name for job in handles[:2]]
    yield (
        "`run` of 2 jobs, each for a quarter of the runs",
        lambda: [scheduler.run(name) for _ in range(runs // 4) for name in held],
    )
    yield '`run` of a job with `overlap="allow"`', partial(repeat, runs // 4, allowing.run)
    yield '`run` of a job with `overlap="replace"`', partial(repeat, runs // 100, replacing.run)
    yield "a clock that is set back by an hour", lambda: set_back(scheduler, clock, 3_600)
    yield "a clock that is set back by a day", lambda: set_back(scheduler, clock, 86_400)
    yield "`cancel` of half of the queued runs, last first", lambda: cancel_each(queued[: runs // 4 : -1])
    yield "`cancel` of half of the scheduled runs", lambda: cancel_each(scheduled[: runs // 4])
    yield "`remove` of a job with held runs", handles[0].remove
    yield "`remove` of a job with queued runs", allowing.remove
    yield "`remove` of half of the jobs", lambda: remove_each(handles[1 : len(handles) // 2])
    yield "`stop`", lambda: scheduler.stop(0)


def measure_calls(jobs: int, runs: int) -> dict[str, float]:
    """Measure each heavy call, and the busy loop; return the milliseconds of each."""
    clock = LeapingClock()
    with loaded_scheduler(jobs, runs, "coalesce", clock) as scheduler:
        handles = [job for job in scheduler.jobs if job.name != PROBE_JOB]
        probe = Probe(scheduler)
        found = {BUSY_LOOP: probe.measure(busy_loop)}
        for name, call in heavy_calls(scheduler, clock, handles, runs):
            found[name] = probe.measure(call)
        probe.close()
    return found


def measure_start(jobs: int) -> float:
    """Measure the start of many jobs of which each has a schedule of its own; return the milliseconds."""
    scheduler = Scheduler(tz="Europe/Berlin")
    for number in range(jobs):
        scheduler.schedule(f"{number % 60} {number // 60 % 60} {number // 3600} * * *", noop)
    scheduler.every("8h", noop, name=PROBE_JOB)
    probe = Probe(scheduler)
    longest = probe.measure(scheduler.start)
    probe.close()
    scheduler.stop(0)
    return longest


def measure_leap(jobs: int, misfire: MisfireName) -> float:
    """Measure a leap of the clock; return the milliseconds."""
    clock = LeapingClock()
    with loaded_scheduler(jobs, 0, misfire, clock) as scheduler:
        probe = Probe(scheduler)
        longest = probe.measure(partial(leap, scheduler, clock))
        probe.close()
    return longest


def measure(quick: bool) -> Iterator[Row]:
    """Measure every call in each round."""
    jobs, runs, rounds = (QUICK_JOBS, QUICK_RUNS, QUICK_ROUNDS) if quick else (JOBS, RUNS, ROUNDS)
    found: list[dict[str, float]] = []
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.disable()
    for _ in range(rounds):
        values = measure_calls(jobs, runs)
        values["`start`"] = measure_start(jobs)
        values["a clock that leaps two days"] = measure_leap(jobs, "coalesce")
        values[f'the same with misfire="all", {jobs // LEAPING_ALL:,} jobs'] = measure_leap(
            jobs // LEAPING_ALL, "all"
        )
        found.append(values)
    busy = min(values[BUSY_LOOP] for values in found)
    for name in found[0]:
        if name == BUSY_LOOP:
            continue
        each = [values[name] for values in found]
        hold = max(0.0, min(each) - busy)
        yield Row(
            measured=f"{jobs:,} jobs, {runs:,} waiting runs: longest delay of another thread by {name}",
            jobtui=f"{hold:.3g} ms ({min(each):.3g} to {max(each):.3g})",
            peer=f"{BUSY_LOOP}: {busy:.3g} ms, subtracted",
            target=f"<= {LIMIT:g} ms",
            met=hold <= LIMIT,
        )


if __name__ == "__main__":
    main(__doc__, measure)
