"""A name that is taken, and a job that is registered again, on a simulated clock."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from jobtui import JobChanged, RunState, Secret
from jobtui.engine.code_key import MAX_VALUES
from jobtui.simulation.simulated_scheduler import SimulatedScheduler, simulated

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HERE = Path(__file__).name
SHARED: list[object] = []
LONG = [*range(MAX_VALUES + 1)]


@pytest.fixture
def scheduler() -> Iterator[SimulatedScheduler]:
    """Return an active scheduler."""
    with simulated() as scheduler:
        yield scheduler


def work() -> None:
    """Do nothing."""


def again(function: Callable[..., Any]) -> FunctionType:
    """Return a new function object of the same code, as if its module had been imported once more."""
    assert isinstance(function, FunctionType)
    copy = FunctionType(function.__code__, {}, function.__name__, function.__defaults__, function.__closure__)
    copy.__qualname__ = function.__qualname__
    return copy


def make(value: object) -> Callable[[], object]:
    """Return a function with a variable of its own."""

    def made() -> object:
        return value

    return made


class Mail:
    """Have no attributes."""

    def run(self) -> None:
        """Do nothing."""


class Report:
    """Have an attribute."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self) -> None:
        """Do nothing."""


def names(scheduler: SimulatedScheduler) -> list[str]:
    return [job.name for job in scheduler.jobs]


# --- names that are taken -------------------------------------------------------------------------


def test_a_given_name_that_is_taken_is_an_error_with_both_places(scheduler: SimulatedScheduler) -> None:
    scheduler.every("1h", work, name="tidy")
    with pytest.raises(ValueError, match="there is a job 'tidy' already") as caught:
        scheduler.every("2h", work, name="tidy")
    lines = [int(part.split(";")[0].split()[0]) for part in str(caught.value).split(f"{HERE}:")[1:]]
    assert lines[1] == lines[0] + 2
    assert str(caught.value).endswith("needs another name, or replace=True")
    assert names(scheduler) == ["tidy"]


def test_a_name_that_is_given_must_not_be_one_that_another_job_got_from_its_function(
    scheduler: SimulatedScheduler,
) -> None:
    scheduler.every("1h", work)
    with pytest.raises(ValueError, match="there is a job 'work' already"):
        scheduler.every("1h", print, name="work")
    assert scheduler.every("2h", work).name == "work-2"


def test_a_name_of_one_off_runs_is_free_for_a_job(scheduler: SimulatedScheduler) -> None:
    scheduler.now(work)
    assert scheduler.every("1h", print, name="work").name == "work"


def test_a_job_that_replaces_another_keeps_its_counters_history_and_pause(
    scheduler: SimulatedScheduler,
) -> None:
    """The handle of the earlier job is one of the new job."""
    job = scheduler.every("1s", partial(int, "1"), name="count")
    scheduler.advance("3s")
    job.pause()
    new = scheduler.every("1m", partial(int, "x"), name="count", overlap="skip", replace=True)
    assert new == job
    [view] = scheduler.snapshot().jobs
    assert (view.runs, view.failures, view.spec) == (3, 0, "every 1m")
    assert view.paused_since is not None
    job.resume()
    scheduler.advance("1m")
    assert [run.state for run in scheduler.runs_of("count")] == [RunState.FAILED] + [RunState.OK] * 3


def test_runs_that_have_begun_end_with_the_old_code_and_waiting_ones_begin_with_the_new(
    scheduler: SimulatedScheduler,
) -> None:
    results: list[str] = []

    def old() -> None:
        job.run()  # held until this run has ended
        scheduler.every("1m", new, name="both", replace=True)
        results.append("old")

    def new() -> None:
        results.append("new")

    job = scheduler.every("1h", old, name="both")
    job.run().wait()
    scheduler.advance("1m")
    assert results == ["old", "new", "new"]


# --- the same job again ---------------------------------------------------------------------------


def test_the_same_code_with_the_same_schedule_replaces_the_first_and_keeps_its_next_tick(
    scheduler: SimulatedScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jobtui")
    job = scheduler.every("1m", work)
    due = job.next
    scheduler.advance("30s")
    assert scheduler.every("1m", again(work)) == job
    assert (names(scheduler), job.next) == (["work"], due)
    assert "work: the same job is registered again, at " in caplog.text
    assert caplog.text.count(HERE) >= 2


def test_a_named_job_is_replaced_by_itself_although_its_name_is_taken(scheduler: SimulatedScheduler) -> None:
    first = scheduler.every("1m", work, name="a"), scheduler.every("1m", work, name="b")
    assert (
        scheduler.every("1m", again(work), name="a"),
        scheduler.every("1m", again(work), name="b"),
    ) == first


def test_one_job_on_four_schedules_is_four_jobs(scheduler: SimulatedScheduler) -> None:
    for spec in ("0 * * * *", "5 * * * *", "@daily", "@every 1m"):
        scheduler.schedule(spec, work)
    assert names(scheduler) == ["work", "work-2", "work-3", "work-4"]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (work, work, True),
        (work, again(work), True),
        (make(1), make(1), True),
        (make(1), make(2), False),
        (make(work), make(again(work)), True),
        (partial(int, "1"), partial(int, "1"), True),
        (partial(int, "1"), partial(int, "2"), False),
        (partial(int, x="1"), partial(int, "1"), False),
        (partial(max, (1, [2])), partial(max, (1, [2])), True),
        (partial(max, {"a": {1}, "b": (2.5,)}), partial(max, {"a": {1}, "b": (2.5,)}), True),
        (partial(max, {"a": 1}), partial(max, {"a": 2}), False),
        (make([]), make([]), False),
        (make(SHARED), make(SHARED), True),
        (partial(SHARED.append, []), partial(SHARED.append, []), False),
        (partial(max, key={}), partial(max, key={}), False),
        (make([*range(MAX_VALUES + 1)]), make([*range(MAX_VALUES + 1)]), False),
        (make(LONG), make(LONG), True),
        (make([[0] * 600] * 2), make([[0] * 600] * 2), False),
        (partial(print, Secret("x")), partial(print, Secret("x")), True),
        (partial(print, Secret("x")), partial(print, Secret("y")), False),
        (partial(print, Path("a"), NOON), partial(print, Path("a"), NOON.replace()), True),
        (partial(print, NOON), partial(print, NOON.replace(tzinfo=None)), False),
        (lambda: 1, lambda: 2, False),
        (Mail, Mail, True),
        (Mail(), Mail(), True),
        (Mail().run, Mail().run, True),
        (Report("a"), Report("a"), False),
        (Mail(), Report("a"), False),
    ],
    ids=[
        "one function",
        "function made again",
        "equal closures",
        "closures of two values",
        "closures of one function made again",
        "equal partials",
        "partials of two values",
        "partials of two arguments",
        "partials with lists",
        "partials with dicts and sets",
        "partials with other dicts",
        "closures of two empty lists",
        "closures of one empty list",
        "partials with two empty lists",
        "partials with two empty dicts",
        "closures of two long lists",
        "closures of one long list",
        "closures of two lists that are long together",
        "partials with secrets",
        "partials with other secrets",
        "partials with paths and instants",
        "partials with other instants",
        "lambdas",
        "one class",
        "equal objects",
        "methods of equal objects",
        "other objects",
        "objects of two classes",
    ],
)
def test_code_is_the_same_if_its_place_and_its_values_are(
    scheduler: SimulatedScheduler, first: Any, second: Any, *, same: bool
) -> None:
    assert (scheduler.every("1m", first) == scheduler.every("1m", second)) is same


def test_a_cell_of_a_notebook_that_is_changed_and_run_again_replaces_its_job(
    scheduler: SimulatedScheduler,
) -> None:
    """The name of the file depends on the text of the cell."""
    for number in (1, 2):
        space: dict[str, Any] = {}
        text = "\n" * number + f"def cell():\n    return {number}\n"
        exec(compile(text, f"/tmp/ipykernel_77/{number}.py", "exec"), space)
        job = scheduler.every("1m", space["cell"])
    assert names(scheduler) == ["cell"]
    assert job.run().result() == 2


def test_a_cell_of_a_notebook_with_an_empty_list_replaces_its_job_when_it_is_run_again(
    scheduler: SimulatedScheduler,
) -> None:
    """It makes a new list each time."""
    text = "def make(found):\n    return lambda: found.append(1)\njob = make([])\n"
    for _ in range(2):
        space: dict[str, Any] = {}
        exec(compile(text, "/tmp/ipykernel_77/1.py", "exec"), space)
        scheduler.every("1m", space["job"])
    assert len(scheduler.jobs) == 1


def test_a_job_that_was_removed_is_not_replaced(scheduler: SimulatedScheduler) -> None:
    scheduler.every("1m", work).remove()
    assert scheduler.every("1m", work).next is not None


def test_readers_of_events_learn_that_a_job_has_changed(scheduler: SimulatedScheduler) -> None:
    scheduler.every("1m", work, name="a")
    subscription = scheduler.subscribe()
    scheduler.every("2m", work, name="a", replace=True)
    [event] = subscription.read()
    assert isinstance(event, JobChanged)
    assert (event.job.name, event.job.spec) == ("a", "every 2m")
