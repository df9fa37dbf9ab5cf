"""The capture of output: separate for each run, under its stream, and kept off the terminal."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import io
import json
import logging
import os
import pty
import shutil
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import pytest

from jobtui.runtime.output_capture import capture_descriptors, capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.runtime.scheduler import Scheduler


def lines_of(log: OutputLog) -> list[tuple[str, str, str]]:
    """Return the job, the stream and the text of each line, the unfinished ones included."""
    chunk = log.output_since(0)
    return [(line.job, line.stream, line.text) for line in (*chunk.lines, *chunk.unfinished)]


# --- streams --------------------------------------------------------------------------------------


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """Make a running scheduler with a pool of 4."""
    with Scheduler(pool=4, tz="UTC") as scheduler:
        yield scheduler


def output_of(scheduler: Scheduler, runnable: Callable[[], object], name: str) -> str:
    """Run something as a job, and return the output of the run."""
    job = scheduler.schedule("@yearly", runnable, name=name)
    run = job.run()
    assert run.wait(60)
    assert run.state.value == "OK", run.reason
    return scheduler.output_of(run.number) or ""


def test_prints_are_written_to_their_run_and_to_the_output_log(scheduler: Scheduler) -> None:
    """Standard output and standard error. Nothing reaches the real streams."""

    def talk() -> None:
        print("out")
        print("err", file=sys.stderr)
        sys.stdout.write("no newline")
        sys.stdout.flush()
        assert not sys.stdout.isatty()

    log = OutputLog()
    with capture_streams(log):
        assert output_of(scheduler, talk, "talk") == "out\nerr\nno newline"
        print("from outside")
    assert lines_of(log) == [
        ("talk", "stdout", "out"),
        ("talk", "stderr", "err"),
        ("talk", "stdout", "no newline"),
        ("", "stdout", "from outside"),
    ]


def test_a_line_without_a_line_break_ends_with_its_run(scheduler: Scheduler) -> None:
    """It stays where it was written, and does not follow the later lines of other runs."""
    log = OutputLog()
    with capture_streams(log):
        for number in range(3):
            output_of(scheduler, partial(print, f"part {number}", end=""), f"part{number}")
        output_of(scheduler, lambda: print("whole"), "whole")
    chunk = log.output_since(0)
    assert [line.text for line in chunk.lines] == ["part 0", "part 1", "part 2", "whole"]
    assert chunk.unfinished == ()
    assert not log.open_lines


def test_a_line_has_the_number_of_its_run(scheduler: Scheduler) -> None:
    """0 outside a run."""
    log = OutputLog()
    job = scheduler.schedule("@yearly", lambda: print("inside"), name="talk")
    with capture_streams(log):
        runs = [job.run() for _ in range(2)]
        assert all(run.wait(60) for run in runs)
        print("outside")
    assert [line.run for line in log.output_since(0).lines] == [run.number for run in runs] + [0]


def test_a_snapshot_has_the_instant_of_the_latest_output_of_a_job(scheduler: Scheduler) -> None:
    """Output outside a run is of no job."""
    silent = scheduler.schedule("@yearly", lambda: None, name="silent")
    job = scheduler.schedule("@yearly", lambda: print("inside"), name="talk")
    with capture_streams(OutputLog()):
        print("outside")
        assert silent.run().wait(60)
        run = job.run()
        assert run.wait(60)
    views = {view.name: view for view in scheduler.snapshot().jobs}
    started, ended = scheduler.run_view(run.number).started, scheduler.run_view(run.number).ended
    last = views["talk"].last_output

    assert started is not None
    assert ended is not None
    assert last is not None
    assert started <= last <= ended
    assert views["talk"].longest_silence is not None
    assert views["silent"].last_output is None


def test_the_log_bounds_the_output_of_each_run(scheduler: Scheduler) -> None:
    """A single huge print keeps its beginning and its end."""
    with capture_streams(OutputLog(run_limit=80)):
        text = output_of(scheduler, lambda: print("begin " + "y" * 9000 + " end"), "talk")
    assert text == f"begin {'y' * 34}\n[8931 characters left out]\n{'y' * 35} end\n"


def test_the_output_of_simultaneous_runs_is_separate(scheduler: Scheduler) -> None:
    """Here two threads print in turns."""
    both = threading.Barrier(2, timeout=60)
    log = OutputLog()

    def talker(name: str) -> Callable[[], None]:
        def talk() -> None:
            for index in range(20):
                both.wait()
                print(name, index)

        return talk

    with capture_streams(log):
        runs = [scheduler.schedule("@yearly", talker(name), name=name).run() for name in "ab"]
        for run in runs:
            assert run.wait(60)
        for run, name in zip(runs, "ab", strict=True):
            assert scheduler.output_of(run.number) == "".join(f"{name} {index}\n" for index in range(20))


def test_the_output_of_coroutines_in_one_event_loop_is_separate(scheduler: Scheduler) -> None:
    """That of the tasks they create, too."""
    log = OutputLog()

    def talker(name: str) -> Callable[[], object]:
        async def child() -> None:
            print(name, "child")

        async def talk() -> None:
            for index in range(5):
                print(name, index)
                await asyncio.sleep(0)
            await asyncio.create_task(child())

        return talk

    with capture_streams(log):
        runs = [scheduler.schedule("@yearly", talker(name), name=name).run() for name in "ab"]
        for run, name in zip(runs, "ab", strict=True):
            assert run.wait(60)
            expected = "".join(f"{name} {index}\n" for index in range(5)) + f"{name} child\n"
            assert scheduler.output_of(run.number) == expected


@pytest.mark.parametrize("bound_to", ["stderr", "__stderr__"])
def test_a_log_handler_bound_before_the_capture_writes_to_the_run(
    scheduler: Scheduler, bound_to: str
) -> None:
    """After the capture it has its stream back."""
    stream = getattr(sys, bound_to)
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("test_output")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        with capture_streams(OutputLog()):
            text = output_of(scheduler, lambda: logger.warning("careful %s", "now"), "log")
        assert text == "careful now\n"
        assert handler.stream is stream
        assert handler.filters == []
    finally:
        logger.removeHandler(handler)
        logger.propagate = True


def test_a_log_record_has_its_level_in_place_of_the_stream() -> None:
    """Also if a formatter changes the record; what is printed in between has its stream."""

    class Colours(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            record.levelname = f"\x1b[31m{record.levelname}\x1b[0m"
            return super().format(record)

    handlers = [logging.StreamHandler(sys.stderr), logging.StreamHandler(sys.stdout)]
    logger = logging.getLogger("test_levels")
    logger.propagate = False
    log = OutputLog()
    for handler in handlers:
        handler.setFormatter(Colours())
        logger.addHandler(handler)
    try:
        with capture_streams(log):
            logger.error("broken")
            print("printed", file=sys.stderr)
            logger.log(35, "own level")
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
        logger.propagate = True
    assert lines_of(log) == [
        ("", "ERROR", "broken"),
        ("", "ERROR", "broken"),
        ("", "stderr", "printed"),
        ("", "Level 35", "own level"),
        ("", "Level 35", "own level"),
    ]


@pytest.fixture
def bare_logger() -> Iterator[logging.Logger]:
    """Return a logger whose records reach no handler, so that Python takes `logging.lastResort`."""
    logger = logging.getLogger("test_last_resort")
    logger.propagate = False
    yield logger
    logger.propagate = True


@pytest.mark.parametrize("pass_on", [False, True])
def test_a_log_record_has_its_level_in_a_program_that_has_not_configured_logging(
    bare_logger: logging.Logger, pass_on: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Afterwards Python's own handler is back."""
    handler = logging.lastResort
    assert handler is not None
    log = OutputLog()
    with capture_streams(log, pass_on=pass_on):
        bare_logger.warning("careful %s", "now")
        print("printed", file=sys.stderr)
        bare_logger.error("broken")
        bare_logger.info("below the level of the handler")
    assert lines_of(log) == [
        ("", "WARNING", "careful now"),
        ("", "stderr", "printed"),
        ("", "ERROR", "broken"),
    ]
    assert logging.lastResort is handler
    assert handler.filters == []
    assert capsys.readouterr().err == ("careful now\nprinted\nbroken\n" if pass_on else "")


def test_a_log_record_without_handlers_goes_to_the_stream_to_which_a_job_redirects(
    bare_logger: logging.Logger,
) -> None:
    log, own = OutputLog(), io.StringIO()
    with capture_streams(log), contextlib.redirect_stderr(own):
        bare_logger.warning("careful")
    assert (own.getvalue(), lines_of(log)) == ("careful\n", [])


def test_a_program_that_sets_another_last_resort_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One set before the capture is not replaced, and one set during the capture stays."""
    own = logging.NullHandler()
    monkeypatch.setattr(logging, "lastResort", logging.lastResort)
    with capture_streams(OutputLog()):
        logging.lastResort = own
    assert logging.lastResort is own
    with capture_streams(OutputLog()):
        assert logging.lastResort is own
    logging.lastResort = None
    with capture_streams(OutputLog()):
        assert logging.lastResort is None


def test_a_log_handler_of_a_file_is_not_changed(tmp_path: Path) -> None:
    """Its records stay out of the output."""
    handler = logging.FileHandler(tmp_path / "log.txt")
    logger = logging.getLogger("test_output_file")
    logger.addHandler(handler)
    logger.propagate = False
    log = OutputLog()
    try:
        with capture_streams(log):
            logger.warning("to the file")
    finally:
        logger.removeHandler(handler)
        handler.close()
        logger.propagate = True
    assert (tmp_path / "log.txt").read_text() == "to the file\n"
    assert lines_of(log) == []


def test_a_warning_in_a_run_is_part_of_its_output(scheduler: Scheduler) -> None:
    """Python writes warnings to standard error."""

    def warn() -> None:
        warnings.warn("old thing", DeprecationWarning, stacklevel=1)

    with capture_streams(OutputLog()), warnings.catch_warnings():
        warnings.simplefilter("always")
        # pytest collects warnings; this does what Python itself does with them.
        warnings.showwarning = lambda message, *_, **__: print(repr(message), file=sys.stderr)
        assert "DeprecationWarning('old thing')" in output_of(scheduler, warn, "warn")


def test_the_streams_are_restored_after_an_error() -> None:
    """And captured until then."""
    before = sys.stdout, sys.stderr

    def fail() -> None:
        with capture_streams(OutputLog()) as streams:
            assert (sys.stdout, sys.stderr) == streams
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (sys.stdout, sys.stderr) == before


def test_a_captured_stream_accepts_only_text() -> None:
    """As any text stream does."""
    with capture_streams(OutputLog()) as (out, _):
        assert out.writable()
        assert out.encoding == "utf-8"
        assert out.write("日本") == 2
        with pytest.raises(TypeError, match="must be str, not bytes"):
            out.write(b"x")  # type: ignore[arg-type]


# --- streams that pass on -------------------------------------------------------------------------


class RecordingStream(io.StringIO):
    """A terminal in ASCII that records writes and flushes, in order."""

    encoding = "ascii"
    errors = "strict"

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def write(self, text: str) -> int:
        """Record the text, if ASCII has its characters."""
        text.encode(self.encoding)
        self.calls.append(text)
        return len(text)

    def flush(self) -> None:
        """Record the flush."""
        self.calls.append("flushed")

    def fileno(self) -> int:
        """Return a number that no other stream has."""
        return 4711

    def isatty(self) -> bool:
        """Return True."""
        return True


def test_prints_are_passed_on_to_the_replaced_stream(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In order, and flushed when they are flushed."""
    out, err = RecordingStream(), RecordingStream()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)

    def talk() -> None:
        print("one", flush=True)
        sys.stderr.write("two\n")
        print("three")

    log = OutputLog()
    with capture_streams(log, pass_on=True):
        assert output_of(scheduler, talk, "talk") == "one\ntwo\nthree\n"
        print("outside")
    assert out.calls == ["one", "\n", "flushed", "three", "\n", "outside", "\n"]
    assert err.calls == ["two\n"]
    assert [text for _, _, text in lines_of(log)] == ["one", "two", "three", "outside"]
    assert (sys.stdout, sys.stderr) == (out, err)


def test_a_wrapper_of_a_stream_whose_capture_has_ended_records_nothing_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An on_app_start function may wrap the stream; then the wrapper is captured in its place."""
    replaced = RecordingStream()
    monkeypatch.setattr(sys, "stdout", replaced)
    log = OutputLog()
    with capture_streams(log, pass_on=True):
        wrapped = sys.stdout
    monkeypatch.setattr(sys, "stdout", wrapped)
    with capture_streams(log, pass_on=True):
        print("once")
    assert lines_of(log) == [("", "stdout", "once")]
    assert "".join(replaced.calls) == "once\n"


def test_log_records_are_passed_on_to_the_replaced_stream(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in the output of the run, too."""
    err = RecordingStream()
    monkeypatch.setattr(sys, "stderr", err)
    handler = logging.StreamHandler(err)
    logger = logging.getLogger("test_passing_on")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        with capture_streams(OutputLog(), pass_on=True):
            assert output_of(scheduler, lambda: logger.warning("careful"), "log") == "careful\n"
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
    assert "careful\n" in "".join(err.calls)


def test_a_stream_that_passes_on_has_the_attributes_of_the_replaced_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its descriptor, its encoding and its buffer, for subprocesses and code that writes bytes."""
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, "latin-1", errors="replace", write_through=True)
    recording = RecordingStream()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", recording)
    with capture_streams(OutputLog(), pass_on=True) as (out, err):
        assert (out.encoding, out.errors) == ("latin-1", "replace")
        out.buffer.write(b"bytes")
        assert not out.isatty()
        assert err.isatty()
        assert err.fileno() == 4711
        with pytest.raises(AttributeError):
            err.nonesuch  # type: ignore[attr-defined] # noqa: B018 - raises
    assert buffer.getvalue() == b"bytes"


def test_characters_that_the_replaced_stream_cannot_encode_are_escaped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run does not fail because of a stream's encoding; its own output has the characters."""
    out, log = RecordingStream(), OutputLog()
    monkeypatch.setattr(sys, "stdout", out)
    with capture_streams(log, pass_on=True):
        print("日 e")
    assert out.calls == ["\\u65e5 e", "\n"]
    assert lines_of(log) == [("", "stdout", "日 e")]


@pytest.mark.parametrize(
    "error", [BrokenPipeError(), ValueError("I/O operation on closed file"), OSError(28)]
)
def test_a_broken_stream_does_not_fail_runs(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Their output is still captured."""

    class BrokenStream(io.StringIO):
        def write(self, _text: str) -> int:
            raise error

        def flush(self) -> None:
            raise error

    monkeypatch.setattr(sys, "stdout", BrokenStream())
    monkeypatch.setattr(sys, "stderr", None)  # >&-
    with capture_streams(OutputLog(), pass_on=True):
        text = output_of(
            scheduler,
            lambda: [print("still", flush=True), print("here", file=sys.stderr)],
            "talk",
        )
        assert text == "still\nhere\n"


# --- streams as jobs use them ---------------------------------------------------------------------


def test_a_captured_stream_has_the_attributes_of_a_text_file() -> None:
    """Jobs that work without the dashboard work with it."""
    with capture_streams(OutputLog()) as (out, err):
        assert isinstance(out, io.TextIOWrapper)
        assert (out.name, out.mode, out.newlines, out.errors) == ("<stdout>", "w", None, "backslashreplace")
        assert err.name == "<stderr>"
        assert (out.buffer.name, out.buffer.mode, out.buffer.isatty()) == ("<stdout>", "wb", False)
        assert (out.fileno(), err.fileno(), out.buffer.raw.fileno()) == (1, 2, 1)
        out.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
        assert (out.errors, out.line_buffering) == ("replace", True)
        assert not out.seekable()
        with pytest.raises(io.UnsupportedOperation):
            out.read()
        with pytest.raises(TypeError, match="bytes-like"):
            out.buffer.write("text")


def write_lines() -> None:
    """Write lines in the ways that programs do."""
    sys.stdout.writelines(["one\n", "two\n"])
    sys.stdout.buffer.write(b"bytes\n")
    raw: Any = sys.stdout.buffer
    raw.raw.write(memoryview(b"raw\n"))
    shutil.copyfileobj(io.BytesIO("日本\n".encode()), sys.stdout.buffer, 2)  # each piece cuts a character
    codecs.getwriter("utf-8")(sys.stdout.buffer).write("codec\n")
    io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", write_through=True).write("wrapper\n")


WRITTEN = "one\ntwo\nbytes\nraw\n日本\ncodec\nwrapper\n"


@pytest.mark.parametrize("pass_on", [False, True])
def test_whatever_is_written_to_the_buffer_is_captured(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, pass_on: bool
) -> None:
    """And passed on, if everything is."""
    original = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", original)
    log = OutputLog()
    with capture_streams(log, pass_on=pass_on):
        assert output_of(scheduler, write_lines, "write") == WRITTEN
    assert [text for _, _, text in lines_of(log)] == WRITTEN.splitlines()
    original.flush()
    assert original.buffer.getvalue().decode() == (WRITTEN if pass_on else "")


def replace_streams(*names: str) -> None:
    """Replace standard streams without restoring them."""
    for name in names:
        setattr(sys, name, io.StringIO())


def wrap_stdout() -> None:
    """Replace the stream by another one on its buffer."""
    stream: Any = sys.stdout
    sys.stdout = io.TextIOWrapper(stream.detach())


def call_stdout(name: str, *arguments: object) -> None:
    """Call a method of the stream."""
    getattr(sys.stdout, name)(*arguments)


@pytest.mark.parametrize(
    "silence",
    [
        partial(call_stdout, "close"),
        partial(call_stdout, "detach"),
        partial(call_stdout, "__exit__", None, None, None),
        partial(replace_streams, "stdout"),
        partial(replace_streams, "stdout", "stderr"),
        partial(setattr, sys, "stdout", None),
        wrap_stdout,
    ],
)
@pytest.mark.parametrize("pass_on", [False, True])
@pytest.mark.parametrize("as_coroutine", [False, True])
def test_no_job_silences_later_jobs(
    scheduler: Scheduler, silence: Callable[[], object], *, pass_on: bool, as_coroutine: bool
) -> None:
    """A job may close, detach, wrap or replace the streams."""

    async def silence_in_coroutine() -> None:
        silence()

    with capture_streams(OutputLog(), pass_on=pass_on):
        output_of(scheduler, silence_in_coroutine if as_coroutine else silence, "silence")
        text = output_of(scheduler, lambda: [print("out"), print("err", file=sys.stderr)], "talk")
    assert text == "out\nerr\n"


def test_a_run_that_redirects_its_output_gets_it_although_another_run_ends(scheduler: Scheduler) -> None:
    """The streams are put back when every run has ended that was running at that time."""
    redirected, other_ended = threading.Event(), threading.Event()
    target = io.StringIO()

    def redirect() -> None:
        with contextlib.redirect_stdout(target):
            redirected.set()
            assert other_ended.wait(60)
            print("to the target")
        print("to the run")

    with capture_streams(OutputLog()):
        run = scheduler.schedule("@yearly", redirect, name="redirect").run()
        assert redirected.wait(60)
        output_of(scheduler, lambda: None, "other")
        other_ended.set()
        assert run.wait(60)
        assert (scheduler.output_of(run.number), target.getvalue()) == ("to the run\n", "to the target\n")


# --- threads and subprocesses of a run ------------------------------------------------------------


def in_thread() -> None:
    """Print in a thread."""
    thread = threading.Thread(target=print, args=("hello",))
    thread.start()
    thread.join()


def in_thread_of_thread() -> None:
    """Print in a thread that a thread starts."""
    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()


def in_timer() -> None:
    """Print in a timer."""
    timer = threading.Timer(0, print, ["hello"])
    timer.start()
    timer.join()


def in_subclass() -> None:
    """Print in a thread whose class has a method for its work."""

    class Printer(threading.Thread):
        def run(self) -> None:
            print("hello")

    thread = Printer()
    thread.start()
    thread.join()
    assert "run" not in vars(thread)


def in_executor() -> None:
    """Print in a pool of threads."""
    with ThreadPoolExecutor() as executor:
        executor.submit(print, "hello").result()


def in_thread_pool() -> None:
    """Print in a pool of multiprocessing."""
    with ThreadPool(1) as pool:
        pool.apply(print, ("hello",))


async def in_executor_of_loop() -> None:
    """Print in the executor of the event loop."""
    await asyncio.get_running_loop().run_in_executor(None, print, "hello")


async def in_subprocess_of_loop() -> None:
    """Print in a subprocess of the event loop."""
    process = await asyncio.create_subprocess_exec("echo", "hello")
    await process.wait()


def in_polled_subprocess() -> None:
    """Print in a subprocess without waiting for it by a call."""
    process = subprocess.Popen(["echo", "hello"])
    while process.poll() is None:
        pass


THREADS: list[Callable[[], object]] = [
    in_thread,
    in_thread_of_thread,
    in_timer,
    in_subclass,
    in_executor,
    in_thread_pool,
    in_executor_of_loop,
]
SUBPROCESSES: list[Callable[[], object]] = [
    in_subprocess_of_loop,
    in_polled_subprocess,
    lambda: subprocess.run("echo hello", shell=True, check=True),
    lambda: subprocess.run(["sh", "-c", "echo hello >&2"], check=True),
    lambda: subprocess.check_call(["echo", "hello"], stdout=sys.stdout, stderr=subprocess.STDOUT),
    lambda: subprocess.run(["echo", "hello"], -1, None, None, None, None, check=True),
    lambda: subprocess.run(["sh", "-c", "echo hello >&2"], stderr=subprocess.STDOUT, check=True),
    lambda: subprocess.Popen(["echo", "hello"]).wait(),
    lambda: subprocess.run(["sh", "-c", "read a; echo $a"], input=b"hello", check=True),
]


@pytest.mark.parametrize("work", THREADS + SUBPROCESSES)
@pytest.mark.parametrize("pass_on", [False, True])
def test_threads_and_subprocesses_of_a_run_write_to_its_output(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, work: Callable[[], object], *, pass_on: bool
) -> None:
    """And to the replaced streams, if everything is passed on."""
    original = io.StringIO()
    monkeypatch.setattr(sys, "stdout", original)
    monkeypatch.setattr(sys, "stderr", original)
    log = OutputLog()
    with capture_streams(log, pass_on=pass_on):
        assert output_of(scheduler, work, "work") == "hello\n"
    assert [(job, text) for job, _, text in lines_of(log)] == [("work", "hello")]
    assert original.getvalue() == ("hello\n" if pass_on else "")


def test_output_that_a_job_takes_itself_is_not_captured(scheduler: Scheduler) -> None:
    """The job gets it as without the capture."""

    def take() -> None:
        assert subprocess.check_output(["echo", "hello"]) == b"hello\n"
        subprocess.run(["echo", "hello"], stdout=subprocess.DEVNULL, check=True)
        subprocess.run(["sh", "-c", "echo hello >&2"], stderr=subprocess.PIPE, check=True)

    with capture_streams(OutputLog()):
        assert output_of(scheduler, take, "take") == ""


def test_a_pool_of_threads_that_runs_share_writes_to_the_run_that_submits(scheduler: Scheduler) -> None:
    """Not to the one that has started its thread."""
    log = OutputLog()
    with capture_streams(log), ThreadPoolExecutor(1) as executor:
        for name in "ab":
            work = partial(print, name)
            text = output_of(scheduler, lambda: executor.submit(work).result(), name)  # noqa: B023 - used at once
            assert text == f"{name}\n"
        executor.submit(print, "outside").result()
    assert lines_of(log)[-1] == ("", "stdout", "outside")


def test_a_thread_that_outlives_its_run_writes_to_the_output_of_all(scheduler: Scheduler) -> None:
    """It is not shown as output of a run that has ended without it."""
    ended = threading.Event()

    def talk() -> None:
        assert ended.wait(60)
        print("late")

    log, threads = OutputLog(), [threading.Thread(target=talk)]
    with capture_streams(log):
        assert output_of(scheduler, threads[0].start, "start") == ""
        ended.set()
        threads[0].join()
    assert lines_of(log) == [("", "stdout", "late")]


def test_a_job_that_starts_a_process_in_the_background_does_not_wait_for_its_output(
    scheduler: Scheduler,
) -> None:
    """The background process keeps the pipe open."""
    with capture_streams(OutputLog()):
        text = output_of(
            scheduler, lambda: subprocess.run("echo hello; sleep 20 &", shell=True, check=True), "start"
        )
    assert text == "hello\n"


def test_nothing_of_the_standard_library_stays_replaced() -> None:
    """After the capture."""
    before = (threading.Thread.start, ThreadPoolExecutor.submit, subprocess.Popen.__init__)
    with capture_streams(OutputLog()):
        assert threading.Thread.start is not before[0]
    assert (threading.Thread.start, ThreadPoolExecutor.submit, subprocess.Popen.__init__) == before


# --- forked children ------------------------------------------------------------------------------

FORK = """
    import logging, os, sys, threading
    from jobtui.runtime.output_capture import capture_streams
    from jobtui.runtime.output_log import OutputLog
    from jobtui.runtime.scheduler import Scheduler

    logging.basicConfig()
    log, stop = OutputLog(), threading.Event()

    def talk():
        while not stop.is_set():
            print("talk", file=sys.stderr)

    def read():
        while not stop.is_set():
            log.output_since(0)

    with Scheduler(pool=2) as scheduler:
        with capture_streams(log):
            run = scheduler.now(talk)
            reader = threading.Thread(target=read)
            reader.start()
            for index in range(20):
                child = os.fork()
                if not child:
                    print("child", index, flush=True)
                    logging.warning("logged")
                    os._exit(0)
                assert os.waitpid(child, 0)[1] == 0
            stop.set()
            run.wait(60)
            reader.join()
            print("parent")
    print([line.text for line in log.output_since(0).lines if line.text != "talk"])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are POSIX")
def test_a_forked_child_prints_and_logs_to_its_own_streams_whatever_other_threads_do() -> None:
    """Its copy of the log has no reader, and a lock may be held by a thread that does not exist there."""
    result = subprocess.run(
        # Python 3.12 warns of forks in a process with several threads.
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(FORK)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert result.stdout == "".join(f"child {index}\n" for index in range(20)) + "['parent']\n"
    assert result.stderr == "WARNING:root:logged\n" * 20


# --- descriptors ----------------------------------------------------------------------------------

DESCRIPTORS = """
    import json, os, subprocess, sys, threading
    from jobtui.runtime.output_capture import capture_descriptors
    from jobtui.runtime.output_log import OutputLog

    log = OutputLog()
    with capture_descriptors(log) as terminal:
        terminal.write("to the terminal\\n")
        terminal.flush()
        os.write(1, b"by descriptor\\n")
        os.write(2, b"by the other\\n")
        subprocess.run(["echo", "by a subprocess"], check=True)
        sys.__stdout__.write("by the old stream\\n")
        sys.__stdout__.flush()
        os.write(1, b"not \\xff utf-8\\n")
        sys.__stdout__.write("left in a buffer\\n")
    os.write(1, b"afterwards\\n")
    for thread in threading.enumerate():
        if thread.name == "jobtui-output":
            thread.join(20)
    with open(sys.argv[1], "w") as file:
        json.dump([(line.stream, line.text) for line in log.output_since(0).lines], file)
"""


def run_in_terminal(script: str, *arguments: str, stderr: int | None = None) -> tuple[int, str]:
    """Run a program in a pseudo-terminal. Returns its exit status and the text on the terminal."""
    master, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal if stderr is None else stderr,
    ) as process:
        os.close(terminal)
        output = b""
        try:
            while chunk := os.read(master, 65536):
                output += chunk
        except OSError:  # on Linux, the last process has closed the terminal
            pass
        finally:
            os.close(master)
        return process.wait(60), output.decode().replace("\r\n", "\n")


def test_writes_to_the_descriptors_are_captured(tmp_path: Path) -> None:
    """Only the yielded stream reaches the terminal; afterwards the descriptors are restored."""
    status, text = run_in_terminal(DESCRIPTORS, str(tmp_path / "lines"))
    assert status == 0, text
    assert text == "to the terminal\nafterwards\n"
    lines = [tuple(line) for line in json.loads((tmp_path / "lines").read_text())]
    assert sorted(lines, key=lambda line: line[0]) == [
        ("fd 1", "by descriptor"),
        ("fd 1", "by a subprocess"),
        ("fd 1", "by the old stream"),
        ("fd 1", "not � utf-8"),
        ("fd 1", "left in a buffer"),
        ("fd 2", "by the other"),
    ]


def test_a_descriptor_that_is_not_a_terminal_is_not_changed(tmp_path: Path) -> None:
    """As with ``2>errors.log``."""
    with (tmp_path / "errors.log").open("wb") as errors:
        status, _ = run_in_terminal(DESCRIPTORS, str(tmp_path / "lines"), stderr=errors.fileno())
    assert status == 0
    assert (tmp_path / "errors.log").read_text() == "by the other\n"
    texts = [text for _, text in json.loads((tmp_path / "lines").read_text())]
    assert "by descriptor" in texts
    assert "by the other" not in texts


def test_capturing_descriptors_without_a_terminal_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is changed then."""
    monkeypatch.setattr(os, "isatty", lambda _descriptor: False)
    with (
        pytest.raises(OSError, match="neither standard output nor standard error"),
        capture_descriptors(OutputLog()),
    ):
        pass
