"""Tests of a whole scheduler without threads, while its clock is set, stops or jumps."""

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.engine_harness import NOON, clock_time
from support.runtime_parts import runtime_of

from jobtui import Run, RunState, Scheduler
from jobtui.engine.engine import Engine
from jobtui.engine.enums import MisfireName
from jobtui.engine.ledger import Ledger
from jobtui.engine.records import RunRecord, packed_view
from jobtui.engine.views import RunView
from jobtui.runtime.clock import Clock, ManualClock, SystemClock
from jobtui.runtime.executors.base import Dispatcher
from jobtui.runtime.redaction import Redaction
from jobtui.runtime.runtime import Runtime
from jobtui.runtime.timer import Timer
from jobtui.schedules.quiet_times import QuietTimes
from jobtui.schedules.schedule import Dst
from jobtui.simulation.inline_executor import InlineExecutor

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


# --- a scheduler without threads ------------------------------------------------------------------


class PeriodOverError(Exception):
    """Raised in the timer's sleep at the end of the time that a test lets pass."""


class SimulatedSleep(threading.Event):
    """A sleep of the timer that moves the clock instead of blocking, by at most the time the test allows."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.clock = clock
        self.left = 0.0  # seconds left of this sleep
        self.period = 0.0  # seconds left of the time that the test lets pass

    def wait(self, timeout: float | None = None) -> bool:
        """Begin a sleep."""
        assert timeout is not None
        self.left = timeout
        return self.resume()

    def resume(self) -> bool:
        """Continue the sleep, and return whether it was ended early."""
        if self.is_set():
            return True
        passed = min(self.left, self.period)
        self.clock.advance(passed)
        self.left -= passed
        self.period -= passed
        if self.left > 0:
            raise PeriodOverError
        return False


class ManualTimer(Timer):
    """The scheduler's timer, whose loop runs in the thread of the test."""

    def __init__(self, clock: ManualClock, poll: Callable[[], float]) -> None:
        super().__init__(poll, self._raise, clock.monotonic)
        self.sleep = SimulatedSleep(clock)

    def _raise(self, error: BaseException) -> None:
        raise error

    def start(self) -> None:
        """Start no thread."""

    def wake(self) -> None:
        """End the sleep."""
        self.sleep.set()

    def _sleep(self, pause: float, woken: float) -> None:
        try:
            if self.sleep.wait(max(0.0, pause)):
                self.sleep.clear()
        except PeriodOverError:
            self._stopped = True

    def run_for(self, period: float) -> None:
        """Run the timer for some seconds; the last wake may be at their end."""
        self.sleep.period = period
        self._stopped = False
        with contextlib.suppress(PeriodOverError):
            if self.sleep.resume():
                self.sleep.clear()
            self._run()


@dataclass(frozen=True)
class StartedRun:
    """A run that has started.

    Attributes:
        job: The name of its job.
        due: When it was due, in seconds since the epoch.
        started: When it started by the wall clock, in seconds since the epoch.
        elapsed: How many seconds it started after the scheduler.
    """

    job: str
    due: float | None
    started: float
    elapsed: float


class RecordingExecutor(InlineExecutor):
    """An executor in the thread of the test that records the runs."""

    def __init__(self, dispatcher: Dispatcher, clock: ManualClock) -> None:
        super().__init__(dispatcher, clock, self.execute_pending, self._record_start)
        self._monotonic = clock.monotonic
        self.started_runs: list[StartedRun] = []

    def _record_start(self, run: RunRecord) -> None:
        assert run.started is not None
        self.started_runs.append(StartedRun(run.job.name, run.due, run.started, self._monotonic()))


def work() -> None:
    """Do nothing."""


class MachineClock(SystemClock):
    """The clocks of a machine that a test moves; the monotonic one stops while the machine is suspended.

    Args:
        clock: Shows the wall clock and the monotonic one.

    Attributes:
        manual: The clock that shows the wall clock and the monotonic one.
        suspended: How many seconds the machine was suspended in all.
    """

    def __init__(self, clock: ManualClock) -> None:
        self.manual = clock
        self.suspended = 0.0

    def now(self) -> float:
        """Return the wall clock."""
        return self.manual.now()

    def monotonic(self) -> float:
        """Return the clock that stops."""
        return self.manual.monotonic()

    def elapsed(self) -> float:
        """Return the clock that goes on."""
        return self.manual.monotonic() + self.suspended


class ManualRuntime(Runtime):
    """A runtime without threads."""

    def __init__(
        self,
        *,
        pool: int,
        tz: tzinfo,
        clock: MachineClock,
        ledger: Ledger,
        redaction: Redaction,
        abandoned: int,
        quiet: QuietTimes,
    ) -> None:
        def make_executor(dispatcher: Dispatcher, _: Clock) -> RecordingExecutor:
            self.executor = RecordingExecutor(dispatcher, clock.manual)
            return self.executor

        def make_timer(poll: Callable[[], float], *_: object) -> ManualTimer:
            self.timer = ManualTimer(clock.manual, poll)
            return self.timer

        super().__init__(
            pool=pool,
            tz=tz,
            clock=clock,
            ledger=ledger,
            redaction=redaction,
            abandoned=abandoned,
            quiet=quiet,
            make_executor=make_executor,
            make_timer=make_timer,
        )


class ManualScheduler(Scheduler):
    """A scheduler without threads."""

    _runtime_type = ManualRuntime
    _runtime: ManualRuntime

    @property
    def timer(self) -> ManualTimer:
        """Its timer."""
        return self._runtime.timer

    @property
    def executor(self) -> RecordingExecutor:
        """Its executor."""
        return self._runtime.executor


class ClockHarness:
    """A scheduler without threads, on a clock that the test moves.

    Args:
        start: The time of the wall clock at the beginning, in seconds since the epoch.
        tz: The scheduler's zone.
    """

    def __init__(self, start: float = NOON, tz: str = "UTC") -> None:
        self.clock = ManualClock(start)
        self.machine = MachineClock(self.clock)
        self.scheduler = ManualScheduler(tz=tz, clock=self.machine)
        self.timer, self.executor = self.scheduler.timer, self.scheduler.executor

    def start(self) -> None:
        """Start the scheduler; its timer wakes for the first time."""
        self.scheduler.start()
        self.run_for(0)

    def run_for(self, seconds: float) -> None:
        """Let time pass, with the timer at work."""
        self.timer.run_for(seconds)

    def wake_timer(self) -> None:
        """Wake the timer now."""
        self.timer.wake()
        self.run_for(0)

    def suspend(self, seconds: float) -> None:
        """Suspend a machine whose monotonic clock continues: the timer's sleep gets shorter."""
        self.clock.advance(seconds)
        self.timer.sleep.left = max(0.0, self.timer.sleep.left - seconds)

    def suspend_monotonic(self, seconds: float) -> None:
        """Suspend a machine whose monotonic clock stops: the timer sleeps on afterwards."""
        self.machine.suspended += seconds
        self.clock.step(seconds)

    def step_clock(self, seconds: float) -> None:
        """Set the wall clock. No time passes."""
        self.clock.step(seconds)

    def runs_of(self, job: str) -> list[StartedRun]:
        """Return the runs of a job."""
        return [run for run in self.executor.started_runs if run.job == job]

    def due_times(self, job: str) -> list[str]:
        """Return when the runs of a job were due, as day and time in UTC."""
        return [day_and_time(run.due) for run in self.runs_of(job) if run.due is not None]

    def start_times(self, job: str) -> list[str]:
        """Return when the runs of a job started, as day and time in UTC."""
        return [day_and_time(run.started) for run in self.runs_of(job)]

    def next_tick(self, job: str) -> datetime:
        """Return when a job is due next."""
        instant = self.scheduler.job(job).next
        assert instant is not None
        return instant

    @property
    def ledger(self) -> list[RunView]:
        """The views of the ledger's entries, oldest first."""

        def endings(engine: Engine) -> list[RunView]:
            return [packed_view(entry, UTC) for entry in reversed(list(engine.ledger.entries()))]

        return runtime_of(self.scheduler).kernel.inspect(endings)

    def tick_entries(self, job: str) -> list[tuple[RunState, int, str]]:
        """Return state, number of ticks and reason of a job's entries for ticks that started no run."""
        return [
            (end.state, end.ticks, end.reason) for end in self.ledger if end.number == 0 and end.job == job
        ]


def day_and_time(seconds: float) -> str:
    """Return an instant as day and time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %H:%M:%S")


def times_on(day: int, *times: str) -> list[str]:
    """Return times of one day, each with the day and with seconds."""
    return [f"{day} {time}:00" for time in times]


# --- suspensions and steps forward -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("monotonic_goes_on", "woken_after", "interval_ticks", "upcoming"),
    [(True, 0, 720, "23 14:00:10"), (False, 5, 721, "23 14:00:20")],
    ids=["monotonic clock continues", "monotonic clock stops"],
)
def test_after_two_hours_of_suspension_each_job_runs_once(
    monotonic_goes_on: bool, woken_after: float, interval_ticks: int, upcoming: str
) -> None:
    """The ledger has the exact number of the missed ticks."""
    harness = ClockHarness()
    harness.scheduler.schedule("0 * * * * *", work, name="cron")
    harness.scheduler.every("10s", work, name="interval")
    harness.start()
    harness.run_for(5)
    if monotonic_goes_on:
        harness.suspend(2 * HOUR)
    else:
        harness.suspend_monotonic(2 * HOUR)  # the timer still sleeps for five seconds, until 12:00:10
    harness.run_for(woken_after)
    woken = clock_time(2 * HOUR + 5 + woken_after)
    assert harness.start_times("cron") == harness.start_times("interval") == [f"23 {woken}"]
    numbers = {end.job: end.number for end in harness.ledger if end.number}
    assert harness.tick_entries("cron") == [
        (
            RunState.COALESCED,
            119,
            f"120 ticks since 12:01:00 were missed; run {numbers['cron']} covers them all",
        )
    ]
    assert harness.tick_entries("interval") == [
        (
            RunState.COALESCED,
            interval_ticks - 1,
            f"{interval_ticks} ticks since 12:00:10 were missed; run {numbers['interval']} covers them all",
        )
    ]
    assert day_and_time(harness.next_tick("cron").timestamp()) == "23 14:01:00"
    assert day_and_time(harness.next_tick("interval").timestamp()) == upcoming


def test_after_a_suspension_by_a_day_each_job_runs_once_and_keeps_its_grid() -> None:
    """The other ticks of that day are counted; then every job is punctual again."""
    harness = ClockHarness()
    harness.scheduler.schedule("0 */15 * * * *", work, name="quarter")
    harness.scheduler.schedule("0 30 12 * * *", work, name="daily")
    harness.scheduler.every("10m", work, name="interval")
    harness.start()
    harness.run_for(20 * MINUTE)
    harness.suspend_monotonic(DAY)
    harness.run_for(30)
    assert harness.due_times("quarter") == times_on(23, "12:15", "12:30")
    assert harness.due_times("daily") == times_on(23, "12:30")
    assert harness.due_times("interval") == times_on(23, "12:10", "12:20", "12:30")
    assert {
        name: harness.start_times(name)[-1] for name in ("quarter", "daily", "interval")
    } == dict.fromkeys(("quarter", "daily", "interval"), "24 12:20:30")
    assert [(state, count) for state, count, _ in harness.tick_entries("quarter")] == [
        (RunState.COALESCED, 95)
    ]
    assert harness.tick_entries("daily") == []
    assert [(state, count) for state, count, _ in harness.tick_entries("interval")] == [
        (RunState.COALESCED, 143)
    ]
    harness.run_for(30 * MINUTE)
    assert harness.start_times("quarter")[2:] == times_on(24, "12:30", "12:45")
    assert harness.start_times("daily")[1:] == times_on(24, "12:30")
    assert harness.start_times("interval")[3:] == times_on(24, "12:30", "12:40", "12:50")


@pytest.mark.parametrize(
    ("jump", "interval", "cron"),
    [
        (
            lambda harness: harness.suspend(2 * HOUR),
            (12, "noticed at 14:00:05, 6605.0 s late"),
            (8, "noticed at 14:00:05, 6305.0 s late"),
        ),
        (
            lambda harness: harness.suspend_monotonic(DAY),
            (144, "noticed at 12:00:30, 85830.0 s late"),
            (96, "noticed at 12:00:30, 85530.0 s late"),
        ),
    ],
    ids=["suspended for two hours", "suspended for a day"],
)
def test_misfire_skip_misses_the_ticks_that_a_jump_passed_over(
    jump: Callable[[ClockHarness], None], interval: tuple[int, str], cron: tuple[int, str]
) -> None:
    """They are counted, with how late they were noticed; the next tick starts a run."""
    harness = ClockHarness()
    harness.scheduler.every("10m", work, name="interval", misfire="skip")
    harness.scheduler.schedule("0 */15 * * * *", work, name="cron", misfire="skip")
    harness.start()
    harness.run_for(5)
    jump(harness)
    harness.run_for(harness.timer.sleep.left)
    assert harness.executor.started_runs == []
    assert harness.tick_entries("interval") == [(RunState.MISSED, *interval)]
    assert harness.tick_entries("cron") == [(RunState.MISSED, *cron)]
    harness.run_for(15 * MINUTE)
    assert [run.started - (run.due or 0) for run in harness.executor.started_runs] == [0, 0]
    assert [run.job for run in harness.executor.started_runs] == ["interval", "cron"]


def test_misfire_all_after_a_suspension_runs_once_for_each_tick() -> None:
    """In order, and every tick has its run."""
    harness = ClockHarness()
    harness.scheduler.every("10m", work, name="interval", misfire="all")
    harness.scheduler.schedule("0 */15 * * * *", work, name="cron", misfire="all")
    harness.start()
    harness.run_for(5)
    harness.suspend(2 * HOUR)
    harness.run_for(0)
    assert [run.due for run in harness.runs_of("interval")] == [
        NOON + number * 10 * MINUTE for number in range(1, 13)
    ]
    assert [run.due for run in harness.runs_of("cron")] == [
        NOON + number * 15 * MINUTE for number in range(1, 9)
    ]
    assert {day_and_time(run.started) for run in harness.executor.started_runs} == {"23 14:00:05"}
    assert [(end.state, end.reason) for end in harness.ledger] == [(RunState.OK, "")] * 20


def test_misfire_all_after_a_step_of_a_day_starts_a_run_for_each_tick() -> None:
    """They start in slices, so that the lock is not held for long, and in the order of the ticks."""
    harness = ClockHarness()
    harness.scheduler.schedule("0 * * * * *", work, name="cron", misfire="all")
    harness.start()
    harness.run_for(5)
    harness.step_clock(DAY)
    harness.run_for(25)
    assert [run.due for run in harness.runs_of("cron")] == [
        NOON + number * MINUTE for number in range(1, 1_441)
    ]
    assert Counter(end.state for end in harness.ledger) == {RunState.OK: 1_440}
    harness.run_for(MINUTE)
    assert harness.start_times("cron")[1_440:] == ["24 12:01:00"]


# --- steps back -------------------------------------------------------------------------------------


def test_a_repeated_hour_repeats_no_cron_tick_and_stalls_no_interval() -> None:
    """After a step back of an hour; intervals keep their length."""
    harness = ClockHarness(NOON - HOUR)
    harness.scheduler.schedule("0 */15 * * * *", work, name="quarter")
    harness.scheduler.schedule("0 30 12 * * *", work, name="daily")
    harness.scheduler.every("10m", work, name="interval")
    harness.start()
    harness.run_for(100 * MINUTE)
    assert day_and_time(harness.clock.now()) == "23 12:40:00"
    harness.step_clock(-HOUR)
    harness.run_for(90 * MINUTE)
    assert day_and_time(harness.clock.now()) == "23 13:10:00"
    first = times_on(23, "11:15", "11:30", "11:45", "12:00", "12:15", "12:30")
    assert harness.start_times("quarter") == [*first, *times_on(23, "12:45", "13:00")]
    assert harness.start_times("daily") == times_on(23, "12:30")
    assert [run.elapsed for run in harness.runs_of("interval")] == [
        number * 10 * MINUTE for number in range(1, 20)
    ]
    assert all(end.number for end in harness.ledger)


MOVES = [(-2.0, 2.0, -1.0, 1.0), (2.0, -2.0, 1.0, -1.0), (-0.375, 0.375)]


@pytest.mark.parametrize("moves", MOVES, ids=str)
@pytest.mark.parametrize("second", [58.5, 59.0, 59.75, 60.0, 60.25, 61.0])
def test_a_tick_runs_once_while_the_clock_steps_back_and_forth_around_it(
    moves: tuple[float, ...], second: float
) -> None:
    """So does the next tick."""
    harness = ClockHarness()
    harness.scheduler.schedule("0 * * * * *", work, name="cron")
    harness.start()
    harness.run_for(second)
    for seconds in moves * 25:
        harness.step_clock(seconds)
        harness.wake_timer()
    harness.run_for(90 - second)
    assert harness.due_times("cron") == times_on(23, "12:01")
    harness.run_for(60)
    assert harness.due_times("cron") == times_on(23, "12:01", "12:02")
    assert all(end.number for end in harness.ledger)


@pytest.mark.parametrize("second", [59.75, 60.0, 60.25])
def test_steps_of_up_to_half_a_second_do_not_move_the_grid_of_an_interval(second: float) -> None:
    """They do not count as steps: each tick starts one run."""
    harness = ClockHarness()
    harness.scheduler.every("1m", work, name="interval")
    harness.start()
    harness.run_for(second)
    for seconds in (-0.375, 0.375, 0.5, -0.5) * 25:
        harness.step_clock(seconds)
        harness.wake_timer()
    harness.run_for(150 - second)
    assert harness.due_times("interval") == times_on(23, "12:01", "12:02")
    assert harness.start_times("interval")[1:] == times_on(23, "12:02")


# --- one-off runs ---------------------------------------------------------------------------------


def one_offs(harness: ClockHarness, delay: float) -> list[Run]:
    """Request a run after a delay, and another one at the same instant."""

    def instant() -> None:
        """Do nothing."""

    return [
        harness.scheduler.in_(delay, work),
        harness.scheduler.at(datetime.fromtimestamp(NOON + delay, UTC), instant),
    ]


@pytest.mark.parametrize(
    ("jump", "woken"),
    [
        (lambda harness: harness.suspend(2 * HOUR), "23 14:00:05"),
        (lambda harness: harness.suspend_monotonic(2 * HOUR), "23 14:00:30"),
    ],
    ids=["monotonic clock continues", "monotonic clock stops"],
)
def test_a_one_off_run_that_is_due_during_a_suspension_runs_once_afterwards(
    jump: Callable[[ClockHarness], None], woken: str
) -> None:
    """Both `in_` and `at`."""
    harness = ClockHarness()
    harness.start()
    runs = one_offs(harness, HOUR)
    harness.run_for(5)
    jump(harness)
    harness.run_for(harness.timer.sleep.left)
    assert [run.state for run in runs] == [RunState.OK, RunState.OK]
    harness.run_for(3 * HOUR)
    assert harness.start_times("work") == harness.start_times("instant") == [woken]
    assert harness.due_times("work") == harness.due_times("instant") == ["23 13:00:00"]
    assert [(end.number, end.state) for end in harness.ledger] == [(1, RunState.OK), (2, RunState.OK)]


def test_a_clock_set_back_keeps_the_length_of_delays_and_the_instants_of_one_off_runs() -> None:
    """`in_` two hours takes two hours; `at` two o'clock is at two o'clock."""
    harness = ClockHarness()
    harness.start()
    one_offs(harness, 2 * HOUR)
    harness.run_for(30 * MINUTE)
    harness.step_clock(-HOUR)
    harness.run_for(5 * HOUR)
    [delay], [instant] = harness.runs_of("work"), harness.runs_of("instant")
    assert (delay.elapsed, day_and_time(delay.started)) == (2 * HOUR, "23 13:00:00")
    assert (instant.elapsed, day_and_time(instant.started)) == (3 * HOUR, "23 14:00:00")


@pytest.mark.parametrize("seconds", [0.75, 28.5 * MINUTE, HOUR, 5 * HOUR, 400 * DAY])
@pytest.mark.parametrize("direction", [1, -1])
def test_a_clock_set_forward_keeps_the_length_of_intervals_and_delays(seconds: float, direction: int) -> None:
    """As one that is set back: they count elapsed time."""
    harness = ClockHarness()
    interval = harness.scheduler.every("10m", work, name="interval")
    harness.start()
    harness.run_for(90)
    harness.scheduler.in_("30m", work)
    harness.run_for(90)
    harness.step_clock(direction * seconds)
    harness.run_for(HOUR)
    elapsed = [run.elapsed for run in harness.runs_of("interval")]
    assert elapsed == pytest.approx([number * 10 * MINUTE for number in range(1, 7)], abs=0.01)
    assert [run.elapsed for run in harness.runs_of("work")] == pytest.approx([90 + 30 * MINUTE], abs=0.01)
    assert harness.tick_entries("interval") == []
    assert interval.next is not None


def test_a_run_or_a_job_that_is_new_after_a_step_forward_has_the_new_time() -> None:
    """Even if the timer has not noticed the step yet."""
    harness = ClockHarness()
    harness.start()
    harness.run_for(5)
    harness.step_clock(2 * HOUR)
    harness.scheduler.in_("30m", work)
    harness.scheduler.every("10m", work, name="interval")
    harness.run_for(31 * MINUTE)
    assert [run.elapsed for run in harness.runs_of("work")] == [5 + 30 * MINUTE]
    assert [run.elapsed for run in harness.runs_of("interval")] == [5 + n * 10 * MINUTE for n in (1, 2, 3)]


def test_a_clock_set_forward_lets_instants_of_the_wall_clock_pass() -> None:
    """Those of `at`, of cron jobs, and of an interval with a given start."""
    harness = ClockHarness()
    harness.scheduler.schedule("0 0 13 * * *", work, name="cron")
    start = datetime.fromtimestamp(NOON + 50 * MINUTE, UTC)
    harness.scheduler.every("24h", work, start=start, name="interval")
    harness.start()
    one_offs(harness, 40 * MINUTE)
    harness.run_for(5)
    harness.step_clock(2 * HOUR)
    harness.run_for(30)
    assert harness.start_times("cron") == harness.start_times("interval") == ["23 14:00:30"]
    assert harness.start_times("instant") == ["23 14:00:30"]
    assert harness.runs_of("work") == []


def test_a_clock_set_forward_and_back_before_it_is_noticed_moves_nothing() -> None:
    """Only the difference counts."""
    harness = ClockHarness()
    harness.scheduler.every("10m", work, name="interval")
    harness.start()
    harness.run_for(5)
    harness.step_clock(2 * HOUR)
    harness.step_clock(-2 * HOUR)
    harness.run_for(10 * MINUTE)
    assert [run.elapsed for run in harness.runs_of("interval")] == [10 * MINUTE]


# --- the grid of intervals ------------------------------------------------------------------------

INTERVALS = {"1s": 1.0, "7s": 7.0, "1500ms": 1.5, "250ms": 0.25, "1h": 3_600.0}


def intervals() -> ClockHarness:
    """Return a harness with a job for each interval, named after it."""
    harness = ClockHarness()
    for interval in INTERVALS:
        harness.scheduler.every(interval, work, name=interval)
    harness.start()
    return harness


def test_punctual_intervals_are_on_their_grid_to_the_microsecond_all_day() -> None:
    """Every run is due and starts at ``start + k * interval``, in the first minute and in the last."""
    harness = intervals()
    harness.run_for(MINUTE)
    harness.suspend(DAY - 2 * MINUTE)
    harness.wake_timer()
    before = len(harness.executor.started_runs)
    harness.run_for(MINUTE)
    assert harness.clock.now() == NOON + DAY
    last = range(int(DAY - MINUTE), int(DAY))
    for name, interval in INTERVALS.items():
        grid = [number * interval for number in range(1, int(DAY / interval) + 1)]
        due = [(run.due or 0) - NOON for run in harness.executor.started_runs[:before] if run.job == name]
        assert due[:-1] == [instant for instant in grid if instant <= MINUTE]
        assert due[-1] == next(instant for instant in grid if instant > MINUTE)  # it covers the missed ticks
        runs = [run for run in harness.executor.started_runs[before:] if run.job == name]
        assert [(run.due or 0) - NOON for run in runs] == [
            instant for instant in grid if instant > last.start
        ]
        assert all(run.started == run.due for run in runs)


def test_late_wakes_do_not_move_the_grid_of_an_interval() -> None:
    """Through a day of wakes that are late at random, `next` is exactly the next instant of the grid."""
    harness = intervals()
    rng = random.Random(20_261_123)
    start = datetime.fromtimestamp(NOON, UTC)
    expected = {name: start + timedelta(seconds=interval) for name, interval in INTERVALS.items()}
    while harness.clock.now() < NOON + DAY:
        due = expected[rng.choice(["1s", "7s", "1500ms", "250ms"])].timestamp()
        late = rng.choice([0.0, 1e-6, 0.003, rng.random(), rng.uniform(0, 600)])
        harness.executor.started_runs.clear()
        harness.clock.advance(max(0.0, due - harness.clock.now()) + late)
        harness.wake_timer()
        now = datetime.fromtimestamp(harness.clock.now(), UTC)
        started = {run.job: run.due for run in harness.executor.started_runs}
        assert len(started) == len(harness.executor.started_runs)
        assert started == {name: instant.timestamp() for name, instant in expected.items() if instant <= now}
        for name, seconds in INTERVALS.items():
            interval = timedelta(seconds=seconds)
            expected[name] = start + ((now - start) // interval + 1) * interval
            assert harness.next_tick(name) == expected[name]


# --- transitions of the clock --------------------------------------------------------


@pytest.mark.parametrize(
    ("evening", "spec", "dst", "expected"),
    [
        # 1 November 2026 in New York: at 2:00 EDT, 06:00 UTC, it is 1:00 EST.
        ("2026-10-31", "0 30 1 * * *", "once", ["01 05:30:00", "02 06:30:00"]),
        ("2026-10-31", "0 30 1 * * *", "every", ["01 05:30:00", "01 06:30:00", "02 06:30:00"]),
        ("2026-10-31", "0 30 2 * * *", "once", ["01 07:30:00", "02 07:30:00"]),
        ("2026-10-31", "0 30 2 * * *", "every", ["01 07:30:00", "02 07:30:00"]),
        # 8 March 2026: at 2:00 EST, 07:00 UTC, it is 3:00 EDT.
        ("2026-03-07", "0 30 1 * * *", "once", ["08 06:30:00", "09 05:30:00"]),
        ("2026-03-07", "0 30 1 * * *", "every", ["08 06:30:00", "09 05:30:00"]),
        ("2026-03-07", "0 30 2 * * *", "once", ["08 07:00:00", "09 06:30:00"]),
        ("2026-03-07", "0 30 2 * * *", "every", ["09 06:30:00"]),
    ],
)
def test_cron_jobs_run_at_exactly_the_instants_of_the_dst_rule(
    evening: str, spec: str, dst: Dst, expected: list[str]
) -> None:
    """In the night of a transition, and in the night after it."""
    harness = ClockHarness(datetime.fromisoformat(f"{evening}T22:00:00Z").timestamp(), "America/New_York")
    harness.scheduler.schedule(spec, work, name="cron", dst=dst)
    harness.start()
    harness.run_for(36 * HOUR)
    assert harness.start_times("cron") == harness.due_times("cron") == expected
    assert all(end.number for end in harness.ledger)


@pytest.mark.parametrize(("dst", "coalesced"), [("once", []), ("every", [(RunState.COALESCED, 1)])])
def test_after_a_suspension_over_an_overlap_of_the_clock_a_job_runs_once(
    dst: Dst, coalesced: list[tuple[RunState, int]]
) -> None:
    """With ``dst="every"`` both folds are ticks, and one run covers them both."""
    harness = ClockHarness(datetime(2026, 11, 1, 4, tzinfo=UTC).timestamp(), "America/New_York")
    harness.scheduler.schedule("0 30 1 * * *", work, name="cron", dst=dst)
    harness.start()
    harness.suspend(5 * HOUR)
    harness.run_for(0)
    assert harness.start_times("cron") == ["01 09:00:00"]
    assert [(state, count) for state, count, _ in harness.tick_entries("cron")] == coalesced


# --- random moves of the clock ------------------------------------------------------------------------

# Quarters of a second, which floats add without error. A step back of half a second or less does not count,
# and one of more than three hours corrects a wrong clock. The timer is woken after each move.
RUN = st.integers(0, 4 * 120).map(lambda quarters: ("run", quarters / 4))
SUSPEND = st.integers(0, 4 * 2 * 86_400).map(lambda quarters: ("suspend", quarters / 4))
BACK = st.integers(3, 4 * 3 * 3_600).map(lambda quarters: ("step", -quarters / 4))
FORWARD = st.integers(0, 4 * 2 * 86_400).map(lambda quarters: ("step", quarters / 4))


@given(
    interval=st.sampled_from([60, 90, 3_600]),
    moves=st.lists(st.one_of(RUN, SUSPEND, BACK, FORWARD), max_size=20),
)
@example(interval=90, moves=[("suspend", HOUR - 17)])  # until exactly a tick
@example(interval=3_600, moves=[("step", -3 * HOUR), ("step", -3 * HOUR), ("suspend", HOUR), ("step", -1.0)])
@settings(derandomize=True, deadline=None, max_examples=100, database=None)
def test_after_any_moves_of_the_clock_no_tick_runs_twice_and_no_job_stalls(
    interval: int, moves: list[tuple[str, float]]
) -> None:
    """Each cron tick and each run has one entry; `next` is later than now, by at most the interval."""
    harness = ClockHarness(NOON + 17)
    harness.scheduler.schedule("0 */5 * * * *", work, name="cron")
    harness.scheduler.every(interval, work, name="interval")
    harness.start()
    latest = harness.clock.now()
    for move, seconds in moves:
        {"run": harness.run_for, "suspend": harness.suspend, "step": harness.step_clock}[move](seconds)
        harness.wake_timer()
        latest = max(latest, harness.clock.now())
        now = datetime.fromtimestamp(harness.clock.now(), UTC)
        assert now < harness.next_tick("cron")
        assert now < harness.next_tick("interval") <= now + timedelta(seconds=interval)
    instants = [run.due for run in harness.runs_of("cron")]
    assert len(set(instants)) == len(instants)
    ledger = harness.ledger
    numbers = sorted(end.number for end in ledger if end.number)
    assert numbers == list(range(1, len(harness.executor.started_runs) + 1))
    ended = Counter[str]()
    for end in ledger:
        ended[end.job] += end.ticks
    assert ended["cron"] == latest // 300 - (NOON + 17) // 300
    assert ended["interval"] >= harness.clock.monotonic() // interval


def test_a_tick_that_is_due_before_a_step_back_is_noticed_is_not_lost() -> None:
    """The timer wakes for the tick, finds the clock set back, and starts the run."""
    harness = ClockHarness()
    harness.scheduler.every("10s", work, name="interval")
    harness.start()
    harness.run_for(45)
    harness.step_clock(-HOUR)
    harness.run_for(25)
    assert [run.elapsed for run in harness.runs_of("interval")] == [10, 20, 30, 40, 50, 60, 70]


@pytest.mark.parametrize("misfire", ["coalesce", "all"])
def test_a_daily_run_is_not_lost_if_the_clock_steps_back_after_a_suspension(misfire: MisfireName) -> None:
    """It was due during the suspension, and the step is smaller than a second."""
    harness = ClockHarness()
    harness.scheduler.every("24h", work, name="daily", misfire=misfire)
    harness.start()
    harness.run_for(DAY - 60)
    harness.suspend(2 * HOUR)
    harness.step_clock(-0.75)
    harness.run_for(60)
    assert len(harness.runs_of("daily")) == 1


def test_an_interval_with_a_given_start_is_due_again_in_a_repeated_hour() -> None:
    """``every(start=...)`` names instants of the wall clock."""
    harness = ClockHarness()
    start = datetime.fromtimestamp(harness.clock.now() - 2 * HOUR, UTC)
    harness.scheduler.every("10s", work, name="interval", start=start)
    harness.start()
    harness.run_for(45)
    harness.step_clock(-HOUR)
    harness.run_for(25)
    assert [run.elapsed for run in harness.runs_of("interval")][-4:] == [40, 50, 60, 70]
