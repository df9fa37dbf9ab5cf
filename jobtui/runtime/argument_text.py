"""The arguments of a job or of a run as a short text, for people."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from types import NoneType
from typing import Any

from jobtui.process.printable import printable

MAX_CHARACTERS = 200  # of the text
_MAX_SEARCHED = 1_000  # characters in which secrets are replaced, before the text is cut
_MAX_DEPTH = 4  # of collections in collections
_PLAIN = frozenset({bool, float, complex, NoneType})
_BRACKETS: dict[type, tuple[str, str]] = {
    **dict.fromkeys((list, deque), ("[", "]")),
    tuple: ("(", ")"),
    **dict.fromkeys((set, frozenset, dict), ("{", "}")),
}


def argument_text(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], redact: Callable[[str], str] = str
) -> str:
    """Return arguments as they are written in a call, cut to `MAX_CHARACTERS`. "" for no arguments.

    This calls the ``repr`` of objects other than numbers, texts and collections, so it may execute code of
    the user. If that raises an exception, the text names the exception.

    Args:
        args: The positional arguments.
        kwargs: The keyword arguments.
        redact: Replaces secrets.
    """
    if not args and not kwargs:
        return ""
    texts = [_text_of(value, 0) for value in args[:MAX_CHARACTERS]]
    texts += [f"{name}={_text_of(value, 0)}" for name, value in islice(kwargs.items(), MAX_CHARACTERS)]
    text = redact(printable(", ".join(texts)[:_MAX_SEARCHED]))
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS - 1]}…"


def _text_of(value: Any, depth: int) -> str:
    kind = type(value)
    if kind in _PLAIN:
        return repr(value)
    if kind is str or kind is bytes:
        return repr(value[:_MAX_SEARCHED])
    if kind in _BRACKETS and kind is not deque and value:
        return _collection_text(value, kind, depth)
    try:
        if (base := _base_of_long(value)) is not None:
            return f"{kind.__name__}({_collection_text(value, base, depth)})"
        return repr(value)[:_MAX_SEARCHED]
    except Exception as error:  # noqa: BLE001 - from the user's `__repr__`
        return f"<{kind.__name__}: its repr raised {type(error).__name__}>"


def _base_of_long(value: Any) -> type | None:
    """Return the type of collection that an object is, if it is one whose `repr` may be long."""
    base = next((each for each in _BRACKETS if isinstance(value, each)), None)
    return base if base is not None and len(value) > MAX_CHARACTERS else None


def _collection_text(value: Any, base: type, depth: int) -> str:
    opening, closing = _BRACKETS[base]
    if depth == _MAX_DEPTH:
        return f"{opening}…{closing}"
    # Taken in one step, because another thread may change the collection.
    items = tuple(islice(value.items() if base is dict else value, MAX_CHARACTERS))
    texts = (_item_text(item, depth + 1, is_pair=base is dict) for item in items)
    comma = "," if base is tuple and len(items) == 1 else ""
    return f"{opening}{_joined(texts)}{comma}{closing}"


def _item_text(item: Any, depth: int, *, is_pair: bool) -> str:
    return ": ".join([_text_of(part, depth) for part in item]) if is_pair else _text_of(item, depth)


def _joined(texts: Iterable[str]) -> str:
    """Join the first texts, as many as may be seen."""
    shown, length = [], 0
    for text in texts:
        shown.append(text)
        length += len(text)
        if length > _MAX_SEARCHED:
            break
    return ", ".join(shown)
