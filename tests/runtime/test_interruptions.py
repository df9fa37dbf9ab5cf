"""Code that interrupts a change of the engine: signal handlers, destructors, and errors of jobtui's own."""

import gc
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from support.real_threads import LIMIT, MakeScheduler, assert_ended

from jobtui import Run, RunState, Scheduler
from jobtui.engine.engine import Engine
from jobtui.engine.enums import Phase
from jobtui.engine.events import InternalError
from jobtui.runtime.executors.base import Worker
from jobtui.runtime.kernel import Kernel
from jobtui.runtime.output_capture import OutputLog
from jobtui.runtime.state_lock import StateLock


def noop() -> None:
    """Do nothing."""


@pytest.fixture
def scheduler(make_scheduler: MakeScheduler) -> Scheduler:
    """Make a running scheduler with a pool of 2, in which `noop` has run."""
    scheduler = make_scheduler(pool=2)
    scheduler.start()
    assert_ended(scheduler.now(noop))
    return scheduler


def call_during_change(scheduler: Scheduler, function: Callable[[], Any]) -> Any:
    """Return what a function returns or raises that interrupts a change of its own thread."""
    results: list[Any] = []

    def handler(*_: object) -> None:
        try:
            results.append(function())
        except RuntimeError as error:
            results.append(error)

    def change(_: Engine) -> None:
        if threading.current_thread() is threading.main_thread() and os.name == "posix":
            before = signal.signal(signal.SIGUSR1, handler)
            try:
                signal.raise_signal(signal.SIGUSR1)
            finally:
                signal.signal(signal.SIGUSR1, before)
        else:
            handler()

    scheduler._kernel.inspect(change)
    return results[0]


def test_now_may_interrupt_a_change(scheduler: Scheduler) -> None:
    """The run is admitted when the change is complete."""
    states: list[RunState] = []

    def request() -> Run:
        run = scheduler.now(noop)
        states.append(run.state)
        return run

    run = call_during_change(scheduler, request)
    run.result(LIMIT)
    assert states == [RunState.QUEUED]


def test_a_stop_that_interrupts_a_change_is_made_by_another_thread(scheduler: Scheduler) -> None:
    """The interrupting code cannot wait for it, so `stop` returns False."""
    assert call_during_change(scheduler, scheduler.stop) is False
    for thread in threading.enumerate():
        if thread.name == "jobtui-stop":
            thread.join(LIMIT)
    assert scheduler.snapshot().phase is Phase.STOPPED


@pytest.mark.parametrize("method", ["snapshot", "every", "resize", "result"])
def test_other_methods_raise_if_they_interrupt_a_change(scheduler: Scheduler, method: str) -> None:
    """The thread would wait for itself. The interrupted change is completed."""
    calls = {
        "snapshot": scheduler.snapshot,
        "every": lambda: scheduler.every(1, noop),
        "resize": lambda: scheduler.resize(3),
        "result": lambda: scheduler.now(noop).wait(LIMIT),
    }
    error = call_during_change(scheduler, calls[method])
    assert isinstance(error, RuntimeError)
    assert "in the middle of a change" in str(error)
    scheduler.now(noop).result(LIMIT)
    assert scheduler.snapshot().pool.size == 2


def test_another_thread_waits_until_a_change_is_complete(scheduler: Scheduler) -> None:
    """Only the thread that holds the lock can interrupt itself."""
    started, sizes = threading.Event(), []

    def read() -> None:
        started.set()
        sizes.append(scheduler.snapshot().pool.size)

    reader = threading.Thread(target=read)

    def change(_: Engine) -> None:
        reader.start()
        assert started.wait(LIMIT)
        assert not sizes

    scheduler._kernel.inspect(change)
    reader.join(LIMIT)
    assert sizes == [2]


def test_a_destructor_may_request_a_run_while_a_worker_takes_its_next_run(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The garbage collector may call it in any thread at any point."""
    pool = scheduler._kernel._pool
    results: list[Any] = []

    class Garbage:
        """An object that only the garbage collector deletes, and whose destructor calls the scheduler."""

        def __init__(self) -> None:
            self.cycle = self

        def __del__(self) -> None:
            results.append(scheduler.now(noop))
            try:
                scheduler.snapshot()
            except RuntimeError as error:
                results.append(error)

    def after_collection(step: Callable[..., Any]) -> Callable[..., Any]:
        def collect_and_call(*arguments: Any) -> Any:
            if not results:
                Garbage()
                gc.collect()
            return step(*arguments)

        return collect_and_call

    for step in ("finish_and_start_next", "start_next"):
        monkeypatch.setattr(pool, step, after_collection(getattr(pool, step)))
    scheduler.now(noop).result(LIMIT)
    run, error = results
    run.result(LIMIT)
    assert "in the middle of a change" in str(error)


def test_a_signal_handler_may_print_while_its_thread_prints() -> None:
    """The lines are complete, in either order, and nothing blocks."""
    log = OutputLog()

    class InterruptedDeque(deque[tuple[str, str]]):
        def append(self, line: tuple[str, str]) -> None:
            if line[0] == "job":
                log.write("handler", "between\n")
            super().append(line)

    log._lines = InterruptedDeque()
    log.write("job", "line\n")
    assert sorted(log.lines()) == [("handler", "between"), ("job", "line")]


# --- errors of jobtui's own -----------------------------------------------------------------------


@pytest.mark.parametrize("step", ["finish_and_start_next", "finish", "start_next"])
def test_an_internal_error_ends_no_worker_and_is_reported(scheduler: Scheduler, step: str) -> None:
    """The run has an ending, the snapshot has the error, and the same thread executes the next run."""
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("jobtui-worker")]
    pool = scheduler._kernel._pool
    original = getattr(pool, step)

    failed = threading.Event()

    def fail_once(*_: object, **__: object) -> None:
        setattr(pool, step, original)
        failed.set()
        raise KeyError("something is missing")

    started, release = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        assert release.wait(LIMIT)

    run = scheduler.now(work)
    assert started.wait(LIMIT)
    if step == "finish":
        assert not run.wait(0)  # a run with a waiter does not take the fast path
    changed = threading.Event()
    events = scheduler.subscribe(changed.set)
    setattr(pool, step, fail_once)
    release.set()
    assert failed.wait(LIMIT)
    while not any(isinstance(event, InternalError) for event in events.read()):
        assert changed.wait(LIMIT)
        changed.clear()
    assert run.wait(LIMIT)
    assert run.state is (RunState.OK if step == "start_next" else RunState.FAILED)
    scheduler.now(noop).result(LIMIT)
    snapshot = scheduler.snapshot()
    assert "KeyError: 'something is missing'" in snapshot.internal_error
    assert snapshot.pool.running == 0
    after = [thread for thread in threading.enumerate() if thread.name.startswith("jobtui-worker")]
    assert set(threads) <= set(after)


def assert_two_runs_at_once(scheduler: Scheduler) -> None:
    """Run two jobs that wait for each other, and fail if they do not end."""
    together = threading.Barrier(2)
    assert_ended(*(scheduler.now(together.wait, LIMIT) for _ in range(2)))


def test_an_internal_error_is_logged_with_its_traceback_and_costs_no_worker(
    scheduler: Scheduler, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Afterwards as many runs may be RUNNING at once as before."""
    pool = scheduler._kernel._pool
    finish = pool.finish

    def fail_once(*_: object, **__: object) -> None:
        monkeypatch.setattr(pool, "finish", finish)
        raise KeyError("something is missing")

    def work() -> None:
        monkeypatch.setattr(pool, "finish", fail_once)
        raise ValueError("no")

    run = scheduler.now(work)
    assert_ended(run)
    assert (run.state, run.reason) == (
        RunState.FAILED,
        "error inside the scheduler: KeyError: 'something is missing'",
    )
    assert_two_runs_at_once(scheduler)
    assert [view.state for view in scheduler.snapshot().recent] == [
        *[RunState.OK] * 2,
        RunState.FAILED,
        RunState.OK,
    ]
    [record] = [record for record in caplog.records if record.name == "jobtui"]
    assert record.message.startswith("an error inside the scheduler, in worker-")
    assert record.exc_info is not None


def fail_after_mark_idle(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the kernel raise once, as soon as it has marked a worker idle."""
    collect_effects = kernel._collect_effects

    def fail_once() -> Any:
        if "worker" in threading.current_thread().name and kernel._executor._idle_workers:
            monkeypatch.setattr(kernel, "_collect_effects", collect_effects)
            raise KeyError("something is missing")
        return collect_effects()

    monkeypatch.setattr(kernel, "_collect_effects", fail_once)


def test_an_internal_error_after_a_worker_was_marked_idle_does_not_mark_it_idle_twice(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise two workers would seem to be idle where there is one."""
    scheduler = make_scheduler(pool=2)
    scheduler.start()
    kernel = scheduler._kernel
    worker_crashed, reported = kernel.worker_crashed, threading.Event()

    def report(worker: Worker, error: Exception) -> None:
        worker_crashed(worker, error)
        reported.set()

    fail_after_mark_idle(kernel, monkeypatch)
    monkeypatch.setattr(kernel, "worker_crashed", report)
    scheduler.now(noop)
    assert reported.wait(LIMIT)
    for _ in range(3):
        assert_two_runs_at_once(scheduler)


def test_a_worker_that_is_woken_before_its_internal_error_is_reported_is_not_marked_idle_again(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was idle when the error occurred, and had been woken when the error was reported."""
    scheduler = make_scheduler(pool=2)
    scheduler.start()
    kernel = scheduler._kernel
    worker_crashed, reported = kernel.worker_crashed, threading.Event()

    def report_late(worker: Worker, error: Exception) -> None:
        scheduler.now(noop)
        worker_crashed(worker, error)
        reported.set()

    fail_after_mark_idle(kernel, monkeypatch)
    monkeypatch.setattr(kernel, "worker_crashed", report_late)
    scheduler.now(noop)
    assert reported.wait(LIMIT)
    assert_two_runs_at_once(scheduler)


def test_a_repeated_internal_error_does_not_spawn_more_threads(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queued runs wait until the next change."""
    calls: list[None] = []
    failed = threading.Semaphore(0)

    def fail(*_: object) -> None:
        calls.append(None)
        failed.release()
        raise KeyError("something is missing")

    monkeypatch.setattr(scheduler._kernel._pool, "start_next", fail)
    runs = [scheduler.now(noop) for _ in range(3)]
    assert failed.acquire(timeout=LIMIT)
    scheduler.snapshot()
    assert len(calls) <= 2 * len(runs)
    assert len([thread for thread in threading.enumerate() if "jobtui-worker" in thread.name]) <= 4
    monkeypatch.undo()
    scheduler.now(noop).result(LIMIT)
    for run in runs:
        assert run.wait(LIMIT)


def test_the_lock_is_reentered_only_in_the_thread_that_holds_it() -> None:
    """Taking it a second time raises instead of blocking."""
    lock = StateLock()
    reentered = [lock.reentered]
    with lock:
        reentered.append(lock.reentered)
        with pytest.raises(RuntimeError, match="middle of a change"), lock:
            pytest.fail("the lock was taken twice")
        reentered.append(lock.reentered)
        other = threading.Thread(target=lambda: reentered.append(lock.reentered))
        other.start()
        other.join(LIMIT)
    reentered.append(lock.reentered)
    assert reentered == [False, True, True, False, False]
