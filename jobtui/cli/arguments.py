"""The parsers: the arguments of each command, and a one-line message for each mistake.

Imports little at the top, so that ``jobtui --help`` is quick.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from jobtui import __version__
from jobtui.cli.command_error import BAD_USAGE

if TYPE_CHECKING:
    from jobtui.access.addresses import Address

GRACE = 10.0  # seconds; the default of --grace

_MAX_DIGITS = 9  # of --pool and -n
_DEFAULT_TICKS = 10  # of jobtui next
_DEFAULT_RUNS = 50  # of jobtui history
_MAX_COUNT = 10_000  # of -n
_MAX_RUN_DIGITS = 17
_MAX_GRACE = 1_000_000.0  # seconds; some platforms cannot wait much longer than that

_USAGE = """\
jobtui TARGET [--config FILE] [--pool N] [--tz ZONE] [--run-mode NAME] [--store FILE]
                     [--listen ADDRESS] [--headless] [--grace SECONDS]
       jobtui check TARGET [--config FILE] [--pool N] [--tz ZONE] [--run-mode NAME]
       jobtui demo
       jobtui attach URL|unix:PATH
       jobtui next SPEC [-n N] [--tz ZONE] [--from ISO] [--dst once|every] [--json]
       jobtui history [FILE.py] [--job NAME] [--failed] [--since 24h] [-n N] [--store FILE] [--json] [QUERY]
       jobtui history [FILE.py] rename OLD NEW [--store FILE]
       jobtui show [FILE.py] RUN [--store FILE] [--json]
       jobtui logs [FILE.py] RUN|JOB [--store FILE] [--json]
       jobtui why [ADDRESS|FILE.py] JOB|RUN [--at TIME] [--store FILE] [--json]
       jobtui ps [FILE.py] [--store FILE] [--json]
       jobtui hash-password"""

_DESCRIPTION = """\
Run the jobs that a Python file registers, and show them in a dashboard.

  jobtui TARGET          run the jobs of TARGET with the dashboard
  jobtui check TARGET    import TARGET and print its jobs and their next ticks; start nothing
  jobtui demo            run the demo, a small web shop with thirteen jobs
  jobtui attach URL      show the dashboard of a jobtui in another process
  jobtui next SPEC       print the next ticks of a spec, such as '0 */15 9-17 * * MON-FRI'
  jobtui history         find runs in a store: job:import state:failed since:2d took:>5s "timed out"
  jobtui show RUN        print a run in a store, with its traceback and its output
  jobtui logs RUN|JOB    print the output of a run, or of the latest run of a job
  jobtui why JOB         explain why a tick did or did not run; jobtui why RUN: where its time went
  jobtui ps              print the jobs in a store, with their counters
  jobtui hash-password   print the hash of a password, for the settings"""

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
  jobtui attach 127.0.0.1:9001                 show the dashboard of that process in another terminal
  jobtui next '0 30 2 * * *' --tz Europe/Oslo  print its next ticks, and what clock changes do to them

exit status: 0 for success; 2 for a mistake in the arguments, the target or the settings (1 for check), and
for an address that cannot be listened on or attached to; 130 for Ctrl+C during the import of TARGET or at a
password prompt. --headless ends with 130 or 143 after a second SIGINT or SIGTERM."""

_STORE_EPILOG = """\
The store is that of --store, else the one that the settings name: those of --config, else those in the folder
of FILE.py, else those in the current folder. The scheduler may run or not; nothing is changed.

exit status: 0 if something was found; 1 if nothing was; 2 for a mistake in the arguments, the settings or the
store."""

_WHY_HELP = """\
TIME is 02:30 or 02:30:15 of today, 'yesterday 02:30', 'tomorrow 02:30', or 2026-11-29T02:30, with an offset
if it is of another zone. Without seconds, any tick in that minute is meant.

ADDRESS is that of a scheduler that runs, as for  jobtui attach.

"""

_QUERY_HELP = """\
QUERY is a list of terms, all of which a run has to meet:
  job:import  job:import*      the name of the job
  state:failed                 ok, failed, cancelled, skipped, missed, coalesced, lost, or running
  since:2d  until:2026-11-27   when it ended: a duration before now, or an instant in the zone of the store
  took:>5s  took:<1m           how long the work took
  trigger:hand                 tick, now, in, at or hand
  number:12                    the number of the run
  timeout  "timed out"         a text in its reason, its traceback or its output

"""

_ATTACH_EPILOG = """\
URL is where the other process listens: 127.0.0.1:9001, http://user@127.0.0.1:9001,
https://jobs.example.org/@jobs or unix:/run/jobtui.sock. User name and password are read from the URL, else
from JOBTUI_USER and JOBTUI_PASSWORD in the environment, else from a prompt. Other users of this machine can
read a password in a command line.

exit status: 0 for success; 2 for a mistake in the arguments, and if the server does not answer or rejects the
credentials; 130 for Ctrl+C at the password prompt."""


class Parser(argparse.ArgumentParser):
    """A parser that reports a mistake in one line, without the usage of all commands."""

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse the arguments of the command, and return the options.

        Raises:
            SystemExit: They ask for the help, or they are wrong; the help or a message has been printed.
        """
        options = self.parse_intermixed_args(words)
        self.validate(options)
        return options

    def validate(self, options: argparse.Namespace) -> None:
        """Check what argparse cannot: the number of words, and which options exclude each other."""

    def error(self, message: str) -> NoReturn:
        """Print the message in one line and exit."""
        self.exit(BAD_USAGE, f"jobtui: {message}\nTry  {self.prog} --help\n")


class TargetParser(Parser):
    """The arguments of ``jobtui TARGET``, ``jobtui check TARGET`` and ``jobtui demo``."""

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
        self.add_argument(
            "--config", metavar="FILE", help="the settings: a .toml file, or a .conf file of Revel"
        )
        self.add_argument(
            "--pool", metavar="N", type=_pool, help="how many runs may be RUNNING at once; 0 for no limit"
        )
        self.add_argument(
            "--tz",
            metavar="ZONE",
            type=_zone,
            help="the zone of specs that name none, such as Europe/Oslo or UTC (default: the machine's)",
        )
        self.add_argument(
            "--store",
            metavar="FILE",
            help="keep history, output and the state of the jobs in this SQLite file (default: in memory)",
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
            usage="jobtui next SPEC [-n N] [--tz ZONE] [--from ISO] [--dst once|every] [--json]",
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
            type=_count,
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
    """The arguments of ``jobtui attach URL``."""

    def __init__(self) -> None:
        super().__init__(
            prog="jobtui attach",
            usage="jobtui attach URL|unix:PATH",
            description="Show and control the dashboard of a jobtui in another process.",
            epilog=_ATTACH_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("words", nargs="*", metavar="URL", help="where the other process listens")

    def validate(self, options: argparse.Namespace) -> None:
        """Check that there is one URL. The message does not repeat the URLs: one may contain a password."""
        if not options.words:
            self.error("missing argument URL")
        if len(options.words) > 1:
            self.error("only one URL is allowed")


class StoreParser(Parser):
    """The arguments that all commands on a store have.

    Args:
        command: The name of the command.
        usage: Its arguments.
        description: The effect of the command.
        epilog: Stands before the text that all commands share.
    """

    def __init__(self, command: str, usage: str, description: str, epilog: str = "") -> None:
        super().__init__(
            prog=f"jobtui {command}",
            usage=f"jobtui {command} [FILE.py] {usage}[--store FILE] [--config FILE] [--run-mode NAME] "
            "[--tz ZONE] [--json]",
            description=description,
            epilog=epilog + _STORE_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("words", nargs="*", help=argparse.SUPPRESS)
        self.add_argument("--store", metavar="FILE", help="the file of the store")
        self.add_argument("--config", metavar="FILE", help="the settings that name the store")
        self.add_argument(
            "--run-mode", metavar="NAME", help="the section of the settings to use, such as prod"
        )
        self.add_argument(
            "--tz", metavar="ZONE", type=_zone, help="the zone of the times (default: the scheduler's)"
        )
        self.add_argument("--json", action="store_true", help="print JSON")

    def validate(self, options: argparse.Namespace) -> None:
        """Separate the job file from the other words. With --store, no job file is needed."""
        options.target = None
        if options.store is None and options.words and options.words[0].endswith(".py"):
            options.target, *options.words = options.words


class HistoryParser(StoreParser):
    """The arguments of ``jobtui history``."""

    def __init__(self) -> None:
        super().__init__(
            "history",
            "[QUERY] [--job NAME] [--failed] [--since TIME] [-n N] ",
            "Print the runs in a store that meet a query, and the ticks that started none, newest first.",
            _QUERY_HELP,
        )
        self.add_argument("--job", metavar="NAME", help="as job:NAME in the query")
        self.add_argument("--failed", action="store_true", help="as state:failed in the query")
        self.add_argument("--since", metavar="TIME", help="as since:TIME in the query")
        self.add_argument(
            "-n",
            metavar="N",
            dest="count",
            type=_count,
            default=_DEFAULT_RUNS,
            help="how many runs at most (default: %(default)s)",
        )

    def validate(self, options: argparse.Namespace) -> None:
        """Separate ``rename OLD NEW`` from a query."""
        super().validate(options)
        options.rename = ()
        if options.words[:1] == ["rename"]:
            _, *options.rename = options.words
            if len(options.rename) != 2 or options.rename[0] == options.rename[1]:  # noqa: PLR2004 - a pair
                self.error("rename needs two names, OLD and NEW; to search for the word, write '\"rename\"'")
            if options.job or options.failed or options.since or options.json:
                self.error("rename takes no condition and no --json")


class ShowParser(StoreParser):
    """The arguments of ``jobtui show RUN``."""

    def __init__(self) -> None:
        super().__init__("show", "RUN ", "Print a run in a store, with its traceback and its output.")

    def validate(self, options: argparse.Namespace) -> None:
        """Check that there is the number of one run."""
        super().validate(options)
        if len(options.words) != 1 or not is_run_number(options.words[0]):
            self.error("one RUN is needed: the number of a run, such as 12")


class LogsParser(StoreParser):
    """The arguments of ``jobtui logs RUN|JOB``."""

    def __init__(self) -> None:
        super().__init__(
            "logs",
            "RUN|JOB ",
            "Print the output of a run, or of the latest run of a job: each line with its time, and with its "
            "stream if that is not stdout.",
        )

    def validate(self, options: argparse.Namespace) -> None:
        """Check that there is one run or job."""
        super().validate(options)
        if len(options.words) != 1:
            self.error("one RUN or JOB is needed: the number of a run, such as 12, or the name of a job")


class PsParser(StoreParser):
    """The arguments of ``jobtui ps``, which takes no words."""

    def __init__(self) -> None:
        super().__init__("ps", "", "Print the jobs in a store, with their last outcomes and their counters.")

    def validate(self, options: argparse.Namespace) -> None:
        """Reject words."""
        super().validate(options)
        if options.words:
            self.error(f"unexpected: {' '.join(options.words)}; to find runs, use  jobtui history")


class WhyParser(StoreParser):
    """The arguments of ``jobtui why JOB|RUN``."""

    def __init__(self) -> None:
        super().__init__(
            "why",
            "JOB|RUN [--at TIME] ",
            "Explain in a sentence, with its evidence, why a tick of a job did or did not run, or will; or "
            "when a run was due, for what it waited, and how it ended.",
            _WHY_HELP,
        )
        self.add_argument(
            "--at",
            metavar="TIME",
            default="",
            help="the time in question, in the zone of the job (default: its latest tick)",
        )

    def validate(self, options: argparse.Namespace) -> None:
        """Separate the address of a scheduler from the job or the run."""
        super().validate(options)
        options.address = ""
        if len(options.words) == 2 and options.store is options.target is None:  # noqa: PLR2004 - a pair
            options.address, *options.words = options.words
        if len(options.words) != 1:
            self.error("one JOB or RUN is needed: the name of a job, or the number of a run, such as 12")
        [word] = options.words
        is_run = is_run_number(word) and not options.at
        options.job, options.run = (None, int(word.removeprefix("#"))) if is_run else (word, 0)


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


def is_run_number(text: str) -> bool:
    """Return whether a text is the number of a run, such as ``12`` or ``#12``."""
    digits = text.removeprefix("#")
    return digits.isascii() and digits.isdecimal() and len(digits) <= _MAX_RUN_DIGITS


def _address(text: str) -> Address:
    from jobtui.access.addresses import parse_address  # noqa: PLC0415 - lazy, see above

    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS and 0 < int(text) <= _MAX_COUNT):
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a whole number from 1 to {_MAX_COUNT}")
    return int(text)


def _pool(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a whole number from 0 up (0 is no limit)")
    return int(text)


def _zone(text: str) -> str:
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
