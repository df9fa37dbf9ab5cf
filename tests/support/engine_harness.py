"""What the engine's tests share: an engine whose time is a number that the test moves."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from jobtui.engine.engine import Engine
from jobtui.engine.enums import Misfire, Overlap, RunState, Trigger
from jobtui.engine.events import Event, RunEvent, RunFinished, RunStarted
from jobtui.engine.ledger import MemoryLedger
from jobtui.engine.records import MAX_HELD, JobRecord, RunRecord, entry_view
from jobtui.engine.runnables import as_runnable
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Schedule

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()  # a Monday


def nothing() -> None:
    """Do nothing."""


class Bench:
    """An engine under test, with its events kept, and the time it is told.

    Args:
        pool: The pool's size.
        started: Whether it is started, at noon.
    """

    def __init__(self, pool: int = 1, *, started: bool = True) -> None:
        self.now = NOON
        self.ledger = MemoryLedger(capacity=100_000)
        self.engine = Engine(pool=pool, tz=UTC, ledger=self.ledger)
        self.records: dict[int, RunRecord] = {}  # of every run; the ledger keeps no more than their values
        self._new_run = self.engine.pool.new_run
        setattr(self.engine.pool, "new_run", self._noted)  # noqa: B010 - mypy: methods are not assigned to
        self.engine.event_log.capacity = 1_000_000
        self.engine.event_log.set_reader_count(1)
        if started:
            self.engine.start(self.now)

    def _noted(self, *args: Any, **kwargs: Any) -> RunRecord:
        run = self._new_run(*args, **kwargs)
        self.records[run.number] = run
        return run

    def job(
        self,
        name: str = "a",
        schedule: Schedule | str | None = "@yearly",
        *,
        overlap: Overlap = Overlap.HOLD,
        misfire: Misfire = Misfire.COALESCE,
        max_held: int = MAX_HELD,
    ) -> JobRecord:
        """Add a job; by default one that is not due while a test lasts."""
        parsed = parse(schedule, tz="UTC") if isinstance(schedule, str) else schedule
        record = JobRecord(
            name,
            as_runnable(nothing),
            parsed,
            spec=str(schedule),
            overlap=overlap,
            misfire=misfire,
            max_held=max_held,
        )
        self.engine.add_job(record, self.now)
        return record

    def submit(self, job: JobRecord, count: int = 1, trigger: Trigger = Trigger.NOW) -> list[RunRecord]:
        """Ask for runs now."""
        return [self.engine.submit(job, trigger, self.now) for _ in range(count)]

    def later(self, job: JobRecord, seconds: float, trigger: Trigger = Trigger.IN) -> RunRecord:
        """Ask for a run later."""
        return self.engine.submit_later(job, trigger, self.now + seconds, self.now)

    def tick(self, seconds: float) -> None:
        """Let time pass, and the timer wake at the end of it."""
        self.now += seconds
        self.engine.process_due(self.now)

    def take(self) -> RunRecord:
        """Start the next run; there has to be one."""
        run = self.engine.pool.start_next(self.now, "worker-1")
        assert run is not None
        return run

    def take_all(self) -> list[RunRecord]:
        """Start every run there is a slot for."""
        taken = []
        while (run := self.engine.pool.start_next(self.now, "worker-1")) is not None:
            taken.append(run)
        return taken

    def finish(self, run: RunRecord, state: RunState = RunState.OK, *, elapsed: float = 1.0) -> None:
        """End a run's work."""
        self.engine.pool.finish(run, self.now, state, elapsed)

    def run_all(self) -> list[int]:
        """Start and end runs, one by one, until nothing is left. Returns their numbers in order."""
        order = []
        while (run := self.engine.pool.start_next(self.now, "worker-1")) is not None:
            order.append(run.number)
            self.finish(run)
        return order

    def snapshot(self) -> Snapshot:
        """Everything as it is now."""
        return self.engine.snapshot(self.now)

    def view(self, job: JobRecord) -> JobView:
        """One job as it is now."""
        return self.engine.job_view(job)

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many runs are RUNNING, QUEUED and HELD."""
        pool = self.snapshot().pool
        return pool.running, pool.queued, pool.held

    @property
    def endings(self) -> list[RunView]:
        """The ledger, oldest first."""
        return [entry_view(run, UTC) for run in reversed(self.ledger.latest(100_000))]

    @property
    def ticks(self) -> list[tuple[RunState, int, str]]:
        """The ledger's entries for ticks that started no run, oldest first."""
        return [(end.state, end.ticks, end.reason) for end in self.endings if end.number == 0]

    @property
    def events(self) -> list[Event]:
        """What has happened so far."""
        return list(self.engine.event_log.since(0))

    def told(self) -> list[str]:
        """The names of the events so far, with the number of their run."""
        return [
            f"{type(event).__name__} {event.run.number}"
            if isinstance(event, RunEvent)
            else type(event).__name__
            for event in self.events
        ]

    @property
    def starts(self) -> list[int]:
        """The numbers of the runs that were started, in order."""
        return [event.run.number for event in self.events if isinstance(event, RunStarted)]

    def check_one_ending_each(self, runs: list[RunRecord]) -> None:
        """Every run has exactly one ending: in its state, in the ledger and in the events."""
        assert all(run.state.ended for run in runs)
        in_ledger = Counter(end.number for end in self.endings if end.number)
        told = Counter(event.run.number for event in self.events if isinstance(event, RunFinished))
        assert in_ledger == told == Counter(run.number for run in runs)

    def check_numbers_of_events(self) -> None:
        """Events are numbered from 1 without gaps, in order, and the snapshot knows the last."""
        assert [event.seq for event in self.events] == list(range(1, len(self.events) + 1))
        assert self.snapshot().seq == len(self.events)


def hms(seconds: float) -> str:
    """The wall clock, some seconds after noon."""
    return datetime.fromtimestamp(NOON + seconds, UTC).strftime("%H:%M:%S")
