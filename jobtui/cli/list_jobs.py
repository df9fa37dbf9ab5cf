"""``jobtui ps``: print the jobs in a store, with their last outcomes and their counters."""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta

from jobtui.cli.command_error import CommandError
from jobtui.cli.store_source import FOUND, StoreSource, encode_life, nothing_found, open_source, print_json
from jobtui.cli.text_table import Cell, format_table, paper_of
from jobtui.engine.enums import JobStatus, Misfire, Overlap
from jobtui.engine.views import JobView
from jobtui.frontend.formatting import (
    STATE_SIGNS,
    failed_last,
    format_date_time,
    format_duration,
    format_instant_full,
    status_sign,
)
from jobtui.frontend.json_codec import JOB, Json
from jobtui.process.printable import printable
from jobtui.process.stdio import write_line
from jobtui.store.job_states import JobSummary
from jobtui.store.store_errors import StoreError

_TITLES = ("STATUS", "NAME", "LAST RUN", "TOOK", "OUTCOMES", "RUNS", "FAIL")
_NUMBERS = [_TITLES.index(title) for title in ("TOOK", "RUNS")]
_STRIP_LENGTH = 10  # outcomes, as in the dashboard
# What the store knows of a job. The rest of a view is in the job file.
_STORED = (
    *("name", "status", "running", "prev", "paused_since", "paused_until", "paused_by", "pause_note"),
    *("last_elapsed", "recent", "runs", "failures"),
)


def list_jobs(options: argparse.Namespace) -> int:
    """Print the jobs of a store.

    Args:
        options: From `StoreParser`.

    Returns:
        The exit status.

    Raises:
        CommandError: The settings or the store is wrong.
    """
    try:
        source = open_source(options)
        summaries = source.history.jobs()
    except StoreError as error:
        raise CommandError(str(error)) from error
    views = [_view(job, source) for job in summaries]
    if options.json:
        print_json(
            {
                "store": str(source.path),
                "process": None if source.life is None else encode_life(source.life, source),
                "jobs": _encode(views, summaries),
            }
        )
    if not views:
        return nothing_found(f"there are no jobs in {source.name}")
    if not options.json:
        paper = paper_of(sys.stdout)
        table = format_table(_TITLES, map(_row, views), paper, align_right=_NUMBERS)
        write_line(sys.stdout, f"{source.name}: {_process(source)}\n\n{table}")
    return FOUND


def _view(job: JobSummary, source: StoreSource) -> JobView:
    """Return the view of a job, without what only its scheduler knows."""
    running = job.running if source.lives else 0
    pause = job.pause
    status = JobStatus.IDLE if pause is None else JobStatus.PAUSED
    return JobView(
        name=job.name,
        status=JobStatus.RUNNING if running else status,
        schedule=None,
        spec="",
        origin="",
        summary="",
        overlap=Overlap.HOLD,
        misfire=Misfire.COALESCE,
        running=running,
        queued=0,
        held=0,
        scheduled=0,
        prev=None if job.prev is None else source.instant(job.prev),
        next=None,
        paused_since=None if pause is None else source.instant(pause.since),
        paused_until=None if pause is None or pause.until is None else source.instant(pause.until),
        paused_by="" if pause is None else pause.by,
        pause_note="" if pause is None else pause.note,
        last_elapsed=None if job.last_elapsed is None else timedelta(seconds=job.last_elapsed),
        recent=job.recent,
        runs=sum(count for state, count in job.endings.items() if state.completed),
        failures=sum(count for state, count in job.endings.items() if state.failed),
    )


def _row(job: JobView) -> list[Cell]:
    sign, word = status_sign(job)
    failures = f"{sign.glyph} {job.failures}" if failed_last(job) else str(job.failures)
    strip = "".join(STATE_SIGNS[state].strip for state in job.recent[-_STRIP_LENGTH:])
    return [
        Cell(f"{sign.glyph} {word}", sign.tone),
        Cell(job.name, "failed" if failed_last(job) else ""),
        Cell(format_date_time(job.prev)),
        Cell(format_duration(job.last_elapsed)),
        Cell(strip),
        Cell(str(job.runs)),
        Cell(failures, "failed" if failed_last(job) else ""),
    ]


def _process(source: StoreSource) -> str:
    """Return which scheduler has used the store last, and whether it still runs."""
    life = source.life
    if life is None:
        return "no scheduler has used it"
    process = f"process {life.pid} on {printable(life.host)}"
    if source.lives:
        return f"{process} runs the jobs since {format_instant_full(source.instant(life.started))}"
    if life.ended is None or life.killed:
        seen = format_instant_full(source.instant(life.seen))
        return f"no scheduler runs; {process} ended without stopping, and was last seen {seen}"
    return f"no scheduler runs; {process} stopped {format_instant_full(source.instant(life.ended))}"


def _encode(views: list[JobView], summaries: list[JobSummary]) -> list[Json]:
    encoded = []
    for view, job in zip(views, summaries, strict=True):
        values = JOB.encode(view)
        endings = {state.value: count for state, count in job.endings.items()}
        encoded.append({**{name: values[name] for name in _STORED}, "endings": endings})
    return encoded
