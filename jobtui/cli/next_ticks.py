"""What ``jobtui next`` prints: the next fires of a spec, and what the clock's changes do to them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from jobtui.schedules.describe import describe
from jobtui.schedules.dst import DstEffect, Tick, ticks_after
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Cron, Dst, Every
from jobtui.schedules.zones import zone, zone_name

_INDENT = "    "
_NARROWEST = 40  # columns; a narrower terminal gets lines that it breaks itself
# Told apart without a colour, and without the word that stands beside each.
_MARKS = {
    DstEffect.MOVED: "↷",
    DstEffect.MERGED: "≡",
    DstEffect.REPEATED: "↻",
    DstEffect.DROPPED: "✗",
}


class BadMomentError(ValueError):
    """A text is no date and time. The message is for the person who typed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextFires:
    """The next fires of a spec.

    Attributes:
        spec: The spec as it was written.
        schedule: What it means.
        start: The fires are strictly later; in the schedule's zone.
        lines: The fires, and between them what a change of the clock drops; soonest first.
    """

    spec: str
    schedule: Cron | Every
    start: datetime
    lines: tuple[Tick, ...]


def next_fires(
    spec: str, *, count: int, tz: str | None, dst: Dst, start: str | None, now: datetime
) -> NextFires:
    """Finds the next fires of a spec.

    Args:
        spec: The spec.
        count: How many fires; what is dropped between them is not counted.
        tz: The name of the zone, where the spec has none; None is the machine's.
        dst: ``"once"`` or ``"every"``.
        start: From when on, in ISO 8601; without an offset on the clock of the schedule's zone. None is now.
        now: Aware.

    Raises:
        BadSpec: The spec or the zone is not acceptable.
        BadMomentError: ``start`` is not acceptable.
    """
    schedule = parse(spec, tz=None if tz is None else zone(tz), dst=dst)
    begin = (now if start is None else _moment(start, schedule)).astimezone(UTC).astimezone(schedule.tz)
    return NextFires(spec=spec, schedule=schedule, start=begin, lines=tuple(_first(schedule, begin, count)))


def _first(schedule: Cron | Every, start: datetime, count: int) -> Iterator[Tick]:
    for fire in ticks_after(schedule, start):
        yield fire
        count -= not fire.is_dropped
        if not count:
            return


def _moment(text: str, schedule: Cron | Every) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        shown = moment if moment.tzinfo is not None else moment.replace(tzinfo=schedule.tz)
        shown.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadMomentError(
            f"{text!r:.40} is no date and time; write 2026-10-24T12:00, or with an offset"
            " 2026-10-24T12:00+01:00"
        ) from None
    return shown


def as_text(fires: NextFires, width: int | None) -> str:
    """Returns the fires as lines for a reader.

    Args:
        fires: The fires.
        width: How many columns there are; None for as many as it takes.
    """
    schedule = fires.schedule
    head = [
        " ".join(fires.spec.split()),
        describe(schedule) if schedule.zone_given else f"{describe(schedule)} ({zone_name(schedule.tz)})",
        f"after {_local(fires.start)}",
        "",
    ]
    if not fires.lines:
        return "\n".join([*head, "It never fires: nothing matches within 8 years."])
    rows = [_row(fire, fires.start) for fire in fires.lines]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row, fire in zip(rows, fires.lines, strict=True):
        lines.append("  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip())
        if fire.note is not None:
            lines += _wrapped(fire.note.sentence, width)
    return "\n".join([*head, *lines])


def _row(fire: Tick, start: datetime) -> tuple[str, str, str, str]:
    mark = "" if fire.note is None else f"{_MARKS[fire.note.effect]} {fire.note.effect.value}"
    if fire.is_dropped:
        return "(no fire)", "", "", mark
    return _local(fire.at), f"{_shown(fire.at.astimezone(UTC))} UTC", _countdown(fire.at, start), mark


def _wrapped(sentence: str, width: int | None) -> list[str]:
    if width is None or width < _NARROWEST:
        return [_INDENT + sentence]
    return textwrap.wrap(sentence, width, initial_indent=_INDENT, subsequent_indent=_INDENT)


def _local(instant: datetime) -> str:
    return f"{instant:%a} {_shown(instant)} {instant.tzname()}"


def _shown(instant: datetime) -> str:
    precision = "milliseconds" if instant.microsecond else "seconds"
    return instant.replace(tzinfo=None).isoformat(" ", precision)


def _countdown(instant: datetime, start: datetime) -> str:
    """How long from the start, in its two largest units."""
    distance = instant.astimezone(UTC) - start.astimezone(UTC)
    if distance < timedelta(seconds=10):
        return f"in {distance.total_seconds():.3f}".rstrip("0").rstrip(".") + "s"
    minutes, seconds = divmod(distance // timedelta(seconds=1), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]
    largest = next(place for place, (amount, _) in enumerate(units) if amount)
    return "in " + " ".join(f"{amount}{unit}" for amount, unit in units[largest : largest + 2] if amount)


def as_json(fires: NextFires) -> str:
    """Returns the fires for a program: instants in ISO 8601, distances in seconds from the start."""
    schedule = fires.schedule
    lines = [(fire, _for_json(fire, fires.start)) for fire in fires.lines]
    return json.dumps(
        {
            "spec": fires.spec,
            "canonical": str(schedule),
            "words": describe(schedule),
            "zone": zone_name(schedule.tz),
            "dst": schedule.dst if isinstance(schedule, Cron) else None,
            "after": fires.start.isoformat(),
            "fires": [line for fire, line in lines if not fire.is_dropped],
            "dropped": [line for fire, line in lines if fire.is_dropped],
        },
        indent=2,
        ensure_ascii=False,
    )


def _for_json(fire: Tick, start: datetime) -> dict[str, object]:
    instant = fire.at.astimezone(UTC)
    return {
        "local": fire.at.isoformat(),
        "utc": f"{instant.replace(tzinfo=None).isoformat()}Z",
        "seconds": (instant - start.astimezone(UTC)).total_seconds(),
        "effect": None if fire.note is None else fire.note.effect.value,
        "note": None if fire.note is None else fire.note.sentence,
    }
