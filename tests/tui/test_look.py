"""The look of the dashboard, such as the theme and the columns, lasts from one start to the next."""

from __future__ import annotations

import os
import stat
import threading
import tomllib
from pathlib import Path

import pytest
from support import snapshots
from support.app_driver import AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend

from jobtui.frontend.look import Look, LookFile, look_path
from jobtui.tui.display import Display
from jobtui.tui.themes import SAFE_THEMES
from jobtui.tui.widgets.columns_of_jobs import COLUMN_SET
from jobtui.tui.widgets.drawer import Drawer


async def look_after(file: Path, *keys: str, theme: str = "") -> tuple[str, str, AppDriver]:
    """Start the dashboard, press keys, choose a theme, and quit. Return the theme and title at the start."""
    display = Display(look=LookFile(file))
    async with running_app(ScriptedBackend(snapshots.idle()), display=display) as driver:
        found = driver.app.theme, str(driver.table().border_title)
        await driver.press(*keys)
        if theme:
            driver.app.theme = theme
    return (*found, driver)


@async_test
async def test_the_theme_and_the_order_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "new" / "dashboard.toml"
    await look_after(file, "s", "S", theme="colour-safe-light")
    theme, title, _ = await look_after(file)
    assert (theme, "by status" in title) == ("colour-safe-light", True)
    assert LookFile(file).read() == (Look(theme="colour-safe-light", sort="status", reverse=True), "")
    assert [each.name for each in file.parent.iterdir()] == ["dashboard.toml"]


@async_test
async def test_a_dashboard_in_which_nothing_was_chosen_writes_nothing(tmp_path: Path) -> None:
    await look_after(tmp_path / "dashboard.toml", "j")
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - pathlib's form is not for coroutines


@pytest.mark.parametrize("text", ["theme = ", "\x00", "[" * 5000])
@async_test
async def test_a_broken_file_is_ignored_with_a_message(tmp_path: Path, text: str) -> None:
    file = tmp_path / "dashboard.toml"
    file.write_text(text)
    theme, _, driver = await look_after(file)
    assert theme == "textual-dark"
    [(severity, message)] = driver.toasts
    assert severity == "warning"
    assert f"{file} is ignored" in message


@async_test
async def test_unknown_words_are_ignored_with_one_message_that_has_the_nearest(tmp_path: Path) -> None:
    """The rest of the file counts."""
    file = tmp_path / "dashboard.toml"
    file.write_text(
        'theme = "drakula"\nsort = "fial"\ncolums = []\nview = "none"\n'
        'columns = ["nme", "status", "p95", "name"]\nreverse = 1\n'
    )
    theme, _, driver = await look_after(file)
    assert theme == "textual-dark"
    [(severity, message)] = driver.toasts
    assert severity == "warning"
    assert message == (
        f"{file}, ignored: unknown theme 'drakula'; did you mean dracula?; "
        "unknown column 'fial'; did you mean fail?; unknown key 'colums'; did you mean columns?; "
        "unknown view 'none'; columns: unknown column 'nme'; did you mean name?; "
        "reverse must be true or false"
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("theme = 1", "theme must be a text"),
        ('reverse = "yes"', "reverse must be true or false"),
        ("drawer = 0", "drawer must be true or false"),
        ('columns = "name"', "columns must be a list of texts"),
        ("columns = [1]", "columns must be a list of texts"),
        ("view = []", "view must be a text"),
    ],
)
def test_values_of_a_wrong_type_are_named(tmp_path: Path, line: str, problem: str) -> None:
    file = tmp_path / "dashboard.toml"
    file.write_text(f'{line}\nsort = "name"\n')
    assert LookFile(file).read() == (Look(sort="name"), f"{file}, ignored: {problem}")


@async_test
async def test_columns_view_and_drawer_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "dashboard.toml"
    await look_after(file, "c", "j", "j", "space", "enter", "f")
    look, _ = LookFile(file).read()
    assert look == Look(columns=tuple(COLUMN_SET.default[:2] + COLUMN_SET.default[3:]), view="attention")
    LookFile(file).write(Look(drawer=False), Look())
    display = Display(look=LookFile(file))
    async with running_app(ScriptedBackend(snapshots.idle()), (180, 50), display=display) as driver:
        assert "OUTCOMES" not in driver.text
        assert "that need attention" in str(driver.table().border_title)
        assert not driver.app.screen_stack[0].query_one(Drawer).display


@async_test
async def test_the_look_is_written_while_the_dashboard_runs(tmp_path: Path) -> None:
    """So it is not lost with the terminal, and another dashboard that starts later has it."""
    file = tmp_path / "dashboard.toml"
    async with running_app(ScriptedBackend(snapshots.idle()), display=Display(look=LookFile(file))) as driver:
        await driver.press("s")
        await driver.until(file.exists)
        assert LookFile(file).read() == (Look(sort="status"), "")


@async_test
async def test_a_choice_of_columns_that_is_left_is_not_written(tmp_path: Path) -> None:
    await look_after(tmp_path / "dashboard.toml", "c", "j", "j", "space", "escape")
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - pathlib's form is not for coroutines


@async_test
async def test_two_dashboards_keep_the_changes_of_each_other(tmp_path: Path) -> None:
    """Each writes only what its user has changed."""
    file = tmp_path / "dashboard.toml"
    async with running_app(ScriptedBackend(snapshots.idle()), display=Display(look=LookFile(file))) as driver:
        await look_after(file, "f")
        await driver.press("s", "S")
    assert LookFile(file).read() == (Look(sort="status", reverse=True, view="attention"), "")


def test_other_keys_of_a_file_are_kept_and_a_value_goes_back_to_its_default(tmp_path: Path) -> None:
    """Another version may have written a key. A wrong value stays until it is replaced."""
    file = tmp_path / "dashboard.toml"
    file.write_text('"new key" = ["ü\\"", "b"]\nreverse = 1\nsort = "name"\nat = 07:32:00\n')
    LookFile(file).write(Look(), Look(sort="name"))
    assert tomllib.loads(file.read_text()) == {"new key": ['ü"', "b"], "reverse": 1, "sort": ""}


def test_a_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    """Users keep their settings elsewhere, and link to them."""
    (tmp_path / "kept").mkdir()
    link = tmp_path / "dashboard.toml"
    link.symlink_to(tmp_path / "kept" / "look.toml")
    LookFile(link).write(Look(sort="name"), Look())
    assert link.is_symlink()
    assert LookFile(tmp_path / "kept" / "look.toml").read() == (Look(sort="name"), "")


def test_a_reader_finds_a_whole_file_while_others_write_it(tmp_path: Path) -> None:
    file = tmp_path / "dashboard.toml"
    looks = [Look(sort="name", columns=("status", "name") * 50), Look(sort="status")]
    LookFile(file).write(looks[0], Look())

    def write() -> None:
        own = LookFile(file)
        for _ in range(50):
            own.write(looks[1], looks[0])
            own.write(looks[0], looks[1])

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert LookFile(file).read()[0] in looks
    assert [each.name for each in tmp_path.iterdir()] == ["dashboard.toml"]


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write anywhere")
def test_a_folder_without_permission_is_no_error(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR)
    LookFile(tmp_path / "dashboard.toml").write(Look(theme="x"), Look())


def test_a_file_in_the_place_of_the_folder_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "jobtui").write_text("")
    LookFile(tmp_path / "jobtui" / "dashboard.toml").write(Look(theme="x"), Look())


@pytest.mark.parametrize(
    ("environment", "platform", "path"),
    [
        ({"HOME": "/home/me"}, "linux", "/home/me/.config/jobtui/dashboard.toml"),
        ({"HOME": "/home/me", "XDG_CONFIG_HOME": "/x"}, "linux", "/x/jobtui/dashboard.toml"),
        ({"HOME": "/Users/me"}, "darwin", "/Users/me/Library/Application Support/jobtui/dashboard.toml"),
        ({"XDG_CONFIG_HOME": "relative"}, "linux", None),
        ({}, "linux", None),
    ],
)
def test_the_file_is_in_the_users_folder(
    environment: dict[str, str], platform: str, path: str | None
) -> None:
    found = look_path(environment, platform)
    assert (None if found is None else found.as_posix()) == path


def test_the_tests_keep_no_look_in_the_folder_of_the_user_who_runs_them() -> None:
    path = look_path(os.environ)
    assert path is not None
    assert path.is_relative_to(os.environ["XDG_RUNTIME_DIR"])


@async_test
async def test_the_safe_themes_can_be_chosen() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        assert {theme.name for theme in SAFE_THEMES} <= set(driver.app.available_themes)
