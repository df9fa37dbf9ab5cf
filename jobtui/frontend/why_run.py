"""Explain when a run was due, how long it waited for what, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from jobtui.engine.enums import Overlap, RunState, Trigger
from jobtui.engine.views import RunView
from jobtui.frontend.explanation import Cause, Explanation, Verdict, cause_of
from jobtui.frontend.formatting import elapsed_between, format_duration
from jobtui.frontend.now_next import NOT_RUNNING
from jobtui.frontend.why_downtime import downtime_around, life_at
from jobtui.frontend.why_facts import MOST_ENTRIES, FactSource, LifeSpan
from jobtui.frontend.why_texts import (
    MOST_NAMED,
    clock_time,
    describe_held,
    describe_outcome,
    describe_queued,
    describe_run,
    name_runs,
    time_near,
)

_LATE = timedelta(seconds=1)  # a tick that the ledger has so much later was noticed late
_WAITED = timedelta(milliseconds=10)  # a shorter wait for a slot is not explained


def explain_run(source: FactSource, number: int) -> Explanation:
    """Explain when a run was due, how long it waited for what, and how it ended.

    Raises:
        LookupError: There is no run of that number, or it is not kept.
    """
    run = source.run(number)
    return explain_found_run(source, run, _overlap_of(source, run.job))


def _overlap_of(source: FactSource, name: str) -> Overlap | None:
    try:
        return source.job(name).overlap
    except LookupError:  # it was removed
        return None


def explain_found_run(source: FactSource, run: RunView, overlap: Overlap | None) -> Explanation:
    """Explain a run, given how its job treats runs that overlap; None if that is not known."""
    base, waiting = run.due or run.created, run.waiting_since or run.created
    until = run.started or run.ended or source.now()
    parts, evidence = _begin(source, run, base)
    blockers = [] if overlap is Overlap.ALLOW else _blockers(source, run, waiting, until)
    queued, wait = waiting, ""
    if run.state is RunState.HELD:
        blockers = _live_blockers(blockers)
        wait = describe_held(run, blockers)
    elif blockers:
        last = max(blockers, key=lambda each: (each.ended or until).timestamp())
        queued = last.ended or until
        parts.append(f"held until {time_near(queued, base)} by run {last.number}")
    holders: list[RunView] = []
    quiet_end = _quiet_end(source, run, queued, until)
    if run.state is RunState.QUEUED:
        if quiet_end is not None:
            wait = f"It waits for the end of a quiet time: quiet until {time_near(quiet_end, queued)}."
        elif (phase := source.phase()) in NOT_RUNNING:
            wait = f"It waits {NOT_RUNNING[phase]}."
        else:
            holders = [each for each in source.live_runs(None) if each.state is RunState.RUNNING]
            holders.sort(key=lambda each: each.number)
            wait = describe_queued(source.slots(), holders)
    elif run.started is not None and quiet_end is not None:
        parts.append(f"queued: quiet until {time_near(quiet_end, queued)}, started {clock_time(run.started)}")
    elif run.started is not None:
        holders = _holders(source, run, queued, until)
        parts += _queued_part(run.started, elapsed_between(queued, until), holders, base)
    others = {each.number: each for each in (*blockers, *holders)}
    evidence += [describe_run(each, base) for each in [*others.values()][:MOST_NAMED]]
    verdict, cause = _verdict_on(run)
    parts.append(describe_outcome(run))
    sentence = f"run {run.number} of {run.job} on {base:%Y-%m-%d}: {', '.join(parts)}"
    return Explanation(
        job=run.job,
        at=base,
        verdict=verdict,
        cause=cause,
        sentence=f"{sentence}. {wait}" if wait else sentence,
        evidence=tuple(evidence),
        runs=(run.number, *others),
    )


def _begin(source: FactSource, run: RunView, base: datetime) -> tuple[list[str], list[str]]:
    """Return when a run was due and noticed, and the evidence for a tick that was noticed late."""
    if run.due is None:
        return [f"requested {clock_time(run.created)} ({_by(run.trigger)})"], []
    parts = [f"due {clock_time(run.due)}"]
    if elapsed_between(run.due, run.created) < _LATE:
        return parts, []
    parts.append(f"noticed {time_near(run.created, base)}")
    return parts, [_explain_lateness(source.lives(), run.due, run.created, base)]


def _verdict_on(run: RunView) -> tuple[Verdict, Cause]:
    if run.started is not None:
        return Verdict.RAN, Cause.RUN
    if not run.state.ended:
        return Verdict.WILL_RUN, Cause.RUN
    return Verdict.DID_NOT_RUN, cause_of(run.reason, Cause.CANCELLED)


def _quiet_end(source: FactSource, run: RunView, queued: datetime, until: datetime) -> datetime | None:
    """Return the end of the quiet time for which a run waits or has waited in the queue; None for none."""
    end = source.quiet().end_at(until.timestamp() - _LATE.total_seconds())
    has_waited = run.state is RunState.QUEUED or (run.started is not None and end is not None)
    if end is None or not has_waited or end <= queued.timestamp():
        return None
    if run.started is not None and end > run.started.timestamp():  # it was requested by hand
        return None
    return datetime.fromtimestamp(end, queued.tzinfo)


def _queued_part(
    started: datetime, waited: timedelta, holders: Sequence[RunView], base: datetime
) -> Iterator[str]:
    """Yield how long a run waited for a slot, and when it started.

    Args:
        started: When the run started.
        waited: How long it had been in the queue.
        holders: The runs that were RUNNING during that time, as far as they are known.
        base: The instant near which times have no date.
    """
    shown = time_near(started, base)
    if holders:
        yield f"queued until {shown} while {name_runs(holders)} had the slots"
    elif waited >= _LATE:
        yield f"queued until {shown}; the runs that had the slots are not known"
    yield f"started {shown}"


def _live_blockers(blockers: Sequence[RunView]) -> list[RunView]:
    """Return the run behind which a run is held, after those that run or wait for a slot or an attempt.

    The runs that are held in between say nothing more.
    """
    live = [each for each in blockers if not each.state.ended]
    return [each for each in live[:-1] if each.state is not RunState.HELD] + live[-1:]


def _blockers(source: FactSource, run: RunView, waiting: datetime, until: datetime) -> list[RunView]:
    """Return the earlier runs of the same job for which a run had to wait."""
    return [each for each in _around(source, run.job, waiting, until) if _blocks(each, run, waiting)]


def _holders(source: FactSource, run: RunView, queued: datetime, until: datetime) -> list[RunView]:
    """Return the runs that were RUNNING while a run was queued, unless that was for a moment only."""
    if elapsed_between(queued, until) < _WAITED:
        return []
    return [each for each in _around(source, None, queued, until) if _has_slot(each, run, queued, until)]


def _around(source: FactSource, job: str | None, since: datetime, until: datetime) -> list[RunView]:
    """Return the runs that were live between two instants, as far as they are known, by number."""
    ended = source.endings_from(since, job=job, limit=MOST_ENTRIES)
    found = [each for each in (*ended, *source.live_runs(job)) if each.number and each.created <= until]
    return sorted({each.number: each for each in found}.values(), key=lambda each: each.number)


def _blocks(other: RunView, run: RunView, waiting: datetime) -> bool:
    """Return whether a run of the same job was live when this one had to wait for it."""
    began = other.waiting_since or other.created
    return (
        other.number < run.number
        and other.state is not RunState.SCHEDULED
        and began.timestamp() <= waiting.timestamp()
        and (other.ended is None or other.ended.timestamp() > waiting.timestamp())
        and (run.started is None or other.ended is None or other.ended <= run.started)
        and (other.ended is not None or run.state is RunState.HELD)
    )


def _has_slot(other: RunView, run: RunView, queued: datetime, until: datetime) -> bool:
    """Return whether another run was RUNNING while this one was queued."""
    return (
        other.number != run.number
        and other.started is not None
        and other.state is not RunState.RETRYING
        and other.started.timestamp() < until.timestamp()
        and (other.ended is None or other.ended.timestamp() > queued.timestamp())
    )


def _explain_lateness(lives: Sequence[LifeSpan], due: datetime, noticed: datetime, base: datetime) -> str:
    """Return why a tick was noticed late."""
    late = format_duration(elapsed_between(due, noticed))
    down = None if life_at(lives, due) is not None else downtime_around(lives, due)
    if down is not None and down[1] is not None:
        return f"noticed {late} late: no scheduler ran before {time_near(down[1].started, base)}"
    return f"noticed {late} late: the machine slept, its clock was set, or the process could not act"


def _by(trigger: Trigger) -> str:
    return trigger.value if trigger.value.startswith("by ") else f"by {trigger.value}"
