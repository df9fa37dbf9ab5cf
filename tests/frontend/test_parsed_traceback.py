"""Tracebacks that Python has printed are read back into exceptions and frames."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest

from jobtui.frontend.parsed_traceback import RaisedException, TraceFrame, failing_frame, parse_traceback


def raised(function: Callable[[], object]) -> str:
    """Return the text of the traceback of a function that raises."""
    try:
        function()
    except Exception:  # noqa: BLE001 - the text is the result
        return traceback.format_exc()
    raise AssertionError


def fail(text: str = "two\nlines") -> None:
    """Raise a ValueError."""
    raise ValueError(text)


def fail_with_a_cause() -> None:
    """Raise a KeyError because of a ValueError."""
    try:
        fail()
    except ValueError as error:
        raise KeyError("amount") from error


def fail_in_a_group() -> None:
    """Raise a group with another one in it, while another exception is handled."""
    errors: list[Exception] = []
    for function in (fail, fail_with_a_cause):
        try:
            function()
        except Exception as error:  # noqa: BLE001 - for the group
            errors.append(error)
    inner = ExceptionGroup("inner", [*errors, OSError("no frames")])
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        outer = ExceptionGroup("outer", [inner, *(TypeError(number) for number in range(20))])
        outer.add_note("a note")
        raise outer  # noqa: B904 - the context is part of the test


def functions(error: RaisedException) -> list[str]:
    """Return the functions of the frames."""
    return [frame.function for frame in error.frames if isinstance(frame, TraceFrame)]


def test_an_exception_has_a_title_the_rest_of_its_message_and_its_frames() -> None:
    error = parse_traceback(raised(fail))
    assert (error.title, error.details) == ("ValueError: two", ("lines",))
    assert functions(error) == ["raised", "fail"]
    frame = error.frames[1]
    assert isinstance(frame, TraceFrame)
    assert (frame.file, frame.line) == (__file__, fail.__code__.co_firstlineno + 2)
    assert frame.code == "raise ValueError(text)"


def test_carets_stay_with_the_line_above_them() -> None:
    frame = parse_traceback(raised(lambda: int("x") + 1)).frames[-1]
    assert isinstance(frame, TraceFrame)
    [(source, carets)] = frame.source
    start = len(carets) - len(carets.lstrip())  # of `^^^`, from Python 3.13 on of `~~~^^^`
    assert source[start : len(carets)] == 'int("x")'


@pytest.mark.parametrize("is_cause", [True, False])
def test_the_exception_before_is_a_cause_or_was_being_handled(is_cause: bool) -> None:
    text = raised(fail_with_a_cause)
    if not is_cause:
        text = text.replace(
            "The above exception was the direct cause of the following exception:",
            "During handling of the above exception, another exception occurred:",
        )
    error = parse_traceback(text)
    assert error.title == "KeyError: 'amount'"
    assert error.is_cause is is_cause
    assert error.previous is not None
    assert error.previous.title == "ValueError: two"
    assert functions(error.previous) == ["fail_with_a_cause", "fail"]


def test_a_group_has_its_members_with_their_causes_and_says_how_many_are_left_out() -> None:
    error = parse_traceback(raised(fail_in_a_group))
    assert error.title == "ExceptionGroup: outer (21 sub-exceptions)"
    assert error.details == ("a note",)
    assert error.previous is not None
    assert error.previous.title == "ZeroDivisionError: division by zero"
    assert [member.title for member in error.members[1:4]] == [f"TypeError: {number}" for number in range(3)]
    assert len(error.members) == 15
    assert error.left_out == "and 6 more exceptions"
    inner = error.members[0]
    assert [member.title for member in inner.members] == [
        "ValueError: two",
        "KeyError: 'amount'",
        "OSError: no frames",
    ]
    second = inner.members[1].previous
    assert second is not None
    assert (second.title, second.details) == ("ValueError: two", ("lines",))


def test_the_place_of_a_syntax_error_is_a_frame_without_a_function() -> None:
    error = parse_traceback(raised(lambda: compile("x = (", "config.py", "exec")))
    assert error.title == "SyntaxError: '(' was never closed"
    assert error.frames[-1] == TraceFrame("config.py", 1, "", (("x = (", "    ^"),))


def test_repeated_frames_are_a_remark() -> None:
    def recurse() -> None:
        recurse()

    error = parse_traceback(raised(recurse))
    [remark] = [frame for frame in error.frames if isinstance(frame, str)]
    assert remark.startswith("[Previous line repeated ")
    assert error.title.startswith("RecursionError")


@pytest.mark.parametrize("text", ["", "Traceback\n  [/b]\n[/]", "ValueError", "\n\n", "  | \n  +-+--- 1 ---"])
def test_any_other_text_is_a_title_and_details(text: str) -> None:
    error = parse_traceback(text)
    assert not error.members
    assert [frame for frame in error.frames if isinstance(frame, TraceFrame)] == []


@pytest.mark.parametrize("percent", range(6, 100, 7))
def test_a_traceback_without_its_middle_keeps_the_exception_at_its_end(percent: int) -> None:
    text = raised(fail_with_a_cause)
    start = (len(text) - 60 - len("KeyError: 'amount'\n")) * percent // 100
    cut = f"{text[:start]}\n[60 characters left out]\n{text[start + 60 :]}"
    error = parse_traceback(cut)
    related = [error.title, *error.details, *map(str, error.frames)]
    assert any("KeyError: 'amount'" in each for each in related)


LIBRARY = "/srv/venv/lib/python3.12/site-packages/orm/query.py"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["/srv/shop/jobs.py", "/srv/shop/orders.py"], "/srv/shop/orders.py"),
        (["/srv/shop/jobs.py", LIBRARY], "/srv/shop/jobs.py"),
        ([LIBRARY, "/usr/lib/python3.12/json/decoder.py"], "/usr/lib/python3.12/json/decoder.py"),
        ([traceback.__file__, "<frozen runpy>"], "<frozen runpy>"),
    ],
)
def test_the_failing_frame_is_the_innermost_one_of_the_user_or_else_the_innermost(
    files: list[str], expected: str
) -> None:
    frames = "".join(f'  File "{file}", line 7, in work\n    work()\n' for file in files)
    frame = failing_frame(parse_traceback(f"Traceback (most recent call last):\n{frames}ValueError: x"))
    assert frame is not None
    assert frame.file == expected


def test_the_failing_frame_of_a_group_is_that_of_its_first_member() -> None:
    frame = failing_frame(parse_traceback(raised(fail_in_a_group)))
    assert frame is not None
    assert frame.function == "fail"
