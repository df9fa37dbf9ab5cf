"""Keep keys that are pressed before their fields are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Event, Key, Paste
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static


class EarlyKeys(Static, can_focus=True):
    """Has the focus in a form whose fields are not there yet, and keeps all keys except that which cancels.

    Keys are kept in place of a text, because a key such as tab or enter has its effect in a certain field.

    Args:
        awaited: What the form waits for, such as "parameters".
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "screen.dismiss(None)", "Cancel", key_display="esc", id="early_keys.cancel"),
    ]

    class Released(Message):
        """The fields are there: the app is to deliver the keys again, before any later one.

        Args:
            events: The keys and pastes, oldest first.
        """

        def __init__(self, events: Sequence[Event]) -> None:
            super().__init__()
            self.events = events

    def __init__(self, awaited: str) -> None:
        super().__init__(f"The {awaited} are on their way.")
        self._awaited = awaited
        self._events: list[Event] = []

    def release(self, field: Widget) -> None:
        """Focus a field, hide this widget, and give the keys to the app."""
        if self.message_queue_size:  # keys that are delivered and not kept yet
            self.call_later(self.release, field)
            return
        self.screen.set_focus(field)
        self.display = False
        self.app.post_message(self.Released(tuple(self._events)))

    def give_up(self) -> None:
        """Forget the keys, because the fields will not come."""
        self._events = []
        self.update(f"The {self._awaited} have not arrived.")

    def on_key(self, event: Key) -> None:
        """Keep a key, unless it is one of the widget's own."""
        binding = self.screen.active_bindings.get(event.key)
        if binding is None or binding.node is not self:
            self._keep(Key(event.key, event.character), event)

    def on_paste(self, event: Paste) -> None:
        """Keep a paste."""
        self._keep(Paste(event.text), event)

    def _keep(self, copy: Event, event: Event) -> None:
        """Keep a copy: Textual delivers an event only once."""
        event.stop()
        event.prevent_default()
        self._events.append(copy)
        self.update(f"The {self._awaited} are on their way. Keys that wait for them: {len(self._events)}.")
