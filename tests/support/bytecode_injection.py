"""Injection of an exception between two bytecodes of a call, as a signal handler may raise it.

Python calls a signal handler between two bytecodes of the main thread, and its exception appears there. A
trace function raises at the n-th bytecode instead, so a test can try every place: n = 1, 2, 3 and so on,
until the call completes.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from opcode import opname
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import pytest

import jobtui

tracing_is_safe = pytest.mark.skipif(
    sys.version_info[:2] == (3, 12),
    reason="Python 3.12.1 can crash when bytecodes are traced while other threads run",
)

PACKAGE = str(Path(jobtui.__file__).parent)

# The interpreter calls signal handlers, and raises the exceptions that another thread has set, after these
# instructions only, and at the entry of a function.
_CALLS_AND_JUMPS = ("CALL", "CALL_FUNCTION_EX", "CALL_KW", "JUMP_BACKWARD")
_DELIVERING = frozenset(opname.index(name) for name in _CALLS_AND_JUMPS if name in opname)
_RESUME = opname.index("RESUME")


def in_generator(function: Callable[[], None]) -> Callable[[], None]:
    """Let a function run in the frame of a generator.

    An exception that is raised between the bytecodes of an ``except`` block can leave the handled exception
    behind, as the context of all later exceptions of the thread. A generator has such a stack of its own.
    """

    def generate() -> Iterator[None]:
        function()
        yield

    return lambda: deque(generate(), maxlen=0).clear()


class Places(Enum):
    """The places in the code of jobtui that count.

    In the code of the standard library below it, only the places count at which the interpreter can raise:
    a ``with`` block of `threading` would leak its lock at the others, which never happens.
    """

    EVERY_BYTECODE = "every bytecode"
    INTERPRETER = "places at which the interpreter can raise"


class BytecodeInjection:
    """Raises an exception at the n-th place of the calls in its ``with`` block; in the calling thread only.

    The frames of jobtui count, and all frames below them. The garbage collector is off in the block.

    Args:
        error: The exception.
        offset: The place at which to raise it, counted from 1; 0 to count the places only.
        places: The places that count.

    Attributes:
        active: Whether places are counted.
        count: How many places have been passed.
        raised: Where the exception was raised, as ``file:line in function``; "" if it was not.
    """

    def __init__(self, error: BaseException, offset: int, places: Places = Places.EVERY_BYTECODE) -> None:
        self.count = 0
        self.raised = ""
        self._error = error
        self._offset = offset
        self._places = places
        self.active = False

    def __enter__(self) -> Self:
        """Install the trace function."""
        self._before = sys.gettrace()
        self._collects = gc.isenabled()
        gc.disable()
        self.active = True
        sys._getframe().f_trace_opcodes = True  # noqa: SLF001 - Python 3.12 traces bytecodes only if a frame says so before
        sys.settrace(self._trace_call)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore the trace function of before."""
        self.active = False
        sys.settrace(self._before)
        if self._collects:
            gc.enable()

    @contextmanager
    def in_new_threads(self, prefix: str) -> Iterator[None]:
        """Let the places of new threads count that have such a name, whenever `active` is set."""

        def trace(frame: FrameType, event: str, argument: Any) -> _FrameTrace | None:
            named = threading.current_thread().name.startswith(prefix)
            return self._trace_call(frame, event, argument) if named else None

        threading.settrace(trace)
        try:
            yield
        finally:
            threading.settrace(None)

    def _trace_call(self, frame: FrameType, event: str, _: Any) -> _FrameTrace | None:
        caller = frame.f_back
        own = frame.f_code.co_filename.startswith(PACKAGE)
        if not (own or (caller and isinstance(caller.f_trace, _FrameTrace))):
            return None
        if frame.f_code is threading.Thread.start.__code__:  # it does not survive an exception
            return None
        trace = _FrameTrace(self, strict=own and self._places is Places.EVERY_BYTECODE)
        frame.f_trace_lines = False
        frame.f_trace = trace  # Python 3.13 traces the bytecodes of a frame only if it has this before
        frame.f_trace_opcodes = True
        return trace

    def pass_place(self, frame: FrameType) -> None:
        """Count a place, and raise the exception if it is the chosen one."""
        if not self.active:
            return
        self.count += 1
        if self.count == self._offset:
            self.active = False
            self.raised = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} in {frame.f_code.co_name}"
            raise self._error


class _FrameTrace:
    """The trace function of one frame.

    Args:
        injection: Is called at each place that counts.
        strict: Whether every bytecode counts.
    """

    def __init__(self, injection: BytecodeInjection, *, strict: bool) -> None:
        self._injection = injection
        self._strict = strict
        self._previous = -1  # the instruction before

    def __call__(self, frame: FrameType, event: str, _: Any) -> Self:
        """Pass a place before each instruction."""
        if event == "opcode":
            previous, self._previous = self._previous, frame.f_code.co_code[frame.f_lasti]
            if self._strict or previous in _DELIVERING or previous == _RESUME:
                self._injection.pass_place(frame)
        return self
