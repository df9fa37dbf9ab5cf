"""Bars of rich in jobs: their progress, and what stays of them in the output."""

from __future__ import annotations

import asyncio
import gc
import io
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

import pytest
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, track
from support.real_threads import LIMIT, MakeScheduler
from support.seen_progress import Look, counts, run_and_look

from jobtui import current_run
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog


def drawing(*columns: object, terminal: bool | None = None, transient: bool = False) -> Progress:
    """Return an object that draws bars only when its `refresh` is called."""
    console = Console(force_terminal=terminal, width=60)
    return Progress(*columns, console=console, auto_refresh=False, transient=transient)  # type: ignore[arg-type]


# --- the progress ---------------------------------------------------------------------------------


def test_a_loop_that_rich_tracks_is_the_progress(make_scheduler: MakeScheduler) -> None:
    def work(look: Look) -> None:
        for _ in track(range(3), "[red]pages[/]", auto_refresh=False, total=3):
            look()

    seen = run_and_look(make_scheduler, work)
    assert counts(seen) == [(0, 3), (1, 3), (2, 3)]
    assert seen[0] is not None
    assert seen[0].text == "pages"


@pytest.mark.parametrize("terminal", [None, True])
@pytest.mark.parametrize(
    "columns",
    [
        (),
        (MofNCompleteColumn(),),
        (SpinnerColumn(), TextColumn("{task.description}")),
        (BarColumn(),),
        (TextColumn("1% ({task.fields[file]})"),),
    ],
)
def test_the_columns_of_a_bar_make_no_difference(
    make_scheduler: MakeScheduler, columns: tuple[object, ...], terminal: bool | None
) -> None:
    def work(look: Look) -> None:
        with drawing(*columns, terminal=terminal) as bars:
            bar = bars.add_task("pages", total=10, file="2/7")
            look()
            bars.update(bar, advance=4, refresh=True)
            look()

    assert counts(run_and_look(make_scheduler, work)) == [(0, 10), (4, 10)]


def test_the_first_of_several_bars_of_rich_is_the_progress_until_it_is_full(
    make_scheduler: MakeScheduler,
) -> None:
    def work(look: Look) -> None:
        with drawing() as bars:
            first, second = bars.add_task("a", total=2), bars.add_task("b", total=5)
            for _ in range(2):
                bars.advance(second)
                bars.advance(first)
                look()
            bars.advance(second)
            look()

    seen = run_and_look(make_scheduler, work)
    assert counts(seen) == [(1, 2), (2, 5), (3, 5)]
    assert [each and each.text for each in seen] == ["a", "b", "b"]


def test_the_outer_of_nested_bars_of_rich_is_the_progress(make_scheduler: MakeScheduler) -> None:
    def work(look: Look) -> None:
        with drawing() as bars:
            for _ in bars.track(range(2), description="outer"):
                for _ in bars.track(range(2), description="inner"):
                    look()
            look()

    assert counts(run_and_look(make_scheduler, work)) == [(0, 2), (0, 2), (1, 2), (1, 2), (2, 2)]


def test_a_bar_with_a_total_counts_rather_than_one_without(make_scheduler: MakeScheduler) -> None:
    def work(look: Look) -> None:
        with drawing() as bars:
            bars.update(bars.add_task("connecting", total=None), advance=3)
            look()
            bars.add_task("download", total=100)
            look()

    assert counts(run_and_look(make_scheduler, work)) == [(3, None), (0, 100)]


def test_a_bar_that_is_removed_or_hidden_gives_way_to_the_next(make_scheduler: MakeScheduler) -> None:
    def work(look: Look) -> None:
        with drawing() as bars:
            numbers = [bars.add_task("x", total=total) for total in (5, 6, 7)]
            bars.remove_task(numbers[0])
            bars.advance(numbers[1])
            look()
            bars.update(numbers[1], visible=False)
            look()

    assert counts(run_and_look(make_scheduler, work)) == [(1, 6), (0, 7)]


def test_a_bar_that_stopped_before_it_was_full_gives_way_to_the_next(make_scheduler: MakeScheduler) -> None:
    """A loop was left by `break`, or by an exception."""

    def work(look: Look) -> None:
        for item in track(range(10), auto_refresh=False):
            if item == 3:
                break
        with suppress(ZeroDivisionError), drawing() as bars:
            raise ZeroDivisionError(bars.add_task("fails", total=5))
        with drawing() as bars:
            bars.add_task("next", total=7)
            look()

    assert counts(run_and_look(make_scheduler, work)) == [(0, 7)]


def test_bars_inside_of_another_display_count(make_scheduler: MakeScheduler) -> None:
    """They are never started themselves, as in rich's own examples of several bars."""

    def work(look: Look) -> None:
        for total in (5, 6):
            bars, others = drawing(), drawing()
            with Live(Group(bars, others), auto_refresh=False):
                bar, other = bars.add_task("a", total=total), others.add_task("b", total=9)
                others.advance(other)
                bars.advance(bar, 2)
                look()
            del bars, others
            gc.collect()

    assert counts(run_and_look(make_scheduler, work)) == [(2, 5), (2, 6)]


def test_bars_that_are_disabled_do_not_count(make_scheduler: MakeScheduler) -> None:
    def work(look: Look) -> None:
        with Progress(disable=True) as bars:
            bars.add_task("quiet", total=5)
            look()

    assert counts(run_and_look(make_scheduler, work)) == [None]


def test_progress_that_the_code_reports_wins_over_a_bar_of_rich(make_scheduler: MakeScheduler) -> None:
    def work(look: Look) -> None:
        current_run().progress(1, 2)
        with drawing() as bars:
            bars.add_task("a", total=5)
            look()

    assert counts(run_and_look(make_scheduler, work)) == [(1, 2)]


def test_a_bar_of_rich_wins_over_a_drawn_one_until_it_is_full(make_scheduler: MakeScheduler) -> None:
    def work(look: Look) -> None:
        with drawing() as bars:
            bar = bars.add_task("a", total=5)
            sys.stderr.write("\r 40%|####      | 4/10 [00:01<00:09,  1.00it/s]")
            look()
            bars.advance(bar, 5)
            sys.stderr.write("\r 50%|#####     | 5/10 [00:01<00:09,  1.00it/s]")
            look()
            bars.add_task("stops", total=5)
        sys.stderr.write("\r 60%|######    | 6/10 [00:01<00:09,  1.00it/s]")
        look()

    assert counts(run_and_look(make_scheduler, work)) == [(0, 5), (5, 10), (6, 10)]


def test_numbers_of_an_odd_type_break_nothing(make_scheduler: MakeScheduler) -> None:
    def work(look: Look) -> None:
        bars = drawing()
        bars.update(bars.add_task("[/closed]", total=Decimal(4)), advance=1)  # type: ignore[arg-type]
        look()
        bars.add_task("x", total=5, completed=[1])  # type: ignore[arg-type]

    assert counts(run_and_look(make_scheduler, work)) == [(1, 4)]


def test_each_run_that_shares_an_object_has_its_own_bar(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(pool=2)
    bars, barrier = drawing(), threading.Barrier(3, timeout=LIMIT)

    def work(total: int) -> None:
        bars.advance(bars.add_task("x", total=total), total - 1)
        barrier.wait()
        barrier.wait()

    with capture_streams(OutputLog()):
        scheduler.start()
        runs = [scheduler.now(work, total) for total in (5, 6)]
        barrier.wait()
        seen = [view.progress for view in scheduler.snapshot().running]
        barrier.wait()
        for run in runs:
            run.result(LIMIT)
    assert sorted(counts(seen), key=str) == [(4, 5), (5, 6)]


def test_coroutines_that_take_turns_have_their_own_bars(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    seen: dict[str, object] = {}
    begun: list[asyncio.Event] = []

    async def work(index: int) -> None:
        with drawing() as bars:
            bars.advance(bars.add_task("x", total=10), index)
            begun.append(asyncio.Event())
            if len(begun) == 1:
                await begun[0].wait()
            begun[0].set()
            for view in scheduler.snapshot().running:
                seen[view.job] = view.progress and view.progress.done

    async def first() -> None:
        await work(0)

    async def second() -> None:
        await work(1)

    with capture_streams(OutputLog()):
        scheduler.start()
        for run in [scheduler.now(first), scheduler.now(second)]:
            run.result(LIMIT)
    assert sorted(map(str, seen.values())) == ["0", "1"]


def test_a_thread_that_a_job_starts_draws_for_its_run(make_scheduler: MakeScheduler) -> None:
    def work(look: Look) -> None:
        def draw() -> None:
            with drawing() as bars:
                bars.add_task("x", total=8)
                look()

        thread = threading.Thread(target=draw)
        thread.start()
        thread.join(LIMIT)

    assert counts(run_and_look(make_scheduler, work)) == [(0, 8)]


def test_nothing_of_rich_stays_replaced() -> None:
    before = dict(vars(Progress))
    with capture_streams(OutputLog()):
        assert dict(vars(Progress)) != before
    assert dict(vars(Progress)) == before


def test_bars_outside_of_a_run_are_left_alone() -> None:
    with capture_streams(OutputLog()), Progress(console=Console(file=io.StringIO())) as bars:
        bars.advance(bars.add_task("x", total=2))
        assert bars.tasks[0].completed == 1


# --- runs that draw at once -----------------------------------------------------------------------


@pytest.mark.parametrize("terminal", [None, True])
def test_bars_of_other_runs_are_not_in_the_output(
    make_scheduler: MakeScheduler, terminal: bool | None
) -> None:
    """They share a console, as they do by default, and end one after the other."""
    log, scheduler = OutputLog(), make_scheduler(pool=3)
    console = Console(force_terminal=terminal, width=60)
    barrier = threading.Barrier(3, timeout=LIMIT)
    turns = [threading.Event() for _ in range(4)]
    turns[0].set()

    def work(place: int) -> None:
        with Progress("{task.description} {task.completed}", console=console, auto_refresh=False) as bars:
            bar = bars.add_task("abc"[place], total=10)
            bars.update(bar, advance=1, refresh=True)
            barrier.wait()
            print("printed")
            bars.update(bar, advance=1, refresh=True)
            assert turns[place].wait(LIMIT)
        turns[place + 1].set()

    with capture_streams(log):
        scheduler.start()
        runs = [scheduler.now(work, place) for place in range(3)]
        for run in runs:
            run.result(LIMIT)
    lines = [(line.run, line.text) for line in log.output_since(0).lines if line.text]
    own = zip(runs, ("a 2", "b 2", "c 2"), strict=True)
    assert sorted(lines) == sorted((run.number, text) for run, bar in own for text in (bar, "printed"))


def test_a_display_of_rich_leaves_the_streams_of_other_jobs_alone(make_scheduler: MakeScheduler) -> None:
    seen = []

    def work(look: Look) -> None:
        before = sys.stdout, sys.stderr
        with drawing(terminal=True):
            seen.append((sys.stdout, sys.stderr) == before)

    run_and_look(make_scheduler, work)
    assert seen == [True]


# --- the output stays readable --------------------------------------------------------------------


def lines_of(make_scheduler: MakeScheduler, work: Callable[[], object]) -> list[str]:
    """Return the lines that are in the log after a run, and check that the run's output has them, too."""
    log, scheduler = OutputLog(), make_scheduler()
    with capture_streams(log):
        scheduler.start()
        run = scheduler.now(work)
        assert run.wait(LIMIT)
        output = scheduler.output_of(run.number) or ""
    chunk = log.output_since(0)
    lines = [line.text for line in (*chunk.lines, *chunk.unfinished) if line.run == run.number and line.text]
    for line in lines:
        assert line in output
    assert len(output) < 1_000
    return lines


def two_bars(terminal: bool | None, *, transient: bool) -> Callable[[], None]:
    """Return a job that draws two bars a hundred times and prints in between."""

    def work() -> None:
        with drawing("{task.description} {task.completed}", terminal=terminal, transient=transient) as bars:
            first, second = bars.add_task("a", total=100), bars.add_task("b", total=200)
            for done in range(100):
                bars.update(first, advance=1)
                bars.update(second, advance=2, refresh=True)
                if done == 50:
                    bars.console.print("half")
                    sys.stderr.write("warning\n")
        print("end")

    return work


@pytest.mark.parametrize("terminal", [None, True])
def test_one_line_stays_of_each_bar_of_rich(make_scheduler: MakeScheduler, terminal: bool | None) -> None:
    lines = lines_of(make_scheduler, two_bars(terminal, transient=False))
    assert sorted(lines) == ["a 100", "b 200", "end", "half", "warning"]


@pytest.mark.parametrize("terminal", [None, True])
def test_no_line_stays_of_transient_bars(make_scheduler: MakeScheduler, terminal: bool | None) -> None:
    lines = lines_of(make_scheduler, two_bars(terminal, transient=True))
    assert sorted(lines) == ["end", "half", "warning"]


@pytest.mark.parametrize("terminal", [None, True])
def test_the_bar_of_a_run_that_fails_stays_as_it_was(
    make_scheduler: MakeScheduler, terminal: bool | None
) -> None:
    def work() -> None:
        with drawing("{task.description} {task.completed}", terminal=terminal) as bars:
            bars.advance(bars.add_task("a", total=10), 4)
            bars.refresh()
            raise ZeroDivisionError

    assert lines_of(make_scheduler, work) == ["a 4"]


def test_bars_that_are_never_stopped_stay_as_they_were(make_scheduler: MakeScheduler) -> None:
    def work() -> None:
        console = Console(force_terminal=True, width=60)
        console.show_cursor(show=False)
        console.file.write("\r\x1b[2Ka 1\nb 1")
        console.file.write("\r\x1b[2K\x1b[1A\x1b[2Ka 2\nb 2")

    assert lines_of(make_scheduler, work) == ["a 2", "b 2"]
