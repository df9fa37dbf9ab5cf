"""Tests of the timer queue."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from jobtui.engine.timer_queue import TimerQueue


class Item:
    """An entry of the queue."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.due: float | None = None


class ModelEntry(NamedTuple):
    """The model's note of a pushed item."""

    due: float
    item: int


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(0, 5), st.integers(0, 6)),
        st.tuples(st.just("cancel"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("pop"), st.integers(0, 3), st.integers(0, 8)),
    )
)


@given(OPERATIONS)
def test_due_entries_are_popped_in_the_order_of_a_simple_model(
    operations: list[tuple[str, int, int]],
) -> None:
    """By instant, then in the order of the pushes, without stale entries; also after an early stop.

    The model searches a list.
    """
    queue: TimerQueue[Item] = TimerQueue()
    items = [Item(number) for number in range(6)]
    rest: list[ModelEntry] = []  # of the instant in the middle of which an iteration stopped
    entries: list[ModelEntry] = []
    for operation, first, second in operations:
        if operation == "pop":
            popped = []
            for item in queue.pop_due(second):
                popped.append(item)
                if len(popped) > first:
                    break
            expected: list[Item] = []
            while (rest or any(entry.due <= second for entry in entries)) and len(expected) <= first:
                if not rest:
                    instant = min(entry.due for entry in entries)
                    rest = [entry for entry in entries if entry.due == instant]
                    entries = [entry for entry in entries if entry.due != instant]
                entry = rest.pop(0)
                expected += [items[entry.item]] if items[entry.item].due == entry.due else []
            assert popped == expected
        elif operation == "push":
            items[first].due = float(second)
            queue.push(items[first], second)
            entries.append(ModelEntry(second, first))
        else:
            items[first].due = None  # its entries are stale now
        earliest = min((entry.due for entry in entries), default=None)
        assert queue.next_instant == (rest[0].due if rest else earliest)


def test_entries_pushed_during_an_iteration_are_popped_by_it() -> None:
    """Earlier than the current instant, at the same one, and later."""
    queue: TimerQueue[Item] = TimerQueue()
    items = [Item(number) for number in range(5)]
    for item in items[:2]:
        item.due = 5.0
        queue.push(item, 5.0)
    popped = []
    for item in queue.pop_due(9.0):
        popped.append(item.number)
        if item is items[0]:
            for other, due in ((items[2], 9.0), (items[3], 5.0), (items[4], 3.0)):
                other.due = due
                queue.push(other, due)
    assert popped == [0, 1, 4, 3, 2]
    assert queue.next_instant is None


def test_clear_removes_every_entry_also_during_an_iteration() -> None:
    """The queue can be used again afterwards."""
    queue: TimerQueue[Item] = TimerQueue()
    items = [Item(number) for number in range(3)]
    for item in items:
        item.due = 5.0
        queue.push(item, 5.0)
    items.append(Item(3))
    items[3].due = 6.0
    queue.push(items[3], 6.0)
    iteration = queue.pop_due(6.0)
    assert next(iteration) is items[0]
    instants = [queue.next_instant]
    queue.clear()
    instants.append(queue.next_instant)
    assert instants == [5.0, None]
    assert list(iteration) == []
    queue.push(items[3], 6.0)
    assert list(queue.pop_due(6.0)) == [items[3]]
