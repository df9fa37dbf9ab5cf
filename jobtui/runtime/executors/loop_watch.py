"""Names the coroutine that blocks its event loop, as code that never awaits does."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from jobtui.engine.records import RunRecord
from jobtui.runtime.current_run import run_of_context

if TYPE_CHECKING:
    import asyncio

BLOCK_LIMIT = 1.0  # seconds for which a coroutine may block its loop before a warning names it
MAX_FRAMES = 30  # of the stack in the warning


class LoopWatch:
    """Asks an event loop for an answer from time to time, and reports what keeps it from answering.

    Args:
        monotonic: The monotonic clock, in seconds.
        report: Gets a sentence and the stack, once for each block.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        report: Callable[[str, traceback.StackSummary], object],
    ) -> None:
        self._monotonic = monotonic
        self._report = report
        self._asked_at: float | None = None  # None if the loop has answered
        self._reported = False

    def answer(self) -> None:
        """Note that the loop is not blocked. Call this in its thread."""
        self._asked_at = None

    def check(
        self,
        loop: asyncio.AbstractEventLoop | None,
        thread: int | None,
        tasks: Mapping[RunRecord, asyncio.Task[None] | None],
    ) -> None:
        """Report a block that lasts for too long. Call this whenever the loop has been asked.

        Args:
            loop: The event loop.
            thread: The identifier of its thread.
            tasks: The tasks of the runs.
        """
        asked_at, now = self._asked_at, self._monotonic()
        if asked_at is None:
            self._asked_at, self._reported = now, False
            return
        frame = None if thread is None else sys._current_frames().get(thread)  # noqa: SLF001 - documented
        if loop is None or frame is None or self._reported or now - asked_at < BLOCK_LIMIT:
            return
        from asyncio import current_task  # noqa: PLC0415 - loaded already

        task = current_task(loop)
        if task is None:  # the whole process was suspended, and the loop has not gone on yet
            return
        self._reported = True
        self._report(
            f"{_name_of(task, tasks)} has blocked its event loop for {now - asked_at:.1f} s, so no other "
            "coroutine continues; await something, or call what blocks with asyncio.to_thread()",
            _stack(frame),
        )


def _name_of(task: asyncio.Task[Any], tasks: Mapping[RunRecord, asyncio.Task[None] | None]) -> str:
    """Return the run that a task belongs to, in words."""
    run = next((run for run, each in tuple(tasks.items()) if each is task), None)
    if run is None and sys.version_info >= (3, 12):  # the task may be one that a run has created
        run = (task.get_context().get(run_of_context) or (None,))[0]
    if run is None:
        return f"the task {task.get_name()}, which is no run,"
    return f"run {run.number} of {run.job.name}"


def _stack(frame: Any) -> traceback.StackSummary:
    """Return the stack of the coroutine, without the loop's own frames. Reads no source line."""
    frames = [
        traceback.FrameSummary(each.f_code.co_filename, line, each.f_code.co_name, lookup_line=False)
        for each, line in traceback.walk_stack(frame)
    ]
    own = [at for at, each in enumerate(frames) if each.filename.endswith(_LOOP_FILES)]
    return traceback.StackSummary.from_list(frames[: own[0] if own else None][:MAX_FRAMES][::-1])


_LOOP_FILES = (
    "executors/event_loop.py",
    "executors\\event_loop.py",
    "asyncio/events.py",
    "asyncio\\events.py",
)
