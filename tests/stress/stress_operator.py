"""Random operations on a scheduler: everything that users can do."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from stress_evidence import Reading
from stress_load import KINDS, Load, Slot

from jobtui import Run
from jobtui.runtime.subscriptions import Subscription

SAMPLE = 50  # events of a short-lived subscription that are kept for comparison
SIZES = (0, 1, 2, 3, 4, 6, 8, 12)


class Operator:
    """Does one random operation after the other.

    Args:
        load: The load with the scheduler and the jobs.
        name: Part of the seed of its choices, which must differ from those of other operators.
        subscribes: Whether it also subscribes, and closes the subscription some time later.
    """

    def __init__(self, load: Load, name: str, *, subscribes: bool = True) -> None:
        self._load = load
        self._random = random.Random(f"{load.seed} {name}")
        self._subscription: Subscription | None = None
        self._new_events = threading.Event()
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
            self._take_snapshot: 1,
            self._query_job: 4,
            self._wait: 3,
            self._subscribe_or_read: 1 if subscribes else 0,
        }
        self._choices = list(weights)
        self._weights = list(itertools.accumulate(weights.values()))

    def act(self) -> None:
        """Do one operation."""
        next(self._load.operations)
        (operation,) = self._random.choices(self._choices, cum_weights=self._weights)
        try:
            operation()
        except LookupError:
            pass  # another operator has removed the job
        except RuntimeError as error:
            if not (self._load.stopping and "has stopped" in str(error)):
                self._load.unexpected.append(f"{operation.__name__}: {error!r}")
        except Exception as error:  # noqa: BLE001 - the test looks for these
            self._load.unexpected.append(f"{operation.__name__}: {error!r}")

    # --- requesting runs --------------------------------------------------------------------------

    def _request(self, method: Callable[..., Run], *when: object) -> None:
        """Request a one-off run or, if it is not for now, perhaps a run of a job."""
        load = self._load
        if load.is_full:
            return self._cancel()
        job = self._slot().job
        if when and job is not None and self._random.random() < 0.4:
            load.accept(method(*when, job), None)
            return None
        token = next(load.tokens)
        load.refused.add(token)
        load.accept(method(*when, load.one_offs[self._random.choice(KINDS)], token), token)
        load.refused.discard(token)
        return None

    def _now(self) -> None:
        self._request(self._load.scheduler.now)

    def _in(self) -> None:
        delay = self._random.choice((0, 0.001, timedelta(milliseconds=20), "100ms", "1h"))
        self._request(self._load.scheduler.in_, delay)

    def _at(self) -> None:
        delay = self._random.choice((-3600, 0, 0.01, 0.1, 3600))
        self._request(self._load.scheduler.at, datetime.fromtimestamp(self._load.clock.now() + delay, UTC))

    def _run_job(self) -> None:
        slot, scheduler = self._slot(), self._load.scheduler
        if slot.job is None:
            return
        if self._load.is_full:
            self._cancel()
            return
        choice = self._random.randrange(3)
        run = (
            slot.job.run()
            if choice == 0
            else scheduler.now(slot.job)
            if choice == 1
            else scheduler.run(slot.name)
        )
        self._load.accept(run, None)

    # --- controlling ---------------------------------------------------------------------------------

    def _cancel(self) -> None:
        run = self._recent_run()
        if run is not None and (answer := run.cancel()):
            self._load.cancelled.append((run, answer))

    def _cancel_by_number(self) -> None:
        run = self._recent_run()
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
                    self._load.unexpected.append(f"{slot.name} was gone, although no other thread removed it")
                slot.job = None
                self._load.register(slot)
            finally:
                slot.lock.release()

    def _resize(self) -> None:
        self._load.scheduler.resize(self._random.choice(SIZES))

    # --- querying ---------------------------------------------------------------------------------

    def _take_snapshot(self) -> None:
        self._load.take_snapshot()

    def _query_job(self) -> None:
        """Read everything that a handle of a job offers; it must not raise."""
        job = self._slot().job
        if job is not None:
            _ = job.status, job.prev, job.next, job.schedule, repr(job)
            self._load.scheduler.job(job.name)

    def _wait(self) -> None:
        run = self._recent_run()
        if run is not None and run.wait(self._random.choice((0, 0.001, 0.01))) and not run.state.ended:
            self._load.unexpected.append(f"{run} has not ended, although wait() returned True")

    def _subscribe_or_read(self) -> None:
        """Subscribe or, if there is a subscription, read and close it."""
        subscription = self._subscription
        if subscription is None:
            notify = self._new_events.set if self._random.random() < 0.5 else None
            self._subscription = self._load.scheduler.subscribe(notify)
            return
        self._subscription = None
        events = list(subscription.read()) if self._random.random() < 0.5 else []
        subscription.close()
        events += subscription.read()
        numbers = [event.seq for event in events]
        first = subscription.snapshot.seq + subscription.lost + 1
        faults = []
        if numbers != list(range(first, first + len(numbers))):
            faults.append(
                f"a subscription that lost {subscription.lost} events read {numbers[:5]}… and not {first}…"
            )
        if subscription.read():
            faults.append("a subscription read events after it was closed and read to its end")
        place = self._random.randrange(max(1, len(events) - SAMPLE))
        self._load.readings.append(Reading(events[place : place + SAMPLE], faults))

    # --- choices ----------------------------------------------------------------------------------

    def _slot(self) -> Slot:
        return self._random.choice(self._load.slots)

    def _recent_run(self) -> Run | None:
        """Return a run that was requested recently; most older runs have ended."""
        accepted = self._load.accepted
        with suppress(IndexError):
            return accepted[-1 - int(self._random.expovariate(1 / 40))].run
        return None
