"""``jobtui forecast``: print when the jobs will run and wait, and when the pool is full."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from jobtui.cli.choose_source import make_store_source, open_live_source
from jobtui.cli.command_error import CommandError, missing_extra
from jobtui.cli.source import print_json
from jobtui.cli.text_table import Cell, format_table, paper_of
from jobtui.cli.waiting_notice import notice_at_terminal
from jobtui.engine.typical_duration import expected_durations
from jobtui.engine.views import Snapshot
from jobtui.frontend.formatting import ABSENT, format_date_time, format_duration, pluralize
from jobtui.frontend.json_codec import Json
from jobtui.frontend.load_calendar import (
    CrowdedMinute,
    crowded_minutes,
    crowded_sentence,
    crowded_sentences,
)
from jobtui.loading.loader import BadTarget, load
from jobtui.process.printable import printable
from jobtui.process.stdio import write_line
from jobtui.settings.setting_errors import BadSetting
from jobtui.simulation.forecast import Forecast, FullSpan, forecast
from jobtui.simulation.predicted_runs import PredictedRun

FINE, TROUBLE = 0, 1  # exit statuses
_SPANS = 20  # that are printed
_CROWDED = 10  # crowded minutes that are printed
_SHORTEST_SPAN = timedelta(seconds=1)  # that is printed
_TITLES = ("JOB", "RUNS", "TAKES", "FIRST START", "LONGEST WAIT", "NO RUN")
_NUMBERS = [_TITLES.index(title) for title in ("RUNS", "TAKES", "LONGEST WAIT", "NO RUN")]
_SPAN_TITLES = ("FULL FROM", "TO", "FOR", "WAITING", "LONGEST WAIT")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Present:
    """The jobs as they are now.

    Attributes:
        title: The origin of the jobs.
        snapshot: The scheduler.
        expected: How long a run of each job is expected to take, by the name of the job.
    """

    title: str
    snapshot: Snapshot
    expected: Mapping[str, timedelta]


def print_forecast(options: argparse.Namespace) -> int:
    """Print the forecast.

    Args:
        options: From `ForecastParser`.

    Returns:
        The exit status.

    Raises:
        CommandError: The target or its settings are wrong, or the scheduler does not answer.
    """
    present = _load(options) if options.target is not None else _ask(options)
    with notice_at_terminal("looking ahead"):
        found = forecast(present.snapshot, present.expected, length=options.length, pool=options.pool)
    if options.json:
        print_json(_encode(found, present))
    else:
        write_line(sys.stdout, _format(found, present))
    too_long = options.max_wait is not None and any(run.wait > options.max_wait for run in found.runs)
    return TROUBLE if too_long or any(run.is_lost for run in found.runs) else FINE


def _load(options: argparse.Namespace) -> _Present:
    """Return the jobs of a target. Nothing is started."""
    try:
        with notice_at_terminal(f"still importing {options.target}"):
            loaded = load(
                options.target,
                config=Path(options.config) if options.config is not None else None,
                run_mode=options.run_mode,
            )
    except (BadTarget, BadSetting) as error:
        raise CommandError(str(error)) from error
    snapshot = loaded.scheduler.snapshot()
    store = loaded.settings.store_path if options.store is None else Path(options.store)
    expected: Mapping[str, timedelta] = {}
    if store is not None and store.exists():
        expected = expected_durations(make_store_source(store, options).list_jobs().jobs)
    return _Present(title=loaded.title, snapshot=snapshot, expected=expected)


def _ask(options: argparse.Namespace) -> _Present:
    """Return the jobs of a scheduler that runs."""
    try:
        with open_live_source(options) as source:
            snapshot = source.backend.snapshot()
            return _Present(title=source.name, snapshot=snapshot, expected=expected_durations(snapshot.jobs))
    except ImportError as error:
        raise missing_extra("asking a scheduler that runs", error) from error


def _format(found: Forecast, present: _Present) -> str:
    slots = pluralize(found.pool, "slot") if found.pool else "no limit"
    span = f"{format_date_time(found.start)} to {format_date_time(found.end)} ({found.start:%Z})"
    parts = [f"{printable(present.title)}: {span}, a pool with {slots}"]
    if found.is_cut:
        parts[0] += f"\nIt ends there, after {len(found.runs):,} runs."
    if found.unknown:
        names = ", ".join(map(printable, found.unknown))
        parts.append(f"Not in it, because only their own process can compute their schedules: {names}")
    paper = paper_of(sys.stdout)
    rows = [_row(job, runs, present) for job, runs in _by_job(found, present)]
    parts.append(format_table(_TITLES, rows, paper, align_right=_NUMBERS))
    if found.full:
        parts.append(_format_full(found.full))
    elif found.pool:
        parts.append("No scheduled run waits for a slot.")
    if crowded := crowded_sentences(found, _CROWDED, printable):
        parts.append("\n".join(["Crowded minutes:", *(f"  {sentence}" for sentence in crowded)]))
    if count := len({run.job for run in found.runs if run.started is not None} - present.expected.keys()):
        jobs, whose = pluralize(count, "job"), "its" if count == 1 else "their"
        parts.append(f"The duration of {jobs} is not known yet; the forecast counts {whose} runs as 0 s.")
    return "\n\n".join(parts)


def _format_full(full: Sequence[FullSpan]) -> str:
    """Return when the pool is full. Times of less than a second are only counted."""
    whole = sum((span.end - span.start for span in full), timedelta())
    text = f"The pool is full {pluralize(len(full), 'time')}, {format_duration(whole)} in all"
    long = [span for span in full if span.end - span.start >= _SHORTEST_SPAN]
    if not long:
        return f"{text}, never for a second."
    longest = sorted(long, key=lambda span: span.start - span.end)[:_SPANS]
    rows = [
        [
            Cell(format_date_time(span.start)),
            Cell(format_date_time(span.end)),
            Cell(format_duration(span.end - span.start)),
            Cell(str(span.waiting)),
            Cell(format_duration(span.longest)),
        ]
        for span in sorted(longest, key=lambda span: span.start)
    ]
    table = format_table(_SPAN_TITLES, rows, paper_of(sys.stdout), align_right=[2, 3, 4])
    return f"{text}{f'; the {_SPANS} longest' if len(long) > _SPANS else ''}:\n{table}"


def _by_job(found: Forecast, present: _Present) -> Iterable[tuple[str, Sequence[PredictedRun]]]:
    runs: dict[str, list[PredictedRun]] = {job.name: [] for job in present.snapshot.jobs}
    for run in found.runs:
        runs.setdefault(run.job, []).append(run)
    return runs.items()


def _row(job: str, runs: Sequence[PredictedRun], present: _Present) -> list[Cell]:
    started = [run.started for run in runs if run.started is not None]
    wait = max((run.wait for run in runs), default=timedelta())
    lost = sum(run.ticks for run in runs if run.is_lost)
    intended = sum(run.ticks for run in runs if run.intended)
    return [
        Cell(job),
        Cell(str(len(started))),
        Cell(format_duration(present.expected.get(job))),
        Cell(format_date_time(min(started, default=None))),
        Cell(format_duration(wait) if wait else ABSENT, "waiting" if wait else ""),
        Cell(str(lost), "failed") if lost else Cell(f"{intended} intended" if intended else ABSENT),
    ]


def _encode(found: Forecast, present: _Present) -> Json:
    return {
        "title": present.title,
        "start": found.start.isoformat(),
        "end": found.end.isoformat(),
        "cut": found.is_cut,
        "pool": found.pool,
        "unknown": list(found.unknown),
        "expected": {job: length.total_seconds() for job, length in present.expected.items()},
        "full": [
            {
                "start": span.start.isoformat(),
                "end": span.end.isoformat(),
                "waiting": span.waiting,
                "longest_wait": span.longest.total_seconds(),
            }
            for span in found.full
        ],
        "crowded": [_encode_crowd(crowd) for crowd in crowded_minutes(found)],
        "runs": [_encode_run(run) for run in found.runs],
    }


def _encode_crowd(crowd: CrowdedMinute) -> Json:
    return {
        "start": crowd.start.isoformat(),
        "times": crowd.times,
        "second": crowd.second,
        "jobs": crowd.jobs,
        "last": crowd.last,
        "longest_wait": crowd.wait.total_seconds(),
        "move": crowd.moved or None,
        "to_minute": crowd.free,
        "text": crowded_sentence(crowd),
    }


def _encode_run(run: PredictedRun) -> Json:
    return {
        "job": run.job,
        "number": run.number or None,
        "due": run.due.isoformat(),
        "started": _iso(run.started),
        "ended": _iso(run.ended),
        "state": run.state.value,
        "reason": run.reason,
        "ticks": run.ticks,
        "intended": run.intended,
    }


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
