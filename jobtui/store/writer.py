"""The writer: the one thread that writes the file, in batches.

It sleeps until something is in the outbox, waits a moment for more, and writes all of it in one transaction.
If the file cannot be written, the entries stay in the outbox. The writer opens the file again and retries.
"""

from __future__ import annotations

import math
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from jobtui.engine.records import ENDED, NUMBER
from jobtui.engine.tracebacks import log_exception, one_line
from jobtui.store.database import WAL_BYTES, open_for_writing
from jobtui.store.fork_gate import StoreConnection, identity_of, using_sqlite
from jobtui.store.job_states import StoredState, keep_last_number, read_state
from jobtui.store.lives import Origin, begin_life
from jobtui.store.number_blocks import NumberBlocks
from jobtui.store.old_rows import OldRows
from jobtui.store.one_off_rows import AT_ONCE, StoredOneOff, has_untaken, insert_one_offs, take_one_offs
from jobtui.store.outbox import Outbox, OutboxBatch
from jobtui.store.output_rows import OutputRows, StoredLine
from jobtui.store.retention import Retention
from jobtui.store.run_writing import RunWriting
from jobtui.store.start_journal import StartJournal, read_last_number, read_starts
from jobtui.store.store_errors import StoreError, is_about_data, is_passing, store_error
from jobtui.store.waiting_output import WaitingOutput
from jobtui.store.wal import WalLimit, truncate_wal

BATCH_SECONDS = 0.15  # from the first entry to the write of its batch: a write has to end within 0.25 s
BATCH_ROWS = 2_000  # runs in a transaction
SEEN_SECONDS = 30.0  # between two notes that the process is alive
RETRY_SECONDS = 1.0, 10.0  # the first and the longest pause after an error
CARE_SECONDS = 10.0  # between two looks at the limits of the file
STEP_SECONDS = 0.05  # between two steps of deletion
POLL_SECONDS = 0.2  # between two looks for durable requests that other programs have written
LOST_SECONDS = 1.0  # between two notices of how many endings are only counted
MAX_WAL = 4 * WAL_BYTES  # with a larger write-ahead log, which a long reader causes, nothing is deleted


class _Open:
    """The open file.

    Args:
        connection: The connection.
        path: The path at which it was opened.
        life: The row of this process in `lives`.
        keep: How many bytes are kept of each run's output.
    """

    def __init__(self, connection: StoreConnection, path: Path, life: int, keep: int) -> None:
        self.connection = connection
        self.life = life
        self.runs = RunWriting(connection, life)
        self.output = OutputRows(connection, life, keep)
        self._path = path

    @property
    def is_moved(self) -> bool:
        """Whether the file was deleted, moved or replaced."""
        return identity_of(self._path) != self.connection.identity

    def close(self) -> None:
        """Close the file. If it was moved, the new file at its path must not get its write-ahead log."""
        with suppress(sqlite3.Error), using_sqlite():
            truncate_wal(self.connection)
        with suppress(sqlite3.Error), using_sqlite():
            self.connection.close()


class Insertion:
    """A durable request that waits until it is on the disk. Only one thread may wait for it.

    Args:
        one_off: The request.
        accept: Called in the writer's thread when the request is on the disk.

    Attributes:
        one_off: The request.
        accept: As above.
        error: Why it was not accepted; None if it was.
    """

    def __init__(self, one_off: StoredOneOff, accept: Callable[[], None]) -> None:
        self.one_off = one_off
        self.accept = accept
        self.error: BaseException | None = None
        self._settled = False
        self._lock = threading.Lock()  # released when it is settled; an Event would take three locks
        self._lock.acquire()

    def settle(self, error: BaseException | None = None) -> None:
        """Wake the thread that waits. Only the first call has an effect."""
        if not self._settled:
            self.error = error
            self._settled = True
            self._lock.release()

    def wait(self, timeout: float) -> bool:
        """Block until it is settled, at most so many seconds. Return whether it is."""
        return self._settled or self._lock.acquire(timeout=timeout)


class Writer:
    """Writes what is in the outbox to the file, in a thread of its own.

    Args:
        path: The file.
        origin: What runs in this process.
        limits: How much is kept.
        now: The wall clock, in seconds since the epoch.
        monotonic: The monotonic clock, in seconds.
        on_change: Called in the writer's thread when `problem` or the number of lost endings has changed.
        on_late_state: Called in the writer's thread with the state of the jobs, if the file could not be
            opened at the start, and is open now.
        open_file: Opens the file.
        retry_seconds: The first and the longest pause after an error.
        care_seconds: The time between two looks at the limits of the file.

    Attributes:
        outbox: The entries to write.
        read_output: Returns the lines that runs have written since the last call.
        journal: The latest starts; `Store.put` notes them.
        numbers: The numbers of the runs, where several schedulers use the file.
        alone: Whether this process holds the lock of the file.
        problem: Why the file is not written; "" if it is.
    """

    def __init__(
        self,
        path: Path,
        origin: Origin,
        limits: Retention,
        *,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        on_change: Callable[[], None],
        on_late_state: Callable[[StoredState], None],
        open_file: Callable[[Path], StoreConnection] = open_for_writing,
        retry_seconds: tuple[float, float] = RETRY_SECONDS,
        care_seconds: float = CARE_SECONDS,
    ) -> None:
        self._path = path
        self._origin = origin
        self._limits = limits
        self._old_rows = OldRows(limits)
        self._wal = WalLimit(path, limits.mib, now)
        self._retry_seconds = retry_seconds
        self._care_seconds = care_seconds
        self._now = now
        self._monotonic = monotonic
        self._on_change = on_change
        self._on_late_state = on_late_state
        self.read_output: Callable[[], Sequence[StoredLine]] = tuple
        self._open_file = open_file
        self._wakeup = threading.Lock()  # released to wake the thread; an Event would take three locks
        self._wakeup.acquire()
        self._insertions: deque[Insertion] = deque()
        self._next_number: Callable[[int], int] | None = None  # None: it takes no durable requests
        self._on_taken: Callable[[list[StoredOneOff]], None] = _ignore
        self._data_version: int | None = None  # of the file, when requests were last taken
        self._took_old = False  # whether the requests of earlier processes have been taken
        self._woken = False  # whether the thread will see what has been put into the outbox
        self._closing = False
        self._file: _Open | None = None
        self._started: float | None = None  # when this life began; None before the file was opened
        self._state: StoredState | None = None  # None before that, too
        self._start_returned = False  # whether `start` did not wait any longer
        self._taken_at = -math.inf  # when the latest batch was taken from the outbox
        self._next_seen = -math.inf  # when to note next that the process is alive
        self._next_notice = -math.inf  # when `on_change` may be called next, if only `lost` has changed
        self._noticed: tuple[str, int] = "", 0  # the problem and the number of lost endings
        self._attempted = threading.Event()  # whether the file has been opened, or could not be
        self._thread: threading.Thread | None = None
        self._output = WaitingOutput()
        self.outbox = Outbox(self.wake)
        self.journal = StartJournal(path)
        self.numbers = NumberBlocks()
        self.alone = False
        self.problem = ""

    def start(self, timeout: float) -> StoredState:
        """Start the thread, and wait until it has opened the file. Return the state of the jobs in it.

        Args:
            timeout: How many seconds to wait at most. If the file is not open by then, or cannot be opened,
                the state is empty, and the writer goes on trying.
        """
        # Only now: Python 3.13 cannot start a thread in a forked child that was made before the fork.
        self._thread = threading.Thread(target=self._run, name="jobtui-store", daemon=True)
        self._thread.start()
        self._attempted.wait(timeout)
        self._start_returned = True
        return self._state or StoredState()

    def wake(self) -> None:
        """Have the thread look into the outbox soon. Never blocks."""
        if not self._woken:
            self._woken = True
            with suppress(RuntimeError):  # released already
                self._wakeup.release()

    def insert(self, insertion: Insertion) -> None:
        """Have the thread write a durable request at once. Never blocks."""
        self._insertions.append(insertion)
        self._woken = True
        with suppress(RuntimeError):
            self._wakeup.release()

    def take_one_offs(
        self, next_number: Callable[[int], int], on_taken: Callable[[list[StoredOneOff]], None]
    ) -> None:
        """Take the durable requests that belong to no process, now and whenever there are more.

        Args:
            next_number: Returns the number of a run that had a number, or 0: that number, or a new one.
            on_taken: Called in the writer's thread with the requests, which are to be run.
        """
        self._on_taken = on_taken
        self._next_number = next_number
        self.wake()

    @property
    def life(self) -> int | None:
        """The row of this process in `lives`; None while the file is not open."""
        file = self._file
        return None if file is None else file.life

    @property
    def in_own_thread(self) -> bool:
        """Whether the caller is the writer's thread."""
        return threading.current_thread() is self._thread

    @property
    def alive(self) -> bool:
        """Whether the thread runs. It does not in a forked child."""
        return self._thread is not None and self._thread.is_alive()

    def close(self, timeout: float) -> bool:
        """Write what is left, and end the life of this process in the file.

        Args:
            timeout: How many seconds to wait at most.

        Returns:
            Whether all has been written.
        """
        if self._thread is None:  # never started
            return True
        self._closing = True
        with suppress(RuntimeError):
            self._wakeup.release()
        self._thread.join(timeout)
        return not self._thread.is_alive() and not self.problem

    # --- the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        pause, next_care = 0.0, self._monotonic() + self._care_seconds
        while True:
            closing = self._closing
            failure: StoreError | None = None
            try:
                self._write_all()
                self._take_new()
                self._reserve_numbers()
                if self._monotonic() >= next_care and not closing:
                    next_care = self._monotonic() + self._care_for_file()
                problem, pause = "", 0.0
            except StoreError as error:
                failure = error
                problem, pause = str(error), self._next_pause(pause)
            except BaseException as error:  # noqa: BLE001 - without this thread nothing would be written any more
                log_exception("an error inside the store", error)
                problem, pause = f"an error inside the store: {one_line(error)}", self._next_pause(pause)
                failure = StoreError(self._path, problem)
            if failure is not None:
                self._settle(len(self._insertions), failure)
            self._notice(problem)
            self._attempted.set()
            if closing:
                break
            self._sleep(pause, next_care)
        self._end_life()

    def _next_pause(self, pause: float) -> float:
        first, longest = self._retry_seconds
        return min(max(first, pause * 2), longest)

    def _sleep(self, pause: float, next_care: float) -> None:
        """Block until there is something to write, or for so many seconds after an error."""
        if pause:
            deadline = self._monotonic() + pause
            while not (self._closing or self._insertions) and (left := deadline - self._monotonic()) > 0:
                self._wakeup.acquire(timeout=min(left, SEEN_SECONDS))
            return
        first_at = self._taken_at  # when the first entry may have been put in
        if not self._woken:
            longest = SEEN_SECONDS if self._next_number is None else POLL_SECONDS
            self._wakeup.acquire(timeout=max(0.0, min(longest, next_care - self._monotonic())))
            first_at = self._monotonic()
        if self._woken:
            self._wakeup.acquire(blocking=False)  # the release that woke the thread, or has come before
            left = first_at + BATCH_SECONDS - self._monotonic()
            if left > 0 and not self._closing and not self._insertions:
                self._wakeup.acquire(timeout=left)  # only `close` and `insert` wake the thread again

    def _write_all(self) -> None:
        """Write all that is in the outbox, and the output; note that the process is alive.

        Raises:
            StoreError: The file cannot be written now. What could not be written is kept.
        """
        if self._file is not None and self._file.is_moved:
            self._close_file()
            raise StoreError(self._path, "the file was deleted or replaced while it was in use")
        file = self._file or self._open()
        while True:
            self._woken = False  # before reading: what is put in from now on wakes the thread again
            self._taken_at = self._monotonic()
            batch = self.outbox.take(BATCH_ROWS)
            self._output.extend(self.read_output())
            insertions = tuple(self._insertions)
            if not (batch or self._output or insertions) and self._monotonic() < self._next_seen:
                return
            try:
                self._write(file, batch, self._output.lines(), [each.one_off for each in insertions])
            except sqlite3.Error as error:
                if is_about_data(error):
                    self._give_up(batch, error)
                    self._settle(len(insertions), store_error(self._path, error))
                    continue
                self.outbox.put_back(batch)
                if not is_passing(error):
                    self._close_file()
                raise store_error(self._path, error) from error
            except (StoreError, MemoryError):
                self.outbox.put_back(batch)
                raise
            except Exception as error:  # noqa: BLE001 - a value that cannot be converted, for example
                self._give_up(batch, error)
                self._settle(len(insertions), StoreError(self._path, one_line(error)))
                continue
            self._settle(len(insertions))
            self._output.clear()
            ended = [run[NUMBER] for run in batch.recorded if run[ENDED] is not None]
            self.outbox.unended.difference_update(ended)
            self._next_seen = self._monotonic() + SEEN_SECONDS
            if max(len(batch.recorded), len(batch.started)) < BATCH_ROWS:
                return  # what came in the meantime is in the next batch

    def _give_up(self, batch: OutboxBatch, error: Exception) -> None:
        """Count what cannot be written in any case, so that it does not keep the rest from being written."""
        log_exception(f"{len(batch.recorded)} entries cannot be stored, and are only counted", error)
        self._output.clear()
        self.outbox.give_up(batch)

    def _settle(self, count: int, error: StoreError | None = None) -> None:
        """Accept the first durable requests that wait, which are on the disk, or refuse them."""
        for _ in range(count):
            insertion, failure = self._insertions.popleft(), None
            try:
                if error is None:
                    insertion.accept()
            except BaseException as raised:  # noqa: BLE001 - the caller raises it
                failure = raised
            insertion.settle(error or failure)

    def _take_new(self) -> None:
        """Take the durable requests that belong to no process, if the file may have new ones.

        Raises:
            StoreError: The file cannot be read or written now.
        """
        file, number = self._file, self._next_number
        if file is None or number is None:
            return
        try:
            with using_sqlite():
                [version] = file.connection.execute("PRAGMA data_version").fetchone()
            while version != self._data_version:
                taken = self._take(file, number)
                if len(taken) < AT_ONCE:
                    self._data_version, self._took_old = version, True
                if taken:
                    self._on_taken(taken)
        except sqlite3.Error as error:
            if not is_passing(error):
                self._close_file()
            raise store_error(self._path, error) from error

    def _take(self, file: _Open, next_number: Callable[[int], int]) -> list[StoredOneOff]:
        connection, took_old = file.connection, self._took_old
        with using_sqlite():
            if took_old and not has_untaken(connection):
                return []
            connection.execute("BEGIN IMMEDIATE")
            try:
                taken = take_one_offs(
                    connection,
                    file.life,
                    # In a file that has replaced the first one, an old number may be that of a live run.
                    lambda number: next_number(0 if took_old else number),
                    of_ended_lives=self._data_version is None,
                )
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        return taken

    def _reserve_numbers(self) -> None:
        """Reserve more numbers of runs in the file, if most of those so far are used.

        Raises:
            StoreError: The file cannot be written now.
        """
        file = self._file
        if file is None or not self.numbers.wanted:
            return
        try:
            with using_sqlite():
                self.numbers.reserve(file.connection)
        except sqlite3.Error as error:
            if not is_passing(error):
                self._close_file()
            raise store_error(self._path, error) from error

    def _open(self) -> _Open:
        with using_sqlite():
            connection = self._open_file(self._path)
        started = self._now() if self._started is None else self._started
        try:
            with using_sqlite():
                connection.execute("BEGIN IMMEDIATE")
                is_first = self.alone and self._started is None
                starts = read_starts(self.journal.path) if is_first else ()
                keep_last_number(connection, read_last_number(self.journal.path) if is_first else 0)
                life = begin_life(
                    connection, self._origin, started, self._now(), alone=self.alone, starts=starts
                )
                state = read_state(connection, life) if self._state is None else None
                last_reserved = 0 if self.alone else self.numbers.first_block(connection)
                connection.execute("COMMIT")
        except BaseException as error:
            connection.close()
            if isinstance(error, sqlite3.Error):
                raise store_error(self._path, error) from error
            raise
        if self.alone and self._started is None:
            with suppress(OSError):  # without it, runs may be caught up that have just started
                self.journal.open()
        self._started = started
        self.numbers.use(last_reserved)
        self._data_version = None
        self._file = _Open(connection, self._path, life, self._limits.output)
        if state is not None:
            self._state = state
            if self._start_returned:
                self._on_late_state(state)
        return self._file

    def _close_file(self) -> None:
        """Close the file. The next attempt to write opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(
        self,
        file: _Open,
        batch: OutboxBatch,
        lines: Sequence[StoredLine],
        one_offs: Sequence[StoredOneOff],
    ) -> None:
        connection = file.connection
        with using_sqlite(), _on_disk(connection) if one_offs else nullcontext():
            if not self._closing:  # the last write: rather a large log than lost entries
                self._wal.check(connection)
            connection.execute("BEGIN IMMEDIATE")
            try:
                insert_one_offs(connection, one_offs, file.life)
                file.runs.write(batch)
                file.output.write(lines)
                connection.execute("UPDATE lives SET seen = ? WHERE id = ?", (self._now(), file.life))
                connection.execute("COMMIT")
            except BaseException:
                file.runs.forget_ids()
                file.output.forget_positions()
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _care_for_file(self) -> float:
        """Keep the file within its limits. Return the seconds until this has to be called again."""
        if self._file is None:
            return self._care_seconds
        connection = self._file.connection
        try:
            with using_sqlite():
                size = self._wal.care_for(connection)
                more = size <= MAX_WAL and self._old_rows.delete_some(connection, self._now())
        except sqlite3.Error as error:
            raise store_error(self._path, error) from error
        return min(STEP_SECONDS, self._care_seconds) if more else self._care_seconds

    def _notice(self, problem: str) -> None:
        """Tell that something has changed; not more often than necessary while endings are lost."""
        self.problem = problem
        before, noticed = self._noticed, (problem, self.outbox.lost)
        if before == noticed or (before[0] == problem and self._monotonic() < self._next_notice):
            return
        self._noticed = noticed
        self._next_notice = self._monotonic() + LOST_SECONDS
        try:
            self._on_change()
        except BaseException as error:  # noqa: BLE001 - as above
            log_exception("an error inside the store", error)

    def _end_life(self) -> None:
        if self._file is None:
            return
        with suppress(sqlite3.Error), using_sqlite():  # the life ends as LOST at the next start
            connection = self._file.connection
            connection.execute("UPDATE lives SET ended = ? WHERE id = ?", (self._now(), self._file.life))
            if not self.problem:
                self.numbers.give_back(connection)
            self.journal.close()
        self._close_file()


@contextmanager
def _on_disk(connection: sqlite3.Connection) -> Iterator[None]:
    """Have transactions during the block end when the disk has them, so that a power cut loses nothing."""
    connection.execute("PRAGMA synchronous = full")
    try:
        yield
    finally:
        connection.execute("PRAGMA synchronous = normal")


def _ignore(_one_offs: list[StoredOneOff]) -> None:
    """Do nothing: the writer takes no requests."""
