"""Code that comes between the steps of a change: signal handlers, destructors, and errors of our own."""

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
    """Nothing."""


@pytest.fixture
def scheduler(make_scheduler: MakeScheduler) -> Scheduler:
    """A running scheduler that knows `noop`, with a pool of 2."""
    scheduler = make_scheduler(pool=2)
    scheduler.start()
    assert_ended(scheduler.now(noop))
    return scheduler


def interrupted(scheduler: Scheduler, code: Callable[[], Any]) -> Any:
    """What some code answers, or raises, that comes in the middle of a change, on its thread."""
    answer: list[Any] = []

    def handler(*_: object) -> None:
        try:
            answer.append(code())
        except RuntimeError as error:
            answer.append(error)

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
    return answer[0]


def test_a_run_may_be_asked_for_in_the_middle_of_a_change(scheduler: Scheduler) -> None:
    """It is admitted when the change is over."""
    states: list[RunState] = []

    def ask() -> Run:
        run = scheduler.now(noop)
        states.append(run.state)
        return run

    run = interrupted(scheduler, ask)
    run.result(LIMIT)
    assert states == [RunState.QUEUED]


def test_stop_in_the_middle_of_a_change_is_done_by_a_thread(scheduler: Scheduler) -> None:
    """Whoever interrupted the scheduler cannot wait for it, and it stops all the same."""
    assert interrupted(scheduler, scheduler.stop) is False
    for thread in threading.enumerate():
        if thread.name == "jobtui-stop":
            thread.join(LIMIT)
    assert scheduler.snapshot().phase is Phase.STOPPED


@pytest.mark.parametrize("what", ["snapshot", "every", "resize", "result"])
def test_whatever_else_is_asked_in_the_middle_of_a_change_is_refused(scheduler: Scheduler, what: str) -> None:
    """An error instead of a thread that waits for itself; and the change that was interrupted is made."""
    asked = {
        "snapshot": scheduler.snapshot,
        "every": lambda: scheduler.every(1, noop),
        "resize": lambda: scheduler.resize(3),
        "result": lambda: scheduler.now(noop).wait(LIMIT),
    }
    error = interrupted(scheduler, asked[what])
    assert isinstance(error, RuntimeError)
    assert "in the middle of a change" in str(error)
    scheduler.now(noop).result(LIMIT)
    assert scheduler.snapshot().pool.size == 2


def test_another_thread_waits_for_its_turn(scheduler: Scheduler) -> None:
    """Only the thread that has the lock is told that it interrupts itself."""
    inside, answers = threading.Event(), []

    def ask() -> None:
        inside.set()
        answers.append(scheduler.snapshot().pool.size)

    asker = threading.Thread(target=ask)

    def change(_: Engine) -> None:
        asker.start()
        assert inside.wait(LIMIT)
        assert not answers

    scheduler._kernel.inspect(change)
    asker.join(LIMIT)
    assert answers == [2]


def test_a_destructor_may_come_while_a_worker_goes_from_run_to_run(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The garbage collector runs it anywhere: the worker goes on, and does what the destructor asked for."""
    turn = scheduler._kernel._pool.finish_and_start_next
    take = scheduler._kernel._pool.start_next
    asked: list[Any] = []

    class Litter:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            asked.append(scheduler.now(noop))
            try:
                scheduler.snapshot()
            except RuntimeError as error:
                asked.append(error)

    def collecting(step: Callable[..., Any]) -> Callable[..., Any]:
        def with_litter(*arguments: Any) -> Any:
            if not asked:
                Litter()
                gc.collect()
            return step(*arguments)

        return with_litter

    monkeypatch.setattr(scheduler._kernel._pool, "finish_and_start_next", collecting(turn))
    monkeypatch.setattr(scheduler._kernel._pool, "start_next", collecting(take))
    scheduler.now(noop).result(LIMIT)
    run, error = asked
    run.result(LIMIT)
    assert "in the middle of a change" in str(error)


def test_a_signal_handler_may_print_while_its_thread_prints() -> None:
    """What it writes comes before or after, and nobody waits for ever."""
    console = OutputLog()

    class Interrupting(deque[tuple[str, str]]):
        def append(self, line: tuple[str, str]) -> None:
            if line[0] == "job":
                console.write("handler", "between\n")
            super().append(line)

    console._lines = Interrupting()
    console.write("job", "line\n")
    assert sorted(console.lines()) == [("handler", "between"), ("job", "line")]


# --- errors of our own ----------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["finish_and_start_next", "finish", "start_next"])
def test_an_error_of_our_own_ends_no_worker_and_is_told(scheduler: Scheduler, step: str) -> None:
    """The run has its ending, the error is in the snapshot, and the same thread does the next run."""
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("jobtui-worker")]
    pool = scheduler._kernel._pool
    whole = getattr(pool, step)

    broke = threading.Event()

    def broken(*_: object, **__: object) -> None:
        setattr(pool, step, whole)
        broke.set()
        raise KeyError("a book is missing")

    begun, leave = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert leave.wait(LIMIT)

    run = scheduler.now(work)
    assert begun.wait(LIMIT)
    if step == "finish":
        assert not run.wait(0)  # or its worker would take the shorter way
    told = threading.Event()
    events = scheduler.subscribe(told.set)
    setattr(pool, step, broken)
    leave.set()
    assert broke.wait(LIMIT)
    while not any(isinstance(event, InternalError) for event in events.read()):
        assert told.wait(LIMIT)
        told.clear()
    assert run.wait(LIMIT)
    assert run.state is (RunState.OK if step == "start_next" else RunState.FAILED)
    scheduler.now(noop).result(LIMIT)
    snapshot = scheduler.snapshot()
    assert "KeyError: 'a book is missing'" in snapshot.internal_error
    assert snapshot.pool.running == 0
    after = [thread for thread in threading.enumerate() if thread.name.startswith("jobtui-worker")]
    assert set(threads) <= set(after)


def through_together(scheduler: Scheduler) -> None:
    """See that two runs still go at once."""
    together = threading.Barrier(2)
    assert_ended(*(scheduler.now(together.wait, LIMIT) for _ in range(2)))


def test_an_error_of_our_own_is_logged_and_takes_no_worker_away(
    scheduler: Scheduler, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its traceback; afterwards as many runs go at once as before, and each begins anew."""
    pool = scheduler._kernel._pool
    finish = pool.finish

    def broken(*_: object, **__: object) -> None:
        monkeypatch.setattr(pool, "finish", finish)
        raise KeyError("a book is missing")

    def fail() -> None:
        monkeypatch.setattr(pool, "finish", broken)
        raise ValueError("no")

    run = scheduler.now(fail)
    assert_ended(run)
    assert (run.state, run.reason) == (
        RunState.FAILED,
        "error inside the scheduler: KeyError: 'a book is missing'",
    )
    through_together(scheduler)
    assert [view.state for view in scheduler.snapshot().recent] == [
        *[RunState.OK] * 2,
        RunState.FAILED,
        RunState.OK,
    ]
    [record] = [record for record in caplog.records if record.name == "jobtui"]
    assert record.message.startswith("an error inside the scheduler, in worker-")
    assert record.exc_info is not None


def break_behind_a_rest(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an error of our own come once, as soon as a worker was put to rest."""
    commit = kernel._collect_effects

    def broken() -> Any:
        if "worker" in threading.current_thread().name and kernel._executor._idle_workers:
            monkeypatch.setattr(kernel, "_collect_effects", commit)
            raise KeyError("a book is missing")
        return commit()

    monkeypatch.setattr(kernel, "_collect_effects", broken)


def test_an_error_behind_the_rest_of_a_worker_does_not_put_it_to_rest_twice(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two would be sent for where there is one."""
    scheduler = make_scheduler(pool=2)
    scheduler.start()
    kernel = scheduler._kernel
    failed, told = kernel.worker_crashed, threading.Event()

    def note(worker: Worker, error: Exception) -> None:
        failed(worker, error)
        told.set()

    break_behind_a_rest(kernel, monkeypatch)
    monkeypatch.setattr(kernel, "worker_crashed", note)
    scheduler.now(noop)
    assert told.wait(LIMIT)
    for _ in range(3):
        through_together(scheduler)


def test_a_worker_that_is_sent_for_before_its_error_is_told_is_not_put_to_rest_again(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was at rest when the error came, and had been called when that was told."""
    scheduler = make_scheduler(pool=2)
    scheduler.start()
    kernel = scheduler._kernel
    failed, told = kernel.worker_crashed, threading.Event()

    def late(worker: Worker, error: Exception) -> None:
        scheduler.now(noop)
        failed(worker, error)
        told.set()

    break_behind_a_rest(kernel, monkeypatch)
    monkeypatch.setattr(kernel, "worker_crashed", late)
    scheduler.now(noop)
    assert told.wait(LIMIT)
    through_together(scheduler)


def test_an_error_that_comes_each_time_starts_no_thread_after_thread(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is queued waits; nothing goes round and round."""
    calls: list[None] = []
    failed = threading.Semaphore(0)

    def broken(*_: object) -> None:
        calls.append(None)
        failed.release()
        raise KeyError("a book is missing")

    monkeypatch.setattr(scheduler._kernel._pool, "start_next", broken)
    runs = [scheduler.now(noop) for _ in range(3)]
    assert failed.acquire(timeout=LIMIT)
    scheduler.snapshot()
    assert len(calls) <= 2 * len(runs)
    assert len([thread for thread in threading.enumerate() if "jobtui-worker" in thread.name]) <= 4
    monkeypatch.undo()
    scheduler.now(noop).result(LIMIT)
    for run in runs:
        assert run.wait(LIMIT)


def test_the_lock_says_who_has_interrupted() -> None:
    """Only code on the thread that makes a change has."""
    lock = StateLock()
    answers = [lock.reentered]
    with lock:
        answers.append(lock.reentered)
        with pytest.raises(RuntimeError, match="middle of a change"), lock:
            pytest.fail("it was taken twice")
        answers.append(lock.reentered)
        other = threading.Thread(target=lambda: answers.append(lock.reentered))
        other.start()
        other.join(LIMIT)
    answers.append(lock.reentered)
    assert answers == [False, True, True, False, False]
