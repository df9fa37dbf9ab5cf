"""``jobtui.run()``: run a scheduler in the foreground of a program, such as a script that registers jobs."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from jobtui.cli.headless import run_headless
from jobtui.loading.loader import SCRIPT_ONLY, is_importing
from jobtui.process.stop_signals import SIGNAL_STATUS
from jobtui.runtime.default_scheduler import default_scheduler
from jobtui.runtime.scheduler import GRACE, Scheduler


def run(scheduler: Scheduler | None = None, *, grace: float = GRACE) -> None:
    """Run a scheduler until SIGINT, SIGTERM or SIGHUP, and log one line for each run to standard error.

    Call this in the main thread, the only one in which Python handles signals. At the first signal, running
    work gets time to end; a second one stops that.

    Args:
        scheduler: The scheduler, which must not run; None for the default one.
        grace: How many seconds running work gets at the end.

    Raises:
        StartError: An ``on_app_start`` function raised.
        KeyboardInterrupt: SIGINT came before the start was complete.
        SystemExit: Another signal came before that.
        RuntimeError: ``jobtui TARGET`` imports the file that calls this, and runs its jobs itself; or the
            scheduler runs already.
    """
    if is_importing():
        raise RuntimeError(
            f"jobtui runs the jobs of this file itself: move  jobtui.run()  below  {SCRIPT_ONLY}"
        )
    program = getattr(sys.modules.get("__main__"), "__file__", None)
    title = "the program" if program is None else Path(program).name
    status = run_headless(default_scheduler() if scheduler is None else scheduler, title=title, grace=grace)
    if status == SIGNAL_STATUS + signal.SIGINT:
        raise KeyboardInterrupt
    if status:
        raise SystemExit(status)
