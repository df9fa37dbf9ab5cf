"""Every public call of a scheduler and its handles, interrupted by an exception; the checks afterwards."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import random
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from jobtui import Job, Run, Scheduler, current_run
from jobtui.engine.enums import Phase
from jobtui.engine.events import Event, RunFinished, RunStarted
from jobtui.engine.pool import CANCELS_PER_HOLD
from jobtui.engine.views import Snapshot
from jobtui.runtime.subscriptions import Subscription
from support.bytecode_injection import BytecodeInjection, Places, in_generator

LIMIT = 30.0  # seconds until something that happens at once counts as a fault
POOL = 2
CLASSES = (Scheduler, Job, Run, Subscription)
SPECIAL_METHODS = ("__init__", "__enter__", "__exit__", "__repr__")
NOT_FOR_USERS = frozenset(  # public by name, and called by the package alone
    {"Job.__init__", "Run.__init__", "Run.set_result", "Scheduler.job_view", "Scheduler.stop_logging"}
    | {"Scheduler.recording", "Scheduler.use_store", "Scheduler.schedule_for"}
    | {"Subscription.__init__", "Subscription.mark_notified", "Subscription.needs_notification"}
    | {"Subscription.notify"}
)
# They call `start` and `stop` in another thread, which no exception in the caller interrupts.
IN_OTHER_THREADS = frozenset({"Scheduler.start_async", "Scheduler.stop_async"})


def public_members() -> set[str]:
    """Return the methods and properties of the scheduler and of the objects that it hands out."""
    return {
        f"{kind.__name__}.{name}"
        for kind in CLASSES
        for name, value in vars(kind).items()
        if (not name.startswith("_") or name in SPECIAL_METHODS)
        and (callable(value) or isinstance(value, property | classmethod | staticmethod))
    } - (NOT_FOR_USERS | IN_OTHER_THREADS)


def seven() -> int:
    """Return a value."""
    return 7


async def sleep_as_coroutine() -> int:
    """Suspend once, and return a value."""
    await asyncio.sleep(0)
    return 7


async def sleep_for_ever() -> None:
    """Suspend until it is cancelled."""
    await asyncio.sleep(3600)


class Stage:
    """A scheduler with one job and one subscriber, for one interrupted call.

    Args:
        pool: How many runs may be RUNNING at once.
        started: Whether to start it.

    Attributes:
        runs: The runs that have been accepted and whose handle is known.
        marks: How often `mark` has been executed.
    """

    def __init__(self, *, pool: int = POOL, started: bool = True) -> None:
        self._threads_before = set(threading.enumerate())
        self.scheduler = Scheduler(pool=pool, tz="UTC")
        self.job = self.scheduler.every(3600, self.mark, name="hourly")
        self.runs: list[Run] = []
        self.marks = 0
        self._released = threading.Event()
        self._blocked = threading.Semaphore(0)
        self._changes: SimpleQueue[None] = SimpleQueue()
        self.subscription = self.scheduler.subscribe(partial(self._changes.put, None))
        self.events: list[Event] = []
        if started:
            self.scheduler.start()
            self.scheduler.now(seven).result(LIMIT)

    def mark(self) -> None:
        """Count this execution."""
        self.marks += 1

    def block(self) -> None:
        """Block until the stage releases it, or until the run is asked to stop."""
        self._blocked.release()
        run = current_run()
        while not (self._released.is_set() or run.wait_cancelled(0.01)):
            pass

    def keep(self, run: Run) -> Run:
        """Note an accepted run, and return it."""
        self.runs.append(run)
        return run

    def start_blocked(self, target: Any = None, count: int = 1) -> Run:
        """Start runs that block, and return the last one."""
        for _ in range(count):
            run = self.keep(self.scheduler.now(target or self.block))
            assert self._blocked.acquire(timeout=LIMIT)
        return run

    def fill_pool(self) -> None:
        """Fill as many slots as the pool has without the one of a calling job."""
        self.start_blocked(count=POOL)

    def arm_subscriber(self) -> None:
        """Read all events, so that the next one notifies the subscriber."""
        with suppress(Empty):
            while True:
                self._changes.get_nowait()
        self.events += self.subscription.read()  # last: its run may end at any moment, which notifies

    # --- the checks -------------------------------------------------------------------------------

    def find_faults(self) -> str:
        """Check in another thread that the scheduler is whole, and stop it; return the faults, or ""."""
        faults = self.call_in_thread(self._check)
        self._released.set()
        return faults

    def call_in_thread(self, function: Callable[[], object], limit: float | None = None) -> str:
        """Call a function in another thread. Return what it raises, or where it hangs, or ""."""
        faults: list[str] = []

        def call() -> None:
            try:
                function()
            except BaseException as error:  # noqa: BLE001 - any exception is a fault
                place = traceback.extract_tb(error.__traceback__)[-1]
                faults.append(f"{type(error).__name__}: {error} ({place.name}: {place.line})")

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        thread.join(2 * LIMIT if limit is None else limit)
        if thread.is_alive():
            stack = traceback.extract_stack(sys._current_frames()[thread.ident or 0])  # noqa: SLF001 - the documented way to the frames of other threads
            own = [frame for frame in stack if frame.filename == __file__]
            faults.append(f"another thread hangs: {own[-1].line}, in {stack[-1].name}: {stack[-1].line}")
        return _join(faults)

    def _check(self) -> None:
        scheduler = self.scheduler
        phase = scheduler.snapshot().phase
        self._released.set()
        if phase is Phase.NEW:
            scheduler.start()
        if phase in (Phase.NEW, Phase.RUNNING):
            self._check_that_runs_start()
        stopped = scheduler.stop(LIMIT)
        snapshot = scheduler.snapshot()
        assert stopped or phase is Phase.STOPPED, f"stop() returns False: {_describe(snapshot)}"
        assert snapshot.phase is Phase.STOPPED, snapshot.phase
        assert not _is_busy(snapshot), _describe(snapshot)
        for run in self.runs:
            assert run.wait(LIMIT), f"an accepted run never ends: {run}"
            assert run.state.ended, run
        assert self.marks <= 1, f"a run was executed {self.marks} times"
        self.events += self.subscription.read()
        _check_events(self.events)
        _check_threads(self._threads_before)

    def _check_that_runs_start(self) -> None:
        """Check every way to request a run, then that all others end."""
        scheduler = self.scheduler
        assert scheduler.now(seven).result(LIMIT) == 7
        try:
            self._changes.get(timeout=LIMIT)
        except Empty:
            raise AssertionError("a subscriber is not notified") from None
        for run in self.runs:
            if not run.state.ended:  # there may be hundreds of thousands
                run.cancel()
            assert run.wait(LIMIT), f"an accepted run never ends: {run}"
        together = threading.Barrier(POOL)
        for run in [scheduler.now(together.wait, LIMIT) for _ in range(POOL)]:
            run.result(LIMIT)
        scheduler.now(time.sleep, 0.001).result(LIMIT)
        assert scheduler.in_(0.001, seven).result(LIMIT) == 7
        assert scheduler.now(sleep_as_coroutine).result(LIMIT) == 7
        job = scheduler.every(3600, time.monotonic)
        for run in [job.run() for _ in range(3)]:
            run.result(LIMIT)
        deadline = time.monotonic() + LIMIT
        while _is_busy(snapshot := scheduler.snapshot()):
            assert time.monotonic() < deadline, f"the counters disagree: {_describe(snapshot)}"
            with suppress(Empty):
                self._changes.get(timeout=0.001)


def _is_busy(snapshot: Snapshot) -> bool:
    pool = snapshot.pool
    return bool(pool.running or pool.queued or pool.held or snapshot.running or snapshot.waiting)


def _describe(snapshot: Snapshot) -> str:
    runs = [f"{run.number} of {run.job} {run.state.value}" for run in (*snapshot.running, *snapshot.waiting)]
    return f"{snapshot.pool}, {', '.join(runs) or 'no run'}"


def _check_events(events: Sequence[Event]) -> None:
    """Check that the numbers have no gaps, and that each run starts and ends once."""
    numbers = [event.seq for event in events]
    first = numbers[0] if numbers else 0
    assert numbers == list(range(first, first + len(numbers))), f"a gap in the numbers of events {numbers}"
    started = [event.run.number for event in events if isinstance(event, RunStarted)]
    ended = [event.run.number for event in events if isinstance(event, RunFinished)]
    assert len(set(started)) == len(started), f"a run starts twice: {started}"
    assert len(set(ended)) == len(ended), f"a run ends twice: {ended}"
    assert set(started) <= set(ended), f"runs without an end: {set(started) - set(ended)}"


def _check_threads(before: set[threading.Thread]) -> None:
    """Check that all threads of schedulers end, save those of earlier ones."""
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("jobtui-")]
    deadline = time.monotonic() + LIMIT
    for thread in threads:
        if thread not in before:
            thread.join(max(0.0, deadline - time.monotonic()))
            assert not thread.is_alive(), f"{thread.name} does not end"


# --- the calls ------------------------------------------------------------------------------------

Call = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One call of a public method or property.

    Attributes:
        name: The class, the method, and perhaps the situation, such as ``Run.cancel, queued``.
        prepare: Makes the situation, and returns the call.
        started: Whether the scheduler is started before the call.
        raises: The exception that the call raises.
    """

    name: str
    prepare: Callable[[Stage], Call]
    started: bool = True
    raises: type[Exception] | None = None

    @property
    def member(self) -> str:
        """The class and the method."""
        return self.name.partition(",")[0]


def _scheduler_cases() -> Iterator[Case]:  # noqa: PLR0915 - one for each method
    def case(
        name: str,
        prepare: Callable[[Stage], Call],
        *,
        started: bool = True,
        raises: type[Exception] | None = None,
    ) -> Case:
        return Case(name=f"Scheduler.{name}", prepare=prepare, started=started, raises=raises)

    def call(name: str, *arguments: Any) -> Case:
        return case(name, lambda stage: partial(getattr(stage.scheduler, name), *arguments))

    unknown = "houry"

    yield case("__init__", lambda _: lambda: Scheduler(pool=1, tz="UTC"))
    yield case("schedule", lambda stage: lambda: stage.scheduler.schedule("0 0 0 1 1 *", stage.mark))
    yield case("every", lambda stage: lambda: stage.scheduler.every(3600, stage.mark))
    yield case("every, due at once", lambda stage: lambda: stage.scheduler.every(0.001, seven).pause())
    yield case("scheduled", lambda stage: lambda: stage.scheduler.scheduled(every=3600)(stage.mark))
    yield case("add", lambda stage: lambda: stage.scheduler.add(stage.mark))
    yield call("on_app_start", seven)
    yield call("on_app_stop", seven)
    yield case("around", lambda stage: lambda: stage.scheduler.around(_open_nothing))
    for name in ("on_success", "on_failure", "on_missed"):
        yield call(name, id)
    yield case("now", lambda stage: lambda: stage.scheduler.now(stage.mark))
    yield case("now, named function", _prepare_known_function)
    yield case("now, new closure", lambda stage: lambda: stage.scheduler.now(_make_closure(stage)))
    yield case("now, job", lambda stage: lambda: stage.scheduler.now(stage.job))
    yield case("now, coroutine", lambda stage: lambda: stage.scheduler.now(sleep_as_coroutine))
    yield case("now, full pool", _after_filling(lambda stage: lambda: stage.scheduler.now(stage.mark)))
    yield case("in_", lambda stage: lambda: stage.scheduler.in_("1h", stage.mark))
    yield case("in_, due at once", lambda stage: lambda: stage.scheduler.in_(0, stage.mark))
    yield case("at", lambda stage: lambda: stage.scheduler.at(datetime.now(UTC) + HOUR, stage.mark))
    yield case("jobs", lambda stage: lambda: stage.scheduler.jobs)
    yield call("job", "hourly")
    yield case("job, unknown", lambda stage: lambda: stage.scheduler.job(unknown), raises=LookupError)
    yield call("run", "hourly")
    yield call("run_again", 1)
    yield case("run, held", _after_blocking_job(lambda stage: lambda: stage.scheduler.run("blocker")))
    yield call("pause", "hourly")
    yield case("pause, unknown", lambda stage: lambda: stage.scheduler.pause(unknown), raises=LookupError)
    yield case("resume", _prepare_resume)
    yield case("update", lambda stage: lambda: stage.scheduler.update("hourly", spec="2h", overlap="skip"))
    yield call("pause_all")
    yield case("resume_all", lambda stage: _after(stage.job.pause, stage.scheduler.resume_all))
    yield case("cancel", _prepare_cancel_by_number)
    yield case("remove", lambda stage: lambda: stage.scheduler.remove(stage.job))
    yield call("resize", 3)
    yield case("resize, queued runs", _after_queueing(lambda stage, _: lambda: stage.scheduler.resize(5)))
    yield call("snapshot")
    yield call("subscribe")
    yield call("on_change", seven)
    yield call("runs_of", "hourly")
    yield case("find_runs", lambda stage: lambda: stage.scheduler.find_runs(job="hourly"))
    yield case("search_runs", lambda stage: lambda: stage.scheduler.search_runs("job:hourly"))
    yield case(
        "endings_from",
        lambda stage: lambda: stage.scheduler.endings_from(datetime(2000, 1, 1, tzinfo=UTC), limit=10),
    )
    yield call("oldest_ending")
    yield call("run_columns", "hourly")
    yield call("run_view", 1)
    yield call("output_of", 1)
    yield call("pool_view")
    yield call("stack", 1)
    yield case("counters", lambda stage: lambda: list(stage.scheduler.counters()))
    yield case("refresh_views", lambda stage: lambda: list(stage.scheduler.refresh_views()))
    yield call("liveness")
    yield case("start", lambda stage: stage.scheduler.start, started=False)
    yield case("start, again", _prepare_another_start, started=False)
    yield case("__enter__", lambda stage: stage.scheduler.__enter__, started=False)
    yield call("stop", LIMIT)
    yield case("stop, never started", lambda stage: stage.scheduler.stop, started=False)
    yield case("stop, hanging run", _after_filling(lambda stage: lambda: stage.scheduler.stop(0.002)))
    yield call("__exit__", None, None, None)


def _job_cases() -> Iterator[Case]:
    for name in ("name", "schedule", "status", "prev", "next", "function", "arguments"):
        yield Case(name=f"Job.{name}", prepare=_prepare_getter(name, lambda stage: stage.job))
    for name in ("run", "pause", "remove", "__repr__"):
        yield Case(name=f"Job.{name}", prepare=_prepare_method(name, lambda stage: stage.job))
    yield Case(name="Job.reschedule", prepare=lambda stage: lambda: stage.job.reschedule("2h"))
    yield Case(name="Job.update", prepare=lambda stage: lambda: stage.job.update(max_held=3))
    yield Case(name="Job.resume", prepare=lambda stage: _after(stage.job.pause, stage.job.resume))
    yield Case(name="Job.remove, held runs", prepare=partial(_prepare_remove_with_held_runs, count=3))
    many = CANCELS_PER_HOLD + 50
    yield Case(name="Job.remove, many held runs", prepare=partial(_prepare_remove_with_held_runs, count=many))


def _run_cases() -> Iterator[Case]:
    def ended(stage: Stage) -> Run:
        run = stage.keep(stage.scheduler.now(seven))
        run.result(LIMIT)
        return run

    for name in ("number", "job", "state", "reason"):
        yield Case(name=f"Run.{name}", prepare=_prepare_getter(name, ended))
    yield Case(name="Run.__repr__", prepare=lambda stage: ended(stage).__repr__)
    yield Case(name="Run.state, running", prepare=_prepare_state_of_running_run)
    yield Case(name="Run.wait", prepare=lambda stage: partial(ended(stage).wait, LIMIT))
    yield Case(name="Run.wait, running", prepare=lambda stage: partial(_sleeping(stage).wait, LIMIT))
    yield Case(name="Run.wait, timeout", prepare=lambda stage: partial(stage.start_blocked().wait, 0.001))
    yield Case(name="Run.result", prepare=lambda stage: partial(ended(stage).result, LIMIT))
    yield Case(name="Run.result, running", prepare=lambda stage: partial(_sleeping(stage).result, LIMIT))
    yield Case(name="Run.result_async", prepare=lambda stage: _awaiting(stage.start_blocked()))
    yield Case(name="Run.cancel", prepare=lambda stage: ended(stage).cancel)
    yield Case(name="Run.cancel, queued", prepare=_after_queueing(lambda _, run: run.cancel))
    yield Case(name="Run.cancel, scheduled", prepare=_prepare_cancel_scheduled)
    yield Case(name="Run.cancel, running", prepare=lambda stage: stage.start_blocked().cancel)
    yield Case(name="Run.cancel, coroutine", prepare=_prepare_cancel_coroutine)
    yield Case(name="Run.cancel, held", prepare=_prepare_cancel_held)


def _subscription_cases() -> Iterator[Case]:
    def subscription(stage: Stage) -> Subscription:
        found = stage.scheduler.subscribe()
        stage.scheduler.now(seven).result(LIMIT)
        return found

    yield Case(name="Subscription.lost", prepare=lambda stage: partial(getattr, subscription(stage), "lost"))
    yield Case(name="Subscription.read", prepare=lambda stage: partial(_read, subscription(stage)))
    yield Case(name="Subscription.close", prepare=lambda stage: subscription(stage).close)


HOUR = timedelta(hours=1)


def _awaiting(run: Run) -> Call:
    """Return a call that awaits a run, which has not ended, for a moment."""

    async def wait() -> None:
        with suppress(TimeoutError):
            await run.result_async(0.001)

    return lambda: asyncio.run(wait())


def _open_nothing(_run: object) -> Iterator[None]:
    yield


def _read(subscription: Subscription) -> list[Event]:
    return list(subscription.read())


def _prepare_another_start(stage: Stage) -> Call:
    stage.scheduler.start()
    stage.scheduler.now(seven).result(LIMIT)
    stage.scheduler.stop(LIMIT)
    return stage.scheduler.start


def _make_closure(stage: Stage) -> Callable[[], None]:
    """Return a function that is new each time."""

    def closure() -> None:
        stage.mark()

    return closure


def _prepare_getter(name: str, target: Callable[[Stage], object]) -> Callable[[Stage], Call]:
    """Return a preparation for reading an attribute."""
    return lambda stage: partial(getattr, target(stage), name)


def _prepare_method(name: str, target: Callable[[Stage], object]) -> Callable[[Stage], Call]:
    """Return a preparation for calling a method."""
    return lambda stage: partial(_call_method, target(stage), name)


def _call_method(target: object, name: str) -> object:
    return getattr(target, name)()


def _after(first: Callable[[], object], call: Call) -> Call:
    first()
    return call


def _after_filling(prepare: Callable[[Stage], Call]) -> Callable[[Stage], Call]:
    """Return a preparation that fills the pool first."""
    return lambda stage: _after(stage.fill_pool, prepare(stage))


def _after_queueing(prepare: Callable[[Stage, Run], Call]) -> Callable[[Stage], Call]:
    """Return a preparation that fills the pool, the caller's slot included, and queues runs first."""

    def prepare_all(stage: Stage) -> Call:
        stage.start_blocked(count=stage.scheduler.pool_view().size - stage.scheduler.pool_view().running)
        runs = [stage.keep(stage.scheduler.now(seven)) for _ in range(3)]
        return prepare(stage, runs[1])

    return prepare_all


def _after_blocking_job(prepare: Callable[[Stage], Call]) -> Callable[[Stage], Call]:
    """Return a preparation that starts a blocking run of the job ``blocker`` first."""

    def prepare_all(stage: Stage) -> Call:
        stage.start_blocked(stage.scheduler.every(3600, stage.block, name="blocker"))
        return prepare(stage)

    return prepare_all


def _prepare_known_function(stage: Stage) -> Call:
    stage.scheduler.now(seven).result(LIMIT)
    return lambda: stage.scheduler.now(seven)


def _prepare_resume(stage: Stage) -> Call:
    stage.job.pause()
    return lambda: stage.scheduler.resume("hourly")


def _prepare_cancel_by_number(stage: Stage) -> Call:
    run = stage.keep(stage.scheduler.in_("1h", stage.mark))
    return lambda: stage.scheduler.cancel(run.number)


def _prepare_remove_with_held_runs(stage: Stage, count: int) -> Call:
    job = stage.scheduler.every(3600, stage.block, name="blocker")
    stage.start_blocked(job)
    for _ in range(count):
        stage.keep(job.run())
    return job.remove


def _prepare_state_of_running_run(stage: Stage) -> Call:
    run = stage.start_blocked()
    return lambda: run.state


def _prepare_cancel_scheduled(stage: Stage) -> Call:
    return stage.keep(stage.scheduler.in_("1h", stage.mark)).cancel


def _prepare_cancel_coroutine(stage: Stage) -> Call:
    run = stage.keep(stage.scheduler.now(sleep_for_ever))
    stage.scheduler.now(sleep_as_coroutine).result(LIMIT)
    return run.cancel


def _prepare_cancel_held(stage: Stage) -> Call:
    job = stage.scheduler.every(3600, stage.block, name="blocker")
    stage.start_blocked(job)
    return [stage.keep(job.run()) for _ in range(3)][1].cancel


def _sleeping(stage: Stage) -> Run:
    return stage.keep(stage.scheduler.now(time.sleep, 0.002))


CASES = [*_scheduler_cases(), *_job_cases(), *_run_cases(), *_subscription_cases()]


# --- interrupting them ----------------------------------------------------------------------------


class Caller(Enum):
    """The thread that makes the call, and the places at which it is interrupted."""

    MAIN = "main thread", Places.EVERY_BYTECODE
    OTHER = "another thread", Places.INTERPRETER
    JOB = "job", Places.INTERPRETER

    def __init__(self, label: str, places: Places) -> None:
        self.label = label
        self.places = places


class TimeLimitError(Exception):
    """The exception of a time limit, such as the handler of SIGALRM raises."""


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """One interrupted call.

    Attributes:
        count: How many places have been passed.
        raised: Where the exception was raised; "" if the call was complete before.
        faults: What is wrong afterwards; "" if all is well.
    """

    count: int
    raised: str
    faults: str


def interrupt(case: Case, caller: Caller, error: BaseException, offset: int) -> Interruption:
    """Make a call on a new scheduler, interrupt it at a place, and check the scheduler afterwards."""
    stage = Stage(pool=POOL + (caller is Caller.JOB), started=case.started)
    # Before the start, the caller itself takes the lock, in a ``with`` statement. The interpreter raises
    # neither between the lock and the block, nor between the block and the release.
    places = caller.places if case.started else Places.INTERPRETER
    injection = BytecodeInjection(error, offset, places)
    unexpected: list[str] = []

    @in_generator
    def interrupt_call() -> None:
        call = case.prepare(stage)
        stage.arm_subscriber()
        try:
            with injection:
                result = call()
            if isinstance(result, Run):
                stage.keep(result)
        except BaseException as raised:  # noqa: BLE001 - also those that are not expected
            if raised is not error and not (case.raises and isinstance(raised, case.raises)):
                unexpected.append(f"the call raises {raised!r}")

    if caller is Caller.JOB and case.started:
        stage.scheduler.now(interrupt_call).wait(4 * LIMIT)
    elif caller is Caller.MAIN:
        interrupt_call()
    else:
        thread = threading.Thread(target=interrupt_call, daemon=True)
        thread.start()
        thread.join(4 * LIMIT)
    faults = _join([*unexpected, stage.find_faults()])
    return Interruption(count=injection.count, raised=injection.raised, faults=faults)


def fail() -> None:
    """Raise an exception."""
    raise ValueError("no")


WORKER_RUNS: tuple[Callable[[], object], ...] = (
    seven,
    fail,
    sleep_as_coroutine,
    partial(time.sleep, 0),
    seven,
)


def interrupt_thread(prefix: str, error: BaseException, offset: int) -> Interruption:
    """Interrupt the scheduler's own threads at a place while they execute some runs, and check it afterwards.

    Args:
        prefix: The beginning of the names of those threads, such as ``jobtui-worker``.
        error: The exception.
        offset: The place, counted over all of those threads; 0 for none.
    """
    injection = BytecodeInjection(error, offset, Places.INTERPRETER)
    with injection.in_new_threads(prefix):
        stage = Stage()
        stage.arm_subscriber()
        injection.active = True

        def request_runs() -> None:
            # A call raises the exception if it interrupts the thread that applies the caller's command.
            for runnable in WORKER_RUNS:
                with suppress(type(error)):
                    stage.keep(stage.scheduler.now(runnable)).wait(LIMIT)
            with suppress(type(error)):
                stage.keep(stage.scheduler.in_(0.002, seven)).wait(LIMIT)

        faults = [stage.call_in_thread(request_runs)]
        injection.active = False
        faults.append(stage.find_faults())
        return Interruption(count=injection.count, raised=injection.raised, faults=_join(faults))


def alternate_errors(offset: int) -> BaseException:
    """Return the exception to raise: by turns that of Ctrl+C and that of a time limit."""
    return KeyboardInterrupt() if offset % 2 else TimeLimitError()


# --- exceptions set from outside ------------------------------------------------------------------


def set_exception(thread: threading.Thread, kind: type[BaseException]) -> None:
    """Have a thread raise an exception as soon as it executes Python code."""
    ident = ctypes.c_ulong(thread.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(kind))


def set_exceptions_at_random(prefix: str, seconds: float, rng: random.Random) -> str:
    """Raise exceptions in the scheduler's own threads while thousands of runs go on; return the faults.

    Args:
        prefix: The beginning of the names of those threads, such as ``jobtui-worker``.
        seconds: How long.
        rng: Chooses the moments and the threads.
    """
    stage = Stage()
    ended = threading.Event()

    def set_exceptions() -> None:
        while not ended.wait(rng.expovariate(1_000)):
            kind = rng.choice((KeyboardInterrupt, TimeLimitError))
            threads = threading.enumerate()
            # While a thread starts, Python 3.11 may raise the exception in that one instead, before it has
            # begun; then `Thread.start` never returns.
            starting = any(each.ident is None for each in threads)
            targets = [each for each in threads if each.name.startswith(prefix)]
            if targets and not starting:
                set_exception(rng.choice(targets), kind)

    attacker = threading.Thread(target=set_exceptions, daemon=True)
    attacker.start()
    deadline = time.monotonic() + seconds
    runs: deque[Run] = deque()

    def request_runs() -> None:
        while time.monotonic() < deadline:
            runs.append(stage.keep(stage.scheduler.now(rng.choice(WORKER_RUNS))))
            if len(runs) > 20 and not runs.popleft().wait(LIMIT):
                break

    faults = [stage.call_in_thread(request_runs, seconds + 2 * LIMIT)]
    ended.set()
    attacker.join()
    for runnable in WORKER_RUNS * POOL:  # a thread that was idle has not raised its exception yet
        stage.keep(stage.scheduler.now(runnable)).wait(LIMIT)
    return _join([*faults, stage.find_faults()])


def main(prefix: str, seconds: str, seed: str) -> None:
    """Print the faults that `set_exceptions_at_random` finds."""
    logging.disable()  # it logs each exception
    print(set_exceptions_at_random(prefix, float(seconds), random.Random(seed)) or "no faults")


def _join(faults: Iterable[str]) -> str:
    return "; ".join(fault for fault in faults if fault)
