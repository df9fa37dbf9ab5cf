"""The pool's moves that nearly every run takes, two in one or many at once.

Each leaves the books as the pool's own moves would, one after the other, in a fraction of the time; tests
compare the two.
"""

from __future__ import annotations

from itertools import islice

from jobtui.core.events import RunFinished, RunStarted
from jobtui.core.journal import Journal
from jobtui.core.model import RunState
from jobtui.core.pool import Ledger, Pool
from jobtui.core.records import NOTHING, RunRecord
from jobtui.core.streak import MOST, Streak

# Looking up an enum's member takes Python 3.11 a tenth of a microsecond.
_OK, _RUNNING = RunState.OK, RunState.RUNNING


class FastPool(Pool):
    """A pool with short ways.

    Args:
        size: As for the pool.
        journal: As for the pool.
        ledger: As for the pool.
    """

    def __init__(self, size: int, journal: Journal, ledger: Ledger) -> None:
        super().__init__(size, journal, ledger)
        self._record_all = ledger.record_all

    def admit_one_offs(self, runs: list[RunRecord]) -> None:
        """Queue runs that are QUEUED since they were created, of jobs whose runs may overlap; all at once.

        What `admit` would do with each, in a fraction of the time.
        """
        for run in runs:
            job = run.job
            job.queued += 1
            job.picture = None
        self.queue.extend(runs)
        self._journal.tell_queued(runs)

    def turn(self, done: RunRecord, now: float, elapsed: float, worker: str) -> RunRecord | None:
        """`finish` a run that ended OK, without remarks, and `take` the next one.

        Nearly every run passes here, and where nothing is special both are done at once: to go from one
        to the other takes as long as what they do.
        """
        job, queue, running = done.job, self.queue, self.running
        recent = job.recent
        if not queue or job.held or self._crowded or done.state is not _RUNNING:
            self.finish(done, now, _OK, elapsed)
            return self.take(now, worker)
        run = queue.popleft()
        del running[done.number]
        running[run.number] = run
        # `finish`, for one that has been RUNNING and was all that its job had in the queue.
        done.state = _OK
        done.elapsed = job.last_elapsed = elapsed
        done.call = done.handle = job.last_queued = None
        job.runs += 1
        # `take`.
        run.state = _RUNNING
        run.worker = worker
        job.picture = None
        if run.job is not job:
            job.running -= 1
            job = run.job
            job.running += 1
            job.picture = None
        job.queued -= 1
        done.ended = run.started = job.prev = now
        row, record, journal = done.row(), self._record, self._journal
        if recent:
            recent.append(row)
        else:
            done.job.remember(row)
        record(row)
        journal.seq += 2
        if journal.tape is not None:
            journal.tape += (RunFinished, done, RunStarted, run)
        return run

    def deal(self, run: RunRecord, worker: str) -> Streak:
        """Take more runs like this one, which has just started, from the head of the queue."""
        queue, job, more = self.queue, run.job, []
        for each in islice(queue, MOST - 1):
            if each.job is not job or each.remarks is not NOTHING:
                break
            more.append(each)
        for _ in more:
            queue.popleft()
        return Streak(run, more, worker)

    def enter(self, streak: Streak, offset: float) -> None:
        """Bring the books up to date with a streak, and put back into the queue what has not begun.

        What `turn` would have done with each, in a fraction of the time.

        Args:
            streak: Its runs are of a job whose runs may overlap, and end OK, with no remarks.
            offset: The wall clock's seconds less the monotonic ones.
        """
        self.queue.extendleft(streak.take_back())
        runs, first, ended = streak.runs, streak.entered, streak.ended
        if first == ended or runs[first].state is not _RUNNING:  # or it was given up meanwhile
            return
        streak.entered = ended
        done, begun = runs[first:ended], runs[first + 1 : ended + 1]
        at, rows = runs[first].started or 0.0, []
        offset = max(offset, at - streak.times[2 * first])  # it is measured: no run ends before it has begun
        for run, (end, elapsed) in zip(done, streak.endings(first, ended), strict=True):
            run.started = at
            run.worker = streak.worker
            run.ended = at = end + offset
            run.elapsed = elapsed
            run.state = _OK
            run.call = run.handle = None
            rows.append(run.row())
        job = runs[first].job
        job.runs += len(done)
        job.queued -= len(begun)
        job.prev, job.last_elapsed = done[-1].started, done[-1].elapsed
        job.picture = None
        del self.running[done[0].number]
        if len(begun) == len(done):
            run = begun[-1]
            run.started = job.prev = at
            run.worker = streak.worker
            run.state = _RUNNING
            self.running[run.number] = run
        else:
            job.running -= 1
        job.remember(*rows)
        self._record_all(rows)
        self._journal.tell_streak(done, begun)
