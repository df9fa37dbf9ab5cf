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
from typing import Any

from jobtui.engine.packed_exceptions import MAX_ENTRIES, MAX_NAME, Frame, Frames, bounded
from jobtui.engine.tracebacks import is_internal
from jobtui.engine.views import RunStack, RunView, StackFrame

MAX_SOURCE = 500  # characters that are kept of a source line

# A code object, the index of its current instruction, and the line if it is known.
_Place = tuple[CodeType, int, int | None]
_NO_POSITION = None, None, None, None


def frames_of_thread(thread: int, is_caller: Callable[[FrameType], bool]) -> Frames:
    """Return the frames of a thread, outermost first; () if the caller is not among them.

    Args:
        thread: The identifier of the thread.
        is_caller: Tells the frame that has called the work. It and its callers are left out.
    """
    return _pack(reversed(_places_above(thread, is_caller)))


def frames_of_coroutine(coroutine: Any, thread: int | None) -> Frames:
    """Return the frames of a coroutine and of what it awaits, outermost first.

    Args:
        coroutine: The coroutine.
        thread: The identifier of the thread in which it may be running now.
    """
    outermost = coroutine.cr_frame
    if coroutine.cr_running and thread is not None:  # it blocks the loop, or is about to wait
        places = _places_above(thread, lambda frame: frame is outermost)
        if places:
            return _pack(reversed(places))
    places = []
    work = coroutine
    while work is not None and len(places) < MAX_ENTRIES:
        # Of a coroutine, a generator that stands for one, or an asynchronous generator.
        frame = _first_of(work, "cr_frame", "gi_frame", "ag_frame")
        if not isinstance(frame, FrameType):  # a future
            break
        places.append(_place(frame))
        work = _first_of(work, "cr_await", "gi_yieldfrom", "ag_await")
    return _pack(places)


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
    file, line, _, _, _, function = item
    source = linecache.getline(file, line or 0).strip()[:MAX_SOURCE]
    return StackFrame(file=file, line=line or 0, function=function, source=source)


def _places_above(thread: int, is_caller: Callable[[FrameType], bool]) -> list[_Place]:
    """Return the places of a thread, innermost first, down to the caller; [] if it is not found."""
    places: list[_Place] = []
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - documented in spite of its name
    while frame is not None and len(places) < MAX_ENTRIES:
        if is_caller(frame):
            return places
        places.append(_place(frame))
        frame = frame.f_back
    return [] if frame is None else places


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


def _first_of(work: object, *names: str) -> object:
    return next((value for name in names if (value := getattr(work, name, None)) is not None), None)
