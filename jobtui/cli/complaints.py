"""Say on standard error what is wrong, in the one form that all commands share."""

from __future__ import annotations

import sys

from jobtui.process.stdio import write_line


def complain(message: str) -> None:
    """Write ``jobtui: MESSAGE`` to standard error."""
    write_line(sys.stderr, f"jobtui: {message}")


def complain_about_missing_extra(feature: str, error: ImportError) -> None:
    """Say which extra to install for a feature whose packages cannot be imported.

    Args:
        feature: What needs the extra ``web``.
        error: What the import raised.

    Raises:
        ImportError: `error` itself, if the missing module is one of jobtui's own: that is a bug.
    """
    if (error.name or "").startswith("jobtui"):
        raise error
    complain(f"{feature} needs the extra 'web': pip install 'jobtui[web]'  ({error})")


def has_terminal(instead: str = "") -> bool:
    """Return whether the dashboard has a terminal to read keys from and to draw on; complain if it has not.

    Args:
        instead: What the user could do without a terminal, as a further sentence.
    """
    for name, stream in (("standard input", sys.stdin), ("standard output", sys.stdout)):
        if stream is None or not stream.isatty():
            complain(f"the dashboard needs a terminal, but {name} is not one{instead}")
            return False
    return True
