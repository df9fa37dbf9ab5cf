"""A form for the arguments of a run: its fields follow from the JSON Schema of the job's parameters.

The schema is `JobDetails.parameters`, so the form is the same in the scheduler's process, in an attached
dashboard and on the web page. A front end makes an `ArgumentForm`, shows its fields, passes their texts to
`ArgumentForm.read`, and the arguments that this returns to `Backend.run`. The scheduler checks them once
more; `ArgumentForm.place` says to which field the message of its ValueError belongs.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import partial
from typing import Any

from jobtui.frontend.formatting import pluralize
from jobtui.frontend.job_parameters import NAMES
from jobtui.schedules.durations import parse_duration

Json = dict[str, Any]

EMPTY = '""'  # as the text of a field: the empty text, where an empty field means something else
_DEEPEST = 3  # objects in objects that have fields of their own
_LONGEST_MATCHED = 1_000  # characters of a text that is matched with a pattern, which may take long
_SHORT = 60  # characters of a text in a message
_NOT_VALID = "is not valid; what it accepts: {}"  # the problem of a secret, which no message may show


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """A field of the form.

    Attributes:
        name: The name of the parameter, such as ``limit``; ``span.first`` for a field of a dataclass,
            ``*names`` for a list of further positional arguments, ``**`` for further named ones.
        kind: The values that it accepts, in words, such as ``whole number, at least 1``.
        choices: The texts to choose from; empty if any text may be typed.
        initial: The text that the field has at first.
        required: Whether the field needs a text.
        secret: Whether the text must not be shown, nor remembered.
        help: The help from the docstring or the model; "" for none.
        schema: The JSON Schema of the value.
        default: The text that stands for the default of the function or the dataclass; None if there is none.
        omitted: The text that all fields of a parameter must have so that its default applies; None for no
            default.
    """

    name: str
    kind: str
    choices: tuple[str, ...] = ()
    initial: str = ""
    required: bool = False
    secret: bool = False
    help: str = ""
    schema: Json = field(default_factory=dict)
    default: str | None = None
    omitted: str | None = None

    @property
    def path(self) -> list[str]:
        """The parts of the name."""
        return self.name.split(".")


class ArgumentForm:
    """The form for the arguments of a run of a job.

    Args:
        parameters: The JSON Schema of an object with the parameters of the job.

    Attributes:
        fields: The fields, in the order of the parameters.
        help: The summary of the job's docstring; "" for none.
    """

    def __init__(self, parameters: Json) -> None:
        required = parameters.get("required", ())
        found: list[FormField] = []
        for name, schema in parameters.get("properties", {}).items():
            found += _fields_of(name, schema, is_required=name in required)
        others = parameters.get("additionalProperties", bool(parameters) and "properties" not in parameters)
        if others:
            schema = {"type": "object", "additionalProperties": others, "default": {}}
            found += _fields_of("**", schema, is_required=False)
        self.fields = tuple(found)
        self.help: str = parameters.get("description", "")
        self._has_own = "default" in parameters  # whether the job has arguments, for a run without others

    def read(self, texts: Mapping[str, str]) -> tuple[Json, dict[str, str]]:
        """Return the arguments in the texts of the form, and the problems by the names of the fields.

        A parameter whose text stands for its default is left out. If the user has changed nothing, there are
        no arguments: then the run has those of the job.

        Args:
            texts: The text of each field by its name; one that is missing has its initial text.
        """
        given = {each.name: texts.get(each.name, each.initial) for each in self.fields}
        if all(given[each.name] == each.initial for each in self.fields) and self._has_own:
            return {}, {}
        arguments: Json = {}
        problems: dict[str, str] = {}
        for parameter in dict.fromkeys(each.path[0] for each in self.fields):
            members = [each for each in self.fields if each.path[0] == parameter]
            if all(given[each.name] == each.omitted for each in members):
                continue
            for each in members:
                text = given[each.name]
                if not text and each.default is None:
                    problems[each.name] = "is missing"
                elif text != each.default:
                    try:
                        _put(arguments, each.path, from_text(text, each.schema))
                    except ValueError as error:
                        problems[each.name] = _NOT_VALID.format(each.kind) if each.secret else str(error)
        others = arguments.pop("**", {})
        return {**others, **arguments}, problems

    def place(self, message: str) -> tuple[str, str]:
        """Return the name of the field that a message of the scheduler is about, and the rest of the message.

        Args:
            message: The message, such as ``span.first: must be a whole number, not 'x'``.

        Returns:
            The name, or "" and the whole message if it is about none of the fields.
        """
        place, colon, problem = message.partition(": ")
        names = sorted((each.name for each in self.fields), key=len, reverse=True) if colon else ()
        for name in names:
            if place == name or place.startswith((f"{name}.", f"{name}[")):
                return name, f"{place.removeprefix(name)} {problem}".strip()
        inner = next((name for name in reversed(names) if name.startswith(f"{place}.")), "")
        return inner, problem if inner else message


def _fields_of(
    name: str,
    schema: Json,
    *,
    is_required: bool,
    is_member: bool | None = None,
    initial: Any = None,
    omitted: Any = None,
    depth: int = 0,
) -> list[FormField]:
    """Return the field of a parameter, or those of the fields of a dataclass."""
    has_default = "default" in schema
    must_have = is_required if is_member is None else is_member
    if depth == 0:
        own = schema.get("examples", ())
        omitted = schema.get("default") if has_default else None
        initial = own[0] if own else omitted
    elif initial is None:
        initial = schema.get("default")
    parts = schema.get("properties", {})
    if parts and depth < _DEEPEST and "writeOnly" not in schema:
        required = schema.get("required", ())
        found: list[FormField] = []
        for part, each in parts.items():
            found += _fields_of(
                f"{name}.{part}",
                each,
                is_required=is_required and part in required,
                is_member=part in required,
                initial=_part(initial, part),
                omitted=_part(omitted, part),
                depth=depth + 1,
            )
        return found
    default = to_text(schema["default"], schema) if has_default else None if must_have else ""
    unset = to_text(omitted, schema) if depth or has_default else default
    if depth and omitted is None:
        unset = default
    secret = "writeOnly" in schema
    return [
        FormField(
            name=name,
            kind=describe_kind(schema),
            choices=_choices(schema),
            initial="" if secret else to_text(initial, schema),
            required=is_required,
            secret=secret,
            help=schema.get("description", ""),
            schema=schema,
            default="" if secret and not is_required else default,
            omitted="" if secret and not is_required else unset,
        )
    ]


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _put(arguments: Json, path: Sequence[str], value: Any) -> None:
    for name in path[:-1]:
        arguments = arguments.setdefault(name, {})
    arguments[path[-1]] = value


# --- single values --------------------------------------------------------------------------------


def to_text(value: Any, schema: Json) -> str:
    """Return the text of a field for a JSON value; `from_text` returns the value for it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value or ("" if _accepts(schema, "null") is False else EMPTY)
    if isinstance(value, list) and all(_is_plain_item(each, schema) for each in value):
        return ", ".join(to_text(each, {}) for each in value)
    return json.dumps(value, ensure_ascii=False)


def _is_plain_item(value: Any, schema: Json) -> bool:
    """Return whether a list of such values can be written with commas only."""
    text = to_text(value, {}) if isinstance(value, str | int | float) else ""
    is_text = bool(text) and text == text.strip() and not set(text) & set(',[]{}"')
    return is_text and _array_of(schema) is not None


def _array_of(schema: Json) -> Json | None:
    """Return the schema that accepts lists: this one, or one of its alternatives."""
    alternatives = [schema, *schema.get("anyOf", ())]
    return next((each for each in alternatives if each.get("type") == "array"), None)


def from_text(text: str, schema: Json) -> Any:
    """Return the JSON value for the text of a field.

    Raises:
        ValueError: The schema does not accept it; the message says what it accepts.
    """
    if "anyOf" in schema:
        return _any_from_text(text, schema["anyOf"])
    if "enum" in schema:
        wanted = text.strip()
        names = dict(zip(schema.get(NAMES, ()), schema["enum"], strict=False))
        for each in schema["enum"]:
            if wanted == _choice_text(each):
                return each
        if wanted in names:
            return names[wanted]
        raise ValueError(f"must be one of {_listed(schema['enum'])}, not {text!r:.{_SHORT}}")
    if "not" in schema:
        raise ValueError(f"cannot be given here: {schema.get('description', 'JSON has no such value')}")
    read = _READERS.get(schema.get("type", ""))
    if read is None:
        return _parse(text)
    value = read(text, schema)
    for verb, limit, is_kept in _limits(schema):
        if not is_kept(value):
            raise ValueError(f"must {verb} {limit}, not {text!r:.{_SHORT}}")
    return value


def _any_from_text(text: str, schemas: Sequence[Json]) -> Any:
    if not text and any(each.get("type") == "null" for each in schemas):
        return None
    problems = []
    for each in schemas:
        if each.get("type") != "null":
            try:
                return from_text(text, each)
            except ValueError as error:
                problems.append(str(error))
    raise ValueError(", or ".join(problems) or "must be empty")


def _parse(text: str) -> Any:
    """Return the value of a JSON text; any other text as it is."""
    try:
        return json.loads(text, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        return text


def _reject_constant(name: str) -> None:
    raise ValueError(name)


def _read_integer(text: str, _schema: Json) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"must be a whole number, not {text!r:.{_SHORT}}") from None


def _read_number(text: str, _schema: Json) -> float:
    try:
        value = json.loads(text)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf"):
            return value
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"must be a number, not {text!r:.{_SHORT}}")


def _read_boolean(text: str, _schema: Json) -> bool:
    value = _BOOLEANS.get(text.strip().lower())
    if value is None:
        raise ValueError(f"must be true or false, not {text!r:.{_SHORT}}")
    return value


def _read_text(text: str, schema: Json) -> str:
    if text == EMPTY:
        return ""
    example, check = _FORMATS.get(schema.get("format", ""), ("", str))
    try:
        check(text)
    except ValueError:
        raise ValueError(f"must be {example}, not {text!r:.{_SHORT}}") from None
    return text


def _read_array(text: str, schema: Json) -> list[Any]:
    items = schema.get("items", {})
    stripped = text.strip()
    if not stripped.startswith("["):
        return [from_text(each.strip(), items) for each in stripped.split(",")] if stripped else []
    values: list[Any] = _read_json(text, list, 'a list such as ["a", "b"], or texts with commas between them')
    return values


def _read_object(text: str, _schema: Json) -> Json:
    return _read_json(text, dict, 'an object such as {"name": 1}') if text.strip() else {}


def _read_json(text: str, kind: type, example: str) -> Any:
    value = _parse(text)
    if isinstance(value, kind):
        return value
    raise ValueError(f"must be {example}, not {text!r:.{_SHORT}}")


_BOOLEANS = dict.fromkeys(("true", "yes", "y", "on", "1"), True) | dict.fromkeys(
    ("false", "no", "n", "off", "0"), False
)
_READERS: dict[str, Callable[[str, Json], Any]] = {
    "integer": _read_integer,
    "number": _read_number,
    "boolean": _read_boolean,
    "string": _read_text,
    "array": _read_array,
    "object": _read_object,
}
_FORMATS: dict[str, tuple[str, Callable[[str], object]]] = {
    "date": ("a date such as 2026-11-27", date.fromisoformat),
    "date-time": ("an instant such as 2026-11-27T14:30:00+01:00", datetime.fromisoformat),
    "time": ("a time such as 14:30", time.fromisoformat),
    "interval": ("a duration such as 1h30m", parse_duration),
}


# --- limits ---------------------------------------------------------------------------------------


def _limits(schema: Json) -> Iterator[tuple[str, str, Callable[[Any], bool]]]:
    """Yield the limits of a schema: a verb, what follows it, and whether a value keeps the limit."""
    for name, (words, holds) in _BOUNDS.items():
        if name in schema:
            yield "be", f"{words} {_number(schema[name])}", partial(holds, schema[name])
    if (factor := schema.get("multipleOf")) is not None:
        yield "be", f"a multiple of {_number(factor)}", partial(_is_multiple, factor)
    for name, (words, unit, holds) in _LENGTHS.items():
        if name in schema:
            yield "have", f"{words} {pluralize(schema[name], unit)}", partial(holds, schema[name])
    if (pattern := schema.get("pattern")) is not None:
        yield "match", pattern, partial(_matches, pattern)


def _number(value: Any) -> str:
    """Return a number without the fraction .0, which pydantic gives to the limits of a float."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _is_multiple(factor: float, value: float) -> bool:
    """Return whether a number is a multiple; True for fractions, which only the scheduler can tell."""
    return not (isinstance(factor, int) and isinstance(value, int)) or value % factor == 0


def _matches(pattern: str, text: str) -> bool:
    """Return whether a pattern occurs in a text; True if only the scheduler can tell."""
    if len(text) > _LONGEST_MATCHED:
        return True
    try:
        return re.search(pattern, text) is not None
    except re.error:  # other languages have other patterns
        return True


_BY_VERB = {"be": "", "have": "", "match": "matching "}  # what a limit begins with after a kind of value
# The words, and whether a value is on the right side of a bound.
_BOUNDS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minimum": ("at least", operator.le),
    "exclusiveMinimum": ("more than", operator.lt),
    "maximum": ("at most", operator.ge),
    "exclusiveMaximum": ("less than", operator.gt),
}
_LENGTHS: dict[str, tuple[str, str, Callable[[int, Any], bool]]] = {
    "minLength": ("at least", "character", lambda least, value: len(value) >= least),
    "maxLength": ("at most", "character", lambda most, value: len(value) <= most),
    "minItems": ("at least", "item", lambda least, value: len(value) >= least),
    "maxItems": ("at most", "item", lambda most, value: len(value) <= most),
}


# --- words ----------------------------------------------------------------------------------------


def describe_kind(schema: Json) -> str:
    """Return the values that a schema accepts, in words."""
    if "anyOf" in schema:
        kinds = [describe_kind(each) for each in schema["anyOf"] if each.get("type") != "null"]
        nothing = ", or empty for none" if _accepts(schema, "null") else ""
        return f"{' or '.join(dict.fromkeys(kinds))}{nothing}"
    if "enum" in schema:
        return f"one of {_listed(schema['enum'])}"
    if "not" in schema:
        return "a value that no text can give"
    return ", ".join([_describe_type(schema), *(_BY_VERB[verb] + rest for verb, rest, _ in _limits(schema))])


def _describe_type(schema: Json) -> str:
    kind = schema.get("type", "")
    if kind == "array":
        items = schema.get("items", {})
        return f"{describe_kind(items) if items else 'text'}, several with commas between them"
    if kind == "string":
        return _FORMATS.get(schema.get("format", ""), (_TEXTS.get(schema.get("format", ""), "text"), str))[0]
    return _KINDS.get(kind, "JSON, else text")


def _accepts(schema: Json, kind: str) -> bool:
    return any(each.get("type") == kind for each in (schema, *schema.get("anyOf", ())))


def _choices(schema: Json) -> tuple[str, ...]:
    """Return the texts to choose from; empty if any text may be typed."""
    alternatives = schema.get("anyOf", (schema,))
    found: list[str] = []
    for each in alternatives:
        if each.get("type") == "null":
            found.append("")
        elif "enum" in each:
            found += map(_choice_text, each["enum"])
        elif each.get("type") == "boolean":
            found += ["true", "false"]
        else:
            return ()
    return tuple(dict.fromkeys(found))


def _choice_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(_choice_text, values))


_KINDS = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object as JSON",
    "null": "nothing",
}
_TEXTS = {"path": "path", "password": "secret text"}
