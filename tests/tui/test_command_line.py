"""The command line: its grammar, completion, history and errors."""

from __future__ import annotations

import asyncio
import queue
import threading
from enum import Enum

import pytest
from support import snapshots
from support.app_driver import NARROW, TURNS, AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend
from textual.widgets import Input

from jobtui import Scheduler
from jobtui.frontend.local_backend import LocalBackend
from jobtui.tui.screens.column_chooser import ColumnChooser
from jobtui.tui.screens.command_line import CommandLineScreen
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.tui.screens.timeline_screen import TimelineScreen
from jobtui.tui.widgets.drawer import Drawer


async def type_line(driver: AppDriver, line: str) -> None:
    """Open the command line, and type a line."""
    await driver.press("colon")
    assert isinstance(driver.screen, CommandLineScreen)
    driver.screen.query_one(Input).value = line
    await driver.press("end")


async def execute(driver: AppDriver, line: str) -> None:
    await type_line(driver, line)
    await driver.press("enter")


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("run", [("run", "refresh_cache")]),
        ("run hash_folder", [("run", "hash_folder")]),
        ("run hash_folder limit=5 name=x", [("run", "hash_folder", "{'limit': 5, 'name': 'x'}")]),
        ("run limit=5", [("run", "refresh_cache", "{'limit': 5}")]),
        ("pause", [("pause", "refresh_cache")]),
        ("pause hash_folder for 2h because the disk is full", [("pause", "hash_folder", "2h")]),
        ("pause hash_folder --for 2h", [("pause", "hash_folder", "2h")]),
        ("pause for 2h", [("pause", "refresh_cache", "2h")]),
        ("pause until 08:00", [("pause", "refresh_cache", "08:00")]),
        ("pause hash_folder for 1 h 30 m because it rains", [("pause", "hash_folder", "1h30m")]),
        ("resume hash_folder", [("resume", "hash_folder")]),
        ("pool 8", [("resize", 8)]),
        ("po 8", [("resize", 8)]),
        ("cancel 88", [("cancel", 88)]),
        ("cancel #88 89", [("cancel", 88), ("cancel", 89)]),
        ("schedule hash_folder 0 0 8 * * *", [("update", "hash_folder", "0 0 8 * * *")]),
    ],
)
@async_test
async def test_a_command_steers_the_scheduler(line: str, commands: list[object]) -> None:
    """Without a name it acts on the selected job."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await execute(driver, line)
        assert backend.commands == commands
        assert isinstance(driver.screen, Dashboard)


@async_test
async def test_a_command_without_a_name_acts_on_all_marked_jobs() -> None:
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("space", "space")
        await execute(driver, "pause for 1h")
        assert backend.commands == [("pause", "refresh_cache", "1h"), ("pause", "hash_folder", "1h")]


@async_test
async def test_a_command_on_the_page_of_a_job_acts_on_that_job() -> None:
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("j", "enter")
        await execute(driver, "run")
        assert backend.commands == [("run", "hash_folder")]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("pause x", "unknown job 'x'"),
        ("puase", "unknown command 'puase'; did you mean pause?"),
        ("run hash_foldr", "unknown job 'hash_foldr'; did you mean hash_folder?"),
        ("pool many", "pool: one whole number is needed"),
        ("pool 1000000000", "pool: at most 1000000 runs at once are allowed; 0 means no limit"),
        ("pause --four 2h", "unrecognized arguments: --four 2h; did you mean --for?"),
        ("pause for 2h until 08:00", "pause: for and until exclude each other"),
        ("pause for -5s", "✗ the length of a pause: a delay cannot be negative (-5 s)"),
        ("pause until -5", "✗ until must be a time such as '08:00'"),
        ("cancel me", "the number of a run is needed"),
        ("sort nme", "did you mean name?"),
        ("sort zzz", "unknown column 'zzz'; the columns are status, fail, name"),
        ("theme drakula", "did you mean dracula?"),
        ("theme foo", "unknown theme 'foo'; the themes are "),
        ("tab 2", "there is only one scheduler, and it is shown"),
        ("pause hash_folder for 2 parsecs", "the length of a pause: "),
        ("pause hash_folder for 2 parsecs because it rains", "unit 'parsecs'"),
        ("pause for 2h hash_folder", "the length of a pause: "),
        ("pause hash_folder until noon tomorrow", "until must be a time such as '08:00'"),
        ("columns status,nme", "unknown column 'nme'; did you mean name?"),
        ("columns default,p95", "columns: default stands alone"),
        ("view some", "view: the choices are all and attention"),
        ("drawer open", "drawer: the choices are on and off"),
        ("timeline now", "timeline takes no arguments"),
        ("run 'a", "quotes come in pairs"),
    ],
)
@async_test
async def test_a_wrong_command_stays_with_what_is_wrong(line: str, error: str) -> None:
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await execute(driver, line)
        assert isinstance(driver.screen, CommandLineScreen)
        assert error in driver.text
        assert driver.screen.query_one(Input).value == line
        assert backend.commands == []
        await driver.press("escape")
        assert len(driver.app.screen_stack) == 1


@async_test
async def test_a_mistake_that_is_longer_than_a_row_takes_several_rows() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), NARROW) as driver:
        await execute(driver, "columns bogus")
        lines = driver.text.splitlines()
        place = next(number for number, line in enumerate(lines) if "✗ unknown" in line)
        text = " ".join(" ".join(lines[place:-1]).split())
        assert text.startswith("✗ unknown column 'bogus'; did you mean about? The columns are status, name,")
        assert text.endswith("timeout, arguments, code, default")
        await driver.press("backspace")
        assert "✗ unknown" not in driver.text


@async_test
async def test_every_key_is_a_command_by_the_name_of_its_action() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), stop=lambda _grace: None) as driver:
        await execute(driver, "timeline")
        assert isinstance(driver.screen, TimelineScreen)
        await driver.press("escape")
        await type_line(driver, "q")
        await driver.pilot.press("enter")
        await driver.until(lambda: driver.exiting)


@async_test
async def test_filter_sort_and_theme_change_the_look() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await execute(driver, "filter report")
        assert "filter: report" in driver.text
        await execute(driver, "filter")
        assert "filter:" not in driver.text
        await execute(driver, "sort name")
        assert "by name" in driver.text
        await execute(driver, "theme textual-light")
        assert driver.app.theme == "textual-light"


@async_test
async def test_columns_view_and_drawer_are_chosen_by_commands() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), (180, 50)) as driver:
        await execute(driver, "columns p95,name fail")
        assert driver.lines(driver.table())[0].split() == ["STATUS", "P95", "NAME", "FAIL"]
        assert "SCHEDULE " not in driver.lines(driver.table())[0]
        await execute(driver, "columns default")
        assert "SCHEDULE " in driver.lines(driver.table())[0]
        await execute(driver, "view attention")
        assert "that need attention" in str(driver.table().border_title)
        await execute(driver, "view attention")
        assert "that need attention" in str(driver.table().border_title)
        await execute(driver, "view all")
        assert "that need attention" not in str(driver.table().border_title)
        drawer = driver.screen.query_one(Drawer)
        await execute(driver, "drawer off")
        await execute(driver, "drawer off")
        assert not drawer.display
        await execute(driver, "drawer on")
        assert drawer.display


@async_test
async def test_columns_view_and_drawer_without_a_word_are_the_keys() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), (180, 50)) as driver:
        await execute(driver, "view")
        assert "that need attention" in str(driver.table().border_title)
        await execute(driver, "drawer")
        assert not driver.screen.query_one(Drawer).display
        await execute(driver, "columns")
        await driver.until(lambda: isinstance(driver.screen, ColumnChooser))


@async_test
async def test_the_columns_are_chosen_on_another_screen_by_their_names() -> None:
    """Without a name the command needs the key of the main screen."""
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("enter")
        await execute(driver, "columns name,p95")
        await execute(driver, "columns")
        assert "columns: name some, such as status,name,next" in driver.text
        await driver.press("escape", "escape")
        assert driver.lines(driver.table())[0].split() == ["STATUS", "NAME", "P95"]


@async_test
async def test_the_names_in_a_list_with_commas_are_completed() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await type_line(driver, "columns status,na")
        await driver.press("tab")
        line = driver.screen.query_one(Input)
        assert line.value == "columns status,name"
        line.value = "columns status nex"
        await driver.press("end", "tab")
        assert line.value == "columns status next"


@async_test
async def test_tab_completes_commands_and_names_and_goes_round() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await type_line(driver, "pau")
        assert "pause" in driver.text.splitlines()[-2]
        await driver.press("tab")
        line = driver.screen.query_one(Input)
        assert line.value == "pause"
        await driver.press("tab", "shift+tab")
        assert line.value == "pause"
        line.value = "pause hash"
        await driver.press("end", "tab")
        assert line.value == "pause hash_folder"
        assert "[JOB] [for TIME | until TIME]" in driver.text


@async_test
async def test_a_name_with_spaces_is_completed_in_quotes_and_understood() -> None:
    backend = ScriptedBackend(snapshots.make([snapshots.make_job("日本語 job's")]))
    async with running_app(backend) as driver:
        await type_line(driver, "run 日")
        await driver.press("tab", "enter")
        assert backend.commands == [("run", "日本語 job's")]


@async_test
async def test_up_and_down_go_through_earlier_commands() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await execute(driver, "sort name")
        await execute(driver, "sort status")
        await driver.press("colon", "up", "up")
        line = driver.screen.query_one(Input)
        assert line.value == "sort name"
        await driver.press("down")
        assert line.value == "sort status"
        await driver.press("down")
        assert line.value == ""


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("pause work for ever", "a number is missing before 'ever'"),
        ("pause work for 0s", "a pause cannot be for 0 seconds"),
        ("pause work until 25:99", "until must be a time such as '08:00'"),
        ("schedule work 99 * * * *", "minute: '99' is above 59"),
        ("run work n=x", "n"),
    ],
)
@async_test
async def test_a_command_that_the_scheduler_rejects_stays_with_what_is_wrong(line: str, error: str) -> None:
    """The line takes the next keys as text, so they do not act on the dashboard."""

    def work(n: int = 1) -> None:
        pass

    scheduler = Scheduler(tz="UTC")
    scheduler.schedule("@yearly", work, name="work")
    with scheduler:
        async with running_app(LocalBackend(scheduler, "jobs.py")) as driver:
            await execute(driver, line)
            assert isinstance(driver.screen, CommandLineScreen)
            assert error in driver.text
            assert driver.screen.query_one(Input).value == line
            await driver.press("x")
            assert driver.screen.query_one(Input).value == f"{line}x"
            assert driver.toasts == []


class Level(Enum):
    """Has a member whose value JSON does not have, and one whose value is a text of digits."""

    HIGH = (1, 2)
    LOW = "1"
    TRUE = 7


@pytest.mark.parametrize(
    ("text", "member"), [("HIGH", Level.HIGH), ("1", Level.LOW), ("LOW", Level.LOW), ("7", Level.TRUE)]
)
@async_test
async def test_a_run_gets_a_member_of_an_enum_by_its_value_or_its_name(text: str, member: Level) -> None:
    seen: queue.SimpleQueue[Level | None] = queue.SimpleQueue()

    def work(level: Level | None = None) -> None:
        seen.put(level)

    scheduler = Scheduler(tz="UTC")
    scheduler.schedule("@yearly", work, name="work")
    with scheduler:
        async with running_app(LocalBackend(scheduler, "jobs.py")) as driver:
            await execute(driver, f"run work level={text}")
            assert await asyncio.to_thread(seen.get, timeout=10) is member


@async_test
async def test_a_pause_for_a_time_with_a_reason_is_made_and_undone() -> None:
    scheduler = Scheduler(tz="UTC")
    scheduler.schedule("@yearly", print, name="work")
    with scheduler:
        async with running_app(LocalBackend(scheduler, "jobs.py")) as driver:
            await execute(driver, "pause for 2h because it rains")
            assert driver.toasts[-1] == ("information", "‖ work paused til 2h from now; u undoes it")
            assert scheduler.snapshot().jobs[0].pause_note == "it rains"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("schedule refresh_cache 99 * * * *", "minute: '99' is above 59 (0-59)"),
        ("pause refresh_cache for ever", "the length of a pause: a number is missing before 'ever'; write a"),
    ],
)
@async_test
async def test_the_error_of_a_command_is_its_sentence_without_the_spec_and_the_caret(
    line: str, sentence: str
) -> None:
    scheduler = Scheduler(tz="UTC")
    scheduler.schedule("@yearly", print, name="refresh_cache")
    with scheduler:
        async with running_app(LocalBackend(scheduler, "jobs.py")) as driver:
            await execute(driver, line)
            hint = driver.text.splitlines()[-2].strip()
            assert hint.startswith(f"✗ {sentence}")
            assert "^" not in hint


class HangingBackend(ScriptedBackend):
    """A backend that does not answer until the test releases it."""

    def __init__(self) -> None:
        super().__init__(snapshots.idle())
        self.released = threading.Event()

    def resize(self, size: int) -> None:
        """Block, then record the command."""
        assert self.released.wait(60)
        super().resize(size)


@async_test
async def test_a_key_right_after_a_command_waits_for_its_answer_and_acts_on_the_dashboard() -> None:
    backend = HangingBackend()
    async with running_app(backend) as driver:
        try:
            await type_line(driver, "pool 8")
            keys = asyncio.create_task(driver.press_at_once("enter", "j", "r"))
            for _ in range(3 * TURNS):  # the app has received the keys, and the answer is not there
                await asyncio.sleep(0)
        finally:
            backend.released.set()
        await keys
        assert backend.commands == [("resize", 8), ("run", "hash_folder")]


@pytest.mark.parametrize("error", [None, OSError("the connection is lost")])
@async_test
async def test_escape_closes_the_line_of_a_command_without_an_answer_which_comes_later(
    error: OSError | None,
) -> None:
    """The dashboard works in the meantime: a key moves its cursor."""
    backend = HangingBackend()
    backend.command_error = error
    async with running_app(backend) as driver:
        try:
            await type_line(driver, "pool 8")
            await driver.pilot.press("enter")
            await driver.until(lambda: "waits for the scheduler; esc closes this line" in driver.text)
            await driver.pilot.press("enter", "escape", "j")
            await driver.until(lambda: driver.table().cursor == 1)
            assert isinstance(driver.screen, Dashboard)
        finally:
            backend.released.set()
        await driver.settle()
        assert backend.commands == [("resize", 8)]
        assert driver.toasts == [
            ("information", "pool: 8 runs at once; u undoes it") if error is None else ("error", str(error))
        ]


@async_test
async def test_a_line_that_waits_keeps_the_next_command_that_the_user_begins() -> None:
    backend = HangingBackend()
    async with running_app(backend) as driver:
        try:
            await type_line(driver, "pool 8")
            await driver.pilot.press("enter")
            await driver.until(lambda: "waits for the scheduler" in driver.text)
            driver.screen.query_one(Input).value = "sort name"
        finally:
            backend.released.set()
        await driver.settle()
        assert driver.screen.query_one(Input).value == "sort name"
        await driver.press("enter")
        assert "by name" in driver.text


@async_test
async def test_an_answer_that_comes_while_another_screen_is_shown_waits_for_the_line() -> None:
    backend = HangingBackend()
    backend.command_error = OSError("the connection is lost")
    async with running_app(backend) as driver:
        try:
            await type_line(driver, "pool 8")
            await driver.pilot.press("enter")
            await driver.until(lambda: "waits for the scheduler" in driver.text)
            await driver.pilot.press("ctrl+p")
            await driver.until(lambda: not isinstance(driver.screen, CommandLineScreen))
        finally:
            backend.released.set()
        await driver.settle()
        assert driver.toasts == [("error", "the connection is lost")]
        await driver.press("escape")
        assert isinstance(driver.screen, CommandLineScreen)
        assert "✗ the connection is lost" in driver.text
