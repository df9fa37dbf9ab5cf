"""The structure of the code: layers, no circles, one name for one thing. Each check is seen to fail."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import jobtui

PACKAGE = Path(jobtui.__file__).parent
PROJECT = PACKAGE.parent


def module_name(path: Path, root: Path) -> str:
    """Return the dotted name of a module's file."""
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph(root: Path) -> dict[str, set[str]]:
    """Return what each module of a package imports of that package: lazily and for type checking, too."""
    paths = {module_name(path, root): path for path in root.rglob("*.py")}
    graph = {}
    for name, path in paths.items():
        found: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=aliases):
                    found |= {alias.name for alias in aliases}
                case ast.ImportFrom(module=str(module), names=aliases, level=0):
                    members = {f"{module}.{alias.name}" for alias in aliases}
                    found |= {member if member in paths else module for member in members}
                case ast.ImportFrom():
                    pytest.fail(f"{path}:{node.lineno}: a relative import, which this test does not follow")
                case _:
                    pass
        graph[name] = found & paths.keys()
    return graph


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules of one circle, or an empty list."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """import-linter sees circles between packages only; this one sees those between files."""
    assert circle(import_graph(PACKAGE)) == []


@pytest.mark.parametrize(
    "back",
    [
        "from sample.first import one\n",
        "import sample.first\n",
        "from sample import first\n",
        "def lazily():\n    from sample.first import one\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from sample.first import one\n",
    ],
)
def test_a_circle_is_found_however_the_import_is_written(tmp_path: Path, back: str) -> None:
    """Otherwise the test above could not fail."""
    root = tmp_path / "sample"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "first.py").write_text("from sample.second import two\none = 1\n")
    (root / "second.py").write_text("two = 2\n")
    assert circle(import_graph(root)) == []
    (root / "second.py").write_text(back + "two = 2\n")
    assert set(circle(import_graph(root))) == {"sample.first", "sample.second"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy the package and the contracts into a folder where they can be broken."""
    shutil.copytree(PACKAGE, tmp_path / "jobtui", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return tmp_path


def broken_contracts(checkout: Path) -> list[str]:
    """Run import-linter and return the names of the contracts that are broken."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as run; run()",
            "--no-cache",
        ],
        cwd=checkout,
        env={"PYTHONPATH": str(checkout), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    broken = re.findall(
        r"^(.+) BROKEN", done.stdout, re.MULTILINE
    )  # the number of ignored imports may follow
    assert (done.returncode == 0) is (broken == []), done.stdout + done.stderr
    assert "Contracts: " in done.stdout, done.stdout + done.stderr
    return broken


def test_all_import_contracts_are_kept(checkout: Path) -> None:
    """The contracts are in pyproject.toml."""
    assert broken_contracts(checkout) == []


LAYERS = "Layers of packages"
BACKEND = "web and remote know a scheduler only as a backend"
PLAIN = "schedules and engine are plain data and functions"


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("engine/pool.py", "from jobtui.runtime.clock import Clock", LAYERS),
        ("schedules/zones.py", "from jobtui.engine.pool import Pool", LAYERS),
        ("access/rules.py", "from jobtui.settings.settings import Settings", LAYERS),
        ("tui/app.py", "from jobtui.web.server import Server", LAYERS),
        ("remote/remote_backend.py", "from jobtui.web.server import Server", LAYERS),
        ("frontend/backend.py", "def lazily():\n    from jobtui.tui.app import JobtuiApp", LAYERS),
        ("unplaced/__init__.py", "", LAYERS),
        ("web/metrics/health.py", "from jobtui.runtime.scheduler import Scheduler", BACKEND),
        ("web/pages/forms.py", "from jobtui.frontend.local_backend import LocalBackend", BACKEND),
        ("remote/http_client.py", "def lazily():\n    from jobtui.runtime.kernel import Kernel", BACKEND),
        ("engine/pool.py", "import threading", PLAIN),
        ("engine/engine.py", "def lazily():\n    from asyncio import sleep", PLAIN),
        ("schedules/cron.py", "import sqlite3", PLAIN),
        ("web/server.py", "import textual", "Only tui and cli.check import textual and rich"),
        ("cli/main.py", "from rich.console import Console", "Only tui and cli.check import textual and rich"),
        ("tui/app.py", "import aiohttp", "Only web and remote import aiohttp"),
        ("remote/remote_backend.py", "import jinja2", "Only web imports jinja2 and prometheus_client"),
        ("schedules/parser.py", "import croniter", "Only schedules.cron imports croniter"),
        ("runtime/clock.py", "import tzlocal", "Only schedules.zones imports tzlocal"),
        ("runtime/kernel.py", "import sqlite3", "Only store imports sqlite3"),
        ("testing.py", "import pytest", "Only pytest_plugin imports pytest"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(checkout: Path, file: str, line: str, contract: str) -> None:
    """Each contract is broken once on purpose: a contract that cannot fail checks nothing."""
    path = checkout / "jobtui" / file
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    assert contract in broken_contracts(checkout)


def homes_by_name() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the modules of each file name, and the modules of each class name."""
    files, classes = defaultdict(list), defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        name = module_name(path, PACKAGE)
        if path.stem != "__init__":
            files[path.stem].append(name)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                classes[node.name].append(name)
    return files, classes


def test_no_two_modules_and_no_two_classes_have_the_same_name() -> None:
    """A reader who searches for a name finds one thing."""
    files, classes = homes_by_name()
    assert {name: homes for name, homes in files.items() if len(homes) > 1} == {}
    assert {name: homes for name, homes in classes.items() if len(homes) > 1} == {}


def packages() -> Iterator[Path]:
    """Yield the folder of every package below jobtui."""
    return (path.parent for path in sorted(PACKAGE.rglob("__init__.py")) if path.parent != PACKAGE)


@pytest.mark.parametrize("folder", packages(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_docstring_of_a_package_describes_it(folder: Path) -> None:
    """At least three lines: what lives there, what it may import, where to start reading."""
    docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert len(docstring.splitlines()) >= 3, f"{folder.name}: {docstring!r}"


PARTS_OF_ENGINE = {"pool", "event_log"}  # attributes of `Engine` for the package `engine` alone


def test_only_the_engine_uses_its_pool_and_its_event_log() -> None:
    """The engine is the only door to them: code of the other packages calls its methods."""
    uses = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} uses engine.{node.attr}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.parent.name != "engine"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in PARTS_OF_ENGINE
        and ast.unparse(node.value).endswith("engine")
    ]
    assert uses == []
