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


_schedulers: weakref.WeakSet[_HasSnapshot] = weakref.WeakSet()


def notice_if_unstarted(scheduler: _HasSnapshot) -> None:
    """Print a notice at the exit if the program's own file has jobs of a scheduler that never started."""
    _schedulers.add(scheduler)
    _print_at_exit()


@cache
def _print_at_exit() -> None:
    program = getattr(sys.modules.get("__main__"), "__file__", None)  # which Python deletes before the exit
    if program is not None:
        atexit.register(_print_notice, Path(program).absolute())


def _print_notice(program: Path) -> None:
    """Print the notice, unless an exception ends the program, or a scheduler of its was started."""
    snapshots = [scheduler.snapshot() for scheduler in _schedulers]
    if hasattr(sys, "last_value") or any(snapshot.phase is not Phase.NEW for snapshot in snapshots):
        return
    jobs = [job for snapshot in snapshots for job in snapshot.jobs if job.schedule is not None]
    files = [job.origin.rpartition(":")[0] for job in jobs]
    own = sum(Path(file).absolute() == program for file in files if file)
    if own:
        name = printable(program.name)
        count = "1 job" if own == 1 else f"{own} jobs"
        text = f"{name} has registered {count}, and no scheduler was started: run them with  jobtui {name}"
        write_line(sys.stderr, f"jobtui: {text}  or end the file with  jobtui.run()")
