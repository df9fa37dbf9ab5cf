"""The request to stop a running run, and how a run ends that has been asked to stop.

Python cannot stop a thread from outside. So the job polls ``jobtui.current_run().cancelled`` and returns
when it is True. A coroutine is also cancelled at its next ``await``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from jobtui.engine.enums import RunState
from jobtui.runtime.latch import Latch

STOP_NOT_SEEN = "finished before it noticed the stop request"


class RunCancelledError(Exception):
    """The run has no result because it did not run to its end; the message says why.

    A job that has been asked to stop may raise it to confirm that it stopped.
    """


@dataclass(slots=True, eq=False, repr=False)
class StopRequest:
    """Asks the job of one run to stop. Safe in any thread."""

    reason: str = ""  # why the job has been asked to stop; "" if it has not been asked
    interrupted: bool = False  # whether the work was a coroutine that has been cancelled
    acknowledged: bool = False  # whether the job has checked for the request since it was made
    _requested: Latch = field(default_factory=Latch)

    def request(self, reason: str) -> None:
        """Ask the job to stop. The reason of a second request takes the place of the first one."""
        self.reason = reason
        self._requested.open()

    def acknowledge(self) -> bool:
        """Return whether the job has been asked to stop. Call from the job: this acknowledges a request."""
        requested = bool(self.reason)
        self.acknowledged |= requested
        return requested

    def wait_requested(self, timeout: float | None) -> bool:
        """Block until the job is asked to stop, at most ``timeout`` seconds; return as `acknowledge` does."""
        self._requested.wait(timeout)
        return self.acknowledge()


def final_state(
    request: StopRequest, state: RunState, reason: str, *, honoured: bool, timed_out: bool = False
) -> tuple[RunState, str]:
    """Return the state and the reason with which a run ends.

    A run that has been asked to stop is CANCELLED if its job returned after it had acknowledged the request,
    or raised an error that confirms the stop; TIMED_OUT if its timeout has asked it. Work that finished
    before that counts as done, and any other error counts as an error.

    Args:
        request: The stop request of the run, which may not have been made yet.
        state: OK or FAILED: how the work ended.
        reason: The reason that belongs to that state.
        honoured: Whether the work raised an error that confirms the stop.
        timed_out: Whether the timeout of the run has made the request.
    """
    if not request.reason:
        return state, reason
    if honoured or (request.acknowledged and state is RunState.OK):
        return RunState.TIMED_OUT if timed_out else RunState.CANCELLED, request.reason
    if state is not RunState.OK:
        return state, reason
    return state, f"finished late: {request.reason}" if timed_out else STOP_NOT_SEEN
