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

HEALTHZ_PATH = f"{STATUS_PAGE}/healthz"


async def report_health(backend: ObservableBackend, request: web.Request) -> web.Response:
    """Return status 200 if the scheduler is running and its timer wakes on time, else 503.

    Failing jobs do not affect it. It takes no lock, so that it detects a scheduler that hangs. It uses a
    monotonic clock, so that a change of the wall clock does not make the scheduler look stalled.
    """
    check_query(request)
    liveness = backend.liveness()
    status = _status_of(liveness)
    return json_response(
        {"status": status, "heartbeat_age": liveness.heartbeat_age},
        HTTPStatus.OK if status == "ok" else HTTPStatus.SERVICE_UNAVAILABLE,
    )


def _status_of(liveness: Liveness) -> str:
    """Return "ok", "late" if the timer does not wake on time, or the phase if it is not "running"."""
    if liveness.phase is not Phase.RUNNING:
        return str(liveness.phase.value)
    late = liveness.heartbeat_age is not None and liveness.heartbeat_age > HEARTBEAT_LATE
    return "late" if late else "ok"
