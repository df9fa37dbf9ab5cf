"""Interrupt a scheduler everywhere: for every night, because it takes many minutes.

    python tests/stress/interruptions.py [--all] [--seconds 20] [--seed N] [--only TEXT]

It raises an exception at places of every public call, and of the scheduler's own threads: with --all at every
place, which takes 25 minutes on 2 cores, and else at 100 places of each that the seed chooses.
Then it raises exceptions at random moments for the given seconds each: in workers, from the handler of a real
signal that interrupts the main thread, and from a handler that cancels the run for which the main thread
waits. Last, it forks a busy process again and again: every child must be able to stop its copy and to use its
own scheduler. It prints each fault and the seed; the exit status is 1 if there is one.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where `support` lies

from support.interrupted_calls import (
    CASES,
    LIMIT,
    Caller,
    Interruption,
    Stage,
    TimeLimitError,
    alternate_errors,
    fail,
    interrupt,
    interrupt_thread,
    set_exceptions_at_random,
    seven,
    sleep_as_coroutine,
)

from jobtui import Scheduler, current_run

THREADS = ("jobtui-worker", "jobtui-timer", "jobtui-asyncio")
MAX_SHOWN = 3  # faults of one call
SIGNAL_INTERVAL = 0.05  # seconds
PLACES = 100  # of each call and of the threads of each kind, unless all are chosen
CALL_LIMIT = 60.0  # seconds until an interrupted call counts as hung
CHILD_LIMIT = 10.0  # seconds until a child that has not ended counts as hung
FAULT = "fault: "  # begins the lines that a subprocess prints


# --- chosen places --------------------------------------------------------------------------------


def interrupt_all_calls(only: str, choose: Callable[[int], Iterable[int]]) -> Iterator[str]:
    """Interrupt every call; yield the faults.

    Args:
        only: A part of the names of the calls and threads to interrupt; "" for all.
        choose: Chooses places among so many.
    """
    interruptions: dict[str, Callable[[BaseException, int], Interruption]] = {
        **{
            f"{caller.label}: {case.name}": partial(interrupt, case, caller)
            for caller in Caller
            for case in CASES
        },
        **{prefix: partial(interrupt_thread, prefix) for prefix in THREADS},
    }
    for name, interrupt_at in interruptions.items():
        if only in name:
            yield from _interrupt_places(name, interrupt_at, choose)


def _interrupt_places(
    name: str,
    interrupt_at: Callable[[BaseException, int], Interruption],
    choose: Callable[[int], Iterable[int]],
) -> Iterator[str]:
    interrupt_at(KeyboardInterrupt(), 0)  # imports what the call imports
    places = interrupt_at(KeyboardInterrupt(), 0).count
    shown = 0
    for offset in choose(places):
        faulthandler.dump_traceback_later(CALL_LIMIT, exit=True)  # ends the script if the next one hangs
        found = interrupt_at(alternate_errors(offset), offset)
        if found.faults:
            shown += 1
            yield f"{name}, place {offset}, {found.raised}: {found.faults}"
        if shown == MAX_SHOWN:
            yield f"{name}: its other places are left out"
            break
    faulthandler.cancel_dump_traceback_later()


# --- real signals ---------------------------------------------------------------------------------


def interrupt_by_signals(seconds: float, rng: random.Random) -> Iterator[str]:
    """Raise in the handler of a timer's signal while the main thread calls a scheduler; yield the faults."""

    def handler(*_: object) -> None:
        raise TimeLimitError

    before = signal.signal(signal.SIGALRM, handler)
    deadline = time.monotonic() + seconds
    faults: Counter[str] = Counter()
    while time.monotonic() < deadline:
        stage = Stage()
        try:
            # Again after a while, because Python ignores an exception in a callback of a weak reference.
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.0005, 0.004), SIGNAL_INTERVAL)
            while True:
                _call_everything(stage)
        except TimeLimitError:
            pass
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if found := stage.find_faults():
            faults[found] += 1
    signal.signal(signal.SIGALRM, before)
    yield from (f"{count} times: {fault}" for fault, count in faults.most_common(MAX_SHOWN))


def _call_everything(stage: Stage) -> None:
    scheduler = stage.scheduler
    for _ in range(10):  # without a wait, during which a signal finds nothing to interrupt
        stage.job.pause()
        stage.keep(scheduler.now(seven))
        scheduler.snapshot()
        stage.job.resume()
        stage.keep(scheduler.in_(0.001, fail))
        scheduler.resize(3)
        stage.keep(scheduler.in_("1h", seven)).cancel()
        scheduler.resize(2)
        scheduler.every(3600, seven).remove()
    stage.keep(scheduler.now(sleep_as_coroutine)).wait(LIMIT)
    stage.keep(scheduler.now(lambda: None)).result(LIMIT)


def cancel_in_handlers(seconds: float, rng: random.Random) -> Iterator[str]:
    """Cancel a run in a signal handler while the main thread waits for it; yield the faults."""
    faulthandler.dump_traceback_later(seconds + 4 * LIMIT, exit=True)
    with Scheduler(pool=2, tz="UTC") as scheduler:
        run = scheduler.now(seven)

        def handler(*_: object) -> None:
            run.cancel()

        before = signal.signal(signal.SIGALRM, handler)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            run = scheduler.in_(60, seven)
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.00001, 0.0003))
            if not run.wait(LIMIT):
                yield f"a cancelled run does not wake its waiter: {run}"
                break
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    faulthandler.cancel_dump_traceback_later()


# --- forks ----------------------------------------------------------------------------------------


def fork_at_random(seconds: float, rng: random.Random) -> Iterator[str]:
    """Fork while runs start, end and are cancelled in other threads; yield the faults."""
    ended = threading.Event()

    def look() -> None:
        current_run().wait_cancelled(0)

    def request_runs(scheduler: Scheduler, runnable: Callable[[], object]) -> None:
        while not ended.is_set():
            run = scheduler.now(runnable)
            run.cancel()
            run.wait(LIMIT)

    def use_in_child(scheduler: Scheduler) -> None:
        scheduler.stop(0)
        print("a line of the child")
        logging.getLogger("jobtui").warning("a record of the child")
        with Scheduler(pool=2, tz="UTC") as own:
            assert own.now(seven).result(LIMIT) == 7
            for runnable in (look, sleep_as_coroutine):
                run = own.now(runnable)
                run.cancel()
                assert run.wait(LIMIT)

    sys.setswitchinterval(1e-5)
    with Scheduler(pool=4, tz="UTC") as scheduler:
        threads = [
            threading.Thread(target=request_runs, args=(scheduler, runnable), daemon=True)
            for runnable in (look, look, sleep_as_coroutine)
        ]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + seconds
        faults: list[str] = []
        while time.monotonic() < deadline and len(faults) < MAX_SHOWN:
            time.sleep(rng.uniform(0, 0.003))
            if fault := _fork(partial(use_in_child, scheduler)):
                faults.append(fault)
        ended.set()
        for thread in threads:
            thread.join(2 * LIMIT)
    yield from faults


def _fork(call: Callable[[], object]) -> str:
    """Call a function in a forked child; return the fault, or ""."""
    with tempfile.TemporaryFile("w+") as log:
        child = os.fork()
        if child == 0:
            faulthandler.dump_traceback_later(CHILD_LIMIT, exit=True, file=log)
            try:
                sys.stdout = log
                call()
            except BaseException as error:  # noqa: BLE001 - the parent reports any
                log.write(repr(error))
                log.flush()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        log.seek(0)
        return f"a forked child fails: {log.read()[:2_000]}" if status else ""


# --- all of it ------------------------------------------------------------------------------------


def _set_exceptions(prefix: str, seconds: float, rng: random.Random) -> Iterator[str]:
    """Set exceptions in the scheduler's own threads of such names; yield the faults."""
    yield set_exceptions_at_random(prefix, seconds, rng)


RANDOM: dict[str, Callable[[float, random.Random], Iterator[str]]] = {
    "signals": interrupt_by_signals,
    "handlers": cancel_in_handlers,
    "forks": fork_at_random,
    **{prefix: partial(_set_exceptions, prefix) for prefix in THREADS},
}


def run_in_subprocess(name: str, seconds: float, seed: int) -> Iterator[str]:
    """Run one of `RANDOM` in a process of its own, so that one that hangs ends; yield the faults."""
    command = [sys.executable, __file__, "--random", name, "--seconds", str(seconds), "--seed", str(seed)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    except subprocess.TimeoutExpired:
        yield f"{name}: the process hangs"
        return
    found = [line.removeprefix(FAULT) for line in done.stdout.splitlines() if line.startswith(FAULT)]
    if done.returncode and not found:
        found = [f"exit status {done.returncode}: {done.stderr[-2_000:]}"]
    yield from (f"{name}: {fault}" for fault in found)


def main() -> None:
    """Interrupt everything; print the faults."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true", help="interrupt each call at all of its places")
    parser.add_argument("--seconds", type=float, default=20, help="how long each random part lasts")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--only", default="", help="only calls whose name contains this, such as Run.wait")
    parser.add_argument("--random", choices=RANDOM, help=argparse.SUPPRESS)  # in the subprocess
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    threading.excepthook = lambda _: None  # a worker that an exception ends is replaced
    if options.random:
        faults = list(filter(None, RANDOM[options.random](options.seconds, random.Random(options.seed))))
        print("".join(f"{FAULT}{' '.join(fault.split())}\n" for fault in faults), end="", flush=True)
        os._exit(bool(faults))  # without waiting for a thread that hangs
    print(f"seed {options.seed}", flush=True)
    failed = 0
    rng = random.Random(options.seed)

    def choose(places: int) -> Iterable[int]:
        every = range(1, places + 1)
        return every if options.all else sorted(rng.sample(every, min(PLACES, places)))

    parts = [interrupt_all_calls(options.only, choose)]
    if not options.only:
        parts += [run_in_subprocess(name, options.seconds, options.seed) for name in RANDOM]
    for part in parts:
        for fault in part:
            failed += 1
            print(fault, flush=True)
    print(f"{failed} faults" if failed else "no fault", flush=True)
    os._exit(bool(failed))


if __name__ == "__main__":
    main()
