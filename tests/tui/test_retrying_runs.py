"""Runs between two attempts in the dashboard of a scheduler on a simulated clock."""

from __future__ import annotations

import re

from support.app_driver import async_test, running_app

from jobtui import Retry, RunState, current_run
from jobtui.frontend.local_backend import LocalBackend
from jobtui.simulation.simulated_scheduler import SimulatedScheduler, simulated


def fail_once() -> None:
    """Fail in the first attempt."""
    if current_run().attempt == 1:
        raise OSError("no route")


def retrying_job(scheduler: SimulatedScheduler) -> int:
    """Register a job whose run waits for its second attempt. Return the number of the run."""
    scheduler.stop_logging()
    retry = Retry(3, first="1h", most="1h", jitter=0)
    run = scheduler.schedule("@daily", fail_once, name="import", retry=retry).run()
    scheduler.advance("59m52s")
    assert run.state is RunState.RETRYING
    return run.number


@async_test
async def test_the_row_of_a_job_shows_its_next_attempt_and_r_makes_it_at_once() -> None:
    with simulated() as scheduler:
        number = retrying_job(scheduler)
        async with running_app(LocalBackend(scheduler, "shop.py")) as driver:
            assert "↻ 2/4 in 8s" in driver.text
            assert re.search(r"↻ 2/4 +#1 +import +59m52s +attempt 1 of", driver.text)
            await driver.press("r")
            scheduler.advance(0)
            assert scheduler.run_view(number).state is RunState.OK
            assert scheduler.run_view(number).attempt == 2


@async_test
async def test_x_gives_up_the_run_after_a_question() -> None:
    with simulated() as scheduler:
        number = retrying_job(scheduler)
        async with running_app(LocalBackend(scheduler, "shop.py")) as driver:
            await driver.press("x")
            assert "Cancel run 1 of import?" in driver.text
            assert "It is given up: no further attempt is made." in driver.text
            await driver.press("y")
            view = scheduler.run_view(number)
            assert view.state is RunState.CANCELLED
            assert view.reason.endswith("attempt 1 of 4 had failed: OSError: no route")


@async_test
async def test_the_screen_of_a_run_shows_its_attempts() -> None:
    with simulated() as scheduler:
        retrying_job(scheduler)
        scheduler.advance("1m")
        async with running_app(LocalBackend(scheduler, "shop.py"), size=(140, 50)) as driver:
            await driver.press("4", "enter")
            assert "2 of 4" in driver.text
            assert "attempt 1 failed" in driver.text
            await driver.press("a")
            assert 'raise OSError("no route")' in driver.text
