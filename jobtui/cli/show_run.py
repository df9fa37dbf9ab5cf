"""``jobtui show RUN``: print a run in a store, with its traceback and its output."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from jobtui.cli.command_error import CommandError
from jobtui.cli.store_source import (
    FOUND,
    StoreSource,
    encode_life,
    encode_line,
    format_line,
    nothing_found,
    open_source,
    print_json,
)
from jobtui.cli.text_table import Cell, Paper, paper_of
from jobtui.engine.records import packed_view
from jobtui.engine.views import RunView
from jobtui.frontend.formatting import (
    STATE_SIGNS,
    elapsed_between,
    format_duration,
    format_instant_full,
    run_label,
)
from jobtui.frontend.json_codec import RUN
from jobtui.process.printable import printable, printable_lines
from jobtui.process.stdio import write_line
from jobtui.store.lives import Life
from jobtui.store.output_rows import StoredLine
from jobtui.store.store_errors import StoreError

_LABEL_WIDTH = 11  # of the longest label, and two


def show_run(options: argparse.Namespace) -> int:
    """Print a run.

    Args:
        options: From `ShowParser`.

    Returns:
        The exit status.

    Raises:
        CommandError: The settings or the store is wrong.
    """
    number = int(options.words[0].removeprefix("#"))
    try:
        source = open_source(options)
        packed, life = source.history.run(number), source.history.life(number)
        lines = source.history.output(number)
    except StoreError as error:
        raise CommandError(str(error)) from error
    if packed is None:
        return nothing_found(f"there is no run {number} in {source.name}")
    run = packed_view(packed, source.zone)
    if options.json:
        process = None if life is None else encode_life(life, source)
        output = [encode_line(line, source) for line in lines]
        print_json({"run": RUN.encode(run), "output": output, "process": process})
    else:
        write_line(sys.stdout, _as_text(run, life, lines, source, paper_of(sys.stdout)))
    return FOUND


def _as_text(
    run: RunView, life: Life | None, lines: Sequence[StoredLine], source: StoreSource, paper: Paper
) -> str:
    sign = STATE_SIGNS[run.state]
    rows = [
        ("state", paper.format_cell(Cell(f"{sign.glyph} {run.state.value}", sign.tone))),
        ("reason", printable(run.reason)),
        ("arguments", printable(run.arguments)),
        ("requested", f"{format_instant_full(run.created)}, by {run.trigger.value.removeprefix('by ')}"),
        ("attempt", str(run.attempt) if run.attempt > 1 else ""),
        ("due", format_instant_full(run.due) if run.due else ""),
        ("started", _started(run)),
        ("ended", format_instant_full(run.ended) if run.ended else ""),
        ("took", "" if run.elapsed is None else format_duration(run.elapsed)),
        ("process", "" if life is None else _process(run, life, source)),
        ("job file", "" if life is None else _job_file(life)),
    ]
    parts = [f"{printable(run.job)} {run_label(run)}"]
    parts += [f"{label:<{_LABEL_WIDTH}}{text}" for label, text in rows if text]
    if run.error:
        parts += ["", "Traceback", printable_lines(run.error)]
    parts += ["", "Output", *(format_line(line, source) for line in lines)]
    if not lines:
        parts.append("nothing is recorded")
    return "\n".join(parts)


def _started(run: RunView) -> str:
    if run.started is None:
        return ""
    waited = format_duration(elapsed_between(run.due or run.created, run.started))
    return f"{format_instant_full(run.started)}, after {waited}, on {printable(run.worker)}"


def _process(run: RunView, life: Life, source: StoreSource) -> str:
    process = f"{life.pid} on {printable(life.host)}"
    if run.ended is None and not life.may_live(source.now.timestamp()):
        return f"{process}, which ended without stopping: this run will be LOST at the next start"
    return process


def _job_file(life: Life) -> str:
    commit = f", commit {life.git_commit[:12]}" if life.git_commit else ""
    return f"{printable(life.file)}{printable(commit)}"
