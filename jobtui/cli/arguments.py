"""The parsers: the arguments of each command, and a one-line message for each mistake.

Imports little at the top, so that ``jobtui --help`` is quick.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from jobtui import __version__
from jobtui.cli.command_error import BAD_USAGE
from jobtui.frontend.command_grammar import parse_options
from jobtui.process.stdio import write_line

if TYPE_CHECKING:
    from jobtui.access.addresses import Address

GRACE = 10.0  # seconds; the default of --grace

_MAX_DIGITS = 9  # of --pool and -n
_DEFAULT_TICKS = 10  # of jobtui next
_MAX_COUNT = 10_000  # of -n
_SIZE_DIGITS = 3  # of the columns and rows of --snapshot
_MAX_GRACE = 1_000_000.0  # seconds; some platforms cannot wait much longer than that

_TARGET_USAGE = """\
jobtui TARGET [--config FILE] [--pool N] [--tz ZONE] [--run-mode NAME] [--store FILE]
                     [--listen ADDRESS] [--headless] [--grace SECONDS] [--ascii]
                     [--snapshot [WIDTHxHEIGHT]] [--color]
       jobtui check TARGET [--config FILE] [--pool N] [--tz ZONE] [--run-mode NAME]
       jobtui demo"""

SUMMARY = """\
usage: jobtui TARGET [OPTION]...
       jobtui COMMAND [ARGUMENT]... [OPTION]...

Run the jobs that a Python file registers, and show them in a dashboard.

  TARGET            run the jobs of TARGET, a .py file or a package.module
  check TARGET      print its jobs and their next ticks; start nothing
  run TARGET JOB    run one job here in the terminal, without a scheduler
  forecast TARGET   print when its jobs will run, wait or be skipped
  next SPEC         print the next ticks of a spec, such as '0 */15 9-17 * * *'
  demo              run the demo, a small web shop with thirteen jobs

These ask the scheduler that runs here, or one at an ADDRESS, or a store:
  ps                print the jobs, with their last outcomes and counters
  history QUERY     find runs: job:import state:failed since:2d "timed out"
  show RUN          print a run, with its traceback and its output
  logs RUN|JOB      print the output of a run, or of a job; -f follows it
  why JOB|RUN       explain why a tick did or did not run, or where time went

These need a scheduler that runs:
  attach            show its dashboard
  run JOB           run a job now; --wait prints its output until it ends
  pause JOB         let the ticks of a job start no runs
  resume JOB        let them start runs again
  cancel RUN        cancel a run
  stack RUN         print where a run is now, with source lines

  hash-password     print the hash of a password, for the settings
  completion SHELL  print the completion for bash, zsh or fish

jobtui TARGET --help and jobtui COMMAND --help explain their options.
exit status: 0 for success; 1 if nothing was found, a check or a run failed;
2 for a mistake; 3 if a run ended otherwise; 130 for Ctrl+C"""

_EPILOG = """\
TARGET is a .py file or a package.module; add ":name" to choose one of several schedulers in it.
"demo" is the demo that jobtui brings; write demo.py or demo:name for a file of yours with that name.

Settings are read from --config, else from jobtui.toml in the file's folder, else from [tool.jobtui] in the
pyproject.toml of that folder; for a module also from the current folder.

examples:
  jobtui my_jobs.py                            show the dashboard; press ? there to see the keys
  jobtui check my_jobs.py                      check the file, and print when each job is due
  jobtui my_jobs.py --pool 2                   let at most two runs run at once
  jobtui shop.jobs --config etc/jobtui.toml    run a module, with settings from another folder
  jobtui shop.jobs:night --run-mode prod       run its Scheduler "night", with the section [prod]
  jobtui my_jobs.py --headless 2>jobs.log      no screen: log each run to standard error
  jobtui my_jobs.py --listen 127.0.0.1:9001    serve the status page too: http://127.0.0.1:9001/@jobs
  jobtui attach                                show the dashboard of that process in another terminal
  jobtui next '0 30 2 * * *' --tz Europe/Oslo  print its next ticks, and what clock changes do to them

exit status: 0 for success; 2 for a mistake in the arguments, the target or the settings (1 for check), and
for an address that cannot be listened on or attached to; 130 for Ctrl+C during the import of TARGET or at a
password prompt. --headless ends with 130 or 143 after a second SIGINT or SIGTERM. It is 1 if an on_app_stop
function did not return in time."""

_ATTACH_EPILOG = """\
ADDRESS is where the other process listens: 127.0.0.1:9001, http://user@127.0.0.1:9001,
https://jobs.example.org/@jobs or unix:/run/jobtui.sock. Without it, the one scheduler of yours that runs here
is shown. With several, up to 9, each has a tab: ctrl+right and ctrl+left go from tab to tab, alt+1 to alt+9
open one. A scheduler that cannot be reached has a tab, too, which says why and tries again.

User name and password are read from the address, else from JOBTUI_USER and JOBTUI_PASSWORD in the
environment, else from a prompt. Of several addresses, the second one has JOBTUI_USER_2 and JOBTUI_PASSWORD_2
before these, and so on. Other users of this machine can read a password in a command line.

exit status: 0 for success; 2 for a mistake in the arguments, and if no server answers or accepts the
credentials; 130 for Ctrl+C at the password prompt."""


_COMPLETION_EPILOG = """\
bash: put this into ~/.bashrc:                     eval "$(jobtui completion bash)"
zsh: put this into ~/.zshrc, after compinit:       eval "$(jobtui completion zsh)"
fish: jobtui completion fish > ~/.config/fish/completions/jobtui.fish

exit status: 0 for success; 2 for a mistake in the arguments."""


class Parser(argparse.ArgumentParser):
    """A parser that reports a mistake in one line, without the usage of all commands.

    Its options have the arguments as they were given, too.
    """

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse the arguments of the command, and return the options.

        Raises:
            SystemExit: They ask for the help, or they are wrong; the help or a message has been printed.
        """
        options = parse_options(self, words)
        options.given = words
        self.validate(options)
        return options

    def validate(self, options: argparse.Namespace) -> None:
        """Check what argparse cannot: the number of words, and which options exclude each other."""

    def reject_empty_words(self, options: argparse.Namespace) -> None:
        """Reject an argument without a character, which a variable of the shell that is not set leaves."""
        if "" in options.words:
            self.error("an argument is empty")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print the help, the version or an error on a stream, which is None if it is closed.

        argparse would write to standard error in its place, and ignore a disk that is full.
        """
        write_line(file, message.removesuffix("\n"))

    def error(self, message: str) -> NoReturn:
        """Print the message in one line and exit."""
        self.exit(BAD_USAGE, f"jobtui: {message}\nTry  {self.prog} --help\n")


class TargetParser(Parser):
    """The arguments of ``jobtui TARGET``, ``jobtui check TARGET`` and ``jobtui demo``."""

    def __init__(self) -> None:
        super().__init__(
            prog="jobtui",
            usage=_TARGET_USAGE,
            description="Run the jobs that a Python file registers, and show them in a dashboard.",
            epilog=_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("words", nargs="*", help=argparse.SUPPRESS)
        self.add_argument(
            "--config",
            metavar="FILE",
            type=file_argument,
            help="the settings: a .toml file, or a .conf file of Revel",
        )
        self.add_argument(
            "--pool",
            metavar="N",
            type=pool_argument,
            help="how many runs may be RUNNING at once; 0 for no limit",
        )
        self.add_argument(
            "--tz",
            metavar="ZONE",
            type=zone_argument,
            help="the zone of specs that name none, such as Europe/Oslo or UTC (default: the machine's)",
        )
        self.add_argument(
            "--store",
            metavar="FILE",
            type=file_argument,
            help="keep history, output and the state of the jobs in this SQLite file (default: in memory)",
        )
        self.add_argument(
            "--run-mode",
            metavar="NAME",
            type=name_argument,
            help="the section of the settings to use, such as prod (default: dev)",
        )
        self.add_argument(
            "--listen",
            metavar="ADDRESS",
            type=_address,
            help="serve the status page at this address: 127.0.0.1:9001, [::1]:9001, unix:PATH",
        )
        self.add_argument(
            "--headless",
            action="store_true",
            help="log each run instead of showing a screen, until SIGINT or SIGTERM",
        )
        self.add_argument(
            "--grace",
            metavar="SECONDS",
            type=_seconds,
            help=f"how long jobtui waits for running work when it stops (default: {GRACE:g}); "
            "on_app_stop functions and exit handlers get 2 more seconds",
        )
        add_display_arguments(self, "; the jobs are shown as they are before the start")
        self.add_argument("--version", action="version", version=f"jobtui {__version__}")

    def validate(self, options: argparse.Namespace) -> None:
        """Separate the command ``check`` from the target, wherever the options stand."""
        options.check = options.words[:1] == ["check"]
        targets = options.words[1:] if options.check else options.words
        if not targets:
            self.error("missing argument TARGET")
        if len(targets) > 1:
            self.error(f"only one TARGET is allowed; unexpected: {' '.join(targets[1:])}")
        if options.check and (options.headless or options.grace is not None or options.listen is not None):
            self.error("check does not start the scheduler; remove --headless, --grace and --listen")
        options.target = targets[0]


class NextParser(Parser):
    """The arguments of ``jobtui next SPEC``."""

    def __init__(self) -> None:
        super().__init__(
            prog="jobtui next",
            usage="jobtui next SPEC [-n N] [--tz ZONE] [--from ISO] [--dst once|every] [--quiet TIME]"
            " [--json]",
            description="Print the next ticks of a spec: in its zone, in UTC, and how long until then. Each "
            "tick that a clock change moves, merges, repeats or drops is marked and explained.",
            epilog="exit status: 0 for success; 2 for a mistake in the arguments or the spec.",
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
            type=count_argument,
            default=_DEFAULT_TICKS,
            help="how many ticks (default: %(default)s)",
        )
        self.add_argument(
            "--tz", metavar="ZONE", help="the zone of a spec that names none (default: the machine's)"
        )
        self.add_argument(
            "--from",
            metavar="ISO",
            dest="start",
            help="only ticks after this instant, such as 2026-10-24T12:00 (default: now)",
        )
        self.add_argument(
            "--quiet",
            metavar="TIME",
            action="append",
            default=[],
            help="mark the ticks in a quiet time, such as 'SAT 02:00 for 3h'; may be given several times",
        )
        self.add_argument(
            "--dst",
            choices=("once", "every"),
            default="once",
            help="when the clocks change, a fixed time is due once (the default), or at every instant whose "
            "wall clock matches",
        )
        self.add_argument("--json", action="store_true", help="print JSON")

    def validate(self, options: argparse.Namespace) -> None:
        """Check that there is one spec."""
        if not options.words:
            self.error("missing argument SPEC")
        if len(options.words) > 1:
            self.error("SPEC is one argument: quote it, so that the shell keeps its spaces and its *")


class AttachParser(Parser):
    """The arguments of ``jobtui attach``."""

    def __init__(self) -> None:
        super().__init__(
            prog="jobtui attach",
            usage="jobtui attach [ADDRESS ...] [--ascii] [--snapshot [WIDTHxHEIGHT]] [--color]",
            description="Show and control the dashboard of a jobtui in another process, or of several.",
            epilog=_ATTACH_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("words", nargs="*", metavar="ADDRESS", help="where the other process listens")
        add_display_arguments(self)

    def validate(self, options: argparse.Namespace) -> None:
        """Check that there is a key for each. The message repeats none: an address may contain a password."""
        self.reject_empty_words(options)
        if len(options.words) > 1:
            from jobtui.frontend.scheduler_tabs import MAX_TABS  # noqa: PLC0415 - lazy, see above

            if len(options.words) > MAX_TABS:
                self.error(f"at most {MAX_TABS} addresses are allowed; there are {len(options.words)}")
        options.address = next(iter(options.words), None)
        options.command = "attach"


class CompletionParser(Parser):
    """The arguments of ``jobtui completion SHELL``."""

    def __init__(self) -> None:
        super().__init__(
            prog="jobtui completion",
            usage="jobtui completion bash|zsh|fish",
            description="Print a script that completes commands, options, files, jobs and runs in a shell.",
            epilog=_COMPLETION_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("words", nargs="*", metavar="SHELL", help="bash, zsh or fish")

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse the arguments. After --candidates, all are words of the command line to complete."""
        if words[:1] == ["--candidates"]:
            return argparse.Namespace(candidates=list(words[1:]))
        return super().parse(words)

    def validate(self, options: argparse.Namespace) -> None:
        """Check that there is one shell."""
        options.candidates = None
        if len(options.words) != 1 or options.words[0] not in ("bash", "zsh", "fish"):
            self.error("one SHELL is needed: bash, zsh or fish")


class HashPasswordParser(Parser):
    """The arguments of ``jobtui hash-password``, which takes none."""

    def __init__(self) -> None:
        super().__init__(
            prog="jobtui hash-password",
            usage="jobtui hash-password",
            description="Ask for a password, or read one line from standard input if that is not a terminal, "
            "and print its hash, which jobs.auth.pass in the settings takes instead of the password.",
            epilog="exit status: 0 for success; 2 for a mistake in the arguments or a password that is not "
            "allowed; 130 for Ctrl+C.",
            allow_abbrev=False,
        )
        self.add_argument("words", nargs="*", help=argparse.SUPPRESS)

    def validate(self, options: argparse.Namespace) -> None:
        """Reject a password in the arguments, which other users of the machine could read."""
        if options.words:
            self.error("the password is read from the prompt or standard input, not from an argument")


def add_display_arguments(parser: argparse.ArgumentParser, frame: str = "") -> None:
    """Add the options of the dashboard.

    Args:
        parser: The parser of a command.
        frame: What else to say about a single frame.
    """
    parser.add_argument(
        "--ascii",
        action="store_true",
        help="draw every sign in ASCII (default: only if the terminal's encoding is not UTF-8)",
    )
    parser.add_argument(
        "--snapshot",
        metavar="WIDTHxHEIGHT",
        nargs="?",
        type=_size,
        const=(0, 0),
        help="print one frame of the dashboard and exit (default: as large as the terminal, or 120x32)"
        + frame,
    )
    parser.add_argument(
        "--color",
        action="store_true",
        help="print the frame in colours (default: only in a terminal)",
    )


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    parts = [each for each in (width, height) if each.isascii() and each.isdecimal()]
    numbers = [int(each) for each in parts if len(each) <= _SIZE_DIGITS]
    if len(numbers) != 2 or not all(numbers):  # noqa: PLR2004 - width and height
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not WIDTHxHEIGHT, such as 120x32")
    return numbers[0], numbers[1]


def _address(text: str) -> Address:
    from jobtui.access.addresses import parse_address  # noqa: PLC0415 - lazy, see above

    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def file_argument(text: str) -> str:
    """Return the argument of an option that takes the path of a file."""
    from pathlib import Path  # noqa: PLC0415 - lazy, see above

    if not text:
        raise argparse.ArgumentTypeError("the path of a file is missing")
    if not Path(text).name:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is a folder, not a file")
    return text


def name_argument(text: str) -> str:
    """Return the argument of an option that takes a name."""
    if not text:
        raise argparse.ArgumentTypeError("the name is missing")
    return text


def count_argument(text: str) -> int:
    """Return the number in the argument of ``-n``."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS and 0 < int(text) <= _MAX_COUNT):
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a whole number from 1 to {_MAX_COUNT}")
    return int(text)


def pool_argument(text: str) -> int:
    """Return the number in the argument of ``--pool``."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a whole number from 0 up (0 is no limit)")
    return int(text)


def duration_argument(text: str) -> timedelta:
    """Return the positive duration in an argument, such as ``90m``, or ``7d`` with days."""
    from jobtui.schedules.bad_spec import BadSpec  # noqa: PLC0415 - lazy, see above
    from jobtui.schedules.durations import parse_duration  # noqa: PLC0415 - lazy, see above

    days = text[:-1] if text[-1:] == "d" else ""
    try:
        is_days = days.isascii() and days.isdecimal() and len(days) <= _MAX_DIGITS
        duration = parse_duration(f"{int(days) * 24}h" if is_days else text)
    except BadSpec as error:
        raise argparse.ArgumentTypeError(error.sentence) from None
    if duration <= timedelta():
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not longer than 0")
    return duration


def zone_argument(text: str) -> str:
    """Return the argument of ``--tz`` if it is the name of a zone."""
    from jobtui.schedules.bad_spec import BadSpec  # noqa: PLC0415 - lazy, see above
    from jobtui.schedules.zones import zone  # noqa: PLC0415 - lazy, see above

    try:
        zone(text)
    except BadSpec as error:
        raise argparse.ArgumentTypeError(error.sentence) from None
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _MAX_GRACE:  # also false for nan
        raise argparse.ArgumentTypeError(
            f"{text!r:.40} is not a number of seconds from 0 to {_MAX_GRACE:.0f}"
        )
    return seconds
