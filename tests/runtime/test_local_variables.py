"""Local variables in tracebacks: bounded texts, without secrets, whatever a `repr` does."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jobtui.engine.packed_exceptions import memory_of, pack_exception, shorten_exception
from jobtui.engine.tracebacks import format_traceback
from jobtui.frontend.parsed_traceback import parse_traceback
from jobtui.runtime import local_variables
from jobtui.runtime.local_variables import LocalVariables
from jobtui.runtime.redaction import Redaction
from jobtui.runtime.scheduler import Scheduler


def captured(function: Callable[[], object], *patterns: str) -> dict[str, str]:
    """Return the variables in the innermost frame of a function that raises, by name."""
    place = parse_traceback(text_of(function, *patterns)).place
    assert place is not None
    return dict(value.split(" = ", 1) for value in place.values)


def text_of(function: Callable[[], object], *patterns: str) -> str:
    """Return the traceback of a function that raises."""
    try:
        function()
    except BaseException as error:  # noqa: BLE001 - the text is the result
        variables = LocalVariables(Redaction(patterns).redact)
        return format_traceback(variables.add_to(error, pack_exception(error)))
    raise AssertionError


def fail_with(value: object) -> Callable[[], object]:
    """Return a function that raises with one variable."""

    def fail() -> None:
        variable = value
        raise ValueError(variable is value)

    return fail


class Raises:
    """Has a `repr` that raises."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __repr__(self) -> str:
        """Raise the error."""
        raise self._error


@dataclass
class Login:
    """Has a secret."""

    user: str
    password: str


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        ("two\nlines", r"'two\nlines'"),
        ("x" * 1_000_000, "'" + "x" * 198 + "…"),
        (list(range(1_000)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...]"),
        ({"b": 1, "a": {2}}, "{'b': 1, 'a': {2}}"),
        (
            dict.fromkeys(range(12), "x"),
            "{0: 'x', 1: 'x', 2: 'x', 3: 'x', 4: 'x', 5: 'x', 6: 'x', 7: 'x', 8: 'x', 9: 'x', ...}",
        ),
        ([[[[[1]]]]], "[[[[...]]]]"),
        (set(), "set()"),
        (frozenset({1}), "frozenset({1})"),
        pytest.param(10**5_000, "<int: repr() failed>", id="huge int"),
        (Raises(ValueError("x")), "<Raises: repr() failed>"),
        (Raises(SystemExit()), "<Raises: repr() failed>"),
        ([Raises(KeyboardInterrupt())], "[<Raises: repr() failed>]"),
        (Login("ann", "hunter2"), "Login(user='ann', password=***)"),
        ({"api_key": "sk-1", "user": "ann"}, "{'api_key': ***, 'user': 'ann'}"),
        ("\x1b[31mred\u202e", r"'\x1b[31mred\u202e'"),
    ],
)
def test_a_value_is_a_short_text(value: object, text: str) -> None:
    assert captured(fail_with(value))["variable"] == text


def test_secrets_are_masked_by_the_name_of_the_variable_and_by_the_patterns() -> None:
    def fail() -> None:
        user_password, header = "hunter2", "key sk-12345678 end"
        raise ValueError(len(user_password + header))

    assert captured(fail, r"sk-\d+") == {"user_password": "***", "header": "'key *** end'"}


def test_only_functions_of_the_user_have_variables() -> None:
    def fail() -> None:
        given = "{"
        json.loads(given)

    error = parse_traceback(text_of(fail))
    frames = {frame.function: frame.values for frame in error.frames if not isinstance(frame, str)}
    assert frames["fail"] == ("given = '{'",)
    assert frames["raw_decode"] == ()


def test_the_frames_of_a_cause_have_variables_too() -> None:
    def fail() -> None:
        try:
            fail_with(7)()
        except ValueError as error:
            raise KeyError from error

    cause = parse_traceback(text_of(fail)).previous
    assert cause is not None
    assert cause.place is not None
    assert "variable = 7" in cause.place.values


def test_many_variables_and_frames_are_bounded() -> None:
    variables = "".join(f"    v{number} = {'x' * 500!r}\n" for number in range(100))
    functions = "".join(f"def f{depth}():\n{variables}    f{depth + 1}()\n" for depth in range(20))
    namespace: dict[str, Any] = {}
    exec(f"{functions}def f20(): 1 / 0", namespace)
    try:
        namespace["f0"]()
    except ZeroDivisionError as error:
        packed = LocalVariables(str).add_to(error, pack_exception(error))
    texts = [frame[6] for frame in packed[0][3] if isinstance(frame, tuple) and len(frame) > 6]
    assert len(texts) > 1
    assert local_variables.MAX_CHARACTERS // 2 < sum(map(len, texts)) <= local_variables.MAX_CHARACTERS


def test_a_repr_that_hangs_costs_its_variables_and_no_more_than_the_limit() -> None:
    released = threading.Event()

    class Hangs:
        def __repr__(self) -> str:
            released.wait()
            return "Hangs()"

    def fail() -> None:
        before, hanging, after = 1, Hangs(), 3
        raise ValueError(before, hanging is None, after)

    variables = LocalVariables(str)
    texts = []
    for _ in range(2):
        try:
            fail()
        except ValueError as error:
            texts.append(format_traceback(variables.add_to(error, pack_exception(error))))
    released.set()
    assert "where before = 1" in texts[0]
    assert "where hanging" not in texts[0]
    assert "where" not in texts[1]


def test_an_exception_with_variables_counts_their_memory_and_loses_them_when_it_is_shortened() -> None:
    try:
        fail_with("x" * 150)()
    except ValueError as error:
        packed = pack_exception(error)
        with_locals = LocalVariables(str).add_to(error, packed)
    assert memory_of(with_locals) > memory_of(packed) + 150
    assert "where" not in format_traceback(shorten_exception(with_locals))
    assert "where" not in format_traceback(packed)


# --- schedulers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("capture", [True, False])
def test_the_traceback_of_a_run_has_variables_only_if_they_are_asked_for(
    *, capture: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The log never has them."""
    with caplog.at_level(logging.ERROR), Scheduler(capture_locals=capture) as scheduler:
        run = scheduler.now(fail_with("the value"))
        run.wait(60)
        view = scheduler.run_view(run.number)
    assert ("where variable = 'the value'" in view.error) is capture
    assert "the value" not in caplog.text


def test_a_coroutine_and_a_thread_have_variables(tmp_path: Path) -> None:
    """Also in the store."""

    async def fail_later() -> None:
        variable = "of a coroutine"
        raise ValueError(len(variable))

    with Scheduler(capture_locals=True, store=tmp_path / "jobs.db") as scheduler:
        runs = [scheduler.now(fail_later), scheduler.now(fail_with("of a thread"))]
        for run in runs:
            run.wait(60)
        numbers = [run.number for run in runs]
        errors = [scheduler.run_view(number).error for number in numbers]
    assert "where variable = 'of a coroutine'" in errors[0]
    assert "where variable = 'of a thread'" in errors[1]
    with Scheduler(store=tmp_path / "jobs.db") as again:
        assert "where variable = 'of a coroutine'" in again.run_view(numbers[0]).error


def test_capture_locals_must_be_a_bool() -> None:
    with pytest.raises(TypeError, match="capture_locals must be True or False, not 'no'"):
        Scheduler(capture_locals="no")  # type: ignore[arg-type] # on purpose
