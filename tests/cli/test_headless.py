"""``jobtui TARGET --headless``: how signals stop it, that it ends in time, and what it serves."""

import io
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support.command_line import LIMIT
from support.fake_listener import FakeListener
from support.headless_process import HeadlessProcess

from jobtui import Scheduler
from jobtui.cli.headless import run_headless
from jobtui.engine.enums import Phase
from jobtui.frontend.backend import ObservableBackend
from jobtui.runtime.hooks import StartError


def run_jobs(folder: Path, code: str, *options: str, launcher: Sequence[str] = ()) -> HeadlessProcess:
    """Start a process with a job file; `hang` in its code is a function that never returns."""
    return HeadlessProcess(*write_jobs(folder, code), *options, launcher=launcher)


def write_jobs(folder: Path, code: str) -> tuple[Path, str]:
    """Write a job file. Return the folder and the name of the file."""
    (folder / "demo.py").write_text(
        "import atexit, jobtui, os, sys, threading\nfrom pathlib import Path\n"
        "def hang(): threading.Event().wait()\n" + code
    )
    return folder, "demo.py"


class TestSignals:
    """SIGTERM and SIGINT stop the scheduler."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_the_first_signal_lets_running_work_end(self, tmp_path: Path, number: signal.Signals) -> None:
        """The log says what the process waits for, and the exit status is 0."""
        code = """
def work():
    print("working")
    while not Path("go").exists():
        threading.Event().wait(0.01)
    print("worked")
jobtui.now(work)
"""
        with run_jobs(tmp_path, code) as process:
            process.stdout.wait_for("working")
            process.send_signal(number)
            line = process.stderr.wait_for("STOPPING")
            assert line.endswith(
                f" STOPPING  {number.name}: waiting up to 10 s for 1 run: work (run 1); "
                "the process ends within 12 s, or at once at a second signal\n"
            )
            (tmp_path / "go").touch()
            assert process.wait_without_traceback() == 0
            process.stdout.wait_for("worked")
            assert re.search(r"OK        run 1    work +took \d\.\d{3}s   now\n", process.stderr.text)
            assert process.stderr.text.endswith(" STOPPED   all work has ended\n")

    def test_an_idle_scheduler_stops_at_once(self, tmp_path: Path) -> None:
        """The log says that nothing is running. The grace is longer than a test may take."""
        with run_jobs(tmp_path, "jobtui.every('1h', print)", "--grace", "1000") as process:
            assert "demo.py: 1 job on a schedule, pool 10, zone " in process.stderr.wait_for("STARTED")
            process.send_signal(signal.SIGTERM)
            assert process.wait_without_traceback() == 0
            assert "STOPPING  SIGTERM: nothing is running" in process.stderr.text

    def test_a_password_that_others_can_read_gets_a_warning_before_the_start(self, tmp_path: Path) -> None:
        """The warning does not repeat the password."""
        settings = tmp_path / "jobtui.toml"
        settings.write_text('jobs.auth.user = "ada"\njobs.auth.pass = "lovelace"\n', encoding="utf-8")
        settings.chmod(0o644)
        with run_jobs(tmp_path, "jobtui.every('1h', print)") as process:
            process.stderr.wait_for("STARTED")
            process.send_signal(signal.SIGTERM)
            assert process.wait_without_traceback() == 0
        (warning,) = [line for line in process.stderr.text.splitlines() if "warning: " in line]
        assert "jobtui.toml: other users of this machine can read jobs.auth.pass" in warning
        assert process.stderr.text.index(warning) < process.stderr.text.index("STARTED")
        assert "lovelace" not in process.stderr.text

    def test_a_run_that_exceeds_the_grace_is_given_up(self, tmp_path: Path) -> None:
        """It is CANCELLED, and the process ends with status 0 although the run hangs."""
        with run_jobs(tmp_path, "jobtui.now(hang)\nprint('ready')", "--grace", "0.3") as process:
            process.stderr.wait_for("STARTED")
            process.send_signal(signal.SIGTERM)
            process.stderr.wait_for("STOPPING")
            assert process.wait_without_traceback() == 0
            assert "CANCELLED run 1    hang" in process.stderr.text
            assert "given up" in process.stderr.text
            assert process.stderr.text.endswith(
                " STOPPED   1 run given up; threads that hang end with the process\n"
            )

    @pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
    def test_a_second_signal_ends_the_process_at_once(
        self, tmp_path: Path, number: signal.Signals, status: int
    ) -> None:
        """It does not wait for the grace."""
        with run_jobs(tmp_path, "jobtui.now(hang)", "--grace", "1000") as process:
            process.stderr.wait_for("STARTED")
            process.send_signal(signal.SIGTERM)
            process.stderr.wait_for("STOPPING")
            process.send_until_end(number)
            assert process.wait_without_traceback() == status
            assert process.stderr.text.endswith(
                f" QUITTING  {number.name}, the second signal: giving up 1 run: hang (run 1)\n"
            )

    @pytest.mark.parametrize(
        "repeats",
        [
            [signal.SIGTERM],
            [signal.SIGINT, signal.SIGINT],
            [signal.SIGHUP, signal.SIGTERM],
        ],
        ids=["timeout", "double ctrl+c", "systemd"],
    )
    def test_signals_right_after_the_first_belong_to_the_same_request(
        self, tmp_path: Path, repeats: list[signal.Signals]
    ) -> None:
        """Programs that stop others often signal a process and its group, or send several signals."""
        code = "def work():\n    while not Path('go').exists():\n        pass\njobtui.now(work)\n"
        with run_jobs(tmp_path, code) as process:
            process.stderr.wait_for("STARTED")
            for number in [signal.SIGTERM, *repeats]:
                process.send_signal(number)
            process.stderr.wait_for("STOPPING")
            (tmp_path / "go").touch()
            assert process.wait_without_traceback() == 0
            assert "OK        run 1    work" in process.stderr.text

    def test_repeats_right_after_the_first_signal_do_not_end_an_idle_process_early(
        self, tmp_path: Path
    ) -> None:
        """The exit handlers run, and the exit status is 0."""
        code = "jobtui.every('1h', print)\natexit.register(lambda: print('exit'))\n"
        for _ in range(5):
            with run_jobs(tmp_path, code) as process:
                process.stderr.wait_for("STARTED")
                for _ in range(3):
                    process.send_signal(signal.SIGTERM)
                assert process.wait_without_traceback() == 0
                process.stdout.wait_for("exit")

    def test_sighup_that_nohup_ignores_does_not_stop_the_scheduler(self, tmp_path: Path) -> None:
        """The user wants the process to survive the terminal."""
        with run_jobs(tmp_path, "jobtui.every(0.05, print, name='again')", launcher=["nohup"]) as process:
            process.stderr.wait_for("OK ")
            process.send_signal(signal.SIGHUP)
            for _ in range(5):
                process.stderr.wait_for("OK ")
            process.send_signal(signal.SIGTERM)
            assert process.wait_without_traceback() == 0
            assert "SIGHUP" not in process.stderr.text

    @pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
    def test_a_signal_interrupts_a_start_that_hangs(
        self, tmp_path: Path, number: signal.Signals, status: int
    ) -> None:
        """The log has no line STARTED, because the scheduler never started."""
        code = "@jobtui.on_app_start\ndef connect():\n    print('connecting', flush=True)\n    hang()\n"
        with run_jobs(tmp_path, code) as process:
            process.stdout.wait_for("connecting")
            process.send_signal(number)
            assert process.wait_without_traceback() == status
            assert "STARTED" not in process.stderr.text


class TestSlowStart:
    """The log says what a slow start waits for."""

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_the_log_names_a_start_function_that_takes_long(
        self, tmp_path: Path, number: signal.Signals
    ) -> None:
        """A signal still interrupts it."""
        code = "@jobtui.on_app_start\ndef connect():\n    hang()\n"
        with run_jobs(tmp_path, code) as process:
            line = process.stderr.wait_for("WAITING")
            assert line.endswith(" WAITING   on_app_start function connect has not returned yet\n")
            process.send_signal(number)
            assert process.wait_without_traceback() == 128 + number
            assert "STARTED" not in process.stderr.text

    def test_the_log_names_a_stop_function_that_takes_long(self, tmp_path: Path) -> None:
        """It is given up in the end."""
        code = "jobtui.now(print)\njobtui.on_app_stop(hang)\n"
        with run_jobs(tmp_path, code, "--grace", "0") as process:
            process.stderr.wait_for("OK ")
            process.send_signal(signal.SIGTERM)
            process.stderr.wait_for("WAITING   on_app_stop function hang has not returned yet")
            assert process.wait_without_traceback() == 1
            assert process.stderr.text.endswith(
                " QUITTING  the process ends 2 s after SIGTERM: giving up on_app_stop function hang\n"
            )

    def test_a_second_signal_names_the_stop_function_that_it_gives_up(self, tmp_path: Path) -> None:
        """The status is that of the signal."""
        with run_jobs(
            tmp_path, "jobtui.every('1h', print)\njobtui.on_app_stop(hang)\n", "--grace", "1000"
        ) as process:
            process.stderr.wait_for("STARTED")
            process.send_signal(signal.SIGTERM)
            process.stderr.wait_for("WAITING")
            process.send_until_end(signal.SIGTERM)
            assert process.wait_without_traceback() == 128 + signal.SIGTERM
            assert process.stderr.text.endswith(
                " QUITTING  SIGTERM, the second signal: giving up on_app_stop function hang\n"
            )

    def test_an_import_that_takes_long_is_named(self, tmp_path: Path) -> None:
        """Ctrl+C stops it."""
        with run_jobs(tmp_path, "hang()\n") as process:
            line = process.stderr.wait_for("importing")
            assert line == "jobtui: still importing demo.py; Ctrl+C stops it\n"
            process.send_signal(signal.SIGINT)
            assert process.wait_without_traceback() == 130


class TestForkedChildren:
    """A child that a job forks has nothing to do with the signals of its parent."""

    CODE = """
import multiprocessing, signal, time
fork = multiprocessing.get_context("fork")
def by_process():
    child = fork.Process(target=time.sleep, args=(60,))
    child.start()
    return child.pid
def by_fork():
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(9)
    return child
def status_of(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""

    @pytest.mark.parametrize("start", ["by_process", "by_fork"])
    @pytest.mark.parametrize("options", [(), ("--listen", "127.0.0.1:0")], ids=["", "listening"])
    def test_sigterm_to_a_child_ends_the_child_alone(
        self, tmp_path: Path, start: str, options: tuple[str, ...]
    ) -> None:
        """Even if the signal comes before the child has begun."""
        code = f"""{self.CODE}
def work():
    for number in (signal.SIGTERM, signal.SIGHUP) * 3:
        child = {start}()
        os.kill(child, number)
        print("status", number, status_of(child))
    return "ended"
jobtui.every(0.05, print, name="again")
jobtui.now(work)
"""
        with run_jobs(tmp_path, code, *options) as process:
            process.stderr.wait_for("work")
            process.stderr.wait_for("again")
            process.send_signal(signal.SIGTERM)
            assert process.wait_without_traceback() == 0
            process.stdout.read_all()
            statuses = re.findall(r"status \d+ (.*)", process.stdout.text)
            assert statuses == ["-15", "-1"] * 3
            assert "STOPPING  SIGTERM: nothing is running" in process.stderr.text

    def test_a_signal_to_parent_and_child_is_the_first_one_of_the_parent(self, tmp_path: Path) -> None:
        """Ctrl+C goes to both, and the running work of the parent still gets its grace."""
        code = f"""{self.CODE}
def work():
    child = by_process()
    print("child", child, flush=True)
    print("status", status_of(child))
jobtui.now(work)
"""
        with run_jobs(tmp_path, code) as process:
            process.stdout.wait_for("child")
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait() == 0
            process.stdout.read_all()
            process.stderr.read_all()
            assert re.search("status (1|-2)", process.stdout.text)
            assert "OK        run 1    work" in process.stderr.text

    def test_sigint_ends_a_child_that_is_in_a_loop(self, tmp_path: Path) -> None:
        """Its own handlers are called there in Python 3.13 only if the main thread has forked it."""
        code = f"""{self.CODE}
def work():
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, b"x")
            while True:
                pass
        except KeyboardInterrupt:
            os._exit(7)
    os.read(reading, 1)
    os.kill(child, signal.SIGINT)
    print("status", status_of(child))
jobtui.now(work)
"""
        with run_jobs(tmp_path, code) as process:
            process.stderr.wait_for("OK ")
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
            process.stdout.read_all()
            assert re.search("status (7|-2)", process.stdout.text)

    def test_sigint_ends_a_child_also_while_python_calls_functions_after_the_fork(
        self, tmp_path: Path
    ) -> None:
        """Python ignores the KeyboardInterrupt there."""
        code = f"""{self.CODE}
def work():
    os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGINT))
    print("status", status_of(by_fork()))
jobtui.now(work)
"""
        with run_jobs(tmp_path, code) as process:
            process.stderr.wait_for("OK ")
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
            process.stdout.read_all()
            assert "status -2" in process.stdout.text

    def test_a_child_that_an_on_app_start_function_forks_leaves_the_signals_of_its_parent_alone(
        self, tmp_path: Path
    ) -> None:
        """It is forked in the main thread, and ends through all functions that its parent was in."""
        code = f"""{self.CODE}
@jobtui.on_app_start
def connect():
    child = os.fork()
    if not child:
        sys.exit()
    status_of(child)
jobtui.every("1h", print)
"""
        with run_jobs(tmp_path, code) as process:
            process.stderr.wait_for("STARTED")
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
            process.stderr.wait_for("STOPPING  SIGTERM")

    def test_a_child_does_not_keep_the_address_of_the_status_page(self, tmp_path: Path) -> None:
        """The next process can listen on it while the child lives, from its first line of code on."""
        code = f"""{self.CODE}
def work():
    reading, writing = os.pipe()
    def live():
        os.write(writing, b"x")
        time.sleep(60)
    fork.Process(target=live).start()
    os.read(reading, 1)
jobtui.now(work)
"""
        with run_jobs(tmp_path, code, "--listen", "127.0.0.1:0") as process:
            [port] = re.findall(r"127\.0\.0\.1:(\d+)", process.stderr.wait_for("SERVING"))
            process.stderr.wait_for("OK ")
            process.send_signal(signal.SIGKILL)
            process.wait()
            with socket.create_server(("127.0.0.1", int(port))):
                os.killpg(process.pid, signal.SIGKILL)


class TestEnd:
    """The process ends in the promised time, whatever hangs."""

    def test_a_thread_that_a_job_left_running_gets_two_seconds(self, tmp_path: Path) -> None:
        """Python itself would wait for every non-daemon thread."""
        code = """
def work():
    threading.Thread(target=hang, daemon=False).start()
jobtui.now(work)
"""
        with run_jobs(tmp_path, code, "--grace", "1000") as process:
            process.stderr.wait_for("OK ")
            process.send_signal(signal.SIGTERM)
            assert process.wait_without_traceback() == 0

    def test_an_on_app_stop_function_that_hangs_gets_the_grace_and_two_seconds(self, tmp_path: Path) -> None:
        """The time limit includes everything that runs at the end."""
        code = "jobtui.now(print)\njobtui.on_app_stop(hang)\n"
        with run_jobs(tmp_path, code, "--grace", "0.2") as process:
            process.stderr.wait_for("OK ")
            process.send_signal(signal.SIGTERM)
            assert process.wait_without_traceback() == 1

    def test_a_full_pipe_does_not_keep_the_process_alive(self, tmp_path: Path) -> None:
        """It blocks a job in print(), and would block the flush at the end."""
        code = """
def work():
    print("filling")
    while True:
        print("x" * 1000)
jobtui.now(work)
"""
        with run_jobs(tmp_path, code, "--grace", "0.2") as process:
            process.stderr.wait_for("STARTED")
            process.send_signal(signal.SIGTERM)
            assert process.wait_without_traceback() == 0

    def test_a_job_that_prints_without_end_does_not_abort_python(self, tmp_path: Path) -> None:
        """Python's shutdown aborts if a thread holds the lock of standard output at that moment."""
        code = "def work():\n    while True:\n        print('x' * 100)\njobtui.now(work)\n"
        with run_jobs(tmp_path, code, "--grace", "0.2") as process:
            process.stdout.wait_for("x")
            process.send_signal(signal.SIGTERM)
            assert process.wait_without_traceback() == 0

    def test_on_app_stop_functions_and_exit_handlers_run_in_the_main_thread(self, tmp_path: Path) -> None:
        """They run after all work, in this order, although a run hangs."""
        code = """
def report(text):
    print(text, threading.current_thread() is threading.main_thread())
atexit.register(report, "exit")
jobtui.on_app_stop(lambda: report("stop"))
jobtui.now(hang)
"""
        with run_jobs(tmp_path, code, "--grace", "0") as process:
            process.stderr.wait_for("STARTED")
            process.send_signal(signal.SIGTERM)
            assert process.wait_without_traceback() == 0
            process.stdout.read_all()
            assert process.stdout.text == "stop True\nexit True\n"

    def test_the_process_ends_if_a_job_stops_the_scheduler(self, tmp_path: Path) -> None:
        """It does not wait for a signal."""
        code = """
def end():
    threading.Thread(target=scheduler.stop).start()
scheduler = jobtui.Scheduler()
scheduler.now(end)
"""
        with run_jobs(tmp_path, code) as process:
            assert process.wait_without_traceback() == 0
            assert "STOPPED   all work has ended" in process.stderr.text

    def test_the_process_waits_for_the_stop_functions_that_a_job_calls(self, tmp_path: Path) -> None:
        """They run in the thread of the job that has stopped the scheduler."""
        code = """
def report():
    threading.Event().wait(0.3)
    print("returned", flush=True)
scheduler = jobtui.Scheduler()
scheduler.on_app_stop(report)
scheduler.now(scheduler.stop)
"""
        with run_jobs(tmp_path, code) as process:
            assert process.wait_without_traceback() == 0
            process.stdout.read_all()
            assert process.stdout.text == "returned\n"

    def test_a_stop_function_that_hangs_in_the_thread_of_a_job_gets_two_seconds(self, tmp_path: Path) -> None:
        """The last line of the log names it, and the status is 1."""
        code = """
scheduler = jobtui.Scheduler()
scheduler.on_app_stop(hang)
scheduler.now(scheduler.stop)
"""
        with run_jobs(tmp_path, code) as process:
            assert process.wait_without_traceback() == 1
            assert process.stderr.text.endswith(
                " QUITTING  the process ends 2 s after the stop: giving up on_app_stop function hang\n"
            )


def test_objects_that_exist_before_the_start_are_excluded_from_garbage_collection(tmp_path: Path) -> None:
    """A full collection of them would delay jobs again and again."""
    code = """
import gc
@jobtui.on_app_start
def show():
    print("frozen", gc.get_freeze_count() > 1_000, flush=True)
jobtui.now(hang)
"""
    with run_jobs(tmp_path, code, "--grace", "0") as process:
        assert process.stdout.wait_for("frozen") == "frozen True\n"
        process.send_signal(signal.SIGTERM)
        process.wait_without_traceback()


class TestStreams:
    """Standard output has what jobs print, standard error has the log."""

    def test_output_of_jobs_arrives_unchanged_and_at_once(self, tmp_path: Path) -> None:
        """A pipe gets each line when it is printed, not when a buffer is full."""
        code = "jobtui.now(print, 'from a job')\njobtui.now(hang)"
        with run_jobs(tmp_path, code, "--grace", "0") as process:
            assert process.stdout.wait_for("job") == "from a job\n"
            process.send_signal(signal.SIGTERM)
            process.wait_without_traceback()
            process.stdout.read_all()
            assert process.stdout.text == "from a job\n"

    @pytest.mark.parametrize(
        "replacement",
        [
            "io.StringIO()",
            "None",
            "io.TextIOWrapper(sys.stdout.buffer)",
            "io.TextIOWrapper(sys.stdout.detach())",
            "os.fdopen(sys.stdout.fileno(), 'w')",
        ],
    )
    def test_a_job_that_replaces_standard_output_does_not_silence_later_jobs(
        self, tmp_path: Path, replacement: str
    ) -> None:
        """The stream is put back, unless the replacement writes to the same file, which it would close."""
        code = f"""
import gc, io
def replace():
    sys.stdout = {replacement}
def talk():
    gc.collect()
    print("still here", flush=True)
jobtui.now(replace)
jobtui.every(0.1, talk)
"""
        with run_jobs(tmp_path, code) as process:
            process.stderr.wait_for("OK        run 1    replace")
            for _ in range(2):
                process.stdout.wait_for("still here")

    def test_a_failing_run_is_logged_once(self, tmp_path: Path) -> None:
        """Not by the logger `jobtui` as well, which is for programs that embed a scheduler."""
        code = "import logging\nlogging.basicConfig()\njobtui.now(lambda: 1 / 0)\n"
        with run_jobs(tmp_path, code) as process:
            process.stderr.wait_for("FAILED")
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
            process.stderr.read_all()
            assert process.stderr.text.count("Traceback") == process.stderr.text.count("FAILED") == 1

    def test_a_start_function_may_replace_standard_output(self, tmp_path: Path) -> None:
        """All jobs write to its replacement."""
        code = """
@jobtui.on_app_start
def redirect():
    sys.stdout = open("printed", "w", buffering=1)
jobtui.every(0.05, print, name="again")
"""
        with run_jobs(tmp_path, code) as process:
            for _ in range(3):
                process.stderr.wait_for("OK ")
        assert (tmp_path / "printed").read_text().startswith("\n\n")

    def test_jobs_continue_after_the_reader_of_the_log_is_gone(self, tmp_path: Path) -> None:
        """The exit status is still 0."""
        code = """
def work():
    print("again")
jobtui.every(0.02, work)
"""
        with run_jobs(tmp_path, code) as process:
            process.stdout.wait_for("again")
            process.stderr.close()
            for _ in range(5):
                process.stdout.wait_for("again")
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0


class TestStandardInput:
    """Jobs have none: its place is taken by the null device."""

    def test_a_job_that_reads_standard_input_gets_its_end(self, tmp_path: Path) -> None:
        """It can neither block nor take what is meant for others."""
        code = """
import subprocess
def shell():
    return subprocess.run(["sh", "-c", "read answer"], check=False).returncode
def report():
    for function in (input, sys.stdin.read, sys.__stdin__.read, shell, breakpoint):
        try:
            print("returned", repr(jobtui.now(function).result()))
        except Exception as error:
            print("raised", type(error).__name__, str(error)[:12])
    print("done")
print("the file got", sys.stdin.readline())
jobtui.now(report)
"""
        with run_jobs(tmp_path, code) as process:
            process.stdin.write("a line\n")
            process.stdin.flush()
            process.stdout.wait_for("done")
            assert process.stdout.text.splitlines() == [
                "the file got a line",
                "",
                "raised EOFError EOF when rea",
                "returned ''",
                "returned ''",
                "returned 1",
                "raised RuntimeError breakpoint()",
                "done",
            ]
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0

    @pytest.mark.parametrize("debugger", ["0", "builtins.print"])
    def test_breakpoint_calls_another_debugger_that_the_user_chose(
        self, tmp_path: Path, debugger: str
    ) -> None:
        """It may have a terminal of its own; 0 means none."""
        code = "jobtui.now(breakpoint)\n"
        with HeadlessProcess(*write_jobs(tmp_path, code), PYTHONBREAKPOINT=debugger) as process:
            process.stderr.wait_for("OK ")

    def test_closed_standard_input_is_not_an_error(self, tmp_path: Path) -> None:
        """Services often run so."""
        code = "jobtui.now(lambda: open(os.devnull).fileno())\njobtui.now(input)\n"
        launcher = ["sh", "-c", 'exec "$@" <&-', "sh"]
        with run_jobs(tmp_path, code, launcher=launcher) as process:
            process.stderr.wait_for("EOFError")
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0


class SlowStream(io.StringIO):
    """A stream that takes 50 ms for each write."""

    def write(self, text: str) -> int:
        """Wait, then write."""
        threading.Event().wait(0.05)
        return super().write(text)


def test_run_headless_completes_the_log_and_restores_the_signal_handlers() -> None:
    """A program may call it and continue afterwards."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    scheduler = Scheduler()
    scheduler.now(signal.raise_signal, signal.SIGTERM)
    stream = SlowStream()
    assert run_headless(scheduler, title="a program", grace=LIMIT, stream=stream) == 0
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
    assert stream.getvalue().endswith(" STOPPED   all work has ended\n")


class TestServing:
    """The status page is served while the scheduler runs."""

    @pytest.fixture
    def listeners(self) -> list[FakeListener]:
        """Return the listeners that `serve` has made."""
        return []

    @pytest.fixture
    def serve(self, listeners: list[FakeListener]) -> Callable[[ObservableBackend], FakeListener]:
        """Return a function that serves a backend with a listener that has no socket."""

        def serve(backend: ObservableBackend) -> FakeListener:
            listeners.append(FakeListener(backend))
            return listeners[-1]

        return serve

    def test_the_page_is_served_from_before_the_start_until_after_the_stop(
        self, serve: Callable[[ObservableBackend], FakeListener], listeners: list[FakeListener]
    ) -> None:
        """A job that runs at the start is visible, and so is the end. The log names the address."""
        scheduler, stream = Scheduler(), io.StringIO()
        scheduler.now(signal.raise_signal, signal.SIGTERM)
        assert run_headless(scheduler, title="a program", grace=LIMIT, stream=stream, serve=serve) == 0
        [listener] = listeners
        assert listener.phases == [Phase.NEW, Phase.STOPPED]
        assert listener.backend.title == "a program"
        first, second = stream.getvalue().splitlines()[:2]
        assert " STARTED " in first
        assert second.endswith(" SERVING   listening on unix:/run/x")

    def test_the_scheduler_does_not_start_if_it_cannot_listen(self) -> None:
        """The caller gets the error, no job has run, and the signal handlers are restored."""
        scheduler = Scheduler()
        run = scheduler.now(print)

        def serve(_backend: ObservableBackend) -> FakeListener:
            raise OSError("address in use")

        before = signal.getsignal(signal.SIGTERM)
        with pytest.raises(OSError, match="address in use"):
            run_headless(scheduler, title="a program", grace=0, serve=serve)
        assert scheduler.snapshot().phase is Phase.NEW
        assert run.state.value == "QUEUED"
        assert signal.getsignal(signal.SIGTERM) is before
        scheduler.stop(0)

    def test_the_page_is_closed_if_the_start_fails(
        self, serve: Callable[[ObservableBackend], FakeListener], listeners: list[FakeListener]
    ) -> None:
        """The listener has been started and stopped."""
        scheduler = Scheduler()

        @scheduler.on_app_start
        def fail() -> None:
            raise ValueError

        with pytest.raises(StartError):
            run_headless(scheduler, title="a program", grace=0, stream=io.StringIO(), serve=serve)
        assert len(listeners[0].phases) == 2

    def test_output_of_jobs_is_captured_and_still_printed(
        self,
        serve: Callable[[ObservableBackend], FakeListener],
        listeners: list[FakeListener],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """It is kept with its run and in the output of all runs, and standard output has it too."""
        scheduler = Scheduler()

        def talk() -> None:
            print("spoken")

        run = scheduler.now(talk)

        def end() -> None:
            run.wait(LIMIT)
            signal.raise_signal(signal.SIGTERM)

        scheduler.now(end)
        before = sys.stdout
        run_headless(scheduler, title="a program", grace=LIMIT, serve=serve)
        assert sys.stdout is before
        backend = listeners[0].backend
        assert backend.output_of(run.number) == "spoken\n"
        [line] = backend.output_since(0).lines
        assert line[2:] == ("talk", run.number, "stdout", "spoken")
        out, err = capsys.readouterr()
        assert out == "spoken\n"
        assert " STARTED " in err
