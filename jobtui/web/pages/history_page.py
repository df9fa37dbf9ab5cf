"""The history: the runs that meet a query, newest first, page after page."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web

from jobtui.engine.views import RunPage
from jobtui.store.query import BadQuery, quote_term
from jobtui.web.pages.view_context import ViewContext
from jobtui.web.request_parsing import check_query

PAGE_SIZE = 100  # runs


class HistoryPage:
    """Answers the queries of a form. A page stays as it is until the next search.

    Args:
        context: The scheduler and the way to a page.
    """

    def __init__(self, context: ViewContext) -> None:
        self._context = context
        self._searching = asyncio.Lock()  # one search at a time: it may take a thread 100 ms

    async def show(self, request: web.Request) -> web.Response:
        """Show a page of runs. The query has the terms, and the cursor of the page."""
        check_query(request, "q", "job", "cursor")
        await self._context.page_state.refresh_now()
        given, cursor = request.query.get("q", "").strip(), request.query.get("cursor", "")
        job = request.query.get("job", "")
        query = f"{quote_term('job', job)} {given}".strip() if job else given
        error: ValueError | None = None
        page = RunPage(runs=(), next="")
        async with self._searching:
            try:
                page = await asyncio.to_thread(
                    self._context.backend.search_runs, query, limit=PAGE_SIZE, cursor=cursor
                )
            except ValueError as wrong:  # the query or the cursor
                error = wrong
        place = error.place if isinstance(error, BadQuery) and 0 < error.place <= len(query) else 0
        next_page = f"history?{urlencode({'q': query, 'cursor': page.next})}" if page.next else ""
        status = HTTPStatus.OK if error is None else HTTPStatus.UNPROCESSABLE_ENTITY
        return self._context.respond(
            request,
            "history.html",
            status,
            query=query,
            runs=page.runs,
            next_page=next_page,
            first_page=f"history?{urlencode({'q': query})}" if cursor else "",
            error="" if error is None else str(error),
            place=place,
        )
