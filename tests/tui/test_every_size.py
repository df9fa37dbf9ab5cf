"""Every screen in terminals of many sizes: no line is torn, and no column touches another one."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator

import pytest
from rich.cells import cell_len
from support import snapshots
from support.app_driver import AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend
from textual.strip import Strip
from textual.widget import Widget

from jobtui.engine.views import Snapshot
from jobtui.frontend.backend import LogLine
from jobtui.tui.widgets.line_table import COLUMN_GAP, SCROLLBAR_WIDTH, LineTable
from jobtui.tui.widgets.log_lines import LogLines

CORNERS = [(20, 5), (220, 60), (20, 60), (220, 5)]
SAMPLES = 6  # other sizes of each screen, different ones in each run of the tests
WIDTHS, HEIGHTS = (20, 220), (5, 60)

SCREENS: dict[str, tuple[Callable[[], Snapshot], list[str]]] = {
    "dashboard": (snapshots.saturated, []),
    "odd-names": (snapshots.odd_names, ["space"]),
    "progress": (snapshots.progressing, []),
    "downtime": (snapshots.after_downtime, []),
    "pane": (snapshots.saturated, ["4"]),
    "filter": (snapshots.odd_names, ["slash", *"日本"]),
    "no-jobs": (snapshots.empty, []),
    "job": (snapshots.saturated, ["n", "enter"]),
    "durations": (snapshots.with_limits, [*"jjjj", "enter", "2"]),
    "outcomes": (snapshots.with_limits, [*"jjjj", "enter", "3"]),
    "run": (snapshots.idle, ["4", *"jjjjj", "enter"]),
    "log": (snapshots.idle, ["4", *"jjjjj", "l"]),
    "log-of-all": (snapshots.idle, ["o"]),
    "diff": (snapshots.idle, ["4", *"jjjjj", "l", "d"]),
    "timeline": (snapshots.busy, ["5"]),
    "calendar": (snapshots.crowded, ["6"]),
    "history": (snapshots.odd_names, ["h"]),
    "help": (snapshots.idle, ["question_mark"]),
    "form": (snapshots.idle, ["R"]),
    "schedule": (snapshots.idle, ["j", "e"]),
    "pause": (snapshots.saturated, ["p"]),
    "quit": (snapshots.saturated, ["q"]),
    "command-line": (snapshots.odd_names, ["colon", *"pause 日"]),
    "stack": (snapshots.overtime, ["1", "j", "j", "t"]),
    "messages": (snapshots.saturated, ["u", "m"]),
    "alarms": (snapshots.saturated, ["A"]),
    "columns": (snapshots.saturated, ["c"]),
    "search-in-diff": (snapshots.idle, ["4", *"jjjjj", "l", "d", "slash", *"order"]),
}


def backend_of(snapshot: Snapshot) -> ScriptedBackend:
    """Return a backend with output, durations, parameters and stacks."""
    backend = ScriptedBackend(snapshot)
    backend.columns["import_orders"] = snapshots.columns()
    backend.stacks[870] = snapshots.stack()
    backend.parameters = snapshots.parameters()
    texts = [
        "reading orders.csv",
        "日本語 の注文 " + "2 anvils, " * 30,
        "[b]not bold[/b] \x1b[31mnot red",
        "é👩\u200d💻",
    ]
    start = snapshot.at.timestamp()
    for run in (866, 869):
        backend.log_lines[run] = [
            LogLine(start + place, "import_orders", run, "ERROR", f"{text} {run}")
            for place, text in enumerate(texts)
        ]
    for text in texts:
        backend.output_log.write("import_orders", 866, "stdout", f"{text}\n")
    return backend


def sizes_of(screen: str) -> Iterator[tuple[int, int]]:
    """Yield the sizes in which a screen is looked at."""
    choice = random.Random(f"{os.environ['JOBTUI_SEED']} {screen}")
    yield from CORNERS
    for _ in range(SAMPLES):
        yield choice.randint(*WIDTHS), choice.randint(*HEIGHTS)


def faults_of(driver: AppDriver) -> Iterator[str]:
    """Yield what is wrong with the picture on the terminal."""
    width, height = driver.screen.size
    strips = driver.screen._compositor.render_strips()  # noqa: SLF001 - Textual's; the picture as it is painted
    if len(strips) != height:
        yield f"{len(strips)} lines"
    for y, strip in enumerate(strips):
        if cell_len(strip.text) != width:
            yield f"line {y} has {cell_len(strip.text)} cells: {strip.text!r}"
    for widget in driver.screen.query("LineTable, LogLines, LoadGrid, Picture"):
        if widget.is_on_screen and widget.size:
            yield from faults_of_lines(widget)


def faults_of_lines(widget: Widget) -> Iterator[str]:
    """Yield what is wrong with the lines of a widget."""
    for y in range(widget.size.height):
        strip = widget.render_line(y)
        if cell_len(strip.text) != widget.size.width:
            yield f"line {y} of {widget} has {cell_len(strip.text)} of {widget.size.width} cells"
        cells = cells_of(strip)
        if isinstance(widget, LineTable) and widget.rows:
            for x in gaps_of(widget):
                if cells[x : x + 1] not in ([], [" "], ["…"]):
                    yield f"a column of {widget} touches the next one at cell {x}: {strip.text!r}"
        if isinstance(widget, LogLines) and cells[-1] != " " != cells[-2]:
            yield f"a text touches the scrollbar of {widget}: {strip.text!r}"


def gaps_of(table: LineTable[object]) -> Iterator[int]:
    """Yield the cells between the columns of a table, and the one beside its scrollbar."""
    for column in table.columns:
        left, width = table.place_of(column.key)
        if width and left + width < table.size.width:
            yield from range(left + width, left + width + COLUMN_GAP)
    yield table.size.width - SCROLLBAR_WIDTH


def cells_of(strip: Strip) -> list[str]:
    """Return the character of each cell; "" for the second one of a wide character."""
    cells = []
    for character in strip.text:
        size = cell_len(character)
        cells += [character, *[""] * (size - 1)] if size else []
    return cells


@pytest.mark.parametrize("screen", SCREENS)
@async_test
async def test_a_screen_is_whole_in_terminals_of_every_size(screen: str) -> None:
    """The seed in the report of the tests gives the same sizes again."""
    make_snapshot, keys = SCREENS[screen]
    found = []
    async with running_app(backend_of(make_snapshot()), stop=lambda _grace: None) as driver:
        await driver.press(*keys)
        for size in sizes_of(screen):
            await driver.resize(*size)
            await driver.until(lambda: driver.screen._compositor.size == size)  # noqa: SLF001, B023 - Textual's
            await driver.settle()
            found += [f"{size[0]}x{size[1]}: {fault}" for fault in faults_of(driver)]
    assert found == []
