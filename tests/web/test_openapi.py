"""The OpenAPI description: complete, strict, and true of every response."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import schemathesis
from aiohttp import web
from hypothesis import HealthCheck, Phase, seed, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from support.api_server import (
    API,
    DESCRIPTION,
    ApiClient,
    BlockingJob,
    described_operations,
    serving_api,
    wait_ended,
)
from support.runtime_parts import runtime_of

from jobtui import Scheduler
from jobtui.access.rules import CLIENT_BYTES, AccessRules
from jobtui.engine.enums import FINAL_STATES, JobStatus, RunState
from jobtui.frontend.cooperative import Staggered
from jobtui.frontend.local_backend import LocalBackend
from jobtui.schedules.schedule import Once
from jobtui.web.api.endpoints import Api
from jobtui.web.connection_limit import ConnectionLimit
from jobtui.web.event_hub import EventHub
from jobtui.web.metrics.prometheus import Metrics
from jobtui.web.security.access_control import AccessControl
from jobtui.web.security.logins import LoginSessions
from jobtui.web.server_context import ServerContext
from jobtui.web.unsent_bytes import UnsentBytes

pytest_plugins = ("schemathesis.pytest.plugin",)  # pyproject.toml turns it off: it takes a second to load
FAR = timedelta(days=3)


def actual_operations(scheduler: Scheduler) -> set[tuple[str, str]]:
    """Return the method and path of every route of the API, the metrics and the health check."""

    async def collect() -> list[web.RouteDef]:
        backend = LocalBackend(scheduler, "")
        metrics = Metrics(backend)
        event_hub = EventHub(backend, metrics.observe)
        event_hub.close()
        clock = runtime_of(scheduler).kernel.clock
        context = ServerContext(
            backend=backend,
            event_hub=event_hub,
            access_control=AccessControl(AccessRules(), LoginSessions(clock.monotonic), clock.monotonic),
            connections=ConnectionLimit(),
            unsent_bytes=UnsentBytes(CLIENT_BYTES),
            staggered=Staggered(),
            clock=clock,
            cookie_name="jobtui",
            has_addresses=True,
        )
        return [*Api(context).routes(), *metrics.routes()]

    app = web.Application()
    app.add_routes(asyncio.run(collect()))
    return {
        (route.method, route.resource.canonical.rstrip("/"))  # the index has a second path, with a slash
        for route in app.router.routes()
        if route.method != "HEAD" and route.resource is not None
    }


def test_the_openapi_description_has_exactly_the_routes_of_the_server() -> None:
    """A new path must be described, and a described one must exist."""
    assert described_operations() == actual_operations(Scheduler(tz="UTC"))


def test_the_description_lists_every_state_of_runs_and_jobs_in_order() -> None:
    """A new state must be described."""
    schemas = DESCRIPTION["components"]["schemas"]
    assert schemas["RunState"]["enum"] == [state.value for state in RunState]
    assert schemas["Job"]["properties"]["status"]["enum"] == [status.value for status in JobStatus]


def test_the_descriptions_of_states_and_metrics_mention_every_state() -> None:
    """The metrics those that are final."""
    states, metrics = DESCRIPTION["components"]["schemas"]["RunState"], DESCRIPTION["paths"]["/@jobs/metrics"]
    assert {state.value for state in RunState} <= {*re.findall(r"\w+", states["description"])}
    outcomes = {state.value.lower() for state in FINAL_STATES}
    assert outcomes <= {*re.findall(r"\w+", metrics["get"]["description"])}


def object_schemas(schema: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema of an object, with its place in the description."""
    if isinstance(schema, list):
        for number, part in enumerate(schema):
            yield from object_schemas(part, f"{place}/{number}")
    elif isinstance(schema, dict):
        if schema.get("type") == "object":
            yield place, schema
        for name, part in schema.items():
            yield from object_schemas(part, f"{place}/{name}")


@pytest.mark.parametrize(
    ("place", "schema"),
    [*object_schemas(DESCRIPTION["components"]["schemas"], "schemas")],
    ids=lambda each: str(each)[:40],
)
def test_every_object_schema_is_strict_and_describes_its_properties(
    place: str, schema: dict[str, Any]
) -> None:
    """So a field that is added, renamed or forgotten makes a test fail. The parameters of jobs are any."""
    properties = schema.get("properties", {})
    open_places = ("schemas/RunArguments", "schemas/JobDetails/properties/parameters")
    assert schema["additionalProperties"] is (place in open_places)
    optional = set(properties) - set(schema.get("required", ()))
    requests = ("schemas/JobChanges", "schemas/RetryRule")
    assert place in requests or optional <= {"detail", "until", "for", "note"}
    assert all("description" in each or "$ref" in each for each in properties.values()), place


def test_every_operation_lists_the_errors_it_can_return() -> None:
    """Those of access control; for operations with a body, those of an invalid body."""
    for path, item in DESCRIPTION["paths"].items():
        for method, operation in item.items():
            expected = {"400", "401", "403", "429", "500", "503"}
            if method in {"patch", "post"}:
                expected |= {"408", "413", "415", "422"}
            assert expected <= set(operation["responses"]), path
            assert operation["operationId"]
            assert operation["summary"]


def fail() -> None:
    """Raise an exception whose message needs escaping."""
    raise ValueError('an error with "quotes", <tags> and a lone surrogate: \ud800')


READS = (
    "/openapi.json",
    "/snapshot",
    "/jobs",
    "/runs",
    "/runs?state=failed&limit=5",
    "/history",
    "/history?q=state:failed&limit=5",
    "/pool",
    "/progress",
    "/upcoming",
    "/output",
    "/output/page",
    "/output/page?after=",
    "/@jobs/metrics",
    "/@jobs/healthz",
)


def read_everything(client: ApiClient) -> None:
    """Read all resources; the client asserts that each response matches the description."""
    for path in READS:
        assert client.get(path).status in {200, 503}, path
    for name in ["cron", "every", "once", "held", "fails", "nothing", "gone"]:
        client.get(f"/jobs/{name}")
        client.get(f"/jobs/{name}/why")
        client.get(f"/jobs/{name}/why?at=02:30")
        client.get(f"/runs?job={name}")
    for number in range(1, 8):
        client.get(f"/runs/{number}")
        client.get(f"/runs/{number}/output")
        client.get(f"/output/page?run={number}")
        client.get(f"/runs/{number}/why")


def scheduler_with_every_kind_of_job(blocking_job: BlockingJob) -> Scheduler:
    """Make a scheduler with jobs of every kind, which is not started."""
    scheduler = Scheduler(pool=1, tz="Europe/Oslo")
    scheduler.schedule("30 1 * * *", blocking_job, name="cron", tz="Europe/London", dst="every")
    scheduler.every(timedelta(days=1), blocking_job, name="every", overlap="skip")
    scheduler.every(
        "1h", blocking_job, start=datetime.now(UTC) + FAR, name="from", misfire="all", overlap="allow"
    )
    scheduler.schedule(Once(datetime.now(UTC) + FAR), blocking_job, name="once")
    scheduler.schedule("@daily", blocking_job, name="adjusted", spread="1h", jitter="5s", until="2100-01-01")
    scheduler.schedule("0 0 0 30 2 ?", blocking_job, name="never", overlap="replace")
    scheduler.schedule("@daily", blocking_job, name="held").pause()
    scheduler.schedule("@daily", fail, name="fails")
    scheduler.schedule("@daily", fail, name="gone").remove()
    return scheduler


def test_responses_match_the_description_in_every_phase_of_a_scheduler() -> None:
    """New, running with runs in every state, paused, resized, and stopped."""
    blocking_job = BlockingJob()
    scheduler = scheduler_with_every_kind_of_job(blocking_job)
    with serving_api(scheduler) as client:
        read_everything(client)
        scheduler.start()
        read_everything(client)
        failed = scheduler.run("fails")
        wait_ended(failed)
        assert client.post("/jobs/held/run").status == 202
        blocking_job.wait_started()
        assert client.post("/jobs/held/run").json == {"number": failed.number + 2}
        assert client.post("/jobs/every/run").status == 202
        assert client.post("/jobs/every/run").status == 202  # this one is skipped
        later = scheduler.in_("3h", blocking_job)
        assert client.post(f"/runs/{later.number}/cancel").json == {"cancellation": "taken out"}
        assert client.post(f"/runs/{failed.number}/cancel").json == {"cancellation": "too late"}
        scheduler.in_("3h", blocking_job)
        assert client.post("/pause").status == client.post("/resume").status == 200
        assert client.post("/jobs/cron/pause").json == {"changed": True}
        assert client.post("/jobs/cron/pause", {"for": "1h", "note": "disk"}).json == {"changed": True}
        assert client.post("/pool/resize", {"size": 0}).json["size"] == 0
        read_everything(client)
        blocking_job.release()
        assert scheduler.stop()
        read_everything(client)
        assert client.post("/jobs/cron/run").status == 409


@pytest.fixture(scope="module")
def server() -> Iterator[ApiClient]:
    """Run a server for generated requests, with the jobs that the description's examples name."""
    scheduler = Scheduler(pool=2, tz="UTC")
    for name in ("refresh", "nightly"):
        scheduler.schedule("@yearly", lambda: None, name=name)
    with scheduler, serving_api(scheduler) as client:
        yield client


# Without the streams, which do not end and have their own tests.
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION).exclude(path=[f"{API}/events", f"{API}/output/stream"])


UNDESCRIBED = {
    f"{API}/history",
    f"{API}/jobs/{{name}}",
    f"{API}/jobs/{{name}}/pause",
    f"{API}/jobs/{{name}}/preview",
    f"{API}/jobs/{{name}}/why",
}


@seed(1)
@SCHEMA.parametrize()
@settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_generated_requests_get_responses_that_match_the_description(
    case: schemathesis.Case[Any], server: ApiClient
) -> None:
    """Valid and invalid requests made from the description: no status 5xx, and no undescribed response."""
    # No schema describes queries, cursors, specs and texts of instants, so wrong ones count as valid ones.
    excluded: list[Any] = [positive_data_acceptance] if case.path in UNDESCRIBED else []
    case.call_and_validate(base_url=f"http://{server.address.authority}", excluded_checks=excluded)
