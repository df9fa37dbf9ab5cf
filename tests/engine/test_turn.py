"""To end a run and start the next one at once is the same as one after the other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.engine_harness import Bench

from jobtui.engine.enums import Overlap, RunState
from jobtui.engine.records import RunRecord

ELAPSED = 0.25

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.integers(0, 2)),
        st.tuples(st.just("turn"), st.integers(0, 5)),
        st.tuples(st.just("turn again"), st.integers(0, 5)),
        st.tuples(st.just("take"), st.just(0)),
        st.tuples(st.just("resize"), st.integers(0, 3)),
        st.tuples(st.just("stop"), st.just(0)),
    ),
    max_size=20,
)
CROWD = [("submit", 0), ("submit", 0), ("submit", 2), ("submit", 2), ("take", 0), ("take", 0)]


class Twin:
    """A bench on which operations are done, with runs turned at once or in two steps.

    Args:
        at_once: Which.
    """

    def __init__(self, *, at_once: bool) -> None:
        self.bench = Bench(pool=2)
        self.jobs = [self.bench.job(overlap.value, overlap=overlap) for overlap in Overlap][:3]
        self.at_once = at_once
        self.started: list[RunRecord | None] = []

    def do(self, what: str, which: int) -> None:
        """Do one operation."""
        bench, pool = self.bench, self.bench.engine.pool
        bench.now += 1
        known = [run for run in self.started if run is not None]
        going = [run for run in known if run.state is RunState.RUNNING]
        if what == "submit" and not bench.engine.closed:
            bench.submit(self.jobs[which])
        elif what == "resize":
            bench.engine.resize(which, bench.now)
        elif what == "stop" and not bench.engine.closed:
            bench.engine.stop(bench.now)
        elif what == "take":
            self.started.append(pool.start_next(bench.now, "w"))
        elif what == "turn" and going:
            self.turn(going[which % len(going)])
        elif what == "turn again" and known:  # one that may have been given up meanwhile
            self.turn(known[which % len(known)])

    def turn(self, done: RunRecord) -> None:
        """End a run, and start the next one."""
        pool, now = self.bench.engine.pool, self.bench.now
        if self.at_once:
            self.started.append(pool.finish_and_start_next(done, now, ELAPSED, "w"))
        else:
            pool.finish(done, now, RunState.OK, ELAPSED)
            self.started.append(pool.start_next(now, "w"))


@given(OPERATIONS)
def test_a_turn_is_an_end_and_a_start(operations: list[tuple[str, int]]) -> None:
    """Whatever happens around it: the books, the ledger, the events and their order are the same."""
    one, other = Twin(at_once=True), Twin(at_once=False)
    for operation in CROWD + operations:
        one.do(*operation)
        other.do(*operation)
        assert one.bench.snapshot() == other.bench.snapshot()
    assert one.bench.events == other.bench.events
    assert [run and run.number for run in one.started] == [run and run.number for run in other.started]
