"""Execute commands through a backend; each function returns the result as a message to the user."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime

from jobtui.engine.enums import Cancellation
from jobtui.frontend.backend import Backend
from jobtui.frontend.formatting import pluralize


def run(backend: Backend, job: str) -> str:
    """Run a job now; the message has the run's number."""
    return f"▶ {job}: run {backend.run(job)}"


def run_again(backend: Backend, number: int) -> str:
    """Run an ended run once more; the message has the new run's number."""
    return f"▶ run {number} again: run {backend.run_again(number)}"


def pause(backend: Backend, job: str, by: str, until: datetime | None = None, shown: str = "") -> str:
    """Pause a job.

    Args:
        backend: The scheduler.
        job: The job.
        by: What pauses it.
        until: The end of the pause; None for no end.
        shown: The end for the message.
    """
    if not backend.pause(job, until=until, by=by):
        return f"{job} was already paused"
    return f"‖ {job} paused" + (f" til {shown}" if until else "")


def resume(backend: Backend, job: str) -> str:
    """Resume a job."""
    return f"{job} resumed" if backend.resume(job) else f"{job} was not paused"


def reschedule(backend: Backend, job: str, spec: str) -> str:
    """Give a job another schedule."""
    backend.update(job, spec=spec)
    return f"{job} has a new schedule: {spec}"


def pause_all(backend: Backend, by: str) -> str:
    """Pause every job. `by` is what pauses them."""
    return f"‖ {pluralize(backend.pause_all(by=by), 'job')} paused"


def resume_all(backend: Backend) -> str:
    """Resume every job."""
    return f"{pluralize(backend.resume_all(), 'job')} resumed"


def resume_jobs(backend: Backend, jobs: Collection[str]) -> str:
    """Resume some jobs; those that were removed in the meantime do not count."""
    resumed = 0
    for job in jobs:
        with suppress(LookupError):
            resumed += backend.resume(job)
    return f"{pluralize(resumed, 'job')} resumed"


def cancel(backend: Backend, number: int, name: str) -> str:
    """Cancel a run; the message calls it by its `name`."""
    return _CANCELLATION[backend.cancel(number)].format(name)


def resize(backend: Backend, size: int) -> str:
    """Change how many runs may be RUNNING at once."""
    backend.resize(size)
    return f"pool: {pluralize(size, 'run')} at once"


_CANCELLATION = {
    Cancellation.TAKEN_OUT: "⊘ {} cancelled: it will not start",
    Cancellation.INTERRUPTED: "⊘ {} interrupted: its coroutine is cancelled at the next await",
    Cancellation.ASKED: "⊘ {} asked to stop: a thread stops when its job checks for the request",
    Cancellation.TOO_LATE: "{} has already ended: too late to cancel",
}
