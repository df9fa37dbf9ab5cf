"""The dashboard in a real terminal: what reaches it, and how it is left."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.frontend.backend import LocalBackend
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
MARKS = [f"LOOSE-{number}" for number in range(1, 8)]


class Terminal:
    """A program in a terminal of its own, read by a thread.

    Args:
        command: The program.
        folder: Where it runs.
    """

    def __init__(self, command: list[str], folder: Path) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 32, 120, 0, 0))
        self._theirs = theirs  # kept open, so that its settings can be read afterwards
        self._before = termios.tcgetattr(theirs)
        self._seen = b""
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env={**os.environ, "TERM": "xterm-256color"},
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while piece := os.read(self._ours, 65536):
                with self._news:
                    self._seen += piece
                    self._news.notify_all()
        except OSError:  # closed
            pass

    @property
    def seen(self) -> str:
        """Everything that has reached the terminal."""
        return self._seen.decode(errors="replace")

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def wait_for(self, text: str, *, after: int = 0) -> None:
        """Wait until something is on the terminal."""
        self._wait(lambda: text in self.seen[after:], text)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        with self._news:
            assert self._news.wait_for(condition, LIMIT), f"{what} did not come: {self.seen[-2000:]!r}"

    def end(self) -> int:
        """Wait until the program has ended, and the terminal has all that it wrote. Returns the status."""
        status = self.process.wait(LIMIT)
        os.write(self._theirs, b"THAT IS ALL")
        self.wait_for("THAT IS ALL")
        return status

    def assert_clean(self) -> None:
        """The usual screen, a cursor, no mouse, no pasting marks, and the settings as they were."""
        seen = self.seen
        for on, off in [
            ("\x1b[?1049h", "\x1b[?1049l"),
            ("\x1b[?25l", "\x1b[?25h"),
            ("\x1b[?1000h", "\x1b[?1000l"),
            ("\x1b[?1003h", "\x1b[?1003l"),
            ("\x1b[?2004h", "\x1b[?2004l"),
        ]:
            assert seen.rfind(off) > seen.rfind(on) >= 0, off.encode()
        assert "Traceback" not in seen
        assert termios.tcgetattr(self._theirs) == self._before

    @property
    def afterwards(self) -> str:
        """What was written once the dashboard was gone, without escape sequences."""
        return re.sub(r"\x1b\[[0-9;?<>=]*[a-zA-Z]", "", self.seen.rpartition("\x1b[?1049l")[2])

    def close(self) -> None:
        """End whatever is left."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(LIMIT)
        os.close(self._theirs)
        self._reader.join(LIMIT)  # its descriptor's number may be another terminal's soon
        os.close(self._ours)


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[Terminal]:
    """``jobtui jobs.py`` in a terminal of 120x32, showing its two jobs."""
    (tmp_path / "jobs.py").write_text(textwrap.dedent(JOBS))
    terminal = Terminal([sys.executable, "-m", "jobtui", "jobs.py"], tmp_path)
    try:
        terminal.wait_for("forever")
        yield terminal
    finally:
        terminal.close()


def test_what_jobs_print_never_tears_the_screen(dashboard: Terminal) -> None:
    """No print, log record, warning, subprocess or raw write reaches the terminal but in the app."""
    dashboard.type("r")
    dashboard.wait_for("✓")
    assert not [mark for mark in MARKS if mark in dashboard.seen]
    place = len(dashboard.seen)
    dashboard.type("o")
    for mark in MARKS:
        dashboard.wait_for(mark, after=place)
    dashboard.type("q")
    dashboard.type("q")
    assert dashboard.end() == 0
    dashboard.assert_clean()
    assert not [mark for mark in MARKS if mark in dashboard.afterwards]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_signals_leave_the_terminal_clean(dashboard: Terminal, name: str) -> None:
    """A signal ends the dashboard in order: as ``q`` would, without a traceback."""
    dashboard.process.send_signal(getattr(signal, name))
    assert dashboard.end() == 0
    dashboard.assert_clean()


def test_quitting_at_once_says_what_was_given_up(dashboard: Terminal) -> None:
    """``Q`` ends the process although a run goes on for ever, and says so on the usual screen."""
    dashboard.type("jr")
    dashboard.wait_for("▶")
    place = len(dashboard.seen)
    dashboard.type("q")
    dashboard.wait_for("quit at once", after=place)
    dashboard.type("Q")
    assert dashboard.end() == 0
    dashboard.assert_clean()
    assert "jobtui: forever (run 1) was still running and was given up" in dashboard.afterwards


def test_a_signal_while_a_run_goes_on(dashboard: Terminal) -> None:
    """SIGTERM does not wait for a run that never ends."""
    dashboard.type("jr")
    dashboard.wait_for("▶")
    dashboard.process.terminate()
    assert dashboard.end() == 0
    dashboard.assert_clean()


def test_a_terminal_that_changes_its_size(dashboard: Terminal) -> None:
    """The dashboard follows the size of the terminal that it draws on."""
    place = len(dashboard.seen)
    fcntl.ioctl(dashboard._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    dashboard.process.send_signal(signal.SIGWINCH)
    dashboard.wait_for("[1 Running 0]", after=place)
    dashboard.type("q")
    assert dashboard.end() == 0
    dashboard.assert_clean()


def test_an_attached_dashboard_is_left_at_once(tmp_path: Path) -> None:
    """``q`` asks nothing, although a run goes on: that is another process's, and goes on there."""
    go_on = threading.Event()
    scheduler = Scheduler()
    scheduler.schedule("@yearly", go_on.wait, name="forever")
    with scheduler, Server(LocalBackend(scheduler, "elsewhere.py"), parse_address("127.0.0.1:0")) as server:
        command = [sys.executable, "-m", "jobtui", "attach", str(server.address)]
        terminal = Terminal(command, tmp_path)
        try:
            terminal.wait_for("elsewhere.py")
            terminal.type("r")
            terminal.wait_for("▶")
            terminal.type("q")
            assert terminal.end() == 0
            terminal.assert_clean()
            assert scheduler.snapshot().pool.running == 1
        finally:
            terminal.close()
            go_on.set()
