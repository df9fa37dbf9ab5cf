"""The runs of a forecast as tuples of atoms."""

from __future__ import annotations

import gc
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from jobtui.engine.enums import RunState
from jobtui.simulation.predicted_runs import PredictedRun, PredictedRuns

START = datetime(2026, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 1_000_000).map(lambda seconds: START + timedelta(seconds=seconds))
RUNS = st.builds(
    PredictedRun,
    st.sampled_from("abc"),
    st.integers(0, 9),
    INSTANTS,
    st.none() | INSTANTS,
    st.none() | INSTANTS,
    st.sampled_from(RunState),
    st.text(max_size=3),
    st.integers(1, 9),
    st.booleans(),
)


def packed(runs: list[PredictedRun]) -> PredictedRuns:
    """Pack some runs."""
    return PredictedRuns(run.pack() for run in runs)


@given(st.lists(RUNS, max_size=5))
def test_the_runs_that_are_read_equal_those_that_were_packed(runs: list[PredictedRun]) -> None:
    found = packed(runs)
    assert list(found) == list(found[:]) == [found[index] for index in range(len(found))] == runs
    assert list(found[1:3]) == runs[1:3]
    for job in "abc":
        assert list(found.of_job(job)) == [run for run in runs if run.job == job]


def test_the_garbage_collector_does_not_track_the_runs_of_a_forecast() -> None:
    """An object for each of them would make every full collection slower."""
    runs = packed(
        [
            PredictedRun(f"job {number}", number, START, START + timedelta(seconds=1), None, RunState.RUNNING)
            for number in range(1, 1_001)
        ]
    )
    gc.collect()
    before = len(gc.get_objects())
    copies = [packed(list(runs)) for _ in range(5)]
    gc.collect()
    assert len(gc.get_objects()) - before < 100
    assert [len(each) for each in copies] == [1_000] * 5
