"""What a dashboard is promised: the same tests for a scheduler in this process and for one in another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.cli.attach import parse_url
from jobtui.engine.enums import Cancellation, Phase, RunState
from jobtui.engine.views import JobView, Snapshot
from jobtui.frontend.backend import Backend, JobDetails, LocalBackend
from jobtui.remote.remote_backend import RemoteBackend
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.output_capture import MAX_LINES, OutputChunk, OutputLog, capture_streams
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Every, Once, Schedule
from jobtui.web.server import Server

LIMIT = 20.0  # seconds; only a hang takes so long
NEW_YORK = ZoneInfo("America/New_York")
SPRING = datetime(2026, 3, 7, 12, 0, tzinfo=NEW_YORK)  # the day before 02:00 becomes 03:00

ODD_NAMES = [
    "..",
    ".",
    "...",
    "/",
    "a/b",
    "../..",
    "//",
    "%",
    "%2F",
    "%2e%2e",
    "a b",
    "a+b",
    "?",
    "#x",
    "a?b=c&d",
    "{name}",
    "}",
    "\\",
    '"',
    "日本語",
    "e\u0301👩",
    "[/b]",
    "<script>",
    ":@;",
    "x" * 500,
]


class World:
    """A scheduler on a clock that the test moves, and a source that shows it.

    Args:
        how: Where the source is: "local", "tcp" or "unix".
        folder: Where there is room for a socket.
    """

    def __init__(self, how: str, folder: Path) -> None:
        self.console = OutputLog()
        self.clock = ManualClock(SPRING.timestamp())
        self.local: LocalBackend
        self._how = how
        self._folder = folder
        self._cleanup = ExitStack()

    def scheduler(self, tz: str | tzinfo = "UTC", pool: int = 2) -> Scheduler:
        """A scheduler that is not started yet; at the end it is stopped."""
        scheduler = Scheduler(tz=tz, pool=pool, clock=self.clock)
        self._cleanup.callback(scheduler.stop, 0)
        return scheduler

    def source(self, scheduler: Scheduler) -> Backend:
        """What shows it."""
        self.local = LocalBackend(scheduler, "jobs.py", self.console)
        if self._how == "local":
            return self.local
        address = f"unix:{self._folder / 's'}" if self._how == "unix" else "127.0.0.1:0"
        server = self._cleanup.enter_context(Server(self.local, parse_address(address)))
        target, _, _ = parse_url(str(server.address))
        remote = RemoteBackend(target, clock=self.clock)
        remote.connect()
        self._cleanup.callback(remote.close)
        return remote

    def running(self, register: Callable[[Scheduler], object], **options: Any) -> tuple[Scheduler, Backend]:
        """A scheduler that runs, and its source."""
        scheduler = self.scheduler(**options)
        register(scheduler)
        scheduler.start()
        return scheduler, self.source(scheduler)

    def close(self) -> None:
        """End everything."""
        self._cleanup.close()


@pytest.fixture(params=["local", "tcp", "unix"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Each test runs on a scheduler of this process, and over a port and a socket."""
    world = World(request.param, tmp_path)
    try:
        yield world
    finally:
        world.close()


def until(source: Backend, condition: Callable[[Snapshot], object]) -> Snapshot:
    """The first picture that is so."""
    news = threading.Event()
    unsubscribe = source.on_change(news.set)
    try:
        while not condition(snapshot := source.snapshot()):
            assert news.wait(LIMIT), f"it never came: {snapshot}"
            news.clear()
    finally:
        unsubscribe()
    return snapshot


def job(source: Backend, name: str) -> JobView:
    """A job as the latest picture has it."""
    return next(each for each in source.snapshot().jobs if each.name == name)


def fail() -> None:
    """Fail, as a job does."""
    raise ValueError("no [/b] orders\n\x1b[31m")


class Gate:
    """A job that goes on until it is let go.

    Attributes:
        started: Set once a run is at work.
    """

    def __init__(self) -> None:
        self.started = threading.Event()
        self._go_on = threading.Event()

    def run(self) -> None:
        """Wait for the end."""
        self.started.set()
        assert self._go_on.wait(LIMIT)

    def open(self) -> None:
        """Let it end."""
        self._go_on.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A gate that is open in the end, whatever happens."""
    gate = Gate()
    yield gate
    gate.open()


# --- the picture ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "zone",
    [
        "UTC",
        "Europe/London",
        "America/New_York",
        "Asia/Kathmandu",
        timezone(timedelta(hours=-3, minutes=-30)),
        timezone(timedelta(hours=5, minutes=30, seconds=15)),
        UTC,
    ],
    ids=str,
)
def test_the_picture_is_the_schedulers_own(world: World, gate: Gate, zone: str | tzinfo) -> None:
    """Jobs of every kind and runs in every state read the same as in the scheduler itself."""

    def register(scheduler: Scheduler) -> None:
        scheduler.schedule("0 30 2 * * *", fail, name="nightly", misfire="skip")
        scheduler.schedule("TZ=Asia/Tokyo */5 * * * *", fail, name="elsewhere", dst="every", overlap="skip")
        scheduler.every("1m30s", gate.run, name="slow", overlap="allow")
        scheduler.schedule("@daily", print, name="paused").pause()

    scheduler, source = world.running(register, tz=zone)
    scheduler.run("nightly").wait(LIMIT)
    scheduler.run("slow")
    assert gate.started.wait(LIMIT)
    scheduler.now(gate.run)
    for _ in range(3):
        scheduler.now(fail)
    scheduler.in_("1h", fail)
    world.clock.advance(600)
    scheduler._kernel._poll()
    snapshot = until(source, lambda snapshot: snapshot == scheduler.snapshot())
    assert {run.state for run in (*snapshot.running, *snapshot.waiting, *snapshot.scheduled)} >= {
        RunState.RUNNING,
        RunState.QUEUED,
        RunState.SCHEDULED,
    }
    assert "no [/b] orders" in snapshot.recent[-1].error
    assert (source.title, source.zone, source.connection_error) == ("jobs.py", scheduler.tz, "")


class Odd(tzinfo):
    """A zone that has no name that anybody knows."""

    def __repr__(self) -> str:
        """The same in every process: it is part of a test's id, which pytest-xdist compares."""
        return "Odd()"

    def utcoffset(self, _moment: datetime | None) -> timedelta:
        """Seven minutes."""
        return timedelta(minutes=7)

    def dst(self, _moment: datetime | None) -> timedelta:
        """No daylight saving time."""
        return timedelta(0)

    def tzname(self, _moment: datetime | None) -> str:
        """Not a name for elsewhere."""
        return "odd"


def test_a_zone_of_the_schedulers_own(world: World) -> None:
    """Where a zone is not known, its times are right all the same, and read as they do there."""
    scheduler, source = world.running(lambda it: it.schedule("0 0 12 * * *", fail, name="noon"), tz=Odd())
    there, here = scheduler.snapshot(), source.snapshot()
    assert here.at == there.at
    assert f"{here.at:%H:%M}" == f"{there.at:%H:%M}"
    assert job(source, "noon").next == there.jobs[0].next


@pytest.mark.parametrize(
    "schedule",
    [
        Once(SPRING + timedelta(days=400)),
        Every(90.5, SPRING + timedelta(seconds=7)),
        Every(timedelta(days=2000)),
        parse("0 30 2 ? * SUN", tz=NEW_YORK, dst="every"),
        parse("0 30 2 * * *", tz=Odd()),
        parse("0 0 0 30 2 ?", tz=UTC),
    ],
    ids=str,
)
def test_schedules_of_every_kind(world: World, schedule: Schedule) -> None:
    """When it is due next is the same wherever it is seen from, also where its zone is not known."""
    scheduler, source = world.running(lambda it: it.schedule(schedule, print, name="a"))
    there, here = scheduler.snapshot().jobs[0], source.snapshot().jobs[0]
    assert (here.next, here.spec) == (there.next, there.spec)
    assert [fire.at for fire in source.job_details("a").preview.ticks] == [
        fire.at for fire in world.local.job_details("a").preview.ticks
    ]
    assert source.pause("a")


def test_the_clock_goes_on_without_news(world: World) -> None:
    """Countdowns need no event: a picture's time is the time it is asked for."""
    _, source = world.running(lambda it: it.every("1h", print, name="hourly"))
    before = source.snapshot()
    world.clock.advance(59)
    assert source.snapshot().at - before.at == timedelta(seconds=59)


def test_what_has_not_changed_is_the_same_object(world: World) -> None:
    """The dashboard tells what to repaint by that."""
    scheduler, source = world.running(lambda it: [it.every("1h", print, name=name) for name in "ab"])
    scheduler.run("b").wait(LIMIT)
    before = until(source, lambda snapshot: snapshot.recent)
    source.pause("a")
    after = until(source, lambda snapshot: snapshot.jobs[0].paused_since is not None)
    assert after.jobs[0] is not before.jobs[0]
    assert after.jobs[1] is before.jobs[1]
    assert after.recent[0] is before.recent[0]


def test_a_change_notifies_every_listener_until_it_unsubscribes(world: World) -> None:
    """A second call to unsubscribe does no harm."""
    scheduler, source = world.running(lambda it: it.every("1h", print, name="a"))
    heard, gone = threading.Event(), threading.Event()
    unsubscribe = source.on_change(gone.set)
    source.on_change(heard.set)
    scheduler.pause("a")
    assert heard.wait(LIMIT)
    assert gone.wait(LIMIT)
    unsubscribe()
    unsubscribe()
    for event in (heard, gone):
        event.clear()
    scheduler.resume("a")
    assert heard.wait(LIMIT)
    until(source, lambda snapshot: snapshot.jobs[0].paused_since is None)
    assert not gone.is_set()


# --- commands -------------------------------------------------------------------------------------


def test_running_a_job(world: World) -> None:
    """It answers with the run's number, and the run is in the picture."""
    scheduler, source = world.running(lambda it: it.schedule("@yearly", print, name="a"))
    number = source.run("a")
    until(source, lambda snapshot: [run.number for run in snapshot.recent] == [number])
    assert scheduler.run_view(number).trigger.value == "by hand"


def test_pausing(world: World) -> None:
    """One job and all of them, there and back; the answers say what changed."""
    _, source = world.running(lambda it: [it.every("1h", print, name=name) for name in "abc"])
    assert [source.pause("a"), source.pause("a"), source.resume("a"), source.resume("a")] == [
        True,
        False,
        True,
        False,
    ]
    source.pause("b")
    assert source.pause_all() == 2
    until(source, lambda snapshot: all(each.paused_since for each in snapshot.jobs))
    assert source.resume_all() == 3


def test_cancelling(world: World, gate: Gate) -> None:
    """Each of the answers: what waited, a coroutine, a thread, and what had ended or never was."""
    coroutine_started = threading.Event()

    async def sleeper() -> None:
        coroutine_started.set()
        await asyncio.Event().wait()

    scheduler, source = world.running(lambda it: it.schedule("@yearly", gate.run, name="thread"), pool=2)
    coroutine = scheduler.now(sleeper)
    thread = source.run("thread")
    assert gate.started.wait(LIMIT)
    assert coroutine_started.wait(LIMIT)
    until(source, lambda snapshot: snapshot.pool.running == 2)
    waiting = scheduler.now(print).number
    assert source.cancel(waiting) is Cancellation.TAKEN_OUT
    assert source.cancel(coroutine.number) is Cancellation.INTERRUPTED
    assert source.cancel(thread) is Cancellation.ASKED
    assert coroutine.wait(LIMIT)
    for number in (coroutine.number, 4711, 0, -1, 10**30):
        assert source.cancel(number) is Cancellation.TOO_LATE


def test_resizing(world: World) -> None:
    """The pool has its new size at once; what is no size is refused."""
    scheduler, source = world.running(lambda it: None)
    for size in (7, 0):
        source.resize(size)
        assert scheduler.snapshot().pool.size == size
        until(source, lambda snapshot, size=size: snapshot.pool.size == size)  # type: ignore[misc] # a default
    with pytest.raises(ValueError, match="0"):
        source.resize(-1)


@pytest.mark.parametrize("name", ["gone", "reprot", "../gone", "{", "%ff", "\ud800", ""])
def test_a_job_that_is_not_there(world: World, name: str) -> None:
    """Every question about it raises LookupError, and says what the scheduler says."""
    scheduler, source = world.running(lambda it: it.schedule("@yearly", print, name="report"))
    for ask in (source.run, source.pause, source.resume, source.job_details):
        with pytest.raises(LookupError) as caught:
            ask(name)
        if name.isprintable() and name:
            with pytest.raises(LookupError) as expected:
                getattr(world.local, ask.__name__)(name)
            assert caught.value.args == expected.value.args
    assert scheduler.job("report").status.value == "IDLE"


def test_one_off_runs(world: World) -> None:
    """They have a row and details, and cannot be run again."""
    scheduler, source = world.running(lambda it: None)
    assert scheduler.now(print).wait(LIMIT)
    until(source, lambda snapshot: snapshot.recent)
    assert source.job_details("print").description == "one-off runs, no schedule"
    with pytest.raises(
        (LookupError, RuntimeError), match="print cannot run again: the arguments of one-off runs"
    ):
        source.run("print")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_every_name_can_be_addressed(world: World, name: str) -> None:
    """A job may be called anything that can be printed."""
    scheduler, source = world.running(lambda it: it.schedule("@yearly", lambda: None, name=name))
    assert source.job_details(name).job.name == name
    assert source.pause(name)
    assert source.resume(name)
    assert scheduler.run_view(source.run(name)).job == name


def test_a_scheduler_that_has_stopped(world: World) -> None:
    """It is seen to have stopped, can still be looked at, and says that it runs nothing more."""
    scheduler, source = world.running(lambda it: it.schedule("@yearly", print, name="a"))
    scheduler.stop(0)
    until(source, lambda snapshot: snapshot.phase is Phase.STOPPED)
    assert source.job_details("a").job.name == "a"
    with pytest.raises(RuntimeError) as caught:
        source.run("a")
    with pytest.raises(RuntimeError) as expected:
        world.local.run("a")
    assert str(caught.value) == str(expected.value)


# --- details and output -----------------------------------------------------------------------------


def test_details_with_a_change_of_the_clock(world: World) -> None:
    """The next fires, with what the change does to them, are those that the scheduler's process knows."""
    scheduler, source = world.running(
        lambda it: it.schedule("0 30 2 * * *", fail, name="nightly"), tz=NEW_YORK
    )
    scheduler.run("nightly").wait(LIMIT)
    details: JobDetails = source.job_details("nightly")
    assert details == world.local.job_details("nightly")
    assert details.preview.changes
    assert details.preview.ticks[0].note is not None
    assert [run.state for run in details.runs] == [RunState.FAILED]


def test_what_a_run_printed(world: World) -> None:
    """A run's output is there by its number; of a run that printed nothing, or never was, it is empty."""
    scheduler, source = world.running(lambda it: it.schedule("@yearly", lambda: print("日本 [b]"), name="a"))
    with capture_streams(world.console):
        number = source.run("a")
        until(source, lambda snapshot: snapshot.recent)
    assert source.output_of(number) == "日本 [b]\n"
    quiet = scheduler.now(len, "")
    assert quiet.wait(LIMIT)
    for silent in (quiet.number, 4711, 0, -1, 10**30):
        assert source.output_of(silent) == ""


def test_what_everything_printed(world: World) -> None:
    """Lines are numbered, only new ones come, and unfinished ones come last and again."""
    _, source = world.running(lambda it: None)
    assert source.output_since(0) == OutputChunk(first=1, lines=(), unfinished=())
    world.console.write("a", "one\ntwo\nthr")
    world.console.write("b", "half a character \ud800\n")
    printed = source.output_since(0)
    assert printed.lines[:2] == (("a", "one"), ("a", "two"))
    assert (printed.first, printed.last, printed.unfinished) == (1, 3, (("a", "thr"),))
    world.console.write("a", "ee\n")
    assert source.output_since(3) == OutputChunk(first=4, lines=(("a", "three"),), unfinished=())
    assert source.output_since(4) == OutputChunk(first=5, lines=(), unfinished=())
    world.console.write("c", "x\n" * (MAX_LINES + 5))
    late = source.output_since(4)
    assert (late.first, len(late.lines), late.last) == (10, MAX_LINES, MAX_LINES + 9)
    assert source.output_since(10**9).first == 10  # a line that never was


def test_a_closed_source_asks_nothing(world: World) -> None:
    """Closing twice is harmless, and the scheduler goes on."""
    scheduler, source = world.running(lambda it: it.schedule("@yearly", print, name="a"))
    source.close()
    source.close()
    assert replace(source.snapshot(), at=scheduler.snapshot().at) == scheduler.snapshot()
    assert scheduler.run("a").wait(LIMIT)
