"""The records of the engine are plain data, and the fields of a run follow from one table."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC
from typing import Any

import pytest
from support.engine_harness import NOON, EngineHarness

from jobtui.engine.enums import RunState
from jobtui.engine.records import RunRecord, pack_run, packed_view
from jobtui.engine.views import RunView

COPIERS = pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda record: pickle.loads(pickle.dumps(record))], ids=["copy", "pickle"]
)


def busy_harness() -> tuple[EngineHarness, list[RunRecord]]:
    """Return an engine with runs of one job that are OK, FAILED, RUNNING and HELD, and one SCHEDULED run."""
    harness = EngineHarness()
    job = harness.job("a", "0 0 12 * * *")
    runs = harness.submit(job, 4)
    harness.finish(harness.start_next())
    harness.finish(harness.start_next(), RunState.FAILED)
    harness.start_next()
    return harness, [*runs, harness.submit_later(job, 10)]


@COPIERS
def test_a_run_can_be_duplicated_in_every_state(duplicate: Callable[[Any], Any]) -> None:
    _, runs = busy_harness()
    assert [run.state.value for run in runs] == ["OK", "FAILED", "RUNNING", "HELD", "SCHEDULED"]
    for run in runs:
        double = duplicate(run)
        assert double is not run
        assert pack_run(double) == pack_run(run)
        assert double.view(UTC) == run.view(UTC)


@COPIERS
def test_a_job_can_be_duplicated_with_its_runs(duplicate: Callable[[Any], Any]) -> None:
    _, runs = busy_harness()
    job = runs[0].job
    double = duplicate(job)
    assert double.view(UTC) == job.view(UTC)
    assert double.recent == job.recent
    assert [pack_run(run) for run in double.held] == [pack_run(run) for run in job.held]
    assert double.runnable.call is job.runnable.call


def test_a_packed_run_has_the_fields_of_a_view_in_their_order() -> None:
    _, runs = busy_harness()
    for run in runs:
        view, packed = packed_view(pack_run(run), UTC), pack_run(run)
        assert len(packed) == len(fields(RunView))
        assert packed[:2] == (view.number, view.job)
        assert (view.trigger.value, view.state.value) == packed[2:4]
        assert view.created.timestamp() == packed[4] == NOON
        assert view == run.view(UTC)
