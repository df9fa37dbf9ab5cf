"""The names of keys in texts: what a key is called, and which key an action has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, cast

from textual.binding import ActiveBinding, Binding
from textual.keys import format_key
from textual.message_pump import MessagePump

_LABELS = {
    "escape": "esc",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "up": "↑",
    "down": "↓",
}
_ASCII_LABELS = {
    "⏎": "ent",
    "⌫": "bksp",
    "↑": "up",
    "↓": "down",
    "←": "left",
    "→": "right",
}


class _KnowsKeys(Protocol):
    """The app, as texts ask it for keys."""

    def key_of(self, action: str) -> str:
        """Return the label of the first key of an action."""

    def label_of(self, key: str) -> str:
        """Return the label of a key."""


def key_label(key: str) -> str:
    """Return a key's label on the keyboard: `/` for `slash`."""
    *modifiers, name = key.split("+")
    sign = format_key(name)
    is_sign = len(sign) == 1 and sign.isascii() and sign.isprintable()
    return "+".join([*modifiers, _LABELS.get(name, sign if is_sign else name)])


def ascii_label(label: str) -> str:
    """Return the label of a key, or of several, with words for the signs of keys: `up` for `↑`."""
    if label.isascii():
        return label
    words = [_ASCII_LABELS.get(each, each) for each in label]
    return ("/" if all(each in _ASCII_LABELS for each in label) else "").join(words)


def in_order(active: Iterable[ActiveBinding]) -> list[ActiveBinding]:
    """Return active bindings in the order of their classes; Textual puts those with other keys last."""
    bindings = list(active)
    nodes = {id(each.node): each.node for each in bindings}
    places = {
        (place, binding.id): (number, index)
        for number, (place, node) in enumerate(nodes.items())
        for index, binding in enumerate(node.BINDINGS)
        if isinstance(binding, Binding)
    }
    numbers = {place: number for number, place in enumerate(nodes)}
    return sorted(
        bindings,
        key=lambda each: places.get((id(each.node), each.binding.id), (numbers[id(each.node)], -1)),
    )


def key_of(node: MessagePump, action: str) -> str:
    """Return the label of the key that an action has now: its default key, or the one that the user has set.

    Args:
        node: The app, or a part of it.
        action: The id of the binding of the action.
    """
    return cast("_KnowsKeys", node.app).key_of(action)


def label_of(node: MessagePump, key: str) -> str:
    """Return the label of a key as the app shows it: `/` for `slash`.

    Args:
        node: The app, or a part of it.
        key: The key.
    """
    return cast("_KnowsKeys", node.app).label_of(key)
