"""Orders to a scheduler, carried out, and what has become of them in words."""

from __future__ import annotations

from jobtui.engine.enums import Cancellation
from jobtui.frontend.backend import Backend
from jobtui.frontend.formatting import pluralize


def run(source: Backend, job: str) -> str:
    """Run a job now."""
    return f"▶ {job}: run {source.run(job)}"


def pause(source: Backend, job: str) -> str:
    """Pause a job."""
    return f"‖ {job} paused" if source.pause(job) else f"{job} was paused already"


def resume(source: Backend, job: str) -> str:
    """Resume a job."""
    return f"{job} resumed" if source.resume(job) else f"{job} was not paused"


def pause_all(source: Backend) -> str:
    """Pause every job."""
    return f"‖ {pluralize(source.pause_all(), 'job')} paused"


def resume_all(source: Backend) -> str:
    """Resume every job."""
    return f"{pluralize(source.resume_all(), 'job')} resumed"


def cancel(source: Backend, number: int, what: str) -> str:
    """Cancel a run; what it is called is for the answer."""
    return _CANCELLATION[source.cancel(number)].format(what)


def resize(source: Backend, size: int) -> str:
    """Change how many runs may be RUNNING at once."""
    source.resize(size)
    return f"pool: {pluralize(size, 'run')} at once"


_CANCELLATION = {
    Cancellation.TAKEN_OUT: "⊘ {} cancelled: it will not start",
    Cancellation.INTERRUPTED: "⊘ {} interrupted: its coroutine is cancelled at the next await",
    Cancellation.ASKED: "⊘ {} asked to stop: a thread stops when its job looks",
    Cancellation.TOO_LATE: "{} had ended: too late to cancel",
}
