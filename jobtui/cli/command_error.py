"""The error that ends a command, its exit status, and its message on standard error."""

from __future__ import annotations

import os
import sys

from jobtui.process.printable import printable_lines
from jobtui.process.stdio import is_terminal, write_line

_WITHOUT_CURSOR = {"", "dumb", "unknown"}  # values of TERM
BAD_USAGE = 2  # the exit status that argparse uses
INTERRUPTED = 130  # what shells report for a process that SIGINT ended: 128 and the signal's number


class CommandError(Exception):
    """A command cannot continue. `main` prints the message and returns the status.

    Args:
        message: What is wrong, for the person who typed the command.
        status: The exit status.
    """

    def __init__(self, message: str, status: int = BAD_USAGE) -> None:
        super().__init__(message)
        self.status = status


def print_error(message: object) -> None:
    """Write ``jobtui: MESSAGE`` to standard error, without characters that a terminal would act on."""
    write_line(sys.stderr, printable_lines(f"jobtui: {message}"))


def missing_extra(feature: str, error: ImportError) -> CommandError:
    """Return the error for a feature whose packages cannot be imported; it names the extra to install.

    Args:
        feature: What needs the extra ``web``.
        error: What the import raised.

    Raises:
        ImportError: `error` itself, if the missing module is one of jobtui's own: that is a bug.
    """
    if (error.name or "").startswith("jobtui"):
        raise error
    return CommandError(f"{feature} needs the extra 'web': pip install 'jobtui[web]'  ({error})")


def require_terminal(alternative: str = "") -> None:
    """Check that the dashboard has a terminal to read keys from and to draw on.

    Args:
        alternative: What the user can do without a terminal; the end of the message.

    Raises:
        CommandError: There is no terminal, or it would show escape sequences as text.
    """
    for name, stream in (("standard input", sys.stdin), ("standard output", sys.stdout)):
        if not is_terminal(stream):
            raise CommandError(f"the dashboard needs a terminal, but {name} is not one{alternative}")
    terminal = os.environ.get("TERM", "")
    if os.name == "posix" and terminal in _WITHOUT_CURSOR:
        raise CommandError(
            "the dashboard needs a terminal with a cursor that moves, but the environment variable TERM is "
            f"{terminal or 'not set'}{alternative}"
        )
