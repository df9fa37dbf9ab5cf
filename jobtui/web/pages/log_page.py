"""The log view: the output of a run, or of all jobs, with a filter, and as a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from jobtui.engine.views import RunView
from jobtui.frontend.backend import LogLine, LogPage
from jobtui.frontend.json_codec import STATUS_PAGE
from jobtui.frontend.log_view import (
    LEAST_LEVELS,
    LineFilter,
    LineSearch,
    TimeStamps,
    format_line_time,
    level_number,
    stream_label,
    stream_tone,
)
from jobtui.process.terminal_text import terminal_line
from jobtui.web.cancellable_thread import Check, to_cancellable_thread
from jobtui.web.pages.view_context import ViewContext
from jobtui.web.relative_links import link_to
from jobtui.web.request_parsing import check_query, parse_run_number
from jobtui.web.responses import Problem, call_scheduler

MAX_DOWNLOAD = 16 * 1024 * 1024  # characters
_LEFT_OUT = "[the rest is left out]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLine:
    """A line of output as a page shows it.

    Attributes:
        at: The time of day; "" if it is not known.
        instant: The instant in ISO 8601; "" as above.
        job: The name of the job whose run wrote it; "" on the page of one run, and outside of runs.
        run: The number of that run; 0 as above.
        stream: The stream or the level; "" for the standard output.
        level: The number of the level of a log record; None for a line of a stream.
        tone: The tone of its colour.
        text: The text.
        is_match: Whether it contains the text that the user searches for.
    """

    at: str
    instant: str
    job: str
    run: int
    stream: str
    level: int | None
    tone: str
    text: str
    is_match: bool = False


def show_lines(
    lines: Iterable[LogLine], zone: tzinfo, *, with_runs: bool = False, search: str = ""
) -> list[ShownLine]:
    """Return lines as a page shows them.

    Args:
        lines: The lines.
        zone: The zone of their times.
        with_runs: Whether to name the run that wrote each line.
        search: The text that is searched for, in any case; "" for none.
    """
    shown, wanted = [], LineSearch(search)
    for line in lines:
        instant = None if line.at is None else datetime.fromtimestamp(line.at, zone)
        text = terminal_line(line.text)
        shown.append(
            ShownLine(
                at=format_line_time(line.at, TimeStamps.ABSOLUTE, None, zone),
                instant="" if instant is None else instant.isoformat(timespec="milliseconds"),
                job=line.job if with_runs else "",
                run=line.run if with_runs else 0,
                stream=stream_label(line.stream),
                level=level_number(line.stream),
                tone=stream_tone(line.stream),
                text=text,
                is_match=bool(search) and wanted.matches(text),
            )
        )
    return shown


class LogView:
    """Shows the output of one run, or of all jobs.

    Args:
        context: The scheduler and the way to a page.
    """

    def __init__(self, context: ViewContext) -> None:
        self._context = context
        self._backend = context.backend

    async def show(self, request: web.Request) -> web.Response:
        """Show a page of lines. The query says of which run or job, from where on, and what to filter."""
        check_query(request, "run", "job", "before", "q", "level", "only", "wrap")
        query = request.query
        await self._context.page_state.refresh_now()
        if "job" in query and "run" not in query:
            return await self._redirect_to_run(request, query["job"])
        run = self._run_of(request)
        number = None if run is None else run.number
        page: LogPage = await asyncio.to_thread(
            call_scheduler, self._backend.log_page, number, before=query.get("before")
        )
        admitted, search = LineFilter(least=_read_level(query.get("level", ""))), query.get("q", "").strip()
        zone = self._backend.zone
        finished = [line for line in page.lines if admitted.admits(line)]
        unfinished = [line for line in page.unfinished if admitted.admits(line)]
        lines = show_lines((*finished, *unfinished), zone, with_runs=run is None, search=search)
        matches = sum(line.is_match for line in lines)
        if search and "only" in query:
            lines = [line for line in lines if line.is_match]
        about = {"run": number} if number is not None else {}
        kept = {name: query[name] for name in ("q", "level", "only", "wrap") if query.get(name)}
        values: dict[str, Any] = {
            "run": run,
            "lines": lines,
            "page": page,
            "finished": len(lines) - len(unfinished),
            "search": search,
            "matches": matches,
            "level": admitted.least,
            "levels": [(name, level_number(name) or 0) for name in LEAST_LEVELS],
            "only": "only" in query,
            "wraps": query.get("wrap") != "off",
            "earlier": f"log?{urlencode({**about, **kept, 'before': page.before})}" if page.before else "",
            "latest": f"log?{urlencode({**about, **kept})}",
            "is_latest": page.is_latest,
            "download": f"log.txt?{urlencode(about)}" if about else "log.txt",
            "recorded": number is None or self._backend.output_of(number) is not None,
        }
        return self._context.respond(request, "log.html", HTTPStatus.OK, **values)

    def _run_of(self, request: web.Request) -> RunView | None:
        if "run" not in request.query:
            return None
        return call_scheduler(self._backend.run_view, parse_run_number(request.query["run"]))

    async def _redirect_to_run(self, request: web.Request, job: str) -> web.Response:
        """Lead to the log of the job's run that is RUNNING, or else of its latest one."""
        call_scheduler(self._backend.job_details, job)
        runs = await asyncio.to_thread(self._backend.find_runs, job=job)
        started = next((run for run in runs if run.number and run.started is not None), None)
        target = f"{STATUS_PAGE}/jobs/{quote(job, safe='')}"
        if started is not None:
            target = f"{STATUS_PAGE}/log?run={started.number}"
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": link_to(request, target)})

    async def download(self, request: web.Request) -> web.Response:
        """Send the output as a text file."""
        check_query(request, "run")
        run = self._run_of(request)
        number = None if run is None else run.number

        def read(check: Check) -> bytes:
            return "".join(self._read_all(number, check)).encode("utf-8", "replace")

        name = "output.txt" if number is None else f"run-{number}.txt"
        return web.Response(
            body=await to_cancellable_thread(read),
            content_type="text/plain",
            charset="utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _read_all(self, number: int | None, check: Check) -> Iterator[str]:
        """Yield the lines, oldest first, with their line breaks. Called in a worker thread."""
        position, size = "", 0
        while True:
            check()
            page = call_scheduler(self._backend.log_page, number, after=position)
            lines: Sequence[LogLine] = (*page.lines, *page.unfinished) if page.is_latest else page.lines
            for line in lines:
                text = f"{line.text}\n"
                size += len(text)
                yield text
            if size > MAX_DOWNLOAD:
                yield f"{_LEFT_OUT}\n"
            if size > MAX_DOWNLOAD or page.is_latest or page.after == position:
                return
            position = page.after


def _read_level(text: str) -> str:
    level = text.upper()
    if level not in LEAST_LEVELS:
        allowed = ", ".join(filter(None, LEAST_LEVELS))
        raise Problem(HTTPStatus.BAD_REQUEST, f"level must be one of {allowed}")
    return level
