"""Tests of the last minute of the slots of the pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from support.snapshots import NOW, ended_run, make, running_run, waiting_run

from jobtui.engine.enums import RunState
from jobtui.engine.views import RunView, Snapshot
from jobtui.frontend.slot_history import SlotHistory

SECOND = timedelta(seconds=1)  # it is 10:24:07, so the present cell of 30 s has been there for 7 s


def after(snapshot: Snapshot, seconds: float, **changes: object) -> Snapshot:
    """Return a later snapshot."""
    return replace(snapshot, at=snapshot.at + seconds * SECOND, **changes)  # type: ignore[arg-type]


def history_of(
    *, running: Sequence[RunView] = (), recent: Sequence[RunView] = (), pool: int = 2
) -> SlotHistory:
    """Return the history after one snapshot."""
    history = SlotHistory()
    history.update(make(running=running, recent=recent, pool=pool))
    return history


def test_a_pool_that_has_done_nothing_is_flat() -> None:
    assert history_of().strips(4) == ["▁▁▁▁", "▁▁▁▁"]


def test_the_first_snapshot_shows_the_last_minute() -> None:
    """The cells begin at multiples of 15 s, so the last one has lasted for 7 s, and the first is 10:23:15."""
    recent = [ended_run(3, "a", 0, took=7), ended_run(2, "a", 22, took=15), ended_run(1, "a", 37, took=7.5)]
    history = history_of(recent=recent, running=[running_run(4, "b", 3.5)])
    assert history.strips(4) == ["▅█▁█", "▁▁▁▅"]


def test_a_run_keeps_its_slot_and_a_later_one_gets_the_first_that_is_free() -> None:
    first, second = running_run(1, "a", 9), running_run(2, "b", 5)
    history = SlotHistory()
    snapshot = make(running=[first, second], pool=2)
    history.update(snapshot)
    third = replace(running_run(3, "c", 0), started=NOW + SECOND)
    ended = replace(first, state=RunState.OK, ended=NOW + SECOND, elapsed=10 * SECOND)
    history.update(after(snapshot, 1, running=(second, third), recent=(ended,)))
    assert [run and run.job for run in history.runs] == ["c", "b"]


def test_a_run_that_waits_for_its_next_attempt_frees_its_slot() -> None:
    run = running_run(1, "a", 9)
    history = SlotHistory()
    snapshot = make(running=[run], pool=1)
    history.update(snapshot)
    waiting = waiting_run(1, "a", 0, RunState.RETRYING)
    history.update(after(snapshot, 1, running=(), waiting=(waiting,)))
    assert history.runs == [None]
    history.update(after(snapshot, 2, running=(replace(run, started=NOW + 2 * SECOND),), waiting=()))
    assert [each is not None for each in history.runs] == [True]


def test_an_old_run_leaves_the_strip() -> None:
    recent = [ended_run(1, "a", 59, took=10)]
    history = SlotHistory()
    snapshot = make(recent=recent, pool=1)
    history.update(snapshot)
    history.update(after(snapshot, 30))
    assert history.strips(2) == ["▁▁"]


def test_the_pool_is_saturated_since_its_last_slot_was_taken() -> None:
    """A moment between two runs does not count as free."""
    recent = [ended_run(1, "a", 2.1, took=6)]
    history = history_of(running=[running_run(2, "a", 2), running_run(3, "b", 5)], recent=recent)
    assert history.saturated_since == (NOW - 5 * SECOND).timestamp()


def test_a_pool_with_a_free_slot_is_not_saturated() -> None:
    assert history_of(running=[running_run(2, "a", 2)]).saturated_since is None
    assert history_of(pool=0).saturated_since is None


def test_a_pool_that_shrinks_keeps_the_slots_of_its_runs() -> None:
    running = [running_run(1, "a", 9), running_run(2, "b", 5)]
    history, snapshot = SlotHistory(), make(running=running, pool=2)
    history.update(snapshot)
    smaller = replace(snapshot.pool, size=1)
    history.update(after(snapshot, 1, pool=smaller))
    assert len(history.runs) == 2
    history.update(after(snapshot, 2, pool=smaller, running=()))
    assert len(history.runs) == 1


def test_runs_that_no_snapshot_lists_count_as_work() -> None:
    """More than 200 may end between two snapshots."""
    history, snapshot = SlotHistory(), make(pool=1)
    history.update(snapshot)
    later = [
        replace(ended_run(1000 - place, "a", 0, took=0.001), ended=NOW + 5 * SECOND, started=NOW + 5 * SECOND)
        for place in range(200)
    ]
    run = replace(running_run(1001, "a", 0), started=NOW + 5 * SECOND)
    pool = replace(snapshot.pool, running=1)
    history.update(after(snapshot, 5, running=(run,), recent=tuple(later), pool=pool))
    assert history.strips(2)[0][-1] in "▄▅"  # 5 of the 12 seconds of the last cell


def test_a_total_is_the_mean_of_all_slots() -> None:
    history = history_of(running=[running_run(1, "a", 7)])
    assert history.total(2) == "▁▅"


def test_a_pool_is_saturated_since_it_was_made_smaller_and_not_since_its_runs_began() -> None:
    running = [running_run(1, "a", 40), running_run(2, "b", 30)]
    for size in (10, 0):
        history = SlotHistory()
        snapshot = make(running=running, pool=size)
        history.update(snapshot)
        small = replace(snapshot.pool, size=2)
        for seconds in (5, 9):
            history.update(after(snapshot, seconds, pool=small))
        assert history.saturated_since == (NOW + 5 * SECOND).timestamp()


def test_a_pool_of_a_million_slots_is_followed_as_far_as_snapshots_list_runs() -> None:
    """Its strip shows the share of all slots that is taken."""
    running = [running_run(number, "a", 90) for number in range(150)]
    history = history_of(running=running, pool=1_000_000)
    assert len(history.runs) == 200
    assert history.total(2) == "▂▂"
    assert history_of(running=running, pool=300).total(2) == "▅▅"
