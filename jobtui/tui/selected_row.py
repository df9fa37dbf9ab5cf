"""The job and the run for which a selected row stands, in whichever table it is."""

from __future__ import annotations

from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.upcoming import UpcomingTick

SelectedRow = JobView | RunView | UpcomingTick


def job_of(row: SelectedRow | None, snapshot: Snapshot) -> JobView | None:
    """Return the job of a row; None if there is no row, or the job was removed."""
    if row is None or isinstance(row, JobView):
        return row
    return next((job for job in snapshot.jobs if job.name == row.job), None)


def job_name_of(row: SelectedRow) -> str:
    """Return the name of the job of a row."""
    return row.name if isinstance(row, JobView) else row.job


def run_of(row: SelectedRow | None, snapshot: Snapshot) -> RunView | UpcomingTick | None:
    """Return the run of a row that can be cancelled, or None.

    Of a job it is the latest run that waits, or else the latest that is running.
    """
    if isinstance(row, UpcomingTick):
        return row if row.number else None
    if isinstance(row, RunView):
        return None if row.state.ended else row
    if row is None:
        return None
    waiting = [*snapshot.waiting, *snapshot.scheduled]
    runs = [run for run in waiting if run.job == row.name]
    runs = runs or [run for run in snapshot.running if run.job == row.name]
    return max(runs, key=lambda run: run.number, default=None)
