"""What jobs print: kept apart by run, bounded, and never on the terminal."""

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

from jobtui.runtime.attachments import MAX_OUTPUT, RunOutput
from jobtui.runtime.output_capture import (
    MAX_LINE_LENGTH,
    MAX_LINES,
    OutputChunk,
    OutputLog,
    capture_descriptors,
    capture_streams,
)
from jobtui.runtime.scheduler import Scheduler

NOTE = "… earlier output was dropped …\n"


# --- the output of one run ------------------------------------------------------------------------


def test_output_is_kept_as_it_was_written() -> None:
    """In order, without a note, as long as it fits."""
    output = RunOutput()
    for text in ("a", "", "b\n", "c" * (MAX_OUTPUT - 3)):
        output.write(text)
    assert str(output) == "ab\n" + "c" * (MAX_OUTPUT - 3)


def test_no_output_is_empty() -> None:
    """Nothing was written."""
    assert str(RunOutput()) == ""


@pytest.mark.parametrize("size", [1, 7, 1000, MAX_OUTPUT, MAX_OUTPUT + 1, 5 * MAX_OUTPUT])
def test_output_is_bounded_and_ends_with_the_last_words(size: int) -> None:
    """Whatever the size of the pieces, no more than the bound is kept, with the end, and a note says so."""
    output = RunOutput()
    for index in range(3 * MAX_OUTPUT // size + 2):
        output.write(chr(ord("a") + index % 26) * (size - 1) + "\n")
    output.write("the end")
    text = str(output)
    assert text.startswith(NOTE)
    assert text.endswith("the end")
    assert len(text) - len(NOTE) <= MAX_OUTPUT


# --- the console ----------------------------------------------------------------------------------


def test_lines_are_kept_with_their_writers() -> None:
    """Whole lines in the order in which they ended; unfinished ones last, each writer's own."""
    console = OutputLog()
    console.write("a", "one ")
    console.write("b", "two\nthree")
    console.write("a", "and a half\r\n")
    console.write("c", "")
    assert console.lines() == [("b", "two"), ("a", "one and a half"), ("b", "three")]
    assert console.total_lines == 2
    console.write("b", "\n\n")
    assert console.lines() == [("b", "two"), ("a", "one and a half"), ("b", "three"), ("b", "")]
    assert console.total_lines == 4


def test_the_console_is_bounded() -> None:
    """The oldest lines go, and the count of all that were written goes on."""
    console = OutputLog()
    console.write("a", "".join(f"{index}\n" for index in range(MAX_LINES + 10)))
    lines = console.lines()
    assert len(lines) == MAX_LINES
    assert lines[0] == ("a", "10")
    assert console.total_lines == MAX_LINES + 10


def test_a_line_without_end_is_bounded() -> None:
    """A program that never ends its line (a progress bar) neither grows nor hides what it writes."""
    console = OutputLog()
    for _ in range(100):
        console.write("a", "x" * 1000)
    assert all(len(text) <= MAX_LINE_LENGTH for _, text in console.lines())
    assert sum(len(text) for _, text in console.lines()) > MAX_LINE_LENGTH
    console.write("b", "y" * 10 * MAX_LINE_LENGTH + "\n")
    assert ("b", "y" * MAX_LINE_LENGTH) in console.lines()


def test_many_threads_lose_no_line() -> None:
    """Lines of different writers are not mixed, and every one is counted."""
    console = OutputLog()

    def write(name: str) -> None:
        for index in range(200):
            console.write(name, f"{name}{index}")
            console.write(name, "\n")

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in "abcdefgh":
        assert [text for who, text in console.lines() if who == name] == [f"{name}{i}" for i in range(200)]
    assert console.total_lines == 1600


def test_a_reader_gets_only_new_lines() -> None:
    """Whole lines are counted from 1; who knows the first ones gets the rest; unfinished ones come always."""
    console = OutputLog()
    assert console.output_since(0) == OutputChunk(first=1, lines=(), unfinished=())
    assert console.output_since(0).last == 0
    console.write("a", "one\ntwo\nthr")
    console.write("b", "x")
    assert console.output_since(1) == OutputChunk(
        first=2, lines=(("a", "two"),), unfinished=(("a", "thr"), ("b", "x"))
    )
    assert console.output_since(2) == OutputChunk(first=3, lines=(), unfinished=(("a", "thr"), ("b", "x")))


def test_a_reader_who_comes_late_gets_what_is_kept() -> None:
    """The number of the first line tells that some are missing; after a line that never was come all."""
    console = OutputLog()
    console.write("a", "".join(f"{number}\n" for number in range(1, MAX_LINES + 11)))
    for after in (0, 5, 10, MAX_LINES + 11, -1):
        printed = console.output_since(after)
        assert (printed.first, printed.last) == (11, MAX_LINES + 10)
        assert printed.lines[0] == ("a", "11")
    assert console.output_since(MAX_LINES + 9).lines == (("a", str(MAX_LINES + 10)),)


# --- streams --------------------------------------------------------------------------------------


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """A scheduler that runs."""
    with Scheduler(pool=4, tz="UTC") as running:
        yield running


def output_of(scheduler: Scheduler, runnable: Callable[[], object], name: str) -> str:
    """What a run of something printed."""
    job = scheduler.schedule("@yearly", runnable, name=name)
    run = job.run()
    assert run.wait(20)
    assert run.state.value == "OK", run.reason
    return scheduler.output_of(run.number)


def test_prints_go_to_their_run_and_to_the_console(scheduler: Scheduler) -> None:
    """Standard output and standard error of a run are its output; nothing of it is printed."""

    def talk() -> None:
        print("out")
        print("err", file=sys.stderr)
        sys.stdout.write("no newline")
        sys.stdout.flush()
        assert not sys.stdout.isatty()

    console = OutputLog()
    with capture_streams(console):
        assert output_of(scheduler, talk, "talk") == "out\nerr\nno newline"
        print("from outside")
    assert console.lines() == [
        ("talk", "out"),
        ("talk", "err"),
        ("stdout", "from outside"),
        ("talk", "no newline"),
    ]


def test_runs_at_the_same_time_are_kept_apart(scheduler: Scheduler) -> None:
    """Two runs that print in turns have each their own lines."""
    both = threading.Barrier(2, timeout=20)
    console = OutputLog()

    def talker(name: str) -> Callable[[], None]:
        def talk() -> None:
            for index in range(20):
                both.wait()
                print(name, index)

        return talk

    with capture_streams(console):
        runs = [scheduler.schedule("@yearly", talker(name), name=name).run() for name in "ab"]
        for run in runs:
            assert run.wait(20)
        for run, name in zip(runs, "ab", strict=True):
            assert scheduler.output_of(run.number) == "".join(f"{name} {index}\n" for index in range(20))


def test_coroutines_on_one_loop_are_kept_apart(scheduler: Scheduler) -> None:
    """Tasks that take turns in one thread have each their own output, and so have the tasks they start."""
    console = OutputLog()

    def talker(name: str) -> Callable[[], object]:
        async def child() -> None:
            print(name, "child")

        async def talk() -> None:
            for index in range(5):
                print(name, index)
                await asyncio.sleep(0)
            await asyncio.create_task(child())

        return talk

    with capture_streams(console):
        runs = [scheduler.schedule("@yearly", talker(name), name=name).run() for name in "ab"]
        for run, name in zip(runs, "ab", strict=True):
            assert run.wait(20)
            expected = "".join(f"{name} {index}\n" for index in range(5)) + f"{name} child\n"
            assert scheduler.output_of(run.number) == expected


@pytest.mark.parametrize("bound_to", ["stderr", "__stderr__"])
def test_log_handlers_bound_before_are_routed_and_given_back(scheduler: Scheduler, bound_to: str) -> None:
    """A handler made with the real stream writes to the run meanwhile, and to its stream afterwards."""
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


def test_handlers_of_files_are_left_alone(tmp_path: Path) -> None:
    """A log that goes to a file goes on going there."""
    handler = logging.FileHandler(tmp_path / "log.txt")
    logger = logging.getLogger("test_output_file")
    logger.addHandler(handler)
    logger.propagate = False
    console = OutputLog()
    try:
        with capture_streams(console):
            logger.warning("to the file")
    finally:
        logger.removeHandler(handler)
        handler.close()
        logger.propagate = True
    assert (tmp_path / "log.txt").read_text() == "to the file\n"
    assert console.lines() == []


def test_warnings_are_routed(scheduler: Scheduler) -> None:
    """A warning of a run is part of its output."""

    def warn() -> None:
        warnings.warn("old thing", DeprecationWarning, stacklevel=1)

    with capture_streams(OutputLog()), warnings.catch_warnings():
        warnings.simplefilter("always")
        # pytest collects warnings; this is where Python itself writes them.
        warnings.showwarning = lambda message, *_, **__: print(repr(message), file=sys.stderr)
        assert "DeprecationWarning('old thing')" in output_of(scheduler, warn, "warn")


def test_streams_are_put_back() -> None:
    """Also after an error."""
    before = sys.stdout, sys.stderr

    def fail() -> None:
        with capture_streams(OutputLog()) as streams:
            assert (sys.stdout, sys.stderr) == streams
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (sys.stdout, sys.stderr) == before


def test_a_stream_takes_only_text() -> None:
    """As any text stream does."""
    with capture_streams(OutputLog()) as (out, _):
        assert out.writable()
        assert out.encoding == "utf-8"
        assert out.write("日本") == 2
        with pytest.raises(TypeError, match="must be str, not bytes"):
            out.write(b"x")  # type: ignore[arg-type]


# --- passing on -----------------------------------------------------------------------------------


class Kept(io.StringIO):
    """A stream that remembers in which order it was written to and flushed."""

    encoding = "ascii"
    errors = "strict"

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def write(self, text: str) -> int:
        """Write, if the encoding has it."""
        text.encode(self.encoding)
        self.done.append(text)
        return len(text)

    def flush(self) -> None:
        """Remember it."""
        self.done.append("flushed")

    def fileno(self) -> int:
        """One that is like no other."""
        return 4711

    def isatty(self) -> bool:
        """It is a terminal."""
        return True


def test_what_is_printed_is_passed_on(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in its run and on the stream that stood there before, in order, flushed when it was flushed."""
    out, err = Kept(), Kept()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)

    def talk() -> None:
        print("one", flush=True)
        sys.stderr.write("two\n")
        print("three")

    console = OutputLog()
    with capture_streams(console, pass_on=True):
        assert output_of(scheduler, talk, "talk") == "one\ntwo\nthree\n"
        print("outside")
    assert out.done == ["one", "\n", "flushed", "three", "\n", "outside", "\n"]
    assert err.done == ["two\n"]
    assert [text for _, text in console.lines()] == ["one", "two", "three", "outside"]
    assert (sys.stdout, sys.stderr) == (out, err)


def test_log_records_are_passed_on(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that writes to standard error still does, and its records are in the run."""
    err = Kept()
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
    assert "careful\n" in "".join(err.done)


def test_to_jobs_it_is_still_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """They ask for its descriptor, its encoding or its buffer, as subprocess and those who write bytes do."""
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, "latin-1", errors="replace", write_through=True)
    kept = Kept()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", kept)
    with capture_streams(OutputLog(), pass_on=True) as (out, err):
        assert (out.encoding, out.errors) == ("latin-1", "replace")
        assert out.buffer is buffer
        out.buffer.write(b"bytes")
        assert not out.isatty()
        assert err.isatty()
        assert err.fileno() == 4711
        with pytest.raises(AttributeError):
            err.nothing_of_the_kind  # type: ignore[attr-defined] # noqa: B018 - that is the test
    assert buffer.getvalue() == b"bytes"


def test_what_the_stream_cannot_write_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run does not fail because of a stream's encoding; its own output is unchanged."""
    out, console = Kept(), OutputLog()
    monkeypatch.setattr(sys, "stdout", out)
    with capture_streams(console, pass_on=True):
        print("日 e")
    assert out.done == ["\\u65e5 e", "\n"]
    assert console.lines() == [("stdout", "日 e")]


@pytest.mark.parametrize(
    "error", [BrokenPipeError(), ValueError("I/O operation on closed file"), OSError(28)]
)
def test_a_stream_that_is_broken_harms_nobody(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Where nobody reads any more, runs go on, and their output is kept."""

    class Broken(io.StringIO):
        def write(self, _text: str) -> int:
            raise error

        def flush(self) -> None:
            raise error

    monkeypatch.setattr(sys, "stdout", Broken())
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

    console = OutputLog()
    with capture_descriptors(console) as terminal:
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
        json.dump(console.lines(), file)
"""


def run_in_a_terminal(script: str, *arguments: str, stderr: int | None = None) -> tuple[int, str]:
    """Run a program with a terminal of its own. Returns its exit status and what was on the terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs if stderr is None else stderr,
    ) as process:
        os.close(theirs)
        seen = b""
        try:
            while piece := os.read(ours, 65536):
                seen += piece
        except OSError:  # what Linux says when the last one has let go of a terminal
            pass
        finally:
            os.close(ours)
        return process.wait(20), seen.decode().replace("\r\n", "\n")


def test_descriptors_end_in_the_console(tmp_path: Path) -> None:
    """What goes past Python is caught, only the given stream reaches the terminal; all is put back."""
    status, seen = run_in_a_terminal(DESCRIPTORS, str(tmp_path / "lines"))
    assert status == 0, seen
    assert seen == "to the terminal\nafterwards\n"
    lines = [tuple(line) for line in json.loads((tmp_path / "lines").read_text())]
    assert lines == [
        ("subprocess", text)
        for text in (
            "by descriptor",
            "by the other",
            "by a subprocess",
            "by the old stream",
            "not � utf-8",
            "left in a buffer",
        )
    ]


def test_a_descriptor_that_is_no_terminal_is_left_alone(tmp_path: Path) -> None:
    """With ``2>errors.log`` what goes there goes there."""
    with (tmp_path / "errors.log").open("wb") as errors:
        status, _ = run_in_a_terminal(DESCRIPTORS, str(tmp_path / "lines"), stderr=errors.fileno())
    assert status == 0
    assert (tmp_path / "errors.log").read_text() == "by the other\n"
    texts = [text for _, text in json.loads((tmp_path / "lines").read_text())]
    assert "by descriptor" in texts
    assert "by the other" not in texts


def test_without_a_terminal_there_is_nothing_to_catch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program whose output goes elsewhere is told so, and nothing is changed."""
    monkeypatch.setattr(os, "isatty", lambda _descriptor: False)
    with (
        pytest.raises(OSError, match="neither standard output nor standard error"),
        capture_descriptors(OutputLog()),
    ):
        pass
