"""Tests of the typical duration of a job's runs."""

from datetime import timedelta

from support import snapshots
from support.engine_harness import EngineHarness

from jobtui.engine.enums import RunState
from jobtui.engine.typical_duration import expected_durations, typical_duration
from jobtui.engine.views import JobView

OK, FAILED, SKIPPED = RunState.OK, RunState.FAILED, RunState.SKIPPED


def make_job(*endings: tuple[RunState, float | None], name: str = "job") -> JobView:
    """Return a job with these endings: the state and the seconds of each."""
    return snapshots.make_job(
        name,
        recent=tuple(state for state, _ in endings),
        recent_durations=tuple(seconds for _, seconds in endings),
    )


def test_a_view_has_the_duration_of_each_of_its_latest_endings() -> None:
    harness = EngineHarness()
    job = harness.job(schedule=None)
    for seconds in (1.5, 0.25):
        harness.submit(job)
        harness.finish(harness.start_next(), elapsed=seconds)
    [waiting] = harness.submit(job)
    harness.engine.cancel(waiting, harness.now, "for a test")

    assert harness.view(job).recent_durations == (1.5, 0.25, None)


def test_the_median_and_the_p95_count_the_runs_that_were_ok() -> None:
    job = make_job((OK, 1.0), (FAILED, 60.0), (OK, 3.0), (SKIPPED, None), (OK, 2.0))

    assert typical_duration(job) == (timedelta(seconds=2), timedelta(seconds=3), 3)


def test_the_p95_of_twenty_runs_is_exceeded_by_the_longest_one() -> None:
    job = make_job(*((OK, float(seconds)) for seconds in range(1, 21)))
    typical = typical_duration(job)

    assert typical is not None
    assert typical.p95 == timedelta(seconds=19)


def test_a_job_whose_runs_all_failed_has_no_typical_duration() -> None:
    assert typical_duration(make_job((FAILED, 1.0))) is None
    assert typical_duration(make_job()) is None


def test_a_job_whose_latest_runs_all_failed_takes_as_long_as_its_latest_run_that_was_ok() -> None:
    harness = EngineHarness()
    job = harness.job(schedule=None)
    endings = [(OK, 9.0), (OK, 5.0), *[(FAILED, 60.0)] * 20]
    for state, seconds in endings:
        harness.submit(job)
        harness.finish(harness.start_next(), state, elapsed=seconds)
    view = harness.view(job)

    assert set(view.recent) == {FAILED}
    assert view.last_ok_elapsed == timedelta(seconds=5)
    assert typical_duration(view) == (timedelta(seconds=5), timedelta(seconds=5), 1)
    assert expected_durations([view]) == {view.name: timedelta(seconds=5)}


def test_the_latest_run_that_was_ok_is_among_the_latest_endings_if_one_of_them_was() -> None:
    harness = EngineHarness()
    job = harness.job(schedule=None)
    for state, seconds in [(OK, 9.0), *[(FAILED, 60.0)] * 20, (OK, 2.0), (FAILED, 60.0)]:
        harness.submit(job)
        harness.finish(harness.start_next(), state, elapsed=seconds)

    assert harness.view(job).last_ok_elapsed == timedelta(seconds=2)
    assert typical_duration(harness.view(job)) == (timedelta(seconds=2), timedelta(seconds=2), 1)


def test_a_job_is_expected_to_take_its_median_or_else_that_of_all() -> None:
    slow = make_job((OK, 5.0), (OK, 9.0), (OK, 6.0), name="slow")
    quick, new = make_job((OK, 1.0), name="quick"), make_job((FAILED, 99.0), name="new")

    assert expected_durations([slow, quick, new]) == {
        "slow": timedelta(seconds=6),
        "quick": timedelta(seconds=1),
        "new": timedelta(seconds=5.5),
    }
    assert expected_durations([new]) == {}
