"""The share of each table of the main screen: by need, without gaps, and calm while data comes in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import snapshots
from support.app_driver import NARROW, WIDE, AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend
from textual.geometry import Region, Size

from jobtui.engine.views import Snapshot
from jobtui.tui.arrangement import CALM, DRAWER_WIDTH, JOBS, PANES, CalmRows, Demand, arrange

EMPTY = dict.fromkeys(PANES, 0)
BUSY = {"running": 4, "waiting": 9, "upcoming": 14, "recent": 200}


def demand(terminal: tuple[int, int], jobs: int, panes: dict[str, int], **changes: object) -> Demand:
    """Return a demand, and the space that the header and the footer leave."""
    return Demand(terminal=Size(*terminal), jobs=jobs, panes=panes, **changes)  # type: ignore[arg-type]


def heights(terminal: tuple[int, int], jobs: int, panes: dict[str, int], **changes: object) -> dict[str, int]:
    """Return the height of each visible part, in a terminal with two lines of header and one of footer."""
    size = Size(terminal[0], terminal[1] - 3)
    regions = arrange(size, demand(terminal, jobs, panes, **changes))
    return {name: region.height for name, region in regions.items()}


def test_an_empty_pane_is_one_line_and_the_pane_below_it_gets_the_rest() -> None:
    assert heights(WIDE, 9, {**BUSY, "running": 0}) == {
        "jobs": 11,
        "running": 1,
        "upcoming": 17,
        "waiting": 10,
        "recent": 8,
    }


def test_many_jobs_get_all_that_empty_panes_do_not_need() -> None:
    """The two titles of each column of panes are left."""
    assert heights(WIDE, 300, EMPTY)["jobs"] == 27


def test_many_jobs_leave_the_panes_their_share() -> None:
    shown = heights(WIDE, 300, BUSY)
    assert shown == {"jobs": 18, "running": 5, "upcoming": 6, "waiting": 8, "recent": 3}


def test_one_pane_stands_under_tabs_in_a_narrow_terminal() -> None:
    assert heights(NARROW, 9, BUSY, pane="waiting", focus="waiting") == {"jobs": 11, "tabs": 1, "waiting": 9}
    assert heights(NARROW, 30, {**BUSY, "running": 0}) == {"jobs": 20, "tabs": 1, "running": 0}


@pytest.mark.parametrize("terminal", [(60, 15), (40, 10)])
def test_a_low_terminal_gives_its_lines_to_the_jobs_or_to_the_focused_pane(terminal: tuple[int, int]) -> None:
    body = terminal[1] - 3
    assert heights(terminal, 30, BUSY) == {"jobs": body - 1, "tabs": 1}
    assert heights(terminal, 30, BUSY, focus="recent", pane="recent") == {"recent": body - 1, "tabs": 1}


def test_the_jobs_have_the_smallest_terminal_for_themselves() -> None:
    assert heights((20, 5), 30, BUSY) == {"jobs": 2}


def test_a_table_that_is_zoomed_gets_everything() -> None:
    assert heights(WIDE, 9, BUSY, focus="recent", zoomed=True) == {"recent": 29}
    assert heights(WIDE, 9, BUSY, zoomed=True, has_filter=True) == {"jobs": 28, "filter": 1}


def test_the_drawer_stands_at_the_right_of_a_terminal_that_is_wide_enough() -> None:
    size = Size(DRAWER_WIDTH, 40)
    narrow = demand((DRAWER_WIDTH - 1, 43), 9, BUSY, has_drawer=True)
    wide = demand((DRAWER_WIDTH, 43), 9, BUSY, has_drawer=True)
    assert "drawer" not in arrange(size, narrow)
    assert arrange(size, wide)["drawer"] == Region(104, 0, 46, 40)
    assert arrange(size, wide)["jobs"].width == 104


@st.composite
def demands(draw: st.DrawFn) -> tuple[Size, Demand]:
    """Return a space and a demand for it."""
    width, height = draw(st.integers(1, 320)), draw(st.integers(1, 110))
    focus = draw(st.sampled_from([JOBS, *PANES]))
    wish = Demand(
        terminal=Size(width, height + 3),
        jobs=draw(st.integers(0, 400)),
        panes={name: draw(st.integers(0, 300)) for name in PANES},
        focus=focus,
        pane=focus if focus in PANES else PANES[0],
        zoomed=draw(st.booleans()),
        has_filter=draw(st.booleans()),
        has_drawer=draw(st.booleans()),
    )
    return Size(width, height), wish


@given(demands())
def test_the_parts_neither_overlap_nor_leave_the_space(drawn: tuple[Size, Demand]) -> None:
    """The focused table is always among them."""
    size, wish = drawn
    regions = arrange(size, wish)
    parts = [region for region in regions.values() if region]
    assert all(size.region.contains_region(region) for region in parts)
    assert not any(one.overlaps(other) for one in parts for other in parts if one is not other)
    assert wish.focus in regions


def test_a_table_grows_at_once_and_shrinks_after_a_calm_time() -> None:
    rows, now = CalmRows(), snapshots.NOW
    seen = []
    for seconds, needed in [(0, 0), (1, 4), (2, 1), (CALM + 1, 2), (CALM + 2, 1), (CALM * 2 + 2, 0)]:
        seen.append(rows.note(needed, now + timedelta(seconds=seconds)))
    assert seen == [0, 4, 4, 4, 2, 1]


def test_a_table_shrinks_at_once_after_an_action_of_the_user() -> None:
    rows = CalmRows()
    rows.note(9, snapshots.NOW)
    rows.reset()
    assert rows.note(1, snapshots.NOW) == 1


def test_a_clock_that_is_set_back_does_not_keep_a_table_large() -> None:
    rows = CalmRows()
    rows.note(9, snapshots.NOW)
    assert rows.note(1, snapshots.NOW - timedelta(hours=1)) == 1


# --- on the screen --------------------------------------------------------------------------------


def tops(driver: AppDriver) -> dict[str, int]:
    """Return the first line of each visible table."""
    names = ["jobs", *PANES]
    return {name: driver.table(name).region.y for name in names if driver.table(name).display}


def later(snapshot: Snapshot, seconds: float) -> Snapshot:
    """Return a snapshot as of a later instant."""
    return replace(snapshot, at=snapshots.NOW + timedelta(seconds=seconds))


@async_test
async def test_no_table_moves_while_runs_come_and_go() -> None:
    """Once the panes have been as tall as they must be, they keep their height for some time."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.show_snapshot(later(snapshots.saturated(), 1))
        first = tops(driver)
        for second in range(2, 20):
            snapshot = snapshots.idle() if second % 2 else snapshots.mid_run()
            await driver.show_snapshot(later(snapshot, second))
            assert {**tops(driver), "jobs": first["jobs"]} == first  # the alarm has its own rule
        for second in (40, 80):
            await driver.show_snapshot(later(snapshots.idle(), second))
        assert tops(driver)["upcoming"] == first["upcoming"] - 4


@async_test
async def test_z_shows_only_the_focused_table_and_then_all_again() -> None:
    """While it is zoomed, another table takes its place by its digit."""
    async with running_app(ScriptedBackend(snapshots.saturated())) as driver:
        before = tops(driver)
        await driver.press("z")
        assert list(tops(driver)) == ["jobs"]
        await driver.press("4")
        assert list(tops(driver)) == ["recent"]
        assert driver.table("recent").size.height == 27
        await driver.press("z")
        assert tops(driver) == before
        assert driver.focus == "recent"


@async_test
async def test_the_filter_is_visible_while_a_pane_is_zoomed() -> None:
    """It filters the jobs, so these are shown."""
    async with running_app(ScriptedBackend(snapshots.saturated()), (60, 15)) as driver:
        await driver.press("4", "slash", *"import")
        assert "import_orders" in driver.lines(driver.table())[1]
        await driver.press("enter")
        assert driver.focus == "jobs"


@pytest.mark.parametrize(
    ("size", "jobs"), [((60, 15), 8), ((40, 10), 4), ((20, 5), 3), ((80, 24), 9), ((300, 100), 55)]
)
@async_test
async def test_the_rows_of_a_terminal_are_used_for_jobs(size: tuple[int, int], jobs: int) -> None:
    """Each of them shows at least its status and the beginning of its name."""
    async with running_app(ScriptedBackend(snapshots.many_jobs(100)), size) as driver:
        shown = [line for line in driver.lines(driver.table()) if "job" in line.casefold()]
        assert len(shown) >= jobs


SIZES = [(20, 5), (40, 10), (60, 15), (80, 24), (120, 32), (180, 50), (300, 100)]


@async_test
async def test_the_tables_are_at_their_places_after_every_other_size_of_the_terminal() -> None:
    """Every frame fills the terminal, and the cursor stays on its job."""
    backend = ScriptedBackend(snapshots.many_jobs(100))
    async with running_app(backend) as driver:
        await driver.press("G", "k")
        job, before = driver.table().selected, tops(driver)
        for size in [*reversed(SIZES), *SIZES]:
            await driver.resize(*size)
            await driver.until(lambda size=size: driver.screen._compositor.size == size)  # type: ignore[misc]  # noqa: SLF001 - Textual's
            await driver.settle()
            strips = driver.screen._compositor.render_strips()  # noqa: SLF001 - Textual's; the text as it is painted
            assert ({strip.cell_length for strip in strips}, len(strips)) == ({size[0]}, size[1])
            assert driver.table().selected == job
            assert driver.table().shows_cursor
        await driver.resize(*WIDE)
        await driver.until(lambda: driver.screen._compositor.size == WIDE)  # noqa: SLF001 - Textual's
        await driver.settle()
        assert tops(driver) == before
