"""A stress test of the scheduler: real threads do everything at once, then the records are checked.

    python tests/stress/stress.py [--seconds 20] [--seed N]

For the given seconds 8 threads, and some of the jobs themselves, do random operations on 50 jobs and a pool,
and now and then the clock leaps, so that ticks are missed. Then nothing requests more runs, and every waiting
run must run. Then the load starts again, and the scheduler is stopped in the middle of it. All events,
snapshots and answers must agree with the documented rules: `Check` in stress_evidence.py lists the checks.
If one fails, the output names the failures and the seed, and the exit status is 1. With the same seed each
thread makes the same choices again, but not in the same order relative to the others.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import logging
import random
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import count

from stress_checks import check_all
from stress_evidence import Check, Evidence, Faults, summarize
from stress_load import MAX_HANGING, MAX_WAITING, LeapingClock, Load, Slot
from stress_operator import Operator

from jobtui import RunState, Scheduler
from jobtui.engine.events import Event
from jobtui.runtime.clock import Clock

THREADS = 8
WAITERS = 8  # threads that only wait for runs
RATE = 2_400  # operations per second, of all threads together
MAX_BURST = 12  # operations that a thread does without a pause
LIMIT = 10.0  # seconds after which something that has not happened is a failure
GRACE = 1.0  # seconds for running work when the scheduler stops
LEAP_EVERY = 40  # turns of the supervisor, of 50 ms, between two leaps of the clock
LAST_LOAD = 1.5  # seconds of load before the stop
LAST_POOL = 8  # slots of the pool at the end: some for hanging work, some for other work
WATCHDOG = 75.0  # seconds after the load; a test in which every wait times out ends earlier
SWITCH_INTERVAL = 0.0005  # seconds until Python switches threads: a tenth of the default, for more races


class Recorder:
    """Reads every event as soon as possible, and measures the drift of the wall clock.

    Args:
        scheduler: The scheduler under test.
        clock: The scheduler's clock.

    Attributes:
        first: The snapshot before the first event.
        events: The events read so far.
        drift: By how much the wall clock went back relative to the monotonic clock, in seconds.
    """

    def __init__(self, scheduler: Scheduler, clock: Clock) -> None:
        self.events: list[Event] = []
        self.drift = 0.0
        self._clock = clock
        self._max_offset = clock.now() - clock.monotonic()
        self._subscription = scheduler.subscribe()
        self.first = summarize(self._subscription.snapshot)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, name="stress-recorder", daemon=True)
        self._thread.start()

    def finish(self) -> int:
        """Read the rest; return how many events were lost."""
        self._ended.set()
        self._thread.join()
        self.events += self._subscription.read()
        lost = self._subscription.lost
        self._subscription.close()
        return lost

    def _read(self) -> None:
        while not self._ended.wait(0.002):
            self.events += self._subscription.read()
            before, now, after = self._clock.monotonic(), self._clock.now(), self._clock.monotonic()
            if after - before < 0.0005:  # else another thread ran in between
                self._max_offset = max(self._max_offset, now - after)
                self.drift = max(self.drift, self._max_offset - (now - before))


class StrayErrors(logging.Handler):
    """Collects log records, warnings and exceptions that reach no caller: there should be none."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []
        logging.captureWarnings(capture=True)  # such as that of a coroutine that was never awaited
        logging.getLogger().addHandler(self)
        threading.excepthook = self._collect_thread_error
        sys.unraisablehook = self._collect_unraisable

    def emit(self, record: logging.LogRecord) -> None:
        """Collect a log record."""
        if record.module == "ending_log":  # the failures of runs, which are on purpose, and ticks
            return
        error = f" ({type(record.exc_info[1]).__name__})" if record.exc_info else ""
        self.messages.append(f"logged by {record.name}: {record.getMessage()}{error}")

    def _collect_thread_error(self, info: threading.ExceptHookArgs) -> None:
        name = info.thread.name if info.thread is not None else "a thread"
        self.messages.append(f"{name} died of {info.exc_type.__name__}: {info.exc_value!r}")

    def _collect_unraisable(self, info: sys.UnraisableHookArgs) -> None:
        self.messages.append(f"{info.err_msg or 'ignored'} in {info.object!r}: {info.exc_value!r}")


class StressTest:
    """One run of the test.

    Args:
        seconds: How long the load lasts.
        seed: The seed of the choices of all threads.

    Attributes:
        faults: The failures of the checks.
    """

    def __init__(self, seconds: float, seed: int) -> None:
        self.faults = Faults()
        self._seconds = seconds
        self._stray_errors = StrayErrors()
        self._clock = LeapingClock()
        self._began = self._clock.now()
        self._scheduler = Scheduler(pool=4, tz="UTC", clock=self._clock)
        self._recorder = Recorder(self._scheduler, self._clock)
        self._load = Load(self._scheduler, self._clock, seed)
        self._load.operate = Operator(self._load, "jobs", subscribes=False).act
        self._keep_hanging = False  # whether the supervisor no longer releases hanging work
        self._ended = threading.Event()

    def run(self) -> str:
        """Run the test; return what happened, in one line."""
        load = self._load
        self._register(load.slots[::2])
        self._scheduler.start()
        self._register(load.slots[1::2])
        supervisor = self._start_thread(self._supervise, "supervisor")
        waiters = [self._start_thread(self._wait_for_runs, f"waiter-{number}") for number in range(WAITERS)]
        end = time.monotonic() + self._seconds
        operators = self._start_operators("early", lambda: time.monotonic() < end)
        time.sleep(self._seconds)
        self._join(operators, Check.CALLS, "hangs in a call")
        self._drain()
        self._stop()
        self._ended.set()
        self._join([supervisor], Check.CALLS, "hangs in a call")
        self._end_threads()
        for _ in waiters:
            load.runs_to_await.put(None)
        self._join(waiters, Check.WAITS, "still waits for a run")
        return self._check()

    # --- the phases -------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Request no more runs, and check that every waiting run runs."""
        self._load.draining = True
        self._scheduler.resize(LAST_POOL)
        if self._wait_while(self._unfinished_runs):
            self.faults.add(Check.DRAINED, f"not finished after {LIMIT:g} s: {self._unfinished_runs()}")
        self._load.draining = False
        self._scheduler.resume_all()

    def _unfinished_runs(self) -> str:
        self._load.release_hanging()
        self._scheduler.pause_all()  # again: a job may have resumed others since the last time
        snapshot = self._scheduler.snapshot()
        overdue = [
            view for view in snapshot.scheduled if view.due and (snapshot.at - view.due).total_seconds() > 1
        ]
        pool = snapshot.pool
        if not (pool.running or pool.queued or pool.held or pool.retrying or overdue):
            return ""
        runs = [*snapshot.running, *snapshot.waiting, *overdue]
        return f"{pool}: " + ", ".join(f"{run.number} of {run.job} {run.state.value}" for run in runs[:20])

    def _stop(self) -> None:
        """Stop the scheduler under load, while some work hangs."""
        load, scheduler = self._load, self._scheduler
        stopped = threading.Event()
        operators = self._start_operators("late", lambda: not stopped.is_set())
        time.sleep(min(LAST_LOAD, self._seconds))
        self._keep_hanging = True
        scheduler.resize(LAST_POOL)
        for _ in range(MAX_HANGING):
            token = next(load.tokens)
            load.accept(scheduler.now(load.one_offs["hanging"], token), token)
        for _ in range(WAITERS // 2):
            token = next(load.tokens)
            run = scheduler.in_("1h", load.one_offs["quick"], token)
            load.accept(run, token)
            load.runs_to_await.put(run)  # so that a thread waits for it when it is cancelled
        self._wait_while(lambda: "" if load.hanging else "no work hangs")
        load.stopping = True
        began = time.monotonic()
        in_time = scheduler.stop(GRACE)
        took = time.monotonic() - began
        if in_time or not GRACE <= took <= GRACE + LIMIT:
            hanging = ", ".join(load.hanging)
            self.faults.add(
                Check.STOPPED, f"it returned {in_time} after {took:.1f} s while these hung: {hanging}"
            )
        pool = load.take_snapshot().pool
        if pool.running or pool.queued or pool.held or pool.retrying:
            self.faults.add(Check.COUNTERS, f"right after the stop: {pool}")
        time.sleep(0.1)  # in which the operators still call the scheduler
        stopped.set()
        self._join(operators, Check.CALLS, "hangs in a call")

    def _end_threads(self) -> None:
        """Check that the scheduler's threads end: first those that can, then those that hang."""
        if left := self._wait_while(lambda: ", ".join(_scheduler_threads() - self._load.hanging)):
            self.faults.add(Check.THREADS, f"{LIMIT:g} s after the stop: {left}")
        self._load.draining = True
        self._load.release_hanging()
        if left := self._wait_while(lambda: ", ".join(_scheduler_threads())):
            self.faults.add(Check.THREADS, f"{LIMIT:g} s after hanging work was released: {left}")

    def _check(self) -> str:
        """Check the records against each other; return what happened, in one line."""
        load, faults = self._load, self.faults
        last = summarize(self._scheduler.snapshot())
        lost = self._recorder.finish()
        gc.collect()  # finds coroutines that were never awaited
        for message in self._stray_errors.messages:
            faults.add(Check.ERRORS, message)
        for message in load.unexpected:
            faults.add(Check.CALLS, message)
        evidence = Evidence(
            began=self._began,
            ended=self._clock.now(),
            drift=self._recorder.drift,
            first=self._recorder.first,
            last=last,
            lost=lost,
            events=self._recorder.events,
            accepted=load.accepted,
            refused=load.refused,
            cancelled=load.cancelled,
            executions=load.executions,
            snapshots=load.snapshots,
            readings=load.readings,
            max_held={slot.name: slot.max_held for slot in load.slots if slot.max_held is not None},
        )
        replay = check_all(evidence, faults)
        ends = ", ".join(f"{replay.ended[state]} {state.value}" for state in RunState if replay.ended[state])
        return (
            f"{len(replay.runs)} runs ({ends}), {replay.ticks} ticks, {next(load.operations)} operations, "
            f"{len(evidence.events)} events, {len(evidence.snapshots)} snapshots, "
            f"{len(evidence.readings)} short-lived subscriptions"
        )

    # --- the threads ------------------------------------------------------------------------------

    def _register(self, slots: list[Slot]) -> None:
        for slot in slots:
            with slot.lock:
                self._load.register(slot)

    def _start_operators(self, name: str, condition: Callable[[], bool]) -> list[threading.Thread]:
        """Start threads that operate on the scheduler while the condition is true."""

        def operate(name: str) -> None:
            operator, choice = Operator(self._load, name), random.Random(f"{self._load.seed} {name} bursts")
            due = time.monotonic()
            while condition():
                burst = choice.randint(1, MAX_BURST)
                for _ in range(burst):
                    operator.act()
                # A thread that is behind catches up on 100 ms at most: the rate is a limit.
                due = max(due + burst * THREADS / RATE, time.monotonic() - 0.1)
                time.sleep(max(0.0, due - time.monotonic()))

        names = [f"{name}-{number}" for number in range(THREADS)]
        return [self._start_thread(partial(operate, name), name) for name in names]

    def _supervise(self) -> None:
        """Limit the waiting runs, release hanging work, let ticks be missed, and take snapshots."""
        choice = random.Random(f"{self._load.seed} governor")
        for turn in count():
            if self._ended.wait(0.05):
                return
            if turn % LEAP_EVERY == LEAP_EVERY // 4 and not self._load.draining:
                self._clock.leap()
            pool = self._load.take_snapshot().pool
            self._load.is_full = pool.queued + pool.held > MAX_WAITING
            if not self._keep_hanging and choice.random() < 0.3:
                self._load.release_hanging()

    def _wait_for_runs(self) -> None:
        """Wait for one run after the other, without a timeout."""
        while (run := self._load.runs_to_await.get()) is not None:
            if not run.wait() or not run.state.ended:
                self.faults.add(Check.WAITS, f"{run} has not ended, although wait() returned")

    def _start_thread(self, target: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=target, name=f"stress-{name}", daemon=True)
        thread.start()
        return thread

    def _join(self, threads: list[threading.Thread], check: Check, failure: str) -> None:
        deadline = time.monotonic() + LIMIT
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                self.faults.add(check, f"{thread.name} {failure}")

    def _wait_while(self, remaining: Callable[[], str]) -> str:
        """Wait until the function returns ""; after the time limit, return what it returned last."""
        deadline = time.monotonic() + LIMIT
        while (text := remaining()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return text


def _scheduler_threads() -> set[str]:
    """Return the names of the scheduler's threads."""
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("jobtui-")}


def main() -> int:
    """Run the test and return the exit status."""
    parser = argparse.ArgumentParser(description="Stress the scheduler with real threads, and check it.")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the load lasts (20)")
    parser.add_argument("--seed", type=int, help="repeats the choices of a run with this seed")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    # Print the seed first, because the watchdog may end the process.
    sys.stdout.write(f"stress of {options.seconds:g} s with --seed {seed}\n")
    sys.stdout.flush()
    faulthandler.dump_traceback_later(options.seconds + WATCHDOG, exit=True)
    sys.setswitchinterval(SWITCH_INTERVAL)
    began = time.monotonic()
    stress = StressTest(options.seconds, seed)
    summary = stress.run()
    failed = len(stress.faults.failed())
    verdict = f"checks FAILED with --seed {seed}" if failed else "all checks passed"
    sys.stdout.write(stress.faults.report())
    sys.stdout.write(f"{summary}, {time.monotonic() - began:.0f} s, {verdict}\n")
    sys.stdout.write(f"{len(Check) - failed} passed, {failed} failed\n")
    sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
