"""A server with several worker processes is detected by what it leaves in each of them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from jobtui.process.sibling_processes import sibling_processes

CHILD = {"multiprocessing.process": SimpleNamespace(parent_process=lambda: "the parent")}
MAIN = {"multiprocessing.process": SimpleNamespace(parent_process=lambda: None)}
UVICORN = {"uvicorn": None}


@pytest.mark.parametrize(
    ("environment", "modules", "found"),
    [
        ({"SERVER_SOFTWARE": "gunicorn/23.0"}, {}, "gunicorn may run several workers"),
        ({}, {"uwsgi": None}, "uWSGI may run several workers"),
        ({"WERKZEUG_RUN_MAIN": "true"}, {}, "the reloader of Flask runs this program in two processes"),
        ({}, UVICORN | CHILD, "uvicorn may run several workers, or reload this one"),
        ({}, UVICORN | MAIN, ""),
        ({}, UVICORN, ""),
        ({}, CHILD, ""),
        ({"SERVER_SOFTWARE": "Apache"}, {"flask": None}, ""),
    ],
)
def test_the_server_is_named(environment: dict[str, str], modules: dict[str, object], found: str) -> None:
    assert sibling_processes(environment, modules) == found
