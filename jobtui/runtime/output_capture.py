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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from itertools import chain
from typing import Any, TextIO

from jobtui.process.terminal import Terminal
from jobtui.runtime.current_run import run_of_context
from jobtui.runtime.output_log import MAX_LINE_LENGTH, OutputLog

# The level of the log record that a handler of this context writes.
_level: ContextVar[str] = ContextVar("level", default="")
_restorers: list[Callable[[], None]] = []  # what ends each capture that has begun, for a forked child


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

    def write(self, text: str, level: str = "") -> int:
        """Write text; give the level of the log record if it is one."""
        if type(text) is not str:
            if not isinstance(text, str):
                raise TypeError(f"write() argument must be str, not {type(text).__name__}")
            text = str.__str__(text)  # a subclass may override any method
        current = run_of_context.get()
        if current is None:
            self._log.write("", 0, level or self._name, text)
        else:
            run, attachments = current
            attachments.write_output(run, text, self._log.run_limit)
            self._log.write(run.job.name, run.number, level or self._name, text)
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

    def write(self, text: str, level: str = "") -> int:
        """Write text, to the replaced stream as well."""
        count = super().write(text, level)
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


class _HandlerStream:
    """The stream of a log handler: writes each record under the record's level to a captured stream."""

    def __init__(self, stream: _RoutingStream) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        """Return an attribute of the captured stream."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a formatted record."""
        return self._stream.write(text, _level.get())


def _note_level(record: logging.LogRecord) -> bool:
    """Note the level of a record, as a filter of the handler that then writes it."""
    _level.set(str(logging.getLevelName(record.levelno)))  # formatters change `levelname`, to colour it
    return True


@contextmanager
def capture_streams(log: OutputLog, *, pass_on: bool = False) -> Iterator[tuple[TextIO, TextIO]]:
    """Replace ``sys.stdout``, ``sys.stderr`` and the streams of log handlers bound to them.

    In a forked child nothing is captured: what the child writes would stay in its copy of the log.

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
    moved: list[tuple[logging.StreamHandler[Any], Any]] = []

    def restore() -> None:
        for handler, stream in moved:
            # Not `setStream`: it would flush the replaced stream, in a forked child a second time.
            handler.stream = stream
            handler.removeFilter(_note_level)
        if (sys.stdout, sys.stderr) == streams:
            sys.stdout, sys.stderr = before

    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    for handler in chain.from_iterable(getattr(logger, "handlers", ()) for logger in loggers):
        if isinstance(handler, logging.StreamHandler) and id(handler.stream) in replacements:
            moved.append((handler, handler.stream))
            handler.addFilter(_note_level)
            handler.setStream(_HandlerStream(replacements[id(handler.stream)]))
    sys.stdout, sys.stderr = streams
    _restorers.append(restore)
    try:
        yield streams
    finally:
        if restore in _restorers:  # otherwise this is a forked child
            _restorers.remove(restore)
        restore()


def _end_captures() -> None:
    """End the captures that a forked child has inherited."""
    while _restorers:
        _restorers.pop()()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_end_captures)


@contextmanager
def capture_descriptors(log: OutputLog) -> Iterator[Terminal]:
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
        terminal = cleanup.enter_context(Terminal(os.dup(terminals[0])))
        saved = [(number, os.dup(number)) for number in terminals]
        reading, writing = os.pipe()
        for number in terminals:
            os.dup2(writing, number)
        os.close(writing)
        threading.Thread(target=_read_pipe, args=(reading, log), name="jobtui-output", daemon=True).start()
        try:
            yield terminal
        finally:
            for stream in (sys.__stdout__, sys.__stderr__):
                if stream is not None and not stream.closed:
                    stream.flush()
            for number, copy in saved:
                os.dup2(copy, number)
                os.close(copy)


def _read_pipe(descriptor: int, log: OutputLog) -> None:
    """Read a pipe until this process and every subprocess that inherited its other end have closed it."""
    with open(descriptor, encoding="utf-8", errors="replace", newline="") as pipe:
        while text := pipe.readline(MAX_LINE_LENGTH):
            log.write("", 0, "subprocess", text)
