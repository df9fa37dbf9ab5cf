"""A stress test of the scheduler with real threads: everything at once, and then the books are checked.

    python tests/stress/stress.py [--seconds 20] [--seed N]

For the given seconds 8 threads, and some of the jobs themselves, do anything that users can do to 50 jobs
and a pool, while now and then the clock leaps so that ticks pass unseen. Then nobody asks for more, and all
that waits must run; then all starts again, and the scheduler is stopped in the middle of it. All that was
told, seen and answered meanwhile must agree with the rules in README.md; ``Check`` in stress_evidence.py
lists what is checked. The exit status is 1 if something does not agree, and what is printed then names the
offenders and the seed. A seed makes the choices of each thread the same again, but not how the threads take
turns.
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
from stress_evidence import Check, Evidence, Faults, picture_of
from stress_load import MOST_HANGING, MOST_WAITING, LeapingClock, Load, Slot
from stress_operator import Operator

from jobtui import RunState, Scheduler
from jobtui.engine.events import Event
from jobtui.runtime.clock import Clock

THREADS = 8
WAITERS = 8
RATE = 2_400  # operations per second, of all threads together
BURST = 12  # the most operations that a thread does without a rest
LIMIT = 10.0  # seconds after which something that should have happened has not
GRACE = 1.0  # seconds that the scheduler gives work when it stops
LEAP_EVERY = 40  # turns of the governor, of 50 ms, between two leaps of the clock
LAST_LOAD = 1.5  # seconds of load before the stop
ROOM = 8  # slots of the pool at the end: some for those that hang, some for others
OVERDUE = 75.0  # seconds after the load when even a test that waited for everything in vain has ended
SWITCH = 0.0005  # seconds that Python lets a thread go on: a tenth of the usual, for more races


class Recorder:
    """Reads every event, all the time.

    Args:
        scheduler: Whom to follow.
        clock: The scheduler's clock.

    Attributes:
        first: What was there before the first event.
        events: What was read.
        drift: By how much the wall clock was seen to go back against the one that is never set.
    """

    def __init__(self, scheduler: Scheduler, clock: Clock) -> None:
        self.events: list[Event] = []
        self.drift = 0.0
        self._clock = clock
        self._furthest = clock.now() - clock.monotonic()
        self._subscription = scheduler.subscribe()
        self.first = picture_of(self._subscription.snapshot)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, name="stress-recorder", daemon=True)
        self._thread.start()

    def finish(self) -> int:
        """Read the rest. Returns how many events were missed."""
        self._over.set()
        self._thread.join()
        self.events += self._subscription.read()
        lost = self._subscription.lost
        self._subscription.close()
        return lost

    def _read(self) -> None:
        while not self._over.wait(0.002):
            self.events += self._subscription.read()
            before, now, after = self._clock.monotonic(), self._clock.now(), self._clock.monotonic()
            if after - before < 0.0005:  # else another thread had its turn in between
                self._furthest = max(self._furthest, now - after)
                self.drift = max(self.drift, self._furthest - (now - before))


class Strangers(logging.Handler):
    """Notes what ends in a log, or in no place at all: nothing should."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.met: list[str] = []
        logging.captureWarnings(capture=True)  # such as that of a coroutine that nobody awaited
        logging.getLogger().addHandler(self)
        threading.excepthook = self._thread_died
        sys.unraisablehook = self._unraisable

    def emit(self, record: logging.LogRecord) -> None:
        """Note a log record."""
        error = f" ({type(record.exc_info[1]).__name__})" if record.exc_info else ""
        self.met.append(f"logged by {record.name}: {record.getMessage()}{error}")

    def _thread_died(self, info: threading.ExceptHookArgs) -> None:
        name = info.thread.name if info.thread is not None else "a thread"
        self.met.append(f"{name} died of {info.exc_type.__name__}: {info.exc_value!r}")

    def _unraisable(self, info: sys.UnraisableHookArgs) -> None:
        self.met.append(f"{info.err_msg or 'ignored'} in {info.object!r}: {info.exc_value!r}")


class Stress:
    """One run of the test.

    Args:
        seconds: How long the load goes on.
        seed: What the choices of the threads come from.

    Attributes:
        faults: What was found.
    """

    def __init__(self, seconds: float, seed: int) -> None:
        self.faults = Faults()
        self._seconds = seconds
        self._strangers = Strangers()
        self._clock = LeapingClock()
        self._began = self._clock.now()
        self._scheduler = Scheduler(pool=4, tz="UTC", clock=self._clock)
        self._recorder = Recorder(self._scheduler, self._clock)
        self._load = Load(self._scheduler, self._clock, seed)
        self._load.meddle = Operator(self._load, "meddler", passing_reader=False).act
        self._all_hang_on = False  # whether nobody who hangs is let go any more
        self._over = threading.Event()

    def run(self) -> str:
        """Do it all. Returns what happened, in one line."""
        load = self._load
        self._register(load.slots[::2])
        self._scheduler.start()
        self._register(load.slots[1::2])
        governor = self._thread(self._govern, "governor")
        waiters = [self._thread(self._wait_for_runs, f"waiter-{number}") for number in range(WAITERS)]
        end = time.monotonic() + self._seconds
        operators = self._operate("early", lambda: time.monotonic() < end)
        time.sleep(self._seconds)
        self._join(operators, Check.CALLS, "hangs in a call")
        self._drain()
        self._stop()
        self._over.set()
        self._join([governor], Check.CALLS, "hangs in a call")
        self._end_threads()
        for _ in waiters:
            load.to_wait_for.put(None)
        self._join(waiters, Check.WAITS, "still waits for a run")
        return self._judge()

    # --- the phases -------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Ask for nothing more, and see that everything runs that waits."""
        self._load.calm = True
        self._scheduler.resize(ROOM)
        if self._wait_while(self._left):
            self.faults.add(Check.DRAINED, f"after {LIMIT:g} s there are left {self._left()}")
        self._load.calm = False
        self._scheduler.resume_all()

    def _left(self) -> str:
        self._load.let_go()
        self._scheduler.pause_all()  # again: a job may have resumed others in its last moment
        snapshot = self._scheduler.snapshot()
        overdue = [
            view for view in snapshot.scheduled if view.due and (snapshot.at - view.due).total_seconds() > 1
        ]
        pool = snapshot.pool
        if not (pool.running or pool.queued or pool.held or overdue):
            return ""
        runs = [*snapshot.running, *snapshot.waiting, *overdue]
        return f"{pool}: " + ", ".join(f"{run.number} of {run.job} {run.state.value}" for run in runs[:20])

    def _stop(self) -> None:
        """Stop the scheduler in the middle of it, while some work hangs."""
        load, scheduler = self._load, self._scheduler
        stopped = threading.Event()
        operators = self._operate("late", lambda: not stopped.is_set())
        time.sleep(min(LAST_LOAD, self._seconds))
        self._all_hang_on = True
        scheduler.resize(ROOM)
        for _ in range(MOST_HANGING):
            token = next(load.tokens)
            load.accept(scheduler.now(load.one_offs["hanger"], token), token)
        for _ in range(WAITERS // 2):
            token = next(load.tokens)
            run = scheduler.in_("1h", load.one_offs["quick"], token)
            load.accept(run, token)
            load.to_wait_for.put(run)  # somebody waits for it when it is cancelled
        self._wait_while(lambda: "" if load.hanging else "nobody hangs")
        load.stopping = True
        began = time.monotonic()
        in_time = scheduler.stop(GRACE)
        took = time.monotonic() - began
        if in_time or not GRACE <= took <= GRACE + LIMIT:
            hanging = ", ".join(load.hanging)
            self.faults.add(
                Check.STOPPED, f"it said {in_time} after {took:.1f} s while these hung: {hanging}"
            )
        pool = load.look().pool
        if pool.running or pool.queued or pool.held:
            self.faults.add(Check.COUNTERS, f"right after the stop: {pool}")
        time.sleep(0.1)  # in which they go on to ask
        stopped.set()
        self._join(operators, Check.CALLS, "hangs in a call")

    def _end_threads(self) -> None:
        """See that the scheduler's threads end: first those that can, then those that hang."""
        if left := self._wait_while(lambda: ", ".join(_threads() - self._load.hanging)):
            self.faults.add(Check.THREADS, f"{LIMIT:g} s after the stop: {left}")
        self._load.calm = True
        self._load.let_go()
        if left := self._wait_while(lambda: ", ".join(_threads())):
            self.faults.add(Check.THREADS, f"{LIMIT:g} s after all that hung was let go: {left}")

    def _judge(self) -> str:
        """Compare everything with everything."""
        load, faults = self._load, self.faults
        last = picture_of(self._scheduler.snapshot())
        lost = self._recorder.finish()
        gc.collect()  # which finds what nobody awaited
        for stranger in self._strangers.met:
            faults.add(Check.ERRORS, stranger)
        for strange in load.strange:
            faults.add(Check.CALLS, strange)
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
            pictures=load.pictures,
            readings=load.readings,
            max_held={slot.name: slot.max_held for slot in load.slots if slot.max_held is not None},
        )
        replay = check_all(evidence, faults)
        ends = ", ".join(f"{replay.ended[state]} {state.value}" for state in RunState if replay.ended[state])
        return (
            f"{len(replay.runs)} runs ({ends}), {replay.ticks} ticks, {next(load.operations)} operations, "
            f"{len(evidence.events)} events, {len(evidence.pictures)} snapshots, "
            f"{len(evidence.readings)} readers"
        )

    # --- the threads ------------------------------------------------------------------------------

    def _register(self, slots: list[Slot]) -> None:
        for slot in slots:
            with slot.lock:
                self._load.register(slot)

    def _operate(self, name: str, goes_on: Callable[[], bool]) -> list[threading.Thread]:
        """Set threads on the scheduler."""

        def operate(name: str) -> None:
            operator, choice = Operator(self._load, name), random.Random(f"{self._load.seed} {name} bursts")
            due = time.monotonic()
            while goes_on():
                burst = choice.randint(1, BURST)
                for _ in range(burst):
                    operator.act()
                # Who has fallen behind does not make up for all of it: the rate is a limit.
                due = max(due + burst * THREADS / RATE, time.monotonic() - 0.1)
                time.sleep(max(0.0, due - time.monotonic()))

        names = [f"{name}-{number}" for number in range(THREADS)]
        return [self._thread(partial(operate, name), name) for name in names]

    def _govern(self) -> None:
        """See that neither too much waits nor everything hangs, that ticks are missed, and take snapshots."""
        choice = random.Random(f"{self._load.seed} governor")
        for turn in count():
            if self._over.wait(0.05):
                return
            if turn % LEAP_EVERY == LEAP_EVERY // 4 and not self._load.calm:
                self._clock.leap()
            pool = self._load.look().pool
            self._load.full = pool.queued + pool.held > MOST_WAITING
            if not self._all_hang_on and choice.random() < 0.3:
                self._load.let_go()

    def _wait_for_runs(self) -> None:
        """Wait for one run after the other, for as long as it takes."""
        while (run := self._load.to_wait_for.get()) is not None:
            if not run.wait() or not run.state.ended:
                self.faults.add(Check.WAITS, f"{run} was waited for, and has not ended")

    def _thread(self, target: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=target, name=f"stress-{name}", daemon=True)
        thread.start()
        return thread

    def _join(self, threads: list[threading.Thread], check: Check, offence: str) -> None:
        deadline = time.monotonic() + LIMIT
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                self.faults.add(check, f"{thread.name} {offence}")

    def _wait_while(self, left: Callable[[], str]) -> str:
        """Wait until nothing is left. Returns what is left when it takes too long, else ""."""
        deadline = time.monotonic() + LIMIT
        while (what := left()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return what


def _threads() -> set[str]:
    """The names of the scheduler's threads."""
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("jobtui-")}


def main() -> int:
    """Run the test as the command line says. Returns the exit status."""
    parser = argparse.ArgumentParser(
        description="Stress the scheduler with real threads, and check its books."
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the load goes on (20)")
    parser.add_argument("--seed", type=int, help="makes the threads choose the same again")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    # Before anything else, because the next line may be that of the watchdog.
    sys.stdout.write(f"stress of {options.seconds:g} s with --seed {seed}\n")
    sys.stdout.flush()
    faulthandler.dump_traceback_later(options.seconds + OVERDUE, exit=True)
    sys.setswitchinterval(SWITCH)
    began = time.monotonic()
    stress = Stress(options.seconds, seed)
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
