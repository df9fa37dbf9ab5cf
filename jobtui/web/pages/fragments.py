"""Parts of a page that are drawn once for all who look, and know when they changed last."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from jobtui.engine.views import Snapshot
from jobtui.frontend.cooperative import yield_to_others
from jobtui.web.pages.sections import Show
from jobtui.web.pages.template_renderer import Draw

_SLICE = 3  # parts that are drawn before others have a turn


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part as it was drawn.

    Attributes:
        id: The id of its element.
        view: What it shows.
        html: The element.
        written: The same as a member of a JSON object, by its id; it is sent many times.
        version: The version of the board in which it changed last.
    """

    id: str
    view: object
    html: str
    written: str
    version: int


class FragmentList:
    """Parts that stand below each other, in an order that changes.

    Args:
        name: Of the list; the parts' ids begin with it.
        draw: Draws a part.
        show: Says what there is to show.
        same: Whether a part that showed this need not be drawn again for that.
        single: Whether there is one part, whose id is the name.

    Attributes:
        name: As it was given.
        order: The ids of the parts.
        order_version: The version in which their order changed last.
        parts: The parts, by what tells them apart.
    """

    def __init__(
        self,
        name: str,
        draw: Draw,
        show: Show,
        same: Callable[[object, object], bool],
        *,
        single: bool = False,
    ) -> None:
        self.name = name
        self.order: tuple[str, ...] = ()
        self.order_version = 0
        self.parts: dict[Hashable, Fragment] = {}
        self._draw = draw
        self._show = show
        self._same = same
        self._numbers = count(1)
        self._single = single

    async def paint(self, snapshot: Snapshot, version: int, *, anew: bool) -> bool:
        """Draw what has changed. Returns whether anything reads differently; until then all is as before."""
        parts: dict[Hashable, Fragment] = {}
        drawn, changed = 0, False
        for key, view in self._show(snapshot):
            part = self.parts.get(key)
            if part is None or anew or not self._same(part.view, view):
                before, part = part, self._drawn(part, view, snapshot.at, version)
                changed |= before is None or part.version == version
                drawn += 1
                if drawn % _SLICE == 0:
                    await yield_to_others()
            parts[key] = part
        order = tuple(part.id for part in parts.values())
        if order != self.order:
            self.order, self.order_version, changed = order, version, True
        self.parts = parts
        return changed

    def _drawn(self, before: Fragment | None, view: object, now: datetime, version: int) -> Fragment:
        part_id = before.id if before is not None else self._new_id()
        html = str(self._draw(part_id, view, now))
        if before is not None and before.html == html:
            return replace(before, view=view)
        written = f"{json.dumps(part_id)}:{json.dumps(html, ensure_ascii=False)}"
        return Fragment(part_id, view, html, written, version)

    def _new_id(self) -> str:
        return self.name if self._single else f"{self.name}-{next(self._numbers)}"
