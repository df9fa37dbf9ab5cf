"""The executor of the test kit: executes one run after the other, in the thread that requests them."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from jobtui.engine.packed_exceptions import Frames
from jobtui.engine.records import RunRecord
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.executors.base import (
    Dispatcher,
    Worker,
    call_function,
    close_coroutine,
    report_failure,
    take_context,
)
from jobtui.runtime.executors.event_loop import CoroutineExecutor
from jobtui.runtime.stop_request import StopRequest

if TYPE_CHECKING:
    import asyncio

    from jobtui.simulation.inline_loop import InlineLoop

MAX_RUNS = 100_000  # at one instant; only a job that always starts itself again exceeds it
MAX_WAITS = 1_000  # of one run for its cancellation, at one instant

OTHER_LOOP = (
    "a coroutine cannot run in this thread, which already runs an event loop: "
    "make the test a plain function, without async"
)

SIMULATED = (
    "a simulated scheduler runs coroutines in a loop of its own, on its clock: "
    "write  with simulated() as scheduler:  without async"
)


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


class InlineExecutor:
    """Executes runs in the calling thread as soon as they may start.

    A run that a job requests starts after the job has ended. Coroutines are executed by an asyncio event loop
    in the same thread, which is created for the first coroutine.

    Args:
        dispatcher: Gives runs to the workers, and records their outcomes.
        clock: Measures how long the work takes: no time, unless a coroutine waits for the clock to move.
        run_pending: Is called, without the lock, when a run may start.
        on_run_start: Is called with each run before it is executed.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        clock: ManualClock,
        run_pending: Callable[[], None],
        on_run_start: Callable[[RunRecord], None],
    ) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._run_pending = run_pending
        self._on_run_start = on_run_start
        self._loop: InlineLoop | None = None
        self._coroutines = CoroutineExecutor(dispatcher, clock, self._make_loop, at_most=0)
        self._executing = False
        self._interrupt: KeyboardInterrupt | None = None
        self._runs_left = MAX_RUNS

    # --- for the kernel ---------------------------------------------------------------------------

    def wake(self) -> bool:
        """Execute what may start, unless that is being done already."""
        if not self._executing:
            self._run_pending()
        return True

    def start(self) -> None:
        """Execute what may start, unless that is being done already."""
        self.wake()

    def use_loop(self, loop: asyncio.AbstractEventLoop) -> None:  # noqa: ARG002 - one loop fits
        """Raise RuntimeError: coroutines are executed in a loop on the clock of the test."""
        raise RuntimeError(SIMULATED)

    def interrupt(self, run: RunRecord) -> None:
        """Cancel the coroutine of a run, if its work is one, and run it until it has cleaned up or waits."""
        self._coroutines.interrupt(run)
        self.wake()

    def frames_of(self, run: RunRecord) -> Frames:
        """Return where the coroutine of a run is; () if it has none."""
        return self._coroutines.frames_of(run)

    def close(self) -> None:
        """Cancel every coroutine, and run the loop until each has cleaned up."""
        self._coroutines.close()
        loop = self._loop
        if loop is None or loop.is_closed() or loop.is_running():  # a coroutine that cleans up may call this
            return
        loop.moves_clock = True
        if self._can_run_loop:
            self._coroutines.run_loop(loop)
        else:
            loop.close()

    def wait_cleaned_up(self, timeout: float) -> None:
        """Do nothing: there is no loop of the application."""

    def check_workers(self) -> bool:
        """Do nothing: there are no threads that could have died."""
        return False

    def reset_after_fork(self) -> None:
        """Do nothing: the child has the calling thread, too."""

    # --- executing runs ---------------------------------------------------------------------------

    def begin_instant(self) -> None:
        """Reset the limit of runs at one instant."""
        self._runs_left = MAX_RUNS

    def execute_pending(self, stop: Callable[[], bool] = bool) -> None:
        """Execute the runs that may start, one after the other, until ``stop`` returns True.

        A KeyboardInterrupt fails its run, and is then raised here: the user pressed Ctrl+C.
        """
        worker, was_executing = Worker("inline"), self._executing
        self._executing = True
        try:
            while not stop() and self._dispatcher.take(worker, 1):
                assert worker.batch is not None
                [run] = *worker.batch.runs, *worker.batch.coroutines
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

    def _execute(self, run: RunRecord, worker: Worker) -> None:
        """Execute a run; if it is a coroutine, until that waits."""
        context = take_context(run) or copy_context()
        outcomes = worker.outcomes
        coroutine = context.run(
            call_function, run, self._dispatcher.attachments, self._clock.monotonic, outcomes
        )
        if coroutine is None:
            if isinstance(outcomes[-1].exception, KeyboardInterrupt):
                self._interrupt = outcomes[-1].exception
        elif self._can_run_loop:
            coroutine.value = self._note_interrupt(coroutine.value)
            self._coroutines.start_coroutine(coroutine, context)
            self._resume()
        else:
            close_coroutine(coroutine)
            coroutine.value = None
            coroutine.set_exception(RuntimeError(OTHER_LOOP), skip=__file__)
            report_failure(coroutine, self._dispatcher.attachments)
            outcomes.append(coroutine)

    async def _note_interrupt(self, work: Any) -> object:
        try:
            return await work
        except KeyboardInterrupt as interrupt:
            self._interrupt = interrupt
            raise

    def _raise_interrupt(self) -> None:
        interrupt, self._interrupt = self._interrupt, None
        if interrupt is not None:
            raise interrupt

    # --- coroutines -------------------------------------------------------------------------------

    @property
    def in_loop(self) -> bool:
        """Whether the caller is a coroutine in the executor's loop."""
        return self._loop is not None and self._loop.is_running()

    @property
    def seconds_until_wakeup(self) -> float:
        """The seconds until a coroutine continues; inf if no task waits for the clock."""
        loop = self._loop
        return math.inf if loop is None else loop.next_wakeup - self._clock.monotonic()

    def resume_coroutines(self) -> None:
        """Run every coroutine that can continue at this instant until it waits again."""
        self._resume()
        self._raise_interrupt()

    def _resume(self) -> None:
        loop = self._loop
        while (
            loop is not None
            and (self._coroutines.has_tasks or loop.has_waiting_tasks)
            and not loop.is_running()
        ):
            try:
                loop.run_until_idle()
            except SystemExit:  # from a task that a coroutine created; other tasks continue
                continue
            return

    @property
    def _can_run_loop(self) -> bool:
        """Whether no other loop runs in this thread, such as that of a test that is a coroutine."""
        from asyncio import _get_running_loop  # noqa: PLC0415 - takes 30 ms, which most tests do not need

        return _get_running_loop() in (None, self._loop)

    def _make_loop(self) -> asyncio.AbstractEventLoop:
        from jobtui.simulation.inline_loop import InlineLoop  # noqa: PLC0415 - imports asyncio

        self._loop = InlineLoop(self._clock)
        return self._loop
