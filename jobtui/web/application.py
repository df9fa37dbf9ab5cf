"""The application: who comes in, what is asked, and how everything is answered, mistakes included."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from ipaddress import ip_address

from aiohttp import web

from jobtui.access.rules import IpAddress
from jobtui.engine.tracebacks import log_exception
from jobtui.web.api.endpoints import Api
from jobtui.web.context import ServerContext
from jobtui.web.metrics.metrics import Metrics
from jobtui.web.pages.routes import LOGOUT, OPEN_PATHS, Pages
from jobtui.web.problems import Problem
from jobtui.web.request_parsing import CLIENT, VISIT
from jobtui.web.security.access_control import SAFE_METHODS, AccessRequest

LARGEST_BODY = 64 * 1024  # bytes
ANSWERING = 30.0  # seconds in which a client has to take an answer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Nothing from elsewhere is loaded, framed or sent to, and no script but our own file runs.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with "no-referrer" our own forms would come with "Origin: null"
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def make_app(site: ServerContext, metrics: Metrics) -> web.Application:
    """Make the application of a server that is about to start."""
    pages = Pages(site)
    door = _Door(site, pages)
    app = web.Application(middlewares=[door.answer, door.guard], client_max_size=LARGEST_BODY)
    app.on_response_prepare.append(_secure)
    app.add_routes(pages.routes())
    app.add_routes(Api(site).routes())
    app.add_routes(metrics.routes())
    return app


class _Door:
    """What every request passes on its way in, and every answer on its way out.

    Args:
        site: The access rules, and who is there.
        pages: Say to people what is wrong.
    """

    def __init__(self, site: ServerContext, pages: Pages) -> None:
        self._site = site
        self._pages = pages

    @web.middleware
    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer, whatever happens; a client that does not take the answer is cut off."""
        transport = request.transport
        with self._site.connections.busy(transport):
            response = await self._answer_of(request, handler)
            try:
                async with asyncio.timeout(ANSWERING):
                    await response.prepare(request)
                    await response.write_eof()
                    await request.writer.drain()
            except TimeoutError:
                if transport is not None:
                    transport.abort()
            return response

    async def _answer_of(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Problem as problem:
            return self._pages.problem(request, problem)
        except web.HTTPException as error:
            return self._pages.problem(request, _problem_of(error))
        except ConnectionError:  # the client has gone
            raise
        except Exception:  # noqa: BLE001 - a mistake of ours, which the client need not see
            log_exception(f"{request.method} {request.path} failed; the server goes on")
            if request.writer.output_size:  # a stream: what came now would be taken for a part of it
                raise ConnectionResetError("the rest of the answer cannot be had") from None
            return self._pages.problem(request, Problem(HTTPStatus.INTERNAL_SERVER_ERROR))

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let nobody in who may not come in."""
        gate = self._site.gate
        visit = request[VISIT] = AccessRequest(
            peer=peer_of(request),
            method=request.method,
            headers=request.headers,
            cookie=request.cookies.get(self._site.cookie, ""),
        )
        client = request[CLIENT] = gate.check_origin(visit)
        resource = request.match_info.route.resource  # what was found, however the path is written
        path = "" if resource is None else resource.canonical
        if path not in OPEN_PATHS:
            await gate.check_credentials(visit, client)
            if gate.rules.readonly and request.method not in SAFE_METHODS and path != LOGOUT:
                raise Problem(HTTPStatus.FORBIDDEN, "nothing can be changed here: jobs.readonly is set")
        return await handler(request)


def peer_of(request: web.Request) -> IpAddress | None:
    """The address at the other end of the connection; None for a Unix socket."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    if isinstance(peer, str | bytes):
        return None
    if not peer:
        raise Problem(HTTPStatus.FORBIDDEN, "it cannot be told where this comes from")
    return ip_address(peer[0])


async def _secure(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["Server"] = "jobtui"


def _problem_of(error: web.HTTPException) -> Problem:
    """What aiohttp itself refuses, in our words."""
    status = HTTPStatus(error.status)
    details = {
        HTTPStatus.NOT_FOUND: "there is nothing at this address",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"a request has at most {LARGEST_BODY} bytes",
    }
    headers = {}
    if isinstance(error, web.HTTPMethodNotAllowed):
        headers["Allow"] = error.headers["Allow"]
        details[status] = f"{error.method[:20]} is not possible here"
    return Problem(status, details.get(status, ""), headers)
