"""A backend that answers when the test lets it."""

from __future__ import annotations

import threading

from jobtui.frontend.backend import JobDetails, LogPage
from support import snapshots
from support.scripted_backend import ScriptedBackend

LIMIT = 60.0  # seconds


class SlowBackend(ScriptedBackend):
    """A backend whose queries block until the test releases them.

    Attributes:
        queries: The names of the queries, oldest first.
        threads: The threads that made them.
        error: The error to raise instead of an answer, or None.
        released: Set while queries may return.
    """

    def __init__(self) -> None:
        super().__init__(snapshots.idle())
        self.queries: list[str] = []
        self.threads: set[threading.Thread] = set()
        self.error: Exception | None = None
        self.released = threading.Event()
        self._one_at_a_time = threading.Semaphore(1)

    def job_details(self, job: str) -> JobDetails:
        """Block, then return the details."""
        self._block("job_details")
        return super().job_details(job)

    def output_of(self, number: int) -> str | None:
        """Block, then return the output."""
        self._block("output_of")
        return super().output_of(number)

    def log_page(
        self, run: int | None = None, *, before: str | None = None, after: str | None = None
    ) -> LogPage:
        """Block, then return the page."""
        self._block("log_page")
        return super().log_page(run, before=before, after=after)

    def _block(self, query: str) -> None:
        self.queries.append(query)
        self.threads.add(threading.current_thread())
        assert self._one_at_a_time.acquire(blocking=False), "two queries at once"
        try:
            assert self.released.wait(LIMIT)
            if self.error is not None:
                raise self.error
        finally:
            self._one_at_a_time.release()
