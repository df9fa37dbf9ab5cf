"""Asking a run that is going to stop, and what becomes of one that was asked.

A thread cannot be stopped from outside. So a run's work is asked, and looks now and then whether it
was: ``jobtui.current_run().cancelled``. A coroutine is interrupted at its next ``await`` besides.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from jobtui.engine.enums import RunState

if TYPE_CHECKING:
    from jobtui.engine.records import RunRecord

UNSEEN = "it ended before it saw that it was asked to stop"

_creating = threading.Lock()  # for a moment, and never while another lock is waited for


class RunCancelledError(Exception):
    """The run has no result because it did not run to its end; the message says why.

    A job that was asked to stop may raise it to say that it did.
    """


class StopRequest:
    """What the work of one run and those who want it to stop have in common.

    Attributes:
        reason: Why it was asked to stop; "" while it was not.
        interrupted: Whether the work was a coroutine, and was interrupted.
        seen: Whether the work has looked since it was asked.
    """

    __slots__ = ("_bell", "interrupted", "reason", "seen")

    def __init__(self) -> None:
        self.reason = ""
        self.interrupted = False
        self.seen = False
        self._bell = threading.Event()

    def make(self, reason: str) -> None:
        """Ask the work to stop; the first reason stays."""
        self.reason = self.reason or reason
        self._bell.set()

    def look(self) -> bool:
        """Whether the work was asked to stop; it knows from here on."""
        asked = bool(self.reason)
        self.seen |= asked
        return asked

    def wait(self, timeout: float | None) -> bool:
        """Wait until the work is asked to stop, at most ``timeout`` seconds. Returns `look`."""
        self._bell.wait(timeout)
        return self.look()


def stop_request_of(run: RunRecord) -> StopRequest:
    """The one request of a run, made when it is first needed: most runs are never asked."""
    remarks = run.own
    with _creating:
        if remarks.stop_request is None:
            remarks.stop_request = StopRequest()
        return remarks.stop_request


def ending(run: RunRecord, state: RunState, reason: str, *, obeyed: bool) -> tuple[RunState, str]:
    """How a run ends whose work has ended so, and which may have been asked to stop.

    It is CANCELLED if its work saw that it was asked, and returned, or raised an error that says so.
    What was done before it saw counts as done, and any other error is an error.

    Args:
        run: The run.
        state: OK or FAILED, as its work ended.
        reason: Of that end, in words.
        obeyed: Whether it raised an error that says that it stopped.

    Returns:
        The state, and its reason.
    """
    request = run.remarks.stop_request
    if request is None or not request.reason:
        return state, reason
    if obeyed or (request.seen and state is RunState.OK):
        return RunState.CANCELLED, request.reason
    return (state, UNSEEN) if state is RunState.OK else (state, reason)
