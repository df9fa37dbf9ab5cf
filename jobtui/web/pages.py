"""The status page for people."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from jobtui.web.problems import Problem
from jobtui.web.site import Site

ROOT = "/@jobs"
LOGIN = f"{ROOT}/login"
OPEN_PATHS = frozenset({LOGIN, f"{ROOT}/style.css", f"{ROOT}/live.js"})  # without credentials


class Pages:
    """Shows the scheduler to people.

    Args:
        site: The scheduler, and who may come in.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> Iterable[web.RouteDef]:
        """Every page."""
        return [web.get(ROOT, self._status)]

    def problem(self, _request: web.Request, problem: Problem) -> web.StreamResponse:
        """What is answered where something is wrong: a page for people, problem details for programs."""
        return problem.response()

    async def _status(self, _request: web.Request) -> web.Response:
        return web.Response(text="\n".join(job.name for job in self._site.source.snapshot().jobs))
