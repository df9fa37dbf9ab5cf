"""Commands run off the painting thread, one after the other, in the order of the keys."""

from __future__ import annotations

import threading

from support.app_driver import async_test, running_app

from jobtui import Scheduler
from jobtui.frontend.local_backend import LocalBackend


class BlockedBackend(LocalBackend):
    """A backend whose first change of the pool's size waits until it is released."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler, "jobs.py")
        self.begun = threading.Event()
        self.released = threading.Event()

        def resize_later(pool: int) -> None:
            is_first = not self.begun.is_set()
            self.begun.set()
            if is_first:
                assert self.released.wait(20)
            scheduler.resize(pool)

        self.resize = resize_later


@async_test
async def test_u_takes_back_the_command_before_it_even_if_that_has_not_ended_yet() -> None:
    scheduler = Scheduler(tz="UTC", pool=4)
    scheduler.schedule("@yearly", print, name="work")
    with scheduler:
        backend = BlockedBackend(scheduler)
        async with running_app(backend) as driver:
            await driver.press("p", "p")
            await driver.pilot.press("plus", "u")
            await driver.until(backend.begun.is_set)
            backend.released.set()
            await driver.settle()
            snapshot = scheduler.snapshot()
            assert (snapshot.pool.size, snapshot.jobs[0].paused_by) == (4, "dashboard")
            assert [text for _, text in driver.toasts][-2:] == [
                "pool: 5 runs at once; u undoes it",
                "pool: 4 runs at once",
            ]


@async_test
async def test_a_quick_command_does_not_overtake_a_slow_one() -> None:
    """The last key decides."""
    scheduler = Scheduler(tz="UTC", pool=4)
    with scheduler:
        backend = BlockedBackend(scheduler)
        async with running_app(backend) as driver:
            await driver.pilot.press("plus", "plus")
            await driver.until(backend.begun.is_set)
            await driver.pilot.pause()
            assert scheduler.snapshot().pool.size == 4
            backend.released.set()
            await driver.settle()
            assert scheduler.snapshot().pool.size == 6
