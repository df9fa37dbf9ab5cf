"""``jobtui history``: print the runs in a store that meet a query."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from jobtui.cli.command_error import CommandError
from jobtui.cli.store_source import FOUND, StoreSource, nothing_found, open_source, print_json
from jobtui.cli.text_table import Cell, format_table, paper_of
from jobtui.engine.records import packed_view
from jobtui.engine.views import RunView
from jobtui.frontend.formatting import STATE_SIGNS, format_date_time, format_duration, run_label
from jobtui.frontend.json_codec import RUN
from jobtui.process.stdio import write_line
from jobtui.schedules.bad_spec import closest_matches
from jobtui.store.query import BadQuery, Query, parse_query, quote_term
from jobtui.store.store_errors import StoreError

_TITLES = ("STATE", "RUN", "JOB", "BY", "TOOK", "REASON")  # after the instant
_TOOK = 1 + _TITLES.index("TOOK")


def list_runs(options: argparse.Namespace) -> int:
    """Print the runs that meet the query, newest first.

    Args:
        options: From `HistoryParser`.

    Returns:
        The exit status.

    Raises:
        CommandError: The query, the settings or the store is wrong.
    """
    try:
        source = open_source(options)
        query = parse_query(" ".join([*options.words, *_terms(options)]), source.now)
        found = source.history.search(query, options.count + 1)
        runs = [packed_view(run, source.zone) for run in found[: options.count]]
        if options.json:
            print_json([RUN.encode(run) for run in runs])
        if not runs:
            return nothing_found(_nothing(source, query))
    except (StoreError, BadQuery) as error:
        raise CommandError(str(error)) from error
    if not options.json:
        instant = "ENDED" if query.state is None or query.state.ended else "STARTED"
        table = format_table([instant, *_TITLES], map(_row, runs), paper_of(sys.stdout), align_right=[_TOOK])
        write_line(sys.stdout, table)
    if len(found) > len(runs):
        write_line(sys.stderr, f"jobtui: there are more; these are the newest {len(runs)} (-n sets how many)")
    return FOUND


def _terms(options: argparse.Namespace) -> Iterator[str]:
    """Yield the terms that the options stand for."""
    if options.job is not None:
        yield quote_term("job", options.job)
    if options.failed:
        yield "state:failed"
    if options.since is not None:
        yield quote_term("since", options.since)


def _nothing(source: StoreSource, query: Query) -> str:
    names = source.history.job_names()
    if not any(map(query.has_job, names)):
        near = closest_matches(query.job, names)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        return f"{source.name} has no job {query.job!r}{hint}"
    return f"no run in {source.name} meets the query {query}".rstrip()


def _row(run: RunView) -> list[Cell]:
    sign = STATE_SIGNS[run.state]
    return [
        Cell(format_date_time(run.ended or run.started)),
        Cell(f"{sign.glyph} {run.state.value}", sign.tone),
        Cell(run_label(run), "muted"),
        Cell(run.job),
        Cell(run.trigger.value, "muted"),
        Cell("" if run.elapsed is None else format_duration(run.elapsed)),
        Cell(run.reason, "failed" if run.state.failed else "muted"),
    ]
