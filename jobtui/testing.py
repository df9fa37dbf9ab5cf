"""The test kit: a scheduler whose time passes when a test says so, without threads and without waiting.

    from jobtui.testing import simulated

    def test_the_backup_runs_at_two():
        with simulated(start="2026-03-08T00:00", tz="America/New_York") as scheduler:
            scheduler.load("my_jobs.py")
            scheduler.advance("24h")
            assert scheduler.failures() == []
            assert [f"{at:%H:%M}" for at in scheduler.fired("backup")] == ["02:00"]

The jobs are really executed, one after the other, in the thread of the test. Ticks, policies, held runs and
clock changes are handled by the code of every other scheduler.

**Time.** Time passes only in `SimulatedScheduler.advance` and `SimulatedScheduler.advance_to`. They move the
clock from one instant at which something is due to the next. While a run is executed, the clock stands still
at that instant, so a run takes no time and the pool never fills. A coroutine takes time where it sleeps:
after ``asyncio.sleep(10)`` it continues when ten seconds have passed, and until then its job is RUNNING.
Functions of Python use the real time: ``datetime.now()`` in a job returns the time of the machine, and
``time.sleep(10)`` takes ten seconds of the test.

**Runs that a job requests.** While the scheduler is active, ``jobtui.now`` and the other functions of the
package act on it. A run that a job requests starts at the same instant when that job has ended, or earlier if
the job waits for it.

**Exceptions.** An exception in a job fails its run, not the test. Check `SimulatedScheduler.failures`, or
call ``result()`` of the run, which raises the exception again. Only Ctrl+C ends the test, too.
"""

from __future__ import annotations

from jobtui.simulation.simulated_runtime import SimulatedRun
from jobtui.simulation.simulated_scheduler import SimulatedScheduler, load, simulated

__all__ = ["SimulatedRun", "SimulatedScheduler", "load", "simulated"]
