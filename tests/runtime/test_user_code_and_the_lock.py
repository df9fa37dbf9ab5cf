"""No code of the user runs with the state lock held: it may call the scheduler, or block."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from support.real_threads import LIMIT, MakeScheduler
from support.unknown_zone import UnknownZone

from jobtui import Scheduler
from jobtui.schedules.schedule import Cron, Schedule


class Witness:
    """Notes whether code of the user gets an answer from the scheduler.

    Attributes:
        scheduler: The scheduler; None as long as nothing is to be noted.
        answers: For each call of `testify`, whether there was an answer.
    """

    def __init__(self) -> None:
        self.scheduler: Scheduler | None = None
        self.answers: list[bool] = []

    def testify(self) -> None:
        """Ask the scheduler. With the lock held by this thread, it refuses to answer."""
        if self.scheduler is not None:
            try:
                self.scheduler.pool_view()
            except RuntimeError:
                self.answers.append(False)
            else:
                self.answers.append(True)


class Described:
    """A runnable whose attributes are code of the user."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    def __call__(self) -> None:
        """Do nothing."""

    def __getattr__(self, name: str) -> object:
        """Have no further attributes."""
        self._witness.testify()
        raise AttributeError(name)


class Undescribable:
    # A runnable with a docstring that cannot be read.

    __code__ = Witness.testify.__code__

    def __call__(self) -> None:
        """Do nothing."""

    @property
    def __doc__(self) -> str:  # type: ignore[override] # noqa: D105 - it would be the docstring
        raise RuntimeError("no docstring")


class UserSchedule(Cron):
    """A schedule that is code of the user: it is due each hour."""

    _witness: Witness

    def __init__(self, witness: Witness) -> None:
        super().__init__("0 0 * * * *", tz="UTC")
        object.__setattr__(self, "_witness", witness)  # the class is frozen

    def next(self, after: datetime) -> datetime | None:
        """Return the next full hour."""
        self._witness.testify()
        return super().next(after)


@pytest.fixture
def witness() -> Witness:
    """Make a witness."""
    return Witness()


def register(scheduler: Scheduler, witness: Witness) -> None:
    """Register a job, and look at it."""
    scheduler.every("1h", Described(witness))
    scheduler.snapshot()


def request_now(scheduler: Scheduler, witness: Witness) -> None:
    """Request a one-off run now, and look at its job."""
    scheduler.now(Described(witness)).wait(LIMIT)
    scheduler.snapshot()


def request_later(scheduler: Scheduler, witness: Witness) -> None:
    """Request a one-off run with arguments for later, and look at its job."""
    scheduler.in_("1h", Described(witness))
    scheduler.snapshot()


@pytest.mark.parametrize("call", [register, request_now, request_later])
def test_a_runnable_is_described_without_the_lock(
    make_scheduler: MakeScheduler, witness: Witness, call: Callable[[Scheduler, Witness], object]
) -> None:
    """Its attributes may be properties, or come from ``__getattr__``."""
    scheduler = witness.scheduler = make_scheduler()
    scheduler.start()
    call(scheduler, witness)
    assert witness.answers
    assert all(witness.answers)


def test_a_runnable_that_cannot_be_described_has_no_origin_and_no_summary(
    make_scheduler: MakeScheduler,
) -> None:
    """It can be run all the same."""
    scheduler = make_scheduler()
    scheduler.every("1h", Undescribable())
    [view] = scheduler.snapshot().jobs
    assert (view.origin, view.summary) == ("", "")


def add_while_it_runs(scheduler: Scheduler, schedule: Schedule) -> None:
    """Register a job after the start."""
    scheduler.start()
    scheduler.schedule(schedule, print)


def start_with_it(scheduler: Scheduler, schedule: Schedule) -> None:
    """Register a job before the start."""
    scheduler.schedule(schedule, print)
    scheduler.start()


@pytest.mark.parametrize("call", [add_while_it_runs, start_with_it])
def test_a_schedule_is_asked_for_its_next_tick_without_the_lock(
    make_scheduler: MakeScheduler, witness: Witness, call: Callable[[Scheduler, Schedule], object]
) -> None:
    """The job is due as soon as the call returns."""
    scheduler = witness.scheduler = make_scheduler()
    call(scheduler, UserSchedule(witness))
    [job] = scheduler.jobs
    assert job.next is not None
    assert witness.answers
    assert all(witness.answers)


def test_a_zone_that_is_code_of_the_user_may_be_that_of_a_schedule_but_not_of_the_scheduler() -> None:
    """The scheduler computes wall-clock times with its lock held."""
    with pytest.raises(
        TypeError, match=r"a scheduler's zone must be .* not support\.unknown_zone\.UnknownZone"
    ):
        Scheduler(tz=UnknownZone())
    assert Scheduler(tz=UTC).schedule("0 0 12 * * *", print, tz=UnknownZone()).schedule.tz
