"""Tracebacks: the user's frames, not ours, and not too much of them."""

import sys

import pytest

from jobtui import Scheduler
from jobtui.engine.tracebacks import LONGEST, log_exception, one_line, trimmed_traceback


def fail(message: str) -> None:
    """Raise a ValueError."""
    raise ValueError(message)


def caught(message: str) -> ValueError:
    """An exception that has come through two frames of this file."""
    try:
        fail(message)
    except ValueError as error:
        return error
    raise AssertionError


def test_one_line_is_one_line_of_at_most_200_characters() -> None:
    """Type and message, spaces and line ends made one."""
    assert one_line(ValueError("two\n  lines")) == "ValueError: two lines"
    assert one_line(KeyError("key")) == "KeyError: 'key'"
    assert one_line(SystemExit()) == "SystemExit"
    long = one_line(ValueError("x" * 500))
    assert (len(long), long[-1]) == (200, "…")
    assert one_line(ValueError("x" * 188)) == "ValueError: " + "x" * 188


def test_frames_of_ours_at_the_top_are_left_out() -> None:
    """The rest is as Python prints it."""
    error = caught("no")
    text = trimmed_traceback(error, skip="other.py")
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith("ValueError: no")
    assert "in caught" in text
    assert "in fail" in text
    assert trimmed_traceback(error, skip=__file__) == "ValueError: no"


def test_a_huge_traceback_loses_its_middle() -> None:
    """Both ends are kept, and it is said how much is missing."""
    text = trimmed_traceback(caught("<" + "x" * 100_000 + ">"), skip="other.py")
    assert len(text) < LONGEST + 100
    assert text.startswith("Traceback")
    assert text.endswith("x>")
    assert "characters left out" in text


def test_a_traceback_of_just_the_longest_size_is_whole() -> None:
    """32,000 characters are kept; of one more, as many stay and the rest is counted."""
    around = len(trimmed_traceback(caught(""), skip="other.py")) + 2  # Python leaves ": " out, too
    whole = trimmed_traceback(caught("x" * (LONGEST - around)), skip="other.py")
    assert len(whole) == LONGEST
    assert "left out" not in whole
    assert "… 1 characters left out …" in trimmed_traceback(
        caught("x" * (LONGEST - around + 1)), skip="other.py"
    )


def test_what_cannot_be_shown_is_named() -> None:
    """Python's own formatting raises for a SyntaxError with a column that is no number."""
    odd = SyntaxError("no", ("file", 1, "no column", "text"))  # type: ignore[arg-type]
    assert one_line(odd) == "SyntaxError: <it cannot be shown>"
    try:
        raise odd
    except SyntaxError as error:
        text = trimmed_traceback(error, skip="other.py")
    assert "in test_what_cannot_be_shown_is_named" in text
    assert text.endswith("SyntaxError: <it cannot be shown>")


def test_a_runs_traceback_begins_in_the_users_code() -> None:
    """Of functions and of coroutines; a chained cause is there too."""

    def job() -> None:
        try:
            fail("first")
        except ValueError as error:
            raise RuntimeError("second") from error

    async def job_too() -> None:
        job()

    with Scheduler(pool=1, tz="UTC") as scheduler:
        for work in (job, job_too):
            run = scheduler.now(work)
            assert run.wait(10)
            error = scheduler.snapshot().recent[0].error
            assert run.reason == "RuntimeError: second"
            assert "workers.py" not in error
            assert f'File "{__file__}"' in error
            assert "ValueError: first" in error
            assert "direct cause" in error


def test_report_logs_what_is_being_handled(caplog: pytest.LogCaptureFixture) -> None:
    """With the traceback, under the name jobtui."""
    try:
        fail("no")
    except ValueError:
        log_exception("something went wrong")
    [record] = caplog.records
    assert (record.name, record.levelname, record.message) == ("jobtui", "ERROR", "something went wrong")
    assert record.exc_info is not None
    assert record.exc_info[0] is ValueError
    assert sys.exc_info() == (None, None, None)
