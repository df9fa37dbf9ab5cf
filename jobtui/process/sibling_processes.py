"""Detect that a server runs the same program in several processes, each of which would run every job."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping


def sibling_processes(
    environment: Mapping[str, str] = os.environ, modules: Mapping[str, object] = sys.modules
) -> str:
    """Return what runs the program in several processes, as the beginning of a sentence; "" if unknown.

    Args:
        environment: The environment variables.
        modules: The modules that are loaded, by name.
    """
    if environment.get("SERVER_SOFTWARE", "").startswith("gunicorn"):
        return "gunicorn may run several workers"
    if "uwsgi" in modules:
        return "uWSGI may run several workers"
    if environment.get("WERKZEUG_RUN_MAIN") == "true":
        return "the reloader of Flask runs this program in two processes"
    # It is loaded in a process that `multiprocessing` has started, as uvicorn starts its workers.
    parent_process = getattr(modules.get("multiprocessing.process"), "parent_process", None)
    if "uvicorn" in modules and parent_process is not None and parent_process() is not None:
        return "uvicorn may run several workers, or reload this one"
    return ""
