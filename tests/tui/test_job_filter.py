"""The filter and the order of the list of jobs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support import snapshots

from jobtui.engine.enums import JobStatus, RunState
from jobtui.frontend.attention import AttentionView
from jobtui.frontend.job_index import JobIndex
from jobtui.tui.job_filter import REGISTRATION_ORDER, SORT_KEYS, JobListFilter
from jobtui.tui.widgets.columns_of_jobs import COLUMN_SET, JOB_COLUMNS

JOBS = [
    snapshots.make_job(
        "b", "@every 10s", runs=5, failures=1, prev=snapshots.ago(5), last_elapsed=timedelta(seconds=2)
    ),
    snapshots.make_job(
        "A", "@midnight", runs=9, failures=0, prev=None, last_elapsed=None, next=snapshots.ahead(5), retries=2
    ),
    snapshots.make_job(
        "c",
        "@every 30s",
        runs=5,
        failures=4,
        status=JobStatus.RUNNING,
        next=None,
        prev=snapshots.ago(1),
        timeout=timedelta(seconds=5),
    ),
    snapshots.make_job("Straße", "@hourly", runs=0, status=JobStatus.PAUSED, prev=snapshots.ago(9)),
]
COLUMN = {column.key: column for column in JOB_COLUMNS}


def names(job_filter: JobListFilter) -> list[str]:
    """Return the names of the jobs above that match, in order."""
    return [job.name for job in job_filter.apply(JobIndex(JOBS), AttentionView())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["b", "A", "c", "Straße"]),
        ("  ", ["b", "A", "c", "Straße"]),
        ("EVERY", ["b", "c"]),
        ("every 30", ["c"]),
        ("30 every", ["c"]),
        ("running", ["c"]),
        ("paused hourly", ["Straße"]),
        ("STRASSE", ["Straße"]),
        ("nothing", []),
    ],
)
def test_every_word_of_the_filter_must_match(text: str, expected: list[str]) -> None:
    """It may match the name, the schedule or the status, in any case."""
    assert names(JobListFilter().with_words(text)) == expected


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("fail failed failing", {"recent": (RunState.OK, RunState.FAILED)}),
        ("fail", {"recent": (RunState.FAILED, RunState.OK)}),
        ("failed idle", {"recent": (RunState.FAILED, RunState.SKIPPED, RunState.CANCELLED)}),
        ("failed running", {"recent": (RunState.FAILED,), "status": JobStatus.RUNNING, "running": 1}),
        ("paused running", {"paused_since": snapshots.ago(1), "status": JobStatus.RUNNING, "running": 1}),
        ("queued waiting running", {"status": JobStatus.RUNNING, "running": 1, "queued": 1}),
        ("held waiting running", {"status": JobStatus.RUNNING, "running": 1, "held": 2}),
        ("scheduled", {"scheduled": 1}),
    ],
)
def test_the_filter_finds_a_job_by_every_word_for_what_it_does(words: str, changes: dict[str, Any]) -> None:
    """A running job may be paused, have waiting runs, and have failed before."""
    idle = snapshots.make_job("a")
    for word in words.split():
        job_filter = JobListFilter().with_words(word)
        assert job_filter.apply(JobIndex([replace(idle, **changes)]), AttentionView())
        assert not job_filter.apply(JobIndex([idle]), AttentionView()) or word == "idle"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("status", ["c", "b", "A", "Straße"]),
        ("name", ["A", "b", "c", "Straße"]),
        ("schedule", ["b", "c", "Straße", "A"]),
        ("last-run", ["c", "b", "Straße", "A"]),
        ("next", ["A", "b", "Straße", "c"]),
        ("took", ["b", "c", "Straße", "A"]),
        ("runs", ["A", "b", "c", "Straße"]),
        ("fail", ["c", "b", "A", "Straße"]),
        ("ago", ["c", "b", "Straße", "A"]),
        ("due", ["A", "b", "Straße", "c"]),
        ("ok", ["c", "b", "A", "Straße"]),
        ("p95", ["b", "c", "Straße", "A"]),
        ("retries", ["A", "b", "c", "Straße"]),
        ("timeout", ["c", "b", "A", "Straße"]),
        ("kind", ["A", "Straße", "b", "c"]),
    ],
)
def test_each_column_sorts_in_its_usual_order(key: str, expected: list[str]) -> None:
    """Instants and numbers: the latest and the largest first."""
    assert names(JobListFilter(sort=key)) == expected


def test_equal_jobs_stay_in_the_order_of_registration() -> None:
    """The reverse order reverses them, too."""
    assert names(JobListFilter(sort="runs")) == ["A", "b", "c", "Straße"]
    assert names(JobListFilter(sort="runs", reverse=True)) == ["Straße", "b", "c", "A"]


def test_next_sort_cycles_through_the_columns_and_the_order_of_registration() -> None:
    """First by status and by failures, then by the chosen ones; one without a sort key is skipped."""
    job_filter = JobListFilter()
    seen = []
    for _ in range(6):
        job_filter = job_filter.next_sort(["p95", "outcomes", "status", "name"])
        seen.append(job_filter.sort)
        assert not job_filter.reverse
    assert seen == ["status", "fail", "p95", "name", REGISTRATION_ORDER, "status"]
    assert "outcomes" not in SORT_KEYS


def test_next_sort_begins_anew_after_a_column_that_is_not_shown() -> None:
    assert JobListFilter(sort="p95").next_sort(["status", "name"]).sort == "status"


def test_sorting_by_the_same_column_again_reverses_the_order() -> None:
    """Another column starts in its usual order; one without a sort key changes nothing."""
    job_filter = JobListFilter().sorted_by(COLUMN["name"])
    assert (job_filter.sort, job_filter.reverse) == ("name", False)
    assert (job_filter.mark, job_filter.title) == ("▲", "name ▲")
    job_filter = job_filter.sorted_by(COLUMN["name"])
    assert (job_filter.reverse, job_filter.mark) == (True, "▼")
    assert job_filter.sorted_by(COLUMN["outcomes"]) == job_filter
    job_filter = job_filter.sorted_by(COLUMN["runs"])
    assert (job_filter.sort, job_filter.reverse, job_filter.mark) == ("runs", False, "▼")


def test_the_filter_and_the_order_are_independent() -> None:
    """A change of one keeps the other."""
    job_filter = JobListFilter().sorted_by(COLUMN["name"]).with_words("every")
    assert names(job_filter) == ["b", "c"]
    assert names(job_filter.next_sort(COLUMN_SET.default).with_words("")) == names(JobListFilter(sort="next"))
