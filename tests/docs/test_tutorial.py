"""The tutorial, step by step, as a reader follows it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.doc_pages import Page, page, run_pytest

TUTORIAL = page("docs/tutorial.md")
LIMIT = 60.0  # seconds that the process may take to end


def versions(name: str) -> list[str]:
    """Return the versions of a file that the tutorial shows, in order."""
    return [block.text for block in TUTORIAL.in_language("python") if block.file_name == name]


def shell(tutorial: Page, words: str) -> str:
    """Return the shell line of the tutorial that contains some words."""
    [line] = [
        line for block in tutorial.in_language("sh") for line in block.text.splitlines() if words in line
    ]
    return line


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Make the reader's folder as it is after the step *Write a job*."""
    subprocess.run(shell(TUTORIAL, '"bellows"'), shell=True, cwd=tmp_path, check=True)
    (tmp_path / "my_jobs.py").write_text(versions("my_jobs.py")[0], encoding="utf-8")
    return tmp_path


def spoil(shop: Path) -> None:
    """Do the step that makes the job fail."""
    subprocess.run(shell(TUTORIAL, "echo '{\"anvil\": '"), shell=True, cwd=shop, check=True)


def first_run(shop: Path) -> list[str]:
    """Run the job file without a screen until its first run has ended. Returns the lines that it logged."""
    command = [sys.executable, "-m", "jobtui", "my_jobs.py", "--headless"]
    lines: list[str] = []
    with subprocess.Popen(
        command, cwd=shop, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line)
            if " run 1 " in line:
                process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 0
    return lines


def without_times(line: str) -> str:
    """Replace what differs from run to run and from machine to machine."""
    line = re.sub(r"^\S+ \S+", "<time>", line)
    line = re.sub(r"took [\d.]+s +", "took <span>", line)
    return re.sub(r"zone \S+;|\([^()]*/json/decoder\.py:\d+\)", "<machine>", line)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to a process of Windows")
def test_the_job_of_the_tutorial_fails_as_shown(shop: Path) -> None:
    """The log of the step *See it fail*."""
    spoil(shop)
    [block] = [block for block in TUTORIAL.in_language("console") if "--headless" in block.text]
    expected = block.text.splitlines(keepends=True)[1:]
    assert [without_times(line) for line in first_run(shop)[:2]] == [without_times(line) for line in expected]


def run_test(shop: Path) -> subprocess.CompletedProcess[str]:
    """Run the tutorial's test."""
    (shop / "test_my_jobs.py").write_text(versions("test_my_jobs.py")[0], encoding="utf-8")
    return run_pytest(shop)


def test_the_test_of_the_tutorial_fails_with_the_first_version_of_the_job(shop: Path) -> None:
    """The first version has the bug."""
    failed = run_test(shop)
    assert failed.returncode == 1, failed.stdout
    assert "JSONDecodeError" in failed.stdout


def test_the_test_of_the_tutorial_passes_with_the_second_version_of_the_job(shop: Path) -> None:
    """The second version has the fix."""
    (shop / "my_jobs.py").write_text(versions("my_jobs.py")[1], encoding="utf-8")
    passed = run_test(shop)
    assert (passed.returncode, "1 passed" in passed.stdout) == (0, True), passed.stdout
