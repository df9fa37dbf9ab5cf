"""The signs of output that the user has not seen, and of unusual silence."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.snapshots import NOW, ago, ahead, make_job

from jobtui.engine.enums import JobStatus
from jobtui.engine.views import JobView
from jobtui.frontend.output_signs import SeenOutput, add_silence, output_signs, silence_of


def writing_job(since: float, longest: float | None, *, started: float = 600, running: int = 1) -> JobView:
    """Return a job that last wrote output and started so many seconds ago."""
    return make_job(
        status=JobStatus.RUNNING if running else JobStatus.IDLE,
        running=running,
        prev=ago(started),
        last_output=ago(since),
        longest_silence=None if longest is None else timedelta(seconds=longest),
    )


def test_output_is_new_until_the_user_sees_it() -> None:
    seen = SeenOutput(ago(60))
    job = writing_job(5, None)

    assert seen.has_new(job)
    seen.look([job.name], NOW)
    assert not seen.has_new(job)
    assert seen.has_new(make_job(job.name, last_output=ahead(1)))


def test_output_of_another_job_stays_new() -> None:
    seen = SeenOutput(ago(60))
    seen.look(["another"], NOW)

    assert seen.has_new(writing_job(5, None))


def test_a_look_at_the_output_of_all_jobs_counts_for_each() -> None:
    seen = SeenOutput(ago(60))
    seen.look(["refresh_cache"], ago(30))
    seen.look(None, NOW)

    assert not seen.has_new(writing_job(5, None))


def test_output_from_before_the_dashboard_began_is_not_new() -> None:
    assert not SeenOutput(ago(60)).has_new(writing_job(61, None))
    assert not SeenOutput(ago(60)).has_new(make_job(last_output=None))


@pytest.mark.parametrize(
    ("since", "longest", "is_silent"),
    [(29, 1.0, False), (31, 1.0, True), (119, 60.0, False), (121, 60.0, True), (500, None, False)],
    ids=["under half a minute", "over it", "under twice", "over twice", "no earlier run"],
)
def test_silence_is_unusual_from_half_a_minute_and_twice_the_longest_one(
    since: float, longest: float | None, is_silent: bool
) -> None:
    assert silence_of(writing_job(since, longest), NOW) == (timedelta(seconds=since) if is_silent else None)


def test_silence_begins_at_the_start_of_the_run() -> None:
    """The latest output may be of an earlier run."""
    assert silence_of(writing_job(900, 1.0, started=20), NOW) is None
    assert silence_of(writing_job(900, 1.0, started=40), NOW) == timedelta(seconds=40)


def test_a_job_that_does_not_run_is_not_silent() -> None:
    job = writing_job(900, 1.0, running=0)

    assert silence_of(job, NOW) is None
    assert output_signs(job, NOW, is_new=False) == []


def test_the_words_stand_after_the_part_that_is_done() -> None:
    job = writing_job(240, 1.0)
    silent = (" silent 4m", "waiting")

    assert (
        add_silence([("██", "running"), (" 71%", "running"), (" ~1s left", "muted")], job, NOW)[2] == silent
    )
    assert add_silence([("for 5m", "running"), ("", "muted")], job, NOW)[1] == silent


def test_both_signs_stand_together() -> None:
    assert output_signs(writing_job(240, 1.0), NOW, is_new=True) == [(" ¶∅", "waiting")]
    assert output_signs(writing_job(1, 1.0), NOW, is_new=True) == [(" ¶", "running")]
