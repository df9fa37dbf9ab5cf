"""A killed process loses no durable run that it has accepted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.headless_process import HeadlessProcess
from support.store_parts import query
from support.waiting import wait_until

JOBS = """
import os, signal
import jobtui

def remind(name):
    attempt = jobtui.current_run().attempt
    print(f"reminds {name}, attempt {attempt}")
    if attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)

@jobtui.on_app_start
def request():
    if not os.path.exists("requested"):
        open("requested", "w").close()
        jobtui.now(remind, "Ada", durable=True)
        jobtui.in_("1h", remind, "Grace", durable=True)

jobtui.every("1h", request)
"""
STRESS = Path(__file__).parents[1] / "stress" / "kill_durable.py"


def test_no_accepted_durable_run_is_lost_when_its_process_is_killed() -> None:
    command = [sys.executable, str(STRESS), "--rounds", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_function_of_a_job_file_runs_again_after_it_has_killed_its_process(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(JOBS, "utf-8")
    options = "--store", "jobs.db"
    with HeadlessProcess(tmp_path, "jobs.py", *options) as first:
        first.wait()
    with HeadlessProcess(tmp_path, "jobs.py", *options) as second:
        second.stderr.wait_for("remind")
        wait_until(lambda: query(tmp_path / "jobs.db", "SELECT 1 FROM runs WHERE state = 'OK'"))
    store = tmp_path / "jobs.db"
    runs = query(store, "SELECT state, attempt, number FROM runs WHERE trigger = 'now' ORDER BY number")
    assert [(state, attempt) for state, attempt, _ in runs] == [("LOST", 1), ("OK", 2)]
    [(reason,)] = query(store, "SELECT reason FROM runs WHERE state = 'LOST'")
    assert reason.endswith(f"; run {runs[1][2]} is attempt 2")
    assert query(store, "SELECT function, arguments FROM one_offs") == [("jobs:remind", '[["Grace"], {}]')]
