"""The size of the pool that was set by hand goes on after a restart, unless the settings have changed."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from jobtui import PoolView, Scheduler


def sizes(pool: PoolView) -> tuple[int, int | None]:
    """Return the size of a pool, and the size that is configured if another one was set by hand."""
    return pool.size, pool.configured


def set_by_hand(store: Path, size: int) -> None:
    """Start a scheduler whose pool is configured with 10 slots, and set another size."""
    with Scheduler(pool=10, store=store) as scheduler:
        scheduler.resize(size)
        assert sizes(scheduler.pool_view()) == (size, None if size == 10 else 10)


@pytest.mark.parametrize("size", [3, 0, 20])
def test_a_size_that_was_set_by_hand_goes_on_and_the_log_says_so(
    store: Path, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    set_by_hand(store, size)
    with Scheduler(pool=10, store=store) as scheduler:
        assert sizes(scheduler.pool_view()) == (size, 10)
    assert f"pool {size or 'without limit'}, set by hand; the settings say 10" in caplog.messages


def test_the_configured_size_wins_if_it_has_changed_since(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    set_by_hand(store, 3)
    with caplog.at_level(logging.WARNING), Scheduler(pool=8, store=store) as scheduler:
        assert sizes(scheduler.pool_view()) == (8, None)
    assert "pool 8: the settings have changed since it was set to 3 by hand" in caplog.messages
    with Scheduler(pool=10, store=store) as scheduler:
        assert sizes(scheduler.pool_view()) == (10, None)


def test_the_configured_size_set_by_hand_ends_the_change(store: Path) -> None:
    set_by_hand(store, 3)
    set_by_hand(store, 10)
    with Scheduler(pool=10, store=store) as scheduler:
        assert sizes(scheduler.pool_view()) == (10, None)


def test_a_size_that_the_program_sets_before_the_start_is_a_configured_one(store: Path) -> None:
    scheduler = Scheduler(pool=10, store=store)
    scheduler.resize(5)
    with scheduler:
        assert sizes(scheduler.pool_view()) == (5, None)
        scheduler.resize(2)
    scheduler = Scheduler(pool=10, store=store)
    scheduler.resize(5)
    with scheduler:
        assert sizes(scheduler.pool_view()) == (2, 5)
