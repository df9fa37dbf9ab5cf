"""The present or the next moment of a job in one cell: its progress, its wait, its pause or its next tick."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobtui.engine.enums import JobStatus, Phase, Trigger
from jobtui.engine.typical_duration import typical_duration
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.formatting import (
    ABSENT,
    DST,
    countdown,
    elapsed_between,
    failed_last,
    format_age,
    format_end,
    format_instant,
    format_pause,
    format_retry,
    format_times,
)
from jobtui.frontend.output_signs import add_silence
from jobtui.frontend.progress import Piece, running_pieces
from jobtui.frontend.upcoming import is_affected_by_transition

LATE = timedelta(seconds=2)  # after its tick, a job that has not been started is late
HELD_FOR = "waits for "  # begins the reason of a HELD run
NOT_RUNNING = {Phase.NEW: "for the start", Phase.STANDBY: "in standby"}  # what all QUEUED runs wait for
_BY_FAILURES = "pause_after"  # pauses a job by itself


@dataclass(frozen=True, slots=True)
class LiveRuns:
    """The runs of a job that have not ended, as far as a cell shows them.

    Attributes:
        running: The first one that is RUNNING.
        waiting: The first one that is QUEUED, HELD or RETRYING.
        scheduled: The first one that is SCHEDULED.
        queued_for: What a QUEUED one waits for.
    """

    running: RunView | None = None
    waiting: RunView | None = None
    scheduled: RunView | None = None
    queued_for: str = "for a slot"


NO_RUNS = LiveRuns()


def queued_for(run: RunView, snapshot: Snapshot) -> str:
    """Return what a QUEUED run waits for, in at most 20 characters."""
    if snapshot.phase in NOT_RUNNING:
        return NOT_RUNNING[snapshot.phase]
    if snapshot.quiet_until is not None and run.trigger is not Trigger.HAND:
        return f"quiet {format_end(snapshot.quiet_until, snapshot.at)}"
    return NO_RUNS.queued_for if snapshot.pool.saturated else "for a worker"


def live_runs(snapshot: Snapshot) -> dict[str, LiveRuns]:
    """Return the runs of each job that have not ended, by the name of the job."""
    running, waiting = _first(snapshot.running), _first(snapshot.waiting)
    scheduled = _first(snapshot.scheduled)
    found = {}
    for job in {*running, *waiting, *scheduled}:
        first = waiting.get(job)
        reason = NO_RUNS.queued_for if first is None else queued_for(first, snapshot)
        found[job] = LiveRuns(running.get(job), first, scheduled.get(job), reason)
    return found


def _first(runs: Sequence[RunView]) -> Mapping[str, RunView]:
    return {run.job: run for run in reversed(runs)}


def now_next(job: JobView, runs: LiveRuns, now: datetime, width: int) -> tuple[Piece, ...]:
    """Return the present and the next moment of a job.

    Args:
        job: The job.
        runs: Its runs that have not ended.
        now: The present instant.
        width: How many cells there are. What does not fit is left out, from the right.
    """
    return tuple(_fitting(_pieces(job, runs, now, width), width))


def is_late(job: JobView, now: datetime) -> bool:
    """Return whether a tick of a job has passed that has not been noticed yet."""
    return job.next is not None and elapsed_between(job.next, now) > LATE and not job.running


def is_paused_by_failures(job: JobView) -> bool:
    """Return whether a job is paused because it failed too often."""
    return job.paused_since is not None and job.paused_by == _BY_FAILURES


def needs_attention(job: JobView) -> bool:
    """Return whether a job runs or waits, failed last, or is paused by its failures."""
    return (
        bool(job.running or job.queued or job.held or job.retrying)
        or failed_last(job)
        or is_paused_by_failures(job)
    )


def _pieces(job: JobView, runs: LiveRuns, now: datetime, width: int) -> Iterable[Piece]:
    if job.running:
        started = job.prev if runs.running is None else runs.running.started
        pieces = running_pieces(runs.running, typical_duration(job), started or now, now, width)
        return add_silence(pieces, job, now)
    if job.status is JobStatus.RETRYING:
        return [(format_retry(job, now), "waiting")]
    if job.queued or job.held:
        return _wait(job, runs, now)
    if job.next is None:
        return _without_tick(job, runs.scheduled, now)
    return _tick(job, job.next, now) if job.paused_since is None else _pause(job, now)


def _pause(job: JobView, now: datetime) -> list[Piece]:
    if is_paused_by_failures(job):
        return [(format_pause(job, now), "failed"), (" after failures", "failed")]
    return [(format_pause(job, now), "waiting"), (job.paused_by and f" by {job.paused_by}", "muted")]


def _wait(job: JobView, runs: LiveRuns, now: datetime) -> list[Piece]:
    run = runs.waiting
    is_held = not job.queued
    age = "" if run is None or run.waiting_since is None else f" {format_age(run.waiting_since, now)}"
    if not is_held:
        return [(f"waits{age}", "waiting"), (f" {runs.queued_for}", "waiting")]
    behind = "" if run is None else run.reason.removeprefix(HELD_FOR)
    return [(f"held{age}", "waiting"), (behind and f" behind {behind}", "waiting")]


def _without_tick(job: JobView, scheduled: RunView | None, now: datetime) -> list[Piece]:
    if job.scheduled:
        due = "" if scheduled is None or scheduled.due is None else f" {countdown(scheduled.due, now)}"
        return [(f"{job.scheduled} scheduled", "muted"), (due and f",{due}", "muted")]
    ended = format_times(job) if job.status is JobStatus.DONE else ""
    return [(ended or ABSENT, "muted")]


def _tick(job: JobView, due: datetime, now: datetime) -> list[Piece]:
    if is_late(job, now):
        return [(f"late {format_age(due, now)}", "failed"), (f"  {format_instant(due, now)}", "muted")]
    pieces = [(countdown(due, now), "")]
    if job.quiet_until is not None:
        pieces.append((" quiet", "waiting"))
    if is_affected_by_transition(job.schedule, due, now):
        pieces.append((f" {DST}", "dst"))
    return [*pieces, (f"  {format_instant(due, now)}", "muted")]


def _fitting(pieces: Iterable[Piece], width: int) -> list[Piece]:
    """Return the first pieces that fit, but always the first one; without those that are empty."""
    fitting: list[Piece] = []
    used = 0
    for text, tone in pieces:
        used += len(text)
        if fitting and used > width:
            break
        if text:
            fitting.append((text, tone))
    return fitting
