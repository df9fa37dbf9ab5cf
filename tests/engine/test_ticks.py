"""Tests of ticks: when jobs are due, and what happens to late, repeated and missed ticks."""

from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from support.engine_harness import NOON, EngineHarness, clock_time

from jobtui.engine.enums import JobStatus, Misfire, Overlap, RunState, Trigger
from jobtui.engine.events import ClockStepped, InternalError
from jobtui.engine.tick_search import DONE_SHOWN
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Every, Once

DAY = 86_400.0


def due_of(harness: EngineHarness, name: str) -> str:
    """Return when a job is due next, as day and wall-clock time."""
    upcoming = harness.view(harness.engine.jobs[name]).next
    assert upcoming is not None
    return upcoming.strftime("%d %H:%M:%S")


def test_a_job_is_due_only_while_the_scheduler_runs() -> None:
    """``next`` is None before the start and after the stop."""
    harness = EngineHarness(started=False)
    job = harness.job(schedule="@every 10s")
    assert [harness.view(job).next, harness.engine.next_due] == [None, None]
    harness.start()
    assert due_of(harness, "a") == "23 12:00:10"
    assert [harness.engine.next_due] == [NOON + 10]
    harness.engine.stop(harness.now)
    assert [harness.view(job).next, harness.engine.next_due] == [None, None]
    harness.advance(60)
    assert harness.endings == []


def test_a_job_added_to_a_running_scheduler_is_due_one_interval_later() -> None:
    """The grid of `every` begins when the job is added."""
    harness = EngineHarness()
    harness.now += 3
    harness.job(schedule="@every 10s")
    assert due_of(harness, "a") == "23 12:00:13"


def test_a_tick_starts_a_run_and_sets_the_next_tick() -> None:
    """The run has its trigger, and the tick as its due time."""
    harness = EngineHarness()
    harness.job(schedule="30 * * * * *")
    harness.advance(29.9)
    assert harness.counts == (0, 0, 0)
    harness.advance(0.2)
    run = harness.start_next()
    assert (run.trigger, run.due, run.created) == (Trigger.TICK, NOON + 30, harness.now)
    assert due_of(harness, "a") == "23 12:01:30"
    assert harness.tick_entries == []


def test_due_jobs_and_one_off_runs_are_admitted_in_the_order_of_their_instants() -> None:
    """However late the timer is; equal instants in the order of the requests."""
    harness = EngineHarness(pool=0)
    slow, fast = harness.job("slow", "@every 3s"), harness.job("fast", "@every 2s")
    one_off = harness.submit_later(harness.job("b"), 2.5)
    other = harness.submit_later(harness.job("c"), 2.5)
    harness.advance(3.5)
    assert [run.job for run in harness.start_all()] == [fast, one_off.job, other.job, slow]


def test_an_interval_keeps_its_grid_for_a_day_without_drift() -> None:
    """With a timer that is always 3 ms late."""
    harness = EngineHarness()
    job = harness.job(schedule=Every(0.1), overlap=Overlap.SKIP)
    harness.engine.event_log.set_reader_count(0)
    due = []
    for second in range(1, 86_401):
        harness.now = NOON + second + 0.003
        harness.advance(0)
        if second % 8_640 == 0:
            due.append(harness.engine.next_due)
    assert due == [pytest.approx(NOON + second + 0.1, abs=1e-6) for second in range(8_640, 86_401, 8_640)]
    assert sum(end.ticks for end in harness.endings) + job.queued == 864_000


def test_a_late_timer_starts_one_run_and_counts_the_missed_ticks() -> None:
    """After a suspension; the ledger has the number of ticks, and when the first one was due."""
    harness = EngineHarness()
    harness.job(schedule="*/10 * * * * *")
    harness.advance(3600)
    run = harness.start_next()
    assert run.due == NOON + 10
    reason = f"360 ticks since {clock_time(10)} were missed; run 1 covers them all"
    assert harness.tick_entries == [(RunState.COALESCED, 359, reason)]
    assert due_of(harness, "a") == "23 13:00:10"


def test_a_tick_that_is_due_exactly_now_is_coalesced_with_an_earlier_one() -> None:
    """No second run is held."""
    harness = EngineHarness()
    harness.job(schedule="@every 10s")
    harness.advance(20)
    assert harness.counts == (0, 1, 0)
    assert [(state, count) for state, count, _ in harness.tick_entries] == [(RunState.COALESCED, 1)]
    assert due_of(harness, "a") == "23 12:00:30"


def test_a_late_timer_counts_the_missed_ticks_of_an_interval() -> None:
    """Two days are counted by a division."""
    harness = EngineHarness()
    harness.job(schedule="@every 1m")
    harness.advance(2 * DAY - 60 + 1)
    [(state, count, reason)] = harness.tick_entries
    assert (state, count) == (RunState.COALESCED, 2878)
    assert reason.startswith("2879 ticks since 12:01:00")


def test_the_count_of_missed_cron_ticks_is_limited_and_the_reason_says_more_than() -> None:
    """To count two days of ticks every second would hold the lock for seconds."""
    harness = EngineHarness()
    harness.job("a", "* * * * * *")
    harness.job("b", "* * * * * *")
    harness.job("c", "@every 1m")
    harness.advance(2 * DAY)
    assert [count for _, count, _ in harness.tick_entries] == [10_000, 100, 100]
    assert [reason.split(" ticks")[0] for *_, reason in harness.tick_entries] == [
        "more than 10000",
        "more than 100",
        "more than 100",
    ]
    assert [due_of(harness, name) for name in "abc"] == ["25 12:00:01", "25 12:00:01", "25 12:01:00"]
    harness.start_all()
    harness.advance(1_000)
    assert harness.tick_entries[3][1] == 999  # the limit applies to each wake


def test_only_ticks_that_are_counted_one_by_one_count_towards_the_limit() -> None:
    """Intervals are divided, and with ``misfire="all"`` there is nothing to count."""
    harness = EngineHarness()
    harness.job("divided", "@every 1s")
    harness.job("all", "* * * * * *", misfire=Misfire.ALL)
    harness.job("counted", "* * * * * *")
    harness.advance(9_500)
    assert [
        (count, reason.split()[0]) for _, count, reason in harness.tick_entries if "missed" in reason
    ] == [
        (9_499, "9500"),
        (9_499, "9500"),
    ]


def test_misfire_skip_starts_no_run_for_ticks_that_are_late() -> None:
    """They end as MISSED, and the reason says how late they were."""
    harness = EngineHarness()
    harness.job(schedule="@every 10s", misfire=Misfire.SKIP)
    harness.advance(35)
    assert harness.tick_entries == [(RunState.MISSED, 3, "noticed at 12:00:35, 25.0 s late")]
    assert harness.counts == (0, 0, 0)
    harness.advance(5.9)
    assert harness.counts == (0, 1, 0)


def test_misfire_skip_starts_a_run_for_a_tick_that_is_one_second_late() -> None:
    """Such a tick is on time."""
    harness = EngineHarness()
    harness.job(schedule="@every 10s", misfire=Misfire.SKIP)
    harness.advance(11)
    assert harness.counts == (0, 1, 0)


def test_misfire_skip_misses_a_single_tick_that_is_more_than_a_second_late() -> None:
    """Even though no other tick has passed."""
    harness = EngineHarness()
    harness.job(schedule="@every 10s", misfire=Misfire.SKIP)
    harness.advance(11.1)
    assert harness.tick_entries == [(RunState.MISSED, 1, "noticed at 12:00:11, 1.1 s late")]
    assert harness.counts == (0, 0, 0)


def test_misfire_skip_coalesces_several_ticks_within_one_second() -> None:
    """As without the policy."""
    harness = EngineHarness()
    harness.job(schedule="@every 250ms", misfire=Misfire.SKIP)
    harness.advance(0.9)
    assert harness.counts == (0, 1, 0)
    assert [(state, count) for state, count, _ in harness.tick_entries] == [(RunState.COALESCED, 2)]


def test_misfire_all_starts_one_run_for_each_missed_tick() -> None:
    """Each run has its own tick as its due time."""
    harness = EngineHarness(pool=0)
    harness.job(schedule="@every 10s", misfire=Misfire.ALL)
    harness.advance(40)
    assert harness.counts == (0, 1, 3)
    assert [run.number for run in harness.snapshot().waiting] == harness.run_all()
    assert [end.due for end in harness.endings] == [
        datetime.fromtimestamp(NOON + seconds, UTC) for seconds in (10, 20, 30, 40)
    ]
    assert harness.tick_entries == []
    assert due_of(harness, "a") == "23 12:00:50"


def test_misfire_all_with_overlap_skip_starts_one_run_and_skips_the_other_ticks() -> None:
    """The skipped ticks share one ledger entry."""
    harness = EngineHarness()
    harness.job(schedule="@every 10s", misfire=Misfire.ALL, overlap=Overlap.SKIP)
    harness.advance(50)
    assert harness.counts == (0, 1, 0)
    assert harness.tick_entries == [(RunState.SKIPPED, 4, "run 1 is still queued")]


def test_misfire_all_starts_at_most_10_000_runs_and_misses_the_other_ticks() -> None:
    """The ledger entry has their number."""
    harness = EngineHarness()
    job = harness.job(schedule="@every 1s", misfire=Misfire.ALL, max_held=20_000)
    harness.advance(10_050)
    assert harness.counts == (0, 1, 9_999)
    assert harness.tick_entries == [
        (RunState.MISSED, 50, "the rest of more than 10000 missed ticks"),
    ]
    assert harness.view(job).held == 9_999


def test_coalesced_ticks_of_a_blocked_job_are_all_skipped() -> None:
    """Their one run is skipped, and all its ticks with it."""
    harness = EngineHarness()
    harness.job(schedule="@every 10s", overlap=Overlap.SKIP)
    harness.advance(10)
    harness.start_next()
    harness.advance(40)
    assert harness.tick_entries == [(RunState.SKIPPED, 4, "still running since 12:00:10, run 1")]


def test_consecutive_ticks_skipped_for_one_reason_share_a_ledger_entry() -> None:
    """After a run, the next skipped tick begins a new entry."""
    harness = EngineHarness()
    job = harness.job(schedule="@every 10s", overlap=Overlap.SKIP)
    harness.advance(10)
    run = harness.start_next()
    for _ in range(3):
        harness.advance(10)
    assert [count for _, count, _ in harness.tick_entries] == [3]
    entry = next(end for end in harness.endings if end.number == 0)
    assert entry.due == datetime.fromtimestamp(NOON + 20, UTC)
    assert entry.ended == datetime.fromtimestamp(NOON + 40, UTC)
    assert harness.event_names().count("TickEnded 0") == 3
    harness.finish(run)
    harness.advance(10)
    harness.start_next()
    harness.advance(10)
    assert [count for _, count, _ in harness.tick_entries] == [3, 1]
    assert harness.view(job).recent == (RunState.SKIPPED, RunState.OK, RunState.SKIPPED)


def test_ticks_of_a_paused_job_are_skipped_and_share_a_ledger_entry() -> None:
    """The reason has the time of the pause; after the resume the next tick starts a run."""
    harness = EngineHarness()
    job = harness.job(schedule="@every 10s")
    harness.now += 5
    assert harness.engine.pause_job(job, harness.now)
    assert not harness.engine.pause_job(job, harness.now)
    assert harness.view(job).status is JobStatus.PAUSED
    assert harness.view(job).paused_since == datetime.fromtimestamp(NOON + 5, UTC)
    for _ in range(4):
        harness.advance(10)
    assert harness.tick_entries == [(RunState.SKIPPED, 4, "paused since 12:00:05")]
    assert harness.counts == (0, 0, 0)
    assert harness.engine.resume_job(job, harness.now)
    assert not harness.engine.resume_job(job, harness.now)
    assert harness.view(job).status is JobStatus.IDLE
    assert harness.view(job).paused_since is None
    harness.advance(5)
    assert harness.counts == (0, 1, 0)
    assert [name for name in harness.event_names() if name.startswith("Job")] == [
        "JobAdded",
        "JobPaused",
        "JobResumed",
    ]


def test_late_ticks_of_a_paused_job_are_counted_with_every_misfire_policy() -> None:
    """Also with ``misfire="all"``."""
    for misfire in Misfire:
        harness = EngineHarness()
        harness.engine.pause_job(harness.job(schedule="@every 10s", misfire=misfire), harness.now)
        harness.advance(100)
        assert harness.tick_entries == [(RunState.SKIPPED, 10, "paused since 12:00:00")]


def test_a_paused_job_can_be_run_by_hand() -> None:
    """Its status is RUNNING while the run lasts."""
    harness = EngineHarness()
    job = harness.job()
    harness.engine.pause_job(job, harness.now)
    harness.submit(job, trigger=Trigger.HAND)
    assert harness.view(job).status is JobStatus.QUEUED
    run = harness.start_next()
    assert harness.view(job).status is JobStatus.RUNNING
    harness.finish(run)
    assert harness.view(job).status is JobStatus.PAUSED


def test_a_one_off_run_is_scheduled_until_its_instant_and_is_then_admitted() -> None:
    """The overlap policy applies; a run that is late is not dropped."""
    harness = EngineHarness()
    job = harness.job(overlap=Overlap.HOLD)
    harness.submit(job)
    harness.start_next()
    run = harness.submit_later(job, 60)
    assert (run.state, harness.view(job).scheduled) == (RunState.SCHEDULED, 1)
    assert [view.number for view in harness.snapshot().scheduled] == [run.number]
    harness.advance(59.9)
    assert [run.state] == [RunState.SCHEDULED]
    harness.advance(5000)
    assert (run.state, harness.view(job).scheduled) == (RunState.HELD, 0)
    assert harness.snapshot().scheduled == ()


def test_a_one_off_run_that_is_due_already_is_admitted_when_the_timer_wakes() -> None:
    """Its instant is in the past."""
    harness = EngineHarness()
    run = harness.submit_later(harness.job(), -3600, Trigger.AT)
    assert harness.engine.next_due == NOON - 3600
    harness.advance(0)
    assert [run.state] == [RunState.QUEUED]


def test_a_schedule_without_further_ticks_is_never_due_again() -> None:
    """`Once` has one tick."""
    harness = EngineHarness()
    job = harness.job(schedule=Once(datetime.fromtimestamp(NOON + 5, UTC)))
    harness.advance(5)
    assert harness.counts == (0, 1, 0)
    assert harness.view(job).next is None
    harness.advance(2 * DONE_SHOWN)
    assert harness.counts == (0, 1, 0)


def test_a_clock_set_back_an_hour_does_not_stall_intervals_and_delays() -> None:
    """They keep the time they had left; a cron job keeps its instant, so no tick is repeated."""
    harness = EngineHarness(pool=0)
    harness.job("interval", "@every 10m")
    harness.job("cron", "0 */10 * * * *")
    late = harness.submit_later(harness.job("delay"), 900, Trigger.IN)
    fixed = harness.submit_later(harness.job("instant"), 900, Trigger.AT)
    harness.advance(601)
    assert len(harness.start_all()) == 2
    harness.now -= 3600
    harness.step_clock(-3600)
    assert due_of(harness, "interval") == "23 11:20:00"
    assert due_of(harness, "cron") == "23 12:20:00"
    assert (late.due, fixed.due) == (NOON + 900 - 3600, NOON + 900)
    assert [event.seconds for event in harness.events if isinstance(event, ClockStepped)] == [-3600]
    harness.advance(298)
    assert [late.state] == [RunState.SCHEDULED]
    harness.advance(1)
    assert [late.state] == [RunState.QUEUED]
    harness.advance(3599)  # just before the fixed instant
    assert [fixed.state] == [RunState.SCHEDULED]
    harness.advance(1)
    assert [fixed.state] == [RunState.QUEUED]


def test_an_interval_with_a_given_start_keeps_its_grid_when_the_clock_is_set_back() -> None:
    """``every(start=...)`` names instants of the wall clock."""
    harness = EngineHarness()
    start = datetime.fromtimestamp(NOON + 7, UTC)
    job = harness.job(schedule=Every("10m", start))
    harness.advance(8)
    harness.now -= 3600
    harness.step_clock(-3600)
    assert due_of(harness, "a") == "23 12:00:07"
    assert isinstance(job.schedule, Every)
    assert job.schedule.start == start


def test_a_clock_corrected_by_days_moves_cron_jobs() -> None:
    """After a step back of more than 3 hours, jobs must not wait for days."""
    harness = EngineHarness()
    harness.job("cron", "0 30 * * * *")
    harness.now -= 2 * DAY
    harness.step_clock(-2 * DAY)
    assert due_of(harness, "cron") == "21 12:30:00"


@pytest.mark.parametrize("noise", [0, 0.0005])
def test_a_step_of_exactly_three_hours_does_not_move_cron_jobs(noise: float) -> None:
    """Debian cron's rule; the step is measured inexactly."""
    harness = EngineHarness()
    harness.job("cron", "0 30 * * * *")
    harness.now -= 3 * 3600
    harness.step_clock(-3 * 3600.0 - noise)
    assert due_of(harness, "cron") == "23 12:30:00"


def test_a_corrected_clock_does_not_repeat_the_tick_at_the_instant_of_the_correction() -> None:
    """The step is measured as larger than it was, and 08:00:00 by the new clock has been processed."""
    harness = EngineHarness()
    harness.job("cron", "0 0 * * * *")
    harness.advance(0)
    harness.now -= 4 * 3600
    harness.step_clock(-4 * 3600.0 - 0.0005)
    assert due_of(harness, "cron") == "23 09:00:00"


def test_a_clock_set_back_by_days_after_the_stop_makes_no_job_due() -> None:
    """Not even a cron job: its run would never start, nor end."""
    harness = EngineHarness()
    harness.job("interval", "@every 1s")
    harness.job("cron", "* * * * * *")
    harness.engine.stop(harness.now)
    harness.engine.apply_clock_step(-172_800, NOON - 172_800)
    assert harness.engine.next_due is None
    assert [job.next for job in harness.snapshot().jobs] == [None, None]


class BrokenZone(tzinfo):
    """A zone of the user's that raises once it is broken."""

    broken = False

    def utcoffset(self, moment: datetime | None, /) -> timedelta:
        """Return an hour, or raise."""
        if self.broken:
            raise OSError("the zone server is down")
        return timedelta(hours=1)

    def dst(self, moment: datetime | None, /) -> timedelta:
        """Return no offset."""
        return timedelta(0)

    def tzname(self, moment: datetime | None, /) -> str:
        """Return the zone's name."""
        return "Broken"


def test_a_schedule_that_raises_stops_only_its_own_job() -> None:
    """The error names the job, and is not repeated at the next wake."""
    harness = EngineHarness(pool=0)
    zone = BrokenZone()
    broken = harness.job("broken", parse("* * * * * *", tz=zone))
    harness.job("sound", "@every 1s")
    zone.broken = True
    harness.advance(1)
    assert [run.job.name for run in harness.start_all()] == ["sound"]
    assert harness.snapshot().internal_error == "broken: OSError: the zone server is down"
    assert harness.view(broken).next is None
    harness.advance(1)
    assert [type(event) for event in harness.events].count(InternalError) == 1


def test_a_job_with_its_first_tick_in_the_year_9999_is_never_due() -> None:
    """That year does not exist in the calendar of every zone."""
    harness = EngineHarness()
    last = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert harness.view(harness.job(schedule=Once(last))).next is None
    assert harness.view(harness.job(schedule=Every("1h", last))).next is None


def test_the_heartbeat_is_when_the_timer_last_woke() -> None:
    """A snapshot shows it."""
    harness = EngineHarness()
    assert harness.snapshot().heartbeat == datetime.fromtimestamp(NOON, UTC)
    harness.advance(7)
    assert harness.snapshot().heartbeat == datetime.fromtimestamp(NOON + 7, UTC)
    assert harness.snapshot().started == datetime.fromtimestamp(NOON, UTC)


def test_of_many_missed_ticks_as_many_runs_are_held_as_the_job_allows() -> None:
    """The other ticks share an entry of the ledger."""
    harness = EngineHarness()
    job = harness.job("a", "0 * * * * *", misfire=Misfire.ALL)
    harness.advance(24 * 3600)
    assert harness.counts == (0, 1, 1_000)
    [(state, count, reason)] = harness.tick_entries
    assert (state, count) == (RunState.SKIPPED, 439)
    assert reason.startswith("1000 runs are held already; run ")
    assert job.due is not None
    assert job.due > harness.now
