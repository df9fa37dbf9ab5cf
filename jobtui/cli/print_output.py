"""``jobtui logs RUN|JOB``: print the output of a run."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import suppress
from functools import partial

from jobtui.cli.choose_source import open_source
from jobtui.cli.follow import follow_run, next_run, pause_while_read
from jobtui.cli.source import (
    FOUND,
    Source,
    all_lines,
    encode_line,
    format_line,
    nothing_found,
    print_json,
)
from jobtui.cli.source_arguments import is_run_number
from jobtui.frontend.backend import RunLine
from jobtui.process.printable import printable
from jobtui.process.stdio import write_line


def print_output(options: argparse.Namespace) -> int:
    """Print the output of a run, or of the latest run of a job.

    Args:
        options: From `LogsParser`.

    Returns:
        The exit status.

    Raises:
        CommandError: The settings are wrong, or the source cannot answer.
    """
    with open_source(options) as source:
        try:
            return _follow(source, options) if options.follow else _print(source, options)
        except LookupError as error:
            if options.json and not options.follow:
                print_json([])
            return nothing_found(str(error.args[0]))


def _print(source: Source, options: argparse.Namespace) -> int:
    """Print what is there."""
    [word] = options.words
    number = int(word.removeprefix("#")) if is_run_number(word) else source.latest_run(word)
    lines = all_lines(source, number)
    tz = source.now.tzinfo
    if options.json:
        print_json([encode_line(line, tz) for line in lines])
    if not lines:
        return nothing_found(f"no output of run {number} is recorded in {source.name}")
    if not options.json:
        write_line(sys.stdout, "\n".join(format_line(line, tz) for line in lines))
    return FOUND


def _follow(source: Source, options: argparse.Namespace) -> int:
    """Print what is there, and then each new line: of one run, or of a job's runs one after the other."""
    [word] = options.words
    tz = source.now.tzinfo

    def write(text: str) -> None:
        if not write_line(sys.stdout, text):
            raise BrokenPipeError

    def show(number: int, line: RunLine) -> None:
        if options.json:
            write(json.dumps({"run": number, **encode_line(line, tz)}, ensure_ascii=False))
        else:
            write(format_line(line, tz))

    with suppress(BrokenPipeError):
        if is_run_number(word):
            number = int(word.removeprefix("#"))
            follow_run(source, number, partial(show, number), pause_while_read)
            return FOUND
        number = max(source.started_runs(word), default=0)
        if not number and word not in source.job_names():
            source.latest_run(word)  # raises LookupError, with the names that are similar
        while True:
            number = number or next_run(source, word, 0, pause_while_read)
            if not options.json:
                write(f"==> {printable(word)} #{number} <==")
            follow_run(source, number, partial(show, number), pause_while_read)
            number = next_run(source, word, number, pause_while_read)
    return FOUND
