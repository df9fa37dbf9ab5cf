"""``jobtui check``: print every job with its next ticks and its place in the code, and warnings."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from jobtui.access.rules import AccessRules
from jobtui.engine.enums import Trigger
from jobtui.engine.retry import UNTIL_TICK
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.formatting import (
    count_jobs,
    format_duration,
    format_ladder,
    format_limits,
    format_pause_after,
    format_pause_details,
    pluralize,
)
from jobtui.loading.loader import Loaded
from jobtui.loading.user_errors import short_path
from jobtui.process.printable import printable, printable_lines
from jobtui.process.stdio import is_terminal
from jobtui.runtime.clock import Clock, SystemClock
from jobtui.runtime.unregistered_jobs import describe_unregistered
from jobtui.schedules.adjusted import anchored
from jobtui.schedules.describe import describe
from jobtui.schedules.lint import lint_schedule
from jobtui.schedules.quiet_times import QuietTimes, parse_quiet_times
from jobtui.schedules.schedule import Schedule
from jobtui.schedules.zones import zone_name

_TICKS = 3  # next ticks that are shown of each job
_QUIET_TICKS = 20  # next ticks that may all be in quiet times
_INSTANT_COLUMNS = ("next", "then", "due")
_UNLIMITED = 100_000  # columns: the width of a report that is not for a terminal


def format_report(loaded: Loaded, stream: TextIO | None, *, clock: Clock | None = None) -> str:
    """Return the report on a target, in the form that suits a stream.

    For a terminal the lines are folded to its width and nothing is cut off; a pipe or a file gets one line
    for each job, of any length. Only terminals get colours, and only without ``NO_COLOR``. Nothing is
    started: the next ticks of an interval are those it would have if the scheduler started now.

    Args:
        loaded: The target.
        stream: Where the caller will write the report; None if that is closed.
        clock: The clock; the system's by default.
    """
    scheduler = loaded.scheduler
    now = datetime.fromtimestamp((clock or SystemClock()).now(), scheduler.tz).replace(microsecond=0)
    snapshot = scheduler.snapshot()
    terminal = is_terminal(stream)
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
        # Measured at the console's own width, every table fits, because rich would shrink it.
        unlimited = console.options.update(width=_UNLIMITED)
        fits = console.measure(wide, options=unlimited).maximum <= console.width
        parts += [Text(), wide if fits else _jobs_table(jobs, now, stacked=True)]
    if arguments := [
        Text(printable(f"{job.name}: {job.arguments}"), overflow="fold") for job in jobs if job.arguments
    ]:
        parts += [Text(), Text("arguments", style="bold"), *arguments]
    if pauses := [*_pauses(jobs)]:
        parts += [Text(), Text("start, pause and end", style="bold"), *pauses]
    if limits := [
        Text(printable(f"{job.name}: {text}"), overflow="fold")
        for job in jobs
        if (text := format_limits(job))
    ]:
        parts += [Text(), Text("limits", style="bold"), *limits]
    if retries := [*_retries(jobs, now)]:
        parts += [Text(), Text("retries", style="bold"), *retries]
    warnings = [Text(printable(each), overflow="fold") for each in loaded.settings.warnings]
    quiet = parse_quiet_times(snapshot.quiet, tz=snapshot.zone)
    if warnings := [*warnings, *_warnings(jobs, now, quiet), *_store_warnings(loaded, jobs)]:
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
    """Return the target, its settings, pool, zone and status page, a line each."""
    settings = "no file found; all settings have their defaults"
    if loaded.settings.source is not None:
        settings = printable(short_path(loaded.settings.source.absolute()))
        if not loaded.settings_apply:
            settings += " (not applied: the file makes this scheduler itself)"
    lines = {
        "target": f"{printable(loaded.title)}: {count_jobs(snapshot.jobs)}",
        "settings": settings,
        **_default_policies(loaded),
        "pool": str(snapshot.pool.size or "no limit"),
        "zone": f"{printable(zone_name(snapshot.zone))}, now {_instant(now)}",
    }
    if snapshot.quiet:
        lines["quiet"] = printable(", ".join(snapshot.quiet))
    if loaded.settings.listen is not None:
        lines["page"] = f"{printable(str(loaded.settings.listen))}, {_access_summary(loaded.settings.access)}"
    if loaded.start_functions:
        functions = f"{loaded.start_functions} on_app_start function" + "s" * (loaded.start_functions > 1)
        lines["on start"] = f"{functions}, not called by check; more jobs may be registered at the start"
    grid = Table.grid(padding=(0, 2, 0, 0))
    for key, value in lines.items():
        grid.add_row(Text(key, style="bold"), Text(value, overflow="fold"))
    return grid


def _default_policies(loaded: Loaded) -> dict[str, str]:
    """Return the policies in the settings, which are those of the jobs that do not say otherwise."""
    settings = loaded.settings
    if not loaded.settings_apply or settings.source is None or not settings.own_policies:
        return {}
    shown = [
        f"jobs.{name} {format_duration(timedelta(seconds=value)) if isinstance(value, float) else value}"
        for name, value in settings.own_policies.items()
    ]
    return {"policies": f"{', '.join(shown)}, from {printable(settings.source.name)}"}


def _access_summary(access: AccessRules) -> str:
    """Return which clients can open the status page, and whether they need credentials."""
    networks = "".join(f" and {network}" for network in access.allow)
    summary = f"open to this machine{networks}"
    if access.credentials is not None:
        summary += ", with user name and password"
    if access.probes:
        summary += f"; health and metrics without them for {' and '.join(map(str, access.probes))}"
    return f"{summary}, read-only" if access.readonly else summary


def _jobs_table(jobs: list[JobView], now: datetime, *, stacked: bool) -> Table:
    """Return every job with its next ticks: side by side, or stacked if the terminal is narrow."""
    ticks = ["next"] if stacked else ["next", *["then"] * (_TICKS - 1)]
    spec = ["schedule"] if stacked else ["schedule", "in words"]
    table = _make_table("job", *spec, *ticks, "written in")
    for job in jobs:
        assert job.schedule is not None  # the caller passes only jobs with a schedule
        due = [
            _instant(instant.astimezone(now.tzinfo)) for instant in islice(_ticks(job.schedule, now), _TICKS)
        ]
        due = due or ["never"]
        if stacked:
            cells = [f"{job.spec}\n{describe(job.schedule)}", "\n".join(due)]
        else:
            cells = [job.spec, describe(job.schedule), *due, *[""] * (_TICKS - len(due))]
        _add_row(table, job.name, *cells, _origin(job))
    return table


def _pauses(jobs: list[JobView]) -> Iterator[Text]:
    """Yield a line for each job about its pause, and about what starts, pauses and ends it."""
    for job in jobs:
        if job.paused_since is not None:
            yield Text(printable(f"{job.name}: paused {format_pause_details(job)}"), overflow="fold")
        if job.times:
            text = f"{job.name}: is done after {pluralize(job.times, 'run')}"
            yield Text(printable(text), overflow="fold")
        if job.on_start:
            yield Text(printable(f"{job.name}: runs when the scheduler starts"), overflow="fold")
        if job.pause_after:
            text = f"{job.name}: pauses after {format_pause_after(job)}"
            yield Text(printable(text), overflow="fold")


def _retries(jobs: list[JobView], now: datetime) -> Iterator[Text]:
    """Yield a line for each job whose runs are tried again, with the instants of a run of the next tick."""
    for job in jobs:
        assert job.schedule is not None  # the caller passes only jobs with a schedule
        due = job.schedule.next(now)
        if job.retry:
            yield Text(printable(f"{job.name}: {format_ladder(job, due, now.tzinfo)}"), overflow="fold")


def _warnings(jobs: list[JobView], now: datetime, quiet: QuietTimes) -> Iterator[Text]:
    """Yield a line for each schedule that may be a mistake, as ``file:line: job: sentence``."""
    for job in jobs:
        assert job.schedule is not None  # the caller passes only jobs with a schedule
        sentences = [
            *lint_schedule(job.schedule, now),
            *_long_retries(job, now),
            *_always_quiet(job, now, quiet),
        ]
        for sentence in sentences:
            yield Text(printable(f"{_origin(job)}: {job.name}: {sentence}"), overflow="fold")


def _long_retries(job: JobView, now: datetime) -> Iterator[str]:
    """Yield a sentence if the retries of a run may outlast the time until the next tick."""
    first, second = [*islice(_ticks(job.schedule, now), 2), None, None][:2] if job.schedule else (None, None)
    if first is None or second is None or not job.retry or job.retry.endswith(UNTIL_TICK):
        return
    interval = second.astimezone(UTC) - first.astimezone(UTC)
    if job.retry_span >= interval:
        span = format_duration(job.retry_span)
        yield f"the retries of a run may take {span}, and the next tick is {format_duration(interval)} later"


def _always_quiet(job: JobView, now: datetime, quiet: QuietTimes) -> Iterator[str]:
    """Yield a sentence if the next ticks of a job are all in quiet times."""
    ticks = [*islice(_ticks(job.schedule, now), _QUIET_TICKS)] if job.schedule and quiet else []
    if len(ticks) > 1 and all(quiet.end_at(each.timestamp()) is not None for each in ticks):
        yield f"its next {len(ticks)} ticks are all in quiet times ({quiet}), so they start no run"


def _store_warnings(loaded: Loaded, jobs: list[JobView]) -> Iterator[Text]:
    """Yield a line for each job that is only in the store, or one that says what is wrong with the store."""
    recording = loaded.scheduler.recording
    if recording is None:
        return
    from jobtui.store.database import missing_folder  # noqa: PLC0415 - lazy: imports sqlite3
    from jobtui.store.store_errors import StoreError  # noqa: PLC0415 - lazy: imports sqlite3

    sentences: list[str] = []
    try:
        if (folder := missing_folder(recording.file)) is not None:
            sentences = [f"the folder {folder} of the store does not exist; the start creates it"]
        elif recording.file.exists():
            histories = recording.history.histories()
            sentences = describe_unregistered(
                histories, {job.name for job in jobs}, loaded.scheduler.tz, recording.file
            )
    except StoreError as error:
        sentences = [str(error)]
    for sentence in sentences:
        yield Text(printable(sentence), overflow="fold")


def _runs_table(runs: list[RunView], snapshot: Snapshot) -> Table:
    """Return the one-off runs that the file requested while it was imported."""
    origins = {job.name: _origin(job) for job in snapshot.jobs}
    table = _make_table("one-off run", "trigger", "due", "written in")
    for run in runs:
        due = "at start" if run.due is None else _instant(run.due)
        trigger = "now" if run.trigger is Trigger.NOW else run.trigger.value
        _add_row(table, run.job, trigger, due, origins.get(run.job, ""))
    return table


def _make_table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for column in columns:
        # A folded name stays readable, a folded instant does not.
        table.add_column(column, overflow="fold", no_wrap=column in _INSTANT_COLUMNS)
    return table


def _add_row(table: Table, *cells: str) -> None:
    # Text instead of str, because "[red]" in a user's name or spec is not markup.
    table.add_row(*(Text(printable_lines(cell), overflow="fold") for cell in cells))


def _ticks(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    schedule = anchored(schedule, after)
    due = schedule.next(after)
    while due is not None:
        yield due
        due = schedule.next(due)


def _instant(instant: datetime) -> str:
    """Format an instant with its zone, and with milliseconds only if there are any."""
    precision = "milliseconds" if instant.microsecond else "seconds"
    return f"{instant.replace(tzinfo=None).isoformat(' ', precision)} {instant.tzname()}"


def _origin(job: JobView) -> str:
    return short_path(job.origin) if job.origin else "(not Python)"
