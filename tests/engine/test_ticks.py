"""Ticks: when jobs are due, and what becomes of ticks that come late, twice or not at all."""

from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from support.engine_harness import NOON, EngineHarness, clock_time

from jobtui.engine.enums import JobStatus, Misfire, Overlap, RunState, Trigger
from jobtui.engine.events import ClockStepped, InternalError
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Every, Once

DAY = 86_400.0


def due_of(harness: EngineHarness, name: str) -> str:
    """When a job is due next, as a wall time."""
    upcoming = harness.view(harness.engine.jobs[name]).next
    assert upcoming is not None
    return upcoming.strftime("%d %H:%M:%S")


def test_a_job_is_due_only_while_the_scheduler_runs() -> None:
    """``next`` is None before the start and after the stop."""
    harness = EngineHarness(started=False)
    job = harness.job(schedule="@every 10s")
    assert [harness.view(job).next, harness.engine.next_due] == [None, None]
    harness.engine.start(harness.now)
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


def test_a_tick_starts_a_run_and_moves_next() -> None:
    """A run from a tick knows its trigger and when it was due."""
    harness = EngineHarness()
    harness.job(schedule="30 * * * * *")
    harness.advance(29.9)
    assert harness.counts == (0, 0, 0)
    harness.advance(0.2)
    run = harness.start_next()
    assert (run.trigger, run.due, run.created) == (Trigger.TICK, NOON + 30, harness.now)
    assert due_of(harness, "a") == "23 12:01:30"
    assert harness.tick_entries == []


def test_due_things_are_taken_in_the_order_in_which_they_were_due() -> None:
    """Jobs and one-off runs alike, however late the timer is; equals in the order of asking."""
    harness = EngineHarness(pool=0)
    slow, fast = harness.job("slow", "@every 3s"), harness.job("fast", "@every 2s")
    one_off = harness.submit_later(harness.job("b"), 2.5)
    twin = harness.submit_later(harness.job("c"), 2.5)
    harness.advance(3.5)
    assert [run.job for run in harness.start_all()] == [fast, one_off.job, twin.job, slow]


def test_every_keeps_its_grid_for_a_day_without_drift() -> None:
    """86,400 ticks of a timer that is always a little late are due on whole seconds of the grid."""
    harness = EngineHarness()
    job = harness.job(schedule=Every(0.1), overlap=Overlap.SKIP)
    harness.engine.event_log.set_reader_count(0)
    due = []
    for second in range(1, 86_401):
        harness.now = NOON + second + 0.003
        harness.engine.process_due(harness.now)
        if second % 8_640 == 0:
            due.append(harness.engine.next_due)
    assert due == [pytest.approx(NOON + second + 0.1, abs=1e-6) for second in range(8_640, 86_401, 8_640)]
    assert sum(end.ticks for end in harness.endings) + job.queued == 864_000


def test_a_late_timer_runs_a_job_once_and_counts_the_rest() -> None:
    """After suspension one run stands for all ticks that passed; the ledger says how many, since when."""
    harness = EngineHarness()
    harness.job(schedule="*/10 * * * * *")
    harness.advance(3600)
    run = harness.start_next()
    assert run.due == NOON + 10
    reason = f"360 ticks since {clock_time(10)} were missed; run 1 covers them all"
    assert harness.tick_entries == [(RunState.COALESCED, 359, reason)]
    assert due_of(harness, "a") == "23 13:00:10"


def test_a_tick_that_is_due_this_very_moment_has_passed() -> None:
    """Of two ticks, the second exactly now, one run is made: it is not held behind the first."""
    harness = EngineHarness()
    harness.job(schedule="@every 10s")
    harness.advance(20)
    assert harness.counts == (0, 1, 0)
    assert [(state, count) for state, count, _ in harness.tick_entries] == [(RunState.COALESCED, 1)]
    assert due_of(harness, "a") == "23 12:00:30"


def test_a_late_timer_counts_an_interval_jobs_ticks_too() -> None:
    """Two days of an `every` job are counted by division."""
    harness = EngineHarness()
    harness.job(schedule="@every 1m")
    harness.advance(2 * DAY - 60 + 1)
    [(state, count, reason)] = harness.tick_entries
    assert (state, count) == (RunState.COALESCED, 2878)
    assert reason.startswith("2879 ticks since 12:01:00")


def test_more_ticks_than_can_be_counted_are_said_to_be_more() -> None:
    """Two days of a job that is due every second do not hold the lock for seconds: counting ends."""
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
    assert harness.tick_entries[3][1] == 999  # the next wake counts from the beginning


def test_only_what_is_counted_one_by_one_uses_up_the_counting() -> None:
    """Intervals are divided, and under ``misfire="all"`` there is nothing to count."""
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


def test_misfire_skip_starts_nothing_late() -> None:
    """Under ``misfire="skip"`` ticks seen more than a second late end MISSED, with how late they were."""
    harness = EngineHarness()
    harness.job(schedule="@every 10s", misfire=Misfire.SKIP)
    harness.advance(35)
    assert harness.tick_entries == [(RunState.MISSED, 3, "noticed at 12:00:35, 25.0 s late")]
    assert harness.counts == (0, 0, 0)
    harness.advance(5.9)
    assert harness.counts == (0, 1, 0)


def test_misfire_skip_forgives_a_second() -> None:
    """A tick seen a second late is on time."""
    harness = EngineHarness()
    harness.job(schedule="@every 10s", misfire=Misfire.SKIP)
    harness.advance(11)
    assert harness.counts == (0, 1, 0)


def test_misfire_skip_drops_a_single_tick_that_is_later_than_a_second() -> None:
    """Also where no other tick has passed."""
    harness = EngineHarness()
    harness.job(schedule="@every 10s", misfire=Misfire.SKIP)
    harness.advance(11.1)
    assert harness.tick_entries == [(RunState.MISSED, 1, "noticed at 12:00:11, 1.1 s late")]
    assert harness.counts == (0, 0, 0)


def test_misfire_skip_forgives_a_second_also_where_several_ticks_passed_in_it() -> None:
    """A short interval's ticks are coalesced then, as they would be without the policy."""
    harness = EngineHarness()
    harness.job(schedule="@every 250ms", misfire=Misfire.SKIP)
    harness.advance(0.9)
    assert harness.counts == (0, 1, 0)
    assert [(state, count) for state, count, _ in harness.tick_entries] == [(RunState.COALESCED, 2)]


def test_misfire_all_starts_one_run_for_each_tick() -> None:
    """Under ``misfire="all"`` every tick that passed has its run, each knowing when it was due."""
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


def test_misfire_all_with_overlap_skip_skips_all_but_the_first() -> None:
    """The ticks that find the first one's run in their way share one entry."""
    harness = EngineHarness()
    harness.job(schedule="@every 10s", misfire=Misfire.ALL, overlap=Overlap.SKIP)
    harness.advance(50)
    assert harness.counts == (0, 1, 0)
    assert harness.tick_entries == [(RunState.SKIPPED, 4, "run 1 is still queued")]


def test_misfire_all_has_a_limit_and_says_what_it_left_out() -> None:
    """Beyond 10,000 runs, the rest of the ticks end MISSED."""
    harness = EngineHarness()
    job = harness.job(schedule="@every 1s", misfire=Misfire.ALL, max_held=20_000)
    harness.advance(10_050)
    assert harness.counts == (0, 1, 9_999)
    assert harness.tick_entries == [
        (RunState.MISSED, 50, "the rest of more than 10000 missed ticks"),
    ]
    assert harness.view(job).held == 9_999


def test_coalesced_ticks_of_a_blocked_job_are_skipped_all_together() -> None:
    """When the one run is refused, all the ticks it stood for are SKIPPED with the reason."""
    harness = EngineHarness()
    harness.job(schedule="@every 10s", overlap=Overlap.SKIP)
    harness.advance(10)
    harness.start_next()
    harness.advance(40)
    assert harness.tick_entries == [(RunState.SKIPPED, 4, "still running since 12:00:10, run 1")]


def test_equal_ticks_in_a_row_share_one_entry() -> None:
    """Ticks skipped for one reason are one ledger entry that counts; a run in between begins another."""
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


def test_a_paused_jobs_ticks_start_nothing_and_share_one_entry() -> None:
    """They end SKIPPED with the time of the pause; after the resume the next tick starts a run."""
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


def test_a_paused_jobs_late_ticks_are_counted() -> None:
    """Also under ``misfire="all"``."""
    for misfire in Misfire:
        harness = EngineHarness()
        harness.engine.pause_job(harness.job(schedule="@every 10s", misfire=misfire), harness.now)
        harness.advance(100)
        assert harness.tick_entries == [(RunState.SKIPPED, 10, "paused since 12:00:00")]


def test_a_paused_job_runs_by_hand_and_shows_it() -> None:
    """Pausing stops ticks, not people; a paused job whose run is going is RUNNING."""
    harness = EngineHarness()
    job = harness.job()
    harness.engine.pause_job(job, harness.now)
    harness.submit(job, trigger=Trigger.HAND)
    assert harness.view(job).status is JobStatus.QUEUED
    run = harness.start_next()
    assert harness.view(job).status is JobStatus.RUNNING
    harness.finish(run)
    assert harness.view(job).status is JobStatus.PAUSED


def test_a_one_off_run_waits_for_its_instant() -> None:
    """It is SCHEDULED, then passes the same gates as any run; late or not, it is never dropped."""
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


def test_a_one_off_run_that_is_due_already_goes_at_the_next_tick() -> None:
    """An instant in the past is due at once."""
    harness = EngineHarness()
    run = harness.submit_later(harness.job(), -3600, Trigger.AT)
    assert harness.engine.next_due == NOON - 3600
    harness.advance(0)
    assert [run.state] == [RunState.QUEUED]


def test_a_schedule_that_ends_is_never_due_again() -> None:
    """`Once` has one tick."""
    harness = EngineHarness()
    job = harness.job(schedule=Once(datetime.fromtimestamp(NOON + 5, UTC)))
    harness.advance(5)
    assert harness.counts == (0, 1, 0)
    assert harness.view(job).next is None
    assert harness.engine.next_due is None


def test_a_clock_set_back_an_hour_does_not_stall_intervals_and_delays() -> None:
    """They keep the time they had left; a cron job keeps its instant, so nothing is repeated."""
    harness = EngineHarness(pool=0)
    harness.job("interval", "@every 10m")
    harness.job("cron", "0 */10 * * * *")
    late = harness.submit_later(harness.job("delay"), 900, Trigger.IN)
    fixed = harness.submit_later(harness.job("instant"), 900, Trigger.AT)
    harness.advance(601)
    assert len(harness.start_all()) == 2
    harness.now -= 3600
    harness.engine.apply_clock_step(-3600, harness.now)
    assert due_of(harness, "interval") == "23 11:20:00"
    assert due_of(harness, "cron") == "23 12:20:00"
    assert (late.due, fixed.due) == (NOON + 900 - 3600, NOON + 900)
    assert [event.seconds for event in harness.events if isinstance(event, ClockStepped)] == [-3600]
    harness.advance(298)
    assert [late.state] == [RunState.SCHEDULED]
    harness.advance(1)
    assert [late.state] == [RunState.QUEUED]
    harness.advance(3599)  # just before the instant that is left to be fixed
    assert [fixed.state] == [RunState.SCHEDULED]
    harness.advance(1)
    assert [fixed.state] == [RunState.QUEUED]


def test_a_given_start_keeps_its_grid_when_the_clock_is_set_back() -> None:
    """``every(start=...)`` names instants of the wall clock."""
    harness = EngineHarness()
    start = datetime.fromtimestamp(NOON + 7, UTC)
    job = harness.job(schedule=Every("10m", start))
    harness.advance(8)
    harness.now -= 3600
    harness.engine.apply_clock_step(-3600, harness.now)
    assert due_of(harness, "a") == "23 12:00:07"
    assert isinstance(job.schedule, Every)
    assert job.schedule.start == start


def test_a_clock_corrected_by_days_moves_cron_jobs_too() -> None:
    """A step back of more than 3 hours says that the clock was wrong: jobs do not sleep for days."""
    harness = EngineHarness()
    harness.job("cron", "0 30 * * * *")
    harness.now -= 2 * DAY
    harness.engine.apply_clock_step(-2 * DAY, harness.now)
    assert due_of(harness, "cron") == "21 12:30:00"


@pytest.mark.parametrize("noise", [0, 0.0005])
def test_a_step_of_exactly_three_hours_is_no_correction(noise: float) -> None:
    """Debian cron's rule; a step is measured, and never to the last digit."""
    harness = EngineHarness()
    harness.job("cron", "0 30 * * * *")
    harness.now -= 3 * 3600
    harness.engine.apply_clock_step(-3 * 3600.0 - noise, harness.now)
    assert due_of(harness, "cron") == "23 12:30:00"


def test_a_corrected_clock_does_not_repeat_the_tick_at_which_it_was_corrected() -> None:
    """That run started when the new clock would have shown 08:00 sharp, though the step measures as more."""
    harness = EngineHarness()
    harness.job("cron", "0 0 * * * *")
    harness.engine.process_due(harness.now)
    harness.now -= 4 * 3600
    harness.engine.apply_clock_step(-4 * 3600.0 - 0.0005, harness.now)
    assert due_of(harness, "cron") == "23 09:00:00"


def test_a_clock_set_back_by_days_after_the_stop_makes_nothing_due() -> None:
    """Not even a cron job, which a correction by days moves: its run would never start nor end."""
    harness = EngineHarness()
    harness.job("interval", "@every 1s")
    harness.job("cron", "* * * * * *")
    harness.engine.stop(harness.now)
    harness.engine.apply_clock_step(-172_800, NOON - 172_800)
    assert harness.engine.next_due is None
    assert [job.next for job in harness.snapshot().jobs] == [None, None]


class BrokenZone(tzinfo):
    """A user's zone that stops working."""

    broken = False

    def utcoffset(self, moment: datetime | None, /) -> timedelta:
        """An hour, or an error."""
        if self.broken:
            raise OSError("the zone server is down")
        return timedelta(hours=1)

    def dst(self, moment: datetime | None, /) -> timedelta:
        """None."""
        return timedelta(0)

    def tzname(self, moment: datetime | None, /) -> str:
        """The zone's name."""
        return "Broken"


def test_a_schedule_that_raises_stops_its_own_job_alone() -> None:
    """The others that are due are taken; the error names the job; the next wake does not meet it again."""
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


def test_what_is_due_after_the_calendar_ends_is_never_due() -> None:
    """The year 9999 cannot be shown in every zone, so a start in it is no start."""
    harness = EngineHarness()
    last = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert harness.view(harness.job(schedule=Once(last))).next is None
    assert harness.view(harness.job(schedule=Every("1h", last))).next is None


def test_the_heartbeat_is_the_last_tick() -> None:
    """The dashboard shows when the timer last woke."""
    harness = EngineHarness()
    assert harness.snapshot().heartbeat == datetime.fromtimestamp(NOON, UTC)
    harness.advance(7)
    assert harness.snapshot().heartbeat == datetime.fromtimestamp(NOON + 7, UTC)
    assert harness.snapshot().started == datetime.fromtimestamp(NOON, UTC)
