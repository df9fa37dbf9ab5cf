"""Imports stay lazy, and one module reads the time."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import jobtui

PACKAGE = Path(jobtui.__file__).parent
HEAVY = {"textual", "rich", "croniter", "aiohttp", "asyncio", "tzlocal", "sqlite3", "_sqlite3", "ctypes"}


def imported_by(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has after some code."""
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    return {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}


@pytest.mark.parametrize(
    "code",
    [
        "import jobtui",
        "from jobtui.cli.main import main; main(['--help'])",
        "from jobtui.cli.main import main; main(['--version'])",
        "from jobtui.cli.main import main; main([])",
        "from jobtui.cli.main import main; main(['demo.py', '--pool', 'x'])",
    ],
)
def test_no_heavy_package_is_imported_before_it_is_needed(code: str) -> None:
    """The package, its help and its usage cost next to nothing, and work where a dependency is broken."""
    assert imported_by(code) & HEAVY == set()


def test_a_headless_run_imports_neither_textual_nor_aiohttp(tmp_path: Path) -> None:
    """Only the dashboard and `check` draw."""
    (tmp_path / "demo.py").write_text("x = 1\n")
    code = f"from jobtui.cli.main import main; main([{str(tmp_path / 'demo.py')!r}, '--headless'])"
    assert imported_by(f"import jobtui.cli.headless; {code}") & {"textual", "rich", "aiohttp"} == set()


def modules() -> list[Path]:
    """Return every module of the package except the one that may read the time, and the demo."""
    allowed = {PACKAGE / "runtime" / "clock.py", PACKAGE / "demo" / "demo_jobs.py"}
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path not in allowed]


def readings(tree: ast.AST) -> Iterator[int]:
    """Yield the line of everything that reads the time or sleeps.

    ``asyncio.sleep(0)`` lets other tasks run and waits for no time, so it is allowed.
    """
    turns = {
        id(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node) == "asyncio.sleep(0)"
    }
    for node in ast.walk(tree):
        match node:
            case ast.Attribute() if id(node) in turns:
                pass
            case ast.Import(names=names) if any(alias.name == "time" for alias in names):
                yield node.lineno
            case ast.ImportFrom(module="time"):
                yield node.lineno
            case ast.Attribute(attr="now" | "utcnow" | "today", value=ast.Name(id="datetime" | "date")):
                yield node.lineno
            case ast.Attribute(
                attr="now" | "utcnow" | "today", value=ast.Attribute(attr="datetime" | "date")
            ):
                yield node.lineno
            case ast.Attribute(attr="sleep", value=ast.Name(id="asyncio" | "time")):
                yield node.lineno
            case ast.ImportFrom(names=names) if any(alias.name == "sleep" for alias in names):
                yield node.lineno
            case _:
                pass


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_clock_reads_the_time(path: Path) -> None:
    """A test that moves a clock moves all the time there is: `runtime/clock.py` alone asks the machine."""
    assert list(readings(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "code",
    [
        "import time",
        "import os, time as t",
        "from time import monotonic",
        "datetime.now(UTC)",
        "datetime.datetime.utcnow()",
        "date.today()",
        "asyncio.sleep(1)",
        "from asyncio import sleep",
    ],
)
def test_the_check_finds_every_way_to_read_the_time(code: str) -> None:
    """The test above sees what it is looking for."""
    assert list(readings(ast.parse(code))) == [1]


def test_the_check_allows_to_let_other_tasks_run() -> None:
    """A sleep of no time reads no clock."""
    assert list(readings(ast.parse("await asyncio.sleep(0)"))) == []


def test_the_check_finds_the_clock_itself() -> None:
    """It is found where it is allowed, so the search is not of the wrong place."""
    clock = PACKAGE / "runtime" / "clock.py"
    assert list(readings(ast.parse(clock.read_text(encoding="utf-8"))))
