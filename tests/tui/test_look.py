"""The theme and the order of the jobs last from one start of the dashboard to the next."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from support import snapshots
from support.app_driver import AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend

from jobtui.frontend.look import Look, LookFile, look_path
from jobtui.tui.display import Display
from jobtui.tui.themes import SAFE_THEMES


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
    assert LookFile(file).read() == (Look("colour-safe-light", "status", reverse=True), "")
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
async def test_a_theme_or_column_that_is_not_known_any_more_is_ignored(tmp_path: Path) -> None:
    file = tmp_path / "dashboard.toml"
    file.write_text('theme = "gone"\nsort = "gone"\nlater = 1\n')
    theme, _, driver = await look_after(file)
    assert (theme, driver.toasts) == ("textual-dark", [])


def test_values_of_a_wrong_type_are_named(tmp_path: Path) -> None:
    file = tmp_path / "dashboard.toml"
    file.write_text("theme = 1\nreverse = true\n")
    assert LookFile(file).read() == (Look(reverse=True), f"{file}: theme ignored")


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write anywhere")
def test_a_folder_without_permission_is_no_error(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR)
    LookFile(tmp_path / "dashboard.toml").write(Look("x"))


def test_a_file_in_the_place_of_the_folder_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "jobtui").write_text("")
    LookFile(tmp_path / "jobtui" / "dashboard.toml").write(Look("x"))


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


@async_test
async def test_the_safe_themes_can_be_chosen() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        assert {theme.name for theme in SAFE_THEMES} <= set(driver.app.available_themes)
