"""``jobtui history``: print the runs that meet a query."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from jobtui.cli.choose_source import open_source
from jobtui.cli.command_error import CommandError
from jobtui.cli.source import FOUND, Source, nothing_found, print_json
from jobtui.cli.text_table import Cell, format_table, paper_of
from jobtui.engine.views import RunView
from jobtui.frontend.formatting import STATE_SIGNS, format_date_time, format_duration, run_label
from jobtui.frontend.json_codec import RUN
from jobtui.process.stdio import write_line
from jobtui.schedules.bad_spec import closest_matches
from jobtui.store.query import BadQuery, Query, parse_query, quote_term

_TITLES = ("STATE", "RUN", "JOB", "BY", "TOOK", "REASON")  # after the instant
_TOOK = 1 + _TITLES.index("TOOK")


def list_runs(options: argparse.Namespace) -> int:
    """Print the runs that meet the query, newest first.

    Args:
        options: From `HistoryParser`.

    Returns:
        The exit status.

    Raises:
        CommandError: The query or the settings are wrong, or the source cannot answer.
    """
    with open_source(options) as source:
        try:
            query = parse_query(" ".join([*options.words, *_terms(options)]), source.now)
        except BadQuery as error:
            raise CommandError(str(error)) from error
        runs, is_more = source.search(str(query), options.count)
        if options.json:
            print_json([RUN.encode(run) for run in runs])
        if not runs:
            return nothing_found(_nothing(source, query))
    if not options.json:
        instant = "ENDED" if query.state is None or query.state.ended else "STARTED"
        table = format_table([instant, *_TITLES], map(_row, runs), paper_of(sys.stdout), align_right=[_TOOK])
        write_line(sys.stdout, table)
    if is_more:
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


def _nothing(source: Source, query: Query) -> str:
    names = source.job_names()
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
