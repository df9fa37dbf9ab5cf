"""Capture of what jobs and other code print, so that the dashboard keeps the terminal for itself.

Everything that would write to the terminal is captured at two levels. ``sys.stdout``, ``sys.stderr`` and the
log handlers bound to them are replaced by streams that find the run that writes in a context variable. File
descriptors 1 and 2, which subprocesses and C code write to, are replaced by a pipe.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, Any, TextIO

from jobtui.runtime.current_run import current_record
from jobtui.runtime.run_attachments import output_of

MAX_LINES = 2_000  # lines kept in the output log
MAX_LINE_LENGTH = 2_000  # characters kept of one line

Line = tuple[str, str]  # the name of the writer, and the text


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputChunk:
    """New lines of the output log, for a reader that has the earlier ones."""

    first: int  # the number of the first line in `lines`, counted from 1
    lines: tuple[Line, ...]  # the complete lines, oldest first
    unfinished: tuple[Line, ...]  # the lines that have no line break at their end yet

    @property
    def last(self) -> int:
        """The number of the latest complete line."""
        return self.first + len(self.lines) - 1


class OutputLog:
    """The latest lines of all captured output, each with the name of its writer. Thread-safe.

    Attributes:
        total_lines: How many complete lines have been written, including those that were dropped.
    """

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=MAX_LINES)
        self._unfinished: dict[str, str] = {}
        self._lock = threading.RLock()  # a signal handler may print while this thread prints
        self.total_lines = 0

    def write(self, writer: str, text: str) -> None:
        """Append text; text after the last line break is an unfinished line of its writer."""
        with self._lock:
            *lines, rest = (self._unfinished.pop(writer, "") + text).split("\n")
            if len(rest) > MAX_LINE_LENGTH:
                lines.append(rest)
                rest = ""
            if rest:
                self._unfinished[writer] = rest
            for line in lines:
                self._lines.append((writer, line.rstrip("\r")[:MAX_LINE_LENGTH]))
            self.total_lines += len(lines)

    def lines(self) -> list[Line]:
        """Return the kept lines, oldest first, then the unfinished ones."""
        with self._lock:
            return [*self._lines, *self._unfinished.items()]

    def output_since(self, number: int) -> OutputChunk:
        """Return the kept lines after the line of that number; all of them if there is no such line."""
        with self._lock:
            new = self.total_lines - number if 0 <= number <= self.total_lines else self.total_lines
            new = min(new, len(self._lines))
            lines = tuple(islice(self._lines, len(self._lines) - new, None))
            return OutputChunk(
                first=self.total_lines - new + 1, lines=lines, unfinished=tuple(self._unfinished.items())
            )


class _RoutingStream(io.TextIOBase):
    """A text stream that writes to the output log, and to the output of the run that writes, if any."""

    def __init__(self, log: OutputLog, name: str) -> None:
        self._log = log
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
            self._log.write(self._name, text)
        else:
            output_of(record).write(text)
            self._log.write(record.job.name, text)
        return len(text)


class _TeeStream(_RoutingStream):
    """A routing stream that also writes to the stream that it replaces.

    It behaves as that stream does: jobs pass its descriptor to subprocesses and write bytes to its buffer.
    If the stream has no reader any more, writing to it is not an error.
    """

    def __init__(self, log: OutputLog, name: str, original: TextIO) -> None:
        super().__init__(log, name)
        self._original = original

    def __getattr__(self, name: str) -> object:
        """Return an attribute that only the replaced stream has, such as ``buffer`` or ``reconfigure``."""
        return getattr(self._original, name)

    @property
    def encoding(self) -> str:  # type: ignore[override] # as above
        return self._original.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override] # as above
        return self._original.errors

    def isatty(self) -> bool:
        return self._original.isatty()

    def fileno(self) -> int:
        return self._original.fileno()

    def write(self, text: str) -> int:
        count = super().write(text)
        with suppress(OSError, ValueError):  # it has no reader any more; the user's code has closed it
            try:
                self._original.write(text)
            except UnicodeEncodeError:
                encoding = self._original.encoding
                self._original.write(text.encode(encoding, "backslashreplace").decode(encoding))
        return count

    def flush(self) -> None:
        with suppress(OSError, ValueError):  # as above
            self._original.flush()

    def close(self) -> None:
        pass  # Python closes this stream when it is collected, but the replaced one must stay open


@contextmanager
def capture_streams(log: OutputLog, *, pass_on: bool = False) -> Iterator[tuple[TextIO, TextIO]]:
    """Replace ``sys.stdout``, ``sys.stderr`` and the streams of log handlers bound to them.

    Args:
        log: Receives everything that is written.
        pass_on: Whether to write it to the replaced streams as well.

    Yields:
        The two replacements, for a caller that has to put them in place again.
    """

    def replacement(name: str, stream: TextIO | None) -> Any:
        return _TeeStream(log, name, stream) if pass_on and stream is not None else _RoutingStream(log, name)

    before = sys.stdout, sys.stderr
    streams = replacement("stdout", sys.stdout), replacement("stderr", sys.stderr)
    replacements = {id(sys.__stdout__): streams[0], id(sys.__stderr__): streams[1]}
    replacements |= {id(before[0]): streams[0], id(before[1]): streams[1]}
    moved: list[tuple[logging.StreamHandler[IO[str]], IO[str]]] = []
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    for handler in chain.from_iterable(getattr(logger, "handlers", ()) for logger in loggers):
        if isinstance(handler, logging.StreamHandler) and id(handler.stream) in replacements:
            moved.append((handler, handler.stream))
            handler.setStream(replacements[id(handler.stream)])
    sys.stdout, sys.stderr = streams
    try:
        yield streams
    finally:
        for handler, stream in moved:
            handler.setStream(stream)
        if (sys.stdout, sys.stderr) == streams:
            sys.stdout, sys.stderr = before


@contextmanager
def capture_descriptors(log: OutputLog) -> Iterator[io.TextIOWrapper]:
    """Write to the log what is written to the terminal through file descriptors 1 and 2.

    A descriptor that is not a terminal (``2>errors.log``) is not changed.

    Yields:
        The only stream that still writes to the terminal.

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
            target=_read_pipe, args=(reading, log.write), name="jobtui-output", daemon=True
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


def _read_pipe(descriptor: int, write: Callable[[str, str], None]) -> None:
    """Read a pipe until this process and every subprocess that inherited its other end have closed it."""
    with open(descriptor, encoding="utf-8", errors="replace", newline="") as pipe:
        while text := pipe.readline(MAX_LINE_LENGTH):
            write("subprocess", text)
