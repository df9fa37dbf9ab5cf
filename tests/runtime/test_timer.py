"""The timer thread: its wakes, its errors, and clocks that are set or stand still."""

import threading
import time
from collections.abc import Sequence

import pytest
from support.real_threads import LIMIT, MakeScheduler, assert_ended, zero

from jobtui import RunState
from jobtui.engine.engine import Engine
from jobtui.engine.events import InternalError
from jobtui.engine.timer_queue import DueEntry
from jobtui.runtime.clock import ManualClock, SystemClock
from jobtui.runtime.timer import ERROR_PAUSE, MAX_SLEEP, MIN_WAKE_INTERVAL, Timer


def test_the_timer_wakes_for_the_job_that_is_due_first(make_scheduler: MakeScheduler) -> None:
    """Also if that is registered while the timer sleeps."""
    scheduler = make_scheduler()
    scheduler.every("1h", zero)
    scheduler.start()
    ran = threading.Semaphore(0)
    scheduler.every(0.001, ran.release, name="fast")
    for _ in range(5):
        assert ran.acquire(timeout=LIMIT)
    assert scheduler.in_(0.001, zero).result(LIMIT) == 0


class SleepLog:
    """Stands for the lock on which a timer sleeps: records its sleeps, which end at once.

    Attributes:
        sleeps: How long each was to be, in seconds.
    """

    def __init__(self) -> None:
        self.sleeps: list[float] = []

    def acquire(self, timeout: float | None = None) -> bool:
        """Record a sleep. A timer that is made takes the lock without a timeout."""
        if timeout is not None:
            self.sleeps.append(timeout)
        return timeout is None

    def release(self) -> None:
        """Wake the timer, which does not sleep."""


def run_timer(
    *polls: float | Exception, times: Sequence[float] = ()
) -> tuple[list[float], list[BaseException]]:
    """Let a timer poll some times, and return how long it slept after each poll, and its errors.

    Args:
        *polls: What each poll returns or raises.
        times: The instants that the clock has, one after another; by default always 0.
    """
    left, instants, log = list(polls), iter(times), SleepLog()
    errors: list[BaseException] = []

    def poll() -> float:
        if len(left) <= 1:
            timer.stop()
        result = left.pop(0) if left else 0.0  # a timer polls once more when it ends
        if isinstance(result, Exception):
            raise result
        return result

    timer = Timer(
        poll,
        errors.append,
        lambda: next(instants, 0.0),
        log,  # type: ignore[arg-type] # as much of a lock as it needs
    )
    timer.start()
    assert timer.wait_ended(LIMIT)
    return log.sleeps, errors


def test_the_timer_sleeps_until_something_is_due_but_at_most_30_seconds() -> None:
    """After an exception it sleeps a second, so that one at every wake does not use up a core."""
    error = OSError("no")
    polls = MIN_WAKE_INTERVAL, 5.0, error, float("inf"), 100.0
    sleeps, errors = run_timer(*polls)
    assert sleeps == [MIN_WAKE_INTERVAL, 5.0, ERROR_PAUSE, MAX_SLEEP, MAX_SLEEP]
    assert ERROR_PAUSE == 1.0
    assert errors == [error]


@pytest.mark.parametrize(
    ("pause", "passed", "timeout"),
    [
        pytest.param(5.0, 0.25, 5.0, id="nothing-is-due"),
        pytest.param(0.0, MIN_WAKE_INTERVAL / 4, MIN_WAKE_INTERVAL * 3 / 4, id="just-after-the-latest-wake"),
        pytest.param(0.0, 1.0, 0.0, id="long-after-the-latest-wake"),
        pytest.param(-3.0, 1.0, 0.0, id="something-was-due-long-ago"),
    ],
)
def test_wakes_are_at_least_a_millisecond_apart(pause: float, passed: float, timeout: float) -> None:
    """Entries that are due within it are taken together. A negative timeout would block without limit."""
    sleeps, _ = run_timer(pause, times=(100.0, 100.0 + passed))
    assert sleeps == [pytest.approx(timeout, abs=1e-9)]


def test_an_exception_in_the_timer_is_recorded_and_the_timer_continues(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The snapshot and an event have it in one line; what is due starts a little later."""
    monkeypatch.setattr("jobtui.runtime.timer.ERROR_PAUSE", 0.001)
    pop_due = Engine.pop_due
    errors = iter([OSError("the disk\nis full")])

    def fail_once(engine: Engine, now: float) -> list[DueEntry]:
        for error in errors:
            raise error
        return pop_due(engine, now)

    monkeypatch.setattr(Engine, "pop_due", fail_once)
    scheduler = make_scheduler()
    subscription = scheduler.subscribe()
    run = scheduler.in_(0, zero)
    scheduler.start()
    assert_ended(run)
    assert scheduler.snapshot().internal_error == "OSError: the disk is full"
    [event] = [event for event in subscription.read() if isinstance(event, InternalError)]
    assert event.error == "OSError: the disk is full"


class SettableClock(SystemClock):
    """The machine's clock, which the test can set."""

    def __init__(self) -> None:
        self.offset = 0.0
        self.now = self._now

    def _now(self) -> float:
        return time.time() + self.offset


def test_a_clock_that_was_set_back_is_noticed_before_a_delay_is_computed_from_it(
    make_scheduler: MakeScheduler,
) -> None:
    """A delay that is requested after the step is not moved with the older ones."""
    clock = SettableClock()
    scheduler = make_scheduler(clock=clock)
    scheduler.start()
    scheduler.in_(0, zero).result(LIMIT)  # the timer has read the clock
    older = scheduler.in_("2h", zero)
    clock.offset = -3600
    newer = scheduler.in_("30m", zero)
    scheduler.in_(0, zero).result(LIMIT)  # the timer has read the clock again
    assert newer.state is RunState.SCHEDULED
    due = {view.number: view.due for view in scheduler.snapshot().scheduled}
    now = clock.now()
    in_newer, in_older = due[newer.number], due[older.number]
    assert in_newer is not None
    assert in_older is not None
    assert round((in_newer.timestamp() - now) / 60) == 30
    assert round((in_older.timestamp() - now) / 60) == 120


def test_a_run_starts_and_ends_while_the_clock_stands_still(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(clock=ManualClock(1_800_000_000))
    scheduler.start()
    assert scheduler.now(zero).result(LIMIT) == 0
