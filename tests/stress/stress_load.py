"""The jobs of a stress test: work of every kind, which records its executions."""

from __future__ import annotations

import asyncio
import itertools
import queue
import random
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

from stress_evidence import Accepted, Execution, Reading, SnapshotSummary, summarize

from jobtui import Cancellation, Job, Retry, Run, RunCancelledError, RunState, Scheduler, current_run
from jobtui.engine.enums import Misfire, Overlap
from jobtui.runtime.clock import SystemClock

JOBS = 50
MAX_HELD = 5  # for a few jobs: how many runs may be held before ticks are skipped
LEAP = 1.5  # seconds by which the clock leaps; a tick that is so late counts as missed
MAX_HANGING = 3  # hanging runs, so that the pool has room for others
MAX_WAITING = 200  # queued and held runs above which no more runs are requested
KINDS = ("quick", "sleeping", "raising", "coroutine", "hanging", "operating", "cooperative")  # of work


class LeapingClock(SystemClock):
    """A clock whose wall time leaps forward, as after a suspend, so that ticks are missed."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Return the wall time, in seconds since the epoch."""
        return time.time() + self._ahead

    def elapsed(self) -> float:
        """Return the time since a fixed point, in seconds; the leaps count, as a suspension does."""
        return time.monotonic() + self._ahead

    def leap(self) -> None:
        """Leap forward. Call it in one thread only."""
        self._ahead += LEAP


class UnprintableError(Exception):
    """An exception whose text cannot be shown."""

    def __str__(self) -> str:
        """Raise an exception."""
        raise RuntimeError("this exception has no text")


@dataclass(slots=True, eq=False)
class Slot:
    """A name under which a job is registered, removed and registered again.

    Attributes:
        kind: The kind of its work, one of `KINDS`.
        interval: Its interval in seconds; None for a cron spec.
        max_held: How many of its runs may be held before ticks are skipped; None for the default.
        retries: How often a run that fails is tried again.
        generation: How often it has been registered.
        lock: Held while it is registered.
    """

    name: str
    kind: str
    overlap: Overlap
    misfire: Misfire
    interval: float | None
    max_held: int | None
    retries: int
    job: Job | None = None
    generation: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Work:
    """The runnable of a job: records its executions and which of them overlap, and behaves as its kind says.

    Args:
        load: The load that it belongs to.
        name: The name of the job.
        generation: How many jobs had that name before.
        kind: One of `KINDS`.
    """

    def __init__(self, load: Load, name: str, generation: int, kind: str) -> None:
        self._load = load
        self._name = name
        self._generation = generation
        self._kind = kind
        self._lock = threading.Lock()
        self._executing: set[Execution] = set()

    def run(self) -> Execution | Coroutine[Any, Any, Execution]:
        """Do the work."""
        with self._lock:
            execution = Execution(
                job=self._name,
                generation=self._generation,
                number=current_run().number,
                token=None,
                thread=threading.current_thread().name,
                overlapping=tuple(self._executing),
            )
            self._executing.add(execution)
        self._load.executions.append(execution)
        if self._kind == "coroutine":
            return self._coroutine(execution)
        with self._record_execution(execution):
            self._load.behave(self._kind, execution)
        return execution

    async def _coroutine(self, execution: Execution) -> Execution:
        with self._record_execution(execution):
            await self._load.behave_as_coroutine(execution)
        return execution

    @contextmanager
    def _record_execution(self, execution: Execution) -> Iterator[None]:
        try:
            with record_end(execution):
                yield
        finally:
            with self._lock:
                self._executing.discard(execution)


@contextmanager
def record_end(execution: Execution) -> Iterator[None]:
    """Record how the work in the block ends."""
    try:
        yield
    except BaseException as error:
        execution.raised = error
        execution.stopped_on_request = isinstance(error, RunCancelledError | asyncio.CancelledError)
        raise
    finally:
        execution.finished = True


class Load:
    """The jobs, and the records of what happens to them.

    Args:
        scheduler: The scheduler under test.
        clock: The scheduler's clock.
        seed: The seed of all random choices.

    Attributes:
        draining: Whether jobs must neither operate on the scheduler nor hang.
        is_full: Whether so many runs wait that no more should be requested.
        stopping: Whether `Scheduler.stop` may have been called.
        hanging: The names of the threads that hang.
        runs_to_await: Handles for the threads that only wait; None ends one of these threads.
        unexpected: Descriptions of results and exceptions that no call should have.
        operate: What the work of the kind "operating" does.
        accepted, refused, cancelled, executions, snapshots, readings: See `Evidence`.
        tokens: Yields a unique token for each one-off run.
        operations: Counts the operations of all threads.
        one_offs: For each kind of work, a function for one-off runs.
        slots: The slots of all jobs.
    """

    def __init__(self, scheduler: Scheduler, clock: LeapingClock, seed: int) -> None:
        self.scheduler = scheduler
        self.clock = clock
        self.seed = seed
        self.draining = False
        self.is_full = False
        self.stopping = False
        self.hanging: set[str] = set()
        self.runs_to_await: queue.SimpleQueue[Run | None] = queue.SimpleQueue()
        self.unexpected: list[str] = []
        self.operate: Callable[[], object] = self.take_snapshot
        self.accepted: list[Accepted] = []
        self.refused: set[int] = set()
        self.cancelled: list[tuple[Run, Cancellation]] = []
        self.executions: list[Execution] = []
        self.snapshots: list[SnapshotSummary] = []
        self.readings: list[Reading] = []
        self.tokens = itertools.count(1)
        self.operations = itertools.count()
        self._random = random.Random(f"{seed} work")
        self._release = threading.Event()
        self.one_offs: dict[str, Callable[[int], Any]] = {kind: self._one_off(kind) for kind in set(KINDS)}
        self.slots = self._make_slots()

    def _make_slots(self) -> list[Slot]:
        choice = random.Random(f"{self.seed} jobs")
        slots = []
        overlaps, misfires = list(Overlap), list(Misfire)
        for number in range(JOBS):
            overlap = overlaps[number % len(overlaps)]
            is_limited = overlap is Overlap.HOLD and number % 8 == 4
            slots.append(
                Slot(
                    name=f"job-{number}",
                    kind=KINDS[number % len(KINDS)],
                    overlap=overlap,
                    misfire=misfires[number // len(overlaps) % len(misfires)],
                    interval=None
                    if number % 17 == 1
                    else round(choice.uniform(0.03 if is_limited else 0.05, 0.4), 3),
                    max_held=MAX_HELD if is_limited else None,
                    retries=number % 3,
                )
            )
        return slots

    def register(self, slot: Slot) -> None:
        """Register the job of a slot. Call it with the slot's lock held."""
        work = Work(self, slot.name, slot.generation, slot.kind)
        policies: dict[str, Any] = {
            "name": slot.name,
            "overlap": slot.overlap.value,
            "misfire": slot.misfire.value,
        }
        if slot.retries:
            policies["retry"] = Retry(slot.retries, first=0.002, most=0.05, factor=5, jitter=1)
        if slot.max_held is not None:
            policies["max_held"] = slot.max_held
        if slot.interval is None:
            job = self.scheduler.schedule("* * * * * *", work, **policies)
        else:
            job = self.scheduler.every(slot.interval, work, **policies)
        slot.job = job
        slot.generation += 1
        if job.name != slot.name:
            self.unexpected.append(f"{slot.name} was free, but the job was named {job.name}")

    def accept(self, run: Run, token: int | None) -> None:
        """Record that a call returned a run, and let a thread wait for every fifth run."""
        self.accepted.append(Accepted(run, token))
        # Not for a run that is due in an hour: all waiting threads would soon wait for such runs.
        if len(self.accepted) % 5 == 0 and run.state is not RunState.SCHEDULED:
            self.runs_to_await.put(run)

    def take_snapshot(self) -> SnapshotSummary:
        """Take a snapshot and record it."""
        summary = summarize(self.scheduler.snapshot())
        self.snapshots.append(summary)
        return summary

    def release_hanging(self) -> None:
        """Let all hanging work continue."""
        release, self._release = self._release, threading.Event()
        release.set()

    # --- the work ---------------------------------------------------------------------------------

    def _one_off(self, kind: str) -> Callable[[int], Any]:
        """Return a function, or a coroutine function, for one-off runs."""

        def record(token: int) -> Execution:
            execution = Execution(
                job=function.__name__,
                generation=0,
                number=current_run().number,
                token=token,
                thread=threading.current_thread().name,
            )
            self.executions.append(execution)
            return execution

        def function(token: int) -> Execution:
            execution = record(token)
            with record_end(execution):
                self.behave(kind, execution)
            return execution

        async def coroutine(token: int) -> Execution:
            execution = record(token)
            with record_end(execution):
                await self.behave_as_coroutine(execution)
            return execution

        # Functions of one name share a job.
        function.__name__ = coroutine.__name__ = f"one-off {kind}"
        return coroutine if kind == "coroutine" else function

    def behave(self, kind: str, execution: Execution) -> None:
        """Do the work of this kind."""
        if kind == "sleeping":
            time.sleep(self._random.uniform(0.001, 0.005))
        elif kind == "raising":
            self._raise()
        elif kind == "hanging":
            self._hang()
        elif kind == "cooperative":
            self._cooperate(execution)
        elif kind == "operating" and not self.draining:
            self.operate()

    async def behave_as_coroutine(self, execution: Execution) -> None:
        """Sleep; sometimes raise, hang, or continue after an interrupt, which counts as a stop on request."""
        interrupted = False
        try:
            await asyncio.sleep(self._random.choice((0, 0.001, 0.005, 0.02)))
        except asyncio.CancelledError:
            if self._random.random() < 0.8:
                raise
            interrupted = True
        choice = self._random.random()
        if choice < 0.1:
            self._raise()
        release = self._release
        if choice > 0.98:
            while not release.is_set() and not self.draining:  # noqa: ASYNC110 - the event is one for threads
                await asyncio.sleep(0.01)
        execution.stopped_on_request = interrupted

    def _cooperate(self, execution: Execution) -> None:
        """Sleep several times; end early at a stop request, by returning or by raising."""
        run = current_run()
        for _ in range(5):
            if run.cancelled or run.wait_cancelled(self._random.uniform(0, 0.005)):
                execution.stopped_on_request = True
                if self._random.random() < 0.3:
                    raise RunCancelledError("as requested")
                return

    def _raise(self) -> NoReturn:
        choice = self._random.randrange(50)
        if choice == 0:  # rarely: formatting its traceback takes a thousand times as long
            self._recurse()
        types = (ValueError, SystemExit, KeyboardInterrupt, UnprintableError)
        raise types[choice % len(types)]("on purpose")

    def _recurse(self) -> NoReturn:
        self._recurse()

    def _hang(self) -> None:
        release, name = self._release, threading.current_thread().name
        if self.draining or len(self.hanging) >= MAX_HANGING:
            return
        self.hanging.add(name)
        try:
            release.wait()
        finally:
            self.hanging.discard(name)
