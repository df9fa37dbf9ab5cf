"""The executor of coroutines, without a scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextvars import Context
from types import SimpleNamespace
from typing import TypeVarTuple, Unpack, cast

import pytest

from jobtui.engine.enums import Trigger
from jobtui.engine.records import JobRecord, RunRecord
from jobtui.engine.runnables import as_runnable
from jobtui.runtime.clock import SystemClock
from jobtui.runtime.executors.base import Dispatcher, Outcome
from jobtui.runtime.executors.event_loop import CoroutineExecutor
from jobtui.runtime.run_attachments import RunAttachments

Arguments = TypeVarTuple("Arguments")


class ObservedLoop(asyncio.SelectorEventLoop):
    """An event loop that calls a function whenever another thread hands over a callback."""

    def __init__(self) -> None:
        super().__init__()
        self.when_called: Callable[[], None] = lambda: None

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Call the function, then hand over the callback."""
        self.when_called()
        return super().call_soon_threadsafe(callback, *args, context=context)


async def work() -> None:
    """Return at once."""


@pytest.fixture
def loop() -> Iterator[ObservedLoop]:
    """Make a loop, which does not run."""
    loop = ObservedLoop()
    yield loop
    loop.close()


@pytest.fixture
def attachments() -> RunAttachments:
    """Make the table of the stop requests."""
    return RunAttachments()


@pytest.fixture
def executor(loop: ObservedLoop, attachments: RunAttachments) -> CoroutineExecutor:
    """Make the executor."""
    dispatcher = cast(Dispatcher, SimpleNamespace(attachments=attachments))
    return CoroutineExecutor(dispatcher, SystemClock(), lambda: loop)


@pytest.fixture
def run(executor: CoroutineExecutor) -> Iterator[RunRecord]:
    """Hand a run to the executor."""
    run = RunRecord(1, JobRecord("job", as_runnable(work), None, spec=""), Trigger.NOW, work, 0.0, None)
    outcome = Outcome(run)
    outcome.value = work()
    executor.start_coroutine(outcome, Context())
    yield run
    outcome.value.close()


def test_a_stop_request_says_that_the_coroutine_is_interrupted_before_the_loop_can_end_the_run(
    executor: CoroutineExecutor, loop: ObservedLoop, attachments: RunAttachments, run: RunRecord
) -> None:
    """Else another thread may tell the caller that the run was only asked to stop."""
    request, noted = attachments.stop_request(1), []
    loop.when_called = lambda: noted.append(request.interrupted)
    executor.interrupt(run)
    assert noted == [True]
    assert request.interrupted


def test_a_stop_request_does_not_say_that_a_coroutine_is_interrupted_if_its_loop_is_closed(
    executor: CoroutineExecutor, loop: ObservedLoop, attachments: RunAttachments, run: RunRecord
) -> None:
    """The coroutine sees nothing of the request."""
    request = attachments.stop_request(1)
    loop.close()
    executor.interrupt(run)
    assert not request.interrupted
