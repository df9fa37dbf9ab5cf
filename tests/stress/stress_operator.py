"""Somebody who does to a scheduler whatever users can do to one."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from stress_evidence import Reading
from stress_load import NATURES, Load, Slot

from jobtui import Run
from jobtui.runtime.subscriptions import Subscription

SAMPLE = 50  # events of a passing reader that are kept for comparison
SIZES = (0, 1, 2, 3, 4, 6, 8, 12)


class Operator:
    """Somebody who asks a scheduler for one thing after the other, by chance.

    Args:
        load: Whose scheduler and jobs.
        name: What tells its choices from those of others.
        passing_reader: Whether it also subscribes, and closes the subscription some time later.
    """

    def __init__(self, load: Load, name: str, *, passing_reader: bool = True) -> None:
        self._load = load
        self._random = random.Random(f"{load.seed} {name}")
        self._reader: Subscription | None = None
        self._told = threading.Event()
        weights: dict[Callable[[], object], float] = {
            self._now: 18,
            self._run_job: 18,
            self._in: 8,
            self._at: 5,
            self._cancel: 10,
            self._cancel_by_number: 5,
            self._pause: 3,
            self._resume: 6,
            self._pause_all: 0.2,
            self._resume_all: 0.6,
            self._register_again: 0.7,
            self._resize: 1,
            self._look: 1,
            self._ask_job: 4,
            self._wait: 3,
            self._read: 1 if passing_reader else 0,
        }
        self._choices = list(weights)
        self._weights = list(itertools.accumulate(weights.values()))

    def act(self) -> None:
        """Do one thing."""
        next(self._load.operations)
        (operation,) = self._random.choices(self._choices, cum_weights=self._weights)
        try:
            operation()
        except LookupError:
            pass  # another removed the job meanwhile
        except RuntimeError as error:
            if not (self._load.stopping and "has stopped" in str(error)):
                self._load.strange.append(f"{operation.__name__}: {error!r}")
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            self._load.strange.append(f"{operation.__name__}: {error!r}")

    # --- asking for runs --------------------------------------------------------------------------

    def _ask(self, ask: Callable[..., Run], *when: object) -> None:
        """Ask for a run of a one-off or, if it is not for now, perhaps of a job."""
        load = self._load
        if load.full:
            return self._cancel()
        job = self._slot().job
        if when and job is not None and self._random.random() < 0.4:
            load.accept(ask(*when, job), None)
            return None
        token = next(load.tokens)
        load.refused.add(token)
        load.accept(ask(*when, load.one_offs[self._random.choice(NATURES)], token), token)
        load.refused.discard(token)
        return None

    def _now(self) -> None:
        self._ask(self._load.scheduler.now)

    def _in(self) -> None:
        delay = self._random.choice((0, 0.001, timedelta(milliseconds=20), "100ms", "1h"))
        self._ask(self._load.scheduler.in_, delay)

    def _at(self) -> None:
        delay = self._random.choice((-3600, 0, 0.01, 0.1, 3600))
        self._ask(self._load.scheduler.at, datetime.fromtimestamp(self._load.clock.now() + delay, UTC))

    def _run_job(self) -> None:
        slot, scheduler = self._slot(), self._load.scheduler
        if slot.job is None:
            return
        if self._load.full:
            self._cancel()
            return
        way = self._random.randrange(3)
        run = (
            slot.job.run() if way == 0 else scheduler.now(slot.job) if way == 1 else scheduler.run(slot.name)
        )
        self._load.accept(run, None)

    # --- steering ---------------------------------------------------------------------------------

    def _cancel(self) -> None:
        run = self._recent()
        if run is not None and (answer := run.cancel()):
            self._load.cancelled.append((run, answer))

    def _cancel_by_number(self) -> None:
        run = self._recent()
        if run is not None and (answer := self._load.scheduler.cancel(run.number)):
            self._load.cancelled.append((run, answer))

    def _pause(self) -> None:
        slot = self._slot()
        if slot.job is not None:
            self._random.choice((slot.job.pause, lambda: self._load.scheduler.pause(slot.name)))()

    def _resume(self) -> None:
        slot = self._slot()
        if slot.job is not None:
            self._random.choice((slot.job.resume, lambda: self._load.scheduler.resume(slot.name)))()

    def _pause_all(self) -> None:
        self._load.scheduler.pause_all()

    def _resume_all(self) -> None:
        self._load.scheduler.resume_all()

    def _register_again(self) -> None:
        slot = self._slot()
        if slot.lock.acquire(blocking=False):
            try:
                if slot.job is not None and not slot.job.remove():
                    self._load.strange.append(f"{slot.name} was removed by nobody, and is gone")
                slot.job = None
                self._load.register(slot)
            finally:
                slot.lock.release()

    def _resize(self) -> None:
        self._load.scheduler.resize(self._random.choice(SIZES))

    # --- looking ----------------------------------------------------------------------------------

    def _look(self) -> None:
        self._load.look()

    def _ask_job(self) -> None:
        """Ask everything a handle of a job answers; that it answers is all."""
        job = self._slot().job
        if job is not None:
            _ = job.status, job.prev, job.next, job.schedule, repr(job)
            self._load.scheduler.job(job.name)

    def _wait(self) -> None:
        run = self._recent()
        if run is not None and run.wait(self._random.choice((0, 0.001, 0.01))) and not run.state.ended:
            self._load.strange.append(f"{run} was waited for, and has not ended")

    def _read(self) -> None:
        """Subscribe or, if that was done, read and close."""
        reader = self._reader
        if reader is None:
            notify = self._told.set if self._random.random() < 0.5 else None
            self._reader = self._load.scheduler.subscribe(notify)
            return
        self._reader = None
        events = list(reader.read()) if self._random.random() < 0.5 else []
        reader.close()
        events += reader.read()
        numbers = [event.seq for event in events]
        first = reader.snapshot.seq + reader.lost + 1
        faults = []
        if numbers != list(range(first, first + len(numbers))):
            faults.append(f"a reader that lost {reader.lost} was told {numbers[:5]}… and not {first}…")
        if reader.read():
            faults.append("a reader was told something after it had closed and read the rest")
        place = self._random.randrange(max(1, len(events) - SAMPLE))
        self._load.readings.append(Reading(events[place : place + SAMPLE], faults))

    # --- choices ----------------------------------------------------------------------------------

    def _slot(self) -> Slot:
        return self._random.choice(self._load.slots)

    def _recent(self) -> Run | None:
        """A run that was asked for not long ago: most older ones have ended."""
        accepted = self._load.accepted
        with suppress(IndexError):
            return accepted[-1 - int(self._random.expovariate(1 / 40))].run
        return None
