"""Find the runs in memory that meet a query, as `query_rows` finds rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nlargest

from jobtui.engine.packed_exceptions import PackedException
from jobtui.engine.records import ELAPSED, ENDED, ERROR, JOB, NUMBER, REASON, STATE, TRIGGER, PackedRun
from jobtui.engine.tracebacks import format_traceback, summarize
from jobtui.store.query import Query, fold_case
from jobtui.store.run_order import RunPosition


def find_matches(
    runs: Iterable[PackedRun],
    query: Query,
    limit: int,
    *,
    before: RunPosition | None,
    output: Callable[[int], str],
) -> list[PackedRun]:
    """Return the runs that meet a query, newest first.

    Args:
        runs: The runs, in any order, each with all its fields.
        query: The query. If it asks for no state, only ended runs meet it.
        limit: How many runs are returned at most.
        before: Only runs that come later in this order are returned; None for all.
        output: Returns the output of a run.
    """
    meets = _Matcher(query, output).meets
    with_positions = ((RunPosition.of(run), run) for run in runs)
    found = (
        each
        for each in with_positions
        if (before is None or each[0] < before) and meets(each[1], each[0].instant)
    )
    return [run for _, run in nlargest(limit, found, key=lambda each: each[0])]


class _Matcher:
    """Compares runs with a query, which it takes apart once."""

    def __init__(self, query: Query, output: Callable[[int], str]) -> None:
        self._query = query
        self._output = output
        self._words = [fold_case(word) for word in query.words]
        self._since = None if query.since is None else query.since.timestamp()
        self._until = None if query.until is None else query.until.timestamp()
        self._longer = None if query.longer is None else query.longer.total_seconds()
        self._shorter = None if query.shorter is None else query.shorter.total_seconds()

    def meets(self, run: PackedRun, instant: float) -> bool:
        query, elapsed = self._query, run[ELAPSED]
        return (
            (run[ENDED] is not None if query.state is None else run[STATE] == query.state.value)
            and (query.trigger is None or run[TRIGGER] == query.trigger.value)
            and query.number in {None, run[NUMBER]}
            and (self._since is None or instant >= self._since)
            and (self._until is None or instant < self._until)
            and (self._longer is None or (elapsed is not None and elapsed > self._longer))
            and (self._shorter is None or (elapsed is not None and elapsed < self._shorter))
            and query.has_job(run[JOB])
            and (not self._words or self._has_words(run))
        )

    def _has_words(self, run: PackedRun) -> bool:
        error: str | PackedException = run[ERROR]
        texts = [run[REASON], error] if isinstance(error, str) else _texts_of(error, run[REASON])
        if run[NUMBER]:
            texts.append(self._output(run[NUMBER]))
        folded = [fold_case(text) for text in texts if text]
        return all(any(word in text for text in folded) for word in self._words)


def _texts_of(error: PackedException, reason: str) -> list[str]:
    return [summarize(error), format_traceback(error)] if error else [reason]
