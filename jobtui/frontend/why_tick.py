"""Explain why a tick of a job did or did not run.

An explanation relies on the schedule, on the entries of the ledger, and on the times in which a scheduler
ran. What these do not say, it calls not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from jobtui.engine.enums import Phase, Trigger
from jobtui.engine.job_pause import Pause
from jobtui.engine.views import RunView
from jobtui.frontend.explanation import Cause, Explanation, Verdict, cause_of
from jobtui.frontend.why_downtime import describe_downtime, downtime_around, life_at
from jobtui.frontend.why_facts import MOST_ENTRIES, FactSource, JobFacts
from jobtui.frontend.why_instant import AskedInstant, parse_asked_instant
from jobtui.frontend.why_run import explain_found_run
from jobtui.frontend.why_schedule import after_gap, explain_mismatch, tick_before, tick_from
from jobtui.frontend.why_texts import clock_time, describe_run, time_near
from jobtui.schedules.dst import DstNote, note_on_tick, note_on_transition
from jobtui.schedules.schedule import Cron
from jobtui.schedules.transitions import transition_around

_MICROSECOND = timedelta(microseconds=1)
_ONE_TICK = timedelta(milliseconds=1)  # the accuracy of instants in the ledger
_RUN_IN_REASON = re.compile(r"\brun ([0-9]+)")


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
        found = explain_found_run(self._source, run, self._job.overlap)
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
        cause = cause_of(group.reason, Cause.NOT_RECORDED)
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
        return describe_run(run, self._asked.at)

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
        life = life_at(self._lives, due)
        down = None if life is not None else downtime_around(self._lives, due)
        if down is not None:
            return self._make(Cause.DOWNTIME, describe_downtime(*down, self._asked.at), due=due)
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
            return f"{at:%Y-%m-%d} {clock_time(at)}"
        return f"{at:%Y-%m-%d} {clock_time(at)} {at.tzname()}"

    def _time(self, instant: datetime) -> str:
        return time_near(instant, self._asked.at)
