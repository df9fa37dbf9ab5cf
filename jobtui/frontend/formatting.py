"""How times, spans, states and names read on the screen. Pure functions, no widgets."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from jobtui.engine.enums import JobStatus, RunState, Trigger
from jobtui.engine.views import RunView

# Every glyph is one cell wide, and none is understood by its colour alone: the word stands beside it.
STATUS_GLYPHS = {
    JobStatus.IDLE: "○",
    JobStatus.RUNNING: "▶",
    JobStatus.QUEUED: "◔",
    JobStatus.PAUSED: "‖",
}
STATE_GLYPHS = {
    RunState.SCHEDULED: "◷",
    RunState.HELD: "◌",
    RunState.QUEUED: "◔",
    RunState.RUNNING: "▶",
    RunState.OK: "✓",
    RunState.FAILED: "✗",
    RunState.CANCELLED: "⊘",
    RunState.SKIPPED: "↷",
    RunState.MISSED: "!",
    RunState.COALESCED: "≡",
}
# The strip of a job's last endings: shapes differ, so that it reads without colour.
STRIP_GLYPHS = {
    RunState.OK: "▂",
    RunState.FAILED: "█",
    RunState.CANCELLED: "▒",
    RunState.SKIPPED: "·",
    RunState.MISSED: "!",
    RunState.COALESCED: "≡",
}
# The tone of a state; a tone is a component class of the tables, and so a colour of the theme.
STATUS_TONES = {
    JobStatus.IDLE: "muted",
    JobStatus.RUNNING: "running",
    JobStatus.QUEUED: "waiting",
    JobStatus.PAUSED: "waiting",
}
STATE_TONES = {
    RunState.SCHEDULED: "muted",
    RunState.HELD: "waiting",
    RunState.QUEUED: "waiting",
    RunState.RUNNING: "running",
    RunState.OK: "ok",
    RunState.FAILED: "failed",
    RunState.CANCELLED: "muted",
    RunState.SKIPPED: "waiting",
    RunState.MISSED: "failed",
    RunState.COALESCED: "muted",
}

NEVER = "—"
# The badge of a fire that a change of the clock moves, merges or repeats, or before which it drops one.
DST = "DST"


def span(duration: timedelta | None) -> str:
    """A length of time, short: ``3ms``, ``0.25s``, ``48s``, ``3m12s``, ``2h05m``, ``3d04h``."""
    if duration is None:
        return NEVER
    seconds = max(0.0, duration.total_seconds())
    if seconds < _LONGEST_WITH_FRACTION:
        return _short_span(seconds)
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d{hour:02}h" if days < 100 else f"{days}d"  # noqa: PLR2004 - nobody counts those hours
    if hours:
        return f"{hours}h{minute:02}m"
    return f"{minutes}m{second:02}s" if minutes else f"{second}s"


# What is shorter than this has a fraction; a little below 10, so that rounding gives no fourth digit.
_LONGEST_WITH_FRACTION = 9.95


def _short_span(seconds: float) -> str:
    milliseconds = seconds * 1000
    if 0 < milliseconds < 0.5:  # noqa: PLR2004 - what would be rounded to nothing
        return "<1ms"
    if milliseconds < 99.5:  # noqa: PLR2004 - two digits
        return f"{milliseconds:.0f}ms"
    return f"{seconds:.2f}s" if milliseconds < 995 else f"{seconds:.1f}s"  # noqa: PLR2004 - three digits


def between(earlier: datetime, later: datetime) -> timedelta:
    """The time that passes; Python would subtract what the clock of a zone shows, which jumps."""
    return later.astimezone(UTC) - earlier.astimezone(UTC)


def going(since: datetime | None, now: datetime) -> str:
    """How long something has been going, in whole seconds once it is longer than that."""
    if since is None:
        return NEVER
    return _whole(max(0, math.floor(between(since, now).total_seconds())))


def countdown(due: datetime, now: datetime) -> str:
    """How long until something is due: ``in 48s``, or ``now``."""
    seconds = math.ceil(between(now, due).total_seconds())
    return "now" if seconds <= 0 else f"in {_whole(seconds)}"


def countdown_within(width: int, due: datetime, now: datetime) -> str:
    """A countdown as full as fits: ``in 13h30m``, ``13h30m``, or its larger unit alone, ``13h``."""
    full = countdown(due, now)
    bare = full.removeprefix("in ")
    return next((text for text in (full, bare) if len(text) <= width), _BEHIND_LARGEST_UNIT.sub("", bare))


_BEHIND_LARGEST_UNIT = re.compile(r"(?<=[a-z])[0-9].*")


def _whole(seconds: int) -> str:
    """Whole seconds as a span, without the fraction that `span` gives to short ones."""
    return f"{seconds}s" if seconds < _LONGEST_WITH_FRACTION else span(timedelta(seconds=seconds))


def moment(instant: datetime | None, now: datetime) -> str:
    """An instant as short as it can be told: today by its time, else with its date."""
    if instant is None:
        return NEVER
    instant = instant.astimezone(now.tzinfo)
    if instant.date() == now.date():
        return f"{instant:%H:%M:%S}"
    if instant.year == now.year:
        return f"{instant.day:2} {instant:%b %H:%M}"
    return f"{instant:%Y-%m-%d}"


def short_moment(instant: datetime | None, now: datetime) -> str:
    """An instant in at most 8 characters: today by its time, else by its date."""
    text = moment(instant, now)
    return text if len(text) <= 8 else f"{instant:%y-%m-%d}" if text[4] == "-" else text[:6]  # noqa: PLR2004


def full_moment(instant: datetime | None) -> str:
    """An instant in full, to the second, with its zone's name."""
    return NEVER if instant is None else f"{instant:%a %Y-%m-%d %H:%M:%S %Z}"


def run_label(run: RunView) -> str:
    """What a run is called: its number, or how many ticks an entry stands for."""
    if run.number:
        return f"#{run.number}"
    return "tick" if run.ticks == 1 else f"{run.ticks} ticks"


def trigger_word(trigger: Trigger) -> str:
    """What asked for a run, in a word."""
    return trigger.value


def count(number: int, thing: str) -> str:
    """A number of things: ``1 run``, ``3 runs``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
