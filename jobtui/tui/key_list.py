"""The keys that work on a screen: the one list behind the help, the palette and the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from textual.actions import parse
from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen

from jobtui.tui.key_names import in_order, label_of
from jobtui.tui.widgets.line_table import LineTable


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """The keys and the effect of one binding.

    Attributes:
        keys: Its keys, by Textual's names.
        text: What they do.
        binding: The binding.
        node: The screen, the widget or the app that has the action.
    """

    keys: tuple[str, ...]
    text: str
    binding: Binding
    node: DOMNode

    @property
    def labels(self) -> str:
        """The labels of the keys: `/` for `slash`."""
        return " ".join(label_of(self.node, key) for key in self.keys)

    @property
    def word(self) -> str:
        """The command of the command line for this key; "" for an action with arguments."""
        return "" if "(" in self.binding.action else self.binding.action.replace("_", "-")


@dataclass(frozen=True, slots=True)
class KeyGroup:
    """The keys of a screen, of what has the focus in it, or of the app."""

    title: str
    entries: Sequence[KeyEntry]


def keys_of(screen: Screen[object], keymap: Mapping[str, str]) -> list[KeyGroup]:
    """Return the keys that work on a screen now, group by group.

    Args:
        screen: The screen.
        keymap: The keys that the user has set, by the ids of their bindings.
    """
    found: dict[tuple[int, str], KeyEntry] = {}
    for active in in_order(screen.active_bindings.values()):
        binding = active.binding
        if not binding.id:  # Textual's own
            continue
        place = (id(active.node), binding.id)
        earlier = found.get(place)
        keys = (binding.key,) if earlier is None else (*earlier.keys, binding.key)
        text = active.tooltip or binding.tooltip or binding.description
        found[place] = KeyEntry(keys, text, binding, active.node)
    if screen.is_modal:  # the other keys of the app do not work there
        for each in screen.app.BINDINGS:
            if isinstance(each, Binding) and each.priority and _is_enabled(each, screen.app):
                keys = tuple(keymap.get(each.id or "", each.key).split(","))
                entry = KeyEntry(keys, each.tooltip or each.description, each, screen.app)
                found[id(screen.app), each.id or ""] = entry
    groups: dict[str, list[KeyEntry]] = {"On this screen": [], "Here": [], "In a table": [], "Anywhere": []}
    for entry in found.values():
        groups[_title_of(entry.node)].append(entry)
    return [KeyGroup(title, entries) for title, entries in groups.items() if entries]


def _is_enabled(binding: Binding, app: App[object]) -> bool:
    _, name, arguments = parse(binding.action)
    return app.check_action(name, arguments) is not False


def _title_of(node: DOMNode) -> str:
    if isinstance(node, App):
        return "Anywhere"
    if isinstance(node, Screen):
        return "On this screen"
    return "In a table" if isinstance(node, LineTable) else "Here"
