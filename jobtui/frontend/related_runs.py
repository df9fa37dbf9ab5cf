"""Find the run that a key on another row means: the latest run of a job, and the last one that was OK."""

from __future__ import annotations

from collections.abc import Iterator

from jobtui.engine.enums import RunState
from jobtui.engine.views import RunView
from jobtui.frontend.backend import Backend
from jobtui.store.query import quote_term

_PAGE = 20  # runs that are asked for at once
_MOST_PAGES = 50  # of ticks that started no run, and of jobs with a similar name


class NotStartedError(LookupError):
    """No run of a job has started, as far as known."""


def latest_run(backend: Backend, job: str) -> RunView:
    """Return the latest run of a job that has started.

    That is one that runs, or else one that is about to be tried again, or else one that has ended.

    Raises:
        NotStartedError: No run of the job has started, as far as known.
        OSError: The scheduler cannot be reached.
    """
    for state in (RunState.RUNNING, RunState.RETRYING):
        for run in backend.find_runs(job=job, state=state, limit=1):
            return run
    for run in _search(backend, quote_term("job", job)):
        if run.job == job and run.started:
            return run
    raise NotStartedError(f"no run of {job} has started yet")


def last_ok_run(backend: Backend, run: RunView) -> RunView:
    """Return the latest run of the same job that was OK and ended before a run has ended.

    Raises:
        LookupError: There is none, as far as known.
        OSError: The scheduler cannot be reached.
    """
    terms = [quote_term("job", run.job), "state:ok"]
    if run.ended is not None:
        terms.append(quote_term("until", run.ended.isoformat()))
    found = _search(backend, " ".join(terms))
    ok = next((each for each in found if each.job == run.job and each.number not in (0, run.number)), None)
    if ok is None:
        raise LookupError(f"no earlier OK run of {run.job} is known")
    return ok


def _search(backend: Backend, query: str) -> Iterator[RunView]:
    """Yield the runs that meet a query, newest first."""
    cursor = ""
    for _ in range(_MOST_PAGES):
        page = backend.search_runs(query, limit=_PAGE, cursor=cursor)
        yield from page.runs
        cursor = page.next
        if not cursor:
            return
