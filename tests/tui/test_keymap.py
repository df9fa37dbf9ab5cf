"""Keys that the user sets: what is wrong with them, and what the dashboard shows and does with them."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from pathlib import Path

import pytest
from support import snapshots
from support.app_driver import AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend
from textual.binding import Binding
from textual.widgets._footer import FooterKey

import jobtui.tui
from jobtui.settings.key_settings import KeySetting, read_key_file
from jobtui.settings.setting_errors import BadSetting, SettingEntry
from jobtui.tui.app import JobtuiApp
from jobtui.tui.app_keys import APP_BINDINGS
from jobtui.tui.display import Display
from jobtui.tui.keymap import ACTIONS, PLACES, SHOWN_TOGETHER, check_keymap
from jobtui.tui.screens.confirm import ConfirmScreen
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.tui.screens.help import HelpScreen
from jobtui.tui.screens.log_screen import LogScreen
from jobtui.tui.screens.timeline_screen import TimelineScreen


def keymap(folder: Path, text: str) -> dict[str, str]:
    """Check the keys of a file with this text."""
    path = folder / "keys.toml"
    path.write_text(text, encoding="utf-8")
    return check_keymap(read_key_file(path))


def error(folder: Path, text: str) -> str:
    with pytest.raises(BadSetting) as caught:
        keymap(folder, text)
    return str(caught.value).replace(str(folder / "keys.toml"), "FILE")


# --- the check ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('job.run = "f9"', {"job.run": "f9"}),
        (
            'job.run = ["f9", "f5", "ctrl+x", "alt+r", "!"]',
            {"job.run": "f9,f5,ctrl+x,alt+r,exclamation_mark"},
        ),
        ('app.help = ["?", "f1"]', {"app.help": "question_mark,f1"}),
        ('jobs.mark = " "', {"jobs.mark": "space"}),
        ('job.run = "x"\nrun.cancel = "r"', {"job.run": "x", "run.cancel": "r"}),
        ('log.close = ["c", "escape"]', {"log.close": "c,escape"}),
        ('app.quit = "é"', {"app.quit": "é"}),
    ],
)
def test_keys_are_characters_or_names(tmp_path: Path, text: str, found: dict[str, str]) -> None:
    """Two actions may change their keys."""
    assert keymap(tmp_path, text) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '\njob.rn = "x"',
            "FILE, line 2: unknown action 'job.rn'. Did you mean job.run?\nThe actions job.… are job.run, ",
        ),
        (
            'frobnicate = "x"',
            "FILE, line 1: unknown action 'frobnicate'.\nActions are alarm.…, alarms.…, app.…, ",
        ),
        (
            'job.run = "Ctrl-X"',
            "line 1: job.run: there is no key 'Ctrl-X'.\nDid you mean ctrl+x? A key is a character",
        ),
        ('job.run = "entre"', "Did you mean enter?"),
        ('job.run = "shift+r"', 'Write a capital letter: "R".'),
        ('job.run = "c,v"', 'Several keys are an array: ["c", "v"].'),
        ('job.run = "ctrl+i"', "job.run: a terminal sends ctrl+i as tab.\nWrite tab, or"),
        (
            'job.run = "x"',
            "job.run cannot have x: run.cancel (Cancel a run (asks first)) has it on the dashboard.",
        ),
        ('job.run = "enter"', "job.run cannot have enter: table.open (Open) has it on the dashboard."),
        ('log.diff = "j"', "log.diff cannot have j: lines.down (Down) has it in a log."),
        ('app.palette = "f8"\njob.run = "f8"', "job.run cannot have f8: app.palette"),
        (
            'app.repaint = "b"',
            "app.repaint cannot have b: it is text in the filter.\nChoose a key such as f5",
        ),
        ('filter.keep = "c"', "filter.keep cannot have c: it is text in the filter."),
        (
            'save.save = "ctrl+u"',
            "save.save cannot have ctrl+u: it moves or edits something in the name of a file.",
        ),
        (
            'details.pause = "tab"',
            "details.pause cannot have tab: it moves or edits something on the page of a job.",
        ),
        ('job.run = "ctrl+c"', "job.run cannot have ctrl+c: it always quits."),
        ('app.quit_anywhere = "f10"', 'must keep ctrl+c, which always quits.\nWrite ["f10", "ctrl+c"].'),
        (
            'details.close = "c"',
            'details.close must keep escape, which always leads back.\nWrite ["c", "escape"].',
        ),
        (
            'timeline.now = "escape"',
            "timeline.now cannot have esc: timeline.close (Close) has it on the timeline.",
        ),
    ],
)
def test_a_wrong_key_is_an_error_with_the_place_and_the_way_out(
    tmp_path: Path, text: str, message: str
) -> None:
    assert message in error(tmp_path, text)


def test_the_error_for_a_key_that_is_taken_names_free_keys(tmp_path: Path) -> None:
    [_, hint] = error(tmp_path, 'job.run = "x"').splitlines()
    free = hint.removesuffix(".").rpartition("such as ")[2].split(", ")
    for each in free:
        assert keymap(tmp_path, f'job.run = "{each}"') == {"job.run": each}


def test_the_users_own_keys_count_before_those_of_the_project(tmp_path: Path) -> None:
    """The message about two that do not fit names the user's own, which the user can change."""
    project, own = tmp_path / "jobtui.toml", tmp_path / "keys.toml"
    project.write_text('job.run = "f9"\nrun.cancel = "f11"')
    own.write_text('job.run = "f12"')
    assert check_keymap([*read_key_file(project), *read_key_file(own)]) == {
        "job.run": "f12",
        "run.cancel": "f11",
    }
    own.write_text('job.run = "f11"')
    with pytest.raises(BadSetting, match=r"keys\.toml, line 1: job\.run cannot have f11: run\.cancel"):
        check_keymap([*read_key_file(project), *read_key_file(own)])


def test_the_default_keys_are_a_valid_file(tmp_path: Path) -> None:
    """A user may list every action, as the documentation does."""
    listed = "\n".join(f'"{action}" = {each.key.split(",")}' for action, each in ACTIONS.items())
    assert len(keymap(tmp_path, listed)) == len(ACTIONS)


def test_ids_are_unique_and_none_begins_another_with_a_dot() -> None:
    """TOML could not have both `log.search` and `log.search.keep`."""
    classes = {each for place in PLACES for each in place.classes}
    ids = [each.id for cls in classes for each in vars(cls).get("BINDINGS", ()) if isinstance(each, Binding)]
    ids += [each.id for each in APP_BINDINGS]
    assert [each for each, count in Counter(ids).items() if count > 1 or not each] == []
    assert not [(a, b) for a in ACTIONS for b in ACTIONS if b.startswith(f"{a}.")]


# --- the dashboard --------------------------------------------------------------------------------

REMAPPED = {
    "alarm.open": "ctrl+g",
    "app.help": "f1",
    "app.messages": "f8",
    "job.run": "f9",
    "jobs.view": "f10",
    "jobs.clear_filter": "backspace",
    "jobs.next_failed": "ctrl+n",
    "jobs.filter": "f3",
    "jobs.timeline": "f7",
    "pane.running": "f5",
    "pane.jobs": "f4",
    "run.cancel": "f11",
    "undo": "f12",
    "confirm.yes": "i",
    "confirm.no": "o,escape",
    "log.close": "c,escape",
    "log.follow": "F",
    "log.search": "s",
    "log.regex": "f2",
    "timeline.shrink": "f6",
    "table.down": "f2",
    "table.open": "enter",
}
KEYMAP = check_keymap(
    [
        KeySetting(
            action, tuple(keys.split(",")), SettingEntry(key=action, location=lambda: "here", value=keys)
        )
        for action, keys in REMAPPED.items()
    ]
)
DISPLAY = Display(keymap=KEYMAP, keys_file=Path.home() / ".config" / "jobtui" / "keys.toml")


def footer(driver: AppDriver) -> str:
    return driver.text.splitlines()[-1]


@async_test
async def test_a_key_that_was_set_works_on_the_dashboard_and_the_default_does_not() -> None:
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend, display=DISPLAY) as driver:
        await driver.press("r")
        assert backend.commands == []
        await driver.press("f9")
        assert [each[0] for each in backend.commands] == ["run"]
        await driver.press("f5")
        assert driver.focus == "running"
        await driver.press("f4")
        assert driver.focus == "jobs"


@async_test
async def test_the_other_keys_of_a_movement_still_work() -> None:
    async with running_app(
        ScriptedBackend(snapshots.idle()), display=Display(keymap={"job.run": "f9"})
    ) as driver:
        await driver.press("j")
        assert driver.table().cursor == 1
        await driver.press("k", "down")
        assert driver.table().cursor == 1


@async_test
async def test_the_footer_shows_the_keys_that_were_set_in_the_usual_order() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), stop=lambda _grace: None) as driver:
        usual = [each.description for each in driver.screen.query(FooterKey)]
    async with running_app(
        ScriptedBackend(snapshots.idle()), stop=lambda _grace: None, display=DISPLAY
    ) as driver:
        assert [each.description for each in driver.screen.query(FooterKey)] == usual
        assert "f9 Run" in footer(driver)
        assert "f3 Filter" in footer(driver)
        assert "r Run" not in footer(driver)


@async_test
async def test_two_actions_that_the_footer_shows_as_one_show_both_keys() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), display=DISPLAY) as driver:
        await driver.press("f7")
        assert isinstance(driver.screen, TimelineScreen)
        assert "+ f6 What if" in footer(driver)
        assert ",. Bar" in footer(driver)


def test_the_actions_that_the_footer_shows_as_one_exist() -> None:
    assert {each for pair in SHOWN_TOGETHER.values() for each in pair} <= set(ACTIONS)


@async_test
async def test_a_dialog_has_the_keys_that_were_set_and_says_so() -> None:
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend, display=DISPLAY) as driver:
        await driver.press("f5", "f11")
        assert isinstance(driver.screen, ConfirmScreen)
        assert "i  yes      o  no" in driver.text
        assert "i Yes" in footer(driver)
        await driver.press("y")
        assert isinstance(driver.screen, ConfirmScreen)
        await driver.press("escape")
        assert isinstance(driver.screen, Dashboard)
        await driver.press("f11", "i")
        assert [each[0] for each in backend.commands] == ["cancel"]


@async_test
async def test_a_log_has_the_keys_that_were_set_and_says_so() -> None:
    async with running_app(ScriptedBackend(snapshots.saturated()), display=DISPLAY) as driver:
        await driver.press("l")
        assert isinstance(driver.screen, LogScreen)
        assert "F Follow" in footer(driver)
        await driver.press("n")
        assert driver.toasts[-1][1] == "there is nothing to search: s asks for a text"
        await driver.press("F")
        assert "F follows" in driver.text
        await driver.press("s")
        assert "f2: a regular expression" in driver.text
        await driver.press("escape", "c")
        assert isinstance(driver.screen, Dashboard)


@async_test
async def test_the_help_the_titles_and_the_messages_name_the_keys_that_were_set() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), (180, 120), display=DISPLAY) as driver:
        assert "f5 Running" in driver.text
        assert "f4 Jobs" in driver.text
        await driver.press("f10")
        assert "f10 shows all" in driver.text
        await driver.press("f10", "f1")
        assert isinstance(driver.screen, HelpScreen)
        help_text = driver.text
        assert "f9  Run the selected job now" in help_text
        assert "Help, keys of your own: ~/.config/jobtui/keys.toml" in help_text
        assert "f1  " in help_text
        assert "?  Show the keys" not in help_text


@async_test
async def test_the_alarm_names_the_key_that_opens_its_cause() -> None:
    async with running_app(ScriptedBackend(snapshots.many_jobs()), display=DISPLAY) as driver:
        assert "ctrl+g opens it" in driver.text


@async_test
async def test_a_change_names_the_key_that_takes_it_back() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), display=DISPLAY) as driver:
        await driver.press("p", "p")
        assert driver.toasts[-1][1].endswith("; f12 undoes it")


@async_test
async def test_the_palette_shows_the_keys_that_were_set() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), display=DISPLAY) as driver:
        shown = {each.title: each.help for each in driver.app.get_system_commands(driver.screen)}
        assert shown["Run the selected job now"] == "f9"
        await driver.press("enter")
        assert "JobScreen" in str(driver.screen)
        shown = {each.title: each.help for each in driver.app.get_system_commands(driver.screen)}
        assert shown["Show the keys and the signs"] == "f1"


@async_test
async def test_the_command_line_names_the_keys_that_were_set() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), display=DISPLAY) as driver:
        await driver.press("colon", *"cancel", "enter")
        assert "f11 cancels the selected run" in driver.text


def test_the_places_know_every_class_with_keys() -> None:
    """The keys of another one would escape the check: put it into a place of `jobtui.tui.keymap`."""
    names = [module.name for module in pkgutil.walk_packages(jobtui.tui.__path__, "jobtui.tui.")]
    values = [value for name in names for value in vars(importlib.import_module(name)).values()]
    with_keys = {
        each
        for each in values
        if isinstance(each, type) and each.__module__ in names and vars(each).get("BINDINGS")
    }
    assert with_keys - {each for place in PLACES for each in place.classes} == {JobtuiApp}
