"""The log of ``--headless``: its lines, and a stream that is read slowly."""

import io
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command_line import LIMIT
from support.runtime_parts import runtime_of
from support.waiting import wait_until

from jobtui import Retry, RunState, Scheduler
from jobtui.cli.run_log import RunLog
from jobtui.runtime.clock import ManualClock

NOON = 1_795_435_200.0  # 2026-11-23 12:00 UTC


class LoggedScheduler:
    """A scheduler with a log, and a clock that only the test moves.

    Attributes:
        scheduler: The scheduler; it has not been started.
        clock: Its clock.
        log: Its log.
        stopped: Set when the log reports the end of the scheduler.
    """

    def __init__(self, stream: io.StringIO | None = None) -> None:
        self.clock = ManualClock(NOON)
        self.scheduler = Scheduler(tz="UTC", clock=self.clock, pool=2)
        self.stream = stream or io.StringIO()
        self.stopped = threading.Event()
        self.log = RunLog(self.scheduler, title="demo.py", stream=self.stream, on_stopped=self.stopped.set)

    def stop(self) -> list[str]:
        """Stop, and return the lines between STARTED and STOPPED, without the date."""
        self.scheduler.stop(0)
        self.log.close()
        first, *lines, last = self.stream.getvalue().splitlines()
        assert " STARTED " in first
        assert " STOPPED " in last
        return [line.removeprefix("2026-11-23 ") for line in lines]


def fail() -> None:
    """Raise an exception whose text would break a log that is read line by line."""
    raise ValueError("one\ntwo \x1b[31m")


class TestLines:
    """One line for each run, tick and state of the scheduler."""

    def test_each_run_has_one_line(self) -> None:
        """Time, state, number, job, duration and trigger, in columns."""
        logged = LoggedScheduler()
        logged.scheduler.start()
        for runnable in (len, print):
            logged.scheduler.now(runnable, "").wait(LIMIT)
        assert logged.stop() == [
            "12:00:00.000 OK        run 1    len  took 0.000s   now",
            "12:00:00.000 OK        run 2    print  took 0.000s   now",
        ]

    def test_columns_fit_the_names_of_the_jobs_that_exist_at_the_start(self) -> None:
        """The lines of a short and of a long name are aligned from the first line on."""
        clock = ManualClock(NOON)
        scheduler = Scheduler(tz="UTC", clock=clock)
        scheduler.every(5, fail, name="a_longer_name")
        scheduler.every(5, print, name="short")
        stream = io.StringIO()
        log = RunLog(scheduler, title="demo.py", stream=stream, on_stopped=lambda: None)
        scheduler.start()
        for name in ("short", "a_longer_name"):
            scheduler.run(name).wait(LIMIT)
        scheduler.stop(0)
        log.close()
        lines = [line for line in stream.getvalue().splitlines() if not line.startswith(" ")]
        _, short, longer, _ = lines
        assert short.index("took") == longer.index("took")
        assert (
            "demo.py: 2 jobs on a schedule, pool 10, zone UTC; stop with Ctrl+C or SIGTERM"
            in stream.getvalue()
        )

    def test_a_failed_run_has_its_exception_and_its_location_in_one_line(self) -> None:
        """Line breaks and control characters of the exception are escaped; the traceback is indented."""
        logged = LoggedScheduler()
        logged.scheduler.start()
        logged.scheduler.now(fail).wait(LIMIT)
        line, *trace = logged.stop()
        location = f"{Path(__file__).relative_to(Path.cwd())}:{fail.__code__.co_firstlineno + 2}"
        assert line.startswith("12:00:00.000 FAILED    run 1    fail  took 0.000s   now      ")
        assert line.endswith(rf"ValueError: one two \x1b[31m ({location})")
        assert trace[0] == "    Traceback (most recent call last):"
        assert trace[-2:] == ["    ValueError: one", r"    two \x1b[31m"]

    @pytest.mark.parametrize("in_group", [False, True])
    def test_the_place_is_in_code_of_the_user_and_the_traceback_has_the_causes(self, in_group: bool) -> None:
        """The exception was raised in the standard library, because of another one."""

        def calls_library() -> None:
            try:
                fail()
            except ValueError as error:
                try:
                    json.loads("no JSON")
                except ValueError as later:
                    later.__cause__ = error
                    if in_group:
                        raise ExceptionGroup("all", [later]) from None
                    raise

        logged = LoggedScheduler()
        logged.scheduler.start()
        logged.scheduler.now(calls_library).wait(LIMIT)
        line, *trace = logged.stop()
        number = calls_library.__code__.co_firstlineno + 5
        assert line.endswith(f"({Path(__file__).relative_to(Path.cwd())}:{number})")
        assert all(each.startswith("    ") for each in trace)
        text = "\n".join(trace)
        assert (
            text.index("ValueError: one")
            < text.index("direct cause")
            < text.index("json.decoder.JSONDecodeError")
        )

    def test_a_tick_that_starts_no_run_has_a_line_with_the_reason(self) -> None:
        """If several ticks share the entry, the line says how many."""
        logged = LoggedScheduler()
        job = logged.scheduler.every(5, print)
        logged.scheduler.start()
        job.pause()
        for _ in range(2):
            logged.clock.advance(5)
            runtime_of(logged.scheduler).poller.poll()
        first, second = logged.stop()
        assert (
            first
            == "12:00:05.000 SKIPPED   no run   print  -             tick     paused since 12:00:00 by code"
        )
        assert second.startswith("12:00:10.000 SKIPPED ")
        assert second.endswith(" paused since 12:00:00 by code (2 ticks since 12:00:05)")

    def test_a_failed_attempt_has_a_line_and_the_pause_after_the_last_one_a_notice(self) -> None:
        """A server without a screen has only this log."""
        logged = LoggedScheduler()
        job = logged.scheduler.every("1h", fail, name="import", retry=Retry(1, jitter=0), pause_after=1)
        logged.scheduler.start()
        run = job.run()
        wait_until(lambda: run.state is RunState.RETRYING)
        logged.clock.advance(2)
        assert run.wait(LIMIT)
        first, *_, notice = [line for line in logged.stop() if not line.startswith(" ")]
        assert first.startswith("12:00:00.000 RETRYING  run 1    import  took ")
        reason = r"attempt 1 of 2 failed; the next one is due at 12:00:02: ValueError: one two \x1b[31m"
        location = f"{Path(__file__).relative_to(Path.cwd())}:{fail.__code__.co_firstlineno + 2}"
        assert first.endswith(f"{reason} ({location})")
        assert notice == "12:00:02.000 NOTICE    import is paused after 1 failure"

    def test_runs_that_are_cancelled_by_the_stop_are_logged_after_it(self) -> None:
        """Lines are in the order of what happened, even within one instant."""
        logged = LoggedScheduler()
        logged.scheduler.start()
        logged.scheduler.in_("1h", print)
        logged.log.write_stopping("SIGTERM", 10, 12)
        assert logged.stop() == [
            "12:00:00.000 STOPPING  SIGTERM: nothing is running",
            "12:00:00.000 CANCELLED run 1    print  -             in       scheduler stopped",
        ]

    def test_the_log_names_at_most_five_running_runs(self) -> None:
        """The others are counted."""
        logged = LoggedScheduler()
        logged.scheduler.resize(0)
        end = threading.Event()
        started = threading.Barrier(9)
        logged.scheduler.start()
        for _ in range(8):
            logged.scheduler.now(lambda: (started.wait(LIMIT), end.wait(LIMIT)))
        started.wait(LIMIT)
        logged.log.write_stopping("SIGTERM", 10, 12)
        assert logged.stop()[0].startswith(
            "12:00:00.000 STOPPING  SIGTERM: waiting up to 10 s for 8 runs: "
            + "".join(f"(unnamed) (run {number}), " for number in range(1, 6))
            + "3 more; the process"
        )
        end.set()

    @pytest.mark.parametrize(
        ("cause", "line"),
        [
            pytest.param(
                lambda scheduler: runtime_of(scheduler).poller.report_error(OSError("no\nspace")),
                "ERROR     an exception inside jobtui, which continues: OSError: no space",
                id="internal-error",
            ),
            pytest.param(
                lambda scheduler: runtime_of(scheduler).kernel.apply(
                    lambda engine, now: engine.apply_clock_step(-3600.0, now)
                ),
                "CLOCK     the clock was set back by 3600.0 s",
                id="clock-step",
            ),
            pytest.param(
                lambda scheduler: runtime_of(scheduler).kernel.apply(
                    lambda engine, now: engine.apply_clock_step(90.0, now)
                ),
                "CLOCK     the clock was set forward by 90.0 s",
                id="clock-step-forward",
            ),
        ],
    )
    def test_internal_errors_and_clock_steps_are_logged(
        self, cause: Callable[[Scheduler], None], line: str
    ) -> None:
        """They explain why jobs run late."""
        logged = LoggedScheduler()
        logged.scheduler.start()
        cause(logged.scheduler)
        assert logged.stop() == [f"12:00:00.000 {line}"]

    def test_a_scheduler_that_never_started_logs_nothing(self) -> None:
        """The error message of the failed start says everything."""
        logged = LoggedScheduler()
        logged.scheduler.stop(0)
        logged.log.close()
        assert not logged.stopped.is_set()
        assert logged.stream.getvalue() == ""


class BlockedStream(io.StringIO):
    """A stream that blocks each write until the test releases it.

    Attributes:
        reached: Set at the first write.
        released: The test sets it to let all writes continue.
        written: Released once for each write.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.released = threading.Event()
        self.written = threading.Semaphore(0)

    def write(self, text: str) -> int:
        """Wait, then write."""
        self.reached.set()
        assert self.released.wait(LIMIT)
        count = super().write(text)
        self.written.release()
        return count


class TestSlowStream:
    """A stream that is read slowly, or not at all."""

    def test_a_blocked_stream_does_not_delay_the_jobs(self) -> None:
        """Runs start and end while the log is blocked, and their lines are written later."""
        stream = BlockedStream()
        logged = LoggedScheduler(stream)
        logged.scheduler.start()
        assert stream.reached.wait(LIMIT)
        runs = [logged.scheduler.now(len, "") for _ in range(50)]
        assert all(run.wait(LIMIT) for run in runs)
        assert stream.getvalue() == ""
        stream.released.set()
        assert len(logged.stop()) == 50

    def test_dropped_events_are_counted_in_the_log(self) -> None:
        """The buffer of the log's subscription is bounded."""
        stream = BlockedStream()
        logged = LoggedScheduler(stream)
        job = logged.scheduler.every(5, print)
        logged.scheduler.start()
        assert stream.reached.wait(LIMIT)
        for _ in range(6_000):
            job.pause()
            job.resume()
        stream.released.set()
        for _ in ("STARTED", "LOST"):
            assert stream.written.acquire(timeout=LIMIT)
        assert logged.stop() == [
            "12:00:00.000 LOST      2000 events are missing here: the log could not keep up"
        ]

    def test_a_blocked_stream_does_not_keep_the_end_waiting(self) -> None:
        """Lines that cannot be written within a second are dropped."""
        stream = BlockedStream()
        logged = LoggedScheduler(stream)
        logged.scheduler.start()
        assert stream.reached.wait(LIMIT)
        logged.scheduler.stop(0)
        closing = threading.Thread(target=logged.log.close, daemon=True)
        closing.start()
        closing.join(LIMIT / 2)  # the stream itself gives up after LIMIT
        assert not closing.is_alive()
        stream.released.set()
