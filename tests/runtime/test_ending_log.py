"""Tests of the log of failing runs and of ticks that started no run."""

import asyncio
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.real_threads import LIMIT, BlockingJob, MakeScheduler, assert_ended, assert_no_threads_left, zero
from support.unknown_zone import UnknownZone

from jobtui import Run, RunState, Scheduler, current_run
from jobtui.runtime.ending_log import MAX_UNWRITTEN
from jobtui.testing import SimulatedScheduler

Emit = Callable[[logging.LogRecord], None]
JOBTUI = logging.getLogger("jobtui")


def look_up() -> None:
    """Fail, because of another exception."""
    try:
        {"other": 1}["key"]
    except KeyError as error:
        raise ValueError("no such key") from error


async def look_up_in_coroutine() -> None:
    """Fail in an event loop."""
    await asyncio.sleep(0)
    look_up()


class Task:
    """An object whose `run` fails."""

    def run(self) -> None:
        """Fail."""
        look_up()


def messages(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    """Return the messages of a level on the logger of jobtui."""
    return [
        record.getMessage() for record in caplog.records if (record.name, record.levelno) == ("jobtui", level)
    ]


@contextmanager
def handler(emit: Emit) -> Iterator[None]:
    """Add a handler to the logger of jobtui."""
    added = Handler(emit)
    JOBTUI.addHandler(added)
    try:
        yield
    finally:
        JOBTUI.removeHandler(added)


class Handler(logging.Handler):
    """A handler that calls a function, and lets pass what that raises."""

    def __init__(self, emit: Emit) -> None:
        super().__init__()
        self._emit = emit

    def emit(self, record: logging.LogRecord) -> None:
        """Call the function."""
        self._emit(record)

    def handle(self, record: logging.LogRecord) -> bool:
        """Handle a record without a lock, so that a blocked handler blocks only its own thread."""
        self.emit(record)
        return True


@pytest.mark.parametrize(
    "runnable", [look_up, look_up_in_coroutine, Task()], ids=["function", "coroutine", "object"]
)
def test_a_failing_run_is_logged_as_an_error_with_its_traceback_and_cause(
    make_scheduler: MakeScheduler, caplog: pytest.LogCaptureFixture, runnable: Any
) -> None:
    """The traceback begins with code of the user."""
    scheduler = make_scheduler()
    scheduler.start()
    run = scheduler.now(runnable)
    assert_ended(run)
    assert messages(caplog, logging.ERROR) == [
        f"run {run.number} of {run.job} FAILED: ValueError: no such key"
    ]
    [record] = caplog.records
    text = str(record.exc_text)
    assert "KeyError: 'key'\n\nThe above exception was the direct cause" in text
    assert text.endswith("\nValueError: no such key")
    assert "jobtui/runtime" not in text
    assert record.exc_info is not None
    assert record.exc_info[0] is ValueError


def test_waiting_for_a_run_before_the_start_is_logged(make_scheduler: MakeScheduler) -> None:
    """Nothing else would tell the user why the program hangs."""
    scheduler = make_scheduler()
    warnings: list[str] = []

    def emit(record: logging.LogRecord) -> None:
        warnings.append(record.getMessage())
        scheduler.start()

    with handler(emit):
        assert scheduler.now(zero).result() == 0
    assert warnings == [
        "the program waits for run 1 of zero, which does not start yet: the scheduler has not been started"
    ]


@pytest.mark.parametrize("awaited", [False, True], ids=["result", "await"])
def test_waiting_for_a_run_in_standby_is_logged(
    make_scheduler: MakeScheduler, tmp_path: Path, *, awaited: bool
) -> None:
    first, second = make_scheduler(store=tmp_path / "jobs.db"), make_scheduler(store=tmp_path / "jobs.db")
    first.start()
    second.start()
    warnings: list[str] = []

    def emit(record: logging.LogRecord) -> None:
        if record.levelno == logging.WARNING:
            warnings.append(record.getMessage())
            first.stop()

    async def wait(run: Run[int]) -> int:
        return await run

    with handler(emit):
        run = second.now(zero)
        assert (asyncio.run(wait(run)) if awaited else run.result()) == 0
    [warning] = warnings
    assert warning.startswith("the program waits for run 1 of zero, which does not start yet: ")
    assert "uses this store, and runs its jobs; this process takes over when that one has ended" in warning


def test_each_failing_run_of_a_tick_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Such a run has no handle that would raise the exception."""
    scheduler = SimulatedScheduler(start="2026-11-23 12:00")
    scheduler.every("10s", look_up)
    scheduler.start()
    scheduler.advance("30s")
    assert [text.split(" FAILED")[0] for text in messages(caplog, logging.ERROR)] == [
        f"run {number} of look_up" for number in (1, 2, 3)
    ]


def test_a_program_without_log_settings_sees_the_traceback_on_standard_error(tmp_path: Path) -> None:
    """As for any library, Python's last resort prints it."""
    program = tmp_path / "program.py"
    program.write_text(
        "import jobtui\n"
        "def bad():\n"
        "    raise ValueError('no')\n"
        "with jobtui.Scheduler() as scheduler:\n"
        "    scheduler.now(bad).wait()\n"
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60, check=True)
    assert f'  File "{program}", line 3, in bad\n' in done.stderr
    assert "of bad FAILED: ValueError: no\nTraceback (most recent call last):\n" in done.stderr


def test_a_scheduler_that_a_front_end_shows_logs_nothing(
    make_scheduler: MakeScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    """The front end shows the failure."""
    scheduler = make_scheduler()
    scheduler.stop_logging()
    scheduler.start()
    assert_ended(scheduler.now(look_up))
    assert caplog.records == []


def test_runs_that_stop_on_request_are_not_logged(
    make_scheduler: MakeScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    """They are CANCELLED."""
    scheduler = make_scheduler()
    scheduler.start()
    started = threading.Event()

    async def sleeps() -> None:
        started.set()
        await asyncio.sleep(LIMIT)

    run = scheduler.now(sleeps)
    assert started.wait(LIMIT)
    run.cancel()
    assert_ended(run)
    assert run.state is RunState.CANCELLED
    assert caplog.records == []


def test_an_exception_after_a_run_was_given_up_is_logged_as_such() -> None:
    """Its ending says CANCELLED, and the exception would be lost."""
    started, go_on, logged = threading.Event(), threading.Event(), threading.Event()
    texts: list[str] = []

    def late() -> None:
        started.set()
        go_on.wait(LIMIT)
        look_up()

    def note(record: logging.LogRecord) -> None:
        texts.append(record.getMessage())
        logged.set()

    scheduler = Scheduler()
    scheduler.start()
    scheduler.now(late)
    assert started.wait(LIMIT)
    with handler(note):
        scheduler.stop(0)
        go_on.set()
        assert logged.wait(LIMIT)
    assert texts == ["run 1 of late raised after it had been given up: ValueError: no such key"]


def test_a_handler_writes_to_no_run(make_scheduler: MakeScheduler) -> None:
    """Else the log of a failure would be part of the output of the run that failed."""
    scheduler = make_scheduler()
    scheduler.start()
    found: list[object] = []

    def emit(_: logging.LogRecord) -> None:
        try:
            found.append(current_run())
        except RuntimeError:
            found.append(None)

    with handler(emit):
        assert_ended(scheduler.now(look_up), scheduler.now(look_up_in_coroutine))
    assert found == [None, None]


@pytest.mark.parametrize("outcome", [ValueError, SystemExit, KeyboardInterrupt, RecursionError])
@pytest.mark.parametrize("runnable", [look_up, look_up_in_coroutine])
def test_a_handler_that_raises_ends_nothing(
    make_scheduler: MakeScheduler, runnable: Any, outcome: type[BaseException]
) -> None:
    """The run is FAILED with its own exception."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()

    def emit(_: logging.LogRecord) -> None:
        raise outcome

    with handler(emit):
        run = scheduler.now(runnable)
        assert_ended(run)
        assert scheduler.now(zero).result(LIMIT) == 0
    assert run.reason == "ValueError: no such key"
    assert scheduler.snapshot().internal_error == ""


def test_an_exception_without_a_text_is_logged(
    make_scheduler: MakeScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    """With the text that Python has for that."""

    class SilentError(Exception):
        def __str__(self) -> str:
            raise SystemExit

    def fails() -> None:
        raise SilentError

    def format_record(record: logging.LogRecord) -> None:
        logging.Formatter().format(record)

    scheduler = make_scheduler()
    scheduler.start()
    with handler(format_record):
        assert_ended(scheduler.now(fails))
    assert "SilentError: <exception str() failed>" in messages(caplog, logging.ERROR)[-1]


def test_a_record_is_made_only_if_a_handler_writes_it(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A null handler writes nothing, and a record takes longer than a run."""
    made: list[object] = []
    monkeypatch.setattr(JOBTUI, "propagate", False)
    monkeypatch.setattr(JOBTUI, "handlers", [logging.NullHandler()])
    factory = logging.getLogRecordFactory()

    def note(*args: object, **kwargs: object) -> logging.LogRecord:
        made.append(args)
        return factory(*args, **kwargs)

    scheduler = make_scheduler()
    scheduler.start()
    logging.setLogRecordFactory(note)
    try:
        assert_ended(scheduler.now(look_up))
        assert made == []
        with handler(lambda _: None):
            assert_ended(scheduler.now(look_up))
        assert len(made) == 1
    finally:
        logging.setLogRecordFactory(factory)


def test_missed_and_coalesced_ticks_are_warnings(caplog: pytest.LogCaptureFixture) -> None:
    """The machine was asleep."""
    scheduler = SimulatedScheduler(start="2026-11-23 12:00", tz="UTC")
    scheduler.schedule("*/10 * * * * *", zero, name="late", misfire="skip")
    scheduler.schedule("*/10 * * * * *", zero, name="once")
    scheduler.start()
    scheduler.step("35s")
    scheduler.advance("1s")
    late, once = messages(caplog, logging.WARNING)
    assert "ticks of late MISSED: noticed at " in late
    assert "ticks of once COALESCED: 3 ticks since 12:00:10 were missed; run 1 covers them all" in once


def test_a_tick_that_an_earlier_run_skips_is_a_warning_once_for_each_reason(
    make_scheduler: MakeScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    """A run that hangs must not fill the log."""
    scheduler, job, logged = make_scheduler(), BlockingJob(), threading.Event()
    scheduler.every(0.01, job, name="slow", overlap="skip")
    with handler(lambda _: logged.set()):
        scheduler.start()
        job.wait_started()
        assert logged.wait(LIMIT)
        while scheduler.find_runs(state=RunState.SKIPPED)[0].ticks < 5:
            time.sleep(0.01)
        job.release()
        scheduler.stop(LIMIT)
    skipped = [text for text in messages(caplog, logging.WARNING) if "SKIPPED" in text]
    assert [text.split(" since")[0].partition(" of ")[2] for text in skipped] == [
        "slow SKIPPED: still running"
    ]


def test_ticks_of_a_paused_job_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The user has asked for that."""
    scheduler = SimulatedScheduler(start="2026-11-23 12:00")
    scheduler.every("10s", zero).pause()
    scheduler.start()
    scheduler.advance("1m")
    assert scheduler.find_runs(state=RunState.SKIPPED)[0].ticks == 6
    assert caplog.records == []


class BrokenZone(UnknownZone):
    """A zone that fails."""

    def utcoffset(self, _instant: datetime | None) -> timedelta:
        """Raise an exception after the first day."""
        if _instant is not None and _instant.day > 23:
            raise OSError("the zone server is down")
        return timedelta(0)


def test_a_schedule_that_raises_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    """Its job has no further tick."""
    scheduler = SimulatedScheduler(start="2026-11-23 12:00", tz="UTC")
    scheduler.schedule("0 30 * * * *", zero, name="half past", tz=BrokenZone())
    scheduler.start()
    scheduler.advance("24h")
    assert messages(caplog, logging.ERROR) == [
        "the next tick cannot be found, of half past: OSError: the zone server is down"
    ]


def test_a_handler_that_blocks_loses_records_and_says_so(
    make_scheduler: MakeScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    """The runs end all the same."""
    scheduler = make_scheduler()
    scheduler.start()
    go_on = threading.Event()

    def wait(_: logging.LogRecord) -> None:
        go_on.wait(LIMIT)

    with handler(wait):
        runs = [scheduler.now(look_up) for _ in range(MAX_UNWRITTEN + 10)]
        assert_ended(*runs)
        go_on.set()
        scheduler.stop(LIMIT)
        assert_no_threads_left()  # that of the log neither
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == 1 + 1 + MAX_UNWRITTEN
    assert texts[1] == "9 records are missing here: a log handler was too slow"


def test_a_handler_that_blocks_does_not_block_the_timer(make_scheduler: MakeScheduler) -> None:
    """Ticks are logged in another thread."""
    scheduler, job, other = make_scheduler(pool=0), BlockingJob(), BlockingJob()
    blocked, go_on = threading.Event(), threading.Event()

    def block(_: logging.LogRecord) -> None:
        blocked.set()
        go_on.wait(LIMIT)

    scheduler.every(0.01, job, name="slow", overlap="skip")
    with handler(block):
        scheduler.start()
        assert blocked.wait(LIMIT)
        scheduler.every(0.01, other, overlap="allow")
        other.wait_started(3)
        go_on.set()
        job.release()
        other.release()
        scheduler.stop(LIMIT)
