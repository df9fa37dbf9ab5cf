"""The latest run of a job, and the last one that was OK, of a real scheduler."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.api_server import BlockingJob
from support.waiting import LIMIT, wait_until

from jobtui import Retry, Scheduler
from jobtui.engine.enums import RunState
from jobtui.frontend.local_backend import LocalBackend
from jobtui.frontend.related_runs import last_ok_run, latest_run


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """Return a scheduler that runs."""
    with Scheduler(tz="UTC") as scheduler:
        yield scheduler


def run(scheduler: Scheduler, job: str) -> int:
    """Run a job, and return the number of the run when it has ended."""
    started = scheduler.run(job)
    assert started.wait(LIMIT)
    return started.number


def test_the_latest_run_is_the_one_that_runs_or_the_last_that_has_ended(scheduler: Scheduler) -> None:
    """Not one of a job with a similar name, nor one that waits."""
    blocking = BlockingJob()
    scheduler.schedule("@yearly", blocking, name="a")
    scheduler.schedule("@yearly", print, name="a b")
    scheduler.schedule("@yearly", print, name="a*")
    backend = LocalBackend(scheduler, "jobs.py")
    with pytest.raises(LookupError, match="no run of a has started yet"):
        latest_run(backend, "a")
    for name in ("a b", "a*"):
        number = run(scheduler, name)
        assert latest_run(backend, name).number == number
    run(scheduler, "a b")
    assert latest_run(backend, "a*").number == number
    running = scheduler.run("a")
    blocking.wait_started()
    waiting = scheduler.run("a")
    assert latest_run(backend, "a").number == running.number
    blocking.release()
    assert waiting.wait(LIMIT)
    assert latest_run(backend, "a").number == waiting.number


def test_the_latest_run_may_be_one_that_is_about_to_be_tried_again(scheduler: Scheduler) -> None:
    """Its first attempt has written output."""

    def fail() -> None:
        raise ValueError("no")

    job = scheduler.schedule("@yearly", fail, name="a", retry=Retry(1, first="1h"))
    number = job.run().number
    wait_until(lambda: scheduler.run_view(number).state is RunState.RETRYING)
    assert latest_run(LocalBackend(scheduler, "jobs.py"), "a").number == number


def test_the_last_ok_run_ended_before_the_run_and_is_of_its_job(scheduler: Scheduler) -> None:
    outcomes = iter([None, None, ValueError("no"), None, ValueError("no")])

    def work() -> None:
        if error := next(outcomes):
            raise error

    scheduler.schedule("@yearly", work, name="a")
    scheduler.schedule("@yearly", print, name="b")
    backend = LocalBackend(scheduler, "jobs.py")
    numbers = [run(scheduler, "a") for _ in range(5)]
    run(scheduler, "b")
    found = [last_ok_run(backend, backend.run_view(number)).number for number in numbers[1:]]
    assert found == [numbers[0], numbers[1], numbers[1], numbers[3]]
    with pytest.raises(LookupError, match="no earlier OK run of a is known"):
        last_ok_run(backend, backend.run_view(numbers[0]))
