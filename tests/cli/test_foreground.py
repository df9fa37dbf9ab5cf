"""``jobtui.run()`` in a script, and a script that starts nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.command_line import LIMIT
from support.headless_process import PipeLines

from jobtui.cli.main import main

JOBS = """import jobtui, signal, sys, time
def tick():
    print("tick", flush=True)
jobtui.every("1h", tick)
"""
SCRIPT_ONLY = '\nif __name__ == "__main__":\n'


@contextmanager
def script(folder: Path, code: str) -> Iterator[tuple[subprocess.Popen[str], PipeLines]]:
    """Run a script in a process of its own. Yield the process and the lines of its log."""
    path = folder / "my_jobs.py"
    path.write_text(JOBS + code, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(path)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stderr is not None
        log = PipeLines(process.stderr)
        try:
            yield process, log
        finally:
            process.kill()
            log.close()


def text_of(process: subprocess.Popen[str]) -> str:
    """Return the output of a process that has ended."""
    assert process.stdout is not None
    return process.stdout.read()


def test_the_jobs_run_until_a_signal_and_then_the_script_goes_on(tmp_path: Path) -> None:
    code = f"{SCRIPT_ONLY}    jobtui.now(tick)\n    jobtui.run()\n    print('after')\n"
    with script(tmp_path, code) as (process, log):
        assert "my_jobs.py: 1 job on a schedule" in log.wait_for("STARTED")
        log.wait_for("OK        run 1    tick")
        process.send_signal(signal.SIGTERM)
        log.wait_for("STOPPED   all work has ended")
        assert process.wait(LIMIT) == 0
        assert text_of(process) == "tick\nafter\n"
        log.read_all()
        assert "no scheduler was started" not in log.text


def test_a_second_signal_gives_up_what_runs(tmp_path: Path) -> None:
    code = f"{SCRIPT_ONLY}    jobtui.now(time.sleep, 60)\n    jobtui.run(grace=50)\n    print('after')\n"
    with script(tmp_path, code) as (process, log):
        log.wait_for("STARTED")
        process.send_signal(signal.SIGINT)
        log.wait_for("waiting up to 50 s for 1 run: sleep (run 1); a second signal gives up")
        while process.poll() is None:  # repeats within half a second belong to the first one
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(2)  # a signal after `run` has returned would end the script
        log.wait_for("STOPPED   1 run given up")
        assert process.returncode == 0
        assert text_of(process) == "after\n"


def test_another_scheduler_can_be_run(tmp_path: Path) -> None:
    code = f"other = jobtui.Scheduler(pool=3)\n{SCRIPT_ONLY}    jobtui.run(other)\n"
    with script(tmp_path, code) as (process, log):
        assert "0 jobs on a schedule, pool 3" in log.wait_for("STARTED")
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 0


@pytest.mark.parametrize(("number", "status"), [("SIGINT", -2), ("SIGTERM", 143)])
def test_a_signal_during_the_start_ends_the_script(tmp_path: Path, number: str, status: int) -> None:
    code = (
        "@jobtui.on_app_start\ndef connect():\n    print('connecting', file=sys.stderr, flush=True)\n"
        f"    time.sleep(60)\n{SCRIPT_ONLY}    jobtui.run()\n    print('after')\n"
    )
    with script(tmp_path, code) as (process, log):
        log.wait_for("connecting")
        process.send_signal(signal.Signals[number])
        assert process.wait(LIMIT) == status
        assert text_of(process) == ""


def test_the_command_line_refuses_a_file_that_calls_it_while_it_is_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runs_itself.py"
    path.write_text(JOBS + "jobtui.run()\n")
    assert main(["check", str(path)]) == 1
    error = capsys.readouterr().err
    assert "runs_itself.py:5: jobtui.run()\n" in error
    assert 'move  jobtui.run()  below  if __name__ == "__main__":' in error
    path.write_text(f"{JOBS}{SCRIPT_ONLY}    jobtui.run()\n")
    assert main(["check", str(path)]) == 0


# --- nothing is started ---------------------------------------------------------------------------


def end_of(folder: Path, code: str) -> tuple[int, str]:
    """Run a script to its end, and return its exit status and what it wrote to standard error."""
    with script(folder, code) as (process, log):
        status = process.wait(LIMIT)
        log.read_all()
        return status, log.text


NOTICE = (
    "jobtui: my_jobs.py has registered {}, and no scheduler was started: run them with  jobtui my_jobs.py  "
    "or end the file with  jobtui.run()\n"
)


def test_a_script_that_registers_jobs_and_starts_nothing_says_so_at_its_end(tmp_path: Path) -> None:
    assert end_of(tmp_path, "") == (0, NOTICE.format("1 job"))
    own = "scheduler = jobtui.Scheduler()\nscheduler.every('1h', tick)\nraise SystemExit(3)\n"
    assert end_of(tmp_path, own) == (3, NOTICE.format("2 jobs"))


def test_a_script_that_registers_functions_of_other_modules_says_so_too(tmp_path: Path) -> None:
    own = "import shutil\njobtui.schedule('@daily', print)\njobtui.every('1h', shutil.get_terminal_size)\n"
    assert end_of(tmp_path, own) == (0, NOTICE.format("3 jobs"))


@pytest.mark.parametrize(
    "code",
    [
        "other = jobtui.Scheduler()\nother.every('1h', tick)\nother.start()\n",
        "from jobtui.runtime.default_scheduler import default_scheduler\nwith default_scheduler(): pass\n",
    ],
    ids=["another scheduler", "the default scheduler"],
)
def test_a_script_that_starts_a_scheduler_says_nothing(tmp_path: Path, code: str) -> None:
    assert end_of(tmp_path, f"scheduler = jobtui.Scheduler()\nscheduler.every('1h', tick)\n{code}") == (0, "")


def test_a_script_that_ends_with_an_exception_says_nothing_more(tmp_path: Path) -> None:
    status, text = end_of(tmp_path, "1 / 0\n")
    assert status == 1
    assert text.endswith("ZeroDivisionError: division by zero\n")


def test_a_program_that_imports_a_job_file_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(JOBS)
    program = tmp_path / "program.py"
    program.write_text("import jobs\n")
    result = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    assert result.stderr == ""
