"""`Pool.finish_and_start_next` has the same result as `finish` followed by `start_next`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.engine_harness import EngineHarness

from jobtui.engine.enums import Overlap, RunState
from jobtui.engine.records import RunRecord

ELAPSED = 0.25

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.integers(0, 2)),
        st.tuples(st.just("finish running"), st.integers(0, 5)),
        st.tuples(st.just("finish any"), st.integers(0, 5)),
        st.tuples(st.just("start"), st.just(0)),
        st.tuples(st.just("resize"), st.integers(0, 3)),
        st.tuples(st.just("stop"), st.just(0)),
    ),
    max_size=20,
)
SEVERAL_RUNS = [("submit", 0), ("submit", 0), ("submit", 2), ("submit", 2), ("start", 0), ("start", 0)]


class TwoStepEngine:
    """An engine whose runs are finished and started in one step or in two.

    Args:
        in_one_step: Whether `finish_and_start_next` is used.
    """

    def __init__(self, *, in_one_step: bool) -> None:
        self.harness = EngineHarness(pool=2)
        self.jobs = [self.harness.job(overlap.value, overlap=overlap) for overlap in Overlap][:3]
        self.in_one_step = in_one_step
        self.started: list[RunRecord | None] = []

    def apply(self, operation: str, number: int) -> None:
        """Apply one operation, one second after the previous one."""
        harness, pool = self.harness, self.harness.engine.pool
        harness.now += 1
        known = [run for run in self.started if run is not None]
        running = [run for run in known if run.state is RunState.RUNNING]
        if operation == "submit" and not harness.engine.closed:
            harness.submit(self.jobs[number])
        elif operation == "resize":
            harness.engine.resize(number, harness.now)
        elif operation == "stop" and not harness.engine.closed:
            harness.engine.stop(harness.now)
        elif operation == "start":
            self.started.append(pool.start_next(harness.now, "w"))
        elif operation == "finish running" and running:
            self.finish_and_start_next(running[number % len(running)])
        elif operation == "finish any" and known:  # the run may have been given up
            self.finish_and_start_next(known[number % len(known)])

    def finish_and_start_next(self, run: RunRecord) -> None:
        """Finish a run, and start the next one."""
        pool, now = self.harness.engine.pool, self.harness.now
        if self.in_one_step:
            self.started.append(pool.finish_and_start_next(run, now, ELAPSED, "w"))
        else:
            pool.finish(run, now, RunState.OK, ELAPSED)
            self.started.append(pool.start_next(now, "w"))


@given(OPERATIONS)
def test_finish_and_start_next_in_one_step_has_the_result_of_two_steps(
    operations: list[tuple[str, int]],
) -> None:
    """After any operations: the same snapshots, events and started runs."""
    one_step, two_steps = TwoStepEngine(in_one_step=True), TwoStepEngine(in_one_step=False)
    for operation in SEVERAL_RUNS + operations:
        one_step.apply(*operation)
        two_steps.apply(*operation)
        assert one_step.harness.snapshot() == two_steps.harness.snapshot()
    assert one_step.harness.events == two_steps.harness.events
    numbers = [[run and run.number for run in engine.started] for engine in (one_step, two_steps)]
    assert numbers[0] == numbers[1]
