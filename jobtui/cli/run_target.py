"""``jobtui TARGET``: import the target, then run its scheduler with the dashboard or without a screen."""

from __future__ import annotations

import argparse
import gc
import io
import shlex
import sys
from pathlib import Path

from jobtui.cli.arguments import BAD_USAGE, GRACE
from jobtui.cli.complaints import complain, complain_about_missing_extra, has_terminal
from jobtui.frontend.backend import Serve
from jobtui.loading.loader import BadTarget, Loaded, load
from jobtui.loading.user_errors import exit_text, format_exception, location_of, usage_error
from jobtui.process.exit import ProcessExit
from jobtui.runtime.hooks import StartError
from jobtui.settings.setting_errors import BadSetting
from jobtui.web.listeners import CannotListenError


def load_target(options: argparse.Namespace) -> Loaded | None:
    """Import the target that the command line names. If that fails, complain and return None."""
    try:
        return load(
            options.target,
            config=Path(options.config) if options.config is not None else None,
            run_mode=options.run_mode,
            pool=options.pool,
        )
    except (BadTarget, BadSetting) as error:
        complain(str(error))
        return None


def run_target(options: argparse.Namespace, process_exit: ProcessExit | None) -> int:
    """Run the target's scheduler until the user quits or a signal stops it.

    Args:
        options: From `TargetParser`.
        process_exit: Ends the process in time after a stop, even if a thread hangs; None leaves the process
            alone.

    Returns:
        The exit status.
    """
    loaded = load_target(options)
    if loaded is None:
        return BAD_USAGE
    try:
        serve = _server_factory(loaded, options)
    except ImportError as error:
        complain_about_missing_extra("the status page", error)
        return BAD_USAGE
    try:
        return _run_front_end(loaded, options, process_exit, serve)
    except StartError as error:
        complain(_start_error_message(error))
    except CannotListenError as error:
        complain(str(error))
    except SystemExit as error:  # jobtui itself never raises it
        complain(_exit_message(error))
    return BAD_USAGE


def _run_front_end(
    loaded: Loaded, options: argparse.Namespace, process_exit: ProcessExit | None, serve: Serve | None
) -> int:
    grace = GRACE if options.grace is None else options.grace
    if options.headless:
        from jobtui.cli.headless import run_headless  # noqa: PLC0415 - the dashboard does without

        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)  # jobs' output is part of the log, so it must not lag
        _exclude_from_collection()
        return run_headless(
            loaded.scheduler, title=loaded.title, grace=grace, process_exit=process_exit, serve=serve
        )
    if not has_terminal(f"; to run without a screen:\n  jobtui {shlex.join(options.words)} --headless"):
        return BAD_USAGE
    from jobtui.tui.app import run_dashboard  # noqa: PLC0415 - imports textual, which headless does without

    _exclude_from_collection()
    return run_dashboard(
        loaded.scheduler, title=loaded.title, grace=grace, process_exit=process_exit, serve=serve
    )


def _server_factory(loaded: Loaded, options: argparse.Namespace) -> Serve | None:
    """Return what serves the status page, or None without ``--listen`` and ``jobs.listen``."""
    address = options.listen or loaded.settings.listen
    if address is None:
        return None
    from jobtui.web.server import Server  # noqa: PLC0415 - imports aiohttp, which is an extra

    return lambda backend: Server(backend, address, access=loaded.settings.access)


def _exclude_from_collection() -> None:
    """Exclude every object that exists by now from garbage collection.

    A full collection of all modules and jobs would pause the scheduler for about 25 ms, again and again.
    """
    gc.collect()
    gc.freeze()


def _start_error_message(error: StartError) -> str:
    cause = error.__cause__ or error
    return usage_error(cause) or format_exception(cause, str(error))


def _exit_message(error: SystemExit) -> str:
    return (
        f"{location_of(error)}: an on_app_start function called sys.exit() "
        f"before the scheduler started{exit_text(error)}"
    )
