"""``jobtui why JOB|RUN``: explain why a tick did or did not run, and where the time of a run went."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing

from jobtui.cli.attach import connect
from jobtui.cli.command_error import CommandError
from jobtui.cli.store_source import FOUND, nothing_found, open_source, print_json
from jobtui.cli.text_table import Cell, paper_of
from jobtui.frontend.json_codec import EXPLANATION
from jobtui.frontend.why import Cause, Explanation, Verdict, explain_run, explain_tick
from jobtui.frontend.why_stored import StoreFacts
from jobtui.process.printable import printable
from jobtui.process.stdio import write_line
from jobtui.store.store_errors import StoreError

_TONES = {
    Verdict.RAN: "ok",
    Verdict.WILL_RUN: "ok",
    Verdict.DID_NOT_RUN: "failed",
    Verdict.WILL_NOT_RUN: "failed",
    Verdict.NOT_KNOWN: "waiting",
}


def explain(options: argparse.Namespace) -> int:
    """Print the explanation of a tick or a run.

    Args:
        options: From `WhyParser`.

    Returns:
        The exit status.

    Raises:
        CommandError: The instant, the address, the settings or the store is wrong.
    """
    try:
        found = _ask_scheduler(options) if options.address else _ask_store(options)
    except LookupError as error:
        return nothing_found(str(error.args[0]))
    except (StoreError, ValueError, OSError) as error:
        raise CommandError(str(error.args[0])) from error
    if options.json:
        print_json(EXPLANATION.encode(found))
        return FOUND
    paper = paper_of(sys.stdout)
    tone = "muted" if found.cause is Cause.SCHEDULE else _TONES[found.verdict]
    write_line(sys.stdout, paper.format_cell(Cell(printable(found.sentence), tone)))
    for fact in found.evidence:
        write_line(sys.stdout, f"  {printable(fact)}")
    return FOUND


def _ask_scheduler(options: argparse.Namespace) -> Explanation:
    with closing(connect(options.address)) as backend:
        if options.run:
            return backend.why_run(options.run)
        return backend.why(options.job, options.at)


def _ask_store(options: argparse.Namespace) -> Explanation:
    source = open_source(options)
    facts = StoreFacts(source.history, source.now)
    return explain_run(facts, options.run) if options.run else explain_tick(facts, options.job, options.at)
