"""The keys of a screen, in its last row."""

from __future__ import annotations

from textual.binding import Binding
from textual.widgets import Footer


class KeyFooter(Footer):
    """A footer that mounts new widgets only if the keys of the screen have changed.

    Textual's footer mounts a widget for each key at every change of the focus, which takes longer than
    everything else that the change causes.
    """

    def __init__(self) -> None:
        super().__init__(compact=True, show_command_palette=False)
        self._keys: list[tuple[Binding, bool, str]] = []

    async def recompose(self) -> None:
        """Mount a widget for each key, unless the keys are the same."""
        if not self.is_attached:
            return
        active = self.screen.active_bindings.values()
        keys = [(key.binding, key.enabled, key.tooltip) for key in active if key.binding.show]
        if keys != self._keys:
            self._keys = keys
            await super().recompose()
