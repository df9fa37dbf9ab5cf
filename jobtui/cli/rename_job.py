"""``jobtui history rename OLD NEW``: give the history of a job to another name."""

from __future__ import annotations

import argparse
import sys

from jobtui.cli.choose_source import find_store, make_store_source
from jobtui.cli.command_error import CommandError
from jobtui.cli.source import FOUND
from jobtui.process.printable import printable
from jobtui.process.stdio import write_line
from jobtui.schedules.bad_spec import closest_matches
from jobtui.store.renaming import rename_job
from jobtui.store.store_errors import StoreError


def rename(options: argparse.Namespace) -> int:
    """Give the runs and counters of a job in a store to another name, and print how many they are.

    Args:
        options: From `HistoryParser`.

    Returns:
        The exit status.

    Raises:
        CommandError: The settings or the store is wrong, a scheduler runs, or no job has the old name.
    """
    old, new = options.rename
    try:
        source = make_store_source(find_store(options), options)
        names = source.job_names()
        moved = rename_job(source.path, old, new)
    except LookupError:
        near = closest_matches(old, names)
        hint = f"; did you mean {' or '.join(map(printable, near))}?" if near else ""
        raise CommandError(f"{source.name} has no job {printable(old)!r}{hint}") from None
    except StoreError as error:
        raise CommandError(f"{error}; stop it first" if hasattr(error, "pid") else str(error)) from error
    count = "1 entry" if moved == 1 else f"{moved} entries"
    write_line(sys.stdout, f"{count} of {printable(old)} now belong to {printable(new)}")
    return FOUND
