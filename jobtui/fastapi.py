"""The lifespan of FastAPI and Starlette that starts and stops a scheduler; neither is imported here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from jobtui.runtime.default_scheduler import check_scheduler, default_scheduler
from jobtui.runtime.scheduler import Scheduler


def lifespan(scheduler: Scheduler | None = None) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """Return a lifespan: ``FastAPI(lifespan=jobtui.fastapi.lifespan(scheduler))``.

    The scheduler starts and stops with the application, and its coroutines run on the loop of that.

    Args:
        scheduler: The scheduler; None for the default one.

    Raises:
        TypeError: It is not a scheduler.
    """
    given = None if scheduler is None else check_scheduler("lifespan()", scheduler)

    @asynccontextmanager
    async def run(_app: object) -> AsyncIterator[None]:
        async with given or default_scheduler():
            yield

    return run
