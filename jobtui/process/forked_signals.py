"""The signal handlers of a forked child.

A child inherits the handlers of its parent, and the descriptor that tells its parent about signals: a signal
to the child would not end it, but stop the parent. So a child gets the default handlers, if it is forked by a
process whose signals jobtui handles, or by a job of any program: the handlers of a program are for its main
thread, which the child does not have.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import cache, partial
from typing import Any


def existing_signals(*names: str) -> tuple[signal.Signals, ...]:
    """Return the signals that this system has; Windows has few of them."""
    return tuple(signal.Signals[name] for name in names if hasattr(signal, name))


_RESET = existing_signals(
    "SIGINT", "SIGTERM", "SIGHUP", "SIGTSTP", "SIGCONT", "SIGWINCH", "SIGTTIN", "SIGTTOU"
)
_conditions: list[Callable[[], bool]] = []


class _ForkingThread(threading.local):
    """The state of a thread that forks, during the fork.

    Attributes:
        is_main: Whether it is the main thread of the process that forks.
        mask: Its signal mask before the fork; None if the child keeps the handlers.
        is_child: Whether it is the thread of a child whose handlers were reset; it has other handlers only if
            the program of the child has set them, so its own children keep them.
        is_interruptible: Whether SIGINT raises KeyboardInterrupt in the child.
    """

    is_main = True
    mask: set[signal.Signals] | None = None
    is_child = False
    is_interruptible = False


_thread = _ForkingThread()


def reset_signals_in_children_if(condition: Callable[[], bool]) -> None:
    """Give the children of a thread the default handlers if, when it forks, a function returns True there."""
    _conditions.append(condition)


def _before_fork() -> None:
    """Block the signals in the thread that forks, until its child has reset their handlers."""
    _thread.mask = None
    _thread.is_main = threading.current_thread() is threading.main_thread()
    if not _thread.is_child and any(condition() for condition in _conditions):
        _thread.mask = set(signal.pthread_sigmask(signal.SIG_BLOCK, _RESET))  # type: ignore[arg-type]


def _after_fork_in_parent() -> None:
    if _thread.mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, _thread.mask)


def _after_fork_in_child() -> None:
    if _thread.mask is None:
        return
    _thread.is_child = True
    signal.set_wakeup_fd(-1)
    # In a child of another thread than the main one, Python 3.13 calls a handler only if the signal
    # interrupts a call of the system, not if it comes just before, and not in a loop.
    is_noticed = _thread.is_main or sys.version_info < (3, 13)
    _thread.is_interruptible = is_noticed and callable(signal.getsignal(signal.SIGINT))
    for number in _RESET:
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, _thread.mask)


@cache
def let_children_be_interrupted() -> None:
    """Let SIGINT raise KeyboardInterrupt in a child, after the functions that modules have registered so far.

    Before that it ends the child: Python ignores an exception that is raised in such a function, so the
    signal would be lost. Call this when all modules are imported.
    """
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=_restore_interrupts)


def _restore_interrupts() -> None:
    if _thread.mask is not None and _thread.is_interruptible:
        sys.unraisablehook = partial(_end_interrupted_child, sys.unraisablehook)
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end_interrupted_child(before: Callable[[Any], object], unraisable: Any) -> None:
    """End the child if Python ignores a KeyboardInterrupt, such as one of a function after the fork.

    Args:
        before: The hook for ignored exceptions before the fork.
        unraisable: The ignored exception.
    """
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    before(unraisable)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
    )
