"""Long work in chunks, and turns of clients that wake at the same time."""

from __future__ import annotations

import asyncio

import pytest

from jobtui.frontend.cooperative import TURN_SPACING, Staggered, yield_to_others


def test_yield_to_others_runs_ready_tasks_first() -> None:
    """A task that yields continues after those that were ready before."""
    order: list[str] = []

    async def both() -> None:
        async def other() -> None:
            order.append("other")

        task = asyncio.create_task(other())
        await yield_to_others()
        order.append("yielding task")
        await task

    asyncio.run(both())
    assert order == ["other", "yielding task"]


def test_yield_to_others_can_be_cancelled() -> None:
    """The cancellation of a client's task is not mistaken for the end of the pause."""

    async def cancelled_task() -> bool:
        task = asyncio.create_task(yield_to_others(30))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(cancelled_task())


def test_the_turn_of_a_single_client_comes_at_once() -> None:
    """It does not even let the loop run another task."""

    async def single_client() -> None:
        with pytest.raises(StopIteration):  # the coroutine ended without having suspended
            Staggered().my_turn().send(None)

    asyncio.run(single_client())


def test_turns_of_many_clients_are_in_order_and_spaced() -> None:
    """Clients have their turns in the order of their calls, none of them early."""

    async def many_clients() -> tuple[list[int], list[float], float]:
        turns, loop = Staggered(), asyncio.get_running_loop()
        order: list[int] = []
        times: list[float] = []

        async def client(number: int) -> None:
            await turns.my_turn()
            order.append(number)
            times.append(loop.time())

        began = loop.time()
        await asyncio.gather(*[client(number) for number in range(40)])
        return order, times, began

    order, times, began = asyncio.run(many_clients())
    assert order == sorted(order)
    resolution = 1e-3  # of the loop's clock, which runs timers that are due within it
    assert all(time - began >= number * TURN_SPACING - resolution for number, time in enumerate(times))
    assert times[-1] - began >= 39 * TURN_SPACING - resolution
