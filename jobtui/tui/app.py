"""The dashboard as a Textual app, and how it is run beside a scheduler."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from typing import ClassVar, TextIO

from rich.console import Console as RichConsole
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from jobtui.engine.enums import RunState
from jobtui.frontend.backend import Backend, LocalBackend, Serve, Unsubscribe
from jobtui.frontend.throttle import AdaptiveThrottle
from jobtui.process.exit import AFTERWARDS, ProcessExit
from jobtui.process.printable import printable
from jobtui.runtime.clock import thread_cpu
from jobtui.runtime.output_capture import OutputLog, capture_descriptors, capture_streams
from jobtui.runtime.scheduler import Scheduler
from jobtui.tui.commands import Commands
from jobtui.tui.driver import driver_on
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.tui.screens.help import HelpScreen
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.screens.output import OutputScreen
from jobtui.tui.screens.quit import QuitScreen
from jobtui.tui.widgets.line_table import LineTable

# Pictures a second at most. A key's picture, and the second one that Textual paints where something moved,
# come on top: there are to be no more than 15.
FRAMES = 10
SHARE = 0.2  # of a core
LONGEST = 0.25  # seconds between two pictures
CLOCK_TICK = 1.0  # seconds between two pictures while nothing happens: clocks and countdowns go on


class JobtuiApp(App[None]):
    """Pulls one snapshot when something has changed, as often as its pace allows, and shows it.

    Args:
        source: The scheduler that is shown and steered. It is closed when the app ends.
        stop: Stops the scheduler, given the grace in seconds; None leaves it running on quit.
        grace: How many seconds running work gets when the user waits for it.
        streams: What ``sys.stdout`` and ``sys.stderr`` have to be while the app runs.
        terminal: What to draw on; None leaves that to Textual.
    """

    CSS_PATH = "app.tcss"
    TITLE = "jobtui"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "output", "Output", tooltip="What the jobs printed", id="app.output"),
        Binding("question_mark", "help", "Help", key_display="?", id="app.help"),
        Binding("q,ctrl+q,ctrl+c", "quit", "Quit", key_display="q", priority=False, id="app.quit"),
    ]

    class Changed(Message):
        """Something in the source has changed. Posted from any thread, one at a time."""

    class Stopped(Message):
        """The scheduler has stopped."""

    def __init__(
        self,
        source: Backend,
        *,
        stop: Callable[[float], object] | None = None,
        grace: float = 10.0,
        streams: tuple[TextIO, TextIO] | None = None,
        terminal: TextIOWrapper | None = None,
    ) -> None:
        super().__init__(driver_class=None if terminal is None else driver_on(terminal))
        if terminal is not None:
            # Where Textual reports a crash of its own: standard error is among what is collected.
            self.error_console = RichConsole(file=terminal, markup=False, highlight=False)
        self._source = source
        self._stop = stop
        self._grace = grace
        self._streams = streams
        self._commands = Commands(self, source)
        self._dashboard = Dashboard(self._commands)
        self._unsubscribe: Unsubscribe | None = None
        self._change_pending = False
        self._picture_due = False
        self._throttle = AdaptiveThrottle(min_interval=1 / FRAMES, max_interval=LONGEST, cpu_share=SHARE)

    def get_default_screen(self) -> Screen[None]:
        """The dashboard."""
        return self._dashboard

    # --- pictures ---------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Follow the source; leave in order when asked to by a signal."""
        if self._streams is not None:
            # Textual puts its own streams in place, which swallow what is printed.
            sys.stdout, sys.stderr = self._streams
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP", "SIGINT"):
            if os.name == "posix" and threading.current_thread() is threading.main_thread():
                loop.add_signal_handler(getattr(signal, name), self.exit)
        self._unsubscribe = self._source.on_change(self._changed)
        self.set_interval(CLOCK_TICK, self._want_picture)
        self._show_picture()

    def on_unmount(self) -> None:
        """Be told no more, and wait for no answer."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._source.close()

    def _changed(self) -> None:
        # Called by the scheduler's threads, for every change: a flag, and a message if none is under way.
        if not self._change_pending:
            self._change_pending = True
            self.post_message(self.Changed())

    def on_jobtui_app_changed(self) -> None:
        """Show what has changed."""
        self._change_pending = False  # before reading: what changes from here on posts again
        self._want_picture()

    def _want_picture(self) -> None:
        """Show a picture now, or when its time has come.

        Nothing else asks for one: a picture out of turn, while a timer is set for the next, would let there
        be two timers from then on.
        """
        if self._picture_due:
            return
        rest = self._throttle.delay(self._loop_time(), thread_cpu())
        if rest:
            self._picture_due = True
            self.set_timer(rest, self._look_again)
        else:
            self._show_picture()

    def _look_again(self) -> None:
        self._picture_due = False
        self._want_picture()  # meanwhile the last picture has been painted, and what that cost is known

    def _show_picture(self) -> None:
        self._throttle.begin(self._loop_time(), thread_cpu())
        snapshot, connection_error = self._source.snapshot(), self._source.connection_error
        for screen in self.screen_stack:
            if not screen.is_mounted:
                continue
            screen.set_class(bool(connection_error), "-lost")
            for dialog in screen.query(".dialog.large"):  # it covers the line that says so
                dialog.border_subtitle = printable(connection_error).replace("[", r"\[")
            if isinstance(screen, (Dashboard, JobScreen, OutputScreen, QuitScreen)):
                screen.show(snapshot)

    def _loop_time(self) -> float:
        return asyncio.get_running_loop().time()

    # --- keys -------------------------------------------------------------------------------------

    def action_help(self) -> None:
        """Show every key."""
        if not isinstance(self.screen, HelpScreen):
            groups = [("Jobs and runs", Dashboard.BINDINGS), ("In a table", LineTable.BINDINGS)]
            self.push_screen(HelpScreen([*groups, ("Anywhere", [*self.BINDINGS, _PALETTE])]))

    def action_output(self) -> None:
        """Show what jobs printed."""
        if not isinstance(self.screen, OutputScreen):
            self.push_screen(OutputScreen(self._source))

    async def action_quit(self) -> None:
        """Quit; ask first if runs are going."""
        if self._stop is None:
            self.exit()
            return
        snapshot = self._source.snapshot()
        if isinstance(self.screen, QuitScreen):
            return
        if snapshot.pool.running:
            self.push_screen(QuitScreen(snapshot, self._grace))
        else:
            self.exit()

    def on_quit_screen_wait(self) -> None:
        """Stop the scheduler; it is another thread that waits, and not one that holds the app open."""
        threading.Thread(target=self._stop_and_tell, name="jobtui-stop", daemon=True).start()
        self.set_timer(self._grace + AFTERWARDS, self.exit)  # whatever an on_app_stop function does

    def _stop_and_tell(self) -> None:
        if self._stop is not None:
            self._stop(self._grace)
        self.post_message(self.Stopped())

    def on_jobtui_app_stopped(self) -> None:
        """Everything has ended: leave."""
        self.exit()

    def on_quit_screen_now(self) -> None:
        """Leave at once."""
        self.exit()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers."""
        dashboard = self._dashboard
        yield SystemCommand("Run the selected job", "r", dashboard.action_run)
        yield SystemCommand("Pause or resume the selected job", "p", dashboard.action_pause)
        yield SystemCommand("Pause or resume all jobs", "P", dashboard.action_pause_all)
        yield SystemCommand("Grow the pool by one", "+", lambda: dashboard.action_resize(1))
        yield SystemCommand("Shrink the pool by one", "-", lambda: dashboard.action_resize(-1))
        yield SystemCommand("Cancel the selected run", "x", dashboard.action_cancel)
        yield SystemCommand("Filter the jobs", "/", dashboard.action_filter)
        yield SystemCommand("Show the output of all jobs", "o", self.action_output)
        yield SystemCommand("Help", "?", self.action_help)
        for command in super().get_system_commands(screen):
            if command.title in ("Theme", "Quit", "Screenshot"):
                yield command


_PALETTE = Binding("ctrl+p", "command_palette", "Every command by its name", id="app.palette")


@contextmanager
def _whole_screen(console: OutputLog) -> Iterator[tuple[tuple[TextIO, TextIO], TextIOWrapper | None]]:
    """Let nothing but the app write to the terminal; what else is written goes to the console.

    Yields:
        What ``sys.stdout`` and ``sys.stderr`` have to be meanwhile, and the terminal.
    """
    with ExitStack() as cleanup:
        streams = cleanup.enter_context(capture_streams(console))
        terminal = cleanup.enter_context(capture_descriptors(console)) if os.name == "posix" else None
        yield streams, terminal


def run_attached(source: Backend) -> int:
    """Show a scheduler of another process until the user quits; it goes on afterwards.

    Args:
        source: The scheduler. It is closed.

    Returns:
        The exit status.

    Raises:
        OSError: There is no terminal.
    """
    with _whole_screen(OutputLog()) as (streams, terminal):
        app = JobtuiApp(source, streams=streams, terminal=terminal)
        app.run()
    return app.return_code or 0


def run_dashboard(
    scheduler: Scheduler,
    *,
    title: str,
    grace: float,
    process_exit: ProcessExit | None = None,
    serve: Serve | None = None,
) -> int:
    """Start a scheduler, show it until the user quits, and stop it.

    Args:
        scheduler: Not started yet.
        title: Where its jobs come from.
        grace: How many seconds running work gets when the user waits for it.
        process_exit: Ends this process if something hangs; None if it goes on.
        serve: Lets other processes see and steer the scheduler, from before its start until it has stopped.
            What it raises is passed on.

    Returns:
        The exit status.

    Raises:
        StartError: An ``on_app_start`` function raised.
    """
    console = OutputLog()
    source = LocalBackend(scheduler, title, console)
    with ExitStack() as cleanup:
        if serve is not None:
            listening = serve(source)
            cleanup.enter_context(listening)
            source.address = str(listening.address)
        streams, terminal = cleanup.enter_context(_whole_screen(console))
        scheduler.start()
        app = JobtuiApp(source, stop=scheduler.stop, grace=grace, streams=streams, terminal=terminal)
        app.run()
        if process_exit is not None:
            process_exit.force_after(AFTERWARDS)  # an on_app_stop function may hang
        running = scheduler.snapshot().pool.running
        scheduler.stop(0.0)
    if running:
        given_up = [
            run for run in scheduler.snapshot().recent if run.state is RunState.CANCELLED and run.started
        ]
        for run in given_up[:running]:
            sys.stderr.write(f"jobtui: {run.job} (run {run.number}) was still running and was given up\n")
    return app.return_code or 0
