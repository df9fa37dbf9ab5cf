"""``jobtui completion SHELL``: print a script that completes the command line in a shell.

The scripts are short: they call ``jobtui completion --candidates WORD...`` with the words until the cursor,
the last of which may be incomplete, and get one candidate a line.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from jobtui.cli.choose_source import open_source
from jobtui.cli.command_error import CommandError
from jobtui.cli.parsers import PARSERS
from jobtui.cli.source import Source
from jobtui.cli.source_arguments import is_address
from jobtui.frontend.registry import Registry
from jobtui.process.stdio import write_line

Value = TypeVar("Value")

_SCRIPTS = {
    "bash": """\
_jobtui() {
    local candidate
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("$candidate")
    done < <(jobtui completion --candidates "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -o filenames -F _jobtui jobtui""",
    "fish": """\
function __jobtui_candidates
    set -l words (commandline -opc)
    jobtui completion --candidates $words[2..-1] (commandline -ct | string collect --allow-empty) 2>/dev/null
end
complete -c jobtui -a '(__jobtui_candidates)'""",
    "zsh": """\
#compdef jobtui
_jobtui() {
    local -a candidates
    candidates=("${(@f)$(jobtui completion --candidates "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    candidates=(${candidates:#})
    if (( ${#candidates} )); then compadd -a candidates; else _files; fi
}
compdef _jobtui jobtui""",
}
_JOB_COMMANDS = {"logs", "pause", "resume", "run", "why"}
_RUN_QUERIES = {"cancel": "state:running", "show": "", "stack": "state:running"}
_FILE_COMMANDS = {"check", "forecast", "history", "logs", "ps", "run", "show", "why"}
_LATEST_RUNS = 20


def print_completion(options: argparse.Namespace) -> int:
    """Print the script for a shell, or the candidates for the word at the cursor.

    Args:
        options: From `CompletionParser`.

    Returns:
        The exit status.
    """
    if options.candidates is None:
        write_line(sys.stdout, _SCRIPTS[options.words[0]])
        return 0
    found = find_candidates([_unquote(word) for word in options.candidates or [""]])
    if found:
        write_line(sys.stdout, "\n".join(found))
    return 0


def find_candidates(words: Sequence[str]) -> list[str]:
    """Return what the last word may become. Nothing means that the shell may complete a file.

    Args:
        words: The words after ``jobtui`` until the cursor.
    """
    *before, current = words
    command = before[0] if before else ""
    parser = PARSERS.get(command, PARSERS["check"])()
    actions = {
        name: action
        for action in parser._actions  # noqa: SLF001 - argparse has no public list of the options
        for name in action.option_strings
    }
    previous = actions.get(before[-1]) if before else None
    found: Iterable[str]
    if previous is not None and previous.nargs != 0:
        found = previous.choices or (_job_names(before) if previous.dest == "job" else ())
    elif current.startswith("-"):
        found = actions
    elif not before:
        found = [*PARSERS, *_python_files(current)]
    elif command == "completion":
        found = _SCRIPTS
    else:
        found = _positional(command, before, current)
    return [each for each in found if each.startswith(current) and each.isprintable()]


def _positional(command: str, before: Sequence[str], current: str) -> list[str]:
    """Return the candidates for a word that is neither a command nor of an option."""
    found = []
    if command in _JOB_COMMANDS:
        found += _job_names(before)
    if command in _RUN_QUERIES:
        found += _run_numbers(before, _RUN_QUERIES[command])
    if command == "attach":
        found += _addresses(before)
    if command in _FILE_COMMANDS and len(before) == 1 and (current or not found):
        found += _python_files(current)
    return found


def _addresses(before: Sequence[str]) -> list[str]:
    """Return the addresses of the schedulers that run here and that are not among the words yet."""
    return [each.address for each in Registry().entries() if each.address not in before]


def _job_names(before: Sequence[str]) -> list[str]:
    return _ask(before, lambda source: source.job_names())  # the method of the protocol itself has no body


def _run_numbers(before: Sequence[str], query: str) -> list[str]:
    runs = _ask(before, lambda source: list(source.search(query, _LATEST_RUNS)[0]))
    return [str(run.number) for run in runs if run.number]


def _ask(before: Sequence[str], question: Callable[[Source], list[Value]]) -> list[Value]:
    """Ask what the command would ask. Return nothing if it cannot answer."""
    words = before[1:]
    store = next((value for name, value in pairwise(words) if name == "--store"), None)
    options = argparse.Namespace(
        command="completion",
        words=[],
        address=next(filter(is_address, words), None),
        store=store,
        target=next((word for word in words if word.endswith(".py") and word != store), None),
        config=None,
        run_mode=None,
        tz=None,
    )
    sys.stdin = None  # so that nothing asks for a password
    try:
        with open_source(options) as source:
            return question(source)
    except (CommandError, LookupError):
        return []


def _python_files(prefix: str) -> list[str]:
    """Return the Python files that begin so, and the folders, with the part of the path that was typed."""
    folder = os.path.dirname(prefix)  # noqa: PTH120 - keeps "./"
    try:
        found = sorted(Path(folder or ".").iterdir())
    except OSError:
        return []
    return [
        os.path.join(folder, each.name)  # noqa: PTH118 - as above
        for each in found
        if each.suffix == ".py" or (each.is_dir() and not each.name.startswith((".", "_")))
    ]


def _unquote(word: str) -> str:
    """Return a word without the quotes and backslashes of the shell; it may be incomplete."""
    for end in ("", '"', "'"):
        try:
            parts = shlex.split(word + end)
        except ValueError:
            continue
        return parts[0] if parts else ""
    return word
