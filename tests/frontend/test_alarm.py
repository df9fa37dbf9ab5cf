"""The alarm names the common cause of what is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.snapshots import (
    FAILED,
    MISSED,
    OK,
    SKIPPED,
    TRACEBACK,
    abandoned_run,
    ago,
    ended_run,
    ended_ticks,
    make,
    make_job,
    running_run,
    waiting_run,
)

from jobtui.engine.enums import Phase, RunState
from jobtui.engine.views import JobView, RunView, Snapshot, StoreView
from jobtui.frontend.alarm import DOWNTIME_SHOWN, Alarm, AlarmMemory, find_alarms
from jobtui.frontend.job_index import JobIndex


def alarms_of(snapshot: Snapshot) -> list[Alarm]:
    """Return the alarms of a snapshot."""
    return find_alarms(snapshot, JobIndex(snapshot.jobs))


def followed(*snapshots: Snapshot) -> list[str]:
    """Return the texts of the alarms of the last of successive snapshots."""
    memory, found = AlarmMemory(), list[Alarm]()
    for snapshot in snapshots:
        found = find_alarms(snapshot, JobIndex(snapshot.jobs), memory)
    return [alarm.text for alarm in found]


def failing(name: str, *states: RunState) -> JobView:
    """Return a job whose latest runs ended so."""
    return make_job(name, recent=states or (OK, FAILED))


def failed(job: str, since: float, reason: str = "ValueError: no") -> RunView:
    """Return a run that failed so many seconds ago."""
    return ended_run(int(1000 - since), job, since, FAILED, reason=reason)


def texts(snapshot: Snapshot) -> list[str]:
    """Return the texts of the alarms."""
    return [alarm.text for alarm in alarms_of(snapshot)]


def text(snapshot: Snapshot) -> str:
    """Return the text of the only alarm; "" if there is none."""
    [found, *others] = texts(snapshot) or [""]
    assert others == []
    return found


def test_nothing_is_wrong_if_the_latest_run_of_each_job_was_ok() -> None:
    jobs = [make_job(recent=(FAILED, OK)), make_job("new", recent=())]
    assert alarms_of(make(jobs, recent=[ended_run(2, "refresh_cache", 1), failed("refresh_cache", 9)])) == []


def test_a_job_that_failed_once_has_the_time_and_the_error() -> None:
    """It is 10:24:07."""
    run = failed("a", 7)
    snapshot = make([failing("a")], recent=[run, ended_run(1, "a", 20)])
    [alarm] = alarms_of(snapshot)
    assert alarm[:4] == ("a failed at 10:24:00: ValueError: no", "failed", "a", run)


def test_a_job_that_fails_again_and_again_has_the_beginning_and_the_latest_error() -> None:
    states = (FAILED, OK, FAILED, RunState.SKIPPED, FAILED, RunState.TIMED_OUT)
    runs = [
        ended_run(9, "a", 2, RunState.TIMED_OUT, reason="it took too long"),
        failed("a", 17),
        failed("a", 27),
    ]
    snapshot = make([failing("a", *states)], recent=[*runs, ended_run(1, "a", 40), failed("a", 50)])
    assert text(snapshot) == "a fails since 10:23:40, 3 in a row: it took too long"


def test_jobs_that_fail_with_the_same_error_are_named_by_it() -> None:
    """Numbers may differ: ports, lines, addresses."""
    recent = [
        failed("a", 5, "ConnectionRefusedError: 10.0.0.7:5432"),
        failed("c", 6, "KeyError: 'x'"),
        failed("b", 9, "ConnectionRefusedError: 10.0.0.8:5432"),
        failed("a", 15, "ConnectionRefusedError: 10.0.0.7:5432"),
    ]
    same = make([failing("a", OK, FAILED, FAILED), failing("b")], recent=[recent[0], *recent[2:]])
    assert text(same) == (
        "2 jobs fail since 10:23:52, with the same error: ConnectionRefusedError: 10.0.0.7:5432"
    )
    other = make([failing("a", OK, FAILED, FAILED), failing("b"), failing("c")], recent=recent)
    assert texts(other) == [
        "3 jobs fail, 2 of them since 10:23:52 with the same error: ConnectionRefusedError: 10.0.0.7:5432",
        "c failed at 10:24:01: KeyError: 'x'",
    ]


def test_of_several_errors_the_one_that_began_first_comes_first() -> None:
    """So the line does not change with each run that fails."""
    recent = [failed("b", 3, "KeyError: 'x'"), failed("a", 4), failed("c", 5, "OSError: no")]
    for latest in (recent, [failed("a", 1), *recent]):
        states = (OK, *[FAILED] * (len(latest) - 2))
        snapshot = make([failing("a", *states), failing("b"), failing("c")], recent=latest)
        assert [alarm.job for alarm in alarms_of(snapshot)] == ["c", "a", "b"]


def test_an_error_has_the_place_in_the_code_of_the_job() -> None:
    run = replace(failed("a", 7, "KeyError: 'amount'"), error=TRACEBACK)
    snapshot = make([failing("a")], recent=[run])
    assert text(snapshot) == "a failed at 10:24:00: KeyError: 'amount'  demo_jobs.py:172"


def test_failures_that_are_not_among_the_recent_runs_have_no_error() -> None:
    assert text(make([failing("a"), failing("b")])) == "2 jobs failed last: a, b"
    many = make([failing(f"job-{number}") for number in range(9)])
    assert text(many) == "9 jobs failed last: job-0, job-1, job-2 and 6 more"


def test_jobs_whose_error_is_not_known_count_as_jobs_that_fail() -> None:
    """The header counts them, too, and the two numbers have to agree."""
    jobs = [failing(name) for name in "abcde"]
    assert texts(make(jobs, recent=[failed("a", 3), failed("b", 4)])) == [
        "5 jobs fail, 2 of them since 10:24:03 with the same error: ValueError: no",
        "3 jobs failed last, with errors that are not known: c, d, e",
    ]


def counted(name: str, failures: int, runs: int = 10) -> JobView:
    """Return a job that failed last, with the counters of its runs."""
    states = (OK, *[FAILED] * (failures - 7))
    return make_job(name, recent=states, failures=failures, runs=runs)


def test_an_error_is_remembered_after_other_runs_have_pushed_it_out_of_the_snapshot() -> None:
    both = make([counted("a", 8), counted("b", 8)], recent=[failed("a", 3), failed("b", 4)])
    later = replace(both, recent=both.recent[:1])
    expected = ["2 jobs fail since 10:24:03, with the same error: ValueError: no"]
    assert followed(both) == followed(both, later) == followed(both, later, later) == expected
    nothing = replace(both, recent=())
    assert followed(both, nothing) == expected


@pytest.mark.parametrize(
    "job",
    [counted("a", 9, 11), counted("a", 8, 11), replace(counted("a", 9, 12), recent=(OK, FAILED))],
    ids=["another failure", "another counter", "an OK and a failure"],
)
def test_an_error_is_not_remembered_beyond_runs_of_the_job_that_no_snapshot_listed(job: JobView) -> None:
    """The latest failure may have another error."""
    assert followed(make([counted("a", 8)], recent=[failed("a", 3)]), make([job])) == ["1 job failed last: a"]


def test_an_error_is_not_remembered_beyond_a_restart_or_a_run_that_is_ok() -> None:
    before = make([counted("a", 8)], recent=[failed("a", 3)])
    unlisted = replace(before, recent=())
    restarted = replace(unlisted, started=ago(1))
    assert followed(before, restarted) == ["1 job failed last: a"]
    fine = make([make_job("a", recent=(OK, FAILED, OK), failures=8, runs=11)])
    assert followed(before, fine) == []
    assert followed(before, fine, unlisted) == ["1 job failed last: a"]


def test_the_beginning_of_the_failures_is_remembered_until_a_run_is_ok() -> None:
    first = make([counted("a", 8)], recent=[failed("a", 60)])
    again = make([counted("a", 9, 11)], recent=[failed("a", 3)])
    assert followed(first, again) == ["a fails since 10:23:07, 2 in a row: ValueError: no"]
    other = make([counted("a", 9, 12)], recent=[failed("a", 3)])
    assert followed(first, other) == ["a fails, 2 in a row: ValueError: no"]


def test_ages_are_those_that_the_rows_show() -> None:
    """A row says 17s until the 18th second is over."""
    jobs = [make_job("a", running=1, held=1)]
    waiting = [waiting_run(1, "b", 17.9), waiting_run(2, "a", 17.9, RunState.HELD)]
    running = [running_run(3, "a", 17.9)]
    assert texts(make(jobs, running=running, waiting=waiting, pool=1, heartbeat=ago(50.9))) == [
        "the timer has not woken for 50s: no tick starts a run",
        "the pool is full: 1 run waits, the first one for 17s; a runs for 17s",
        "a: 1 run is held for 17s, behind run 3",
    ]


@pytest.mark.parametrize(
    ("waited", "running", "expected"),
    [
        (130, 2, "the pool is full: 2 runs wait, the first one for 2m10s; a runs for 5m00s"),
        (17.8, 2, "the pool is full: 2 runs wait, the first one for 17s; a runs for 5m00s"),
        (9, 2, ""),
        (130, 1, ""),
    ],
)
def test_a_queue_that_does_not_move_is_named_if_no_job_fails(
    waited: float, running: int, expected: str
) -> None:
    waiting = [waiting_run(1, "a", waited), waiting_run(2, "a", 1), waiting_run(3, "a", 5, RunState.HELD)]
    snapshot = make([make_job("a")], running=[running_run(5, "a", 300)], waiting=waiting, pool=2)
    snapshot = replace(snapshot, pool=replace(snapshot.pool, running=running))
    assert text(snapshot) == expected


def test_the_beginning_of_the_failures_is_missing_if_it_is_not_known() -> None:
    """The snapshot lists a limited number of runs, and of each job 20 endings."""
    recent = [failed("a", 7), failed("a", 8)]
    assert text(make([failing("a", *[FAILED] * 3)], recent=recent)) == "a fails, 3 in a row: ValueError: no"
    many = make([failing("a", *[FAILED] * 20)], recent=[failed("a", since) for since in range(1, 30)])
    assert text(many) == "a fails, 20 or more in a row: ValueError: no"
    same = make([failing("a", *[FAILED] * 3), failing("b")], recent=[*recent, failed("b", 9)])
    assert text(same) == "2 jobs fail, with the same error: ValueError: no"


def test_a_timer_that_has_not_woken_is_the_worst() -> None:
    stalled = make([failing("a")], heartbeat=ago(50))
    assert texts(stalled) == [
        "the timer has not woken for 50s: no tick starts a run",
        "1 job failed last: a",
    ]
    assert text(replace(stalled, phase=Phase.STOPPED)) == "1 job failed last: a"


def test_a_store_that_is_not_written_is_named() -> None:
    snapshot = make([make_job()], store=StoreView(file="x.db", problem="the disk is full", lost=3))
    assert text(snapshot) == ("the store is not written: the disk is full; 3 endings will be missing in it")


def test_ticks_that_were_missed_while_nothing_ran_are_counted_until_the_next_run() -> None:
    down = "not running from 10:00:00 (killed) to 10:20:03"
    missed = [
        ended_ticks("a", 60, RunState.MISSED, down, 2),
        ended_ticks("b", 60, RunState.MISSED, down, 3),
        ended_run(7, "c", 70),
        ended_ticks("c", 80, RunState.MISSED, down, 9),
    ]
    jobs = [make_job("a"), make_job("b"), make_job("c")]
    expected = f"5 ticks of 2 jobs were missed: {down}", "failed", "a", missed[0]
    assert [alarm[:4] for alarm in alarms_of(make(jobs, recent=missed))] == [expected]
    assert text(make(jobs, recent=missed[:1])) == f"2 ticks of a were missed: {down}"
    ran = [ended_run(9, "b", 1), ended_run(8, "a", 2), *missed]
    assert text(make(jobs, recent=ran)) == ""


def after_downtime(since: float) -> Snapshot:
    """Return a snapshot so many seconds after a start, for which two jobs missed ticks and have run since."""
    started = ago(since)
    missed = [
        replace(ended_ticks(name, since, MISSED, DOWNTIME, ticks), due=started - timedelta(minutes=5))
        for name, ticks in (("long", 5), ("minute", 161))
    ]
    ran = [ended_run(2, "minute", 1), ended_run(1, "long", 2)]
    return make([make_job("minute"), make_job("long")], recent=[*ran, *missed], started=started)


DOWNTIME = "not running from 2026-03-15 10:00:00 (killed) to 2026-03-16 10:24:00"
ALL_MISSED = (
    "166 ticks of 2 jobs were missed while the scheduler was down "
    "from 2026-03-15 10:00:00 (killed) to 10:24:00"
)


def test_ticks_that_were_missed_before_the_start_are_named_for_a_while_although_the_jobs_have_run() -> None:
    snapshot = after_downtime(5)
    assert texts(snapshot) == [ALL_MISSED]
    long = DOWNTIME_SHOWN.total_seconds()
    assert texts(after_downtime(long - 1)) == [ALL_MISSED]
    assert texts(after_downtime(long + 1)) == []
    unlisted = replace(snapshot, recent=snapshot.recent[:2])
    assert followed(snapshot, unlisted) == [ALL_MISSED]
    later = snapshot.at + 2 * DOWNTIME_SHOWN
    assert followed(snapshot, replace(unlisted, at=later, heartbeat=later)) == []
    assert followed(snapshot, replace(unlisted, started=ago(1))) == []


def test_ticks_that_were_missed_before_the_start_are_named_until_their_job_runs() -> None:
    """A job may be due once a day."""
    snapshot = after_downtime(3600)
    assert texts(replace(snapshot, recent=snapshot.recent[2:])) == [ALL_MISSED]
    assert texts(replace(snapshot, recent=(snapshot.recent[0], *snapshot.recent[2:]))) == [
        ALL_MISSED.replace("166 ticks of 2 jobs", "5 ticks of long")
    ]


def test_ticks_that_were_missed_after_the_start_have_a_line_of_their_own() -> None:
    snapshot = after_downtime(5)
    late = ended_ticks("long", 1, MISSED, "noticed 9s late, with misfire=skip")
    assert texts(replace(snapshot, recent=(late, *snapshot.recent))) == [
        ALL_MISSED,
        "1 tick of long was missed: noticed 9s late, with misfire=skip",
    ]


@pytest.mark.parametrize(
    ("held", "waited", "expected"),
    [
        (19, 190, "hang: 19 runs are held, the oldest for 3m10s, behind run 2"),
        (19, 3, "hang: 19 runs are held, the oldest for 3s, behind run 2"),
        (1, 190, "hang: 1 run is held for 3m10s, behind run 2"),
        (2, 9, ""),
    ],
)
def test_runs_that_are_held_for_long_or_are_many_are_named(held: int, waited: float, expected: str) -> None:
    running = running_run(2, "hang", 200)
    waiting = [
        waiting_run(3 + place, "hang", waited - place / 9, RunState.HELD, reason="waits for run 2")
        for place in range(held)
    ]
    jobs = [make_job("hang", running=1, held=held), make_job("b")]
    snapshot = make(jobs, running=[running], waiting=waiting)
    assert text(snapshot) == expected
    assert [alarm[1:4] for alarm in alarms_of(snapshot)] == [("waiting", "hang", running)] * bool(expected)
    unlisted = replace(snapshot, running=(), waiting=tuple(waiting))
    assert text(unlisted) == expected  # the reason of the held run says the same


def test_of_several_jobs_with_held_runs_the_longest_hold_comes_first() -> None:
    waiting = [waiting_run(3, "a", 20, RunState.HELD), waiting_run(4, "b", 30, RunState.HELD)]
    jobs = [make_job("a", running=1, held=1), make_job("b", running=1, held=1)]
    assert texts(make(jobs, waiting=waiting)) == ["b: 1 run is held for 30s", "a: 1 run is held for 20s"]


def test_abandoned_runs_are_named_with_the_oldest() -> None:
    oldest = abandoned_run(1, "a", 4000, 5)
    snapshot = make([make_job("a")], abandoned=[oldest, abandoned_run(2, "b", 9, 6)])
    pool = replace(snapshot.pool, abandoned=2, most_abandoned=2)
    [alarm] = alarms_of(replace(snapshot, pool=pool))
    assert alarm[:4] == (
        "2 abandoned runs go on, the oldest of a for 1h06m; no more runs can be abandoned",
        "failed",
        "a",
        oldest,
    )


@pytest.mark.parametrize(("running", "ticks", "shown"), [(1, 14, True), (1, 1, False), (0, 14, False)])
def test_a_job_whose_run_takes_the_time_of_many_ticks_is_named(running: int, ticks: int, shown: bool) -> None:
    """A run that is over is not worth a line: the next tick starts another one."""
    reason = "still running since 10:13:11, run 802"
    recent = [ended_ticks("a", 3, SKIPPED, reason, ticks), ended_ticks("a", 200, SKIPPED, reason, 1)]
    expected = f"a skipped {ticks + 1} ticks since {ago(200):%H:%M:%S}: {reason}"
    assert text(make([make_job("a", running=running)], recent=recent)) == (expected if shown else "")


WORKING = make_job("a", running=1)
SKIPS = [ended_ticks("a", 3, SKIPPED, "still running since 10:13:11, run 802", 14)]
HOLDING, HOLD = make_job("a", running=1, held=1), [waiting_run(6, "a", 130, RunState.HELD)]
BUSY, QUEUE = [running_run(5, "a", 300)], [waiting_run(6, "a", 130)]


@pytest.mark.parametrize(
    ("trouble", "over"),
    [
        (make([make_job()], heartbeat=ago(50)), make([make_job()], heartbeat=ago(1))),
        (make([make_job()], heartbeat=ago(50)), make([make_job()], heartbeat=ago(50), phase=Phase.STOPPING)),
        (
            make([make_job()], store=StoreView(problem="it is full")),
            make([make_job()], store=StoreView(file="a")),
        ),
        (
            make([failing("a")], recent=[failed("a", 7)]),
            make([failing("a", FAILED, OK)], recent=[ended_run(9, "a", 1), failed("a", 7)]),
        ),
        (
            make([failing("a"), failing("b")], recent=[failed("a", 7), failed("b", 8)]),
            make([make_job("c")], recent=[failed("a", 7), failed("b", 8)]),
        ),
        (
            make([make_job("a")], recent=[ended_ticks("a", 60, RunState.MISSED, "down", 2)]),
            make(
                [make_job("a")],
                recent=[ended_run(9, "a", 1), ended_ticks("a", 60, RunState.MISSED, "down", 2)],
            ),
        ),
        (
            make([make_job("a")], abandoned=[abandoned_run(1, "a", 4000, 5)]),
            make([make_job("a")], recent=[abandoned_run(1, "a", 4000, 5)]),
        ),
        (
            make([WORKING], running=BUSY, waiting=QUEUE, pool=1),
            make([WORKING], running=BUSY, waiting=QUEUE, pool=2),
        ),
        (make([WORKING], running=BUSY, waiting=QUEUE, pool=1), make([WORKING], running=BUSY, pool=1)),
        (make([HOLDING], waiting=HOLD), make([WORKING])),
        (make([WORKING], recent=SKIPS), make([make_job("a")], recent=SKIPS)),
        (make([WORKING], recent=SKIPS), make([WORKING], recent=[ended_run(9, "a", 1), *SKIPS])),
    ],
    ids=[
        "the timer wakes again",
        "the scheduler is stopping",
        "the store is written",
        "a run was OK",
        "the jobs were removed",
        "the job ran after the ticks",
        "the abandoned work has ended",
        "the pool has grown",
        "the queue is empty",
        "no run is held",
        "the run has ended",
        "the next run goes on",
    ],
)
def test_an_alarm_is_gone_when_its_cause_is_over(trouble: Snapshot, over: Snapshot) -> None:
    assert len(alarms_of(trouble)) == 1
    assert alarms_of(over) == []
