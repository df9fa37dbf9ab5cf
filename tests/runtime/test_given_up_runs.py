"""An executor does not begin the work of a run that has been given up since the executor took it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextvars import Context
from types import SimpleNamespace
from typing import Any, cast

import pytest

from jobtui.engine.batch import Batch
from jobtui.engine.enums import RunState, Trigger
from jobtui.engine.records import JobRecord, RunRecord
from jobtui.engine.runnables import as_runnable
from jobtui.runtime.clock import SystemClock
from jobtui.runtime.executors.base import Dispatcher, Outcome, call_function
from jobtui.runtime.executors.event_loop import CoroutineExecutor
from jobtui.runtime.run_attachments import RunAttachments


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Make a loop, which does not run."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def running(work: Callable[[], object]) -> RunRecord:
    """Return a RUNNING run."""
    run = RunRecord(1, JobRecord("job", as_runnable(work), None, spec=""), Trigger.NOW, work, 0.0, None)
    run.state = RunState.RUNNING
    return run


@pytest.mark.parametrize(("state", "calls"), [(RunState.RUNNING, 1), (RunState.CANCELLED, 0)])
def test_a_worker_calls_the_function_of_a_run_unless_it_has_ended(state: RunState, calls: int) -> None:
    """The run may still have its function, to run again."""
    called: list[bool] = []
    run, outcomes = running(lambda: called.append(True)), list[Outcome]()
    run.state = state
    Context().run(call_function, run, RunAttachments(), SystemClock.monotonic, outcomes)
    assert (len(called), len(outcomes)) == (calls, calls)


@pytest.mark.parametrize(("state", "calls"), [(RunState.RUNNING, 1), (RunState.CANCELLED, 0)])
def test_a_loop_calls_the_coroutine_function_of_a_run_unless_it_has_ended(
    loop: asyncio.AbstractEventLoop, state: RunState, calls: int
) -> None:
    called: list[bool] = []

    async def work() -> None:
        called.append(True)

    run, batch = running(work), Batch(0.0)
    batch.coroutines.append(run)

    def take(*_: Any) -> None:
        run.state = state  # the task has been made, and has not begun

    dispatcher = SimpleNamespace(
        attachments=RunAttachments(), take=take, check_workers_soon=lambda: None, recover=None
    )
    executor = CoroutineExecutor(cast(Dispatcher, dispatcher), SystemClock(), lambda: loop)
    executor.start_batch(batch)
    loop.run_until_complete(asyncio.sleep(0))
    while executor.has_tasks:
        loop.run_until_complete(asyncio.sleep(0))
    assert len(called) == calls
