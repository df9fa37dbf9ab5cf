"""Side tables by run number: the objects of live runs that the engine's records do not hold."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from jobtui.engine.enums import RunState
from jobtui.engine.records import RunRecord
from jobtui.runtime.ending_callbacks import EndingCallbacks
from jobtui.runtime.executors.base import Outcome
from jobtui.runtime.handles import Run
from jobtui.runtime.kept_calls import KeptCalls
from jobtui.runtime.latch import Latch
from jobtui.runtime.run_attachments import RunAttachments
from jobtui.runtime.run_output import RUN_BYTES, output_memory
from jobtui.runtime.stop_request import final_state


class RunTables:
    """The handles of the live runs, the latches at which threads wait for their end, and the attachments.

    The GIL makes each operation on a dict atomic, so no lock protects the tables.

    Args:
        attachments: The outputs and stop requests of the runs.
        callbacks: Gets what the runs return and raise.
        calls: Keeps the calls of runs that have ended.

    Attributes:
        attachments: The outputs and stop requests of the runs.
        callbacks: Calls functions for endings.
        handles: The handles of the live runs, by number.
        calls: The calls of runs that have ended.
    """

    def __init__(self, attachments: RunAttachments, callbacks: EndingCallbacks, calls: KeptCalls) -> None:
        self.calls = calls
        self.attachments = attachments
        self.callbacks = callbacks
        self.handles: dict[int, Run] = {}
        self._latches: dict[int, Latch] = {}  # opened when the run of that number ends, if a thread waits

    def latch(self, run: Run) -> Latch:
        """Return the latch that is opened when a run ends; an open one if it has ended."""
        latch = self._latches.setdefault(run.number, Latch())
        if run.settled:  # read after the latch was added: `settle` sets this, and then takes the latch
            self._latches.pop(run.number, None)
            latch.open()
        return latch

    def keep_results(self, outcomes: Iterable[Outcome], may_retry: Callable[[RunRecord], bool]) -> None:
        """Store what the work of runs returned or raised, before the runs end. Call with the state lock held.

        If a run was asked to stop, decide the state in which it ends. Note the size of its output.

        Args:
            outcomes: How the work ended.
            may_retry: Returns whether a run may be tried again. Its result is then not kept.
        """
        stop_requests, outputs = self.attachments.stop_requests, self.attachments.outputs
        is_plain = not (stop_requests or outputs or self.callbacks.used)
        for outcome in outcomes:
            if is_plain and outcome.value is None and outcome.exception is None:  # as most runs end
                continue
            number = outcome.run.number
            if stop_requests and (request := stop_requests.get(number)) is not None:
                outcome.state, outcome.reason = final_state(
                    request,
                    outcome.state,
                    outcome.reason,
                    honoured=outcome.honoured_stop,
                    timed_out=outcome.run.extras.timed_out,
                )
            if outcome.retry_in is not None and may_retry(outcome.run):
                if outcome.run.extras.timed_out:
                    stop_requests.pop(number, None)  # the next attempt is not asked to stop yet
                continue
            if outputs and number in outputs:
                self.count_output(outcome.run)
            # A run that was given up has no handle any more; a cancelled one has no result, nor has one that
            # has timed out.
            value, exception = outcome.value, outcome.exception
            has_result = outcome.state.completed and outcome.state is not RunState.TIMED_OUT
            if self.callbacks.used and has_result:
                self.callbacks.keep_result(outcome.run, value, exception)
            if (value is not None or exception is not None) and has_result:
                handle = self.handles.get(number)
                if handle is not None:
                    handle.set_result(value, exception)

    def count_output(self, run: RunRecord) -> None:
        """Note how much memory the output of a run that ends takes, for the ledger."""
        if run.number in self.attachments.drawn:
            self.attachments.write_output(run, "", RUN_BYTES)
        output = self.attachments.outputs.get(run.number)
        if output is not None:
            run.ensure_extras().output_bytes = output_memory(output)

    def settle(self, runs: Iterable[RunRecord], garbage: deque[object]) -> None:
        """Wake the threads that wait for the end of runs, and give up the runs' handles, calls and results.

        Args:
            runs: Runs that have ended.
            garbage: Gets what is given up.
        """
        handles, latches, drop = self.handles, self._latches, garbage.append
        stop_requests, outputs = self.attachments.stop_requests, self.attachments.outputs
        meters = self.attachments.meters
        self.calls.keep(runs, drop)  # before the end of a run can be seen
        for run in runs:
            number = run.number
            # Each is taken out last, because this is done again if an exception interrupts it.
            handle = handles.get(number)
            if handle is not None:
                handle.settled = True  # before the latch is opened: see `latch`
                drop(handle)
                handles.pop(number, None)
            if latches and (latch := latches.get(number)) is not None:
                latch.open()
                latches.pop(number, None)
            if number in stop_requests or number in outputs or number in meters:
                self.attachments.forget(run)
            if run.context is not None:  # it has never started, or may have had several attempts
                drop(run.context)
                run.context = None
