"""What ``jobtui check`` prints: every job, when it is due next, where it is written, and what to doubt."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from jobtui.access.rules import AccessRules
from jobtui.engine.enums import Trigger
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.loading.loader import Loaded
from jobtui.loading.user_errors import short_path
from jobtui.process.printable import printable, printable_lines
from jobtui.runtime.clock import Clock, SystemClock
from jobtui.schedules.describe import describe
from jobtui.schedules.lint import lint_schedule
from jobtui.schedules.schedule import Schedule
from jobtui.schedules.zones import zone_name

_FIRES = 3  # how many of each job are shown
_INSTANTS = ("next", "then", "due")  # the columns that have them
_UNLIMITED = 100_000  # columns, for what is not read on a terminal


def report(loaded: Loaded, stream: TextIO, *, clock: Clock | None = None) -> str:
    """Returns the report on a target, as wide and as colourful as the stream it is meant for.

    A terminal is filled and no more; what does not fit is folded, never cut. A pipe or a file gets one line
    for each job, as long as it takes. Colours are for terminals, and only without ``NO_COLOR``.
    Nothing is started: an interval's next fires are those that it would have if it started now.

    Args:
        loaded: The target.
        stream: Where the report will be written.
        clock: What time it is.
    """
    scheduler = loaded.scheduler
    now = datetime.fromtimestamp((clock or SystemClock()).now(), scheduler.tz).replace(microsecond=0)
    snapshot = scheduler.snapshot()
    terminal = stream.isatty()
    console = Console(
        file=io.StringIO(),
        width=None if terminal else _UNLIMITED,
        force_terminal=terminal and not os.environ.get("NO_COLOR"),
        highlight=False,
        legacy_windows=False,
    )
    parts: list[RenderableType] = [_heading(loaded, snapshot, now)]
    if jobs := [job for job in snapshot.jobs if job.schedule is not None]:
        wide = _jobs_table(jobs, now, stacked=False)
        # Told the console's own width, a table would say that it fits: it can always be made to.
        unlimited = console.options.update(width=_UNLIMITED)
        fits = console.measure(wide, options=unlimited).maximum <= console.width
        parts += [Text(), wide if fits else _jobs_table(jobs, now, stacked=True)]
    if warnings := list(_warnings(jobs, now)):
        parts += [Text(), Text("warnings", style="bold"), *warnings]
    if runs := [*snapshot.scheduled, *snapshot.waiting]:
        parts += [Text(), _runs_table(runs, snapshot)]
        if more := snapshot.pool.queued + sum(job.scheduled for job in snapshot.jobs) - len(runs):
            parts.append(Text(f"and {more} more one-off runs"))
    for part in parts:
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def _heading(loaded: Loaded, snapshot: Snapshot, now: datetime) -> Table:
    """What the scheduler is run with."""
    jobs = sum(job.schedule is not None for job in snapshot.jobs)
    settings = "none found; the defaults"
    if loaded.settings.source is not None:
        settings = printable(short_path(loaded.settings.source.absolute()))
        if not loaded.settings_apply:
            settings += " (not for this scheduler, which the file made itself)"
    lines = {
        "target": f"{printable(loaded.title)}: {jobs} {'job' if jobs == 1 else 'jobs'} on a schedule",
        "settings": settings,
        "pool": str(snapshot.pool.size or "no limit"),
        "zone": f"{printable(zone_name(snapshot.zone))}, now {_instant(now)}",
    }
    if loaded.settings.listen is not None:
        lines["page"] = f"{printable(str(loaded.settings.listen))}, {_who_comes_in(loaded.settings.access)}"
    if loaded.start_functions:
        lines["on start"] = (
            f"{loaded.start_functions} on_app_start, which check does not call; more jobs may come from there"
        )
    grid = Table.grid(padding=(0, 2, 0, 0))
    for key, value in lines.items():
        grid.add_row(Text(key, style="bold"), Text(value, overflow="fold"))
    return grid


def _who_comes_in(access: AccessRules) -> str:
    """Whom the status page is for."""
    networks = "".join(f" and {network}" for network in access.allow)
    who = f"for this machine{networks}"
    if access.credentials is not None:
        who += ", with user and password"
    return f"{who}, readonly" if access.readonly else who


def _jobs_table(jobs: list[JobView], now: datetime, *, stacked: bool) -> Table:
    """Every job with its next fires: side by side, or stacked where the terminal is too narrow."""
    fires = ["next"] if stacked else ["next", *["then"] * (_FIRES - 1)]
    spec = ["schedule"] if stacked else ["schedule", "in words"]
    table = _table("job", *spec, *fires, "written in")
    for job in jobs:
        assert job.schedule is not None  # the caller left those out
        due = [
            _instant(instant.astimezone(now.tzinfo)) for instant in islice(_fires(job.schedule, now), _FIRES)
        ]
        due = due or ["never"]
        if stacked:
            cells = [f"{job.spec}\n{describe(job.schedule)}", "\n".join(due)]
        else:
            cells = [job.spec, describe(job.schedule), *due, *[""] * (_FIRES - len(due))]
        _add(table, job.name, *cells, _origin(job))
    return table


def _warnings(jobs: list[JobView], now: datetime) -> Iterator[Text]:
    """What the authors of the schedules may not have meant, each with its place in front, as compilers do."""
    for job in jobs:
        assert job.schedule is not None  # the caller left those out
        for sentence in lint_schedule(job.schedule, now):
            yield Text(printable(f"{_origin(job)}: {job.name}: {sentence}"), overflow="fold")


def _runs_table(runs: list[RunView], snapshot: Snapshot) -> Table:
    """The runs that the file asked for while it was imported."""
    origins = {job.name: _origin(job) for job in snapshot.jobs}
    table = _table("one-off run", "asked for", "due", "written in")
    for run in runs:
        due = "at the start" if run.due is None else _instant(run.due)
        trigger = "now" if run.trigger is Trigger.NOW else run.trigger.value
        _add(table, run.job, trigger, due, origins.get(run.job, ""))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for column in columns:
        # A name can be read in pieces, an instant cannot.
        table.add_column(column, overflow="fold", no_wrap=column in _INSTANTS)
    return table


def _add(table: Table, *cells: str) -> None:
    # Text, not str: names and specs are the user's, and "[red]" in them is no markup.
    table.add_row(*(Text(printable_lines(cell), overflow="fold") for cell in cells))


def _fires(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    due = schedule.next(after)
    while due is not None:
        yield due
        due = schedule.next(due)


def _instant(instant: datetime) -> str:
    """Local time with its zone; parts of a second only where there are any."""
    precision = "milliseconds" if instant.microsecond else "seconds"
    return f"{instant.replace(tzinfo=None).isoformat(' ', precision)} {instant.tzname()}"


def _origin(job: JobView) -> str:
    return short_path(job.origin) if job.origin else "(not Python)"
