"""What jobs print, kept apart by run, so that a screen stays whole.

While a dashboard owns the terminal, everything else that would write to it is caught at two levels:
``sys.stdout``, ``sys.stderr`` and the log handlers bound to them are routed to the run that writes
(by contextvar); and file descriptors 1 and 2, which subprocesses and C code write to, end in a pipe.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, TextIO, cast

from jobtui.core.workers import current_record

LONGEST_OUTPUT = 8_192  # characters kept of one run, the last ones
CONSOLE_LINES = 2_000  # lines kept of everything
LONGEST_LINE = 2_000  # characters kept of one line


class RunOutput:
    """The tail of what one run wrote."""

    __slots__ = ("_dropped", "_parts", "_size")

    def __init__(self) -> None:
        self._parts: deque[str] = deque()
        self._size = 0
        self._dropped = False

    def write(self, text: str) -> None:
        """Append; what is too much is dropped from the beginning."""
        self._parts.append(text[-LONGEST_OUTPUT:])
        self._size += min(len(text), LONGEST_OUTPUT)
        self._dropped |= len(text) > LONGEST_OUTPUT
        while self._size > LONGEST_OUTPUT and len(self._parts) > 1:
            self._size -= len(self._parts.popleft())
            self._dropped = True

    def __str__(self) -> str:
        """Everything that was kept, and a note if something was not."""
        text = "".join(self._parts)
        return f"… earlier output was dropped …\n{text}" if self._dropped else text


class Console:
    """The last lines that anything wrote, whole lines only, each with the name of who wrote it."""

    def __init__(self) -> None:
        self._lines: deque[tuple[str, str]] = deque(maxlen=CONSOLE_LINES)
        self._open: dict[str, str] = {}
        self._lock = threading.RLock()  # a signal handler may print while this thread prints
        self.written = 0

    def write(self, writer: str, text: str) -> None:
        """Append what somebody wrote; an unfinished line waits for its end."""
        with self._lock:
            *lines, rest = (self._open.pop(writer, "") + text).split("\n")
            if len(rest) > LONGEST_LINE:
                lines.append(rest)
                rest = ""
            if rest:
                self._open[writer] = rest
            for line in lines:
                self._lines.append((writer, line.rstrip("\r")[:LONGEST_LINE]))
            self.written += len(lines)

    def lines(self) -> list[tuple[str, str]]:
        """Who wrote and what, oldest first; unfinished lines last."""
        with self._lock:
            return [*self._lines, *self._open.items()]


class _Router(io.TextIOBase):
    """A text stream that gives what is written to the run that writes it, and to the console."""

    def __init__(self, console: Console, name: str) -> None:
        self._console = console
        self._name = name

    @property
    def encoding(self) -> str:  # type: ignore[override] # typeshed has it as a plain attribute
        return "utf-8"

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        record = current_record.get()
        if record is None:
            self._console.write(self._name, text)
        else:
            remarks = record.own
            if remarks.output is None:
                remarks.output = RunOutput()
            remarks.output.write(text)
            self._console.write(record.job.name, text)
        return len(text)


@contextmanager
def captured_streams(console: Console) -> Iterator[tuple[TextIO, TextIO]]:
    """Route ``sys.stdout``, ``sys.stderr`` and the log handlers bound to them, for as long as this lasts.

    Yields:
        What stands in for the two, for who has to put them in place again.
    """
    before = sys.stdout, sys.stderr
    routers = cast(tuple[TextIO, TextIO], (_Router(console, "stdout"), _Router(console, "stderr")))
    ours = {id(sys.__stdout__): routers[0], id(sys.__stderr__): routers[1]}
    ours |= {id(before[0]): routers[0], id(before[1]): routers[1]}
    moved: list[tuple[logging.StreamHandler[IO[str]], IO[str]]] = []
    for handler in _stream_handlers():
        if id(handler.stream) in ours:
            moved.append((handler, handler.stream))
            handler.setStream(ours[id(handler.stream)])
    sys.stdout, sys.stderr = routers
    try:
        yield routers
    finally:
        for handler, stream in moved:
            handler.setStream(stream)
        if (sys.stdout, sys.stderr) == routers:
            sys.stdout, sys.stderr = before


def _stream_handlers() -> Iterator[logging.StreamHandler[IO[str]]]:
    loggers = [logging.root, *(each for each in logging.root.manager.loggerDict.values())]
    for logger in loggers:
        for handler in getattr(logger, "handlers", ()):
            if isinstance(handler, logging.StreamHandler):
                yield handler


@contextmanager
def captured_descriptors(console: Console) -> Iterator[io.TextIOWrapper]:
    """Send what is written to the terminal through descriptors 1 and 2 to the console instead.

    A descriptor that is not a terminal (``2>errors.log``) is left alone.

    Yields:
        The terminal: the one stream that still reaches it.

    Raises:
        OSError: Neither of the two is a terminal.
    """
    terminals = [number for number in (1, 2) if os.isatty(number)]
    if not terminals:
        raise OSError("neither standard output nor standard error is a terminal")
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()
    with ExitStack() as cleanup:
        terminal = cleanup.enter_context(open(os.dup(terminals[0]), "w", encoding="utf-8", errors="replace"))  # noqa: PTH123 - a descriptor, not a path
        saved = [(number, os.dup(number)) for number in terminals]
        reading, writing = os.pipe()
        for number in terminals:
            os.dup2(writing, number)
        os.close(writing)
        threading.Thread(
            target=_drain, args=(reading, console.write), name="jobtui-output", daemon=True
        ).start()
        try:
            yield terminal
        finally:
            for stream in (sys.__stdout__, sys.__stderr__):
                if stream is not None and not stream.closed:
                    stream.flush()
            for number, copy in saved:
                os.dup2(copy, number)
                os.close(copy)


def _drain(descriptor: int, write: Callable[[str, str], None]) -> None:
    """Read a pipe to its end: until we and every subprocess that inherited it have let go of it."""
    with open(descriptor, encoding="utf-8", errors="replace", newline="") as pipe:
        while text := pipe.readline(LONGEST_LINE):
            write("subprocess", text)
