"""Tell the person at the terminal what a command waits for."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext

from jobtui.cli.command_error import print_error
from jobtui.process.slow_notice import NOTICE_DELAY, notice_if_slow
from jobtui.process.stdio import is_terminal


def notice_at_terminal(what: str, delay: float = NOTICE_DELAY) -> AbstractContextManager[None]:
    """Return a context that writes a notice to standard error, if its block has not ended after a delay.

    It writes nothing where standard error is a file or a pipe: cron sends an email for each line, and scripts
    compare what a command writes.

    Args:
        what: What the command waits for.
        delay: The delay, in seconds.
    """
    if not is_terminal(sys.stderr):
        return nullcontext()
    return notice_of(what, delay)


def notice_of(what: str, delay: float = NOTICE_DELAY) -> AbstractContextManager[None]:
    """Return the same context for standard error of any kind, such as the log of a service."""
    return notice_if_slow(f"{what}; Ctrl+C stops it", print_error, delay)
