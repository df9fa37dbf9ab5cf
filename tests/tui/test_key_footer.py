"""The keys in the footer: each of them does something on the screen that shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest
from support import snapshots
from support.app_driver import NARROW, WIDE, AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen
from textual.widgets._footer import FooterKey

from jobtui.engine.views import Snapshot
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.line_table import LineTable

# The keys that lead to each screen, and the snapshot.
SCREENS: dict[str, tuple[tuple[str, ...], Callable[[], Snapshot]]] = {
    "jobs": ((), snapshots.saturated),
    "no jobs": ((), snapshots.empty),
    "one-off runs": (("G",), snapshots.idle),
    "paused job": ((), snapshots.paused),
    "failing jobs": ((), snapshots.many_jobs),
    "too small": ((), snapshots.saturated),
    "filter": (("slash",), snapshots.saturated),
    "running runs": (("1",), snapshots.saturated),
    "no running runs": (("1",), snapshots.empty),
    "waiting runs": (("2",), snapshots.saturated),
    "upcoming": (("3",), snapshots.saturated),
    "recent runs": (("4",), snapshots.saturated),
    "job": (("enter",), snapshots.saturated),
    "screen of one-off runs": (("G", "enter"), snapshots.idle),
    "run": (("1", "enter"), snapshots.saturated),
    "output": (("o",), snapshots.saturated),
    "help": (("question_mark",), snapshots.saturated),
    "confirmation": (("1", "x"), snapshots.saturated),
    "columns": (("c",), snapshots.saturated),
    "last column": (("c", "G", "space"), snapshots.saturated),
    "quit": (("q",), snapshots.saturated),
}


@asynccontextmanager
async def screen(name: str) -> AsyncIterator[AppDriver]:
    """Run the app, and go to a screen."""
    keys, snapshot = SCREENS[name]
    size = (80, 1) if name == "too small" else WIDE
    async with running_app(ScriptedBackend(snapshot()), size, stop=lambda _grace: None) as driver:
        await driver.press(*keys)
        yield driver


def shown_keys(driver: AppDriver) -> list[str]:
    """Return the keys in the footer that are not disabled."""
    active = driver.screen.active_bindings.values()
    return [key.binding.key for key in active if key.binding.show and key.enabled]


def footer(driver: AppDriver) -> str:
    """Return the last row."""
    return driver.text.splitlines()[-1].strip()


def effects(driver: AppDriver) -> tuple[object, ...]:
    """Return everything that a key may change, except the warnings that say why it changes nothing."""
    assert isinstance(driver.backend, ScriptedBackend)
    screens = [type(each) for each in driver.app.screen_stack]
    rows = [table.cursor for table in driver.app.screen_stack[0].query(LineTable)]
    warned = [text for severity, text in driver.toasts if severity == "warning"]
    text = "" if warned else driver.text
    return text, screens, rows, list(driver.backend.commands), driver.focus, driver.app.is_running


@pytest.mark.parametrize("name", SCREENS)
@async_test
async def test_every_key_in_the_footer_does_something(name: str) -> None:
    async with screen(name) as driver:
        keys = shown_keys(driver)
    idle = []
    for key in keys:
        async with screen(name) as driver:
            before = effects(driver)
            await driver.press(key)
            if effects(driver)[not effects(driver)[0] :] == before[not effects(driver)[0] :]:
                idle.append(key)
    assert not idle


@async_test
async def test_the_key_to_open_a_row_is_enabled_once_there_is_one() -> None:
    """It is disabled, not hidden, so that the other keys stay in their places."""
    async with screen("no jobs") as driver:
        assert "enter" not in shown_keys(driver)
        assert "Open" in driver.text
        await driver.show_snapshot(snapshots.saturated())
        assert "enter" in shown_keys(driver)


@async_test
async def test_the_footer_of_the_output_shows_no_key_to_open_a_line() -> None:
    async with screen("output") as driver:
        assert "Open" not in driver.text


@async_test
async def test_the_footer_keeps_its_widgets_until_other_keys_are_valid() -> None:
    """Mounting them at each change of the focus would be slow."""
    async with running_app(ScriptedBackend(snapshots.saturated())) as driver:
        before = list(driver.screen.query("FooterKey"))
        await driver.press("2", "tab", "0")
        assert list(driver.screen.query("FooterKey")) == before
        await driver.press("slash")
        assert not set(driver.screen.query("FooterKey")) & set(before)


@pytest.mark.parametrize(
    ("name", "dimmed"),
    [
        ("jobs", "x"),  # no: the selected job has a queued run
        ("one-off runs", "rp"),
        ("screen of one-off runs", "rp"),
        ("no jobs", "rpxn"),
        ("recent runs", "x"),
        ("upcoming", "x"),
        ("too small", "rpx"),
        ("columns", ("space", "K", "d")),
        ("last column", "J"),
    ],
)
@async_test
async def test_a_key_without_an_effect_on_the_selected_row_is_dimmed_and_says_why(
    name: str, dimmed: str
) -> None:
    async with screen(name) as driver:
        shown = shown_keys(driver)
        for key in dimmed:
            assert (key in shown) is (name == "jobs")
            toasts = len(driver.toasts)
            if key not in shown and key != "enter":
                await driver.press(key)
                assert len(driver.toasts) == toasts + 1


@async_test
async def test_the_footer_says_whether_p_pauses_or_resumes() -> None:
    """On the dashboard and on the screen of a job."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        for keys in ((), ("enter",)):
            await driver.press(*keys)
            for snapshot, shown, hidden in [
                (snapshots.paused(), "p Resume", "p Pause"),
                (snapshots.idle(), "p Pause", "p Resume"),
            ]:
                await driver.show_snapshot(snapshot)
                assert shown in driver.text.splitlines()[-1]
                assert hidden not in driver.text.splitlines()[-1]


@async_test
async def test_the_footer_and_the_help_of_an_attached_dashboard_say_detach() -> None:
    """The scheduler is not quit. Every key is visible in a terminal of 80 columns."""
    for options, shown, hidden in [({}, "Detach", "Quit"), ({"stop": lambda _grace: None}, "Quit", "Detach")]:
        for size in (NARROW, (80, 100)):
            async with running_app(ScriptedBackend(snapshots.paused()), size, **options) as driver:
                assert driver.text.splitlines()[-1].rstrip().endswith(f"q {shown}")
                await driver.press("question_mark")
                assert (shown in driver.text) is (size != NARROW)
                assert hidden not in driver.text


@async_test
async def test_the_footer_shows_no_key_that_is_text_for_the_filter() -> None:
    """`q` and `/`, for example."""
    async with screen("filter") as driver:
        assert shown_keys(driver) == ["enter", "escape"]
        assert driver.text.splitlines()[-1].strip() == "⏎ Keep the filter  esc Clear it"


@pytest.mark.parametrize("width", [150, 120, 100, 80, 60, 40, 24])
@async_test
async def test_the_footer_shows_each_key_whole_or_not_at_all(width: int) -> None:
    async with running_app(ScriptedBackend(snapshots.saturated()), (150, 32)) as driver:
        whole = footer(driver).split()
        await driver.resize(width, 32)
        await driver.until(lambda: driver.screen.query_one(KeyFooter).size.width == width)
        await driver.settle()
        shown = footer(driver).split()
        assert shown[-4:] == ["?", "Help", "q", "Detach"]
        assert [word for word in whole if word in shown] == shown


@async_test
async def test_a_narrow_footer_leaves_out_the_optional_keys_first_and_then_the_last_ones() -> None:
    async with running_app(ScriptedBackend(snapshots.saturated()), (80, 24)) as driver:
        assert footer(driver).startswith("⏎ Open r Run p Pause x Cancel / Filter n Failed h Past o Output")
        await driver.resize(40, 24)
        await driver.until(lambda: footer(driver) == "⏎ Open r Run p Pause ? Help q Detach")


@async_test
async def test_the_footer_fits_a_terminal_that_is_resized_while_it_has_no_focus() -> None:
    """As when a terminal is split: the other half has the focus then."""
    async with running_app(ScriptedBackend(snapshots.saturated()), WIDE) as driver:
        await driver.send_at_once(events.AppBlur())
        await driver.resize(40, 24)
        await driver.until(lambda: footer(driver).endswith("p Pause ? Help q Detach"))


@async_test
async def test_the_footer_leaves_out_a_key_whose_new_word_has_no_room() -> None:
    async with running_app(ScriptedBackend(snapshots.saturated()), (36, 24)) as driver:
        assert footer(driver) == "⏎ Open r Run p Pause ? Help q Detach"
        await driver.show_snapshot(snapshots.paused())
        assert footer(driver) == "⏎ Open r Run ? Help q Detach"


@pytest.mark.parametrize(
    ("size", "shown"), [(WIDE, "r Run  p Pause  e Edit"), (NARROW, "r Run p Pause x Cancel")]
)
@async_test
async def test_two_cells_are_between_keys_if_there_is_room(size: tuple[int, int], shown: str) -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), size) as driver:
        assert shown in driver.text.splitlines()[-1]


@async_test
async def test_a_wide_terminal_shows_more_keys() -> None:
    """Not those that are text in a field."""
    async with running_app(ScriptedBackend(snapshots.idle()), (180, 50)) as driver:
        assert "c Columns  h Past" in driver.text.splitlines()[-1]
        await driver.press("slash")
        assert "Columns" not in driver.text.splitlines()[-1]


class _Lower(Screen[None]):
    """A screen that counts how often it is woken."""

    woken = 0

    def check_idle(self) -> None:
        """Count, and wake the screen."""
        self.woken += 1
        super().check_idle()


class _Dialog(ModalScreen[None]):
    """A dialog with keys."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("a", "app.bell", "Bell", id="bell")]

    def compose(self) -> ComposeResult:
        yield KeyFooter()


@async_test
async def test_the_screen_below_a_dialog_is_painted_once_the_keys_of_the_dialog_are_mounted() -> None:
    """Until then, nothing is painted, and Textual itself wakes the dialog alone."""
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        lower = _Lower()
        await driver.app.push_screen(lower)
        await driver.app.push_screen(_Dialog())
        await driver.settle()
        footer = driver.screen.query_one(KeyFooter)
        await footer.query(FooterKey).remove()
        await driver.settle()
        woken = lower.woken
        footer.call_next(footer.recompose)
        await driver.until(lambda: bool(footer.query(FooterKey)))
        await driver.settle()
        assert lower.woken > woken
