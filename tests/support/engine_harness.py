"""An engine for tests, with a time that the test moves."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from jobtui.engine.batch import Batch
from jobtui.engine.engine import Engine
from jobtui.engine.enums import Misfire, Overlap, RunState, Trigger
from jobtui.engine.events import Event, RunEvent, RunFinished, RunStarted
from jobtui.engine.job_policies import ABANDON, MAX_HELD, JobPolicies
from jobtui.engine.ledger import Ledger
from jobtui.engine.packed_exceptions import pack_exception
from jobtui.engine.pool import MOST_ABANDONED
from jobtui.engine.records import JobRecord, RunRecord, packed_view
from jobtui.engine.runnables import as_runnable
from jobtui.engine.ticks import TickPlanner
from jobtui.engine.timer_queue import JobDue
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.runtime.executors.base import Outcome
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Schedule

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()  # a Monday
MANY = 100_000  # more ledger entries than any test makes


def nothing() -> None:
    """Do nothing."""


class EngineHarness:
    """An engine under test. It keeps all its events, and a large ledger.

    Args:
        pool: The pool's size.
        started: Whether the engine is started, at noon.
        abandoned: How many abandoned runs there may be.

    Attributes:
        now: The time, in seconds since the epoch.
        engine: The engine.
        records: The record of every run; the ledger keeps only packed runs.
    """

    def __init__(self, pool: int = 1, *, started: bool = True, abandoned: int = MOST_ABANDONED) -> None:
        self.now = NOON
        self.ledger = Ledger(MANY * 2_000)
        self.engine = Engine(pool=pool, tz=UTC, ledger=self.ledger, abandoned=abandoned)
        self.records: dict[int, RunRecord] = {}
        self._new_run = self.engine.pool.new_run
        setattr(self.engine.pool, "new_run", self._recorded_new_run)  # noqa: B010 - mypy: methods are not assigned to
        self.engine.event_log.capacity = 1_000_000
        self.engine.event_log.set_reader_count(1)
        if started:
            self.start()

    def _recorded_new_run(self, *args: Any, **kwargs: Any) -> RunRecord:
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
        timeout: float = 0.0,
        warn: float = 0.0,
        abandon: float = ABANDON,
    ) -> JobRecord:
        """Add a job; by default it is not due during a test, and its runs may take any time."""
        policies = JobPolicies(
            overlap=overlap, misfire=misfire, max_held=max_held, timeout=timeout, warn=warn, abandon=abandon
        )
        parsed = parse(schedule, tz="UTC") if isinstance(schedule, str) else schedule
        record = JobRecord(
            name,
            as_runnable(nothing),
            parsed,
            spec=str(schedule),
            policies=policies,
        )
        self.engine.add_job(record, self.now)
        self.finish_work()
        return record

    def submit(self, job: JobRecord, count: int = 1, trigger: Trigger = Trigger.NOW) -> list[RunRecord]:
        """Request runs now."""
        return [self.engine.submit(job, trigger, self.now) for _ in range(count)]

    def submit_later(self, job: JobRecord, seconds: float, trigger: Trigger = Trigger.IN) -> RunRecord:
        """Request a run some seconds from now."""
        return self.engine.submit_later(job, trigger, self.now + seconds, self.now)

    def start(self) -> None:
        """Start the engine."""
        self.engine.start(self.now)
        self.finish_work()

    def step_clock(self, seconds: float) -> None:
        """Let the engine notice that the clock was set; `now` is the new time already."""
        self.engine.apply_clock_step(seconds, self.now)
        self.finish_work()

    def finish_work(self) -> None:
        """Do the long work that changes have left."""
        planner = TickPlanner()
        while self.engine.continue_work(self.now):
            pass
        while searches := self.engine.searches():
            found = [planner.find_next(job, search) for job, search in searches]
            self.engine.apply_next_ticks(found, self.now)

    def advance(self, seconds: float) -> None:
        """Move the time, and process what is due at its end."""
        self.now += seconds
        planner = TickPlanner()
        while entries := self.engine.pop_due(self.now):
            for entry in entries:
                parts = planner.plan(entry.job, self.now) if isinstance(entry, JobDue) else [entry]
                self.engine.apply_due(list(parts), self.now)

    def start_next_if_free(self) -> RunRecord | None:
        """Start the next run, if there is one and a slot for it."""
        batch = Batch(self.now)
        return batch.runs[0] if self.engine.pool.start(batch, "worker-1", at_most=1) else None

    def start_next(self) -> RunRecord:
        """Start the next run; there has to be one."""
        run = self.start_next_if_free()
        assert run is not None
        return run

    def start_all(self) -> list[RunRecord]:
        """Start every run for which there is a slot."""
        started = []
        while (run := self.start_next_if_free()) is not None:
            started.append(run)
        return started

    def finish(self, run: RunRecord, state: RunState = RunState.OK, *, elapsed: float = 1.0) -> None:
        """End the work of a run."""
        outcome = Outcome(run, elapsed)
        outcome.state = state
        self.engine.pool.finish([outcome], self.now)

    def fail_attempt(self, run: RunRecord, delay: float) -> None:
        """Let an attempt of a run fail, and ask for another one after a delay."""
        outcome = Outcome(run, 1.0)
        outcome.state, outcome.retry_in = RunState.FAILED, delay
        outcome.error = pack_exception(OSError("no answer"))
        self.engine.finish_batch(None, [outcome], self.now)

    def run_all(self) -> list[int]:
        """Start and finish runs, one by one, until none is left; return their numbers in order."""
        order = []
        while (run := self.start_next_if_free()) is not None:
            order.append(run.number)
            self.finish(run)
        return order

    def snapshot(self) -> Snapshot:
        """Return a snapshot at the current time."""
        return self.engine.snapshot(self.now)

    def view(self, job: JobRecord) -> JobView:
        """Return the view of a job."""
        return job.view(UTC)

    @property
    def counts(self) -> tuple[int, int, int]:
        """The numbers of runs that are RUNNING, QUEUED and HELD."""
        pool = self.snapshot().pool
        return pool.running, pool.queued, pool.held

    @property
    def endings(self) -> list[RunView]:
        """The views of the ledger's entries, oldest first."""
        return [packed_view(entry, UTC) for entry in reversed(list(self.ledger.entries()))]

    @property
    def tick_entries(self) -> list[tuple[RunState, int, str]]:
        """State, number of ticks and reason of the ledger's entries for ticks that started no run."""
        return [(end.state, end.ticks, end.reason) for end in self.endings if end.number == 0]

    @property
    def events(self) -> list[Event]:
        """All events so far."""
        return list(self.engine.event_log.since(0))

    def event_names(self) -> list[str]:
        """Return the names of all events so far, each with the number of its run."""
        return [
            f"{type(event).__name__} {event.run.number}"
            if isinstance(event, RunEvent)
            else type(event).__name__
            for event in self.events
        ]

    @property
    def started_numbers(self) -> list[int]:
        """The numbers of the runs that have been started, in order."""
        return [event.run.number for event in self.events if isinstance(event, RunStarted)]

    def assert_each_run_ended_once(self, runs: list[RunRecord]) -> None:
        """Assert that these runs, and no others, have one ending each in the ledger and in the events."""
        assert all(run.state.ended for run in runs)
        in_ledger = Counter(end.number for end in self.endings if end.number)
        in_events = Counter(event.run.number for event in self.events if isinstance(event, RunFinished))
        assert in_ledger == in_events == Counter(run.number for run in runs)

    def assert_events_are_numbered(self) -> None:
        """Assert that events are numbered from 1 without gaps, and that the snapshot has the last number."""
        assert [event.seq for event in self.events] == list(range(1, len(self.events) + 1))
        assert self.snapshot().seq == len(self.events)


def clock_time(seconds: float) -> str:
    """Return the wall-clock time some seconds after noon, as `HH:MM:SS`."""
    return datetime.fromtimestamp(NOON + seconds, UTC).strftime("%H:%M:%S")


def running_run(number: int = 1) -> RunRecord:
    """Return a run that is RUNNING, without an engine."""
    job = JobRecord("job", as_runnable(nothing), None, spec="one-off")
    run = RunRecord(number, job, Trigger.NOW, nothing, 0.0, 0.0)
    run.state = RunState.RUNNING
    return run
