"""The help: every key, generated from the bindings themselves, and every sign."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from jobtui.frontend.formatting import DST, JOB_SIGNS, STATE_SIGNS
from jobtui.frontend.outcome_strip import BARS
from jobtui.runtime.timer import MAX_SLEEP
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.line_table import CHOSEN_MARK, FOCUSED_MARK, UNFOCUSED_MARK

_SIGNS_WIDTH = 62  # characters: a dialog in a terminal of 80 columns has room for them
_NO_BREAK_SPACE = "\u00a0"
_KEY_LABELS = {
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "question_mark": "?",
    "asterisk": "*",
    "colon": ":",
    "escape": "esc",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "up": "↑",
    "down": "↓",
    "full_stop": ".",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
}


class HelpScreen(ModalScreen[None]):
    """Shows the keys and the signs.

    Args:
        groups: The title and the bindings of each group of keys.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "Close", key_display="esc", id="help.close"),
        Binding("j,down", "scroll(1)", "Down", show=False, id="help.down"),
        Binding("k,up", "scroll(-1)", "Up", show=False, id="help.up"),
    ]

    def __init__(self, groups: Sequence[tuple[str, Iterable[BindingType]]]) -> None:
        super().__init__()
        self._groups = groups

    def compose(self) -> ComposeResult:
        """Compose the keys, group by group, and the signs."""
        with VerticalScroll(classes="dialog large") as box:
            box.border_title = "Help"
            for title, bindings in self._groups:
                yield Static(title, classes="heading")
                yield Static(_key_list(bindings))
            yield Static("Signs", classes="heading")
            yield Static(_sign_list())
        yield KeyFooter()

    def action_scroll(self, by: int) -> None:
        """Scroll by a number of lines."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False, immediate=True)


def key_label(key: str) -> str:
    """Return a key's label on the keyboard: `/` for `slash`."""
    *modifiers, name = key.split("+")
    name = _KEY_LABELS.get(name, name)
    return "+".join([*modifiers, name])


def _key_list(bindings: Iterable[BindingType]) -> Text:
    text = Text()
    for binding in bindings:
        if not isinstance(binding, Binding):
            continue
        keys = " ".join(key_label(key.strip()) for key in binding.key.split(","))
        text.append(f"{keys:>16}  ", style="bold")
        text.append(f"{binding.tooltip or binding.description}\n")
    return text


def _sign_list() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="dim", width=9)
    table.add_column()
    for label, signs in (
        ("header", [f"♥ 2s since the timer last woke; it wakes every {MAX_SLEEP:g}s"]),
        (
            "pool",
            [f"▕{BARS}▏ a slot: the part of the last minute in which it was taken", "SATURATED none is free"],
        ),
        (
            "table",
            [
                f"{FOCUSED_MARK} the row on which keys act, {UNFOCUSED_MARK} in another table",
                f"{CHOSEN_MARK} marked",
                "▲▼ the order",
            ],
        ),
        ("status", [f"{sign.glyph} {word}" for word, sign in JOB_SIGNS.items()]),
        ("name", ["+2 of its runs wait"]),
        ("run", [*(f"{sign.glyph} {state.value}" for state, sign in STATE_SIGNS.items()), "#866 its number"]),
        ("outcomes", [f"{BARS} OK, as high as the run was long", "any other by its sign"]),
        ("now / next", [f"{DST} a clock change affects it; enter shows how"]),
        ("fail", ["✗ its latest run failed"]),
    ):
        # Wrapped here, because Rich would put a sign and its word on different lines.
        text = "  ".join(sign.replace(" ", _NO_BREAK_SPACE, 1) for sign in signs)
        table.add_row(label, Text(fill(text, _SIGNS_WIDTH).replace(_NO_BREAK_SPACE, " ")))
    return table
