"""The two protocols between executors and the rest of the runtime, and the values that they exchange."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from contextvars import Context
from typing import TYPE_CHECKING, Protocol

from jobtui.engine.batch import Batch
from jobtui.engine.enums import RunState
from jobtui.engine.packed_exceptions import Frames, PackedException, pack_exception
from jobtui.engine.records import RunRecord
from jobtui.engine.tracebacks import format_traceback, one_line
from jobtui.process.forked_child import end_forked_child
from jobtui.runtime.captured_streams import CapturedStream
from jobtui.runtime.current_run import CurrentRun, run_of_context
from jobtui.runtime.executors.lazy_results import check_result, is_coroutine
from jobtui.runtime.run_attachments import RunAttachments
from jobtui.runtime.stop_request import RunCancelledError, final_state
from jobtui.runtime.stream_guard import guard

if TYPE_CHECKING:
    import asyncio

_FAILED = RunState.FAILED  # an alias, because Python 3.11 is slow to look up the members of an enum

IDLE_SECONDS = 30.0  # an idle worker's thread ends after this long without work


class Outcome:
    """The end of a run's work: by default the run is OK and returned None.

    Attributes:
        run: The run.
        elapsed: How long the work took, in seconds.
        state: OK or FAILED.
        value: What the work returned.
        exception: What the work raised, or None.
        error: The exception as plain data; () if there is none.
        reason: How the run ended, in words; "" if it is OK, or if the exception says it.
        retry_in: After how many seconds the run is to be tried again; None if it is not.
        honoured_stop: Whether the exception says that the work stopped on request.
        contexts: Those of the functions around the work, if they are open until a coroutine has ended.
    """

    # Defaults of the class, because most runs set none of them.
    state = RunState.OK
    value: object = None
    exception: BaseException | None = None
    error: PackedException = ()
    reason = ""
    retry_in: float | None = None
    honoured_stop = False
    contexts: ExitStack | None = None

    def __init__(self, run: RunRecord, elapsed: float = 0.0) -> None:
        self.run = run
        self.elapsed = elapsed

    def set_exception(self, exception: BaseException, *, skip: str) -> None:
        """Record what the work raised. The traceback omits frames of the file ``skip``, the executor's."""
        self.state = _FAILED
        self.exception = exception
        self.error = pack_exception(exception, skip=skip)
        self.honoured_stop = issubclass(type(exception), RunCancelledError)  # `__class__` may be overridden


class ExecutorThread(threading.Thread):
    """A daemon thread that knows whether it has ended.

    `Thread.is_alive` does not: an exception from outside that interrupts it has Python 3.11 and 3.12 count a
    live thread as dead.

    Args:
        work: What the thread does.
        name: The name of the thread.
    """

    def __init__(self, work: Callable[[], object], *, name: str) -> None:
        super().__init__(target=work, name=name, daemon=True)
        self._begun = False
        self._ended = False

    @property
    def dead(self) -> bool:
        """Whether the thread has ended, or has never begun."""
        return self._ended or not (self._begun or self.is_alive())

    def run(self) -> None:
        """Do the work."""
        try:
            self._begun = True
            super().run()
        finally:
            self._ended = True


class Worker:
    """One thread that takes runs, executes them, and hands in their outcomes.

    Args:
        name: The name that people read.
        coroutines_only: Whether it takes only runs whose calls make coroutines.

    Attributes:
        batch: The runs that it has taken; None while it has none.
        outcomes: The outcomes of runs that it has executed and not handed in, in order.
        handed_over: The runs of the batch whose functions returned coroutines, which the event loop executes.
        current: The run that it executes, or has executed last.
        thread: The thread; None if it is not one of the executor's own worker threads.
    """

    __slots__ = (
        "_wakeup_lock",
        "batch",
        "coroutines_only",
        "current",
        "handed_over",
        "name",
        "outcomes",
        "thread",
    )

    def __init__(self, name: str, *, coroutines_only: bool = False) -> None:
        self.name = name
        self.coroutines_only = coroutines_only
        self.batch: Batch | None = None
        self.outcomes: list[Outcome] = []
        self.handed_over: list[RunRecord] = []
        self.current: RunRecord | None = None
        self.thread: ExecutorThread | None = None
        self._wakeup_lock = threading.Lock()  # released to wake the worker; an Event would take three locks
        self._wakeup_lock.acquire()

    def clear(self) -> None:
        """Forget the batch, which has been handed in."""
        self.batch = self.current = None
        self.outcomes = []
        self.handed_over = []

    def wake(self) -> None:
        """Wake the worker; if it is awake, its next sleep ends at once."""
        with suppress(RuntimeError):  # released already
            self._wakeup_lock.release()

    def sleep(self) -> bool:
        """Block until the worker is woken, or for `IDLE_SECONDS`. Returns whether it was woken."""
        return self._wakeup_lock.acquire(timeout=IDLE_SECONDS)


class Executor(Protocol):
    """Does the work of runs. The kernel calls it in any thread, and never with the state lock held.

    An executor pulls: its workers take runs from the `Dispatcher`, and hand in the outcome of each run that
    they have taken exactly once. The kernel only tells it that there is something to take.
    """

    def wake(self) -> bool:
        """Have a worker call `Dispatcher.take` soon, if one is free. Returns whether that is so."""

    def start(self) -> None:
        """Have a worker call `Dispatcher.take` soon, because a run may start. Start a worker if none is free.

        One worker is enough: if it leaves runs in the queue, the kernel calls this again.
        """

    def use_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Execute coroutines in a loop of the application, which runs. Called before the start.

        Raises:
            RuntimeError: This executor cannot do that.
        """

    def interrupt(self, run: RunRecord) -> None:
        """Interrupt the work of a RUNNING run that has been asked to stop, if its work can be interrupted."""

    def frames_of(self, run: RunRecord) -> Frames:
        """Return the frames of the thread or task that executes a run, outermost first; () if none does."""

    def close(self) -> None:
        """Let all workers end when they are idle, and cancel the coroutines that still run. Does not wait."""

    def wait_cleaned_up(self, timeout: float) -> None:
        """Block until the coroutines in a loop of the application have ended, at most so many seconds."""

    def check_workers(self) -> bool:
        """Recover the runs of workers whose threads have died. Returns whether a worker is not idle."""

    def reset_after_fork(self) -> None:
        """Forget the threads, in a forked child, which has none of them."""


class Dispatcher(Protocol):
    """Gives runs to executors. They call it without the state lock.

    Attributes:
        attachments: The outputs and stop requests of the runs.
    """

    attachments: RunAttachments

    def take(self, worker: Worker, at_most: int) -> bool:
        """Hand in the worker's outcomes, and take its next batch.

        Args:
            worker: The worker.
            at_most: How many runs it takes at most; 0 to hand in only.

        Returns:
            Whether there is a batch.
        """

    def has_work(self) -> bool:
        """Return whether the inbox holds something, or a run may start."""

    def recover(self, worker: Worker, error: BaseException) -> None:
        """Record an exception that came between a worker's runs, and end the runs that it interrupted."""

    def check_workers_soon(self) -> None:
        """Have the executor's `check_workers` called soon: a thread was started, or could not be."""


def call_function(  # noqa: C901, PLR0912 - every run takes this path: calls take longer than its steps
    run: RunRecord, attachments: RunAttachments, monotonic: Callable[[], float], outcomes: list[Outcome]
) -> Outcome | None:
    """Call the function of a run. Call this in a context of its own, which becomes that of the run.

    Args:
        run: The run.
        attachments: The outputs and stop requests of the runs.
        monotonic: The clock that measures how long the call takes.
        outcomes: Gets the outcome, unless the function has returned a coroutine.

    Returns:
        The outcome whose value is a coroutine, which must still be awaited; else None.
    """
    call = run.call
    if call is None or run.state.ended:  # the run has been given up
        return None
    run_of_context.set((run, attachments))
    if guard.streams is not None:
        guard.begin(run)
        if run.extras.attempts_made:
            mark_attempt(run, attachments)
    started = monotonic()
    contexts: ExitStack | None = None
    try:
        if attachments.arounds.functions:
            value, contexts = _call_in_contexts(call, run, attachments)
        else:
            value = call()
        if value is not None:
            if is_coroutine(value):
                outcome = Outcome(run, monotonic() - started)
                outcome.value, outcome.contexts = value, contexts
                return outcome
            check_result(value)
    except BaseException as exception:  # noqa: BLE001 - SystemExit and KeyboardInterrupt fail the run alone
        outcome = Outcome(run, monotonic() - started)
        outcome.set_exception(exception, skip=__file__)
        report_failure(outcome, attachments)
    else:
        if run is attachments.forking_run:
            end_forked_child()
        outcome = Outcome(run, monotonic() - started)
        outcome.value = value
        if value is not None and attachments.describe_result is not None:
            outcome.reason = attachments.describe_result(value)
        if attachments.stop_requests:
            report_timeout(outcome, attachments)
    if guard.streams is not None:
        guard.end(run)
    outcomes.append(outcome)
    # The traceback of an exception keeps this frame and those of the callers. If one of them kept the
    # exception, only the garbage collector would free it, at any moment: perhaps with the lock held.
    del outcome
    return None


def mark_attempt(run: RunRecord, attachments: RunAttachments) -> None:
    """Write to the output of a run, if it is captured, that a further attempt begins."""
    streams = guard.streams
    if streams is not None and isinstance(streams[0], CapturedStream):
        streams[0].mark_attempt(run, attachments)


def _call_in_contexts(
    call: Callable[[], object], run: RunRecord, attachments: RunAttachments
) -> tuple[object, ExitStack | None]:
    """Call the function of a run in the contexts that are to be around it.

    Returns:
        The value that it returned, and the contexts if the value is a coroutine, for which they stay open.
    """
    value: object = None
    with attachments.arounds.enter(CurrentRun(run, attachments)) as contexts:
        value = call()
        if is_coroutine(value):
            return value, contexts.pop_all()
    return value, None


def report_failure(outcome: Outcome, attachments: RunAttachments) -> None:
    """Redact the exception of a run, decide whether the run is tried again, and log the exception.

    In a child that the work has forked, end the child instead: the run is one of the parent.

    Call this in the context of the work. Nothing is logged if the run has stopped on request, except that it
    is tried again.
    """
    run = outcome.run
    outcome.error = attachments.redaction.redact_error(outcome.error)
    if attachments.in_forked_child and outcome.exception is not None:
        end_forked_child(outcome.exception, format_traceback(outcome.error))
    request = attachments.stop_requests.get(run.number) if outcome.honoured_stop else None
    was_stopped = outcome.honoured_stop and (run.state.ended or bool(request and request.reason))
    if was_stopped:
        report_timeout(outcome, attachments)
    if outcome.exception is None or was_stopped:
        return
    run_of_context.set(None)  # a log handler may write to the captured output
    was_cancelled = bool(run.extras.stop_reason) and not run.extras.timed_out
    if run.extras.attempts > 1 and not was_cancelled and not run.state.ended:
        outcome.retry_in = attachments.retry_delay(run, outcome.exception)
    if outcome.retry_in is None:
        attachments.ending_log.log_failure(run, outcome.exception, outcome.error)
    else:
        attachments.ending_log.log_retry(run, outcome.error, outcome.retry_in)
    if attachments.add_locals is not None:  # after the log, which must not have them
        outcome.error = attachments.add_locals(outcome.exception, outcome.error)


def report_timeout(outcome: Outcome, attachments: RunAttachments) -> None:
    """Decide whether a run is tried again, and log that, if its work has stopped because of its timeout.

    Call this as `report_failure`. It is an attempt that has failed with a TimeoutError.
    """
    run = outcome.run
    request = attachments.stop_requests.get(run.number)
    if request is None or not run.extras.timed_out or run.state.ended:
        return
    state, reason = final_state(request, outcome.state, "", honoured=outcome.honoured_stop, timed_out=True)
    if state is RunState.TIMED_OUT:
        run_of_context.set(None)  # as in `report_failure`
        outcome.retry_in = attachments.retry_delay(run, TimeoutError(reason))
        if outcome.retry_in is not None:
            attachments.ending_log.log_retry(run, run.extras.overtime, outcome.retry_in)


def take_context(run: RunRecord) -> Context | None:
    """Return the context in which the work of a run executes; None for a copy of the executor's.

    The run keeps its own for another attempt. Otherwise it loses it, because the context may hold objects of
    the user, and is dropped here without the lock.
    """
    context = run.context
    if context is not None and run.job.policies.retry.times:
        return context.copy()
    run.context = None
    return context


def close_coroutine(outcome: Outcome) -> None:
    """Close the coroutine that a function has returned, or Python warns that it was never awaited."""
    if is_coroutine(outcome.value):
        outcome.value.close()
    if outcome.contexts is not None:
        with suppress(BaseException):  # of the user's code; the run has ended otherwise
            outcome.contexts.close()


def interrupted_outcome(run: RunRecord, error: BaseException) -> Outcome:
    """Return the outcome of a run that an exception of the scheduler, or from outside, interrupted."""
    outcome = Outcome(run)
    outcome.state = _FAILED
    outcome.reason = f"error inside the scheduler: {one_line(error)}"
    return outcome
