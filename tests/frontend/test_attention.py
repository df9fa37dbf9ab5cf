"""Tests of the view of the jobs that need attention."""

from __future__ import annotations

from typing import Any

import pytest
from support.snapshots import FAILED, NOW, OK, ago, ahead, make_job

from jobtui.engine.enums import JobStatus
from jobtui.frontend.attention import STAYS, AttentionView
from jobtui.frontend.job_index import JobIndex


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"running": 1}, True),
        ({"queued": 1}, True),
        ({"held": 1}, True),
        ({"retrying": 1}, True),
        ({"recent": (OK, FAILED)}, True),
        ({"recent": (FAILED, OK)}, False),
        ({"paused_since": ago(5), "paused_by": "dashboard", "status": JobStatus.PAUSED}, False),
        ({"paused_since": ago(5), "paused_by": "pause_after", "status": JobStatus.PAUSED}, True),
        ({"next": ago(5)}, True),
        ({"next": ago(1)}, False),
    ],
)
def test_a_job_needs_attention_that_is_busy_or_in_trouble(changes: dict[str, Any], expected: bool) -> None:
    job, view = make_job(**changes), AttentionView()
    view.update(JobIndex((make_job("other", next=ahead(9)), job)), NOW)
    assert (job in view) == expected


def test_a_job_stays_in_the_view_for_some_seconds() -> None:
    job, view = make_job(running=1), AttentionView()
    view.update(JobIndex((job,)), ago(STAYS))
    idle = JobIndex((make_job(),))
    view.update(idle, ago(1))
    assert job in view
    view.update(idle, NOW)
    assert job not in view


def test_the_index_follows_a_job_that_needs_no_attention_any_more() -> None:
    index, view = JobIndex((make_job(running=1),)), AttentionView()
    index.update((make_job(),))
    view.update(index, NOW)
    assert make_job() not in view


def test_a_cleared_view_forgets_the_jobs_that_needed_attention_before() -> None:
    job, view = make_job(running=1), AttentionView()
    view.update(JobIndex((job,)), NOW)
    view.clear()
    assert job not in view
