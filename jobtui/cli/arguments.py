"""What may be typed: the arguments of each command, and the one line that says what is wrong with them.

Only argparse is imported before the arguments are known: ``jobtui --help`` is as quick as Python allows.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from jobtui import __version__

if TYPE_CHECKING:
    from jobtui.access.addresses import Address

OK = 0
BAD_USAGE = 2  # argparse's own
GRACE = 10.0  # seconds

_MOST_DIGITS = 9  # of --pool
_FIRES = 10
_MOST_FIRES = 10_000
_LONGEST_GRACE = 1_000_000.0  # seconds; the most that every platform can wait for is not much more

_USAGE = """\
jobtui TARGET [--config FILE] [--pool N] [--run-mode NAME] [--listen ADDRESS] [--headless]
                     [--grace SECONDS]
       jobtui check TARGET [--config FILE] [--pool N] [--run-mode NAME]
       jobtui attach URL|unix:PATH
       jobtui next SPEC [-n N] [--tz ZONE] [--from ISO] [--dst once|every] [--json]
       jobtui hash-password"""

_DESCRIPTION = """\
Runs the jobs that a Python file registers, and shows them in a dashboard.

  jobtui TARGET          run the jobs of TARGET, with the dashboard
  jobtui check TARGET    import TARGET and print its jobs with their next fires; start nothing
  jobtui attach URL      the dashboard of a jobtui that listens somewhere
  jobtui next SPEC       print the next fires of a spec, such as '0 */15 9-17 * * MON-FRI'
  jobtui hash-password   make the hash of a password, for the settings"""

_EPILOG = """\
TARGET is a .py file or a package.module; ":name" after it names one of several schedulers in it.
Settings are read from --config, else from jobtui.toml beside the file, else from [tool.jobtui] in the
pyproject.toml beside it; for a module also from the current folder.

examples:
  jobtui demo_jobs.py                          the dashboard; press ? in it for the keys
  jobtui check demo_jobs.py                    is it right, and when is what due?
  jobtui demo_jobs.py --pool 2                 at most two runs at once
  jobtui shop.jobs --config etc/jobtui.toml    a module, with the settings of another folder
  jobtui shop.jobs:night --run-mode prod       the Scheduler "night" in it, with the section [prod]
  jobtui demo_jobs.py --headless 2>jobs.log    no screen: a line for each run on standard error
  jobtui demo_jobs.py --listen 127.0.0.1:9001  and the status page, http://127.0.0.1:9001/@jobs
  jobtui attach 127.0.0.1:9001                 the dashboard of that one, from anywhere allowed
  jobtui next '0 30 2 * * *' --tz Europe/Oslo  when is it due, also on the nights the clocks change?

exit status: 0; 2 for bad usage, where TARGET or its settings are wrong, which is 1 for check, and where an
address cannot be listened on or attached to; 130 for Ctrl+C while TARGET is imported or a password is asked
for. --headless ends with 130 or 143 at a second SIGINT or SIGTERM."""

_ATTACHING = """\
URL is where the other one listens: 127.0.0.1:9001, http://user@127.0.0.1:9001, https://jobs.example.org/@jobs
or unix:/run/jobtui.sock. If it asks for a user and a password, they are taken from the URL, else from
JOBTUI_USER and JOBTUI_PASSWORD in the environment, else you are asked. What stands in a command line, other
users of the machine can read.

exit status: 0; 2 for bad usage, and where nothing answers or lets you in; 130 for Ctrl+C at the password."""


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def read(self, words: Sequence[str]) -> argparse.Namespace | int:
        """Reads the arguments, or says what is wrong with them and returns the exit status."""
        from jobtui.process.stdio import flush_all  # noqa: PLC0415 - with the rest that is loaded when it is used

        try:
            options = self.parse_intermixed_args(words)
            self.look_closer(options)
        except SystemExit as stop:  # argparse has said all there is to say
            flush_all()
            return stop.code if isinstance(stop.code, int) else OK
        return options

    def look_closer(self, options: argparse.Namespace) -> None:
        """See what argparse cannot: how the arguments go together."""

    def error(self, message: str) -> NoReturn:
        """Says what is wrong in one line; the whole usage would hide it."""
        self.exit(BAD_USAGE, f"jobtui: {message}\nTry  {self.prog} --help\n")


class TargetParser(Parser):
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
            "--listen",
            metavar="ADDRESS",
            type=_address,
            help="serve the status page at 127.0.0.1:9001, [::1]:9001, unix:PATH or the like",
        )
        self.add_argument(
            "--headless", action="store_true", help="no screen: log each run until SIGINT or SIGTERM"
        )
        self.add_argument(
            "--grace",
            metavar="SECONDS",
            type=_seconds,
            help=f"how long running work may take to end when jobtui stops (default: {GRACE:g}); "
            "on_app_stop functions and exit handlers get 2 more",
        )
        self.add_argument("--version", action="version", version=f"jobtui {__version__}")

    def look_closer(self, options: argparse.Namespace) -> None:
        """Tells ``jobtui TARGET`` from ``jobtui check TARGET``, wherever the options stand."""
        options.check = options.words[:1] == ["check"]
        targets = options.words[1:] if options.check else options.words
        if not targets:
            self.error("TARGET is missing" + (": what shall be checked?" if options.check else ""))
        if len(targets) > 1:
            self.error(f"one TARGET at a time: {' '.join(targets[1:])} is too much")
        if options.check and (options.headless or options.grace is not None or options.listen is not None):
            self.error("check starts nothing: --headless, --grace and --listen make no sense with it")
        options.target = targets[0]


class NextParser(Parser):
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

    def look_closer(self, options: argparse.Namespace) -> None:
        """Sees that there is one spec."""
        if not options.words:
            self.error("SPEC is missing: what shall be looked at?")
        if len(options.words) > 1:
            self.error(
                "SPEC is one argument: put it in quotes, so that the shell leaves its spaces and * alone"
            )


class AttachParser(Parser):
    """The arguments of ``jobtui attach URL``."""

    def __init__(self) -> None:
        super().__init__(
            prog="jobtui attach",
            usage="jobtui attach URL|unix:PATH",
            description="Shows the dashboard of a jobtui that listens somewhere, and steers it.",
            epilog=_ATTACHING,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("words", nargs="*", metavar="URL", help="where it listens")

    def look_closer(self, options: argparse.Namespace) -> None:
        """Sees that there is one URL. None is repeated: a password may be in it."""
        if not options.words:
            self.error("URL is missing: where does the other one listen?")
        if len(options.words) > 1:
            self.error("one URL at a time")


class HashParser(Parser):
    """The arguments of ``jobtui hash-password``: none."""

    def __init__(self) -> None:
        super().__init__(
            prog="jobtui hash-password",
            usage="jobtui hash-password",
            description="Asks for a password, or reads one line from standard input if that is no terminal, "
            "and prints the hash that jobs.auth.pass takes in the password's place.",
            epilog="exit status: 0; 2 for bad usage and for what cannot be a password; 130 for Ctrl+C.",
            allow_abbrev=False,
        )
        self.add_argument("words", nargs="*", help=argparse.SUPPRESS)

    def look_closer(self, options: argparse.Namespace) -> None:
        """Sees that the password is not there: other users of the machine could read it."""
        if options.words:
            self.error("the password is asked for, or read from standard input; it is no argument")


def _address(text: str) -> Address:
    from jobtui.access.addresses import parse_address  # noqa: PLC0415 - --help does without

    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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
