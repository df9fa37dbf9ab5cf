"""Describe a value of the user as a short text without secrets, whatever its `repr` does.

A text crosses threads and is kept; the object is not. The `repr` of an object is the user's code: it is
called in a thread of its own, because it may hang, without the state lock, and for a limited time.
"""

from __future__ import annotations

import re
import reprlib
import threading
from array import array
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from itertools import islice
from typing import Any

from jobtui.process.printable import printable
from jobtui.runtime.redaction import REPLACEMENT

LONGEST = 0.5  # seconds that a description may take
MAX_VALUE = 200  # characters of a value
_MAX_REDACTED = 2_000  # characters of a value in which secrets are searched
# The names of secrets: of variables, of keys, and of attributes in a `repr`.
_SECRET = r"\w*(?:passw|secret|token|api_?key|credential|authorization|private_?key)\w*"  # noqa: S105 - names alone
_SECRET_NAME = re.compile(_SECRET, re.IGNORECASE)
_NAMED_SECRET = re.compile(
    rf"""(\b{_SECRET}['"]?\s*[=:]\s*)('(?:\\.|[^'\\])*'?|"(?:\\.|[^"\\])*"?|[^\s,)\]}}]+)""", re.IGNORECASE
)


def value_text(value: object, redact: Callable[[str], str], name: str = "") -> str:
    """Return a value as a text of at most `MAX_VALUE` characters. Calls code of the user, and never raises.

    Args:
        value: The value.
        redact: Replaces secrets in a text.
        name: The name of the variable that has the value; "" for none.
    """
    if _SECRET_NAME.search(name):
        return REPLACEMENT
    prefix = f"{name} = " if name else ""
    text = printable(_ShortRepr().repr(value))[:_MAX_REDACTED]
    text = redact(prefix + _NAMED_SECRET.sub(rf"\1{REPLACEMENT}", text)).removeprefix(prefix)
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"


class BoundedCalls:
    """Calls functions of the user in threads of their own, one at a time, and waits `LONGEST` for each.

    Args:
        name: The name of the threads.
    """

    def __init__(self, *, name: str) -> None:
        self._name = name
        self._last: threading.Thread | None = None

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Call a function, unless an earlier call still hangs. The function may go on after this returns."""
        if self._last is not None and self._last.is_alive():
            return
        work = threading.Thread(
            target=copy_context().run, args=(function, *args), name=self._name, daemon=True
        )
        self._last = work
        work.start()
        work.join(LONGEST)


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
