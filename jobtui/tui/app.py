"""The dashboard as a Textual app."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar, TextIO

from rich.console import Console as RichConsole
from rich.text import Text as RichText
from textual import events, on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.message import Message
from textual.reactive import reactive
from textual.screen import ModalScreen, Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from jobtui.frontend.absence import Absence
from jobtui.frontend.backend import Backend
from jobtui.frontend.scheduler_tabs import TabRow
from jobtui.frontend.throttle import AdaptiveThrottle
from jobtui.process.collection import exclude_from_collection
from jobtui.process.exit import AFTERWARDS
from jobtui.process.stop_signals import StopSignals
from jobtui.process.terminal import Terminal
from jobtui.runtime.clock import thread_cpu
from jobtui.store.query import quote_term
from jobtui.tui.alt_digits import with_alt_digit
from jobtui.tui.app_keys import APP_BINDINGS
from jobtui.tui.arrangement import SMALL_HEIGHT, TINY_HEIGHT
from jobtui.tui.ascii_filter import AsciiFilter
from jobtui.tui.background_work import BackgroundCommands
from jobtui.tui.display import DEFAULT_DISPLAY, Display
from jobtui.tui.key_list import KeyEntry, keys_of
from jobtui.tui.key_names import ascii_label, key_label
from jobtui.tui.key_queue import KeyQueue
from jobtui.tui.keymap import SHOWN_TOGETHER, first_key
from jobtui.tui.line_commands import Context
from jobtui.tui.look_keeper import LookKeeper
from jobtui.tui.notices import Notice, NoticeLog, Severity, ShownNotices
from jobtui.tui.open_tabs import OpenTabs
from jobtui.tui.scheduler_tab import SchedulerTab
from jobtui.tui.screens.alarms_screen import AlarmsScreen
from jobtui.tui.screens.away import AwayScreen
from jobtui.tui.screens.command_line import CommandLineScreen
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.tui.screens.help import HelpScreen
from jobtui.tui.screens.history_screen import HistoryScreen
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.screens.log_screen import LogScreen
from jobtui.tui.screens.notices_screen import NoticesScreen
from jobtui.tui.screens.quit import QuitScreen
from jobtui.tui.screens.reschedule import RescheduleScreen
from jobtui.tui.screens.run import RunScreen
from jobtui.tui.suspension import Suspension
from jobtui.tui.terminal_driver import driver_on
from jobtui.tui.themes import SAFE_THEMES
from jobtui.tui.widgets.early_keys import EarlyKeys
from jobtui.tui.widgets.literal_text import literal_title
from jobtui.tui.widgets.scheduler_bar import SchedulerBar
from jobtui.tui.widgets.tones import TONE_CLASSES

MAX_REFRESH_RATE = 10  # refreshes each second, in addition to those after a key
CPU_SHARE = 0.2  # of one core
MAX_INTERVAL = 0.25  # seconds between two refreshes, however costly they are
_AFTER_DUE = 0.01  # seconds by which a timer may be early
_FOLLOWERS = (AlarmsScreen, Dashboard, JobScreen, LogScreen, QuitScreen, RescheduleScreen, RunScreen)
CLOCK_INTERVAL = 1.0  # seconds between two refreshes if nothing changes, for clocks and countdowns


class JobtuiApp(App[None]):
    """Takes one snapshot after a change, as often as its throttle permits, and shows it.

    Args:
        backend: The scheduler to show. The app closes the backend when it ends.
        others: More schedulers, each of which gets a tab of its own; closed, too.
        stop: Stops the scheduler, given the grace in seconds; None leaves it running on quit.
        grace: The time that running work gets when the user waits for it, in seconds.
        streams: The objects that `sys.stdout` and `sys.stderr` must be while the app runs.
        terminal: The terminal to draw on; None leaves the choice to Textual.
        signals: Receives the signals that end the app; None for none.
        absence: The ticks that passed before the start, which a dialog shows; None for none.
        display: The user's choices about the dashboard.
        owns_process: Whether jobtui has begun this process. Then no garbage collection looks at what exists
            when the first screen has been painted: it would keep the user waiting.

    Attributes:
        is_terminal_lost: Whether the app ends because its terminal is gone.
        is_ended_by_signal: Whether the app ends because of a signal, or because its terminal is gone.
        tabs: The schedulers that the app shows.
        notices: The messages to the user so far.
    """

    CSS_PATH = "app.tcss"
    COMPONENT_CLASSES = TONE_CLASSES
    TITLE = "jobtui"
    # Each screen has the class of its size: dialogs give up their margins in a low terminal.
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - Textual declares it, and not as a class variable
        (0, "-lowest"),
        (TINY_HEIGHT, "-lower"),
        (SMALL_HEIGHT, "-higher"),
    ]
    DEFAULT_MODE = "1"  # that of the first tab
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [*APP_BINDINGS]

    shown_notices: reactive[ShownNotices] = reactive(ShownNotices())
    tab_row: reactive[TabRow] = reactive(TabRow())

    class Changed(Message):
        """The backend has changed. Posted from any thread; at most one is pending."""

    def __init__(
        self,
        backend: Backend,
        *,
        others: Sequence[Backend] = (),
        stop: Callable[[float], object] | None = None,
        grace: float = 10.0,
        streams: tuple[TextIO, TextIO] | None = None,
        terminal: Terminal | None = None,
        signals: StopSignals | None = None,
        absence: Absence | None = None,
        display: Display = DEFAULT_DISPLAY,
        owns_process: bool = False,
    ) -> None:
        self._owns_process = owns_process
        self._ascii = AsciiFilter.for_terminal(display.encoding, wanted=display.ascii)
        super().__init__(driver_class=None if terminal is None else driver_on(terminal))
        if terminal is not None:
            # Textual reports its own crash here. Standard error would not do: it is captured.
            self.error_console = RichConsole(file=terminal, markup=False, highlight=False)
        for theme in SAFE_THEMES:
            self.register_theme(theme)
        self._remapped = display.keymap
        self._keys_file = display.keys_file
        self.set_keymap(self._remapped)
        self.is_terminal_lost = False
        self.is_ended_by_signal = False
        self._terminal = terminal
        self._signals = signals
        self._suspension = Suspension(terminal, lambda: self._driver, self.action_repaint)
        self._stop = stop
        self._grace = grace
        self._absence = absence
        self._streams = streams
        self.notices = NoticeLog()
        self._notice_timer: Timer | None = None
        self._keys = KeyQueue(self, self._deliver)
        tabs = [self._make_tab(number, each) for number, each in enumerate((backend, *others), 1)]
        self.tabs = OpenTabs(tabs, self._post_change)
        self._look = LookKeeper(self, self.tabs, display.look)
        self._command_history: list[str] = []
        self._covered: list[Screen[Any]] = []  # at the last refresh, which left them as they were
        self._change_pending = False
        self._refresh_pending = False
        self._refreshed = 0.0  # when the latest snapshot was taken, by the clock of the event loop
        self._shown_at = 0.0  # and by that of the scheduler
        self._throttle = AdaptiveThrottle(1 / MAX_REFRESH_RATE, MAX_INTERVAL, CPU_SHARE)

    def _make_tab(self, number: int, backend: Backend) -> SchedulerTab:
        """Return the tab of a scheduler. Its main screen is mounted when it is shown for the first time."""
        commands = BackgroundCommands(
            self,
            backend,
            self._suspension.leave_terminal,
            origin=lambda: "" if self.tabs.shown.backend is backend else backend.title,
        )
        dashboard = Dashboard(commands, "Detach" if self._stop is None else "Quit")
        tab = SchedulerTab(str(number), backend, commands, dashboard)
        if number > 1:
            self.add_mode(tab.mode, lambda: self._prepare(tab.dashboard))
        return tab

    def get_default_screen(self) -> Screen[Any]:
        """Return the main screen of the first tab.

        Textual parses all style sheets twice more if its first screen is that of a mode. The mode is added
        now, so that the user can return to it.
        """
        first = self.tabs.shown
        self.add_mode(first.mode, lambda: first.dashboard)
        return self._prepare(first.dashboard)

    def _prepare(self, screen: Screen[Any]) -> Screen[Any]:
        """Give a screen the row of tabs and the class of its size before it is composed.

        If it got this class with its first resize, Textual would compute all its styles once more.
        """
        height = self.size.height
        _, of_size = max(each for each in self.VERTICAL_BREAKPOINTS if each[0] <= height)
        for _, name in self.VERTICAL_BREAKPOINTS:
            screen.set_class(name == of_size, name, update=False)
        return self.tabs.add_bar(screen)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return what changes each line before it is painted."""
        filters = super().get_line_filters()
        return filters if self._ascii is None else [*filters, self._ascii]

    # --- refreshes --------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Subscribe to the backend, and exit cleanly on a signal."""
        if self._streams is not None:
            # Textual has replaced the streams, and its own discard the output of jobs.
            sys.stdout, sys.stderr = self._streams
        if self._signals is not None:
            self._signals.on_request(self._exit_for_signal)
        if self._terminal is not None:
            self._terminal.on_lost(self._on_terminal_lost)
            self._suspension.handle_signals()
        self.screen_change_signal.subscribe(self, self._prepare, immediate=True)
        self.screen_change_signal.subscribe(self, self._show_uncovered)
        self.tabs.follow()
        self._look.start()
        self.set_interval(CLOCK_INTERVAL, self._follow_clock)
        self.take_snapshot()
        if self._owns_process:
            self.call_after_refresh(exclude_from_collection)
        if self._absence is not None and (missed := self._absence.missed):
            self.push_screen(AwayScreen(missed), self._go_on_after_absence)

    def _go_on_after_absence(self, chosen: list[str] | None) -> None:
        if self._absence is not None:
            go_on = partial(self._absence.go_on, chosen or ())
            self.run_worker(go_on, thread=True, group="commands", exit_on_error=False)

    def on_unmount(self) -> None:
        """Unsubscribe, and end every request to the backend."""
        self.tabs.close()
        self._look.keep()

    def _exit_for_signal(self, number: int) -> None:
        """Exit because of a signal. Called in a thread of its own."""
        is_hangup = signal.Signals(number).name == "SIGHUP"
        self.call_later(self._exit_without_terminal if is_hangup else self._exit_by_signal)

    def _on_terminal_lost(self) -> None:
        self.call_later(self._exit_without_terminal)

    def _exit_without_terminal(self) -> None:
        self.is_terminal_lost = True
        self._exit_by_signal()

    def _exit_by_signal(self) -> None:
        self.is_ended_by_signal = True
        self.exit()

    def _post_change(self) -> None:
        # The scheduler's threads call this after every change, so it must be cheap: from a change to the
        # next snapshot, however long the throttle delays it, there is one message.
        if not self._change_pending:
            self._change_pending = True
            self.post_message(self.Changed())

    def on_jobtui_app_changed(self) -> None:
        """Refresh after a change."""
        self._request_refresh()

    def _follow_clock(self) -> None:
        """Refresh for clocks and countdowns, which show seconds, unless this second is shown already."""
        began = self._shown_at % 1.0
        if began + self._loop_time() - self._refreshed >= 1.0:
            self._request_refresh()

    def _request_refresh(self) -> None:
        """Refresh now, or as soon as the throttle permits.

        Every refresh must go through here: one that ignores the pending timer would leave two timers running.
        """
        if self._refresh_pending:
            return
        delay = self._throttle.delay(self._loop_time(), thread_cpu())
        if delay:
            self._refresh_pending = True
            self.set_timer(delay, self._refresh_due)
        else:
            self.take_snapshot()

    def _refresh_due(self) -> None:
        self._refresh_pending = False
        self._request_refresh()  # the last refresh is painted by now, so the throttle knows its full cost

    def take_snapshot(self) -> None:
        """Take a snapshot of the shown scheduler at once, without the throttle, and show it."""
        self._change_pending = False  # before the snapshot: a change after it must post again
        self._refreshed = self._loop_time()
        self._throttle.begin(self._refreshed, thread_cpu())
        backend = self.tabs.shown.backend
        snapshot, connection_error = backend.snapshot(), backend.connection_error
        self._shown_at = snapshot.at.timestamp()
        self._covered = self._covered_screens()
        for screen in self.screen_stack:
            if not screen.is_mounted or screen in self._covered:
                continue
            screen.set_class(bool(connection_error), "-outdated")
            for dialog in self._large_dialogs(screen):  # each of them covers the status line
                subtitle = literal_title(connection_error)
                if dialog.border_subtitle != subtitle:  # an assignment repaints the dialog
                    dialog.border_subtitle = subtitle
            if isinstance(screen, _FOLLOWERS):
                screen.update_snapshot(snapshot)
        self.tab_row = self.tabs.row

    @staticmethod
    def _large_dialogs(screen: Screen[Any]) -> Iterable[Widget]:
        return screen.query(".dialog.large") if isinstance(screen, ModalScreen) else ()

    def _covered_screens(self) -> list[Screen[Any]]:
        """Return the screens of which nothing is to be seen: an opaque one is above them."""
        stack = self.screen_stack
        opaque = [place for place, screen in enumerate(stack) if screen.styles.background.a == 1]
        return stack[: opaque[-1]] if opaque else []

    def _show_uncovered(self, screen: Screen[Any]) -> None:
        """Show the present state on a screen that was covered."""
        if screen in self._covered:
            self.take_snapshot()

    def _loop_time(self) -> float:
        return asyncio.get_running_loop().time()

    @on(LogScreen.OutputSeen)
    def _note_seen_output(self, message: LogScreen.OutputSeen) -> None:
        self.tabs.shown.dashboard.note_seen_output(message.jobs)

    # --- tabs -------------------------------------------------------------------------------------

    async def action_show_tab(self, number: int) -> None:
        """Show a scheduler, with the screens that were open when another one was shown."""
        tab = self.tabs.hidden_tab(number)
        if tab is not None:
            self._look.keep()
            self.tabs.show(tab)
            await self.switch_mode(tab.mode)
            self.take_snapshot()

    async def action_next_tab(self) -> None:
        """Show the next scheduler; after the last one, the first one."""
        await self.action_show_tab(self.tabs.number_after(1))

    async def action_previous_tab(self) -> None:
        """Show the previous scheduler; before the first one, the last one."""
        await self.action_show_tab(self.tabs.number_after(-1))

    async def on_scheduler_bar_selected(self, message: SchedulerBar.Selected) -> None:
        """Show the scheduler whose tab was clicked."""
        await self.action_show_tab(message.place + 1)

    # --- messages ---------------------------------------------------------------------------------

    def notify(
        self,
        message: str,
        *,
        title: str = "",  # noqa: ARG002 - Textual's
        severity: Severity = "information",
        timeout: float | None = None,  # noqa: ARG002 - the severity decides
        markup: bool = True,
    ) -> None:
        """Show a message in the last row of the screen. May be called from any thread."""
        text = RichText.from_markup(message).plain if markup else message
        self.call_later(self._add_notice, " ".join(text.split()), severity)

    def _add_notice(self, text: str, severity: Severity) -> None:
        notice = Notice(self.tabs.shown.backend.snapshot().at, severity, text)
        self.notices.add(notice, self._loop_time())
        self._update_notices()

    def _update_notices(self) -> None:
        """Show the messages of this moment, and look again when one of them is due to go."""
        now = self._loop_time()
        self.shown_notices = self.notices.shown(now)
        if self._notice_timer is not None:
            self._notice_timer.stop()
        due = self.notices.due
        self._notice_timer = (
            None if due is None else self.set_timer(due - now + _AFTER_DUE, self._update_notices)
        )

    def action_notices(self) -> None:
        """Show the messages so far."""
        if not isinstance(self.screen, NoticesScreen):
            self.push_screen(NoticesScreen(self.notices.kept))

    # --- suspending -------------------------------------------------------------------------------

    def action_suspend_process(self) -> None:
        """Stop the process group, as the terminal does on Ctrl+Z for a program that does not read keys."""
        self._suspension.stop_process_group()

    def action_repaint(self) -> None:
        """Repaint every cell: another program may have written to the terminal."""
        self.refresh()

    # --- keys -------------------------------------------------------------------------------------

    async def _deliver(self, event: events.Event) -> None:
        """Give a key, or what comes after one, to the widget that has the focus."""
        is_text = isinstance(self.focused, Input)
        await super().on_event(event if is_text else with_alt_digit(event))

    async def on_event(self, event: events.Event) -> None:
        """Queue keys, pastes, and what the mouse does after them; handle every other event at once."""
        is_text = isinstance(event, events.Key | events.Paste)
        if is_text and not self.screen_stack:  # the app ends, and its screens are gone
            return
        if isinstance(event, events.Key) and self.shown_notices.notices:
            self.notices.note_key()
            self._update_notices()
        is_late = isinstance(event, events.MouseEvent) and self._keys.is_busy
        if (is_text or is_late) and not event.is_forwarded:
            self._keys.put(event)
        else:
            await super().on_event(event)

    @on(EarlyKeys.Released)
    def _deliver_again(self, message: EarlyKeys.Released) -> None:
        """Deliver keys to the fields of a form that were not there when the keys were pressed."""
        self._keys.put_first(message.events)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable the help and the command line where their keys are text, and in small dialogs.

        So are the keys for tabs, which some terminals send as other characters or which move the cursor in a
        text; and if there are no tabs.
        """
        if action in ("next_tab", "previous_tab", "show_tab"):
            number = parameters[0] if parameters else 1
            has_tab = isinstance(number, int) and 1 < len(self.tabs) >= number
            return has_tab and not isinstance(self.focused, Input)
        if action not in ("help", "command_line"):
            return True
        screen = self.screen
        is_view = isinstance(screen, Dashboard) or bool(screen.query(".dialog.large"))
        return is_view and not isinstance(screen, HelpScreen) and not isinstance(self.focused, Input)

    def key_of(self, action: str) -> str:
        """Return the label of the first key of an action, given the id of its binding."""
        return self.label_of(first_key(action, self._remapped))

    def label_of(self, key: str) -> str:
        """Return the label of a key."""
        return self._drawable(key_label(key))

    def _drawable(self, label: str) -> str:
        """Return the label of a key with words for its signs, if the app draws in ASCII."""
        return label if self._ascii is None else ascii_label(label)

    def get_key_display(self, binding: Binding) -> str:
        """Return the text of a key in the footer; of both keys if one text stands for two actions."""
        pair = SHOWN_TOGETHER.get(binding.id or "", ())
        if any(each in self._remapped for each in pair):
            return " ".join(map(self.key_of, pair))
        return self._drawable(super().get_key_display(binding))

    def action_help(self) -> None:
        """Show the help."""
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(keys_of(self.screen, self._remapped), self._keys_file))

    def action_command_line(self) -> None:
        """Show the command line, for the screen on which it is asked."""
        if isinstance(self.screen, CommandLineScreen):
            return
        screen = self.screen

        def does(entry: KeyEntry) -> Callable[[], object]:
            # Later: a key may open a screen, above which the command line must not be.
            return lambda: self.call_later(self.run_action, entry.binding.action, entry.node)

        entries = [
            entry
            for group in keys_of(screen, self._remapped)
            if group.title != "In a table"
            for entry in group.entries
        ]
        context = Context(
            background=self.tabs.shown.commands,
            dashboard=self.tabs.shown.dashboard,
            targets=screen.job_names if isinstance(screen, Dashboard | JobScreen) else (),
            keys={entry.word: does(entry) for entry in entries if entry.word},
            themes=sorted(self.available_themes),
            choose_theme=partial(setattr, self, "theme"),
            key_of=self.key_of,
            tabs=[tab.name for tab in self.tab_row.tabs],
            # Later: the command line must close in the tab in which it was opened.
            show_tab=lambda number: self.call_later(self.action_show_tab, number),
        )
        self.push_screen(CommandLineScreen(context, self._command_history))

    def action_output(self) -> None:
        """Show the output of all jobs."""
        if not isinstance(self.screen, LogScreen):
            self.push_screen(LogScreen.of_jobs(None, self.tabs.shown.commands))

    def on_run_screen_history_requested(self, message: RunScreen.HistoryRequested) -> None:
        """Search the runs of a job."""
        self.push_screen(HistoryScreen(self.tabs.shown.commands, quote_term("job", message.job)))

    async def action_quit(self) -> None:
        """Quit, after a question if runs are running; at once if the question is open already."""
        if any(isinstance(screen, QuitScreen) for screen in self.screen_stack):
            self.exit()
            return
        snapshot = self.tabs.shown.backend.snapshot()
        if self._stop is not None and snapshot.pool.running:
            self.push_screen(QuitScreen(snapshot, self._grace))
        else:
            self.exit()

    def on_quit_screen_wait_selected(self) -> None:
        """Stop the scheduler in a daemon thread, which does not keep the process alive."""
        threading.Thread(target=self._stop_scheduler, name="jobtui-stop", daemon=True).start()
        self.set_timer(self._grace + AFTERWARDS, self.exit)  # an on_app_stop function may hang

    def _stop_scheduler(self) -> None:
        if self._stop is not None:
            self._stop(self._grace)
        self.call_later(self.exit)

    def on_quit_screen_now_selected(self) -> None:
        """Exit at once."""
        self.exit()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Return the commands of the palette."""
        for group in keys_of(screen, self._remapped):
            if group.title != "In a table":
                for entry in group.entries:
                    run = partial(self.run_action, entry.binding.action, entry.node)
                    yield SystemCommand(entry.text, entry.labels, run)
        for command in super().get_system_commands(screen):
            if command.title in ("Theme", "Screenshot"):
                yield command
