"""The type checkers find the wrong uses in `uses.py`, and no others."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USES = Path(__file__).with_name("uses.py")
WRONG = [number for number, line in enumerate(USES.read_text().splitlines(), 1) if line.endswith("# wrong")]


def checked_by(module: str, *arguments: str) -> str:
    """Return what a type checker prints about the file."""
    command = [sys.executable, "-m", module, *arguments, str(USES)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


def lines_with_errors(numbers: list[int]) -> list[str]:
    """Return each line once, with its number."""
    lines = USES.read_text().splitlines()
    return [f"{number}: {lines[number - 1].strip()}" for number in sorted(set(numbers))]


def test_mypy_finds_the_wrong_uses_of_jobtui_and_no_others() -> None:
    """In strict mode, as a project of a user may be checked."""
    found = re.findall(r"uses\.py:([0-9]+): error", checked_by("mypy", "--no-error-summary"))
    assert lines_with_errors([int(number) for number in found]) == lines_with_errors(WRONG)


def test_pyright_finds_the_wrong_uses_of_jobtui_and_no_others() -> None:
    """In an editor, too."""
    pytest.importorskip("pyright", reason="pyright is not installed: pip install -e .[dev]")
    report = json.loads(checked_by("pyright", "--outputjson", "--pythonpath", sys.executable))
    found = [
        each["range"]["start"]["line"] + 1
        for each in report["generalDiagnostics"]
        if each["severity"] == "error"
    ]
    assert lines_with_errors(found) == lines_with_errors(WRONG)
