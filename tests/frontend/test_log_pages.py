"""Pages of a run's output from the store: of an earlier process, and what the log has dropped."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from support.api_server import BlockingJob
from support.waiting import LIMIT, wait_until

from jobtui import Scheduler
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.output_log import MAX_CHUNK, OutputLog


def recorded(path: Path, log: OutputLog, job: BlockingJob, keep: int = 1_000_000) -> Scheduler:
    """Return a scheduler that records the output log in a store."""
    scheduler = Scheduler(tz="UTC", store=path, keep_output=keep)
    scheduler.schedule("@yearly", job, name="a")
    assert scheduler.recording is not None
    scheduler.recording.follow_output(log)
    return scheduler


def backwards(backend: LocalBackend, run: int) -> list[str]:
    """Return all lines of a run, read page by page from the end, and check that each page is bounded."""
    page = backend.log_page(run)
    texts = [line.text for line in page.lines]
    while page.before:
        page = backend.log_page(run, before=page.before)
        assert len(page.lines) <= MAX_CHUNK + 2
        texts = [line.text for line in page.lines] + texts
    return texts


def forwards(backend: LocalBackend, run: int) -> list[str]:
    """Return all lines of a run, read page by page from the beginning."""
    page = backend.log_page(run, after="")
    texts = [line.text for line in page.lines]
    while not page.is_latest:
        page = backend.log_page(run, after=page.after)
        texts += [line.text for line in page.lines]
    return texts


@pytest.mark.parametrize("count", [0, 1, MAX_CHUNK, MAX_CHUNK + 1, 3 * MAX_CHUNK - 1])
def test_pages_of_an_earlier_process_come_from_the_store(tmp_path: Path, count: int) -> None:
    job, log = BlockingJob(), OutputLog(limit=100_000_000)
    written = [f"line {index}" for index in range(count)]
    with recorded(tmp_path / "s.db", log, job) as scheduler:
        run = scheduler.run("a")
        for text in written:
            log.write("a", run.number, "stdout", f"{text}\n")
        job.release()
        assert run.wait(LIMIT)
        assert scheduler.recording is not None
        history = scheduler.recording.history
        wait_until(lambda: len(history.output(run.number)) == count)  # the lines are in both places
        assert backwards(LocalBackend(scheduler, "jobs.py", log), run.number) == written
    with recorded(tmp_path / "s.db", OutputLog(), job) as scheduler:
        backend = LocalBackend(scheduler, "jobs.py", OutputLog())
        assert backwards(backend, run.number) == written
        assert forwards(backend, run.number) == written
        latest = backend.log_page(run.number)
        assert (latest.is_latest, latest.ended, latest.lacks_earlier) == (True, True, False)


def test_pages_say_how_many_lines_the_store_has_left_out(tmp_path: Path) -> None:
    job, log = BlockingJob(), OutputLog(limit=100_000_000)
    with recorded(tmp_path / "s.db", log, job, keep=50_000) as scheduler:
        run = scheduler.run("a")
        log.write("a", run.number, "stdout", "".join(f"{index:05}\n" for index in range(20_000)))
        job.release()
        assert run.wait(LIMIT)
    with recorded(tmp_path / "s.db", OutputLog(), job) as scheduler:
        backend = LocalBackend(scheduler, "jobs.py", OutputLog())
        texts = backwards(backend, run.number)
        assert texts == forwards(backend, run.number)
        [note] = [text for text in texts if text.startswith("[")]
        kept = [int(text) for text in texts if text != note]
        [(last, first)] = [(one, two) for one, two in pairwise(kept) if two != one + 1]
        assert note == f"[{first - last - 1} lines left out]"
        assert texts.index(note) == texts.index(f"{first:05}") - 1
        assert (kept[0], kept[-1]) == (0, 19_999)


def test_pages_have_lines_of_the_store_that_the_log_has_dropped(tmp_path: Path) -> None:
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
        assert backwards(backend, run.number) == forwards(backend, run.number) == ["first", "second"]
        job.release()
        assert run.wait(LIMIT)
