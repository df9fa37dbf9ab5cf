"""Explain why a tick of a job did or did not run, and where the time of a run went.

An explanation is one sentence and its evidence. It relies on the schedule, on the entries of the ledger, and
on the times in which a scheduler ran. What these do not say, it calls not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cached_property

from jobtui.engine.enums import Overlap, Phase, RunState, Trigger
from jobtui.engine.job_pause import Pause
from jobtui.engine.views import RunView
from jobtui.frontend.formatting import elapsed_between, format_duration
from jobtui.frontend.why_facts import FactSource, JobFacts, LifeSpan
from jobtui.frontend.why_instant import AskedInstant, parse_asked_instant
from jobtui.frontend.why_schedule import after_gap, explain_mismatch, tick_before, tick_from
from jobtui.schedules.dst import DstNote, note_on_tick, note_on_transition
from jobtui.schedules.schedule import Cron
from jobtui.schedules.transitions import transition_around

MOST_ENTRIES = 2_000  # endings that are read after the instant in question
_MOST_NAMED = 10  # runs that a sentence names
_LATE = timedelta(seconds=1)  # a tick that the ledger has so much later was noticed late
_WAITED = timedelta(milliseconds=10)  # a shorter wait for a slot is not explained
_MICROSECOND = timedelta(microseconds=1)
_ONE_TICK = timedelta(milliseconds=1)  # the accuracy of instants in the ledger


class Verdict(Enum):
    """Whether a tick has started a run."""

    RAN = "ran"
    DID_NOT_RUN = "did not run"
    WILL_RUN = "will run"
    WILL_NOT_RUN = "will not run"
    NOT_KNOWN = "not known"


class Cause(Enum):
    """The cause of a verdict, in a word."""

    RUN = "run"  # a run was started
    DUE = "due"  # the schedule is due, and nothing stands in the way
    SCHEDULE = "schedule"  # the schedule is not due at that instant
    CLOCK_CHANGE = "clock change"  # a transition of the zone moves, repeats or drops the time
    PAUSE = "pause"
    QUIET = "quiet time"  # nothing starts then
    TIMES = "times"  # the job has run as often as it should
    OVERLAP = "overlap"  # an earlier run of the job was live
    CANCELLED = "cancelled"  # the run was cancelled before it started
    MISFIRE = "misfire"  # the tick was noticed late, and the policy starts no run
    COALESCED = "coalesced"  # one run stands for several late ticks
    DOWNTIME = "downtime"  # no scheduler ran
    STANDBY = "standby"  # another scheduler runs the jobs
    RETENTION = "retention"  # the ledger does not go back that far
    NOT_RECORDED = "not recorded"  # the ledger has no entry, and nothing says why


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The answer to a question about one tick or one run. All times are aware.

    Attributes:
        job: The name of the job.
        at: The instant in question: that of the tick, or of the run's request; in the zone of the schedule.
        verdict: Whether a run was started.
        cause: The cause, in a word.
        sentence: The explanation.
        evidence: What it relies on, a sentence each.
        runs: The numbers of the runs that it names.
    """

    job: str
    at: datetime
    verdict: Verdict
    cause: Cause
    sentence: str
    evidence: tuple[str, ...] = ()
    runs: tuple[int, ...] = ()


# What the reasons in the ledger begin with, and what they mean. A reason may end with a text of the user.
_CAUSES = (
    (re.compile(r"paused since"), Cause.PAUSE),
    (re.compile(r"quiet until"), Cause.QUIET),
    (re.compile(r"\d+ of \d+ runs have ended"), Cause.TIMES),
    (
        re.compile(
            r"still running since|run \d+ is (still queued|tried again)|\d+ runs are held|replaced by run"
        ),
        Cause.OVERLAP,
    ),
    (re.compile(r"not running|no scheduler was running|left out by the user"), Cause.DOWNTIME),
    (re.compile(r"(more than )?\d+ ticks since"), Cause.COALESCED),
    (re.compile(r"process \d+ has claimed"), Cause.STANDBY),
    (re.compile(r"noticed at|the rest of more than"), Cause.MISFIRE),
)
_RUN_IN_REASON = re.compile(r"\brun ([0-9]+)")


def _cause_of(reason: str, other: Cause) -> Cause:
    """Return the cause that a reason in the ledger names; `other` if it names none of these."""
    return next((cause for text, cause in _CAUSES if text.match(reason)), other)


def explain_tick(source: FactSource, name: str, at: str = "") -> Explanation:
    """Explain what became, or will become, of a tick of a job.

    Args:
        source: The scheduler or the store.
        name: The name of the job.
        at: The instant, as `parse_asked_instant` reads it, in the zone of the job's schedule. "" for the
            latest tick in the ledger or, if there is none, the next one.

    Raises:
        LookupError: There is no such job.
        ValueError: The text is not an instant.
    """
    job = source.job(name)
    tz = source.zone if job.schedule is None else job.schedule.tz
    if not job.schedule_text:
        raise LookupError(f"job {name!r} has no schedule, so it has no ticks; ask about one of its runs")
    now = source.now().astimezone(tz)
    asked = parse_asked_instant(at, now) if at else _default_instant(source, job, now)
    return _TickQuestion(source, job, asked, now).answer()


def explain_run(source: FactSource, number: int) -> Explanation:
    """Explain when a run was due, how long it waited for what, and how it ended.

    Raises:
        LookupError: There is no run of that number, or it is not kept.
    """
    run = source.run(number)
    return _explain_run(source, run, _overlap_of(source, run.job))


def _overlap_of(source: FactSource, name: str) -> Overlap | None:
    try:
        return source.job(name).overlap
    except LookupError:  # it was removed
        return None


def _default_instant(source: FactSource, job: JobFacts, now: datetime) -> AskedInstant:
    ended = source.latest_tick(job.name)
    live = [run for run in source.live_runs(job.name) if run.trigger is Trigger.TICK]
    ticks = [run.due for run in (*live, ended) if run is not None and run.due is not None]
    if ticks:
        return AskedInstant(max(ticks).astimezone(now.tzinfo), _ONE_TICK)
    due = tick_from(job.schedule, now) if job.knows_ticks(now, source.lives()) else None
    if due is None:
        raise LookupError(f"job {job.name!r} has no tick in the ledger, and its next one is not known")
    return AskedInstant(due, _ONE_TICK)


# --- ticks ----------------------------------------------------------------------------------------


class _TickQuestion:
    """A question about the tick of a job at an instant."""

    def __init__(self, source: FactSource, job: JobFacts, asked: AskedInstant, now: datetime) -> None:
        self._source = source
        self._job = job
        self._asked = asked
        self._now = now
        self._lives = source.lives()
        self._knows_ticks = job.knows_ticks(asked.at, self._lives)

    def answer(self) -> Explanation:
        """Return the answer."""
        job, asked = self._job, self._asked
        gap = None
        if isinstance(job.schedule, Cron) and not asked.exists:
            gap = self._note_on_gap(job.schedule)
            if gap is None:
                return self._not_due()
            asked = self._asked = AskedInstant(after_gap(asked.at), _ONE_TICK)
        tick = tick_from(job.schedule, asked.at) if self._knows_ticks else None
        if tick is not None and tick >= asked.end:
            tick = None
        due = asked.at if tick is None else tick
        found = self._find_run(due if tick is not None else None)
        if found is not None:
            return self._explain_started(found, "" if gap is None else gap.sentence)
        if self._knows_ticks and tick is None:
            return self._not_due() if gap is None else self._make(Cause.CLOCK_CHANGE, gap.sentence)
        group = self._find_group(due)
        if group is not None:
            return self._explain_group(group, due)
        if due.timestamp() > self._now.timestamp():
            return self._explain_coming(due)
        return self._explain_without_entry(due)

    def _note_on_gap(self, schedule: Cron) -> DstNote | None:
        """Return what the clock change does to the wall time in question; None if no tick has it."""
        wall, transition = self._asked.at.replace(tzinfo=None), transition_around(self._asked.at)
        named = schedule.table.first_after(wall - _MICROSECOND)
        if transition is None or named is None or named >= wall + self._asked.length:
            return None
        return note_on_transition(schedule, transition)

    # --- entries of the ledger --------------------------------------------------------------------

    @cached_property
    def _endings(self) -> Sequence[RunView]:
        """The first endings of the job from the instant on, oldest first."""
        return self._source.endings_from(self._asked.at, job=self._job.name, limit=MOST_ENTRIES)

    @cached_property
    def _entries(self) -> list[RunView]:
        """The entries of ticks that may cover the instant, oldest first, then the live runs."""
        entries = (*self._endings, *self._source.live_runs(self._job.name))
        return [each for each in entries if each.trigger is Trigger.TICK and each.due is not None]

    def _find_run(self, tick: datetime | None) -> RunView | None:
        """Return the run of a tick; if the ticks are not known, the first run that was due then."""
        begin, end = self._asked.at.timestamp(), self._asked.end.timestamp()
        if tick is not None:
            begin, end = tick.timestamp(), (tick + _ONE_TICK).timestamp()
        for entry in self._entries:
            if entry.number and entry.due is not None and begin <= entry.due.timestamp() < end:
                return entry
        return None

    def _find_group(self, due: datetime) -> RunView | None:
        """Return the entry of ticks without a run that covers an instant."""
        instant = due.timestamp()
        covering = [
            entry
            for entry in self._entries
            if not entry.number
            and entry.due is not None
            and entry.ended is not None
            and entry.due.timestamp() <= instant + _MICROSECOND.total_seconds()
            and instant <= entry.ended.timestamp() + _MICROSECOND.total_seconds()
        ]
        return max(covering, key=lambda entry: (entry.due, entry.created), default=None)

    def _explain_started(self, run: RunView, note: str) -> Explanation:
        found = _explain_run(self._source, run, self._job.overlap)
        notes = [note] if note else []
        if not note and run.due is not None and (dst := note_on_tick(self._job.schedule, run.due)):
            notes.append(dst.sentence)
        return Explanation(
            job=found.job,
            at=found.at.astimezone(self._asked.at.tzinfo),
            verdict=found.verdict,
            cause=found.cause,
            sentence=found.sentence,
            evidence=(*notes, *found.evidence),
            runs=found.runs,
        )

    def _explain_group(self, group: RunView, due: datetime) -> Explanation:
        cause = _cause_of(group.reason, Cause.NOT_RECORDED)
        numbers = [int(number) for number in _RUN_IN_REASON.findall(group.reason)]
        evidence = [self._describe_group(group)]
        for number in numbers:
            try:
                evidence.append(self._describe_run(self._source.run(number)))
            except LookupError as error:
                evidence.append(str(error.args[0]))
        return self._make(cause, f"{group.state.value}: {group.reason}", evidence, due=due, runs=numbers)

    def _describe_group(self, group: RunView) -> str:
        assert group.due is not None
        assert group.ended is not None
        if group.ticks == 1:
            return f"the ledger has one tick {group.state.value}, due {self._time(group.due)}"
        first, last = self._time(group.due), self._time(group.ended)
        return f"the ledger has {group.ticks} ticks {group.state.value}, from {first} to {last}"

    def _describe_run(self, run: RunView) -> str:
        return _describe_run(run, self._asked.at)

    # --- no entry ---------------------------------------------------------------------------------

    def _not_due(self) -> Explanation:
        """Explain that the schedule is not due then."""
        job, at = self._job, self._asked.at
        schedule = job.schedule
        assert schedule is not None
        cause, reason = Cause.SCHEDULE, explain_mismatch(schedule, self._asked)
        evidence = [f"schedule: {job.schedule_text}"]
        transition = transition_around(at) if isinstance(schedule, Cron) else None
        if transition is not None and transition.is_gap:
            evidence.append("the clock jumps over this time")
        elif transition is not None and isinstance(schedule, Cron) and at.fold:
            note = note_on_transition(schedule, transition)
            if note is not None:
                cause, reason = Cause.CLOCK_CHANGE, note.sentence
        before, after = tick_before(schedule, at), tick_from(schedule, at)
        evidence.append("no tick before" if before is None else f"tick before: {self._time(before)}")
        evidence.append("no tick after" if after is None else f"tick after: {self._time(after)}")
        return self._make(cause, reason, evidence)

    def _explain_coming(self, due: datetime) -> Explanation:
        job, phase = self._job, self._source.phase()
        evidence = [f"schedule: {job.schedule_text}"]
        if note := note_on_tick(job.schedule, due):
            evidence.append(note.sentence)
        if (obstacle := self._obstacle(due)) is not None:
            return self._make(*obstacle, evidence, due=due)
        if not self._knows_ticks:
            reason = f"its schedule ({job.schedule_text}) is not known well enough to compute its ticks"
            return self._make(Cause.NOT_RECORDED, reason, evidence, due=due, verdict=Verdict.NOT_KNOWN)
        if phase is Phase.STANDBY:
            reason = "the schedule is due; the scheduler that runs the jobs of this store starts it"
            return self._make(Cause.STANDBY, reason, evidence, due=due, verdict=Verdict.WILL_RUN)
        if phase is Phase.RUNNING:
            return self._make(
                Cause.DUE, "the schedule is due then", evidence, due=due, verdict=Verdict.WILL_RUN
            )
        reason = "no scheduler runs now; it will run if one runs then"
        return self._make(Cause.DOWNTIME, reason, evidence, due=due, verdict=Verdict.NOT_KNOWN)

    def _obstacle(self, due: datetime) -> tuple[Cause, str] | None:
        """Return why a coming tick will start no run, as far as that is known; else None."""
        if (pause := self._pause_at(due)) is not None:
            return Cause.PAUSE, self._describe_pause(pause)
        if (end := self._source.quiet().end_at(due.timestamp())) is not None:
            until = datetime.fromtimestamp(end, self._asked.at.tzinfo)
            return Cause.QUIET, f"quiet until {self._time(until)}"
        return (Cause.TIMES, self._job.ended) if self._job.ended else None

    def _explain_without_entry(self, due: datetime) -> Explanation:
        """Explain a tick in the past of which the ledger has nothing."""
        oldest = self._source.oldest_ending()
        kept = "nothing" if oldest is None else f"nothing before {self._time(oldest)}"
        life = _life_at(self._lives, due)
        down = None if life is not None else _downtime(self._lives, due)
        if down is not None:
            return self._make(Cause.DOWNTIME, _describe_downtime(*down, self._asked.at), due=due)
        if life is None and not self._lives:
            return self._make(Cause.DOWNTIME, "no scheduler has run yet", [], due=due)
        if oldest is None or due.timestamp() < oldest.timestamp():
            reason = f"the ledger does not go back that far: it keeps {kept}"
            return self._make(Cause.RETENTION, reason, [], due=due, verdict=Verdict.NOT_KNOWN)
        if not self._knows_ticks:
            reason = f"the ledger has no tick then, and the ticks of {self._job.schedule_text} are not known"
            evidence = list(self._neighbours())
            return self._make(Cause.NOT_RECORDED, reason, evidence, due=due, verdict=Verdict.NOT_KNOWN)
        if (pause := self._pause_at(due)) is not None:
            return self._make(Cause.PAUSE, self._describe_pause(pause), due=due)
        reason = (
            "the schedule is due then and a scheduler ran, but the ledger has no entry: the job was "
            "registered later, or had another schedule, or the scheduler has not come to this tick yet"
        )
        if len(self._endings) == MOST_ENTRIES:
            reason = f"none of the first {MOST_ENTRIES} endings of the job after that time is of this tick"
        evidence = [] if life is None else [f"the scheduler runs since {self._time(life.started)}"]
        return self._make(Cause.NOT_RECORDED, reason, evidence, due=due, verdict=Verdict.NOT_KNOWN)

    def _pause_at(self, due: datetime) -> Pause | None:
        """Return the present pause of the job if it covers an instant."""
        pause, instant = self._job.pause, due.timestamp()
        return pause if pause is not None and pause.since <= instant and pause.covers(instant) else None

    def _describe_pause(self, pause: Pause) -> str:
        """Return a pause in words, with the day on which it began if that is another one."""
        tz = self._asked.at.tzinfo
        assert tz is not None
        since = datetime.fromtimestamp(pause.since, tz)
        text = pause.describe(tz)
        return text if since.date() == self._asked.at.date() else f"{text} (since {since:%Y-%m-%d})"

    def _neighbours(self) -> Iterator[str]:
        """Yield the entry after the instant, for schedules whose ticks cannot be computed."""
        entry = next(iter(self._entries), None)
        if entry is not None and entry.due is not None:
            yield f"the next tick in the ledger: {self._time(entry.due)}"

    def _make(
        self,
        cause: Cause,
        reason: str,
        evidence: Sequence[str] = (),
        *,
        due: datetime | None = None,
        runs: Sequence[int] = (),
        verdict: Verdict | None = None,
    ) -> Explanation:
        """Return an explanation; unless the verdict is given, there was no run, or there will be none."""
        at = self._asked.at if due is None else due.astimezone(self._asked.at.tzinfo)
        coming = at.timestamp() > self._now.timestamp()
        if verdict is None:
            verdict = Verdict.WILL_NOT_RUN if coming else Verdict.DID_NOT_RUN
        words = {Verdict.NOT_KNOWN: "may run" if coming else "may have run"}.get(verdict, verdict.value)
        if cause is Cause.RETENTION or (cause is Cause.NOT_RECORDED and not coming):
            words = "is not known to have run"
        if cause is Cause.DOWNTIME and coming:
            words = "would run"
        return Explanation(
            job=self._job.name,
            at=at,
            verdict=verdict,
            cause=cause,
            sentence=f"{self._job.name} {words} at {self._shown_instant(at)}: {reason}",
            evidence=tuple(evidence),
            runs=tuple(runs),
        )

    def _shown_instant(self, at: datetime) -> str:
        if not self._asked.exists and at == self._asked.at:
            return f"{at:%Y-%m-%d} {_clock(at)}"
        return f"{at:%Y-%m-%d} {_clock(at)} {at.tzname()}"

    def _time(self, instant: datetime) -> str:
        return _time_near(instant, self._asked.at)


def _describe_downtime(ended: LifeSpan | None, began: LifeSpan | None, near: datetime) -> str:
    until = "now" if began is None else _time_near(began.started, near)
    if ended is None or ended.ended is None:
        return f"no scheduler had run before {until}"
    how = "killed" if ended.killed else "stopped"
    return f"not running from {_time_near(ended.ended, near)} ({how}) to {until}"


def _life_at(lives: Sequence[LifeSpan], at: datetime) -> LifeSpan | None:
    """Return the process in whose time an instant is; None if no scheduler ran then."""
    instant = at.timestamp()
    for life in reversed(lives):
        if life.started.timestamp() <= instant and (life.ended is None or instant <= life.ended.timestamp()):
            return life
    return None


def _downtime(lives: Sequence[LifeSpan], at: datetime) -> tuple[LifeSpan | None, LifeSpan | None] | None:
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


# --- runs -----------------------------------------------------------------------------------------


def _explain_run(source: FactSource, run: RunView, overlap: Overlap | None) -> Explanation:
    base, waiting = run.due or run.created, run.waiting_since or run.created
    until = run.started or run.ended or source.now()
    parts, evidence = _begin(source, run, base)
    blockers = [] if overlap is Overlap.ALLOW else _blockers(source, run, waiting, until)
    queued = waiting
    if blockers:
        last = max(blockers, key=lambda each: (each.ended or until).timestamp())
        if run.state is RunState.HELD or last.ended is None:
            parts.append(f"held: {run.reason or f'waits for run {last.number}'}")
        else:
            queued = last.ended
            parts.append(f"held until {_time_near(queued, base)} by run {last.number}")
    holders: list[RunView] = []
    if quiet := _quiet_part(source, run, queued, until):
        parts.append(quiet)
    elif run.started is not None or run.state is RunState.QUEUED:
        holders = _holders(source, run, queued, until)
        parts += _queued_part(run, elapsed_between(queued, until), holders, base)
    others = {each.number: each for each in (*blockers, *holders)}
    evidence += [_describe_run(each, base) for each in [*others.values()][:_MOST_NAMED]]
    verdict, cause = _verdict_on(run)
    return Explanation(
        job=run.job,
        at=base,
        verdict=verdict,
        cause=cause,
        sentence=f"run {run.number} of {run.job} on {base:%Y-%m-%d}: {', '.join([*parts, _outcome(run)])}",
        evidence=tuple(evidence),
        runs=(run.number, *others),
    )


def _begin(source: FactSource, run: RunView, base: datetime) -> tuple[list[str], list[str]]:
    """Return when a run was due and noticed, and the evidence for a tick that was noticed late."""
    if run.due is None:
        return [f"requested {_clock(run.created)} ({_by(run.trigger)})"], []
    parts = [f"due {_clock(run.due)}"]
    if elapsed_between(run.due, run.created) < _LATE:
        return parts, []
    parts.append(f"noticed {_time_near(run.created, base)}")
    return parts, [_explain_lateness(source.lives(), run.due, run.created, base)]


def _verdict_on(run: RunView) -> tuple[Verdict, Cause]:
    if run.started is not None:
        return Verdict.RAN, Cause.RUN
    if not run.state.ended:
        return Verdict.WILL_RUN, Cause.RUN
    return Verdict.DID_NOT_RUN, _cause_of(run.reason, Cause.CANCELLED)


def _quiet_part(source: FactSource, run: RunView, queued: datetime, until: datetime) -> str:
    """Return that a run waited in the queue for the end of a quiet time, and until when; "" if it did not."""
    end = source.quiet().end_at(until.timestamp() - _LATE.total_seconds())
    has_waited = run.state is RunState.QUEUED or (run.started is not None and end is not None)
    if end is None or not has_waited or end <= queued.timestamp():
        return ""
    if run.started is not None and end > run.started.timestamp():  # it was requested by hand
        return ""
    shown = _time_near(datetime.fromtimestamp(end, queued.tzinfo), queued)
    return f"queued: quiet until {shown}" + (f", started {_clock(run.started)}" if run.started else "")


def _queued_part(
    run: RunView, waited: timedelta, holders: Sequence[RunView], base: datetime
) -> Iterator[str]:
    """Yield how long a run waited for a slot, and when it started.

    Args:
        run: The run.
        waited: How long it has been in the queue.
        holders: The runs that were RUNNING during that time, as far as they are known.
        base: The instant near which times have no date.
    """
    started = None if run.started is None else _time_near(run.started, base)
    until = "" if started is None else f" until {started}"
    if holders:
        yield f"queued{until}: slots had {_numbers(holders)}"
    elif started is None or waited >= _LATE:
        yield f"queued{until}; the runs that had the slots are not known"
    if started is not None:
        yield f"started {started}"


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
    down = None if _life_at(lives, due) is not None else _downtime(lives, due)
    if down is not None and down[1] is not None:
        return f"noticed {late} late: no scheduler ran before {_time_near(down[1].started, base)}"
    return f"noticed {late} late: the machine slept, its clock was set, or the process could not act"


def _by(trigger: Trigger) -> str:
    return trigger.value if trigger.value.startswith("by ") else f"by {trigger.value}"


def _outcome(run: RunView) -> str:
    if not run.state.ended:
        return f"RETRYING: {run.reason}" if run.state is RunState.RETRYING else str(run.state.value)
    took = "" if run.elapsed is None else f" after {format_duration(run.elapsed)}"
    reason = f": {run.reason}" if run.reason and run.state is not RunState.OK else ""
    return f"{run.state.value}{took}{reason}"


def _numbers(runs: Sequence[RunView]) -> str:
    shown = ", ".join(str(each.number) for each in runs[:_MOST_NAMED])
    more = len(runs) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def _describe_run(run: RunView, near: datetime) -> str:
    parts = [f"run {run.number} of {run.job}"]
    if run.started is not None:
        parts.append(f"started {_time_near(run.started, near)}")
    if run.ended is not None:
        parts.append(f"ended {_time_near(run.ended, near)}")
    return f"{', '.join(parts)}: {_outcome(run)}"


def _time_near(instant: datetime, near: datetime) -> str:
    """Return a time in the zone of another one, with its date if that is another day."""
    instant = instant.astimezone(near.tzinfo)
    return _clock(instant) if instant.date() == near.date() else f"{instant:%Y-%m-%d} {_clock(instant)}"


def _clock(instant: datetime) -> str:
    """Return the time of day, with milliseconds if there are some."""
    milliseconds = instant.microsecond // 1000
    return f"{instant:%H:%M:%S}" + (f".{milliseconds:03}" if milliseconds else "")
