"""The dashboard in a real terminal: its output, and the state in which it leaves the terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.headless_process import HeadlessProcess
from support.terminal_screen import TerminalScreen

from jobtui import Phase, Scheduler
from jobtui.access.addresses import parse_address
from jobtui.frontend.local_backend import LocalBackend
from jobtui.tui.arrangement import DRAWER_WIDTH, TINY_HEIGHT
from jobtui.web.server import Server

LIMIT = 30.0  # seconds

JOBS = """
    import logging, os, subprocess, sys, threading, warnings
    import jobtui

    logging.basicConfig()

    @jobtui.scheduled("@yearly")
    def talk():
        os.write(1, b"LOOSE-1\\n")
        subprocess.run(["echo", "LOOSE-2"], check=True)
        subprocess.run("echo LOOSE-3 >&2", shell=True, check=True)
        sys.__stdout__.write("LOOSE-4\\n")
        sys.__stdout__.flush()
        print("LOOSE-5")
        logging.getLogger().warning("LOOSE-6")
        warnings.warn("LOOSE-7")

    @jobtui.scheduled("@yearly")
    def forever():
        threading.Event().wait()
"""
MARKERS = [f"LOOSE-{number}" for number in range(1, 8)]


class Terminal:
    """Runs a program in a pseudo-terminal, and reads its output in a thread.

    Args:
        command: The program and its arguments.
        folder: The working directory.
        term: The kind of terminal, for the environment variable TERM.
    """

    def __init__(self, command: list[str], folder: Path, *, term: str = "xterm-256color") -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 32, 120, 0, 0))
        self._slave = slave  # kept open, so that its settings can be read at the end
        self._initial_settings = termios.tcgetattr(slave)
        self._received = b""
        self._is_hung_up = False
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            env={**os.environ, "TERM": term},
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while not self._is_hung_up and (piece := os.read(self._master, 65536)):
                with self._changed:
                    self._received += piece
                    self._changed.notify_all()
        except OSError:  # closed
            pass

    @property
    def text(self) -> str:
        """Everything that the terminal has received."""
        return self._received.decode(errors="replace")

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def wait_for(self, text: str, *, after: int = 0) -> None:
        """Wait until the terminal has received a text, after so many characters."""
        with self._changed:
            found = self._changed.wait_for(lambda: text in self.text[after:], LIMIT)
        assert found, f"{text} was not received: {self.text[-2000:]!r}"

    def resize(self, width: int, height: int) -> None:
        """Change the size of the terminal, and tell the program."""
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    def hang_up(self) -> None:
        """Make the terminal go away, as when its window is closed or a connection drops."""
        self._is_hung_up = True
        self._reader.join(LIMIT)  # the dashboard paints each second
        os.close(self._master)

    def wait_for_exit(self) -> int:
        """Wait until the program has ended and all its output is received. Return its exit status."""
        status = self.process.wait(LIMIT)
        os.write(self._slave, b"END OF OUTPUT")
        self.wait_for("END OF OUTPUT")
        return status

    def assert_restored(self) -> None:
        """Assert that screen, cursor, mouse, pasting and settings are as they were before the program."""
        text = self.text
        for on, off in [
            ("\x1b[?1049h", "\x1b[?1049l"),
            ("\x1b[?25l", "\x1b[?25h"),
            ("\x1b[?1000h", "\x1b[?1000l"),
            ("\x1b[?1003h", "\x1b[?1003l"),
            ("\x1b[?2004h", "\x1b[?2004l"),
        ]:
            assert text.rfind(off) > text.rfind(on) >= 0, off.encode()
        assert "Traceback" not in text
        assert termios.tcgetattr(self._slave) == self._initial_settings

    @property
    def text_after_dashboard(self) -> str:
        """The text written after the dashboard has ended, without escape sequences."""
        return re.sub(r"\x1b\[[0-9;?<>=]*[a-zA-Z]", "", self.text.rpartition("\x1b[?1049l")[2])

    def close(self) -> None:
        """Kill the program if it is still running, and close the terminal."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(LIMIT)
        os.close(self._slave)
        if not self._is_hung_up:
            self._reader.join(LIMIT)  # a new terminal may soon reuse the descriptor that it reads
            os.close(self._master)


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[Terminal]:
    """Run ``jobtui jobs.py`` in a terminal of 120x32, and wait until it shows its two jobs."""
    (tmp_path / "jobs.py").write_text(textwrap.dedent(JOBS))
    terminal = Terminal([sys.executable, "-m", "jobtui", "jobs.py"], tmp_path)
    try:
        terminal.wait_for("forever")
        yield terminal
    finally:
        terminal.close()


def test_output_of_jobs_reaches_the_terminal_only_through_the_app(dashboard: Terminal) -> None:
    """Prints, log records, warnings, raw writes, and output of subprocesses."""
    dashboard.type("r")
    dashboard.wait_for("✓")
    assert not [marker for marker in MARKERS if marker in dashboard.text]
    place = len(dashboard.text)
    dashboard.type("o")
    for marker in MARKERS:
        dashboard.wait_for(marker, after=place)
    dashboard.type("q")
    dashboard.type("q")
    assert dashboard.wait_for_exit() == 0
    dashboard.assert_restored()
    assert not [marker for marker in MARKERS if marker in dashboard.text_after_dashboard]


def test_a_failing_run_is_not_logged_beside_its_place_in_the_dashboard(tmp_path: Path) -> None:
    """The output of the jobs has only what they print."""
    code = """
        import jobtui

        @jobtui.scheduled("@yearly")
        def failing():
            raise ValueError("nothing to import")

        @jobtui.scheduled("@yearly")
        def talking():
            print("TALKED")
    """
    (tmp_path / "jobs.py").write_text(textwrap.dedent(code))
    terminal = Terminal([sys.executable, "-m", "jobtui", "jobs.py"], tmp_path)
    try:
        terminal.wait_for("talking")
        terminal.type("r")
        terminal.wait_for("✗")
        terminal.type("jr")
        terminal.wait_for("✓")
        terminal.type("o")
        terminal.wait_for("TALKED")
        assert "failing FAILED" not in terminal.text
        terminal.type("q")
        terminal.type("q")
        assert terminal.wait_for_exit() == 0
    finally:
        terminal.close()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_ends_the_dashboard_and_restores_the_terminal(dashboard: Terminal, name: str) -> None:
    """Without a traceback, as `q` does."""
    dashboard.process.send_signal(getattr(signal, name))
    assert dashboard.wait_for_exit() == 0
    dashboard.assert_restored()


def test_quitting_at_once_names_the_runs_that_are_given_up(dashboard: Terminal) -> None:
    """The process ends although a run never ends."""
    dashboard.type("jr")
    dashboard.wait_for("▶")
    place = len(dashboard.text)
    dashboard.type("q")
    dashboard.wait_for("quit at once", after=place)
    dashboard.type("Q")
    assert dashboard.wait_for_exit() == 0
    dashboard.assert_restored()
    assert "jobtui: forever (run 1) was still running and was given up" in dashboard.text_after_dashboard


def test_a_second_sigterm_ends_the_process_although_a_run_never_ends(dashboard: Terminal) -> None:
    dashboard.type("jr")
    dashboard.wait_for("▶")
    dashboard.process.terminate()
    dashboard.wait_for("jobtui: waiting for 1 run, at most 10 s; a second signal ends them at once")
    dashboard.assert_restored()
    with pytest.raises(subprocess.TimeoutExpired):
        dashboard.process.wait(1)  # longer than a signal counts as a repeat of the first one
    dashboard.process.terminate()
    assert dashboard.wait_for_exit() == 128 + signal.SIGTERM


def test_sigterm_gives_running_work_its_grace(tmp_path: Path) -> None:
    """As without a dashboard, the run ends, and the on_app_stop functions are called."""
    (tmp_path / "jobs.py").write_text(textwrap.dedent(GRACEFUL_JOB))
    terminal = Terminal([sys.executable, "-m", "jobtui", "jobs.py"], tmp_path)
    try:
        terminal.wait_for("Recent")
        terminal.type("r")
        terminal.wait_for("▶")
        terminal.process.terminate()
        terminal.wait_for("jobtui: waiting for 1 run")
        (tmp_path / "go").touch()
        assert terminal.process.wait(LIMIT) == 0
        assert (tmp_path / "stopped").read_text() == "OK"
    finally:
        terminal.close()


HANGING_STOP_FUNCTION = """
    import threading
    import jobtui

    jobtui.every("1h", print)

    @jobtui.on_app_stop
    def disconnect():
        threading.Event().wait()
"""


def test_a_stop_function_that_does_not_return_is_named_when_the_dashboard_ends(tmp_path: Path) -> None:
    """The exit status is 1."""
    (tmp_path / "jobs.py").write_text(textwrap.dedent(HANGING_STOP_FUNCTION))
    terminal = Terminal([sys.executable, "-m", "jobtui", "jobs.py"], tmp_path)
    try:
        terminal.wait_for("Recent")
        terminal.type("q")
        terminal.wait_for("jobtui: giving up on_app_stop function disconnect, which has not returned")
        assert terminal.wait_for_exit() == 1
    finally:
        terminal.close()


def test_the_dashboard_follows_a_resize_of_the_terminal(dashboard: Terminal) -> None:
    """It reads the size of the terminal that it draws on."""
    place = len(dashboard.text)
    dashboard.resize(80, 24)
    dashboard.wait_for("[1 Running 0]", after=place)
    dashboard.type("q")
    assert dashboard.wait_for_exit() == 0
    dashboard.assert_restored()


SIZES = [(20, 5), (40, 10), (60, 15), (80, 24), (120, 32), (180, 50), (300, 100)]


def wait_for_screen(terminal: Terminal, size: tuple[int, int], parts: list[str]) -> None:
    """Wait until a screen of some size shows all these parts."""
    deadline = threading.Event()
    for _ in range(int(LIMIT / 0.1)):
        screen = TerminalScreen(*size)
        screen.feed(terminal.text)
        if all(any(part in line for line in screen.lines) for part in parts):
            return
        deadline.wait(0.1)
    pytest.fail(f"{parts} not on the screen: {screen.lines}")


def test_every_size_of_the_terminal_has_a_whole_screen(dashboard: Terminal) -> None:
    """From the smallest to the largest and back: each row ends where it should, and the jobs are there."""
    for size in [*SIZES, *reversed(SIZES)]:
        dashboard.resize(*size)
        width, height = size
        parts = ["fore", "Jobs 2"]
        parts += [] if height < TINY_HEIGHT else ["pool", "Open"]
        parts += ["jobtui", "Running", "Waiting"] if height >= 12 else []
        parts += ["Next ticks"] if width >= DRAWER_WIDTH else []
        parts += ["━0 Jobs 2".ljust(width, "━")] if width < DRAWER_WIDTH else []
        wait_for_screen(dashboard, size, parts)
    dashboard.type("q")
    assert dashboard.wait_for_exit() == 0
    dashboard.assert_restored()


@pytest.mark.parametrize("term", ["vt100", "xterm-16color", "linux", "screen"])
def test_the_dashboard_works_in_terminals_with_few_colours(tmp_path: Path, term: str) -> None:
    """They get the same text, and the terminal is restored."""
    (tmp_path / "jobs.py").write_text(textwrap.dedent(JOBS))
    terminal = Terminal([sys.executable, "-m", "jobtui", "jobs.py"], tmp_path, term=term)
    try:
        wait_for_screen(terminal, (120, 32), ["forever", "1 Running", "4 Recent", "Quit"])
        terminal.type("j?")
        wait_for_screen(terminal, (120, 32), ["Help"])
        terminal.type("qq")
        assert terminal.wait_for_exit() == 0
        terminal.assert_restored()
    finally:
        terminal.close()


def test_q_ends_an_attached_dashboard_without_a_question(tmp_path: Path) -> None:
    """The running run belongs to another process, and keeps running there."""
    released = threading.Event()
    scheduler = Scheduler()
    scheduler.schedule("@yearly", released.wait, name="forever")
    with scheduler, Server(LocalBackend(scheduler, "elsewhere.py"), parse_address("127.0.0.1:0")) as server:
        command = [sys.executable, "-m", "jobtui", "attach", str(server.address)]
        terminal = Terminal(command, tmp_path)
        try:
            terminal.wait_for("elsewhere.py")
            terminal.type("r")
            terminal.wait_for("▶")
            terminal.type("q")
            assert terminal.wait_for_exit() == 0
            terminal.assert_restored()
            assert scheduler.snapshot().pool.running == 1
        finally:
            terminal.close()
            released.set()


def test_a_second_start_with_the_same_store_shows_the_dashboard_of_the_first(tmp_path: Path) -> None:
    """The first process goes on when the second one quits."""
    (tmp_path / "jobs.py").write_text("import jobtui\n\njobtui.every(1, print, name='blank')\n", "utf-8")
    (tmp_path / "jobtui.toml").write_text('jobs.store = "jobs.db"\n', "utf-8")
    with HeadlessProcess(tmp_path, "jobs.py") as first:
        first.stderr.wait_for("STARTED")
        assert (tmp_path / "jobs.db.sock").stat().st_mode & 0o777 == 0o600
        terminal = Terminal([sys.executable, "-m", "jobtui", "jobs.py"], tmp_path)
        try:
            terminal.wait_for(f"(attached to process {first.pid})")
            terminal.type("q")
            assert terminal.wait_for_exit() == 0
            terminal.assert_restored()
        finally:
            terminal.close()
        first.stderr.wait_for("OK")
        first.send_signal(signal.SIGTERM)
        assert first.wait() == 0
    assert not (tmp_path / "jobs.db.sock").exists()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_ends_an_attached_dashboard_and_restores_the_terminal(tmp_path: Path, name: str) -> None:
    """The scheduler belongs to another process, and continues."""
    scheduler = Scheduler()
    scheduler.every("1h", print, name="hourly")
    with scheduler, Server(LocalBackend(scheduler, "elsewhere.py"), parse_address("127.0.0.1:0")) as server:
        terminal = Terminal([sys.executable, "-m", "jobtui", "attach", str(server.address)], tmp_path)
        try:
            terminal.wait_for("hourly")
            terminal.process.send_signal(getattr(signal, name))
            assert terminal.wait_for_exit() == 0
            terminal.assert_restored()
            assert scheduler.snapshot().phase is Phase.RUNNING
        finally:
            terminal.close()


GRACEFUL_JOB = """
    from pathlib import Path
    import jobtui, sys, time

    scheduler = jobtui.Scheduler()

    @scheduler.scheduled("@yearly")
    def work():
        while not Path("go").exists():
            print("working")
            time.sleep(0.2)

    @scheduler.on_app_stop
    def disconnect():
        print("disconnecting")
        [run] = scheduler.runs_of("work")
        Path("stopped").write_text(run.state.value + run.reason)
"""


@pytest.mark.parametrize("is_controlling", [True, False], ids=["with SIGHUP", "without SIGHUP"])
def test_a_terminal_that_goes_away_stops_the_scheduler_with_its_grace(
    tmp_path: Path, is_controlling: bool
) -> None:
    """The running run ends, the on_app_stop functions are called, and printing is not an error."""
    (tmp_path / "jobs.py").write_text(textwrap.dedent(GRACEFUL_JOB))
    command = [sys.executable, "-m", "jobtui", "jobs.py"]
    if is_controlling:
        command = [sys.executable, "-c", f"{TAKE_TERMINAL}os.execv({command[0]!r}, {command!r})"]
    terminal = Terminal(command, tmp_path)
    try:
        terminal.wait_for("Recent")
        terminal.type("r")
        terminal.wait_for("▶")
        terminal.hang_up()
        for _ in range(3):  # it waits for the run, and a repeat of the signal does not end it
            if is_controlling:
                terminal.process.send_signal(signal.SIGHUP)
            with pytest.raises(subprocess.TimeoutExpired):
                terminal.process.wait(1)
        (tmp_path / "go").touch()
        assert terminal.process.wait(LIMIT) == 0
        assert (tmp_path / "stopped").read_text() == "OK"
    finally:
        terminal.close()


def test_a_terminal_that_goes_away_stops_a_headless_scheduler_with_its_grace(tmp_path: Path) -> None:
    """A job that prints does not fail in the meantime."""
    (tmp_path / "jobs.py").write_text(textwrap.dedent(GRACEFUL_JOB) + "scheduler.run('work')\n")
    command = [sys.executable, "-m", "jobtui", "jobs.py", "--headless"]
    shell = [sys.executable, "-c", f"{TAKE_TERMINAL}os.execv({command[0]!r}, {command!r})"]
    terminal = Terminal(shell, tmp_path)
    try:
        terminal.wait_for("working")
        terminal.hang_up()
        with pytest.raises(subprocess.TimeoutExpired):
            terminal.process.wait(1)
        (tmp_path / "go").touch()
        assert terminal.process.wait(LIMIT) == 0
        assert (tmp_path / "stopped").read_text() == "OK"
    finally:
        terminal.close()


def test_a_terminal_that_goes_away_ends_an_attached_dashboard(tmp_path: Path) -> None:
    """The scheduler belongs to another process, and continues."""
    scheduler = Scheduler()
    scheduler.every("1h", print, name="hourly")
    with scheduler, Server(LocalBackend(scheduler, "elsewhere.py"), parse_address("127.0.0.1:0")) as server:
        terminal = Terminal([sys.executable, "-m", "jobtui", "attach", str(server.address)], tmp_path)
        try:
            terminal.wait_for("hourly")
            terminal.hang_up()
            assert terminal.process.wait(LIMIT) == 0
        finally:
            terminal.close()


@pytest.mark.parametrize("place", ["import", "start"])
def test_a_slow_start_of_the_dashboard_is_explained_and_ctrl_c_ends_it(tmp_path: Path, place: str) -> None:
    """Otherwise the screen would stay empty, for as long as it takes."""
    code = "import jobtui, threading\ndef connect():\n    threading.Event().wait()\njobtui.now(print)\n"
    code += "connect()\n" if place == "import" else "jobtui.on_app_start(connect)\n"
    (tmp_path / "jobs.py").write_text(code)
    command = [sys.executable, "-m", "jobtui", "jobs.py"]
    shell = [sys.executable, "-c", f"{TAKE_TERMINAL}os.execv({command[0]!r}, {command!r})"]
    terminal = Terminal(shell, tmp_path)
    try:
        what = (
            "still importing jobs.py"
            if place == "import"
            else "on_app_start function connect has not returned"
        )
        terminal.wait_for(f"jobtui: {what}")
        terminal.type("\x03")
        assert terminal.wait_for_exit() == 130
        assert "Traceback" not in terminal.text
    finally:
        terminal.close()


def test_a_slow_server_of_an_attached_dashboard_is_named_and_ctrl_c_ends_the_wait(tmp_path: Path) -> None:
    """The socket accepts connections, and nothing answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        command = [sys.executable, "-m", "jobtui", "attach", address]
        shell = [sys.executable, "-c", f"{TAKE_TERMINAL}os.execv({command[0]!r}, {command!r})"]
        terminal = Terminal(shell, tmp_path)
        try:
            terminal.wait_for(f"jobtui: still connecting to {address}/@jobs; Ctrl+C stops it")
            terminal.type("\x03")
            assert terminal.wait_for_exit() == 130
            assert "Traceback" not in terminal.text
        finally:
            terminal.close()


INTERACTIVE_JOB = """
    import jobtui, os, subprocess, sys

    def ask():
        input("name? ")

    def ask_in_shell():
        return subprocess.run(["sh", "-c", "read answer"]).returncode

    def read_all():
        return sys.stdin.read(), os.read(0, 10), sys.__stdin__.read()

    def debug():
        breakpoint()

    @jobtui.scheduled("@yearly")
    def interactive():
        for function in (ask, ask_in_shell, read_all, debug):
            try:
                print(function.__name__, "RETURNED", jobtui.now(function).result())
            except Exception as error:
                print(function.__name__, type(error).__name__, error)
"""
INTERACTIVE_RESULTS = (
    "ask EOFError",
    "ask_in_shell RETURNED 1",
    "read_all RETURNED ('', b'', '')",
    "debug RuntimeError breakpoint() has no terminal to read from",
)


def test_jobs_do_not_read_the_keys_of_the_dashboard(tmp_path: Path) -> None:
    """Their standard input is the null device, and breakpoint() says what to use."""
    (tmp_path / "jobs.py").write_text(textwrap.dedent(INTERACTIVE_JOB))
    terminal = Terminal([sys.executable, "-m", "jobtui", "jobs.py"], tmp_path)
    try:
        terminal.wait_for("Recent")
        terminal.type("r")
        terminal.type("o")
        for result in INTERACTIVE_RESULTS:
            terminal.wait_for(result)
        terminal.type("q")
        terminal.type("q")
        assert terminal.wait_for_exit() == 0
        terminal.assert_restored()
    finally:
        terminal.close()


FORKING_JOB = """
    import jobtui, os, signal, time

    HANDLED = signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH

    def fork(work):
        child = os.fork()
        if not child:
            os._exit(work() or 0)
        return child

    def status_of(child):
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    @jobtui.scheduled("@yearly")
    def forking():
        for number in (signal.SIGTERM, signal.SIGHUP):
            child = fork(lambda: time.sleep(60))
            os.kill(child, number)
            print("CHILD", number.name, status_of(child))
        child = fork(lambda: sum(signal.getsignal(number) is not signal.SIG_DFL for number in HANDLED))
        print("HANDLERS", status_of(child))
"""


def test_a_signal_to_a_forked_child_does_not_end_the_dashboard(tmp_path: Path) -> None:
    """The child has none of the handlers of the dashboard."""
    (tmp_path / "jobs.py").write_text(textwrap.dedent(FORKING_JOB))
    terminal = Terminal([sys.executable, "-m", "jobtui", "jobs.py"], tmp_path)
    try:
        terminal.wait_for("Recent")
        terminal.type("r")
        terminal.type("o")
        for result in ("CHILD SIGTERM -15", "CHILD SIGHUP -1", "HANDLERS 0"):
            terminal.wait_for(result)
        terminal.type("q")
        terminal.type("q")
        assert terminal.wait_for_exit() == 0
        terminal.assert_restored()
    finally:
        terminal.close()


TAKE_TERMINAL = "import fcntl, os, termios\nfcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
SHELL = f"{TAKE_TERMINAL}os.execvp('bash', ['bash', '--norc', '-i'])"


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Terminal]:
    """Run an interactive shell with job control in a terminal, and a dashboard in it."""
    (tmp_path / "jobs.py").write_text(textwrap.dedent(JOBS))
    terminal = Terminal([sys.executable, "-c", SHELL], tmp_path)
    try:
        terminal.type(f"{sys.executable} -m jobtui jobs.py\n")
        terminal.wait_for("Recent")
        yield terminal
    finally:
        terminal.close()


def dashboard_of(shell: Terminal) -> int:
    """Return the process id of the dashboard that a shell has started."""
    (child,) = Path(f"/proc/{shell.process.pid}/task/{shell.process.pid}/children").read_text().split()
    return int(child)


def assert_whole_screen_after(terminal: Terminal, place: int) -> None:
    """Wait until the terminal has received the text of every part of the screen since a place."""
    for part in ("jobtui", "pool", "STATUS", "forever", "Waiting", "Recent", "Quit"):
        terminal.wait_for(part, after=place)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("background", [False, True], ids=["fg", "bg fg"])
def test_ctrl_z_stops_the_dashboard_and_fg_draws_the_whole_screen(shell: Terminal, background: bool) -> None:
    """No thread is left over from before. In the background, it cannot draw, and stops again."""
    tasks = Path(f"/proc/{dashboard_of(shell)}/task")
    threads = len(list(tasks.iterdir()))
    for _ in range(2):
        place = len(shell.text)
        shell.type("\x1a")
        shell.wait_for("\x1b[?1049l", after=place)
        shell.wait_for("Stopped", after=place)
        if background:
            place = len(shell.text)
            shell.type("bg; sleep 0.5; jobs\n")
            shell.wait_for("Stopped", after=place)
        place = len(shell.text)
        shell.type("fg\n")
        assert_whole_screen_after(shell, place)
    assert len(list(tasks.iterdir())) == threads
    place = len(shell.text)
    shell.type("q")
    shell.wait_for("\x1b[?1049l", after=place)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_dashboard_that_another_process_stops_draws_the_whole_screen_in_the_foreground(
    shell: Terminal,
) -> None:
    """SIGSTOP leaves no time to restore the terminal."""
    place = len(shell.text)
    os.kill(dashboard_of(shell), signal.SIGSTOP)
    shell.wait_for("Stopped", after=place)
    place = len(shell.text)
    shell.type("fg\n")
    assert_whole_screen_after(shell, place)


def test_ctrl_z_has_no_effect_if_no_shell_could_continue_the_process(dashboard: Terminal) -> None:
    """The whole screen is drawn again, and keys work."""
    place = len(dashboard.text)
    dashboard.type("\x1a")
    assert_whole_screen_after(dashboard, place)
    dashboard.type("q")
    assert dashboard.wait_for_exit() == 0
    dashboard.assert_restored()


def test_ctrl_l_draws_the_whole_screen(dashboard: Terminal) -> None:
    """Another program may have written over it."""
    dashboard.wait_for("Recent")
    place = len(dashboard.text)
    dashboard.type("\x0c")
    assert_whole_screen_after(dashboard, place)
