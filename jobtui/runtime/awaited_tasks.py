"""Finds the tasks that a task waits for, from outside: the chain of coroutines of a task ends at a future.

Python says nothing of what such a future waits for. But `gather` keeps its tasks in its future, `shield` in a
callback of its future, and `wait`, `wait_for` and task groups in the coroutines that wait. Some of that is
private to asyncio. Where it is missing, and where a task waits for something else, such as a queue or a
socket, no task is found.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import FrameType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import Task

_WAITING_PACKAGES = ("asyncio", "anyio")  # what their coroutines hold are the tasks that these wait for


def coroutines_of(coroutine: object, at_most: int) -> list[tuple[object, FrameType]]:
    """Return a coroutine and what it awaits, outermost first, each with its frame.

    Args:
        coroutine: A coroutine, a generator that stands for one, or an asynchronous generator.
        at_most: How many to return at most.
    """
    chain: list[tuple[object, FrameType]] = []
    work: object = coroutine
    while work is not None and len(chain) < at_most:
        frame = _first_of(work, "cr_frame", "gi_frame", "ag_frame")
        if not isinstance(frame, FrameType):  # a future
            break
        chain.append((work, frame))
        work = _first_of(work, "cr_await", "gi_yieldfrom", "ag_await")
    return chain


def awaited_tasks(task: Task[Any], at_most: int) -> list[Task[Any]]:
    """Return the tasks that a task waits for and that have not ended; [] if none can be found.

    Call this in any thread. It calls no code of the user.

    Args:
        task: The task.
        at_most: How many objects to look at.
    """
    from asyncio import Future, Task  # noqa: PLC0415 - takes 30 ms; it is loaded if there is a task

    unseen: list[Any] = [*_held_by_coroutines(task, at_most), getattr(task, "_fut_waiter", None)]
    seen = {id(task)}
    found: list[Task[Any]] = []
    while unseen and len(seen) < at_most:
        each = unseen.pop()
        kind = type(each)  # unlike `isinstance`, this asks no object of the user
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        if issubclass(kind, Task):
            if not Task.done(each):  # a subclass may override any method
                found.append(each)
        elif issubclass(kind, Future):
            unseen += [*_held_by_callbacks(each), *getattr(each, "_children", ())[::-1]]  # those of `gather`
        elif kind in (set, list):
            unseen += [member for member in tuple(each) if issubclass(type(member), Future)]
        elif kind.__name__ == "TaskGroup":
            unseen.append(getattr(each, "_tasks", None))
    return found


def task_of_loop(frame: FrameType) -> Task[Any] | None:
    """Return the task for which a frame runs an event loop, if the task waits now; None if there is none.

    Args:
        frame: A frame of any thread.
    """
    if frame.f_code.co_name != "run_until_complete" or frame.f_globals.get("__package__") != "asyncio":
        return None
    from asyncio import Task  # noqa: PLC0415 - loaded already

    task = frame.f_locals.get("future")
    waits = isinstance(task, Task) and not getattr(task.get_coro(), "cr_running", False)
    return task if waits else None


def _held_by_coroutines(task: Task[Any], at_most: int) -> list[object]:
    """Return the variables of the innermost coroutines of a task, as far as they belong to asyncio."""
    held: list[object] = []
    for work, frame in reversed(coroutines_of(task.get_coro(), at_most)):
        if str(frame.f_globals.get("__name__")).partition(".")[0] not in _WAITING_PACKAGES:
            break
        held += gc.get_referents(work)
    return held


def _held_by_callbacks(future: Any) -> Iterator[object]:
    """Yield the variables of the functions that a future calls at its end."""
    for callback, *_ in tuple(getattr(future, "_callbacks", None) or ()):
        if type(callback) is FunctionType:
            for cell in callback.__closure__ or ():
                yield from gc.get_referents(cell)


def _first_of(work: object, *names: str) -> object:
    return next((value for name in names if (value := getattr(work, name, None)) is not None), None)
