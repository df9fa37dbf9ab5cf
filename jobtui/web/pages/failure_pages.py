"""Two questions about a run that failed: how its output differs, and with which run the failures began."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from aiohttp import web

from jobtui.frontend.failure_streak import explain_streak
from jobtui.frontend.json_codec import STATUS_PAGE
from jobtui.frontend.output_diff import DIFF_SIGNS, DiffRow, OutputDiff, compare_with_last_ok
from jobtui.process.terminal_text import terminal_line
from jobtui.web.pages.view_context import ViewContext
from jobtui.web.request_parsing import check_query, parse_run_number
from jobtui.web.responses import call_scheduler

MAX_ROWS = 2_000  # of a difference


class _ShownRow(NamedTuple):
    """A row of a difference as the page shows it.

    Attributes:
        sign: The sign in front of it.
        tone: The tone of its colour.
        parts: Its text in parts, each with whether the other output lacks it.
        begins: Whether a difference begins with it.
    """

    sign: str
    tone: str
    parts: Sequence[tuple[str, bool]]
    begins: bool


class FailurePages:
    """Answers these questions, one after the other, in a thread: each may take some seconds.

    Args:
        context: The scheduler and the way to a page.
    """

    def __init__(self, context: ViewContext) -> None:
        self._context = context
        self._backend = context.backend
        self._answering = asyncio.Lock()

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the routes of the pages."""
        return [
            web.get(f"{STATUS_PAGE}/diff", self._show_diff),
            web.get(f"{STATUS_PAGE}/streak", self._show_streak),
        ]

    async def _show_diff(self, request: web.Request) -> web.Response:
        """Show the difference between the output of a run and that of the last OK run of its job."""
        check_query(request, "run")
        number = parse_run_number(request.query.get("run", ""))
        await self._context.page_state.refresh_now()
        run = call_scheduler(self._backend.run_view, number)
        values: dict[str, Any] = {"run": run, "ok": None, "diff": None, "rows": (), "problem": ""}
        async with self._answering:
            try:
                ok, diff = await asyncio.to_thread(compare_with_last_ok, self._backend, run)
            except LookupError as error:
                values["problem"] = str(error.args[0])
            else:
                values |= {"ok": ok, "diff": diff, "rows": _show_rows(diff)}
        values["is_recorded"] = self._backend.output_of(number) is not None
        return self._context.respond(request, "diff.html", HTTPStatus.OK, **values)

    async def _show_streak(self, request: web.Request) -> web.Response:
        """Show the first of the failures of a job in a row, and the commit that came in before it.

        The query has the job, for its latest failures, or a run, for those to which this one belongs.
        """
        number = parse_run_number(request.query["run"]) if "run" in request.query else 0
        check_query(request, "run" if number else "job")
        await self._context.page_state.refresh_now()
        job = call_scheduler(self._backend.run_view, number).job if number else request.query.get("job", "")
        call_scheduler(self._backend.job_details, job)
        async with self._answering:
            streak, lines = await asyncio.to_thread(explain_streak, self._backend, job, number)
        values: dict[str, Any] = {"job_name": job, "streak": streak, "lines": lines}
        return self._context.respond(request, "streak.html", HTTPStatus.OK, **values)


def _show_rows(diff: OutputDiff) -> list[_ShownRow]:
    """Return the first rows of a difference as the page shows them."""
    begins = frozenset(diff.differences)
    return [
        _ShownRow(*DIFF_SIGNS[row.kind], _parts_of(row), begins=place in begins)
        for place, row in enumerate(diff.rows[:MAX_ROWS])
    ]


def _parts_of(row: DiffRow) -> list[tuple[str, bool]]:
    """Return the text of a row in parts; in one part if a terminal shows something else."""
    text = terminal_line(row.text)
    if text != row.text:
        return [(text, False)]
    parts, last = [], 0
    for begin, end in row.changed:
        parts += [(text[last:begin], False), (text[begin:end], True)]
        last = end
    return [part for part in (*parts, (text[last:], False)) if part[0]]
