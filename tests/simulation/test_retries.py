"""Retries on a simulated clock: the instants of attempts, the job between them, and how runs end."""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobtui import (
    AttemptFailed,
    Cancellation,
    GiveUp,
    Job,
    JobStatus,
    JobView,
    Retry,
    RetryIn,
    RunState,
    RunView,
    current_run,
)
from jobtui.frontend.formatting import format_attempts, format_retry
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.simulation.simulated_scheduler import SimulatedScheduler, simulated

START = datetime(2026, 1, 1, tzinfo=UTC)
TICK = START + timedelta(hours=1)


@pytest.fixture
def scheduler() -> Iterator[SimulatedScheduler]:
    """Return an active scheduler, at midnight of a Thursday in UTC."""
    with simulated() as scheduler:
        yield scheduler


class Flaky:
    """A job whose first attempts fail.

    Args:
        clock: Returns the time.
        errors: What the attempts raise, in order; an attempt after them succeeds.

    Attributes:
        instants: When each attempt was made, in seconds after the first tick.
    """

    def __init__(self, clock: Callable[[], datetime], *errors: BaseException) -> None:
        self._clock = clock
        self._errors = [*errors]
        self.instants: list[float] = []

    def run(self) -> str:
        """Fail, or return a text."""
        self.instants.append((self._clock() - TICK).total_seconds())
        if self._errors:
            raise self._errors.pop(0)
        return "done"


def flaky(scheduler: SimulatedScheduler, *errors: BaseException, **policies: Any) -> tuple[Job, Flaky]:
    """Register an hourly job whose first attempts fail."""
    work = Flaky(lambda: scheduler.time, *errors)
    return scheduler.schedule("@hourly", work, name="flaky", **policies), work


def failures(count: int) -> list[BaseException]:
    """Return so many errors."""
    return [OSError(f"no answer {number}") for number in range(1, count + 1)]


def view(scheduler: SimulatedScheduler) -> JobView:
    """Return the view of the job."""
    [found] = [each for each in scheduler.snapshot().jobs if each.name == "flaky"]
    return found


def latest(scheduler: SimulatedScheduler) -> RunView:
    """Return the view of the job's latest run that has ended."""
    return next(run for run in scheduler.find_runs(job="flaky") if run.ended)


def test_a_run_that_fails_is_tried_again_after_growing_delays(scheduler: SimulatedScheduler) -> None:
    _, work = flaky(scheduler, *failures(3), retry=3)
    scheduler.advance_to(TICK + timedelta(minutes=5))
    assert work.instants == [0, 2, 6, 14]
    [run] = scheduler.runs("flaky")
    assert (run.state, run.number) == (RunState.OK, 1)
    assert run.result(0) == "done"
    ended = latest(scheduler)
    assert (ended.attempt, ended.attempts, ended.retry_at, ended.error) == (4, 4, None, "")
    assert ended.started == TICK + timedelta(seconds=14)
    assert [each.number for each in ended.attempts_made] == [1, 2, 3]
    assert [each.reason for each in ended.attempts_made] == [f"OSError: no answer {n}" for n in (1, 2, 3)]
    assert "raise self._errors.pop(0)" in ended.attempts_made[0].error
    assert ended.attempts_made[1].started == TICK + timedelta(seconds=2)


def test_the_last_attempt_that_fails_ends_the_run(scheduler: SimulatedScheduler) -> None:
    job, work = flaky(scheduler, *failures(9), retry=Retry(2, first="10s", factor=1))
    scheduler.advance_to(TICK + timedelta(minutes=5))
    assert work.instants == [0, 10, 20]
    run = latest(scheduler)
    assert (run.state, run.attempt, run.attempts) == (RunState.FAILED, 3, 3)
    assert run.reason == "OSError: no answer 3"
    shown = view(scheduler)
    assert (shown.runs, shown.failures, shown.retries, job.status) == (1, 1, 2, JobStatus.IDLE)
    assert shown.recent == (RunState.FAILED,)


@pytest.mark.parametrize(
    ("policy", "instants"),
    [
        (Retry(4, first=1, factor=3, most=5), [0, 1, 4, 9, 14]),
        (Retry(3, first="1m", factor=1), [0, 60, 120, 180]),
        (Retry(1, first=0.5), [0, 0.5]),
        (1, [0, 2]),
        (0, [0]),
    ],
)
def test_the_policy_says_when_attempts_are_made(
    scheduler: SimulatedScheduler, policy: Retry | int, instants: list[float]
) -> None:
    _, work = flaky(scheduler, *failures(9), retry=policy)
    scheduler.advance_to(TICK + timedelta(minutes=30))
    assert work.instants == instants
    assert (policy if isinstance(policy, Retry) else Retry(policy)).instants() == instants


@pytest.mark.parametrize(
    ("error", "policy", "attempts"),
    [
        (OSError("a"), Retry(2, on=OSError), 2),
        (ConnectionError("a"), Retry(2, on=(OSError, KeyError)), 2),
        (ValueError("a"), Retry(2, on=OSError), 1),
        (FileNotFoundError("a"), Retry(2, on=OSError, not_on=FileNotFoundError), 1),
        (SystemExit(1), Retry(2), 1),
        (GiveUp("the account is closed"), Retry(2), 1),
    ],
)
def test_only_some_exceptions_are_followed_by_another_attempt(
    scheduler: SimulatedScheduler, error: BaseException, policy: Retry, attempts: int
) -> None:
    _, work = flaky(scheduler, error, retry=policy)
    scheduler.advance_to(TICK + timedelta(minutes=30))
    assert len(work.instants) == attempts
    assert latest(scheduler).state is (RunState.FAILED if attempts == 1 else RunState.OK)


def test_a_job_chooses_the_delay_itself(scheduler: SimulatedScheduler) -> None:
    errors = RetryIn("30s", "rate limit"), OSError(), RetryIn(7), OSError()
    _, work = flaky(scheduler, *errors, retry=Retry(3, on=RetryIn))
    scheduler.advance_to(TICK + timedelta(minutes=30))
    assert work.instants == [0, 30]
    assert latest(scheduler).attempts_made[0].reason.endswith("RetryIn: retry in 30s: rate limit")


def test_a_request_for_another_attempt_is_limited_as_any_other(scheduler: SimulatedScheduler) -> None:
    _, work = flaky(scheduler, *[RetryIn(7) for _ in range(9)], retry=2)
    scheduler.schedule("@hourly", Flaky(lambda: scheduler.time, RetryIn(7)), name="once")
    scheduler.advance_to(TICK + timedelta(minutes=30))
    assert work.instants == [0, 7, 14]
    [run] = scheduler.runs("once")
    assert run.state is RunState.FAILED


def test_no_attempt_is_made_at_or_after_the_next_tick(scheduler: SimulatedScheduler) -> None:
    policy = Retry(9, first="25m", factor=1, most="1h", until="next tick")
    _, work = flaky(scheduler, *failures(9), retry=policy)
    scheduler.advance_to(TICK + timedelta(minutes=59))
    assert work.instants == [0, 1500, 3000]
    assert latest(scheduler).reason == "OSError: no answer 3"


def test_between_attempts_the_job_is_busy_and_the_slot_is_free() -> None:
    with simulated(pool=1) as scheduler:
        job, _ = flaky(scheduler, *failures(1), retry=Retry(1, first="10m", most="10m"))
        scheduler.advance_to(TICK + timedelta(minutes=1))
        held = scheduler.now(job)
        other = scheduler.now(print)
        assert other.state is RunState.OK
        assert (held.state, held.reason) == (RunState.HELD, "waits for run 1")
        shown, snapshot = view(scheduler), scheduler.snapshot()
        assert (shown.status, shown.retrying) == (JobStatus.RETRYING, 1)
        assert (shown.retry_at, shown.retry_attempt, shown.attempts) == (TICK + timedelta(minutes=10), 2, 2)
        assert (snapshot.pool.running, snapshot.pool.queued, snapshot.pool.held) == (0, 0, 1)
        assert snapshot.pool.retrying == 1
        [_, waiting] = snapshot.waiting
        assert (waiting.state, waiting.attempt) == (RunState.RETRYING, 1)
        assert waiting.reason == "attempt 1 of 2 failed; the next one is due at 01:10:00"
        scheduler.advance("9m")
        assert [run.number for run in scheduler.runs("flaky")] == [1, 2]
        assert held.state is RunState.OK


def test_a_tick_between_attempts_is_skipped_if_runs_must_not_overlap(scheduler: SimulatedScheduler) -> None:
    flaky(scheduler, *failures(1), retry=Retry(1, first="90m", most="90m"), overlap="skip")
    scheduler.advance_to(TICK + timedelta(hours=1))
    assert latest(scheduler).reason == "run 1 is tried again at 02:30:00, attempt 2 of 2"


def test_a_run_by_hand_tries_again_at_once(scheduler: SimulatedScheduler) -> None:
    _, work = flaky(scheduler, *failures(2), retry=Retry(2, first="10m", most="20m"))
    scheduler.advance_to(TICK + timedelta(seconds=30))
    run = scheduler.run("flaky")
    assert (run.number, work.instants) == (1, [0, 30])
    scheduler.advance("9m")
    assert work.instants == [0, 30]
    scheduler.advance("11m")
    assert work.instants == [0, 30, 30 + 20 * 60]
    assert run.result(0) == "done"


def test_a_cancelled_run_is_given_up(scheduler: SimulatedScheduler) -> None:
    job, work = flaky(scheduler, *failures(2), retry=Retry(2, first="10m", most="10m"))
    scheduler.advance_to(TICK + timedelta(seconds=30))
    held = scheduler.now(job)
    [run] = scheduler.runs("flaky")
    assert run.cancel() is Cancellation.TAKEN_OUT
    assert run.state is RunState.CANCELLED
    assert run.reason == "cancelled; attempt 1 of 3 had failed: OSError: no answer 1"
    assert held.state is RunState.RETRYING
    scheduler.advance("9m")
    assert work.instants == [0, 30]
    ended = latest(scheduler)
    assert (ended.retry_at, len(ended.attempts_made)) == (None, 1)


def test_a_run_that_was_asked_to_stop_is_not_tried_again(scheduler: SimulatedScheduler) -> None:
    def work() -> None:
        for run in scheduler.runs("flaky"):
            run.cancel()
        raise OSError("no answer")

    scheduler.schedule("@hourly", work, name="flaky", retry=3)
    scheduler.advance_to(TICK + timedelta(minutes=30))
    assert (latest(scheduler).state, latest(scheduler).attempt) == (RunState.FAILED, 1)


@pytest.mark.parametrize("end", ["remove", "stop"])
def test_a_removed_job_and_a_stop_give_up(scheduler: SimulatedScheduler, end: str) -> None:
    job, work = flaky(scheduler, *failures(2), retry=2)
    scheduler.advance_to(TICK)
    [run] = scheduler.runs("flaky")
    assert run.state is RunState.RETRYING
    if end == "remove":
        job.remove()
        scheduler.advance("1m")
    else:
        scheduler.stop()
    reason = {"remove": "job removed", "stop": "scheduler stopped"}[end]
    assert (run.state, work.instants) == (RunState.CANCELLED, [0])
    assert run.reason == f"{reason}; attempt 1 of 3 had failed: OSError: no answer 1"


def test_the_attempts_of_a_run_go_on_while_its_job_is_paused(scheduler: SimulatedScheduler) -> None:
    job, work = flaky(scheduler, *failures(1), retry=2)
    scheduler.advance_to(TICK)
    job.pause()
    assert job.status is JobStatus.RETRYING
    scheduler.advance("1m")
    assert (work.instants, job.status) == ([0, 2], JobStatus.PAUSED)


def test_only_failed_runs_count_for_a_pause(scheduler: SimulatedScheduler) -> None:
    job, _ = flaky(scheduler, *failures(6), retry=1, pause_after=2)
    scheduler.advance_to(TICK + timedelta(minutes=1))
    assert not view(scheduler).paused_since
    scheduler.advance("1h")
    assert job.status is JobStatus.PAUSED


@pytest.mark.parametrize("seconds", [-3_000, 3_000])
def test_a_clock_that_is_set_does_not_move_the_delay(scheduler: SimulatedScheduler, seconds: int) -> None:
    made: list[datetime] = []

    def work() -> None:
        made.append(scheduler.time)
        raise OSError

    job = scheduler.every("20h", work, name="flaky", retry=Retry(1, first="60s"))
    scheduler.now(job)
    scheduler.advance("20s")
    scheduler.step(seconds)
    scheduler.advance("39s")
    assert len(made) == 1
    scheduler.advance("2s")
    assert len(made) == 2


def test_functions_for_endings_are_called_for_the_last_attempt_alone(scheduler: SimulatedScheduler) -> None:
    called: list[tuple[str, BaseException | None, object]] = []

    def note(ending: Any) -> None:
        called.append((ending.run.state.value, ending.exception, ending.result))

    flaky(scheduler, *failures(1), retry=1, on_failure=note, on_success=note)
    scheduler.advance_to(TICK + timedelta(minutes=1))
    assert called == [("OK", None, "done")]


def test_a_failed_attempt_is_a_warning_and_the_last_one_an_error(
    scheduler: SimulatedScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    flaky(scheduler, *failures(2), retry=Retry(1, first="3m"))
    scheduler.advance_to(TICK + timedelta(minutes=5))
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, "run 1 of flaky: attempt 1 of 2 failed, next in 3m: OSError: no answer 1"),
        (logging.ERROR, "run 1 of flaky FAILED: OSError: no answer 2"),
    ]


def test_there_is_an_event_for_each_failed_attempt(scheduler: SimulatedScheduler) -> None:
    flaky(scheduler, *failures(2), retry=2)
    follower = scheduler.subscribe()
    scheduler.advance_to(TICK + timedelta(minutes=5))
    events = [event for event in follower.read() if isinstance(event, AttemptFailed)]
    assert [event.run.attempt for event in events] == [1, 2]
    assert [event.run.retry_at for event in events] == [
        TICK + timedelta(seconds=2),
        TICK + timedelta(seconds=6),
    ]


def test_coroutines_are_tried_again(scheduler: SimulatedScheduler) -> None:
    made: list[int] = []

    async def work() -> str:
        await asyncio.sleep(1)
        made.append(current_run().attempt)
        if len(made) < 3:
            raise OSError
        return "done"

    run = scheduler.now(scheduler.schedule("@yearly", work, retry=2))
    scheduler.advance("1m")
    assert (made, run.result(0)) == ([1, 2, 3], "done")


def test_each_attempt_has_the_context_variables_of_the_request(scheduler: SimulatedScheduler) -> None:
    tenant: ContextVar[str] = ContextVar("tenant", default="nobody")
    seen: list[str] = []

    def work() -> None:
        seen.append(tenant.get())
        tenant.set("changed")
        raise OSError

    job = scheduler.schedule("@yearly", work, retry=1)
    tenant.set("acme")
    scheduler.now(job)
    tenant.set("other")
    scheduler.advance("1m")
    assert seen == ["acme", "acme"]


def test_the_output_of_each_attempt_stays_with_a_line_between(scheduler: SimulatedScheduler) -> None:
    def work() -> None:
        attempt = current_run().attempt
        print(f"try {attempt}", end="\n" if attempt == 1 else "")
        raise OSError

    log = OutputLog()
    with capture_streams(log):
        run = scheduler.now(scheduler.schedule("@yearly", work, retry=2))
        scheduler.advance("1m")
    expected = "try 1\n--- attempt 2 of 3 ---\ntry 2\n--- attempt 3 of 3 ---\ntry 3"
    assert scheduler.output_of(run.number) == expected


def test_the_row_of_a_job_shows_its_next_attempt(scheduler: SimulatedScheduler) -> None:
    flaky(scheduler, *failures(2), retry=3)
    scheduler.advance_to(TICK + timedelta(seconds=3))
    shown = view(scheduler)
    assert format_retry(shown, scheduler.time) == "↻ 3/4 in 3s"
    assert shown.retry_offsets == (timedelta(seconds=2), timedelta(seconds=6), timedelta(seconds=14))
    [run] = scheduler.snapshot().waiting
    assert format_attempts(run) == "2 of 4"


def test_a_default_of_the_scheduler_applies_unless_a_job_has_its_own() -> None:
    with simulated(defaults={"retry": 1}) as scheduler:
        _, tried = flaky(scheduler, *failures(1))
        once = Flaky(lambda: scheduler.time, OSError())
        scheduler.schedule("@hourly", once, name="once", retry=0)
        scheduler.advance_to(TICK + timedelta(minutes=1))
        assert (len(tried.instants), len(once.instants)) == (2, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Retry(-1), "Retry: times must be from 0 to 1000, not -1"),
        (lambda: Retry("3"), "Retry: times must be a number, not '3'"),  # type: ignore[arg-type]
        (lambda: Retry(1, factor=0.5), "Retry: factor must be at least 1, not 0.5"),
        (lambda: Retry(1, jitter=2), "Retry: jitter must be from 0 to 1, not 2"),
        (lambda: Retry(1, first="10m", most="5m"), "Retry: most is 5m, which is shorter than first, 10m"),
        (lambda: Retry(1, first=0), "Retry: first: an interval must be above zero"),
        (lambda: Retry(1, most="soon"), "Retry: most: a number is missing before 'soon'"),
        (lambda: Retry(1, until="noon"), "Retry: until must be None or 'next tick', not 'noon'"),  # type: ignore[arg-type]
        (lambda: Retry(1, on="OSError"), "Retry: on must be a class of exceptions or a tuple of them"),  # type: ignore[arg-type]
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(make: Callable[[], Retry], message: str) -> None:
    with pytest.raises((TypeError, ValueError)) as refused:
        make()
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        (Retry(0), ""),
        (Retry(1), "1 retry, after 2s"),
        (Retry(3), "3 retries, after 2s, 4s, 8s"),
        (Retry(3, first="2m"), "3 retries, after 2m, 4m, 5m"),
        (Retry(3, first="10m"), "3 retries, after 10m, 10m, 10m"),
        (Retry(3, first="10m", most="1h"), "3 retries, after 10m, 20m, 40m"),
        (Retry(9, until="next tick"), "9 retries, after 2s, 4s, 8s, ..., 5m, before the next tick"),
    ],
)
def test_a_policy_is_described_in_words(policy: Retry, text: str) -> None:
    assert policy.describe() == text


def test_the_requests_of_a_job_have_their_public_names_and_may_come_from_another_process(
    scheduler: SimulatedScheduler,
) -> None:
    def give_up() -> None:
        raise GiveUp("the account is closed")

    assert scheduler.now(give_up).reason == "jobtui.GiveUp: the account is closed"
    asked = pickle.loads(pickle.dumps(RetryIn("1m", "rate limit")))
    assert (asked.seconds, str(asked)) == (60, "retry in 1m: rate limit")
    assert str(pickle.loads(pickle.dumps(GiveUp("closed")))) == "closed"
