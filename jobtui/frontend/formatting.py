"""Format instants, durations, states and counts for people. Pure functions, without widgets."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from jobtui.engine.enums import JobStatus, Overlap, RunState
from jobtui.engine.job_policies import MAX_HELD
from jobtui.engine.views import JobView, PoolView, RunView
from jobtui.schedules.adjusted import AdjustedSchedule
from jobtui.schedules.schedule import Cron, Every, Never, Once, has_ticks
from jobtui.schedules.zones import zone_name


class Sign(NamedTuple):
    """The sign of a state. The state's word stands next to it, so nothing depends on its shape or colour.

    Attributes:
        glyph: One cell wide.
        tone: The name of its colour, which the dashboard and the page both have.
    """

    glyph: str
    tone: str


STATUS_SIGNS = {
    JobStatus.IDLE: Sign("○", "muted"),
    JobStatus.RUNNING: Sign("▶", "running"),
    JobStatus.QUEUED: Sign("◔", "waiting"),
    JobStatus.RETRYING: Sign("↻", "waiting"),
    JobStatus.PAUSED: Sign("‖", "waiting"),
    JobStatus.DONE: Sign("■", "muted"),
}
STATE_SIGNS = {
    RunState.SCHEDULED: Sign("◷", "muted"),
    RunState.HELD: Sign("◌", "waiting"),
    RunState.QUEUED: Sign("◔", "waiting"),
    RunState.RUNNING: Sign("▶", "running"),
    RunState.RETRYING: Sign("↻", "waiting"),
    RunState.OK: Sign("✓", "ok"),
    RunState.FAILED: Sign("✗", "failed"),
    RunState.TIMED_OUT: Sign("⊗", "failed"),
    RunState.CANCELLED: Sign("⊘", "muted"),
    RunState.SKIPPED: Sign("↷", "waiting"),
    RunState.MISSED: Sign("!", "failed"),
    RunState.COALESCED: Sign("≡", "muted"),
    RunState.LOST: Sign("?", "failed"),
}


def failed_last(job: JobView) -> bool:
    """Return whether the job's latest run that returned or raised has failed.

    Endings that say nothing about the job's work do not count: a cancelled run, a tick that started no run.
    """
    for state in reversed(job.recent):
        if state.completed:
            return state.failed
    return False


_FAILED_STATES = frozenset(state for state in RunState if state.failed)


def failed_lately(job: JobView) -> bool:
    """Return whether one of the job's latest endings is a failure."""
    return not _FAILED_STATES.isdisjoint(job.recent)


def status_words(job: JobView) -> str:
    """Return every word by which a user may look for what a job does now, except whether it failed."""
    words = (
        (job.status.value.lower(), True),
        ("paused", job.paused_since is not None),
        ("queued waiting", job.queued),
        ("held waiting", job.held),
        ("scheduled", job.scheduled),
        ("retrying waiting", job.retrying),
        ("running", job.running),
    )
    return " ".join(word for word, applies in words if applies)


def status_sign(job: JobView) -> tuple[Sign, str]:
    """Return the sign and the word for a job's status: FAILED for an idle job whose latest run failed."""
    if job.status is JobStatus.IDLE and failed_last(job):
        return STATE_SIGNS[RunState.FAILED], RunState.FAILED.value
    return STATUS_SIGNS[job.status], job.status.value


def format_schedule(job: JobView, zone: tzinfo) -> str:
    """Return a job's schedule as the user wrote it, after its zone if that is not `zone`."""
    if isinstance(job.schedule, Cron) and job.schedule.tz is not zone:
        name = zone_name(job.schedule.tz)
        if name != zone_name(zone) and not job.spec.startswith(("TZ=", "CRON_TZ=")):
            return f"TZ={name} {job.spec.removesuffix(f' ({name})')}"
    return job.spec


def schedule_kind(job: JobView) -> str:
    """Return the kind of a job's schedule: cron, every, once, by hand, one-off; own for the user's class."""
    schedule = job.schedule.base if isinstance(job.schedule, AdjustedSchedule) else job.schedule
    return "one-off" if schedule is None else _KINDS.get(type(schedule), "own")


_KINDS: Mapping[type, str] = {Cron: "cron", Every: "every", Once: "once", Never: "by hand"}


def format_ok_share(job: JobView) -> str:
    """Return the percentage of a job's runs that did not fail, rounded down; "" without runs."""
    if not job.runs:
        return ""
    return "100" if not job.failures else f"{(job.runs - job.failures) * 1000 // job.runs / 10:.1f}"


def format_origin(job: JobView) -> str:
    """Return the name of the file of a job's code, without its folder, and the line."""
    return _FOLDERS.sub("", job.origin)


_FOLDERS = re.compile(r".*[/\\]")


def editable_spec(job: JobView) -> str:
    """Return the spec that gives a job the schedule that it has, as far as a spec can; "" without ticks."""
    if not has_ticks(job.schedule) and not job.on_start:
        return ""
    if job.spec.startswith("cron."):  # cron.name = spec
        return job.spec.partition(" ")[0]
    if found := _SPEC_WITH_ZONE.fullmatch(job.spec):
        return f"TZ={found[2]} {found[1]}"
    return job.spec.removeprefix("every ")


_SPEC_WITH_ZONE = re.compile(r"(.*) \(([^() ]+)\)")


# The signs of the words for the status of a job: see `status_sign`.
JOB_SIGNS = {
    **{status.value: sign for status, sign in STATUS_SIGNS.items()},
    RunState.FAILED.value: STATE_SIGNS[RunState.FAILED],
}
ABSENT = "—"  # shown where there is no value
# The badge of a tick that a transition of the clock moves, merges or repeats, or before which one is dropped.
DST = "DST"


def format_duration(duration: timedelta | None) -> str:
    """Return a duration in at most 7 characters: `3ms`, `0.25s`, `48s`, `3m12s`, `2h05m`, `3d04h`."""
    if duration is None:
        return ABSENT
    seconds = max(0.0, duration.total_seconds())
    if seconds < _LONGEST_WITH_FRACTION:
        return _with_fraction(seconds)
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d{hour:02}h" if days < 100 else f"{days}d"  # noqa: PLR2004 - three digits
    if hours:
        return f"{hours}h{minute:02}m"
    return f"{minutes}m{second:02}s" if minutes else f"{second}s"


# Seconds. Shorter durations have a fraction; a little below 10, so that rounding gives no fourth digit.
_ATTEMPTS = 5  # whose instants are shown
_LONGEST_WITH_FRACTION = 9.95


def _with_fraction(seconds: float) -> str:
    milliseconds = seconds * 1000
    if 0 < milliseconds < 0.5:  # noqa: PLR2004 - it would be rounded to 0
        return "<1ms"
    if milliseconds < 99.5:  # noqa: PLR2004 - two digits
        return f"{milliseconds:.0f}ms"
    return f"{seconds:.2f}s" if milliseconds < 995 else f"{seconds:.1f}s"  # noqa: PLR2004 - three digits


def elapsed_between(earlier: datetime, later: datetime) -> timedelta:
    """Return the time that elapses; Python would subtract wall clock times, which jump at a transition."""
    return later.astimezone(UTC) - earlier.astimezone(UTC)


_DAYS_OF_WEEK = 7


def format_age(since: datetime | None, now: datetime) -> str:
    """Return how long ago something began, in whole seconds: `0s`, `48s`, `3m12s`."""
    if since is None:
        return ABSENT
    return format_whole_seconds(elapsed_between(since, now))


def format_whole_seconds(length: timedelta) -> str:
    """Return a time without fractions: `0s`, `48s`, `3m12s`."""
    return _in_whole_seconds(max(0, math.floor(length.total_seconds())))


def countdown(due: datetime, now: datetime) -> str:
    """Return how long it is until something is due: `in 48s`, or `now`."""
    seconds = math.ceil(elapsed_between(now, due).total_seconds())
    return "now" if seconds <= 0 else f"in {_in_whole_seconds(seconds)}"


def countdown_within(width: int, due: datetime, now: datetime) -> str:
    """Return the longest countdown that fits: `in 13h30m`, `13h30m`, or its larger unit alone, `13h`."""
    full = countdown(due, now)
    bare = full.removeprefix("in ")
    return next((text for text in (full, bare) if len(text) <= width), _AFTER_LARGEST_UNIT.sub("", bare))


_AFTER_LARGEST_UNIT = re.compile(r"(?<=[a-z])[0-9].*")


def _in_whole_seconds(seconds: int) -> str:
    return f"{seconds}s" if seconds < _LONGEST_WITH_FRACTION else format_duration(timedelta(seconds=seconds))


def format_instant(instant: datetime | None, now: datetime) -> str:
    """Return an instant in at most 12 characters: its time if it is today, else its date."""
    if instant is None:
        return ABSENT
    instant = instant.astimezone(now.tzinfo)
    if instant.date() == now.date():
        return f"{instant:%H:%M:%S}"
    if instant.year == now.year:
        return f"{instant.day:2} {instant:%b %H:%M}"
    return f"{instant:%Y-%m-%d}"


def format_pool_change(pool: PoolView) -> str:
    """Return that the pool's size was set by hand, and what the settings say; "" if it was not."""
    if pool.configured is None:
        return ""
    return f"set by hand; the settings say {pool.configured or 'no limit'}"


def count_jobs(jobs: Iterable[JobView]) -> str:
    """Return how many jobs have ticks: `3 jobs on a schedule, 1 without one`. One-off runs do not count."""
    counts = Counter(has_ticks(job.schedule) for job in jobs if job.schedule is not None)
    others = f", {counts[False]} without one" if counts[False] else ""
    return f"{pluralize(counts[True], 'job')} on a schedule{others}"


def format_abandoned(pool: PoolView) -> str:
    """Return how many abandoned runs go on, and whether no more are abandoned; "" if there are none."""
    if not pool.abandoned:
        return ""
    more = "" if pool.can_abandon else f" of {pool.most_abandoned}, no more"
    return f"abandoned {pool.abandoned}{more}"


def format_pause(job: JobView, now: datetime) -> str:
    """Return that a job is paused, and until when, in at most 22 characters: `paused til 08:00`."""
    return "paused" if job.paused_until is None else f"paused {format_end(job.paused_until, now)}"


def format_end(until: datetime, now: datetime) -> str:
    """Return until when something lasts, in at most 15 characters: `til 08:00`, `til Mon 08:00`."""
    until = until.astimezone(now.tzinfo)
    days = (until.date() - now.date()).days
    if days >= _DAYS_OF_WEEK:
        return f"til {format_instant_short(until, now).strip()}"
    return f"til {until:%a %H:%M}" if days else f"til {until:%H:%M}"


def format_times(job: JobView) -> str:
    """Return how many of its runs a job has had: ``2 of 5``; "" if their number has no limit."""
    return f"{job.runs} of {job.times}" if job.times else ""


def format_pause_details(job: JobView) -> str:
    """Return since when and until when a job is paused, by whom and why; "" if it is not paused."""
    if job.paused_since is None:
        return ""
    text = f"since {format_instant_full(job.paused_since)}"
    if job.paused_until is not None:
        text += f", until {format_instant_full(job.paused_until)}"
    if job.paused_by:
        text += f", by {job.paused_by}"
    return f"{text}: {job.pause_note}" if job.pause_note else text


def format_pause_after(job: JobView) -> str:
    """Return how many failures pause a job, as words."""
    return f"{pluralize(job.pause_after, 'failure')}{' in a row' if job.pause_after > 1 else ''}"


def format_ladder(job: JobView, due: datetime | None, tz: tzinfo | None) -> str:
    """Return when the runs of a job are tried again, in words and for the run of a tick; "" if they are not.

    Args:
        job: The job.
        due: The tick; None for none.
        tz: The zone of the instants.
    """
    if not job.retry or due is None:
        return job.retry
    start, offsets = due.astimezone(UTC), job.retry_offsets
    shown = ", ".join(f"{(start + each).astimezone(tz):%H:%M:%S}" for each in offsets[:_ATTEMPTS])
    more = ", ..." if len(offsets) > _ATTEMPTS else ""
    return f"{job.retry}; at {shown}{more} if a run of {start.astimezone(tz):%H:%M:%S} fails at once"


def format_retry(job: JobView, now: datetime) -> str:
    """Return which attempt of a job's runs is due next, of how many, and in how long: `↻ 2/4 in 8s`."""
    if job.retry_at is None:
        return ""
    sign = STATUS_SIGNS[JobStatus.RETRYING].glyph
    return f"{sign} {job.retry_attempt}/{job.attempts} {countdown(job.retry_at, now)}"


def format_attempts(run: RunView) -> str:
    """Return which attempt a run is at, of how many: `2 of 4`; "" for the only one of a run."""
    if run.attempts > 1:
        return f"{run.attempt} of {run.attempts}"
    return str(run.attempt) if run.attempt > 1 else ""


def format_overlap(job: JobView) -> str:
    """Return a job's overlap policy, with the limit of held runs if it is not the usual one."""
    limited = job.overlap is Overlap.HOLD and job.max_held != MAX_HELD
    return f"{job.overlap.value}, at most {pluralize(job.max_held, 'run')}" if limited else job.overlap.value


def format_late_ticks(job: JobView) -> str:
    """Return what happens to late ticks: `coalesce, MISSED if more than 1h00m late`."""
    if job.max_late is None:
        return job.misfire.value
    return f"{job.misfire.value}, MISSED if more than {format_duration(job.max_late)} late"


def format_limits(job: JobView) -> str:
    """Return the limits of the time of a job's runs: `timeout 5m00s, abandoned 30s later`; "" for none."""
    parts = []
    if job.timeout is not None:
        parts += [
            f"timeout {format_duration(job.timeout)}",
            f"abandoned {format_duration(job.abandon)} later",
        ]
    if job.warn is not None:
        parts.append(f"warning after {format_duration(job.warn)}")
    return ", ".join(parts)


def format_instant_short(instant: datetime | None, now: datetime) -> str:
    """Return an instant in at most 8 characters: its time if it is today, else its date."""
    text = format_instant(instant, now)
    return text if len(text) <= 8 else f"{instant:%y-%m-%d}" if text[4] == "-" else text[:6]  # noqa: PLR2004


def format_instant_full(instant: datetime | None) -> str:
    """Return an instant with its weekday, date, time to the second, and the abbreviation of its zone."""
    return ABSENT if instant is None else f"{instant:%a %Y-%m-%d %H:%M:%S %Z}"


def format_date_time(instant: datetime | None) -> str:
    """Return the date and the time of an instant to the second, whatever day it is now."""
    return ABSENT if instant is None else f"{instant:%Y-%m-%d %H:%M:%S}"


def run_label(run: RunView) -> str:
    """Return a run's number, or how many ticks a ledger entry without a run stands for."""
    if run.number:
        return f"#{run.number}"
    return "tick" if run.ticks == 1 else f"{run.ticks} ticks"


def pluralize(number: int, noun: str) -> str:
    """Return a count with its noun: `1 run`, `3 runs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
