"""Effects: the work that a change of the engine leaves to be done after the state lock is released."""

from __future__ import annotations

from dataclasses import dataclass, field

from jobtui.engine.enums import Overlap
from jobtui.engine.job_pause import Pause
from jobtui.engine.records import PackedRun, RunRecord


@dataclass(slots=True)
class Effects:
    """The work that one or more changes leave to be done. Plain data; the engine does none of it.

    Attributes:
        ended: The runs that have ended, oldest first: others may wait for them. They still have their calls,
            which have to be dropped without the state lock: a destructor may take long.
        stop_requested: The RUNNING runs that have been asked to stop.
        unstarted_ticks: Entries of the ledger for ticks that started no run, of jobs that are not paused.
        repeated_ticks: The same for ticks that follow such ones with the same reason, and share their ledger
            entry. They are not logged again.
        errors: Names of jobs and the exceptions of their schedules, in one line each.
        notices: What the scheduler has done by itself that a user has to know, in one line each.
        started: The runs that have started, for the store; nothing without one.
        recorded: The entries of the ledger for runs and ticks that have ended, for the store; and runs whose
            attempts have failed, in the state RETRYING.
        finished: The numbers of the durable runs that have ended, and need not run again after a restart.
        registered: The jobs with a schedule that were registered, for the store: the name, the key of the
            schedule, the overlap policy, and when.
        sizes: The sizes of the pool that were set by hand, for the store, each with the configured one.
        pauses: The jobs that were paused or resumed, for the store: the name, and the pause or None.
        numbers: Up to which number the store has to reserve the numbers of runs; 0 if that has not changed.
    """

    ended: list[RunRecord] = field(default_factory=list)
    stop_requested: list[RunRecord] = field(default_factory=list)
    unstarted_ticks: list[PackedRun] = field(default_factory=list)
    repeated_ticks: list[PackedRun] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    started: list[RunRecord] = field(default_factory=list)
    recorded: list[PackedRun] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)
    registered: list[tuple[str, str, Overlap, float]] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    pauses: list[tuple[str, Pause | None]] = field(default_factory=list)
    numbers: int = 0

    @property
    def are_for_store(self) -> bool:
        """Whether there is anything to store."""
        return bool(
            self.recorded or self.started or self.finished or self.registered or self.pauses or self.sizes
        )

    def __bool__(self) -> bool:
        """Return whether there is anything to do."""
        return bool(
            self.ended
            or self.recorded
            or self.started
            or self.stop_requested
            or self.unstarted_ticks
            or self.repeated_ticks
            or self.errors
            or self.notices
            or self.numbers
            or self.are_for_store
        )
