"""Tests of the stacks of tasks that wait for other tasks."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from support.app_driver import async_test

from jobtui.runtime.stacks import MAX_PLACES, frames_of_task

Work = Callable[[], Coroutine[Any, Any, Any]]


async def leaf() -> None:
    """Wait until the task is cancelled."""
    await asyncio.Event().wait()


async def branch() -> None:
    """Wait for a leaf, in a task of its own."""
    await asyncio.create_task(leaf(), name="leaf")


async def stack_of(work: Coroutine[Any, Any, Any]) -> list[str]:
    """Return the functions and remarks of the stack of a task that waits; end all tasks."""
    task = asyncio.create_task(work, name="root")
    for _ in range(10):  # iterations of the loop until each task waits
        await asyncio.sleep(0)
    frames = frames_of_task(task, None)
    tasks = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return [frame[5] if isinstance(frame, tuple) else str(frame) for frame in frames]


def named(name: str, work: Work = leaf) -> asyncio.Task[Any]:
    """Return a task with a name."""
    return asyncio.create_task(work(), name=name)


async def use_gather() -> None:
    """Wait in `gather`."""
    await asyncio.gather(named("a"), named("b", branch))


async def use_nested_gather() -> None:
    """Wait in a `gather` of a `gather`."""
    await asyncio.gather(asyncio.gather(named("a")), named("b", branch))


async def use_wait() -> None:
    """Wait in `wait`."""
    await asyncio.wait([named("a")])


async def use_wait_for() -> None:
    """Wait in `wait_for`."""
    await asyncio.wait_for(named("a"), 3600)


async def use_shield() -> None:
    """Wait behind `shield`."""
    await asyncio.shield(named("a"))


async def use_task_group() -> None:
    """Wait at the end of a task group."""
    async with asyncio.TaskGroup() as group:
        group.create_task(leaf(), name="a")


async def use_task() -> None:
    """Wait for a task."""
    await named("a")


@pytest.mark.parametrize("work", [use_wait, use_wait_for, use_shield, use_task_group, use_task])
@async_test
async def test_the_stack_goes_on_in_the_task_that_is_awaited(work: Work) -> None:
    frames = await stack_of(work())
    assert frames[0] == work.__name__
    assert frames[-3:] == ["it waits for a", "leaf", "wait"]


@pytest.mark.parametrize("work", [use_gather, use_nested_gather])
@async_test
async def test_the_stack_goes_on_in_each_task_of_gather_and_in_what_these_await(
    work: Work,
) -> None:
    first, second = ["it waits for a", "leaf", "wait"], ["it waits for b", "branch"]
    expected = [work.__name__, *first, *second, "b waits for leaf", "leaf", "wait"]
    assert await stack_of(work()) == expected


@async_test
async def test_tasks_at_the_same_place_are_shown_once() -> None:
    async def work() -> None:
        await asyncio.gather(*[named(f"number {number}", branch) for number in range(3)])

    [_, first, _, second, *_] = await stack_of(work())
    assert first == "it waits for number 0 and 2 others at the same place"
    assert second == "number 0 and 2 others at the same place wait for leaf and 2 others at the same place"


@async_test
async def test_tasks_that_have_ended_are_left_out() -> None:
    async def work() -> None:
        await asyncio.gather(asyncio.sleep(0), named("a"))

    assert await stack_of(work()) == ["work", "it waits for a", "leaf", "wait"]


@async_test
async def test_tasks_that_wait_for_each_other_are_shown_once() -> None:
    async def ping(others: list[asyncio.Task[None]]) -> None:
        await asyncio.wait([each for each in others if each is not asyncio.current_task()])

    async def work() -> None:
        tasks: list[asyncio.Task[None]] = []
        tasks += [
            asyncio.create_task(ping(tasks), name="ping"),
            asyncio.create_task(ping(tasks), name="pong"),
        ]
        await tasks[0]

    assert [frame for frame in await stack_of(work()) if "waits" in frame] == [
        "it waits for ping",
        "ping waits for pong",
    ]


@async_test
async def test_of_very_many_places_only_the_first_are_shown() -> None:
    async def deep(depth: int) -> None:
        await (deep(depth - 1) if depth else leaf())

    async def work() -> None:
        await asyncio.gather(*map(deep, range(2 * MAX_PLACES)))

    frames = await stack_of(work())
    assert len([frame for frame in frames if frame.startswith("it waits")]) == MAX_PLACES
    assert frames[-1] == "more tasks left out"


@async_test
async def test_the_stack_of_a_task_that_waits_for_no_task_ends_there() -> None:
    async def work() -> None:
        other = named("a")  # it is not awaited
        await leaf()
        await other

    assert await stack_of(work()) == ["work", "leaf", "wait"]
