"""The entry point: choose the command and return its exit status.

Each command is imported when it is chosen, so that ``jobtui --help`` loads the parsers and little else.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from jobtui.cli.arguments import (
    SUMMARY,
    AttachParser,
    CompletionParser,
    HashPasswordParser,
    NextParser,
    TargetParser,
)
from jobtui.cli.command_error import (
    BAD_USAGE,
    INTERRUPTED,
    CommandError,
    missing_extra,
    print_error,
    require_terminal,
)
from jobtui.cli.source_arguments import (
    CancelParser,
    ForecastParser,
    HistoryParser,
    LogsParser,
    PauseParser,
    PsParser,
    ResumeParser,
    RunParser,
    ShowParser,
    StackParser,
    WhyParser,
)
from jobtui.process.exit import UNEXPECTED, ProcessExit
from jobtui.process.printable import printable, printable_lines
from jobtui.process.stdio import flush_all, take_output_error, write_line


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Args:
        argv: The arguments. None takes the arguments of the process, and ends the process through
            `jobtui.process.exit`, so that a thread that hangs cannot keep it alive.
    """
    words = sys.argv[1:] if argv is None else argv
    if not words:
        write_line(sys.stderr, SUMMARY.partition("\n\n")[0] + "\nTry  jobtui --help")
        return BAD_USAGE
    if words[0] in ("-h", "--help"):
        return _exit_status(_print_summary)
    command = _COMMANDS.get(words[0])
    if command is not None:
        return _exit_status(lambda: command(words[1:]))
    process_exit = ProcessExit() if argv is None else None
    status = _exit_status(lambda: _check_or_run(words, process_exit))
    if process_exit is not None:
        process_exit.finish(status)
    return status


def _print_summary() -> int:
    write_line(sys.stdout, SUMMARY)
    return 0


def _exit_status(command: Callable[[], int]) -> int:
    """Execute a command; turn what goes wrong into its message and its exit status."""
    status = _status_of(command)
    error = take_output_error()
    if error is None:
        return status
    print_error(f"cannot write standard output: {error.strerror or error}")
    return status or UNEXPECTED


def _status_of(command: Callable[[], int]) -> int:
    """Execute a command; turn an exception that ends it into its message and its exit status."""
    try:
        return command()
    except CommandError as error:
        print_error(error)
        return error.status
    except SystemExit as stop:  # argparse has printed the help or what is wrong
        flush_all()
        if isinstance(stop.code, int | None):
            return stop.code or 0
        print_error(stop.code)
        return UNEXPECTED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BaseException:  # noqa: BLE001 - reported
        _report_unexpected_error()
        return UNEXPECTED


def _report_unexpected_error() -> None:
    """Print the exception that is being handled, with its traceback, and what to do."""
    import traceback  # noqa: PLC0415 - lazy, see above

    error = traceback.format_exc()
    summary = printable(error.rstrip().rpartition("\n")[2])
    write_line(sys.stderr, printable_lines(error))
    print_error(f"an unexpected error, which is a fault of jobtui; please report it: {summary}")


def _next(words: Sequence[str]) -> int:
    options = NextParser().parse(words)
    from jobtui.cli.next_ticks import print_next_ticks  # noqa: PLC0415 - lazy, see above

    print_next_ticks(options)
    return 0


def _attach(words: Sequence[str]) -> int:
    options = AttachParser().parse(words)
    if options.snapshot is None:
        require_terminal()
    from jobtui.cli.choose_source import find_address  # noqa: PLC0415 - lazy, see above

    try:
        from jobtui.cli.attach import attach, attach_all, show_dashboard  # noqa: PLC0415 - lazy: imports aiohttp
    except ImportError as error:
        raise missing_extra("jobtui attach", error) from error
    from jobtui.cli.display_options import display_of, print_frame  # noqa: PLC0415 - lazy, see above

    show = (
        partial(show_dashboard, display=display_of(options))
        if options.snapshot is None
        else partial(print_frame, options=options)
    )
    if len(options.words) > 1:
        return attach_all(options.words, show)
    return attach(find_address(options), show)


def _history(words: Sequence[str]) -> int:
    options = HistoryParser().parse(words)
    if options.rename:
        from jobtui.cli.rename_job import rename  # noqa: PLC0415 - lazy, see above

        return rename(options)
    from jobtui.cli.list_runs import list_runs  # noqa: PLC0415 - lazy, see above

    return list_runs(options)


def _show(words: Sequence[str]) -> int:
    options = ShowParser().parse(words)
    from jobtui.cli.show_run import show_run  # noqa: PLC0415 - lazy, see above

    return show_run(options)


def _logs(words: Sequence[str]) -> int:
    options = LogsParser().parse(words)
    from jobtui.cli.print_output import print_output  # noqa: PLC0415 - lazy, see above

    return print_output(options)


def _why(words: Sequence[str]) -> int:
    options = WhyParser().parse(words)
    from jobtui.cli.explain import explain  # noqa: PLC0415 - lazy, see above

    return explain(options)


def _ps(words: Sequence[str]) -> int:
    options = PsParser().parse(words)
    from jobtui.cli.list_jobs import list_jobs  # noqa: PLC0415 - lazy, see above

    return list_jobs(options)


def _run(words: Sequence[str]) -> int:
    options = RunParser().parse(words)
    if options.target is not None:
        from jobtui.cli.run_target import run_target  # noqa: PLC0415 - lazy, see above

        status = run_target(options)
        flush_all()  # what the job has printed: at exit, Python would report an error in its own way
        return status
    return _steer("run", options)


def _pause(words: Sequence[str]) -> int:
    options = PauseParser().parse(words)
    return _steer("pause", options)


def _resume(words: Sequence[str]) -> int:
    options = ResumeParser().parse(words)
    return _steer("resume", options)


def _cancel(words: Sequence[str]) -> int:
    options = CancelParser().parse(words)
    return _steer("cancel", options)


def _stack(words: Sequence[str]) -> int:
    options = StackParser().parse(words)
    return _steer("stack", options)


def _steer(command: str, options: argparse.Namespace) -> int:
    """Execute a command that steers a scheduler."""
    try:
        from jobtui.cli import steer  # noqa: PLC0415 - lazy: imports aiohttp
    except ImportError as error:
        raise missing_extra(f"jobtui {command}", error) from error
    return steer.COMMANDS[command](options)


def _forecast(words: Sequence[str]) -> int:
    options = ForecastParser().parse(words)
    from jobtui.cli.print_forecast import print_forecast  # noqa: PLC0415 - lazy, see above

    return print_forecast(options)


def _completion(words: Sequence[str]) -> int:
    options = CompletionParser().parse(words)
    from jobtui.cli.completion import print_completion  # noqa: PLC0415 - lazy, see above

    return print_completion(options)


def _hash_password(words: Sequence[str]) -> int:
    HashPasswordParser().parse(words)
    from jobtui.cli.hash_password import print_hash  # noqa: PLC0415 - lazy, see above

    print_hash()
    return 0


def _reject_misspelt_command(word: str) -> None:
    """Raise an error for a word that resembles a command and is not the name of a module."""
    if word in _TARGETS or not word.replace("-", "_").isidentifier():
        return
    from importlib.machinery import PathFinder  # noqa: PLC0415 - lazy, see above

    from jobtui.schedules.bad_spec import closest_matches  # noqa: PLC0415 - lazy, see above

    near = closest_matches(word, [*_COMMANDS, *_TARGETS])
    if near and PathFinder.find_spec(word, ["", *sys.path]) is None:
        raise CommandError(
            f"{printable(word)} is neither a command nor a module. Did you mean {' or '.join(near)}?"
            "\nTry  jobtui --help"
        )


def _check_or_run(words: Sequence[str], process_exit: ProcessExit | None) -> int:
    _reject_misspelt_command(words[0])
    options = TargetParser().parse(words)
    if process_exit is not None:
        process_exit.register()  # registered before the target's own exit handlers, so that it runs last
    from jobtui.cli.target import check_or_run  # noqa: PLC0415 - lazy, see above

    return check_or_run(options, process_exit)


_TARGETS = ("check", "demo")  # commands that `TargetParser` reads
_COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "attach": _attach,
    "cancel": _cancel,
    "completion": _completion,
    "forecast": _forecast,
    "hash-password": _hash_password,
    "history": _history,
    "logs": _logs,
    "next": _next,
    "pause": _pause,
    "ps": _ps,
    "resume": _resume,
    "run": _run,
    "show": _show,
    "stack": _stack,
    "why": _why,
}
