"""Work in a thread ends when the task that waits for it is cancelled."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from jobtui.web.cancellable_thread import Check, WorkCancelled, to_cancellable_thread

LIMIT = 60.0


def test_the_work_returns_its_result() -> None:
    def work(check: Check) -> str:
        check()
        return threading.current_thread().name

    assert asyncio.run(to_cancellable_thread(work)) != threading.current_thread().name


def test_the_work_ends_when_its_task_is_cancelled() -> None:
    begun, ended = threading.Event(), threading.Event()

    def work(check: Check) -> None:
        begun.set()
        try:
            while True:
                check()
        except WorkCancelled:
            ended.set()
            raise

    async def cancel() -> None:
        task = asyncio.create_task(to_cancellable_thread(work))
        assert await asyncio.to_thread(begun.wait, LIMIT)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(ended.wait, LIMIT)

    asyncio.run(cancel())
