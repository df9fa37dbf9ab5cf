"""``jobtui run TARGET JOB``: run one job of a file in this process, without a scheduler."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import TracebackType

from jobtui.cli.command_error import INTERRUPTED, CommandError, print_error
from jobtui.cli.target import DEMO, explain_start_error
from jobtui.cli.waiting_notice import notice_at_terminal
from jobtui.engine.tracebacks import is_installed
from jobtui.loading.loader import BadTarget, load
from jobtui.process.stdio import flush_all
from jobtui.runtime.hooks import StartError
from jobtui.runtime.single_run import run_in_foreground
from jobtui.settings.setting_errors import BadSetting

OK, FAILED = 0, 1  # exit statuses


def run_target(options: argparse.Namespace) -> int:
    """Run a job of a target between its start functions and its stop functions.

    The output of the job goes straight to the terminal. No store is opened.

    Args:
        options: From `RunParser`.

    Returns:
        The exit status.

    Raises:
        CommandError: The target or its settings are wrong, it has no such job, or a start function failed.
    """
    try:
        with notice_at_terminal(f"still importing {options.target}"):
            loaded = load(
                str(DEMO) if options.target == "demo" else options.target,
                config=Path(options.config) if options.config is not None else None,
                run_mode=options.run_mode,
            )
        job = loaded.scheduler.job(options.job)
    except (BadTarget, BadSetting) as error:
        raise CommandError(str(error)) from error
    except LookupError as error:
        raise CommandError(f"{loaded.title}: {error.args[0]}") from None
    for warning in loaded.settings.warnings:
        print_error(f"warning: {warning}")
    hooks = loaded.scheduler.hooks
    try:
        hooks.call_start_functions()
    except (StartError, SystemExit) as error:
        raise CommandError(explain_start_error(error)) from error
    try:
        run_in_foreground(job, loaded.scheduler.arounds)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BaseException as error:  # noqa: BLE001 - as in a scheduler, SystemExit fails the run, too
        flush_all()
        trace = _from_first_user_frame(error.__traceback__)
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return FAILED
    finally:
        hooks.call_stop_functions()
    return OK


def _from_first_user_frame(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the frames of jobtui and asyncio that led to the job."""
    while trace is not None and is_installed(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace
