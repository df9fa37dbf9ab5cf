"""Tests of formatted tracebacks: the user's frames without the scheduler's, at a bounded length."""

import sys

import pytest

from jobtui import Scheduler
from jobtui.engine.tracebacks import MAX_TRACEBACK, log_exception, one_line, trimmed_traceback


def fail(message: str) -> None:
    """Raise a ValueError."""
    raise ValueError(message)


def raised_error(message: str) -> ValueError:
    """Return an exception whose traceback has two frames of this file."""
    try:
        fail(message)
    except ValueError as error:
        return error
    raise AssertionError


def test_one_line_joins_the_lines_and_cuts_after_200_characters() -> None:
    """Runs of white space become one space."""
    assert one_line(ValueError("two\n  lines")) == "ValueError: two lines"
    assert one_line(KeyError("key")) == "KeyError: 'key'"
    assert one_line(SystemExit()) == "SystemExit"
    long = one_line(ValueError("x" * 500))
    assert (len(long), long[-1]) == (200, "…")
    assert one_line(ValueError("x" * 188)) == "ValueError: " + "x" * 188


def test_a_traceback_omits_the_first_frames_of_the_skipped_file() -> None:
    """The rest is as Python formats it."""
    error = raised_error("no")
    text = trimmed_traceback(error, skip="other.py")
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith("ValueError: no")
    assert "in raised_error" in text
    assert "in fail" in text
    assert trimmed_traceback(error, skip=__file__) == "ValueError: no"


def test_a_huge_traceback_loses_its_middle() -> None:
    """Both ends are kept, and a note gives the number of missing characters."""
    text = trimmed_traceback(raised_error("<" + "x" * 100_000 + ">"), skip="other.py")
    assert len(text) < MAX_TRACEBACK + 100
    assert text.startswith("Traceback")
    assert text.endswith("x>")
    assert "characters left out" in text


def test_a_traceback_of_the_maximum_length_is_not_cut() -> None:
    """One more character is enough for a cut."""
    frame = len(trimmed_traceback(raised_error(""), skip="other.py")) + 2  # Python omits ": ", too
    whole = trimmed_traceback(raised_error("x" * (MAX_TRACEBACK - frame)), skip="other.py")
    assert len(whole) == MAX_TRACEBACK
    assert "left out" not in whole
    assert "… 1 characters left out …" in trimmed_traceback(
        raised_error("x" * (MAX_TRACEBACK - frame + 1)), skip="other.py"
    )


def test_an_exception_that_python_cannot_format_is_named() -> None:
    """Python's own formatting raises for a SyntaxError whose column is not a number."""
    odd = SyntaxError("no", ("file", 1, "no column", "text"))  # type: ignore[arg-type]
    assert one_line(odd) == "SyntaxError: <it cannot be formatted>"
    try:
        raise odd
    except SyntaxError as error:
        text = trimmed_traceback(error, skip="other.py")
    assert "in test_an_exception_that_python_cannot_format_is_named" in text
    assert text.endswith("SyntaxError: <it cannot be formatted>")


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
