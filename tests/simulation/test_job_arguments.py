"""The arguments of jobs on a simulated clock: those of their ticks, and those of single runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from jobtui import JobView
from jobtui.simulation.simulated_scheduler import SimulatedScheduler, simulated

Calls = list[tuple[object, ...]]


@pytest.fixture
def scheduler() -> Iterator[SimulatedScheduler]:
    """Return an active scheduler."""
    with simulated() as scheduler:
        yield scheduler


@pytest.fixture
def calls() -> Calls:
    """Return the list of the calls of `Import`."""
    return []


class Import:
    """Notes its arguments."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def run(self, path: str, /, *, limit: int = 10) -> int:
        """Require an argument."""
        self._calls.append((path, limit))
        return limit


def view(scheduler: SimulatedScheduler, job: str) -> JobView:
    """Return the view of a job."""
    [found] = [each for each in scheduler.snapshot().jobs if each.name == job]
    return found


def work() -> None:
    """Require no argument."""


def copy(source: str, target: str = "backup") -> str:
    """Require an argument."""
    return f"{source} {target}"


def test_every_tick_calls_the_runnable_with_the_arguments_of_the_job(
    scheduler: SimulatedScheduler, calls: Calls
) -> None:
    scheduler.schedule("0 * * * * *", Import(calls), args=("a.csv",), kwargs={"limit": 5}, name="import")
    scheduler.every("2m", Import(calls), args=["b.csv"], name="other")
    scheduler.advance("2m")
    assert sorted(calls) == [("a.csv", 5), ("a.csv", 5), ("b.csv", 10)]


def test_a_decorated_function_has_the_arguments_that_the_decorator_gives(
    scheduler: SimulatedScheduler,
) -> None:
    copied = []

    @scheduler.scheduled(every="1m", args=("home",))
    @scheduler.scheduled("0 0 0 * * *", kwargs={"source": "etc", "target": "tape"})
    async def archive(source: str, target: str = "backup") -> None:
        await asyncio.sleep(1)
        copied.append((source, target))

    scheduler.advance("90s")
    scheduler.advance_to("2026-01-02T00:00:30")
    assert set(copied) == {("home", "backup"), ("etc", "tape")}


def test_the_view_of_a_job_shows_its_arguments_shortened(scheduler: SimulatedScheduler) -> None:
    scheduler.every("1h", copy, args=("home",), kwargs={"target": "x" * 1_000}, name="long")
    scheduler.every("1h", copy, args=("home",), name="short")
    scheduler.every("1h", work)
    text = view(scheduler, "long").arguments
    assert text.startswith("'home', target='xxx")
    assert len(text) == 200
    assert view(scheduler, "short").arguments == "'home'"
    assert view(scheduler, "work").arguments == ""
    assert view(scheduler, "long").origin == view(scheduler, "short").origin != ""


def test_a_change_of_the_list_after_the_registration_changes_no_argument(
    scheduler: SimulatedScheduler, calls: Calls
) -> None:
    args, kwargs = ["a.csv"], {"limit": 1}
    scheduler.every("1h", Import(calls), args=args, kwargs=kwargs)
    args[0], kwargs["limit"] = "b.csv", 2
    scheduler.advance("1h")
    assert calls == [("a.csv", 1)]


@pytest.mark.parametrize(
    ("runnable", "given", "problem"),
    [
        (copy, {}, r"copy\(\) .*missing a required argument: 'source'; args= and kwargs= are the arguments"),
        (copy, {"args": ("a", "b", "c")}, "too many positional arguments"),
        (copy, {"kwargs": {"source": "a", "goal": "b"}}, "unexpected keyword argument 'goal'"),
        (copy, {"args": ("a",), "kwargs": {"source": "b"}}, "multiple values for argument 'source'"),
        (partial(copy, "a", "b"), {"args": ("c",)}, "too many positional arguments"),
        (work, {"args": ("a",)}, "too many positional arguments"),
        (copy, {"args": "home"}, "args must be a tuple or a list of positional arguments, .* not str"),
        (copy, {"args": 5}, "args must be a tuple or a list .* not int"),
        (copy, {"kwargs": ["home"]}, "kwargs must be a dict of keyword arguments by name, .* not list"),
        (copy, {"kwargs": {5: "home"}}, "kwargs must be a dict .* not dict with other keys"),
    ],
)
def test_arguments_that_do_not_fit_are_an_error_at_the_registration(
    scheduler: SimulatedScheduler, runnable: Callable[..., object], given: dict[str, Any], problem: str
) -> None:
    with pytest.raises(TypeError, match=problem):
        scheduler.every("1h", runnable, **given)
    with pytest.raises(TypeError, match=problem):
        scheduler.schedule("@daily", runnable, **given)
    assert not scheduler.jobs
