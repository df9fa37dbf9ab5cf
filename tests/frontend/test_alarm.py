"""The alarm names the common cause of what is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.snapshots import FAILED, OK, ago, ended_run, make, make_job, waiting_run

from jobtui.engine.enums import RunState
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.alarm import Alarm, find_alarm
from jobtui.frontend.job_index import JobIndex


def alarm_of(snapshot: Snapshot) -> Alarm | None:
    """Return the alarm of a snapshot."""
    return find_alarm(snapshot, JobIndex(snapshot.jobs))


def failing(name: str, *states: RunState) -> JobView:
    """Return a job whose latest runs ended so."""
    return make_job(name, recent=states or (OK, FAILED))


def failed(job: str, since: float, reason: str = "ValueError: no") -> RunView:
    """Return a run that failed so many seconds ago."""
    return ended_run(int(1000 - since), job, since, FAILED, reason=reason)


def text(snapshot: Snapshot) -> str:
    """Return the text of the alarm; "" if there is none."""
    alarm = alarm_of(snapshot)
    return "" if alarm is None else alarm.text


def test_nothing_is_wrong_if_the_latest_run_of_each_job_was_ok() -> None:
    jobs = [make_job(recent=(FAILED, OK)), make_job("new", recent=())]
    assert alarm_of(make(jobs, recent=[ended_run(2, "refresh_cache", 1), failed("refresh_cache", 9)])) is None


def test_a_job_that_failed_once_has_the_time_and_the_error() -> None:
    """It is 10:24:07."""
    snapshot = make([failing("a")], recent=[failed("a", 7), ended_run(1, "a", 20)])
    assert alarm_of(snapshot) == ("a failed at 10:24:00: ValueError: no", "failed")


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
    assert text(other) == (
        "2 jobs fail since 10:23:52, with the same error, and 1 more otherwise: "
        "ConnectionRefusedError: 10.0.0.7:5432"
    )


def test_of_several_errors_the_latest_one_is_shown() -> None:
    recent = [failed("b", 3, "KeyError: 'x'"), failed("a", 5)]
    snapshot = make([failing("a"), failing("b")], recent=recent)
    assert text(snapshot) == "b failed at 10:24:04 (and 1 other job otherwise): KeyError: 'x'"


def test_failures_that_are_not_among_the_recent_runs_have_no_error() -> None:
    assert text(make([failing("a"), failing("b")])) == "2 jobs failed last: a, b"


@pytest.mark.parametrize(
    ("waited", "running", "expected"),
    [
        (130, 2, "the pool is full: 2 runs wait, the first one for 2m10s"),
        (9, 2, ""),
        (130, 1, ""),
    ],
)
def test_a_queue_that_does_not_move_is_named_if_no_job_fails(
    waited: float, running: int, expected: str
) -> None:
    waiting = [waiting_run(1, "a", waited), waiting_run(2, "a", 1), waiting_run(3, "a", 500, RunState.HELD)]
    snapshot = make([make_job("a")], waiting=waiting, pool=2)
    snapshot = replace(snapshot, pool=replace(snapshot.pool, running=running))
    assert text(snapshot) == expected


def test_since_is_the_oldest_failure_that_is_known() -> None:
    """The snapshot lists a limited number of runs."""
    snapshot = make([failing("a", *[FAILED] * 20)], recent=[failed("a", 7), failed("a", 8)])
    assert text(snapshot) == f"a fails since {ago(8):%H:%M:%S}, 20 in a row: ValueError: no"
