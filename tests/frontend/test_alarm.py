"""The alarm names the common cause of what is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.snapshots import (
    FAILED,
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
from jobtui.frontend.alarm import Alarm, find_alarms
from jobtui.frontend.job_index import JobIndex


def alarms_of(snapshot: Snapshot) -> list[Alarm]:
    """Return the alarms of a snapshot."""
    return find_alarms(snapshot, JobIndex(snapshot.jobs))


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
    assert alarms_of(snapshot) == [("a failed at 10:24:00: ValueError: no", "failed", "a", run)]


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
    assert texts(other) == [*texts(same), "c failed at 10:24:01: KeyError: 'x'"]


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


@pytest.mark.parametrize(
    ("waited", "running", "expected"),
    [
        (130, 2, "the pool is full: 2 runs wait, the first one for 2m10s; a runs for 5m00s"),
        (9, 2, ""),
        (130, 1, ""),
    ],
)
def test_a_queue_that_does_not_move_is_named_if_no_job_fails(
    waited: float, running: int, expected: str
) -> None:
    waiting = [waiting_run(1, "a", waited), waiting_run(2, "a", 1), waiting_run(3, "a", 500, RunState.HELD)]
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
    assert alarms_of(make(jobs, recent=missed)) == [expected]
    assert text(make(jobs, recent=missed[:1])) == f"2 ticks of a were missed: {down}"
    ran = [ended_run(9, "b", 1), ended_run(8, "a", 2), *missed]
    assert text(make(jobs, recent=ran)) == ""


def test_abandoned_runs_are_named_with_the_oldest() -> None:
    oldest = abandoned_run(1, "a", 4000, 5)
    snapshot = make([make_job("a")], abandoned=[oldest, abandoned_run(2, "b", 9, 6)])
    pool = replace(snapshot.pool, abandoned=2, most_abandoned=2)
    assert alarms_of(replace(snapshot, pool=pool)) == [
        (
            "2 abandoned runs go on, the oldest of a for 1h06m; no more runs can be abandoned",
            "failed",
            "a",
            oldest,
        )
    ]


@pytest.mark.parametrize(("running", "ticks", "shown"), [(1, 14, True), (1, 1, False), (0, 14, False)])
def test_a_job_whose_run_takes_the_time_of_many_ticks_is_named(running: int, ticks: int, shown: bool) -> None:
    """A run that is over is not worth a line: the next tick starts another one."""
    reason = "still running since 10:13:11, run 802"
    recent = [ended_ticks("a", 3, SKIPPED, reason, ticks), ended_ticks("a", 200, SKIPPED, reason, 1)]
    expected = f"a skipped {ticks + 1} ticks since {ago(200):%H:%M:%S}: {reason}"
    assert text(make([make_job("a", running=running)], recent=recent)) == (expected if shown else "")


WORKING = make_job("a", running=1)
SKIPS = [ended_ticks("a", 3, SKIPPED, "still running since 10:13:11, run 802", 14)]
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
        "the run has ended",
        "the next run goes on",
    ],
)
def test_an_alarm_is_gone_when_its_cause_is_over(trouble: Snapshot, over: Snapshot) -> None:
    assert len(alarms_of(trouble)) == 1
    assert alarms_of(over) == []
