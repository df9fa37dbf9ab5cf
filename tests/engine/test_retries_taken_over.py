"""Runs that were RETRYING in an earlier process: what becomes of them, on an engine without threads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from support.engine_harness import NOON, EngineHarness, clock_time

from jobtui.engine.enums import Cancellation, Overlap, RunState, Trigger
from jobtui.engine.events import RunEvent
from jobtui.engine.job_policies import JobPolicies
from jobtui.engine.records import ATTEMPTS, NUMBER, RETRY_AT, STATE, JobRecord, PackedRun, packed_view
from jobtui.engine.retry import Retry
from jobtui.engine.runnables import as_runnable
from jobtui.engine.takeover import Takeover, TakeoverPlanner
from jobtui.engine.views import RunView
from jobtui.schedules.parser import parse

HOURLY = parse("@hourly", tz="UTC")


def nothing() -> None:
    """Do nothing."""


class BrokenSchedule:
    """A schedule of the user that fails."""

    def next(self, after: datetime) -> datetime | None:
        """Raise an exception."""
        raise OSError("no calendar")


def job_of(name: str = "a", schedule: Any = HOURLY, **policies: Any) -> JobRecord:
    """Return a job whose runs have four attempts, and which runs once an hour."""
    given = {"retry": Retry(3, first="1m", factor=1)} | policies
    return JobRecord(name, as_runnable(nothing), schedule, spec="@hourly", policies=JobPolicies(**given))


def stored(number: int = 5, *, attempt: int = 2, retry_at: float = NOON + 60, **values: Any) -> PackedRun:
    """Return a RETRYING run of the job `a` from the store, whose attempts have failed since 11:50."""
    begun = NOON - 600
    made = [
        (each, begun + each, begun + each + 1, 1.0, f"Traceback {each}", f"OSError: no answer {each}")
        for each in range(1, attempt + 1)
    ]
    fields: dict[str, Any] = {
        "number": number,
        "job": "a",
        "trigger": "tick",
        "state": "RETRYING",
        "created": begun,
        "attempt": attempt,
        "attempts": 4,
        "arguments": "",
        "due": begun,
        "waiting_since": begun,
        "retry_at": retry_at,
        "started": begun + attempt,
        "worker": "worker",
        "ended": None,
        "elapsed": 1.0,
        "reason": "",
        "error": "",
        "ticks": 1,
        "warned": 0,
        "attempts_made": tuple(made),
    }
    return tuple((fields | values).values())


def plan(
    *runs: PackedRun, job: JobRecord | None = None, now: float = NOON, spread: float = 10
) -> list[Takeover]:
    """Return what becomes of runs."""
    jobs = {} if job is None else {job.name: job}
    return TakeoverPlanner(jobs, spread, UTC).plan(runs, now)


def take_over(harness: EngineHarness, *runs: PackedRun, **policies: Any) -> JobRecord:
    """Let an engine that has not started take runs over, start it, and return their job."""
    job = job_of(**policies)
    harness.engine.add_job(job, harness.now)
    harness.engine.take_over(plan(*runs, job=job), harness.now)
    harness.start()
    return job


def view(harness: EngineHarness, number: int = 5) -> RunView:
    """Return the view of a run."""
    run = harness.engine.find_run(number)
    if run is not None:
        return run.view(UTC)
    entry = harness.ledger.get(number)
    assert entry is not None
    return packed_view(entry, UTC)


# --- plans ----------------------------------------------------------------------------------------


def test_a_run_goes_on_at_the_instant_of_its_next_attempt() -> None:
    [takeover] = plan(stored(), job=job_of())
    assert (takeover.state, takeover.retry_at, takeover.reason) == (RunState.RETRYING, NOON + 60, "")


def test_a_run_has_as_many_attempts_as_its_job_allows_now() -> None:
    [takeover] = plan(stored(), job=job_of(retry=Retry(9)))
    assert takeover.run[ATTEMPTS] == 10


def test_attempts_that_were_due_meanwhile_are_spread_over_the_time_after_the_start() -> None:
    runs = [stored(number, retry_at=NOON - 60 * number) for number in range(4)]
    takeovers = plan(*runs, stored(7), job=job_of())
    assert [each.retry_at - NOON for each in takeovers] == [0, 2.5, 5, 7.5, 60]


@pytest.mark.parametrize(
    ("run", "job", "reason"),
    [
        (stored(), None, "there is no job 'a' any more"),
        (stored(), job_of(retry=Retry(0)), "its job allows only 1 attempt now"),
        (stored(), job_of(retry=Retry(1)), "its job allows only 2 attempts now"),
        (
            stored(arguments="'etc'"),
            job_of(),
            "its arguments were only in the memory of an earlier process",
        ),
        (
            stored(),
            job_of(schedule=BrokenSchedule(), retry=Retry(3, until="next tick")),
            "the next tick cannot be found: OSError: no calendar",
        ),
    ],
)
def test_a_run_that_cannot_go_on_has_failed_and_the_reason_says_why(
    run: PackedRun, job: JobRecord | None, reason: str
) -> None:
    [takeover] = plan(run, job=job)
    assert takeover.state is RunState.FAILED
    assert takeover.reason == f"{reason}; attempt 2 of 4 had failed: OSError: no answer 2"


@pytest.mark.parametrize(
    ("late", "policies", "reason"),
    [
        (86_400, {}, ""),
        (3600, {"catch_up": 3600.0}, ""),
        (3601, {"catch_up": 3600.0}, "those of the last 3600 s are caught up"),
        (
            60,
            {"retry": Retry(3, until="next tick")},
            "none is made after the next tick, at 2026-11-23 12:00:00",
        ),
    ],
)
def test_a_run_whose_next_attempt_is_too_late_is_missed(
    late: float, policies: dict[str, Any], reason: str
) -> None:
    [takeover] = plan(stored(retry_at=NOON - late), job=job_of(**policies))
    if not reason:
        assert takeover.state is RunState.RETRYING
        return
    assert takeover.state is RunState.MISSED
    assert takeover.reason.startswith("attempt 3 was due at 2026-11-23 1")
    assert reason in takeover.reason
    assert takeover.reason.endswith("; attempt 2 of 4 had failed: OSError: no answer 2")


# --- an engine that takes runs over ---------------------------------------------------------------


def test_the_run_keeps_its_number_and_its_attempts_until_the_last_one() -> None:
    harness = EngineHarness(started=False)
    job = take_over(harness, stored())
    assert [each.state for each in harness.snapshot().waiting] == [RunState.RETRYING]
    shown = harness.view(job)
    assert (shown.status.value, shown.retrying, shown.retry_attempt, shown.attempts) == ("RETRYING", 1, 3, 4)
    assert shown.retry_at == datetime.fromtimestamp(NOON + 60, UTC)
    assert view(harness).reason == f"goes on after a restart; the next attempt is due at {clock_time(60)}"

    harness.advance(59)
    assert harness.start_next_if_free() is None
    harness.advance(1)
    run = harness.start_next()
    assert (run.number, run.extras.attempt) == (5, 3)
    harness.fail_attempt(run, 60)
    harness.advance(60)
    harness.finish(harness.start_next())

    ended = view(harness)
    assert (ended.state, ended.attempt, ended.attempts) == (RunState.OK, 4, 4)
    assert [each.reason for each in ended.attempts_made] == [
        "OSError: no answer 1",
        "OSError: no answer 2",
        "OSError: no answer",
    ]
    assert ended.attempts_made[0].error == "Traceback 1"
    assert (job.runs, job.failures) == (1, 0)


def test_an_event_says_that_the_run_goes_on() -> None:
    harness = EngineHarness(started=False)
    take_over(harness, stored())
    [event] = [each for each in harness.events if isinstance(each, RunEvent)]
    assert (type(event).__name__, event.run.number, event.run.state) == ("RunTakenOver", 5, RunState.RETRYING)


@pytest.mark.parametrize(
    ("overlap", "state"), [(Overlap.HOLD, RunState.HELD), (Overlap.SKIP, RunState.SKIPPED)]
)
def test_the_run_keeps_the_gate_of_its_job(overlap: Overlap, state: RunState) -> None:
    harness = EngineHarness(started=False)
    job = take_over(harness, stored(), overlap=overlap)
    [other] = harness.submit(job)
    assert other.state is state
    assert harness.start_next_if_free() is None


def test_runs_that_were_requested_before_the_start_wait_for_it() -> None:
    harness = EngineHarness(pool=9, started=False)
    job = job_of()
    harness.engine.add_job(job, harness.now)
    first, second = harness.submit(job, 2)
    other = harness.submit(harness.job("b"))[0]
    harness.engine.take_over(plan(stored(), job=job), harness.now)
    harness.start()

    assert [each.state for each in (first, second)] == [RunState.HELD, RunState.HELD]
    assert (first.reason, second.reason) == ("waits for run 5", f"waits for run {first.number}")
    assert harness.run_all() == [other.number]
    harness.advance(60)
    assert harness.run_all() == [5, first.number, second.number]


def test_a_run_may_be_tried_at_once_or_given_up_as_any_other() -> None:
    harness = EngineHarness(started=False)
    job = take_over(harness, stored(5), stored(6, retry_at=NOON + 90), overlap=Overlap.ALLOW)
    assert harness.engine.submit(job, Trigger.HAND, harness.now).number == 5
    assert harness.start_next().extras.attempt == 3
    left = harness.engine.find_run(6)
    assert left is not None
    assert harness.engine.cancel(left, harness.now, "cancelled") is Cancellation.TAKEN_OUT
    assert view(harness, 6).reason == "cancelled; attempt 2 of 4 had failed: OSError: no answer 2"
    harness.advance(3600)
    assert harness.start_next_if_free() is None


def test_a_run_that_cannot_go_on_counts_as_a_failure_of_its_job() -> None:
    harness = EngineHarness(started=False)
    job = take_over(harness, stored(arguments="'etc'"), pause_after=1)
    ended = view(harness)
    assert (ended.state, ended.job, len(ended.attempts_made)) == (RunState.FAILED, "a", 2)
    assert (job.runs, job.failures, job.retrying) == (1, 1, ())
    assert job.pause is not None
    [notice, *_] = harness.engine.effects.notices
    assert notice == f"run 5 of a ends as FAILED: {ended.reason}"


def test_a_run_of_a_job_that_is_not_registered_ends_without_one() -> None:
    harness = EngineHarness(started=False)
    harness.engine.take_over(plan(stored()), harness.now)
    assert view(harness).state is RunState.FAILED
    assert harness.engine.jobs == {}


# --- a stop with a store --------------------------------------------------------------------------


def recording(**policies: Any) -> tuple[EngineHarness, JobRecord]:
    """Return an engine with a job that is RETRYING after one attempt, whose effects are recorded."""
    harness = EngineHarness()
    harness.engine.record_for_store()
    job = job_of(**policies)
    harness.engine.add_job(job, harness.now)
    harness.finish_work()
    harness.submit(job)
    harness.fail_attempt(harness.start_next(), 60)
    return harness, job


def recorded(harness: EngineHarness) -> list[tuple[int, str, float | None]]:
    """Return the number, the state and the next attempt of what was recorded."""
    return [(run[NUMBER], run[STATE], run[RETRY_AT]) for run in harness.engine.effects.recorded]


RETRYING = (1, "RETRYING", NOON + 60)


def test_the_store_keeps_a_run_that_is_retrying_at_a_stop() -> None:
    harness, _ = recording()
    harness.engine.stop(harness.now)
    shown = view(harness, 1)
    assert shown.state is RunState.CANCELLED
    assert shown.reason == (
        "scheduler stopped; it is tried again after the next start; "
        "attempt 1 of 4 had failed: OSError: no answer"
    )
    assert recorded(harness) == [RETRYING]


def test_the_store_keeps_a_run_whose_next_attempt_is_queued_at_a_stop() -> None:
    harness, _ = recording()
    harness.advance(60)
    harness.engine.stop(harness.now)
    assert view(harness, 1).reason == "scheduler stopped; it is tried again after the next start"
    assert recorded(harness) == [RETRYING]


def test_an_attempt_that_fails_while_the_scheduler_stops_is_followed_by_one_after_the_next_start() -> None:
    harness, _ = recording()
    harness.advance(60)
    run = harness.start_next()
    harness.engine.stop(harness.now)
    assert harness.engine.may_retry(run)
    harness.fail_attempt(run, 60)
    assert view(harness, 1).state is RunState.CANCELLED
    assert recorded(harness) == [RETRYING, (1, "RETRYING", NOON + 120)]


@pytest.mark.parametrize("end", ["user", "remove", "arguments"])
def test_a_run_that_must_not_go_on_is_recorded_as_cancelled(end: str) -> None:
    harness, job = recording()
    run = harness.engine.find_run(1)
    assert run is not None
    if end == "user":
        harness.engine.cancel(run, harness.now, "cancelled")
    elif end == "remove":
        harness.engine.remove_job(job, harness.now)
    else:
        run.extras.arguments = "'etc'"
    harness.engine.stop(harness.now)
    assert recorded(harness) == [RETRYING, (1, "CANCELLED", None)]


def test_a_run_that_is_given_up_at_a_stop_is_recorded_as_cancelled() -> None:
    harness, _ = recording()
    harness.advance(60)
    harness.start_next()
    harness.engine.stop(harness.now)
    harness.engine.abandon_running(harness.now, "given up")
    assert recorded(harness) == [RETRYING, (1, "CANCELLED", None)]


def test_without_a_store_nothing_goes_on_after_a_stop() -> None:
    harness = EngineHarness()
    job = job_of()
    harness.engine.add_job(job, harness.now)
    harness.finish_work()
    harness.submit(job)
    harness.fail_attempt(harness.start_next(), 60)
    harness.engine.stop(harness.now)
    assert view(harness, 1).reason == "scheduler stopped; attempt 1 of 4 had failed: OSError: no answer"
    assert harness.engine.effects.recorded == []
