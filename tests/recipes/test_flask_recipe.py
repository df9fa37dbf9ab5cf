"""The recipe for Flask: the reloader, several workers, and an application that is tested."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from support.recipes import copy_recipe, get, python, replace_in
from support.waiting import wait_until

SENT = "from shop@example.org, in process"


@pytest.fixture
def folder(short_folder: Path) -> Path:
    """Copy the recipe."""
    return copy_recipe("flask", short_folder)


def test_only_the_process_that_serves_runs_the_jobs_under_the_reloader(folder: Path) -> None:
    """The job prints a setting of the application, so it runs inside of its context."""
    with python("-m", "flask", "--app", "shop", "run", "--debug", "--port", "0", folder=folder) as server:
        url = server.wait_for_url()
        old = server.wait_for_process(SENT)
        assert old != server.pid
        assert get(url) == (200, "RUNNING")
        replace_in(folder / "jobs.py", ('f"from {', 'f"sent by {'))
        new = server.wait_for_process("sent by shop@example.org, in process")
        assert new not in {old, server.pid}
        assert server.output.text.count(SENT) == 1
        server.stop(signal.SIGINT)
    assert "Traceback" not in server.output.text


def test_one_of_two_workers_runs_the_jobs_and_the_other_takes_over(folder: Path) -> None:
    command = ("-m", "gunicorn", "--workers", "2", "--bind", "127.0.0.1:0", "shop:create_app()")
    with python(*command, folder=folder) as server:
        url = server.wait_for_url()
        first = server.wait_for_process(SENT)
        wait_until(lambda: get(url)[1] == "STANDBY")
        os.kill(first, signal.SIGKILL)
        second = server.wait_for_process(SENT)
        assert second not in {first, server.pid}
        assert server.output.text.count(SENT) == 2
        assert server.stop() == 0
    assert "Traceback" not in server.output.text


def test_a_tested_application_starts_no_jobs(folder: Path) -> None:
    code = "import shop; print(shop.create_app({'TESTING': True}).test_client().get('/').text)"
    with python("-c", code, folder=folder) as program:
        assert (program.wait(), program.output.text) == (0, "NEW\n")
