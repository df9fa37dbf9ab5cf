"""``jobtui TARGET --headless`` as a process, and its output line by line."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from support.command_line import LIMIT, inherited_environment


class HeadlessProcess:
    """A process that runs ``jobtui TARGET --headless``; it is killed at the end of the block.

    Args:
        folder: The process's current folder.
        target: The target.
        options: Further arguments.
        launcher: The program and its arguments that start the process, such as ``nohup``.
        environment: Additional environment variables.
    """

    def __init__(
        self, folder: Path, target: str, *options: str, launcher: Sequence[str] = (), **environment: str
    ) -> None:
        self._process = subprocess.Popen(
            [*launcher, sys.executable, "-m", "jobtui", target, "--headless", *options],
            cwd=folder,
            env=inherited_environment() | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # `timeout` signals the whole process group
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.stdin = self._process.stdin
        self.stdout, self.stderr = PipeLines(self._process.stdout), PipeLines(self._process.stderr)

    def __enter__(self) -> Self:
        """Return the process, which runs already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill the process if it still runs."""
        self._process.kill()
        self._process.wait(LIMIT)
        self.stdin.close()
        self.stdout.close()
        self.stderr.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self._process.send_signal(number)

    def send_until_end(self, number: signal.Signals) -> None:
        """Send a signal until the process ends, because repeats right after the first one have no effect."""
        for _ in range(int(LIMIT / 0.1)):
            self._process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.1)
                return

    def wait(self) -> int:
        """Wait until the process ends and return its exit status."""
        return self._process.wait(LIMIT)

    def wait_without_traceback(self) -> int:
        """Wait until the process ends, assert that it printed no traceback, and return its exit status."""
        status = self.wait()
        self.stderr.read_all()
        assert "Traceback" not in self.stderr.text
        assert "Fatal Python error" not in self.stderr.text
        return status


class PipeLines:
    """The lines of a pipe, read by a thread that starts at the first read.

    Attributes:
        text: The lines read so far.
    """

    def __init__(self, pipe: IO[str]) -> None:
        self.text = ""
        self._pipe = pipe
        self._lines: queue.Queue[str] = queue.Queue()
        self._thread: threading.Thread | None = None

    def wait_for(self, word: str) -> str:
        """Read until a line contains the word, and return that line."""
        self._start_reading()
        while True:
            line = self._lines.get(timeout=LIMIT)
            assert line, f"no line has {word!r}:\n{self.text}"
            self.text += line
            if word in line:
                return line

    def read_all(self) -> None:
        """Read until the end."""
        self._start_reading()
        while line := self._lines.get(timeout=LIMIT):
            self.text += line
        self._lines.put("")

    def close(self) -> None:
        """Close the pipe. If it is being read, read it until its end first."""
        if self._thread is not None:
            self._thread.join(LIMIT)
        self._pipe.close()

    def _start_reading(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._read_pipe, daemon=True)
            self._thread.start()

    def _read_pipe(self) -> None:
        for line in self._pipe:
            self._lines.put(line)
        self._lines.put("")
