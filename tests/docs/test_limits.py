"""docs/limits.md: each promise has a test that exists, and each number is the constant's."""

from __future__ import annotations

import ast
import math
import re
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

PROMISES = re.findall(r"^- (?:.+\n(?:  .+\n)*)", PAGE.partition("## Compatibility")[0], re.MULTILINE)
TESTS = re.findall(r"`(tests/[^`]+)`", PAGE)
BOUNDS = re.findall(r"^\| .+ \| ([0-9].*?) \| `([\w.]+)` \|$", PAGE, re.MULTILINE)
IN_PROSE = re.findall(r"([0-9][0-9,.]*) [^`|\n]*\(`([\w.]+)`\)", PAGE)
UNITS = {"ms": 0.001, "s": 1.0, "hours": 3600.0, "years": 365.25 * 86_400.0, "KiB": 1024.0}


@pytest.mark.parametrize("named", TESTS, ids=lambda named: named.partition("::")[2])
def test_each_test_that_the_limits_page_names_exists(named: str) -> None:
    """A test that is renamed is renamed on the page, too."""
    path, _, name = named.partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert name in functions


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise[2:50])
def test_each_line_of_the_limits_page_names_its_test_or_says_not_promised(promise: str) -> None:
    """A reader sees at once which of the two a sentence is."""
    assert promise.startswith("- Not promised: ") is ("Test: `tests/" not in promise)


@pytest.mark.parametrize(("shown", "constant"), [*BOUNDS, *IN_PROSE], ids=lambda text: text)
def test_each_documented_limit_equals_its_constant(shown: str, constant: str) -> None:
    """A unit on the page is taken into account; without one, the numbers are compared as they are."""
    module, _, name = constant.rpartition(".")
    value = getattr(import_module(f"jobtui.{module}"), name)
    if isinstance(value, timedelta):
        value = value.total_seconds()
    number, _, unit = shown.partition(" ")
    assert math.isclose(float(number.replace(",", "")) * UNITS.get(unit, 1.0), value, rel_tol=1e-6)


def test_every_documented_limit_is_compared() -> None:
    """A row whose constant cannot be read would be compared with nothing."""
    rows = [line for line in PAGE.splitlines() if re.match(r"\| .* \| [0-9]", line)]
    assert len(rows) == len(BOUNDS) > 0
    assert len(IN_PROSE) == 2


def test_the_documented_python_versions_are_those_of_the_package() -> None:
    """The classifiers and the page name the same versions."""
    versions = re.findall(r'"Programming Language :: Python :: (3\.[0-9]+)"', PROJECT)
    sentence = re.search(r"^CPython (.*), with the GIL", PAGE, re.MULTILINE)
    assert sentence is not None
    assert re.findall(r"3\.[0-9]+", sentence[1]) == versions
