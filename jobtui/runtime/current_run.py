"""The run that the calling code works for: `current_run` for jobs, `current_record` for the runtime."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime

from jobtui.engine.enums import Trigger
from jobtui.engine.records import RunRecord, utc
from jobtui.runtime.run_attachments import existing_stop_request, stop_request_of

# Set in the context in which an executor calls a job, and so inherited by the job's asyncio tasks.
current_record: ContextVar[RunRecord | None] = ContextVar("current_record", default=None)


class CurrentRun:
    """The run that the calling code belongs to, as `current_run` returns it. Thread-safe."""

    __slots__ = ("_record",)

    def __init__(self, record: RunRecord) -> None:
        self._record = record

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
    def due(self) -> datetime | None:
        """The tick, or the instant passed to ``in_`` or ``at``, in UTC; None for any other trigger."""
        return None if self._record.due is None else utc(self._record.due)

    @property
    def cancelled(self) -> bool:
        """Whether the run has been asked to stop. A job that reads True here and returns is CANCELLED."""
        request = existing_stop_request(self._record)
        return request is not None and request.acknowledge()

    def wait_cancelled(self, timeout: float | None = None) -> bool:
        """Block until the run is asked to stop: a ``time.sleep`` that ends early.

        Args:
            timeout: The longest time to block, in seconds; None for no limit.

        Returns:
            Whether the run has been asked to stop.
        """
        return stop_request_of(self._record).wait_requested(timeout)

    def __repr__(self) -> str:
        """Return the run's number and job."""
        return f"<jobtui.current_run() {self.number} of {self.job!r}>"


def current_run() -> CurrentRun:
    """Return the run whose job calls this, in the job's thread or coroutine.

    Raises:
        RuntimeError: The caller does not belong to a run. A thread that a job starts does not: pass it
            the job's `CurrentRun`.
    """
    record = current_record.get()
    if record is None:
        raise RuntimeError("current_run() can only be called by the code of a job that is running")
    return CurrentRun(record)
