"""The content of the status page, in fragments that are rendered once for all browsers.

The page has a version, which grows with every change, and each fragment has the version in which it last
changed. What a browser lacks therefore follows from one number, the version that it has. Most browsers have
the same version, so the difference to it is encoded once, too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from operator import eq, is_

from markupsafe import Markup

from jobtui.engine.enums import Phase
from jobtui.engine.views import Snapshot
from jobtui.frontend.cooperative import yield_to_others
from jobtui.frontend.formatting import ABSENT, elapsed_between, failed_last, format_age, status_words
from jobtui.frontend.now_next import needs_attention
from jobtui.frontend.throttle import AdaptiveThrottle
from jobtui.runtime.clock import thread_cpu
from jobtui.runtime.timer import HEARTBEAT_LATE
from jobtui.web.pages.fragments import FragmentList
from jobtui.web.pages.sections import LIST_SECTIONS, MAX_JOBS, fixed_sections
from jobtui.web.pages.template_renderer import TemplateRenderer
from jobtui.web.server_context import ServerContext

Encode = Callable[[bytes], bytes]

_MAX_AGE = 5.0  # seconds; a heartbeat emits no event, so the page also refreshes without one
_MIN_INTERVAL = 0.05  # seconds from one refresh to the next
_MAX_INTERVAL = 2.0  # seconds
_CPU_SHARE = 0.06  # of one core, for everything that the server does
_EQUAL = ("running", "upcoming")  # the lists whose views are compared, because they are new objects each time
_CHUNK = 100  # jobs that are searched before other threads may run


class PageState:
    """The fragments of the status page, as of the latest snapshot.

    Call it in the server's thread only.

    Attributes:
        version: The version of the page; it grows with every change.
        seq: The number of the last event that the page includes.
    """

    def __init__(self, context: ServerContext, renderer: TemplateRenderer) -> None:
        self.version = 0
        self.seq = -1
        self._context = context
        # A snapshot reuses the views of unchanged jobs and runs; other views are new objects each time.
        render = renderer.fragment_macro
        self._lists = {
            name: FragmentList(name, render(name), select, eq if name in _EQUAL else is_)
            for name, select in LIST_SECTIONS
        }
        self._sections = {
            name: FragmentList(name, render(macro), select, eq) for name, macro, select in fixed_sections()
        }
        self._render_job = render("jobs")
        self._rendering = asyncio.Lock()
        self._throttle = AdaptiveThrottle(_MIN_INTERVAL, _MAX_INTERVAL, _CPU_SHARE)
        self._changed = False  # since the version last grew
        self._day: date | None = None
        self._rendered_at = 0.0
        self._snapshot: Snapshot | None = None
        self._diffs: dict[tuple[int, str, Encode], bytes] = {}

    # --- rendering --------------------------------------------------------------------------------

    async def refresh(self, base: int) -> None:
        """Render what has changed, as soon as the throttle allows it.

        Args:
            base: The version that the caller has. If another caller has refreshed the page since, or does
                so while this one waits, this call renders nothing.
        """
        loop = asyncio.get_running_loop()
        while self.version == base and (delay := self._throttle.delay(loop.time(), thread_cpu())):
            await yield_to_others(delay)
        async with self._rendering:
            age = self._context.clock.monotonic() - self._rendered_at
            outdated = self._snapshot is None or self.seq < self._context.event_hub.seq or age >= _MAX_AGE
            if self.version == base and outdated:
                self._throttle.begin(loop.time(), thread_cpu())
                await self._render()

    async def refresh_now(self) -> None:
        """Render what has changed up to now, without throttling: a browser has requested the page."""
        async with self._rendering:
            await self._render()

    async def _render(self) -> None:
        for _ in self._context.backend.refresh_views():
            await yield_to_others()
        snapshot = self._context.backend.snapshot()
        day = snapshot.at.date()
        version = self.version + 1
        for each in (*self._sections.values(), *self._lists.values()):
            changed = await each.update(snapshot, version, rerender=day != self._day)
            self._changed |= changed  # if this task is cancelled, the next one still sees the change
        self._snapshot, self._day = snapshot, day
        self.seq, self._rendered_at = snapshot.seq, self._context.clock.monotonic()
        if self._changed:
            self.version, self._changed = version, False
            self._diffs.clear()

    # --- for pages --------------------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        """The latest snapshot. Call `refresh` or `refresh_now` first."""
        assert self._snapshot is not None
        return self._snapshot

    @property
    def offset(self) -> float:
        """The offset of the scheduler's zone from UTC, in seconds."""
        return (self.snapshot.at.utcoffset() or timedelta()).total_seconds()

    @property
    def heartbeat(self) -> float | None:
        """The instant at which the timer last woke, in seconds since the epoch; None if it does not run."""
        snapshot = self.snapshot
        if snapshot.phase not in (Phase.RUNNING, Phase.STOPPING) or snapshot.heartbeat is None:
            return None
        return snapshot.heartbeat.timestamp()

    @property
    def heartbeat_age(self) -> str:
        """The time since the timer last woke, as text."""
        heartbeat, now = self.snapshot.heartbeat, self.snapshot.at
        if self.heartbeat is None or heartbeat is None:
            return ABSENT
        late = elapsed_between(heartbeat, now).total_seconds() > HEARTBEAT_LATE
        return f"{'STALLED ' if late else ''}{format_age(heartbeat, now)}"

    @property
    def tag(self) -> str:
        """The version with the scheduler's lifetime in front, as browsers send it back."""
        return self.tag_of(self.version)

    def tag_of(self, version: int) -> str:
        """Return the tag of a version."""
        return f"{self._context.event_hub.epoch}-{version}"

    def version_of(self, tag: str) -> int | None:
        """Return the version in a tag; None if the tag is not from this lifetime of the scheduler."""
        version = self._context.event_hub.seq_of(tag)  # an event id has the same form
        return version if version is not None and version <= self.version else None

    def html_of(self, name: str) -> Markup:
        """Return the HTML of a section that every page has, or of the rows of a list."""
        fragments = (self._sections | self._lists)[name].fragments.values()
        return _join_html(fragment.html for fragment in fragments)

    @property
    def tab_state(self) -> object:
        """The state of the scheduler in the browser's tab."""
        return self._sections["tab"].fragments[None].view

    async def search_jobs(self, text: str) -> tuple[Markup, int]:
        """Return the rows of the jobs whose name, schedule or status contains each word, in any case.

        Returns:
            The first rows, and the number of all jobs that match.
        """
        words = text.casefold().split()
        snapshot = self.snapshot
        known, found, count = self._lists["jobs"].fragments, list[str](), 0
        for number, job in enumerate(snapshot.jobs):
            failed = "failed" if failed_last(job) else ""
            attention = "attention" if needs_attention(job) else ""
            searched = f"{job.name} {job.spec} {status_words(job)} {failed} {attention}".casefold()
            if all(word in searched for word in words):
                row = known.get(job.name)
                count += 1
                if count > MAX_JOBS:
                    continue
                found.append(row.html if row else str(self._render_job(f"found-{number}", job, snapshot.at)))
            if number % _CHUNK == _CHUNK - 1:
                await yield_to_others()
        return _join_html(found), count

    def row_id(self, job: str) -> str:
        """Return the id of a job's row; "" if the job has none."""
        row = self._lists["jobs"].fragments.get(job)
        return "" if row is None else row.id

    # --- for streams ------------------------------------------------------------------------------

    def diff_since(self, base: int, only_row: str, encode: Encode) -> bytes:
        """Return what has changed since a version, as an event of the stream; b"" if nothing has.

        Args:
            base: The version that the browser has.
            only_row: The id of the only row to include besides the fixed sections; "" for all rows.
            encode: Encodes the event. The result is cached for this function.
        """
        if base >= self.version:
            return b""
        key = base, only_row, encode
        if key not in self._diffs:
            event = self._diff_event(base, only_row)
            self._diffs[key] = encode(event) if event else b""
        return self._diffs[key]

    def _diff_event(self, base: int, only_row: str) -> bytes:
        fragments = [
            fragment.json_member
            for each in (*self._sections.values(), *self._lists.values())
            for fragment in each.fragments.values()
            if fragment.version > base and (only_row in ("", fragment.id) or each.name in self._sections)
        ]
        lists = {
            each.name: each.order
            for each in self._lists.values()
            if each.order_version > base and not only_row
        }
        if not fragments and not lists:
            return b""
        text = f'{{"lists":{json.dumps(lists)},"fragments":{{{",".join(fragments)}}}}}'
        return f"id: {self.tag}\ndata: {text}\n\n".encode("utf-8", "replace")


def _join_html(elements: Iterable[str]) -> Markup:
    return Markup("\n".join(elements))  # noqa: S704 - our templates have escaped it
