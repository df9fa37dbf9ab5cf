"""Fragments of the status page: rendered once for all browsers, each with the version of its last change."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from jobtui.engine.views import Snapshot
from jobtui.frontend.cooperative import yield_to_others
from jobtui.web.pages.sections import Select
from jobtui.web.pages.template_renderer import RenderFragment

_CHUNK = 3  # fragments that are rendered before other threads may run


@dataclass(frozen=True, slots=True)
class Fragment:
    """A rendered element of the page.

    Attributes:
        id: The id of its element.
        view: What it shows.
        html: The element.
        json_member: The id and the element as a member of a JSON object, encoded once for all browsers.
        version: The page version in which it last changed.
    """

    id: str
    view: object
    html: str
    json_member: str
    version: int


class FragmentList:
    """The fragments of a list, in an order that may change.

    Args:
        name: The name of the list. It is the id of a fragment whose key is None; other ids begin with it.
        render: Renders a fragment.
        select: Returns the views that the list shows, each with its key.
        is_same: Returns whether a fragment that shows the first view is right for the second one, too.

    Attributes:
        name: The name of the list.
        order: The ids of the fragments.
        order_version: The page version in which the order last changed.
        fragments: The fragments by key.
    """

    def __init__(
        self,
        name: str,
        render: RenderFragment,
        select: Select,
        is_same: Callable[[object, object], bool],
    ) -> None:
        self.name = name
        self.order: tuple[str, ...] = ()
        self.order_version = 0
        self.fragments: dict[Hashable, Fragment] = {}
        self._render = render
        self._select = select
        self._is_same = is_same
        self._numbers = count(1)

    async def update(self, snapshot: Snapshot, version: int, *, rerender: bool) -> bool:
        """Render the fragments whose views have changed; all of them with `rerender`.

        The list keeps its old fragments until all new ones are rendered.

        Returns:
            Whether the HTML of a fragment or the order has changed.
        """
        fragments: dict[Hashable, Fragment] = {}
        rendered, changed = 0, False
        for key, view in self._select(snapshot):
            fragment = self.fragments.get(key)
            if fragment is None or rerender or not self._is_same(fragment.view, view):
                fragment = self._render_fragment(key, fragment, view, snapshot.at, version)
                changed |= fragment.version == version
                rendered += 1
                if rendered % _CHUNK == 0:
                    await yield_to_others()
            fragments[key] = fragment
        order = tuple(fragment.id for fragment in fragments.values())
        if order != self.order:
            self.order, self.order_version, changed = order, version, True
        self.fragments = fragments
        return changed

    def _render_fragment(
        self, key: Hashable, before: Fragment | None, view: object, now: datetime, version: int
    ) -> Fragment:
        fragment_id = before.id if before is not None else self._new_id(key)
        html = str(self._render(fragment_id, view, now))
        if before is not None and before.html == html:
            return replace(before, view=view)
        json_member = f"{json.dumps(fragment_id)}:{json.dumps(html, ensure_ascii=False)}"
        return Fragment(fragment_id, view, html, json_member, version)

    def _new_id(self, key: Hashable) -> str:
        return self.name if key is None else f"{self.name}-{next(self._numbers)}"
