"""The parameters of a job as JSON Schema, and the arguments of a run from the JSON of a request.

Both follow from the signature of the job's function and its annotations. What an annotation does not say is
not checked: a parameter without one, or with one that cannot be evaluated, accepts any JSON.

The schema is also the description from which front ends make a form: see `frontend.argument_form`.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import Enum
from functools import lru_cache, partial
from inspect import Parameter
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

from jobtui.engine.secret import Secret
from jobtui.frontend.docstrings import parameter_help, summary
from jobtui.schedules.durations import format_duration, parse_duration

Json = dict[str, Any]

_DEEPEST = 5  # dataclasses and collections in each other; a dataclass may contain itself
NAMES = "x-enum-varnames"  # the names of the members of an enum, beside `enum`, as in OpenAPI documents
# The limits that a schema of pydantic may have, and that front ends check.
_LIMITS = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "pattern", "minItems", "maxItems"),
)
_VARIADIC = {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}
_PLAIN = (bool, int, float, str, NoneType)


class BadArguments(ValueError):  # noqa: N818 - as `BadSpec`
    """The arguments in a request are not those of the job. The message has the place of the mistake."""


def _is_never_secret(_name: str) -> bool:
    return False


class Call(NamedTuple):
    """The arguments that a job has for its runs.

    Attributes:
        args: The positional ones.
        kwargs: Those by name.
    """

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}


def parameter_schema(
    function: Callable[..., Any], own: Call | None = None, is_secret: Callable[[str], bool] = _is_never_secret
) -> Json:
    """Return the JSON Schema of an object with the parameters of a function.

    `description` is the help in the docstring of the function. A parameter ``*names`` is a list with the
    star in its name, which no other parameter has. `writeOnly` marks a secret.

    Args:
        function: The function.
        own: The arguments that its job has. They are in the schema as `examples`, as far as JSON has them,
            and ``{}`` is its default.
        is_secret: Returns whether the argument of a parameter is a secret; see `Redaction.masks`.
    """
    schema = _object_schema(function, 0)
    properties = schema.get("properties")
    if properties is None:
        return schema
    if text := summary(function):
        schema["description"] = text
    texts = parameter_help(function)
    for name, described in properties.items():
        if description := texts.get(name.lstrip("*")):
            described["description"] = description
    for name, described in properties.items():
        if is_secret(name):
            described.pop("default", None)
            described["writeOnly"] = True
    if own is not None and (own.args or own.kwargs):
        schema["default"] = {}
        _add_own(properties, own)
    return schema


def _add_own(properties: Json, own: Call) -> None:
    """Add the arguments that a job has to the schemas of its parameters, except secrets."""
    names = [name for name in properties if not name.startswith("*")]
    given = {**dict(zip(names, own.args, strict=False)), **own.kwargs}
    rest = next((name for name in properties if name.startswith("*")), "")
    if rest and len(own.args) > len(names):
        given[rest] = own.args[len(names) :]
    for name, value in given.items():
        described = properties.get(name)
        if described is not None and "writeOnly" not in described and (plain := _plain_default(value)):
            described["examples"] = [plain[0]]


def _object_schema(function: Callable[..., Any], depth: int) -> Json:
    signature = _signature(function)
    if signature is None:
        return {"type": "object"}
    properties: Json = {}
    required: list[str] = []
    others: Any = False
    for parameter in signature.parameters.values():
        schema = _json_type(parameter.annotation, depth).schema
        if parameter.kind is Parameter.VAR_KEYWORD:
            others = schema or True
        elif parameter.kind is Parameter.VAR_POSITIONAL:
            properties[f"*{parameter.name}"] = {"type": "array", "items": schema, "default": []}
        else:
            properties[parameter.name] = schema = dict(schema)
            if parameter.default is Parameter.empty:
                required.append(parameter.name)
            elif (default := _plain_default(parameter.default)) is not None:
                schema["default"] = default[0]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": others}


class _ArgumentReader:
    """The arguments of a call while they are read.

    Args:
        signature: The signature of what is called.
        is_secret: Returns whether the argument of a parameter is a secret.
    """

    def __init__(
        self, signature: inspect.Signature, is_secret: Callable[[str], bool] = _is_never_secret
    ) -> None:
        self._is_secret = is_secret
        parameters = signature.parameters
        self._named = {name: each for name, each in parameters.items() if each.kind not in _VARIADIC}
        self._positional = [each for each in self._named.values() if each.kind is not Parameter.KEYWORD_ONLY]
        others = {each.kind: each for each in parameters.values() if each.kind in _VARIADIC}
        self._rest = others.get(Parameter.VAR_POSITIONAL)
        self._others = others.get(Parameter.VAR_KEYWORD)
        self._args: list[Any] = []
        self._kwargs: dict[str, Any] = {}
        self._more: list[Any] = []  # positional arguments after those of the named parameters

    def has_parameter(self, name: str) -> bool:
        """Return whether there is a parameter of a name."""
        return name in self._named

    def read_positional(self, args: Sequence[Any]) -> None:
        """Convert the positional arguments."""
        for at, value in enumerate(args):
            parameter = self._positional[at] if at < len(self._positional) else self._rest
            if parameter is None:
                raise BadArguments(f"args[{at}]: there are only {at} positional parameters")
            self._args.append(self._convert(parameter, value, f"args[{at}]"))

    def read_named(self, kwargs: Mapping[str, Any], prefix: str) -> None:
        """Convert the arguments with a name. The messages have a prefix before the name."""
        given = [each.name for each in self._positional[: len(self._args)]]
        for name, value in kwargs.items():
            if self._rest is not None and name == f"*{self._rest.name}":
                values = enumerate(_require(list, "a list", value, f"{prefix}{name}"))
                self._more = [self._convert(self._rest, each, f"{prefix}{name}[{at}]") for at, each in values]
                continue
            parameter = self._named.get(name, self._others)
            if parameter is None:
                known = f"the parameters are {', '.join(self._named)}" if self._named else "there are none"
                raise BadArguments(f"{prefix}{name}: there is no such parameter; {known}")
            if name in given:
                raise BadArguments(f"{prefix}{name}: is given twice, in args, too")
            self._kwargs[name] = self._convert(parameter, value, f"{prefix}{name}")
        for name, parameter in self._named.items():
            if parameter.default is Parameter.empty and name not in (*given, *self._kwargs):
                raise BadArguments(f"{prefix}{name}: is missing")

    def finish(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments. Those of positional-only parameters are positional.

        So are those of all positional parameters if there are more arguments after them.
        """
        rest = self._positional[len(self._args) :]
        only = [each for each in rest if self._more or each.kind is Parameter.POSITIONAL_ONLY]
        last = max(
            (at for at, each in enumerate(only, 1) if self._more or each.name in self._kwargs), default=0
        )
        moved = [self._kwargs.pop(each.name, each.default) for each in only[:last]]
        return (*self._args, *moved, *self._more), self._kwargs

    def _convert(self, parameter: Parameter, value: Any, place: str) -> Any:
        """Return the argument for a JSON value. No message shows a value that may have a secret in it."""
        expected = _json_type(parameter.annotation)
        try:
            return expected.convert(value, place)
        except BadArguments:
            if not (_has_key(expected.schema, "writeOnly") or self._is_secret(parameter.name)):
                raise
            schema = f"{json.dumps(expected.schema):.200}"
            raise BadArguments(
                f"{place}: must match {schema}; the value is secret, so it is not shown"
            ) from None


def _has_key(schema: Any, key: str) -> bool:
    """Return whether a schema, or one within it, has a key."""
    parts = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    return (isinstance(schema, dict) and key in schema) or any(_has_key(each, key) for each in parts)


def read_arguments(
    function: Callable[..., Any],
    given: Mapping[str, Any],
    is_secret: Callable[[str], bool] = _is_never_secret,
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call; none for those of the job.

    Args:
        function: What is called.
        given: The parameters by name; or the keys ``args``, a list, and ``kwargs``, an object, if the
            function has no parameter of such a name.
        is_secret: As for `parameter_schema`.

    Raises:
        BadArguments: The function has no such parameter, a value is of another type, or one is missing.
    """
    signature = _signature(function)
    call = None if signature is None else _ArgumentReader(signature, is_secret)
    if given.keys() <= {"args", "kwargs"} and not (call and any(map(call.has_parameter, given))):
        args = _require(list, "a list", given.get("args", []), "args")
        kwargs, prefix = _require(dict, "an object", given.get("kwargs", {}), "kwargs"), "kwargs."
    else:
        args, kwargs, prefix = [], dict(given), ""
    if call is None or not (args or kwargs):
        return tuple(args), kwargs
    call.read_positional(args)
    call.read_named(kwargs, prefix)
    return call.finish()


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    """Return a signature, with evaluated annotations if that is possible; None if there is none."""
    for evaluates in (True, False):
        try:
            return inspect.signature(function, eval_str=evaluates)
        except Exception:  # noqa: BLE001, S112 - of a function in C, or from an annotation of the user
            continue
    return None


def _plain_default(default: Any) -> tuple[Any] | None:
    """Return a default value as JSON, in a tuple; None if JSON has no such value."""
    if isinstance(default, Enum):
        default = _value_of_member(default)
    elif isinstance(default, PurePath):
        default = str(default)
    elif isinstance(default, date | time):
        default = default.isoformat()
    elif isinstance(default, timedelta):
        default = format_duration(default)
    elif isinstance(default, list | tuple):
        items = [_plain_default(each) for each in default]
        return None if None in items else ([each[0] for each in items if each is not None],)
    elif (pairs := default if isinstance(default, dict) else _fields_of(default)) is not None:
        values = {name: _plain_default(value) for name, value in pairs.items()}
        if None in values.values() or not all(isinstance(name, str) for name in values):
            return None
        return ({name: value[0] for name, value in values.items() if value is not None},)
    return (default,) if _is_plain(default) else None


def _fields_of(value: Any) -> dict[str, Any] | None:
    """Return the fields of a dataclass or a model of pydantic; None for any other value."""
    kind = type(value)
    if _is_model(kind):
        return {name: getattr(value, name) for name in kind.model_fields}
    if dataclasses.is_dataclass(kind):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(kind) if each.init}
    return None


# --- types ----------------------------------------------------------------------------------------


class JsonType(NamedTuple):
    """The JSON that a parameter accepts.

    Attributes:
        schema: The JSON Schema.
        convert: Returns the argument for a JSON value; gets the place of the value, for the message.
    """

    schema: Json
    convert: Callable[[Any, str], Any]


def _json_type(annotation: Any, depth: int = 0) -> JsonType:
    """Return the type of the JSON that an annotation accepts."""
    annotation = _plain_annotation(annotation)
    origin, parts = get_origin(annotation), get_args(annotation)
    if annotation is Any or depth > _DEEPEST:
        return _ANYTHING
    if origin is Literal:
        return _one_of(parts)
    if origin in {Union, UnionType}:
        return _any_of([_json_type(each, depth + 1) for each in parts])
    kind = origin or annotation
    container = _CONTAINERS.get(kind)
    if container is not None:
        return container([_json_type(each, depth + 1) for each in parts if each is not ...])
    return _type_of_class(kind, depth)


def _plain_annotation(annotation: Any) -> Any:
    """Return an annotation without its metadata; `Any` if there is none, or one that is only a text."""
    while get_origin(annotation) is Annotated or hasattr(annotation, "__supertype__"):  # of a `NewType`
        supertype = getattr(annotation, "__supertype__", None)
        annotation = supertype or get_args(annotation)[0]
    if annotation is None:
        return NoneType
    unknown = annotation in {Parameter.empty, object} or isinstance(annotation, str | TypeVar)
    return Any if unknown else annotation


def _type_of_class(kind: Any, depth: int) -> JsonType:
    if kind in _SIMPLE or not isinstance(kind, type):
        return _SIMPLE.get(kind, _ANYTHING)
    for base, make in _BY_BASE:
        if issubclass(kind, base):
            return make(kind)
    if _is_model(kind):
        return JsonType(_model_schema(kind, depth + 1), partial(_convert_model, kind))
    if dataclasses.is_dataclass(kind):
        fields: Any = kind
        return JsonType(_object_schema(fields, depth + 1), partial(_convert_dataclass, kind))
    return JsonType({"not": {}, "description": f"JSON has no {kind.__name__}."}, partial(_refuse, kind))


def _one_of(members: Sequence[Any]) -> JsonType:
    """Return the type of one of some values, which may be members of an enum."""
    values = [_value_of_member(each) if isinstance(each, Enum) else each for each in members]
    by_name = {each.name: each for each in members if isinstance(each, Enum)}

    def convert(value: Any, place: str) -> Any:
        for member, known in zip(members, values, strict=True):
            if known == value and isinstance(known, bool) is isinstance(value, bool):
                return member
        if isinstance(value, str) and value in by_name:
            return by_name[value]
        allowed = ", ".join(map(repr, values))
        raise BadArguments(f"{place}: must be one of {allowed:.300}, not {value!r:.60}")

    schema: Json = {"enum": [each for each in values if _is_plain(each)]}
    if len(by_name) == len(members) and [*by_name] != schema["enum"]:
        schema[NAMES] = [*by_name]
    return JsonType(schema, convert)


def _value_of_member(member: Enum) -> Any:
    """Return the JSON for a member of an enum: its value, or its name if JSON has no such value."""
    return member.value if _is_plain(member.value) else member.name


def _is_plain(value: Any) -> bool:
    return isinstance(value, _PLAIN) and not (isinstance(value, float) and not math.isfinite(value))


def _any_of(types: Sequence[JsonType]) -> JsonType:
    def convert(value: Any, place: str) -> Any:
        problems = []
        for each in types:
            try:
                return each.convert(value, place)
            except BadArguments as error:
                problems.append(str(error).removeprefix(f"{place}: "))
        raise BadArguments(f"{place}: {', or '.join(problems)}")

    return JsonType({"anyOf": [each.schema for each in types]}, convert)


def _array(make: Callable[[list[Any]], Any], parts: Sequence[JsonType]) -> JsonType:
    items = parts[0] if parts else _ANYTHING

    def convert(value: Any, place: str) -> Any:
        values = _require(list, "a list", value, place)
        found = [items.convert(each, f"{place}[{at}]") for at, each in enumerate(values)]
        return _make(make, found, place)

    return JsonType({"type": "array", "items": items.schema}, convert)


def _mapping(parts: Sequence[JsonType]) -> JsonType:
    values = parts[-1] if parts else _ANYTHING

    def convert(value: Any, place: str) -> Any:
        pairs = _require(dict, "an object", value, place).items()
        return {name: values.convert(each, f"{place}.{name}") for name, each in pairs}

    return JsonType({"type": "object", "additionalProperties": values.schema or True}, convert)


def _secret(parts: Sequence[JsonType]) -> JsonType:
    inner = parts[0] if parts else _ANYTHING
    password = {"format": "password"} if inner.schema.get("type") == "string" else {}
    schema = {**inner.schema, **password, "writeOnly": True}
    return JsonType(schema, lambda value, place: Secret(inner.convert(value, place)))


def _text(form: str, what: str, make: Callable[[str], Any]) -> JsonType:
    """Return the type of values that are texts in JSON."""

    def convert(value: Any, place: str) -> Any:
        text = _require(str, what, value, place)
        try:
            return make(text)
        except ValueError:
            raise BadArguments(f"{place}: must be {what}, not {text!r:.60}") from None

    return JsonType({"type": "string", "format": form}, convert)


def _simple(name: str, what: str, kind: Any) -> JsonType:
    return JsonType({"type": name}, lambda value, place: _require(kind, what, value, place))


def _convert_int(value: Any, place: str) -> int:
    if isinstance(value, float) and value.is_integer():  # JSON does not distinguish 8.0 and 8
        return int(value)
    number: int = _require(int, "a whole number", value, place)
    return number


def _convert_float(value: Any, place: str) -> float:
    return float(_require((int, float), "a number", value, place))


def _convert_dataclass(kind: Any, value: Any, place: str) -> Any:
    given = _require(dict, "an object", value, place)
    call = _ArgumentReader(_signature(kind) or inspect.signature(kind))
    call.read_named(given, f"{place}.")
    args, kwargs = call.finish()
    return _make(lambda _: kind(*args, **kwargs), [], place)


def _is_model(kind: Any) -> bool:
    """Return whether a class is a model of pydantic, which is not imported for that."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(kind, pydantic.BaseModel)


def _model_schema(kind: Any, depth: int) -> Json:
    """Return the schema of a model of pydantic, with the help and the limits of its fields."""
    schema = _object_schema(kind, depth)
    published = _published_properties(kind)
    for name, described in schema.get("properties", {}).items():
        found = published.get(name, {})
        schema["properties"][name] = limited = _limited(described, found)
        if "description" in found:
            limited.setdefault("description", str(found["description"]))
    return schema


@lru_cache(maxsize=256)
def _published_properties(kind: Any) -> Json:
    """Return the properties in the JSON Schema that a model of pydantic publishes; {} if it has none."""
    try:
        properties: Json = kind.model_json_schema().get("properties", {})
    except Exception:  # noqa: BLE001 - of a field whose class has no schema, or from the user's code
        return {}
    return properties


def _limited(ours: Json, published: Json) -> Json:
    """Return a schema with the limits of another one of the same type."""
    result = dict(ours)
    if "anyOf" in ours:
        others = {each.get("type"): each for each in reversed(published.get("anyOf", ()))}
        result["anyOf"] = [_limited(each, others.get(each.get("type"), {})) for each in ours["anyOf"]]
    elif ours.get("type", "") == published.get("type"):
        result |= {name: published[name] for name in _LIMITS if name in published}
        if isinstance(ours.get("items"), dict) and isinstance(published.get("items"), dict):
            result["items"] = _limited(ours["items"], published["items"])
    return result


def _convert_model(kind: Any, value: Any, place: str) -> Any:
    given = dict(_require(dict, "an object", value, place))
    signature = _signature(kind)
    for name, parameter in signature.parameters.items() if signature is not None else ():
        expected = _json_type(parameter.annotation)
        if name in given and _has_key(expected.schema, "enum"):  # pydantic does not know members by name
            given[name] = expected.convert(given[name], f"{place}.{name}")
    try:
        return kind.model_validate(given)
    except ValueError as error:
        errors: Any = getattr(error, "errors", list)()
        if not errors:
            raise BadArguments(f"{place}: {error}") from None
        within = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in errors[0]["loc"])
        raise BadArguments(f"{place}{within}: {errors[0]['msg']}") from None


def _refuse(kind: type, _value: Any, place: str) -> Any:
    raise BadArguments(f"{place}: JSON has no {kind.__name__}")


def _require(kind: Any, what: str, value: Any, place: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise BadArguments(f"{place}: must be {what}, not {value!r:.60}")
    return value


def _make(make: Callable[[list[Any]], Any], items: list[Any], place: str) -> Any:
    """Return what a class makes; that of a user may check its values."""
    try:
        return make(items)
    except (TypeError, ValueError) as error:
        raise BadArguments(f"{place}: {error}") from None


_ANYTHING = JsonType({}, lambda value, _place: value)
_SIMPLE: dict[Any, JsonType] = {
    bool: _simple("boolean", "true or false", bool),
    str: _simple("string", "a text", str),
    NoneType: _simple("null", "null", NoneType),
    int: JsonType({"type": "integer"}, _convert_int),
    float: JsonType({"type": "number"}, _convert_float),
}
_CONTAINERS: dict[Any, Callable[[Sequence[JsonType]], JsonType]] = {
    **{kind: partial(_array, kind) for kind in (list, tuple, set, frozenset)},
    Sequence: partial(_array, list),
    dict: _mapping,
    Mapping: _mapping,
    Secret: _secret,
}
_BY_BASE: tuple[tuple[type, Callable[[Any], JsonType]], ...] = (
    (Enum, lambda kind: _one_of([*kind])),
    (datetime, lambda kind: _text("date-time", "an instant in ISO 8601", kind.fromisoformat)),
    (date, lambda kind: _text("date", "a date such as 2026-11-27", kind.fromisoformat)),
    (time, lambda kind: _text("time", "a time such as 14:30", kind.fromisoformat)),
    (timedelta, lambda _: _text("interval", "a duration such as 1h30m", parse_duration)),
    (PurePath, lambda kind: _text("path", "a path", kind)),
)
