"""The effect of a zone's transitions on the ticks of a cron schedule, and a sentence that explains it.

`Cron.next` alone decides when a schedule is due. This module explains the result: why a tick is at 03:00 and
not at 02:30, or why there is one tick and not two. `DstNote` is the explanation, `Tick` an instant with its
note, and `TickPreview` the list of ticks that the front ends show for a job.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum
from itertools import chain, islice, takewhile

from jobtui.schedules.schedule import Cron, Schedule
from jobtui.schedules.transitions import (
    Transition,
    is_fixed,
    offset_at,
    transition_around,
    transitions_between,
)
from jobtui.schedules.wall_clock import LONG_GAP
from jobtui.schedules.zones import zone_name

PREVIEW_LENGTH = 10  # ticks of a TickPreview, including dropped ones

_MICROSECOND = timedelta(microseconds=1)
_MOST_LISTED = 3  # wall times in a sentence; of more, it has the first, the last and the count
_MOST_COUNTED = 1000
_EVERY_HOUR = 24


class DstEffect(Enum):
    """The effect of a transition on a tick."""

    MOVED = "moved"  # its wall time is in a gap; it is due right after the gap
    MERGED = "merged"  # several wall times, or both folds of one, are one tick
    REPEATED = "repeated"  # its wall time is in an overlap, and it is due in both folds
    DROPPED = "dropped"  # its wall time is in a gap, and it is not due


@dataclass(frozen=True, slots=True)
class DstNote:
    """The explanation of what a transition does."""

    effect: DstEffect  # in a word
    sentence: str  # in full, without a capital at the beginning and a full stop at the end


@dataclass(frozen=True, slots=True)
class Tick:
    """An instant at which a schedule is due or, if its note says DROPPED, would have been."""

    at: datetime  # the instant, in the schedule's zone; of a dropped tick, the instant of the transition
    note: DstNote | None  # what a transition does to the tick; None if nothing

    @property
    def is_dropped(self) -> bool:
        """Whether the schedule is not due at this instant."""
        return self.note is not None and self.note.effect is DstEffect.DROPPED


@dataclass(frozen=True, slots=True)
class TickPreview:
    """The next ticks of a schedule."""

    ticks: tuple[Tick, ...] = ()  # at most 10, soonest first, including dropped ones
    changes: tuple[DstNote, ...] = ()  # one note for each transition that affects these ticks


def ticks_after(schedule: Schedule, after: datetime) -> Iterator[Tick]:
    """Yield the ticks of a schedule strictly later than ``after``, including dropped ones."""
    start, due = after, schedule.next(after)
    while due is not None:
        yield from dropped_ticks(schedule, start, due)
        yield Tick(due, note_on_tick(schedule, due))
        start, due = due, schedule.next(due)


def dropped_ticks(schedule: Schedule, after: datetime, until: datetime) -> Iterator[Tick]:
    """Yield a dropped tick for each transition in ``after < t <= until`` with a gap that drops ticks."""
    if not isinstance(schedule, Cron):
        return
    for transition in transitions_between(schedule.tz, after, until):
        note = _gap_note(schedule, transition) if transition.is_gap else None
        if note is not None and note.effect is DstEffect.DROPPED:
            yield Tick(transition.instant.astimezone(schedule.tz), note)


def preview_ticks(now: datetime, schedule: Schedule, next_tick: datetime, zone: tzinfo) -> TickPreview:
    """Return the ticks of a job from its next tick on.

    Args:
        now: Ticks that were dropped before are left out; aware.
        schedule: The job's schedule.
        next_tick: The job's next tick, aware; it may be earlier than ``now`` if the timer is late.
        zone: The zone of the times of the result.
    """
    # In UTC, because Python compares two datetimes of one zone by their wall clocks.
    now, next_tick = now.astimezone(UTC), next_tick.astimezone(UTC)
    dropped_before = takewhile(
        lambda tick: tick.is_dropped, ticks_after(schedule, min(now, next_tick - _MICROSECOND))
    )
    first = Tick(next_tick, note_on_tick(schedule, next_tick))
    ticks = tuple(islice(chain(dropped_before, [first], ticks_after(schedule, next_tick)), PREVIEW_LENGTH))
    return TickPreview(
        tuple(replace(tick, at=tick.at.astimezone(zone)) for tick in ticks),
        _notes_on_transitions(schedule, ticks, zone) if isinstance(schedule, Cron) else (),
    )


def note_on_tick(schedule: Schedule | None, tick: datetime) -> DstNote | None:
    """Return what a transition does to one tick; None if nothing.

    Args:
        schedule: The schedule; without one there is no note.
        tick: An instant that the schedule's ``next`` returned, in any zone.
    """
    if not isinstance(schedule, Cron) or is_fixed(schedule.tz):
        return None
    tick = tick.astimezone(UTC).astimezone(schedule.tz)
    transition = _transition_of(tick)
    if transition is None:
        return None
    if transition.is_gap:
        gap_note = _gap_note(schedule, transition)
        return gap_note if gap_note is not None and gap_note.effect is not DstEffect.DROPPED else None
    note = _overlap_note(schedule, transition, [tick.replace(tzinfo=None)])
    if not schedule.every_fold:
        return note
    return replace(note, sentence=f"{note.sentence}; this is the {'second' if tick.fold else 'first'} time")


def note_on_transition(schedule: Cron, transition: Transition) -> DstNote | None:
    """Return what one transition of its zone does to a schedule; None if nothing."""
    if transition.is_gap:
        return _gap_note(schedule, transition)
    ambiguous = _matches(schedule, transition)
    return _overlap_note(schedule, transition, ambiguous) if ambiguous else None


def _notes_on_transitions(schedule: Cron, ticks: tuple[Tick, ...], zone: tzinfo) -> tuple[DstNote, ...]:
    """Return one note for each transition; the notes of its ticks would say the same several times."""
    transitions = dict.fromkeys(
        _transition_of(tick.at.astimezone(schedule.tz)) for tick in ticks if tick.note
    )
    notes = [note for each in transitions if each and (note := note_on_transition(schedule, each))]
    if zone_name(schedule.tz) == zone_name(zone):
        return tuple(notes)
    prefix = f"in {zone_name(schedule.tz)}, "  # the ticks are shown in another zone
    return tuple(replace(note, sentence=prefix + note.sentence) for note in notes)


def _transition_of(tick: datetime) -> Transition | None:
    """Return the overlap that a tick is in, or the gap that it is right after."""
    overlap = transition_around(tick)  # not a gap: a tick is an instant, so its wall time exists
    if overlap is not None:
        return overlap
    assert tick.tzinfo is not None
    instant = tick.astimezone(UTC)
    before, after = offset_at(tick.tzinfo, instant - _MICROSECOND), offset_at(tick.tzinfo, instant)
    return Transition(instant, before, after) if before < after else None


def _matches(schedule: Cron, transition: Transition) -> list[datetime]:
    """Return the wall times of a gap or an overlap that the schedule names; naive, at most 1000."""

    def walk() -> Iterator[datetime]:
        wall = schedule.table.first_after(transition.wall_start - _MICROSECOND)
        while wall is not None and wall < transition.wall_end:
            yield wall
            wall = schedule.table.first_after(wall)

    return list(islice(walk(), _MOST_COUNTED))


def _gap_note(schedule: Cron, gap: Transition) -> DstNote | None:
    missing = _matches(schedule, gap)
    if not missing or (schedule.every_fold and len(schedule.fields.hours) == _EVERY_HOUR):
        return None  # a schedule of every hour loses nothing: its hours continue after the gap
    moment = _time if gap.wall_start.date() == gap.wall_end.date() else _day_and_time
    sentence = (
        f"{_times(missing)} {'does' if len(missing) == 1 else 'do'} not exist on {missing[0]:%a %Y-%m-%d}:"
        f" the clock jumps from {moment(gap.wall_start)} to {moment(gap.wall_end)}"
    )
    if schedule.every_fold or gap.length >= LONG_GAP:
        return DstNote(DstEffect.DROPPED, f"{sentence}, so it does not run")
    # The end of the gap may be a match itself; it is the same instant.
    with_end = schedule.table.first_after(gap.wall_end - _MICROSECOND) == gap.wall_end
    if len(missing) == 1 and not with_end:
        return DstNote(DstEffect.MOVED, f"{sentence}, so it runs right after the jump")
    also = f" together with {_time(gap.wall_end)}" if with_end else ""
    return DstNote(DstEffect.MERGED, f"{sentence}, so it runs once{also}, right after the jump")


def _overlap_note(schedule: Cron, overlap: Transition, ambiguous: list[datetime]) -> DstNote:
    sentence = (
        f"the clock goes back from {_time(overlap.wall_end)} to {_time(overlap.wall_start)}"
        f" on {ambiguous[0]:%a %Y-%m-%d} and shows {_times(ambiguous)} twice"
    )
    if schedule.every_fold:
        return DstNote(DstEffect.REPEATED, f"{sentence}, and it runs both times")
    return DstNote(DstEffect.MERGED, f"{sentence}, and it runs only the first time")


def _times(walls: list[datetime]) -> str:
    if len(walls) > _MOST_LISTED:
        count = f"{len(walls)} times" if len(walls) < _MOST_COUNTED else f"{_MOST_COUNTED} times or more"
        return f"{_time(walls[0])} to {_time(walls[-1])} ({count})"
    times = [_time(wall) for wall in walls]
    return times[0] if len(times) == 1 else f"{', '.join(times[:-1])} and {times[-1]}"


def _time(wall: datetime) -> str:
    return f"{wall:%H:%M:%S}" if wall.second else f"{wall:%H:%M}"


def _day_and_time(wall: datetime) -> str:
    return f"{wall:%Y-%m-%d} {_time(wall)}"
