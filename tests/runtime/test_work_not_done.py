"""Tests of runs whose function returns work that nothing does: such a run must not be OK."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from functools import wraps
from types import coroutine
from typing import Any

import pytest
from support.real_threads import MakeScheduler, assert_ended

from jobtui import RunState
from jobtui.testing import SimulatedScheduler


def undecorated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function so that only a call shows what it is."""

    @wraps(function)
    def call() -> Any:
        return function()

    del call.__wrapped__
    return call


def numbers() -> Iterator[int]:
    """Yield a number."""
    yield 1


async def pages() -> AsyncIterator[int]:
    """Yield a number as an async generator."""
    yield 1


async def send() -> None:
    """Do nothing, as a coroutine."""


class Query:
    """An object that has to be awaited, such as a request of an HTTP client."""

    def __await__(self) -> Generator[None, None, None]:
        """Do nothing."""
        yield


@coroutine
def old_style() -> Generator[None, None, None]:
    """Do nothing, as a coroutine that is a generator."""
    yield


async def forgets_await() -> Any:
    """Return a coroutine instead of awaiting it."""
    return send()


async def returns_task() -> Any:
    """Return a task, which the end of the run leaves alone."""
    return asyncio.create_task(send())


async def returns_generator() -> Any:
    """Return a generator from a coroutine."""
    return numbers()


def returns_query() -> Awaitable[None]:
    """Return an object that has to be awaited."""
    return Query()


CASES = [
    (undecorated(numbers), "numbers(), a generator, so its body has not run: iterate over it with `for`"),
    (undecorated(pages), "pages(), a generator, so its body has not run: iterate over it with `async for`"),
    (returns_generator, "numbers(), a generator, so its body has not run: iterate over it with `for`"),
    (
        lambda: map(print, [1]),
        "an object of the class map, whose function has not been called: iterate over it",
    ),
    (lambda: filter(print, [1]), "an object of the class filter, whose function has not been called"),
    (forgets_await, "send(), which was not awaited: write `await`"),
    (returns_task, "an object of the class Task, which was not awaited: write `await`"),
    (returns_query, "an object of the class Query, which was not awaited: write `await`"),
    (undecorated(old_style), "old_style(), a generator, so its body has not run"),
]


@pytest.mark.parametrize(("runnable", "message"), CASES)
def test_a_run_that_returns_work_which_nothing_does_is_failed(
    make_scheduler: MakeScheduler, runnable: Any, message: str
) -> None:
    """The reason says what to change, and `result` raises it."""
    scheduler = make_scheduler()
    scheduler.start()
    run = scheduler.now(runnable)
    assert_ended(run)
    assert run.state is RunState.FAILED
    assert message in run.reason
    with pytest.raises(Exception, match="the job returned"):
        run.result()


@pytest.mark.parametrize(("runnable", "message"), CASES)
def test_the_test_kit_fails_such_a_run_too(runnable: Any, message: str) -> None:
    """A test finds the error before the job runs in production."""
    with SimulatedScheduler(start="2026-11-23 12:00") as scheduler:
        scheduler.every("1s", runnable)
        scheduler.advance("1s")
        [run] = scheduler.runs()
    assert run.state is RunState.FAILED
    assert message in run.reason


def test_a_coroutine_that_a_decorated_function_returns_is_executed(make_scheduler: MakeScheduler) -> None:
    """Its body runs in the event loop."""

    async def seven() -> int:
        return 7

    scheduler = make_scheduler()
    scheduler.start()
    assert scheduler.now(undecorated(seven)).result(10) == 7


@pytest.mark.parametrize("value", [iter([1]), object(), range(3), Exception("no"), type, lambda: 0])
def test_any_other_result_is_kept(make_scheduler: MakeScheduler, value: object) -> None:
    """The run is OK."""
    scheduler = make_scheduler()
    scheduler.start()
    assert scheduler.now(lambda: value).result(10) is value
