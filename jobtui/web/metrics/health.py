"""Whether the scheduler is alive, for those who restart what is not."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from jobtui.engine.enums import Phase
from jobtui.engine.views import Liveness
from jobtui.runtime.scheduler import Scheduler
from jobtui.runtime.timer import HEARTBEAT_LATE
from jobtui.web.request_parsing import check_query
from jobtui.web.responses import json_response

PATH = "/@jobs/healthz"
OK, LATE = "ok", "late"


class Health:
    """Answers whether the scheduler is alive.

    It asks nothing that somebody could hold up, and goes by a clock that is never set: an hour that the
    wall clock jumps is no reason to restart anything.

    Args:
        scheduler: The scheduler.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    async def serve(self, request: web.Request) -> web.Response:
        """200 if the scheduler is running and its timer wakes as it should, else 503."""
        check_query(request)
        pulse = self._scheduler.liveness()
        status = status_of(pulse)
        return json_response(
            {"status": status, "heartbeat_age": pulse.heartbeat_age},
            HTTPStatus.OK if status == OK else HTTPStatus.SERVICE_UNAVAILABLE,
        )


def status_of(pulse: Liveness) -> str:
    """In a word: "ok", "late" where the timer does not wake, or the phase that is not "running"."""
    if pulse.phase is not Phase.RUNNING:
        return str(pulse.phase.value)
    late = pulse.heartbeat_age is not None and pulse.heartbeat_age > HEARTBEAT_LATE
    return LATE if late else OK
