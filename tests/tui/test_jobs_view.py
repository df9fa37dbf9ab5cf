"""Which jobs the table shows, and in which order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support import snapshots

from jobtui.engine.enums import JobStatus
from jobtui.frontend.upcoming import MAX_UPCOMING, list_upcoming
from jobtui.tui.job_filter import REGISTERED, SORTS, JobListFilter
from jobtui.tui.widgets.columns import JOB_COLUMNS

JOBS = [
    snapshots.job(
        "b", "@every 10s", runs=5, failures=1, prev=snapshots.ago(5), last_elapsed=timedelta(seconds=2)
    ),
    snapshots.job(
        "A", "@midnight", runs=9, failures=0, prev=None, last_elapsed=None, next=snapshots.ahead(5)
    ),
    snapshots.job(
        "c", "@every 30s", runs=5, failures=4, status=JobStatus.RUNNING, next=None, prev=snapshots.ago(1)
    ),
    snapshots.job("Straße", "@hourly", runs=0, status=JobStatus.PAUSED, prev=snapshots.ago(9)),
]
COLUMN = {column.key: column for column in JOB_COLUMNS}


def names(view: JobListFilter) -> list[str]:
    """What a view shows of the jobs above."""
    return [job.name for job in view.apply(JOBS)]


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
def test_filters(text: str, expected: list[str]) -> None:
    """Every word must be in the name, the schedule or the status, in any case and order."""
    assert names(JobListFilter().filtered(text)) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("status", ["c", "b", "A", "Straße"]),
        ("name", ["A", "b", "c", "Straße"]),
        ("schedule", ["b", "c", "Straße", "A"]),
        ("prev", ["c", "b", "Straße", "A"]),
        ("next", ["A", "b", "Straße", "c"]),
        ("last", ["b", "c", "Straße", "A"]),
        ("runs", ["A", "b", "c", "Straße"]),
        ("failures", ["c", "b", "A", "Straße"]),
    ],
)
def test_sorts(key: str, expected: list[str]) -> None:
    """Each column sorts in the direction in which one looks at it: the latest and the largest first."""
    assert names(JobListFilter(sort=key)) == expected


def test_equal_jobs_stay_in_the_order_of_registration() -> None:
    """Turned around, too: no row dances among its equals."""
    assert names(JobListFilter(sort="runs")) == ["A", "b", "c", "Straße"]
    assert names(JobListFilter(sort="runs", backwards=True)) == ["Straße", "b", "c", "A"]


def test_next_sort_goes_round_and_comes_back() -> None:
    """After the last column comes the order of registration, which has no name."""
    view = JobListFilter()
    seen = []
    for _ in SORTS:
        view = view.next_sort()
        seen.append(view.sort)
        assert not view.backwards
    assert seen == [*SORTS[1:], REGISTERED]
    assert view.title == ""
    assert "strip" not in SORTS


def test_the_same_column_twice_turns_it_around() -> None:
    """Another column starts in its usual direction; one without an order changes nothing."""
    view = JobListFilter().sorted_by(COLUMN["name"])
    assert (view.sort, view.backwards, view.mark, view.title) == ("name", False, "▲", "name ▲")
    view = view.sorted_by(COLUMN["name"])
    assert (view.backwards, view.mark) == (True, "▼")
    assert view.sorted_by(COLUMN["strip"]) == view
    view = view.sorted_by(COLUMN["runs"])
    assert (view.sort, view.backwards, view.mark) == ("runs", False, "▼")


def test_filtering_keeps_the_sort() -> None:
    """The two are independent."""
    view = JobListFilter().sorted_by(COLUMN["name"]).filtered("every")
    assert names(view) == ["b", "c"]
    assert names(view.next_sort().filtered("")) == names(JobListFilter(sort="schedule"))


def test_upcoming_is_sorted_and_cut() -> None:
    """Fires and one-off runs in one row, soonest first; paused ones say so; no more than a screen can use."""
    rows = list_upcoming(snapshots.idle())
    assert [row.due for row in rows] == sorted(row.due for row in rows)
    assert {row.job: row.number for row in rows}["send_mail"] == 872
    assert not any(row.paused for row in rows)
    assert all(row.paused for row in list_upcoming(snapshots.paused()))
    assert len(list_upcoming(snapshots.many(300))) == MAX_UPCOMING
