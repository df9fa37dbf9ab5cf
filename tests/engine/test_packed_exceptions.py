"""Tests of packed exceptions: plain data of a bounded size, whatever the exception object does."""

import gc
import pickle
import sys
import traceback
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from support import raising
from support.raising import caught
from support.work_count import lines_executed

from jobtui.engine.packed_exceptions import KNOWN_FRAMES, MAX_TEXT, PackedException, pack_exception
from jobtui.engine.tracebacks import format_traceback
from jobtui.runtime import handles

ELSEWHERE = "other.py"


def fail(error: Exception) -> None:
    """Raise an exception."""
    raise error


def compiled(file: str, source: str, **names: object) -> Any:
    """Return the function ``call`` of a source text, as if a file had it."""
    exec(compile(source, file, "exec"), names)
    return names["call"]


def executor_of(file: str) -> Callable[[Callable[[], object]], Exception]:
    """Return a function of a file that returns what another function raises."""
    source = "def call(job):\n try:\n  job()\n except Exception as error:\n  return error"
    return compiled(file, source)  # type: ignore[no-any-return]


def functions(packed: PackedException) -> list[str]:
    """Return the functions of the frames of the exception itself."""
    return [frame[5] for frame in packed[0][3] if isinstance(frame, tuple)]


def size(value: object) -> int:
    """Return the size of nested tuples, in bytes; the frames are shared."""
    parts = value if isinstance(value, tuple) else ()
    return sys.getsizeof(value) + sum(size(part) for part in parts)


def test_a_packed_exception_can_be_pickled_and_is_not_tracked_by_the_garbage_collector() -> None:
    """It consists of atoms and tuples."""
    error = caught(
        fail, ExceptionGroup("all", [caught(fail, ValueError("no")), SyntaxError("bad", ("f", 1, 2, "x"))])
    )
    error.add_note("a note")
    packed = pack_exception(error)
    assert pickle.loads(pickle.dumps(packed)) == packed
    for _ in range(5):  # a collection untracks the tuples whose items are not tracked
        gc.collect()
    assert not gc.is_tracked(packed)


def test_a_packed_exception_keeps_neither_the_exception_nor_the_variables_of_its_frames() -> None:
    """They may be large."""

    class BigError(Exception):
        pass

    def job() -> None:
        error = BigError()
        references.append(weakref.ref(error))
        raise error

    references: list[weakref.ref[BigError]] = []
    packed = pack_exception(caught(job))
    gc.collect()
    assert functions(packed) == ["caught", "job"]
    assert references[0]() is None


def test_the_first_frames_of_the_callers_file_are_omitted() -> None:
    """Later ones are not: the job may call the executor."""
    assert functions(pack_exception(caught(fail, ValueError()), skip=ELSEWHERE)) == ["caught", "fail"]
    assert functions(pack_exception(caught(fail, ValueError()), skip=raising.__file__)) == ["fail"]
    error = executor_of(ELSEWHERE)(lambda: fail(ValueError()))
    assert functions(pack_exception(error, skip=ELSEWHERE)) == ["<lambda>", "fail"]


def test_an_exception_that_is_raised_again_and_again_has_only_the_latest_frames() -> None:
    """Python keeps all; packing the 3,000th raise must cost no more than that of the second."""
    error, execute = ValueError("no"), executor_of(ELSEWHERE)
    first = pack_exception(execute(lambda: fail(error)), skip=ELSEWHERE)
    work = []
    for _ in range(3_000):
        raised = execute(lambda: fail(error))
        work.append(lines_executed(partial(pack_exception, raised, skip=ELSEWHERE)))
        packed = pack_exception(raised, skip=ELSEWHERE)
        assert functions(packed) == functions(first)
    assert max(work) == work[0] > 0
    assert pack_exception(raised, skip=ELSEWHERE) is packed


def test_an_exception_that_another_run_has_raised_keeps_the_frames_of_both_runs() -> None:
    """`Run.result` raises it on, in the job that calls it."""
    error, execute = ValueError("no"), executor_of(ELSEWHERE)
    result = compiled(handles.__file__, "def call():\n raise error", error=execute(lambda: fail(error)))

    def outer_job() -> None:
        result()

    packed = pack_exception(execute(outer_job), skip=ELSEWHERE)
    assert functions(packed) == ["outer_job", "call", "call", "<lambda>", "fail"]


def test_equal_frames_are_shared() -> None:
    """5,000 failures of one function are 5,000 messages."""
    packed = [pack_exception(caught(fail, ValueError(number))) for number in range(2)]
    assert packed[0][0][3][1] is packed[1][0][3][1]


def test_equal_failures_share_one_packed_exception() -> None:
    """5,000 equal failures in the ledger take the memory of one."""
    packed = [pack_exception(caught(fail, ValueError("no"))) for _ in range(3)]
    assert packed[1] is packed[2]


def test_a_failure_is_packed_by_itself_if_it_differs_from_the_latest_one_of_its_place() -> None:
    """In its class, message, notes, cause, members, frames or the file whose frames are omitted."""

    def fail_in_two_lines(error: Exception, line: int) -> None:
        if line:
            raise error
        raise error

    def noted(error: Exception) -> Exception:
        error.add_note("a note")
        return error

    def chained(error: Exception) -> Exception:
        error.__cause__ = KeyError()
        return error

    cases: list[tuple[Exception, int, str]] = [
        (ValueError("no"), 0, ""),
        (ValueError("yes"), 0, ""),
        (KeyError("yes"), 0, ""),
        (KeyError("yes"), 1, ""),
        (KeyError("yes"), 1, raising.__file__),
        (noted(KeyError("yes")), 1, ""),
        (KeyError("yes"), 1, ""),
        (chained(KeyError("yes")), 1, ""),
        (KeyError("x" * 2_000), 1, ""),
        (SyntaxError("yes", ("file", 1, 2, "x")), 1, ""),
        (SyntaxError("yes", ("file", 3, 4, "y")), 1, ""),
        (ExceptionGroup("all", [ValueError(1)]), 1, ""),
        (ExceptionGroup("all", [ValueError(2)]), 1, ""),
    ]
    for error, line, skip in cases:
        raised = caught(fail_in_two_lines, error, line)
        text = "".join(traceback.format_exception(raised)).rstrip()
        if skip:
            start = text.index("  File"), text.index("  File", text.index("  File") + 1)
            text = text[: start[0]] + text[start[1] :]
        for _ in range(2):
            assert format_traceback(pack_exception(raised, skip=skip)) == text


def test_failures_that_differ_after_a_repeated_function_have_their_own_frames() -> None:
    """The repeated function may call itself, or be the executor of two runs."""

    def descend(depth: int, *, catches: bool = False) -> Exception:
        if not depth:
            raise ValueError("no")
        try:
            return descend(depth - 1)
        except ValueError as error:
            if catches:
                return error
            raise

    def run_job(job: Callable[[], object]) -> None:
        result(execute(job))

    def pack_run_of(job: Callable[[], object]) -> PackedException:
        return pack_exception(execute(lambda: run_job(job)), skip=ELSEWHERE)

    def first_job() -> None:
        raise ValueError("no")

    def second_job() -> None:
        raise ValueError("no")

    execute = executor_of(ELSEWHERE)
    result = compiled(handles.__file__, "def call(error):\n raise error")
    for error in [descend(depth, catches=True) for depth in (1, 2, 3)]:
        text = "".join(traceback.format_exception(error)).rstrip()
        assert format_traceback(pack_exception(error)) == text
    assert functions(pack_run_of(first_job))[-1] == "first_job"
    assert functions(pack_run_of(second_job))[-1] == "second_job"


def test_packing_keeps_no_class_of_the_user() -> None:
    """The class may be local to a function that is called a million times."""

    def fail_with_own_class() -> weakref.ref[type]:
        class OwnError(Exception):
            pass

        pack_exception(caught(fail, OwnError("no")))
        return weakref.ref(OwnError)

    kind = fail_with_own_class()
    gc.collect()
    assert kind() is None


@pytest.mark.parametrize("character", ["x", "é", "😀"])
def test_the_size_of_a_packed_exception_is_bounded_in_bytes(character: str) -> None:
    """For long messages and notes, and for chains of them."""
    error = ValueError(character * 10**6)
    for _ in range(100):
        later = ValueError(character * 10**6)
        later.__cause__ = error
        later.add_note(character * 10**5)
        error = later
    assert size(pack_exception(ValueError(character * 10**6))) < MAX_TEXT
    assert size(pack_exception(error)) < 2 * MAX_TEXT
    assert "characters left out" in format_traceback(pack_exception(error))


def test_a_frame_says_how_often_it_is_repeated() -> None:
    """So that a recursion has few frames."""

    def recurse(depth: int) -> None:
        if not depth:
            raise ValueError
        recurse(depth - 1)

    packed = pack_exception(caught(recurse, 500))
    assert [item if isinstance(item, int) else item[5] for item in packed[0][3]] == [
        "caught",
        "recurse",
        499,
        "recurse",
    ]


def test_an_endless_traceback_is_read_up_to_a_limit() -> None:
    """An exception may be raised in a loop."""
    error = ValueError("no")
    for _ in range(10_001):
        caught(fail, error)
    text = format_traceback(pack_exception(error))
    assert "frames left out]" in text
    assert "[more frames left out]" in text


def test_a_group_keeps_fifteen_members() -> None:
    """Python formats no more."""
    error = ExceptionGroup("all", [ValueError(number) for number in range(40)])
    assert [node[1] for node in pack_exception(error)[1:]] == [str(number) for number in range(15)]


def test_the_code_of_few_functions_is_kept() -> None:
    """A program may create functions without end."""
    codes: list[weakref.ref[Any]] = []
    for _ in range(3_000):
        function = compiled(ELSEWHERE, "def call():\n raise ValueError")
        codes.append(weakref.ref(function.__code__))
        pack_exception(caught(function))
    del function
    gc.collect()
    assert sum(code() is not None for code in codes) <= KNOWN_FRAMES


def test_an_exception_that_cannot_be_packed_is_named() -> None:
    """Here, because the stack has no room for the calls."""

    def pack_at(depth: int) -> PackedException:
        return pack_at(depth - 1) if depth else pack_exception(error)

    error = caught(fail, LookupError("no"))
    depth = 0
    while len(functions(packed := pack_at(depth))) == 2:
        depth += 1
    assert packed[0][0] == "<LookupError, which cannot be packed: RecursionError>"
