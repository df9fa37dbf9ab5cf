"""The command line: what was asked for, who does it, and the exit status.

Only argparse is imported before the arguments are known: ``jobtui --help`` is as quick as Python allows.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from jobtui import __version__

if TYPE_CHECKING:
    from jobtui.core.hooks import StartError
    from jobtui.ending import Ending
    from jobtui.loader import Loaded

OK = 0
CHECK_FAILED = 1
BAD_USAGE = 2  # also of targets and settings; argparse's own
INTERRUPTED = 130  # 128 and the number of SIGINT, by the custom of shells

_GRACE = 10.0  # seconds
_MOST_DIGITS = 9  # of --pool
_FIRES = 10
_MOST_FIRES = 10_000
_LONGEST_GRACE = 1_000_000.0  # seconds; the most that every platform can wait for is not much more

_USAGE = """\
jobtui TARGET [--config FILE] [--pool N] [--run-mode NAME] [--headless] [--grace SECONDS]
       jobtui check TARGET [--config FILE] [--pool N] [--run-mode NAME]
       jobtui next SPEC [-n N] [--tz ZONE] [--from ISO] [--dst once|every] [--json]"""

_DESCRIPTION = """\
Runs the jobs that a Python file registers, and shows them in a dashboard.

  jobtui TARGET         run the jobs of TARGET, with the dashboard
  jobtui check TARGET   import TARGET and print its jobs with their next fires; start nothing
  jobtui next SPEC      print the next fires of a spec, such as '0 */15 9-17 * * MON-FRI'"""

_EPILOG = """\
TARGET is a .py file or a package.module; ":name" after it names one of several schedulers in it.
Settings are read from --config, else from jobtui.toml beside the file, else from [tool.jobtui] in the
pyproject.toml beside it; for a module also from the current folder.

examples:
  jobtui demo_jobs.py                         the dashboard; press ? in it for the keys
  jobtui check demo_jobs.py                   is it right, and when is what due?
  jobtui demo_jobs.py --pool 2                at most two runs at once
  jobtui shop.jobs --config etc/jobtui.toml   a module, with the settings of another folder
  jobtui shop.jobs:night --run-mode prod      the Scheduler "night" in it, with the section [prod]
  jobtui demo_jobs.py --headless 2>jobs.log   no screen: a line for each run on standard error
  jobtui next '0 30 2 * * *' --tz Europe/Oslo when is it due, also on the nights the clocks change?

exit status: 0; 2 for bad usage, and where TARGET or its settings are wrong, which is 1 for check; 130 for
Ctrl+C while TARGET is imported. --headless ends with 130 or 143 at a second SIGINT or SIGTERM."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments. None takes the process's own, and then ends the process as `jobtui.ending` says.

    Returns:
        The exit status.
    """
    words = sys.argv[1:] if argv is None else argv
    ending: Ending | None = None
    try:
        if words[:1] == ["next"]:
            return _next(words[1:])
        options = _parse(words)
        if isinstance(options, int):
            return options
        if argv is None:
            from jobtui.ending import Ending  # noqa: PLC0415 - --help does not need it

            ending = Ending()
            ending.at_exit()  # now: handlers that the user's code registers run before it
        status = _check(options) if options.check else _start(options, ending)
    except KeyboardInterrupt:
        status = INTERRUPTED
    if ending is not None:
        ending.last(status)
    return status


def _parse(words: Sequence[str]) -> argparse.Namespace | int:
    """Reads the arguments, or says what is wrong with them and returns the exit status."""
    parser = _TargetParser()
    if not words:
        parser.print_usage(sys.stderr)
        return BAD_USAGE
    return parser.read(words, _look_closer)


def _look_closer(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Tells ``jobtui TARGET`` from ``jobtui check TARGET``, wherever the options stand."""
    options.check = options.words[:1] == ["check"]
    targets = options.words[1:] if options.check else options.words
    if not targets:
        parser.error("TARGET is missing" + (": what shall be checked?" if options.check else ""))
    if len(targets) > 1:
        parser.error(f"one TARGET at a time: {' '.join(targets[1:])} is too much")
    if options.check and (options.headless or options.grace is not None):
        parser.error("check starts nothing: --headless and --grace make no sense with it")
    options.target = targets[0]


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def read(
        self, words: Sequence[str], look_closer: Callable[[argparse.ArgumentParser, argparse.Namespace], None]
    ) -> argparse.Namespace | int:
        """Reads the arguments, or says what is wrong with them and returns the exit status."""
        from jobtui.streams import flush_all  # noqa: PLC0415 - with the rest that is loaded when it is used

        try:
            options = self.parse_intermixed_args(words)
            look_closer(self, options)
        except SystemExit as stop:  # argparse has said all there is to say
            flush_all()
            return stop.code if isinstance(stop.code, int) else OK
        return options

    def error(self, message: str) -> NoReturn:
        """Says what is wrong in one line; the whole usage would hide it."""
        self.exit(BAD_USAGE, f"jobtui: {message}\nTry  {self.prog} --help\n")


class _TargetParser(_Parser):
    """The arguments of ``jobtui TARGET`` and ``jobtui check TARGET``."""

    def __init__(self) -> None:
        super().__init__(
            prog="jobtui",
            usage=_USAGE,
            description=_DESCRIPTION,
            epilog=_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("words", nargs="*", help=argparse.SUPPRESS)
        self.add_argument("--config", metavar="FILE", help="the settings: a .toml file, or Revel's .conf")
        self.add_argument(
            "--pool", metavar="N", type=_pool, help="how many runs may be RUNNING at once; 0 for no limit"
        )
        self.add_argument(
            "--run-mode",
            metavar="NAME",
            help="the section of the settings to use, such as prod (default: dev)",
        )
        self.add_argument(
            "--headless", action="store_true", help="no screen: log each run until SIGINT or SIGTERM"
        )
        self.add_argument(
            "--grace",
            metavar="SECONDS",
            type=_seconds,
            help=f"how long running work may take to end when jobtui stops (default: {_GRACE:g}); "
            "on_app_stop functions and exit handlers get 2 more",
        )
        self.add_argument("--version", action="version", version=f"jobtui {__version__}")


class _NextParser(_Parser):
    """The arguments of ``jobtui next SPEC``."""

    def __init__(self) -> None:
        super().__init__(
            prog="jobtui next",
            usage="jobtui next SPEC [-n N] [--tz ZONE] [--from ISO] [--dst once|every] [--json]",
            description="Prints the next fires of a spec: in its zone, in UTC, and how long until then. "
            "What a change of the clock moves, merges, repeats or drops is marked and explained.",
            epilog="exit status: 0; 2 for bad usage and a bad spec.",
            allow_abbrev=False,
        )
        self.add_argument(
            "words",
            nargs="*",
            metavar="SPEC",
            help="five or six cron fields, @daily, @every 1h30m; in quotes",
        )
        self.add_argument(
            "-n",
            metavar="N",
            dest="count",
            type=_count,
            default=_FIRES,
            help="how many fires (default: %(default)s)",
        )
        self.add_argument(
            "--tz", metavar="ZONE", help="the zone of a spec that names none (default: the machine's)"
        )
        self.add_argument(
            "--from",
            metavar="ISO",
            dest="start",
            help="only fires later than this, such as 2026-10-24T12:00 (default: now)",
        )
        self.add_argument(
            "--dst",
            choices=("once", "every"),
            default="once",
            help="on the nights the clocks change a fixed time fires once (the default), or at every "
            "instant the clock shows it",
        )
        self.add_argument("--json", action="store_true", help="for programs")


def _one_spec(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if not options.words:
        parser.error("SPEC is missing: what shall be looked at?")
    if len(options.words) > 1:
        parser.error(
            "SPEC is one argument: put it in quotes, so that the shell leaves its spaces and * alone"
        )


def _count(text: str) -> int:
    if not (
        text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS and 0 < int(text) <= _MOST_FIRES
    ):
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {_MOST_FIRES}; not {text!r:.40}")
    return int(text)


def _pool(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise argparse.ArgumentTypeError(f"a whole number from 0 on, where 0 is no limit; not {text!r:.40}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST_GRACE:  # false for nan, too
        raise argparse.ArgumentTypeError(
            f"a number of seconds from 0 to {_LONGEST_GRACE:.0f}; not {text!r:.40}"
        )
    return seconds


def _next(words: Sequence[str]) -> int:
    options = _NextParser().read(words, _one_spec)
    if isinstance(options, int):
        return options
    # Loaded only now, as everything here: --help does without.
    import shutil  # noqa: PLC0415
    from datetime import UTC, datetime  # noqa: PLC0415

    from jobtui.core.clock import SystemClock  # noqa: PLC0415
    from jobtui.core.errors import BadSpec  # noqa: PLC0415
    from jobtui.next_fires import BadMomentError, as_json, as_text, next_fires  # noqa: PLC0415
    from jobtui.streams import say  # noqa: PLC0415

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
    say(sys.stdout, as_json(fires) if options.json else as_text(fires, width))
    return OK


def _check(options: argparse.Namespace) -> int:
    loaded = _loaded(options)
    if loaded is None:
        return CHECK_FAILED
    from jobtui.streams import say  # noqa: PLC0415 - as everything here, only when it is needed
    from jobtui.tui.report import report  # noqa: PLC0415 - this brings rich

    say(sys.stdout, report(loaded, sys.stdout))
    return OK


def _start(options: argparse.Namespace, ending: Ending | None) -> int:
    loaded = _loaded(options)
    if loaded is None:
        return BAD_USAGE
    from jobtui.core.hooks import StartError  # noqa: PLC0415 - --help does without

    grace = _GRACE if options.grace is None else options.grace
    try:
        if options.headless:
            return _headless(loaded, grace, ending)
        if blind := _missing_terminal():
            _complain(
                f"the dashboard needs a terminal, and {blind} is none. Without a screen, it is\n"
                f"  jobtui {options.target} --headless"
            )
            return BAD_USAGE
        from jobtui.tui.app import run_dashboard  # noqa: PLC0415 - this brings textual

        return run_dashboard(loaded.scheduler, title=loaded.title, grace=grace, ending=ending)
    except StartError as error:
        _complain(_start_message(error))
    except SystemExit as error:  # no function of ours calls it
        _complain(_exit_message(error))
    return BAD_USAGE


def _headless(loaded: Loaded, grace: float, ending: Ending | None) -> int:
    from jobtui.headless import run_headless  # noqa: PLC0415 - --help does without

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what jobs print is a log, too: it shall not lag
    return run_headless(loaded.scheduler, title=loaded.title, grace=grace, ending=ending)


def _loaded(options: argparse.Namespace) -> Loaded | None:
    """Imports the target, or says why it cannot be."""
    from pathlib import Path  # noqa: PLC0415 - --help does without all of these

    from jobtui.config import BadSetting  # noqa: PLC0415
    from jobtui.loader import BadTarget, load  # noqa: PLC0415

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
    from jobtui.wording import place_of, plain, refusal, users_traceback  # noqa: PLC0415 - as above

    cause = error.__cause__ or error
    told = refusal(cause)
    if told:
        return told
    place = place_of(cause)
    return f"{place}: {plain(str(error))}\n\n{users_traceback(cause)}" if place else plain(str(error))


def _exit_message(error: SystemExit) -> str:
    from jobtui.wording import place_of, plain  # noqa: PLC0415 - as above

    said = "" if error.code is None or isinstance(error.code, int) else f" It said: {plain(str(error.code))}"
    return f"{place_of(error)}: an on_app_start function called sys.exit(), so nothing was started.{said}"


def _complain(message: str) -> None:
    from jobtui.streams import say  # noqa: PLC0415 - as above

    say(sys.stderr, f"jobtui: {message}")
