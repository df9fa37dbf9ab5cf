"""``jobtui run TARGET JOB`` runs one job in the terminal, as a script would."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import LIMIT, inherited_environment, run_jobtui

JOBS = """
import asyncio, json, os, sys
import jobtui
@jobtui.on_app_start
def connect():
    print("connected")
@jobtui.on_app_stop
def disconnect():
    print("disconnected")
def talk():
    print("out", jobtui.current_run().number, jobtui.current_run().job)
    print("err", file=sys.stderr)
async def wait():
    await asyncio.sleep(0)
    print("awaited", jobtui.current_run().job)
def fail():
    json.loads("{")
async def fail_later():
    await asyncio.sleep(0)
    raise ValueError("later")
def leave():
    sys.exit("gone")
def lazy():
    yield 1
async def sleep():
    print("sleeps", flush=True)
    await asyncio.sleep(60)
def debug():
    name = input("name? ")
    breakpoint()
    print("hello", name)
def fork():
    child = os.fork()
    if child:
        print("status", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    else:
        print("in the child")
async def fork_later():
    fork()
    await asyncio.sleep(0)
def fork_and_raise():
    fork()
    if os.getppid() != parent:
        raise ValueError("in the child")
parent = os.getppid()
for job in (fork, fork_later, fork_and_raise, talk, wait, fail, fail_later, leave, sleep, debug):
    jobtui.schedule("cron.nightly", job)
jobtui.schedule("cron.nightly", lambda: lazy(), name="lazy")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a job file, and with settings that it needs and that name a store."""
    (tmp_path / "shop.py").write_text(JOBS)
    (tmp_path / "jobtui.toml").write_text('jobs.store = "jobs.db"\ncron.nightly = "0 30 2 * * *"\n')
    return tmp_path


def run_job(folder: Path, job: str) -> tuple[int, str, str]:
    """Run a job; return the exit status, standard output without that of the hooks, and standard error."""
    done = run_jobtui("run", "shop.py", job, folder=folder)
    assert done.stdout.startswith("connected\n")
    assert done.stdout.endswith("disconnected\n")
    text = done.stdout.removeprefix("connected\n").removesuffix("disconnected\n")
    return done.returncode, text, done.stderr


def test_the_output_of_the_job_is_that_of_the_command(folder: Path) -> None:
    assert run_job(folder, "talk") == (0, "out 1 talk\n", "err\n")


def test_a_coroutine_is_awaited(folder: Path) -> None:
    assert run_job(folder, "wait") == (0, "awaited wait\n", "")


def test_no_store_is_made(folder: Path) -> None:
    run_job(folder, "talk")
    assert sorted(each.name for each in folder.iterdir() if each.is_file()) == ["jobtui.toml", "shop.py"]


@pytest.mark.parametrize(
    ("job", "first", "last"),
    [
        ("fail", "in fail", "json.decoder.JSONDecodeError: "),
        ("fail_later", "in fail_later", "ValueError: later"),
        ("leave", "in leave", "SystemExit: gone"),
    ],
)
def test_the_traceback_of_a_job_begins_in_its_code(folder: Path, job: str, first: str, last: str) -> None:
    """Library code that the job called stays in it."""
    status, _, err = run_job(folder, job)
    heading, frame, *rest = err.splitlines()
    assert status == 1
    assert heading == "Traceback (most recent call last):"
    assert frame.startswith(f'  File "{folder}/shop.py", line ')
    assert frame.endswith(first)
    assert rest[-1].startswith(last)
    assert ("json/decoder.py" in err) is (job == "fail")


def test_work_that_was_not_done_is_a_failure(folder: Path) -> None:
    status, _, err = run_job(folder, "lazy")
    assert status == 1
    assert "the job returned lazy(), a generator, so its body has not run" in err
    assert "jobtui/" not in err


@pytest.mark.parametrize(
    ("job", "status", "error"),
    [("fork", 0, ""), ("fork_later", 0, ""), ("fork_and_raise", 1, "ValueError: in the child\n")],
)
def test_a_child_that_the_job_forks_ends_with_its_call(
    folder: Path, job: str, status: int, error: str
) -> None:
    """It calls neither the stop functions nor the exit handlers of its parent."""
    (folder / "jobtui.toml").write_text('cron.nightly = "0 30 2 * * *"\n')
    with (folder / "shop.py").open("a") as file:
        file.write(
            "import atexit\natexit.register(print, 'exit')\nsys.stdout.reconfigure(line_buffering=True)\n"
        )
    done = run_jobtui("run", "shop.py", job, folder=folder)
    assert (done.returncode, done.stderr.endswith(error)) == (0, True)
    assert done.stdout == f"connected\nin the child\nstatus {status}\ndisconnected\nexit\n"


def test_a_job_that_does_not_exist_is_status_2(folder: Path) -> None:
    done = run_jobtui("run", "shop.py", "tlk", folder=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "jobtui: shop.py: there is no job 'tlk'; near: talk\n"


def test_a_start_function_that_raises_is_status_2(folder: Path) -> None:
    (folder / "bad.py").write_text(
        "import jobtui\n@jobtui.on_app_start\ndef connect():\n    1 / 0\njobtui.every(5, print, name='a')\n"
    )
    done = run_jobtui("run", "bad.py", "a", folder=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("jobtui: bad.py:4: on_app_start function connect raised ZeroDivisionError")


def test_ctrl_c_is_status_130_after_the_stop_functions(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "jobtui", "run", "shop.py", "sleep"],
        cwd=folder,
        env=inherited_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "sleeps\n":
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, out, err) == (130, "disconnected\n", "")


def test_input_and_breakpoint_work_in_a_terminal(folder: Path) -> None:
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "jobtui", "run", "shop.py", "debug"],
        cwd=folder,
        env=inherited_environment() | {"TERM": "dumb"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        text = ""
        for prompt, answer in (("name? ", b"Ada\n"), ("(Pdb) ", b"p name\n"), ("'Ada'", b"c\n")):
            while prompt not in text:
                text += os.read(controller, 1000).decode()
            text = text.partition(prompt)[2]
            os.write(controller, answer)
        while "hello Ada" not in text:
            text += os.read(controller, 1000).decode()
        assert process.wait(LIMIT) == 0
    os.close(controller)


def test_the_functions_around_runs_open_their_contexts(folder: Path) -> None:
    with (folder / "shop.py").open("a") as file:
        file.write("""
from contextvars import ContextVar
session = ContextVar("session")
@jobtui.around
def open_session(run):
    session.set(f"session of {run.job}")
    yield
    print("closed")
def query():
    print(session.get())
async def query_later():
    await asyncio.sleep(0)
    print(session.get())
for job in (query, query_later):
    jobtui.schedule("cron.nightly", job)
""")
    assert run_job(folder, "query") == (0, "session of query\nclosed\n", "")
    assert run_job(folder, "query_later") == (0, "session of query_later\nclosed\n", "")
    status, text, _ = run_job(folder, "fail")
    assert (status, text) == (1, "")  # as of a context without `finally`
