"""Execute commands through a backend; each function returns the result as a message to the user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jobtui.engine.enums import Cancellation
from jobtui.frontend.backend import Backend
from jobtui.frontend.formatting import pluralize

_MOST_NUMBERS = 5  # of runs in a message


def run(backend: Backend, job: str, arguments: Mapping[str, Any] | None = None) -> str:
    """Run a job now, with its arguments if there are no others; the message has the run's number."""
    return f"▶ {job}: run {backend.run(job, arguments)}"


def run_jobs(backend: Backend, jobs: Sequence[str]) -> str:
    """Run some jobs now; the message has the runs' numbers. One that cannot run does not stop the others."""
    numbers: list[str] = []
    errors: list[Exception] = []
    for job in jobs:
        try:
            numbers.append(str(backend.run(job)))
        except (LookupError, RuntimeError) as error:
            errors.append(error)
    if errors and not numbers:
        raise errors[0]
    more = f" and {len(numbers) - _MOST_NUMBERS} more" if len(numbers) > _MOST_NUMBERS else ""
    failed = f"; {pluralize(len(errors), 'job')} not: {errors[0].args[0]}" if errors else ""
    return f"▶ {pluralize(len(numbers), 'job')}: runs {', '.join(numbers[:_MOST_NUMBERS])}{more}{failed}"


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


def cancel(backend: Backend, number: int, name: str) -> str:
    """Cancel a run; the message calls it by its `name`.

    Raises:
        LookupError: No run of that number is known.
    """
    outcome = backend.cancel(number)
    if not outcome:
        backend.run_view(number)
    return _CANCELLATION[outcome].format(name)


def cancel_runs(backend: Backend, numbers: Sequence[int]) -> str:
    """Cancel some runs; the message counts them by what became of each."""
    counts = Counter(map(backend.cancel, numbers))
    return "⊘ " + ", ".join(f"{count} {_CANCELLED_WORD[how]}" for how, count in counts.items())


def resize(backend: Backend, size: int) -> str:
    """Change how many runs may be RUNNING at once."""
    backend.resize(size)
    return f"pool: {pluralize(size, 'run')} at once" if size else "pool: no limit"


_CANCELLED_WORD = {
    Cancellation.TAKEN_OUT: "cancelled",
    Cancellation.INTERRUPTED: "interrupted",
    Cancellation.ASKED: "asked to stop",
    Cancellation.TOO_LATE: "had already ended",
}
_CANCELLATION = {
    Cancellation.TAKEN_OUT: "⊘ {} cancelled: it will not start",
    Cancellation.INTERRUPTED: "⊘ {} interrupted: its coroutine is cancelled at the next await",
    Cancellation.ASKED: "⊘ {} asked to stop: a thread stops when its job checks for the request",
    Cancellation.TOO_LATE: "{} has already ended: too late to cancel",
}
