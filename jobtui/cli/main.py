"""The command line: what was asked for, who does it, and the exit status.

Only the parsers are imported before the arguments are known: ``jobtui --help`` is as quick as Python allows.
"""

from __future__ import annotations

import argparse
import gc
import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobtui.cli.arguments import (
    BAD_USAGE,
    GRACE,
    OK,
    AttachParser,
    HashParser,
    NextParser,
    TargetParser,
)

if TYPE_CHECKING:
    from jobtui.frontend.backend import Backend, Serve
    from jobtui.loading.loader import Loaded
    from jobtui.process.exit import ProcessExit
    from jobtui.runtime.hooks import StartError

CHECK_FAILED = 1
INTERRUPTED = 130  # 128 and the number of SIGINT, by the custom of shells


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments. None takes the process's own, and then ends the process as
            `jobtui.process.exit` says.

    Returns:
        The exit status.
    """
    words = sys.argv[1:] if argv is None else argv
    process_exit: ProcessExit | None = None
    try:
        match words[:1]:
            case ["next"]:
                return _next(words[1:])
            case ["attach"]:
                return _attach(words[1:])
            case ["hash-password"]:
                return _hash_password(words[1:])
            case []:
                TargetParser().print_usage(sys.stderr)
                return BAD_USAGE
        options = TargetParser().read(words)
        if isinstance(options, int):
            return options
        if argv is None:
            from jobtui.process.exit import ProcessExit  # noqa: PLC0415 - --help does not need it

            process_exit = ProcessExit()
            process_exit.register()  # first: exit handlers of the user's code run before it
        status = _check(options) if options.check else _start(options, process_exit)
    except KeyboardInterrupt:
        status = INTERRUPTED
    if process_exit is not None:
        process_exit.finish(status)
    return status


def _next(words: Sequence[str]) -> int:
    options = NextParser().read(words)
    if isinstance(options, int):
        return options
    # Loaded only now, as everything here: --help does without.
    import shutil  # noqa: PLC0415
    from datetime import UTC, datetime  # noqa: PLC0415

    from jobtui.cli.next_ticks import BadMomentError, as_json, as_text, next_fires  # noqa: PLC0415
    from jobtui.process.stdio import write_line  # noqa: PLC0415
    from jobtui.runtime.clock import SystemClock  # noqa: PLC0415
    from jobtui.schedules.bad_spec import BadSpec  # noqa: PLC0415

    try:
        fires = next_fires(
            options.words[0],
            count=options.count,
            tz=options.tz,
            dst=options.dst,
            start=options.start,
            now=datetime.fromtimestamp(SystemClock().now(), UTC).replace(microsecond=0),
        )
    except BadSpec as error:
        _complain(str(error))
        return BAD_USAGE
    except BadMomentError as error:
        _complain(f"--from: {error}")
        return BAD_USAGE
    width = shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else None
    write_line(sys.stdout, as_json(fires) if options.json else as_text(fires, width))
    return OK


def _attach(words: Sequence[str]) -> int:
    options = AttachParser().read(words)
    if isinstance(options, int):
        return options
    if blind := _missing_terminal():
        _complain(f"the dashboard needs a terminal, and {blind} is none")
        return BAD_USAGE
    try:
        from jobtui.cli.attach import attach  # noqa: PLC0415 - this brings aiohttp
    except ImportError as error:
        return _without_the_extra("jobtui attach", error)
    return attach(options.words[0], _show_attached)


def _show_attached(source: Backend) -> int:
    from jobtui.tui.app import run_attached  # noqa: PLC0415 - this brings textual

    return run_attached(source)


def _hash_password(words: Sequence[str]) -> int:
    options = HashParser().read(words)
    if isinstance(options, int):
        return options
    from jobtui.cli.hash_password import BadPasswordError, print_hash  # noqa: PLC0415 - --help does without

    try:
        print_hash()
    except BadPasswordError as error:
        _complain(str(error))
        return BAD_USAGE
    return OK


def _check(options: argparse.Namespace) -> int:
    loaded = _loaded(options)
    if loaded is None:
        return CHECK_FAILED
    from jobtui.cli.check import report  # noqa: PLC0415 - this brings rich
    from jobtui.process.stdio import write_line  # noqa: PLC0415 - as everything here, only when it is needed

    write_line(sys.stdout, report(loaded, sys.stdout))
    return OK


def _start(options: argparse.Namespace, process_exit: ProcessExit | None) -> int:
    loaded = _loaded(options)
    if loaded is None:
        return BAD_USAGE
    from jobtui.runtime.hooks import StartError  # noqa: PLC0415 - --help does without
    from jobtui.web.listeners import CannotListenError  # noqa: PLC0415 - as above; needs nothing of the extra

    try:
        serve = _server_for(loaded, options)
    except ImportError as error:
        return _without_the_extra("the status page", error)
    grace = GRACE if options.grace is None else options.grace
    try:
        if options.headless:
            return _headless(loaded, grace, process_exit, serve)
        if blind := _missing_terminal():
            _complain(
                f"the dashboard needs a terminal, and {blind} is none. Without a screen, it is\n"
                f"  jobtui {options.target} --headless"
            )
            return BAD_USAGE
        from jobtui.tui.app import run_dashboard  # noqa: PLC0415 - this brings textual

        _settle()
        return run_dashboard(
            loaded.scheduler, title=loaded.title, grace=grace, process_exit=process_exit, serve=serve
        )
    except StartError as error:
        _complain(_start_message(error))
    except CannotListenError as error:
        _complain(str(error))
    except SystemExit as error:  # no function of ours calls it
        _complain(_exit_message(error))
    return BAD_USAGE


def _server_for(loaded: Loaded, options: argparse.Namespace) -> Serve | None:
    """What serves the status page, where one is asked for, on the command line or in the settings."""
    address = options.listen or loaded.settings.listen
    if address is None:
        return None
    from jobtui.web.server import Server  # noqa: PLC0415 - this brings aiohttp

    return lambda source: Server(source, address, access=loaded.settings.access)


def _headless(loaded: Loaded, grace: float, process_exit: ProcessExit | None, serve: Serve | None) -> int:
    from jobtui.cli.headless import run_headless  # noqa: PLC0415 - --help does without

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what jobs print is a log, too: it shall not lag
    _settle()
    return run_headless(
        loaded.scheduler, title=loaded.title, grace=grace, process_exit=process_exit, serve=serve
    )


def _settle() -> None:
    """Tells the garbage collector that what is loaded by now stays.

    It would walk through all modules and jobs again and again, for some 25 ms, and whatever is due waits.
    """
    gc.collect()
    gc.freeze()


def _without_the_extra(what: str, error: ImportError) -> int:
    """Says what to install, where it is not a module of our own that is missing."""
    if (error.name or "").startswith("jobtui"):
        raise error
    _complain(f"{what} needs  pip install 'jobtui[web]'  ({error})")
    return BAD_USAGE


def _loaded(options: argparse.Namespace) -> Loaded | None:
    """Imports the target, or says why it cannot be."""
    from pathlib import Path  # noqa: PLC0415 - --help does without all of these

    from jobtui.loading.loader import BadTarget, load  # noqa: PLC0415
    from jobtui.settings.setting_errors import BadSetting  # noqa: PLC0415

    try:
        return load(
            options.target,
            config=Path(options.config) if options.config is not None else None,
            run_mode=options.run_mode,
            pool=options.pool,
        )
    except (BadTarget, BadSetting) as error:
        _complain(str(error))
        return None


def _missing_terminal() -> str:
    for name, stream in (("standard input", sys.stdin), ("standard output", sys.stdout)):
        if stream is None or not stream.isatty():
            return name
    return ""


def _start_message(error: StartError) -> str:
    from jobtui.loading.user_errors import format_exception, usage_error  # noqa: PLC0415 - as above

    cause = error.__cause__ or error
    return usage_error(cause) or format_exception(cause, str(error))


def _exit_message(error: SystemExit) -> str:
    from jobtui.loading.user_errors import exit_text, location_of  # noqa: PLC0415 - as above

    return (
        f"{location_of(error)}: an on_app_start function called sys.exit() "
        f"before the scheduler started{exit_text(error)}"
    )


def _complain(message: str) -> None:
    from jobtui.process.stdio import write_line  # noqa: PLC0415 - as above

    write_line(sys.stderr, f"jobtui: {message}")
