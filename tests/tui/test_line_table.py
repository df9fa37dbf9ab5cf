"""The generic table: its columns, its lines, its repaints and its cursor."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from support import snapshots
from support.app_driver import async_test, quick_pilot, running_app
from support.scripted_backend import ScriptedBackend
from textual.app import App, ComposeResult
from textual.color import Color
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.strip import Strip

from jobtui.frontend.outcome_strip import STRIP_LENGTH
from jobtui.process.printable import printable
from jobtui.tui.widgets.columns_of_jobs import COLUMN_SET, JOB_COLUMNS
from jobtui.tui.widgets.columns_of_runs import (
    HISTORY_COLUMNS,
    JOB_RUN_COLUMNS,
    RECENT_COLUMNS,
    running_columns,
    waiting_columns,
)
from jobtui.tui.widgets.columns_of_ticks import UPCOMING_COLUMNS
from jobtui.tui.widgets.line_table import MARK_WIDTH, Cell, Column, LineTable, gaps_after
from jobtui.tui.widgets.tones import TONE_CLASSES

NOW = datetime(2026, 3, 16, tzinfo=UTC)
Row = tuple[int, str, str]


def _number(row: Row, _now: datetime) -> Cell:
    return [(str(row[0]), "muted")]


def _name(row: Row, _now: datetime) -> Cell:
    return [(row[1], ""), (f" {row[2]}", "waiting")] if row[2] else [(row[1], "")]


def _second(_row: Row, now: datetime) -> Cell:
    return [(f"{now:%S}", "")]


COLUMNS: Sequence[Column[Row]] = (
    Column("number", "NO", 6, _number, align_right=True, sort_key=lambda row: row[0]),
    Column("name", "NAME", 10, _name, fraction=2),
    Column("second", "S", 2, _second, drop_order=1),
)


class RecordingTable(LineTable[Row]):
    """A table that records which lines it renders."""

    def __init__(self, columns: Sequence[Column[Row]] = COLUMNS, **options: Any) -> None:
        super().__init__(columns, lambda row: row[0], empty="nothing", **options)
        self.rendered: list[int] = []

    def render_line(self, y: int) -> Strip:
        """Record the line and render it."""
        self.rendered.append(y)
        return super().render_line(y)


class TableApp(App[None]):
    """An app with only a table, which records the table's messages."""

    COMPONENT_CLASSES = TONE_CLASSES
    CSS = """
    LineTable {
        border: none;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        overflow-x: hidden;
    }
    """

    def __init__(self, table: RecordingTable) -> None:
        super().__init__()
        self.table = table
        self.messages: list[object] = []

    def compose(self) -> ComposeResult:
        """Compose the table."""
        yield self.table

    def on_line_table_row_selected(self, message: LineTable.RowSelected) -> None:
        """Record the opened row."""
        self.messages.append(message.row)

    def on_line_table_header_selected(self, message: LineTable.HeaderSelected) -> None:
        """Record the key of the clicked column."""
        self.messages.append(message.column.key)


@asynccontextmanager
async def running_table(
    rows: Sequence[Row], size: tuple[int, int] = (40, 10), **options: Any
) -> AsyncIterator[tuple[RecordingTable, Pilot[None]]]:
    """Run an app with a table of these rows; reset the record of rendered lines."""
    app = TableApp(RecordingTable(**options))
    with quick_pilot():
        async with app.run_test(size=size) as pilot:
            app.table.focus()
            app.table.update_rows(rows, NOW)
            await settle(pilot)
            app.table.rendered.clear()
            yield app.table, pilot


async def settle(pilot: Pilot[None]) -> None:
    """Wait until everything is painted."""
    for _ in range(3):
        await pilot.pause()


def rows_of(count: int) -> list[Row]:
    """Return a number of rows."""
    return [(index, f"row {index}", "") for index in range(count)]


def lines(table: RecordingTable) -> list[str]:
    """Return the text of the screen, line by line."""
    return [strip.text for strip in table.screen._compositor.render_strips()]  # noqa: SLF001 - Textual's; the text as it is painted


# --- columns --------------------------------------------------------------------------------------


@async_test
async def test_a_cell_that_lasts_is_built_once_for_each_row_and_others_follow_the_time() -> None:
    def stamp(row: Row, now: datetime) -> Cell:
        return [(f"{row[1]}{now:%S}", "")]

    columns = [Column("lasting", "A", 8, stamp, lasts=True), Column("timed", "B", 8, stamp)]
    table = RecordingTable(columns)
    first, second, other = (1, "a", ""), (2, "b", ""), (1, "c", "")
    with quick_pilot():
        async with TableApp(table).run_test(size=(40, 10)) as pilot:

            async def shown(rows: Sequence[Row], seconds: int) -> list[list[str]]:
                table.update_rows(rows, NOW + timedelta(seconds=seconds))
                await settle(pilot)
                return [line[2:].split() for line in lines(table)[:2]]

            assert await shown([first, second], 0) == [["a00", "a00"], ["b00", "b00"]]
            assert await shown([first, second], 5) == [["a00", "a05"], ["b00", "b05"]]
            assert await shown([second, other], 9) == [["b00", "b09"], ["c09", "c09"]]


@async_test
async def test_a_row_that_moves_to_another_line_keeps_its_strip() -> None:
    first, second = rows_of(2)
    async with running_table([first]) as (table, pilot):
        await pilot.press("down")
        table.update_rows([first, second], NOW)
        await settle(pilot)
        strip = table.render_line(1)
        table.update_rows([first, (7, "new", ""), second], NOW)
        await settle(pilot)
        assert table.render_line(2) is strip
        table.app.theme = "textual-light"
        await settle(pilot)
        assert [each.text for each in table.render_line(2)] == [each.text for each in strip]
        assert table.render_line(2) != strip


@async_test
async def test_the_thumb_of_the_scrollbar_is_as_long_as_in_a_table_that_begins_with_these_rows() -> None:
    """The scrollbar is repainted only if an end of its thumb moves."""

    def painted(table: RecordingTable) -> str:
        return "".join(line[-1] for line in lines(table))

    async with running_table(rows_of(11)) as (table, pilot):
        for count in [*range(11, 40), *range(40, 400, 13)]:
            table.update_rows(rows_of(count), NOW)
            await settle(pilot)
            shown = painted(table)
            table.vertical_scrollbar.refresh()
            await settle(pilot)
            assert painted(table) == shown, count


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (JOB_COLUMNS, [*snapshots.saturated().jobs, *snapshots.paused().jobs]),
        (RECENT_COLUMNS, snapshots.saturated().recent),
        (JOB_RUN_COLUMNS, snapshots.saturated().recent),
        (HISTORY_COLUMNS, snapshots.saturated().recent),
        (running_columns(lambda _name: None), snapshots.saturated().running),
        (waiting_columns(lambda _run: "for a slot"), snapshots.saturated().waiting),
    ],
    ids=["jobs", "recent", "runs of a job", "history", "running", "waiting"],
)
def test_the_cells_that_last_are_the_same_at_any_time(
    columns: Sequence[Column[Any]], rows: Sequence[Any]
) -> None:
    lasting = [column for column in columns if column.lasts]
    assert len(lasting) > 2
    for column in lasting:
        for row in rows:
            assert column.content(row, snapshots.NOW, 12) == column.content(row, snapshots.ahead(90_000), 12)


@pytest.mark.parametrize(
    "columns",
    [
        JOB_COLUMNS,
        running_columns(lambda _: None),
        waiting_columns(lambda _: ""),
        UPCOMING_COLUMNS,
        RECENT_COLUMNS,
    ],
)
@given(width=st.integers(0, 300))
def test_columns_fill_the_width_and_are_dropped_in_their_order(
    columns: Sequence[Column[Any]], width: int
) -> None:
    """No column is dropped that would fit."""
    table: LineTable[Any] = LineTable(columns, lambda row: row, empty="")
    fitted = table._fit_columns(width)  # noqa: SLF001 - the geometry, without painting a screen for each width
    kept = [column for column, _ in fitted]
    dropped = [column for column in columns if column not in kept]
    assert kept == [column for column in columns if column in kept]
    assert all(column.drop_order for column in dropped)
    used = MARK_WIDTH + sum(given for _, given in fitted) + sum(gaps_after(kept).values())
    assert all(given >= column.width or (column.fraction and used >= width) for column, given in fitted)
    if dropped:
        place = {column.key: (column.drop_order, index) for index, column in enumerate(columns)}
        last = min(dropped, key=lambda column: place[column.key])
        assert all(place[column.key] < place[last.key] for column in kept)
        wanted = last.width + sum(
            max(column.width, column.wanted if column.drop_order < last.drop_order else 0) for column in kept
        )
        with_last = [column for column in columns if column in kept or column is last]
        assert MARK_WIDTH + wanted + sum(gaps_after(with_last).values()) > width
    if used > width:
        assert all(column.drop_order == 0 for column in kept)
    elif any(column.fraction for column in kept):
        assert used == width


NAME_AND_REASON: Sequence[Column[Row]] = (
    Column("number", "NO", 6, _number),
    Column("name", "NAME", 14, _name, fraction=2),
    Column("reason", "REASON", 10, _name, fraction=1),
)


@pytest.mark.parametrize(
    ("width", "needed", "first", "expected"),
    [
        (60, None, None, (30, 19)),  # the fractions of what is left over
        (60, 3, None, (5, 44)),  # not less than the title and the mark of a sorted column
        (60, 9, None, (9, 40)),
        (60, 20, None, (20, 29)),
        (60, 99, 18, (32, 17)),  # what it gets first, then its fraction
        (60, 36, 36, (36, 13)),
        (60, 28, 18, (28, 21)),
        (120, 30, 18, (30, 79)),  # never more than it needs
        (36, 9, None, (9, 16)),
    ],
)
def test_a_column_with_short_texts_leaves_the_room_to_the_texts_beside_it(
    width: int, needed: int | None, first: int | None, expected: tuple[int, int]
) -> None:
    table: LineTable[Row] = LineTable(NAME_AND_REASON, lambda row: row[0], empty="")
    if needed is not None:
        table.want("name", needed, first)
    fitted = {column.key: given for column, given in table._fit_columns(width)}  # noqa: SLF001 - as above
    assert fitted["number"] == 6
    assert (fitted["name"], fitted["reason"]) == expected


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (299, "status name outcomes next took usually schedule last-run about runs fail"),
        (149, "status name outcomes next took usually schedule last-run runs fail"),
        (119, "status name outcomes next took schedule runs fail"),
        (79, "status name outcomes next took fail"),
        (60, "status name next fail"),
        (34, "status name"),
        (10, "status name"),
    ],
)
def test_the_table_of_jobs_has_the_columns_that_fit_its_width(width: int, expected: str) -> None:
    """The status, the name and the failures are always visible, and the strip is whole from 120 columns."""
    table: LineTable[Any] = LineTable(JOB_COLUMNS[: len(COLUMN_SET.default)], lambda row: row, empty="")
    fitted = table._fit_columns(width)  # noqa: SLF001 - the geometry, without painting a screen for each width
    assert " ".join(column.key for column, _ in fitted) == expected
    assert all(given == STRIP_LENGTH for column, given in fitted if column.key == "outcomes" and width >= 119)


# Columns pass their texts through `printable`: it removes joiners, but not wide and combining characters.
texts = st.text(st.sampled_from("aé日本👩☂\u0301\ufe0f\u200d[]x "), max_size=30).map(printable)


@given(texts, st.lists(texts, max_size=3), st.integers(1, 25), st.booleans())
def test_a_cell_has_exactly_the_width_of_its_column(
    first: str, others: list[str], width: int, right: bool
) -> None:
    """Wide and combining characters included."""
    table: LineTable[Any] = LineTable((), lambda row: row, empty="")
    cell = [(text, "") for text in (first, *others)]
    segments = table._cell_segments(cell, width, "", align_right=right)  # noqa: SLF001 - the geometry, without painting a screen for each width
    assert sum(cell_len(segment.text) for segment in segments) == width


@async_test
async def test_every_line_has_the_width_of_the_table() -> None:
    """With and without a row or the cursor."""
    rows = [
        (1, "日本語日本語日本語日本語", ""),
        (123456789, "e\u0301" * 40, "x" * 50),
        (3, "👩\u200d💻👨\u200d👩\u200d👧" * 5, "日本"),
        (4, "", ""),
    ]
    async with running_table(rows, (60, 8), header=True) as (table, pilot):
        for width in (*range(60, 0, -1), 200):
            await pilot.resize_terminal(width, 8)
            async with asyncio.timeout(10):
                while table.size.width != width:
                    await pilot.pause()
            for y in range(table.size.height):
                assert table.render_line(y).cell_length == width


@async_test
async def test_a_long_first_piece_of_a_cell_is_cut_and_the_later_pieces_are_not() -> None:
    """Otherwise a long name would hide the number of waiting runs."""
    async with running_table([(1, "a_very_long_name_that_does_not_fit_at_all_here", "+312")]) as (table, _):
        [line, *_] = lines(table)
        assert "… +312 " in line


@async_test
async def test_a_column_is_aligned_left_or_right() -> None:
    """Its title is aligned with it. Two cells separate it from a text that begins where it ends."""
    async with running_table([(7, "x", ""), (12345, "y", "")], header=True) as (table, _):
        first, second, third, *_ = lines(table)
        assert first.startswith("      NO  NAME")
        assert second.startswith("▸      7  x")
        assert third.startswith("   12345  y")


# --- repainting -----------------------------------------------------------------------------------


@async_test
async def test_an_update_renders_only_the_changed_lines() -> None:
    """An update without a change renders none."""
    async with running_table(rows_of(8)) as (table, pilot):
        rows = rows_of(8)
        table.update_rows(rows, NOW)
        await settle(pilot)
        assert table.rendered == []
        rows[3] = (3, "another", "")
        table.update_rows(rows, NOW)
        await settle(pilot)
        assert table.rendered == [3]
        assert "another" in lines(table)[3]


@async_test
async def test_a_move_of_the_cursor_renders_its_old_and_its_new_line() -> None:
    """The cursor's mark moves with it."""
    async with running_table(rows_of(8)) as (table, pilot):
        await pilot.press("j")
        await settle(pilot)
        assert sorted(table.rendered) == [0, 1]
        assert [line[:2] for line in lines(table)[:3]] == ["  ", "▸ ", "  "]


@async_test
async def test_a_later_time_renders_the_rows_that_show_it() -> None:
    """Lines without a row are not rendered again."""
    async with running_table(rows_of(3)) as (table, pilot):
        table.update_rows(rows_of(3), NOW.replace(second=7))
        await settle(pilot)
        assert sorted(table.rendered) == [0, 1, 2]
        assert "07" in lines(table)[2]


@async_test
async def test_a_table_of_ten_thousand_rows_renders_only_the_visible_lines() -> None:
    """After a jump to the end, too."""
    async with running_table([], (40, 10), header=True) as (table, pilot):
        table.update_rows(rows_of(10_000), NOW)
        await settle(pilot)
        assert set(table.rendered) <= set(range(10))
        assert len(table.rendered) <= 20
        table.rendered.clear()
        await pilot.press("G")
        await settle(pilot)
        assert set(table.rendered) <= set(range(10))
        assert len(table.rendered) <= 30
        assert lines(table)[-1].startswith("▸   9999  row 9999")
        assert lines(table)[0].startswith("      NO  NAME")
        assert lines(table)[1].startswith("    9991  row 9991")


@async_test
async def test_no_outdated_line_stays_when_rows_are_added_or_removed() -> None:
    """With and without a scrollbar."""
    async with running_table(rows_of(30), (40, 6)) as (table, pilot):
        for count in (30, 3, 0, 1, 40, 5, 6, 7):
            table.update_rows(rows_of(count), NOW)
            await settle(pilot)
            seen = [line.split()[-3] if "row" in line else line.strip() for line in lines(table)]
            top = table.scroll_offset.y
            if not count:
                assert seen[0] == "nothing"
            for y in range(6):
                expected = f"row {top + y}" if top + y < count else ""
                assert expected in lines(table)[y]
                assert ("row" in lines(table)[y]) is bool(expected)


@async_test
async def test_the_scrollbar_does_not_touch_the_last_column() -> None:
    """When it appears, no column moves or is hidden."""
    async with running_table(rows_of(3), (40, 5)) as (table, pilot):
        before = lines(table)[0]
        assert before.endswith(" 00  ")
        table.update_rows(rows_of(30), NOW)
        await settle(pilot)
        assert table.show_vertical_scrollbar
        assert lines(table)[0][:39] == before[:39]


# --- scrolling ------------------------------------------------------------------------------------


@pytest.mark.parametrize("anchored", [False, True])
@async_test
async def test_the_scrollbar_and_the_cursor_follow_what_is_visible(anchored: bool) -> None:
    """After any number of rows, key, scroll or size of the terminal."""
    rng = random.Random(17)
    async with running_table([], anchored=anchored, header=True) as (table, pilot):
        for _ in range(150):
            match rng.randrange(4):
                case 0:
                    table.update_rows(rows_of(rng.choice([0, 3, 9, 10, 11, 40, 500])), NOW)
                case 1:
                    await pilot.press(rng.choice(["j", "k", "G", "g", "pagedown", "pageup"]))
                case 2:
                    table.scroll_to(y=rng.randrange(100), animate=False)
                case _:
                    await pilot.resize_terminal(40, rng.choice([4, 10, 20]))
            await settle(pilot)
            if table.show_vertical_scrollbar:
                assert table.vertical_scrollbar.position == table.scroll_y
            if table.rows:
                assert 0 <= table.cursor - table.scroll_offset.y < table.size.height - 1


@async_test
async def test_the_scrollbar_is_at_the_end_if_the_first_rows_arrive_and_the_cursor_is_at_the_end() -> None:
    """The rows make the scrollbar appear, and the cursor scrolls before it has."""
    async with running_table([]) as (table, pilot):
        table.update_rows(rows_of(500), NOW)
        table.action_move_to(-1)
        await settle(pilot)
        assert table.scroll_y == 490
        assert table.vertical_scrollbar.position == 490


# --- the cursor -----------------------------------------------------------------------------------


@async_test
async def test_the_cursor_follows_its_row_if_the_caller_changes_the_list_that_it_gave() -> None:
    """The page of a job adds new runs at the top of one list, and older ones at its end."""
    rows = rows_of(5)
    async with running_table(rows, anchored=True) as (table, pilot):
        await pilot.press("down", "down")
        rows.insert(0, (7, "new", ""))
        assert table.selected == (2, "row 2", "")
        table.update_rows(rows, NOW)
        assert table.selected == (2, "row 2", "")


@async_test
async def test_the_cursor_follows_its_row() -> None:
    """The row stays visible."""
    async with running_table(rows_of(30), (40, 6), anchored=True) as (table, pilot):
        await pilot.press("j", "j")
        table.update_rows(list(reversed(rows_of(30))), NOW)
        await settle(pilot)
        assert table.selected == (2, "row 2", "")
        assert table.cursor == 27
        assert any(line.startswith("▸      2  row 2 ") for line in lines(table))


@async_test
async def test_the_cursor_of_a_table_that_is_not_anchored_stays_on_the_first_line() -> None:
    """Below the first line it follows its row."""
    async with running_table(rows_of(3)) as (table, pilot):
        table.update_rows([(99, "new", ""), *rows_of(3)], NOW)
        await settle(pilot)
        assert table.selected == (99, "new", "")
        await pilot.press("j")
        table.update_rows([(98, "newer", ""), (99, "new", ""), *rows_of(3)], NOW)
        assert table.selected == (0, "row 0", "")


@async_test
async def test_the_cursor_stays_on_a_row_whose_content_changes() -> None:
    """The key identifies a row."""
    async with running_table(rows_of(5)) as (table, pilot):
        await pilot.press("j", "j")
        table.update_rows([(0, "a", ""), (9, "b", ""), (1, "c", ""), (2, "d", "")], NOW)
        assert table.selected == (2, "d", "")


@async_test
async def test_enter_opens_the_row_and_a_click_on_a_title_selects_its_column() -> None:
    """A click outside the columns selects nothing."""
    async with running_table(rows_of(3), header=True) as (table, pilot):
        app = pilot.app
        assert isinstance(app, TableApp)
        await pilot.press("j", "enter")
        assert app.messages == [(1, "row 1", "")]
        for x in (2, 9, 10, 38, 0):
            await pilot.click(table, offset=Offset(x, 0))
        assert app.messages[1:] == ["number", "number", "name", "second"]
        await pilot.click(table, offset=Offset(5, 3))
        assert table.cursor == 2
        await pilot.click(table, offset=Offset(5, 7))
        assert table.cursor == 2
        assert len(app.messages) == 5


@async_test
async def test_the_text_for_no_rows_wraps_at_the_width() -> None:
    async with running_table([], size=(20, 6)) as (table, pilot):
        table.set_empty_text("no jobs yet: register one")
        await settle(pilot)
        assert [line.rstrip() for line in lines(table)[:3]] == ["  no jobs yet:", "  register one", ""]


@async_test
async def test_an_empty_table_shows_its_text_for_no_rows() -> None:
    """The keys have no effect on it."""
    async with running_table([], header=True) as (table, pilot):
        assert lines(table)[1].startswith("  nothing")
        table.set_empty_text("still nothing")
        await settle(pilot)
        assert lines(table)[1].startswith("  still nothing")
        await pilot.press("j", "G", "enter", "pagedown")
        assert table.selected is None


# --- the selected row -----------------------------------------------------------------------------


def contrast(one: Color, other: Color) -> float:
    """Return the ratio of the luminances of two colours, as WCAG defines it."""

    def luminance(color: Color) -> float:
        parts = [each / 255 for each in color.rgb]
        red, green, blue = [x / 12.92 if x <= 0.04 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "nord", "catppuccin-latte", "dracula"])
@async_test
async def test_the_selected_row_keeps_its_tones_and_they_are_readable(theme: str) -> None:
    """A failed job under the cursor has the colours of its status, its outcomes and its schedule."""
    async with running_app(ScriptedBackend(snapshots.saturated())) as driver:
        driver.app.theme = theme
        await driver.press("j", "j", "j", "j")
        table = driver.table()
        strip = table.render_line(table.cursor + 1)
        assert "import_orders" in strip.text
        styles = [each.style for each in strip if each.text.strip() and each.style is not None]
        pairs = [(Color.from_rich_color(each.color), Color.from_rich_color(each.bgcolor)) for each in styles]
        assert len({color for color, _ in pairs}) >= 3
        assert len({background for _, background in pairs}) == 1
        assert min(contrast(*pair) for pair in pairs) >= 2.6
        other = Color.from_rich_color(next(iter(table.render_line(2))).style.bgcolor)  # type: ignore[union-attr]
        assert pairs[0][1] != other


@async_test
async def test_the_first_frame_after_a_resize_has_the_columns_of_the_new_width() -> None:
    """The event of the new size may come much later, while the process is busy."""
    async with running_app(ScriptedBackend(snapshots.saturated())) as driver:
        table = driver.table()
        before = table.render_line(0).text
        table._fitted, table._fitted_width = table._fit_columns(40), 40  # noqa: SLF001 - as it was before
        assert table.render_line(0).text == before


@async_test
async def test_names_of_jobs_are_whole_in_the_panes_where_there_is_room() -> None:
    """The panes are half as wide as the terminal, and other columns have room to spare."""
    name = "upgrade_passwords_2"
    job = snapshots.make_job(name)
    runs = [snapshots.running_run(7, name, since=3), snapshots.running_run(8, name, since=2)]
    snapshot = snapshots.make(jobs=[job], running=runs, recent=[snapshots.ended_run(6, name, since=9)])
    async with running_app(ScriptedBackend(snapshot)) as driver:
        for pane in ("running", "recent", "upcoming"):
            table = driver.app.query_one(f"#{pane}", LineTable)
            assert name in table.render_line(0).text, pane


@async_test
async def test_no_column_moves_when_runs_come_and_go() -> None:
    """The widths follow the names of all jobs, not those in the rows."""
    jobs = [snapshots.make_job("short"), snapshots.make_job("a_much_longer_name")]
    first = snapshots.make(jobs=jobs, running=[snapshots.running_run(7, "short", since=3)])
    backend = ScriptedBackend(first)
    async with running_app(backend) as driver:
        table = driver.app.query_one("#running", LineTable)
        before = table.place_of("running_for")
        later = [snapshots.running_run(8, "a_much_longer_name", since=3)]
        backend.set_snapshot(snapshots.make(jobs=jobs, running=later))
        await driver.refresh()
        assert table.render_line(0).text.split()[1] == "a_much_longer_name"
        assert table.place_of("running_for") == before
