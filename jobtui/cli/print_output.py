"""``jobtui logs RUN|JOB``: print the output of a run in a store."""

from __future__ import annotations

import argparse
import sys

from jobtui.cli.arguments import is_run_number
from jobtui.cli.command_error import CommandError
from jobtui.cli.store_source import (
    FOUND,
    StoreSource,
    encode_line,
    format_line,
    nothing_found,
    open_source,
    print_json,
)
from jobtui.process.stdio import write_line
from jobtui.schedules.bad_spec import closest_matches
from jobtui.store.store_errors import StoreError


def print_output(options: argparse.Namespace) -> int:
    """Print the output of a run, or of the latest run of a job.

    Args:
        options: From `LogsParser`.

    Returns:
        The exit status.

    Raises:
        CommandError: The settings or the store is wrong.
    """
    [word] = options.words
    try:
        source = open_source(options)
        number = int(word.removeprefix("#")) if is_run_number(word) else source.history.latest_run(word)
        lines = source.history.output(number)
        if options.json:
            print_json([encode_line(line, source) for line in lines])
        if not lines:
            return nothing_found(_nothing(source, word, number))
    except StoreError as error:
        raise CommandError(str(error)) from error
    if not options.json:
        write_line(sys.stdout, "\n".join(format_line(line, source) for line in lines))
    return FOUND


def _nothing(source: StoreSource, word: str, number: int) -> str:
    """Return why there is no output."""
    if number and source.history.run(number) is not None:
        return f"no output of run {number} is recorded in {source.name}"
    if is_run_number(word):
        return f"there is no run {number} in {source.name}"
    names = source.history.job_names()
    if word in names:
        return f"no run of job {word!r} is kept in {source.name}"
    near = closest_matches(word, names)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"{source.name} has no job {word!r}{hint}"
