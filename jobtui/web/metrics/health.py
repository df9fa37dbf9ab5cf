"""The health check for monitoring: whether the scheduler is alive."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from jobtui.engine.enums import Phase
from jobtui.engine.views import Liveness
from jobtui.frontend.backend import ObservableBackend
from jobtui.frontend.json_codec import STATUS_PAGE
from jobtui.runtime.timer import HEARTBEAT_LATE
from jobtui.web.request_parsing import check_query
from jobtui.web.responses import json_response

_HEALTHY = {"ok", "degraded", "standby"}
HEALTHZ_PATH = f"{STATUS_PAGE}/healthz"


async def report_health(backend: ObservableBackend, request: web.Request) -> web.Response:
    """Return status 200 if the scheduler runs and its timer wakes on time, or if it stands by, else 503.

    A store that cannot be written makes it "degraded", with status 200: a restart would lose what is in
    memory. So do abandoned runs, if they are so many that no other run is abandoned any more. Failing jobs do
    not affect it. It takes no lock, so that it detects a scheduler that hangs. It uses a monotonic clock, so
    that a change of the wall clock does not make the scheduler look stalled.
    """
    check_query(request)
    liveness = backend.liveness()
    status = _status_of(liveness)
    return json_response(
        {"status": status, "heartbeat_age": liveness.heartbeat_age, "problem": liveness.problem},
        HTTPStatus.OK if status in _HEALTHY else HTTPStatus.SERVICE_UNAVAILABLE,
    )


def _status_of(liveness: Liveness) -> str:
    """Return "ok", "degraded" if there is a problem, "late" or the phase."""
    if liveness.phase is not Phase.RUNNING:
        return str(liveness.phase.value)
    late = liveness.heartbeat_age is not None and liveness.heartbeat_age > HEARTBEAT_LATE
    if late:
        return "late"
    return "degraded" if liveness.store.problem or liveness.problem else "ok"
