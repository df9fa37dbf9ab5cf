"""The backend of a scheduler in this process."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Context
from datetime import datetime
from typing import Any

from jobtui.engine.views import JobView
from jobtui.frontend.backend import JobDetails, SchedulePreview
from jobtui.frontend.explanation import Explanation
from jobtui.frontend.job_parameters import Call, parameter_schema, read_arguments
from jobtui.frontend.log_pages import LogPageReader
from jobtui.frontend.run_lines import RunLineReader
from jobtui.frontend.why_live import SchedulerFacts
from jobtui.frontend.why_run import explain_run
from jobtui.frontend.why_tick import explain_tick
from jobtui.runtime.output_log import OutputLog
from jobtui.runtime.scheduler import Scheduler
from jobtui.schedules.adjusted import anchored
from jobtui.schedules.describe import describe
from jobtui.schedules.dst import TickPreview, preview_ticks
from jobtui.schedules.schedule import Schedule


class LocalBackend:
    """A scheduler in this process.

    Args:
        scheduler: The scheduler.
        title: The origin of its jobs.
        output_log: The output of its jobs, if it is collected.
    """

    connection_error = ""
    needs_sign_in = False

    def __init__(self, scheduler: Scheduler, title: str, output_log: OutputLog | None = None) -> None:
        self.title = title
        self.address = ""
        self.zone = scheduler.tz
        self._scheduler = scheduler
        self.snapshot = scheduler.snapshot
        self.find_runs = scheduler.find_runs
        self.search_runs = scheduler.search_runs
        self.run_columns = scheduler.run_columns
        self.run_view = scheduler.run_view
        self.pool_view = scheduler.pool_view
        self.stack = scheduler.stack
        self.on_change = scheduler.on_change
        self.subscribe = scheduler.subscribe
        self.counters = scheduler.counters
        self.liveness = scheduler.liveness
        self.refresh_views = scheduler.refresh_views
        self.output_of = scheduler.output_of
        log = output_log or OutputLog()
        self.output_since = log.output_since
        self.output_lines = RunLineReader(scheduler, log).read
        self.log_page = LogPageReader(scheduler, log).read
        self.pause = scheduler.pause
        self.resume = scheduler.resume
        self.update = scheduler.update
        self.pause_all = scheduler.pause_all
        self.resume_all = scheduler.resume_all
        self.cancel = scheduler.cancel
        self.resize = scheduler.resize
        # The latest preview, with its schedule and the timestamp of its next tick.
        self._cached_preview: tuple[Schedule, float, TickPreview] | None = None

    def sign_in(self, user: str, password: str) -> None:
        """Do nothing: this process needs no password."""

    def set_shown(self, shown: bool) -> None:
        """Do nothing: a snapshot costs nothing until it is taken."""

    def close(self) -> None:
        """Do nothing: calls into this process do not wait for answers."""

    def run(self, job: str, arguments: Mapping[str, Any] | None = None) -> int:
        """Run a job now, without the context variables of the front end. Return the run's number."""
        args: tuple[Any, ...] = ()
        kwargs: dict[str, Any] = {}
        if arguments:
            masks = self._scheduler.redaction.masks
            args, kwargs = read_arguments(self._scheduler.job(job).function, arguments, masks)
        try:
            return Context().run(self._scheduler.run, job, *args, **kwargs).number
        except TypeError as error:  # of a job that requires arguments
            raise ValueError(str(error)) from None

    def preview(self, job: str, spec: str) -> SchedulePreview:
        """Return what a schedule would mean for a job."""
        now = self._scheduler.snapshot().at
        try:
            schedule = anchored(self._scheduler.schedule_for(job, spec), now)
        except TypeError as error:  # of a job that requires arguments
            raise ValueError(str(error)) from None
        due = schedule.next(now)
        preview = TickPreview() if due is None else preview_ticks(now, schedule, due, self.zone)
        return SchedulePreview(description=describe(schedule), preview=preview)

    def run_again(self, number: int) -> int:
        """Run an ended run once more, without the context variables of the front end. Return its number."""
        self._scheduler.run_view(number)  # LookupError if there is no such run
        try:
            return Context().run(self._scheduler.run_again, number).number
        except LookupError as error:
            raise RuntimeError(str(error.args[0])) from None

    def why(self, job: str, at: str = "") -> Explanation:
        """Explain what became, or will become, of a tick of a job."""
        return explain_tick(SchedulerFacts(self._scheduler), job, at)

    def why_run(self, number: int) -> Explanation:
        """Explain when a run was due, how long it waited for what, and how it ended."""
        return explain_run(SchedulerFacts(self._scheduler), number)

    def job_details(self, job: str) -> JobDetails:
        """Return a job's details."""
        runs = self._scheduler.runs_of(job)  # raises LookupError, with the names that are similar
        snapshot = self._scheduler.snapshot()
        view = next((each for each in snapshot.jobs if each.name == job), None)
        if view is None:  # it was removed in between
            raise LookupError(f"job {job!r} was removed")
        return JobDetails(
            job=view,
            description="one-off runs, no schedule" if view.schedule is None else describe(view.schedule),
            preview=self._preview_of(view, snapshot.at),
            runs=runs,
            parameters={} if view.schedule is None else self._parameters_of(job),
        )

    def _parameters_of(self, job: str) -> dict[str, Any]:
        """Return the JSON Schema of the parameters of a job, with the arguments that the job has."""
        handle = self._scheduler.job(job)
        return parameter_schema(handle.function, Call(*handle.arguments), self._scheduler.redaction.masks)

    def _preview_of(self, view: JobView, now: datetime) -> TickPreview:
        """Return a job's next ticks; search again only if its next tick has changed."""
        if view.schedule is None or view.next is None:
            return TickPreview()
        next_tick = view.next.timestamp()
        if self._cached_preview is not None:
            schedule, timestamp, preview = self._cached_preview
            first = preview.ticks[0]
            outdated = first.is_dropped and first.at <= now
            if schedule is view.schedule and timestamp == next_tick and not outdated:
                return preview
        preview = preview_ticks(now, view.schedule, view.next, self.zone)
        self._cached_preview = (view.schedule, next_tick, preview)
        return preview
