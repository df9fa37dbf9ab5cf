"""Links that are relative to the request, so that they are right behind a proxy that changes the path.

A proxy may serve the status page at ``/team/@jobs`` or at ``/jobs/``, and pass on requests for ``/@jobs``.
Paths in this package begin with ``/@jobs``; links that clients get begin at the path of their request.
"""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from jobtui.frontend.json_codec import STATUS_PAGE


def path_of(request: web.Request) -> str:
    """Return the path of a request, with the name of a job in one segment, and the query."""
    resource = request.match_info.route.resource
    path = request.rel_url.raw_path
    if resource is not None and "name" in request.match_info:
        path = resource.canonical.replace("{name}", quote(request.match_info["name"], safe=""))
    query = request.rel_url.raw_query_string
    return f"{path}?{query}" if query else path


def link_to_root(request: web.Request) -> str:
    """Return the way from a request's path to the status page; it ends with a slash."""
    path, _, _ = path_of(request).partition("?")
    below_root = path.removeprefix(f"{STATUS_PAGE}/")
    if below_root != path:
        return "../" * below_root.count("/") or "./"
    return "../" * (path.count("/") - 1) + f"{STATUS_PAGE[1:]}/"


def link_to(request: web.Request, path: str) -> str:
    """Return the way from a request's path to one of our paths, such as ``/@jobs/runs/88``."""
    return link_to_root(request) + path.removeprefix(STATUS_PAGE).lstrip("/")


def link_to_itself(request: web.Request) -> str:
    """Return the way from the status page to the page of a request."""
    path = path_of(request)
    if path.partition("?")[0] == STATUS_PAGE:
        return f"..{path}"
    return f"./{path.removeprefix(f'{STATUS_PAGE}/')}"
