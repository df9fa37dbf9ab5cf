"""Tests of the command that opens a file in the user's editor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobtui.process.terminal import Terminal
from jobtui.tui.editor import EditorError, edit_file, editor_command


@pytest.mark.parametrize(
    ("environment", "command"),
    [
        ({}, ["vi", "+7", "a b.py"]),
        ({"EDITOR": "nano"}, ["nano", "+7", "a b.py"]),
        ({"EDITOR": "nano", "VISUAL": "emacs -nw"}, ["emacs", "-nw", "+7", "a b.py"]),
        ({"EDITOR": "nano", "VISUAL": " "}, ["nano", "+7", "a b.py"]),
        ({"EDITOR": "code --wait"}, ["code", "--wait", "-g", "a b.py:7"]),
        ({"EDITOR": "'/opt/my tools/subl' -w"}, ["/opt/my tools/subl", "-w", "a b.py:7"]),
        ({"EDITOR": "/usr/bin/hx"}, ["/usr/bin/hx", "a b.py:7"]),
        ({"EDITOR": "pycharm"}, ["pycharm", "--line", "7", "a b.py"]),
    ],
)
def test_each_editor_gets_the_line_in_its_own_form(environment: dict[str, str], command: list[str]) -> None:
    assert editor_command("a b.py", 7, environment) == command


def test_an_editor_that_is_not_a_command_is_an_error_with_the_name_of_the_variable() -> None:
    with pytest.raises(EditorError, match=r"\$VISUAL is not a command: No closing quotation"):
        editor_command("a.py", 1, {"VISUAL": "'vi"})


@contextmanager
def no_terminal() -> Iterator[Terminal | None]:
    """Leave nothing."""
    yield None


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a file."""
    path = tmp_path / "jobs.py"
    path.write_text("pass\n")
    return path


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EditorError, match=r"jobs\.py is not on this machine"):
        edit_file(no_terminal, str(tmp_path / "jobs.py"), 1)


@pytest.mark.parametrize(
    ("editor", "message"),
    [
        ("/nonexistent/editor", "cannot be started: No such file or directory; set"),
        ("sh -c 'exit 3'", "sh ended with status 3"),
    ],
)
def test_an_editor_that_fails_is_an_error(
    source: Path, monkeypatch: pytest.MonkeyPatch, editor: str, message: str
) -> None:
    monkeypatch.setenv("VISUAL", editor)
    with pytest.raises(EditorError, match=message):
        edit_file(no_terminal, str(source), 1)
