"""The memory of events that are encoded for all clients."""

from __future__ import annotations

import pytest

from jobtui.web.api.event_stream import EncodedEvents
from jobtui.web.event_hub import BUFFER_SIZE


@pytest.mark.parametrize(("limit", "kept"), [(1_000, 10), (1_099, 10), (100, 1), (99, 0)])
def test_above_the_limit_the_first_events_are_dropped(limit: int, kept: int) -> None:
    """However many events are added."""
    events = EncodedEvents(limit)
    for seq in range(1, 51):
        events.add(seq, b"x" * 100)
        assert events.size <= limit
    assert [seq for seq in range(1, 51) if events.get(seq) is not None] == list(range(51 - kept, 51))


def test_no_more_events_are_kept_than_a_client_can_get() -> None:
    """Empty ones would fit in any number."""
    events = EncodedEvents(1_000)
    for seq in range(BUFFER_SIZE + 1):
        events.add(seq, b"")
    assert (events.get(0), events.get(1)) == (None, b"")


def test_events_can_be_added_again_after_all_are_dropped() -> None:
    """The dropped ones count no more."""
    events = EncodedEvents(100)
    events.add(1, b"x" * 60)
    events.clear()
    assert (events.get(1), events.size) == (None, 0)
    events.add(2, b"y" * 60)
    assert (events.get(2), events.size) == (b"y" * 60, 60)
