"""The tabs of a dashboard that shows several schedulers: their names, and marks on those in trouble."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from jobtui.engine.enums import RunState
from jobtui.engine.views import Snapshot
from jobtui.frontend.alarm import find_alarms
from jobtui.frontend.backend import Backend
from jobtui.frontend.formatting import STATE_SIGNS
from jobtui.frontend.job_index import JobIndex

MAX_TABS = 9  # a key for each


@dataclass(frozen=True, slots=True)
class TabMark:
    """Says that a scheduler needs attention.

    Attributes:
        sign: The sign, with the number of jobs if it counts some.
        word: Its meaning in one word.
        tone: The tone, as in `frontend.formatting.Sign`.
    """

    sign: str
    word: str
    tone: str


@dataclass(frozen=True, slots=True)
class TabLabel:
    """A tab.

    Attributes:
        name: The name of the scheduler.
        mark: Says that it needs attention; None if it does not.
    """

    name: str
    mark: TabMark | None = None


@dataclass(frozen=True, slots=True)
class TabRow:
    """All tabs.

    Attributes:
        tabs: The tabs; none if there is only one scheduler.
        shown: The place of the tab that is shown.
    """

    tabs: tuple[TabLabel, ...] = ()
    shown: int = 0


def find_mark(snapshot: Snapshot, index: JobIndex, connection_error: str) -> TabMark | None:
    """Return the mark of a scheduler: the worst of what is wrong with it; None if nothing is.

    Args:
        snapshot: The scheduler.
        index: Its jobs.
        connection_error: Why the snapshot is out of date; "" if it is not.
    """
    if connection_error:
        return TabMark("!", "lost", "failed")
    if failing := len(index.failing):
        return TabMark(f"{STATE_SIGNS[RunState.FAILED].glyph} {failing}", "failing", "failed")
    alarms = find_alarms(snapshot, index)
    return TabMark("!", "alarm", alarms[0].tone) if alarms else None


def tab_names(backends: Sequence[Backend]) -> list[str]:
    """Return a name for each scheduler: its title, and its address where several have the same title."""
    titles = [each.title for each in backends]
    often = {title for title, times in Counter(titles).items() if times > 1}
    return [
        f"{title} {short_address(each.address)}".strip() if title in often else title
        for each, title in zip(backends, titles, strict=True)
    ]


def short_address(address: str) -> str:
    """Return an address without the parts that are the same for most: `127.0.0.1:9001`."""
    return address.removeprefix("http://").removesuffix("/@jobs")
