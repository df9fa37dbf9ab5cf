"""The longest hold of the state lock, for each call of a heavily loaded scheduler.

    python tests/benchmarks/lock_hold.py [--quick]

There are 10,000 jobs and 100,000 waiting runs: half of them queued, half of them scheduled for later. A lock
that measures takes the place of the scheduler's own. It measures the CPU time of the thread that holds it,
because the other processes of a busy machine would add to the wall time. So the time for which the holder
waits for Python's interpreter lock is not in the result: that depends on the work of the jobs. The garbage
collector is off. Each call is measured several times, each time with a new scheduler, and the best round
counts: another process can only make a round slower.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from peers import TIMEOUT, WORKERS, noop
from rows import Row, main

from jobtui import Job, Run, Scheduler
from jobtui.engine.enums import MisfireName, Trigger
from jobtui.engine.ledger import Ledger
from jobtui.engine.records import JobRecord, RunRecord, pack_run
from jobtui.engine.runnables import as_runnable
from jobtui.frontend.local_backend import LocalBackend

JOBS, QUICK_JOBS = 10_000, 2_000
RUNS, QUICK_RUNS = 100_000, 20_000
LEAPING_ALL = 10  # with misfire="all", a tenth of the jobs: two days have 18 ticks of each
ROUNDS, QUICK_ROUNDS = 3, 1
LIMIT = 10.0  # ms
LARGEST_LEDGER = 500_000_000  # bytes: the most that the settings allow
TWO_DAYS = 2 * 86_400.0
THREADS = 8

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


class MeasuringLock:
    """A lock that measures for how long it is held.

    Attributes:
        longest: The CPU time of the longest hold, in seconds.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self.longest = 0.0
        self._lock = threading.Lock()
        scheduler._kernel._lock = self  # type: ignore[assignment] # noqa: SLF001 - only this benchmark observes the lock

    def __enter__(self) -> None:
        """Take the lock."""
        self._lock.acquire()
        self._taken = time.thread_time()

    def __exit__(self, *_: object) -> None:
        """Release the lock."""
        held = time.thread_time() - self._taken
        self.longest = max(self.longest, held)
        self._lock.release()

    def measure(self, call: Callable[[], object]) -> float:
        """Return the longest hold during a call, in milliseconds."""
        self.longest = 0.0
        call()
        time.sleep(0.02)  # the timer may have something left to do
        return self.longest * 1e3


@contextmanager
def loaded_scheduler(jobs: int, runs: int, misfire: MisfireName, clock: LeapingClock) -> Iterator[Scheduler]:
    """Yield a started scheduler with many jobs; if runs are to wait, its pool of one is blocked by a run."""
    scheduler = Scheduler(pool=1 if runs else WORKERS, tz="Europe/Berlin", clock=clock)
    for number in range(jobs):
        spec = f"{number % 60} */{1 + number % 7} * * * *"
        scheduler.schedule(spec, noop, name=f"customer-{number:05}-synchronise-invoices", misfire=misfire)
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

    def call_in_threads(count: int, call: Callable[[], object]) -> None:
        threads = [threading.Thread(target=repeat, args=(count, call)) for _ in range(THREADS)]
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
    yield f"`now` in {THREADS} threads", partial(call_in_threads, runs // 100, lambda: scheduler.now(noop))
    yield "`snapshot`", scheduler.snapshot
    yield "`snapshot` again", scheduler.snapshot
    yield f"`snapshot` in {THREADS} threads", partial(call_in_threads, 10, scheduler.snapshot)
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
    """Measure each heavy call; return the milliseconds of each."""
    clock = LeapingClock()
    with loaded_scheduler(jobs, runs, "coalesce", clock) as scheduler:
        lock = MeasuringLock(scheduler)
        calls = heavy_calls(scheduler, clock, scheduler.jobs, runs)
        return {name: lock.measure(call) for name, call in calls}


def measure_start(jobs: int) -> float:
    """Measure the start of many jobs of which each has a schedule of its own; return the milliseconds."""
    scheduler = Scheduler(tz="Europe/Berlin")
    for number in range(jobs):
        scheduler.schedule(f"{number % 60} {number // 60 % 60} {number // 3600} * * *", noop)
    longest = MeasuringLock(scheduler).measure(scheduler.start)
    scheduler.stop(0)
    return longest


def measure_leap(jobs: int, misfire: MisfireName) -> float:
    """Measure a leap of the clock; return the milliseconds."""
    clock = LeapingClock()
    with loaded_scheduler(jobs, 0, misfire, clock) as scheduler:
        return MeasuringLock(scheduler).measure(partial(leap, scheduler, clock))


def measure_ledger() -> float:
    """Measure the copy of the largest ledger that the settings allow; return the milliseconds."""
    ledger = Ledger(LARGEST_LEDGER)
    run = RunRecord(1, JobRecord("job", as_runnable(noop), None, spec="one-off"), Trigger.NOW, noop, 0.0, 0.0)
    entry = pack_run(run)
    for number in range(1, LARGEST_LEDGER // 800):
        ledger.record(entry)
        ledger.record_detailed((number, *entry[1:]), failed=True)
    begun = time.thread_time()
    ledger.entries()
    return (time.thread_time() - begun) * 1e3


def measure(quick: bool) -> Iterator[Row]:
    """Measure every call in each round."""
    jobs, runs, rounds = (QUICK_JOBS, QUICK_RUNS, QUICK_ROUNDS) if quick else (JOBS, RUNS, ROUNDS)
    found: list[dict[str, float]] = []
    gc.disable()
    for _ in range(rounds):
        values = measure_calls(jobs, runs)
        values["`start`"] = measure_start(jobs)
        values["a clock that leaps two days"] = measure_leap(jobs, "coalesce")
        values[f'the same with misfire="all", {jobs // LEAPING_ALL:,} jobs'] = measure_leap(
            jobs // LEAPING_ALL, "all"
        )
        values["a search in the largest ledger"] = measure_ledger()
        found.append(values)
    for name in found[0]:
        each = [values[name] for values in found]
        yield Row(
            measured=f"{jobs:,} jobs, {runs:,} waiting runs: longest hold of the lock by {name}",
            jobtui=f"{min(each):.3g} ms ({min(each):.3g} to {max(each):.3g})",
            target=f"<= {LIMIT:g} ms",
            met=min(each) <= LIMIT,
        )


if __name__ == "__main__":
    main(__doc__, measure)
