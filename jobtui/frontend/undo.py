"""Changes that the user can take back for some seconds: pauses, resumptions, schedules and the pool's size.

A change is taken back only while the scheduler still has the state that it made, so a later change by another
user or a job is not overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from jobtui.engine.views import JobView
from jobtui.frontend import commands
from jobtui.frontend.backend import Backend
from jobtui.frontend.formatting import editable_spec, pluralize
from jobtui.frontend.local_backend import LocalBackend
from jobtui.schedules.adjusted import base_of
from jobtui.schedules.schedule import Cron, Every, Never

UNDO_TIME = 10.0  # seconds
_SAMPLE = 5  # jobs whose pauses show when a command paused all
Revert = Callable[[Backend], str]  # raises RuntimeError if the state is not the one that the change made


class Undoable(NamedTuple):
    """The result of a command.

    Attributes:
        text: The message to the user.
        revert: Takes the change back, and returns the message; None if nothing has changed or nothing can.
    """

    text: str
    revert: Revert | None = None


class UndoStack:
    """The latest changes, each for `UNDO_TIME`. Use it from one thread at a time.

    Args:
        now: Returns the seconds since a fixed point.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._changes: list[tuple[float, Revert]] = []

    def push(self, revert: Revert) -> None:
        """Note a change."""
        self._changes.append((self._now() + UNDO_TIME, revert))

    def pop(self) -> Revert | None:
        """Remove the latest change, and return how to take it back; None if there is none any more."""
        now = self._now()
        self._changes = [change for change in self._changes if now < change[0]]
        return self._changes.pop()[1] if self._changes else None


def pause_jobs(
    backend: Backend,
    jobs: Sequence[str],
    by: str,
    until: datetime | str | None = None,
    shown: str = "",
    *,
    for_: str | None = None,
    note: str = "",
) -> Undoable:
    """Pause some jobs.

    Args:
        backend: The scheduler.
        jobs: The names of the jobs.
        by: What pauses them.
        until: The end of the pause; None for no end.
        shown: The end for the message.
        for_: The length of the pause, in place of its end.
        note: The reason.
    """
    made = {}
    for job in jobs:
        if backend.pause(job, until=until, for_=for_, note=note, by=by):
            made[job] = _pause_of(backend.job_details(job).job)
    if not made:
        one = len(jobs) == 1
        return Undoable(f"{jobs[0]} was already paused" if one else "the jobs were already paused")

    def revert(backend: Backend) -> str:
        def resume(job: JobView) -> bool:
            return _pause_of(job) == made[job.name] and backend.resume(job.name)

        return _revert_each(backend, list(made), resume, "resumed")

    return Undoable(f"‖ {_name(list(made))} paused" + (f" til {shown}" if shown else ""), revert)


def pause_all(backend: Backend, jobs: Sequence[str], by: str) -> Undoable:
    """Pause every job at once.

    Args:
        backend: The scheduler.
        jobs: The names of the jobs that are not paused yet, as far as the front end knows.
        by: What pauses them.
    """
    text = commands.pause_all(backend, by)
    pauses = []
    for job in jobs[:_SAMPLE]:
        with suppress(LookupError):  # it was removed
            pauses.append(backend.job_details(job).job.paused_since)
    # The command pauses all at one instant: the latest, because another user may have paused one just before.
    made = max((since for since in pauses if since is not None), default=None)
    if made is None:
        return Undoable(text)

    def revert(backend: Backend) -> str:
        def resume(job: JobView) -> bool:
            return job.paused_since == made and backend.resume(job.name)

        return _revert_each(backend, jobs, resume, "resumed")

    return Undoable(text, revert)


def resume_jobs(backend: Backend, jobs: Sequence[str]) -> Undoable:
    """Resume some jobs; those that were removed in the meantime do not count."""
    before = {}
    for job in jobs:
        try:
            view = backend.job_details(job).job
            if backend.resume(job):
                before[job] = view
        except LookupError:
            if len(jobs) == 1:
                raise
    if not before:
        return Undoable(f"{jobs[0]} was not paused" if len(jobs) == 1 else "0 jobs resumed")

    def revert(backend: Backend) -> str:
        def pause(job: JobView) -> bool:
            if job.paused_since is not None:
                return False
            old = before[job.name]
            return backend.pause(job.name, until=old.paused_until, note=old.pause_note, by=old.paused_by)

        return _revert_each(backend, list(before), pause, "paused again")

    return Undoable(f"{_name(list(before))} resumed", revert)


def reschedule(backend: Backend, job: str, spec: str) -> Undoable:
    """Give a job another schedule."""
    old = backend.job_details(job).job
    text = commands.reschedule(backend, job, spec)
    made = backend.job_details(job).job.spec

    def revert(backend: Backend) -> str:
        if backend.job_details(job).job.spec != made:
            raise RuntimeError(f"not undone: {job} has got another schedule meanwhile")
        return _restore_schedule(backend, old)

    return Undoable(text, revert if editable_spec(old) else None)


def _restore_schedule(backend: Backend, old: JobView) -> str:
    """Give a job the schedule that it had. Return the message, which says what could not be restored.

    A text has neither the start of an interval nor a schedule of the user's own class, so a scheduler in this
    process gets the schedule itself. The API takes only a text.
    """
    base = base_of(old.schedule)
    has_text = isinstance(base, Cron | Never)
    local = backend if isinstance(backend, LocalBackend) else None
    if has_text or local is None:
        if not (has_text or isinstance(base, Every)):
            raise RuntimeError(f"not undone: only the program of {old.name} can give it that schedule again")
        backend.update(old.name, spec=editable_spec(old), on_start=old.on_start)
    if local is not None and (not has_text or not _has_schedule_of(local, old)):
        local.update(old.name, spec=base, on_start=old.on_start)
    done = f"undone: {old.name} has its schedule again: {old.spec}"
    if _has_schedule_of(backend, old):
        return done
    if isinstance(base, Every):
        return f"{done}, but it begins now: the API does not take the start of an interval"
    return f"{done}, but not exactly: the API does not take its zone and its DST rule"


def _has_schedule_of(backend: Backend, old: JobView) -> bool:
    return bool(base_of(backend.job_details(old.name).job.schedule) == base_of(old.schedule))


def resize(backend: Backend, size: int) -> Undoable:
    """Change how many runs may be RUNNING at once."""
    old = backend.pool_view().size
    text = commands.resize(backend, size)

    def revert(backend: Backend) -> str:
        now = backend.pool_view().size
        if now != size:
            raise RuntimeError(f"not undone: the pool has been changed to {now or 'no limit'} meanwhile")
        return commands.resize(backend, old)

    return Undoable(text, revert if old != size else None)


def _pause_of(job: JobView) -> tuple[object, ...]:
    return job.paused_since, job.paused_until, job.pause_note


def _name(jobs: Sequence[str]) -> str:
    return jobs[0] if len(jobs) == 1 else pluralize(len(jobs), "job")


def _revert_each(backend: Backend, jobs: Sequence[str], change: Callable[[JobView], bool], done: str) -> str:
    """Take back the change of each job, unless it was changed again or removed."""
    reverted = []
    for job in jobs:
        try:
            if change(backend.job_details(job).job):
                reverted.append(job)
        except LookupError:
            continue
    others = len(jobs) - len(reverted)
    if not reverted:
        raise RuntimeError(f"not undone: {_name(jobs)} changed meanwhile")
    rest = f"; {pluralize(others, 'job')} changed meanwhile" if others else ""
    return f"undone: {_name(reverted)} {done}{rest}"
