"""The terminal sessions that the user documentation shows are what the commands print."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from support.doc_pages import README, USER_PAGES, Page

from jobtui.cli.main import main
from jobtui.cli.parsers import PARSERS

PAGES = [README, *USER_PAGES]
COMMANDS = (*PARSERS,)
REST = "…\n"  # replaces the lines that a page leaves out

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+")
_ZONE = re.compile(r"^zone +\S+,", re.MULTILINE)


def sessions(page: Page) -> list[tuple[int, str, str]]:
    """Return each command of a page's terminal sessions: its line number, the command, what it prints."""
    found = []
    for block in page.in_language("console"):
        before, *commands = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
        assert not before, f"{page.name}:{block.line}: a session begins with a command"
        for command in commands:
            line, _, output = command.partition("\n")
            found.append((block.line, line, output))
    return found


def cases(command: str) -> list[Any]:
    """Return the sessions with a command as parameters, named by page and line."""
    return [
        pytest.param(page, line, output, id=f"{page.name}:{number}: {line}")
        for page in PAGES
        for number, line, output in sessions(page)
        if line.startswith(f"jobtui {command}")
    ]


def printed(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command in this process. Returns what it prints."""
    main(shlex.split(line)[1:])
    out, err = capsys.readouterr()
    return err + out


def without_times(text: str) -> str:
    """Replace what differs from day to day and from machine to machine."""
    return re.sub(r"(?<=\S)  +", "  ", _INSTANT.sub("<instant>", _ZONE.sub("zone  <zone>,", text)))


@pytest.mark.parametrize(("page", "line", "output"), cases("next"))
def test_jobtui_next_prints_what_the_docs_show(
    page: Page, line: str, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """To the letter."""
    assert printed(line, capsys) == output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that is the current one; imports from it end with the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    return tmp_path


@pytest.mark.parametrize(("page", "line", "output"), cases("check"))
def test_jobtui_check_prints_what_the_docs_show(
    page: Page, line: str, output: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Except the instants, the zone and the width of columns."""
    name = shlex.split(line)[-1]
    [first, *_] = [block.text for block in page.in_language("python") if block.file_name == name]
    (folder / name).write_text(first, encoding="utf-8")
    real = without_times(printed(line, capsys))
    expected = without_times(output.removeprefix(REST))
    assert real.endswith(expected) if output.startswith(REST) else real == expected


def test_every_documented_transcript_is_compared() -> None:
    """Except the one of the tutorial that runs until Ctrl+C, which has a test with the tutorial."""
    commands = [line.split()[1] for page in PAGES for _, line, _ in sessions(page)]
    assert set(commands) == {"next", "check", "my_jobs.py"}
    assert commands.count("my_jobs.py") == 1


def command_lines(page: Page) -> list[list[str]]:
    """Return the arguments of every call of jobtui in a page's shell blocks and sessions."""
    lines = [line for _, line, _ in sessions(page)]
    lines += [line for block in page.in_language("sh") for line in block.text.splitlines()]
    found = []
    for line in lines:
        for part in line.split("&&"):
            words = shlex.split(part, comments=True)
            if words and (words[0] == "jobtui" or words[0].endswith("/jobtui")):
                found.append(words[1:])
    return found


@pytest.mark.parametrize(
    "page", [page for page in PAGES if command_lines(page)], ids=lambda page: str(page.name)
)
def test_every_documented_command_and_option_is_in_the_help(
    page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    """An option that is renamed must be renamed here."""
    for words in command_lines(page):
        command = words[0] if words[0] in COMMANDS else ""
        main([*words[:1], "--help"] if words[0] in COMMANDS or len(words) > 1 else ["--help"])
        text = capsys.readouterr().out
        assert f"jobtui {command}".strip() in text
        for option in (word.partition("=")[0] for word in words if word.startswith("-")):
            assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text), words


def test_the_readme_and_the_index_of_commands_name_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The commands are those of `jobtui --help`."""
    main(["--help"])
    known = set(re.findall(r"^  ([a-z-]+) ", capsys.readouterr().out, re.MULTILINE))
    assert known == set(PARSERS)
    for command in known - {"completion", "pause", "resume", "cancel"}:
        assert f"jobtui {command}" in README.text
