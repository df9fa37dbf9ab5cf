"""What is due when."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from jobtui.engine.timer_queue import TimerQueue


class Item:
    """Something that knows when it is due."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.due: float | None = None


class Entry(NamedTuple):
    """What the model notes of something that is due."""

    due: float
    item: int


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 5), st.integers(0, 6)),
        st.tuples(st.just("cancel"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("take"), st.integers(0, 3), st.integers(0, 8)),
    )
)


@given(OPERATIONS)
def test_things_come_in_the_order_of_their_instants(operations: list[tuple[str, int, int]]) -> None:
    """And at the same instant in the order they were put in; stale entries are passed over.

    Whoever takes may stop at any one, and gets the rest the next time.

    The model is a list that is searched through.
    """
    agenda: TimerQueue[Item] = TimerQueue()
    items = [Item(number) for number in range(6)]
    rest: list[Entry] = []  # of the instant in the middle of which somebody stopped
    entries: list[Entry] = []
    for what, first, second in operations:
        if what == "take":
            taken = []
            for item in agenda.pop_due(second):
                taken.append(item)
                if len(taken) > first:
                    break
            expected: list[Item] = []
            while (rest or any(entry.due <= second for entry in entries)) and len(expected) <= first:
                if not rest:
                    instant = min(entry.due for entry in entries)
                    rest = [entry for entry in entries if entry.due == instant]
                    entries = [entry for entry in entries if entry.due != instant]
                entry = rest.pop(0)
                expected += [items[entry.item]] if items[entry.item].due == entry.due else []
            assert taken == expected
        elif what == "put":
            items[first].due = float(second)
            agenda.push(items[first], second)
            entries.append(Entry(second, first))
        else:
            items[first].due = None  # its entries are stale now
        assert agenda.next == (rest[0].due if rest else min((entry.due for entry in entries), default=None))


def test_what_is_put_in_meanwhile_is_seen_too() -> None:
    """Earlier than what is being taken, at the same instant, and later."""
    agenda: TimerQueue[Item] = TimerQueue()
    items = [Item(number) for number in range(5)]
    for item in items[:2]:
        item.due = 5.0
        agenda.push(item, 5.0)
    seen = []
    for item in agenda.pop_due(9.0):
        seen.append(item.number)
        if item is items[0]:
            for other, due in ((items[2], 9.0), (items[3], 5.0), (items[4], 3.0)):
                other.due = due
                agenda.push(other, due)
    assert seen == [0, 1, 4, 3, 2]
    assert agenda.next is None


def test_forgetting_everything() -> None:
    """Also in the middle."""
    agenda: TimerQueue[Item] = TimerQueue()
    items = [Item(number) for number in range(3)]
    for item in items:
        item.due = 5.0
        agenda.push(item, 5.0)
    items.append(Item(3))
    items[3].due = 6.0
    agenda.push(items[3], 6.0)
    taking = agenda.pop_due(6.0)
    assert next(taking) is items[0]
    instants = [agenda.next]
    agenda.clear()
    instants.append(agenda.next)
    assert instants == [5.0, None]
    assert list(taking) == []
    agenda.push(items[3], 6.0)
    assert list(agenda.pop_due(6.0)) == [items[3]]
