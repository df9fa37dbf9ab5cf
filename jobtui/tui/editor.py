"""Open a source file in the user's editor, which gets the terminal until it ends."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from jobtui.process.terminal import Terminal

DEFAULT = "vi"  # as for git and crontab
# The forms in which editors take a line. Any other editor gets `+line file`, as vi, Emacs, nano and less do.
_AT_LINE: dict[str, Sequence[str]] = {
    **dict.fromkeys(("code", "codium", "code-insiders", "cursor", "windsurf"), ("-g", "{file}:{line}")),
    **dict.fromkeys(("subl", "hx", "helix", "zed", "zeditor", "micro"), ("{file}:{line}",)),
    **dict.fromkeys(("pycharm", "charm", "idea", "kate"), ("--line", "{line}", "{file}")),
}


class EditorError(Exception):
    """The file cannot be edited. The message is for the user."""


def editor_command(file: str, line: int, environment: Mapping[str, str]) -> list[str]:
    """Return the command of `$VISUAL`, or else of `$EDITOR`, that opens a file at a line.

    Args:
        file: The path of the file.
        line: The number of the line, from 1.
        environment: The environment variables.

    Raises:
        EditorError: The variable is not a command.
    """
    name = next((name for name in ("VISUAL", "EDITOR") if environment.get(name, "").strip()), "")
    try:
        command = shlex.split(environment[name]) if name else [DEFAULT]
    except ValueError as error:
        raise EditorError(f"${name} is not a command: {error}") from None
    arguments = _AT_LINE.get(Path(command[0]).stem, ("+{line}", "{file}"))
    return [*command, *(each.format(file=file, line=line) for each in arguments)]


LeaveTerminal = Callable[[], AbstractContextManager[Terminal | None]]


def edit_file(leave_terminal: LeaveTerminal, file: str, line: int) -> None:
    """Open a file at a line in the user's editor, and wait until the editor has ended. Jobs go on.

    Args:
        leave_terminal: Leaves the terminal, if there is one, to another program.
        file: The path of the file.
        line: The number of the line, from 1.

    Raises:
        EditorError: The file is not on this machine, or the editor cannot be started or has failed.
    """
    if not Path(file).is_file():
        raise EditorError(f"{file} is not on this machine")
    command = editor_command(file, max(1, line), os.environ)
    with leave_terminal() as terminal:
        # Descriptors 0 to 2 are not the terminal: those of jobs are captured.
        standard: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        if terminal is not None:
            output = terminal.fileno()
            standard = {"stdin": terminal.input_descriptor, "stdout": output, "stderr": output}
        try:
            status = subprocess.run(command, check=False, **standard).returncode  # noqa: S603 - the user's own
        except OSError as error:
            raise EditorError(f"{command[0]} cannot be started: {error.strerror}; set $EDITOR") from None
    if status:
        raise EditorError(f"{command[0]} ended with status {status}")
