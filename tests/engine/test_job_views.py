"""Tests of the views of the jobs in successive snapshots."""

from support.engine_harness import EngineHarness


def test_snapshots_without_a_change_of_a_job_share_their_views() -> None:
    """The tuple itself is the same, so that a reader can see at once that no job has changed."""
    harness = EngineHarness()
    harness.job("a")
    harness.job("b")
    assert harness.snapshot().jobs is harness.snapshot().jobs


def test_a_change_of_one_job_leaves_the_views_of_the_others() -> None:
    """Only the job that was paused has another view."""
    harness = EngineHarness()
    jobs = [harness.job(name) for name in ("a", "b", "c")]
    before = harness.snapshot().jobs
    harness.engine.pause_job(jobs[1], harness.now)
    after = harness.snapshot().jobs
    assert [old is new for old, new in zip(before, after, strict=True)] == [True, False, True]
    assert after[1].paused_since is not None
    assert before[1].paused_since is None


def test_a_removed_job_has_no_view_and_a_new_one_comes_last() -> None:
    """The views of the other jobs are kept."""
    harness = EngineHarness()
    jobs = [harness.job(name) for name in ("a", "b", "c")]
    before = harness.snapshot().jobs
    harness.engine.remove_job(jobs[0], harness.now)
    harness.job("d")
    after = harness.snapshot().jobs
    assert [job.name for job in after] == ["b", "c", "d"]
    assert [after[0] is before[1], after[1] is before[2]] == [True, True]


def test_only_jobs_that_have_changed_are_listed_for_new_views() -> None:
    """A job is no longer listed once its view is built, and is listed once for several changes."""
    harness = EngineHarness()
    jobs = [harness.job(name) for name in ("a", "b")]
    harness.snapshot()
    harness.submit(jobs[1], 2)
    assert harness.engine.changed_jobs() == [jobs[1]]
    harness.engine.build_views(harness.engine.changed_jobs())
    assert harness.engine.changed_jobs() == []
    assert (harness.snapshot().jobs[1].queued, harness.snapshot().jobs[1].held) == (1, 1)
