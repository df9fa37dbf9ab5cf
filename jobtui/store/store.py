"""The store as the rest of jobtui sees it: what a change records goes in, history comes out."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from jobtui.engine.effects import Effects
from jobtui.engine.records import NUMBER, PackedRun
from jobtui.engine.tracebacks import logger
from jobtui.engine.views import StoreView
from jobtui.process.printable import printable
from jobtui.store.database import open_for_writing
from jobtui.store.file_lock import FileLock
from jobtui.store.file_systems import network_file_system
from jobtui.store.fork_gate import StoreConnection
from jobtui.store.history import History
from jobtui.store.job_states import StoredState
from jobtui.store.lives import Origin
from jobtui.store.one_off_rows import StoredOneOff
from jobtui.store.output_rows import StoredLine
from jobtui.store.retention import Retention
from jobtui.store.retrying_rows import take_retrying
from jobtui.store.start_journal import read_last_number
from jobtui.store.store_errors import StoreError, StoreInUseError, store_error
from jobtui.store.tick_claims import Tick, TickClaims
from jobtui.store.writer import Insertion, Writer

# Of a file system without locks.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}
OPEN_SECONDS = 10.0  # the longest that a start waits for the file
INSERT_CHECK = 0.02  # seconds after which a caller that waits for the disk checks that the writer lives
CLOSE_SECONDS = 5.0  # the longest that a stop waits for the last write


class Store:
    """A file that keeps the ledger, the output and the state of the jobs.

    Args:
        path: The file; it is made if it does not exist.
        origin: What runs in this process.
        retention: How much is kept.
        now: The wall clock, in seconds since the epoch.
        monotonic: The monotonic clock, in seconds.

    Attributes:
        path: The file.
        history: Answers questions about the runs in the file.
        wake: Has the writer look for new output soon. Never blocks.
    """

    def __init__(
        self,
        path: Path,
        origin: Origin,
        retention: Retention,
        *,
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.path = path
        self.history = History(path)
        self._lock = FileLock(path)
        self._on_change: Callable[[StoreView], None] = _ignore
        self._on_late_state: Callable[[StoredState], None] = _ignore
        self._writer = Writer(
            path,
            origin,
            retention,
            now=now,
            monotonic=monotonic,
            on_change=lambda: self._on_change(self.view),
            on_late_state=lambda state: self._on_late_state(state),  # noqa: PLW0108 - it is set later
            open_file=self._open_file,
        )
        self._claims = TickClaims(path, now, monotonic)
        self.wake = self._writer.wake

    @property
    def view(self) -> StoreView:
        """The view of the file now."""
        return StoreView(file=str(self.path), problem=self._writer.problem, lost=self._writer.outbox.lost)

    def lock(self) -> bool:
        """Take the lock of the file. Return False if another scheduler holds it.

        If the lock cannot be taken now, or on a file system without locks, this scheduler goes on without it.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return self._lock.acquire()
        except OSError as error:
            if error.errno in _NO_LOCKS:
                logger.warning(
                    "%s: the file system has no locks, so another process may use the store, too",
                    printable(str(self.path)),
                )
            return True  # else the writer meets the same problem, and shows it

    @property
    def lock_holder(self) -> int:
        """The number of the process that holds the lock; 0 if unknown."""
        return self._lock.holder()

    def open(
        self,
        on_change: Callable[[StoreView], None],
        on_late_state: Callable[[StoredState], None],
        on_reserved: Callable[[int], object],
    ) -> StoredState:
        """Open the file, and return the state of the jobs in it.

        If it cannot be opened, the state is empty, and what is recorded waits in memory.

        Args:
            on_change: Called in the thread of the writer when the view changes.
            on_late_state: Called there with the state if the file can be opened only later.
            on_reserved: Called there with a number when later runs need higher ones, because another
                scheduler has those until there.
        """
        self._writer.numbers.on_reserved = on_reserved
        self._on_change = on_change
        self._on_late_state = on_late_state
        kind = network_file_system(self.path)
        if kind:
            logger.warning(
                "%s is on a network file system (%s), whose locks cannot be relied upon: the file may be "
                "damaged, and another host may run the same jobs; use a local disk",
                printable(str(self.path)),
                kind,
            )
        return self._writer.start(OPEN_SECONDS)

    def last_number(self) -> int:
        """Return the last number that a run has, or may have had, before the file is opened.

        It is 0 if there is no file, or it cannot be read: the start meets the same problem, and shows it.
        """
        try:
            in_file = self.history.last_number() if self.path.exists() else 0
        except (StoreError, OSError):
            in_file = 0
        return max(in_file, read_last_number(self._writer.journal.path))

    def follow_output(self, read: Callable[[], Sequence[StoredLine]]) -> None:
        """Record output from now on.

        Args:
            read: Returns the lines that runs have written since the last call. Only the writer calls it.
        """
        self._writer.read_output = read

    def put(self, effects: Effects) -> None:
        """Record what a change has left to be recorded. Never blocks."""
        if effects.numbers:
            self._writer.journal.reserve_numbers(effects.numbers)
            if self._writer.numbers.note_used(effects.numbers):
                self._writer.wake()
        if effects.started:
            self._writer.journal.note(effects.started)
        if effects.are_for_store:
            self._writer.outbox.put(effects)

    def insert(self, one_off: StoredOneOff, accept: Callable[[], None], drain: Callable[[], None]) -> None:
        """Write a durable request to the disk. Block until that is done.

        Args:
            one_off: The request.
            accept: Called in the thread of the writer when the request is on the disk.
            drain: Called in the calling thread while it blocks.

        Raises:
            StoreError: The file cannot be written, and nothing was accepted.
            RuntimeError: The caller is the thread of the writer, in a destructor.
        """
        if self._writer.in_own_thread:
            raise RuntimeError(
                "a destructor in the thread that writes the store cannot wait for that thread: request a "
                "durable run from another thread"
            )
        insertion = Insertion(one_off, accept)
        self._writer.insert(insertion)
        while not insertion.wait(INSERT_CHECK):
            drain()
            if not self._writer.alive:
                insertion.settle(StoreError(self.path, "the store is closed"))
        if insertion.error is not None:
            raise insertion.error

    @property
    def is_shared(self) -> bool:
        """Whether other schedulers may use the file, because this one does not hold its lock."""
        return not self._lock.is_held

    def claim_ticks(self, ticks: Iterable[Tick]) -> dict[Tick, int]:
        """Claim ticks; see `TickClaims.claim`. Before the file is open, there is nothing to claim.

        Raises:
            StoreError: The file cannot be written now.
        """
        life = self._writer.life
        return {} if life is None else self._claims.claim(ticks, life)

    def take_one_offs(
        self, next_number: Callable[[int], int], on_taken: Callable[[list[StoredOneOff]], None]
    ) -> None:
        """Take the durable requests that belong to no process; see `Writer.take_one_offs`."""
        self._writer.take_one_offs(next_number, on_taken)

    def take_retrying(self, next_number: Callable[[int], int]) -> list[PackedRun]:
        """Take the RETRYING runs of processes that have ended. Before the file is open, there are none.

        Args:
            next_number: Returns the number of a run that had a number: that number, or a new one.

        Raises:
            StoreError: The file cannot be written now, and no run was taken.
        """
        life = self._writer.life
        taken = [] if life is None else take_retrying(self.path, life, next_number)
        self._writer.outbox.unended.update(run[NUMBER] for run in taken)
        return taken

    def close(self) -> bool:
        """Write what is left, and keep the lock. Return whether all has been written."""
        self._claims.close()
        return self._writer.close(CLOSE_SECONDS)

    def release(self) -> None:
        """Give the lock of the file back, so that another scheduler may use it. Call `close` before."""
        self._lock.release()

    def _open_file(self, path: Path) -> StoreConnection:
        """Open the file, and take its lock if that was impossible until now, or its folder was removed."""
        connection = open_for_writing(path)  # makes the folder
        try:
            if self._lock.ensure():
                self._writer.alone = self._lock.is_held
                return connection
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return connection
            connection.close()
            raise store_error(path, error) from error
        connection.close()
        raise StoreInUseError(path, self._lock.holder())


def _ignore(_value: object) -> None:
    """Do nothing."""
