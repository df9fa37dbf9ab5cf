"""The recipe for gunicorn: preloaded workers, of which one runs the jobs."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from support.nginx import free_ports
from support.recipes import copy_recipe, get, python, replace_in
from support.waiting import wait_until

CLEANED = "cleaned up in process"


def test_one_preloaded_worker_runs_the_jobs_and_serves_the_page(short_folder: Path) -> None:
    folder = copy_recipe("gunicorn", short_folder)
    page = f"127.0.0.1:{free_ports()['http']}"
    replace_in(
        folder / "shop.py",
        ("127.0.0.1:9001", page),
        (
            "page = ExitStack()",
            "page = ExitStack()\nscheduler.on_app_stop(lambda: print('stopped', os.getpid()))",
        ),
    )
    with python("-m", "gunicorn", "--bind", "127.0.0.1:0", folder=folder) as server:
        url = server.wait_for_url()
        first = server.wait_for_process(CLEANED)
        assert first != server.pid
        wait_until(lambda: get(url)[1] == f"{first} RUNNING\n")
        wait_until(lambda: "STANDBY" in get(url)[1])
        assert get(f"http://{page}/@jobs/healthz")[0] == 200
        os.kill(first, signal.SIGKILL)
        second = server.wait_for_process(CLEANED)
        assert get(f"http://{page}/@jobs/healthz")[0] == 200
        os.kill(second, signal.SIGTERM)  # as gunicorn does when it reloads
        server.wait_for(f"stopped {second}")
        third = server.wait_for_process(CLEANED)
        assert len({server.pid, first, second, third}) == 4
        assert get(f"http://{page}/@jobs/healthz")[0] == 200
        assert server.output.text.count(CLEANED) == 3
        assert server.stop() == 0
    assert "Traceback" not in server.output.text
