"""The arguments of a one-off run are shown as a short text, whatever they are."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobtui import Scheduler
from jobtui.runtime.argument_text import MAX_CHARACTERS, argument_text
from jobtui.runtime.redaction import Redaction


class Raising:
    """An object without a repr."""

    def __repr__(self) -> str:
        """Raise an exception."""
        raise LookupError


class Item:
    """An object that counts how often its repr is asked for."""

    shown = 0

    def __repr__(self) -> str:
        """Count this."""
        Item.shown += 1
        return "item"


class Hostile:
    """An object whose repr would act on a terminal."""

    def __repr__(self) -> str:
        """Return an escape sequence and a line break."""
        return "a\x1b[2Jb\nc"


def nested() -> list[Any]:
    """Return a list that contains itself."""
    found: list[Any] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        ((), {}, ""),
        ((1, "x", None, True, 2.5, b"z"), {}, "1, 'x', None, True, 2.5, b'z'"),
        ((), {"limit": 3, "name": "日本"}, "limit=3, name='日本'"),
        (([1, (2,), {"a": set(), "b": {3}}],), {}, "[1, (2,), {'a': set(), 'b': {3}}]"),
        ((date(2026, 11, 27),), {}, "datetime.date(2026, 11, 27)"),
        ((Raising(),), {}, "<Raising: its repr raised LookupError>"),
        ((Hostile(),), {}, "a\\x1b[2Jb c"),
        ((10**5_000,), {}, "<int: its repr raised ValueError>"),
        ((nested(),), {}, "[[[[[…]]]]]"),
        ((deque([1, 2]), OrderedDict(a=1)), {}, f"deque([1, 2]), {OrderedDict(a=1)!r}"),
    ],
)
def test_arguments_are_shown_as_in_a_call(
    args: tuple[Any, ...], kwargs: dict[str, Any], expected: str
) -> None:
    assert argument_text(args, kwargs) == expected


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, b"x" * 10**6, list(range(10**6)), dict.fromkeys(range(1000), "x" * 1000), "\x1b" * 90],
)
def test_long_arguments_are_cut(value: object) -> None:
    text = argument_text((value, value), {"last": 1})
    assert len(text) == MAX_CHARACTERS
    assert text.endswith("…")


@pytest.mark.parametrize(
    ("value", "begin"),
    [
        (deque([Item()] * 1_000), "deque([item, item"),
        (OrderedDict.fromkeys(range(1_000), Item()), "OrderedDict({0: item, 1: item"),
    ],
)
def test_no_more_items_of_a_long_collection_are_read_than_its_text_has(value: object, begin: str) -> None:
    """Also of one that is neither a list nor a dict."""
    Item.shown = 0
    assert argument_text((value,), {}).startswith(begin)
    assert Item.shown <= MAX_CHARACTERS


def test_every_way_to_request_a_run_keeps_its_arguments(tmp_path: Path) -> None:
    store = tmp_path / "jobs.db"
    with Scheduler(store=store) as scheduler:
        numbers = []
        for request in (scheduler.now, scheduler.now, lambda *args: scheduler.in_(0, *args)):
            run = request(max, 3, 5)
            assert run.result(30) == 5
            numbers.append(run.number)
        assert scheduler.run_view(numbers[1]).arguments == "3, 5"
        waiting = scheduler.in_(timedelta(hours=1), max, 1, 2)
        assert scheduler.run_view(waiting.number).arguments == "1, 2"
    with Scheduler(store=store) as scheduler:
        assert [(run.arguments, run.attempt) for run in map(scheduler.run_view, numbers)] == [("3, 5", 1)] * 3


@pytest.mark.parametrize("place", [0, 150, 190, 199, 500])
def test_a_secret_is_replaced_before_the_text_is_cut(place: int) -> None:
    redaction = Redaction(["sk-[A-Za-z0-9]{20,}"])
    text = argument_text(("x" * place + "sk-" + "S" * 40,), {}, redaction.redact)
    assert "sk-" not in text
    assert len(text) <= MAX_CHARACTERS
