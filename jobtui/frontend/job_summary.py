"""The essentials of one job, for the drawer beside the list of jobs: reading them, and their lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice

from jobtui.engine.enums import Misfire, Overlap, RunState
from jobtui.engine.job_policies import MAX_HELD
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.backend import Backend, JobDetails
from jobtui.frontend.failure import Failure, failure_lines, read_failure
from jobtui.frontend.formatting import (
    STATE_SIGNS,
    failed_last,
    format_duration,
    format_instant,
    run_label,
    status_sign,
)
from jobtui.frontend.job_facts import list_job_facts, list_next_ticks
from jobtui.frontend.now_next import NO_RUNS, live_runs, now_next
from jobtui.frontend.text_lines import Piece, TextLine
from jobtui.schedules.dst import Tick

MAX_OUTPUT = 200  # lines
_TICKS = 5
_RUNS = 7
_NOW_WIDTH = 32  # cells, for the present and the next moment
_ENDED_WIDTH, _STATE_WIDTH, _TOOK_WIDTH = 12, 11, 7  # cells
_LABEL_WIDTH = 9  # cells: the longest label of a fact
_SHOWN_ELSEWHERE = {"failure", "status"}  # facts that have a place of their own in the drawer


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEssentials:
    """The answers to the questions that a glance at a job asks.

    Attributes:
        details: The job with its next ticks and its latest runs.
        failure: Its latest failure, as far as one of these runs failed.
        run: Its latest run that has started; None if there is none.
        output: The last lines of the output of that run.
    """

    details: JobDetails
    failure: Failure | None
    run: RunView | None
    output: tuple[str, ...]


def read_job_summary(backend: Backend, job: str) -> JobEssentials:
    """Return the essentials of a job. May ask a scheduler in another process.

    Raises:
        LookupError: The job does not exist.
        OSError: The scheduler cannot be reached.
    """
    details = backend.job_details(job)
    failed = next((run for run in details.runs if run.state.failed), None)
    started = (run for run in details.runs if run.number and run.started is not None)
    running = backend.find_runs(job=job, state=RunState.RUNNING, limit=1) if details.job.running else ()
    run = next(iter(running), next(started, None))
    return JobEssentials(
        details=details,
        failure=None if failed is None else read_failure(backend, failed),
        run=run,
        output=() if run is None else _read_output(backend, run),
    )


def _read_output(backend: Backend, run: RunView) -> tuple[str, ...]:
    with suppress(LookupError):  # it is not kept any more
        page = backend.log_page(run.number)
        return tuple(line.text for line in (*page.lines, *page.unfinished)[-MAX_OUTPUT:])
    return ()


def list_summary_lines(
    job: JobView, summary: JobEssentials | None, snapshot: Snapshot, *, with_context: bool = False
) -> Iterator[TextLine]:
    """Yield the lines of a job, without those of its output.

    The essentials may be older than the snapshot: what both have is taken from the snapshot.

    Args:
        job: The job as the snapshot has it.
        summary: Its essentials; None while they are read.
        snapshot: The current snapshot.
        with_context: Whether the lines around the one that failed are shown.
    """
    sign, status = status_sign(job)
    now: Sequence[Piece] = ()
    if job.paused_since is None:  # a pause has a line of its own
        now = now_next(job, live_runs(snapshot).get(job.name, NO_RUNS), snapshot.at, _NOW_WIDTH)
    yield TextLine("status", ((f"{sign.glyph} {status}", sign.tone), ("  ", ""), *now))
    if summary is None:
        return
    summary = _as_of_snapshot(job, summary, snapshot)
    failure = [] if summary.failure is None else failure_lines(summary.failure, with_context=with_context)
    if failed_last(job):
        yield from failure
        yield TextLine("")
    yield from _fact_lines(summary.details, snapshot)
    ticks = list(islice(list_next_ticks(summary.details, snapshot), _TICKS))
    if ticks:
        yield from _heading("Next ticks")
        yield from (TextLine("ticks", ((tick, ""),), "  ") for tick in ticks)
    if failure and not failed_last(job):
        yield from _heading("Latest failure")
        yield from failure
    if summary.details.runs:
        yield from _heading("Latest runs")
        shown = None if summary.failure is None else summary.failure.run
        yield from (_run_line(run, snapshot, shown) for run in summary.details.runs[:_RUNS])


def _as_of_snapshot(job: JobView, summary: JobEssentials, snapshot: Snapshot) -> JobEssentials:
    """Return the essentials of a job with the facts, ticks and endings that the snapshot has.

    A failure that is new in the snapshot has no source lines until the next essentials arrive.
    """
    known = summary.details
    runs = _latest_endings(job, known.runs, snapshot)
    failed = next((run for run in runs if run.state.failed), None)
    failure = summary.failure
    if failed is None or failure is None or _key(failed) != _key(failure.run):
        failure = None if failed is None else Failure(run=failed)
    details = replace(
        known,
        job=job,
        description=known.description if known.job.schedule == job.schedule else "",
        preview=replace(known.preview, ticks=_coming_ticks(job, known, snapshot)),
        runs=runs,
    )
    return replace(summary, details=details, failure=failure)


def _latest_endings(job: JobView, known: Sequence[RunView], snapshot: Snapshot) -> tuple[RunView, ...]:
    """Return the ended runs of a job as of the snapshot, the latest first.

    Args:
        job: The job.
        known: Its endings, the latest first, as of an instant before or after the snapshot.
        snapshot: The snapshot, which has the latest endings of all jobs, and so perhaps few of this one.
    """
    listed = {_key(run): run for run in snapshot.recent if run.job == job.name}
    keys = {_key(run) for run in known}
    latest = known[0].ended if known else None
    later = [
        run
        for key, run in listed.items()
        if key not in keys and (latest is None or run.ended is None or run.ended >= latest)
    ]
    # Of a run the details have more; of ticks without a run the snapshot has the latest number.
    earlier = [run if run.number else listed.get(_key(run), run) for run in known]
    return (*later, *(run for run in earlier if run.ended is None or run.ended <= snapshot.at))


def _key(run: RunView) -> object:
    return run.number or (run.state, run.due)


def _coming_ticks(job: JobView, details: JobDetails, snapshot: Snapshot) -> tuple[Tick, ...]:
    """Return the ticks of a job that are not over: the next one of the job, and those after it."""
    if job.next is None:
        return ()
    ticks = details.preview.ticks if details.job.schedule == job.schedule else ()
    dropped = [tick for tick in ticks if tick.is_dropped and tick.at > snapshot.at]
    coming = [tick for tick in ticks if not tick.is_dropped and tick.at >= job.next]
    if not coming or coming[0].at > job.next:
        coming = [Tick(job.next, None), *coming]
    return tuple(sorted([*dropped, *coming], key=lambda tick: tick.at.timestamp()))


def output_title(summary: JobEssentials, snapshot: Snapshot) -> str:
    """Return the heading of the output of a job's latest run; "" if no run has started.

    Args:
        summary: The essentials of the job.
        snapshot: The current snapshot, which decides whether the run runs.
    """
    run = summary.run
    if run is None:
        return ""
    runs_now = ", which runs" if any(each.number == run.number for each in snapshot.running) else ""
    return f"Output of run {run_label(run)}{runs_now}"


def _heading(title: str) -> Iterator[TextLine]:
    yield TextLine("")
    yield TextLine("heading", ((title, "strong"),))


def _fact_lines(details: JobDetails, snapshot: Snapshot) -> Iterator[TextLine]:
    job, hidden = details.job, set(_SHOWN_ELSEWHERE)
    usual = (Overlap.HOLD, MAX_HELD, Misfire.COALESCE, 0, None)
    if (job.overlap, job.max_held, job.misfire, job.pause_after, job.max_late) == usual:
        hidden.add("overlap")
    for label, text in list_job_facts(details.job, details.runs, details.description, snapshot):
        if text and label not in hidden:
            pieces = ((f"{label:>{_LABEL_WIDTH}}  ", "muted"), (text, ""))
            yield TextLine("facts", pieces, hang=_LABEL_WIDTH + 2)


def _run_line(run: RunView, snapshot: Snapshot, failure: RunView | None) -> TextLine:
    """Return the line of a run. It does not repeat the error of the failure that the drawer shows."""
    sign = STATE_SIGNS[run.state]
    took = "" if run.elapsed is None else format_duration(run.elapsed)
    reason = "" if run.state is RunState.OK else run.reason
    if failure is not None and run.state.failed and run.reason == failure.reason:
        reason = "" if run.number == failure.number else "the same error"
    pieces = (
        (f"{format_instant(run.ended, snapshot.at):<{_ENDED_WIDTH}} ", "muted"),
        (f"{sign.glyph} {run.state.value:<{_STATE_WIDTH - 2}}", sign.tone),
        (f"{took:>{_TOOK_WIDTH}}  ", ""),
        (reason, "failed" if run.state.failed else "muted"),
    )
    return TextLine("runs", pieces, "  ", hang=_ENDED_WIDTH + 1)
