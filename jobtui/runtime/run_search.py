"""Find runs: those that wait or run, those that the ledger keeps in memory, and those in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, tzinfo
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

from jobtui.engine.engine import Engine
from jobtui.engine.enums import RunState
from jobtui.engine.ledger import LedgerEntries
from jobtui.engine.records import (
    CREATED,
    ENDED,
    JOB,
    NUMBER,
    STATE,
    PackedRun,
    RunRecord,
    pack_run,
    packed_view,
    utc,
)
from jobtui.engine.run_columns import RunColumns, columns_of, point_of
from jobtui.engine.views import RunPage, RunView
from jobtui.runtime.kernel import Kernel
from jobtui.runtime.stream_guard import guard
from jobtui.schedules.schedule import Once

if TYPE_CHECKING:
    from jobtui.store.history import History

Answer = TypeVar("Answer")

_MOST_ENTRIES = 1_000_000  # in memory there are fewer
_PACKED_PER_HOLD = 200  # live runs that are packed in one hold of the lock


class RunSearch:
    """Answers questions about the runs of a scheduler. Never holds the lock for long.

    Args:
        kernel: Reads the engine.
        tz: The zone of the times in views.

    Attributes:
        history: The runs in the store; None without one.
    """

    def __init__(self, kernel: Kernel, tz: tzinfo) -> None:
        self._kernel = kernel
        self._tz = tz
        self.history: History | None = None

    def find(
        self,
        *,
        job: str | None,
        state: RunState | None,
        since: datetime | None,
        until: datetime | None,
        limit: int,
    ) -> list[RunView]:
        """Return the runs that meet all conditions; see `Scheduler.find_runs`."""
        first, last = [None if each is None else Once(each).at.timestamp() for each in (since, until)]
        live: list[RunRecord] = []
        if first is last is None and not (state and state.ended):
            *groups, scheduled = self._kernel.inspect(Engine.live_runs)
            scheduled.sort(key=lambda run: (run.due, run.number))
            found = (run for run in chain(*groups, scheduled) if job in (None, run.job.name))
            live = list(islice((run for run in found if state in (None, run.state)), limit))

        def read(engine: Engine) -> tuple[list[PackedRun], LedgerEntries, list[PackedRun]]:
            packed = [pack_run(run) for run in live if not run.state.ended]
            record = engine.jobs.get(job or "")
            return packed, engine.ledger.entries(), [] if record is None else list(record.recent)

        packed, entries, recent = self._kernel.inspect(read)
        left = limit - len(packed)
        if left > 0 and (state is None or state.ended):
            conditions: dict[str, Any] = {
                "job": job,
                "state": state,
                "since": first,
                "until": last,
                "limit": left,
            }
            stored = self._find_stored(**conditions)
            packed += _merge(entries.find(**conditions, recent=() if stored else recent), stored)[:left]
        return [packed_view(each, self._tz) for each in packed]

    def search(self, text: str, limit: int, cursor: str) -> RunPage:
        """Return a page of the runs that meet a query; see `Scheduler.search_runs`."""
        from jobtui.store.query import parse_query  # noqa: PLC0415 - lazy: few programs search
        from jobtui.store.query_match import find_matches  # noqa: PLC0415 - as above
        from jobtui.store.run_order import RunPosition  # noqa: PLC0415 - as above

        query = parse_query(text, datetime.fromtimestamp(self._kernel.clock.now(), self._tz))
        before = RunPosition.from_cursor(cursor) if cursor else None
        runs: Iterable[PackedRun]
        stored: list[PackedRun] = []
        if query.state is None or query.state.ended:
            runs = self._kernel.inspect(lambda engine: engine.ledger.entries())
            stored = self._from_store(lambda history: history.search(query, limit + 1, before)) or []
        else:
            runs = self._pack_live(query.state)
        found = find_matches(runs, query, limit + 1, before=before, output=self._output_in_memory)
        if stored:
            found = sorted(_unite(found, stored), key=RunPosition.of, reverse=True)
        page = found[:limit]
        return RunPage(
            runs=tuple([packed_view(each, self._tz) for each in page]),
            next=RunPosition.of(page[-1]).to_cursor() if len(found) > limit else "",
        )

    def endings_from(self, since: float, job: str | None, limit: int) -> list[RunView]:
        """Return the first endings from an instant on, oldest first; see `Scheduler.endings_from`."""
        entries = self._kernel.inspect(lambda engine: engine.ledger.entries())
        kept = entries.find(job=job, since=since, limit=_MOST_ENTRIES)
        stored = self._from_store(lambda history: history.endings_from(since, job=job, limit=limit)) or []
        if len(stored) == limit:  # those in memory are later, or among them
            kept = [each for each in kept if each[ENDED] <= stored[-1][ENDED]]
        found = sorted(_unite(kept, stored), key=lambda run: run[ENDED])[:limit]
        return [packed_view(each, self._tz) for each in found]

    def columns(self, job: str, limit: int) -> RunColumns:
        """Return the latest runs of a job as columns; see `Scheduler.run_columns`."""

        def read(engine: Engine) -> tuple[LedgerEntries, list[PackedRun]]:
            record = engine.jobs.get(job)
            return engine.ledger.entries(), [] if record is None else list(record.recent)

        entries, recent = self._kernel.inspect(read)
        kept = entries.find(job=job, limit=limit, recent=recent)
        points = [point for run in kept if (point := point_of(run)) is not None]
        # Those of the store have the class and the place of each exception; an old entry in memory has not.
        points += self._from_store(lambda history: history.points(job, limit)) or []
        return columns_of(points, limit)

    def oldest_ending(self) -> datetime | None:
        """Return when the oldest ending that is kept has ended; see `Scheduler.oldest_ending`."""
        entries = self._kernel.inspect(lambda engine: engine.ledger.entries())
        ends = [entry[ENDED] for entry in entries if entry[STATE] != RunState.FAILED.value]
        stored = self._from_store(lambda history: history.oldest_ending())
        oldest = min(ends if stored is None else [*ends, stored], default=None)
        return None if oldest is None else datetime.fromtimestamp(oldest, self._tz)

    def _pack_live(self, state: RunState) -> list[PackedRun]:
        """Return the live runs in a state, which may change during the call."""
        groups = self._kernel.inspect(Engine.live_runs)
        live = [run for run in chain(*groups) if run.state is state]
        packed: list[PackedRun] = []
        for first in range(0, len(live), _PACKED_PER_HOLD):
            part = live[first : first + _PACKED_PER_HOLD]
            packed += self._kernel.inspect(
                lambda _, part=part: [pack_run(run) for run in part if run.state is state]  # type: ignore[misc]
            )
        return packed

    def _output_in_memory(self, number: int) -> str:
        attachments = self._kernel.runs.attachments
        return attachments.redaction.redact(attachments.output_text(number) or "")

    def recent(self, views: Sequence[RunView]) -> tuple[RunView, ...]:
        """Return the latest endings of a job, with the tracebacks that only the store has.

        Args:
            views: The views of the endings.
        """
        if not any(view.state.failed and not view.error for view in views):
            return tuple(views)
        failed = self._find_stored(job=views[0].job, state=RunState.FAILED, limit=len(views))
        stored = {(run[NUMBER], utc(run[CREATED])): run for run in failed}
        found = [stored.get((view.number, view.created)) for view in views]
        return tuple(
            view if run is None or view.error else packed_view(run, self._tz)
            for view, run in zip(views, found, strict=True)
        )

    def view(self, number: int) -> RunView:
        """Return the run of a number; see `Scheduler.run_view`."""

        def look_up(engine: Engine) -> PackedRun | LedgerEntries:
            run = engine.find_run(number)
            return pack_run(run) if run else engine.ledger.get(number) or engine.ledger.entries()

        found = self._kernel.inspect(look_up)
        runs = [found] if isinstance(found, tuple) else found.find(number=number, limit=1)
        for run in runs or self._find_stored(number=number, limit=1):
            return packed_view(run, self._tz)
        if self._kernel.inspect(lambda engine: engine.has_numbered(number)):
            raise LookupError(f"run {number} has ended and is not kept any more")
        raise LookupError(f"there is no run {number}")

    def output(self, number: int) -> str | None:
        """Return what a run printed; see `Scheduler.output_of`."""
        attachments = self._kernel.runs.attachments
        if number not in attachments.outputs:
            self.view(number)  # raises LookupError
        output = attachments.output_text(number)  # it may have printed in the meantime
        if output is not None:
            return attachments.redaction.redact(output)
        if self.history is not None and (lines := self._stored_lines(number)):
            return "".join(f"{text}\n" for text in lines)
        return "" if guard.is_capturing else None

    def _find_stored(self, **conditions: Any) -> list[PackedRun]:
        return self._from_store(lambda history: history.find(**conditions)) or []

    def _from_store(self, ask: Callable[[History], Answer]) -> Answer | None:
        """Return what the store answers; None if it cannot be read, which the snapshot says."""
        if self.history is None:
            return None
        from jobtui.store.store_errors import StoreError  # noqa: PLC0415 - lazy: imports sqlite3

        try:
            return ask(self.history)
        except StoreError:
            return None

    def _stored_lines(self, number: int) -> list[str]:
        return [line.text for line in self._from_store(lambda history: history.output(number)) or ()]


def _merge(kept: list[PackedRun], stored: list[PackedRun]) -> list[PackedRun]:
    """Return the entries of the ledger and those of the store, newest first, each once."""
    return sorted(_unite(kept, stored), key=lambda run: run[ENDED], reverse=True) if stored else kept


def _unite(kept: list[PackedRun], stored: list[PackedRun]) -> Iterable[PackedRun]:
    """Return the entries of the ledger and those of the store, each once."""
    entries = {
        (run[NUMBER], run[JOB], run[CREATED], run[STATE] if not run[NUMBER] else ""): run
        for run in [*stored, *kept]
    }
    return entries.values()
