"""The handles `Job`, `Run` and `CurrentRun`: when they are equal, and which waiting would never end."""

import asyncio
from collections.abc import Callable
from copy import copy
from typing import Any

import pytest
from support.real_threads import LIMIT, MakeScheduler

from jobtui import Job, Run, RunState, current_run


def work() -> int:
    """Return a number."""
    return 7


async def suspend_once() -> int:
    """Return a number, as a coroutine."""
    await asyncio.sleep(0)
    return 7


# --- equality -------------------------------------------------------------------------------------


def test_two_handles_of_one_job_are_equal_and_have_one_hash(make_scheduler: MakeScheduler) -> None:
    """Those that a registration, a search by name and the list of jobs return."""
    scheduler = make_scheduler()
    job, other = scheduler.every("1h", work), scheduler.every("2h", work)
    assert scheduler.job("work") == job
    assert scheduler.jobs == [job, other]
    assert job != other
    assert job in scheduler.jobs
    assert {job: "first"}[scheduler.job("work")] == "first"
    assert len({job, other, *scheduler.jobs}) == 2
    assert job != "work"
    job.remove()
    again = scheduler.every("1h", work, name="work")
    assert again != job


def test_the_jobs_of_two_schedulers_differ(make_scheduler: MakeScheduler) -> None:
    """Even if they have one name and one function."""
    assert make_scheduler().every("1h", work) != make_scheduler().every("1h", work)


def test_two_handles_of_one_run_are_equal_and_have_one_hash(make_scheduler: MakeScheduler) -> None:
    """A run differs from the next one of its job."""
    scheduler = make_scheduler()
    first, second = scheduler.now(work), scheduler.now(work)
    again = copy(first)
    assert first == again
    assert first is not again
    assert len({first, second, again}) == 2
    assert first != second
    assert first != first.number


def test_the_current_run_is_equal_to_itself(make_scheduler: MakeScheduler) -> None:
    """Each call returns another object."""
    scheduler = make_scheduler()
    scheduler.start()
    first, again = scheduler.now(lambda: (current_run(), current_run())).result(LIMIT)
    other = scheduler.now(current_run).result(LIMIT)
    assert first == again
    assert len({first, again, other}) == 2


# --- waiting that would never end -----------------------------------------------------------------


@pytest.mark.parametrize("target", [work, suspend_once])
@pytest.mark.parametrize("timeout", [None, 60.0])
def test_a_coroutine_cannot_block_its_event_loop_until_a_run_has_ended(
    make_scheduler: MakeScheduler, target: Callable[[], Any], timeout: float | None
) -> None:
    """The message says what to write instead, and that works."""
    scheduler = make_scheduler()
    scheduler.start()

    async def blocks() -> None:
        scheduler.in_("1h", target).result(timeout)

    async def waits() -> int:
        run = scheduler.now(target)
        assert run.wait(0) in {False, True}  # which does not block
        found: int = await scheduler.now(target).result_async(LIMIT)
        return found

    with pytest.raises(RuntimeError, match="write  await run"):
        scheduler.now(blocks).result(LIMIT)
    assert scheduler.now(waits).result(LIMIT) == 7


def test_a_function_with_a_loop_of_its_own_can_wait_for_a_run(make_scheduler: MakeScheduler) -> None:
    """Its loop is not that of the scheduler's coroutines."""
    scheduler = make_scheduler()
    scheduler.start()

    async def main() -> int:
        found: int = scheduler.now(suspend_once).result(LIMIT)
        return found

    assert scheduler.now(lambda: asyncio.run(main())).result(LIMIT) == 7


def test_a_coroutine_can_wait_for_a_run_of_another_scheduler(make_scheduler: MakeScheduler) -> None:
    """Another event loop runs it."""
    scheduler, other = make_scheduler(), make_scheduler()
    scheduler.start()
    other.start()

    async def waits() -> int:
        found: int = other.now(suspend_once).result(LIMIT)
        return found

    assert scheduler.now(waits).result(LIMIT) == 7


def test_a_run_cannot_wait_for_a_run_that_is_held_until_it_has_ended(make_scheduler: MakeScheduler) -> None:
    """With a timeout it can, and the wait ends in time."""
    scheduler = make_scheduler()
    jobs: list[Job] = []
    held: list[Run] = []

    def waits() -> None:
        if not held:
            held.append(jobs[0].run())
            assert held[0].state is RunState.HELD
            assert not held[0].wait(0.001)
            held[0].result()

    jobs.append(scheduler.every("1h", waits))
    scheduler.start()
    with pytest.raises(RuntimeError, match=r"run 1 of waits would wait for ever: <jobtui\.Run 2 .* is held"):
        jobs[0].run().result(LIMIT)
    assert held[0].wait(LIMIT)


def test_a_run_cannot_wait_for_its_own_end(make_scheduler: MakeScheduler) -> None:
    """Its end would come after its end."""
    scheduler = make_scheduler()
    runs: list[Run] = []
    runs.append(scheduler.in_(0, lambda: [runs[0].wait()]))
    scheduler.start()
    with pytest.raises(RuntimeError, match="it waits for its own end"):
        runs[0].result(LIMIT)


def test_a_coroutine_cannot_block_its_event_loop_until_it_is_asked_to_stop(
    make_scheduler: MakeScheduler,
) -> None:
    """Without blocking, it can ask; and a sleep of asyncio is interrupted anyway."""
    scheduler = make_scheduler()
    scheduler.start()

    async def asks() -> bool:
        return current_run().wait_cancelled(0)

    async def blocks() -> None:
        current_run().wait_cancelled()

    assert scheduler.now(asks).result(LIMIT) is False
    with pytest.raises(RuntimeError, match=r"write  await asyncio\.sleep\(seconds\)"):
        scheduler.now(blocks).result(LIMIT)
