"""A clock that misbehaves: what the whole scheduler does when it is set, stands still or jumps."""

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.engine_harness import NOON, clock_time

from jobtui import Run, RunState, Scheduler
from jobtui.engine.engine import Engine
from jobtui.engine.enums import MisfireName
from jobtui.engine.records import RunRecord, entry_view
from jobtui.engine.views import RunView
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.kernel import Kernel
from jobtui.runtime.timer import Timer
from jobtui.schedules.schedule import Dst
from jobtui.simulation.inline_executor import InlineExecutor

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


# --- a scheduler without threads ------------------------------------------------------------------


class PeriodOverError(Exception):
    """The time that a test lets pass is over while the timer sleeps."""


class Sleep(threading.Event):
    """The timer's sleep, which moves the clock instead of waiting, for as long as the test allows."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.clock = clock
        self.left = 0.0  # of this sleep; what a test does meanwhile is seen only after it
        self.period = 0.0  # that the test lets pass

    def wait(self, timeout: float | None = None) -> bool:
        """Fall asleep."""
        assert timeout is not None
        self.left = timeout
        return self.go_on()

    def go_on(self) -> bool:
        """Sleep on. Returns whether somebody ended the sleep."""
        if self.is_set():
            return True
        passed = min(self.left, self.period)
        self.clock.advance(passed)
        self.left -= passed
        self.period -= passed
        if self.left > 0:
            raise PeriodOverError
        return False


class HandTimer(Timer):
    """The scheduler's own timer and its loop, on the test's thread."""

    def __init__(self, kernel: Kernel, clock: ManualClock) -> None:
        super().__init__(kernel._poll, self._raise, clock.monotonic)
        self.sleep = Sleep(clock)

    def _raise(self, error: Exception) -> None:
        raise error

    def start(self) -> None:
        """Start no thread."""

    def wake(self) -> None:
        """End the sleep."""
        self.sleep.set()

    def _sleep(self, pause: float, woken: float) -> None:
        if self.sleep.wait(max(0.0, pause)):
            self.sleep.clear()

    def go_on(self, period: float) -> None:
        """Be a timer for that many seconds; the last wake is at their end, if it is due by then."""
        self.sleep.period = period
        with contextlib.suppress(PeriodOverError):
            if self.sleep.go_on():
                self.sleep.clear()
            self._run()


@dataclass(frozen=True)
class Fire:
    """One run that started.

    Attributes:
        job: The name of its job.
        due: When it was due.
        started: What the wall clock showed.
        elapsed: How many seconds had passed since the scheduler started.
    """

    job: str
    due: float | None
    started: float
    elapsed: float


class Hands(InlineExecutor):
    """Workers on the test's thread, who note what they run."""

    def __init__(self, kernel: Kernel, clock: ManualClock) -> None:
        super().__init__(kernel, clock, self.execute_pending, self._note)
        self.fires: list[Fire] = []

    def _note(self, run: RunRecord) -> None:
        assert run.started is not None
        self.fires.append(Fire(run.job.name, run.due, run.started, self._monotonic()))


def work() -> None:
    """Work, in no time."""


class World:
    """A scheduler, its clock, and those who move it.

    Args:
        start: Where the wall clock begins, in seconds since the epoch.
        tz: The scheduler's zone.
    """

    def __init__(self, start: float = NOON, tz: str = "UTC") -> None:
        self.clock = ManualClock(start)
        self.scheduler = Scheduler(tz=tz, clock=self.clock)
        kernel = self.scheduler._kernel
        self.timer = kernel._timer = HandTimer(kernel, self.clock)
        self.hands = kernel._executor = Hands(kernel, self.clock)

    def start(self) -> None:
        """Start the scheduler; its timer looks for the first time."""
        self.scheduler.start()
        self.wait(0)

    def wait(self, seconds: float) -> None:
        """Let time pass while the timer does its work."""
        self.timer.go_on(seconds)

    def wake(self) -> None:
        """Let the timer look now."""
        self.timer.wake()
        self.wait(0)

    def suspend(self, seconds: float) -> None:
        """Suspend the machine where the monotonic clock goes on meanwhile: the timer's sleep is over then."""
        self.clock.advance(seconds)
        self.timer.sleep.left = max(0.0, self.timer.sleep.left - seconds)

    def set(self, seconds: float) -> None:
        """Set the wall clock. Suspension looks the same where the monotonic clock stands still meanwhile."""
        self.clock.step(seconds)

    def fires(self, job: str) -> list[Fire]:
        """The runs of one job."""
        return [fire for fire in self.hands.fires if fire.job == job]

    def due(self, job: str) -> list[str]:
        """When the runs of one job were due, as day and wall time in UTC."""
        return [stamp(fire.due) for fire in self.fires(job) if fire.due is not None]

    def started(self, job: str) -> list[str]:
        """When the runs of one job started, as day and wall time in UTC."""
        return [stamp(fire.started) for fire in self.fires(job)]

    def next(self, job: str) -> datetime:
        """When a job is due next."""
        instant = self.scheduler.job(job).next
        assert instant is not None
        return instant

    @property
    def ledger(self) -> list[RunView]:
        """Every ending, oldest first."""

        def endings(engine: Engine) -> list[RunView]:
            return [entry_view(run, UTC) for run in reversed(engine._ledger.latest(100_000))]

        return self.scheduler._kernel.inspect(endings)

    def ticks(self, job: str) -> list[tuple[RunState, int, str]]:
        """The ledger's entries for one job's ticks that started no run."""
        return [
            (end.state, end.ticks, end.reason) for end in self.ledger if end.number == 0 and end.job == job
        ]


def stamp(seconds: float) -> str:
    """An instant as day and wall time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %H:%M:%S")


def stamps(day: int, *times: str) -> list[str]:
    """Wall times of one day."""
    return [f"{day} {time}:00" for time in times]


# --- suspended, set forth -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("monotonic_goes_on", "woken_after", "interval_ticks", "upcoming"),
    [(True, 0, 720, "23 14:00:10"), (False, 5, 721, "23 14:00:20")],
    ids=["monotonic clock goes on", "monotonic clock stands still"],
)
def test_after_two_hours_of_suspension_each_job_runs_once(
    monotonic_goes_on: bool, woken_after: float, interval_ticks: int, upcoming: str
) -> None:
    """One run stands for all the ticks that were slept through, and the ledger has their exact number."""
    world = World()
    world.scheduler.schedule("0 * * * * *", work, name="cron")
    world.scheduler.every("10s", work, name="interval")
    world.start()
    world.wait(5)
    if monotonic_goes_on:
        world.suspend(2 * HOUR)
    else:
        world.set(2 * HOUR)  # of the timer's sleep, the five seconds until 12:00:10 are left
    world.wait(woken_after)
    woken = clock_time(2 * HOUR + 5 + woken_after)
    assert world.started("cron") == world.started("interval") == [f"23 {woken}"]
    numbers = {end.job: end.number for end in world.ledger if end.number}
    assert world.ticks("cron") == [
        (
            RunState.COALESCED,
            119,
            f"120 ticks since 12:01:00 were missed; run {numbers['cron']} covers them all",
        )
    ]
    assert world.ticks("interval") == [
        (
            RunState.COALESCED,
            interval_ticks - 1,
            f"{interval_ticks} ticks since 12:00:10 were missed; run {numbers['interval']} covers them all",
        )
    ]
    assert stamp(world.next("cron").timestamp()) == "23 14:01:00"
    assert stamp(world.next("interval").timestamp()) == upcoming


def test_a_clock_set_forth_a_day_runs_each_job_once_and_keeps_the_grid() -> None:
    """One run and the count of the others for the day that was left out; then every job is punctual again."""
    world = World()
    world.scheduler.schedule("0 */15 * * * *", work, name="quarter")
    world.scheduler.schedule("0 30 12 * * *", work, name="daily")
    world.scheduler.every("10m", work, name="interval")
    world.start()
    world.wait(20 * MINUTE)
    world.set(DAY)
    world.wait(30)
    assert world.due("quarter") == stamps(23, "12:15", "12:30")
    assert world.due("daily") == stamps(23, "12:30")
    assert world.due("interval") == stamps(23, "12:10", "12:20", "12:30")
    assert {name: world.started(name)[-1] for name in ("quarter", "daily", "interval")} == dict.fromkeys(
        ("quarter", "daily", "interval"), "24 12:20:30"
    )
    assert [(state, count) for state, count, _ in world.ticks("quarter")] == [(RunState.COALESCED, 95)]
    assert world.ticks("daily") == []
    assert [(state, count) for state, count, _ in world.ticks("interval")] == [(RunState.COALESCED, 143)]
    world.wait(30 * MINUTE)
    assert world.started("quarter")[2:] == stamps(24, "12:30", "12:45")
    assert world.started("daily")[1:] == stamps(24, "12:30")
    assert world.started("interval")[3:] == stamps(24, "12:30", "12:40", "12:50")


@pytest.mark.parametrize(
    ("jump", "interval", "cron"),
    [
        (
            lambda world: world.suspend(2 * HOUR),
            (12, "noticed at 14:00:05, 6605.0 s late"),
            (8, "noticed at 14:00:05, 6305.0 s late"),
        ),
        (
            lambda world: world.set(DAY),
            (144, "noticed at 12:00:30, 85830.0 s late"),
            (96, "noticed at 12:00:30, 85530.0 s late"),
        ),
    ],
    ids=["suspended two hours", "set forth a day"],
)
def test_misfire_skip_leaves_out_what_a_jump_passed_over(
    jump: Callable[[World], None], interval: tuple[int, str], cron: tuple[int, str]
) -> None:
    """Ticks slept through or jumped over end MISSED, counted, with how late they were; the next one runs."""
    world = World()
    world.scheduler.every("10m", work, name="interval", misfire="skip")
    world.scheduler.schedule("0 */15 * * * *", work, name="cron", misfire="skip")
    world.start()
    world.wait(5)
    jump(world)
    world.wait(world.timer.sleep.left)
    assert world.hands.fires == []
    assert world.ticks("interval") == [(RunState.MISSED, *interval)]
    assert world.ticks("cron") == [(RunState.MISSED, *cron)]
    world.wait(15 * MINUTE)
    assert [fire.started - (fire.due or 0) for fire in world.hands.fires] == [0, 0]
    assert [fire.job for fire in world.hands.fires] == ["interval", "cron"]


def test_misfire_all_after_suspension_runs_once_for_each_tick() -> None:
    """Two hours of suspension are made up for: a run for each tick, in order, and no tick without one."""
    world = World()
    world.scheduler.every("10m", work, name="interval", misfire="all")
    world.scheduler.schedule("0 */15 * * * *", work, name="cron", misfire="all")
    world.start()
    world.wait(5)
    world.suspend(2 * HOUR)
    world.wait(0)
    assert [fire.due for fire in world.fires("interval")] == [
        NOON + number * 10 * MINUTE for number in range(1, 13)
    ]
    assert [fire.due for fire in world.fires("cron")] == [
        NOON + number * 15 * MINUTE for number in range(1, 9)
    ]
    assert {stamp(fire.started) for fire in world.hands.fires} == {"23 14:00:05"}
    assert [(end.state, end.reason) for end in world.ledger] == [(RunState.OK, "")] * 20


def test_misfire_all_after_a_day_left_out_holds_what_it_may() -> None:
    """Of 1440 ticks, one is queued and 1000 held; the rest share an entry that says why they were skipped."""
    world = World()
    world.scheduler.schedule("0 * * * * *", work, name="cron", misfire="all")
    world.start()
    world.wait(5)
    world.set(DAY)
    world.wait(25)
    assert [fire.due for fire in world.fires("cron")] == [
        NOON + number * MINUTE for number in range(1, 1_002)
    ]
    [(state, count, reason)] = world.ticks("cron")
    assert (state, count) == (RunState.SKIPPED, 439)
    assert reason.startswith("1000 runs are held already; run ")
    assert Counter(end.state for end in world.ledger) == {RunState.OK: 1_001, RunState.SKIPPED: 1}
    world.wait(MINUTE)
    assert world.started("cron")[1_001:] == ["24 12:01:00"]


# --- set back -------------------------------------------------------------------------------------


def test_an_hour_that_comes_twice_repeats_no_cron_tick_and_stalls_no_interval() -> None:
    """After a step back of an hour each wall time has fired once in all; an interval is as long as ever."""
    world = World(NOON - HOUR)
    world.scheduler.schedule("0 */15 * * * *", work, name="quarter")
    world.scheduler.schedule("0 30 12 * * *", work, name="daily")
    world.scheduler.every("10m", work, name="interval")
    world.start()
    world.wait(100 * MINUTE)
    assert stamp(world.clock.now()) == "23 12:40:00"
    world.set(-HOUR)
    world.wait(90 * MINUTE)
    assert stamp(world.clock.now()) == "23 13:10:00"
    first = stamps(23, "11:15", "11:30", "11:45", "12:00", "12:15", "12:30")
    assert world.started("quarter") == [*first, *stamps(23, "12:45", "13:00")]
    assert world.started("daily") == stamps(23, "12:30")
    assert [fire.elapsed for fire in world.fires("interval")] == [
        number * 10 * MINUTE for number in range(1, 20)
    ]
    assert all(end.number for end in world.ledger)


MOVES = [(-2.0, 2.0, -1.0, 1.0), (2.0, -2.0, 1.0, -1.0), (-0.375, 0.375)]


@pytest.mark.parametrize("moves", MOVES, ids=str)
@pytest.mark.parametrize("second", [58.5, 59.0, 59.75, 60.0, 60.25, 61.0])
def test_a_clock_stepped_back_and_forth_around_a_tick_fires_it_once(
    moves: tuple[float, ...], second: float
) -> None:
    """However often a cron tick comes and goes, it starts one run, and so does the next one."""
    world = World()
    world.scheduler.schedule("0 * * * * *", work, name="cron")
    world.start()
    world.wait(second)
    for seconds in moves * 25:
        world.set(seconds)
        world.wake()
    world.wait(90 - second)
    assert world.due("cron") == stamps(23, "12:01")
    world.wait(60)
    assert world.due("cron") == stamps(23, "12:01", "12:02")
    assert all(end.number for end in world.ledger)


@pytest.mark.parametrize("second", [59.75, 60.0, 60.25])
def test_a_clock_that_trembles_leaves_an_intervals_grid_alone(second: float) -> None:
    """Steps back of up to half a second are no step: the tick fires once, the next one at its old place."""
    world = World()
    world.scheduler.every("1m", work, name="interval")
    world.start()
    world.wait(second)
    for seconds in (-0.375, 0.375, 0.5, -0.5) * 25:
        world.set(seconds)
        world.wake()
    world.wait(150 - second)
    assert world.due("interval") == stamps(23, "12:01", "12:02")
    assert world.started("interval")[1:] == stamps(23, "12:02")


# --- one-off runs ---------------------------------------------------------------------------------


def one_offs(world: World, delay: float) -> list[Run]:
    """Ask for a run after a delay, and for one at the same instant."""

    def instant() -> None:
        """Work."""

    return [
        world.scheduler.in_(delay, work),
        world.scheduler.at(datetime.fromtimestamp(NOON + delay, UTC), instant),
    ]


@pytest.mark.parametrize(
    ("jump", "woken"),
    [
        (lambda world: world.suspend(2 * HOUR), "23 14:00:05"),
        (lambda world: world.set(2 * HOUR), "23 14:00:30"),
    ],
    ids=["monotonic clock goes on", "monotonic clock stands still"],
)
def test_a_one_off_run_that_comes_due_while_suspended_runs_once_on_wake(
    jump: Callable[[World], None], woken: str
) -> None:
    """Neither `in_` nor `at` is dropped, and neither runs again later."""
    world = World()
    world.start()
    runs = one_offs(world, HOUR)
    world.wait(5)
    jump(world)
    world.wait(world.timer.sleep.left)
    assert [run.state for run in runs] == [RunState.OK, RunState.OK]
    world.wait(3 * HOUR)
    assert world.started("work") == world.started("instant") == [woken]
    assert world.due("work") == world.due("instant") == ["23 13:00:00"]
    assert [(end.number, end.state) for end in world.ledger] == [(1, RunState.OK), (2, RunState.OK)]


def test_a_clock_set_back_stretches_no_delay_and_an_instant_is_waited_for() -> None:
    """`in_` two hours takes two hours, whatever the clock shows then; `at` two o'clock is at two o'clock."""
    world = World()
    world.start()
    one_offs(world, 2 * HOUR)
    world.wait(30 * MINUTE)
    world.set(-HOUR)
    world.wait(5 * HOUR)
    [delay], [instant] = world.fires("work"), world.fires("instant")
    assert (delay.elapsed, stamp(delay.started)) == (2 * HOUR, "23 13:00:00")
    assert (instant.elapsed, stamp(instant.started)) == (3 * HOUR, "23 14:00:00")


# --- the grid of intervals ------------------------------------------------------------------------

INTERVALS = {"1s": 1.0, "7s": 7.0, "1500ms": 1.5, "250ms": 0.25, "1h": 3_600.0}


def intervals() -> World:
    """A world with a job for each interval, named after it."""
    world = World()
    for interval in INTERVALS:
        world.scheduler.every(interval, work, name=interval)
    world.start()
    return world


def test_punctual_intervals_are_on_their_grid_to_the_microsecond_all_day() -> None:
    """Every run is due and starts at ``start + k * interval``, in the first minute and in the last."""
    world = intervals()
    world.wait(MINUTE)
    world.suspend(DAY - 2 * MINUTE)
    world.wake()
    seen = len(world.hands.fires)
    world.wait(MINUTE)
    assert world.clock.now() == NOON + DAY
    last = range(int(DAY - MINUTE), int(DAY))
    for name, interval in INTERVALS.items():
        grid = [number * interval for number in range(1, int(DAY / interval) + 1)]
        due = [(fire.due or 0) - NOON for fire in world.hands.fires[:seen] if fire.job == name]
        assert due[:-1] == [instant for instant in grid if instant <= MINUTE]
        assert due[-1] == next(instant for instant in grid if instant > MINUTE)  # it stands for the rest
        fires = [fire for fire in world.hands.fires[seen:] if fire.job == name]
        assert [(fire.due or 0) - NOON for fire in fires] == [
            instant for instant in grid if instant > last.start
        ]
        assert all(fire.started == fire.due for fire in fires)


def test_late_wakes_do_not_move_the_grid() -> None:
    """Through a day of wakes that are late at random, `next` is the next instant of the grid exactly."""
    world = intervals()
    chance = random.Random(20_261_123)
    start = datetime.fromtimestamp(NOON, UTC)
    awaited = {name: start + timedelta(seconds=interval) for name, interval in INTERVALS.items()}
    while world.clock.now() < NOON + DAY:
        due = awaited[chance.choice(["1s", "7s", "1500ms", "250ms"])].timestamp()
        late = chance.choice([0.0, 1e-6, 0.003, chance.random(), chance.uniform(0, 600)])
        world.hands.fires.clear()
        world.clock.advance(max(0.0, due - world.clock.now()) + late)
        world.wake()
        now = datetime.fromtimestamp(world.clock.now(), UTC)
        fired = {fire.job: fire.due for fire in world.hands.fires}
        assert len(fired) == len(world.hands.fires)
        assert fired == {name: instant.timestamp() for name, instant in awaited.items() if instant <= now}
        for name, seconds in INTERVALS.items():
            interval = timedelta(seconds=seconds)
            awaited[name] = start + ((now - start) // interval + 1) * interval
            assert world.next(name) == awaited[name]


# --- the nights in which the clocks change --------------------------------------------------------


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
def test_runs_of_the_nights_in_which_the_clocks_change(
    evening: str, spec: str, dst: Dst, expected: list[str]
) -> None:
    """The scheduler starts runs at exactly the instants of the rule, in that night and the one after it."""
    world = World(datetime.fromisoformat(f"{evening}T22:00:00Z").timestamp(), "America/New_York")
    world.scheduler.schedule(spec, work, name="cron", dst=dst)
    world.start()
    world.wait(36 * HOUR)
    assert world.started("cron") == world.due("cron") == expected
    assert all(end.number for end in world.ledger)


@pytest.mark.parametrize(("dst", "coalesced"), [("once", []), ("every", [(RunState.COALESCED, 1)])])
def test_a_night_of_two_half_past_ones_that_was_slept_through(
    dst: Dst, coalesced: list[tuple[RunState, int]]
) -> None:
    """Both passes are ticks under ``dst="every"``, and one run stands for both."""
    world = World(datetime(2026, 11, 1, 4, tzinfo=UTC).timestamp(), "America/New_York")
    world.scheduler.schedule("0 30 1 * * *", work, name="cron", dst=dst)
    world.start()
    world.suspend(5 * HOUR)
    world.wait(0)
    assert world.started("cron") == ["01 09:00:00"]
    assert [(state, count) for state, count, _ in world.ticks("cron")] == coalesced


# --- anything in any order ------------------------------------------------------------------------

# Quarters of a second, which floats add without error. A step back of half a second or less is no step,
# and one of more than three hours corrects a wrong clock. The timer looks after each move.
PASS = st.integers(0, 4 * 120).map(lambda quarters: ("wait", quarters / 4))
SUSPEND = st.integers(0, 4 * 2 * 86_400).map(lambda quarters: ("suspend", quarters / 4))
BACK = st.integers(3, 4 * 3 * 3_600).map(lambda quarters: ("set", -quarters / 4))
FORTH = st.integers(0, 4 * 2 * 86_400).map(lambda quarters: ("set", quarters / 4))


@given(
    interval=st.sampled_from([60, 90, 3_600]),
    moves=st.lists(st.one_of(PASS, SUSPEND, BACK, FORTH), max_size=20),
)
@example(interval=90, moves=[("suspend", HOUR - 17)])  # until the very second of a tick
@example(interval=3_600, moves=[("set", -3 * HOUR), ("set", -3 * HOUR), ("suspend", HOUR), ("set", -1.0)])
@settings(derandomize=True, deadline=None, max_examples=100, database=None)
def test_whatever_the_clock_does_no_tick_runs_twice_and_no_job_stalls(
    interval: int, moves: list[tuple[str, float]]
) -> None:
    """Each cron tick and each run has one entry; `next` is ahead, of an interval by no more than itself."""
    world = World(NOON + 17)
    world.scheduler.schedule("0 */5 * * * *", work, name="cron")
    world.scheduler.every(interval, work, name="interval")
    world.start()
    latest = world.clock.now()
    for move, seconds in moves:
        {"wait": world.wait, "suspend": world.suspend, "set": world.set}[move](seconds)
        world.wake()
        latest = max(latest, world.clock.now())
        now = datetime.fromtimestamp(world.clock.now(), UTC)
        assert now < world.next("cron")
        assert now < world.next("interval") <= now + timedelta(seconds=interval)
    instants = [fire.due for fire in world.fires("cron")]
    assert len(set(instants)) == len(instants)
    ledger = world.ledger
    numbers = sorted(end.number for end in ledger if end.number)
    assert numbers == list(range(1, len(world.hands.fires) + 1))
    ended = Counter[str]()
    for end in ledger:
        ended[end.job] += end.ticks
    assert ended["cron"] == latest // 300 - (NOON + 17) // 300
    assert ended["interval"] >= world.clock.monotonic() // interval


def test_a_tick_that_comes_due_before_a_set_back_is_seen_is_not_lost() -> None:
    """The timer wakes for the tick, finds the clock set back, and starts the run all the same."""
    world = World()
    world.scheduler.every("10s", work, name="interval")
    world.start()
    world.wait(45)
    world.set(-HOUR)
    world.wait(25)
    assert [fire.elapsed for fire in world.fires("interval")] == [10, 20, 30, 40, 50, 60, 70]


@pytest.mark.parametrize("misfire", ["coalesce", "all"])
def test_a_daily_run_is_not_lost_to_a_step_seen_after_a_suspension(misfire: MisfireName) -> None:
    """It was due while the machine slept, and the clock was set back by less than a second on waking."""
    world = World()
    world.scheduler.every("24h", work, name="daily", misfire=misfire)
    world.start()
    world.wait(DAY - 60)
    world.suspend(2 * HOUR)
    world.set(-0.75)
    world.wait(60)
    assert len(world.fires("daily")) == 1


def test_a_grid_with_a_given_start_loses_no_instant_that_the_new_clock_shows() -> None:
    """``every(start=...)`` names instants of the wall clock: those of the repeated hour are due again."""
    world = World()
    start = datetime.fromtimestamp(world.clock.now() - 2 * HOUR, UTC)
    world.scheduler.every("10s", work, name="interval", start=start)
    world.start()
    world.wait(45)
    world.set(-HOUR)
    world.wait(25)
    assert [fire.elapsed for fire in world.fires("interval")][-4:] == [40, 50, 60, 70]
