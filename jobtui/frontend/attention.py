"""The view of the jobs that need attention."""

from __future__ import annotations

from datetime import datetime

from jobtui.engine.views import JobView
from jobtui.frontend.job_index import JobIndex

STAYS = 10.0  # seconds for which a job stays in the view, so that rows do not come and go with every run


class AttentionView:
    """Names the jobs that need attention, or did so within the last seconds.

    A job needs attention that runs or waits, whose latest run failed, that its failures have paused, or whose
    tick is late.
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}  # timestamps, by the name of the job

    def update(self, index: JobIndex, now: datetime) -> None:
        """Take the jobs of the next snapshot."""
        at = now.timestamp()
        self._until = {job: until for job, until in self._until.items() if until > at}
        self._until.update(dict.fromkeys((job.name for job in index.needing_attention(at)), at + STAYS))

    def clear(self) -> None:
        """Forget the jobs that needed attention before."""
        self._until = {}

    def __contains__(self, job: JobView) -> bool:
        """Return whether a job is in the view."""
        return job.name in self._until
