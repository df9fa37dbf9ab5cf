"""The keys of the dashboard in files: the form of the tables, and where they may stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobtui.settings.key_settings import read_key_file
from jobtui.settings.setting_errors import BadSetting
from jobtui.settings.settings import read_settings


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    ['job.run = "c"\npane.jobs = ["9", "f9"]', '[job]\nrun = "c"\n[pane]\njobs = ["9", "f9"]', "\ufeff"],
    ids=["dotted", "tables", "empty with a byte order mark"],
)
def test_the_own_file_has_actions_at_its_top(tmp_path: Path, text: str) -> None:
    found = {each.action: each.keys for each in read_key_file(write(tmp_path, "keys.toml", text))}
    assert found == ({"job.run": ("c",), "pane.jobs": ("9", "f9")} if "run" in text else {})


def test_without_the_own_file_there_are_no_keys(tmp_path: Path) -> None:
    assert list(read_key_file(tmp_path / "keys.toml")) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "\njob.run = 3",
            'line 2: job.run must be a key or an array of keys, such as "x" or ["x", "f5"], not 3.',
        ),
        ("job.run = []", "line 1: job.run must be a key or an array of keys"),
        ('job.run = ["x", 1]', "line 1: job.run must be a key or an array of keys"),
        ('job.run = ""', "not an empty string."),
        ("job.run = {}", "line 1: job.run must be a key"),
        (
            'job.run = "x"\n"job.run" = "y"',
            "the key 'job.run' is given twice, once dotted and once in quotes.",
        ),
        ('job.run = "x\n', "line 1, column"),
    ],
)
def test_a_wrong_form_is_an_error_with_the_file_and_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, "keys.toml", text)
    with pytest.raises(BadSetting) as caught:
        read_key_file(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("jobtui.toml", '[keys]\njob.run = "c"\njobs.mark = "v"\n[jobs]\npool = 3'),
        ("pyproject.toml", '[tool.jobtui.keys]\njob.run = "c"\njobs.mark = "v"'),
        ("jobtui.toml", 'keys.job.run = "r"\n[dev.keys]\njob.run = "c"\njobs.mark = "v"'),
    ],
    ids=["own file", "pyproject", "section"],
)
def test_a_project_sets_keys_in_a_table(tmp_path: Path, name: str, text: str) -> None:
    """`jobs` in it begins ids of actions, and makes it no section."""
    settings = read_settings(write(tmp_path, name, text))
    assert {each.action: each.keys for each in settings.keys} == {"job.run": ("c",), "jobs.mark": ("v",)}


def test_a_wrong_form_in_the_settings_is_an_error_with_the_whole_key(tmp_path: Path) -> None:
    path = write(tmp_path, "jobtui.toml", "[keys]\njob.run = true")
    with pytest.raises(BadSetting, match=r"line 2: keys\.job\.run must be a key .* not true\."):
        read_settings(path)


def test_a_misspelt_table_of_keys_is_an_error_with_the_right_name(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"Did you mean 'keys\.job\.run'\?"):
        read_settings(write(tmp_path, "jobtui.toml", '[key]\njob.run = "c"'))
