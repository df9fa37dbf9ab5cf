"""``jobtui why JOB|RUN``: explain why a tick did or did not run, and where the time of a run went."""

from __future__ import annotations

import argparse
import sys

from jobtui.cli.choose_source import open_source
from jobtui.cli.source import FOUND, nothing_found, print_json
from jobtui.cli.text_table import Cell, paper_of
from jobtui.frontend.explanation import Cause, Verdict
from jobtui.frontend.json_codec import EXPLANATION
from jobtui.process.printable import printable
from jobtui.process.stdio import write_line

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
        CommandError: The instant or the settings are wrong, or the source cannot answer.
    """
    with open_source(options) as source:
        try:
            found = source.why_run(options.run) if options.run else source.why(options.job, options.at)
        except LookupError as error:
            return nothing_found(str(error.args[0]))
    if options.json:
        print_json(EXPLANATION.encode(found))
        return FOUND
    paper = paper_of(sys.stdout)
    tone = "muted" if found.cause is Cause.SCHEDULE else _TONES[found.verdict]
    write_line(sys.stdout, paper.format_cell(Cell(printable(found.sentence), tone)))
    for fact in found.evidence:
        write_line(sys.stdout, f"  {printable(fact)}")
    return FOUND
