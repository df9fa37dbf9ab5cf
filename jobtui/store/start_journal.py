"""The journal of starts: the latest runs that have started, in memory that survives a killed process.

The writer writes a start 250 ms later at the latest. A run that starts, and whose process is killed before
that, would be unknown at the next start, and its tick would be caught up: it would run twice. So each start
is noted first in a file that is mapped into memory. That takes no system call and no lock, and the system
keeps the bytes when the process is killed. The file is a ring of slots; the number of a run chooses its slot.

After the slots, the file has up to which number this process may have given numbers to runs: runs that wait
are not in the file of the store, and the next process must not give their numbers to others.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

from jobtui.engine.enums import Trigger
from jobtui.engine.records import RunRecord

SLOTS = 2_048  # starts that are kept
SLOT_BYTES = 256  # a job with a name of more than 215 bytes has no entries
_HEAD = struct.Struct("<IqdddIB")  # checksum, number, created, due, started, attempt, length of the name
_CHECKSUM_BYTES = 4
_MAX_NAME = SLOT_BYTES - _HEAD.size
_NUMBER = struct.Struct("<Iq")  # checksum, number
_NUMBERS = 8  # the latest reservations that are kept: threads may note theirs in any order
_SIZE = SLOTS * SLOT_BYTES + _NUMBERS * _NUMBER.size
_TICK = Trigger.TICK  # Python 3.11 is slow to look up the members of an enum


class NotedStart(NamedTuple):
    """A start that the journal has. Times are seconds since the epoch (UTC)."""

    number: int
    job: str
    created: float
    due: float
    started: float
    attempt: int


class StartJournal:
    """The journal of one process, from `open` on.

    Args:
        path: The file of the store; the journal is beside it.

    Attributes:
        path: The file of the journal.
    """

    def __init__(self, path: Path) -> None:
        path = path.resolve()
        self.path = path.with_name(f"{path.name}.starts")
        self._map: mmap.mmap | None = None
        self._numbers: deque[int] = deque(maxlen=_NUMBERS)
        self._places = count()

    def open(self) -> None:
        """Begin an empty journal. Read that of the process before this one first: see `read_starts`.

        Raises:
            OSError: The disk has no room for it, or its folder cannot be written.
        """
        self.path.unlink(missing_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _fill(descriptor)
            self._map = mmap.mmap(descriptor, _SIZE)
            for number in tuple(self._numbers):
                self._write_number(self._map, number)
        except BaseException:
            self.path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)

    def reserve_numbers(self, last: int) -> None:
        """Note that the numbers up to this one may be those of runs. Never blocks."""
        self._numbers.append(last)  # for a journal that is opened later
        if self._map is not None:
            self._write_number(self._map, last)

    def _write_number(self, journal: mmap.mmap, last: int) -> None:
        body = _NUMBER.pack(0, last)[_CHECKSUM_BYTES:]
        first = SLOTS * SLOT_BYTES + next(self._places) % _NUMBERS * _NUMBER.size
        journal[first : first + _NUMBER.size] = zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "little") + body

    def note(self, runs: Iterable[RunRecord]) -> None:
        """Note those that have started of ticks, of durable requests and of retries. Never blocks.

        Call this before their work begins. Other runs are neither caught up nor run again.
        """
        journal = self._map
        if journal is None:
            return
        for run in runs:
            extras = run.extras
            if run.trigger is not _TICK and not (extras.durable or extras.attempts_made):
                continue
            name = run.job.name.encode("utf-8", "replace")
            if len(name) > _MAX_NAME:
                continue
            due, started = run.due or run.created, run.started or run.created
            head = _HEAD.pack(0, run.number, run.created, due, started, extras.attempt, len(name))
            body = head[_CHECKSUM_BYTES:] + name
            entry = zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "little") + body
            first = run.number % SLOTS * SLOT_BYTES
            journal[first : first + len(entry)] = entry

    def close(self) -> None:
        """End the journal, because the file of the store has everything."""
        if self._map is not None:
            self._map = None
            self.path.unlink(missing_ok=True)


def _fill(descriptor: int) -> None:
    """Take all the room now: a full disk would end the process when it writes to a page without room."""
    if os.pwrite(descriptor, bytes(_SIZE), 0) < _SIZE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_starts(path: Path) -> list[NotedStart]:
    """Return the starts in a journal, by their numbers; none if there is no journal.

    Args:
        path: The file of the journal.
    """
    with suppress(OSError):
        return sorted(_parse(path.read_bytes()))
    return []


def read_last_number(path: Path) -> int:
    """Return the last number that the process of a journal may have given to a run; 0 if it is not known.

    Args:
        path: The file of the journal.
    """
    with suppress(OSError):
        data = path.read_bytes()[SLOTS * SLOT_BYTES : _SIZE]
        entries = _NUMBER.iter_unpack(data[: len(data) // _NUMBER.size * _NUMBER.size])
        return max((number for checksum, number in entries if _is_intact(checksum, number)), default=0)
    return 0


def _is_intact(checksum: int, number: int) -> bool:
    return zlib.crc32(_NUMBER.pack(0, number)[_CHECKSUM_BYTES:]) == checksum


def _parse(data: bytes) -> Iterator[NotedStart]:
    """Yield the entries that are complete: the process may have been killed while it wrote one."""
    for first in range(0, len(data) - SLOT_BYTES + 1, SLOT_BYTES):
        slot = data[first : first + SLOT_BYTES]
        checksum, number, created, due, started, attempt, length = _HEAD.unpack_from(slot)
        if number and zlib.crc32(slot[_CHECKSUM_BYTES : _HEAD.size + length]) == checksum:
            name = slot[_HEAD.size : _HEAD.size + length].decode("utf-8", "replace")
            yield NotedStart(number, name, created, due, started, attempt)
