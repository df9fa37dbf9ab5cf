"""The context variables of the code that requests a run are those of the run."""

import asyncio
import gc
import weakref
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from datetime import UTC, datetime
from decimal import getcontext, localcontext

import pytest
from support.real_threads import LIMIT, MakeScheduler

from jobtui import Run, Scheduler
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.output_log import OutputLog
from jobtui.testing import SimulatedScheduler

user: ContextVar[object] = ContextVar("user", default="nobody")


def read() -> object:
    """Return the variable."""
    return user.get()


async def read_later() -> object:
    """Return the variable, in a task of a coroutine."""
    await asyncio.sleep(0)

    async def read_in_task() -> object:
        return user.get()

    return await asyncio.create_task(read_in_task())


def read_in_returned_coroutine() -> object:
    """Return a coroutine that returns the variable."""
    return read_later()


def in_context(value: object, call: Callable[[], Run]) -> Run:
    """Call a function where the variable has a value."""

    def set_and_call() -> Run:
        user.set(value)
        return call()

    return copy_context().run(set_and_call)


@pytest.mark.parametrize("function", [read, read_later, read_in_returned_coroutine])
def test_a_run_has_the_context_variables_of_the_call_that_requested_it(
    make_scheduler: MakeScheduler, function: Callable[[], object]
) -> None:
    """Those of the moment of the request, by each way to request one, before and after the start."""
    scheduler = make_scheduler()
    job = scheduler.every("1h", function)
    requests: list[Callable[[], Run]] = [
        lambda: scheduler.now(function),
        lambda: scheduler.in_(0.001, function),
        lambda: scheduler.at(datetime.now(UTC), function),
        lambda: scheduler.now(job),
        job.run,  # held until the run before it has ended
        lambda: scheduler.run(job.name),
    ]
    runs = [in_context(number, request) for number, request in enumerate(requests)]
    scheduler.start()
    runs += [in_context(number, request) for number, request in enumerate(requests, len(runs))]
    assert [run.result(LIMIT) for run in runs] == list(range(12))


def test_a_variable_that_a_run_sets_stays_in_the_run(make_scheduler: MakeScheduler) -> None:
    """Neither the caller nor another run sees it."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    first, second = scheduler.now(lambda: user.set("me")), scheduler.now(read)
    assert first.wait(LIMIT)
    assert second.result(LIMIT) == "nobody"
    assert read() == "nobody"


def test_a_tick_has_no_context_variables_of_a_caller() -> None:
    """Neither of the registration nor of the code that starts the scheduler."""
    token = user.set("registers")
    with SimulatedScheduler() as scheduler:
        seen: list[object] = []
        scheduler.every("1s", lambda: seen.append(read()))
        Context().run(scheduler.advance, "1s")
    user.reset(token)
    assert seen == ["nobody"]


def test_a_run_of_the_test_kit_has_the_context_variables_of_its_request() -> None:
    """It runs later, in another context."""
    with SimulatedScheduler() as scheduler:
        for function in (read, read_later, read_in_returned_coroutine):
            run = in_context("me", lambda function=function: scheduler.in_("1s", function))  # type: ignore[misc]
            scheduler.advance("2s")
            assert run.result() == "me"


def test_the_decimal_context_of_the_caller_is_that_of_the_run(make_scheduler: MakeScheduler) -> None:
    """It is a context variable."""
    scheduler = make_scheduler()
    scheduler.start()
    with localcontext() as context:
        context.prec = 7
        run = scheduler.now(lambda: getcontext().prec)
    assert run.result(LIMIT) == 7


def test_a_run_that_a_front_end_starts_has_no_variables_of_the_front_end(
    make_scheduler: MakeScheduler,
) -> None:
    """They would be those of a request for a page, or of the dashboard."""
    scheduler = make_scheduler()
    seen: list[object] = []
    scheduler.every("1h", lambda: seen.append(read()), name="reads")
    scheduler.start()
    token = user.set("front end")
    backend = LocalBackend(scheduler, title="", output_log=OutputLog())
    backend.run("reads")
    user.reset(token)
    scheduler.stop(LIMIT)
    assert seen == ["nobody"]


class Large:
    """An object that a weak reference can watch."""


@pytest.mark.parametrize("ends", ["completes", "is cancelled", "is skipped"])
def test_the_context_variables_of_a_run_are_dropped_with_its_end(
    make_scheduler: MakeScheduler, ends: str
) -> None:
    """The handle may be kept for long, and the objects may be large."""
    scheduler: Scheduler = make_scheduler()
    scheduler.start()
    large = Large()
    watched = weakref.ref(large)
    job = scheduler.every("1h", asyncio.Event().wait, overlap="skip")
    requests: dict[str, Callable[[], Run]] = {
        "completes": lambda: scheduler.now(len, "word"),
        "is cancelled": lambda: scheduler.in_("1h", read),
        "is skipped": lambda: [job.run(), job.run()][1],
    }
    run = in_context(large, requests[ends])
    del large
    run.cancel()
    for each in scheduler.snapshot().running:
        scheduler.cancel(each.number)
    assert run.wait(LIMIT)
    scheduler.now(read).wait(LIMIT)  # drops what the scheduler has left to drop
    scheduler.stop(LIMIT)
    gc.collect()
    assert watched() is None
