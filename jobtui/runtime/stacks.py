"""The live stacks of threads and tasks, as plain data: the work goes on while they are read.

Call these functions without the state lock. They keep no frame; but if a function of the user returns while
they read, its frame is freed here, and with it perhaps objects of the user.
"""

from __future__ import annotations

import contextlib
import linecache
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import dropwhile, islice
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from jobtui.engine.packed_exceptions import MAX_ENTRIES, MAX_NAME, Frame, Frames, bounded
from jobtui.engine.tracebacks import is_internal
from jobtui.engine.views import RunStack, RunView, StackFrame
from jobtui.runtime.awaited_tasks import awaited_tasks, coroutines_of, task_of_loop

if TYPE_CHECKING:
    from asyncio import Task

MAX_SOURCE = 500  # characters that are kept of a source line
MAX_TASKS = 1_000  # tasks that are looked at for one stack
MAX_PLACES = 16  # places of other tasks that are kept of one stack
MAX_TASK_NAME = 80  # characters that are kept of the name of a task

# A code object, the index of its current instruction, and the line if it is known.
_Place = tuple[CodeType, int, int | None]
_NO_POSITION = None, None, None, None

# Tasks at one place: a remark on them, the frames of each, and the tasks.
_Group = tuple[str, Frames, "list[Task[Any]]"]


def frames_of_thread(thread: int, is_caller: Callable[[FrameType], bool]) -> Frames:
    """Return the frames of a thread, outermost first; () if the caller is not among them.

    If the work has called `asyncio.run`, the frames of that task follow after a remark: see `frames_of_task`.

    Args:
        thread: The identifier of the thread.
        is_caller: Tells the frame that has called the work. It and its callers are left out.
    """
    called = _frames_above(thread, is_caller)
    frames = _pack(map(_place, reversed(called)))
    task = next(filter(None, map(task_of_loop, called)), None)
    if task is None:
        return frames
    return (*frames, f"its event loop runs {_names_of([task])}", *frames_of_task(task, thread))


def frames_of_task(task: Task[Any], thread: int | None) -> Frames:
    """Return the frames of a task and of what it awaits, outermost first.

    They end where it waits for other tasks, as in `gather`. So the frames of these tasks follow after a
    remark, and so on. Tasks that are at the same place are shown once.

    Args:
        task: The task.
        thread: The identifier of the thread in which it may be running now.
    """
    frames: list[Frame | int | str] = []
    seen = {id(task)}
    groups: list[_Group] = [("", _frames_of_coroutine(task.get_coro(), thread), [task])]  # the next one last
    for shown in range(MAX_PLACES + 1):
        remark, place, tasks = groups.pop()
        frames += [remark, *place] if shown else place
        groups += _groups_of_awaited(tasks, seen, thread, "it waits" if not shown else "")
        if not groups:
            return tuple(frames)
    return (*frames, "more tasks left out")


def _groups_of_awaited(
    tasks: list[Task[Any]], seen: set[int], thread: int | None, subject: str
) -> list[_Group]:
    """Return the tasks that tasks of one group wait for, grouped by their places, the first place last.

    Args:
        tasks: The tasks of the group.
        seen: The identities of the tasks that have been found so far. Those that are found now are added.
        thread: The identifier of the thread in which a task may be running now.
        subject: The first words of the remarks; "" for the names of the tasks.
    """
    places: dict[Frames, list[Task[Any]]] = {}
    for task in tasks:
        for each in awaited_tasks(task, MAX_TASKS):
            if id(each) not in seen and len(seen) < MAX_TASKS:
                seen.add(id(each))
                places.setdefault(_frames_of_coroutine(each.get_coro(), thread), []).append(each)
    subject = subject or f"{_names_of(tasks)} {'waits' if len(tasks) == 1 else 'wait'}"
    groups = [(f"{subject} for {_names_of(found)}", place, found) for place, found in places.items()]
    return groups[::-1]


def _names_of(tasks: list[Task[Any]]) -> str:
    from asyncio import Task  # noqa: PLC0415 - loaded already

    name = str.__str__(Task.get_name(tasks[0]))[:MAX_TASK_NAME]  # a subclass may override any method
    others = len(tasks) - 1
    return name if not others else f"{name} and {others} other{'s' if others > 1 else ''} at the same place"


def _frames_of_coroutine(coroutine: Any, thread: int | None) -> Frames:
    outermost = getattr(coroutine, "cr_frame", None)
    if thread is not None and getattr(
        coroutine, "cr_running", False
    ):  # it blocks the loop, or is about to wait
        called = _frames_above(thread, lambda frame: frame is outermost)
        if called:
            return _pack(map(_place, reversed(called)))
    return _pack(_place(frame) for _, frame in coroutines_of(coroutine, MAX_ENTRIES))


def run_stack(run: RunView, frames: Frames, at: datetime) -> RunStack:
    """Return the stack of a run with its source lines, as they are in the files now.

    Args:
        run: The run.
        frames: The frames of its work.
        at: When they were read.
    """
    for file in {frame[0] for frame in frames if isinstance(frame, tuple)}:
        linecache.checkcache(file)
    shown = tuple(map(_with_source, frames))
    return RunStack(number=run.number, job=run.job, state=run.state, worker=run.worker, at=at, frames=shown)


def _with_source(item: Frame | int | str) -> StackFrame:
    if not isinstance(item, tuple):
        return StackFrame(source=f"[{item}]")
    file, line, _, _, _, function = item[:6]
    source = linecache.getline(file, line or 0).strip()[:MAX_SOURCE]
    return StackFrame(file=file, line=line or 0, function=function, source=source)


def _frames_above(thread: int, is_caller: Callable[[FrameType], bool]) -> list[FrameType]:
    """Return the frames of a thread, innermost first, down to the caller; [] if it is not found."""
    frames: list[FrameType] = []
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - documented in spite of its name
    while frame is not None and len(frames) < MAX_ENTRIES:
        if is_caller(frame):
            return frames
        frames.append(frame)
        frame = frame.f_back
    return [] if frame is None else frames


def _place(frame: FrameType) -> _Place:
    with contextlib.suppress(BaseException):
        # The loader may have to read the source.
        linecache.lazycache(frame.f_code.co_filename, frame.f_globals)
    return frame.f_code, frame.f_lasti, frame.f_lineno


def _pack(places: Iterable[_Place]) -> Frames:
    """Return the frames from the first one that is not of jobtui, without the middle of a long stack."""
    outside = dropwhile(lambda place: is_internal(place[0].co_filename), places)
    return bounded(list(map(_frame, outside)))


def _frame(place: _Place) -> Frame:
    code, instruction, line = place
    positions = islice(code.co_positions(), instruction // 2, None) if instruction >= 0 else iter(())
    start, end_line, column, end_column = next(positions, _NO_POSITION)
    file, function = code.co_filename[:MAX_NAME], code.co_name[:MAX_NAME]
    return file, start or line, end_line, column, end_column, function
