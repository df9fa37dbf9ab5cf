"""``jobtui.run()``: run a scheduler in the foreground of a program, such as a script that registers jobs."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from jobtui.cli.headless import run_headless
from jobtui.loading.loader import SCRIPT_ONLY, is_importing
from jobtui.process.stop_signals import SIGNAL_STATUS
from jobtui.runtime.default_scheduler import check_scheduler, default_scheduler
from jobtui.runtime.scheduler import GRACE, Scheduler
from jobtui.runtime.validation import keep_limit


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
        TypeError: The scheduler is of another type, or the grace is not a number.
        RuntimeError: ``jobtui TARGET`` imports the file that calls this, and runs its jobs itself; or the
            scheduler runs already.
    """
    if is_importing():
        raise RuntimeError(
            f"jobtui runs the jobs of this file itself: move  jobtui.run()  below  {SCRIPT_ONLY}"
        )
    program = getattr(sys.modules.get("__main__"), "__file__", None)
    title = "the program" if program is None else Path(program).name
    given = default_scheduler() if scheduler is None else check_scheduler("run()", scheduler)
    status = run_headless(given, title=title, grace=keep_limit("grace", grace, 0))
    if status == SIGNAL_STATUS + signal.SIGINT:
        raise KeyboardInterrupt
    if status:
        raise SystemExit(status)
