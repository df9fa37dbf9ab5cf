"""Capture the local variables of the frames of an exception, as short texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from types import FrameType, FunctionType, ModuleType

from jobtui.engine.packed_exceptions import (
    MAX_ENTRIES,
    MAX_NAME,
    PackedException,
    Place,
    add_locals,
    linked_exceptions,
    traceback_of,
)
from jobtui.engine.tracebacks import is_installed
from jobtui.runtime.value_text import BoundedCalls, value_text

MAX_FRAMES = 8  # innermost frames of one exception whose variables are captured
MAX_VARIABLES = 30  # of one frame
MAX_CHARACTERS = 8_000  # of all values of an exception
_HIDDEN_TYPES = (ModuleType, FunctionType, type)  # they say nothing that the source does not


class LocalVariables:
    """Captures local variables.

    Args:
        redact: Replaces secrets in a text.
    """

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact
        self._calls = BoundedCalls(name="jobtui-locals")

    def add_to(self, exception: BaseException, packed: PackedException) -> PackedException:
        """Return an exception as plain data with the variables of the user's frames. Never raises.

        Without them if a `repr` of an earlier exception still hangs, or if no thread can be started.

        Args:
            exception: The exception.
            packed: The same as plain data.
        """
        try:
            return add_locals(packed, self._texts(exception))
        except BaseException:  # noqa: BLE001 - such as a MemoryError: the exception is reported without them
            return packed

    def _texts(self, exception: BaseException) -> Mapping[Place, str]:
        frames = list(_frames(exception))
        texts: dict[Place, str] = {}
        self._calls.call(self._describe, frames, texts)
        return dict(texts)  # the thread may still add to it

    def _describe(self, frames: Iterable[tuple[Place, FrameType]], texts: dict[Place, str]) -> None:
        room = MAX_CHARACTERS
        for place, frame in frames:
            if place in texts:  # an inner call of the same line
                continue
            lines: list[str] = []
            for name, value in islice(_variables(frame), MAX_VARIABLES):
                lines.append(f"{name} = {value_text(value, self._redact, name)}")
                room -= len(lines[-1])
                if room < 0:
                    return
                texts[place] = "\n".join(lines)


def _frames(exception: BaseException) -> Iterator[tuple[Place, FrameType]]:
    """Yield the frames in the user's code, the innermost ones of each exception first."""
    for each in linked_exceptions(exception):
        entry, found = traceback_of(each), []
        for _ in range(MAX_ENTRIES):
            if entry is None:
                break
            code = entry.tb_frame.f_code
            if not is_installed(code.co_filename):
                names = [str.__str__(name)[:MAX_NAME] for name in (code.co_filename, code.co_name)]
                found.append(((names[0], entry.tb_lineno, names[1]), entry.tb_frame))
            entry = entry.tb_next
        yield from reversed(found[-MAX_FRAMES:])


def _variables(frame: FrameType) -> Iterator[tuple[str, object]]:
    """Yield the variables of a function in the order of their creation; none of a module."""
    if frame.f_code.co_name == "<module>":
        return
    for name, value in frame.f_locals.items():
        if not name.startswith(("@", ".")) and not issubclass(type(value), _HIDDEN_TYPES):
            yield name, value
