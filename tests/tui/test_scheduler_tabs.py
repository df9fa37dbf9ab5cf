"""Several schedulers in one dashboard, each in a tab."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from rich.cells import cell_len
from support import snapshots
from support.app_driver import NARROW, WIDE, AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend
from support.served_scheduler import serving_schedulers
from support.slow_backend import SlowBackend
from textual import events
from textual._xterm_parser import XTermParser

from jobtui.cli.attach import connect
from jobtui.frontend.blank_snapshot import blank_snapshot
from jobtui.frontend.scheduler_tabs import TabLabel, TabMark, TabRow
from jobtui.remote import remote_backend
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.tui.screens.history_screen import HistoryScreen
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.screens.log_screen import LogScreen
from jobtui.tui.widgets.header import StatusLine
from jobtui.tui.widgets.scheduler_bar import SchedulerBar, fit_tabs

LIMIT = 60.0  # seconds; only a hang takes so long
LOST = "connection lost at 10:24:07 (connection refused); trying again"


def make_backends() -> list[ScriptedBackend]:
    """Return three schedulers: one without trouble, one with a job that fails, one without a connection."""
    backends = [
        ScriptedBackend(snapshots.mid_run(), "orders.py"),
        ScriptedBackend(snapshots.saturated(), "billing.py"),
        ScriptedBackend(snapshots.idle(), "reports.py"),
    ]
    backends[2].connection_error = LOST
    return backends


@asynccontextmanager
async def running_tabs(
    backends: list[ScriptedBackend] | None = None, size: tuple[int, int] = WIDE
) -> AsyncIterator[AppDriver]:
    """Run the app on several schedulers."""
    first, *others = backends or make_backends()
    async with running_app(first, size, others=others) as driver:
        yield driver


def bar(driver: AppDriver) -> str:
    """Return the row of tabs."""
    return driver.text.splitlines()[0].rstrip()


def title(driver: AppDriver) -> str:
    """Return the title of the scheduler that is shown, by the header of its main screen."""
    dashboard = driver.app.screen_stack[0]
    assert isinstance(dashboard, Dashboard)
    return dashboard.query_one(StatusLine).render().plain.split()[1]


def open_screens(driver: AppDriver) -> list[type]:
    """Return the kinds of the screens of the tab that is shown, the main screen first."""
    return [type(screen) for screen in driver.app.screen_stack]


# --- the row of tabs ------------------------------------------------------------------------------


@async_test
async def test_a_dashboard_of_one_scheduler_has_no_tabs() -> None:
    """Nor have the keys for them an effect, or a line in the help."""
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        assert driver.text.splitlines()[0].startswith(" jobtui  demo_jobs.py")
        before = driver.text
        await driver.press("ctrl+right", "alt+1", "alt+2")
        assert driver.text == before
        await driver.press("question_mark")
        assert "scheduler 1" not in driver.text


@async_test
async def test_each_tab_has_a_number_a_name_and_a_mark_if_it_needs_attention() -> None:
    async with running_tabs() as driver:
        assert bar(driver) == " [1 orders.py]   2 billing.py ✗ 1 failing    3 reports.py ! lost"


@async_test
async def test_a_mark_appears_and_goes_while_another_tab_is_shown() -> None:
    backends = make_backends()
    async with running_tabs(backends) as driver:
        backends[2].connection_error = ""
        await driver.refresh()
        assert bar(driver).endswith("3 reports.py")
        backends[2].set_snapshot(snapshots.after_downtime())
        await driver.refresh()
        assert bar(driver).endswith("3 reports.py ! alarm")


@async_test
async def test_schedulers_of_one_name_are_told_apart_by_their_addresses() -> None:
    backends = [ScriptedBackend(snapshots.idle()) for _ in range(2)]
    backends[0].address, backends[1].address = "http://127.0.0.1:9001/@jobs", "unix:/run/jobs.sock"
    async with running_tabs(backends) as driver:
        assert bar(driver) == " [1 demo_jobs.py 127.0.0.1:9001]   2 demo_jobs.py unix:/run/jobs.sock"


@async_test
async def test_names_are_shown_literally() -> None:
    """A name is a text of the server."""
    backends = make_backends()
    backends[1].title = "[b]日本語\x1b[31m"
    async with running_tabs(backends) as driver:
        assert "2 [b]日本語" in bar(driver)
        assert "\x1b" not in driver.text


@pytest.mark.parametrize("width", [120, 80, 60, 40])
def test_nine_tabs_fit_and_keep_their_marks(width: int) -> None:
    """The name of the shown one stays the longest."""
    mark = TabMark("✗12", "failing", "failed")
    tabs = tuple(
        TabLabel(f"scheduler_of_team_{number}.py", mark if number % 4 == 0 else None) for number in range(9)
    )
    pieces = fit_tabs(TabRow(tabs, 4), width)
    text = "".join(text for tab in pieces for text, _ in tab)
    assert cell_len(text) <= width
    assert text.count("✗12") == 3
    assert "[5 sche" in text
    for number in range(1, 10):
        assert f"{number}" in text


def test_in_a_large_terminal_every_name_is_whole_and_a_word_is_beside_each_mark() -> None:
    mark = TabMark("!", "lost", "failed")
    row = TabRow((TabLabel("a.py"), TabLabel("日本語.py", mark)), 0)
    assert (
        "".join(text for tab in fit_tabs(row, 180) for text, _ in tab) == " [1 a.py]   2 日本語.py ! lost  "
    )


# --- keys and the mouse ---------------------------------------------------------------------------


@async_test
async def test_keys_show_the_next_and_the_previous_scheduler() -> None:
    """After the last one comes the first one."""
    async with running_tabs() as driver:
        shown = []
        for key in ("ctrl+right", "ctrl+right", "ctrl+right", "ctrl+left", "ctrl+left"):
            await driver.press(key)
            shown.append(title(driver))
        assert shown == ["billing.py", "!", "orders.py", "!", "billing.py"]


@pytest.mark.parametrize("number", range(1, 10))
@async_test
async def test_a_key_shows_the_scheduler_with_a_number(number: int) -> None:
    backends = [ScriptedBackend(snapshots.idle(), f"{place}.py") for place in range(1, 10)]
    async with running_tabs(backends) as driver:
        await driver.press("ctrl+right" if number == 1 else "j", f"alt+{number}")
        assert title(driver) == f"{number}.py"
        assert f"[{number} {number}.py]" in bar(driver)


@async_test
async def test_the_number_of_no_tab_changes_nothing() -> None:
    async with running_tabs() as driver:
        await driver.press("alt+9")
        assert title(driver) == "orders.py"


@async_test
async def test_a_click_on_a_tab_shows_its_scheduler() -> None:
    async with running_tabs() as driver:
        await driver.pilot.click(SchedulerBar, offset=(bar(driver).index("billing"), 0))
        await driver.settle()
        assert title(driver) == "billing.py"


@async_test
async def test_a_command_shows_a_scheduler_by_its_name_or_number() -> None:
    async with running_tabs() as driver:
        await driver.press("colon", *"tab", "space", *"2", "enter")
        assert title(driver) == "billing.py"
        await driver.press("colon", *"tab", "space", *"orders", "full_stop", *"py", "enter")
        assert title(driver) == "orders.py"
        await driver.press("colon", *"tab", "space", *"ordres", "full_stop", *"py", "enter")
        assert "did you mean orders.py? The schedulers are 1 orders.py, 2 billing.py, 3" in driver.text


@async_test
async def test_keys_that_move_the_cursor_in_a_text_do_not_change_the_tab() -> None:
    """Nor do those that a terminal may send for a character."""
    async with running_tabs() as driver:
        await driver.press("slash", *"hash", "ctrl+left", *"x")
        assert title(driver) == "orders.py"
        assert "filter: xhash" in driver.text
        await driver.press("alt+2")
        await driver.send_at_once(events.Key("pound_sign", "£"))
        assert title(driver) == "orders.py"
        assert "filter: x£hash" in driver.text


@pytest.mark.parametrize(("number", "character"), enumerate("¡™£¢∞§¶•ª", start=1))
@async_test
async def test_alt_with_a_digit_works_as_most_terminals_send_it(number: int, character: str) -> None:
    """As Textual understands that."""
    backends = [ScriptedBackend(snapshots.idle(), f"{place}.py") for place in range(1, 10)]
    async with running_tabs(backends) as driver:
        await driver.press("ctrl+right")
        [event] = XTermParser().feed(f"\x1b{number}")
        assert isinstance(event, events.Key)
        assert event.character == character
        await driver.send_at_once(event)
        assert title(driver) == f"{number}.py"


@async_test
async def test_the_help_lists_the_keys_for_the_tabs_that_there_are() -> None:
    async with running_tabs(size=(180, 50)) as driver:
        await driver.press("question_mark")
        assert "Show the next scheduler" in driver.text
        assert "Show scheduler 3" in driver.text
        assert "Show scheduler 4" not in driver.text


# --- what belongs to a tab ------------------------------------------------------------------------


@async_test
async def test_each_tab_keeps_its_selection_filter_zoom_and_marks() -> None:
    async with running_tabs() as driver:
        await driver.press("j", "space", "slash", *"re", "enter", "z")
        first = driver.text.splitlines()[1:]
        await driver.press("ctrl+right")
        assert "filter: re" not in driver.text
        assert "2 Waiting" in driver.text
        assert driver.table().cursor == 0
        await driver.press("4", "j")
        second = driver.text.splitlines()[1:]
        await driver.press("ctrl+left")
        assert driver.text.splitlines()[1:] == first
        await driver.press("ctrl+right")
        assert driver.text.splitlines()[1:] == second
        assert driver.focus == "recent"


@async_test
async def test_screens_stay_open_in_their_tab() -> None:
    """Every screen has the row of tabs."""
    async with running_tabs() as driver:
        await driver.press("enter", "l")
        await driver.press("ctrl+right", "h")
        assert open_screens(driver) == [Dashboard, HistoryScreen]
        assert "[2 billing.py" in bar(driver)
        await driver.press("alt+1")
        assert open_screens(driver) == [Dashboard, JobScreen, LogScreen]
        assert "[1 orders.py" in bar(driver)
        await driver.press("escape")
        assert open_screens(driver) == [Dashboard, JobScreen]
        await driver.press("escape", "alt+2")
        assert open_screens(driver) == [Dashboard, HistoryScreen]
        await driver.press("escape")
        assert title(driver) == "billing.py"


@pytest.mark.parametrize(
    "keys", [("enter",), ("h",), ("l",), ("5",), ("6",), ("question_mark",), ("p",), ("m",)], ids="-".join
)
@pytest.mark.parametrize("size", [WIDE, NARROW])
@async_test
async def test_a_dialog_leaves_the_row_of_tabs_free(keys: tuple[str, ...], size: tuple[int, int]) -> None:
    async with running_tabs(size=size) as driver:
        await driver.press(*keys)
        assert len(driver.app.screen_stack) == 2
        assert bar(driver).startswith(" [1 orders.py]")
        large = driver.screen.query(".dialog.large")
        if large:
            assert large.first().region == driver.screen.region.shrink((1, 0, 1, 0))


@async_test
async def test_commands_act_on_the_scheduler_that_is_shown() -> None:
    backends = make_backends()
    async with running_tabs(backends) as driver:
        await driver.press("ctrl+right", "r", "colon", *"pause", "enter")
        assert [command[0] for command in backends[1].commands] == ["run", "pause"]
        assert backends[0].commands == []
        await driver.press("ctrl+left", "u")
        assert "nothing to undo" in driver.text  # the pause was in the other tab


@async_test
async def test_a_screen_of_another_tab_asks_nothing_until_that_tab_is_shown() -> None:
    """Its timers go on. An answer waits, too: it may open a screen, which must be in its own tab."""
    slow, other = SlowBackend(), ScriptedBackend(snapshots.idle(), "billing.py")
    async with running_app(slow, others=[other]) as driver:
        await driver.pilot.press("enter")
        await driver.until(lambda: len(slow.queries) == 1)
        screen = driver.screen
        assert isinstance(screen, JobScreen)
        await driver.pilot.press("ctrl+right")
        slow.released.set()
        await driver.settle()
        screen.update_snapshot(slow.snapshot())
        await driver.settle()
        assert title(driver) == "billing.py"
        assert len(slow.queries) == 1
        await driver.press("ctrl+left")
        assert open_screens(driver) == [Dashboard, JobScreen]
        await driver.until(lambda: "every 15 seconds" in driver.text)
        assert len(slow.queries) > 1


@async_test
async def test_only_the_shown_scheduler_is_followed() -> None:
    """The marks of the others follow the clock, from snapshots that are taken less often."""
    backends = make_backends()
    async with running_tabs(backends) as driver:
        assert [len(each.listeners) for each in backends] == [1, 0, 0]
        assert [each.is_shown for each in backends] == [True, False, False]
        await driver.press("alt+3")
        assert [len(each.listeners) for each in backends] == [0, 0, 1]
        assert [each.is_shown for each in backends] == [False, False, True]


@async_test
async def test_a_lost_connection_greys_out_its_own_tab_only() -> None:
    backends = make_backends()
    async with running_tabs(backends) as driver:
        assert driver.table().styles.opacity == 1
        await driver.press("alt+3")
        assert LOST in driver.text.splitlines()[1]
        assert driver.table().styles.opacity < 1
        await driver.press("alt+1")
        assert LOST not in driver.text
        assert driver.table().styles.opacity == 1


@async_test
async def test_a_scheduler_that_was_never_reached_has_no_clock_and_no_numbers() -> None:
    """They would be made up."""
    backends = make_backends()
    backends[1].connection_error = "no connection (connection refused); trying again"
    backends[1].set_snapshot(blank_snapshot(snapshots.NOW))
    async with running_tabs(backends) as driver:
        await driver.press("alt+2")
        lines = driver.text.splitlines()
        assert lines[1].rstrip() == " jobtui  ! no connection (connection refused); trying again  billing.py"
        assert "nothing is known of this scheduler yet" in driver.text
        assert "pool" not in driver.text


@async_test
async def test_quitting_closes_every_backend() -> None:
    backends = make_backends()
    async with running_tabs(backends) as driver:
        await driver.press("q")
        assert driver.exiting
    assert all(each.closed for each in backends)


@async_test
async def test_a_small_terminal_has_the_row_of_tabs_unless_it_is_tiny() -> None:
    async with running_tabs(size=(40, 10)) as driver:
        assert bar(driver).startswith(" [1 orders.py]")
        await driver.resize(40, 6)
        await driver.until(lambda: "orders.py]" not in driver.text)


@async_test
async def test_the_size_of_the_terminal_may_change_while_a_tab_is_hidden() -> None:
    async with running_tabs() as driver:
        await driver.press("ctrl+right")
        await driver.resize(80, 24)
        await driver.press("ctrl+left")
        assert len(driver.text.splitlines()) == 24
        assert driver.text.splitlines()[-1].strip()
        assert driver.table().size.width == 80


@async_test
async def test_a_choice_of_columns_counts_for_every_scheduler() -> None:
    """So do the order and the view."""
    async with running_tabs() as driver:
        await driver.press("c", "j", "j", "space", "enter", "s", "alt+2")
        assert title(driver) == "billing.py"
        assert "OUTCOMES" not in driver.text
        assert "by status" in driver.text
        await driver.press("c", "d", "enter", "alt+1")
        assert "OUTCOMES" in driver.text


@async_test
async def test_a_message_of_a_tab_that_is_not_shown_names_its_scheduler() -> None:
    """A command may take seconds, and the user has gone to another tab."""
    backends = make_backends()
    async with running_tabs(backends) as driver:
        release = threading.Event()
        backends[0].run = lambda *_: release.wait(LIMIT) and 871  # type: ignore[method-assign]
        await driver.pilot.press("r")
        await driver.pilot.press("ctrl+right")
        release.set()
        await driver.settle()
        assert driver.toasts == [("information", "orders.py: ▶ refresh_cache: run 871")]


# --- real servers ---------------------------------------------------------------------------------


@async_test
async def test_one_scheduler_may_fall_away_while_the_other_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its mark appears in the other tab, and goes when another server answers at its address."""
    monkeypatch.setattr(remote_backend, "MIN_RECONNECT_DELAY", 0.01)
    monkeypatch.setattr(remote_backend, "MAX_RECONNECT_DELAY", 0.02)
    monkeypatch.setattr(remote_backend, "HIDDEN_INTERVAL", 0.05)

    async with serving_schedulers() as served:
        orders, billing = await served.start("orders"), await served.start("billing")
        backends = [await asyncio.to_thread(connect, each.address) for each in (orders, billing)]
        async with running_app(backends[0], others=backends[1:]) as driver:
            assert bar(driver) == " [1 orders.py]   2 billing.py"
            await billing.stop()
            await driver.until(lambda: bool(backends[1].connection_error))
            await driver.refresh()
            assert bar(driver) == " [1 orders.py]   2 billing.py ! lost"
            await driver.press("r")
            await driver.until(lambda: orders.scheduler.snapshot().recent != ())
            await driver.press("ctrl+right")
            assert "connection lost" in driver.text
            await served.start("invoices", billing.address)
            await driver.until(lambda: "[2 invoices.py]" in driver.text)
            await driver.press("ctrl+left")
            assert bar(driver) == " [1 orders.py]   2 invoices.py"
