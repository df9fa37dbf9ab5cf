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
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import IO, TextIO, cast

from jobtui.runtime.attachments import output_of
from jobtui.runtime.current_run import current_record

CONSOLE_LINES = 2_000  # lines kept of everything
LONGEST_LINE = 2_000  # characters kept of one line


Line = tuple[str, str]  # who wrote, and what


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputChunk:
    """Lines that were written, for a reader who knows the ones before them.

    Attributes:
        first: The number of the first of these whole lines, counted from 1.
        lines: The whole lines, oldest first.
        unfinished: The lines whose end has not been written yet.
    """

    first: int
    lines: tuple[Line, ...]
    unfinished: tuple[Line, ...]

    @property
    def last(self) -> int:
        """The number of the last whole line that there is."""
        return self.first + len(self.lines) - 1


class OutputLog:
    """The last lines that anything wrote, whole lines only, each with the name of who wrote it."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=CONSOLE_LINES)
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

    def lines(self) -> list[Line]:
        """Who wrote and what, oldest first; unfinished lines last."""
        with self._lock:
            return [*self._lines, *self._open.items()]

    def after(self, number: int) -> OutputChunk:
        """The whole lines after the one of that number, as far as they are kept; all if it never was."""
        with self._lock:
            new = self.written - number if 0 <= number <= self.written else self.written
            new = min(new, len(self._lines))
            lines = tuple(islice(self._lines, len(self._lines) - new, None))
            return OutputChunk(
                first=self.written - new + 1, lines=lines, unfinished=tuple(self._open.items())
            )


class _Router(io.TextIOBase):
    """A text stream that gives what is written to the run that writes it, and to the console."""

    def __init__(self, console: OutputLog, name: str) -> None:
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
            output_of(record).write(text)
            self._console.write(record.job.name, text)
        return len(text)


class _Tee(_Router):
    """A router that passes on what is written to the stream in whose place it stands.

    To whoever asks, it is that stream: jobs hand its descriptor to subprocesses and write bytes to its
    buffer. Where nobody can read the stream any more, writing to it is no error.
    """

    def __init__(self, console: OutputLog, name: str, original: TextIO) -> None:
        super().__init__(console, name)
        self._original = original

    def __getattr__(self, name: str) -> object:
        """What only the stream itself has: ``buffer``, ``reconfigure``, ``line_buffering``."""
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
        with suppress(OSError, ValueError):  # nobody reads it any more; closed by the user's code
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
        pass  # Python does it when this is taken away, and the stream lives on


@contextmanager
def captured_streams(console: OutputLog, *, pass_on: bool = False) -> Iterator[tuple[TextIO, TextIO]]:
    """Route ``sys.stdout``, ``sys.stderr`` and the log handlers bound to them, for as long as this lasts.

    Args:
        console: Is given all that is written.
        pass_on: Whether it is written to the streams that stood there before, too.

    Yields:
        What stands in for the two, for who has to put them in place again.
    """
    before = sys.stdout, sys.stderr
    routers = cast(
        tuple[TextIO, TextIO],
        tuple(
            _Tee(console, name, stream) if pass_on and stream is not None else _Router(console, name)
            for name, stream in zip(("stdout", "stderr"), before, strict=True)
        ),
    )
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
def captured_descriptors(console: OutputLog) -> Iterator[io.TextIOWrapper]:
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
