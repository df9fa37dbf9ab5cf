"""Objects that other threads attach to a live run: the output of its job, and its stop request.

The engine only carries the attachments of a run. Most runs have none. They are created on first use, in any
thread and without the state lock; a lock of this module makes sure that each is created once.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass

from jobtui.engine.records import RunRecord
from jobtui.runtime.run_output import RunOutput
from jobtui.runtime.stop_request import StopRequest

# Reentrant, because a signal handler may print while this thread holds it. Held for a moment, and no other
# lock is taken under it.
_creation_lock = threading.RLock()


def _renew_lock() -> None:
    """Replace the lock in a forked child: a thread that the child does not have may hold it."""
    global _creation_lock  # noqa: PLW0603 - the child's copy
    _creation_lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


@dataclass(slots=True, eq=False, repr=False)
class RunAttachments:
    """The attachments of one run."""

    output: RunOutput | None = None  # what the job printed; None if that is nothing, or is not captured
    stop_request: StopRequest | None = None  # None if there was none and the job does not wait for one

    @property
    def outlives_run(self) -> bool:
        """Whether the ledger has to keep the record of the run, because the run has output."""
        return self.output is not None


def attachments_of(run: RunRecord) -> RunAttachments | None:
    """Return the attachments of a run, or None if it has none."""
    attachments = run.attachments
    return attachments if isinstance(attachments, RunAttachments) else None


def output_of(run: RunRecord, limit: int) -> RunOutput:
    """Return the output of a run; create it on first use, with a limit in bytes."""
    attachments = attachments_of(run)
    if attachments is not None and attachments.output is not None:
        return attachments.output
    with _creation_lock:
        attachments = _ensure_attachments(run)
        if attachments.output is None:
            attachments.output = RunOutput(limit)
        return attachments.output


def stop_request_of(run: RunRecord, kind: type[StopRequest] = StopRequest) -> StopRequest:
    """Return the stop request of a run; create it, of the given kind, on first use."""
    with _creation_lock:
        attachments = _ensure_attachments(run)
        if attachments.stop_request is None:
            attachments.stop_request = kind()
        return attachments.stop_request


def existing_stop_request(run: RunRecord) -> StopRequest | None:
    """Return the stop request of a run, or None if it has none."""
    attachments = attachments_of(run)
    return None if attachments is None else attachments.stop_request


def _ensure_attachments(run: RunRecord) -> RunAttachments:
    """Return the attachments of a run; create them on first use. Call with the creation lock held."""
    attachments = attachments_of(run)
    if attachments is None:
        run.attachments = attachments = RunAttachments()
    return attachments
