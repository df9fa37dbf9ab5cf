"""Capture of what jobs and other code print, so that the dashboard keeps the terminal for itself.

Everything that would write to the terminal is captured at two levels. ``sys.stdout``, ``sys.stderr`` and the
log handlers bound to them are replaced by streams that find the run that writes. Subprocesses of a run get
pipes to these streams. File descriptors 1 and 2, which C code writes to, are replaced by pipes.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from inspect import getattr_static
from itertools import chain
from typing import Any, TextIO

from jobtui.process.terminal import Terminal
from jobtui.runtime.captured_streams import CapturedStream, TeeStream
from jobtui.runtime.output_log import MAX_LINE_LENGTH, OutputLog
from jobtui.runtime.rich_bars import follow_rich
from jobtui.runtime.rich_consoles import separate_consoles
from jobtui.runtime.stream_guard import guard
from jobtui.runtime.writing_run import follow_subprocesses, follow_threads

# The level of the log record that a handler of this context writes.
_level: ContextVar[str] = ContextVar("level", default="")
_restorers: list[Callable[[], None]] = []  # what ends each capture that has begun, for a forked child


class _HandlerStream:
    """The stream of a log handler: writes each record under the record's level to a captured stream."""

    def __init__(self, stream: CapturedStream) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        """Return an attribute of the captured stream."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a formatted record."""
        return self._stream.write(text, _level.get())


class _LastResortHandler(logging.StreamHandler[Any]):
    """Takes the place of `logging.lastResort`, which writes the records of a program without handlers.

    It looks up `sys.stderr` for each record, as that handler does, so that `redirect_stderr` works in a job.

    Args:
        replaced: The handler that it replaces; has the level, the format and the filters.
    """

    def __init__(self, replaced: logging.Handler) -> None:
        logging.Handler.__init__(self, replaced.level)  # not that of StreamHandler: it would set the stream
        self.setFormatter(replaced.formatter)
        self.filters = [*replaced.filters, _note_level]

    @property
    def stream(self) -> Any:
        """The stream for the next record."""
        return _HandlerStream(sys.stderr) if isinstance(sys.stderr, CapturedStream) else sys.stderr


def _note_level(record: logging.LogRecord) -> bool:
    """Note the level of a record, as a filter of the handler that then writes it."""
    _level.set(str(logging.getLevelName(record.levelno)))  # formatters change `levelname`, to colour it
    return True


@contextmanager
def _label_last_resort() -> Iterator[None]:
    """Write the records of a program without log handlers under their levels, too."""
    replaced = logging.lastResort
    # Unless the program has set a handler with a stream of its own, or none.
    if replaced is None or not isinstance(getattr_static(type(replaced), "stream", None), property):
        yield
        return
    replacement = logging.lastResort = _LastResortHandler(replaced)
    try:
        yield
    finally:
        if logging.lastResort is replacement:
            logging.lastResort = replaced


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

    def replacement(descriptor: int, stream: TextIO | None) -> Any:
        if pass_on and stream is not None:
            return TeeStream(log, descriptor, stream)
        return CapturedStream(log, descriptor)

    before, guarded = (sys.stdout, sys.stderr), (guard.streams, guard.is_capturing)
    streams = replacement(1, sys.stdout), replacement(2, sys.stderr)
    replacements = {id(sys.__stdout__): streams[0], id(sys.__stderr__): streams[1]}
    replacements |= {id(before[0]): streams[0], id(before[1]): streams[1]}
    moved: list[tuple[logging.StreamHandler[Any], Any]] = []

    patches = ExitStack()

    def restore() -> None:
        patches.close()
        for handler, stream in moved:
            # Not `setStream`: it would flush the replaced stream, in a forked child a second time.
            handler.stream = stream
            handler.removeFilter(_note_level)
        streams[0].end_capture()
        streams[1].end_capture()
        guard.streams, guard.is_capturing = guarded
        if sys.stdout is streams[0]:
            sys.stdout = before[0]
        if sys.stderr is streams[1]:
            sys.stderr = before[1]

    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    for handler in chain.from_iterable(getattr(logger, "handlers", ()) for logger in loggers):
        if isinstance(handler, logging.StreamHandler) and id(handler.stream) in replacements:
            moved.append((handler, handler.stream))
            handler.addFilter(_note_level)
            handler.setStream(_HandlerStream(replacements[id(handler.stream)]))
    sys.stdout, sys.stderr = guard.streams = streams
    guard.is_capturing = True
    _restorers.append(restore)
    try:
        patches.enter_context(_label_last_resort())
        patches.enter_context(follow_threads())
        patches.enter_context(follow_subprocesses(*streams))
        patches.enter_context(follow_rich())
        patches.enter_context(separate_consoles(streams))
        patches.enter_context(guard.finishing(log.open_lines, lambda run: log.end_lines(run.number)))
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
        for number in terminals:
            reading, writing = os.pipe()
            os.dup2(writing, number)
            os.close(writing)
            arguments = reading, log, f"fd {number}"
            threading.Thread(target=_read_pipe, args=arguments, name="jobtui-output", daemon=True).start()
        try:
            yield terminal
        finally:
            for stream in (sys.__stdout__, sys.__stderr__):
                if stream is not None and not stream.closed:
                    stream.flush()
            for number, copy in saved:
                os.dup2(copy, number)
                os.close(copy)


def _read_pipe(descriptor: int, log: OutputLog, stream: str) -> None:
    """Read a pipe until this process and every subprocess that inherited its other end have closed it."""
    with open(descriptor, encoding="utf-8", errors="replace", newline="") as pipe:
        while text := pipe.readline(MAX_LINE_LENGTH):
            log.write("", 0, stream, text)
