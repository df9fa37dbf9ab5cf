"""A notice at the exit of a script that has registered jobs and never started a scheduler."""

from __future__ import annotations

import atexit
import sys
import weakref
from functools import cache
from pathlib import Path
from typing import Protocol

from jobtui.engine.enums import Phase
from jobtui.engine.views import Snapshot
from jobtui.process.printable import printable
from jobtui.process.stdio import write_line


class _HasSnapshot(Protocol):
    def snapshot(self) -> Snapshot: ...


# The jobs of each scheduler, by name, with the places of their registrations, as `file:line`.
_schedulers: weakref.WeakKeyDictionary[_HasSnapshot, dict[str, str]] = weakref.WeakKeyDictionary()


def notice_if_unstarted(scheduler: _HasSnapshot, job: str, place: str) -> None:
    """Print a notice at the exit if the program's own file registers jobs and no scheduler ever starts.

    Args:
        scheduler: The scheduler of a job.
        job: The name of the job.
        place: The place of its registration.
    """
    _schedulers.setdefault(scheduler, {})[job] = place
    _print_at_exit()


@cache
def _print_at_exit() -> None:
    program = getattr(sys.modules.get("__main__"), "__file__", None)  # which Python deletes before the exit
    if program is not None:
        atexit.register(_print_notice, Path(program).absolute())


def _print_notice(program: Path) -> None:
    """Print the notice, unless an exception ends the program, or a scheduler of its was started."""
    found = [(scheduler.snapshot(), places) for scheduler, places in _schedulers.items()]
    if hasattr(sys, "last_value") or any(snapshot.phase is not Phase.NEW for snapshot, _ in found):
        return
    own = 0
    for snapshot, places in found:
        files = [places.get(job.name, "").rpartition(":")[0] for job in snapshot.jobs]
        own += sum(Path(file).absolute() == program for file in files if file)
    if own:
        name = printable(program.name)
        count = "1 job" if own == 1 else f"{own} jobs"
        text = f"{name} has registered {count}, and no scheduler was started: run them with  jobtui {name}"
        write_line(sys.stderr, f"jobtui: {text}  or end the file with  jobtui.run()")
