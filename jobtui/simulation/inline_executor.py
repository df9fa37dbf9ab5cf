"""Who does the work where there are no threads: whoever asks for it, one run after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, Any

from jobtui.engine.records import RunRecord
from jobtui.runtime.attachments import stop_request_of
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.executors.base import Dispatcher, Outcome, Worker
from jobtui.runtime.executors.event_loop import EventLoopThread
from jobtui.runtime.executors.threads import ThreadExecutor
from jobtui.runtime.stop_request import StopRequest

if TYPE_CHECKING:
    import asyncio

    from jobtui.simulation.inline_loop import InlineLoop

MOST_RUNS = 100_000  # at one instant; a burst is smaller, and a job that always asks for itself has no end
MOST_WAITS = 1_000  # for its cancellation, in one run, for which time stands


class _StandingRequest(StopRequest):
    """The request to stop a run for which time stands: waiting for it takes none."""

    __slots__ = ("_waits",)

    def __init__(self) -> None:
        super().__init__()
        self._waits = 0

    def wait_requested(self, timeout: float | None) -> bool:
        """As if the time were over."""
        self._waits += 1
        if not self.acknowledge() and (timeout is None or self._waits > MOST_WAITS):
            raise RuntimeError(
                "this job waits to be cancelled, and nobody can do that: time stands while a job runs"
            )
        return self.acknowledge()


class InlineEventLoop(EventLoopThread):
    """One asyncio event loop without a thread, made when the first coroutine comes.

    Args:
        clock: What its time is.
    """

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock
        self._inline: InlineLoop | None = None

    def start_task(self, run: RunRecord, work: Coroutine[Any, Any, None], context: Context) -> bool:
        """Do the work of a run until it waits for something. Returns False once closed."""
        started = super().start_task(run, work, context)
        self.resume()
        return started

    def resume(self) -> None:
        """Let every coroutine go on that can at this instant."""
        loop = self._inline
        while loop is not None and (self._tasks or loop.unfinished) and not loop.is_running():
            try:
                loop.run_until_idle()
            except SystemExit:  # raised in a task that a coroutine has made; it ends nothing else
                continue
            return

    @property
    def may_run(self) -> bool:
        """Whether no other loop runs in this thread, such as that of a test which is a coroutine."""
        from asyncio import _get_running_loop  # noqa: PLC0415 - a test without coroutines need not wait

        return _get_running_loop() in (None, self._inline)

    @property
    def seconds_left(self) -> float:
        """How many seconds no coroutine will go on; inf if time alone brings none to do so."""
        return math.inf if self._inline is None else self._inline.wakes - self._clock.monotonic()

    def stop_loop(self) -> None:
        """Cancel every task and let each clean up."""
        super().stop_loop()
        loop = self._inline
        if loop is None or loop.is_closed():
            return
        loop.closing = True
        if self.may_run:
            self._run_loop(loop)
        else:
            loop.close()

    def _start_loop(self) -> asyncio.AbstractEventLoop:
        from jobtui.simulation.inline_loop import InlineLoop  # noqa: PLC0415 - it brings asyncio

        self._inline = InlineLoop(self._clock)
        return self._inline


class InlineExecutor(ThreadExecutor):
    """Whatever may start is run at once, one after the other, on the thread that asks.

    What a job asks for comes when the job has ended.

    Args:
        dispatcher: Who has the runs.
        clock: Measures how long the work takes, which is nothing unless a coroutine waits for it to move.

    Attributes:
        called: Is called when there is something to run; by default it is run.
        begun: Is told of each run before its work begins.
    """

    def __init__(self, dispatcher: Dispatcher, clock: ManualClock) -> None:
        super().__init__(dispatcher, clock)
        self.called: Callable[[], object] = self._work_off
        self.begun: Callable[[RunRecord], object] = bool
        self._event_loop = self._coroutines = InlineEventLoop(clock)
        self.short_run_limit = 0.0  # there is nobody else to wake
        self._working = False
        self._interrupt: KeyboardInterrupt | None = None
        self._budget = MOST_RUNS

    def wake_or_spawn(self) -> Callable[[], None]:
        """There is something to run; under the lock. Returns what runs it, after the lock."""
        return self._come

    def _come(self) -> None:
        if not self._working:
            self.called()

    def _work_off(self) -> None:
        self.refresh()
        self.work()

    def refresh(self) -> None:
        """Begin to count the runs of another instant."""
        self._budget = MOST_RUNS

    def interrupt(self, run: RunRecord) -> None:
        """Cancel the coroutine of a run, if its work is one, and let it see that."""
        super().interrupt(run)
        self._come()

    def mark_idle(self, worker: Worker) -> None:
        """Nobody rests."""

    def work(self, enough: Callable[[], bool] = bool) -> None:
        """Run what may start, until it is enough.

        Raises:
            KeyboardInterrupt: The user has had enough; the run that it came to is FAILED.
            RuntimeError: There is no end to it at this instant.
        """
        worker, before = Worker("inline"), self._working
        self._working = True
        try:
            while not enough() and (run := self._dispatcher.finish_and_start_next(worker)) is not None:
                stop_request_of(run, _StandingRequest)
                self.begun(run)
                self._execute(run, worker)
                self._dispatcher.report(worker.outcome)
                self._check_interrupt()
                self._check_budget()
        finally:
            self._working = before

    def resume(self) -> None:
        """Let every coroutine go on that can at this instant.

        Raises:
            KeyboardInterrupt: As for `work`.
        """
        self._coroutines.resume()
        self._check_interrupt()

    @property
    def seconds_left(self) -> float:
        """How many seconds no coroutine will go on; inf if time alone brings none to do so."""
        return self._coroutines.seconds_left

    def _check_budget(self) -> None:
        self._budget -= 1
        if not self._budget:
            raise RuntimeError(f"{MOST_RUNS:,} runs started at one instant: does a job ask for itself?")

    def _check_interrupt(self) -> None:
        interrupt, self._interrupt = self._interrupt, None
        if interrupt is not None:
            raise interrupt

    def _execute(self, run: RunRecord, worker: Worker) -> None:
        super()._execute(run, worker)
        if isinstance(worker.outcome.exception, KeyboardInterrupt):
            self._interrupt = worker.outcome.exception

    def _handle_value(
        self, value: object, run: RunRecord, outcome: Outcome, context: Context, started: float
    ) -> None:
        if isinstance(value, Coroutine) and not self._coroutines.may_run:
            value.close()  # or Python warns that it was never awaited
            raise RuntimeError(
                "an event loop runs in this thread already, so that a coroutine cannot be run here: "
                "let the test be a plain function, without async"
            )
        super()._handle_value(value, run, outcome, context, started)

    async def _run_coroutine(self, run: RunRecord, work: Coroutine[Any, Any, Any], started: float) -> None:
        async def watched() -> object:
            try:
                return await work
            except KeyboardInterrupt as interrupt:
                self._interrupt = interrupt
                raise

        await super()._run_coroutine(run, watched(), started)
