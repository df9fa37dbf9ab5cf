"""The functions of ``on_success``, ``on_failure`` and ``on_missed``, and the queue that calls them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import tzinfo
from enum import Enum
from functools import partial

from jobtui.engine.effects import Effects
from jobtui.engine.enums import RunState
from jobtui.engine.packed_exceptions import message_of
from jobtui.engine.records import JOB, STATE, JobRecord, RunRecord, packed_view
from jobtui.engine.runnables import body_kind, check_arguments, function_name
from jobtui.engine.tracebacks import log_exception, logger
from jobtui.engine.views import RunView
from jobtui.runtime.latch import Latch

FLUSH_SECONDS = 5.0  # the longest that a stop waits for the functions


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of a run, or of ticks that started none, as the functions get it.

    Attributes:
        run: The view of the run, or of the ticks. Times are in the scheduler's zone.
        exception: What the work raised; a TimeoutError if the run has timed out; None if it raised nothing.
        result: What the work returned.
    """

    run: RunView
    exception: BaseException | None = None
    result: object = None


Callback = Callable[[Ending], object]


class EndingKind(Enum):
    """The endings for which functions can be registered. The value is the name of the method that does so."""

    SUCCESS = "on_success"
    FAILURE = "on_failure"
    MISSED = "on_missed"


# Cancelled runs are left out, and lost ones, which have ended before this process.
_KIND_OF_STATE = {
    RunState.OK: EndingKind.SUCCESS,
    RunState.FAILED: EndingKind.FAILURE,
    RunState.TIMED_OUT: EndingKind.FAILURE,
    RunState.MISSED: EndingKind.MISSED,
    RunState.SKIPPED: EndingKind.MISSED,
}


class EndingCallbacks:
    """Calls functions for endings: in order, one after the other, in a thread of its own.

    The queue is not bounded, so nothing is lost while a function is slow. Each function of the scheduler is
    called before that of the job.

    Args:
        tz: The zone of the times.
        start: Has a function called, in a thread of its own unless given.

    Attributes:
        used: Whether any function may have been registered, so that results have to be kept.
    """

    def __init__(self, tz: tzinfo, start: Callable[[Callable[[], None]], object] | None = None) -> None:
        self._tz = tz
        self._start = start or _start_thread
        self._functions: dict[EndingKind, list[Callback]] = {kind: [] for kind in EndingKind}
        self._results: dict[int, tuple[object, BaseException | None]] = {}  # until their runs have ended
        self._queue: deque[Callable[[], object]] = deque()
        self._calling = threading.Lock()  # held by the thread that calls the functions
        self._caller: int | None = None
        self.used = False

    def add(self, kind: EndingKind, function: Callback) -> None:
        """Register a function for all jobs.

        Raises:
            TypeError: It cannot be called with an `Ending`.
        """
        self._functions[kind].append(check_callback(function, kind.value))

    def keep_result(self, run: RunRecord, value: object, exception: BaseException | None) -> None:
        """Keep what the work of a run returned or raised, until the run has ended. Call before it ends."""
        kind = _KIND_OF_STATE.get(RunState.OK if exception is None else RunState.FAILED)
        if kind is not None and (self._functions[kind] or _function_of(run.job, kind)):
            self._results[run.number] = value, exception

    def put(self, effects: Effects, jobs: Mapping[str, JobRecord]) -> None:
        """Have the functions called for what has ended. Call this once for each change. Never blocks.

        Args:
            effects: The effects of the change.
            jobs: All jobs, by name.
        """
        for run in effects.ended:
            value, exception = self._results.pop(run.number, (None, None))
            if run.state is RunState.TIMED_OUT:
                exception = TimeoutError(message_of(run.extras.error))
            self._append(run.state, run.job, partial(run.view, self._tz), value, exception)
        for entry in (*effects.unstarted_ticks, *effects.repeated_ticks):
            job = jobs.get(entry[JOB])
            if job is not None:
                self._append(RunState(entry[STATE]), job, partial(packed_view, entry, self._tz))
        self._call_soon()

    def flush(self) -> None:
        """Wait until all functions have been called, but not for long."""
        if not self._queue and not self._calling.locked():
            return
        if self._caller == threading.get_ident():  # a function stops the scheduler
            return
        called = Latch()
        self._queue.append(called.open)
        self._call_soon()
        if not called.wait(FLUSH_SECONDS):
            logger.warning("%d functions for endings have not been called yet", len(self._queue))

    def reset_after_fork(self) -> None:
        """Forget the queue, in a forked child: the parent calls the functions."""
        self._queue.clear()
        self._results.clear()
        self._calling = threading.Lock()

    def _append(
        self,
        state: RunState,
        job: JobRecord,
        view: Callable[[], RunView],
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        kind = _KIND_OF_STATE.get(state)
        if kind is None:
            return
        own = _function_of(job, kind)
        functions = (*self._functions[kind], own) if own else tuple(self._functions[kind])
        if functions:
            self._queue.append(partial(_call_all, functions, kind, view, exception, result))

    def _call_soon(self) -> None:
        if self._queue and not self._calling.locked():  # else its holder looks for more after the release
            with suppress(
                RuntimeError, MemoryError
            ):  # no more threads at the moment: the next call tries again
                self._start(self._call_queued)

    def _call_queued(self) -> None:
        while self._queue and self._calling.acquire(blocking=False):
            try:
                self._caller = threading.get_ident()
                while self._queue:
                    self._queue.popleft()()
            finally:
                self._caller = None
                self._calling.release()


def check_callback(function: Callback, name: str) -> Callback:
    """Return a function that is called with an `Ending`.

    Args:
        function: The function.
        name: The name of the argument or method, for the message.

    Raises:
        TypeError: It is not a function, cannot be called with one argument, or its body would not run.
    """
    if not callable(function):
        raise TypeError(f"{name} must be a function, not {function!r:.80}")
    kind = body_kind(function)
    if kind:
        raise TypeError(f"{name} must be a plain function, not a {kind} function, whose body would not run")
    call: Callable[..., object] = function
    check_arguments(partial(call, None), advice=f"{name} is called with one argument, the ending")
    return function


def _function_of(job: JobRecord, kind: EndingKind) -> Callback | None:
    function: Callback | None = getattr(job.policies, kind.value)
    return function


def _call_all(
    functions: Sequence[Callback],
    kind: EndingKind,
    view: Callable[[], RunView],
    exception: BaseException | None,
    result: object,
) -> None:
    ending = Ending(run=view(), exception=exception, result=result)
    for function in functions:
        try:
            function(ending)
        except BaseException as error:  # noqa: BLE001 - the other functions are called
            name = function_name(function) or repr(function)
            log_exception(f"{kind.value} function {name} raised", error)


def _start_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="jobtui-callbacks", daemon=True).start()
