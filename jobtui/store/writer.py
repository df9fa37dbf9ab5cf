"""The writer: the one thread that writes the file, in batches.

It sleeps until something is in the outbox, waits a moment for more, and writes all of it in one transaction.
If the file cannot be written, the entries stay in the outbox, and the writer tries again.
"""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jobtui.engine.tracebacks import log_exception
from jobtui.store.database import open_for_writing
from jobtui.store.job_states import StoredState, read_state
from jobtui.store.lives import Origin, begin_life
from jobtui.store.outbox import Outbox, OutboxBatch
from jobtui.store.output_rows import OutputRows, StoredLine
from jobtui.store.retention import Retention
from jobtui.store.run_writing import RunWriting
from jobtui.store.store_errors import StoreError, store_error

BATCH_SECONDS = 0.2  # from the first entry to the write of its batch: a write has to end within 0.25 s
BATCH_ROWS = 2_000  # runs in a transaction
SEEN_SECONDS = 30.0  # between two notes that the process is alive
RETRY_SECONDS = 1.0, 30.0  # the first and the longest pause after an error
RETENTION_SECONDS = 10.0  # between two steps of deletion


@dataclass(slots=True)
class _Open:
    """The open file."""

    connection: sqlite3.Connection
    life: int
    runs: RunWriting
    output: OutputRows


class Writer:
    """Writes what is in the outbox to the file, in a thread of its own.

    Args:
        path: The file.
        origin: What runs in this process.
        retention: Deletes old rows.
        now: The wall clock, in seconds since the epoch.
        monotonic: The monotonic clock, in seconds.
        on_problem: Called in the writer's thread with what is wrong, or "" when all is well again.
        open_file: Opens the file.

    Attributes:
        outbox: The entries to write.
        read_output: Returns the lines that runs have written since the last call.
        problem: Why the file is not written; "" if it is.
        lost: How many endings have no row, because the outbox was full.
    """

    def __init__(
        self,
        path: Path,
        origin: Origin,
        retention: Retention,
        *,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        on_problem: Callable[[str], None],
        open_file: Callable[[Path], sqlite3.Connection] = open_for_writing,
    ) -> None:
        self._path = path
        self._origin = origin
        self._retention = retention
        self._now = now
        self._monotonic = monotonic
        self._on_problem = on_problem
        self.read_output: Callable[[], Sequence[StoredLine]] = tuple
        self._open_file = open_file
        self._wakeup = threading.Lock()  # released to wake the thread; an Event would take three locks
        self._wakeup.acquire()
        self._woken = False  # whether the thread will see what has been put into the outbox
        self._closing = False
        self._file: _Open | None = None
        self._state = StoredState()
        self._next_seen = -math.inf  # when to note next that the process is alive
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobtui-store", daemon=True)
        self._waiting_output: list[StoredLine] = []  # that could not be written yet
        self.outbox = Outbox(self.wake)
        self.problem = ""
        self.lost = 0

    def start(self, timeout: float) -> StoredState:
        """Start the thread, and wait until it has opened the file. Return the state of the jobs in it.

        Args:
            timeout: How many seconds to wait at most. If the file is not open by then, the writer goes on
                trying, and the state is empty.
        """
        self._thread.start()
        self._opened.wait(timeout)
        return self._state

    def wake(self) -> None:
        """Have the thread look into the outbox soon. Never blocks."""
        if not self._woken:
            self._woken = True
            with suppress(RuntimeError):  # released already
                self._wakeup.release()

    def close(self, timeout: float) -> bool:
        """Write what is left, and end the life of this process in the file.

        Args:
            timeout: How many seconds to wait at most.

        Returns:
            Whether all has been written.
        """
        if self._thread.ident is None:  # never started
            return True
        self._closing = True
        with suppress(RuntimeError):
            self._wakeup.release()
        self._thread.join(timeout)
        return not self._thread.is_alive() and not self.problem

    # --- the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        pause, first_retry = 0.0, RETRY_SECONDS[0]
        next_retention = self._monotonic() + RETENTION_SECONDS
        while True:
            closing = self._closing
            try:
                self._write_all()
                if self._monotonic() >= next_retention and self._file is not None:
                    more = self._retention.delete_some(self._file.connection, self._now())
                    next_retention = self._monotonic() + (0.05 if more else RETENTION_SECONDS)
                self._set_problem("")
                pause = 0.0
            except StoreError as error:
                self._set_problem(str(error))
                pause = math.inf if error.lasting else min(max(first_retry, pause * 2), RETRY_SECONDS[1])
            except BaseException as error:  # noqa: BLE001 - without this thread nothing would be written any more
                log_exception("an error inside the store", error)
                pause = first_retry
            finally:
                self._opened.set()
            if closing:
                break
            self._sleep(pause, next_retention)
        self._end_life()

    def _sleep(self, pause: float, next_retention: float) -> None:
        """Block until there is something to write, or for so many seconds after an error."""
        if pause:
            deadline = self._monotonic() + pause
            while not self._closing and (left := deadline - self._monotonic()) > 0:
                self._wakeup.acquire(timeout=min(left, SEEN_SECONDS))
            return
        if not self._woken:
            self._wakeup.acquire(timeout=max(0.0, min(SEEN_SECONDS, next_retention - self._monotonic())))
        if self._woken and not self._closing:
            self._wakeup.acquire(timeout=BATCH_SECONDS)  # only `close` wakes the thread again

    def _write_all(self) -> None:
        """Write all that is in the outbox, and the output; note that the process is alive."""
        file = self._file or self._open()
        while True:
            self._woken = False  # before reading: what is put in from now on wakes the thread again
            batch = self.outbox.take(BATCH_ROWS)
            lines = [*self._waiting_output, *self.read_output()]
            self._waiting_output = []
            if not batch and not lines and self._monotonic() < self._next_seen:
                return
            try:
                self._write(file, batch, lines)
            except sqlite3.Error as error:
                file.runs.forget_ids()
                self.outbox.put_back(batch)
                self._waiting_output = lines[-BATCH_ROWS:]
                raise store_error(self._path, error) from error
            self._next_seen = self._monotonic() + SEEN_SECONDS
            self.lost += sum(batch.lost.values())
            if not self.outbox:
                return

    def _open(self) -> _Open:
        connection = self._open_file(self._path)
        try:
            connection.execute("BEGIN IMMEDIATE")
            life = begin_life(connection, self._origin, self._now())
            self._state = read_state(connection, life)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            connection.close()
            raise store_error(self._path, error) from error
        self._file = _Open(connection, life, RunWriting(connection, life), OutputRows(connection, life))
        return self._file

    def _write(self, file: _Open, batch: OutboxBatch, lines: Sequence[StoredLine]) -> None:
        connection = file.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            file.runs.write(batch)
            file.output.write(lines)
            connection.execute("UPDATE lives SET seen = ? WHERE id = ?", (self._now(), file.life))
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _set_problem(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            self._on_problem(problem)

    def _end_life(self) -> None:
        if self._file is None:
            return
        with suppress(sqlite3.Error):  # the life ends as LOST at the next start
            connection = self._file.connection
            connection.execute("UPDATE lives SET ended = ? WHERE id = ?", (self._now(), self._file.life))
            connection.close()
