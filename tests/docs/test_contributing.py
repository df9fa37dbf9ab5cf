"""CONTRIBUTING.md and docs/design.md name only files and threads that exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
DESIGN = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")

# In backticks, alone or in a command: what begins like a path of the repository.
PATHS = sorted(set(re.findall(r"\b(?:jobtui|tests|docs)/[\w./-]*\w/?|\.ci/\w+", CONTRIBUTING + DESIGN)))
SOURCES = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "jobtui").rglob("*.py"))


@pytest.mark.parametrize("path", PATHS)
def test_each_documented_path_exists(path: str) -> None:
    """A file that is moved is moved on the page, too."""
    assert (ROOT / path).exists()


def test_every_row_of_the_documented_places_has_a_path() -> None:
    """A row without a path would not help."""
    rows = re.findall(r"^\| (an? .*?|the .*?) \| (.*) \|$", CONTRIBUTING, re.MULTILINE)
    assert len(rows) == 12
    assert [what for what, where in rows if "`jobtui/" not in where] == []


def test_documented_packages_are_in_the_order_of_the_import_contract() -> None:
    """A package that is added, renamed or moved changes both."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [layers] = [
        contract["layers"]
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract["name"] == "Layers of packages"
    ]
    names = [name.strip() for layer in layers for name in layer.split("|")]
    packages = [f"jobtui/{name}/" for name in names if (ROOT / "jobtui" / name).is_dir()]
    assert re.findall(r"^\| `(jobtui/\w+/)` \|", DESIGN, re.MULTILINE) == packages


def test_every_thread_is_documented() -> None:
    """The names are those that a debugger and `py-spy` show."""
    named = set(re.findall(r'name\s*=\s*f?"(jobtui-\w+)["{]|f"(jobtui-)\{', SOURCES))
    started = {name or f"{prefix}worker" for name, prefix in named}
    table = re.findall(r"^\| (`jobtui-.*?) \|", DESIGN, re.MULTILINE)
    assert {name.removesuffix("-N") for row in table for name in re.findall(r"`([\w-]+)`", row)} == started
