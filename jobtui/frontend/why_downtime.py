"""The times in which no scheduler ran."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from jobtui.frontend.why_facts import LifeSpan
from jobtui.frontend.why_texts import time_near


def life_at(lives: Sequence[LifeSpan], at: datetime) -> LifeSpan | None:
    """Return the process in whose time an instant is; None if no scheduler ran then."""
    instant = at.timestamp()
    for life in reversed(lives):
        if life.started.timestamp() <= instant and (life.ended is None or instant <= life.ended.timestamp()):
            return life
    return None


def downtime_around(
    lives: Sequence[LifeSpan], at: datetime
) -> tuple[LifeSpan | None, LifeSpan | None] | None:
    """Return the processes before and after an instant at which none ran; None if none is known at all."""
    if not lives:
        return None
    instant = at.timestamp()
    before = [life for life in lives if life.ended is not None and life.ended.timestamp() < instant]
    after = [life for life in lives if life.started.timestamp() > instant]
    return (
        max(before, key=lambda life: life.ended or life.started, default=None),
        min(after, key=lambda life: life.started, default=None),
    )


def describe_downtime(ended: LifeSpan | None, began: LifeSpan | None, near: datetime) -> str:
    """Return a time without a scheduler in words, given the processes before and after it."""
    until = "now" if began is None else time_near(began.started, near)
    if ended is None or ended.ended is None:
        return f"no scheduler had run before {until}"
    how = "killed" if ended.killed else "stopped"
    return f"not running from {time_near(ended.ended, near)} ({how}) to {until}"
