"""Await threads and latches in an asyncio event loop. Imported lazily, because asyncio takes 30 ms."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any, TypeVar

from jobtui.runtime.latch import Latch

Result = TypeVar("Result")


class LatchFuture(asyncio.Future[None]):
    """Is done when a latch has been opened. The loop of the test kit knows that no clock causes that."""


async def wait_open(latch: Latch, timeout: float | None) -> bool:  # noqa: ASYNC109 - as `Run.result` has it
    """Wait until a latch is open, at most ``timeout`` seconds. Return whether it is."""
    loop = asyncio.get_running_loop()
    future = LatchFuture(loop=loop)

    def wake() -> None:
        loop.call_soon_threadsafe(_settle, future, None, None)

    latch.call_when_open(wake)
    try:
        if not latch.opened:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await future
    finally:
        latch.forget(wake)
    return latch.opened


def call_in_thread(function: Callable[[], Result], *, name: str) -> asyncio.Future[Result]:
    """Call a function that blocks in a thread of its own, with the context variables of the caller.

    The threads of the loop's executor may all be busy with work of the application.

    Args:
        function: The function.
        name: The name of the thread.

    Returns:
        A future of the running loop. To cancel it does not interrupt the function.
    """
    loop, context = asyncio.get_running_loop(), copy_context()
    future: asyncio.Future[Result] = loop.create_future()

    def call() -> None:
        result, error = None, None
        try:
            result = context.run(function)
        except BaseException as raised:  # noqa: BLE001 - the caller raises it
            error = raised
        with suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(_settle, future, result, error)

    threading.Thread(target=call, name=name, daemon=True).start()
    return future


async def completed(future: asyncio.Future[Result], undo: Callable[[], object] | None = None) -> Result:
    """Await what `call_in_thread` has returned.

    Args:
        future: The future.
        undo: Called in a thread if the caller is cancelled, when the function has returned.
    """
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        if undo is not None:
            await asyncio.wait([future])
            if future.exception() is None:
                await asyncio.shield(call_in_thread(undo, name="jobtui-stop"))
        raise


def _settle(future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if future.done():  # cancelled
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
