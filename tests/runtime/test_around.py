"""Functions around the work of every run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any

import pytest
from support.real_threads import LIMIT, MakeScheduler, assert_ended, zero

from jobtui import CurrentRun, RunState, Scheduler, current_run
from jobtui.testing import simulated

session: ContextVar[str] = ContextVar("session", default="none")


@pytest.fixture
def scheduler(make_scheduler: MakeScheduler) -> Scheduler:
    """Make a running scheduler."""
    scheduler = make_scheduler(pool=4)
    scheduler.stop_logging()
    scheduler.start()
    return scheduler


def read() -> str:
    """Return the session."""
    return session.get()


async def read_later() -> str:
    """Return the session after another iteration of the event loop."""
    await asyncio.sleep(0)
    return session.get()


def call(function: Any) -> Any:
    """Return what a function returns."""
    return function()


def test_functions_are_nested_in_the_order_of_registration(scheduler: Scheduler) -> None:
    """In the thread of the job, with its run."""
    calls: list[object] = []

    @scheduler.around
    def outer(run: CurrentRun) -> Iterator[None]:
        calls.append(("outer", run.number, run == current_run(), threading.get_ident()))
        yield
        calls.append("outer ends")

    @scheduler.around
    @contextmanager
    def inner(run: CurrentRun) -> Iterator[None]:
        calls.append(("inner", run.job))
        try:
            yield
        finally:
            calls.append("inner ends")

    assert scheduler.now(lambda: calls.append(threading.get_ident())).wait(LIMIT)
    thread = calls[2]
    assert calls == [
        ("outer", 1, True, thread), ("inner", "(unnamed)"), thread, "inner ends", "outer ends",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "job", [read, read_later, partial(call, read_later)], ids=["function", "coroutine", "returned coroutine"]
)
def test_the_context_is_open_until_the_work_has_ended(scheduler: Scheduler, job: Any) -> None:
    """A context variable that it sets is that of the job."""
    ended: list[str] = []

    @scheduler.around
    def open_session(run: CurrentRun) -> Iterator[None]:
        token = session.set(f"session of {run.number}")
        yield
        ended.append(session.get())
        session.reset(token)

    assert scheduler.now(job).result(LIMIT) == "session of 1"
    assert ended == ["session of 1"]
    assert session.get() == "none"


async def fail() -> None:
    """Raise an exception."""
    await asyncio.sleep(0)
    raise ValueError("no")


def fail_now() -> None:
    """Raise an exception."""
    raise ValueError("no")


@pytest.mark.parametrize("job", [fail, fail_now])
def test_the_context_sees_the_exception_of_the_job(scheduler: Scheduler, job: Any) -> None:
    seen: list[str] = []

    @scheduler.around
    def roll_back(_: CurrentRun) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            seen.append(str(error))
            raise

    run = scheduler.now(job)
    assert_ended(run)
    assert (run.state, run.reason, seen) == (RunState.FAILED, "ValueError: no", ["no"])


@pytest.mark.parametrize("job", [fail, fail_now])
def test_a_context_that_swallows_the_exception_lets_the_run_be_ok(scheduler: Scheduler, job: Any) -> None:
    scheduler.around(lambda _run: suppress(ValueError))
    assert scheduler.now(job).result(LIMIT) is None


@pytest.mark.parametrize("job", [zero, read_later])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_exception_of_the_context_is_that_of_the_run(scheduler: Scheduler, job: Any, when: str) -> None:
    @scheduler.around
    def connect(_: CurrentRun) -> Iterator[None]:
        if when == "before":
            raise ConnectionError(when)
        yield
        raise ConnectionError(when)

    run = scheduler.now(job)
    assert_ended(run)
    assert (run.state, run.reason) == (RunState.FAILED, f"ConnectionError: {when}")


def test_a_context_that_cannot_be_opened_closes_the_ones_before_it(scheduler: Scheduler) -> None:
    calls: list[str] = []

    @scheduler.around
    def outer(_: CurrentRun) -> Iterator[None]:
        calls.append("open")
        try:
            yield
        finally:
            calls.append("closed")

    @scheduler.around
    def broken(_: CurrentRun) -> Any:
        return None

    run = scheduler.now(zero)
    assert_ended(run)
    assert run.reason.startswith("TypeError: broken returned None, not a context manager; give a generator")
    assert calls == ["open", "closed"]


def test_a_cancelled_coroutine_closes_its_context(scheduler: Scheduler) -> None:
    closed, started = threading.Event(), threading.Event()

    @scheduler.around
    def around(_: CurrentRun) -> Iterator[None]:
        try:
            yield
        finally:
            closed.set()

    async def wait() -> None:
        started.set()
        await asyncio.sleep(60)

    run = scheduler.now(wait)
    assert started.wait(LIMIT)
    run.cancel()
    assert_ended(run)
    assert run.state is RunState.CANCELLED
    assert closed.wait(LIMIT)


def test_in_simulated_time_the_context_is_open_while_time_passes() -> None:
    seen: list[float] = []
    with simulated() as scheduler:
        start = scheduler.time

        @scheduler.around
        def note(_: CurrentRun) -> Iterator[None]:
            seen.append((scheduler.time - start).total_seconds())
            yield
            seen.append((scheduler.time - start).total_seconds())

        async def work() -> None:
            await asyncio.sleep(5)

        scheduler.in_("10s", work)
        scheduler.advance("1m")
    assert seen == [10, 15]


async def coroutine_function(_: CurrentRun) -> None:
    """Cannot be used."""


async def asynchronous_generator(_: CurrentRun) -> AsyncIterator[None]:
    """Cannot be used."""
    yield


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            coroutine_function,
            "coroutine_function is asynchronous, and runs in threads cannot await it; give a",
        ),
        (
            asynchronous_generator,
            "asynchronous_generator is asynchronous, and runs in threads cannot await it",
        ),
        (zero, "cannot be called: too many positional arguments; around functions are called"),
        (lambda run, other: nullcontext(), "cannot be called: missing a required argument: 'other'; around"),
        (suppress(ValueError), "is not a function; give a generator function with one yield"),
    ],
)
def test_a_function_that_cannot_be_used_is_refused(scheduler: Scheduler, function: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        scheduler.around(function)
    assert scheduler.now(zero).result(LIMIT) == 0
