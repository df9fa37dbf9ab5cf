"""The keys of a screen, in its last row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from textual.app import ComposeResult
from textual.binding import ActiveBinding
from textual.widgets import Footer
from textual.widgets._footer import FooterKey


def adapt_bindings(
    bindings: dict[str, ActiveBinding],
    useless: Collection[str],
    labels: Mapping[str, str],
    more: Mapping[str, str] | None = None,
) -> dict[str, ActiveBinding]:
    """Return the active bindings of a screen as its footer should show them.

    The keys of dimmed bindings still work, and say why they change nothing.

    Args:
        bindings: The bindings of the screen, by key.
        useless: The actions to dim, because they would change nothing now.
        labels: The texts to show instead of the descriptions, by action.
        more: As `labels`, of actions that are shown only where there is room.
    """
    more = more or {}
    texts = {**labels, **more}
    return {
        key: active._replace(
            enabled=active.enabled and active.binding.action not in useless,
            binding=replace(
                active.binding,
                description=texts.get(active.binding.action, active.binding.description),
                show=active.binding.show or active.binding.action in more,
            ),
        )
        for key, active in bindings.items()
    }


class KeyFooter(Footer):
    """A footer that mounts new widgets only if the screen has other keys than before.

    Textual's footer mounts a widget for each key at every change of the focus, which takes longer than
    everything else that the change causes. This one changes the widgets if only their texts change or whether
    they are dimmed.
    """

    def __init__(self) -> None:
        super().__init__(compact=True, show_command_palette=False)
        self._shown: list[ActiveBinding] = []

    def compose(self) -> ComposeResult:
        """Compose a widget for each key."""
        for _, binding, enabled, tooltip in self._shown:
            yield FooterKey(
                binding.key,
                self.app.get_key_display(binding),
                binding.description,
                binding.action,
                tooltip=tooltip,
                classes="" if enabled else "-disabled",
            ).data_bind(compact=Footer.compact)

    async def recompose(self) -> None:
        """Show the current keys."""
        if not self.is_attached:
            return
        active = [each for each in self.screen.active_bindings.values() if each.binding.show]
        self._shown = list({each.binding.action: each for each in reversed(active)}.values())[::-1]
        keys = list(self.query(FooterKey))
        if [key.key for key in keys] != [each.binding.key for each in self._shown]:
            await super().recompose()
            return
        for key, each in zip(keys, self._shown, strict=True):
            key.set_class(not each.enabled, "-disabled")
            if key.description != each.binding.description:
                key.description = each.binding.description
                key.refresh(layout=True)
