"""Tests of workers that execute short runs in batches: no reader can see that there is a batch."""

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.real_threads import LIMIT, FakeTimer

from jobtui import Cancellation, Run, RunState, Scheduler, current_run
from jobtui.engine.batch import MIN_QUEUE, Batch
from jobtui.engine.engine import Engine
from jobtui.runtime.executors.base import Worker
from jobtui.runtime.output_capture import OutputLog, capture_streams

SHORT_RUN_LIMIT = 1_000.0  # seconds; every run is short then


def noop() -> None:
    """Do nothing."""


def has_batch(worker: Worker) -> bool:
    """Return whether a worker executes a batch."""
    return worker.batch is not None


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll a condition until it is true."""
    for _ in range(10_000):
        if condition():
            return
        threading.Event().wait(0.001)
    raise AssertionError("the condition has not become true")


class ScriptedRuns:
    """Runs of one function that does nothing, except in runs for which the test sets an action.

    Attributes:
        actions: What the run of a number does; its return value is the run's.
        started: The numbers of the runs that have started, in order.
        batch_counts: How many batches there were at each run with an action.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.actions: dict[int, Callable[[], object]] = {}
        self.started: list[int] = []
        self.batch_counts: list[int] = []
        self._requested = threading.Event()

        def job() -> object:
            assert self._requested.wait(LIMIT)
            number = current_run().number
            self.started.append(number)
            if number not in self.actions:
                return None
            self.batch_counts.append(len(scheduler._kernel._batches))
            return self.actions[number]()

        self.job = job

    def request(self, count: int) -> list[Run]:
        """Request some runs; none continues beyond its first line before all are requested."""
        runs = [self.scheduler.now(self.job) for _ in range(count)]
        self._requested.set()
        return runs

    def request_first(self) -> None:
        """Execute run 1, so that the next runs are known to be short."""
        [run] = self.request(1)
        run.result(LIMIT)
        self.started.clear()

    def block(self, number: int) -> tuple[threading.Event, threading.Event]:
        """Let a run block. Return the event that it sets when it does, and the event that releases it."""
        blocked, release = threading.Event(), threading.Event()

        def action() -> None:
            blocked.set()
            assert release.wait(LIMIT)

        self.actions[number] = action
        return blocked, release


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """A running scheduler for which every run is short, and whose timer does not check on workers."""
    scheduler = Scheduler(pool=1, tz="UTC")
    scheduler._kernel._executor.short_run_limit = SHORT_RUN_LIMIT
    scheduler._kernel._timer = FakeTimer()
    with scheduler:
        yield scheduler


@pytest.fixture
def scripted(scheduler: Scheduler) -> ScriptedRuns:
    """Scripted runs, of which the next one is number 2."""
    scripted = ScriptedRuns(scheduler)
    scripted.request_first()
    return scripted


def test_a_reader_sees_the_true_state_of_each_run_of_a_batch(
    scheduler: Scheduler, scripted: ScriptedRuns
) -> None:
    """Although the worker has not reported any run of it."""
    blocked, release = scripted.block(7)
    runs = scripted.request(12)
    assert blocked.wait(LIMIT)
    assert [run.state for run in runs] == [RunState.OK] * 5 + [RunState.RUNNING] + [RunState.QUEUED] * 6
    snapshot = scheduler.snapshot()
    assert [run.number for run in snapshot.running] == [7]
    assert [run.number for run in snapshot.waiting] == list(range(8, 14))
    assert [run.number for run in snapshot.recent] == [6, 5, 4, 3, 2, 1]
    assert (snapshot.pool.running, snapshot.pool.queued) == (1, 6)
    [job] = snapshot.jobs
    assert (job.runs, job.running, job.queued, job.prev) == (6, 1, 6, snapshot.running[0].started)
    assert runs[8].cancel() is Cancellation.TAKEN_OUT
    release.set()
    for run in runs:
        assert run.wait(LIMIT)
    assert scripted.started == [number for number in range(2, 14) if number != 10]
    times = [(run.started, run.ended) for run in reversed(scheduler.snapshot().recent) if run.started]
    assert times == sorted(times)
    assert all(ended is not None and started <= ended for started, ended in times)
    assert scripted.batch_counts == [1]


def test_a_value_an_error_a_coroutine_and_a_stop_request_each_end_a_batch(
    scheduler: Scheduler, scripted: ScriptedRuns
) -> None:
    """Each is recorded with its run, and all other runs follow in order."""

    async def coroutine() -> str:
        return "coroutine"

    def fail() -> None:
        raise ValueError("no")

    def stop_this_run() -> None:
        assert scheduler.cancel(current_run().number) is Cancellation.ASKED
        assert current_run().cancelled

    scripted.actions = {4: lambda: "value", 6: fail, 8: coroutine, 10: stop_this_run}
    runs = scripted.request(30)
    assert runs[-1].wait(LIMIT)  # only this one: a waiter of an earlier run would end the batch
    assert {run.number: run.state for run in runs if run.state is not RunState.OK} == {
        6: RunState.FAILED,
        10: RunState.CANCELLED,
    }
    assert [run.number for run in runs if run.state is RunState.OK and run.result() is not None] == [4, 8]
    assert (runs[2].result(), runs[6].result()) == ("value", "coroutine")
    assert scripted.started == list(range(2, 32))
    assert scripted.batch_counts == [1, 1, 1, 1]


def test_a_run_in_a_batch_may_use_the_scheduler(scheduler: Scheduler, scripted: ScriptedRuns) -> None:
    """It sees itself RUNNING; the run that it requests is the last one; the run it cancels does not start."""
    results: list[Any] = []

    def use_scheduler() -> None:
        results.append([run.number for run in scheduler.snapshot().running])
        results.append(scheduler.now(scripted.job))
        results.append(scheduler.cancel(9))

    scripted.actions = {5: use_scheduler}
    runs = scripted.request(12)
    assert runs[-1].wait(LIMIT)
    running, requested, cancelled = results
    assert running == [5]
    assert requested.wait(LIMIT)
    assert cancelled is Cancellation.TAKEN_OUT
    assert scripted.started == [*(number for number in range(2, 14) if number != 9), 14]
    assert scripted.batch_counts == [1]


def test_a_stop_during_a_batch_cancels_its_unstarted_runs(
    scheduler: Scheduler, scripted: ScriptedRuns
) -> None:
    """Finished runs are OK, and the RUNNING one may end."""
    blocked, release = scripted.block(5)
    runs = scripted.request(12)
    assert blocked.wait(LIMIT)
    stopper = threading.Thread(target=scheduler.stop, args=(LIMIT,))
    events = scheduler.subscribe(None)
    stopper.start()
    while not any(type(event).__name__ == "SchedulerStopping" for event in events.read()):
        assert stopper.is_alive()
    release.set()
    stopper.join(LIMIT)
    assert [run.state for run in runs] == [RunState.OK] * 4 + [RunState.CANCELLED] * 8
    assert {run.reason for run in runs[4:]} == {"scheduler stopped"}
    assert scripted.started == [2, 3, 4, 5]


def test_the_runs_behind_a_blocked_run_of_a_batch_are_executed_by_another_worker() -> None:
    """The timer reclaims them; nothing else needs the state lock in the meantime."""
    with Scheduler(pool=2, tz="UTC") as scheduler:
        scheduler._kernel._executor.short_run_limit = SHORT_RUN_LIMIT
        scripted = ScriptedRuns(scheduler)
        scripted.request_first()
        blocked, release = scripted.block(5)
        last_started = threading.Event()
        scripted.actions[13] = last_started.set
        runs = scripted.request(12)
        assert blocked.wait(LIMIT)
        assert last_started.wait(LIMIT)
        assert runs[3].state is RunState.RUNNING
        release.set()
        for run in runs:
            assert run.wait(LIMIT)
    assert scripted.started == list(range(2, 14))


def test_the_output_of_a_run_in_a_batch_is_kept(scheduler: Scheduler, scripted: ScriptedRuns) -> None:
    """As the output of any other run."""

    def write() -> None:
        sys.stdout.write("in a batch\n")

    scripted.actions = {4: write}
    with capture_streams(OutputLog()):
        assert scripted.request(12)[-1].wait(LIMIT)
    assert scheduler.output_of(4) == "in a batch\n"
    assert scripted.batch_counts == [1]


def test_a_batch_ends_if_its_worker_finds_the_state_lock_taken(
    scheduler: Scheduler, scripted: ScriptedRuns
) -> None:
    """The holder of the lock records the batch, and the unstarted runs are next."""
    blocked, release = scripted.block(5)
    last_blocked, release_last = scripted.block(31)
    runs = scripted.request(30)
    assert blocked.wait(LIMIT)
    kernel = scheduler._kernel

    def hold_until_reported(_: Engine) -> None:
        release.set()
        wait_until(lambda: bool(kernel._reports))

    kernel.inspect(hold_until_reported)
    assert last_blocked.wait(LIMIT)
    release = release_last
    kernel.inspect(hold_until_reported)
    for run in runs:
        assert run.wait(LIMIT)
    assert scripted.started == list(range(2, 32))
    assert kernel._batches == []


def test_two_workers_on_short_runs_get_no_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would reclaim the batch of the other one all the time."""
    scheduler = Scheduler(pool=2, tz="UTC")
    kernel = scheduler._kernel
    kernel._timer = FakeTimer()
    kernel._executor.short_run_limit = SHORT_RUN_LIMIT
    monkeypatch.setattr(kernel._executor, "_spawn", lambda: None)
    scheduler.start()
    first, second = Worker("worker-1"), Worker("worker-2")
    first.outcome.elapsed = second.outcome.elapsed = 1e-6
    scheduler.now(noop)
    first.outcome.run = kernel.start_first(first)
    assert kernel.finish_and_start_next(first) is None  # from here on these runs are known to be short
    for _ in range(30):
        scheduler.now(noop)
    kernel._executor.available_soon += 2
    for worker in (first, second):
        worker.outcome.run = kernel.start_first(worker)
    first.outcome.run = kernel.finish_and_start_next(first)
    assert len(kernel._executor.short_runners) == 2
    assert not has_batch(first)
    kernel._executor.check_stragglers()
    kernel._executor.check_stragglers()  # the second worker does not report
    first.outcome.run = kernel.finish_and_start_next(first)
    assert not has_batch(first)  # it counts as a short runner again only from now on
    first.outcome.run = kernel.finish_and_start_next(first)
    assert has_batch(first)
    scheduler.stop(0)


def test_an_internal_error_while_a_batch_is_recorded_fails_one_run(
    scheduler: Scheduler, scripted: ScriptedRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run whose end could not be recorded. All other runs are executed."""
    pool = scheduler._kernel._pool

    def broken(*_: object) -> None:
        monkeypatch.undo()
        raise KeyError("internal")

    def break_pool() -> str:
        monkeypatch.setattr(pool, "record_batch", broken)
        return "a value, so that the worker reports"

    scripted.actions = {5: break_pool}
    runs = scripted.request(12)
    wait_until(lambda: bool(scheduler._kernel._executor._idle_workers))
    scheduler.now(noop).result(LIMIT)
    assert [run.number for run in runs if run.state is not RunState.OK] == [5]
    assert scripted.started == list(range(2, 14))


def test_runs_that_return_values_get_no_batches(
    scheduler: Scheduler, scripted: ScriptedRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker would report after the first run of each, and the others would be reclaimed."""
    scripted.actions = {number: lambda: "value" for number in range(2, 32)}
    batches: list[Any] = []
    start_batch = scheduler._kernel._pool.start_batch

    def recorded_start_batch(*arguments: Any) -> Batch:
        batches.append(arguments)
        return start_batch(*arguments)

    monkeypatch.setattr(scheduler._kernel._pool, "start_batch", recorded_start_batch)
    for run in scripted.request(30):
        assert run.result(LIMIT) == "value"
    assert len(batches) <= 1  # after the run before, which returned nothing


def test_a_short_queue_gets_no_batch(scheduler: Scheduler, scripted: ScriptedRuns) -> None:
    """A batch costs more than it saves then."""
    scripted.actions = {4: lambda: None}
    for run in scripted.request(MIN_QUEUE):
        assert run.wait(LIMIT)
    assert scripted.batch_counts == [0]
