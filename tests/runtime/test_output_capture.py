"""The output of jobs: separate for each run, bounded, and kept off the terminal."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import pty
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobtui.runtime.output_capture import (
    MAX_LINE_LENGTH,
    MAX_LINES,
    OutputChunk,
    OutputLog,
    capture_descriptors,
    capture_streams,
)
from jobtui.runtime.run_attachments import MAX_OUTPUT, RunOutput
from jobtui.runtime.scheduler import Scheduler

NOTE = "… earlier output was dropped …\n"


# --- the output of one run ------------------------------------------------------------------------


def test_output_is_kept_as_it_was_written_as_long_as_it_fits() -> None:
    """In order, and without a note."""
    output = RunOutput()
    for text in ("a", "", "b\n", "c" * (MAX_OUTPUT - 3)):
        output.write(text)
    assert str(output) == "ab\n" + "c" * (MAX_OUTPUT - 3)


def test_the_output_of_a_run_that_printed_nothing_is_empty() -> None:
    """Also without a note."""
    assert str(RunOutput()) == ""


@pytest.mark.parametrize("size", [1, 7, 1000, MAX_OUTPUT, MAX_OUTPUT + 1, 5 * MAX_OUTPUT])
def test_output_is_bounded_and_its_end_is_kept(size: int) -> None:
    """The size of the pieces makes no difference. A note says that output was dropped."""
    output = RunOutput()
    for index in range(3 * MAX_OUTPUT // size + 2):
        output.write(chr(ord("a") + index % 26) * (size - 1) + "\n")
    output.write("the end")
    text = str(output)
    assert text.startswith(NOTE)
    assert text.endswith("the end")
    assert len(text) - len(NOTE) <= MAX_OUTPUT


# --- the output log -------------------------------------------------------------------------------


def test_lines_are_kept_with_their_writers() -> None:
    """Complete lines in the order in which they ended, then the unfinished line of each writer."""
    log = OutputLog()
    log.write("a", "one ")
    log.write("b", "two\nthree")
    log.write("a", "and a half\r\n")
    log.write("c", "")
    assert log.lines() == [("b", "two"), ("a", "one and a half"), ("b", "three")]
    assert log.total_lines == 2
    log.write("b", "\n\n")
    assert log.lines() == [("b", "two"), ("a", "one and a half"), ("b", "three"), ("b", "")]
    assert log.total_lines == 4


def test_the_output_log_is_bounded() -> None:
    """The oldest lines are dropped, but still counted."""
    log = OutputLog()
    log.write("a", "".join(f"{index}\n" for index in range(MAX_LINES + 10)))
    lines = log.lines()
    assert len(lines) == MAX_LINES
    assert lines[0] == ("a", "10")
    assert log.total_lines == MAX_LINES + 10


def test_the_length_of_an_unfinished_line_is_bounded() -> None:
    """A progress bar, for example: the log does not grow, and shows what is written."""
    log = OutputLog()
    for _ in range(100):
        log.write("a", "x" * 1000)
    assert all(len(text) <= MAX_LINE_LENGTH for _, text in log.lines())
    assert sum(len(text) for _, text in log.lines()) > MAX_LINE_LENGTH
    log.write("b", "y" * 10 * MAX_LINE_LENGTH + "\n")
    assert ("b", "y" * MAX_LINE_LENGTH) in log.lines()


def test_lines_of_many_threads_are_neither_lost_nor_mixed() -> None:
    """And every line is counted."""
    log = OutputLog()

    def write(name: str) -> None:
        for index in range(200):
            log.write(name, f"{name}{index}")
            log.write(name, "\n")

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in "abcdefgh":
        assert [text for writer, text in log.lines() if writer == name] == [f"{name}{i}" for i in range(200)]
    assert log.total_lines == 1600


def test_output_since_a_line_has_only_the_later_lines() -> None:
    """Complete lines are numbered from 1; unfinished ones are always included."""
    log = OutputLog()
    assert log.output_since(0) == OutputChunk(first=1, lines=(), unfinished=())
    assert log.output_since(0).last == 0
    log.write("a", "one\ntwo\nthr")
    log.write("b", "x")
    assert log.output_since(1) == OutputChunk(
        first=2, lines=(("a", "two"),), unfinished=(("a", "thr"), ("b", "x"))
    )
    assert log.output_since(2) == OutputChunk(first=3, lines=(), unfinished=(("a", "thr"), ("b", "x")))


def test_output_since_a_dropped_or_unknown_line_has_all_kept_lines() -> None:
    """The number of the first line shows that some are missing."""
    log = OutputLog()
    log.write("a", "".join(f"{number}\n" for number in range(1, MAX_LINES + 11)))
    for after in (0, 5, 10, MAX_LINES + 11, -1):
        chunk = log.output_since(after)
        assert (chunk.first, chunk.last) == (11, MAX_LINES + 10)
        assert chunk.lines[0] == ("a", "11")
    assert log.output_since(MAX_LINES + 9).lines == (("a", str(MAX_LINES + 10)),)


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
    assert run.wait(20)
    assert run.state.value == "OK", run.reason
    return scheduler.output_of(run.number)


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
    assert log.lines() == [
        ("talk", "out"),
        ("talk", "err"),
        ("stdout", "from outside"),
        ("talk", "no newline"),
    ]


def test_the_output_of_simultaneous_runs_is_separate(scheduler: Scheduler) -> None:
    """Here two threads print in turns."""
    both = threading.Barrier(2, timeout=20)
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
            assert run.wait(20)
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
            assert run.wait(20)
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
    finally:
        logger.removeHandler(handler)
        logger.propagate = True


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
    assert log.lines() == []


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
    assert [text for _, text in log.lines()] == ["one", "two", "three", "outside"]
    assert (sys.stdout, sys.stderr) == (out, err)


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
        assert out.buffer is buffer
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
    assert log.lines() == [("stdout", "日 e")]


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


# --- descriptors ----------------------------------------------------------------------------------

DESCRIPTORS = """
    import json, os, subprocess, sys, threading
    from jobtui.runtime.output_capture import OutputLog, capture_descriptors

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
        json.dump(log.lines(), file)
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
        return process.wait(20), output.decode().replace("\r\n", "\n")


def test_writes_to_the_descriptors_are_captured(tmp_path: Path) -> None:
    """Only the yielded stream reaches the terminal; afterwards the descriptors are restored."""
    status, text = run_in_terminal(DESCRIPTORS, str(tmp_path / "lines"))
    assert status == 0, text
    assert text == "to the terminal\nafterwards\n"
    lines = [tuple(line) for line in json.loads((tmp_path / "lines").read_text())]
    assert lines == [
        ("subprocess", line)
        for line in (
            "by descriptor",
            "by the other",
            "by a subprocess",
            "by the old stream",
            "not � utf-8",
            "left in a buffer",
        )
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
