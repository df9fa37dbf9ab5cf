"""Puts ``sys.stdout`` and ``sys.stderr`` back after a run that has replaced them.

Both belong to the process: a job that replaces and does not restore them would silence every later job.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, TextIO


class StreamGuard:
    """Puts the streams back when the runs that may have replaced them have ended.

    Several runs may run at once, and one may be in ``contextlib.redirect_stdout`` when another one ends. So a
    stream stays replaced until every run has ended that was running when the replacement was noticed.
    Each step on shared data is one operation in C, which the GIL makes atomic.

    Attributes:
        streams: The streams to put back; None for none. Then no method may be called.
        is_capturing: Whether the streams record the output of runs.
        finishers: What completes the output of a run before it ends: a collection that is empty while no run
            needs that, and a function that does it for a run.
    """

    def __init__(self) -> None:
        self.streams: tuple[TextIO, TextIO] | None = None
        self.is_capturing = False
        self.finishers: tuple[tuple[Collection[object], Callable[[Any], None]], ...] = ()
        self._running: set[object] = set()
        self._suspects: set[object] | None = None
        self._kept: list[object] = []  # replacements that were put back

    def keep(self) -> None:
        """Put the streams back as they are now, until `release`, unless others are put back already."""
        if self.streams is None:
            self.streams = sys.stdout, sys.stderr

    def release(self) -> None:
        """Put no streams back any more, except captured ones."""
        if not self.is_capturing:
            self.streams = None

    @contextmanager
    def finishing(self, unfinished: Collection[object], finish: Callable[[Any], None]) -> Iterator[None]:
        """Call a function before each run ends, unless the collection is empty."""
        before = self.finishers
        self.finishers = (*before, (unfinished, finish))
        try:
            yield
        finally:
            self.finishers = before

    def begin(self, run: object) -> None:
        """Note that a run has begun."""
        self._running.add(run)

    def end(self, run: object) -> None:
        """Note that a run has ended, and put the streams back if no other may have replaced them."""
        for unfinished, finish in self.finishers:
            if unfinished:
                finish(run)
        self._running.discard(run)
        streams, suspects = self.streams, self._suspects
        if streams is None or (sys.stdout is streams[0] and sys.stderr is streams[1]):
            self._suspects = None
            return
        if suspects is None:
            self._suspects = suspects = set(self._running)
        suspects.discard(run)
        if not suspects:
            self._suspects = None
            sys.stdout = self._choose(sys.stdout, streams[0])
            sys.stderr = self._choose(sys.stderr, streams[1])

    def _choose(self, replacement: Any, stream: TextIO) -> Any:
        """Return the stream to use from now on: the one to put back, or its replacement."""
        if replacement is stream or not _must_stay(replacement, stream):
            return stream
        if not self.is_capturing:
            return replacement
        self._kept.append(replacement)  # when it is collected, it would close the file of the stream
        return stream


def _must_stay(replacement: object, stream: object) -> bool:
    """Return whether a stream is unusable, or its replacement writes to the same file, as a wrapper does.

    Such a replacement silences nothing, and it would close the file when it is collected.
    """
    try:
        if getattr(stream, "closed", False):
            return True
    except ValueError:  # it is detached from its file
        return True
    descriptor = _descriptor(stream)
    return descriptor is not None and descriptor == _descriptor(replacement)


def _descriptor(stream: Any) -> object:
    """Return the file descriptor of a stream; None if it has none."""
    try:
        return stream.fileno()
    except Exception:  # noqa: BLE001 - from an object of the user
        return None


guard = StreamGuard()  # of this process, as the streams are
