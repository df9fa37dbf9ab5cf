"""Tests of the timer queue."""

from __future__ import annotations

import gc
import weakref

from hypothesis import given
from hypothesis import strategies as st

from jobtui.engine.timer_queue import TimerQueue


class Item:
    """An entry of the queue."""


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(0, 5), st.integers(0, 6)),
        st.tuples(st.just("remove"), st.integers(0, 5), st.integers(0, 6)),
        st.tuples(st.just("pop"), st.integers(1, 4), st.integers(0, 8)),
        st.tuples(st.just("clear"), st.just(0), st.just(0)),
    )
)


@given(OPERATIONS)
def test_due_entries_are_popped_in_the_order_of_a_simple_model(
    operations: list[tuple[str, int, int]],
) -> None:
    """By instant, then in the order of the pushes. The model searches a list."""
    queue: TimerQueue[Item] = TimerQueue()
    items = [Item() for _ in range(6)]
    entries: list[tuple[int, Item]] = []
    for operation, first, second in operations:
        if operation == "pop":
            expected = sorted((entry for entry in entries if entry[0] <= second), key=lambda entry: entry[0])
            expected = expected[:first]
            assert queue.pop_due(second, first) == [item for _, item in expected]
            entries = [entry for entry in entries if entry not in expected]
        elif operation == "clear":
            queue.clear()
            entries.clear()
        elif operation == "remove":
            queue.remove(items[first], second)
            entries = [entry for entry in entries if entry != (second, items[first])]
        elif all(item is not items[first] for _, item in entries):
            queue.push(items[first], second)
            entries.append((second, items[first]))
        assert queue.next_instant == min((due for due, _ in entries), default=None)


def test_a_removed_entry_is_gone_at_once() -> None:
    """The queue keeps neither the entry nor, in the long run, its instant."""
    queue: TimerQueue[Item] = TimerQueue()
    kept = Item()
    queue.push(kept, 5.0)
    for due in range(10_000):
        item = Item()
        queue.push(item, float(due))
        reference = weakref.ref(item)
        queue.remove(item, float(due))
        del item
        assert reference() is None
    del reference
    gc.collect()
    assert sum(isinstance(each, float) for each in gc.get_referents(*gc.get_referents(queue))) < 1_000
    assert queue.pop_due(1e9, 10) == [kept]


def test_entries_of_one_instant_can_be_popped_in_parts() -> None:
    """The rest keeps its order, and an entry that is pushed in between comes last."""
    queue: TimerQueue[Item] = TimerQueue()
    items = [Item() for _ in range(5)]
    for item in items[:4]:
        queue.push(item, 5.0)
    assert queue.pop_due(5.0, 2) == items[:2]
    queue.push(items[4], 5.0)
    queue.remove(items[2], 5.0)
    assert queue.pop_due(5.0, 9) == items[3:]
