"""The messages in the last row: how long they stay, and how the user reads the earlier ones."""

from __future__ import annotations

import pytest
from support import snapshots
from support.app_driver import NARROW, async_test, running_app
from support.scripted_backend import ScriptedBackend

from jobtui.schedules.bad_spec import BadSpec
from jobtui.tui.notices import MAX_KEPT, Notice, NoticeLog, Severity


def notice(text: str, severity: Severity = "information") -> Notice:
    """Return a message."""
    return Notice(snapshots.NOW, severity, text)


def texts(log: NoticeLog, now: float) -> list[str]:
    """Return the lines that a log shows."""
    return [each.line for each in log.shown(now).notices]


def test_a_message_goes_after_some_seconds_and_is_kept() -> None:
    log = NoticeLog()
    log.add(notice("paused"), 100.0)
    assert texts(log, 103.9) == ["paused"]
    assert texts(log, 104.0) == []
    assert [each.text for each in log.kept] == ["paused"]


def test_a_later_message_replaces_the_earlier_one_and_counts_it() -> None:
    """The count begins at 0 again once the row was free."""
    log = NoticeLog()
    for number, text in enumerate("abc"):
        log.add(notice(text), 100.0 + number)
    assert texts(log, 103.0) == ["c"]
    assert log.shown(103.0).earlier == 2
    assert log.shown(107.0).earlier == 0
    log.add(notice("d"), 110.0)
    assert log.shown(110.0).earlier == 0


def test_an_error_stays_until_a_key_and_later_messages_stand_beside_it() -> None:
    log = NoticeLog()
    log.add(notice("no such job", "error"), 100.0)
    assert texts(log, 1000.0) == ["✗ no such job"]
    log.add(notice("paused"), 1000.0)
    assert texts(log, 1001.0) == ["✗ no such job", "paused"]
    assert log.shown(1001.0).earlier == 0
    assert texts(log, 1005.0) == ["✗ no such job"]
    log.note_key()
    assert texts(log, 1005.0) == []


def test_a_key_at_once_after_an_error_does_not_remove_it_before_it_can_be_read() -> None:
    """A fast typist presses the next key before the error arrives on the screen."""
    log = NoticeLog()
    log.add(notice("no such job", "error"), 100.0)
    log.note_key()
    assert texts(log, 105.9) == ["✗ no such job"]
    assert texts(log, 106.0) == []


def test_a_later_error_replaces_the_earlier_one_and_counts_it() -> None:
    log = NoticeLog()
    log.add(notice("first", "error"), 100.0)
    log.add(notice("second", "error"), 101.0)
    assert texts(log, 101.0) == ["✗ second"]
    assert log.shown(101.0).earlier == 1


def test_a_repeated_message_is_counted_in_its_line() -> None:
    log = NoticeLog()
    for number in range(3):
        log.add(notice("the pool has no limit", "warning"), 100.0 + number)
    assert texts(log, 103.0) == ["! the pool has no limit (3 times)"]
    assert log.shown(103.0).earlier == 0
    assert len(log.kept) == 1


@pytest.mark.parametrize(
    ("severity", "key", "due"),
    [("information", False, 104.0), ("error", False, None), ("error", True, 106.0)],
)
def test_the_log_knows_when_the_next_message_goes(severity: Severity, key: bool, due: float | None) -> None:
    log = NoticeLog()
    log.add(notice("x", severity), 100.0)
    if key:
        log.note_key()
    assert log.due == due


def test_a_log_keeps_a_limited_number_of_messages() -> None:
    log = NoticeLog()
    for number in range(MAX_KEPT + 5):
        log.add(notice(str(number)), float(number))
    assert [log.kept[0].text, len(log.kept)] == ["5", MAX_KEPT]


@async_test
async def test_a_message_takes_the_row_of_the_keys_and_covers_no_pane() -> None:
    """The rows above it are as they were."""
    async with running_app(ScriptedBackend(snapshots.idle()), NARROW) as driver:
        before = driver.text.splitlines()
        await driver.press("plus")
        after = driver.text.splitlines()
        assert after[-1].strip().startswith("pool: 5 runs at once")
        assert after[:-1] == before[:-1]


@async_test
async def test_the_error_of_a_command_stays_in_the_last_row() -> None:
    backend = ScriptedBackend(snapshots.idle())
    backend.command_error = OSError("connection [red]refused[/red]")
    async with running_app(backend, NARROW) as driver:
        await driver.press("r")
        assert "✗ connection [red]refused[/red]" in driver.text.splitlines()[-1]
        await driver.press("j")
        assert "✗ connection [red]refused[/red]" in driver.text.splitlines()[-1]


@pytest.mark.parametrize(
    ("key", "shown"),
    [("e", "Apply"), ("R", "Run"), ("p", "Until resumed"), ("enter", "Close")],
)
@async_test
async def test_a_screen_that_is_opened_shows_its_keys_and_not_the_messages_from_before(
    key: str, shown: str
) -> None:
    """The screen below still has them, and new ones are shown."""
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("t")
        message = driver.text.splitlines()[-1]
        assert "!" in message
        await driver.press(key)
        assert len(driver.app.screen_stack) > 1
        assert shown in driver.text.splitlines()[-1]
        driver.app.notify("something new")
        await driver.settle()
        assert driver.text.splitlines()[-1].strip().startswith("something new")
        await driver.press("escape")
        assert "something new" in driver.text.splitlines()[-1]


@async_test
async def test_the_messages_from_before_a_dialog_are_shown_again_when_it_is_closed() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("t")
        message = driver.text.splitlines()[-1]
        await driver.press("p", "escape")
        assert driver.text.splitlines()[-1] == message


@async_test
async def test_the_message_of_an_error_with_several_lines_is_the_first_one() -> None:
    """The spec with a caret below its fault has no place in one row; the dialog for a schedule shows it."""
    backend = ScriptedBackend(snapshots.idle())
    backend.command_error = BadSpec("minute: '99' is above 59", spec="99 * * * *", position=0)
    async with running_app(backend, NARROW) as driver:
        await driver.press("r")
        assert driver.text.splitlines()[-1].strip() == "✗ minute: '99' is above 59"


@async_test
async def test_m_lists_the_messages_so_far_and_closes_the_list() -> None:
    """The latest is the first."""
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("m")
        assert "no messages yet" in driver.text
        await driver.press("escape", "plus", "x")
        assert "+1 earlier: m" in driver.text.splitlines()[-1]
        await driver.press("m")
        lines = [line for line in driver.text.splitlines() if "10:24:07 " in line]
        assert "warning  ! no waiting or running run is selected" in lines[0]
        assert "pool: 5 runs at once" in lines[1]
        await driver.press("j", "k", "m")
        assert len(driver.app.screen_stack) == 1


@async_test
async def test_a_long_message_does_not_hide_how_many_came_before() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), NARROW) as driver:
        driver.app.notify("first")
        driver.app.notify("日本語" * 40)
        await driver.settle()
        line = driver.text.splitlines()[-1]
        assert line.endswith("… +1 earlier: m ")
