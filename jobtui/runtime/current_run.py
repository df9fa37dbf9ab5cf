"""The run that the calling code works for: `current_run` for jobs, `run_of_context` for the runtime."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextvars import ContextVar
from datetime import datetime
from typing import TypeVar, overload

from jobtui.engine.enums import RunState, Trigger
from jobtui.engine.records import RunRecord, utc
from jobtui.runtime.progress_meter import check_report, length_of
from jobtui.runtime.run_attachments import RunAttachments

Item = TypeVar("Item")

# The run, and the attachments of its scheduler's runs. Set in the context in which an executor calls a job,
# and so inherited by the job's asyncio tasks.
run_of_context: ContextVar[tuple[RunRecord, RunAttachments] | None] = ContextVar(
    "run_of_context", default=None
)


class CurrentRun:
    """The run that the calling code belongs to, as `current_run` returns it. Thread-safe."""

    __slots__ = ("_attachments", "_record")

    def __init__(self, record: RunRecord, attachments: RunAttachments) -> None:
        self._record = record
        self._attachments = attachments

    @property
    def number(self) -> int:
        """The run's number, counted from 1 in its scheduler."""
        return self._record.number

    @property
    def job(self) -> str:
        """The name of the run's job."""
        return self._record.job.name

    @property
    def trigger(self) -> Trigger:
        """The cause of the run: a tick, ``now``, ``in_``, ``at``, or a person."""
        return self._record.trigger

    @property
    def attempt(self) -> int:
        """Which execution of its request the run is, counted from 1."""
        return self._record.extras.attempt

    @property
    def due(self) -> datetime | None:
        """The tick, or the instant passed to ``in_`` or ``at``, in UTC; None for any other trigger."""
        return None if self._record.due is None else utc(self._record.due)

    @property
    def cancelled(self) -> bool:
        """Whether the run has been asked to stop. A job that reads True here and returns is CANCELLED."""
        request = self._attachments.stop_requests.get(self._record.number)
        return self._was_cancelled if request is None else request.acknowledge()

    def remaining(self) -> float | None:
        """Return how many seconds are left until the run's timeout, at least 0; None without a timeout."""
        deadline = self._record.extras.deadline
        return None if deadline is None else max(0.0, deadline - self._attachments.now())

    @property
    def _was_cancelled(self) -> bool:
        """Whether the run has ended, and was asked to stop before: a thread of the job may still work."""
        state = self._record.state
        return state is RunState.CANCELLED or (state.ended and bool(self._record.extras.stop_reason))

    def wait_cancelled(self, timeout: float | None = None) -> bool:
        """Block until the run is asked to stop: a ``time.sleep`` that ends early.

        Args:
            timeout: The longest time to block, in seconds; None for no limit.

        Returns:
            Whether the run has been asked to stop.

        Raises:
            RuntimeError: The caller is a coroutine of the scheduler, whose event loop this would block.
        """
        if threading.get_ident() == self._attachments.loop_thread and (timeout is None or timeout > 0):
            raise RuntimeError(
                "wait_cancelled() would block the event loop, which runs every coroutine of the scheduler; "
                "in a coroutine write  await asyncio.sleep(seconds),  which a cancellation interrupts"
            )
        request = self._attachments.stop_request(self._record.number)
        if self._record.state.ended:
            self._attachments.forget(self._record)
            if self._was_cancelled:
                return True
        return request.wait_requested(timeout)

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Report the progress of the run, for every front end.

        A report costs about a microsecond, so a loop may make one in each round. Numbers that make no
        sense are shown as sensibly as possible: this raises nothing for them.

        Args:
            done: How much is done: 40 of 100 pages, or 0.4 of 1. If that becomes less, the count has begun
                again.
            total: How much there is; None if that is not known.
            text: What the run is doing, such as ``page 40``. Secrets in it are replaced as in its output.

        Raises:
            TypeError: A number or the text is of another type.
        """
        self._attachments.meter(self._record).report_by_code(done, total, text)

    @overload
    def track(self, items: Iterable[Item], total: float | None = None, text: str = "") -> Iterator[Item]: ...

    @overload
    def track(
        self, items: AsyncIterable[Item], total: float | None = None, text: str = ""
    ) -> AsyncIterator[Item]: ...

    def track(
        self, items: Iterable[Item] | AsyncIterable[Item], total: float | None = None, text: str = ""
    ) -> Iterator[Item] | AsyncIterator[Item]:
        """Iterate over items, and report after each one how many are done.

        In a loop inside of another one that is tracked, this only iterates: the outer loop is the progress.

        Args:
            items: The items, of ``for`` or of ``async for``.
            total: How many there are; None for ``len(items)``, if there is one.
            text: What the run is doing.

        Returns:
            An iterator over the same items.

        Raises:
            TypeError: The items cannot be iterated over, or an argument is of another type.
        """
        meter = self._attachments.meter(self._record)
        total = length_of(items) if total is None else total
        check_report(total, text)
        if isinstance(items, AsyncIterable):
            return meter.track_async(items, total, text)
        return meter.track(iter(items), total, text)

    def __eq__(self, other: object) -> bool:
        """Return whether both are the same run."""
        return self._record is other._record if isinstance(other, CurrentRun) else NotImplemented

    def __hash__(self) -> int:
        """Return the hash of the run, which never changes."""
        return hash(self._record)

    def __repr__(self) -> str:
        """Return the run's number and job."""
        return f"<jobtui.current_run() {self.number} of {self.job!r}>"


def current_run() -> CurrentRun:
    """Return the run whose job calls this, in the job's thread or coroutine.

    Raises:
        RuntimeError: The caller does not belong to a run. A thread that a job starts does not: pass it
            the job's `CurrentRun`.
    """
    current = run_of_context.get()
    if current is None:
        raise RuntimeError("current_run() can only be called by the code of a job that is running")
    return CurrentRun(*current)
