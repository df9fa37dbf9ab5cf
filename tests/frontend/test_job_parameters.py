"""The JSON Schema of a job's parameters, and arguments from JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional

import jsonschema_rs
import pydantic
import pytest

from jobtui import Secret
from jobtui.frontend.job_parameters import BadArguments, parameter_schema, read_arguments


class Color(Enum):
    """Has plain values."""

    RED = "red"
    BLUE = 2


class Place(Enum):
    """Has values that JSON does not have."""

    HOME = (1, 2)
    AWAY = (3, 4)


@dataclass
class Range:
    """Refers to its own class, and checks its values."""

    first: int
    last: int = 10
    parts: list[Range] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Check the order."""
        if self.last < self.first:
            raise ValueError("the last is before the first")


UserId = NewType("UserId", int)


def every_type(  # type: ignore[no-untyped-def] # noqa: PLR0917 - a parameter of each type
    number: int,
    share: float = 0.5,
    active: bool = False,
    name: str = "x",
    mode: Literal["fast", "slow", 3] = "fast",
    color: Color = Color.RED,
    place: Place = Place.HOME,
    places: list[Place] = [],  # noqa: B006 - never changed
    path: Path = Path("home"),
    day: date | None = None,
    at: Optional[datetime] = None,  # noqa: UP045 - the older way
    tags: list[str] = [],  # noqa: B006 - never changed
    sizes: Mapping[str, Sequence[int]] | None = None,
    span: Range = Range(1),  # noqa: B008 - never changed
    user: UserId | str = "all",
    key: Annotated[Secret[str], "of the API"] = Secret(""),  # noqa: B008 - never changed
    anything: Any = None,
    untyped=None,  # noqa: ANN001 - as in a script
) -> None:
    """Accept every type."""


def test_a_schema_has_each_parameter_with_its_type_and_its_default() -> None:
    schema = parameter_schema(every_type)
    properties = schema["properties"]
    assert (schema["type"], schema["required"], schema["additionalProperties"]) == (
        "object",
        ["number"],
        False,
    )
    assert jsonschema_rs.meta.is_valid({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    span = properties.pop("span")
    assert properties == {
        "number": {"type": "integer"},
        "share": {"type": "number", "default": 0.5},
        "active": {"type": "boolean", "default": False},
        "name": {"type": "string", "default": "x"},
        "mode": {"enum": ["fast", "slow", 3], "default": "fast"},
        "color": {"enum": ["red", 2], "x-enum-varnames": ["RED", "BLUE"], "default": "red"},
        "place": {"enum": ["HOME", "AWAY"], "default": "HOME"},
        "places": {"type": "array", "items": {"enum": ["HOME", "AWAY"]}, "default": []},
        "path": {"type": "string", "format": "path", "default": "home"},
        "day": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}], "default": None},
        "at": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}], "default": None},
        "tags": {"type": "array", "items": {"type": "string"}, "default": []},
        "sizes": {
            "anyOf": [
                {
                    "type": "object",
                    "additionalProperties": {"type": "array", "items": {"type": "integer"}},
                },
                {"type": "null"},
            ],
            "default": None,
        },
        "user": {"anyOf": [{"type": "integer"}, {"type": "string"}], "default": "all"},
        "key": {"type": "string", "format": "password", "writeOnly": True},
        "anything": {"default": None},
        "untyped": {"default": None},
    }
    assert (span["required"], span["properties"]["last"]) == (["first"], {"type": "integer", "default": 10})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("share", 2, 2.0),
        ("number", 8.0, 8),
        ("active", True, True),
        ("mode", 3, 3),
        ("color", 2, Color.BLUE),
        ("place", "HOME", Place.HOME),
        ("places", ["AWAY", "HOME"], [Place.AWAY, Place.HOME]),
        ("path", "etc/passwd", Path("etc/passwd")),
        ("day", "2026-11-27", date(2026, 11, 27)),
        ("day", None, None),
        ("at", "2026-11-27T02:30:00Z", datetime(2026, 11, 27, 2, 30, tzinfo=UTC)),
        ("tags", ["a", "b"], ["a", "b"]),
        ("sizes", {"a": [1]}, {"a": [1]}),
        ("span", {"first": 1, "parts": [{"first": 3, "last": 4}]}, Range(1, parts=[Range(3, 4)])),
        ("user", 5, 5),
        ("user", "ann", "ann"),
        ("anything", [None], [None]),
        ("untyped", {"a": 1}, {"a": 1}),
    ],
)
def test_a_json_value_becomes_the_value_of_its_annotation(name: str, value: object, expected: object) -> None:
    args, kwargs = read_arguments(every_type, {"number": 1, name: value})
    assert (args, kwargs[name], type(kwargs[name])) == ((), expected, type(expected))
    jsonschema_rs.validate(parameter_schema(every_type), {"number": 1, name: value})


class Level(Enum):
    """Has members whose names are values, too."""

    LOW = "HIGH"
    HIGH = "LOW"
    TOP = 5
    BEST = math.inf


@pytest.mark.parametrize(
    ("value", "expected"),
    [("HIGH", Level.LOW), ("LOW", Level.HIGH), ("TOP", Level.TOP), (5, Level.TOP), ("BEST", Level.BEST)],
)
def test_the_name_of_a_member_is_accepted_unless_it_is_the_value_of_another_one(
    value: object, expected: Level
) -> None:
    def work(level: Level) -> None:
        """Have an enum."""

    assert read_arguments(work, {"level": value}) == ((), {"level": expected})


class Stay(pydantic.BaseModel):
    """Has members of an enum."""

    place: Place
    others: list[Place] = []
    nights: int = 1


class Odd(pydantic.BaseModel):
    """Publishes no schema."""

    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)

    number: int = pydantic.Field(ge=1)
    pattern: range | None = None


def test_a_model_of_pydantic_accepts_the_names_of_members() -> None:
    def work(stay: Stay) -> None:
        """Have a model."""

    given = {"stay": {"place": "AWAY", "others": ["HOME"], "nights": 2}}
    expected = Stay(place=Place.AWAY, others=[Place.HOME], nights=2)
    assert read_arguments(work, given) == ((), {"stay": expected})
    with pytest.raises(BadArguments, match=r"stay\.place: must be one of 'HOME', 'AWAY', not 'B'"):
        read_arguments(work, {"stay": {"place": "B"}})


class Order(pydantic.BaseModel):
    """Has every limit."""

    number: int = pydantic.Field(ge=1, description="The number of the order.")
    share: float = pydantic.Field(default=0.5, gt=0, lt=1)
    step: int = pydantic.Field(default=5, multiple_of=5)
    code: str = pydantic.Field(default="AB", min_length=2, max_length=3, pattern="^[A-Z]+$")
    limit: int | None = pydantic.Field(default=None, le=9)
    sizes: list[Annotated[int, pydantic.Field(ge=1)]] = pydantic.Field(default=[], max_length=2)
    days: timedelta = pydantic.Field(default=timedelta(1), ge=timedelta(1))


def test_a_model_of_pydantic_has_the_help_and_the_limits_of_its_fields() -> None:
    def work(order: Order) -> None:
        """Have a model."""

    properties = parameter_schema(work)["properties"]["order"]["properties"]
    assert properties == {
        "number": {"type": "integer", "minimum": 1, "description": "The number of the order."},
        "share": {"type": "number", "exclusiveMinimum": 0.0, "exclusiveMaximum": 1.0, "default": 0.5},
        "step": {"type": "integer", "multipleOf": 5, "default": 5},
        "code": {"type": "string", "minLength": 2, "maxLength": 3, "pattern": "^[A-Z]+$", "default": "AB"},
        "limit": {"anyOf": [{"type": "integer", "maximum": 9}, {"type": "null"}], "default": None},
        "sizes": {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 2, "default": []},
        "days": {"type": "string", "format": "interval", "default": "24h"},
    }
    assert parameter_schema(every_type)["properties"]["number"] == {"type": "integer"}  # not changed


def test_a_model_of_pydantic_without_a_schema_has_no_limits() -> None:
    def work(odd: Odd) -> None:
        """Have a model."""

    assert parameter_schema(work)["properties"]["odd"]["properties"]["number"] == {"type": "integer"}


def test_a_secret_is_made_from_its_value() -> None:
    _, kwargs = read_arguments(every_type, {"number": 1, "key": "hunter2"})
    assert kwargs["key"].reveal() == "hunter2"
    with pytest.raises(BadArguments, match=r"key: must match {.*\"string\".*}; the value is secret"):
        read_arguments(every_type, {"number": 1, "key": 5})


@pytest.mark.parametrize("pin", [Secret[int], Secret[int] | None, list[Secret[int]], dict[str, Secret[int]]])
@pytest.mark.parametrize("given", [{"pin": "hunter2"}, {"args": ["hunter2"]}, {"pin": ["hunter2"]}])
def test_the_message_for_a_wrong_secret_does_not_show_it(pin: Any, given: dict[str, Any]) -> None:
    def log_in(pin: object) -> None:
        """Require a secret."""

    log_in.__annotations__["pin"] = pin
    with pytest.raises(BadArguments, match=r"must match {.+}; the value is secret") as refused:
        read_arguments(log_in, given)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("number", "5", "number: must be a whole number, not '5'"),
        ("number", True, "number: must be a whole number, not True"),
        ("number", 8.5, "number: must be a whole number, not 8.5"),
        ("share", "much", "share: must be a number, not 'much'"),
        ("active", 1, "active: must be true or false, not 1"),
        ("mode", "quick", "mode: must be one of 'fast', 'slow', 3, not 'quick'"),
        ("place", "B", "place: must be one of 'HOME', 'AWAY', not 'B'"),
        ("place", [1, 2], "place: must be one of 'HOME', 'AWAY', not [1, 2]"),
        ("color", "green", "color: must be one of 'red', 2, not 'green'"),
        ("path", 5, "path: must be a path, not 5"),
        ("day", "soon", "day: must be a date such as 2026-11-27, not 'soon', or must be null, not 'soon'"),
        ("at", "2026-13-01", "at: must be an instant in ISO 8601, not '2026-13-01', or must be null"),
        ("tags", "a", "tags: must be a list, not 'a'"),
        ("tags", ["a", 5], "tags[1]: must be a text, not 5"),
        ("sizes", {"a": [1, "b"]}, "sizes: sizes.a[1]: must be a whole number, not 'b', or must be null"),
        ("span", [], "span: must be an object, not []"),
        ("span", {}, "span.first: is missing"),
        (
            "span",
            {"first": 1, "end": 2},
            "span.end: there is no such parameter; the parameters are first, last",
        ),
        ("span", {"first": 1, "parts": [{"first": "a"}]}, "span.parts[0].first: must be a whole number"),
        ("span", {"first": 20}, "span: the last is before the first"),
        ("goal", 5, "goal: there is no such parameter; the parameters are number, share,"),
    ],
)
def test_the_message_for_a_wrong_value_has_its_place(name: str, value: object, problem: str) -> None:
    with pytest.raises(BadArguments) as caught:
        read_arguments(every_type, {"number": 1, name: value})
    assert str(caught.value).startswith(problem)


def mixed(first: int, /, second: int = 2, *rest: int, third: int, **others: int) -> None:
    """Have every kind of parameter."""


def with_args(args: list[int], kwargs: int = 0) -> None:
    """Have parameters of these names."""


def gap(first: int = 1, second: int = 2, /) -> None:
    """Have positional parameters with defaults."""


@pytest.mark.parametrize(
    ("function", "given", "expected"),
    [
        (mixed, {"args": [1, 2, 3, 4], "kwargs": {"third": 5, "x": 6}}, ((1, 2, 3, 4), {"third": 5, "x": 6})),
        (mixed, {"first": 1, "third": 5}, ((1,), {"third": 5})),
        (mixed, {"args": [1], "kwargs": {"second": 3, "third": 5}}, ((1,), {"second": 3, "third": 5})),
        (mixed, {}, ((), {})),
        (mixed, {"args": [], "kwargs": {}}, ((), {})),
        (with_args, {"args": [1, 2]}, ((), {"args": [1, 2]})),
        (gap, {"second": 5}, ((1, 5), {})),
        (partial(mixed, 1), {"third": 2}, ((), {"third": 2})),
        (max, {"args": [1, 2]}, ((1, 2), {})),
        (Range(1).__post_init__, {}, ((), {})),
    ],
)
def test_arguments_are_given_by_name_or_as_in_a_call(
    function: Callable[..., object], given: dict[str, Any], expected: object
) -> None:
    assert read_arguments(function, given) == expected


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"args": [1]}, "kwargs.third: is missing"),
        ({"third": 1}, "first: is missing"),
        ({"args": [1, "b"], "kwargs": {"third": 1}}, "args[1]: must be a whole number, not 'b'"),
        ({"args": [1, 2, "c"], "kwargs": {"third": 1}}, "args[2]: must be a whole number, not 'c'"),
        (
            {"args": [1, 2], "kwargs": {"second": 1, "third": 1}},
            "kwargs.second: is given twice, in args, too",
        ),
        ({"args": [1], "kwargs": {"third": 1, "x": "y"}}, "kwargs.x: must be a whole number, not 'y'"),
        ({"args": 5}, "args: must be a list, not 5"),
        ({"kwargs": []}, "kwargs: must be an object, not []"),
    ],
)
def test_the_message_for_wrong_arguments_has_their_place(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadArguments) as caught:
        read_arguments(mixed, given)
    assert str(caught.value) == problem


def test_too_many_positional_arguments_and_types_that_json_lacks_are_errors() -> None:
    def work(range_of: range | None = None) -> None:
        """Have a parameter of a class that JSON does not have."""

    with pytest.raises(BadArguments, match=r"args\[1\]: there are only 1 positional parameters"):
        read_arguments(work, {"args": [None, 1]})
    with pytest.raises(BadArguments, match="range_of: JSON has no range, or must be null, not 5"):
        read_arguments(work, {"range_of": 5})


def test_an_annotation_that_cannot_be_evaluated_accepts_anything() -> None:
    def work(value: Unknown, number: int = 5) -> None:  # type: ignore[name-defined] # noqa: F821 - that is the point
        """Have an annotation that only a type checker knows."""

    assert parameter_schema(work)["properties"] == {"value": {}, "number": {"default": 5}}
    assert read_arguments(work, {"value": [1]}) == ((), {"value": [1]})


def test_a_function_without_a_signature_accepts_any_arguments() -> None:
    assert parameter_schema(max) == {"type": "object"}
