"""The number of keys from the main screen of the demo to the answer of each question."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from support import snapshots
from support.app_driver import AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend

from jobtui import Scheduler
from jobtui.engine.enums import RunState
from jobtui.frontend.local_backend import LocalBackend

RECENT = [
    snapshots.ended_run(
        866, "import_orders", 3, RunState.FAILED, error=snapshots.TRACEBACK, reason="KeyError: 'amount'"
    ),
    snapshots.ended_run(865, "hash_folder", 5),
]


@asynccontextmanager
async def demo() -> AsyncIterator[AppDriver]:
    """Show a job that failed, beside others, with a full pool."""
    jobs = [
        snapshots.make_job("hash_folder"),
        snapshots.make_job(
            "import_orders",
            recent=(RunState.OK, RunState.FAILED),
            failures=1,
            last_elapsed=timedelta(seconds=0.042),
        ),
    ]
    backend = ScriptedBackend(snapshots.make(jobs, recent=RECENT))
    backend.outputs[866] = "reading orders.csv\norder 5117 has no amount\n"
    async with running_app(backend) as driver:
        yield driver


@pytest.mark.parametrize(
    ("keys", "answers"),
    [
        (["n", "enter"], ["KeyError: 'amount'"]),
        (["n", "enter"], ["demo_jobs.py:172"]),
        (["n", "l"], ["order 5117 has no amount"]),
        (["n", "w"], ["import_orders"]),
    ],
    ids=["why did it fail", "which line of my code", "what did it print", "why did a tick not run"],
)
@async_test
async def test_so_many_keys_lead_to_the_answer(keys: list[str], answers: list[str]) -> None:
    async with demo() as driver:
        await driver.press(*keys)
        for answer in answers:
            assert answer in driver.text


@async_test
async def test_one_key_says_when_the_pool_is_full_next() -> None:
    async with running_app(ScriptedBackend(snapshots.busy())) as driver:
        await driver.press("5")
        assert "full" in driver.text


@async_test
async def test_two_keys_and_typing_run_a_job_with_other_arguments() -> None:
    numbers: list[int] = []

    def work(limit: int = 5) -> None:
        numbers.append(limit)

    scheduler = Scheduler(tz="UTC")
    scheduler.schedule("@yearly", work, name="work")
    with scheduler:
        async with running_app(LocalBackend(scheduler, "jobs.py")) as driver:
            await driver.press("R", "backspace", "7", "enter")
            await driver.until(lambda: bool(numbers))
    assert numbers == [7]
