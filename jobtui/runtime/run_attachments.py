"""Objects that executors and jobs need for runs: outputs, stop requests, and the log of failures."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jobtui.engine.packed_exceptions import PackedException
from jobtui.engine.records import RunRecord
from jobtui.process.terminal_text import DRAWS, draw
from jobtui.runtime.around import Arounds
from jobtui.runtime.clock import SystemClock
from jobtui.runtime.ending_log import EndingLog
from jobtui.runtime.progress_meter import ProgressMeter
from jobtui.runtime.redaction import Redaction
from jobtui.runtime.retry_decisions import never_retry
from jobtui.runtime.run_output import RunOutput, longer_output, output_text
from jobtui.runtime.stop_request import StopRequest

RetryDelay = Callable[[RunRecord, BaseException], float | None]


class RunAttachments:
    """The outputs and the stop requests of the runs of one scheduler, by the numbers of the runs; their log.

    Most runs have neither. Any thread may call the methods at any moment, and needs no lock: the GIL makes
    each operation on a dict atomic, and ``setdefault`` gives all callers the same object.

    Args:
        stop_request_type: The class of the stop requests.
        redaction: Replaces secrets in the texts of runs; None to replace nothing.
        retry_delay: Returns after how many seconds a run is tried again that has raised an exception.

    Attributes:
        outputs: What the runs have printed. The kernel drops an output with the run's entry in the ledger.
        drawn: The line that a run draws again and again, in its latest state: a bar of progress. It follows
            the output.
        stop_requests: The stop requests. The kernel drops one when its run has ended.
        loop_thread: The identifier of the thread that runs the coroutines; None before the first one.
        ending_log: Logs the runs that fail.
        arounds: The functions around the work of every run.
        redaction: Replaces secrets in the texts of runs.
        now: Reads the scheduler's clock, in seconds since the epoch.
        meters: The progress of runs that report it. The kernel drops one when its run has ended.
        announce_progress: Tells the kernel that a run has progressed.
        retry_delay: Returns after how many seconds a run is tried again that has raised an exception; None if
            it is not.
        add_locals: Adds the local variables to an exception as plain data; None to leave them out.
        describe_result: Describes what a run returned, as its reason; None to leave that out.
        in_forked_child: Whether this is the copy of a started scheduler in a forked child.
        forking_run: In a forked child, the run whose work has forked it; None in any other process.
    """

    in_forked_child = False
    forking_run: RunRecord | None = None

    def __init__(
        self,
        stop_request_type: type[StopRequest] = StopRequest,
        redaction: Redaction | None = None,
        retry_delay: RetryDelay = never_retry,
    ) -> None:
        self.outputs: dict[int, str | RunOutput] = {}
        self.drawn: dict[int, str] = {}
        self.stop_requests: dict[int, StopRequest] = {}
        self.loop_thread: int | None = None
        self.ending_log = EndingLog()
        self.arounds = Arounds()
        self.redaction = redaction or Redaction()
        self.now: Callable[[], float] = SystemClock().now
        self.meters: dict[int, ProgressMeter] = {}
        self.announce_progress: Callable[[RunRecord, ProgressMeter], object] = lambda _run, _meter: None
        self.retry_delay = retry_delay
        self.add_locals: Callable[[BaseException, PackedException], PackedException] | None = None
        self.describe_result: Callable[[object], str] | None = None
        self._stop_request_type = stop_request_type

    def write_output(self, run: RunRecord, text: str, limit: int) -> None:
        """Append text to the output of a run, unless it has ended: then the ledger has counted the bytes.

        Args:
            run: The run that writes.
            text: The text.
            limit: How many bytes of the output are kept, if this is its first text.
        """
        number, outputs = run.number, self.outputs
        if text:
            run.job.note_output(run.started, self.now())
        if self.drawn or text[:1] in DRAWS:
            drawn, text = draw(self.drawn.pop(number, ""), text)
            if drawn:
                self.drawn[number] = drawn
        output = outputs.get(number)
        if output is None:
            output = outputs.setdefault(number, "")
        if run.state.ended:  # after the creation, because the kernel looks for outputs to drop after the end
            self.forget(run)
            return
        while isinstance(output, str):
            longer = longer_output(output, text, limit)
            try:
                # No call comes between the two steps, so no other thread, signal handler or destructor does.
                if outputs[number] is output:
                    outputs[number] = longer
                    return
                output = outputs[number]
            except KeyError:  # the run has ended, and the ledger has dropped its output
                return
        output.write(text)

    def output_text(self, number: int) -> str | None:
        """Return what a run has printed; None if there is no output of it."""
        output = self.outputs.get(number)
        return None if output is None else output_text(output) + self.drawn.get(number, "")

    def meter(self, run: RunRecord) -> ProgressMeter:
        """Return the meter of the present attempt of a run; create it on first use."""
        meter = self.meters.get(run.number)
        if meter is None or meter.attempt != run.extras.attempt:
            meter = ProgressMeter(run, self.now, self._announce_progress, self.redaction.redact)
            self.meters[run.number] = meter
            if run.state.ended:  # after the creation: the kernel looks for meters to drop after the end
                self.meters.pop(run.number, None)
        return meter

    def _announce_progress(self, run: RunRecord, meter: ProgressMeter) -> None:
        if not (run.state.ended or self.in_forked_child):
            self.announce_progress(run, meter)

    def stop_request(self, number: int) -> StopRequest:
        """Return the stop request of a live run; create it on first use."""
        request = self.stop_requests.get(number)
        if request is None:
            request = self.stop_requests.setdefault(number, self._stop_request_type())
        return request

    def drop_outputs(self, numbers: Iterable[int]) -> None:
        """Drop the outputs of runs that the ledger has no entry of any more."""
        for number in numbers if self.outputs else ():
            self.outputs.pop(number, None)
            self.drawn.pop(number, None)

    def forget(self, run: RunRecord) -> None:
        """Drop what a run that has ended does not need any more: all but an output in the ledger's care."""
        self.stop_requests.pop(run.number, None)
        self.meters.pop(run.number, None)
        self.drawn.pop(run.number, None)
        if not run.extras.output_bytes:  # of a thread that has outlived the run
            self.outputs.pop(run.number, None)
