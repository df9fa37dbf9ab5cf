"""The last row of a screen: its keys, or for some seconds a message."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Protocol, cast

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import ActiveBinding
from textual.widget import Widget
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from jobtui.tui.key_names import in_order, key_of
from jobtui.tui.notices import Notice, ShownNotices
from jobtui.tui.widgets.literal_text import cell_text
from jobtui.tui.widgets.tones import ToneStyles

_KEPT = ("help", "quit")  # the actions whose keys a narrow footer keeps
_OPTIONAL = 2  # the rank of the first optional key
_NOTICE_TONES = {"information": "", "warning": "warning", "error": "failed"}
_GAP, _WIDE_GAP = 1, 2  # cells between two keys; see app.tcss


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
        more: As `labels`, of actions that are shown, too: see `KeyFooter`.
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
                tooltip=active.binding.tooltip
                or (active.binding.description if active.binding.action in more else ""),
            ),
        )
        for key, active in bindings.items()
    }


class _ShowsNotices(Protocol):
    """The app, as the last row of a screen asks it for messages."""

    @property
    def shown_notices(self) -> ShownNotices:
        """The messages that are shown now."""


class NoticeLine(Widget):
    """The messages that the last row shows in place of the keys."""

    def __init__(self) -> None:
        super().__init__()
        self._shown = ShownNotices()
        self._toned = ToneStyles(self)

    def show_notices(self, shown: ShownNotices) -> None:
        """Show other messages."""
        self._shown = shown
        self.refresh()

    def render(self) -> Text:
        """Return the messages, and at the right how many came before them."""
        left = Text(no_wrap=True, overflow="ellipsis")
        for notice in self._shown.notices:
            left.append(f" {cell_text(notice.line)} ", self._toned(_NOTICE_TONES[notice.severity]))
        key = key_of(self, "app.messages")
        earlier = f" +{self._shown.earlier} earlier: {key} " if self._shown.earlier else ""
        room = max(0, self.size.width - cell_len(earlier))
        left.truncate(room, overflow="ellipsis", pad=True)
        return left.append(earlier, self._toned("muted"))


class KeyFooter(Footer):
    """Shows the keys of the screen, or, for some seconds, the messages of the app in their place.

    A screen that the user opens above another one shows its keys at once: it hides the messages that are
    shown already, which the screen below and the list of messages keep.

    Textual's footer mounts a widget for each key at every change of the focus, which takes longer than
    everything else that the change causes. This one mounts new widgets only if the screen has other keys than
    before, and changes them if only their texts change or whether they are dimmed.

    Keys for which there is no room are left out whole, the last ones first, but those for help and for the
    way out stay. Two cells are between two keys, so that each key stands with its own text; one, if there is
    not enough room for that.

    Args:
        optional: The actions whose keys are left out before any other one, the last one first.
    """

    def __init__(self, optional: Collection[str] = ()) -> None:
        super().__init__(compact=True, show_command_palette=False)
        self._optional = optional
        self._shown: list[ActiveBinding] = []
        self._notices = NoticeLine()
        self._hidden: Collection[Notice] = ()

    def on_mount(self) -> None:
        """Follow the messages of the app."""
        app = cast("_ShowsNotices", self.app)
        if len(self.app.screen_stack) > 1:
            self._hidden = app.shown_notices.notices
        self.watch(self.app, "shown_notices", self._show_notices)

    def _show_notices(self, shown: ShownNotices) -> None:
        new = tuple(each for each in shown.notices if each not in self._hidden)
        shown = replace(shown, notices=new)
        self.set_class(bool(shown.notices), "-notice")
        self._notices.show_notices(shown)

    def on_resize(self) -> None:
        """Leave out the keys for which there is no room."""
        self._fit_keys()

    def _fit_keys(self) -> None:
        optional = list(self._optional)

        def rank(key: FooterKey) -> int:
            action = key.action.removeprefix("app.")
            if action in _KEPT or key.key == "escape":
                return 0
            return _OPTIONAL + optional.index(action) if action in optional else 1

        keys = sorted(self.query(FooterKey), key=rank)
        widths = [cell_len(f"{key.key_display} {key.description}") for key in keys]
        usual = [width for key, width in zip(keys, widths, strict=True) if rank(key) < _OPTIONAL]
        is_roomy = sum(usual) + _WIDE_GAP * (len(usual) - 1) <= self.size.width
        self.set_class(is_roomy, "-roomy")
        room = self.size.width
        for key, width in zip(keys, widths, strict=True):
            key.set_class(width > room, "-no-room")
            room -= width + (_WIDE_GAP if is_roomy else _GAP)

    def compose(self) -> ComposeResult:
        """Compose a widget for each key, and one for messages."""
        yield self._notices
        for _, binding, enabled, tooltip in self._shown:
            yield FooterKey(
                binding.key,
                self.app.get_key_display(binding),
                binding.description,
                binding.action,
                tooltip=tooltip,
                classes="-compact" if enabled else "-compact -disabled",  # so each is styled once
            ).data_bind(compact=Footer.compact)

    async def recompose(self) -> None:
        """Show the current keys."""
        if not self.is_attached:
            return
        active = [each for each in in_order(self.screen.active_bindings.values()) if each.binding.show]
        self._shown = list({each.binding.action: each for each in reversed(active)}.values())[::-1]
        keys = list(self.query(FooterKey))
        if [key.key for key in keys] != [each.binding.key for each in self._shown]:
            await super().recompose()
            self._fit_keys()
            # While the keys were mounted, nothing was painted. Textual then wakes the top screen alone, but a
            # dialog lets the screen below shine through.
            for screen in self.app.screen_stack:
                screen.check_idle()
            return
        for key, each in zip(keys, self._shown, strict=True):
            key.set_class(not each.enabled, "-disabled")
            if key.description != each.binding.description:
                key.description = each.binding.description
                key.refresh(layout=True)
        self._fit_keys()
