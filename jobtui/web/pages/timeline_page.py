"""The timeline: the runs of all jobs before now, and the forecast after it, as pictures of the server."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup

from jobtui.frontend.look_ahead import SPANS, TimelinePicture, TimelineView
from jobtui.frontend.timeline import Window, full_sentence
from jobtui.process.gil import let_other_threads_run
from jobtui.simulation.predicted_runs import PredictedRun
from jobtui.web.cancellable_thread import Check, to_cancellable_thread
from jobtui.web.pages import timeline_lanes as lanes
from jobtui.web.pages.view_context import ViewContext
from jobtui.web.request_parsing import MAX_POOL_SIZE, check_query, parse_whole_number
from jobtui.web.responses import Problem

PAGE_SIZE = 100  # jobs
MAX_STEPS = 400  # by which the window may be moved; a hundred windows
MAX_TROUBLES = 50  # runs that wait, in the list
MAX_PICTURES = 8  # that are kept for the next request
_MAX_PAGE = 10_000
_LEAST_WAIT = timedelta(seconds=1)  # a shorter one is not in the list
_SHORTEST, _LONGEST = 2.0, 60.0  # seconds for which a picture is current
_PIXELS = 200  # a picture is current until it has moved by a part of its width
_STEPS = re.compile(r"-?[0-9]{1,4}")
_NAMES = [name for name, _ in SPANS]


class _TimelineQuestion(NamedTuple):
    """The question of a request.

    Attributes:
        view: The part of time.
        words: The filter for the names of the jobs.
        page: The page of jobs, from 1.
    """

    view: TimelineView
    words: str
    page: int

    def link(self, **changes: Any) -> str:
        """Return the path of the timeline after changes of the question."""
        view, words, page = self._replace(**changes)
        values = {"span": view.name, "at": view.steps or "", "pool": view.pool or "", "q": words}
        values["page"] = page if page > 1 else ""
        return f"timeline?{urlencode({name: value for name, value in values.items() if value})}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A picture with everything that its pages share.

    Attributes:
        picture: The runs and the forecast.
        window: The part of time that is shown.
        index: The runs by their jobs.
        shared: The values of the template of the lanes that all pages have.
        troubles: The runs that wait for long, and the ticks that start none.
        seq: The number of the last event in it.
        made: When it was made, by the monotonic clock.
    """

    picture: TimelinePicture
    window: Window
    index: lanes.LaneIndex
    shared: Mapping[str, object]
    troubles: Sequence[PredictedRun]
    seq: int
    made: float


class TimelinePage:
    """Draws the timeline.

    One forecast is made at a time, in a thread. It is kept while nothing changes and until the picture has
    moved, at least for two seconds, so that many browsers cost no more than one. A browser that
    disconnects ends its forecast.

    Args:
        context: The scheduler and the way to a page.
    """

    def __init__(self, context: ViewContext) -> None:
        self._context = context
        self._looking = asyncio.Lock()
        self._kept: OrderedDict[TimelineView, _Kept] = OrderedDict()

    async def show(self, request: web.Request) -> web.Response:
        """Show the timeline of a part of time. The query says which part, for which pool, and which jobs."""
        check_query(request, "span", "at", "pool", "q", "page")
        question = _read_question(request)
        await self._context.page_state.refresh_now()
        async with self._looking:
            kept = await self._picture(question.view)
            body, values = await asyncio.to_thread(self._draw, question, kept)
        return self._context.respond(request, "timeline.html", HTTPStatus.OK, lanes=body, **values)

    async def _picture(self, view: TimelineView) -> _Kept:
        seq, now = self._context.backend.liveness().seq, self._context.clock.monotonic()
        kept = self._kept.pop(view, None)
        if kept is None or now - kept.made > (_lifetime(view) if kept.seq == seq else _SHORTEST):
            kept = await to_cancellable_thread(partial(self._look_ahead, view, seq, now))
        self._kept[view] = kept
        while len(self._kept) > MAX_PICTURES:
            self._kept.popitem(last=False)
        return kept

    def _look_ahead(self, view: TimelineView, seq: int, made: float, check: Check) -> _Kept:
        """Return the picture of a part of time. Called in a worker thread."""

        def pause(_part: float) -> None:
            check()
            let_other_threads_run()

        picture = view.look_ahead(self._context.backend, progress=pause)
        now = picture.forecast.start
        window = view.window(now, lanes.COLUMNS)
        return _Kept(
            picture=picture,
            window=window,
            index=lanes.LaneIndex(picture, window),
            shared={
                "load": lanes.draw_load(picture, window),
                "full": lanes.draw_full(picture, window),
                "axis": lanes.draw_axis(window, now),
                "present": lanes.percent(window, now),
                "describe": lanes.describe_bar,
                "forecast": picture.forecast,
                "now": now,
            },
            troubles=lanes.troubles(picture, _LEAST_WAIT),
            seq=seq,
            made=made,
        )

    def _draw(self, question: _TimelineQuestion, kept: _Kept) -> tuple[Markup, dict[str, Any]]:
        """Return the lanes of a page as HTML, and the values of the page. Called in a worker thread."""
        view, picture, troubles = question.view, kept.picture, kept.troubles
        words = question.words.casefold().split()
        found = [job for job in kept.index.names if all(word in job.casefold() for word in words)]
        first = (question.page - 1) * PAGE_SIZE
        names = found[first : first + PAGE_SIZE]
        drawn = lanes.draw_lanes(kept.index.spans(names), kept.window)
        html = self._context.renderer.render_page("timeline_lanes.html", lanes=drawn, **kept.shared)
        values: dict[str, Any] = {
            "question": question,
            "spans": [(name, question.link(view=replace(view, zoom=at))) for at, name in enumerate(_NAMES)],
            "links": _links(question, picture.forecast.pool),
            "first": first + 1 if names else 0,
            "last": first + len(names),
            "drawn": len(found),
            "silent": len(picture.jobs) - len(found),
            "previous": question.link(page=question.page - 1) if question.page > 1 and found else "",
            "next": question.link(page=question.page + 1) if first + PAGE_SIZE < len(found) else "",
            "forecast": picture.forecast,
            "sentence": full_sentence(picture.forecast),
            "troubles": troubles[:MAX_TROUBLES],
            "more_troubles": max(0, len(troubles) - MAX_TROUBLES),
            "poll": round(_lifetime(view)),
        }
        return Markup(html), values  # noqa: S704 - our template has escaped it


def _lifetime(view: TimelineView) -> float:
    """Return for how many seconds a picture is current while nothing changes."""
    return min(_LONGEST, max(_SHORTEST, view.length.total_seconds() / _PIXELS))


def _read_question(request: web.Request) -> _TimelineQuestion:
    query = request.query
    span, steps = query.get("span", TimelineView().name), query.get("at", "0")
    if span not in _NAMES:
        raise Problem(HTTPStatus.BAD_REQUEST, f"span must be one of {', '.join(_NAMES)}")
    if not _STEPS.fullmatch(steps) or abs(int(steps)) > MAX_STEPS:
        detail = f"at must be a whole number of quarters of the window, from -{MAX_STEPS} to {MAX_STEPS}"
        raise Problem(HTTPStatus.BAD_REQUEST, detail)
    size = query.get("pool", "")
    pool = parse_whole_number("the pool size", size, 1, MAX_POOL_SIZE) if size else None
    page = parse_whole_number("page", query.get("page", "1"), 1, _MAX_PAGE)
    view = TimelineView(zoom=_NAMES.index(span), steps=int(steps), pool=pool)
    return _TimelineQuestion(view, query.get("q", "").strip(), page)


def _links(question: _TimelineQuestion, pool: int) -> dict[str, str]:
    """Return the links to other parts of time, and to other pools; a pool of 0 has no limit."""
    view = question.view
    views = {
        "earlier": view.moved(-1) if view.steps > -MAX_STEPS else view,
        "later": view.moved(1) if view.steps < MAX_STEPS else view,
        "now": TimelineView(zoom=view.zoom),
        "nearer": view.zoomed(-1),
        "farther": view.zoomed(1),
    }
    if pool:
        views |= {"smaller": replace(view, pool=max(1, pool - 1)), "larger": replace(view, pool=pool + 1)}
    return {name: question.link(view=each) for name, each in views.items()}
