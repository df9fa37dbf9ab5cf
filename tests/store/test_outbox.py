"""The outbox: entries stay in order, and if there is too little room, the oldest are counted."""

from __future__ import annotations

from collections import Counter

import pytest
from support.store_parts import effects, entry, ticks

from jobtui.engine.effects import Effects
from jobtui.engine.enums import RunState
from jobtui.engine.job_pause import Pause
from jobtui.engine.ledger import ENTRY_BYTES
from jobtui.engine.records import NUMBER, TICKS
from jobtui.store.outbox import MAX_COUNTED, MAX_KEPT, Outbox

OK, FAILED, SKIPPED = ("a", "OK"), ("a", "FAILED"), ("a", "SKIPPED")


@pytest.fixture
def outbox() -> Outbox:
    """Return an outbox with room for three runs."""
    return Outbox(lambda: None, limit=3 * ENTRY_BYTES)


def test_entries_are_taken_once_and_in_order() -> None:
    woken: list[bool] = []
    outbox = Outbox(lambda: woken.append(True))
    outbox.put(effects(entry(1), entry(2)))
    outbox.put(Effects(recorded=[entry(3)], pauses=[("a", Pause(5.0))]))
    assert woken == [True, True]
    first, second = outbox.take(2), outbox.take(2)
    assert [run[NUMBER] for run in first.recorded + second.recorded] == [1, 2, 3]
    assert first.pauses == [("a", Pause(5.0))]
    assert not outbox.take(2)
    assert not outbox


def test_a_batch_that_was_put_back_comes_first() -> None:
    outbox = Outbox(lambda: None)
    outbox.put(Effects(recorded=[entry(1)], pauses=[("a", Pause(1.0))]))
    batch = outbox.take(10)
    outbox.put(Effects(recorded=[entry(2)], pauses=[("a", None)]))
    outbox.put_back(batch)
    again = outbox.take(10)
    assert [run[NUMBER] for run in again.recorded] == [1, 2]
    assert again.pauses == [("a", Pause(1.0)), ("a", None)]


def test_the_oldest_runs_are_counted_if_there_is_too_little_room(outbox: Outbox) -> None:
    outbox.put(effects(*(entry(number) for number in range(1, 5)), entry(5, RunState.FAILED)))
    outbox.put(effects(entry(6)))
    batch = outbox.take(10)
    assert [run[NUMBER] for run in batch.recorded] == [4, 5, 6]
    assert batch.lost == {OK: 3}
    assert outbox.lost == 3


def test_a_full_outbox_that_was_taken_has_room_again(outbox: Outbox) -> None:
    for first in (1, 4, 7):
        outbox.put(effects(*map(entry, range(first, first + 3))))
        assert len(outbox.take(10).recorded) == 3
    assert outbox.lost == 0


def test_a_batch_that_does_not_fit_any_more_is_counted_when_it_is_put_back(outbox: Outbox) -> None:
    outbox.put(effects(entry(1), entry(2)))
    batch = outbox.take(10)
    outbox.put(effects(entry(3), entry(4)))
    outbox.put_back(batch)
    batch = outbox.take(10)
    assert [run[NUMBER] for run in batch.recorded] == [2, 3, 4]
    assert batch.lost == {OK: 1}
    outbox.put_back(batch)
    assert outbox.take(10).lost == {OK: 1}
    assert outbox.lost == 1


def test_any_number_of_counted_runs_takes_little_memory(outbox: Outbox) -> None:
    for number in range(3 * MAX_COUNTED):
        outbox.put(effects(entry(number + 1, RunState.FAILED if number % 2 else RunState.OK)))
    total: Counter[tuple[str, str]] = Counter()
    rounds = 0
    while batch := outbox.take(10):
        total += batch.lost
        rounds += 1
    assert total == {OK: 1.5 * MAX_COUNTED - 1, FAILED: 1.5 * MAX_COUNTED - 2}
    assert rounds <= 2


def test_of_a_group_of_ticks_that_grows_the_latest_entry_is_kept(outbox: Outbox) -> None:
    for count in range(1, 3 * MAX_KEPT):
        outbox.put(effects(ticks(count)))
    kept = []
    while batch := outbox.take(2_000):
        assert not batch.lost
        kept += batch.recorded
    assert max(run[TICKS] for run in kept) == 3 * MAX_KEPT - 1
    assert len(kept) <= MAX_KEPT + 3
    assert outbox.lost == 0


def test_more_groups_than_are_kept_are_counted(outbox: Outbox) -> None:
    groups = 2 * MAX_KEPT
    for number in range(groups):
        outbox.put(effects(ticks(3, job=f"job {number}")))
    rows = lost = 0
    while batch := outbox.take(2_000):
        rows += sum(run[TICKS] for run in batch.recorded)
        lost += sum(batch.lost.values())
    assert rows + lost == 3 * groups
    assert lost == outbox.lost > 0


def test_a_run_whose_row_says_running_keeps_its_ending(outbox: Outbox) -> None:
    outbox.unended.add(1)
    outbox.put(effects(*map(entry, range(1, 10))))
    batch = outbox.take(10)
    assert [run[NUMBER] for run in batch.recorded] == [1, 7, 8, 9]
    assert batch.lost == {OK: 5}


def test_a_run_that_became_retrying_is_not_counted_as_an_ending() -> None:
    outbox = Outbox(lambda: None)
    outbox.count_only([entry(1, RunState.RETRYING, ended=None), entry(2)])
    assert (outbox.lost, dict(outbox.take(10).lost)) == (1, {("a", "OK"): 1})
