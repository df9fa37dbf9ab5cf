"""What the status page shows, in parts that are drawn once for all who look.

Each part has an id and knows in which version of the board it changed last. So what a browser lacks follows
from one number, the version that it has; and most browsers have the same, so that it is written once, too.
"""

from __future__ import annotations

import asyncio
import json
import operator
from collections.abc import Iterable
from datetime import date, datetime

from markupsafe import Markup

from jobtui.engine.enums import Phase
from jobtui.engine.views import Snapshot
from jobtui.frontend.cooperative import yield_to_others
from jobtui.frontend.formatting import ABSENT, elapsed_between, format_age
from jobtui.frontend.throttle import AdaptiveThrottle
from jobtui.runtime.clock import thread_cpu
from jobtui.runtime.timer import HEARTBEAT_LATE
from jobtui.web.context import ServerContext
from jobtui.web.pages.compression import Pack
from jobtui.web.pages.fragments import FragmentList
from jobtui.web.pages.sections import FIXED_SECTIONS, LIST_SECTIONS, MOST_JOBS
from jobtui.web.pages.template_renderer import TemplateRenderer

STALE = 5.0  # seconds after which a picture without news is old: the heartbeat is no event
_SPACING = 0.05  # seconds from one picture to the next
_LONGEST = 2.0
_SHARE = 0.06  # of a core, for everything that the server does
_SEARCHED = 100  # jobs that are looked at before others have a turn


class PageState:
    """The parts of the status page, as of the latest picture. Of the server's thread alone.

    Args:
        site: The scheduler.
        looks: How it looks.

    Attributes:
        version: Of what is shown; it grows with every change.
        seq: The number of the last event that is part of it.
        at: When the picture was taken.
        started: When the scheduler was started; None before.
    """

    def __init__(self, site: ServerContext, looks: TemplateRenderer) -> None:
        self.version = 0
        self.seq = -1
        self._site = site
        # What comes is new in every picture; of jobs and runs, what has not changed is the same object.
        self._lists = {
            name: FragmentList(
                name, looks.part(name), show, operator.eq if name == "coming" else operator.is_
            )
            for name, show in LIST_SECTIONS
        }
        self._heads = {
            name: FragmentList(name, looks.part(part), show, operator.eq, single=True)
            for name, part, show in FIXED_SECTIONS
        }
        self._draw_job = looks.part("jobs")
        self._drawing = asyncio.Lock()
        self._throttle = AdaptiveThrottle(min_interval=_SPACING, max_interval=_LONGEST, cpu_share=_SHARE)
        self._changed = False  # since the version was given its number
        self._day: date | None = None
        self._painted = 0.0
        self._snapshot: Snapshot | None = None
        self._written: dict[tuple[int, str, Pack], bytes] = {}

    # --- drawing ----------------------------------------------------------------------------------

    async def renew(self, seen: int) -> None:
        """Draw what has changed, if anything has, and not more often than there is time for.

        Args:
            seen: The version that whoever asks has. If there is a later one, that will do: somebody else has
                waited for it, and drawn it for all.
        """
        loop = asyncio.get_running_loop()
        while self.version == seen and (rest := self._throttle.delay(loop.time(), thread_cpu())):
            await yield_to_others(rest)
        async with self._drawing:
            age = self._site.clock.monotonic() - self._painted
            old = self._snapshot is None or self.seq < self._site.event_hub.seq or age >= STALE
            if self.version == seen and old:
                self._throttle.begin(loop.time(), thread_cpu())
                await self._paint()

    async def renew_now(self) -> None:
        """Draw what has changed up to this moment: somebody has asked for the page."""
        async with self._drawing:
            await self._paint()

    async def _paint(self) -> None:
        for _ in self._site.backend.scheduler.refresh_views():
            await yield_to_others()
        snapshot = self._site.backend.snapshot()
        day = snapshot.at.date()
        version = self.version + 1
        for each in (*self._heads.values(), *self._lists.values()):
            changed = await each.paint(snapshot, version, anew=day != self._day)
            self._changed |= changed  # if we are interrupted, the next one knows
        self._snapshot, self._day = snapshot, day
        self.seq, self._painted = snapshot.seq, self._site.clock.monotonic()
        if self._changed:
            self.version, self._changed = version, False
            self._written.clear()

    # --- for pages --------------------------------------------------------------------------------

    @property
    def at(self) -> datetime:
        """When the picture was taken."""
        return self.snapshot.at

    @property
    def started(self) -> datetime | None:
        """When the scheduler was started; None before."""
        return self.snapshot.started

    @property
    def snapshot(self) -> Snapshot:
        """The latest picture."""
        assert self._snapshot is not None  # who asks has drawn it
        return self._snapshot

    @property
    def heartbeat(self) -> float | None:
        """When the timer last woke, in seconds since the epoch; None while it need not."""
        snapshot = self.snapshot
        alive = snapshot.phase in (Phase.RUNNING, Phase.STOPPING) and snapshot.heartbeat is not None
        return snapshot.heartbeat.timestamp() if alive and snapshot.heartbeat else None

    @property
    def heart(self) -> str:
        """How long ago that was."""
        snapshot = self.snapshot
        if self.heartbeat is None or snapshot.heartbeat is None:
            return ABSENT
        age = format_age(snapshot.heartbeat, snapshot.at)
        late = elapsed_between(snapshot.heartbeat, snapshot.at).total_seconds() > HEARTBEAT_LATE
        return f"STALLED {age}" if late else age

    @property
    def tag(self) -> str:
        """The version as browsers know it: with the name of this scheduler's life."""
        return self.tag_of(self.version)

    def tag_of(self, version: int) -> str:
        """A version as browsers know it."""
        return f"{self._site.event_hub.epoch}-{version}"

    def version_of(self, tag: str) -> int | None:
        """The version in a tag of this scheduler's life, else None."""
        version = self._site.event_hub.seq_of(tag)  # numbers of the same kind, with the same name in front
        return version if version is not None and version <= self.version else None

    def head(self, name: str) -> Markup:
        """One of the parts that are always there."""
        return _joined(part.html for part in self._heads[name].parts.values())

    def rows(self, name: str) -> Markup:
        """The parts of a list."""
        return _joined(part.html for part in self._lists[name].parts.values())

    @property
    def complete(self) -> bool:
        """Whether every job is shown."""
        return len(self.snapshot.jobs) <= MOST_JOBS

    async def jobs_found(self, text: str) -> Markup:
        """The parts of all jobs in whose name, schedule or status each word of a text is, in any case."""
        words = text.casefold().split()
        known, found = self._lists["jobs"].parts, list[str]()
        for number, job in enumerate(self.snapshot.jobs):
            where = f"{job.name} {job.spec} {job.status.value}".casefold()
            if all(word in where for word in words):
                part = known.get(job.name)
                found.append(part.html if part else str(self._draw_job(f"found-{number}", job, self.at)))
            if number % _SEARCHED == _SEARCHED - 1:
                await yield_to_others()
        return _joined(found[:MOST_JOBS])

    def part_of(self, job: str) -> str:
        """The id of a job's part, or "" if it is not shown."""
        part = self._lists["jobs"].parts.get(job)
        return "" if part is None else part.id

    # --- for streams ------------------------------------------------------------------------------

    def news(self, seen: int, part: str, pack: Pack) -> bytes:
        """What a browser that has this version lacks, as an event of its stream; b"" if nothing.

        Args:
            seen: The version.
            part: The id of the only part it wants to know of, beside those that are always there; "" for all.
            pack: Packs it.
        """
        if seen >= self.version:
            return b""
        key = seen, part, pack
        if key not in self._written:
            text = self._write(seen, part)
            self._written[key] = pack(text) if text else b""
        return self._written[key]

    def _write(self, seen: int, only: str) -> bytes:
        parts = [
            part.written
            for each in (*self._heads.values(), *self._lists.values())
            for part in each.parts.values()
            if part.version > seen and (only in ("", part.id) or each.name in self._heads)
        ]
        lists = {
            each.name: each.order for each in self._lists.values() if each.order_version > seen and not only
        }
        if not parts and not lists:
            return b""
        text = f'{{"lists":{json.dumps(lists)},"parts":{{{",".join(parts)}}}}}'
        return f"id: {self.tag}\ndata: {text}\n\n".encode("utf-8", "replace")


def _joined(parts: Iterable[str]) -> Markup:
    return Markup("\n".join(parts))  # noqa: S704 - our templates' work
