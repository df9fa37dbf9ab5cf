"""The calendar of load: the coming day minute by minute, and the ticks of some minutes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup

from jobtui.engine.typical_duration import expected_durations
from jobtui.frontend.backend import Backend
from jobtui.frontend.load_calendar import (
    HOURS,
    MINUTES,
    STEPS,
    CrowdedMinute,
    Layout,
    LoadCalendar,
    crowded_minutes,
    crowded_sentence,
    describe_field,
)
from jobtui.frontend.timeline import LEVELS
from jobtui.process.gil import let_other_threads_run
from jobtui.process.printable import printable
from jobtui.simulation.forecast import forecast
from jobtui.web.cancellable_thread import Check, to_cancellable_thread
from jobtui.web.pages.view_context import ViewContext
from jobtui.web.request_parsing import MAX_POOL_SIZE, check_query, parse_instant, parse_whole_number
from jobtui.web.responses import Problem

MOST = 100_000  # predicted runs; about 3 s of work
MAX_TICKS = 200  # in the list of some minutes
MAX_CALENDARS = 2  # that are kept for the next request; each may take 40 MB
PATIENCE = 1.0  # seconds that a request waits for a calendar; then the page says how far it is
_SHORTEST, _LONGEST = 15.0, 60.0  # seconds for which a calendar is current, if the scheduler changes, or not
_MAX_CROWDS = 5  # sentences


class _Cell(NamedTuple):
    """A field of the grid as the page shows it.

    Attributes:
        text: How many runs wait, or a sign; "" if the height says all.
        level: The height of the bar, from 0 to 8.
        tone: The tone of its colour.
        title: What happens in it.
        link: The path to its ticks; "" if it has none.
    """

    text: str
    level: int
    tone: str
    title: str
    link: str


class _HourRow(NamedTuple):
    """An hour of the grid.

    Attributes:
        start: Its beginning.
        link: The path to its ticks.
        cells: Its fields.
        ticks: How many ticks it has, as text; "" after the end of the forecast.
    """

    start: datetime
    link: str
    cells: Sequence[_Cell]
    ticks: str


class _Question(NamedTuple):
    """The question of a request.

    Attributes:
        step: How many minutes a field stands for.
        pool: The size of the pool that is asked about; None for the one that it has.
        at: The minute whose ticks are listed; None for none.
        minutes: How many minutes from then on.
    """

    step: int
    pool: int | None
    at: datetime | None = None
    minutes: int = 1

    def link(self, **changes: Any) -> str:
        """Return the path of the calendar that answers this question with some of its fields changed."""
        step, pool, at, minutes = self._replace(**changes)
        values: dict[str, object] = {} if step == 1 else {"step": step}
        if pool is not None:
            values["pool"] = pool
        if at is not None:
            values |= {"at": at.isoformat(timespec="minutes"), "minutes": minutes}
        return f"calendar?{urlencode(values)}" if values else "calendar"


@dataclass(frozen=True, slots=True)
class _KeptCalendar:
    """A calendar with its crowded minutes, the number of the last event in it, and when it was made."""

    calendar: LoadCalendar
    crowds: Sequence[CrowdedMinute]
    seq: int
    made: float


class CalendarPage:
    """Shows when the coming day is busy.

    One calendar is made at a time, in a thread, for all browsers. A request waits a second for it; then the
    page says how far it is, and reloads. It is made to the end even if no browser waits any more, and kept.

    Args:
        context: The scheduler and the way to a page.
    """

    def __init__(self, context: ViewContext) -> None:
        self._context = context
        self._kept: OrderedDict[int | None, _KeptCalendar] = (
            OrderedDict()
        )  # by the size of the pool that is asked about
        self._making: asyncio.Task[None] | None = None
        self._part = 0.0  # of it that is done

    async def show(self, request: web.Request) -> web.Response:
        """Show the calendar. The query says how fine, for which pool, and of which minutes to list ticks."""
        check_query(request, "step", "pool", "at", "minutes")
        question = _read_question(request)
        await self._context.page_state.refresh_now()
        kept = await self._calendar(question.pool)
        is_current = kept is not None and not self._is_outdated(kept)
        values: dict[str, Any] = {"question": question, "part": self._part}
        values |= {"is_made": kept is not None, "is_current": is_current}
        values["poll"] = round(_LONGEST) if is_current else 1
        values |= {} if kept is None else await asyncio.to_thread(self._draw, question, kept)
        return self._context.respond(request, "calendar.html", HTTPStatus.OK, **values)

    # --- making -----------------------------------------------------------------------------------

    async def _calendar(self, pool: int | None) -> _KeptCalendar | None:
        """Return the calendar for a pool: an outdated one, or None, if no other is made in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        while (kept := self._kept.get(pool)) is None or self._is_outdated(kept):
            if self._making is None or self._making.done():
                self._making, self._part = loop.create_task(self._make(pool)), 0.0
            making = self._making
            done, _ = await asyncio.wait([making], timeout=max(0.0, deadline - loop.time()))
            if not done:
                break
            making.result()  # raises its error
        return kept

    def _is_outdated(self, kept: _KeptCalendar) -> bool:
        age = self._context.clock.monotonic() - kept.made
        is_same = self._context.backend.liveness().seq == kept.seq
        return age > (_LONGEST if is_same else _SHORTEST)

    async def _make(self, pool: int | None) -> None:
        def work(check: Check) -> tuple[LoadCalendar, Sequence[CrowdedMinute]]:
            def note(part: float) -> None:
                check()
                self._part = part
                let_other_threads_run()

            return _look_ahead(self._context.backend, pool, note)

        seq, made = self._context.backend.liveness().seq, self._context.clock.monotonic()
        calendar, crowds = await to_cancellable_thread(work)
        self._kept.pop(pool, None)
        self._kept[pool] = _KeptCalendar(calendar, crowds, seq, made)
        while len(self._kept) > MAX_CALENDARS:
            self._kept.popitem(last=False)

    # --- drawing ----------------------------------------------------------------------------------

    def _draw(self, question: _Question, kept: _KeptCalendar) -> dict[str, Any]:
        """Return the values of the page. Called in a worker thread."""
        calendar, found = kept.calendar, kept.calendar.forecast
        layout = Layout(question.step, 1)
        rows = [_draw_hour(calendar, hour, layout, question) for hour in range(len(calendar.hours))]
        grid = self._context.renderer.render_page("calendar_grid.html", rows=rows, step=question.step)
        ticks = None if question.at is None else calendar.runs_from(question.at, question.minutes)
        pool = found.pool
        return {
            "grid": Markup(grid),  # noqa: S704 - our template has escaped it
            "forecast": found,
            "crowds": [
                (crowded_sentence(crowd, printable), question.link(at=crowd.start, minutes=1))
                for crowd in kept.crowds[:_MAX_CROWDS]
            ],
            "more_crowds": max(0, len(kept.crowds) - _MAX_CROWDS),
            "steps": [(f"{step}m", question.link(step=step), step) for step in STEPS],
            "smaller": question.link(pool=max(1, pool - 1)),
            "larger": question.link(pool=pool + 1),
            "real": question.link(pool=None),
            "ticks": None if ticks is None else ticks[:MAX_TICKS],
            "more_ticks": 0 if ticks is None else max(0, len(ticks) - MAX_TICKS),
            "listed": "" if question.at is None else _describe_minutes(question, calendar),
            "close": question.link(at=None),
        }


def _look_ahead(
    backend: Backend, pool: int | None, progress: Callable[[float], object]
) -> tuple[LoadCalendar, Sequence[CrowdedMinute]]:
    """Return the calendar and its crowded minutes. Called in a worker thread."""
    snapshot = backend.snapshot()
    found = forecast(
        snapshot,
        expected_durations(snapshot.jobs),
        length=timedelta(hours=HOURS) - timedelta(minutes=snapshot.at.minute, seconds=snapshot.at.second),
        pool=pool,
        most=MOST,
        progress=progress,
    )
    calendar = LoadCalendar(found)
    progress(1.0)
    return calendar, crowded_minutes(found)


def _read_question(request: web.Request) -> _Question:
    query = request.query
    step, minutes = query.get("step", "1"), query.get("minutes", "1")
    if step not in map(str, STEPS):
        raise Problem(HTTPStatus.BAD_REQUEST, f"step must be one of {', '.join(map(str, STEPS))}")
    size = query.get("pool", "")
    return _Question(
        step=int(step),
        pool=parse_whole_number("the pool size", size, 1, MAX_POOL_SIZE) if size else None,
        at=parse_instant("at", query.get("at")),
        minutes=parse_whole_number("minutes", minutes, 1, MINUTES),
    )


def _draw_hour(calendar: LoadCalendar, hour: int, layout: Layout, question: _Question) -> _HourRow:
    _, *pieces, (total, _) = calendar.line(hour, layout)
    cells = []
    for place, (glyph, tone) in enumerate(pieces):
        field = calendar.field(hour, place, layout)
        level = max(0, LEVELS.find(glyph))
        is_listed = field.ticks > 0 and not calendar.is_past(field)
        cells.append(
            _Cell(
                text="" if level else glyph.strip(),
                level=level,
                tone=tone,
                title=describe_field(field, calendar.forecast),
                link=question.link(at=field.start, minutes=layout.step) if is_listed else "",
            )
        )
    start = calendar.hours[hour]
    return _HourRow(start, question.link(at=start, minutes=MINUTES), cells, total.strip())


def _describe_minutes(question: _Question, calendar: LoadCalendar) -> str:
    """Return which minutes are listed, as text."""
    assert question.at is not None
    start = question.at.astimezone(calendar.forecast.start.tzinfo)
    end = (question.at + timedelta(minutes=question.minutes)).astimezone(start.tzinfo)
    return f"{start:%a %H:%M}" if question.minutes == 1 else f"{start:%a %H:%M} to {end:%H:%M}"
