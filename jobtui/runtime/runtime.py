"""The runtime: composes the parts of a scheduler, each of which does one thing.

The kernel makes every change. The dispatcher gives runs to the executor, and the poller is what the timer
calls. Requests, observation and lifecycle are what the `Scheduler` offers to its users.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from functools import partial
from random import random

from jobtui.engine.engine import Engine
from jobtui.engine.ledger import Ledger
from jobtui.engine.pool import MOST_ABANDONED
from jobtui.runtime.clock import Clock
from jobtui.runtime.dispatcher import RunDispatcher
from jobtui.runtime.ending_callbacks import EndingCallbacks
from jobtui.runtime.executors.base import Dispatcher, Executor
from jobtui.runtime.executors.threads import ThreadExecutor
from jobtui.runtime.handles import Run
from jobtui.runtime.kept_calls import KeptCalls
from jobtui.runtime.kernel import Kernel
from jobtui.runtime.latch import Latch
from jobtui.runtime.lifecycle import Lifecycle, WaitUntilDrained
from jobtui.runtime.observation import Observation
from jobtui.runtime.poller import Poller
from jobtui.runtime.redaction import Redaction
from jobtui.runtime.retry_decisions import RetryDecisions
from jobtui.runtime.run_attachments import RunAttachments
from jobtui.runtime.run_requests import MakeRun, RunRequests
from jobtui.runtime.run_tables import RunTables
from jobtui.runtime.stop_request import StopRequest
from jobtui.runtime.timer import Timer
from jobtui.schedules.quiet_times import NO_QUIET_TIMES, QuietTimes


class Runtime:
    """The parts of one scheduler.

    Args:
        pool: How many runs may be RUNNING at once; 0 for no limit.
        abandoned: How many abandoned runs there may be.
        quiet: The times in which nothing starts.
        tz: The zone of the times in views and reasons.
        clock: The source of time.
        ledger: Stores the endings of runs and ticks.
        redaction: Replaces secrets in the texts of runs; None to replace nothing.
        make_executor: Makes the executor, which calls the dispatcher.
        make_timer: Makes the timer, from the arguments of `Timer`.
        make_run: Makes the handle of a run.
        stop_request_type: The class of the stop requests of runs.
        wait_until_drained: Waits for the running work at a stop.
        start_callbacks: Has a function called that calls those for endings; None for a thread of its own.
        random: Returns a number from 0 to 1, for the jitter of retries.

    Attributes:
        kernel: Makes every change.
        poller: What the timer's thread does.
        lifecycle: Starts and stops the scheduler.
        requests: Requests runs.
        observation: Takes snapshots, adds subscriptions.
    """

    def __init__(
        self,
        *,
        pool: int,
        tz: tzinfo,
        clock: Clock,
        ledger: Ledger,
        redaction: Redaction | None = None,
        abandoned: int = MOST_ABANDONED,
        quiet: QuietTimes = NO_QUIET_TIMES,
        make_executor: Callable[[Dispatcher, Clock], Executor] = ThreadExecutor,
        make_timer: Callable[..., Timer] = Timer,
        make_run: MakeRun = Run,
        stop_request_type: type[StopRequest] = StopRequest,
        wait_until_drained: WaitUntilDrained = Latch.wait,
        start_callbacks: Callable[[Callable[[], None]], object] | None = None,
        random: Callable[[], float] = random,
    ) -> None:
        engine = Engine(pool=pool, tz=tz, ledger=ledger, abandoned=abandoned, quiet=quiet)
        callbacks = EndingCallbacks(tz, start_callbacks)
        retries = RetryDecisions(engine, clock.now, random)
        self.kernel = kernel = Kernel(
            engine=engine,
            clock=clock,
            runs=RunTables(
                RunAttachments(stop_request_type, redaction, retries.delay_after_failure),
                callbacks,
                KeptCalls(ledger.limit),
            ),
        )
        self.poller = poller = Poller(kernel)

        def connect() -> tuple[Executor, Timer]:
            """Make an executor and a timer, and connect them with the rest."""
            dispatcher = RunDispatcher(kernel, poller)
            executor = make_executor(dispatcher, kernel.clock)
            timer = make_timer(poller.poll, poller.report_error, kernel.clock.monotonic)
            kernel.connect(dispatcher, executor, timer)
            poller.connect(executor, timer)
            return executor, timer

        self.lifecycle = Lifecycle(kernel, poller, connect, wait_until_drained=wait_until_drained)
        self.requests = RunRequests(kernel, self.lifecycle, make_run)
        self.observation = Observation(kernel)

    def use_callbacks(self) -> EndingCallbacks:
        """Return what calls functions for endings, and let it know of every ending from now on."""
        callbacks = self.kernel.runs.callbacks
        if not callbacks.used:
            callbacks.used = True
            self.kernel.consumers += (partial(callbacks.put, jobs=self.kernel.engine.jobs),)
        return callbacks
