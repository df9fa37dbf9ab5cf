"""The commands of the command line: their names, arguments, completion, and what each of them does.

A line that changes only the dashboard takes effect at once. A line that changes the scheduler becomes a
`Command`, which the caller executes: only the scheduler knows whether it is right.

Every key of the screen is a command, too, by the name of its action; see `KeyEntry.word`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from jobtui.engine.views import Snapshot
from jobtui.frontend import commands, undo
from jobtui.frontend.backend import Backend
from jobtui.frontend.column_choice import describe_unknown
from jobtui.frontend.command_grammar import (
    BadCommand,
    LineParser,
    add_pause_options,
    arguments_from_texts,
    pause_words,
    split_assignments,
)
from jobtui.runtime.validation import pause_end
from jobtui.tui.background_work import BackgroundCommands, Command, error_text
from jobtui.tui.job_filter import SORT_KEYS, VIEWS
from jobtui.tui.widgets.columns_of_jobs import COLUMN_SET

MAX_POOL = 1_000_000
_DEFAULT = "default"  # in place of columns
_ON_OFF = ("on", "off")


class MainScreen(Protocol):
    """The dashboard, as commands use it."""

    def show_filter(self, text: str) -> None:
        """Filter the jobs by words; "" shows all."""

    def sort_by(self, key: str) -> None:
        """Sort the jobs by a column; "" for the order of registration."""

    def choose_columns(self, names: Sequence[str]) -> None:
        """Show these columns of the jobs, in this order."""

    def show_view(self, view: str) -> None:
        """Show the jobs of a view: see `VIEWS`."""

    def show_drawer(self, shown: bool) -> None:
        """Show the drawer where there is room for it, or hide it."""


@dataclass(frozen=True, slots=True)
class Context:
    """The objects on which commands act.

    Attributes:
        background: Executes the commands of the scheduler.
        dashboard: The main screen.
        targets: The jobs that a command without a name means: the marked ones, or the selected one.
        keys: What each key of the screen does, by its command.
        themes: The names of the themes.
        choose_theme: Shows a theme.
        key_of: Returns the label of the key of an action, by its id.
        tabs: The names of the schedulers; none if there is only one.
        show_tab: Shows a scheduler, given the number of its tab.
    """

    background: BackgroundCommands
    dashboard: MainScreen
    targets: Sequence[str]
    keys: Mapping[str, Callable[[], object]]
    themes: Sequence[str]
    choose_theme: Callable[[str], None]
    key_of: Callable[[str], str]
    tabs: Sequence[str] = ()
    show_tab: Callable[[int], object] = lambda _number: None

    @property
    def commands(self) -> Mapping[str, LineCommand]:
        """The commands that have an effect."""
        return {name: each for name, each in COMMANDS.items() if name != "tab" or self.tabs}

    @property
    def snapshot(self) -> Snapshot:
        """The latest snapshot."""
        return self.background.backend.snapshot()


@dataclass(frozen=True, slots=True)
class LineCommand:
    """One command.

    Attributes:
        usage: Its arguments.
        about: What it does.
        execute: Does it, given its words, or returns the command for the scheduler that does it. May raise
            BadCommand.
        candidates: Returns what the last word may be.
        takes_list: Whether the words may stand in a list with commas.
    """

    usage: str
    about: str
    execute: Callable[[Context, Sequence[str]], Command | None]
    candidates: Callable[[Context], Sequence[str]] = lambda _context: ()
    takes_list: bool = False


def execute_line(context: Context, line: str) -> Command | None:
    """Execute a line, or return the command for the scheduler that does what it says.

    Raises:
        BadCommand: It is not a command, or its arguments are wrong.
    """
    name, *words = _split(line)
    name = _whole_name(context, name)
    if name in COMMANDS:  # also one that has no effect, which says why
        return COMMANDS[name].execute(context, words)
    if name not in context.keys:
        raise BadCommand(describe_unknown("command", name, [*context.commands, *context.keys]))
    if words:
        raise BadCommand(f"{name} takes no arguments")
    context.keys[name]()
    return None


def _whole_name(context: Context, name: str) -> str:
    """Return the one command that begins with a name: `quit` for `q`; else the name as it is."""
    known = [*context.commands, *context.keys]
    longer = [each for each in known if each.startswith(name)]
    return longer[0] if name and name not in known and len(longer) == 1 else name


def complete_line(context: Context, line: str) -> list[str]:
    """Return the lines that this line may become, by its last word."""
    head, _, last = line.rpartition(" ")
    name = head.split(" ", 1)[0]
    known: Sequence[str] = list(dict.fromkeys([*context.commands, *context.keys]))
    start = f"{head} " if head else ""
    if head:
        command = context.commands.get(name)
        known = () if command is None else command.candidates(context)
        if command is not None and command.takes_list:
            done, comma, last = last.rpartition(",")
            start += done + comma
    word = last.removeprefix("'").casefold()
    first = [each for each in known if each.casefold().startswith(word)]
    inside = [each for each in known if word in each.casefold() and each not in first]
    return [start + shlex.quote(each) for each in dict.fromkeys([*first, *inside])]


def usage_of(line: str) -> str:
    """Return the arguments of the command in a line, and what it does; "" if it is not known."""
    command = COMMANDS.get(line.split(" ", 1)[0])
    return "" if command is None else f"{command.usage}  {command.about}".strip()


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line) or [""]
    except ValueError as error:
        raise BadCommand(f"{str(error)[0].lower()}{str(error)[1:]}: quotes come in pairs") from None


def _jobs(context: Context) -> list[str]:
    return [job.name for job in context.snapshot.jobs]


def _targets(context: Context, words: Sequence[str]) -> list[str]:
    """Return the named job, or those that are marked or selected."""
    names = _jobs(context)
    for word in words:
        if word not in names:
            raise BadCommand(describe_unknown("job", word, names))
    targets = list(words) or list(context.targets)
    if not targets:
        raise BadCommand("no job is selected: name one")
    return targets


def _run(context: Context, words: Sequence[str]) -> Command:
    names, pairs = split_assignments(["", *words] if words and "=" in words[0] else words)
    jobs = _targets(context, [name for name in names if name])
    texts = dict(pairs)
    if len(jobs) > 1:
        if texts:
            raise BadCommand("run: arguments are for one job")
        return lambda backend: commands.run_jobs(backend, jobs)
    [job] = jobs

    def run(backend: Backend) -> str:
        if not texts:
            return commands.run(backend, job)
        schema = backend.job_details(job).parameters
        return commands.run(backend, job, arguments_from_texts(schema, texts))

    return run


def _pause(context: Context, words: Sequence[str]) -> Command:
    parser = LineParser("pause")
    add_pause_options(parser)
    has_job = bool(words) and words[0] in _jobs(context)
    options = parser.parse(pause_words(words if has_job else ["", *words]))
    jobs = _targets(context, [word for word in options.words if word])
    if options.length and options.until:
        raise BadCommand("pause: for and until exclude each other")
    snapshot = context.snapshot
    try:
        pause_end(options.until, options.length, snapshot.at.timestamp(), snapshot.zone)
    except ValueError as error:
        raise BadCommand(error_text(error)) from None
    end = options.until or (f"{options.length} from now" if options.length else "")
    return context.background.command_to_pause(
        jobs, options.until, end, for_=options.length, note=options.note
    )


def _resume(context: Context, words: Sequence[str]) -> Command:
    jobs = _targets(context, words)
    return lambda backend: undo.resume_jobs(backend, jobs)


def _pool(_context: Context, words: Sequence[str]) -> Command:
    text = words[0] if len(words) == 1 else ""
    if not (text.isascii() and text.isdecimal()):
        raise BadCommand("pool: one whole number is needed, such as 8; 0 means no limit")
    digits = text.lstrip("0") or "0"
    if len(digits) > len(str(MAX_POOL)) or int(digits) > MAX_POOL:
        raise BadCommand(f"pool: at most {MAX_POOL} runs at once are allowed; 0 means no limit")
    size = int(digits)
    return lambda backend: undo.resize(backend, size)


def _cancel(context: Context, words: Sequence[str]) -> Command:
    numbers = [word.removeprefix("#") for word in words]
    if not numbers or not all(each.isascii() and each.isdecimal() and len(each) < 18 for each in numbers):  # noqa: PLR2004
        key = context.key_of("run.cancel")
        raise BadCommand(f"cancel: the number of a run is needed, such as 88; {key} cancels the selected run")
    runs = [int(each) for each in numbers]
    if len(runs) == 1:
        return lambda backend: commands.cancel(backend, runs[0], f"run {runs[0]}")
    return lambda backend: commands.cancel_runs(backend, runs)


def _runs(context: Context) -> list[str]:
    snapshot = context.snapshot
    return [str(run.number) for run in (*snapshot.waiting, *snapshot.running) if run.number]


def _filter(context: Context, words: Sequence[str]) -> None:
    context.dashboard.show_filter(" ".join(words))


def _sort(context: Context, words: Sequence[str]) -> None:
    key = " ".join(words)
    if key not in SORT_KEYS:
        raise _unknown_column(key, SORT_KEYS[1:])
    context.dashboard.sort_by(key)


def _unknown_column(name: str, known: Sequence[str]) -> BadCommand:
    """Return the error for a wrong name of a column, with the right ones."""
    return _unknown("column", name, known)


def _unknown(kind: str, name: str, known: Sequence[str], *, numbered: bool = False) -> BadCommand:
    """Return the error for a wrong name, with the right ones; with their numbers if these are names, too."""
    problem = describe_unknown(kind, name, known)
    shown = [f"{number} {each}" for number, each in enumerate(known, 1)] if numbered else known
    return BadCommand(
        f"{problem}{' The' if problem.endswith('?') else '; the'} {kind}s are {', '.join(shown)}"
    )


def _columns(context: Context, words: Sequence[str]) -> None:
    names = [name for word in words for name in word.split(",") if name]
    known = [*COLUMN_SET.known, _DEFAULT]
    for name in names:
        if name not in known:
            raise _unknown_column(name, known)
    if _DEFAULT in names and len(names) > 1:
        raise BadCommand(f"columns: {_DEFAULT} stands alone")
    if names:
        context.dashboard.choose_columns(COLUMN_SET.default if _DEFAULT in names else names)
    else:
        _press(context, "columns", "name some, such as status,name,next")


def _press(context: Context, key: str, otherwise: str) -> None:
    """Do what a key of the screen does, given its command; the key may not work on this screen."""
    if key not in context.keys:
        raise BadCommand(f"{key}: {otherwise}")
    context.keys[key]()


def _choose(context: Context, command: str, words: Sequence[str], choices: Sequence[str]) -> str:
    """Return the one word of a command; without one do what its key does, and return ""."""
    word, needed = " ".join(words), f"the choices are {' and '.join(choices)}"
    if not word:
        _press(context, command, needed)
    elif word not in choices:
        raise BadCommand(f"{command}: {needed}")
    return word


def _view(context: Context, words: Sequence[str]) -> None:
    if view := _choose(context, "view", words, VIEWS):
        context.dashboard.show_view(view)


def _drawer(context: Context, words: Sequence[str]) -> None:
    if word := _choose(context, "drawer", words, _ON_OFF):
        context.dashboard.show_drawer(word == "on")


def _theme(context: Context, words: Sequence[str]) -> None:
    name = " ".join(words)
    if name not in context.themes:
        raise _unknown("theme", name, context.themes)
    context.choose_theme(name)


def _tab(context: Context, words: Sequence[str]) -> None:
    name, tabs = " ".join(words), list(context.tabs)
    numbers = [str(number) for number in range(1, len(tabs) + 1)]
    if not tabs:
        raise BadCommand("there is only one scheduler, and it is shown")
    if name not in tabs and name not in numbers:
        raise _unknown("scheduler", name, tabs, numbered=True)
    context.show_tab(tabs.index(name) + 1 if name in tabs else int(name))


def _reschedule(context: Context, words: Sequence[str]) -> Command:
    if len(words) < 2:  # noqa: PLR2004 - a job and a spec
        raise BadCommand("schedule: a job and a spec are needed, such as import @hourly")
    [job] = _targets(context, words[:1])
    spec = " ".join(words[1:])
    return lambda backend: undo.reschedule(backend, job, spec)


COMMANDS: Mapping[str, LineCommand] = {
    "run": LineCommand("[JOB] [NAME=VALUE ...]", "runs a job now", _run, _jobs),
    "pause": LineCommand(
        "[JOB] [for TIME | until TIME] [because REASON]", "lets its ticks start no runs", _pause, _jobs
    ),
    "resume": LineCommand("[JOB]", "lets its ticks start runs again", _resume, _jobs),
    "schedule": LineCommand("JOB SPEC", "gives a job another schedule", _reschedule, _jobs),
    "cancel": LineCommand("RUN ...", "cancels runs, without a question", _cancel, _runs),
    "pool": LineCommand("N", "changes how many runs may run at once", _pool),
    "filter": LineCommand("[WORD ...]", "shows the jobs with these words", _filter, _jobs),
    "sort": LineCommand("[COLUMN]", "sorts the jobs", _sort, lambda _context: SORT_KEYS[1:]),
    "tab": LineCommand(
        "SCHEDULER", "shows another scheduler, by its name or number", _tab, lambda context: context.tabs
    ),
    "columns": LineCommand(
        "[COLUMN,... | default]",
        "chooses the columns",
        _columns,
        lambda _context: (*COLUMN_SET.known, _DEFAULT),
        takes_list=True,
    ),
    "view": LineCommand("[all | attention]", "chooses which jobs are shown", _view, lambda _context: VIEWS),
    "drawer": LineCommand("[on | off]", "shows or hides the drawer", _drawer, lambda _context: _ON_OFF),
    "theme": LineCommand("NAME", "changes the colours", _theme, lambda context: context.themes),
}
