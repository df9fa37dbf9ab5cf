"""The entry point: choose the command and return its exit status.

Every import of a command is lazy: ``jobtui --help`` loads the parsers and nothing else.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobtui.cli.arguments import (
    BAD_USAGE,
    AttachParser,
    HashPasswordParser,
    NextParser,
    TargetParser,
)

if TYPE_CHECKING:
    from jobtui.process.exit import ProcessExit

INTERRUPTED = 130  # what shells report for a process that SIGINT ended: 128 and the signal's number


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Args:
        argv: The arguments. None takes the arguments of the process, and ends the process through
            `jobtui.process.exit`, so that a thread that hangs cannot keep it alive.
    """
    words = sys.argv[1:] if argv is None else argv
    try:
        match words[:1]:
            case []:
                TargetParser().print_usage(sys.stderr)
                return BAD_USAGE
            case ["next"]:
                return _next(words[1:])
            case ["attach"]:
                return _attach(words[1:])
            case ["hash-password"]:
                return _hash_password(words[1:])
            case _:
                return _target(words, owns_process=argv is None)
    except KeyboardInterrupt:
        return INTERRUPTED


def _next(words: Sequence[str]) -> int:
    options = NextParser().parse(words)
    if isinstance(options, int):
        return options
    from jobtui.cli.next_ticks import print_next_ticks  # noqa: PLC0415 - lazy, see above

    return print_next_ticks(options)


def _attach(words: Sequence[str]) -> int:
    options = AttachParser().parse(words)
    if isinstance(options, int):
        return options
    from jobtui.cli.complaints import complain_about_missing_extra, has_terminal  # noqa: PLC0415 - lazy

    if not has_terminal():
        return BAD_USAGE
    try:
        from jobtui.cli.attach import attach  # noqa: PLC0415 - lazy: imports aiohttp
    except ImportError as error:
        complain_about_missing_extra("jobtui attach", error)
        return BAD_USAGE
    return attach(options.words[0])


def _hash_password(words: Sequence[str]) -> int:
    options = HashPasswordParser().parse(words)
    if isinstance(options, int):
        return options
    from jobtui.cli.hash_password import print_hash  # noqa: PLC0415 - lazy, see above

    return print_hash()


def _target(words: Sequence[str], *, owns_process: bool) -> int:
    options = TargetParser().parse(words)
    if isinstance(options, int):
        return options
    if not owns_process:
        return _check_or_run(options, None)
    from jobtui.process.exit import ProcessExit  # noqa: PLC0415 - lazy, see above

    process_exit = ProcessExit()
    process_exit.register()  # registered before the target's own exit handlers, so that it runs last
    try:
        status = _check_or_run(options, process_exit)
    except KeyboardInterrupt:
        status = INTERRUPTED
    process_exit.finish(status)
    return status


def _check_or_run(options: argparse.Namespace, process_exit: ProcessExit | None) -> int:
    if options.check:
        from jobtui.cli.check import print_report  # noqa: PLC0415 - lazy: imports rich

        return print_report(options)
    from jobtui.cli.run_target import run_target  # noqa: PLC0415 - lazy, see above

    return run_target(options, process_exit)
