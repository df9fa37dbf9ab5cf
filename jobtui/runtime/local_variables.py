"""Capture the local variables of the frames of an exception, as short texts.

A text crosses threads and is kept; the objects are not. To show an object of the user, its `repr` is called:
in a thread of its own, because it may hang, without the state lock, and for a limited time.
"""

from __future__ import annotations

import re
import reprlib
import threading
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import copy_context
from itertools import islice
from types import FrameType, FunctionType, ModuleType
from typing import Any

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
from jobtui.process.printable import printable
from jobtui.runtime.redaction import REPLACEMENT

LONGEST = 0.5  # seconds in which the variables of an exception must be described
MAX_FRAMES = 8  # innermost frames of one exception whose variables are captured
MAX_VARIABLES = 30  # of one frame
MAX_VALUE = 200  # characters of a value
MAX_CHARACTERS = 8_000  # of all values of an exception
_MAX_REDACTED = 2_000  # characters of a value in which secrets are searched
# The names of secrets: of variables, of keys, and of attributes in a `repr`.
_SECRET = r"\w*(?:passw|secret|token|api_?key|credential|authorization|private_?key)\w*"  # noqa: S105 - names alone
_SECRET_NAME = re.compile(_SECRET, re.IGNORECASE)
_NAMED_SECRET = re.compile(
    rf"""(\b{_SECRET}['"]?\s*[=:]\s*)('(?:\\.|[^'\\])*'?|"(?:\\.|[^"\\])*"?|[^\s,)\]}}]+)""", re.IGNORECASE
)
_HIDDEN_TYPES = (ModuleType, FunctionType, type)  # they say nothing that the source does not


class LocalVariables:
    """Captures local variables.

    Args:
        redact: Replaces secrets in a text.
    """

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact
        self._last: threading.Thread | None = None

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
        if self._last is not None and self._last.is_alive():
            return {}
        frames = list(_frames(exception))
        texts: dict[Place, str] = {}
        work = threading.Thread(
            target=copy_context().run,
            args=(self._describe, frames, texts),
            name="jobtui-locals",
            daemon=True,
        )
        self._last = work
        work.start()
        work.join(LONGEST)
        return dict(texts)  # the thread may still add to it

    def _describe(self, frames: Iterable[tuple[Place, FrameType]], texts: dict[Place, str]) -> None:
        room = MAX_CHARACTERS
        for place, frame in frames:
            if place in texts:  # an inner call of the same line
                continue
            lines: list[str] = []
            for name, value in islice(_variables(frame), MAX_VARIABLES):
                lines.append(f"{name} = {self._shown(name, value)}")
                room -= len(lines[-1])
                if room < 0:
                    return
                texts[place] = "\n".join(lines)

    def _shown(self, name: str, value: object) -> str:
        if _SECRET_NAME.search(name):
            return REPLACEMENT
        prefix = f"{name} = "
        text = printable(_ShortRepr().repr(value))[:_MAX_REDACTED]
        text = self._redact(prefix + _NAMED_SECRET.sub(rf"\1{REPLACEMENT}", text)).removeprefix(prefix)
        return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"


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


class _ShortRepr(reprlib.Repr):
    """Calls `repr` for as few parts of a value as its text shows, and never for a whole container."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdeque = 10
        self.maxarray = 10

    def repr1(self, x: Any, level: int) -> str:
        """Return the text of a value; one that says so if its `repr` raises."""
        try:
            kind = type(x)
            if kind in (str, bytes, bytearray):
                return repr(x[:_MAX_REDACTED])
            if kind in _CONTAINERS:
                return super().repr1(x, level)
            text = repr(x)
            return text if type(text) is str else str.__str__(text)
        except BaseException:  # noqa: BLE001 - of the user's code; a SystemExit fails the text alone, too
            return f"<{type.__getattribute__(type(x), '__name__')}: repr() failed>"

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        """Return the first items, in their order; Python's own method would sort all of them."""
        if level <= 0 and x:
            return "{...}"
        parts = [
            f"{self.repr1(key, level - 1)}: {self.repr1(value, level - 1)}"
            for key, value in islice(x.items(), self.maxdict)
        ]
        return f"{{{', '.join([*parts, *(['...'] if len(x) > self.maxdict else [])])}}}"

    def repr_set(self, x: set[Any], level: int) -> str:
        """Return some members; Python's own method would sort all of them."""
        members = [self.repr1(each, level - 1) for each in islice(x, self.maxset)] if level > 0 else []
        more = ["..."] if len(x) > len(members) else []
        return f"{{{', '.join([*members, *more])}}}" if x else "set()"

    def repr_frozenset(self, x: frozenset[Any], level: int) -> str:
        """Return some members, as `repr_set`."""
        return f"frozenset({self.repr_set(set(islice(x, self.maxset + 1)), level)})"


_CONTAINERS = frozenset({dict, list, tuple, set, frozenset, deque, array})
