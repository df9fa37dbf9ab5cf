"""``jobtui TARGET`` and ``jobtui check TARGET``: import the target, then run its jobs or report on them."""

from __future__ import annotations

import argparse
import io
import shlex
import socket
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from jobtui.cli.arguments import GRACE
from jobtui.cli.command_error import BAD_USAGE, CommandError, missing_extra, print_error, require_terminal
from jobtui.cli.display_options import display_of, print_frame, read_keymap
from jobtui.cli.waiting_notice import notice_at_terminal, notice_of
from jobtui.frontend.backend import Serve
from jobtui.frontend.local_backend import LocalBackend
from jobtui.frontend.registry import Registry
from jobtui.loading.loader import BadTarget, Loaded, load
from jobtui.loading.user_errors import exit_text, format_exception, location_of, usage_error
from jobtui.process.collection import exclude_from_collection
from jobtui.process.exit import ProcessExit
from jobtui.process.stdio import write_line
from jobtui.runtime.hooks import StartError
from jobtui.runtime.output_log import OutputLog
from jobtui.settings.setting_errors import BadSetting
from jobtui.tui.display import Display
from jobtui.web.listening_sockets import CannotListenError
from jobtui.web.local_server import LocalServer, socket_beside

CHECK_FAILED = 1  # the exit status of check for a wrong target or wrong settings

DEMO = Path(__file__).parents[1] / "demo" / "demo_jobs.py"


def check_or_run(options: argparse.Namespace, process_exit: ProcessExit | None) -> int:
    """Import the target; then print the report on it, or run its scheduler until it is stopped.

    Args:
        options: From `TargetParser`.
        process_exit: Ends the process in time after a stop, even if a thread hangs; None leaves the process
            alone.

    Returns:
        The exit status.

    Raises:
        CommandError: The target, its settings or the address for the status page are wrong, or the start
            failed.
    """
    notice = notice_of if options.headless else notice_at_terminal
    try:
        with notice(f"still importing {options.target}"):
            loaded = load(
                str(DEMO) if options.target == "demo" else options.target,
                config=Path(options.config) if options.config is not None else None,
                run_mode=options.run_mode,
                pool=options.pool,
                tz=options.tz,
                store=Path(options.store) if options.store is not None else None,
            )
    except (BadTarget, BadSetting) as error:
        raise CommandError(str(error), CHECK_FAILED if options.check else BAD_USAGE) from error
    if options.check:
        from jobtui.cli.check import format_report  # noqa: PLC0415 - lazy: imports rich

        try:
            read_keymap(loaded.settings.keys, None)
        except CommandError as error:
            raise CommandError(str(error), CHECK_FAILED) from None
        write_line(sys.stdout, format_report(loaded, sys.stdout))
        return 0
    if options.snapshot is not None:
        backend = LocalBackend(loaded.scheduler, loaded.title)
        return print_frame(backend, options=options, project_keys=loaded.settings.keys)
    try:
        return _run(loaded, options, process_exit)
    except (StartError, SystemExit) as error:  # jobtui itself never raises SystemExit
        raise CommandError(explain_start_error(error)) from error
    except CannotListenError as error:
        raise CommandError(str(error)) from error


def _run(loaded: Loaded, options: argparse.Namespace, process_exit: ProcessExit | None) -> int:
    """Run the scheduler with or without the dashboard until the user quits or a signal stops it."""
    for warning in loaded.settings.warnings:
        print_error(f"warning: {warning}")
    recording = loaded.scheduler.recording
    if recording is not None and not options.headless and loaded.settings.single == "attach":
        owner = recording.owner
        if owner >= 0:
            return _attach_to_owner(recording.file, owner, display_of(options, loaded.settings.keys))
    serve = _server_factory(loaded, options)
    grace = GRACE if options.grace is None else options.grace
    output_log = OutputLog(loaded.settings.output_bytes, run_limit=loaded.settings.output_runbytes)
    if options.headless:
        from jobtui.cli.headless import run_headless  # noqa: PLC0415 - lazy: the dashboard does without

        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)  # jobs' output is part of the log, so it must not lag
        exclude_from_collection()
        return run_headless(
            loaded.scheduler,
            title=loaded.title,
            grace=grace,
            process_exit=process_exit,
            serve=serve,
            serve_locally=_local_server_factory(loaded),
            output_log=output_log,
        )
    require_terminal(f"; to run without a screen:\n  jobtui {shlex.join(options.words)} --headless")
    from jobtui.tui.run_app import run_dashboard  # noqa: PLC0415 - lazy: imports textual

    exclude_from_collection()
    return run_dashboard(
        loaded.scheduler,
        title=loaded.title,
        grace=grace,
        process_exit=process_exit,
        serve=serve,
        serve_locally=_local_server_factory(loaded),
        output_log=output_log,
        display=display_of(options, loaded.settings.keys),
    )


def _attach_to_owner(store: Path, owner: int, display: Display) -> int:
    """Show the dashboard of the process that uses the store. Return the exit status."""
    runs = f"process {owner} runs these jobs" if owner else "another process runs these jobs"
    try:
        from jobtui.cli.attach import attach, show_dashboard  # noqa: PLC0415 - lazy: imports aiohttp
    except ImportError as error:
        raise missing_extra(f"{runs}; to show its dashboard", error) from error
    require_terminal(f": {runs}")
    address = next((each.address for each in Registry().entries() if each.store == str(store.absolute())), "")
    try:
        note = f"attached to process {owner}"
        show = partial(show_dashboard, display=display)
        return attach(address or str(socket_beside(store)), show, note=note)
    except CommandError as error:
        raise CommandError(f"{runs}, and its dashboard cannot be shown here: {error}") from error


def _local_server_factory(loaded: Loaded) -> Serve | None:
    """Return a function that lets other processes of the user ask and attach; None if that is impossible."""
    if find_spec("aiohttp") is None or not hasattr(socket, "AF_UNIX"):
        return None
    recording = loaded.scheduler.recording
    store = None if recording is None else recording.file
    file = getattr(loaded.module, "__file__", None) or ""
    return lambda backend: LocalServer(backend, file=file, store=store)


def _server_factory(loaded: Loaded, options: argparse.Namespace) -> Serve | None:
    """Return a function that starts the status page; None without ``--listen`` and ``jobs.listen``."""
    address = options.listen or loaded.settings.listen
    if address is None:
        return None
    try:
        from jobtui.web.server import Server  # noqa: PLC0415 - lazy: imports aiohttp
    except ImportError as error:
        raise missing_extra("the status page", error) from error
    return lambda backend: Server(backend, address, access=loaded.settings.access)


def explain_start_error(error: StartError | SystemExit) -> str:
    """Return what is wrong with the ``on_app_start`` function that has raised an error."""
    if isinstance(error, SystemExit):
        return (
            f"{location_of(error)}: an on_app_start function called sys.exit() "
            f"before the scheduler started{exit_text(error)}"
        )
    cause = error.__cause__
    if cause is None:  # jobtui itself has raised it
        return str(error)
    return usage_error(cause) or format_exception(cause, str(error))
