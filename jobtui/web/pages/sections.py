"""The lists of the status page, and the sections that every page has, as views from a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from jobtui.engine.enums import Phase, RunState
from jobtui.engine.typical_duration import TypicalDuration, typical_duration
from jobtui.engine.views import RunView, Snapshot, StoreView
from jobtui.frontend.alarm import Alarm, AlarmMemory, find_alarms
from jobtui.frontend.formatting import STATE_SIGNS
from jobtui.frontend.job_index import JobIndex
from jobtui.frontend.upcoming import list_upcoming

MAX_JOBS = 1_000  # rows that a browser can display smoothly; the filter finds the other jobs
MAX_WAITING = 100
MAX_UPCOMING = 30
MAX_RECENT = 50

Items = Iterable[tuple[Hashable, object]]  # the views to show, each with the key of its fragment
Select = Callable[[Snapshot], Items]


class SchedulerStatus(NamedTuple):
    """The scheduler's phase, its latest internal error, its store, and the end of the present quiet time."""

    phase: Phase
    internal_error: str
    store: StoreView
    quiet_until: datetime | None


class Totals(NamedTuple):
    """The number of jobs: all of them, and each kind. The pool has the number of running runs."""

    jobs: int
    failing: int
    paused: int


class Tab(NamedTuple):
    """The scheduler's state in the browser's tab: the text before the title, and the name of the icon."""

    text: str
    icon: str


class ListCaption(NamedTuple):
    """The length of a list, the number of its visible rows, and the text for an empty list."""

    visible: int
    total: int
    empty: str


# --- sections that every page has -----------------------------------------------------------------


def _single(view_of: Callable[[Snapshot], object]) -> Select:
    return lambda snapshot: [(None, view_of(snapshot))]


def _totals(index: JobIndex, snapshot: Snapshot) -> Totals:
    index.update(snapshot.jobs)
    return Totals(jobs=len(snapshot.jobs), failing=len(index.failing), paused=index.paused)


def _alarms(index: JobIndex, memory: AlarmMemory, snapshot: Snapshot) -> list[Alarm]:
    index.update(snapshot.jobs)
    return find_alarms(snapshot, index, memory)


def _tab(index: JobIndex, snapshot: Snapshot) -> Tab:
    if snapshot.phase is not Phase.RUNNING:
        return Tab(f"! {snapshot.phase.value}", "icon-lost.svg")
    failing, running = _totals(index, snapshot).failing, snapshot.pool.running
    signs = ((STATE_SIGNS[RunState.FAILED], failing), (STATE_SIGNS[RunState.RUNNING], running))
    text = " ".join(f"{sign.glyph}{number}" for sign, number in signs if number)
    icon = "icon-failed.svg" if failing else "icon-running.svg" if running else "icon.svg"
    return Tab(text, icon)


def _jobs_caption(snapshot: Snapshot) -> ListCaption:
    return ListCaption(min(len(snapshot.jobs), MAX_JOBS), len(snapshot.jobs), "no jobs yet")


def _running_caption(snapshot: Snapshot) -> ListCaption:
    total = snapshot.pool.running + snapshot.pool.abandoned
    return ListCaption(len(snapshot.working), total, "nothing runs")


def _waiting_caption(snapshot: Snapshot) -> ListCaption:
    total = snapshot.pool.queued + snapshot.pool.held + snapshot.pool.retrying
    return ListCaption(min(len(snapshot.waiting), MAX_WAITING), total, "nothing waits")


def _upcoming_caption(snapshot: Snapshot) -> ListCaption:
    total = len(snapshot.scheduled) + sum(job.next is not None for job in snapshot.jobs)
    return ListCaption(min(total, MAX_UPCOMING), total, "nothing is scheduled")


def _scheduler_status(snapshot: Snapshot) -> SchedulerStatus:
    return SchedulerStatus(snapshot.phase, snapshot.internal_error, snapshot.store, snapshot.quiet_until)


def _recent_caption(snapshot: Snapshot) -> ListCaption:
    visible = min(len(snapshot.recent), MAX_RECENT)
    return ListCaption(visible, visible, "nothing has run yet")


def fixed_sections() -> list[tuple[str, str, Select]]:
    """Return each section that every page has: its id, its template macro, and the selection of its view."""
    index = JobIndex()
    return [
        (name, macro, _single(view_of))
        for name, macro, view_of in (
            ("scheduler", "scheduler", _scheduler_status),
            ("alarm", "alarm", partial(_alarms, index, AlarmMemory())),
            ("pool", "pool", lambda snapshot: snapshot.pool),
            ("totals", "totals", partial(_totals, index)),
            ("tab", "tab", partial(_tab, index)),
            ("jobs-caption", "caption", _jobs_caption),
            ("running-caption", "caption", _running_caption),
            ("waiting-caption", "caption", _waiting_caption),
            ("upcoming-caption", "caption", _upcoming_caption),
            ("recent-caption", "caption", _recent_caption),
        )
    ]


class RunningRow(NamedTuple):
    """A run whose work goes on, and the usual duration of the runs of its job; None if that is not known."""

    run: RunView
    usual: TypicalDuration | None


def _running(snapshot: Snapshot) -> Items:
    if not snapshot.working:
        return
    jobs = {job.name: job for job in snapshot.jobs}
    for run in snapshot.working:
        job = jobs.get(run.job)
        yield run.number, RunningRow(run, None if job is None else typical_duration(job))


def _upcoming(snapshot: Snapshot) -> Items:
    # Timestamps in keys, because the two folds of one wall time are equal.
    ticks = list_upcoming(snapshot)[:MAX_UPCOMING]
    return (((tick.number, tick.job, tick.due.timestamp()), tick) for tick in ticks)


def _recent(snapshot: Snapshot) -> Items:
    for run in snapshot.recent[:MAX_RECENT]:
        due = run.due and run.due.timestamp()
        # A tick that started no run has the number 0.
        yield run.number or (run.job, run.state, due, run.created.timestamp()), run


LIST_SECTIONS: Sequence[tuple[str, Select]] = (
    ("jobs", lambda snapshot: ((job.name, job) for job in snapshot.jobs[:MAX_JOBS])),
    ("running", _running),
    ("waiting", lambda snapshot: ((run.number, run) for run in snapshot.waiting[:MAX_WAITING])),
    ("upcoming", _upcoming),
    ("recent", _recent),
)
