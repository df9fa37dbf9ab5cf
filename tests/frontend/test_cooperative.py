"""Work for many clients, in pieces: who has much to do gives way."""

from __future__ import annotations

import asyncio

import pytest

from jobtui.frontend.cooperative import EACH, Staggered, pause


def test_a_pause_lets_others_go_on() -> None:
    """Who pauses comes after what is ready already."""
    order: list[str] = []

    async def both() -> None:
        async def other() -> None:
            order.append("other")

        task = asyncio.create_task(other())
        await pause()
        order.append("first")
        await task

    asyncio.run(both())
    assert order == ["other", "first"]


def test_a_pause_can_be_broken_off() -> None:
    """A client that goes while it waits leaves nothing behind."""

    async def broken() -> bool:
        task = asyncio.create_task(pause(30))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(broken())


def test_one_client_waits_for_nobody() -> None:
    """Its turn is at once: it does not even let the loop turn."""

    async def alone() -> None:
        with pytest.raises(StopIteration):  # the end of a coroutine that has waited for nothing
            Staggered().mine().send(None)

    asyncio.run(alone())


def test_many_clients_have_their_turns_one_after_the_other() -> None:
    """None before its time, and in the order in which they came."""

    async def many() -> tuple[list[int], list[float], float]:
        turns, loop = Staggered(), asyncio.get_running_loop()
        order: list[int] = []
        times: list[float] = []

        async def client(number: int) -> None:
            await turns.mine()
            order.append(number)
            times.append(loop.time())

        began = loop.time()
        await asyncio.gather(*[client(number) for number in range(40)])
        return order, times, began

    order, times, began = asyncio.run(many())
    assert order == sorted(order)
    resolution = 1e-3  # of the loop's clock: what is due in less is done at once
    assert all(time - began >= number * EACH - resolution for number, time in enumerate(times))
    assert times[-1] - began >= 39 * EACH - resolution
