"""The output log: lines with time, run and stream, bounded in bytes, and without locks for writers."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.engine_harness import running_run

from jobtui.runtime.clock import ManualClock, SystemClock
from jobtui.runtime.output_log import (
    MAX_CHUNK,
    MAX_LINE_LENGTH,
    MAX_UNFINISHED,
    OutputChunk,
    OutputLine,
    OutputLog,
)
from jobtui.runtime.run_attachments import RunAttachments
from jobtui.runtime.run_output import RunOutput, output_text

LIMIT = 60.0  # seconds
START = 1_773_656_647.25  # of the clock, in seconds since the epoch
Source = tuple[str, int, str]
SOURCES: list[Source] = [("a", 1, "stdout"), ("a", 1, "stderr"), ("a", 2, "stdout"), ("", 0, "fd 1")]
WRITES = st.lists(
    st.tuples(st.sampled_from(SOURCES), st.text("ab日\n", max_size=12) | st.just("x" * 50)), max_size=80
)


def make_log(limit: int = 10**9) -> OutputLog:
    """Return a log with a clock that stands still."""
    return OutputLog(limit, clock=ManualClock(START))


def texts(log: OutputLog) -> list[str]:
    """Return the text of each kept line, the unfinished ones included."""
    chunk = log.output_since(0)
    return [line.text for line in (*chunk.lines, *chunk.unfinished)]


def expected_lines(writes: list[tuple[Source, str]]) -> tuple[list[tuple[Source, str]], dict[Source, str]]:
    """Return the complete lines of some writes, and the unfinished line of each source."""
    complete: list[tuple[Source, str]] = []
    unfinished: dict[Source, str] = {}
    for source, text in writes:
        *lines, rest = (unfinished.pop(source, "") + text).split("\n")
        complete += [(source, line) for line in lines]
        if rest:
            unfinished[source] = rest
    return complete, unfinished


# --- lines ----------------------------------------------------------------------------------------


def test_a_line_has_its_number_time_job_run_and_stream() -> None:
    clock = ManualClock(START)
    log = OutputLog(clock=clock)
    log.write("import", 7, "stdout", "one\ntwo")
    clock.advance(5)
    log.write("import", 7, "stdout", ", later\r\n")
    log.write("", 0, "stderr", "three")
    assert log.output_since(0) == OutputChunk(
        first=1,
        lines=(
            OutputLine(1, START, "import", 7, "stdout", "one"),
            OutputLine(2, START + 5, "import", 7, "stdout", "two, later"),
        ),
        unfinished=(OutputLine(0, START + 5, "", 0, "stderr", "three"),),
    )


@given(WRITES, st.sets(st.integers(0, 80)))
def test_a_reader_gets_every_line_once_whenever_it_reads(
    writes: list[tuple[Source, str]], reads: set[int]
) -> None:
    """Lines are numbered in the order in which they were completed; each source has its unfinished line."""
    log = make_log()
    received: list[OutputLine] = []
    for index, (source, text) in enumerate(writes):
        log.write(*source, text)
        if index in reads:
            received += log.output_since(len(received)).lines
    chunk = log.output_since(len(received))
    received += chunk.lines
    complete, unfinished = expected_lines(writes)
    assert [((line.job, line.run, line.stream), line.text) for line in received] == complete
    assert [line.number for line in received] == list(range(1, len(complete) + 1))
    assert {(line.job, line.run, line.stream): line.text for line in chunk.unfinished} == unfinished


def test_output_since_a_dropped_or_unknown_line_has_the_latest_lines() -> None:
    """The number of the first line shows that some are missing."""
    log = make_log()
    assert log.output_since(0) == OutputChunk(first=1, lines=(), unfinished=())
    log.write("a", 1, "stdout", "".join(f"{number}\n" for number in range(1, MAX_CHUNK + 11)))
    for after in (0, 5, 10, MAX_CHUNK + 11, -1):
        chunk = log.output_since(after)
        assert (chunk.first, chunk.last) == (11, MAX_CHUNK + 10)
        assert chunk.lines[0].text == "11"
    assert [line.text for line in log.output_since(MAX_CHUNK + 9).lines] == [str(MAX_CHUNK + 10)]
    assert log.output_since(MAX_CHUNK + 10) == OutputChunk(first=MAX_CHUNK + 11, lines=(), unfinished=())


@given(WRITES, st.integers(-1, 60), st.integers(0, 20), st.sampled_from([None, 1, 2]), st.booleans())
def test_the_lines_after_one_are_the_first_that_are_kept(
    writes: list[tuple[Source, str]], number: int, at_most: int, run: int | None, is_full: bool
) -> None:
    """In a log that has dropped its first lines, too."""
    log = make_log()
    for source, text in writes:
        log.write(*source, text)
    if is_full:
        log.limit = 2_000
        log.write("a", 1, "stdout", "the last one\n")
    kept = log.output_since(0, at_most=None).lines
    expected = [line for line in kept if line.number > number and run in (None, line.run)]
    assert list(log.lines_after(number, at_most, run=run)) == expected[:at_most]


def test_kept_lines_cost_the_garbage_collector_nothing() -> None:
    """Otherwise a full collection of a million lines would stop the process for a fifth of a second."""
    log = make_log()
    gc.collect()
    before = len(gc.get_objects())
    for number in range(5_000):
        log.write("a", 1, "stdout", f"line {number}\n")
    log.end()
    gc.collect()
    assert len(gc.get_objects()) - before < 500
    assert len(log.lines_after(0, 10_000)) == 5_000


# --- bounds ---------------------------------------------------------------------------------------


def memory(lines: tuple[OutputLine, ...]) -> int:
    """Return what lines take in memory: tuples, times, numbers and texts."""
    return sum(
        sys.getsizeof(line) + sum(map(sys.getsizeof, (line.number, line.at, line.text))) for line in lines
    )


@given(WRITES, st.integers(10_000, 12_000), st.sets(st.integers(0, 80), max_size=5))
def test_a_full_log_keeps_the_latest_lines_under_their_numbers(
    writes: list[tuple[Source, str]], limit: int, reads: set[int]
) -> None:
    """Whether they were read in between or not. Of a line in several writes the first ones may be missing."""
    log = OutputLog(limit, clock=ManualClock(START))
    log.write("early", 1, "stdout", "early\n" * 100)
    for index, (source, text) in enumerate(writes):
        log.write(*source, text)
        if index in reads:
            log.output_since(0)
    complete, _ = expected_lines([(("early", 1, "stdout"), "early\n" * 100), *writes])
    chunk = log.output_since(0)
    assert chunk.last == len(complete)
    assert memory(chunk.lines) <= limit
    for line in chunk.lines:
        source, text = complete[line.number - 1]
        assert source == (line.job, line.run, line.stream)
        assert text.endswith(line.text)
    assert len(chunk.lines) >= min(len(complete), 20)


@pytest.mark.parametrize(
    "text", ["x\n", "\n", "some words\n", "日" * 100 + "\n", "😀" * 1999 + "\n"], ids=len
)
def test_the_memory_of_a_log_that_nobody_reads_is_bounded(text: str) -> None:
    """All output objects together, as the garbage collector sees them."""
    log = OutputLog(1_000_000)
    for _ in range(20_000):
        log.write("a", 1, "stdout", text)
    chunk = log.output_since(0)
    assert chunk.last == 20_000
    assert memory(chunk.lines) <= 1_000_000


def test_a_huge_write_of_lines_keeps_the_latest_and_counts_the_others() -> None:
    log = OutputLog(100_000)
    log.write("a", 1, "stdout", "begun ")
    log.write("a", 1, "stdout", "".join(f"line {number}\n" for number in range(1, 100_001)) + "rest")
    chunk = log.output_since(0)
    assert chunk.last == 100_000
    assert [line.text for line in chunk.lines[-2:]] == ["line 99999", "line 100000"]
    assert chunk.lines[0].text == f"line {chunk.first}"
    assert len(chunk.lines) > 100
    assert chunk.unfinished[0].text == "rest"


def test_a_long_line_keeps_its_beginning_and_its_end() -> None:
    log = make_log()
    log.write("a", 1, "stdout", "begin " + "y" * 9000 + " end")
    log.write("a", 1, "stdout", "\n")
    [text] = texts(log)
    assert text.startswith("begin yyy")
    assert text.endswith("yyy end")
    assert len(text) <= MAX_LINE_LENGTH
    kept, _, rest = text.partition(" [")
    left_out, _, end = rest.partition(" characters left out] ")
    assert len(kept) + int(left_out) + len(end) == 9010


def test_a_line_that_is_never_finished_becomes_several() -> None:
    """A progress bar, for example: nothing of it is lost, and it does not grow."""
    log = make_log()
    for _ in range(100):
        log.write("a", 1, "stdout", "x" * 1000)
        log.output_since(0)
    assert texts(log) == ["x" * MAX_LINE_LENGTH] * 50
    log.write("a", 1, "stdout", "\n")
    assert log.output_since(0).unfinished == ()


def test_the_number_of_unfinished_lines_is_bounded() -> None:
    """Most of their runs have ended: the oldest become complete."""
    log = make_log()
    for run in range(1, MAX_UNFINISHED + 4):
        log.write("a", run, "stdout", f"run {run}")
    chunk = log.output_since(0)
    assert [line.text for line in chunk.lines] == ["run 1", "run 2", "run 3"]
    assert len(chunk.unfinished) == MAX_UNFINISHED


# --- several writers ------------------------------------------------------------------------------


@pytest.mark.usefixtures("frequent_switches")
def test_lines_of_many_threads_are_neither_lost_nor_mixed_nor_counted_twice() -> None:
    """With two readers at the same time."""
    log = make_log()
    done = threading.Event()
    received: list[list[OutputLine]] = [[], []]

    def write(run: int) -> None:
        for index in range(200):
            log.write("job", run, "stdout", f"{run}-{index}")
            log.write("job", run, "stdout", "\n")

    def read(lines: list[OutputLine]) -> None:
        while not done.is_set():
            lines += log.output_since(len(lines)).lines
        lines += log.output_since(len(lines)).lines

    writers = [threading.Thread(target=write, args=(run,)) for run in range(8)]
    readers = [threading.Thread(target=read, args=(lines,)) for lines in received]
    for thread in (*writers, *readers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    for lines in received:
        assert [line.number for line in lines] == list(range(1, 1601))
        for run in range(8):
            own = [line.text for line in lines if line.run == run]
            assert own == [f"{run}-{index}" for index in range(200)]


@pytest.mark.usefixtures("frequent_switches")
def test_a_full_log_is_bounded_and_counts_the_lines_of_many_threads() -> None:
    log = OutputLog(20_000)

    def write() -> None:
        for _ in range(3000):
            log.write("job", 1, "stdout", "some words\n")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        log.output_since(0)
    log.write("job", 1, "stdout", "the last line\n")  # those before may have been dropped while one was read
    chunk = log.output_since(0)
    assert chunk.last == 12_001
    assert 0 < memory(chunk.lines) <= 20_000


# --- interruptions --------------------------------------------------------------------------------


class InterruptingClock(SystemClock):
    """A clock whose next reading, in the middle of a write, does something else first."""

    interruption: Callable[[], object] | None = None

    def now(self) -> float:
        """Do what was set, once."""
        interruption, self.interruption = self.interruption, None
        if interruption is not None:
            interruption()
        return START


def test_a_write_may_interrupt_another_write() -> None:
    """Of a signal handler or a destructor."""
    clock = InterruptingClock()
    log = OutputLog(clock=clock)
    clock.interruption = lambda: log.write("", 0, "stderr", "between\n")
    log.write("job", 1, "stdout", "line\n")
    assert sorted(texts(log)) == ["between", "line"]


def test_a_write_that_hangs_blocks_neither_writers_nor_readers() -> None:
    """A destructor that interrupts a write may wait for a lock of the program; its holder prints."""
    clock = InterruptingClock()
    log = OutputLog(clock=clock)
    hangs, release = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        release.wait(LIMIT)

    clock.interruption = hang
    thread = threading.Thread(target=log.write, args=("a", 1, "stdout", "late\n"))
    thread.start()
    assert hangs.wait(LIMIT)
    try:
        log.write("b", 2, "stdout", "early\n")
        assert texts(log) == ["early"]
    finally:
        release.set()
        thread.join()
    assert texts(log) == ["early", "late"]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="signals of a timer are POSIX")
def test_a_signal_handler_may_write_at_any_moment() -> None:
    """The lines of both are complete and in order."""
    log, handled = make_log(), 0

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal handled
        handled += 1
        log.write("", 0, "stderr", f"handled {handled}\n")

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
    try:
        written = 0
        while handled < 50 and written < 500_000:
            written += 1
            log.write("job", 1, "stdout", f"{written}\n")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    chunk = log.output_since(0)
    assert chunk.last == written + handled
    kept = [line.text for line in chunk.lines if line.run == 1]
    assert kept == [str(number) for number in range(written - len(kept) + 1, written + 1)]


def test_a_destructor_may_write_at_any_moment() -> None:
    """The garbage collector runs at nearly every allocation here."""
    log, deleted = make_log(), 0

    class Garbage:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            nonlocal deleted
            deleted += 1
            log.write("job", 1, "stdout", "deleted\n")

    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for index in range(500):
            Garbage()
            log.write("job", 1, "stderr", f"{index}\n")
            log.output_since(0)
    finally:
        gc.set_threshold(*threshold)
    gc.collect()
    found = texts(log)
    assert found.count("deleted") == deleted == 500
    assert [text for text in found if text != "deleted"] == [str(index) for index in range(500)]


class Interruption(BaseException):
    """Stands for what a signal handler may raise."""


TRACED = [f"jobtui.runtime.{name}" for name in ("output_log", "run_output", "run_attachments")]


def interrupt_at(opcode: int, call: Callable[[], object]) -> bool:
    """Raise an exception before the opcode of that number. Return whether the call has so many.

    The call runs in a thread of its own, because CPython does not forget a handled exception if a trace
    function raises while it is handled.
    """
    left = opcode
    interrupted = False

    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal left
        if frame.f_globals["__name__"] not in TRACED:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left < 0:
                sys.settrace(None)
                raise Interruption
        return trace

    def run() -> None:
        nonlocal interrupted
        sys.settrace(trace)
        try:
            call()
        except Interruption:
            interrupted = True

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return interrupted


@pytest.fixture
def traced_opcodes() -> None:
    """Trace opcodes once: Python 3.12 does not do so before the second call of `settrace`."""
    interrupt_at(0, lambda: RunOutput().write("text"))


@pytest.mark.usefixtures("traced_opcodes")
@pytest.mark.parametrize("text", ["line\n", "long " * 1000 + "\n"], ids=len)
@pytest.mark.parametrize("early", [0, 46])
def test_an_exception_at_any_bytecode_of_a_write_leaves_a_log_that_works(text: str, early: int) -> None:
    """Of a log that is empty or full. Only the interrupted text may be missing."""
    opcode, interrupted = 0, True
    while interrupted:
        log = OutputLog(10_000, clock=ManualClock(START))
        for _ in range(early):
            log.write("job", 1, "stdout", "early\n")
        interrupted = interrupt_at(opcode, partial(log.write, "job", 1, "stdout", text))
        log.write("job", 2, "stdout", "after\n")
        assert texts(log)[-1] == "after"
        for _ in range(100):
            log.write("job", 3, "stdout", "later\n")
        kept = log.output_since(0).lines
        assert memory(kept) <= 10_000 + 2 * MAX_LINE_LENGTH
        assert [line.text for line in kept[-30:]] == ["later"] * 30
        opcode += 1
    assert opcode > 20


@pytest.mark.usefixtures("traced_opcodes")
@pytest.mark.parametrize("text", ["line\n", "日" * 50])
def test_an_exception_at_any_bytecode_of_a_write_leaves_an_output_that_works(text: str) -> None:
    opcode, interrupted = 0, True
    while interrupted:
        output = RunOutput(80)
        output.write("begin ")
        interrupted = interrupt_at(opcode, partial(output.write, text))
        output.write(" end")
        assert str(output).startswith("begin ")
        assert str(output).endswith(" end")
        opcode += 1
    assert opcode > 10


@pytest.mark.usefixtures("traced_opcodes")
@pytest.mark.parametrize("text", ["line\n", "日" * 50])
@pytest.mark.parametrize("limit", [80, 4000])
def test_an_exception_at_any_bytecode_of_a_write_leaves_the_short_output_of_a_run(
    text: str, limit: int
) -> None:
    """Whether it becomes too long for a short one or not."""
    opcode, interrupted = 0, True
    while interrupted:
        run, attachments = running_run(), RunAttachments()
        attachments.write_output(run, "begin ", limit)
        interrupted = interrupt_at(opcode, partial(attachments.write_output, run, text, limit))
        attachments.write_output(run, " end", limit)
        output = output_text(attachments.outputs[run.number])
        assert output.startswith("begin ")
        assert output.endswith(" end")
        assert output in {"begin  end", f"begin {text} end"} or limit == 80
        opcode += 1
    assert opcode > 10


def test_a_progress_bar_is_one_line_in_its_latest_state() -> None:
    """However often it is written, in parts of any size."""
    log = OutputLog()
    for step in range(1_000):
        log.write("job", 1, "stderr", f"\r{step:4}/1000 |\x1b[32m{'#' * (step // 20)}\x1b[0m")
    (unfinished,) = log.output_since(0).unfinished
    assert unfinished.text == f" 999/1000 |{'#' * 49}"
    log.write("job", 1, "stderr", "\n")
    log.end_lines(1)
    assert [line.text for line in log.output_since(0).lines] == [unfinished.text]


# --- backwards ------------------------------------------------------------------------------------


def test_lines_before_a_line_are_the_latest_ones_of_the_run_in_order() -> None:
    log = OutputLog()
    for number in range(1, 8):
        log.write("a", number % 2, "stdout", f"{number}\n")
    log.write("a", 1, "stdout", "begun")
    assert [line.text for line in log.lines_before(7, 3)] == ["4", "5", "6"]
    assert [line.text for line in log.lines_before(7, 2, run=1)] == ["3", "5"]
    assert log.lines_before(1, 10) == ()
    assert [line.text for line in log.lines_before(10**9, 1)] == ["7"]
    end = log.end()
    assert (end.first, end.lines, [line.text for line in end.unfinished]) == (8, (), ["begun"])


def test_the_oldest_line_is_the_first_that_is_kept() -> None:
    log = OutputLog(limit=2_000)
    assert log.oldest() is None
    log.write("a", 1, "stdout", "".join(f"{number}\n" for number in range(1, 51)))
    oldest = log.oldest()
    assert oldest is not None
    assert oldest.number == int(oldest.text) > 1
    assert log.lines_before(oldest.number, 10) == ()


@pytest.mark.usefixtures("frequent_switches")
def test_lines_are_read_backwards_while_writers_drop_the_oldest_ones() -> None:
    log = OutputLog(limit=50_000)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            log.write("a", 1, "stdout", "x\n" * 50)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(300):
            numbers = [line.number for line in log.lines_before(10**9, 200)]
            assert numbers == sorted(set(numbers))
    finally:
        stop.set()
        for writer in writers:
            writer.join()
