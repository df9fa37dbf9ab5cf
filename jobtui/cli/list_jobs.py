"""``jobtui ps``: print the jobs, with their last outcomes and their counters."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from jobtui.cli.choose_source import open_source
from jobtui.cli.source import FOUND, JobList, nothing_found, print_json
from jobtui.cli.text_table import Cell, format_table, paper_of
from jobtui.engine.enums import JobStatus
from jobtui.engine.views import JobView, Snapshot
from jobtui.frontend.formatting import (
    ABSENT,
    failed_last,
    format_abandoned,
    format_date_time,
    format_duration,
    run_label,
    status_sign,
)
from jobtui.frontend.now_next import NO_RUNS, live_runs, now_next
from jobtui.frontend.outcome_strip import outcome_strip
from jobtui.frontend.registry import Registry
from jobtui.process.stdio import write_line

_TITLES = ("STATUS", "NAME", "LAST RUN", "TOOK", "OUTCOMES", "RUNS", "FAIL")
_NOW_NEXT = "NOW / NEXT", 60  # title and width of the column that only a scheduler fills
_NUMBERS = [_TITLES.index(title) for title in ("TOOK", "RUNS")]


def list_jobs(options: argparse.Namespace) -> int:
    """Print all jobs.

    Args:
        options: From `PsParser`.

    Returns:
        The exit status.

    Raises:
        CommandError: The settings are wrong, or the source cannot answer.
    """
    if options.all:
        return _list_schedulers(options)
    with open_source(options) as source:
        found = source.list_jobs()
    if options.json:
        print_json(found.encode())
    if not found.jobs:
        return nothing_found(f"there are no jobs in {source.name}")
    if not options.json:
        write_line(sys.stdout, f"{found.headline}\n\n{_format_jobs(found)}")
        if found.snapshot is not None and found.snapshot.abandoned:
            write_line(sys.stdout, f"\n{_abandoned(found.snapshot)}")
    return FOUND


def _format_jobs(found: JobList) -> str:
    """Return a table of the jobs; that of a scheduler says what each of them does now or next."""
    titles, rows = list(_TITLES), list(map(_row, found.jobs))
    if found.snapshot is not None:
        title, width = _NOW_NEXT
        titles.append(title)
        live = live_runs(found.snapshot)
        for row, job in zip(rows, found.jobs, strict=True):
            pieces = now_next(job, live.get(job.name, NO_RUNS), found.snapshot.at, width)
            row.append(Cell("".join(text for text, _ in pieces), pieces[0][1] if pieces else ""))
    return format_table(titles, rows, paper_of(sys.stdout), align_right=_NUMBERS)


def _list_schedulers(options: argparse.Namespace) -> int:
    """Print the schedulers that run here. Asks none of them."""
    entries = Registry().entries()
    if options.json:
        print_json([asdict(entry) for entry in entries])
    if not entries:
        return nothing_found("no scheduler runs here that can be asked")
    if not options.json:
        rows = [
            [Cell(str(entry.pid)), Cell(entry.title), Cell(entry.address), Cell(entry.store or ABSENT)]
            for entry in entries
        ]
        table = format_table(("PID", "JOBS", "ADDRESS", "STORE"), rows, paper_of(sys.stdout), align_right=[0])
        write_line(sys.stdout, table)
    return FOUND


def _attempt(job: JobView) -> str:
    """Return which attempt of how many a RETRYING job is about to make; "" for any other job."""
    return f" {job.retry_attempt}/{job.attempts}" if job.status is JobStatus.RETRYING else ""


def _abandoned(snapshot: Snapshot) -> str:
    """Return how many runs were abandoned, and a table of them."""
    rows = [
        [Cell(run_label(run)), Cell(run.job), Cell(format_date_time(run.started)), Cell(run.worker)]
        for run in snapshot.abandoned
    ]
    table = format_table(("RUN", "JOB", "STARTED", "WORKER"), rows, paper_of(sys.stdout))
    return f"{format_abandoned(snapshot.pool)}: jobtui stack RUN shows where they are\n\n{table}"


def _row(job: JobView) -> list[Cell]:
    sign, word = status_sign(job)
    failures = f"{sign.glyph} {job.failures}" if failed_last(job) else str(job.failures)
    return [
        Cell(f"{sign.glyph} {word}{_attempt(job)}", sign.tone),
        Cell(job.name, "failed" if failed_last(job) else ""),
        Cell(format_date_time(job.prev)),
        Cell(format_duration(job.last_elapsed)),
        Cell("".join(text for text, _ in outcome_strip(job))),
        Cell(str(job.runs)),
        Cell(failures, "failed" if failed_last(job) else ""),
    ]
