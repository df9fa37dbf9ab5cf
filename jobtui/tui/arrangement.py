"""The regions of the tables of the main screen: the jobs, the panes and the drawer share its space by need.

Everything here is a pure function of the size of the terminal and of how many rows the tables have.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from textual.geometry import Region, Size

JOBS = "jobs"
COLUMNS = (
    ("running", "upcoming"),
    ("waiting", "recent"),
)  # the panes of a large terminal, from top to bottom
PANES = ("running", "waiting", "upcoming", "recent")

WIDE = Size(110, 28)  # the terminal from which all four panes are visible
SMALL_HEIGHT = 18  # rows: a lower terminal shows either the jobs or one pane
TINY_HEIGHT = 8  # rows: a lower terminal shows one table and nothing else
DRAWER_WIDTH = 150  # columns of the terminal from which the drawer stands at the right

CALM = 30.0  # seconds: a pane keeps its height for so long after it needed it

_PANES_SHARE = 0.4  # of the height: the jobs leave so much to the panes if both need more than there is
_TITLE = 1  # row: the title of a table
_HEADER = 1  # row: the titles of the columns of the jobs
_LEAST_JOBS = 4  # rows
_LEAST_LOWER = 1 / 3  # of the height of a column of panes: for its lower pane
_DRAWER_SHARE = 0.31
_DRAWER_LEAST, _DRAWER_MOST = 46, 92  # columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The facts that decide how the tables share the space.

    Attributes:
        terminal: The size of the terminal.
        jobs: How many rows the table of jobs needs.
        panes: How many rows each pane needs.
        focus: The table that has the focus, or had it last.
        pane: The pane that is visible if only one is.
        zoomed: Whether that table gets all the space.
        has_filter: Whether the line of the filter is visible.
        has_drawer: Whether the user wants the drawer.
    """

    terminal: Size
    jobs: int
    panes: Mapping[str, int]
    focus: str = JOBS
    pane: str = PANES[0]
    zoomed: bool = False
    has_filter: bool = False
    has_drawer: bool = False


def is_wide(terminal: Size) -> bool:
    """Return whether a terminal shows all four panes at once."""
    return terminal.width >= WIDE.width and terminal.height >= WIDE.height


def arrange(size: Size, demand: Demand) -> dict[str, Region]:
    """Return the region of each visible part: tables by their ids, ``filter``, ``tabs`` and ``drawer``.

    Args:
        size: The space for all of them.
        demand: The facts that decide.
    """
    area = Region(0, 0, size.width, size.height)
    if demand.zoomed:
        return _with_filter(area, demand) if demand.focus == JOBS else {demand.focus: area}
    if demand.terminal.height < SMALL_HEIGHT:
        return _arrange_small(area, demand)
    regions = {}
    if demand.has_drawer and demand.terminal.width >= DRAWER_WIDTH:
        share = int(demand.terminal.width * _DRAWER_SHARE)
        area, regions["drawer"] = area.split_vertical(-min(_DRAWER_MOST, max(_DRAWER_LEAST, share)))
    jobs = _TITLE + _HEADER + max(1, demand.jobs) + demand.has_filter
    if is_wide(demand.terminal):
        upper, lower = _split(area, jobs, max(_need_of_column(names, demand) for names in COLUMNS))
        left, right = lower.split_vertical(lower.width // 2)
        right = Region(right.x + 1, right.y, max(0, right.width - 1), right.height)
        for names, column in zip(COLUMNS, (left, right), strict=True):
            regions |= _arrange_column(column, names, demand)
    else:
        upper, lower = _split(area, jobs, 1 + demand.panes[demand.pane])
        regions["tabs"], regions[demand.pane] = lower.split_horizontal(1)
    return regions | _with_filter(upper, demand)


def _arrange_small(area: Region, demand: Demand) -> dict[str, Region]:
    """Return the regions of a terminal that has room for one table, and perhaps for the tabs."""
    tabs = Region()
    if demand.terminal.height >= TINY_HEIGHT and demand.focus == JOBS:
        area, tabs = area.split_horizontal(area.height - 1)
    elif demand.terminal.height >= TINY_HEIGHT:
        tabs, area = area.split_horizontal(1)
    shown = _with_filter(area, demand) if demand.focus == JOBS else {demand.focus: area}
    return shown | ({"tabs": tabs} if tabs else {})


def _with_filter(area: Region, demand: Demand) -> dict[str, Region]:
    """Return the regions of the jobs and of the line of the filter below them, if it is visible."""
    jobs, line = area.split_horizontal(max(0, area.height - demand.has_filter))
    return {JOBS: jobs, "filter": line} if demand.has_filter else {JOBS: jobs}


def _split(area: Region, jobs: int, panes: int) -> tuple[Region, Region]:
    """Return the parts for the jobs and for the panes, given how many rows each of them needs.

    The jobs get what they need, except for the share of the panes. What is left over belongs to the panes.
    """
    least = min(panes, int(area.height * _PANES_SHARE))
    return area.split_horizontal(max(min(_LEAST_JOBS, area.height), min(jobs, area.height - least)))


def _need_of_column(names: tuple[str, str], demand: Demand) -> int:
    return sum(_TITLE + demand.panes[name] for name in names)


def _arrange_column(area: Region, names: tuple[str, str], demand: Demand) -> dict[str, Region]:
    """Return the regions of two panes, one above the other: the upper one gets what it needs first."""
    upper, lower = (_TITLE + demand.panes[name] for name in names)
    height = max(0, min(upper, area.height - min(lower, max(2, int(area.height * _LEAST_LOWER)))))
    return dict(zip(names, area.split_horizontal(height), strict=True))


@dataclass(eq=False)
class CalmRows:
    """Says how many rows a table should have room for, so that it does not change its height all the time.

    It grows at once, and shrinks only once it has needed less for `CALM`.
    """

    _peaks: deque[tuple[float, int]] = field(default_factory=deque)  # ever fewer rows, each with its instant

    def note(self, rows: int, now: datetime) -> int:
        """Note how many rows a table has now. Return for how many it should have room."""
        at = now.timestamp()
        if self._peaks and at < self._peaks[-1][0]:  # the clock was set back
            self.reset()
        while self._peaks and self._peaks[-1][1] <= rows:
            self._peaks.pop()
        self._peaks.append((at, rows))
        while at - self._peaks[0][0] > CALM:
            self._peaks.popleft()
        return self._peaks[0][1]

    def reset(self) -> None:
        """Forget how many rows the table has needed: the user changes the screen at this moment."""
        self._peaks.clear()
