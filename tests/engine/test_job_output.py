"""The instants of a job's output: its latest one, and how long its runs usually write none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from support.engine_harness import EngineHarness

from jobtui.engine.enums import RunState
from jobtui.engine.records import JobRecord


def run_and_write(
    harness: EngineHarness, job: JobRecord, *pauses: float, state: RunState = RunState.OK
) -> None:
    """Run a job that writes output after each of these pauses but the last one, after which it ends."""
    harness.submit(job)
    run = harness.start_next()
    for seconds in pauses[:-1]:
        harness.now += seconds
        job.note_output(run.started, harness.now)
    harness.now += pauses[-1]
    harness.finish(run, state)
    harness.now += 3_600


def test_a_snapshot_has_the_latest_output_of_a_job_that_runs() -> None:
    harness = EngineHarness()
    job = harness.job(schedule=None)
    harness.submit(job)
    run = harness.start_next()
    [before] = harness.snapshot().jobs
    harness.now += 5
    job.note_output(run.started, harness.now)
    [after] = harness.snapshot().jobs

    assert before.last_output is None
    assert after.last_output == datetime.fromtimestamp(harness.now, UTC)


def test_a_job_that_writes_nothing_keeps_its_view_while_it_runs() -> None:
    harness = EngineHarness()
    job = harness.job(schedule=None)
    harness.submit(job)
    run = harness.start_next()
    job.note_output(run.started, harness.now)
    [before] = harness.snapshot().jobs
    harness.now += 60
    [after] = harness.snapshot().jobs

    assert after is before


@pytest.mark.parametrize(
    ("pauses", "longest"),
    [((2.0, 9.0, 1.0), 9.0), ((7.0, 1.0, 1.0), 7.0), ((1.0, 1.0, 30.0), 30.0)],
    ids=["between two outputs", "before the first output", "after the last output"],
)
def test_the_longest_silence_of_a_run_counts_wherever_it_was(
    pauses: tuple[float, ...], longest: float
) -> None:
    harness = EngineHarness()
    job = harness.job(schedule=None)
    run_and_write(harness, job, *pauses)

    assert harness.view(job).longest_silence == timedelta(seconds=longest)


def test_the_longest_silence_is_that_of_the_runs_that_were_ok_and_wrote() -> None:
    harness = EngineHarness()
    job = harness.job(schedule=None)
    run_and_write(harness, job, 1.0, 4.0)
    run_and_write(harness, job, 500.0, 500.0, state=RunState.FAILED)
    run_and_write(harness, job, 700.0)

    assert harness.view(job).longest_silence == timedelta(seconds=4)


def test_only_the_latest_twenty_runs_count() -> None:
    harness = EngineHarness()
    job = harness.job(schedule=None)
    run_and_write(harness, job, 1.0, 99.0)
    for _ in range(20):
        run_and_write(harness, job, 1.0, 2.0)

    assert harness.view(job).longest_silence == timedelta(seconds=2)


def test_a_job_without_output_has_neither() -> None:
    harness = EngineHarness()
    job = harness.job(schedule=None)
    run_and_write(harness, job, 5.0)

    assert harness.view(job).last_output is None
    assert harness.view(job).longest_silence is None
