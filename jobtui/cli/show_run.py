"""``jobtui show RUN``: print a run, with its traceback and its output."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import tzinfo

from jobtui.cli.choose_source import open_source
from jobtui.cli.source import FOUND, Process, all_lines, encode_line, format_line, nothing_found, print_json
from jobtui.cli.text_table import Cell, Paper, paper_of
from jobtui.engine.enums import RunState
from jobtui.engine.views import RunView
from jobtui.frontend.backend import RunLine
from jobtui.frontend.formatting import (
    STATE_SIGNS,
    elapsed_between,
    format_attempts,
    format_duration,
    format_instant_full,
    run_label,
)
from jobtui.frontend.json_codec import RUN
from jobtui.process.printable import printable, printable_lines
from jobtui.process.stdio import write_line

_LABEL_WIDTH = 11  # of the longest label, and two


def show_run(options: argparse.Namespace) -> int:
    """Print a run.

    Args:
        options: From `ShowParser`.

    Returns:
        The exit status.

    Raises:
        CommandError: The settings are wrong, or the source cannot answer.
    """
    number = int(options.words[0].removeprefix("#"))
    with open_source(options) as source:
        tz = source.now.tzinfo
        try:
            run = source.run(number)
            process, lines = source.process_of(run), all_lines(source, number)
        except LookupError as error:
            return nothing_found(str(error.args[0]))
    if options.json:
        output = [encode_line(line, tz) for line in lines]
        encoded = None if process is None else process.encode()
        print_json({"run": RUN.encode(run), "output": output, "process": encoded})
    else:
        write_line(sys.stdout, _as_text(run, process, lines, tz, paper_of(sys.stdout)))
    return FOUND


def _as_text(
    run: RunView, process: Process | None, lines: Sequence[RunLine], tz: tzinfo | None, paper: Paper
) -> str:
    sign = STATE_SIGNS[run.state]
    rows = [
        ("state", paper.format_cell(Cell(f"{sign.glyph} {run.state.value}", sign.tone))),
        ("reason", printable(run.reason)),
        ("arguments", printable(run.arguments)),
        ("requested", f"{format_instant_full(run.created)}, by {run.trigger.value.removeprefix('by ')}"),
        ("attempt", format_attempts(run)),
        ("due", format_instant_full(run.due) if run.due else ""),
        ("started", _started(run)),
        ("ended", format_instant_full(run.ended) if run.ended else ""),
        ("took", "" if run.elapsed is None else format_duration(run.elapsed)),
        ("process", "" if process is None else _describe(run, process)),
        ("job file", "" if process is None else _job_file(process)),
    ]
    parts = [f"{printable(run.job)} {run_label(run)}"]
    parts += [f"{label:<{_LABEL_WIDTH}}{text}" for label, text in rows if text]
    for attempt in run.attempts_made:
        heading = f"Attempt {attempt.number}, failed at {format_instant_full(attempt.ended)}"
        parts += ["", heading, printable_lines(attempt.error or attempt.reason)]
    if run.error:
        parts += ["", "Traceback", printable_lines(run.error)]
    parts += ["", "Output", *(format_line(line, tz) for line in lines)]
    if not lines:
        parts.append("nothing is recorded")
    return "\n".join(parts)


def _started(run: RunView) -> str:
    if run.started is None:
        return ""
    waited = format_duration(elapsed_between(run.due or run.created, run.started))
    return f"{format_instant_full(run.started)}, after {waited}, on {printable(run.worker)}"


def _describe(run: RunView, process: Process) -> str:
    if process.pid is None:
        return ""
    name = f"{process.pid} on {printable(process.host)}" if process.host else str(process.pid)
    if run.state is RunState.RETRYING and not process.lives:
        return f"{name}, which has ended: this run goes on at the next start"
    if run.ended is None and not process.lives:
        return f"{name}, which ended without stopping: this run will be LOST at the next start"
    return name


def _job_file(process: Process) -> str:
    commit = f", commit {process.commit[:12]}" if process.commit else ""
    return f"{printable(process.file)}{printable(commit)}"
