"""The arguments of jobs on a simulated clock: those of their ticks, and those of single runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

import jobtui
from jobtui import JobView, RunState
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


# --- single runs ----------------------------------------------------------------------------------


def test_a_run_with_other_arguments_passes_the_gates_of_its_job(scheduler: SimulatedScheduler) -> None:
    """It is held as long as another run of the job has not ended; a one-off run of the function is not."""
    began: list[tuple[str, int]] = []

    async def upload(path: str, *, retries: int = 0) -> str:
        began.append((path, retries))
        await asyncio.sleep(10)
        return path

    job = scheduler.every("1m", upload, args=("a",), kwargs={"retries": 3})
    scheduler.advance("1m")
    other = scheduler.now(job, "b")
    later = scheduler.in_("1s", job, path="c", retries=1)
    own = scheduler.now(job)
    apart = scheduler.now(upload, "d")
    assert [run.state for run in (other, own, apart)] == [RunState.HELD, RunState.HELD, RunState.RUNNING]
    scheduler.advance("50s")
    assert began == [("a", 3), ("d", 0), ("b", 0), ("a", 3), ("c", 1)]
    assert [run.result() for run in (other, later, own, apart)] == ["b", "c", "a", "d"]
    assert {run.job for run in (other, later, own)} == {"upload"}
    assert apart.job == "upload-2"


def test_the_view_of_a_run_shows_the_arguments_that_were_given_for_it(scheduler: SimulatedScheduler) -> None:
    job = scheduler.every("1h", copy, args=("home",))
    runs = [job.run(), job.run("etc", target="tape"), scheduler.run("copy", "var")]
    shown = [scheduler.run_view(run.number).arguments for run in runs]
    assert shown == ["", "'etc', target='tape'", "'var'"]
    assert [run.result() for run in runs] == ["home backup", "etc tape", "var backup"]


def test_arguments_of_a_run_take_the_place_of_all_arguments_of_the_job(scheduler: SimulatedScheduler) -> None:
    job = scheduler.add(copy, args=("home",), kwargs={"target": "tape"})
    assert job.run("etc").result() == "etc backup"
    with pytest.raises(TypeError, match="missing a required argument: 'source'"):
        job.run(target="disk")


def test_a_partial_keeps_its_arguments_when_its_job_gets_more(scheduler: SimulatedScheduler) -> None:
    job = scheduler.add(partial(copy, "home"), args=("tape",))
    assert job.run().result() == "home tape"
    assert job.run("disk").result() == "home disk"


# --- jobs without a schedule ----------------------------------------------------------------------


def test_a_job_without_a_schedule_runs_only_when_it_is_requested(scheduler: SimulatedScheduler) -> None:
    job = scheduler.add(work, name="reindex", overlap="skip")
    assert scheduler.jobs == [job]
    assert (job.next, view(scheduler, "reindex").spec) == (None, "by hand")
    scheduler.advance("48h")
    assert scheduler.fired("reindex") == []
    assert job.run().state is scheduler.run("reindex").state is RunState.OK
    assert scheduler.now(job).job == "reindex"
    assert len(scheduler.fired("reindex")) == 3


def test_a_job_without_a_schedule_may_require_arguments_of_each_request(
    scheduler: SimulatedScheduler,
) -> None:
    job = scheduler.add(copy)
    assert job.run("home").result() == "home backup"
    for request in (job.run, partial(scheduler.run, "copy"), partial(scheduler.now, job)):
        with pytest.raises(
            TypeError, match="missing a required argument: 'source'; the arguments of the run"
        ):
            request()
    with pytest.raises(TypeError, match="unexpected keyword argument 'goal'"):
        scheduler.add(copy, args=("home",), kwargs={"goal": "tape"})


def test_a_job_that_requires_arguments_of_each_request_gets_no_schedule(
    scheduler: SimulatedScheduler,
) -> None:
    """Its ticks could not run. One that has its arguments gets one."""
    lacking, complete = (
        scheduler.add(copy, name="lacking"),
        scheduler.add(copy, name="complete", args=("home",)),
    )
    with pytest.raises(TypeError, match="missing a required argument: 'source'"):
        scheduler.update(lacking, spec="@hourly")
    scheduler.update(complete, spec="@hourly")
    scheduler.advance("1h")
    assert (scheduler.fired("lacking"), len(scheduler.fired("complete"))) == ([], 1)


def test_the_package_function_job_adds_a_job_to_the_default_scheduler(scheduler: SimulatedScheduler) -> None:
    job = jobtui.job(copy, name="copies", args=["home"])
    assert scheduler.job("copies") == job
    assert job.function is copy
    assert jobtui.now(job, "etc").result() == "etc backup"
