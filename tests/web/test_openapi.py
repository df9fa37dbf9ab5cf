"""The API's document: complete, strict, and true of everything that a server answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import schemathesis
from aiohttp import web
from hypothesis import HealthCheck, Phase, seed, settings
from support.api_server import API, DOCUMENT, Client, Latch, done, operations, served

from jobtui import Scheduler
from jobtui.access.rules import AccessRules
from jobtui.frontend.backend import LocalBackend
from jobtui.frontend.cooperative import Staggered
from jobtui.schedules.schedule import Once
from jobtui.web.api.endpoints import Api
from jobtui.web.connection_limit import Connections
from jobtui.web.context import ServerContext
from jobtui.web.event_hub import EventHub
from jobtui.web.metrics.metrics import Metrics
from jobtui.web.security.access_control import AccessControl as Doorkeeper
from jobtui.web.security.sessions import Sessions

FAR = timedelta(days=3)


def routes(scheduler: Scheduler) -> set[tuple[str, str]]:
    """The method and the path of everything that the API, the metrics and the health check answer."""

    async def collect() -> list[web.RouteDef]:
        metrics = Metrics(scheduler)
        broadcast = EventHub(scheduler, metrics.observe)
        broadcast.close()
        clock = scheduler._kernel.clock
        site = ServerContext(
            source=LocalBackend(scheduler, ""),
            broadcast=broadcast,
            gate=Doorkeeper(AccessRules(), Sessions(clock.monotonic), clock.monotonic),
            connections=Connections(),
            turns=Staggered(),
            clock=clock,
            cookie="jobtui",
        )
        return [*Api(site).routes(), *metrics.routes()]

    app = web.Application()
    app.add_routes(asyncio.run(collect()))
    return {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.method != "HEAD" and route.resource is not None
    }


def test_the_document_has_every_route_and_no_other() -> None:
    """Whoever adds a path describes it; what is described is there."""
    assert operations() == routes(Scheduler(tz="UTC"))


def objects(schema: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema of an object, and where it stands."""
    if isinstance(schema, list):
        for number, part in enumerate(schema):
            yield from objects(part, f"{place}/{number}")
    elif isinstance(schema, dict):
        if schema.get("type") == "object":
            yield place, schema
        for name, part in schema.items():
            yield from objects(part, f"{place}/{name}")


@pytest.mark.parametrize(
    ("place", "schema"),
    [*objects(DOCUMENT["components"]["schemas"], "schemas")],
    ids=lambda each: str(each)[:40],
)
def test_every_schema_is_strict(place: str, schema: dict[str, Any]) -> None:
    """A field that is added, renamed or forgotten is noticed: no other is allowed, and all are described."""
    properties = schema.get("properties", {})
    assert schema["additionalProperties"] is False
    assert set(properties) - set(schema.get("required", ())) <= {"detail"}
    assert all("description" in each or "$ref" in each for each in properties.values()), place


def test_every_operation_says_what_can_go_wrong() -> None:
    """Each has the answers of the gate, and those that take a body have what is wrong with bodies."""
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            expected = {"400", "401", "403", "429", "500", "503"}
            if method == "post":
                expected |= {"408", "413", "415", "422"}
            assert expected <= set(operation["responses"]), path
            assert operation["operationId"]
            assert operation["summary"]


def fail() -> None:
    """Fail, always."""
    raise ValueError('an error with "quotes", <tags> and half a character: \ud800')


LOOKS = (
    "/openapi.json",
    "/snapshot",
    "/jobs",
    "/runs",
    "/runs?state=failed&limit=5",
    "/pool",
    "/upcoming",
    "/output",
    "/@jobs/metrics",
    "/@jobs/healthz",
)


def look_at_everything(client: Client) -> None:
    """Ask for all there is; the client holds each answer against the document."""
    for path in LOOKS:
        assert client.get(path).status in {200, 503}, path
    for name in ["cron", "every", "once", "held", "fails", "nothing", "gone"]:
        client.get(f"/jobs/{name}")
        client.get(f"/runs?job={name}")
    for number in range(1, 8):
        client.get(f"/runs/{number}")


def populated(gate: Latch) -> Scheduler:
    """A scheduler that has not started, with jobs of every kind."""
    scheduler = Scheduler(pool=1, tz="Europe/Oslo")
    scheduler.schedule("30 1 * * *", gate, name="cron", tz="Europe/London", dst="every")
    scheduler.every(timedelta(days=1), gate, name="every", overlap="skip")
    scheduler.every("1h", gate, start=datetime.now(UTC) + FAR, name="from", misfire="all", overlap="allow")
    scheduler.schedule(Once(datetime.now(UTC) + FAR), gate, name="once")
    scheduler.schedule("0 0 0 30 2 ?", gate, name="never", overlap="replace")
    scheduler.schedule("@daily", gate, name="held").pause()
    scheduler.schedule("@daily", fail, name="fails")
    scheduler.schedule("@daily", fail, name="gone").remove()
    return scheduler


def test_every_answer_is_as_described_through_a_scheduler_s_life() -> None:
    """New, with runs in every state, paused, resized, stopping and stopped: nothing surprises a client."""
    gate = Latch()
    scheduler = populated(gate)
    with served(scheduler) as client:
        look_at_everything(client)
        scheduler.start()
        look_at_everything(client)
        failed = scheduler.run("fails")
        done(failed)
        assert client.post("/jobs/held/run").status == 202
        gate.wait_begun()
        assert client.post("/jobs/held/run").json == {"number": failed.number + 2}
        assert client.post("/jobs/every/run").status == 202
        assert client.post("/jobs/every/run").status == 202  # and is skipped
        later = scheduler.in_("3h", gate)
        assert client.post(f"/runs/{later.number}/cancel").json == {"cancellation": "taken out"}
        assert client.post(f"/runs/{failed.number}/cancel").json == {"cancellation": "too late"}
        scheduler.in_("3h", gate)
        assert client.post("/pause").status == client.post("/resume").status == 200
        assert client.post("/jobs/cron/pause").json == {"changed": True}
        assert client.post("/pool/resize", {"size": 0}).json["size"] == 0
        look_at_everything(client)
        gate.open()
        assert scheduler.stop()
        look_at_everything(client)
        assert client.post("/jobs/cron/run").status == 409


@pytest.fixture(scope="module")
def server() -> Iterator[Client]:
    """A server for many examples: a scheduler with jobs that the document's examples name, too."""
    scheduler = Scheduler(pool=2, tz="UTC")
    for name in ("refresh", "nightly"):
        scheduler.schedule("@yearly", lambda: None, name=name)
    with scheduler, served(scheduler) as client:
        yield client


# The stream does not end by itself, and has tests of its own. A document that is read from a file or a dict
# has no lifespan, so the plugin of pytest has nothing to do here.
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT).exclude(path=f"{API}/events")


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
def test_whatever_is_sent_is_answered_as_described(case: schemathesis.Case[Any], server: Client) -> None:
    """Valid and invalid requests made from the document: no 5xx, and no answer that it does not allow."""
    case.call_and_validate(base_url=f"http://{server.address.authority}")
