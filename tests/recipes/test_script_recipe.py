"""The recipe of a plain script: it works, and a signal ends it cleanly."""

from __future__ import annotations

import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.recipes import copy_recipe, python, replace_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Copy the recipe, and make the database that it copies, of 1,000 pages."""
    folder = copy_recipe("script", tmp_path)
    with closing(sqlite3.connect(folder / "shop.db")) as database, database:
        database.execute("CREATE TABLE orders AS SELECT zeroblob(4000000) AS note")
    return folder


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_script_copies_the_database_and_ends_at_a_signal(folder: Path, number: signal.Signals) -> None:
    with python("backup.py", folder=folder) as script:
        script.wait_for("wrote backups/")
        script.wait_for("OK        run 1    back_up")
        assert script.stop(number) == 0
        assert "STOPPED   all work has ended" in script.output.text
    [copy] = (folder / "backups").iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d\.db", copy.name)
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT length(note) FROM orders").fetchall() == [(4_000_000,)]


def test_a_copy_that_takes_too_long_stops_and_leaves_no_half_copy_under_its_name(folder: Path) -> None:
    """The copy waits between two pages until its time is over."""
    replace_in(
        folder / "backup.py",
        ("if run.cancelled:", "if run.wait_cancelled(20):"),
        ('retry=3, timeout="10m"', 'timeout="100ms"'),
    )
    with python("backup.py", folder=folder) as script:
        script.wait_for("TIMED_OUT run 1    back_up")
        assert script.stop() == 0
    assert list((folder / "backups").glob("[0-9]*.db")) == []


def test_the_script_can_be_run_by_the_command_line(folder: Path) -> None:
    """Its last line starts no second scheduler."""
    with python("-m", "jobtui", "backup.py", "--headless", folder=folder) as command:
        command.wait_for("OK        run 1    back_up")
        assert command.stop() == 0
