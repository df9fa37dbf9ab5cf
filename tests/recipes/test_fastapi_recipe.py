"""The recipe for FastAPI, with uvicorn: several workers, the reloader, test clients."""

from __future__ import annotations

import json
import os
import signal
from contextlib import closing
from pathlib import Path

import pytest
from support.doc_pages import run_pytest
from support.recipes import Program, copy_recipe, get, python, replace_in
from support.waiting import wait_until

from jobtui.cli.attach import connect

REFRESHED = "refreshed the prices in process"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Copy the recipe."""
    return copy_recipe("fastapi", tmp_path)


def uvicorn(folder: Path, *options: str) -> Program:
    """Start the application on a free port."""
    return python("-m", "uvicorn", "app:app", "--port", "0", *options, folder=folder, JOBS_PASSWORD="secret")


def health(url: str) -> str:
    """Return the state of the scheduler in the worker that answers."""
    return str(json.loads(get(f"{url}/jobs/healthz", login="admin:secret")[1])["status"])


def test_one_of_two_workers_runs_the_jobs_and_the_other_takes_over(folder: Path) -> None:
    with uvicorn(folder, "--workers", "2", "--timeout-graceful-shutdown", "5") as server:
        url = server.wait_for_url()
        first = server.wait_for_process(REFRESHED)
        wait_until(lambda: health(url) == "ok")
        wait_until(lambda: health(url) == "standby")
        assert get(f"{url}/orders/7", data=b"")[0] == 202
        server.wait_for("confirmed order 7")
        os.kill(first, signal.SIGKILL)
        second = server.wait_for_process(REFRESHED)
        assert second != first
        assert server.output.text.count(REFRESHED) == 2
        assert get(f"{url}/orders/8", data=b"")[0] == 202
        server.wait_for("confirmed order 8")
        server.stop()
    assert "Traceback" not in server.output.text


def test_the_reloader_ends_the_jobs_before_the_new_process_starts_them(folder: Path) -> None:
    with uvicorn(folder, "--reload") as server:
        old = server.wait_for_process(REFRESHED)
        replace_in(folder / "app.py", ("refreshed the prices", "compared the prices"))
        new = server.wait_for_process("compared the prices in process")
        text = server.output.text
        assert text.index(f"Finished server process [{old}]") < text.index(f"Started server process [{new}]")
        assert (text.count(REFRESHED), text.count("compared the prices")) == (1, 1)
        server.stop(signal.SIGINT)


def test_the_tests_of_the_recipe_start_the_application_three_times(folder: Path) -> None:
    passed = run_pytest(folder)
    assert (passed.returncode, "3 passed" in passed.stdout) == (0, True), passed.stdout


def test_the_page_is_protected_and_a_dashboard_can_be_attached(folder: Path) -> None:
    with uvicorn(folder, "--timeout-graceful-shutdown", "5") as server:
        url = server.wait_for_url()
        server.wait_for(REFRESHED)
        assert get(f"{url}/jobs/")[0] == 401
        assert get(f"{url}/jobs/", login="admin:wrong")[0] == 401
        with closing(connect(f"{url.replace('//', '//admin:secret@')}/jobs")) as backend:
            backend.run("refresh_prices")
            server.wait_for(REFRESHED)
        assert server.stop(signal.SIGINT) == 0
