"""The timer thread: when it wakes, what it does about errors, and clocks that are set or stand."""

import threading
import time

import pytest
from support.real_threads import LIMIT, MakeScheduler, assert_ended, zero

from jobtui import RunState
from jobtui.engine.engine import Engine
from jobtui.engine.events import InternalError
from jobtui.runtime.clock import ManualClock, SystemClock
from jobtui.runtime.timer import ERROR_PAUSE, MAX_SLEEP, MIN_WAKE_INTERVAL, Timer


def test_ticks_start_runs(make_scheduler: MakeScheduler) -> None:
    """The timer wakes for the job that is due first, also if it comes while the timer sleeps."""
    scheduler = make_scheduler()
    scheduler.every("1h", zero)
    scheduler.start()
    ran = threading.Semaphore(0)
    scheduler.every(0.001, ran.release, name="fast")
    for _ in range(5):
        assert ran.acquire(timeout=LIMIT)
    assert scheduler.in_(0.001, zero).result(LIMIT) == 0


class Sleeper(Timer):
    """A timer whose sleeps take no time and are written down; it ends after so many.

    Args:
        pauses: What each poll answers or raises.
    """

    def __init__(self, *pauses: float | Exception) -> None:
        self._answers = iter(pauses)
        self.failures: list[Exception] = []
        self.slept: list[float] = []
        super().__init__(self._answer, self.failures.append, lambda: 0.0)
        self._left = len(pauses)

    def _answer(self) -> float:
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _sleep(self, pause: float, woken: float) -> None:
        self.slept.append(pause)
        self._left -= 1
        if not self._left:
            self.stop()


def test_the_timer_sleeps_for_as_long_as_nothing_is_due() -> None:
    """Never longer than 30 s; after an exception a second, so that one that always comes eats no core."""
    error = OSError("no")
    timer = Sleeper(0.0, 5.0, error, float("inf"), 100.0)
    timer._run()
    assert timer.slept == [0.0, 5.0, ERROR_PAUSE, MAX_SLEEP, MAX_SLEEP]
    assert ERROR_PAUSE == 1.0
    assert timer.failures == [error]


class NotingLock:
    """A lock that only notes how long somebody would have waited for it."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def acquire(self, timeout: float) -> bool:
        """Note."""
        self.waits.append(timeout)
        return False


@pytest.mark.parametrize(
    ("pause", "passed", "slept"),
    [
        pytest.param(5.0, 0.25, 5.0, id="nothing-is-due"),
        pytest.param(0.0, MIN_WAKE_INTERVAL / 4, MIN_WAKE_INTERVAL * 3 / 4, id="just-after-the-latest-wake"),
        pytest.param(0.0, 1.0, 0.0, id="long-after-the-latest-wake"),
        pytest.param(-3.0, 1.0, 0.0, id="something-was-due-long-ago"),
    ],
)
def test_a_round_of_the_timer_takes_a_millisecond_at_least(
    pause: float, passed: float, slept: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is due within it is taken at once; a sleep is never negative, which a lock takes for endless."""
    timer, lock = Timer(float, lambda _: None, lambda: 100.0 + passed), NotingLock()
    monkeypatch.setattr(timer, "_wakeup_lock", lock)
    timer._sleep(pause, 100.0)
    assert lock.waits == [pytest.approx(slept, abs=1e-9)]


def test_an_exception_in_the_timer_is_recorded_and_the_timer_goes_on(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The snapshot and an event have it in one line; what is due comes a little later."""
    monkeypatch.setattr("jobtui.runtime.timer.ERROR_PAUSE", 0.001)
    tick = Engine.process_due
    failures = iter([OSError("the disk\nis full")])

    def fails_once(engine: Engine, now: float) -> None:
        for failure in failures:
            raise failure
        tick(engine, now)

    monkeypatch.setattr(Engine, "process_due", fails_once)
    scheduler = make_scheduler()
    subscription = scheduler.subscribe()
    run = scheduler.in_(0, zero)
    scheduler.start()
    assert_ended(run)
    assert scheduler.snapshot().internal_error == "OSError: the disk is full"
    [failed] = [event for event in subscription.read() if isinstance(event, InternalError)]
    assert failed.error == "OSError: the disk is full"


class SettableClock(SystemClock):
    """The machine's clock, and a person who sets it."""

    def __init__(self) -> None:
        self.offset = 0.0
        self.now = self._now

    def _now(self) -> float:
        return time.time() + self.offset


def test_a_clock_set_back_is_seen_before_anything_is_planned_by_it(make_scheduler: MakeScheduler) -> None:
    """A delay asked for right after the clock was set back an hour is not taken for an older one."""
    clock = SettableClock()
    scheduler = make_scheduler(clock=clock)
    scheduler.start()
    scheduler.in_(0, zero).result(LIMIT)  # the timer has looked at the clock
    older = scheduler.in_("2h", zero)
    clock.offset = -3600
    newer = scheduler.in_("30m", zero)
    scheduler.in_(0, zero).result(LIMIT)  # the timer has looked again
    assert newer.state is RunState.SCHEDULED
    due = {view.number: view.due for view in scheduler.snapshot().scheduled}
    now = clock.now()
    in_newer, in_older = due[newer.number], due[older.number]
    assert in_newer is not None
    assert in_older is not None
    assert round((in_newer.timestamp() - now) / 60) == 30
    assert round((in_older.timestamp() - now) / 60) == 120


def test_a_clock_that_stands_still_is_no_trouble(make_scheduler: MakeScheduler) -> None:
    """Runs need no time to pass."""
    scheduler = make_scheduler(clock=ManualClock(1_800_000_000))
    scheduler.start()
    assert scheduler.now(zero).result(LIMIT) == 0
