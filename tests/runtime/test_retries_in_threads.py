"""Retries in real threads, on event loops, and with the machine's clock."""

from __future__ import annotations

import asyncio
import threading

import pytest
from support.real_threads import MakeScheduler, assert_ended
from support.waiting import LIMIT, wait_until

from jobtui import Retry, RetryIn, RunState, Scheduler, current_run

SOON = Retry(3, first="1ms", jitter=0)
LATER = Retry(3, first="8h", most="8h")


def fail_until(attempt: int) -> str:
    """Fail in each attempt before one."""
    if current_run().attempt < attempt:
        raise OSError("no route")
    return f"attempt {current_run().attempt}"


async def fail_until_async(attempt: int) -> str:
    """Fail in each attempt before one, on an event loop."""
    await asyncio.sleep(0)
    return fail_until(attempt)


@pytest.mark.parametrize("function", [fail_until, fail_until_async])
def test_a_run_waits_for_its_attempts_and_returns_what_the_last_one_returned(
    make_scheduler: MakeScheduler, function: object
) -> None:
    with make_scheduler() as scheduler:
        run = scheduler.add(function, args=(4,), name="import", retry=SOON).run()  # type: ignore[arg-type]
        assert run.result(LIMIT) == "attempt 4"
        [view] = scheduler.snapshot().jobs
        attempts = scheduler.run_view(run.number).attempts_made

    assert (view.runs, view.failures, view.retries) == (1, 0, 3)
    assert [(each.number, each.reason) for each in attempts] == [
        (number, "OSError: no route") for number in (1, 2, 3)
    ]


def test_the_exception_of_the_last_attempt_is_that_of_the_run(make_scheduler: MakeScheduler) -> None:
    with make_scheduler() as scheduler:
        run = scheduler.add(fail_until, args=(9,), name="import", retry=SOON).run()
        with pytest.raises(OSError, match="no route"):
            run.result(LIMIT)
        assert run.state is RunState.FAILED


def test_a_coroutine_on_the_loop_of_the_application_is_tried_again() -> None:
    async def main() -> str:
        async with Scheduler(tz="UTC") as scheduler:
            job = scheduler.add(fail_until_async, args=(2,), name="import", retry=SOON)
            return str(await job.run())

    assert asyncio.run(main()) == "attempt 2"


def test_a_run_between_two_attempts_leaves_its_slot_to_others_but_not_its_job(
    make_scheduler: MakeScheduler,
) -> None:
    with make_scheduler(pool=1) as scheduler:
        job = scheduler.add(fail_until, args=(2,), name="import", retry=LATER)
        run = job.run()
        wait_until(lambda: run.state is RunState.RETRYING)
        assert scheduler.now(lambda: "other").result(LIMIT) == "other"
        held = job.run(1)  # with other arguments, so it is another run
        assert held.state is RunState.HELD
        assert scheduler.run("import") == run  # by hand: tried again at once
        assert run.result(LIMIT) == "attempt 2"
        assert held.result(LIMIT) == "attempt 1"


def test_a_delay_that_the_job_chooses_is_kept(make_scheduler: MakeScheduler) -> None:
    def ask_for_another() -> str:
        if current_run().attempt == 1:
            raise RetryIn("1ms", "rate limit")
        return "done"

    with make_scheduler() as scheduler:
        assert scheduler.add(ask_for_another, retry=LATER).run().result(LIMIT) == "done"


def test_cancelling_between_two_attempts_wakes_those_who_wait_for_the_run(
    make_scheduler: MakeScheduler,
) -> None:
    with make_scheduler() as scheduler:
        run = scheduler.add(fail_until, args=(2,), name="import", retry=LATER).run()
        ended: list[bool] = []
        waiter = threading.Thread(target=lambda: ended.append(run.wait(LIMIT)))
        waiter.start()
        wait_until(lambda: run.state is RunState.RETRYING)
        assert run.cancel()
        waiter.join(LIMIT)

    assert ended == [True]
    assert run.state is RunState.CANCELLED
    assert "attempt 1 of 4 had failed: OSError: no route" in run.reason


def test_a_stop_gives_up_the_runs_between_two_attempts_at_once(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    scheduler.start()
    run = scheduler.add(fail_until, args=(2,), name="import", retry=LATER).run()
    wait_until(lambda: run.state is RunState.RETRYING)
    assert scheduler.stop(LIMIT)
    assert_ended(run)
    assert run.state is RunState.CANCELLED
