"""The snapshot of a scheduler of which nothing is known yet, because it could not be reached."""

from __future__ import annotations

from datetime import UTC, datetime

from jobtui.engine.enums import Phase
from jobtui.engine.views import PoolView, Snapshot

_SEQ = -1  # before that of any event


def blank_snapshot(at: datetime) -> Snapshot:
    """Return a snapshot without jobs, taken at an instant in UTC."""
    return Snapshot(
        seq=_SEQ,
        at=at,
        zone=UTC,
        phase=Phase.RUNNING,
        started=None,
        heartbeat=None,
        internal_error="",
        pool=PoolView(size=0, running=0, queued=0, held=0),
        jobs=(),
        running=(),
        waiting=(),
        scheduled=(),
        recent=(),
    )


def is_blank(snapshot: Snapshot) -> bool:
    """Return whether nothing is known of the scheduler yet."""
    return snapshot.seq == _SEQ
