"""The parsers of the commands that ask or steer a scheduler, or ask a store."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from datetime import timedelta

from jobtui.cli.arguments import (
    Parser,
    count_argument,
    duration_argument,
    file_argument,
    name_argument,
    pool_argument,
    zone_argument,
)
from jobtui.frontend.command_grammar import add_pause_options, pause_words, split_assignments, time_argument

_DEFAULT_RUNS = 50  # of jobtui history
_MAX_RUN_DIGITS = 17
_ADDRESS = re.compile(r"(unix:|https?://).*|(localhost|[0-9.]+|\[[0-9a-fA-F:.]+\]):[0-9]+", re.DOTALL)
_PAIR = 2  # words

_SOURCE_EPILOG = """\
ADDRESS is where a scheduler listens: 127.0.0.1:9001, http://user@127.0.0.1:9001 or unix:PATH. User name and
password are read from it, else from JOBTUI_USER and JOBTUI_PASSWORD, else from a prompt. FILE.py stands for
the scheduler that runs this job file here, else for the store that its settings name.

Without any of them and without --store, the settings in the current folder are asked for a store; else the
one scheduler of yours that runs here answers. If there are several, they are listed.

exit status: 0 if something was found; 1 if nothing was; 2 for a mistake in the arguments or the settings, and
if nothing can be asked; 130 for Ctrl+C."""

_LIVE_EPILOG = """\
ADDRESS is where the scheduler listens: 127.0.0.1:9001, http://user@127.0.0.1:9001 or unix:PATH. User name and
password are read from it, else from JOBTUI_USER and JOBTUI_PASSWORD, else from a prompt. Without it, the one
scheduler of yours that runs here is meant. If there are several, they are listed.

"""

_FORECAST = timedelta(hours=24)
_LONGEST_FORECAST = timedelta(days=31)

_FORECAST_EPILOG = """\
TARGET is a .py file or a package.module: its jobs as if they were started now. ADDRESS is where a scheduler
listens: its jobs from now on, with the runs that are live. Without either, the one scheduler of yours that
runs here is meant.

A run is expected to take the median of those of the latest 20 endings of its job that were OK, which the
scheduler or the store knows; the median of all jobs if there are none of its own; and no time if nothing is
known. No run is expected to fail.

exit status: 0 for success; 1 if ticks will start no run, except those of paused jobs and in quiet times, or a
run waits longer than --max-wait; 2 for a mistake in the arguments, the target or the settings."""

_CHANGE_STATUS = "exit status: 0 for success; 2 for a mistake, and if there is no such job."
_CANCEL_STATUS = """\
exit status: 0 for success; 1 if the run had ended; 2 for a mistake, and if there is no such run."""
_STACK_STATUS = """\
exit status: 0 for success; 1 if the run does not run; 2 for a mistake, and if there is no such run."""
_RUN_EPILOG = """\
NAME=VALUE is a parameter of the job: a text, or JSON if the parameter is no text, such as limit=5. RUN is the
number of a run that has ended, such as 12: it runs again with the arguments that it had.

With TARGET, JOB runs in this process: no scheduler starts, no store is written, output goes straight to the
terminal, and breakpoint() and input() work. The settings apply, and the on_app_start and on_app_stop
functions are called.

exit status: 0 if the run was accepted; with --wait or TARGET, that of the run: 0 for OK, 1 for FAILED; with
--wait, 3 for any other ending, such as CANCELLED or SKIPPED. 2 for a mistake, if there is no such job, and if
the scheduler goes away before the run has ended. 130 for Ctrl+C; with --wait, the run goes on."""

_WHY_HELP = """\
TIME is 02:30 or 02:30:15 of today, 'yesterday 02:30', 'tomorrow 02:30', or 2026-11-29T02:30, with an offset
if it is of another zone. Without seconds, any tick in that minute is meant.

"""

_QUERY_HELP = """\
QUERY is a list of terms, all of which a run has to meet:
  job:import  job:import*      the name of the job
  state:failed                 ok, failed, timed_out, cancelled, skipped, missed, coalesced, lost,
                               or running
  since:2d  until:2026-11-27   when it ended: a duration before now, or an instant in the zone of the store
  took:>5s  took:<1m           how long the work took
  trigger:hand                 tick, now, in, at or hand
  number:12                    the number of the run
  timeout  "timed out"         a text in its reason, its traceback or its output

"""


class SourceParser(Parser):
    """The arguments that all commands have which ask a scheduler or a store.

    Args:
        command: The name of the command.
        usage: Its arguments.
        description: The effect of the command.
        epilog: Stands before the text that all commands share.
        more: Further lines of the usage.
    """

    def __init__(
        self, command: str, usage: str, description: str, epilog: str = "", *, more: str = ""
    ) -> None:
        super().__init__(
            prog=f"jobtui {command}",
            usage=f"jobtui {command} [ADDRESS|FILE.py] {usage}[--store FILE] [--tz ZONE] [--json]{more}",
            description=description,
            epilog=epilog + _SOURCE_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self._command = command
        self.add_argument("words", nargs="*", help=argparse.SUPPRESS)
        self.add_argument(
            "--store",
            metavar="FILE",
            type=file_argument,
            help="ask this store, whether its scheduler runs or not",
        )
        self.add_argument(
            "--config", metavar="FILE", type=file_argument, help="the settings that name the store"
        )
        self.add_argument(
            "--run-mode",
            metavar="NAME",
            type=name_argument,
            help="the section of the settings to use, such as prod",
        )
        self.add_argument(
            "--tz",
            metavar="ZONE",
            type=zone_argument,
            help="the zone of the times (default: the scheduler's)",
        )
        self.add_argument("--json", action="store_true", help="print JSON")

    def validate(self, options: argparse.Namespace) -> None:
        """Separate the address or the job file from the other words. With --store, neither is needed."""
        options.command = self._command
        options.target = options.address = None
        if options.words and is_address(options.words[0]):
            options.address, *options.words = options.words
            if options.store is not None or options.config is not None:
                self.error("an ADDRESS and a store exclude each other; remove --store and --config")
        elif options.store is None and options.words and options.words[0].endswith(".py"):
            options.target, *options.words = options.words


class HistoryParser(SourceParser):
    """The arguments of ``jobtui history``."""

    def __init__(self) -> None:
        super().__init__(
            "history",
            "[QUERY] [--job NAME] [--failed] [--since TIME]\n                      [-n N] ",
            "Print the runs that meet a query, and the ticks that started none, newest first.\n"
            "jobtui history rename OLD NEW gives the history of a job in a store to another name.",
            _QUERY_HELP,
            more="\n       jobtui history [FILE.py] rename OLD NEW [--store FILE]",
        )
        self.add_argument("--job", metavar="NAME", type=name_argument, help="as job:NAME in the query")
        self.add_argument("--failed", action="store_true", help="as state:failed in the query")
        self.add_argument("--since", metavar="TIME", type=time_argument, help="as since:TIME in the query")
        self.add_argument(
            "-n",
            metavar="N",
            dest="count",
            type=count_argument,
            default=_DEFAULT_RUNS,
            help="how many runs at most (default: %(default)s)",
        )

    def validate(self, options: argparse.Namespace) -> None:
        """Separate ``rename OLD NEW`` from a query."""
        super().validate(options)
        options.rename = ()
        if options.words[:1] == ["rename"]:
            _, *options.rename = options.words
            if len(options.rename) != _PAIR or options.rename[0] == options.rename[1]:
                self.error("rename needs two names, OLD and NEW; to search for the word, write '\"rename\"'")
            if options.job or options.failed or options.since or options.json:
                self.error("rename takes no condition and no --json")
            if options.address is not None:
                self.error("rename changes a store, not a scheduler that runs; remove the ADDRESS")


class ShowParser(SourceParser):
    """The arguments of ``jobtui show RUN``."""

    def __init__(self) -> None:
        super().__init__("show", "RUN ", "Print a run, with its traceback and its output.")

    def validate(self, options: argparse.Namespace) -> None:
        """Check that there is the number of one run."""
        super().validate(options)
        if len(options.words) != 1 or not is_run_number(options.words[0]):
            self.error("one RUN is needed: the number of a run, such as 12")


class LogsParser(SourceParser):
    """The arguments of ``jobtui logs RUN|JOB``."""

    def __init__(self) -> None:
        super().__init__(
            "logs",
            "RUN|JOB [-f] ",
            "Print the output of a run, or of the latest run of a job: each line with its time, and with its "
            "stream if that is not stdout.",
        )
        self.add_argument(
            "-f",
            "--follow",
            action="store_true",
            help="go on with each new line until the run ends; for a JOB, with its next runs, until Ctrl+C. "
            "With --json, print one object a line",
        )

    def validate(self, options: argparse.Namespace) -> None:
        """Check that there is one run or job."""
        super().validate(options)
        self.reject_empty_words(options)
        if len(options.words) != 1:
            self.error("one RUN or JOB is needed: the number of a run, such as 12, or the name of a job")


class WhyParser(SourceParser):
    """The arguments of ``jobtui why JOB|RUN``."""

    def __init__(self) -> None:
        super().__init__(
            "why",
            "JOB|RUN [--at TIME] ",
            "Explain in a sentence, with its evidence, why a tick of a job did or did not run, or will; or\n"
            "when a run was due, for what it waited, and how it ended.",
            _WHY_HELP,
        )
        self.add_argument(
            "--at",
            metavar="TIME",
            type=time_argument,
            default=None,
            help="the time in question, in the zone of the job (default: its latest tick)",
        )

    def validate(self, options: argparse.Namespace) -> None:
        """Check that there is one job or run."""
        super().validate(options)
        self.reject_empty_words(options)
        options.at = options.at or ""
        if len(options.words) != 1:
            self.error("one JOB or RUN is needed: the name of a job, or the number of a run, such as 12")
        [word] = options.words
        is_run = is_run_number(word) and not options.at
        options.job, options.run = (None, int(word.removeprefix("#"))) if is_run else (word, 0)


class PsParser(SourceParser):
    """The arguments of ``jobtui ps``, which takes no words."""

    def __init__(self) -> None:
        super().__init__("ps", "[--all] ", "Print the jobs, with their last outcomes and their counters.")
        self.add_argument("--all", action="store_true", help="list your schedulers that run here instead")

    def validate(self, options: argparse.Namespace) -> None:
        """Reject words."""
        super().validate(options)
        self.reject_empty_words(options)
        if options.words:
            self.error(f"unexpected: {' '.join(options.words)}; to find runs, use  jobtui history")
        if options.all and (options.address or options.target or options.store or options.config):
            self.error("--all lists the schedulers that run here; it takes no ADDRESS, FILE.py or store")


class LiveParser(Parser):
    """The arguments of the commands that steer a scheduler.

    Args:
        command: The name of the command.
        usage: Its arguments.
        description: The effect of the command.
        epilog: The end of the help.
    """

    def __init__(self, command: str, usage: str, description: str, epilog: str) -> None:
        super().__init__(
            prog=f"jobtui {command}",
            usage=usage,
            description=description,
            epilog=_LIVE_EPILOG + epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self._command = command
        self.add_argument("words", nargs="*", help=argparse.SUPPRESS)

    def validate(self, options: argparse.Namespace) -> None:
        """Separate the address, which is the first or the last word, from the other words."""
        self.reject_empty_words(options)
        options.command = self._command
        options.address = options.tz = None
        for place in (-1, 0):
            if options.words and is_address(options.words[place]):
                options.address = options.words.pop(place)
                break


class ForecastParser(Parser):
    """The arguments of ``jobtui forecast TARGET|ADDRESS``."""

    def __init__(self) -> None:
        super().__init__(
            prog="jobtui forecast",
            usage=(
                "jobtui forecast [TARGET|ADDRESS] [--for TIME] [--pool N] [--max-wait TIME]\n"
                "                       [--config FILE] [--run-mode NAME] [--store FILE] [--json]"
            ),
            description="Print when the jobs will run, how long they will wait, and when the pool is full.",
            epilog=_FORECAST_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("words", nargs="*", help=argparse.SUPPRESS)
        self.add_argument(
            "--for",
            metavar="TIME",
            dest="length",
            type=duration_argument,
            default=_FORECAST,
            help="how far to look ahead, up to 31d (default: 24h)",
        )
        self.add_argument(
            "--pool", metavar="N", type=pool_argument, help="what if the pool had N slots? 0 for no limit"
        )
        self.add_argument(
            "--max-wait",
            metavar="TIME",
            type=duration_argument,
            help="the exit status is 1 if a run waits longer",
        )
        self.add_argument("--config", metavar="FILE", type=file_argument, help="the settings of TARGET")
        self.add_argument(
            "--run-mode",
            metavar="NAME",
            type=name_argument,
            help="the section of the settings to use, such as prod",
        )
        self.add_argument(
            "--store",
            metavar="FILE",
            type=file_argument,
            help="the store of TARGET, if its settings name no other",
        )
        self.add_argument("--json", action="store_true", help="print JSON, with every run")

    def validate(self, options: argparse.Namespace) -> None:
        """Tell an address from a target."""
        if len(options.words) > 1:
            self.error(f"unexpected: {' '.join(options.words[1:])}; one TARGET or ADDRESS is enough")
        if options.length > _LONGEST_FORECAST:
            self.error("--for is at most 31d")
        options.command, options.tz = "forecast", None
        word = options.words[0] if options.words else None
        is_live = word is None or is_address(word)
        options.address, options.target = (word, None) if is_live else (None, word)
        options.words = []
        if options.target is None and (options.config or options.run_mode or options.store):
            self.error("--config, --run-mode and --store are for a TARGET, which is missing")


class JobParser(LiveParser):
    """The arguments of ``jobtui pause JOB`` and ``jobtui resume JOB``."""

    def __init__(self, command: str, description: str, usage: str = "") -> None:
        super().__init__(command, f"jobtui {command} JOB [ADDRESS]{usage}", description, _CHANGE_STATUS)

    def validate(self, options: argparse.Namespace) -> None:
        """Check that there is one job."""
        super().validate(options)
        if len(options.words) != 1:
            self.error("one JOB is needed: the name of a job; quote it if it has spaces")


class PauseParser(JobParser):
    """The arguments of ``jobtui pause JOB``."""

    def __init__(self) -> None:
        super().__init__(
            "pause",
            "Let the ticks of a job start no runs, until it is resumed or the pause ends.",
            " [--for TIME] [--until TIME] [--note TEXT]",
        )
        add_pause_options(self)

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse the arguments, which may be words: `import for 2h because the disk is full`."""
        return super().parse(pause_words(words))


class ResumeParser(JobParser):
    """The arguments of ``jobtui resume JOB``."""

    def __init__(self) -> None:
        super().__init__("resume", "Let the ticks of a paused job start runs again.")


class CancelParser(LiveParser):
    """The arguments of ``jobtui cancel RUN``."""

    def __init__(self) -> None:
        super().__init__(
            "cancel",
            "jobtui cancel RUN [ADDRESS]",
            "Cancel a run: take it out of the queue, interrupt its coroutine, or ask its thread to stop.",
            _CANCEL_STATUS,
        )

    def validate(self, options: argparse.Namespace) -> None:
        """Check that there is the number of one run."""
        super().validate(options)
        if len(options.words) != 1 or not is_run_number(options.words[0]):
            self.error("one RUN is needed: the number of a run, such as 12")


class StackParser(LiveParser):
    """The arguments of ``jobtui stack RUN``."""

    def __init__(self) -> None:
        super().__init__(
            "stack",
            "jobtui stack RUN [ADDRESS]",
            "Print where a run is now: the stack of its thread or coroutine, with source lines.",
            _STACK_STATUS,
        )

    def validate(self, options: argparse.Namespace) -> None:
        """Check that there is the number of one run."""
        super().validate(options)
        if len(options.words) != 1 or not is_run_number(options.words[0]):
            self.error("one RUN is needed: the number of a run, such as 12")


class RunParser(LiveParser):
    """The arguments of ``jobtui run JOB`` and ``jobtui run TARGET JOB``."""

    def __init__(self) -> None:
        super().__init__(
            "run",
            "jobtui run JOB [NAME=VALUE ...] [ADDRESS] [--wait]\n"
            "       jobtui run RUN [ADDRESS] [--wait]\n"
            "       jobtui run TARGET JOB [--config FILE] [--run-mode NAME]",
            "Run a job now: in the scheduler that runs here or at ADDRESS; with a TARGET, in this process.",
            _RUN_EPILOG,
        )
        self.add_argument("--wait", action="store_true", help="print the output of the run until it ends")
        self.add_argument("--config", metavar="FILE", type=file_argument, help="the settings of TARGET")
        self.add_argument(
            "--run-mode",
            metavar="NAME",
            type=name_argument,
            help="the section of the settings to use, such as prod",
        )

    def validate(self, options: argparse.Namespace) -> None:
        """Separate the target from the job."""
        options.words, given = split_assignments(options.words)
        options.arguments = dict(given)
        if len(options.arguments) < len(given):
            self.error("a NAME=VALUE is given twice")
        super().validate(options)
        options.target = None
        if len(options.words) == _PAIR and options.address is None:
            options.target = options.words.pop(0)
            if options.wait:
                self.error("with a TARGET, the job runs in this process anyway; remove --wait")
            if options.arguments:
                self.error("with a TARGET, the job has its own arguments; remove NAME=VALUE")
        elif len(options.words) != 1:
            self.error("one JOB is needed, after the TARGET if there is one; quote a name with spaces")
        elif options.config is not None or options.run_mode is not None:
            self.error("--config and --run-mode are for a TARGET, which is missing before JOB")
        elif options.words[0].endswith(".py"):
            self.error(f"missing argument JOB: the job of {options.words[0]} to run")
        options.job = options.words[0]


def is_address(text: str) -> bool:
    """Return whether a word is an address, and no query, job or run."""
    return _ADDRESS.fullmatch(text) is not None


def is_run_number(text: str) -> bool:
    """Return whether a text is the number of a run, such as ``12`` or ``#12``."""
    digits = text.removeprefix("#")
    return digits.isascii() and digits.isdecimal() and len(digits) <= _MAX_RUN_DIGITS
