"""The form for the arguments of a run: its fields, and the arguments in their texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pydantic
import pytest

from jobtui import Secret
from jobtui.frontend.argument_form import ArgumentForm
from jobtui.frontend.job_parameters import Call, parameter_schema, read_arguments
from jobtui.runtime.redaction import Redaction


class Color(Enum):
    """Has plain values."""

    RED = "red"
    BLUE = 2


@dataclass
class Span:
    """Has a field without a default."""

    first: int
    last: int = 10


class Account(pydantic.BaseModel):
    """Checks its values."""

    name: str
    age: int = pydantic.Field(default=18, ge=0)

    @pydantic.field_validator("name")
    @classmethod
    def check_name(cls, name: str) -> str:
        """Refuse a name, for a reason that no schema has."""
        if name == "eve":
            raise ValueError("eve is not allowed")
        return name


def every_type(  # type: ignore[no-untyped-def] # noqa: D417, PLR0917 - a parameter of each type
    number: int,
    share: float = 0.5,
    active: bool = False,
    name: str = "",
    note: str | None = None,
    mode: Literal["fast", "slow", 3] = "fast",
    color: Color | None = Color.RED,
    path: Path = Path("home"),
    day: date | None = None,
    at: datetime | None = None,
    clock: time = time(14, 30),
    wait: timedelta = timedelta(minutes=90),
    tags: list[str] = ["a", "b"],  # noqa: B006 - never changed
    sizes: tuple[int, ...] = (),
    span: Span = Span(1),  # noqa: B008 - never changed
    account: Account = Account(name="ann"),  # noqa: B008 - never changed
    user: int | str = "all",
    key: Secret[str] = Secret(""),  # noqa: B008 - never changed
    untyped=None,  # noqa: ANN001 - as in a script
    *more: int,
    **others: str,
) -> None:
    """Accept every type.

    Args:
        number: How many
            there are.
        share: The part of them.
        more: Further numbers.
    """


def form_of(function: Callable[..., Any], own: Call | None = None) -> ArgumentForm:
    """Return the form for a function."""
    return ArgumentForm(parameter_schema(function, own))


def test_a_form_has_a_field_for_each_parameter_with_its_default_as_text() -> None:
    form = form_of(every_type)
    assert {each.name: each.initial for each in form.fields} == {
        "number": "",
        "share": "0.5",
        "active": "false",
        "name": "",
        "note": "",
        "mode": "fast",
        "color": "red",
        "path": "home",
        "day": "",
        "at": "",
        "clock": "14:30:00",
        "wait": "1h30m",
        "tags": "a, b",
        "sizes": "",
        "span.first": "1",
        "span.last": "10",
        "account.name": "ann",
        "account.age": "18",
        "user": "all",
        "key": "",
        "untyped": "",
        "*more": "",
        "**": "{}",
    }
    fields = {each.name: each for each in form.fields}
    assert (fields["number"].required, fields["share"].required) == (True, False)
    assert (fields["number"].help, fields["share"].help) == ("How many there are.", "The part of them.")
    assert fields["*more"].help == "Further numbers."
    assert (fields["key"].secret, fields["name"].secret) == (True, False)
    assert fields["mode"].choices == ("fast", "slow", "3")
    assert fields["color"].choices == ("red", "2", "")
    assert fields["active"].choices == ("true", "false")
    assert form.help == "Accept every type."


def test_each_kind_of_value_is_described_in_words() -> None:
    kinds = {each.name: each.kind for each in form_of(every_type).fields}
    assert kinds["number"] == "whole number"
    assert kinds["note"] == "text, or empty for none"
    assert kinds["day"] == "a date such as 2026-11-27, or empty for none"
    assert kinds["tags"] == "text, several with commas between them"
    assert kinds["user"] == "whole number or text"
    assert kinds["untyped"] == "JSON, else text"
    assert kinds["key"] == "secret text"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("share", "2", 2.0),
        ("active", "yes", True),
        ("name", "true", "true"),
        ("note", '""', ""),
        ("note", "x", "x"),
        ("mode", "3", 3),
        ("color", "", None),
        ("color", "2", Color.BLUE),
        ("path", "etc/日本語", Path("etc/日本語")),
        ("day", "2026-11-27", date(2026, 11, 27)),
        ("clock", "08:15", time(8, 15)),
        ("wait", "5s", timedelta(seconds=5)),
        ("tags", "x,  y z ,w", ["x", "y z", "w"]),
        ("tags", '["a, b"]', ["a, b"]),
        ("tags", "", []),
        ("sizes", "1, 2", (1, 2)),
        ("span.last", "12", Span(1, 12)),
        ("account.age", "20", Account(name="ann", age=20)),
        ("user", "5", 5),
        ("user", "bob", "bob"),
        ("untyped", '{"a": 1}', {"a": 1}),
        ("untyped", "plain words", "plain words"),
        ("untyped", "NaN", "NaN"),
    ],
)
def test_a_text_becomes_the_value_of_its_annotation(name: str, text: str, expected: object) -> None:
    form = form_of(every_type)
    arguments, problems = form.read({"number": "1", name: text})
    assert problems == {}
    args, kwargs = read_arguments(every_type, arguments)
    parameter = name.partition(".")[0]
    assert (args, kwargs) == ((), {"number": 1, parameter: expected})
    assert type(kwargs[parameter]) is type(expected)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("number", "", "is missing"),
        ("number", "1.5", "must be a whole number, not '1.5'"),
        ("share", "NaN", "must be a number, not 'NaN'"),
        ("share", "1e999", "must be a number, not '1e999'"),
        ("share", "", "must be a number, not ''"),
        ("active", "maybe", "must be true or false, not 'maybe'"),
        ("mode", "medium", "must be one of fast, slow, 3, not 'medium'"),
        ("day", "soon", "must be a date such as 2026-11-27, not 'soon'"),
        ("clock", "25:00", "must be a time such as 14:30, not '25:00'"),
        ("wait", "5 days", "must be a duration such as 1h30m, not '5 days'"),
        ("sizes", "1, x", "must be a whole number, not 'x'"),
        ("tags", "[1", 'must be a list such as ["a", "b"], or texts with commas between them, not \'[1\''),
        ("span.first", "", "is missing"),
        ("**", "5", "must be an object such as {\"name\": 1}, not '5'"),
    ],
)
def test_a_text_that_is_wrong_has_its_problem_at_its_field(name: str, text: str, problem: str) -> None:
    _, problems = form_of(every_type).read({"number": "1", name: text})
    assert problems == {name: problem}


def test_the_problem_of_a_secret_does_not_show_it() -> None:
    def log_in(pin: Secret[int]) -> None:
        """Log in."""

    assert form_of(log_in).read({"pin": "hunter2"})[1] == {
        "pin": "is not valid; what it accepts: whole number"
    }


def test_every_problem_of_a_form_is_found_at_once() -> None:
    _, problems = form_of(every_type).read({"share": "x", "active": "x"})
    assert set(problems) == {"number", "share", "active"}


def test_parameters_with_their_defaults_are_left_out() -> None:
    form = form_of(every_type)
    assert form.read({"number": "1"}) == ({"number": 1}, {})
    assert form.read({"number": "1", "share": "0.5", "span.last": "10"}) == ({"number": 1}, {})


def test_further_arguments_follow_those_of_all_positional_parameters() -> None:
    def work(first: int, second: str = "b", *more: int, last: bool = False, **others: str) -> None:
        """Have every kind of parameter."""

    texts = {"first": "1", "*more": "5, 6", "last": "true", "**": '{"a": "x"}'}
    arguments, problems = form_of(work).read(texts)
    assert problems == {}
    assert read_arguments(work, arguments) == ((1, "b", 5, 6), {"last": True, "a": "x"})


def test_a_form_that_is_not_changed_has_the_arguments_of_the_job() -> None:
    def copy(source: str, target: str = "backup", day: object = None) -> None:
        """Copy."""

    form = form_of(copy, Call(("home",), {"target": "tape", "day": object()}))
    assert [each.initial for each in form.fields] == ["home", "tape", ""]
    assert form.read({}) == ({}, {})
    assert form.read({"source": "etc"}) == ({"source": "etc", "target": "tape"}, {})
    assert form.read({"target": "backup"}) == ({"source": "home"}, {})
    assert form.read({"source": ""}) == ({"target": "tape"}, {"source": "is missing"})


def test_an_argument_of_the_job_that_json_does_not_have_is_no_obstacle() -> None:
    def use(connection: object) -> None:
        """Use."""

    assert form_of(use, Call((object(),))).read({}) == ({}, {})


def test_a_parameter_of_another_class_is_refused_with_a_reason() -> None:
    def use(connection: re.Pattern[str]) -> None:
        """Use."""

    form = form_of(use)
    assert form.fields[0].kind == "a value that no text can give"
    assert form.read({"connection": "x"})[1] == {"connection": "cannot be given here: JSON has no Pattern."}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("share: must be a number", ("share", "must be a number")),
        ("tags[1]: must be a text", ("tags", "[1] must be a text")),
        ("span.first: is missing", ("span.first", "is missing")),
        ("span: the last is before the first", ("span.last", "the last is before the first")),
        ("*more[0]: must be a whole number", ("*more", "[0] must be a whole number")),
        ("the scheduler has stopped", ("", "the scheduler has stopped")),
        ("other: problem", ("", "other: problem")),
    ],
)
def test_a_message_of_the_scheduler_is_placed_at_its_field(message: str, expected: tuple[str, str]) -> None:
    assert form_of(every_type).place(message) == expected


def test_a_model_of_pydantic_says_which_value_is_wrong() -> None:
    form = form_of(every_type)
    arguments, _ = form.read({"number": "1", "account.name": "eve"})
    with pytest.raises(ValueError, match=r"account\.name: Value error, eve is not allowed") as refused:
        read_arguments(every_type, arguments)
    assert form.place(str(refused.value))[0] == "account.name"


class Point(Enum):
    """Has values that JSON does not have."""

    A = (1, 2)
    B = (3, 4)


def test_members_whose_values_json_does_not_have_are_chosen_by_name() -> None:
    def draw(point: Point, more: list[Point] = [Point.A], color: list[Color] = []) -> None:  # noqa: B006 - never changed
        """Draw."""

    form = form_of(draw, Call((Point.B,)))
    fields = {each.name: each for each in form.fields}
    assert (fields["point"].choices, fields["point"].initial) == (("A", "B"), "B")
    assert (fields["point"].kind, fields["more"].initial) == ("one of A, B", "A")
    arguments, problems = form.read({"point": "A", "more": "B, A", "color": "BLUE, red"})
    assert problems == {}
    assert read_arguments(draw, arguments) == (
        (),
        {"point": Point.A, "more": [Point.B, Point.A], "color": [Color.BLUE, Color.RED]},
    )
    assert form.read({"point": "C"})[1] == {"point": "must be one of A, B, not 'C'"}


class Order(pydantic.BaseModel):
    """Has every limit."""

    number: int = pydantic.Field(ge=1, description="The number of the order.")
    share: float = pydantic.Field(default=0.5, gt=0, lt=1)
    step: int = pydantic.Field(default=5, multiple_of=5, le=100)
    code: str = pydantic.Field(default="AB", min_length=2, max_length=3, pattern="^[A-Z]+$")
    limit: int | None = pydantic.Field(default=None, le=9)
    sizes: list[int] = pydantic.Field(default=[], max_length=2)
    key: str = pydantic.Field(default="", pattern=r"^\p{L}*$")


def send(order: Order) -> None:
    """Send an order."""


def test_a_field_of_a_model_of_pydantic_has_its_help_and_its_limits() -> None:
    fields = {each.name.removeprefix("order."): each for each in form_of(send).fields}
    assert fields["number"].help == "The number of the order."
    assert {name: each.kind for name, each in fields.items()} == {
        "number": "whole number, at least 1",
        "share": "number, more than 0, less than 1",
        "step": "whole number, at most 100, a multiple of 5",
        "code": "text, at least 2 characters, at most 3 characters, matching ^[A-Z]+$",
        "limit": "whole number, at most 9, or empty for none",
        "sizes": "whole number, several with commas between them, at most 2 items",
        "key": r"text, matching ^\p{L}*$",
    }


def test_all_values_beyond_their_limits_are_found_at_once() -> None:
    wrong = {"number": "0", "share": "1", "step": "7", "code": "ABCD", "limit": "10", "sizes": "1, 2, 3"}
    _, problems = form_of(send).read({f"order.{name}": text for name, text in wrong.items()})
    assert problems == {
        "order.number": "must be at least 1, not '0'",
        "order.share": "must be less than 1, not '1'",
        "order.step": "must be a multiple of 5, not '7'",
        "order.code": "must have at most 3 characters, not 'ABCD'",
        "order.limit": "must be at most 9, not '10'",
        "order.sizes": "must have at most 2 items, not '1, 2, 3'",
    }
    assert form_of(send).read({"order.number": "1", "order.code": "ab"})[1] == {
        "order.code": "must match ^[A-Z]+$, not 'ab'"
    }


def test_values_within_their_limits_are_accepted() -> None:
    right = {"number": "1", "share": "0.1", "step": "100", "code": "ABC", "limit": "9", "key": "é"}
    arguments, problems = form_of(send).read({f"order.{name}": text for name, text in right.items()})
    assert problems == {}
    assert read_arguments(send, arguments)[1]["order"].code == "ABC"


def test_a_parameter_whose_name_is_redacted_is_a_secret() -> None:
    def log_in(user: str, password: str = "hunter2", level: int = 3) -> None:
        """Log in."""

    masks = Redaction([r"password='(.+?)'", r"level=(\d+)"]).masks
    form = ArgumentForm(parameter_schema(log_in, Call(("ann", "secret")), masks))
    fields = {each.name: each for each in form.fields}
    assert [name for name, each in fields.items() if each.secret] == ["password"]
    assert (fields["user"].initial, fields["password"].initial) == ("ann", "")
    with pytest.raises(ValueError, match="the value is secret, so it is not shown"):
        read_arguments(log_in, {"user": "ann", "password": 5}, masks)


def test_a_function_without_a_signature_has_a_field_for_any_arguments() -> None:
    form = form_of(max)
    assert [each.name for each in form.fields] == ["**"]
    assert form.read({"**": '{"args": [[1, 2]]}'}) == ({"args": [[1, 2]]}, {})
    assert ArgumentForm({}).fields == ()


GOOGLE = """Copy files.

Args:
    source (str): The folder
        to copy.
    *names: The files.

Returns:
    Nothing: at all.
"""
NUMPY = """Copy files.

Parameters
----------
source : str
    The folder
    to copy.
*names
    The files.

Returns
-------
nothing : None
    At all.
"""
SPHINX = """Copy files.

:param str source: The folder
    to copy.
:param names: The files.
:return: Nothing.
"""


@pytest.mark.parametrize("docstring", [GOOGLE, NUMPY, SPHINX])
def test_the_help_comes_from_the_docstring_in_each_style(docstring: str) -> None:
    def copy(source: str, *names: str) -> None:
        pass

    copy.__doc__ = docstring
    form = form_of(copy)
    assert form.help == "Copy files."
    assert [each.help for each in form.fields] == ["The folder to copy.", "The files."]
