"""``jobtui next``: print the next ticks of a spec, and what clock changes do to them."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from jobtui.cli.command_error import CommandError
from jobtui.process.stdio import is_terminal, write_line
from jobtui.runtime.clock import SystemClock
from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.describe import describe
from jobtui.schedules.dst import DstEffect, Tick, ticks_after
from jobtui.schedules.parser import parse
from jobtui.schedules.quiet_times import NO_QUIET_TIMES, QuietTimes, parse_quiet_times
from jobtui.schedules.schedule import Cron, Dst, Every
from jobtui.schedules.zones import FIRST_YEAR, LAST_YEAR, zone, zone_name

_INDENT = "    "
_MIN_WIDTH = 40  # columns; in a narrower terminal the lines are not wrapped
_MARKS = {
    DstEffect.MOVED: "↷",
    DstEffect.MERGED: "≡",
    DstEffect.REPEATED: "↻",
    DstEffect.DROPPED: "✗",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTicks:
    """The next ticks of a spec.

    Attributes:
        spec: The spec as it was written.
        schedule: The parsed spec.
        start: All ticks are strictly later; in the schedule's zone.
        ticks: The ticks, soonest first, including those that a clock change drops.
        quiet: The times in which ticks start no run.
    """

    spec: str
    schedule: Cron | Every
    start: datetime
    ticks: tuple[Tick, ...]
    quiet: QuietTimes = NO_QUIET_TIMES

    def quiet_until(self, tick: Tick) -> datetime | None:
        """Return when the quiet time of a tick ends; None if it is not quiet then."""
        end = self.quiet.end_at(tick.at.timestamp())
        return None if end is None or tick.is_dropped else datetime.fromtimestamp(end, self.schedule.tz)


def print_next_ticks(options: argparse.Namespace) -> None:
    """Print the next ticks of a spec.

    Args:
        options: From `NextParser`.

    Raises:
        CommandError: The spec, the zone or ``--from`` is wrong.
    """
    try:
        ticks = next_ticks(
            options.words[0],
            count=options.count,
            tz=options.tz,
            dst=options.dst,
            start=options.start,
            quiet=options.quiet,
            now=datetime.fromtimestamp(SystemClock().now(), UTC).replace(microsecond=0),
        )
    except BadSpec as error:
        raise CommandError(str(error)) from error
    width = shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None
    write_line(sys.stdout, as_json(ticks) if options.json else as_text(ticks, width))


def next_ticks(
    spec: str,
    *,
    count: int,
    tz: str | None,
    dst: Dst,
    start: str | None,
    now: datetime,
    quiet: Sequence[str] = (),
) -> NextTicks:
    """Find the next ticks of a spec.

    Args:
        spec: The spec.
        count: How many ticks to find; dropped ticks between them are not counted.
        tz: The zone if the spec names none; None is the machine's zone.
        dst: ``"once"`` or ``"every"``.
        start: Find only ticks after this instant, in ISO 8601; without an offset it is in the schedule's
            zone. None is `now`.
        now: The current time, aware.
        quiet: The quiet times, in the zone of the schedule.

    Raises:
        BadSpec: The spec, the zone or a quiet time is wrong.
        CommandError: `start` is not a date and time, or its year is too early or too late.
    """
    schedule = parse(spec, tz=None if tz is None else zone(tz), dst=dst)
    after = (
        (now if start is None else _parse_instant(start, schedule)).astimezone(UTC).astimezone(schedule.tz)
    )
    ticks = tuple(_first_ticks(schedule, after, count))
    quiet_times = parse_quiet_times(quiet, tz=schedule.tz, name="--quiet")
    return NextTicks(spec=spec, schedule=schedule, start=after, ticks=ticks, quiet=quiet_times)


def _first_ticks(schedule: Cron | Every, start: datetime, count: int) -> Iterator[Tick]:
    for tick in ticks_after(schedule, start):
        if tick.at.year > LAST_YEAR:
            return
        yield tick
        count -= not tick.is_dropped
        if not count:
            return


def _parse_instant(text: str, schedule: Cron | Every) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        aware = instant if instant.tzinfo is not None else instant.replace(tzinfo=schedule.tz)
        aware.astimezone(UTC)  # raises if it lies outside of the years that datetime knows
    except (ValueError, OverflowError):
        raise CommandError(
            f"--from: {text!r:.40} is not a date and time; write 2026-10-24T12:00, or with an offset"
            " 2026-10-24T12:00+01:00"
        ) from None
    if not FIRST_YEAR <= aware.year <= LAST_YEAR:
        raise CommandError(f"--from: {text!r:.40} is not between the years {FIRST_YEAR} and {LAST_YEAR}")
    return aware


def as_text(next_ticks: NextTicks, width: int | None) -> str:
    """Format ticks as lines for a reader.

    Args:
        next_ticks: The ticks.
        width: The terminal's width in columns; None for no limit.
    """
    schedule = next_ticks.schedule
    head = [
        " ".join(next_ticks.spec.split()),
        describe(schedule) if schedule.zone_given else f"{describe(schedule)} ({zone_name(schedule.tz)})",
        f"after {_local(next_ticks.start)}",
        "",
    ]
    if not next_ticks.ticks:
        return "\n".join([*head, "It never runs: nothing matches within 8 years."])
    rows = [_row(tick, next_ticks.start) for tick in next_ticks.ticks]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row, tick in zip(rows, next_ticks.ticks, strict=True):
        lines.append("  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip())
        if tick.note is not None:
            lines += _wrap(tick.note.sentence, width)
        if (until := next_ticks.quiet_until(tick)) is not None:
            lines += _wrap(f"It starts no run: quiet until {_local(until)}.", width)
    return "\n".join([*head, *lines])


def _row(tick: Tick, start: datetime) -> tuple[str, str, str, str]:
    mark = "" if tick.note is None else f"{_MARKS[tick.note.effect]} {tick.note.effect.value}"
    if tick.is_dropped:
        return "(not due)", "", "", mark
    return _local(tick.at), f"{_without_zone(tick.at.astimezone(UTC))} UTC", _countdown(tick.at, start), mark


def _wrap(sentence: str, width: int | None) -> list[str]:
    if width is None or width < _MIN_WIDTH:
        return [_INDENT + sentence]
    return textwrap.wrap(sentence, width, initial_indent=_INDENT, subsequent_indent=_INDENT)


def _local(instant: datetime) -> str:
    return f"{instant:%a} {_without_zone(instant)} {instant.tzname()}"


def _without_zone(instant: datetime) -> str:
    precision = "milliseconds" if instant.microsecond else "seconds"
    return instant.replace(tzinfo=None).isoformat(" ", precision)


def _countdown(instant: datetime, start: datetime) -> str:
    """Return how long it is from `start` to `instant`, in the two largest units."""
    distance = instant.astimezone(UTC) - start.astimezone(UTC)
    if distance < timedelta(seconds=10):
        return f"in {distance.total_seconds():.3f}".rstrip("0").rstrip(".") + "s"
    minutes, seconds = divmod(distance // timedelta(seconds=1), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]
    largest = next(place for place, (amount, _) in enumerate(units) if amount)
    return "in " + " ".join(f"{amount}{unit}" for amount, unit in units[largest : largest + 2] if amount)


def as_json(next_ticks: NextTicks) -> str:
    """Format ticks as JSON: instants in ISO 8601, distances in seconds from `NextTicks.start`."""
    schedule = next_ticks.schedule
    ticks = [(tick, _encode_tick(tick, next_ticks)) for tick in next_ticks.ticks]
    return json.dumps(
        {
            "spec": next_ticks.spec,
            "canonical": str(schedule),
            "words": describe(schedule),
            "zone": zone_name(schedule.tz),
            "dst": schedule.dst if isinstance(schedule, Cron) else None,
            "after": next_ticks.start.isoformat(),
            "ticks": [encoded for tick, encoded in ticks if not tick.is_dropped],
            "dropped": [encoded for tick, encoded in ticks if tick.is_dropped],
        },
        indent=2,
        ensure_ascii=False,
    )


def _encode_tick(tick: Tick, next_ticks: NextTicks) -> dict[str, object]:
    instant, start = tick.at.astimezone(UTC), next_ticks.start
    until = next_ticks.quiet_until(tick)
    return {
        "local": tick.at.isoformat(),
        "utc": f"{instant.replace(tzinfo=None).isoformat()}Z",
        "seconds": (instant - start.astimezone(UTC)).total_seconds(),
        "effect": None if tick.note is None else tick.note.effect.value,
        "note": None if tick.note is None else tick.note.sentence,
        "quiet_until": None if until is None else until.isoformat(),
    }
