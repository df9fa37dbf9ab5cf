"""What the changes of a zone's clock do to the fires of a cron schedule, and how that is said.

Nothing here decides when a schedule is due: that is `Cron.next`. This tells the person who looks at a fire
why it is at 03:00 and not at 02:30, or why there is one fire and not two.
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

_MICROSECOND = timedelta(microseconds=1)
_MOST_LISTED = 3  # wall times in a sentence; more are told by the first and the last
_MOST_COUNTED = 1000
_EVERY_HOUR = 24


class DstEffect(Enum):
    """What a change of the clock does to a fire."""

    MOVED = "moved"  # its wall time does not exist; it fires right after the gap
    MERGED = "merged"  # several wall times, or two passes of one, are one fire
    REPEATED = "repeated"  # its wall time is shown twice, and it fires at both
    DROPPED = "dropped"  # its wall time does not exist, and it does not fire


@dataclass(frozen=True, slots=True)
class DstNote:
    """What a change of the clock does.

    Attributes:
        effect: In a word.
        sentence: In full, without a capital at the beginning or a full stop at the end.
    """

    effect: DstEffect
    sentence: str


@dataclass(frozen=True, slots=True)
class Tick:
    """An instant at which a schedule fires, or, where the note says DROPPED, would have fired.

    Attributes:
        at: The instant, in the schedule's zone; of dropped ones, the instant of the change.
        note: What a change of the clock does to it; None if nothing.
    """

    at: datetime
    note: DstNote | None

    @property
    def dropped(self) -> bool:
        """Whether nothing fires."""
        return self.note is not None and self.note.effect is DstEffect.DROPPED


def ticks_after(schedule: Schedule, after: datetime) -> Iterator[Tick]:
    """Yields the fires of a schedule strictly later than ``after``, and between them what is dropped."""
    start, due = after, schedule.next(after)
    while due is not None:
        yield from dropped_ticks(schedule, start, due)
        yield Tick(due, note_on_tick(schedule, due))
        start, due = due, schedule.next(due)


def dropped_ticks(schedule: Schedule, after: datetime, until: datetime) -> Iterator[Tick]:
    """Yields what a schedule drops because of the changes of its clock in ``after < t <= until``."""
    if not isinstance(schedule, Cron):
        return
    for change in transitions_between(schedule.tz, after, until):
        note = _gap_note(schedule, change) if change.is_gap else None
        if note is not None and note.effect is DstEffect.DROPPED:
            yield Tick(change.instant.astimezone(schedule.tz), note)


def note_on_tick(schedule: Schedule | None, fire: datetime) -> DstNote | None:
    """Returns what a change of the clock does to one fire; None if nothing.

    Args:
        schedule: The schedule; None has no notes.
        fire: What its ``next`` returned, in any zone.
    """
    if not isinstance(schedule, Cron) or is_fixed(schedule.tz):
        return None
    fire = fire.astimezone(UTC).astimezone(schedule.tz)
    overlap = transition_around(fire)  # a fire is never in a gap
    if overlap is not None:
        note = _overlap_note(schedule, overlap, [fire.replace(tzinfo=None)])
        if schedule.every_pass:
            passing = "second" if fire.fold else "first"
            return DstNote(note.effect, f"{note.sentence}; this is the {passing} pass")
        return note
    instant = fire.astimezone(UTC)
    before, after = offset_at(schedule.tz, instant - _MICROSECOND), offset_at(schedule.tz, instant)
    if before >= after or schedule.every_pass:
        return None
    note_of_gap = _gap_note(schedule, Transition(instant, before, after))
    return note_of_gap if note_of_gap is not None and note_of_gap.effect is not DstEffect.DROPPED else None


def note_on_transition(schedule: Cron, change: Transition) -> DstNote | None:
    """Returns what one change of the clock of its zone does to a schedule; None if nothing."""
    if change.is_gap:
        return _gap_note(schedule, change)
    shown_twice = _matches(schedule, change)
    return _overlap_note(schedule, change, shown_twice) if shown_twice else None


def _matches(schedule: Cron, change: Transition) -> list[datetime]:
    """Returns the wall times of a gap or an overlap that the schedule names; naive, not too many."""

    def walk() -> Iterator[datetime]:
        wall = schedule.table.first_after(change.first - _MICROSECOND)
        while wall is not None and wall < change.end:
            yield wall
            wall = schedule.table.first_after(wall)

    return list(islice(walk(), _MOST_COUNTED))


def _gap_note(schedule: Cron, change: Transition) -> DstNote | None:
    missing = _matches(schedule, change)
    if not missing or (schedule.every_pass and len(schedule.fields.hours) == _EVERY_HOUR):
        return None  # what goes by the minutes of every hour goes on without a break
    shown = _time if change.first.date() == change.end.date() else _day_and_time
    sentence = (
        f"{_times(missing)} {'does' if len(missing) == 1 else 'do'} not exist on {missing[0]:%a %Y-%m-%d}:"
        f" the clock jumps from {shown(change.first)} to {shown(change.end)}"
    )
    if schedule.every_pass or change.length >= LONG_GAP:
        return DstNote(DstEffect.DROPPED, f"{sentence}, so it does not run")
    # What is due at the very end of the gap by itself has the same instant.
    with_end = schedule.table.first_after(change.end - _MICROSECOND) == change.end
    if len(missing) == 1 and not with_end:
        return DstNote(DstEffect.MOVED, f"{sentence}, so it runs right after the jump")
    also = f" together with {_time(change.end)}" if with_end else ""
    return DstNote(DstEffect.MERGED, f"{sentence}, so it runs once{also}, right after the jump")


def _overlap_note(schedule: Cron, change: Transition, shown_twice: list[datetime]) -> DstNote:
    sentence = (
        f"the clock goes back from {_time(change.end)} to {_time(change.first)}"
        f" on {shown_twice[0]:%a %Y-%m-%d} and shows {_times(shown_twice)} twice"
    )
    if schedule.every_pass:
        return DstNote(DstEffect.REPEATED, f"{sentence}, and it runs at both passes")
    return DstNote(DstEffect.MERGED, f"{sentence}, and it runs once, at the first pass")


def _times(walls: list[datetime]) -> str:
    if len(walls) > _MOST_LISTED:
        count = f"{len(walls)} times" if len(walls) < _MOST_COUNTED else f"{_MOST_COUNTED} times or more"
        return f"{_time(walls[0])} to {_time(walls[-1])} ({count})"
    names = [_time(wall) for wall in walls]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _time(wall: datetime) -> str:
    return f"{wall:%H:%M:%S}" if wall.second else f"{wall:%H:%M}"


def _day_and_time(wall: datetime) -> str:
    return f"{wall:%Y-%m-%d} {_time(wall)}"


PREVIEW_LENGTH = 10  # how many coming fires the details of a job list, those that are dropped included
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class TickPreview:
    """What comes of a schedule.

    Attributes:
        ticks: Its next fires, and between them what is dropped: at most 10, soonest first.
        changes: What the changes of the clock do that affect them: one note for each change.
    """

    ticks: tuple[Tick, ...] = ()
    changes: tuple[DstNote, ...] = ()


def preview_ticks(now: datetime, schedule: Schedule, next_fire: datetime, zone: tzinfo) -> TickPreview:
    """Looks ahead from a job's next fire.

    Args:
        now: From when on dropped fires are told; aware.
        schedule: The job's schedule.
        next_fire: The job's next fire, which may be late already; aware.
        zone: Of the answer's times.
    """
    # In UTC, because two datetimes of one zone compare by what its clock shows.
    now, next_fire = now.astimezone(UTC), next_fire.astimezone(UTC)
    dropped_before = takewhile(
        lambda fire: fire.dropped, ticks_after(schedule, min(now, next_fire - _MICROSECOND))
    )
    due = Tick(next_fire, note_on_tick(schedule, next_fire))
    fires = tuple(islice(chain(dropped_before, [due], ticks_after(schedule, next_fire)), PREVIEW_LENGTH))
    return TickPreview(
        tuple(replace(fire, at=fire.at.astimezone(zone)) for fire in fires),
        _notes_on_changes(schedule, fires, zone) if isinstance(schedule, Cron) else (),
    )


def _notes_on_changes(schedule: Cron, fires: tuple[Tick, ...], zone: tzinfo) -> tuple[DstNote, ...]:
    """One note for each change: a fire's own would say the same again for every fire of that night."""
    changes = dict.fromkeys(_change_at(fire.at.astimezone(schedule.tz)) for fire in fires if fire.note)
    notes = [note for change in changes if (note := note_on_transition(schedule, change)) is not None]
    if zone_name(schedule.tz) == zone_name(zone):
        return tuple(notes)
    where = f"in {zone_name(schedule.tz)}, "  # the times beside them are another zone's
    return tuple(replace(note, sentence=where + note.sentence) for note in notes)


def _change_at(fire: datetime) -> Transition:
    """The change that is the reason of a fire's note: it shows its time twice, or has just skipped some."""
    overlap = transition_around(fire)
    if overlap is not None:
        return overlap
    assert fire.tzinfo is not None
    return next(transitions_between(fire.tzinfo, fire.astimezone(UTC) - _MICROSECOND, fire))
