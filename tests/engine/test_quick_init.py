"""The quick `__init__` behaves like the one of `dataclasses`."""

from __future__ import annotations

import inspect
import pickle
from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from jobtui.engine.quick_init import with_quick_init


@with_quick_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Quick:
    """A view."""

    name: str
    runs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """The same without the decorator."""

    name: str
    runs: int = 0


def test_the_fields_are_set_and_have_their_defaults() -> None:
    assert (Quick(name="work").name, Quick(name="work").runs, Quick(name="work", runs=3).runs) == (
        "work",
        0,
        3,
    )
    assert repr(Quick(name="work", runs=3)) == "Quick(name='work', runs=3)"


def test_the_parameters_are_those_of_the_usual_dataclass() -> None:
    assert inspect.signature(Quick) == inspect.signature(Usual)


@pytest.mark.parametrize("arguments", [{}, {"runs": 1}, {"name": "work", "state": 1}])
def test_a_missing_or_unknown_argument_raises_the_usual_error(arguments: dict[str, object]) -> None:
    with pytest.raises(TypeError) as usual:
        Usual(**arguments)  # type: ignore[arg-type] # is what is tested
    with pytest.raises(TypeError) as quick:
        Quick(**arguments)  # type: ignore[arg-type] # is what is tested
    assert str(quick.value) == str(usual.value).replace("Usual", "Quick")


def test_an_instance_is_frozen_and_can_be_copied_compared_and_pickled() -> None:
    view = Quick(name="work")
    with pytest.raises(FrozenInstanceError):
        view.runs = 1  # type: ignore[misc] # is what is tested
    assert replace(view, runs=1) == Quick(name="work", runs=1) != view
    assert pickle.loads(pickle.dumps(view)) == view
    assert len({view, Quick(name="work")}) == 1
