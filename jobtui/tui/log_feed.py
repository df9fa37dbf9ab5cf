"""Reads the pages that a log view needs: around its lines, in the direction of a search, and what is new."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from textual.screen import Screen
from textual.timer import Timer

from jobtui.engine.views import RunView, Snapshot
from jobtui.frontend.backend import Backend, LogLine, LogPage
from jobtui.frontend.formatting import pluralize
from jobtui.frontend.line_buffer import LineBuffer
from jobtui.frontend.log_view import LineFilter
from jobtui.frontend.related_runs import NotStartedError, latest_run
from jobtui.tui.background_work import BackgroundQuery
from jobtui.tui.widgets.log_lines import LogLines

MIN_POLL_INTERVAL, MAX_POLL_INTERVAL = 0.1, 1.0  # seconds from an answer to the next request for new lines
_NO_LINES = LogPage(lines=(), after="")  # of a job of which no run has started


@dataclass(frozen=True, slots=True, kw_only=True)
class LogScope:
    """The output that a log view shows.

    Attributes:
        run: The number of the run; None for several jobs, or for the latest run of a job.
        job: The job of the run; "" for several jobs.
        jobs: The jobs whose output is merged; None for all output.
    """

    run: int | None = None
    job: str = ""
    jobs: frozenset[str] | None = None

    @property
    def is_merged(self) -> bool:
        """Whether the lines may be of several runs."""
        return not self.job

    @property
    def title(self) -> str:
        """The title of the view."""
        if self.job:
            return f"Log: {self.job}" + ("" if self.run is None else f" #{self.run}")
        if self.jobs is None:
            return "Log of all jobs"
        return f"Log of {pluralize(len(self.jobs), 'job')}: {', '.join(sorted(self.jobs))}"


class _FeedPlace(Enum):
    """Which page of output is requested."""

    LATEST = auto()
    FIRST = auto()
    BEFORE = auto()
    AFTER = auto()


@dataclass(frozen=True, eq=False, slots=True)
class _FeedRequest:
    """A page to ask for.

    Attributes:
        place: Which page.
        position: The position beside which it is.
    """

    place: _FeedPlace
    position: str = ""


@dataclass(frozen=True, slots=True)
class _FeedAnswer:
    """A page of output.

    Attributes:
        question: The request.
        page: The page.
        run: The run as it is now; None if the output is of several jobs.
        is_recorded: Whether output is recorded at all, as far as known.
    """

    question: _FeedRequest
    page: LogPage
    run: RunView | None
    is_recorded: bool


class LogFeed:
    """Keeps the buffer of a log view filled, with one request at a time.

    New lines are requested soon after some came, and less often while none come; never after the run has
    ended. While no run of the job has started, nothing is requested until a snapshot says that one has.

    Args:
        screen: The screen of the view.
        backend: The source.
        scope: The output.
        on_page: Called when the buffer has changed, with whether a page at another place has replaced it.
        on_error: Called with an error of a request.

    Attributes:
        buffer: The lines that have been read.
        scope: The output; with the number of the run as soon as it is known.
        run: The run; None before the first answer, for several jobs, and while `awaits_run`.
        awaits_run: Whether no run of the job has started yet, as far as known.
        is_recorded: Whether output is recorded at all, as far as known.
        direction: The direction of the latest move, 1 or -1: further pages are read there.
        seeking: The direction in which pages are read to search them; 0 for none.
    """

    def __init__(
        self,
        screen: Screen[Any],
        backend: Backend,
        scope: LogScope,
        on_page: Callable[[bool], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self.buffer = LineBuffer(filter=LineFilter(jobs=scope.jobs))
        self.scope = scope
        self.run: RunView | None = None
        self.awaits_run = False
        self.is_recorded = True
        self.direction = -1
        self.seeking = 0
        self._screen = screen
        self._backend = backend
        self._on_page = on_page
        self._on_error = on_error
        self._question: _FeedRequest | None = None  # the one that is not answered
        self._query = BackgroundQuery(screen, self._ask, self._take, self._fail)
        self._polling: Timer | None = None
        self._poll_interval = MIN_POLL_INTERVAL

    # --- requests ---------------------------------------------------------------------------------

    def read_latest(self) -> None:
        """Read the latest page in place of all others."""
        self._request(_FeedRequest(_FeedPlace.LATEST))

    def read_first(self) -> None:
        """Read the first page that is kept in place of all others."""
        self._request(_FeedRequest(_FeedPlace.FIRST))

    def read_on(self, view: LogLines[LogLine]) -> None:
        """Read the page that the view needs next, if any; follow what is written."""
        if self._question is not None:
            return
        if self.awaits_run:  # if one started after the request, no snapshot may follow to say so
            if _has_started(self.scope.job, self._backend.snapshot()):
                self._poll()
            return
        buffer, height = self.buffer, view.size.height
        # A filter that admits almost nothing must not read pages endlessly that displace each other.
        has_room = not buffer.is_full or buffer.end - buffer.first >= height
        is_near_begin = self.direction < 0 and has_room and view.top - buffer.first < height
        is_near_end = self.direction > 0 and has_room and buffer.end - view.top < 2 * height
        if buffer.before and (self.seeking < 0 or is_near_begin):
            self._request(_FeedRequest(_FeedPlace.BEFORE, buffer.before))
        elif not buffer.is_latest:
            if self.seeking > 0 or is_near_end or view.follows:
                self._request(_FeedRequest(_FeedPlace.AFTER, buffer.after))
        elif not buffer.ended and (view.follows or not buffer.is_full):
            self._poll()

    def _request(self, question: _FeedRequest) -> None:
        self._stop_polling()
        self._question = question
        self._query.request()

    def _poll(self) -> None:
        if self._polling is None:
            self._polling = self._screen.set_timer(self._poll_interval, self._poll_now)

    def _stop_polling(self) -> None:
        if self._polling is not None:
            self._polling.stop()
            self._polling = None

    def poll_early(self) -> None:
        """Read what is new now, if it would be read after a moment anyway."""
        if self._polling is not None:
            self._poll_now()

    def _poll_now(self) -> None:
        after = self.buffer.after
        self._request(_FeedRequest(_FeedPlace.AFTER, after) if after else _FeedRequest(_FeedPlace.LATEST))

    # --- answers ----------------------------------------------------------------------------------

    def _ask(self) -> _FeedAnswer | None:
        """Return the requested page. Called in a worker thread."""
        question, run = self._question, self.run  # the app's thread may replace them
        if question is None:
            return None
        if run is None and not self.scope.is_merged:
            number = self.scope.run
            try:
                run = (
                    latest_run(self._backend, self.scope.job)
                    if number is None
                    else self._backend.run_view(number)
                )
            except NotStartedError:
                return _FeedAnswer(question, _NO_LINES, None, is_recorded=True)
        page = self._read(question, None if run is None else run.number)
        is_recorded = True
        if run is not None and page.ended:
            run = self._backend.run_view(run.number)
            is_recorded = bool(page.lines) or self._backend.output_of(run.number) is not None
        return _FeedAnswer(question, page, run, is_recorded)

    def _read(self, question: _FeedRequest, run: int | None) -> LogPage:
        match question.place:
            case _FeedPlace.LATEST:
                return self._backend.log_page(run)
            case _FeedPlace.FIRST:
                return self._backend.log_page(run, after="")
            case _FeedPlace.BEFORE:
                return self._backend.log_page(run, before=question.position)
            case _FeedPlace.AFTER:
                return self._backend.log_page(run, after=question.position)

    def _take(self, answer: _FeedAnswer | None) -> None:
        if answer is None or answer.question is not self._question:  # another one was asked since
            return
        self._question = None
        self.is_recorded = answer.is_recorded
        self.awaits_run = answer.run is None and not self.scope.is_merged
        if answer.run is not None:
            self.run = answer.run
            self.scope = LogScope(run=answer.run.number, job=answer.run.job)
        page, place = answer.page, answer.question.place
        is_beside = place in (_FeedPlace.BEFORE, _FeedPlace.AFTER)
        if place is _FeedPlace.BEFORE:
            self.buffer.prepend(page)
        elif place is _FeedPlace.AFTER:
            self.buffer.append(page)
        else:
            self.buffer.reset(page)
        self._poll_interval = (
            MIN_POLL_INTERVAL if page.lines else min(MAX_POLL_INTERVAL, 2 * self._poll_interval)
        )
        self._on_page(not is_beside)

    def _fail(self, error: Exception) -> None:
        self._question = None
        self._on_error(error)
        if isinstance(error, OSError):  # the connection may come back
            self._poll_interval = MAX_POLL_INTERVAL
            self._poll()

    def update_snapshot(self, snapshot: Snapshot) -> None:
        """Note the state of the run in a snapshot; find the first run of the job when one has started."""
        if self.awaits_run and self._question is None and _has_started(self.scope.job, snapshot):
            self.read_latest()
        if self.run is not None and not self.run.state.ended:
            runs = (*snapshot.running, *snapshot.recent)
            self.run = next((run for run in runs if run.number == self.run.number), self.run)


def _has_started(job: str, snapshot: Snapshot) -> bool:
    """Return whether a run of a job has started, as a snapshot has it."""
    return any(each.name == job and (each.running or each.prev is not None) for each in snapshot.jobs)
