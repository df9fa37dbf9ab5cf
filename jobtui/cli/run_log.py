"""The log of ``--headless``: one line for each run that ended and for each tick that started no run.

An attempt that failed has a line, too, if it is followed by another one. The traceback of a run that failed
follows its line. The place in parentheses is the innermost one in code of the user, not in a library that it
calls.

    2026-11-23 12:00:01.250 OK        run 12   hash_files  took 0.012s   tick
    2026-11-23 12:00:02.000 FAILED    run 13   import_all  took 1.204s   tick     ValueError: no (shop.py:80)
    2026-11-23 12:00:02.000 SKIPPED   no run   compress    -             tick     still running since 12:00:01

Times are in the scheduler's zone. The words in capitals are those of `RunState`, and STARTED, SERVING,
STOPPING, QUITTING, STOPPED, WAITING (a start or stop function takes long), NOTICE (what the scheduler has
done by itself, such as a pause after failures), LOST (events that the log was too slow for), ERROR (an
exception inside jobtui) and CLOCK (the clock was set).
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from typing import TextIO

from jobtui.engine.enums import RunState
from jobtui.engine.events import (
    AttemptFailed,
    ClockStepped,
    Event,
    InternalError,
    NoticeGiven,
    QuietTimeChanged,
    RunFinished,
    RunTakenOver,
    SchedulerStandingBy,
    SchedulerStarted,
    SchedulerStopped,
    SchedulerStopping,
    StoreChanged,
    TickEnded,
)
from jobtui.engine.tracebacks import is_installed
from jobtui.engine.views import RunView, Snapshot
from jobtui.frontend.formatting import count_jobs, format_pool_change
from jobtui.loading.user_errors import short_path
from jobtui.process.printable import printable
from jobtui.process.stdio import write_line
from jobtui.runtime.lifecycle import TAKES_OVER
from jobtui.runtime.scheduler import Scheduler
from jobtui.schedules.zones import zone_name

_CLOSE_TIMEOUT = 1.0  # seconds for the last lines when the log is closed
_MAX_NAMED_RUNS = 5  # in one line
_MAX_NAME_WIDTH = 32  # characters; a longer name shifts the rest of its line
_FRAME = re.compile(r'^[ |]*File "(.+)", line (\d+), in ', re.MULTILINE)  # also in a group, with `|`
_INDENT = "    "  # before a line of a traceback, so that none can look like a line of the log


class RunLog:
    """Write the log from a thread of its own, so that a slow stream never delays the scheduler.

    Args:
        scheduler: The scheduler to log, from now on.
        title: The name of the job file or of the module.
        stream: Receives the lines.
        on_stopped: Called when the scheduler has stopped.
        address: The address of the status page, or "" without one.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        *,
        title: str,
        stream: TextIO,
        on_stopped: Callable[[], None],
        address: str = "",
    ) -> None:
        self._scheduler = scheduler
        self._title = title
        self._stream = stream
        self._on_stopped = on_stopped
        self._address = address
        # Lines that belong to no event: the number of the event to write each after, and the line.
        self._notes: deque[tuple[int, str]] = deque()
        self._lost = 0
        self._started = False
        self._given_up = 0
        self._stopping = False
        self._name_width = 0
        self._wakeup = threading.Event()
        self._closing = False
        scheduler.stop_logging()  # or each failure would be written twice
        self._subscription = scheduler.subscribe(self._wakeup.set)
        for job in self._subscription.snapshot.jobs:
            self._fit_name(job.name)
        self._thread = threading.Thread(target=self._write_until_closed, name="jobtui-log", daemon=True)
        self._thread.start()

    def write_waiting(self, sentence: str) -> None:
        """Log a sentence about an ``on_app_start`` or ``on_app_stop`` function that takes long."""
        self._write_note(self._scheduler.snapshot(), "WAITING", sentence)

    def write_stopping(self, signal_name: str, grace: float, deadline: float | None) -> None:
        """Log that the scheduler is about to stop, and which runs it waits for.

        Args:
            signal_name: The signal that stops it.
            grace: How long it waits for running work, in seconds.
            deadline: When the process ends at the latest, in seconds from now; None if it goes on.
        """
        snapshot = self._scheduler.snapshot()
        text = f"{signal_name}: nothing is running"
        if snapshot.pool.running:
            end = "a second signal gives up what is still running"
            if deadline is not None:
                end = f"the process ends within {deadline:g} s, or at once at a second signal"
            text = f"{signal_name}: waiting up to {grace:g} s for {_running_runs(snapshot)}; {end}"
        self._write_note(snapshot, "STOPPING", text)

    def write_quitting(self, cause: str, function: str = "") -> None:
        """Log that the process ends without waiting any longer.

        Args:
            cause: Why it ends.
            function: The ``on_app_stop`` function that it waits for; "" if it waits for runs.
        """
        snapshot = self._scheduler.snapshot()
        self._write_note(snapshot, "QUITTING", f"{cause}: giving up {function or _running_runs(snapshot)}")

    def close(self) -> None:
        """Write the lines that are left, for at most a second, and end."""
        self._closing = True
        self._wakeup.set()
        self._thread.join(_CLOSE_TIMEOUT)
        self._subscription.close()

    def _write_note(self, snapshot: Snapshot, word: str, text: str) -> None:
        self._notes.append((snapshot.seq, self._format_line(snapshot.at.timestamp(), word, text)))
        self._wakeup.set()

    def _write_until_closed(self) -> None:
        closing = False
        while not closing:
            self._wakeup.wait()
            self._wakeup.clear()
            closing = self._closing  # read before the events, so that the last events are not missed
            lines = list(self._new_lines())
            if lines:
                write_line(self._stream, "\n".join(lines))

    def _new_lines(self) -> Iterator[str]:
        """Yield the lines for all events and notes since the last call, in order."""
        # Take the notes before the events: the event that a note follows has then been published.
        notes = [self._notes.popleft() for _ in range(len(self._notes))]
        events = self._subscription.read()
        lost, self._lost = self._subscription.lost - self._lost, self._subscription.lost
        if lost and events:
            yield self._format_line(
                events[0].at, "LOST", f"{lost} events are missing here: the log could not keep up"
            )
        for event in events:
            while notes and notes[0][0] < event.seq:
                yield notes.pop(0)[1]
            yield from self._lines_of_event(event)
        yield from (line for _, line in notes)

    def _lines_of_event(self, event: Event) -> Iterator[str]:
        match event:
            case AttemptFailed() | RunTakenOver():
                failed = event.run.attempts_made[-1]
                reason = f"{event.run.reason}: {failed.reason}"
                yield self._line_of_run(event.at, event.run, reason, failed.error)
            case RunFinished() | TickEnded():
                yield self._line_of_run(event.at, event.run, event.run.reason, event.run.error)
                for line in event.run.error.splitlines():
                    yield f"{_INDENT}{printable(line)}"
            case SchedulerStarted():
                self._started = True
                yield self._format_line(event.at, "STARTED", self._summary())
                if self._address:
                    yield self._format_line(event.at, "SERVING", f"listening on {self._address}")
            case SchedulerStopping():
                self._stopping = True
            case SchedulerStopped() if self._started:  # otherwise the start failed, and main says why
                ended = "all work has ended"
                if self._given_up:
                    runs = _count(self._given_up, "run")
                    ended = f"{runs} given up; threads that hang end with the process"
                yield self._format_line(event.at, "STOPPED", ended)
                self._on_stopped()
            case _:
                for word, text in _notes_of(event, self._scheduler.tz):
                    yield self._format_line(event.at, word, text)

    def _summary(self) -> str:
        snapshot = self._scheduler.snapshot()
        pool = str(snapshot.pool.size or "without limit")
        if change := format_pool_change(snapshot.pool):
            pool += f" ({change})"
        return (
            f"{self._title}: {count_jobs(snapshot.jobs)}, pool {pool}, "
            f"zone {zone_name(snapshot.zone)}; stop with Ctrl+C or SIGTERM"
        )

    def _line_of_run(self, at: float, run: RunView, reason: str, error: str) -> str:
        self._fit_name(run.job)
        between_attempts = bool(run.attempts_made) and run.attempts_made[-1].number == run.attempt
        is_cancelled = run.started is not None and run.state is RunState.CANCELLED
        if self._stopping and is_cancelled and not between_attempts:
            self._given_up += 1
        number = f"run {run.number}" if run.number else "no run"
        took = "-" if run.elapsed is None else f"took {run.elapsed.total_seconds():.3f}s"
        if run.ticks > 1 and run.due is not None:
            reason = f"{reason} ({run.ticks} ticks since {run.due:%H:%M:%S})"
        if frames := _FRAME.findall(error):
            own_frames = [frame for frame in frames if not is_installed(frame[0])]
            file, line = (own_frames or frames)[-1]
            reason = f"{reason} ({short_path(file)}:{line})"
        job = f"{printable(run.job):<{self._name_width}}"
        text = f"{number:<8} {job}  {took:<12}  {run.trigger.value:<7}  {reason}"
        return self._format_line(at, run.state.value, text.rstrip())

    def _format_line(self, at: float, word: str, text: str) -> str:
        time = datetime.fromtimestamp(at, self._scheduler.tz).replace(tzinfo=None)
        return f"{time.isoformat(' ', 'milliseconds')} {word:<9} {printable(text)}"

    def _fit_name(self, name: str) -> None:
        """Widen the column of names to fit a name, up to a limit, so that later columns are aligned."""
        self._name_width = max(self._name_width, min(len(printable(name)), _MAX_NAME_WIDTH))


def _running_runs(snapshot: Snapshot) -> str:
    named = [f"{printable(run.job)} (run {run.number})" for run in snapshot.running[:_MAX_NAMED_RUNS]]
    more = snapshot.pool.running - len(named)
    if more > 0:
        named.append(f"{more} more")
    return f"{_count(snapshot.pool.running, 'run')}" + (f": {', '.join(named)}" if named else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number or 'no'} {noun}s"


def _notes_of(event: Event, tz: tzinfo) -> Iterator[tuple[str, str]]:
    """Yield the word and the text of the line for an event that is not an ending."""
    match event:
        case InternalError():
            yield "ERROR", f"an exception inside jobtui, which continues: {event.error}"
        case SchedulerStandingBy():
            yield "STANDBY", f"{event.reason}; {TAKES_OVER}"
        case NoticeGiven():
            yield "NOTICE", event.text
        case StoreChanged():
            yield (
                "STORE",
                f"{event.problem}; goes on in memory" if event.problem else "the file is written again",
            )
        case QuietTimeChanged():
            text = "the quiet time is over"
            if event.until is not None:
                end = datetime.fromtimestamp(event.until, tz)
                text = f"only runs by hand start until {end:%Y-%m-%d %H:%M:%S}"
            yield "QUIET", text
        case ClockStepped():
            direction = "back" if event.seconds < 0 else "forward"
            yield "CLOCK", f"the clock was set {direction} by {abs(event.seconds):.1f} s"
        case _:
            pass  # the log shows endings only
