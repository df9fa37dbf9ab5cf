"""The progress that the code of a run reports, on a clock that the test moves."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from jobtui import Progress, RunState, RunView, current_run
from jobtui.engine.events import RunProgressed
from jobtui.frontend.json_codec import RUN
from jobtui.simulation.simulated_scheduler import SimulatedScheduler, simulated


@pytest.fixture
def scheduler() -> Iterator[SimulatedScheduler]:
    """Return an active scheduler."""
    with simulated() as scheduler:
        yield scheduler


def seen_progress(scheduler: SimulatedScheduler, report: Callable[[], object]) -> Progress | None:
    """Return the progress of a run after its code has made reports."""
    seen: list[Progress | None] = []

    def work() -> None:
        report()
        seen.append(scheduler.snapshot().running[0].progress)

    scheduler.now(work).result()
    return seen[0]


def test_a_report_is_in_the_view_of_a_running_run(scheduler: SimulatedScheduler) -> None:
    progress = seen_progress(scheduler, lambda: current_run().progress(40, 100, "page 40"))
    assert progress is not None
    assert (progress.done, progress.total, progress.text, progress.fraction) == (40, 100, "page 40", 0.4)
    assert progress.since == scheduler.time


def test_a_run_that_reports_nothing_has_no_progress(scheduler: SimulatedScheduler) -> None:
    assert seen_progress(scheduler, lambda: None) is None


def test_a_run_that_has_ended_has_no_progress(scheduler: SimulatedScheduler) -> None:
    run = scheduler.now(lambda: current_run().progress(1, 2))
    assert run.state is RunState.OK
    assert scheduler.run_view(run.number).progress is None
    assert scheduler.snapshot().recent[0].progress is None


def test_the_view_changes_with_each_report_and_only_then(scheduler: SimulatedScheduler) -> None:
    views: list[RunView] = []

    def work() -> None:
        for done in (1, 2, 3):
            current_run().progress(done, 9)
            views.extend(scheduler.snapshot().running[:1] * 2)

    scheduler.now(work).result()
    assert [view.progress.done for view in views if view.progress] == [1, 1, 2, 2, 3, 3]
    assert views[0] is views[1]


@pytest.mark.parametrize(
    ("done", "total", "expected"),
    [
        (-5, 10, (0, 10, 0.0)),
        (15, 10, (15, 10, 1.0)),
        (math.nan, 10, (0, 10, 0.0)),
        (math.inf, 10, (1e15, 10, 1.0)),
        (10**400, 10, (10**15, 10, 1.0)),
        (5, 0, (5, None, None)),
        (5, -1, (5, None, None)),
        (5, math.nan, (5, None, None)),
        (5, math.inf, (5, None, None)),
        (5, None, (5, None, None)),
        (0.25, 1, (0.25, 1, 0.25)),
        (Decimal("2.5"), Fraction(5), (2.5, 5.0, 0.5)),
        (1, 10**400, (1, None, None)),
    ],
)
def test_odd_numbers_are_shown_as_sensibly_as_possible(
    scheduler: SimulatedScheduler, done: Any, total: Any, expected: tuple[object, ...]
) -> None:
    progress = seen_progress(scheduler, lambda: current_run().progress(done, total))
    assert progress is not None
    assert (progress.done, progress.total, progress.fraction) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("5",), "done must be a number, not str"),
        ((None,), "done must be a number, not NoneType"),
        ((True,), "done must be a number, not bool"),
        ((1j,), "done must be a number, not complex"),
        ((1, "10"), "total must be a number, not str"),
        ((1, 10, b"page"), "text must be a text, not bytes"),
    ],
)
def test_a_value_of_another_type_is_an_error_at_once(
    scheduler: SimulatedScheduler, arguments: tuple[Any, ...], message: str
) -> None:
    def work() -> None:
        with pytest.raises(TypeError, match=message):
            current_run().progress(*arguments)

    scheduler.now(work).result()


def test_the_end_is_expected_at_the_pace_since_the_count_began(scheduler: SimulatedScheduler) -> None:
    ends: list[object] = []

    async def work() -> None:
        run = current_run()
        await asyncio.sleep(100)  # before the count
        for done in (500, 600, 650):
            run.progress(done, 1_000)
            progress = scheduler.snapshot().running[0].progress
            assert progress is not None
            end = progress.expected_end
            ends.append(None if end is None else end - scheduler.time)
            await asyncio.sleep(10)
        run.progress(0, 10)  # another count begins
        await asyncio.sleep(1)
        run.progress(5, 10)
        progress = scheduler.snapshot().running[0].progress
        assert progress is not None
        ends.append(progress.expected_end and progress.expected_end - scheduler.time)

    scheduler.now(work)
    scheduler.advance("5m")
    assert ends == [None, timedelta(seconds=40), timedelta(seconds=350 * 20 / 150), timedelta(seconds=1)]


def test_an_end_in_the_far_future_is_not_expected(scheduler: SimulatedScheduler) -> None:
    seen: list[Progress | None] = []

    async def work() -> None:
        current_run().progress(0, 10**14)
        await asyncio.sleep(100)
        current_run().progress(1, 10**14)
        seen.append(scheduler.snapshot().running[0].progress)

    scheduler.now(work)
    scheduler.advance("5m")
    assert [each and each.expected_end for each in seen] == [None]


def test_a_tracked_loop_reports_how_many_items_are_done(scheduler: SimulatedScheduler) -> None:
    seen: list[tuple[object, object]] = []

    def work() -> None:
        for item in current_run().track("abc", text="letters"):
            progress = scheduler.snapshot().running[0].progress
            assert progress is not None
            seen.append((item, progress))
        last = scheduler.snapshot().running[0].progress
        assert last is not None
        assert (last.done, last.total) == (3, 3)

    scheduler.now(work).result()
    shown = [(item, each.done, each.total, each.text) for item, each in seen if isinstance(each, Progress)]
    assert shown == [("a", 0, 3, "letters"), ("b", 1, 3, "letters"), ("c", 2, 3, "letters")]


def test_a_generator_has_the_total_that_is_given(scheduler: SimulatedScheduler) -> None:
    def totals(total: float | None) -> object:
        items = current_run().track((each for each in "ab"), total)
        next(items)
        progress = scheduler.snapshot().running[0].progress
        return progress and progress.total

    def work() -> None:
        assert totals(None) is None
        assert totals(2) == 2

    scheduler.now(work).result()


def test_the_outermost_of_several_tracked_loops_is_the_progress(scheduler: SimulatedScheduler) -> None:
    seen: list[tuple[object, object]] = []

    def work() -> None:
        run = current_run()
        for _ in run.track("ab"):
            for _ in run.track("xyz"):
                progress = scheduler.snapshot().running[0].progress
                assert progress is not None
                seen.append((progress.done, progress.total))
        for _ in run.track("pqrs"):  # the next loop counts again
            progress = scheduler.snapshot().running[0].progress
            assert progress is not None
        assert progress is not None
        seen.append((progress.done, progress.total))

    scheduler.now(work).result()
    assert seen == [(0, 2)] * 3 + [(1, 2)] * 3 + [(3, 4)]


def test_an_asynchronous_iterable_is_tracked_in_a_coroutine(scheduler: SimulatedScheduler) -> None:
    seen: list[object] = []

    async def pages() -> AsyncIterator[str]:
        for page in "ab":
            await asyncio.sleep(1)
            yield page

    async def work() -> None:
        async for page in current_run().track(pages(), 2):
            progress = scheduler.snapshot().running[0].progress
            seen.append((page, progress and progress.done, progress and progress.total))

    scheduler.now(work)
    scheduler.advance("5s")
    assert seen == [("a", 0, 2), ("b", 1, 2)]


def test_items_that_cannot_be_iterated_over_are_an_error_before_the_loop(
    scheduler: SimulatedScheduler,
) -> None:
    def work() -> None:
        run: Any = current_run()
        with pytest.raises(TypeError, match="not iterable"):
            run.track(5)
        with pytest.raises(TypeError, match="total must be a number, not str"):
            run.track("abc", "3")
        with pytest.raises(TypeError, match="text must be a text, not int"):
            run.track("abc", text=3)

    scheduler.now(work).result()


def test_the_next_attempt_begins_without_progress(scheduler: SimulatedScheduler) -> None:
    seen: list[object] = []

    async def work() -> None:
        seen.append(scheduler.snapshot().running[0].progress)
        current_run().progress(5, 10)
        await asyncio.sleep(1)
        raise OSError

    scheduler.every("1h", work, retry=2)
    scheduler.advance("2h")
    assert len(seen) >= 2
    assert set(seen) == {None}


def test_a_report_after_the_end_of_the_run_changes_nothing(scheduler: SimulatedScheduler) -> None:
    runs: list[Any] = []
    run = scheduler.now(lambda: runs.append(current_run()))
    runs[0].progress(1, 2)
    assert scheduler.run_view(run.number).progress is None


def test_many_reports_are_one_event(scheduler: SimulatedScheduler) -> None:
    """The first one is; another one follows after a tenth of a second."""
    subscription = scheduler.subscribe()

    async def work() -> None:
        for done in range(1_000):
            current_run().progress(done, 2_000)
        await asyncio.sleep(0.2)
        for done in range(1_000, 2_000):
            current_run().progress(done, 2_000)
        await asyncio.sleep(1)

    scheduler.now(work)
    scheduler.advance("5s")
    events = [event for event in subscription.read() if isinstance(event, RunProgressed)]
    assert [event.run.progress and event.run.progress.total for event in events] == [2_000, 2_000]


def test_a_view_with_progress_is_the_same_after_json(scheduler: SimulatedScheduler) -> None:
    views: list[RunView] = []

    def work() -> None:
        current_run().progress(0.5, 2, "日本語")
        views.append(scheduler.snapshot().running[0])

    scheduler.now(work).result()
    json = RUN.encode(views[0])
    assert json["progress"]["done"] == 0.5
    assert RUN.decode(json, scheduler.tz) == views[0]
