"""Lines of a run's output from the store: of an earlier process, and those that the log has dropped."""

from __future__ import annotations

from pathlib import Path

from support.api_server import BlockingJob
from support.waiting import LIMIT, wait_until

from jobtui import Scheduler
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.output_log import MAX_CHUNK, OutputLog


def recorded(path: Path, log: OutputLog, job: BlockingJob) -> Scheduler:
    """Return a scheduler that records the output log in a store."""
    scheduler = Scheduler(tz="UTC", store=path)
    scheduler.schedule("@yearly", job, name="a")
    assert scheduler.recording is not None
    scheduler.recording.follow_output(log)
    return scheduler


def test_output_lines_of_an_earlier_process_come_from_the_store(tmp_path: Path) -> None:
    job, log = BlockingJob(), OutputLog()
    with recorded(tmp_path / "s.db", log, job) as scheduler:
        run = scheduler.run("a")
        log.write("a", run.number, "WARNING", "x\n" * MAX_CHUNK + "last")
        job.release()
        assert run.wait(LIMIT)
    with recorded(tmp_path / "s.db", OutputLog(), job) as scheduler:
        backend = LocalBackend(scheduler, "jobs.py", OutputLog())
        first = backend.output_lines(run.number)
        assert (len(first.lines), first.lines[0].stream, first.ended) == (MAX_CHUNK, "WARNING", False)
        second = backend.output_lines(run.number, first.next)
        assert ([line.text for line in second.lines], second.ended) == (["last"], True)


def test_output_lines_that_the_log_has_dropped_come_from_the_store(tmp_path: Path) -> None:
    job, log = BlockingJob(), OutputLog(limit=2_000)
    with recorded(tmp_path / "s.db", log, job) as scheduler:
        backend = LocalBackend(scheduler, "jobs.py", log)
        run = scheduler.run("a")
        log.write("a", run.number, "stdout", "first\n")
        assert scheduler.recording is not None
        history = scheduler.recording.history
        wait_until(lambda: len(history.output(run.number)) == 1)
        log.write("b", run.number + 1, "stdout", "x" * 1_900 + "\n")
        log.write("a", run.number, "stdout", "second\n")
        assert [line.text for line in log.output_since(0).lines if line.run == run.number] == ["second"]
        assert [line.text for line in backend.output_lines(run.number).lines] == ["first", "second"]
        job.release()
        assert run.wait(LIMIT)
