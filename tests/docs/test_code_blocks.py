"""The code blocks of the user documentation run: job files, their tests, fragments, settings and JSON."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from support.doc_pages import README, USER_PAGES, Block, Page, page, run_pytest

import jobtui
from jobtui.cli.main import main
from jobtui.settings.key_settings import read_key_file
from jobtui.settings.settings import Settings, read_settings
from jobtui.testing import simulated
from jobtui.tui.keymap import check_keymap

PAGES = [README, *USER_PAGES]


def cases(*languages: str, files: bool) -> list[Any]:
    """Return the blocks in some languages, of files or of fragments, as parameters named by page and line."""
    return [
        pytest.param(block, id=f"{page.name}:{block.line}")
        for page in PAGES
        for block in page.in_language(*languages)
        if bool(block.file_name) is files
    ]


def pages_with_code(*, files: bool) -> list[Page]:
    """Return the pages with job files, or with fragments of Python."""
    return [
        page for page in PAGES if any(bool(each.file_name) is files for each in page.in_language("python"))
    ]


def write_files(page: Page, folder: Path) -> list[str]:
    """Write the files that a page shows, the last version of each. Returns their names."""
    files = {block.file_name: block.text for block in page.in_language("python", "toml") if block.file_name}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return list(files)


@pytest.mark.parametrize("page", pages_with_code(files=True), ids=lambda page: str(page.name))
def test_documented_job_files_can_be_checked_and_their_tests_pass(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each page is a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    names = [name for name in write_files(page, tmp_path) if name.endswith(".py")]
    for name in names:
        if not name.startswith("test_"):
            assert main(["check", name]) == 0, capsys.readouterr().err
    tests = [name for name in names if name.startswith("test_")]
    if tests:
        passed = run_pytest(tmp_path, *tests)
        assert passed.returncode == 0, passed.stdout


def test_a_documented_test_fails_if_its_job_is_wrong(tmp_path: Path) -> None:
    """A test in the documentation must be able to fail."""
    write_files(page("docs/testing-jobs.md"), tmp_path)
    jobs = tmp_path / "my_jobs.py"
    jobs.write_text(jobs.read_text("utf-8").replace("0 30 2 * * *", "0 30 4 * * *"), encoding="utf-8")
    failed = run_pytest(tmp_path, "test_clock_change.py")
    assert (failed.returncode, "1 failed" in failed.stdout) == (1, True), failed.stdout


@pytest.mark.parametrize("page", pages_with_code(files=False), ids=lambda page: str(page.name))
def test_the_documented_code_of_a_page_can_be_executed_in_order(page: Page) -> None:
    """On a clock that is moved by an hour, so that the jobs that they register run as well."""
    names: dict[str, Any] = {"jobtui": jobtui}
    with simulated(pool=0) as scheduler:
        for block in page.in_language("python"):
            if not block.file_name:
                code = compile("\n" * block.line + block.text, page.name, "exec")
                exec(code, names)
        scheduler.advance("1h")
        assert scheduler.failures() == []


def test_the_documented_download_stops_when_it_is_cancelled() -> None:
    """The example is cancelled while it fetches the second of five parts."""
    [block] = [each for each in page("docs/policies.md").in_language("python") if "def download" in each.text]
    fetched: list[int] = []

    def fetch(part: int) -> None:
        fetched.append(part)
        if part == 2:
            scheduler.cancel(jobtui.current_run().number)

    names: dict[str, Any] = {"jobtui": jobtui, "parts": lambda: range(1, 6), "fetch": fetch}
    exec(block.text, names)
    with simulated() as scheduler:
        run = scheduler.now(names["download"])
    assert (run.state, fetched) == (jobtui.RunState.CANCELLED, [1, 2])


@pytest.mark.parametrize("block", cases("toml", "ini", files=True))
def test_documented_settings_are_valid(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every run mode that the example has."""
    monkeypatch.setitem(os.environ, "JOBS_PASSWORD", "secret")
    path = tmp_path / block.file_name
    path.write_text(block.text, encoding="utf-8")
    if path.name == "keys.toml":  # the keys of a user, which are no settings
        assert check_keymap(read_key_file(path))
        return
    modes = [None, *(mode for mode in ("dev", "prod") if f"[{mode}]" in block.text)]
    for mode in modes:
        assert read_settings(path, run_mode=mode) != Settings()


def test_every_documented_settings_example_names_its_file() -> None:
    """Its name decides how it is read, so no block is skipped."""
    assert cases("toml", "ini", files=False) == []


@pytest.mark.parametrize("block", cases("json", files=False))
def test_documented_json_is_valid(block: Block) -> None:
    """Readers copy it into their own tests."""
    assert json.loads(block.text)


def test_a_settings_example_with_an_unknown_key_is_rejected(tmp_path: Path) -> None:
    """The test of the examples must be able to fail."""
    path = tmp_path / "jobtui.toml"
    path.write_text("jobs.pol = 4\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"jobs\.pol"):
        read_settings(path)
