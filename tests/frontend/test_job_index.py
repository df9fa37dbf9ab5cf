"""The index of the jobs has the totals and lists that a search of all jobs would find."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.snapshots import FAILED, OK, ago, ahead, make_job

from jobtui.engine.enums import RunState
from jobtui.engine.views import JobView
from jobtui.frontend.formatting import failed_last, failed_lately
from jobtui.frontend.job_index import JobIndex

changes = st.fixed_dictionaries(
    {
        "recent": st.lists(st.sampled_from((OK, FAILED, RunState.SKIPPED)), max_size=3).map(tuple),
        "paused_since": st.sampled_from((None, ago(5))),
        "next": st.one_of(st.none(), st.integers(1, 5).map(ahead)),
        "scheduled": st.integers(0, 2),
    }
)
jobs_after_jobs = st.lists(
    st.one_of(st.tuples(st.integers(0, 9), changes), st.sampled_from(("add", "remove first", "turn"))),
    max_size=12,
)


def changed(jobs: list[JobView], step: Any) -> list[JobView]:
    """Return the jobs after a step of a history."""
    if step == "remove first":
        return jobs[1:]
    if step == "turn":
        return jobs[1:] + jobs[:1]
    if step == "add":
        return [*jobs, make_job(f"job {len(jobs)}", next=ahead(3))]
    place, fields = step
    if place < len(jobs):
        return [*jobs[:place], replace(jobs[place], **fields), *jobs[place + 1 :]]
    return jobs


@given(jobs_after_jobs)
def test_an_index_that_follows_the_changes_equals_a_search_of_all_jobs(steps: list[Any]) -> None:
    """The soonest jobs come in the order of their ticks, then of their names."""
    jobs = [make_job(f"job {place}") for place in range(3)]
    index = JobIndex(jobs)
    for step in steps:
        jobs = changed(jobs, step)
        assert index.matching(("failed",)) is not None  # from now on the texts are kept up to date
        index.update(tuple(jobs))
        assert index.failing == [job for job in jobs if failed_last(job)]
        assert index.any_failed_lately == any(map(failed_lately, jobs))
        assert index.paused == sum(job.paused_since is not None for job in jobs)
        assert index.upcoming == sum((job.next is not None) + job.scheduled for job in jobs)
        due = sorted((job for job in jobs if job.next is not None), key=lambda job: (job.next, job.name))
        assert [job.name for job in index.soonest(3)] == [job.name for job in due[:3]]
        assert [*index.matching(())] == jobs
        assert all(index.job(name) is job for name, job in {job.name: job for job in jobs}.items())
        assert index.job("unknown") is None
        assert index.matching(("failed",)) == [job for job in jobs if failed_lately(job)]


def test_jobs_that_are_the_same_objects_are_not_looked_at_again() -> None:
    """The index keeps the list of the jobs that are due, so equal jobs need no new search."""
    first, second = make_job("a", next=ahead(9)), make_job("b", next=ahead(5))
    index = JobIndex((first, second))
    index.update((first, replace(second, next=ahead(20))))
    assert [job.name for job in index.soonest(5)] == ["a", "b"]
