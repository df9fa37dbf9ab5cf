"""The completion of the command line: the candidates, and what bash makes of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from support.command_line import LIMIT
from support.stored_runs import write_store

from jobtui.cli.completion import find_candidates
from jobtui.cli.main import main
from jobtui.cli.parsers import PARSERS
from jobtui.frontend.registry import Entry, Registration


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with a store and a job file the current one."""
    write_store(tmp_path / "jobs.db")
    (tmp_path / "shop.py").write_text("raise AssertionError('must not be imported')\n")
    (tmp_path / "jobtui.toml").write_text('jobs.store = "jobs.db"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # schedulers of the user may be registered there
    monkeypatch.setattr(sys, "stdin", sys.stdin)  # restored
    return tmp_path


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("h", ["hash-password", "history"]),
        ("sh", ["show", "shop.py"]),
        ("check s", ["shop.py"]),
        ("shop.py --hea", ["--headless"]),
        ("logs -f --js", ["--json"]),
        ("next --dst ", ["once", "every"]),
        ("completion z", ["zsh"]),
        ("ps --store ", []),
        ("logs im", ["import", "import 日本"]),
        ("run shop.py ma", ["mail"]),
        ("history --job ma", ["mail"]),
        ("pause nothing", []),
        ("show --store jobs.db 3", ["3"]),
        ("logs --store none.db im", []),
    ],
)
def test_the_last_word_is_completed(line: str, found: list[str]) -> None:
    """By what its place allows; nothing means that the shell completes a file."""
    assert find_candidates(line.split(" ")) == found


def test_several_schedulers_give_no_names(tmp_path: Path) -> None:
    """The command itself would ask for one of them."""
    (tmp_path / "jobtui.toml").unlink()
    places = [Registration(tmp_path / "jobtui"), Registration(tmp_path / "jobtui")]
    for place in places:
        place.publish(Entry(pid=1, title="shop.py", address=f"unix:{place.socket}"))
    assert find_candidates(["pause", ""]) == []
    for place in places:
        place.remove()


def test_attach_completes_the_addresses_that_are_not_in_the_line_yet(tmp_path: Path) -> None:
    """Several of them make several tabs."""
    places = [Registration(tmp_path / "jobtui") for _ in range(2)]
    first, second = (f"unix:{place.socket}" for place in places)
    for place, address in zip(places, (first, second), strict=True):
        place.publish(Entry(pid=1, title="shop.py", address=address))
    assert {first, second} <= set(find_candidates(["attach", ""]))
    found = find_candidates(["attach", first, "unix:"])
    assert second in found
    assert first not in found
    for place in places:
        place.remove()


def test_the_first_word_is_a_command_or_a_job_file() -> None:
    assert find_candidates([""]) == [*PARSERS, "shop.py"]


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_the_script_of_each_shell_asks_for_candidates(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "jobtui completion --candidates" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["tcsh"], ["bash", "zsh"]])
def test_another_shell_is_a_mistake(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", *words]) == 2
    assert "one SHELL is needed: bash, zsh or fish" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "reply"),
    [
        (["hist"], ["history"]),
        (["logs", "im"], ["import", "import 日本"]),
        (["logs", '"import 日'], ["import 日本"]),
        (["logs", "import\\ 日"], ["import 日本"]),
        (["logs", ""], ["import", "import 日本", "mail"]),
    ],
)
def test_bash_completes(folder: Path, words: list[str], reply: list[str]) -> None:
    """Also names with spaces, and words that are quoted."""
    (folder / "jobtui").write_text(f'#!/bin/sh\nexec {sys.executable} -m jobtui "$@"\n')
    (folder / "jobtui").chmod(0o755)
    script = (
        'eval "$(jobtui completion bash)"; COMP_WORDS=(jobtui "$@"); COMP_CWORD=$#; _jobtui; '
        "printf '%s\\n' \"${COMPREPLY[@]}\"; complete -p jobtui"
    )
    done = subprocess.run(
        ["bash", "-c", script, "bash", *words],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
        env=os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONUTF8": "1"},
    )
    *lines, completed = done.stdout.splitlines()
    assert lines == reply
    assert completed.endswith("-F _jobtui jobtui")
