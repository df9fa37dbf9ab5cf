"""docs/python-api.md has every public name, each with the signature that the code has."""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

import jobtui
from jobtui import testing
from jobtui.engine import events
from jobtui.engine.enums import MisfireName, OverlapName
from jobtui.runtime.clock import ManualClock, SystemClock
from jobtui.runtime.subscriptions import Subscription
from jobtui.schedules.schedule import Dst

PAGE = (Path(__file__).parents[2] / "docs" / "python-api.md").read_text(encoding="utf-8")

# Classes whose section begins with their constructor; the others are made by jobtui alone.
CONSTRUCTED: list[type] = [
    jobtui.BadSpec,
    jobtui.Cron,
    jobtui.Every,
    jobtui.GiveUp,
    jobtui.Once,
    jobtui.Retry,
    jobtui.RetryIn,
    jobtui.Scheduler,
    jobtui.Secret,
    testing.SimulatedScheduler,
]

SCHEDULER = jobtui.Scheduler(tz="UTC")
# Objects whose public attributes are set when they are made, so that their classes do not list them.
INSTANCES: dict[type, object] = {jobtui.Scheduler: SCHEDULER, Subscription: SCHEDULER.subscribe()}


class Written:
    """An annotation, shown as it is written in the code."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        """Return the annotation without the quotes that a string would have."""
        return self.text


def shown_signature(function: Any) -> str:
    """Return a signature without ``self`` and with annotations as they are written in the code."""
    signature = inspect.signature(function)
    parameters = [
        each.replace(annotation=Written(each.annotation)) if isinstance(each.annotation, str) else each
        for name, each in signature.parameters.items()
        if name != "self"
    ]
    returned = signature.return_annotation
    if isinstance(returned, str):
        returned = Written(returned)
    return str(signature.replace(parameters=parameters, return_annotation=returned))


def constructor(cls: type) -> str:
    """Return the call that makes an object of a class."""
    return cls.__name__ + shown_signature(cls).removesuffix(" -> None")


def members(cls: type) -> Iterator[str]:
    """Yield each public member that the class itself has, in the form in which the page lists it."""
    if issubclass(cls, enum.Enum):
        yield from (f'{each.name} = "{each.value}"' for each in cls)
    found: dict[str, Any] = {**inspect.get_annotations(cls), **vars(cls)}
    for name, value in found.items():
        if name.startswith("_") or isinstance(value, cls):
            continue
        if isinstance(value, property):
            yield f"{name}: {value.fget.__annotations__['return']}" if value.fget else name
        elif inspect.isfunction(value):
            yield name + shown_signature(value)
        elif name in inspect.get_annotations(cls):
            yield f"{name}: {inspect.get_annotations(cls)[name]}"
    if cls in INSTANCES:
        yield from (name for name in vars(INSTANCES[cls]) if not name.startswith("_"))


def functions() -> Iterator[str]:
    """Yield each public function of the package."""
    for name in jobtui.__all__:
        value = getattr(jobtui, name)
        if inspect.isroutine(value):
            yield name + shown_signature(value)


def sections() -> dict[str, list[str]]:
    """Return what each section of the page lists, by its heading."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^##+ ", PAGE, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        found[heading.strip("`")] = re.findall(r"^- `([^`]+)`", body, re.MULTILINE)
    return found


SECTIONS = sections()
INTERNAL = "For jobtui's own packages"
EVENTS = [
    name for name, cls in vars(events).items() if isinstance(cls, type) and issubclass(cls, events.Event)
]
PUBLIC_CLASSES = [
    *(
        value
        for name in jobtui.__all__
        if isinstance(value := getattr(jobtui, name), type) and name not in {*EVENTS, "Clock"}
    ),
    testing.SimulatedRun,
    testing.SimulatedScheduler,
]


@pytest.mark.parametrize("cls", PUBLIC_CLASSES, ids=lambda cls: cls.__name__)
def test_the_documented_members_of_a_class_are_its_public_ones(cls: type) -> None:
    """A member for jobtui's own packages is listed in a section of its own."""
    listed = [*SECTIONS[cls.__name__]]
    prefix = f"{cls.__name__}."
    listed += [line.removeprefix(prefix) for line in SECTIONS[INTERNAL] if line.startswith(prefix)]
    attributes = vars(INSTANCES[cls]) if cls in INSTANCES else {}
    listed = [name if (name := line.partition(":")[0]) in attributes else line for line in listed]
    expected = [*members(cls)]
    if cls in CONSTRUCTED:
        expected.insert(0, constructor(cls))
        assert listed[0] == constructor(cls)
    assert sorted(listed) == sorted(expected)


def test_every_function_of_the_package_and_no_other_is_documented() -> None:
    """Those of the default scheduler have the signatures of its methods."""
    assert sorted(SECTIONS["Functions"]) == sorted(functions())


def test_every_event_can_be_imported_from_the_package() -> None:
    """As the views, which are public classes with sections."""
    assert set(EVENTS) <= set(jobtui.__all__)
    assert all(getattr(jobtui, name) is getattr(events, name) for name in EVENTS)


def test_every_event_is_documented_with_its_base_and_attributes() -> None:
    """An attribute of a base class is listed with the base class alone."""
    expected = []
    for name, cls in vars(events).items():
        if isinstance(cls, type) and issubclass(cls, events.Event):
            base = "" if cls is events.Event else f"({cls.__base__.__name__})" if cls.__base__ else ""
            expected.append(f"{name}{base}")
            expected += [f"{name}.{member}" for member in members(cls)]
    assert sorted(SECTIONS["Events"]) == sorted(expected)


def test_every_public_name_of_the_test_kit_and_no_other_is_documented() -> None:
    """Its two classes have sections of their own."""
    load = f"load{shown_signature(testing.load)}"
    assert SECTIONS["jobtui.testing"] == [load, "simulated = SimulatedScheduler"]
    assert sorted(testing.__all__) == ["SimulatedRun", "SimulatedScheduler", "load", "simulated"]
    assert testing.simulated is testing.SimulatedScheduler


def test_the_names_in_documented_signatures_are_explained() -> None:
    """A reader sees what a policy may be."""

    def literal(name: str, values: object) -> str:
        quoted = [f'"{value}"' for value in get_args(values)]
        return f"{name} = {' | '.join(quoted)}"

    explained = SECTIONS["Names in signatures"]
    assert explained[:3] == [
        literal("Dst", Dst),
        literal("OverlapName", OverlapName),
        literal("MisfireName", MisfireName),
    ]
    assert SystemClock.__name__ in PAGE
    assert ManualClock.__name__ in PAGE


def test_every_section_of_the_python_api_is_about_a_public_name() -> None:
    """A class that was removed leaves no section behind."""
    known = {cls.__name__ for cls in PUBLIC_CLASSES}
    known |= {"Functions", "Events", "jobtui.testing", "Names in signatures"}
    listing = {heading for heading, lines in SECTIONS.items() if lines}
    assert listing - {INTERNAL} <= known
