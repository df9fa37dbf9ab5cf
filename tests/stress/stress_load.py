"""The jobs of a stress test: work of every kind, and what is written down of it."""

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

from stress_evidence import Accepted, Execution, Picture, Reading, picture_of

from jobtui import Cancellation, Job, Run, RunCancelledError, RunState, Scheduler, current_run
from jobtui.engine.enums import Misfire, Overlap
from jobtui.runtime.clock import SystemClock

JOBS = 50
FEW_HELD = 5  # of a few jobs: how many runs may be held before ticks are skipped
LEAP = 1.5  # seconds that the clock leaps; more than a tick may be late and be on time
MOST_HANGING = 3  # so that those that hang leave room in the pool
MOST_WAITING = 200  # queued and held runs above which nobody asks for more, until fewer are
NATURES = ("quick", "sleepy", "raiser", "coroutine", "hanger", "meddler", "obedient")


class LeapingClock(SystemClock):
    """The machine's clocks, of which one leaps forward, as after a sleep: ticks pass unseen."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """The wall clock, in seconds since the epoch."""
        return time.time() + self._ahead

    def leap(self) -> None:
        """Sleep, in no time. By one thread only."""
        self._ahead += LEAP


class WordlessError(Exception):
    """An error that cannot even be shown."""

    def __str__(self) -> str:
        """Raise."""
        raise RuntimeError("no words")


@dataclass(slots=True, eq=False)
class Slot:
    """A place for a job, which is removed and registered again under the same name."""

    name: str
    nature: str
    overlap: Overlap
    misfire: Misfire
    interval: float | None  # seconds; None for a cron spec
    max_held: int | None
    job: Job | None = None
    generation: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)  # held by whoever registers


class Work:
    """What a job runs: it looks who else is at it, and behaves as its nature says.

    Args:
        load: What it belongs to.
        name: The name of the job.
        generation: How many jobs had that name before.
        nature: One of `NATURES`.
    """

    def __init__(self, load: Load, name: str, generation: int, nature: str) -> None:
        self._load = load
        self._name = name
        self._generation = generation
        self._nature = nature
        self._lock = threading.Lock()
        self._inside: set[Execution] = set()

    def run(self) -> Execution | Coroutine[Any, Any, Execution]:
        """Do the work."""
        with self._lock:
            execution = Execution(
                job=self._name,
                generation=self._generation,
                number=current_run().number,
                token=None,
                thread=threading.current_thread().name,
                met=tuple(self._inside),
            )
            self._inside.add(execution)
        self._load.executions.append(execution)
        if self._nature == "coroutine":
            return self._coroutine(execution)
        with self._noted(execution):
            self._load.behave(self._nature, execution)
        return execution

    async def _coroutine(self, execution: Execution) -> Execution:
        with self._noted(execution):
            await self._load.behave_as_coroutine()
        return execution

    @contextmanager
    def _noted(self, execution: Execution) -> Iterator[None]:
        try:
            with noted_end(execution):
                yield
        finally:
            with self._lock:
                self._inside.discard(execution)


@contextmanager
def noted_end(execution: Execution) -> Iterator[None]:
    """Write down how work ends."""
    try:
        yield
    except BaseException as error:
        execution.raised = error
        execution.obeyed = isinstance(error, RunCancelledError | asyncio.CancelledError)
        raise
    finally:
        execution.left = True


class Load:
    """The jobs, and what is written down of what happens to them.

    Args:
        scheduler: Whom to stress.
        clock: The scheduler's clock.
        seed: What all random choices but those of the operating system come from.

    Attributes:
        calm: Whether nobody shall ask for anything any more, nor hang.
        full: Whether so much waits that nobody shall ask for more.
        stopping: Whether the scheduler may have been told to stop.
        hanging: The names of the threads that hang.
        to_wait_for: Handles for those who do nothing but wait; None ends one of them.
        strange: What calls raised that they should not have.
        meddle: What a job does that steers others.
    """

    def __init__(self, scheduler: Scheduler, clock: LeapingClock, seed: int) -> None:
        self.scheduler = scheduler
        self.clock = clock
        self.seed = seed
        self.calm = False
        self.full = False
        self.stopping = False
        self.hanging: set[str] = set()
        self.to_wait_for: queue.SimpleQueue[Run | None] = queue.SimpleQueue()
        self.strange: list[str] = []
        self.meddle: Callable[[], object] = self.look
        self.accepted: list[Accepted] = []
        self.refused: set[int] = set()
        self.cancelled: list[tuple[Run, Cancellation]] = []
        self.executions: list[Execution] = []
        self.pictures: list[Picture] = []
        self.readings: list[Reading] = []
        self.tokens = itertools.count(1)
        self.operations = itertools.count()
        self._random = random.Random(f"{seed} work")
        self._gate = threading.Event()
        self.one_offs: dict[str, Callable[[int], Any]] = {
            nature: self._one_off(nature) for nature in set(NATURES)
        }
        self.slots = self._made_slots()

    def _made_slots(self) -> list[Slot]:
        choice = random.Random(f"{self.seed} jobs")
        slots = []
        overlaps, misfires = list(Overlap), list(Misfire)
        for number in range(JOBS):
            overlap = overlaps[number % len(overlaps)]
            few = overlap is Overlap.HOLD and number % 8 == 4
            slots.append(
                Slot(
                    name=f"job-{number}",
                    nature=NATURES[number % len(NATURES)],
                    overlap=overlap,
                    misfire=misfires[number // len(overlaps) % len(misfires)],
                    interval=None
                    if number % 17 == 1
                    else round(choice.uniform(0.03 if few else 0.05, 0.4), 3),
                    max_held=FEW_HELD if few else None,
                )
            )
        return slots

    def register(self, slot: Slot) -> None:
        """Give a slot its job; by whoever has its lock."""
        work = Work(self, slot.name, slot.generation, slot.nature)
        policies: dict[str, Any] = {
            "name": slot.name,
            "overlap": slot.overlap.value,
            "misfire": slot.misfire.value,
        }
        if slot.max_held is not None:
            policies["max_held"] = slot.max_held
        if slot.interval is None:
            job = self.scheduler.schedule("* * * * * *", work, **policies)
        else:
            job = self.scheduler.every(slot.interval, work, **policies)
        slot.job = job
        slot.generation += 1
        if job.name != slot.name:
            self.strange.append(f"{slot.name} was free, and the job is called {job.name}")

    def accept(self, run: Run, token: int | None) -> None:
        """Write down that a call gave a run."""
        self.accepted.append(Accepted(run, token))
        # Not for what is due in an hour: that would keep all who wait from waiting for others.
        if len(self.accepted) % 5 == 0 and run.state is not RunState.SCHEDULED:
            self.to_wait_for.put(run)

    def look(self) -> Picture:
        """Take a snapshot, and write it down."""
        picture = picture_of(self.scheduler.snapshot())
        self.pictures.append(picture)
        return picture

    def let_go(self) -> None:
        """Let everybody go on who hangs."""
        gate, self._gate = self._gate, threading.Event()
        gate.set()

    # --- the work ---------------------------------------------------------------------------------

    def _one_off(self, nature: str) -> Callable[[int], Any]:
        """A function for one-off runs, or a coroutine function."""

        def noted(token: int) -> Execution:
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
            execution = noted(token)
            with noted_end(execution):
                self.behave(nature, execution)
            return execution

        async def coroutine(token: int) -> Execution:
            execution = noted(token)
            with noted_end(execution):
                await self.behave_as_coroutine()
            return execution

        # Those of one name share a group.
        function.__name__ = coroutine.__name__ = f"one-off {nature}"
        return coroutine if nature == "coroutine" else function

    def behave(self, nature: str, execution: Execution) -> None:
        """Do what is done by work of that nature."""
        if nature == "sleepy":
            time.sleep(self._random.uniform(0.001, 0.005))
        elif nature == "raiser":
            self._raise()
        elif nature == "hanger":
            self._hang()
        elif nature == "obedient":
            self._obey(execution)
        elif nature == "meddler" and not self.calm:
            self.meddle()

    async def behave_as_coroutine(self) -> None:
        """Sleep a little as coroutines do; sometimes raise, hang or go on when interrupted."""
        try:
            await asyncio.sleep(self._random.choice((0, 0.001, 0.005, 0.02)))
        except asyncio.CancelledError:
            if self._random.random() < 0.8:
                raise
        choice = self._random.random()
        if choice < 0.1:
            self._raise()
        gate = self._gate
        if choice > 0.98:
            while not gate.is_set() and not self.calm:  # noqa: ASYNC110 - the gate is one for threads
                await asyncio.sleep(0.01)

    def _obey(self, execution: Execution) -> None:
        """Look, and sleep so that the sleep ends, until it is asked to stop or has nothing to do."""
        run = current_run()
        for _ in range(5):
            if run.cancelled or run.wait_cancelled(self._random.uniform(0, 0.005)):
                execution.obeyed = True
                if self._random.random() < 0.3:
                    raise RunCancelledError("as was asked")
                return

    def _raise(self) -> NoReturn:
        choice = self._random.randrange(50)
        if choice == 0:  # rarely: its traceback takes a thousand times as long to print as others
            self._recurse()
        kinds = (ValueError, SystemExit, KeyboardInterrupt, WordlessError)
        raise kinds[choice % len(kinds)]("on purpose")

    def _recurse(self) -> NoReturn:
        self._recurse()

    def _hang(self) -> None:
        gate, name = self._gate, threading.current_thread().name
        if self.calm or len(self.hanging) >= MOST_HANGING:
            return
        self.hanging.add(name)
        try:
            gate.wait()
        finally:
            self.hanging.discard(name)
