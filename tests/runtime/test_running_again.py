"""Ended runs run again with the arguments that they had, as far as these are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
from support.real_threads import LIMIT, MakeScheduler

from jobtui import Run, RunState, Scheduler, Trigger
from jobtui.runtime.kept_calls import MAX_CALLS, MAX_OBJECTS, fits
from jobtui.testing import simulated


@pytest.fixture
def scheduler(make_scheduler: MakeScheduler) -> Scheduler:
    """Make a running scheduler."""
    scheduler = make_scheduler(pool=1)
    scheduler.stop_logging()
    scheduler.start()
    return scheduler


def add(first: int, second: int = 1) -> int:
    """Return the sum."""
    return first + second


def accept(*_values: object, **_named: object) -> None:
    """Accept anything."""


def seven() -> int:
    """Return a value."""
    return 7


class Adder:
    """An object with arguments of its own."""

    def __init__(self, first: int) -> None:
        self.first = first

    def run(self, second: int = 1) -> int:
        """Return the sum."""
        return self.first + second


@pytest.mark.parametrize(
    "request_run",
    [
        lambda it: it.now(add, 4, second=3),
        lambda it: it.now(seven),
        lambda it: it.now(partial(add, 4), 3),
        lambda it: it.now(lambda: 7),
        lambda it: it.now(Adder(4), 3),
        lambda it: it.now(Adder(6)),
        lambda it: it.in_(0, add, 4, 3),
    ],
)
def test_an_ended_one_off_run_runs_again_with_its_arguments(
    scheduler: Scheduler, request_run: Callable[[Scheduler], Run]
) -> None:
    """Also twice, and the copy of a copy. Its view has the same arguments."""
    first = request_run(scheduler)
    assert first.result(LIMIT) == 7
    again = scheduler.run_again(first.number)
    third = scheduler.run_again(first.number)
    assert (again.result(LIMIT), third.result(LIMIT)) == (7, 7)
    last = scheduler.run_again(again.number)
    assert last.result(LIMIT) == 7
    before, after = scheduler.run_view(first.number), scheduler.run_view(last.number)
    assert (after.job, after.arguments, after.trigger) == (before.job, before.arguments, Trigger.HAND)


def test_runs_that_failed_or_were_cancelled_run_again(scheduler: Scheduler) -> None:
    failed = scheduler.now(divmod, 1, 0)
    cancelled = scheduler.in_("1h", add, 1)
    assert failed.wait(LIMIT)
    assert cancelled.cancel()
    with pytest.raises(ZeroDivisionError):
        scheduler.run_again(failed.number).result(LIMIT)
    assert scheduler.run_again(cancelled.number).result(LIMIT) == 2


def test_a_run_of_a_job_runs_again_through_the_gates_of_the_job() -> None:
    """With its own arguments, else with those of the job."""
    with simulated() as scheduler:
        job = scheduler.every("1h", add, args=(1,))
        own, jobs = job.run(5, second=5), job.run()
        scheduler.advance("1h")
        again = scheduler.run_again(own.number)
        assert (again.result(), again.job) == (10, "add")
        assert scheduler.run_again(jobs.number).result() == 2
        [tick] = [run for run in scheduler.find_runs(job="add") if run.trigger is Trigger.TICK]
        assert scheduler.run_again(tick.number).result() == 2
        job.remove()
        with pytest.raises(LookupError, match="job 'add' was removed"):
            scheduler.run_again(own.number)
        with pytest.raises(LookupError, match="cannot run again"):
            scheduler.run_again(jobs.number)


def test_a_run_that_has_not_ended_and_an_unknown_one_do_not_run_again(scheduler: Scheduler) -> None:
    released = threading.Event()
    run = scheduler.now(released.wait, LIMIT)
    waiting = scheduler.now(seven)
    with pytest.raises(RuntimeError, match=f"run {waiting.number} has not ended: it is QUEUED"):
        scheduler.run_again(waiting.number)
    with pytest.raises(LookupError, match="there is no run 99"):
        scheduler.run_again(99)
    released.set()
    assert run.result(LIMIT)


def test_a_call_is_kept_until_too_many_others_have_ended() -> None:
    with simulated() as scheduler:
        first = scheduler.now(add, 1)
        second = scheduler.now(add, 2)
        for _ in range(MAX_CALLS - 1):
            scheduler.now(seven)
        with pytest.raises(
            LookupError, match=f"run {first.number} cannot run again: its arguments are not kept"
        ):
            scheduler.run_again(first.number)
        assert scheduler.run_again(second.number).result() == 3


def test_large_arguments_are_not_kept(scheduler: Scheduler) -> None:
    """The scheduler must not keep gigabytes alive. A name that many objects share counts once."""
    small, large = scheduler.now(len, "x" * 10_000), scheduler.now(len, "x" * 100_000)
    assert (small.result(LIMIT), large.result(LIMIT)) == (10_000, 100_000)
    assert scheduler.run_again(small.number).result(LIMIT) == 10_000
    with pytest.raises(LookupError, match="its arguments are not kept, because they are too large"):
        scheduler.run_again(large.number)
    assert scheduler.run_view(large.number).state is RunState.OK


class Holder:
    """Holds an object, and refuses to tell its size if that is wanted."""

    def __init__(self, held: object, *, raises: bool = False) -> None:
        self.held = held
        self._raises = raises

    def __sizeof__(self) -> int:
        """Return a size or raise."""
        if self._raises:
            raise ValueError("unknown")
        return 50

    def run(self) -> object:
        """Return the object."""
        return self.held


def returning(value: object) -> Callable[[], object]:
    """Return a function that has a value of an outer function."""
    return lambda: value


class Pair(NamedTuple):
    """Two objects."""

    first: object
    second: object


class Disguised(Holder):
    """Ends the program if its class is asked for, as ``isinstance`` does."""

    @property  # type: ignore[misc] # no class of a sensible program does this
    def __class__(self) -> type[Any]:
        """Raise."""
        raise SystemExit(3)

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override] # as above
        """Raise."""
        raise SystemExit(4)


TEXT = "x" * 2_000
CYCLE: list[object] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (partial(print, TEXT), False),
        (partial(print, [{"a": (TEXT,)}]), False),
        (partial(print, Holder(TEXT)), False),
        (Holder({TEXT}).run, False),
        (returning(TEXT), False),
        (returning("small"), True),
        (partial(print, Holder("", raises=True)), False),
        (partial(print, [*range(300, 301 + MAX_OBJECTS)]), False),
        (partial(print, [0] * (MAX_OBJECTS + 1)), False),  # it is not copied to count its objects
        (partial(print, dict.fromkeys(range(MAX_OBJECTS + 1))), False),
        (partial(print, CYCLE, threading, Holder, 1, None), True),
        (Holder("small").run, True),
        (partial(print, OrderedDict(a=TEXT)), False),
        (partial(print, Pair("small", TEXT)), False),
        (partial(print, Disguised(TEXT)), False),
        (partial(print, Disguised("small")), False),
    ],
)
def test_a_call_fits_if_everything_that_it_refers_to_does(call: object, expected: bool) -> None:
    """Beside modules, classes and the defaults of functions, which exist in any case."""
    assert fits(call, 1_900) is expected


@pytest.mark.parametrize(
    "call",
    [
        partial(accept, *range(100_000)),
        partial(accept, "x" * 100_000),
        partial(accept, a=TEXT * 100),
    ],
)
def test_a_partial_with_many_or_large_arguments_is_not_kept(
    scheduler: Scheduler, call: partial[object]
) -> None:
    run = scheduler.now(call)
    assert run.wait(LIMIT)
    with pytest.raises(LookupError, match="its arguments are not kept"):
        scheduler.run_again(run.number)
