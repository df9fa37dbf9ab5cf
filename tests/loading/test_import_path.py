"""Modules next to a job file: none of them runs in the place of a module that jobtui imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

JOBS = "import jobtui\njobtui.schedule('@daily', print, name='a')\n"
FOREIGN = "open(__file__ + '.ran', 'w')\nraise SystemExit('a foreign module ran')\n"
# Imported late by jobtui: of its packages, of packages that these require, and of Python.
NAMES = ["tzlocal", "croniter", "rich", "attr", "yarl", "pygments", "dateutil", "tomllib", "secrets", "csv"]


def check(folder: Path, *command: str, target: str) -> subprocess.CompletedProcess[str]:
    """Run ``jobtui check`` in a folder."""
    return subprocess.run(
        [sys.executable, *command, "check", target], cwd=folder, text=True, capture_output=True, check=False
    )


@pytest.mark.parametrize("target", ["shop", "shop.py", "package.jobs"])
@pytest.mark.parametrize("command", [["-P", "-m", "jobtui"], ["-m", "jobtui"]], ids=["jobtui", "python -m"])
def test_check_runs_no_foreign_module_in_the_place_of_its_own(
    tmp_path: Path, target: str, command: list[str]
) -> None:
    """Whether the folder is that of the file, or the current one."""
    (tmp_path / "package").mkdir()
    for path in ("shop.py", "package/__init__.py", "package/jobs.py"):
        (tmp_path / path).write_text(JOBS if path != "package/__init__.py" else "", encoding="utf-8")
    (tmp_path / "jobtui.toml").write_text('jobs.auth.user = "a"\njobs.auth.pass = "b"\n', encoding="utf-8")
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(FOREIGN, encoding="utf-8")
    result = check(tmp_path, *command, target=target)
    assert [path.name for path in tmp_path.glob("*.ran")] == []
    assert result.returncode == 0, result


def test_a_package_next_to_a_job_file_hides_none_of_jobtui(tmp_path: Path) -> None:
    """A folder counts like a file, with ``__init__.py`` or without."""
    for name in ("tzlocal", "croniter"):
        (tmp_path / name).mkdir()
    (tmp_path / "tzlocal" / "__init__.py").write_text(FOREIGN, encoding="utf-8")
    (tmp_path / "shop.py").write_text(JOBS, encoding="utf-8")
    assert check(tmp_path, "-P", "-m", "jobtui", target="shop").returncode == 0


def test_a_module_next_to_a_job_file_comes_before_an_installed_one_that_jobtui_does_not_need(
    tmp_path: Path,
) -> None:
    """As for every script: the folder of the file comes first."""
    (tmp_path / "pluggy.py").write_text("NAME = 'mine'\n", encoding="utf-8")
    jobs = "import jobtui, pluggy\njobtui.schedule('@daily', print, name=pluggy.NAME)\n"
    (tmp_path / "shop.py").write_text(jobs, encoding="utf-8")
    result = check(tmp_path, "-P", "-m", "jobtui", target="shop.py")
    assert "mine" in result.stdout, result
