"""Right and wrong uses of jobtui. `test_uses` has mypy and pyright check this file; nothing executes it.

Both must find an error in each line that ends with "wrong", and in no other.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, assert_type

import jobtui
import jobtui.fastapi
from jobtui import (
    CurrentRun,
    Ending,
    Event,
    Job,
    JobView,
    Overlap,
    PoolView,
    Run,
    RunFinished,
    RunStack,
    RunState,
    RunView,
    Schedule,
    Scheduler,
    Secret,
    Snapshot,
    Subscription,
    Trigger,
)


def count(word: str, *, times: int = 1) -> int:
    """Require an argument."""
    return len(word) * times


def work() -> str:
    """Require none."""
    return "done"


async def wait(seconds: float = 1.0) -> bytes:
    """Require none, and return bytes in the end."""
    await asyncio.sleep(seconds)
    return b""


def log_in(user: str, password: Secret[str]) -> str:
    """Require a secret."""
    return user + password.reveal()


class Report:
    """Has a run method."""

    def run(self, copies: int = 1) -> float:
        """Return a number."""
        return float(copies)

    def send(self, to: str = "") -> None:
        """Require the object."""


class AsyncReport:
    """Has a coroutine method run."""

    async def run(self) -> float:
        """Return a number in the end."""
        return 1.0


def requests_in_transactions(scheduler: Scheduler, connection: sqlite3.Connection) -> None:
    """Request runs in transactions, which return nothing."""
    number: Run = scheduler.now(work, durable=connection)  # wrong
    number = scheduler.in_(5, count, "word", durable=connection)  # wrong
    print(number)


def one_off_runs(scheduler: Scheduler, job: Job, instant: datetime) -> None:
    """Request runs, with the arguments that their functions have."""
    assert_type(scheduler.now(work), Run[str])
    assert_type(scheduler.now(work).result(), str)
    assert_type(scheduler.now(count, "word", times=2), Run[int])
    assert_type(scheduler.now(wait, 0.5), Run[bytes])
    assert_type(scheduler.now(Report()), Run[float])
    assert_type(scheduler.now(Report(), 2), Run[float])
    assert_type(scheduler.now(Report), Run[float])
    assert_type(scheduler.now(AsyncReport), Run[float])
    assert_type(scheduler.now(AsyncReport()), Run[float])
    assert_type(scheduler.now(Report().send, "me"), Run[None])
    assert_type(scheduler.now(partial(count, "word")), Run[int])
    assert_type(scheduler.now(lambda: 1.5), Run[float])
    assert_type(scheduler.now(job), Run[Any])
    assert_type(scheduler.now(job, 5, word="a"), Run[Any])
    assert_type(scheduler.in_(5, job, 5, word="a"), Run[Any])
    assert_type(scheduler.at(instant, job, 5, word="a"), Run[Any])
    assert_type(scheduler.run("daily", 5, word="a"), Run[Any])
    assert_type(scheduler.run_again(5), Run[Any])
    scheduler.run_again("5")  # wrong
    assert_type(scheduler.in_("1m", count, "word"), Run[int])
    assert_type(scheduler.in_(timedelta(minutes=1), wait), Run[bytes])
    assert_type(scheduler.at(instant, work), Run[str])
    assert_type(jobtui.now(work), Run[str])
    assert_type(jobtui.in_(5, count, "word").result(timeout=1), int)
    assert_type(scheduler.now(count, "word", durable=True, times=2), Run[int])
    assert_type(scheduler.in_(5, wait, 0.5, durable=True), Run[bytes])
    assert_type(jobtui.at(instant, work, durable=bool(instant)), Run[str])
    assert_type(scheduler.now(log_in, "ann", Secret("hunter2")), Run[str])
    assert_type(Secret(5).reveal(), int)
    scheduler.now(log_in, "ann", "hunter2")  # wrong
    scheduler.now(log_in, "ann", Secret(5))  # wrong
    runs: list[Run] = [scheduler.now(work), scheduler.now(wait)]
    anything: Run[object] = scheduler.now(work)
    print(runs, anything)
    scheduler.now(count)  # wrong
    scheduler.now(count, "word", durable="yes")  # wrong
    scheduler.now(count, 5)  # wrong
    scheduler.now(count, "word", tines=2)  # wrong
    scheduler.now(work, "word")  # wrong
    scheduler.now("work")  # wrong
    scheduler.now(Report(), "two")  # wrong
    scheduler.in_("1m", count)  # wrong
    scheduler.in_(instant, work)  # wrong
    scheduler.at("10:30", work)  # wrong
    scheduler.at(instant, count, word=5)  # wrong
    length: int = scheduler.now(work).result()  # wrong
    jobtui.now(count)  # wrong
    print(length)


def changes(scheduler: Scheduler, schedule: Schedule, job: Job, instant: datetime) -> None:
    """Change jobs, and adjust their ticks."""
    job.reschedule("1h")
    scheduler.every(5, work, not_before="2026-12-01", until=instant, spread="1h", jitter=30)
    scheduler.every(5, work, until=5)  # wrong
    scheduler.every(5, work, on_start=True)
    scheduler.every(5, work, on_start="yes")  # wrong
    scheduler.every(5, work, times=5)
    scheduler.every(5, work, times="5")  # wrong
    scheduler.every(5, work, spread=["1h"])  # wrong
    job.reschedule(schedule, dst="every")
    job.update(overlap="skip", max_held=5)
    job.update(until=None, timeout=None, retry=None)
    scheduler.update("tidy", spec=5, misfire="all")
    job.reschedule(job)  # wrong
    job.update(overlap="never")  # wrong
    scheduler.update("tidy", overlapp="skip")  # wrong


def limits(scheduler: Scheduler, job: Job) -> None:
    """Limit the time and the failures of runs, and pause jobs."""
    scheduler.every(5, work, timeout="5m", warn=timedelta(minutes=2), abandon=0.5, pause_after=3)
    job.update(timeout=0, warn="1m", abandon=10, pause_after=0, retry=0, until=None)
    scheduler.every(5, work, timeout=["5m"])  # wrong
    scheduler.every(5, work, warn=b"2m")  # wrong
    scheduler.every(5, work, abandon=datetime.now().astimezone())  # wrong
    scheduler.every(5, work, pause_after="3")  # wrong
    scheduler.every(5, work, not_before=5)  # wrong
    scheduler.every(5, work, jitter=None, spread=None)
    scheduler.every(5, work, jitter=("1s", "2s"))  # wrong
    scheduler.every(5, work, time_out=5)  # wrong
    Scheduler(defaults={"timeout": "5m", "retry": 3, "pause_after": 2}, abandoned=4)
    Scheduler(defaults={"timeout": "5m", "retries": 3})  # wrong
    Scheduler(abandoned="4")  # wrong
    Scheduler(quiet=["SAT 02:00 for 3h"])
    Scheduler(quiet=5)  # wrong
    Scheduler(quiet=[3])  # wrong
    assert_type(job.pause(until="08:00", note="disk", by="me"), bool)
    assert_type(scheduler.pause("daily", for_=timedelta(hours=1)), bool)
    assert_type(scheduler.stack(5), RunStack | None)
    assert_type(jobtui.current_run().remaining(), float | None)
    job.pause(until=5)  # wrong
    job.pause(for_=["1h"])  # wrong
    job.pause(note=5)  # wrong
    job.pause(duration="1h")  # wrong
    scheduler.stack("5")  # wrong
    raise jobtui.RetryIn(["30s"])  # wrong


def attempts(count: int) -> None:
    """Steer the attempts of a run."""
    if count == 1:
        raise jobtui.RetryIn("30s", "rate limit")
    if count == 2:
        raise jobtui.RetryIn(timedelta(seconds=5))
    if count == 3:
        raise jobtui.GiveUp(5)  # wrong
    jobtui.Retry("3")  # wrong
    jobtui.Retry(3, first=["2s"])  # wrong
    jobtui.Retry(3, factor="2")  # wrong
    jobtui.Retry(3, not_on=(OSError, "ValueError"))  # wrong
    jobtui.Retry(3, untill="next tick")  # wrong
    raise jobtui.GiveUp("the account is closed")


def tell(ending: Ending) -> None:
    """Read an ending."""
    assert_type(ending.run, RunView)
    assert_type(ending.exception, BaseException | None)


def tell_nothing() -> None:
    """Get no ending."""


@jobtui.around
def open_session(run: CurrentRun) -> Iterator[None]:
    """Open a context for each run."""
    assert_type(run.number, int)
    yield


@jobtui.on_failure
def tell_failure(ending: Ending) -> int:
    """Keep the type."""
    return ending.run.number


def ending_of(scheduler: Scheduler) -> Ending:
    """Return an ending."""
    return Ending(run=scheduler.run_view(1))


def endings(scheduler: Scheduler) -> None:
    """Have functions called for endings, and around runs."""
    scheduler.every(5, work, on_success=tell, on_failure=tell_failure, on_missed=lambda ending: ending.run)
    assert_type(scheduler.on_success(tell_failure)(ending_of(scheduler)), int)
    scheduler.on_missed(tell)
    scheduler.every(5, work, on_failure="tell")  # wrong
    scheduler.every(5, work, on_success=tell_nothing)  # wrong
    scheduler.on_failure(tell_nothing)  # wrong
    scheduler.on_success(work)  # wrong
    scheduler.around(work)  # wrong
    scheduler.around(tell)  # wrong


def embedded(scheduler: Scheduler) -> None:
    """Put a scheduler into other programs."""
    with jobtui.serve(scheduler, "127.0.0.1:0", user="ann", password="hunter2", readonly=True) as listener:
        print(listener.address)
    jobtui.asgi(scheduler, title="shop", readonly=True)
    jobtui.run(scheduler, grace=5)
    jobtui.fastapi.lifespan(scheduler)
    jobtui.fastapi.lifespan()
    jobtui.asgi("scheduler")  # wrong
    jobtui.asgi()  # wrong
    jobtui.run("my_jobs.py")  # wrong
    jobtui.fastapi.lifespan("app")  # wrong
    with jobtui.serve(scheduler, "127.0.0.1:0", read_only=True):  # wrong
        pass


def jobs(scheduler: Scheduler, schedule: Schedule) -> None:
    """Register jobs, whose functions require no arguments."""
    job = scheduler.schedule(
        "@daily", work, name="daily", overlap="skip", misfire="all", max_late="1h", max_held=5
    )
    assert_type(job, Job)
    assert_type(job.run(), Run[Any])
    scheduler.schedule("@daily", work, retry=3)
    scheduler.schedule("@daily", work, retry=jobtui.Retry(3, first="1s", on=OSError, until="next tick"))
    scheduler.schedule("@daily", work, retry="3")  # wrong
    jobtui.Retry(3, until="noon")  # wrong
    jobtui.Retry(3, on="OSError")  # wrong
    assert_type(job.run("word", times=2), Run[Any])
    assert_type(jobtui.job(count, name="count", args=("word",), overlap="skip"), Job)
    assert_type(scheduler.add(Report), Job)
    scheduler.add(count, kwargs={"times": 2})
    scheduler.add("count")  # wrong
    scheduler.add(count, "daily")  # wrong
    scheduler.add(count, args=5)  # wrong
    jobtui.job(count, spec="@daily")  # wrong
    scheduler.schedule(schedule, wait)
    scheduler.schedule("@daily", Report, tz="UTC", dst="every")
    scheduler.every("30s", Report())
    scheduler.every(timedelta(seconds=5), partial(count, "word"), start=datetime.now().astimezone())
    scheduler.every(5, lambda: None)
    scheduler.schedule("@daily", count, args=("word",), kwargs={"times": 2}, overlap="skip")
    scheduler.schedule("@daily", work, args=[], tz="UTC", name="daily")
    scheduler.every(5, count, kwargs={"word": "a"})
    scheduler.every(5, work, name="tidy", replace=True)
    scheduler.every(5, work, name="tidy", replace="yes")  # wrong
    scheduler.every("30s", Report, args=[2], name="report")
    scheduler.schedule("@daily", count)  # wrong
    scheduler.schedule("@daily", count, args="word")  # wrong
    scheduler.every(5, count, args=("word",), kwargs=["times"])  # wrong
    scheduler.every(5, count, args=("word",), overlap="never")  # wrong
    scheduler.every(5, count, args=("word",), arguments=5)  # wrong
    scheduler.every(5, "work", args=("word",))  # wrong
    scheduler.schedule("@daily", Report.send)  # wrong
    scheduler.schedule("@daily", work, overlap="never")  # wrong
    scheduler.schedule("@daily", work, jiter=5)  # wrong
    scheduler.schedule(5, work)  # wrong
    scheduler.every(5, count)  # wrong
    scheduler.every(5, "work")  # wrong
    scheduler.every(5, work, tz="UTC")  # wrong
    scheduler.every(seconds=5, runnable=work)  # wrong
    scheduler.every(5, work, misfire="coalesced")  # wrong
    scheduler.every(5, work, max_late=[1])  # wrong
    scheduler.pause(5)  # wrong
    scheduler.add_job(work)  # wrong
    job.cancel()  # wrong
    Scheduler(defaults={"overlap": "never"})  # wrong
    Scheduler(max_workers=5)  # wrong


@jobtui.scheduled("0 */15 * * * *", name="quarter", tz="UTC")
def decorated() -> int:
    """Keep the type."""
    return 1


@jobtui.scheduled("0 */15 * * * *", args=("a",), kwargs={"times": 2})
@jobtui.scheduled(every="30s", kwargs={"word": "b"}, name="count")
def decorated_with_arguments(word: str, *, times: int = 1) -> int:
    """Keep the type."""
    return len(word) * times


assert_type(decorated_with_arguments("word", times=2), int)


@jobtui.scheduled(every="30s", overlap="skip")
async def decorated_coroutine() -> int:
    """Keep the type."""
    return 1


@jobtui.on_app_start
def start() -> None:
    """Require no arguments."""


assert_type(decorated(), int)


def decorators() -> None:
    """Decorate with wrong arguments, or functions that require some."""
    jobtui.scheduled("@daily", max_held="5")(work)  # wrong
    jobtui.scheduled("@daily", start=datetime.now().astimezone())(work)  # wrong
    jobtui.scheduled(every=5, tz="UTC")(work)  # wrong
    jobtui.scheduled(every=5, jiter=1)(work)  # wrong
    jobtui.scheduled(seconds=5)(work)  # wrong
    jobtui.scheduled()(work)  # wrong
    jobtui.scheduled("@daily", every=5)(work)  # wrong
    jobtui.scheduled("@daily")(count)  # wrong
    jobtui.on_app_start(count)  # wrong
    jobtui.nonesuch()  # wrong


async def awaits(scheduler: Scheduler) -> None:
    """Use a scheduler on an event loop."""
    async with scheduler as entered:
        assert_type(entered, Scheduler)
        assert_type(await scheduler.now(decorated), int)
        assert_type(await scheduler.now(decorated).result_async(5), int)
    assert_type(await scheduler.stop_async(grace=1), bool)
    await scheduler.now(decorated).result_async("5s")  # wrong
    jobtui.Scheduler(loop="uvloop")  # wrong
    jobtui.asgi(scheduler, read_only=True)  # wrong
    with jobtui.serve(scheduler, 9001):  # wrong
        pass


def views(scheduler: Scheduler, subscription: Subscription) -> None:
    """Read what the scheduler shows."""
    snapshot = scheduler.snapshot()
    assert_type(snapshot, Snapshot)
    assert_type(snapshot.pool, PoolView)
    assert_type(snapshot.jobs, tuple[JobView, ...])
    assert_type(snapshot.jobs[0].overlap, Overlap)
    assert_type(snapshot.running, tuple[RunView, ...])
    assert_type(snapshot.running[0].state, RunState)
    assert_type(jobtui.current_run(), CurrentRun)
    assert_type(jobtui.current_run().trigger, Trigger)
    for event in subscription.read():
        assert_type(event, Event)
        if isinstance(event, RunFinished):
            assert_type(event.run, RunView)
            print(event.runs)  # wrong
    print(snapshot.jbos)  # wrong
