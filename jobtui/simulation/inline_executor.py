"""The executor of the test kit: executes one run after the other, in the thread that requests them."""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, Any

from jobtui.engine.records import RunRecord
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.executors.base import Dispatcher, Outcome, Worker
from jobtui.runtime.executors.event_loop import EventLoopThread
from jobtui.runtime.executors.threads import ThreadExecutor
from jobtui.runtime.run_attachments import RunAttachments
from jobtui.runtime.stop_request import StopRequest

if TYPE_CHECKING:
    import asyncio

    from jobtui.simulation.inline_loop import InlineLoop

MAX_RUNS = 100_000  # at one instant; only a job that always starts itself again exceeds it
MAX_WAITS = 1_000  # of one run for its cancellation, at one instant


class InstantStopRequest(StopRequest):
    """A stop request in simulated time: waiting takes no time, because none passes while a job runs."""

    __slots__ = ("_waits",)

    def __init__(self) -> None:
        super().__init__()
        self._waits = 0

    def wait_requested(self, timeout: float | None) -> bool:
        """Return at once, as if the timeout had passed."""
        self._waits += 1
        if not self.acknowledge() and (timeout is None or self._waits > MAX_WAITS):
            raise RuntimeError(
                "this job waits to be cancelled, which cannot happen: no time passes while a job runs"
            )
        return self.acknowledge()


class InlineLoopRunner(EventLoopThread):
    """Runs one asyncio event loop in the calling thread. The loop is created for the first coroutine.

    Args:
        clock: The time of the loop.
        attachments: The stop requests of the runs.
    """

    def __init__(self, clock: ManualClock, attachments: RunAttachments) -> None:
        super().__init__(attachments)
        self._clock = clock
        self._inline_loop: InlineLoop | None = None

    def start_task(self, run: RunRecord, work: Coroutine[Any, Any, None], context: Context) -> bool:
        """Execute the work of a run until it waits. Returns False if the loop has been stopped."""
        started = super().start_task(run, work, context)
        self.resume()
        return started

    def reset_after_fork(self) -> None:
        """Do nothing: the loop runs in the calling thread, which the child has, too."""

    def resume(self) -> None:
        """Run every coroutine that can continue at this instant until it waits again."""
        loop = self._inline_loop
        while loop is not None and (self._tasks or loop.has_waiting_tasks) and not loop.is_running():
            try:
                loop.run_until_idle()
            except SystemExit:  # from a task that a coroutine created; other tasks continue
                continue
            return

    @property
    def can_run(self) -> bool:
        """Whether no other loop runs in this thread, such as that of a test that is a coroutine."""
        from asyncio import _get_running_loop  # noqa: PLC0415 - takes 30 ms, which most tests do not need

        return _get_running_loop() in (None, self._inline_loop)

    @property
    def seconds_until_wakeup(self) -> float:
        """The seconds until a coroutine continues; inf if no task waits for the clock."""
        loop = self._inline_loop
        return math.inf if loop is None else loop.next_wakeup - self._clock.monotonic()

    def stop_loop(self) -> None:
        """Cancel every task, and run the loop until each has cleaned up."""
        super().stop_loop()
        loop = self._inline_loop
        if loop is None or loop.is_closed():
            return
        loop.moves_clock = True
        if self.can_run:
            self._run_loop(loop)
        else:
            loop.close()

    def _start_loop(self) -> asyncio.AbstractEventLoop:
        from jobtui.simulation.inline_loop import InlineLoop  # noqa: PLC0415 - imports asyncio

        self._inline_loop = InlineLoop(self._clock)
        return self._inline_loop


class InlineExecutor(ThreadExecutor):
    """Executes runs in the calling thread as soon as they may start.

    A run that a job requests starts after the job has ended.

    Args:
        dispatcher: The kernel.
        clock: Measures how long the work takes: no time, unless a coroutine waits for the clock to move.
        run_pending: Is called, without the lock, when a run may start.
        on_run_start: Is called with each run before it is executed.

    Attributes:
        loop_runner: Runs the coroutines.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        clock: ManualClock,
        run_pending: Callable[[], None],
        on_run_start: Callable[[RunRecord], None],
    ) -> None:
        self.loop_runner = InlineLoopRunner(clock, dispatcher.attachments)
        super().__init__(dispatcher, clock, self.loop_runner)
        self._run_pending = run_pending
        self._on_run_start = on_run_start
        self._executing = False
        self._interrupt: KeyboardInterrupt | None = None
        self._runs_left = MAX_RUNS

    def wake(self) -> bool:
        """Execute what may start, unless that is being done already."""
        if not self._executing:
            self._run_pending()
        return True

    def begin_instant(self) -> None:
        """Reset the limit of runs at one instant."""
        self._runs_left = MAX_RUNS

    def interrupt(self, run: RunRecord) -> None:
        """Cancel the coroutine of a run, if its work is one, and run it until it has cleaned up or waits."""
        super().interrupt(run)
        self.wake()

    def execute_pending(self, stop: Callable[[], bool] = bool) -> None:
        """Execute the runs that may start, one after the other, until ``stop`` returns True.

        A KeyboardInterrupt fails its run, and is then raised here: the user pressed Ctrl+C.
        """
        worker, was_executing = Worker("inline"), self._executing
        self._executing = True
        try:
            while not stop() and self._dispatcher.take(worker, 1):
                assert worker.batch is not None
                [run] = worker.batch.runs
                self._on_run_start(run)
                self._execute(run, worker)
                self._dispatcher.take(worker, 0)
                self._raise_interrupt()
                self._runs_left -= 1
                if not self._runs_left:
                    raise RuntimeError(
                        f"{MAX_RUNS:,} runs started at one instant: does a job start itself again?"
                    )
        finally:
            self._executing = was_executing

    def resume_coroutines(self) -> None:
        """Run every coroutine that can continue at this instant until it waits again."""
        self.loop_runner.resume()
        self._raise_interrupt()

    def _raise_interrupt(self) -> None:
        interrupt, self._interrupt = self._interrupt, None
        if interrupt is not None:
            raise interrupt

    def _execute(self, run: RunRecord, worker: Worker) -> None:
        super()._execute(run, worker)
        for outcome in worker.outcomes:
            if isinstance(outcome.exception, KeyboardInterrupt):
                self._interrupt = outcome.exception

    def _handle_value(  # noqa: PLR0917 - as the overridden method
        self,
        value: object,
        run: RunRecord,
        outcome: Outcome,
        worker: Worker,
        context: Context,
        started: float,
    ) -> bool:
        if isinstance(value, Coroutine) and not self.loop_runner.can_run:
            value.close()  # or Python warns that it was never awaited
            raise RuntimeError(
                "a coroutine cannot run in this thread, which already runs an event loop: "
                "make the test a plain function, without async"
            )
        return super()._handle_value(value, run, outcome, worker, context, started)

    async def _run_coroutine(self, run: RunRecord, work: Coroutine[Any, Any, Any], started: float) -> None:
        async def note_interrupt() -> object:
            try:
                return await work
            except KeyboardInterrupt as interrupt:
                self._interrupt = interrupt
                raise

        await super()._run_coroutine(run, note_interrupt(), started)
