"""The table that renders lines on demand: its columns, its lines, its cursor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from support.app_driver import driven, some_turns
from textual.app import App, ComposeResult
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.strip import Strip

from jobtui.process.printable import printable
from jobtui.tui.widgets.columns import (
    JOB_COLUMNS,
    RECENT_COLUMNS,
    RUNNING_COLUMNS,
    UPCOMING_COLUMNS,
    WAITING_COLUMNS,
)
from jobtui.tui.widgets.line_table import GAP, POINTER, Cell, Column, LineTable

NOW = datetime(2026, 3, 16, tzinfo=UTC)
Row = tuple[int, str, str]


def _number(row: Row, _now: datetime) -> Cell:
    return [(str(row[0]), "muted")]


def _name(row: Row, _now: datetime) -> Cell:
    return [(row[1], ""), (f" {row[2]}", "waiting")] if row[2] else [(row[1], "")]


def _second(_row: Row, now: datetime) -> Cell:
    return [(f"{now:%S}", "")]


COLUMNS: Sequence[Column[Row]] = (
    Column("number", "NO", 6, _number, right=True, order=lambda row: row[0]),
    Column("name", "NAME", 10, _name, grow=2),
    Column("second", "S", 2, _second, rank=1),
)


class Counted(LineTable[Row]):
    """A table that remembers which lines it rendered."""

    def __init__(self, **options: Any) -> None:
        super().__init__(COLUMNS, lambda row: row[0], empty="nothing", **options)
        self.rendered: list[int] = []

    def render_line(self, y: int) -> Strip:
        """One line."""
        self.rendered.append(y)
        return super().render_line(y)


class Alone(App[None]):
    """An app with nothing but a table."""

    CSS = """
    LineTable {
        border: none;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        overflow-x: hidden;
    }
    """

    def __init__(self, table: Counted) -> None:
        super().__init__()
        self.table = table
        self.said: list[object] = []

    def compose(self) -> ComposeResult:
        """The table."""
        yield self.table

    def on_line_table_row_selected(self, message: LineTable.RowSelected) -> None:
        """Remember what was opened."""
        self.said.append(message.row)

    def on_line_table_header_selected(self, message: LineTable.HeaderSelected) -> None:
        """Remember what was clicked."""
        self.said.append(message.column.key)


@asynccontextmanager
async def shown(
    rows: Sequence[Row], size: tuple[int, int] = (40, 10), **options: Any
) -> AsyncIterator[tuple[Counted, Pilot[None]]]:
    """A table of these rows."""
    app = Alone(Counted(**options))
    with patch("textual.pilot.wait_for_idle", some_turns), patch("textual.app.wait_for_idle", some_turns):
        async with app.run_test(size=size) as pilot:
            app.table.focus()
            app.table.show(rows, NOW)
            await settle(pilot)
            app.table.rendered.clear()
            yield app.table, pilot


async def settle(pilot: Pilot[None]) -> None:
    """Wait until everything is painted."""
    for _ in range(3):
        await pilot.pause()


def rows_of(count: int) -> list[Row]:
    """Some rows."""
    return [(index, f"row {index}", "") for index in range(count)]


def lines(table: Counted) -> list[str]:
    """What the table shows."""
    return [strip.text for strip in table.screen._compositor.render_strips()]


# --- columns --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "columns", [JOB_COLUMNS, RUNNING_COLUMNS, WAITING_COLUMNS, UPCOMING_COLUMNS, RECENT_COLUMNS]
)
@given(width=st.integers(0, 300))
def test_columns_fill_the_width_and_go_by_rank(columns: Sequence[Column[Any]], width: int) -> None:
    """Columns of the highest rank go first, none needlessly; those that are left fill the width."""
    table: LineTable[Any] = LineTable(columns, lambda row: row, empty="")
    fitted = table._fit(width)
    kept = [column for column, _ in fitted]
    dropped = [column for column in columns if column not in kept]
    assert kept == [column for column in columns if column in kept]
    assert all(column.rank for column in dropped)
    assert all(given >= column.width for column, given in fitted)
    if dropped:
        lowest = min(column.rank for column in dropped)
        assert all(column.rank <= lowest for column in kept)
        last = min(dropped, key=lambda column: column.rank)
        assert POINTER + sum(column.width + GAP for column in [*kept, last]) > width
    used = POINTER + sum(given + GAP for _, given in fitted)
    if used > width:
        assert all(column.rank == 0 for column in kept)
    elif any(column.grow for column in kept):
        assert used == width


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (200, "status name schedule prev next last strip runs failures"),
        (118, "status name schedule prev next last strip runs failures"),
        (92, "status name prev next last strip runs failures"),
        (80, "status name prev next last runs failures"),
        (60, "status name last runs failures"),
        (34, "status name failures"),
        (10, "status name failures"),
    ],
)
def test_the_columns_of_the_jobs(width: int, expected: str) -> None:
    """What a width shows of a job: the status, the name and the failures always."""
    table: LineTable[Any] = LineTable(JOB_COLUMNS, lambda row: row, empty="")
    assert " ".join(column.key for column, _ in table._fit(width)) == expected


# What the columns hand on has gone through `printable`: no joiners, but still wide and combining characters.
texts = st.text(st.sampled_from("aé日本👩☂\u0301\ufe0f\u200d[]x "), max_size=30).map(printable)


@given(texts, st.lists(texts, max_size=3), st.integers(1, 25), st.booleans())
def test_a_cell_never_exceeds_its_width(first: str, others: list[str], width: int, right: bool) -> None:
    """Whatever is in a cell, wide and combining characters too, it takes exactly the column's width."""
    table: LineTable[Any] = LineTable((), lambda row: row, empty="")
    cell = [(text, "") for text in (first, *others)]
    segments = table._cell_segments(cell, width, table.rich_style, right=right)
    assert sum(cell_len(segment.text) for segment in segments) == width


@driven
async def test_every_strip_has_the_width_of_the_table() -> None:
    """Every line is as wide as the table, at any width, with and without a cursor and rows."""
    rows = [
        (1, "日本語日本語日本語日本語", ""),
        (123456789, "e\u0301" * 40, "x" * 50),
        (3, "👩\u200d💻👨\u200d👩\u200d👧" * 5, "日本"),
        (4, "", ""),
    ]
    async with shown(rows, (60, 8), header=True) as (table, pilot):
        for width in (*range(60, 0, -1), 200):
            await pilot.resize_terminal(width, 8)
            async with asyncio.timeout(10):
                while table.size.width != width:
                    await pilot.pause()
            for y in range(table.size.height):
                assert table.render_line(y).cell_length == width


@driven
async def test_a_long_text_gives_way_to_the_short_ones_behind_it() -> None:
    """A long name is cut so that what stands behind it is still seen."""
    async with shown([(1, "a_very_long_name_that_does_not_fit_at_all_here", "+312")]) as (table, _):
        [line, *_] = lines(table)
        assert "… +312 " in line


@driven
async def test_texts_stand_left_or_right() -> None:
    """A column at the right ends where the column ends."""
    async with shown([(7, "x", ""), (12345, "y", "")], header=True) as (table, _):
        first, second, third, *_ = lines(table)
        assert first.startswith("      NO NAME")
        assert second.startswith("▸      7 x")
        assert third.startswith("   12345 y")


# --- repainting -----------------------------------------------------------------------------------


@driven
async def test_only_lines_that_changed_are_rendered() -> None:
    """A picture in which one row reads differently costs one line; one without a change costs none."""
    async with shown(rows_of(8)) as (table, pilot):
        rows = rows_of(8)
        table.show(rows, NOW)
        await settle(pilot)
        assert table.rendered == []
        rows[3] = (3, "another", "")
        table.show(rows, NOW)
        await settle(pilot)
        assert table.rendered == [3]
        assert "another" in lines(table)[3]


@driven
async def test_a_move_of_the_cursor_renders_two_lines() -> None:
    """The line that the cursor left, and the one that it came to."""
    async with shown(rows_of(8)) as (table, pilot):
        await pilot.press("j")
        await settle(pilot)
        assert sorted(table.rendered) == [0, 1]
        assert [line[:2] for line in lines(table)[:3]] == ["  ", "▸ ", "  "]


@driven
async def test_a_later_time_renders_what_shows_it() -> None:
    """All rows that show the time change, and empty lines do not."""
    async with shown(rows_of(3)) as (table, pilot):
        table.show(rows_of(3), NOW.replace(second=7))
        await settle(pilot)
        assert sorted(table.rendered) == [0, 1, 2]
        assert "07" in lines(table)[2]


@driven
async def test_ten_thousand_rows_render_only_what_is_seen() -> None:
    """The number of lines rendered is that of the screen, also after a jump to the end."""
    async with shown([], (40, 10), header=True) as (table, pilot):
        table.show(rows_of(10_000), NOW)
        await settle(pilot)
        assert set(table.rendered) <= set(range(10))
        assert len(table.rendered) <= 20
        table.rendered.clear()
        await pilot.press("G")
        await settle(pilot)
        assert set(table.rendered) <= set(range(10))
        assert len(table.rendered) <= 30
        assert lines(table)[-1].startswith("▸   9999 row 9999")
        assert lines(table)[0].startswith("      NO NAME")
        assert lines(table)[1].startswith("    9991 row 9991")


@driven
async def test_nothing_stale_stays_on_the_screen() -> None:
    """Rows that go, come, move or scroll leave no line as it was."""
    async with shown(rows_of(30), (40, 6)) as (table, pilot):
        for count in (30, 3, 0, 1, 40, 5, 6, 7):
            table.show(rows_of(count), NOW)
            await settle(pilot)
            seen = [line.split()[-3] if "row" in line else line.strip() for line in lines(table)]
            top = table.scroll_offset.y
            if not count:
                assert seen[0] == "nothing"
            for y in range(6):
                expected = f"row {top + y}" if top + y < count else ""
                assert expected in lines(table)[y]
                assert ("row" in lines(table)[y]) is bool(expected)


@driven
async def test_the_last_column_is_not_under_the_scrollbar() -> None:
    """The gap behind the last column is where a scrollbar comes and goes: nothing else moves or is hidden."""
    async with shown(rows_of(3), (40, 5)) as (table, pilot):
        before = lines(table)[0]
        assert before.endswith(" 00 ")
        table.show(rows_of(30), NOW)
        await settle(pilot)
        assert table.show_vertical_scrollbar
        assert lines(table)[0][:39] == before[:39]


# --- the cursor -----------------------------------------------------------------------------------


@driven
async def test_the_cursor_follows_its_row() -> None:
    """Wherever the row moves, the cursor is on it, and in sight when it is moved again."""
    async with shown(rows_of(30), (40, 6), anchored=True) as (table, pilot):
        await pilot.press("j", "j")
        table.show(list(reversed(rows_of(30))), NOW)
        await settle(pilot)
        assert table.selected == (2, "row 2", "")
        assert table.cursor == 27
        assert any(line.startswith("▸      2 row 2 ") for line in lines(table))


@driven
async def test_a_table_that_is_not_anchored_stays_at_its_top() -> None:
    """At the top the first line stays the first line, whatever comes in."""
    async with shown(rows_of(3)) as (table, pilot):
        table.show([(99, "new", ""), *rows_of(3)], NOW)
        await settle(pilot)
        assert table.selected == (99, "new", "")
        await pilot.press("j")
        table.show([(98, "newer", ""), (99, "new", ""), *rows_of(3)], NOW)
        assert table.selected == (0, "row 0", "")


@driven
async def test_a_row_that_changed_keeps_the_cursor() -> None:
    """Rows are told apart by their key, not by what they say."""
    async with shown(rows_of(5)) as (table, pilot):
        await pilot.press("j", "j")
        table.show([(0, "a", ""), (9, "b", ""), (1, "c", ""), (2, "d", "")], NOW)
        assert table.selected == (2, "d", "")


@driven
async def test_keys_open_and_clicks_sort() -> None:
    """Enter opens the row; a click on a title names its column, one beside the columns none."""
    async with shown(rows_of(3), header=True) as (table, pilot):
        app = pilot.app
        assert isinstance(app, Alone)
        await pilot.press("j", "enter")
        assert app.said == [(1, "row 1", "")]
        for x in (2, 8, 9, 39, 0):
            await pilot.click(table, offset=Offset(x, 0))
        assert app.said[1:] == ["number", "number", "name", "second"]
        await pilot.click(table, offset=Offset(5, 3))
        assert table.cursor == 2
        await pilot.click(table, offset=Offset(5, 7))
        assert table.cursor == 2
        assert len(app.said) == 5


@driven
async def test_an_empty_table_says_so() -> None:
    """The words for no rows follow what they are told to be."""
    async with shown([], header=True) as (table, pilot):
        assert lines(table)[1].startswith("  nothing")
        table.show_empty("still nothing")
        await settle(pilot)
        assert lines(table)[1].startswith("  still nothing")
        await pilot.press("j", "G", "enter", "pagedown")
        assert table.selected is None
