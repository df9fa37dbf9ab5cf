"""Tests of formatted tracebacks: as Python formats them, at a bounded length."""

import gc
import logging
import pickle
import re
import sys
import traceback
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.raising import caught

from jobtui import Scheduler
from jobtui.engine.packed_exceptions import MAX_EXCEPTIONS, MAX_FRAMES, pack_exception, shorten_exception
from jobtui.engine.tracebacks import MAX_TRACEBACK, format_traceback, log_exception, one_line, summarize


def formatted(error: BaseException) -> str:
    """Return the traceback as jobtui formats it."""
    return format_traceback(pack_exception(error))


def formatted_by_python(error: BaseException) -> str:
    """Return the traceback as Python formats it."""
    return "".join(traceback.format_exception(error)).rstrip()


def fail(message: str = "no") -> None:
    """Raise a ValueError."""
    raise ValueError(message)


def call(function: Callable[..., None], *args: object) -> None:
    """Call a function."""
    function(*args)


@dataclass
class Plan:
    """An exception to raise.

    Attributes:
        message: Its text.
        notes: Its notes.
        link: What it does with the exception before it.
        earlier: The exception before it.
        members: The members, if it is a group.
    """

    message: str
    notes: list[str]
    link: str
    earlier: "Plan | None"
    members: "list[Plan]"

    def carry_out(self) -> None:
        """Raise the exception."""
        error: Exception = RuntimeError(self.message)
        if self.members:
            members = [caught(member.carry_out) for member in self.members]
            error = ExceptionGroup(self.message, members)
        for note in self.notes:
            error.add_note(note)
        try:
            if self.earlier is not None:
                self.earlier.carry_out()
        except Exception as earlier:
            match self.link:
                case "cause":
                    raise error from earlier
                case "hidden":
                    raise error from None
                case "circle":
                    earlier.__cause__ = error
        raise error


texts = st.text(max_size=10)
plans = st.recursive(
    st.builds(Plan, texts, st.lists(texts, max_size=2), st.just("none"), st.none(), st.just([])),
    lambda plans: st.builds(
        Plan,
        texts,
        st.lists(texts, max_size=2),
        st.sampled_from(["cause", "context", "hidden", "circle"]),
        st.none() | plans,
        st.lists(plans, max_size=3),
    ),
    max_leaves=8,
)


@given(plans)
def test_a_traceback_is_that_of_python_for_chains_groups_and_notes(plan: Plan) -> None:
    """Python's own module formats the exceptions themselves."""
    error = caught(plan.carry_out)
    assert formatted(error) == formatted_by_python(error)


def recurse(depth: int = 10**6) -> None:
    """Call itself."""
    if depth:
        recurse(depth - 1)
    fail("at the end")


def raise_large_group() -> None:
    """Raise a group with more members than Python formats."""
    raise ExceptionGroup("20", [ValueError(number) for number in range(20)])


def raise_nested_groups() -> None:
    """Raise a group that is nested more deeply than Python formats."""
    error: Exception = ValueError("no")
    for _ in range(14):
        error = ExceptionGroup("outer", [error])
    raise error


def raise_group_with_shared_context() -> None:
    """Raise a group of two exceptions that were raised while a third one was handled."""
    members = [ValueError("first"), ValueError("second")]
    members[0].__context__ = members[1].__context__ = context = LookupError("shared")
    context.__context__ = members[0]
    raise ExceptionGroup("all", members)


def error_with_made_up_lines() -> Exception:
    """Return an exception with a traceback that a template engine could have made."""
    trace = None
    for line in (3, 2, 1):
        trace = TracebackType(trace, sys._getframe(), -1, line)  # noqa: SLF001 - the documented way to the current frame
    return ValueError("no").with_traceback(trace)


def raise_class_of_function() -> None:
    """Raise an exception whose class has a long name."""

    class OddError(Exception):
        pass

    raise OddError(f"{1 + (2 * 3)}") from caught(lambda: {"ä": [1]}["ä"][1 + 1])


def raise_odd_class() -> None:
    """Raise an exception whose class has no module, and whose text cannot be read."""

    class OddError(Exception):
        __module__ = None  # type: ignore[assignment]

        def __str__(self) -> str:
            raise LookupError

    raise OddError


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(caught(fail, ""), id="without text"),
        pytest.param(ValueError("not raised"), id="without frames"),
        pytest.param(caught(compile, "a = = 1", "file.py", "exec"), id="syntax"),
        pytest.param(caught(compile, "f(\n  a b\n", "file.py", "exec"), id="syntax of two lines"),
        pytest.param(SyntaxError("only a message"), id="syntax without place"),
        pytest.param(SyntaxError(), id="syntax without anything"),
        pytest.param(SyntaxError("no line", ("file.py", None, None, None)), id="syntax of a file"),
        pytest.param(caught(recurse), id="endless recursion"),
        pytest.param(caught(recurse, 4), id="one repeated line"),
        pytest.param(caught(raise_large_group), id="large group"),
        pytest.param(caught(raise_nested_groups), id="nested groups"),
        pytest.param(error_with_made_up_lines(), id="made-up lines"),
        pytest.param(caught(raise_group_with_shared_context), id="shared context"),
        pytest.param(caught(raise_class_of_function), id="class of a function"),
        pytest.param(caught(raise_odd_class), id="odd class"),
    ],
)
def test_a_traceback_is_that_of_python(error: BaseException) -> None:
    """For each kind of exception that Python formats in its own way."""
    assert formatted(error) == formatted_by_python(error)


def test_more_than_64_frames_lose_their_middle() -> None:
    """The first and the last ones are kept, and a line has the number of the others."""

    def ping(depth: int) -> None:
        if not depth:
            fail()
        pong(depth - 1)

    def pong(depth: int) -> None:
        ping(depth)

    text = formatted(caught(ping, 100))
    assert text.count('  File "') == MAX_FRAMES
    assert "  [139 frames left out]\n" in text  # caught, 101 of ping, 100 of pong, fail, without 64
    assert text.index("in caught") < text.index("left out") < text.index("in fail")


@pytest.mark.parametrize("last", [fail, partial(call, fail), partial(call, call, fail)])
def test_repeated_frames_may_be_left_out(last: Callable[[], None]) -> None:
    """The number of frames is right, whether or not the first one that is kept has been repeated."""

    def call_three_times(left: int, repeats: int) -> None:
        if repeats:
            call_three_times(left, repeats - 1)
        elif left:
            call_three_times(left - 1, 2)
        else:
            last()

    error = caught(call_three_times, 30, 2)
    text = formatted(error)
    [left_out] = re.findall(r"\[(\d+) frames left out\]", text)
    assert text.count('  File "') + int(left_out) == len(traceback.extract_tb(error.__traceback__))


def test_a_chain_of_exceptions_has_a_limit() -> None:
    """A placeholder stands for the first ones."""
    error = ValueError(0)
    for number in range(1, 100):
        later = ValueError(number)
        later.__cause__ = error
        error = later
    text = formatted(error)
    assert text.startswith(
        "<an exception is left out: 32 are kept>\n\nThe above exception was the direct cause"
    )
    assert text.count("ValueError: ") == MAX_EXCEPTIONS
    assert text.endswith("ValueError: 99")


def test_a_huge_traceback_loses_its_middle() -> None:
    """Both ends are kept, and a note gives the number of missing characters."""
    group = ExceptionGroup("all", [caught(fail, f"{number}" * 4_000) for number in range(9)])
    text = formatted(caught(recurse, 2)) + formatted(group)
    assert len(formatted(group)) < MAX_TRACEBACK + 100
    assert formatted(group).startswith("  | ExceptionGroup: all")
    assert formatted(group).endswith("-----")
    assert "characters left out]" in text


def test_a_source_file_that_has_changed_does_not_prevent_the_traceback(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Source lines are read when the traceback is formatted."""
    file = tmp_path_factory.mktemp("source") / "changed.py"
    source = "def job():\n    raise ValueError(\n        'no'\n    )\n"
    file.write_text(source)
    names: dict[str, Callable[[], object]] = {}
    exec(compile(source, file, "exec"), names)
    packed = pack_exception(caught(names["job"]))
    assert "    raise ValueError(" in format_traceback(packed)
    file.write_text("x\n")
    text = format_traceback(packed)
    assert "raise ValueError" not in text
    assert f'File "{file}", line 2, in job' in text
    assert text.endswith("ValueError: no")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("def call():\n    0 / 0  # a comment\n", "    0 / 0  # a comment\n"),
        ("\ud800\n" * 2, "ZeroDivisionError"),
    ],
    ids=["readable", "unreadable"],
)
def test_the_source_may_come_from_a_loader(source: str, shown: str) -> None:
    """As it does for modules in a zip file."""

    class Loader:
        @staticmethod
        def get_source(_name: str) -> str:
            return source

    file = f"zipped/{len(source)}.py"
    names: dict[str, Any] = {"__name__": "zipped", "__loader__": Loader()}
    exec(compile("def call():\n    0 / 0\n", file, "exec"), names)
    text = formatted(caught(names["call"]))
    assert f'  File "{file}", line 2, in call\n' in text
    assert shown in text


def test_one_line_joins_the_lines_and_cuts_after_200_characters() -> None:
    """Runs of white space become one space."""
    assert one_line(ValueError("two\n  lines")) == "ValueError: two lines"
    assert one_line(KeyError("key")) == "KeyError: 'key'"
    assert one_line(SystemExit()) == "SystemExit"
    assert (
        one_line(caught(compile, "1 +", "file.py", "eval")) == "SyntaxError: invalid syntax (file.py, line 1)"
    )
    noted = ValueError("no")
    noted.add_note("a\nnote")
    assert one_line(noted) == "ValueError: no a note"
    long = one_line(ValueError("x" * 500))
    assert (len(long), long[-1]) == (200, "…")
    assert one_line(ValueError("x" * 188)) == "ValueError: " + "x" * 188


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ([ValueError("no")], "all (1 sub-exception): ValueError: no"),
        ([ValueError("no"), KeyError("x")], "all (2 sub-exceptions): ValueError: no; KeyError: 'x'"),
        (
            [ExceptionGroup("inner", [OSError("disk"), TypeError()]), ValueError("two\nlines")],
            "all (2 sub-exceptions): OSError: disk; TypeError; ValueError: two lines",
        ),
    ],
)
def test_one_line_of_a_group_names_its_members(members: list[Exception], named: str) -> None:
    """The message of a group says only how many there are."""
    error = ExceptionGroup("all", members)
    assert one_line(error) == f"ExceptionGroup: {named}"
    assert summarize(shorten_exception(pack_exception(error))) == f"ExceptionGroup: {named}"


def test_one_line_of_a_group_with_a_long_message_names_a_member() -> None:
    """The message is cut, to leave room."""
    text = one_line(ExceptionGroup("x" * 500, [ValueError("no")]))
    assert text == f"ExceptionGroup: {'x' * 100}…: ValueError: no"


def test_the_traceback_of_a_run_begins_in_the_code_of_its_job() -> None:
    """For functions and for coroutines; a chained cause is included."""

    def job() -> None:
        try:
            fail("first")
        except ValueError as error:
            raise RuntimeError("second") from error

    async def coroutine_job() -> None:
        job()

    with Scheduler(pool=1, tz="UTC") as scheduler:
        for runnable in (job, coroutine_job):
            run = scheduler.now(runnable)
            assert run.wait(10)
            error = scheduler.snapshot().recent[0].error
            assert run.reason == "RuntimeError: second"
            assert "executors" not in error
            assert f'File "{__file__}"' in error
            assert "ValueError: first" in error
            assert "direct cause" in error


def test_result_raises_with_the_same_traceback_each_time() -> None:
    """So a job that calls it fails with the frames of both runs, however often it is run."""
    with Scheduler(pool=1, tz="UTC") as scheduler:
        failed = scheduler.now(fail)
        assert failed.wait(10)

        def job() -> None:
            failed.result()

        for run in [scheduler.now(job) for _ in range(3)]:
            assert run.wait(10)
            assert len(traceback.extract_tb(caught(failed.result, 10).__traceback__)) == 4
        errors = {view.error for view in scheduler.runs_of("job")}
    [error] = errors
    assert re.findall(r"\bin (\w+)\n", error) == ["job", "result", "call_function", "fail"]


def test_a_view_formats_its_traceback_when_it_is_first_read(tmp_path: Path) -> None:
    """And keeps the text."""
    file = tmp_path / "job.py"
    source = "def call():\n    raise ValueError  # {}\n"
    file.write_text(source.format("when it failed"))
    names: dict[str, Any] = {}
    exec(compile(file.read_text(), file, "exec"), names)
    with Scheduler(pool=1, tz="UTC") as scheduler:
        run = scheduler.now(names["call"])
        assert run.wait(10)
        view = scheduler.run_view(run.number)
    file.write_text(source.format("when the traceback is read"))
    text = view.error
    assert "# when the traceback is read\n" in text
    file.unlink()
    assert view.error is text
    assert pickle.loads(pickle.dumps(view)) == replace(view) == view


def test_the_ledger_keeps_no_variables_of_a_failed_job() -> None:
    """They may be large; the handle keeps them as long as the program keeps the handle."""

    class Large:
        pass

    def job() -> None:
        large = Large()
        references.append(weakref.ref(large))
        fail()

    async def coroutine_job() -> None:
        job()

    def do_nothing() -> None:
        pass

    async def do_nothing_in_loop() -> None:
        pass

    references: list[weakref.ref[Large]] = []
    with Scheduler(pool=1, tz="UTC") as scheduler:
        scheduler.stop_logging()  # pytest keeps the records, and so the exceptions
        for runnable in (job, coroutine_job):
            run = scheduler.now(runnable)
            assert run.wait(10)
            assert references[-1]() is not None
            for other in (do_nothing, do_nothing_in_loop):  # the thread forgets the run that it has reported
                assert scheduler.now(other).result(10) is None
            del run
            gc.collect()
            assert references[-1]() is None
            assert "in job" in scheduler.runs_of(runnable.__name__)[0].error


def test_log_exception_logs_the_exception_that_is_being_handled(caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback, in the logger `jobtui`."""
    try:
        fail("no")
    except ValueError:
        log_exception("something went wrong")
    [record] = caplog.records
    assert (record.name, record.levelname, record.message) == ("jobtui", "ERROR", "something went wrong")
    assert record.exc_info is not None
    assert record.exc_info[0] is ValueError
    assert sys.exc_info() == (None, None, None)


def test_log_exception_ignores_whatever_a_handler_raises() -> None:
    """A handler formats the exception, which may raise SystemExit."""

    class ExitingHandler(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            raise SystemExit

    handler = ExitingHandler()
    logger = logging.getLogger("jobtui")
    logger.addHandler(handler)
    try:
        log_exception("something went wrong")
    finally:
        logger.removeHandler(handler)
