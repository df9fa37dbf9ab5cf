"""Running without a screen: what is logged, how signals end it, and that it does end."""

import io
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import pytest
from support.fake_listener import FakeListener

from jobtui import Scheduler
from jobtui.cli.headless import run_headless
from jobtui.cli.run_log import RunLog
from jobtui.engine.enums import Phase
from jobtui.frontend.backend import LocalBackend
from jobtui.process.exit import AFTERWARDS
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.hooks import StartError

LIMIT = 20.0  # seconds; only a hang takes so long
SLACK = 6.0  # seconds that a busy machine may take to end a process
NOON = 1_795_435_200.0  # 2026-11-23 12:00 UTC


class Process:
    """``jobtui demo.py --headless`` with its output as it comes.

    Args:
        folder: Where the file is written and run.
        code: What the file does after ``import jobtui``; `hang` is a function that never returns.
        options: Further arguments.
    """

    def __init__(self, folder: Path, code: str, *options: str) -> None:
        (folder / "demo.py").write_text(
            "import atexit, jobtui, os, sys, threading\nfrom pathlib import Path\n"
            "def hang(): threading.Event().wait()\n" + code
        )
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jobtui", "demo.py", "--headless", *options],
            cwd=folder,
            # Buffered, as it is for most: what is unbuffered neither lags nor has a lock to hang on.
            env={key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.stdout, self.stderr = Lines(self._process.stdout), Lines(self._process.stderr)

    def __enter__(self) -> Self:
        """Nothing: it runs."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave no process behind."""
        self._process.kill()
        self._process.wait(LIMIT)
        self.stdout.close()
        self.stderr.close()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def end(self) -> int:
        """Wait for its end and return its exit status; no process may end with a traceback."""
        status = self._process.wait(LIMIT)
        self.stderr.read_all()
        assert "Traceback" not in self.stderr.text
        assert "Fatal Python error" not in self.stderr.text
        return status


class Lines:
    """The lines of a pipe, read by a thread."""

    def __init__(self, pipe: IO[str]) -> None:
        self.text = ""
        self._pipe = pipe
        self._lines: queue.Queue[str] = queue.Queue()
        self._thread: threading.Thread | None = None

    def wait_for(self, word: str) -> str:
        """Read until a line has the word, and return that line."""
        self._read()
        while True:
            line = self._lines.get(timeout=LIMIT)
            assert line, f"no line has {word!r}:\n{self.text}"
            self.text += line
            if word in line:
                return line

    def read_all(self) -> None:
        """Read the rest."""
        self._read()
        while line := self._lines.get(timeout=LIMIT):
            self.text += line
        self._lines.put("")

    def close(self) -> None:
        """Read no more."""
        if self._thread is not None:
            self._thread.join(LIMIT)
        self._pipe.close()

    def _read(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._pump, daemon=True)
            self._thread.start()

    def _pump(self) -> None:
        for line in self._pipe:
            self._lines.put(line)
        self._lines.put("")


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail if what is done in here takes longer."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


class TestSignals:
    """How it is stopped."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_running_work_is_finished(self, tmp_path: Path, number: signal.Signals) -> None:
        """The first signal lets what runs come to its end, says so, and the exit status is 0."""
        code = """
def work():
    print("working")
    while not Path("go").exists():
        threading.Event().wait(0.01)
    print("worked")
jobtui.now(work)
"""
        with Process(tmp_path, code) as process:
            process.stdout.wait_for("working")
            process.signal(number)
            line = process.stderr.wait_for("STOPPING")
            assert line.endswith(
                f" STOPPING  {number.name}: waiting up to 10 s for 1 run: work (run 1); "
                "the process ends within 12 s, or at once at a second signal\n"
            )
            (tmp_path / "go").touch()
            assert process.end() == 0
            process.stdout.wait_for("worked")
            assert re.search(r"OK        run 1    work +took \d\.\d{3}s   now\n", process.stderr.text)
            assert process.stderr.text.endswith(" STOPPED   all work has ended\n")

    def test_nothing_to_wait_for(self, tmp_path: Path) -> None:
        """An idle scheduler stops at once."""
        with Process(tmp_path, "jobtui.every('1h', print)") as process:
            assert "demo.py: 1 job on a schedule, pool 10, zone " in process.stderr.wait_for("STARTED")
            process.signal(signal.SIGTERM)
            with at_most(SLACK):
                assert process.end() == 0
            assert "STOPPING  SIGTERM: nothing is running" in process.stderr.text

    def test_what_exceeds_the_grace_is_given_up(self, tmp_path: Path) -> None:
        """A run that hangs is CANCELLED when the time is up, and the process ends all the same, with 0."""
        with Process(tmp_path, "jobtui.now(hang)\nprint('ready')", "--grace", "0.3") as process:
            process.stderr.wait_for("STARTED")
            process.signal(signal.SIGTERM)
            process.stderr.wait_for("STOPPING")
            with at_most(0.3 + SLACK):
                assert process.end() == 0
            assert "CANCELLED run 1    hang" in process.stderr.text
            assert "given up" in process.stderr.text
            assert process.stderr.text.endswith(
                " STOPPED   1 run given up; threads that hang end with the process\n"
            )

    @pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
    def test_a_second_signal_ends_it_at_once(
        self, tmp_path: Path, number: signal.Signals, status: int
    ) -> None:
        """Whoever presses Ctrl+C twice does not wait for the grace."""
        with Process(tmp_path, "jobtui.now(hang)", "--grace", "1000") as process:
            process.stderr.wait_for("STARTED")
            process.signal(signal.SIGTERM)
            process.stderr.wait_for("STOPPING")
            with at_most(SLACK):
                process.signal(number)
                assert process.end() == status
            assert process.stderr.text.endswith(
                f" QUITTING  {number.name}, the second signal: giving up 1 run: hang (run 1)\n"
            )

    @pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
    def test_a_signal_breaks_off_the_start(self, tmp_path: Path, number: signal.Signals, status: int) -> None:
        """An on_app_start function that hangs does not hold up Ctrl+C; nothing is logged as stopped."""
        code = "@jobtui.on_app_start\ndef connect():\n    print('connecting', flush=True)\n    hang()\n"
        with Process(tmp_path, code) as process:
            process.stdout.wait_for("connecting")
            with at_most(SLACK):
                process.signal(number)
                assert process.end() == status
            assert process.stderr.text == ""


class TestEnding:
    """The process ends in the time that was told, whatever hangs."""

    def test_a_thread_that_a_job_left_behind(self, tmp_path: Path) -> None:
        """Python waits for every non-daemon thread; jobtui does so for 2 seconds."""
        code = """
def work():
    threading.Thread(target=hang, daemon=False).start()
jobtui.now(work)
"""
        with Process(tmp_path, code) as process:
            process.stderr.wait_for("OK ")
            process.signal(signal.SIGTERM)
            with at_most(AFTERWARDS + SLACK):
                assert process.end() == 0

    def test_an_on_app_stop_function(self, tmp_path: Path) -> None:
        """These functions have the grace and 2 seconds with all the rest."""
        code = "jobtui.now(print)\njobtui.on_app_stop(hang)\n"
        with Process(tmp_path, code, "--grace", "0.2") as process:
            process.stderr.wait_for("OK ")
            process.signal(signal.SIGTERM)
            with at_most(0.2 + AFTERWARDS + SLACK):
                assert process.end() == 0

    def test_output_that_nobody_reads(self, tmp_path: Path) -> None:
        """A full pipe blocks a job in print(), and would block the flush at the end."""
        code = """
def work():
    print("filling")
    while True:
        print("x" * 1000)
jobtui.now(work)
"""
        with Process(tmp_path, code, "--grace", "0.2") as process:
            process.stderr.wait_for("STARTED")
            process.signal(signal.SIGTERM)
            with at_most(0.2 + AFTERWARDS + SLACK):
                assert process.end() == 0

    def test_a_job_that_prints_for_ever(self, tmp_path: Path) -> None:
        """Python aborts if a thread holds the lock of standard output when it winds down: we do not."""
        code = "def work():\n    while True:\n        print('x' * 100)\njobtui.now(work)\n"
        with Process(tmp_path, code, "--grace", "0.2") as process:
            process.stdout.wait_for("x")
            process.signal(signal.SIGTERM)
            assert process.end() == 0

    def test_exit_handlers_and_on_app_stop_functions_run(self, tmp_path: Path) -> None:
        """What the file wants done at the end is done, in the main thread, after all work."""
        code = """
def told(text):
    print(text, threading.current_thread() is threading.main_thread())
atexit.register(told, "exit")
jobtui.on_app_stop(lambda: told("stop"))
jobtui.now(hang)
"""
        with Process(tmp_path, code, "--grace", "0") as process:
            process.stderr.wait_for("STARTED")
            process.signal(signal.SIGTERM)
            assert process.end() == 0
            process.stdout.read_all()
            assert process.stdout.text == "stop True\nexit True\n"

    def test_a_scheduler_that_is_stopped_from_inside(self, tmp_path: Path) -> None:
        """Without a scheduler there is nothing left to wait a signal for."""
        code = """
def end():
    threading.Thread(target=scheduler.stop).start()
scheduler = jobtui.Scheduler()
scheduler.now(end)
"""
        with Process(tmp_path, code) as process:
            assert process.end() == 0
            assert "STOPPED   all work has ended" in process.stderr.text


def test_what_is_loaded_is_left_to_no_collector(tmp_path: Path) -> None:
    """All but what jobs make: it would walk through it again and again, while others are due."""
    code = """
import gc
@jobtui.on_app_start
def show():
    print("frozen", gc.get_freeze_count() > 1_000, flush=True)
jobtui.now(hang)
"""
    with Process(tmp_path, code, "--grace", "0") as process:
        assert process.stdout.wait_for("frozen") == "frozen True\n"
        process.signal(signal.SIGTERM)
        process.end()


class TestStreams:
    """Who gets what."""

    def test_what_jobs_print_comes_unchanged_and_at_once(self, tmp_path: Path) -> None:
        """Standard output belongs to the jobs, and is not held back when it is piped."""
        with Process(
            tmp_path, "jobtui.now(print, 'from a job')\njobtui.now(hang)", "--grace", "0"
        ) as process:
            assert process.stdout.wait_for("job") == "from a job\n"
            process.signal(signal.SIGTERM)
            process.end()
            process.stdout.read_all()
            assert process.stdout.text == "from a job\n"

    def test_a_log_that_nobody_reads_any_more(self, tmp_path: Path) -> None:
        """Jobs go on when the log's reader is gone, and nothing is complained of at the end."""
        code = """
def work():
    print("again")
jobtui.every(0.02, work)
"""
        with Process(tmp_path, code) as process:
            process.stdout.wait_for("again")
            process.stderr.close()
            for _ in range(5):
                process.stdout.wait_for("again")
            process.signal(signal.SIGTERM)
            assert process._process.wait(LIMIT) == 0


class Slow(io.StringIO):
    """A stream that is slower than what happens."""

    def write(self, text: str) -> int:
        """Write, but not at once."""
        threading.Event().wait(0.05)
        return super().write(text)


def test_it_can_be_run_by_a_program() -> None:
    """When it returns, the log is complete and the signal handlers are the old ones."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    scheduler = Scheduler()
    scheduler.now(signal.raise_signal, signal.SIGTERM)
    stream = Slow()
    assert run_headless(scheduler, title="a program", grace=LIMIT, stream=stream) == 0
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
    assert stream.getvalue().endswith(" STOPPED   all work has ended\n")


class TestServing:
    """Other processes see and steer it."""

    def test_it_listens_from_before_the_start_until_after_the_stop(self) -> None:
        """A job that runs at the start is seen already, and so is the end; the log says where."""
        scheduler, stream = Scheduler(), io.StringIO()
        scheduler.now(signal.raise_signal, signal.SIGTERM)
        servers: list[FakeListener] = []

        def serve(source: LocalBackend) -> FakeListener:
            servers.append(FakeListener(source))
            return servers[0]

        assert run_headless(scheduler, title="a program", grace=LIMIT, stream=stream, serve=serve) == 0
        [server] = servers
        assert server.phases == [Phase.NEW, Phase.STOPPED]
        assert server.backend.title == "a program"
        first, second = stream.getvalue().splitlines()[:2]
        assert " STARTED " in first
        assert second.endswith(" SERVING   listening on unix:/run/x")

    def test_what_cannot_listen_starts_nothing(self) -> None:
        """The error reaches the caller, and no job has run."""
        scheduler = Scheduler()
        run = scheduler.now(print)

        def serve(_source: LocalBackend) -> FakeListener:
            raise OSError("address in use")

        before = signal.getsignal(signal.SIGTERM)
        with pytest.raises(OSError, match="address in use"):
            run_headless(scheduler, title="a program", grace=0, serve=serve)
        assert scheduler.snapshot().phase is Phase.NEW
        assert run.state.value == "QUEUED"
        assert signal.getsignal(signal.SIGTERM) is before
        scheduler.stop(0)

    def test_it_ends_with_a_start_that_fails(self) -> None:
        """Nothing goes on listening."""
        scheduler = Scheduler()
        servers: list[FakeListener] = []

        @scheduler.on_app_start
        def fail() -> None:
            raise ValueError

        def serve(source: LocalBackend) -> FakeListener:
            servers.append(FakeListener(source))
            return servers[0]

        with pytest.raises(StartError):
            run_headless(scheduler, title="a program", grace=0, stream=io.StringIO(), serve=serve)
        assert len(servers[0].phases) == 2

    def test_what_jobs_print_is_seen_and_still_printed(self, capsys: pytest.CaptureFixture[str]) -> None:
        """It is with its run and among the lines of all, and on standard output as without a server."""
        scheduler = Scheduler()

        def talk() -> None:
            print("spoken")

        run = scheduler.now(talk)

        def end() -> None:
            run.wait(LIMIT)
            signal.raise_signal(signal.SIGTERM)

        scheduler.now(end)
        servers: list[FakeListener] = []

        def serve(source: LocalBackend) -> FakeListener:
            servers.append(FakeListener(source))
            return servers[0]

        before = sys.stdout
        run_headless(scheduler, title="a program", grace=LIMIT, serve=serve)
        assert sys.stdout is before
        source = servers[0].backend
        assert source.output_of(run.number) == "spoken\n"
        assert source.output_since(0).lines == (("talk", "spoken"),)
        out, err = capsys.readouterr()
        assert out == "spoken\n"
        assert " STARTED " in err


class Logged:
    """A scheduler with a clock that stands still, and its log."""

    def __init__(self, stream: io.StringIO | None = None) -> None:
        self.clock = ManualClock(NOON)
        self.scheduler = Scheduler(tz="UTC", clock=self.clock, pool=2)
        self.stream = stream or io.StringIO()
        self.stopped = threading.Event()
        self.log = RunLog(self.scheduler, title="demo.py", stream=self.stream, on_stopped=self.stopped.set)

    def lines(self) -> list[str]:
        """Stop, and return what was logged between STARTED and STOPPED, without the date."""
        self.scheduler.stop(0)
        self.log.close()
        first, *lines, last = self.stream.getvalue().splitlines()
        assert " STARTED " in first
        assert " STOPPED " in last
        return [line.removeprefix("2026-11-23 ") for line in lines]


def fail() -> None:
    """Raise what would tear a log that is read line by line."""
    raise ValueError("one\ntwo \x1b[31m")


class TestLog:
    """The lines."""

    def test_a_run_has_one_line(self) -> None:
        """Time, state, number, job, how long, trigger: aligned, so that it can be read and cut."""
        logged = Logged()
        logged.scheduler.start()
        for runnable in (len, print):
            logged.scheduler.now(runnable, "").wait(LIMIT)
        assert logged.lines() == [
            "12:00:00.000 OK        run 1    len  took 0.000s   now",
            "12:00:00.000 OK        run 2    print  took 0.000s   now",
        ]

    def test_names_are_aligned_when_they_are_known(self) -> None:
        """The jobs that the file registers have their width from the first line on."""
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
        _, short, longer, _ = stream.getvalue().splitlines()
        assert short.index("took") == longer.index("took")
        assert (
            "demo.py: 2 jobs on a schedule, pool 10, zone UTC; stop with Ctrl+C or SIGTERM"
            in stream.getvalue()
        )

    def test_a_failure_has_its_reason_and_place_in_the_same_line(self) -> None:
        """Whatever the exception says, it is one line, harmless to a terminal; the last frame is named."""
        logged = Logged()
        logged.scheduler.start()
        logged.scheduler.now(fail).wait(LIMIT)
        (line,) = logged.lines()
        place = f"{Path(__file__).relative_to(Path.cwd())}:{fail.__code__.co_firstlineno + 2}"
        assert line.startswith("12:00:00.000 FAILED    run 1    fail  took 0.000s   now      ")
        assert line.endswith(rf"ValueError: one two \x1b[31m ({place})")

    def test_a_tick_that_starts_no_run_has_a_line(self) -> None:
        """What did not happen, and why."""
        logged = Logged()
        job = logged.scheduler.every(5, print)
        logged.scheduler.start()
        job.pause()
        for _ in range(2):
            logged.clock.advance(5)
            logged.scheduler._kernel._poll()
        first, second = logged.lines()
        assert first == "12:00:05.000 SKIPPED   no run   print  -             tick     paused since 12:00:00"
        assert second.startswith("12:00:10.000 SKIPPED ")
        assert second.endswith(" paused since 12:00:00 (2 ticks since 12:00:05)")

    def test_what_was_cancelled_comes_after_the_word_that_it_stops(self) -> None:
        """The log is in the order in which things happened, also where the two are one moment."""
        logged = Logged()
        logged.scheduler.start()
        logged.scheduler.in_("1h", print)
        logged.log.stopping("SIGTERM", 10, 12)
        assert logged.lines() == [
            "12:00:00.000 STOPPING  SIGTERM: nothing is running",
            "12:00:00.000 CANCELLED run 1    print  -             in       scheduler stopped",
        ]

    def test_many_running_runs_are_not_all_named(self) -> None:
        """A line is for a person."""
        logged = Logged()
        logged.scheduler.resize(0)
        gate = threading.Event()
        started = threading.Barrier(9)
        logged.scheduler.start()
        for _ in range(8):
            logged.scheduler.now(lambda: (started.wait(LIMIT), gate.wait(LIMIT)))
        started.wait(LIMIT)
        logged.log.stopping("SIGTERM", 10, 12)
        assert logged.lines()[0].startswith(
            "12:00:00.000 STOPPING  SIGTERM: waiting up to 10 s for 8 runs: "
            + "".join(f"(unnamed) (run {number}), " for number in range(1, 6))
            + "3 more; the process"
        )
        gate.set()

    @pytest.mark.parametrize(
        ("happen", "line"),
        [
            (
                lambda scheduler: scheduler._kernel._report_internal_error(OSError("no\nspace")),
                "ERROR     an exception inside jobtui, which continues: OSError: no space",
            ),
            (
                lambda scheduler: scheduler._kernel.apply(
                    lambda engine, now: engine.apply_clock_step(-3600.0, now)
                ),
                "CLOCK     the clock was set back by 3600.0 s",
            ),
        ],
    )
    def test_what_is_wrong_with_the_machine_is_logged(
        self, happen: Callable[[Scheduler], None], line: str
    ) -> None:
        """Who reads the log must know why jobs come late."""
        logged = Logged()
        logged.scheduler.start()
        happen(logged.scheduler)
        assert logged.lines() == [f"12:00:00.000 {line}"]

    def test_a_failed_start_stops_nothing(self) -> None:
        """The error says it all; STOPPED is for what was STARTED."""
        logged = Logged()
        logged.scheduler.stop(0)
        logged.log.close()
        assert not logged.stopped.is_set()
        assert logged.stream.getvalue() == ""


class Blocked(io.StringIO):
    """A stream whose reader takes its time, until the test lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self.written = threading.Semaphore(0)

    def write(self, text: str) -> int:
        """Wait, then write."""
        self.reached.set()
        assert self.go_on.wait(LIMIT)
        count = super().write(text)
        self.written.release()
        return count


class TestSlowReader:
    """Standard error that is read slowly, or not at all."""

    def test_it_does_not_slow_the_jobs(self) -> None:
        """Runs start and end while the log waits for its reader, and their lines come later."""
        stream = Blocked()
        logged = Logged(stream)
        logged.scheduler.start()
        assert stream.reached.wait(LIMIT)
        runs = [logged.scheduler.now(len, "") for _ in range(50)]
        assert all(run.wait(LIMIT) for run in runs)
        assert stream.getvalue() == ""
        stream.go_on.set()
        assert len(logged.lines()) == 50

    def test_it_is_told_what_it_missed(self) -> None:
        """What does not fit into the memory set aside for it is counted."""
        stream = Blocked()
        logged = Logged(stream)
        job = logged.scheduler.every(5, print)
        logged.scheduler.start()
        assert stream.reached.wait(LIMIT)
        for _ in range(6_000):
            job.pause()
            job.resume()
        stream.go_on.set()
        for _ in ("STARTED", "LOST"):
            assert stream.written.acquire(timeout=LIMIT)
        assert logged.lines() == [
            "12:00:00.000 LOST      2000 events are missing here: the log could not keep up"
        ]

    def test_it_does_not_hold_up_the_end(self) -> None:
        """The last lines get a second, no more."""
        stream = Blocked()
        logged = Logged(stream)
        logged.scheduler.start()
        assert stream.reached.wait(LIMIT)
        logged.scheduler.stop(0)
        with at_most(1 + SLACK):
            logged.log.close()
        stream.go_on.set()
