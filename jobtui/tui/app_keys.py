"""The keys of the app, which work on more than one screen."""

from __future__ import annotations

from textual.binding import Binding

from jobtui.frontend.scheduler_tabs import MAX_TABS

APP_BINDINGS = [
    Binding("o", "output", "Output", tooltip="Show the output of all jobs", id="app.output"),
    Binding("m", "notices", "Show the messages so far", show=False, id="app.messages"),
    # With priority, these keys work on every screen: see `check_action`.
    Binding(
        "question_mark",
        "help",
        "Help",
        key_display="?",
        priority=True,
        tooltip="Show the keys and the signs",
        id="app.help",
    ),
    Binding(
        "colon",
        "command_line",
        "Type a command",
        show=False,
        priority=True,
        id="app.command_line",
    ),
    Binding(
        "ctrl+p", "command_palette", "Find a command by name", show=False, priority=True, id="app.palette"
    ),
    Binding("q", "quit", "Quit", id="app.quit"),
    Binding("ctrl+right", "next_tab", "Show the next scheduler", show=False, priority=True, id="tab.next"),
    Binding(
        "ctrl+left",
        "previous_tab",
        "Show the previous scheduler",
        show=False,
        priority=True,
        id="tab.previous",
    ),
    *(
        Binding(
            f"alt+{number}",
            f"show_tab({number})",
            f"Show scheduler {number}",
            show=False,
            priority=True,
            id=f"tab.{number}",
        )
        for number in range(1, MAX_TABS + 1)
    ),
    # And these in every dialog and while the user types, too.
    Binding("ctrl+c,ctrl+q", "quit", "Quit", show=False, priority=True, id="app.quit_anywhere"),
    Binding("ctrl+z", "suspend_process", "Suspend", show=False, priority=True, id="app.suspend"),
    Binding("ctrl+l", "repaint", "Repaint the screen", show=False, priority=True, id="app.repaint"),
]
