"""`why`: one sentence and its evidence for each cause, the same from a scheduler and from a store."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, closing
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.store_parts import write

from jobtui import Retry, RunState, RunView, Scheduler
from jobtui.engine.records import PackedRun
from jobtui.frontend.explanation import Cause, Explanation, Verdict
from jobtui.frontend.local_backend import LocalBackend
from jobtui.frontend.why_instant import parse_asked_instant
from jobtui.frontend.why_live import SchedulerFacts
from jobtui.frontend.why_stored import StoreFacts
from jobtui.frontend.why_tick import explain_tick
from jobtui.runtime.clock import ManualClock
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule_key import schedule_key, schedule_of_key
from jobtui.store.bulk_insert import insert_rows
from jobtui.store.database import open_for_writing
from jobtui.store.history import History
from jobtui.testing import SimulatedScheduler

Work = Callable[[], Coroutine[Any, Any, None]]


def sleeper(seconds: float) -> Work:
    """Return a job that takes so long."""

    async def work() -> None:
        await asyncio.sleep(seconds)

    return work


def fail() -> None:
    """Raise an exception."""
    raise ValueError("no")


def started(scheduler: SimulatedScheduler) -> SimulatedScheduler:
    """Start a scheduler that logs nothing."""
    scheduler.stop_logging()
    scheduler.start()
    return scheduler


class Simulated:
    """Makes schedulers on clocks that the test moves, and stops them at the end."""

    def __init__(self) -> None:
        self._cleanup = ExitStack()

    def __call__(self, start: str = "2026-11-29T01:00", **options: Any) -> SimulatedScheduler:
        """Return a scheduler that has not been started."""
        scheduler = SimulatedScheduler(start, **{"tz": "UTC", **options})
        self._cleanup.callback(scheduler.stop, 0)
        return scheduler

    def close(self) -> None:
        """Stop the schedulers."""
        self._cleanup.close()


@pytest.fixture
def simulated() -> Iterator[Simulated]:
    """Return a function that makes schedulers."""
    with closing(Simulated()) as simulated:
        yield simulated


def why(scheduler: Scheduler, job: str, at: str = "") -> Explanation:
    """Ask a scheduler about a tick."""
    return LocalBackend(scheduler, "jobs.py").why(job, at)


def verdict(found: Explanation) -> tuple[Verdict, Cause]:
    """Return the verdict and the cause of an explanation."""
    return found.verdict, found.cause


# --- the schedule ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "at", "reason"),
    [
        ("0 30 2 * * *", "02:31", "the minute is 31, not 30"),
        ("0 30 2 * * *", "03:30:30", "the hour is 3, not 2 and the second is 30, not 0"),
        ("0 0 2 * * MON-FRI", "02:00", "the day is a Sunday, not Monday to Friday"),
        ("0 0 2 1 * *", "02:00", "the day of the month is 29, not 1"),
        ("0 0 2 1 * FRI", "02:00", "the day of the month is 29, not 1 and the day is a Sunday, not Friday"),
        ("0 0 2 * 1-3 *", "02:00", "the month is November, not January to March"),
    ],
)  # fmt: skip
def test_a_time_that_the_schedule_does_not_name_is_explained_by_the_fields(
    simulated: Simulated, spec: str, at: str, reason: str
) -> None:
    scheduler = simulated()
    scheduler.schedule(spec, print, name="a")
    found = why(started(scheduler), "a", at)
    assert found.cause is Cause.SCHEDULE
    assert found.sentence.endswith(f": the schedule does not match: {reason}")


def test_a_time_without_a_tick_is_shown_with_the_ticks_around_it(simulated: Simulated) -> None:
    scheduler = simulated()
    scheduler.schedule("0 30 2 * * *", print, name="a")
    found = why(started(scheduler), "a", "03:00")
    assert found.evidence == (
        "schedule: at 02:30 every day (UTC)",
        "tick before: 02:30:00",
        "tick after: 2026-11-30 02:30:00",
    )


def test_a_tick_within_the_minute_in_question_is_meant(simulated: Simulated) -> None:
    scheduler = simulated()
    scheduler.schedule("15 30 2 * * *", print, name="a")
    started(scheduler).advance("2h")
    assert verdict(why(scheduler, "a", "02:30")) == (Verdict.RAN, Cause.RUN)
    assert verdict(why(scheduler, "a", "02:30:00")) == (Verdict.DID_NOT_RUN, Cause.SCHEDULE)


def test_the_ticks_of_an_interval_are_known_since_the_start(simulated: Simulated) -> None:
    scheduler = simulated()
    scheduler.every("7m", print, name="a")
    started(scheduler).advance("1h")
    assert verdict(why(scheduler, "a", "01:14")) == (Verdict.RAN, Cause.RUN)
    assert verdict(why(scheduler, "a", "01:15")) == (Verdict.DID_NOT_RUN, Cause.SCHEDULE)
    assert verdict(why(scheduler, "a", "02:03")) == (Verdict.WILL_RUN, Cause.DUE)


# --- clock changes --------------------------------------------------------------------------------


def test_a_time_that_the_clock_jumps_over_is_explained_by_the_tick_after_it(
    simulated: Simulated,
) -> None:
    scheduler = simulated("2026-03-29T00:00", tz="Europe/Oslo")
    scheduler.schedule("0 30 2 * * *", print, name="a")
    started(scheduler).advance("6h")
    found = why(scheduler, "a", "02:30")
    assert (verdict(found), found.at.hour) == ((Verdict.RAN, Cause.RUN), 3)
    assert found.evidence[0].startswith("02:30 does not exist on Sun 2026-03-29: the clock jumps from 02:00")
    assert verdict(why(scheduler, "a", "02:31")) == (Verdict.DID_NOT_RUN, Cause.SCHEDULE)


def test_a_tick_that_a_long_gap_drops_is_explained_by_the_clock_change(simulated: Simulated) -> None:
    """Samoa had no 30 December 2011."""
    scheduler = simulated("2011-12-29T12:00", tz="Pacific/Apia")
    scheduler.schedule("0 30 2 * * *", print, name="a")
    started(scheduler).advance("30h")
    found = why(scheduler, "a", "2011-12-30T02:30")
    assert verdict(found) == (Verdict.DID_NOT_RUN, Cause.CLOCK_CHANGE)
    assert found.sentence.endswith(", so it does not run")


def test_a_time_that_the_clock_shows_twice_runs_the_first_time_only(simulated: Simulated) -> None:
    scheduler = simulated("2026-10-25T00:00", tz="Europe/Oslo")
    scheduler.schedule("0 30 2 * * *", print, name="a")
    started(scheduler).advance("6h")
    assert verdict(why(scheduler, "a", "02:30")) == (Verdict.RAN, Cause.RUN)
    second = why(scheduler, "a", "2026-10-25T02:30+01:00")
    assert verdict(second) == (Verdict.DID_NOT_RUN, Cause.CLOCK_CHANGE)
    assert second.sentence.endswith("and it runs only the first time")


# --- what stood in the way ------------------------------------------------------------------------


def test_a_pause_is_the_cause_for_ticks_before_and_after_now(simulated: Simulated) -> None:
    scheduler = simulated()
    job = scheduler.schedule("0 */10 * * * *", print, name="a")
    started(scheduler).advance("15m")
    job.pause(note="no data today")
    scheduler.advance("10m")
    past = why(scheduler, "a", "01:20")
    assert verdict(past) == (Verdict.DID_NOT_RUN, Cause.PAUSE)
    assert "paused since 01:15:00" in past.sentence
    assert past.sentence.endswith("no data today")
    assert verdict(why(scheduler, "a", "01:30")) == (Verdict.WILL_NOT_RUN, Cause.PAUSE)
    assert verdict(why(scheduler, "a", "01:10")) == (Verdict.RAN, Cause.RUN)


def test_a_pause_with_an_end_does_not_stop_the_ticks_after_its_end(simulated: Simulated) -> None:
    scheduler = simulated()
    job = scheduler.schedule("0 */10 * * * *", print, name="a")
    started(scheduler)
    job.pause(for_="25m")
    assert verdict(why(scheduler, "a", "01:20")) == (Verdict.WILL_NOT_RUN, Cause.PAUSE)
    assert verdict(why(scheduler, "a", "01:30")) == (Verdict.WILL_RUN, Cause.DUE)


def test_a_quiet_time_is_the_cause_for_ticks_before_and_after_now(simulated: Simulated) -> None:
    scheduler = simulated(quiet=["SUN 01:15 for 10m"])
    scheduler.schedule("0 */10 * * * *", print, name="a")
    started(scheduler)
    coming, later = why(scheduler, "a", "01:20"), why(scheduler, "a", "01:30")
    assert verdict(coming) == (Verdict.WILL_NOT_RUN, Cause.QUIET)
    assert coming.sentence.endswith(": quiet until 01:25:00")
    assert verdict(later) == (Verdict.WILL_RUN, Cause.DUE)
    scheduler.advance("22m")
    past = why(scheduler, "a", "01:20")
    assert verdict(past) == (Verdict.DID_NOT_RUN, Cause.QUIET)
    assert past.sentence.endswith(": SKIPPED: quiet until 2026-11-29 01:25:00")


def test_a_run_that_waits_for_the_end_of_a_quiet_time_says_so(simulated: Simulated) -> None:
    """Before and after its start. One by hand did not wait."""
    scheduler = simulated(quiet=["SUN 01:15 for 10m"])
    job = scheduler.add(fail, name="a")
    started(scheduler).advance("20m")
    waiting, by_hand = scheduler.now(print), scheduler.run(job.name)
    backend = LocalBackend(scheduler, "jobs.py")
    assert backend.why_run(waiting.number).sentence.endswith(
        "QUEUED. It waits for the end of a quiet time: quiet until 01:25:00."
    )
    scheduler.advance("10m")
    after = backend.why_run(waiting.number).sentence
    assert "queued: quiet until 01:25:00, started 01:25:00, OK" in after
    assert "quiet" not in backend.why_run(by_hand.number).sentence


def test_a_run_before_the_start_waits_for_the_start_and_not_for_a_slot(simulated: Simulated) -> None:
    scheduler = simulated()
    run = scheduler.now(print)
    sentence = LocalBackend(scheduler, "jobs.py").why_run(run.number).sentence
    assert sentence.endswith(", QUEUED. It waits for the start.")


def test_an_overlap_names_the_earlier_run_and_its_times(simulated: Simulated) -> None:
    scheduler = simulated()
    scheduler.schedule("0 */10 2 * * *", sleeper(700), name="a", overlap="skip")
    started(scheduler).advance("3h")
    found = why(scheduler, "a", "02:10")
    assert verdict(found) == (Verdict.DID_NOT_RUN, Cause.OVERLAP)
    assert found.sentence.endswith("SKIPPED: still running since 02:00:00, run 1")
    assert found.evidence[-1] == "run 1 of a, started 02:00:00, ended 02:11:40: OK after 11m40s"
    assert found.runs == (1,)


def test_a_replaced_run_that_has_not_started_is_an_overlap(simulated: Simulated) -> None:
    scheduler = simulated(pool=1)
    scheduler.schedule("0 0 2 * * *", sleeper(1_500), name="blocks")
    scheduler.schedule("0 1,11,21 2 * * *", sleeper(1), name="a", overlap="replace")
    started(scheduler).advance("3h")
    assert verdict(why(scheduler, "a", "02:01")) == (Verdict.DID_NOT_RUN, Cause.OVERLAP)
    assert verdict(why(scheduler, "a", "02:21")) == (Verdict.RAN, Cause.RUN)


def test_a_late_run_says_where_its_time_went(simulated: Simulated) -> None:
    """It was held by an earlier run of its job, and then the other jobs had the slots."""
    scheduler = simulated(pool=2)
    scheduler.schedule("0 */10 2 * * *", sleeper(700), name="a")
    scheduler.schedule("0 5 2 * * *", sleeper(3_600), name="long")
    scheduler.schedule("0 6 2 * * *", sleeper(200), name="short")
    started(scheduler).advance("70m")
    scheduler.advance("4h")
    found = why(scheduler, "a", "02:10")
    assert found.sentence == (
        "run 4 of a on 2026-11-29: due 02:10:00, held until 02:11:40 by run 1, "
        "queued until 02:15:00 while run 2 of long, run 3 of short had the slots, started 02:15:00, "
        "OK after 11m40s"
    )
    assert found.runs == (4, 1, 2, 3)
    assert found.evidence[0] == "run 1 of a, started 02:00:00, ended 02:11:40: OK after 11m40s"
    assert LocalBackend(scheduler, "").why_run(4).sentence == found.sentence


def test_live_runs_say_what_they_wait_for(simulated: Simulated) -> None:
    scheduler = simulated(pool=1)
    scheduler.schedule("0 0 2 * * *", sleeper(3_600), name="long")
    scheduler.schedule("0 1,2,3 2 * * *", sleeper(1), name="a")
    started(scheduler).advance("65m")
    queued, held = why(scheduler, "a", "02:01"), why(scheduler, "a", "02:02")
    assert verdict(queued) == verdict(held) == (Verdict.WILL_RUN, Cause.RUN)
    assert queued.sentence.endswith(
        "due 02:01:00, QUEUED. It waits for a slot: the only slot is taken by run 1 of long."
    )
    assert held.sentence.endswith(
        "due 02:02:00, HELD. It is held behind run 2 of the same job, which waits for a slot."
    )
    last = why(scheduler, "a", "02:03")
    assert last.sentence.endswith(
        "due 02:03:00, HELD. It is held behind run 3 of the same job, which waits too; "
        "run 2 is the one that waits for a slot."
    )
    assert last.evidence == ("run 2 of a: QUEUED", "run 3 of a: HELD")
    assert why(scheduler, "long").sentence.endswith("due 02:00:00, started 02:00:00, RUNNING")


def test_a_held_run_names_the_run_before_it_and_the_one_that_runs_but_not_those_in_between(
    simulated: Simulated,
) -> None:
    scheduler = simulated()
    scheduler.every("10s", sleeper(3_600), name="tick")
    started(scheduler).advance("65s")
    found = LocalBackend(scheduler, "").why_run(6)
    assert found.sentence.endswith(
        "HELD. It is held behind run 5 of the same job, which waits too; run 1 is the one that runs."
    )
    assert found.evidence == ("run 1 of tick, started 01:00:10: RUNNING", "run 5 of tick: HELD")
    assert found.runs == (6, 1, 5)
    second = LocalBackend(scheduler, "").why_run(2).sentence
    assert second.endswith("HELD. It is held behind run 1 of the same job, which runs.")


def test_a_queued_run_names_the_runs_that_have_the_slots_now_and_no_others(simulated: Simulated) -> None:
    """A run that had a slot for a while, and has ended, is not in the way."""
    scheduler = simulated(pool=2)
    for name, seconds in (("short", 100), ("a", 3_600), ("b", 3_600), ("c", 1)):
        scheduler.schedule("0 0 2 * * *", sleeper(seconds), name=name)
    started(scheduler).advance("65m")
    found = why(scheduler, "c", "02:00")
    assert found.sentence.endswith(
        "QUEUED. It waits for a slot: all 2 slots are taken by run 2 of a, run 3 of b."
    )
    assert found.evidence == (
        "run 2 of a, started 02:00:00: RUNNING",
        "run 3 of b, started 02:01:40: RUNNING",
    )


def test_late_ticks_follow_the_policy(simulated: Simulated) -> None:
    scheduler = simulated()
    scheduler.schedule("0 */10 * * * *", print, name="coalesces")
    scheduler.schedule("0 */10 * * * *", print, name="skips", misfire="skip")
    started(scheduler).advance("5m")
    scheduler.suspend("1h")
    first, later = why(scheduler, "coalesces", "01:10"), why(scheduler, "coalesces", "01:30")
    assert verdict(first) == (Verdict.RAN, Cause.RUN)
    assert "due 01:10:00, noticed 02:05:00, started 02:05:00" in first.sentence
    assert first.evidence[0].startswith("noticed 55m00s late: the machine slept")
    assert verdict(later) == (Verdict.DID_NOT_RUN, Cause.COALESCED)
    assert later.runs == first.runs
    assert verdict(why(scheduler, "skips", "01:30")) == (Verdict.DID_NOT_RUN, Cause.MISFIRE)


def test_a_tick_before_the_start_is_downtime(simulated: Simulated) -> None:
    scheduler = simulated()
    scheduler.schedule("0 30 0 * * *", print, name="a")
    found = why(started(scheduler), "a", "00:30")
    assert verdict(found) == (Verdict.DID_NOT_RUN, Cause.DOWNTIME)
    assert found.sentence.endswith("no scheduler had run before 01:00:00")


def test_a_tick_that_the_ledger_has_dropped_is_not_known() -> None:
    clock = ManualClock(datetime(2026, 11, 29, tzinfo=UTC).timestamp())
    with Scheduler(tz="UTC", clock=clock, ledger_bytes=100_000) as scheduler:
        scheduler.schedule("0 30 0 * * *", print, name="a")
        scheduler.stop_logging()
        assert scheduler.now(fail).wait(20)  # it is kept for longer, which says nothing about other runs
        clock.advance(7_200)
        assert all(scheduler.now(len, "").wait(20) for _ in range(200))
        found = why(scheduler, "a", "00:30")
    assert verdict(found) == (Verdict.NOT_KNOWN, Cause.RETENTION)
    assert found.sentence.endswith("it keeps nothing before 02:00:00")


def test_without_an_instant_the_latest_tick_or_else_the_next_one_is_explained(
    simulated: Simulated,
) -> None:
    scheduler = simulated()
    job = scheduler.schedule("0 30 2 * * *", print, name="a")
    assert verdict(why(started(scheduler), "a")) == (Verdict.WILL_RUN, Cause.DUE)
    scheduler.advance("5h")
    job.run()
    scheduler.advance("1s")
    assert why(scheduler, "a").at == datetime(2026, 11, 29, 2, 30, tzinfo=UTC)


def test_a_job_without_a_schedule_has_no_ticks(simulated: Simulated) -> None:
    scheduler = started(simulated())
    scheduler.now(len, "")
    with pytest.raises(LookupError, match="job 'len' has no schedule, so it has no ticks"):
        why(scheduler, "len", "02:30")
    with pytest.raises(LookupError, match="there is no job 'lenn'; near: len"):
        why(scheduler, "lenn", "02:30")


@pytest.mark.parametrize("text", ["2:30", "25:00", "noon", "2026-11-31T02:30", "2026-11-29"])
def test_a_text_that_is_no_instant_is_rejected_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}' is not an instant; write 02:30, 'yesterday 02:30' or"):
        parse_asked_instant(text, datetime(2026, 11, 29, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("02:30", "2026-11-29T02:30:00+00:00"),
        ("yesterday 02:30:15", "2026-11-28T02:30:15+00:00"),
        ("tomorrow 02:30", "2026-11-30T02:30:00+00:00"),
        ("2026-12-01T02:30", "2026-12-01T02:30:00+00:00"),
        ("2026-12-01 02:30+02:00", "2026-12-01T00:30:00+00:00"),
        ("2026-12-01T02:30:01Z", "2026-12-01T02:30:01+00:00"),
    ],
)
def test_an_instant_is_in_the_zone_of_the_job_unless_it_has_an_offset(text: str, expected: str) -> None:
    assert parse_asked_instant(text, datetime(2026, 11, 29, 12, tzinfo=UTC)).at.isoformat() == expected


@pytest.mark.parametrize(
    "spec", ["30 2 * * *", "TZ=Europe/Oslo 0 30 2 * * MON-FRI", "@every 90m", "CRON_TZ=UTC @daily"]
)
def test_a_schedule_is_known_from_its_key_in_the_store(spec: str) -> None:
    schedule = parse(spec, tz=None, dst="every")
    assert schedule_of_key(schedule_key(schedule, spec)) == schedule


# --- any ticks of an hour -------------------------------------------------------------------------

BEGIN = datetime(2026, 11, 29, 1, 0, tzinfo=UTC)
SPECS = ("0 */5 * * * *", "30 */7 * * * *", "0 0-50/10 * * * *")
JOB = st.fixed_dictionaries(
    {
        "spec": st.sampled_from(SPECS),
        "seconds": st.sampled_from([0.0, 1.0, 200.0, 700.0]),
        "overlap": st.sampled_from(["hold", "skip", "allow", "replace"]),
        "misfire": st.sampled_from(["coalesce", "skip", "all"]),
    }
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["advance", "advance", "suspend", "pause", "resume"]),
        st.integers(1, 900),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=12,
)
EXPECTED_STATES = {
    Cause.PAUSE: RunState.SKIPPED,
    Cause.OVERLAP: RunState.SKIPPED,
    Cause.MISFIRE: RunState.MISSED,
    Cause.COALESCED: RunState.COALESCED,
}


def packed(view: RunView) -> PackedRun:
    """Return a view as the ledger has it."""
    values = vars(view) | {
        each: value.timestamp() for each, value in vars(view).items() if isinstance(value, datetime)
    }
    values |= {"trigger": view.trigger.value, "state": view.state.value, "error": view.error}
    values["elapsed"] = None if view.elapsed is None else view.elapsed.total_seconds()
    return tuple(values[field.name] for field in fields(RunView))


def store_of(scheduler: SimulatedScheduler, path: Path) -> StoreFacts:
    """Write what a scheduler's ledger has into a store, and return its facts."""
    with closing(open_for_writing(path)) as connection:
        for job in scheduler.snapshot().jobs:
            assert job.schedule is not None
            row = (job.name, schedule_key(job.schedule, job.spec), job.overlap.value)
            connection.execute("INSERT INTO jobs (name, schedule_key, overlap) VALUES (?, ?, ?)", row)
            if job.paused_since is not None:
                paused = (job.paused_since.timestamp(), job.name)
                connection.execute("UPDATE jobs SET paused_at = ? WHERE name = ?", paused)
        write(connection, *(packed(run) for run in reversed(scheduler.find_runs(limit=10_000))))
        columns = ("started", "seen", "pid", "host", "zone", "version", "file", "file_hash", "git_commit")
        now = scheduler.time.timestamp()
        life = (BEGIN.timestamp(), now, 1, "elsewhere", "UTC", "", "", "", "")
        insert_rows(connection, "lives", columns, [life])
    return StoreFacts(History(path), scheduler.time)


@settings(max_examples=60, deadline=None)
@given(jobs=st.lists(JOB, min_size=1, max_size=3), steps=STEPS, pool=st.integers(1, 3))
def test_the_verdicts_on_all_ticks_of_an_hour_agree_with_the_counters(
    jobs: list[dict[str, Any]], steps: list[tuple[str, int, int]], pool: int, tmp_path_factory: Any
) -> None:
    with closing(Simulated()) as simulated:
        check_all_ticks(simulated(pool=pool), jobs, steps, tmp_path_factory.mktemp("why") / "jobs.db")


def check_all_ticks(
    scheduler: SimulatedScheduler, jobs: list[dict[str, Any]], steps: list[tuple[str, int, int]], path: Path
) -> None:
    """Take steps, and compare the verdicts on all ticks with the counters, and with those from a store."""
    handles = [
        scheduler.schedule(
            job["spec"],
            sleeper(job["seconds"]),
            name=f"job {index}",
            overlap=job["overlap"],
            misfire=job["misfire"],
        )
        for index, job in enumerate(jobs)
    ]
    started(scheduler)
    for action, seconds, index in steps:
        handle = handles[index % len(handles)]
        if action == "pause":
            handle.pause()
        elif action == "resume":
            handle.resume()
        else:
            getattr(scheduler, action)(seconds)
    facts = SchedulerFacts(scheduler)
    stored = store_of(scheduler, path)
    for job, handle, counters in zip(jobs, handles, scheduler.counters(), strict=True):
        found: Counter[RunState | Verdict] = Counter()
        tick = parse(job["spec"], tz=UTC).next(BEGIN)
        while tick is not None and tick <= scheduler.time:
            answer = explain_tick(facts, handle.name, tick.isoformat())
            if answer.verdict is Verdict.DID_NOT_RUN and answer.sentence.startswith(handle.name):
                found[EXPECTED_STATES[answer.cause]] += 1
            else:
                found[answer.verdict] += 1
            if answer.verdict is not Verdict.WILL_RUN:
                other = explain_tick(stored, handle.name, tick.isoformat())
                assert (other.verdict, other.cause, other.sentence) == (
                    answer.verdict,
                    answer.cause,
                    answer.sentence,
                )
            tick = parse(job["spec"], tz=UTC).next(tick)
        for state in (RunState.SKIPPED, RunState.MISSED, RunState.COALESCED):
            assert found[state] == counters.endings[state], (state, found, counters)
        runs = [run for run in scheduler.find_runs(job=handle.name, limit=10_000) if run.number]
        assert found[Verdict.RAN] == sum(run.started is not None for run in runs)
        assert found[Verdict.NOT_KNOWN] == 0


# --- retries --------------------------------------------------------------------------------------


def test_a_run_between_two_attempts_is_explained_and_holds_the_next_one_but_no_slot(
    simulated: Simulated,
) -> None:
    scheduler = simulated(pool=1)
    retry = Retry(3, first="30m", most="8h", jitter=0)
    scheduler.schedule("0 30 * * * *", fail, name="import", retry=retry)
    scheduler.schedule("0 40 * * * *", sleeper(7200), name="slow")
    scheduler.schedule("0 45 * * * *", sleeper(1), name="quick")
    started(scheduler).advance("50m")
    assert why(scheduler, "import").sentence == (
        "run 1 of import on 2026-11-29: due 01:30:00, started 01:30:00, "
        "RETRYING: attempt 1 of 4 failed; the next one is due at 02:00:00"
    )
    assert why(scheduler, "quick").runs == (3, 2)  # only `slow` has the slot

    scheduler.advance("45m")
    assert why(scheduler, "import", "02:30").sentence.endswith(
        "HELD. It is held behind run 1 of the same job, which waits for a slot."
    )
