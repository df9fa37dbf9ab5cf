"""A password that is asked for, and the hash of it that goes into the settings."""

from __future__ import annotations

import sys
import warnings
from getpass import GetPassWarning, getpass

from jobtui.access.passwords import hash_password
from jobtui.process.stdio import write_line

_LONGEST_LINE = 8192  # bytes; more than any password has


class BadPasswordError(ValueError):
    """There is no password that can be hashed. The message is for the person who typed it."""


def print_hash() -> None:
    """Asks for a password, twice, or reads it from standard input, and prints its hash alone.

    Raises:
        BadPasswordError: There is none, the two differ, or it cannot be used.
    """
    asked = sys.stdin is not None and sys.stdin.isatty()
    try:
        made = hash_password(_asked() if asked else _read())
    except BadPasswordError:
        raise
    except ValueError as error:
        raise BadPasswordError(str(error)) from None
    write_line(sys.stdout, made)
    if sys.stderr is not None and sys.stderr.isatty():
        write_line(sys.stderr, 'In the settings it is  jobs.auth.pass = "..."  beside jobs.auth.user.')


def _asked() -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error", GetPassWarning)  # it would be seen on the screen
        try:
            first = getpass("Password: ")
            again = getpass("The same again: ") if first else ""
        except GetPassWarning:
            raise BadPasswordError(
                "the terminal would show the password; give it on standard input"
            ) from None
        except EOFError:
            raise BadPasswordError("no password was given") from None
    if first != again:
        raise BadPasswordError("the two are not the same")
    return first


def _read() -> str:
    """Reads one line from standard input, as it is but for its end."""
    line = b"" if sys.stdin is None else sys.stdin.buffer.readline(_LONGEST_LINE)
    try:
        return line.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise BadPasswordError("the password on standard input is not UTF-8") from None
