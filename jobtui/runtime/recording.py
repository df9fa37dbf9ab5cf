"""Recording: connects a scheduler with its store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from jobtui.engine.catch_up import CatchUp, CatchUpPlanner, CatchUpRules
from jobtui.engine.engine import Engine
from jobtui.engine.enums import Phase, RunState, SingleName
from jobtui.engine.records import NUMBER
from jobtui.engine.takeover import Takeover, TakeoverPlanner
from jobtui.engine.tracebacks import logger
from jobtui.engine.views import StoreView
from jobtui.process.printable import printable
from jobtui.runtime.durable_requests import DurableRequests
from jobtui.runtime.hooks import StartError
from jobtui.runtime.kernel import Kernel
from jobtui.runtime.output_log import OutputLog
from jobtui.runtime.run_output import longer_output
from jobtui.runtime.stored_output import OutputFeed
from jobtui.runtime.unregistered_jobs import describe_unregistered
from jobtui.store.database import missing_folder
from jobtui.store.history import History
from jobtui.store.job_states import StoredState
from jobtui.store.lives import Life
from jobtui.store.output_rows import StoredLine
from jobtui.store.store import Store
from jobtui.store.store_errors import StoreError, StoreInUseError
from jobtui.store.tick_claims import Tick


class Recording:
    """Lets a scheduler go on with what its store knows, and record what happens.

    Args:
        kernel: Makes the changes.
        make_store: Opens the file: once for each start, because a stop closes it.
        single: The rule for a file that another scheduler uses.
        rules: The rules for ticks that passed while no scheduler ran.
        durable: Requests durable runs.

    Attributes:
        durable: As above.
        wait: For how many seconds jobs wait for `begin_catch_up` before they catch up.
        store: The file, as this start uses it.
        catch_ups: The jobs that have missed ticks while no scheduler ran, known from the start on.
    """

    def __init__(
        self,
        kernel: Kernel,
        make_store: Callable[[], Store],
        single: SingleName,
        rules: CatchUpRules,
        durable: DurableRequests,
    ) -> None:
        self.durable = durable
        self._kernel = kernel
        self._make_store = make_store
        self.store = make_store()
        self._log: OutputLog | None = None
        self._single = single
        self._rules = rules
        self._state = StoredState()
        # Runs that are requested before the start get numbers after those that the file has now.
        self._known = self.store.last_number()
        self._skip_numbers(self._known)
        # The numbers that runs have got before the file was opened, which other processes may have used, too.
        self._given = range(0)
        self.wait = 0.0
        self.catch_ups: list[CatchUp] = []

    def _skip_numbers(self, last: int) -> None:
        """Give later runs higher numbers than this one."""
        self._kernel.apply(lambda engine, _: engine.skip_numbers(last))

    @property
    def history(self) -> History:
        """Answers questions about the runs in the file."""
        return self.store.history

    def follow_output(self, log: OutputLog) -> None:
        """Record what runs write to the output log, from now on."""
        self._log = log
        find_run = self._kernel.engine.find_run  # a lookup in a dict, which needs no lock
        feed = OutputFeed(log, lambda number: find_run(number) is None, StoredLine)
        self.store.follow_output(feed)
        log.on_write = self.store.wake

    def stored_output(self, number: int, after: int, limit: int) -> list[tuple[int, StoredLine]]:
        """Return lines of `History.output_after`; none if the file cannot be read."""
        try:
            return self.history.output_after(number, after, limit)
        except StoreError:  # the snapshot says so
            return []

    def stored_output_before(
        self, number: int, before: int | None, at: float, limit: int
    ) -> list[tuple[int, StoredLine]]:
        """Return lines of `History.output_before`; none if the file cannot be read."""
        try:
            return self.history.output_before(number, before, at, limit)
        except StoreError:  # the snapshot says so
            return []

    def lives(self) -> list[Life]:
        """Return the processes that have used the file, oldest first; none if it cannot be read."""
        try:
            return self.history.lives()
        except StoreError:  # the snapshot says so
            return []

    @property
    def file(self) -> Path:
        """The file."""
        return self.store.path

    @property
    def owner(self) -> int:
        """The number of the process that uses the file, 0 if unknown, or -1 if this one may use it."""
        return -1 if self.store.lock() else self.store.lock_holder

    @property
    def holder(self) -> str:
        """The store and the process that uses it, in words."""
        return str(StoreInUseError(self.store.path, self.store.lock_holder))

    def start(self) -> bool:
        """Open the file, and restore the state of the jobs. From now on, everything is recorded.

        Returns:
            Whether that was done. It was not if another scheduler uses the file.

        Raises:
            StartError: Another scheduler uses the file, and this one is to be refused.
        """
        folder = missing_folder(self.file)
        if self._single != "off" and not self.store.lock():
            if self._single == "refuse":
                raise StartError(self.holder)
            view = StoreView(file=str(self.store.path))  # the other process writes it
            self._kernel.apply(lambda engine, now: engine.set_store(view, now))
            return False
        self._state = self.store.open(self._show, self._restore_late, self._skip_numbers)
        if folder is not None and folder.is_dir():  # it may be a typing error
            text = f"the folder {printable(str(folder))} of the store was missing, and was created"
            self._kernel.apply(lambda engine, now: engine.give_notice(text, now))
        self._kernel.consumers += (self.store.put,)

        def record(engine: Engine, now: float) -> None:
            engine.record_for_store()
            engine.set_store(self.store.view, now)

        self._kernel.apply(record)
        self._restore(self._state)
        return True

    @property
    def claims_ticks(self) -> bool:
        """Whether each tick has to be claimed, because other schedulers may use the file at the same time."""
        return self._single == "off" or self.store.is_shared

    def claim_ticks(self, ticks: Iterable[Tick]) -> dict[Tick, int]:
        """Claim ticks. Return those that another process has claimed, with its number."""
        try:
            return self.store.claim_ticks(ticks)
        except StoreError as error:
            text = f"{error}: ticks are not claimed, and each scheduler that uses the store runs them"
            self._kernel.apply(lambda engine, now: engine.report_internal_error(text, now))
            return {}

    def _restore_late(self, state: StoredState) -> None:
        """Let the jobs go on with a state that comes after the start: the runs until then are added to it."""
        self._state = state
        self._restore(state)
        if self._kernel.engine.phase is Phase.RUNNING:  # else the start does it, when all jobs are registered
            takeovers = self.plan_takeovers(self._kernel.clock.now())
            self._kernel.apply(lambda engine, now: engine.take_over(takeovers, now))

    def _restore(self, state: StoredState) -> None:
        last = self._kernel.apply(lambda engine, now: engine.restore(state.jobs, state.last_number, now))
        self._given = range(self._known + 1, last + 1)
        self.durable.begin(self.store, self._given)
        if state.pool is not None:
            size, configured = state.pool
            self._kernel.apply(lambda engine, now: engine.restore_pool(size, configured, now))

    def plan_takeovers(self, now: float) -> list[Takeover]:
        """Take the runs that were RETRYING when earlier processes ended, and plan how they go on.

        Call this before the start of the engine.

        Args:
            now: The time, in seconds since the epoch.
        """
        if not self._state.has_retrying:
            return []
        engine, given = self._kernel.engine, self._given
        try:
            runs = self.store.take_retrying(
                lambda number: next(engine.run_numbers) if number in given else number
            )
        except StoreError as error:
            text = f"{error}: its RETRYING runs wait for the next start"
            self._kernel.apply(lambda engine, now: engine.report_internal_error(text, now))
            return []
        jobs = self._kernel.inspect(lambda engine: dict(engine.jobs))
        takeovers = TakeoverPlanner(jobs, self._rules.spread, engine.tz).plan(runs, now)
        for each in takeovers:
            if each.state is RunState.RETRYING:
                self._restore_output(each.run[NUMBER])
        return takeovers

    def _restore_output(self, number: int) -> None:
        """Let the output of a run begin with what its earlier attempts have written."""
        text = "".join(f"{line.text}\n" for _, line in self.stored_output(number, 0, -1))
        if text and self._log is not None:
            outputs = self._kernel.runs.attachments.outputs
            outputs.setdefault(number, longer_output("", text, self._log.run_limit))

    def plan_catch_up(self, now: float) -> list[CatchUp]:
        """Find the ticks that passed while no scheduler ran. Call this before the start of the engine.

        Args:
            now: The time, in seconds since the epoch.
        """
        self.catch_ups = []
        if self.claims_ticks and self._state.downtime.since is None:  # another scheduler runs the ticks
            return self.catch_ups
        planner = CatchUpPlanner(
            self._rules, self._state.downtime, self._kernel.engine.tz, self._kernel.engine.quiet
        )
        records = self._kernel.inspect(lambda engine: list(engine.jobs.values()))
        histories = self._state.jobs
        known = [(record, histories[record.name]) for record in records if record.name in histories]
        found, problems = planner.plan(known, now)
        for problem in problems:
            self._kernel.apply(lambda engine, now, text=problem: engine.report_internal_error(text, now))  # type: ignore[misc]
        self.catch_ups = found
        names = {record.name for record in records}
        for sentence in describe_unregistered(histories, names, self._kernel.engine.tz, self.file):
            logger.warning("%s", sentence)
        return found

    def begin_catch_up(self, left_out: Collection[str]) -> None:
        """Let the jobs that wait begin to catch up, except those with the given names."""
        chosen = {each.job.name: each for each in self.catch_ups if each.job.name in left_out}
        self._kernel.apply(lambda engine, now: engine.begin_catch_up(chosen, now))

    def reopen(self) -> None:
        """Prepare for another start after a stop."""
        before = self.store.put
        self._kernel.consumers = tuple(each for each in self._kernel.consumers if each != before)
        self.durable.end()
        self.store = self._make_store()
        self._known = 0
        if self._log is not None:
            self.follow_output(self._log)

    def _show(self, view: StoreView) -> None:
        """Show and log what is wrong with the file. Called in the thread of the writer."""
        before, log = self._kernel.engine.store, self._kernel.runs.attachments.ending_log
        if view.problem != before.problem:
            log.log_store(view.problem)
        if view.lost and (not before.lost or (before.problem and not view.problem)):
            log.log_lost(view.lost)
        self._kernel.apply(lambda engine, now: engine.set_store(view, now))
