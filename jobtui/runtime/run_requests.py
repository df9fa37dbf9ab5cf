"""Requests for runs, and the handles of these runs."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context, copy_context

from jobtui.engine.engine import Engine
from jobtui.engine.enums import Cancellation, Trigger
from jobtui.engine.records import Call, JobRecord, RunRecord
from jobtui.runtime.handles import Run
from jobtui.runtime.kernel import Kernel
from jobtui.runtime.lifecycle import Lifecycle
from jobtui.runtime.stop_request import StopRequest

CANCELLED = "cancelled"
PATIENCE = (
    1.0  # seconds for which a run is waited for before a log entry says that its scheduler has not started
)

MakeRun = Callable[["RunRequests", RunRecord], Run]

_NOW = Trigger.NOW  # Python 3.11 is slow to look up the members of an enum


class RunRequests:
    """Requests runs, and serves their handles.

    Args:
        kernel: Makes the changes.
        lifecycle: Knows whether the scheduler accepts runs.
        make_run: Makes a handle.

    Attributes:
        attachments: The outputs and stop requests of the runs.
    """

    def __init__(self, kernel: Kernel, lifecycle: Lifecycle, make_run: MakeRun = Run) -> None:
        self._kernel = kernel
        self._lifecycle = lifecycle
        self._check_accepting = lifecycle.check_accepting
        self._check_own_process = lifecycle.check_own_process
        self._engine = kernel.engine
        self.attachments = kernel.runs.attachments
        self._make_run = make_run
        self._handles = kernel.runs.handles
        self._run_numbers = kernel.engine.run_numbers
        self._now = kernel.clock.now

    def request_run(self, submit: Callable[[Engine, float], RunRecord]) -> Run:
        """Apply a command that creates a run, and return the handle of that run."""
        context = copy_context()

        def accept(engine: Engine, now: float) -> Run:
            self._check_accepting()
            self._kernel.check_clock_step(now)  # before the run, whose instant is computed from the new time
            record = submit(engine, now)
            known = self._handles.get(record.number)
            if known is not None:  # it is tried again at once
                return known
            record.context = context
            run = self._handles[record.number] = self._make_run(self, record)
            return run

        return self._kernel.apply(accept)

    def request_run_now(self, job: JobRecord, call: Call, arguments: str = "") -> Run:
        """Post a one-off run, without waiting for its admission.

        The runs of a one-off job may overlap, so no policy can reject a new one.
        """
        if self._engine.closed:
            self._check_accepting()
        now = self._now()
        record = RunRecord(next(self._run_numbers), job, _NOW, call, now, now)
        record.context = copy_context()
        if arguments:
            record.ensure_extras().arguments = arguments
        run = self._handles[record.number] = self._make_run(self, record)
        self._kernel.post(record)
        return run

    def accept(self, submit: Callable[[Engine, float], RunRecord], context: Context | None) -> Run | None:
        """Apply a command that creates a run whose request has been accepted, even if the scheduler stops.

        Args:
            submit: The command.
            context: The context variables of the request; None if it has no handle.

        Returns:
            The handle.
        """

        def accept(engine: Engine, now: float) -> Run | None:
            self._kernel.check_clock_step(now)
            record = submit(engine, now)
            if context is None:
                return None
            run = self._make_run(self, record)
            if record.ended is None:
                record.context = context
            self._handles[record.number] = run
            return run

        return self._kernel.apply(accept)

    def cancel(self, run: RunRecord) -> Cancellation:
        """Remove a waiting run; interrupt a RUNNING coroutine, or ask a RUNNING thread to stop."""
        self._check_own_process()
        request: StopRequest | None = None

        def cancel(engine: Engine, now: float) -> Cancellation:
            nonlocal request
            done = engine.cancel(run, now, CANCELLED)
            if done is Cancellation.ASKED:
                request = self._kernel.runs.attachments.stop_request(
                    run.number
                )  # which is dropped when the run ends
            return done

        done = self._kernel.apply(cancel)
        return Cancellation.INTERRUPTED if request is not None and request.interrupted else done

    def reason_to_wait(self, run: RunRecord) -> str:
        """Return why a run waits whose record has no reason; "" if it does not, or only for a free slot."""
        return "" if run.state.ended else self._lifecycle.unstarted_reason

    def wait_ended(self, run: Run, timeout: float | None) -> bool:
        """Block until a run has ended, at most ``timeout`` seconds. Returns whether it has.

        Log a warning if the scheduler has not started after a second: the run may never end.
        """
        latch = self._kernel.runs.latch(run)
        if not latch.opened:
            self._kernel.drain_if_alone()
        if (timeout is None or timeout > PATIENCE) and self._lifecycle.unstarted_reason:
            if latch.wait(PATIENCE):
                return True
            self._warn_if_unstarted(run)
            timeout = None if timeout is None else timeout - PATIENCE
        return latch.wait(timeout)

    async def wait_ended_async(self, run: Run, timeout: float | None) -> bool:  # noqa: ASYNC109 - as `Run.result` has it
        """Wait in an event loop as `wait_ended` does."""
        from jobtui.runtime.awaiting import wait_open  # noqa: PLC0415 - lazy: imports asyncio

        latch = self._kernel.runs.latch(run)
        if not latch.opened:
            self._kernel.drain_if_alone()
        if (timeout is None or timeout > PATIENCE) and self._lifecycle.unstarted_reason:
            if await wait_open(latch, PATIENCE):
                return True
            self._warn_if_unstarted(run)
            timeout = None if timeout is None else timeout - PATIENCE
        return await wait_open(latch, timeout)

    def _warn_if_unstarted(self, run: Run) -> None:
        reason = self._lifecycle.unstarted_reason
        if reason and not run.settled:
            self.attachments.ending_log.log_unstarted(run.number, run.job, reason)
