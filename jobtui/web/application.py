"""The aiohttp application: its routes, and the middlewares that every request passes."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from ipaddress import ip_address

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from jobtui.access.rules import IpAddress
from jobtui.engine.tracebacks import log_exception
from jobtui.web.api.endpoints import Api
from jobtui.web.metrics.health import HEALTHZ_PATH
from jobtui.web.metrics.prometheus import METRICS_PATH, Metrics
from jobtui.web.pages.routes import LOGOUT, OPEN_PATHS, Pages
from jobtui.web.request_parsing import ACCESS_REQUEST, CLIENT_ADDRESS, CONNECTION
from jobtui.web.response_encoding import encode_response
from jobtui.web.responses import Problem
from jobtui.web.security.access_control import SAFE_METHODS, AccessRequest
from jobtui.web.server_context import ServerContext

MAX_BODY_SIZE = 64 * 1024  # bytes
PROBE_PATHS = frozenset({HEALTHZ_PATH, METRICS_PATH})
RESPONSE_TIMEOUT = 30.0  # seconds for a client to accept a response

# Browsers load nothing from other sites into a page, frame no page, and run no script but our own file.
_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with "no-referrer" our own forms would send "Origin: null"
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def make_app(context: ServerContext, metrics: Metrics) -> web.Application:
    """Make the application of a server that is about to start."""
    pages = Pages(context)
    app = web.Application(
        middlewares=[error_middleware(context, pages), access_middleware(context)],
        client_max_size=MAX_BODY_SIZE,
    )
    app.on_response_prepare.append(_add_headers)
    app.add_routes(pages.routes())
    app.add_routes(Api(context).routes())
    app.add_routes(metrics.routes())
    return app


def error_middleware(context: ServerContext, pages: Pages) -> Middleware:
    """Make the outer middleware: it turns errors into responses, and sends the response.

    A client that does not accept the response in time is disconnected.
    """

    async def respond(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Problem as problem:
            return pages.problem_response(request, problem)
        except web.HTTPException as error:
            return pages.problem_response(request, _problem_of(error, request.path))
        except ConnectionError:  # the client has disconnected
            raise
        except Exception:  # noqa: BLE001 - a bug of ours, whose details the client must not see
            log_exception(f"{request.method} {request.path} failed; the server continues")
            if request.writer.output_size:  # a stream has begun: a second response would look like part of it
                raise ConnectionResetError("the stream ended with an error") from None
            return pages.problem_response(request, Problem(HTTPStatus.INTERNAL_SERVER_ERROR))

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        complete = not request.can_read_body
        with context.connections.request_in_progress(request.transport, complete=complete) as connection:
            request[CONNECTION] = connection
            try:
                response = await encode_response(request, await respond(request, handler))
                with context.unsent_bytes.sending(connection, _size_of(response)):
                    async with asyncio.timeout(RESPONSE_TIMEOUT):
                        await response.prepare(request)
                        await response.write_eof()
                        await request.writer.drain()
            except ConnectionError:  # also a stream whose client does not read: free what waits for it
                connection.abort()
                raise
            except TimeoutError:
                connection.abort()
            return response

    return middleware


def access_middleware(context: ServerContext) -> Middleware:
    """Make the inner middleware: it rejects requests that the access rules do not allow."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        access = context.access_control
        resource = request.match_info.route.resource  # the matched route: a path can be spelled in many ways
        path = "" if resource is None else resource.canonical
        access_request = request[ACCESS_REQUEST] = AccessRequest(
            peer=peer_of(request) if context.has_addresses else None,
            method=request.method,
            headers=request.headers,
            cookie=request.cookies.get(context.cookie_name, ""),
            is_probe=path in PROBE_PATHS,
        )
        client = request[CLIENT_ADDRESS] = access.check_address_and_site(access_request)
        if path not in OPEN_PATHS:
            connection = request[CONNECTION]
            was_trusted, connection.trusted = connection.trusted, False
            connection.trusted = await access.check_credentials(access_request, client, trusted=was_trusted)
            if access.rules.readonly and request.method not in SAFE_METHODS and path != LOGOUT:
                raise Problem(
                    HTTPStatus.FORBIDDEN, "this server is read-only (jobs.readonly); commands are not allowed"
                )
        return await handler(request)

    return middleware


def _size_of(response: web.StreamResponse) -> int:
    """Return how many bytes the body of a response has; 0 for a stream, which has been sent by now."""
    body = response.body if isinstance(response, web.Response) else None
    return len(body) if isinstance(body, bytes) else 0


def peer_of(request: web.Request) -> IpAddress | None:
    """Return the address at the other end of the connection; None for a Unix socket."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    if isinstance(peer, str | bytes):
        return None
    if not peer:
        raise Problem(HTTPStatus.FORBIDDEN, "cannot determine the client's address")
    return ip_address(peer[0])


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_SECURITY_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["Server"] = "jobtui"


def _problem_of(error: web.HTTPException, path: str) -> Problem:
    """Describe an error that aiohttp raised for a path, as a problem of this server."""
    status = HTTPStatus(error.status)
    slash = "write it without the slash at its end; " if path.endswith("/") else ""
    details = {
        HTTPStatus.NOT_FOUND: f"this address does not exist; {slash}the status page is /@jobs, and "
        "/@jobs/api lists the paths of the API",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"the body is too large: the limit is {MAX_BODY_SIZE} bytes",
    }
    headers = {}
    if isinstance(error, web.HTTPMethodNotAllowed):
        headers["Allow"] = error.headers["Allow"]
        details[status] = f"method {error.method[:20]} is not allowed here"
    return Problem(status, details.get(status, ""), headers)
