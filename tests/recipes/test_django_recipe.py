"""The recipe for Django: the management command, and the database connections of its jobs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.recipes import copy_recipe, get, python

EXPIRE = """
from datetime import timedelta
from django.contrib.sessions.models import Session
from django.utils import timezone
for days in (-2, -1, 1):
    Session.objects.create(session_key=str(days), expire_date=timezone.now() + timedelta(days=days))
"""
COUNT = "from django.contrib.sessions.models import Session; print('left:', Session.objects.count())"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Copy the recipe, and make its database with three sessions, of which two have expired."""
    folder = copy_recipe("django", tmp_path)
    manage(folder, "migrate", "--verbosity", "0")
    manage(folder, "shell", "--command", EXPIRE)
    return folder


def manage(folder: Path, *arguments: str) -> str:
    """Run a management command to its end, and return its output."""
    with python("manage.py", *arguments, folder=folder) as program:
        assert program.wait() == 0, program.output.text
        return program.output.text


def files_opened(pid: int) -> set[str]:
    """Return the names of the files that a process has opened."""
    return {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}


def test_the_command_runs_the_jobs_of_the_apps_and_leaves_no_connection_open(project: Path) -> None:
    with python("manage.py", "runjobs", "--listen", "127.0.0.1:0", folder=project) as command:
        url = command.wait_for_url()
        command.wait_for("deleted 2 sessions")
        command.wait_for("OK        run 1    delete_expired_sessions")
        if os.path.isdir("/proc"):  # noqa: PTH112
            assert "jobs.db" in files_opened(command.pid)
            assert "db.sqlite3" not in files_opened(command.pid)
        assert json.loads(get(f"{url}/healthz")[1])["status"] == "ok"
        assert command.stop() == 0
        assert "STOPPED   all work has ended" in command.output.text
    assert "left: 1" in manage(project, "shell", "--command", COUNT)


def test_a_second_command_stands_by_until_the_first_one_ends(project: Path) -> None:
    listen = ("manage.py", "runjobs", "--listen", "127.0.0.1:0")
    with python(*listen, folder=project) as first:
        first.wait_for("OK        run 1 ")
        with python(*listen, folder=project) as second:
            second.wait_for("STANDBY")
            assert first.stop() == 0
            assert "delete_expired_sessions" in second.wait_for("OK        run ")
            assert second.stop() == 0
