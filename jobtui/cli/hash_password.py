"""``jobtui hash-password``: read a password and print its hash for the settings."""

from __future__ import annotations

import sys
import warnings
from getpass import GetPassWarning, getpass

from jobtui.access.passwords import hash_password
from jobtui.cli.command_error import CommandError
from jobtui.process.stdio import is_terminal, write_line

_MAX_LINE = 8192  # bytes; longer than any password that is allowed


def print_hash() -> None:
    """Ask for a password twice, or read it from standard input, and print its hash alone.

    Raises:
        CommandError: The password is missing or not allowed.
    """
    interactive = is_terminal(sys.stdin)
    try:
        password_hash = hash_password(_ask_twice() if interactive else _read_line())
    except ValueError as error:
        raise CommandError(str(error)) from error
    write_line(sys.stdout, password_hash)
    if is_terminal(sys.stderr):
        write_line(
            sys.stderr, 'Put it into the settings as  jobs.auth.pass = "..."  together with jobs.auth.user.'
        )


def _ask_twice() -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error", GetPassWarning)  # getpass would show the password on the screen
        try:
            first = getpass("Password: ")
            second = getpass("Repeat the password: ") if first else ""
        except GetPassWarning:
            raise CommandError(
                "this terminal would show the password; pipe it to standard input instead"
            ) from None
        except EOFError:
            raise CommandError("no password was entered") from None
    if first != second:
        raise CommandError("the two passwords differ")
    return first


def _read_line() -> str:
    """Read one line from standard input and keep everything but its line ending."""
    line = b"" if sys.stdin is None else sys.stdin.buffer.readline(_MAX_LINE)
    try:
        return line.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise CommandError("the password on standard input is not UTF-8") from None
