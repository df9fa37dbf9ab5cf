"""The timer thread: its wakes, its errors, and clocks that are set or stand still."""

import threading
import time

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


class RecordingTimer(Timer):
    """A timer that records its sleeps instead of sleeping, and stops after the last poll.

    Args:
        polls: What each poll returns or raises.
    """

    def __init__(self, *polls: float | Exception) -> None:
        self._polls = iter(polls)
        self.errors: list[BaseException] = []
        self.sleeps: list[float] = []
        super().__init__(self._next_poll, self.errors.append, lambda: 0.0)
        self._left = len(polls)

    def _next_poll(self) -> float:
        poll = next(self._polls)
        if isinstance(poll, Exception):
            raise poll
        return poll

    def _sleep(self, pause: float, woke_at: float) -> None:
        self.sleeps.append(pause)
        self._left -= 1
        if not self._left:
            self.stop()


def test_the_timer_sleeps_until_something_is_due_but_at_most_30_seconds() -> None:
    """After an exception it sleeps a second, so that one at every wake does not use up a core."""
    error = OSError("no")
    timer = RecordingTimer(0.0, 5.0, error, float("inf"), 100.0)
    timer._run()  # noqa: SLF001 - calls in this thread what the timer's thread does
    assert timer.sleeps == [0.0, 5.0, ERROR_PAUSE, MAX_SLEEP, MAX_SLEEP]
    assert ERROR_PAUSE == 1.0
    assert timer.errors == [error]


class RecordingLock:
    """A lock that records the timeouts with which it is acquired."""

    def __init__(self) -> None:
        self.timeouts: list[float] = []

    def acquire(self, timeout: float) -> bool:
        """Record the timeout."""
        self.timeouts.append(timeout)
        return False


@pytest.mark.parametrize(
    ("pause", "passed", "timeout"),
    [
        pytest.param(5.0, 0.25, 5.0, id="nothing-is-due"),
        pytest.param(0.0, MIN_WAKE_INTERVAL / 4, MIN_WAKE_INTERVAL * 3 / 4, id="just-after-the-latest-wake"),
        pytest.param(0.0, 1.0, 0.0, id="long-after-the-latest-wake"),
        pytest.param(-3.0, 1.0, 0.0, id="something-was-due-long-ago"),
    ],
)
def test_wakes_are_at_least_a_millisecond_apart(
    pause: float, passed: float, timeout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries that are due within it are taken together. A negative timeout would block without limit."""
    timer, lock = Timer(float, lambda _: None, lambda: 100.0 + passed), RecordingLock()
    monkeypatch.setattr(timer, "_wakeup_lock", lock)  # the lock is how the timer sleeps
    timer._sleep(pause, 100.0)  # noqa: SLF001 - calls in this thread what the timer's thread does
    assert lock.timeouts == [pytest.approx(timeout, abs=1e-9)]


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
