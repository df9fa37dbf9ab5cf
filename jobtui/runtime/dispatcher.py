"""The dispatcher: gives runs to the workers of an executor, and records their endings."""

from __future__ import annotations

from collections import deque
from functools import partial

from jobtui.engine.batch import Batch
from jobtui.engine.engine import Engine
from jobtui.engine.enums import RunState
from jobtui.engine.tracebacks import one_line
from jobtui.runtime.executors.base import Worker, interrupted_outcome
from jobtui.runtime.kernel import Kernel
from jobtui.runtime.poller import Poller


class RunDispatcher:
    """Gives runs to the workers of an executor; see `executors.base.Dispatcher`.

    After a stop and another start, there is another executor with a dispatcher of its own. The workers of the
    earlier one, in which work may still go on that was given up, only hand in their outcomes.

    Args:
        kernel: Makes the changes.
        poller: Checks the workers from time to time.

    Attributes:
        attachments: The outputs and stop requests of the runs.
    """

    def __init__(self, kernel: Kernel, poller: Poller) -> None:
        self._kernel = kernel
        self._can_start = kernel.engine.can_start
        self.attachments = kernel.runs.attachments
        self.check_workers_soon = poller.check_workers_soon

    def take(self, worker: Worker, at_most: int) -> bool:
        """Hand in the worker's outcomes, and take its next batch. Returns False if there is none."""
        outcomes = worker.outcomes
        self._kernel.make_change(partial(self._exchange, worker, at_most))
        outcomes.clear()  # not with the lock held: a result may have a destructor
        return worker.batch is not None

    def _exchange(self, worker: Worker, at_most: int, engine: Engine, now: float) -> None:
        if self._kernel.dispatcher is not self:
            at_most = 0
        self._kernel.runs.keep_results(worker.outcomes, engine.may_retry)
        engine.finish_batch(worker.batch, worker.outcomes, now)
        worker.clear()
        batch = worker.batch = Batch(now)
        if worker.coroutines_only:
            started = engine.start_coroutines(batch, at_most)
        else:
            started = engine.start_batch(batch, worker.name, at_most)
        if not started:
            worker.batch = None

    def has_work(self) -> bool:
        """Return whether the inbox holds something, or a run may start."""
        return bool(self._kernel.inbox) or self._can_start()

    def recover(self, worker: Worker, error: BaseException) -> None:
        """Record an exception that came between a worker's runs, and end those that it interrupted.

        Runs that the worker has taken and not begun stay with it.
        """

        def end_interrupted(engine: Engine, now: float) -> None:
            engine.report_internal_error(f"{worker.name}: {one_line(error)}", now)
            batch = worker.batch
            if batch is None:
                return
            # The records are the truth: the exception may have come between a change of the pool and that of
            # the batch.
            for run in [run for run in batch.coroutines if run.state is not RunState.RUNNING]:
                batch.coroutines.remove(run)
            own = engine.runs_of_worker(batch, worker.name)
            if not batch.begun:
                batch.runs, batch.pending = own, deque(own[1:])
                return
            done = {outcome.run for outcome in worker.outcomes} | {*worker.handed_over, *batch.pending}
            for run in own:
                if run not in done:
                    worker.outcomes.append(interrupted_outcome(run, error))

        self._kernel.apply_here(end_interrupted)
        self._kernel.run_unfinished_effects()
