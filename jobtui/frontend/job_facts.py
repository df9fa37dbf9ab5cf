"""The facts about a job as lines of text: its fields with their labels, and its next ticks. Pure functions.

The screen of the job and the drawer beside the list of jobs show the same facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jobtui.engine.typical_duration import typical_duration
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.backend import JobDetails
from jobtui.frontend.formatting import (
    ABSENT,
    countdown,
    format_duration,
    format_instant_full,
    format_ladder,
    format_late_ticks,
    format_limits,
    format_overlap,
    format_pause_after,
    format_pause_details,
    format_schedule,
    format_times,
    status_sign,
)
from jobtui.frontend.output_signs import add_silence
from jobtui.frontend.progress import Piece, progress_text, running_pieces
from jobtui.frontend.upcoming import is_paused_at, is_quiet_at
from jobtui.schedules.dst import Tick

_TICK_WIDTH = 34  # a date, a time and the longest countdown; aligns the marks after them


def list_job_facts(
    job: JobView, ended: Iterable[RunView], description: str, snapshot: Snapshot
) -> list[tuple[str, str]]:
    """Return the label and the text of each fact about a job; the text is "" for what does not apply.

    Args:
        job: The job.
        ended: Its ended runs, the latest first.
        description: Its schedule in plain English; "" if that is not known yet.
        snapshot: Has its runs that have not ended.
    """
    zone = snapshot.zone
    failed = next((run for run in ended if run.state.failed), None)
    failure = "" if failed is None else f"{format_instant_full(failed.ended)}: {failed.reason}"
    return [
        ("about", job.summary),
        ("failure", failure),
        ("schedule", format_schedule(job, zone) + ("; at the start, too" if job.on_start else "")),
        ("in words", description),
        ("status", _status(job, snapshot)),
        ("paused", format_pause_details(job)),
        ("quiet", _quiet(job)),
        ("arguments", job.arguments),
        ("overlap", f"{format_overlap(job)}; late ticks: {format_late_ticks(job)}{_failing(job)}"),
        ("retries", f"{format_ladder(job, job.next, zone)}; made so far: {job.retries}" if job.retry else ""),
        ("limits", format_limits(job)),
        ("runs", _runs(job)),
        ("last run", format_instant_full(job.prev)),
        ("code", job.origin),
    ]


def _runs(job: JobView) -> str:
    counted = format_times(job) or str(job.runs)
    if not job.runs:
        return f"{counted}: none has ended yet"
    return f"{counted}, of which {job.failures} failed; the last took {format_duration(job.last_elapsed)}"


def _status(job: JobView, snapshot: Snapshot) -> str:
    sign, status = status_sign(job)
    waiting = "".join(f", {n} {word}" for n, word in ((job.queued, "queued"), (job.held, "held")) if n)
    if job.retry_at is not None:
        waiting += f", attempt {job.retry_attempt} of {job.attempts} at {format_instant_full(job.retry_at)}"
    progress = progress_text(job_progress(job, snapshot))
    return f"{sign.glyph} {status}{waiting}{progress and f'  {progress}'}"


def job_progress(job: JobView, snapshot: Snapshot) -> list[Piece]:
    """Return the progress of the first run of a job that is RUNNING; nothing if there is none."""
    run = next((run for run in snapshot.running if run.job == job.name and run.started is not None), None)
    if run is None or run.started is None:
        return []
    pieces = running_pieces(run, typical_duration(job), run.started, snapshot.at)
    return add_silence(pieces, job, snapshot.at)


def _quiet(job: JobView) -> str:
    if job.quiet_until is None:
        return ""
    return f"its next tick starts no run: quiet until {format_instant_full(job.quiet_until)}"


def _failing(job: JobView) -> str:
    return f"; pauses after {format_pause_after(job)}" if job.pause_after else ""


def list_next_ticks(details: JobDetails, snapshot: Snapshot) -> Iterator[str]:
    """Yield a line for each of the next ticks of a job: when it is due, and what is special about it."""
    for tick in details.preview.ticks:
        line = _tick_line(tick, snapshot)
        marks = [] if tick.note is None else [tick.note.effect.value]
        if not tick.is_dropped:
            marks += ["paused"] if is_paused_at(details.job, tick.at) else []
            marks += ["quiet"] if is_quiet_at(snapshot, tick.at) else []
        yield f"{line:{_TICK_WIDTH}} {' '.join(marks)}" if marks else line


def _tick_line(tick: Tick, snapshot: Snapshot) -> str:
    if tick.is_dropped:  # its wall time does not exist
        return f"{tick.at:%a %Y-%m-%d} {ABSENT:8}  no tick"
    return f"{tick.at:%a %Y-%m-%d %H:%M:%S}  {countdown(tick.at, snapshot.at)}"
