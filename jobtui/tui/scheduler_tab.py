"""One of the schedulers of a dashboard, with all that belongs to it alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from jobtui.frontend.backend import Backend
from jobtui.frontend.job_index import JobIndex
from jobtui.frontend.scheduler_tabs import TabMark, find_mark
from jobtui.tui.background_work import BackgroundCommands
from jobtui.tui.screens.dashboard import Dashboard


@dataclass(eq=False)
class SchedulerTab:
    """A scheduler, its commands and its main screen.

    The screens above the main screen are kept by Textual, in the stack of the mode of this tab.

    Attributes:
        mode: The name of the mode: the number of the tab.
        backend: The scheduler.
        commands: Executes the user's commands.
        dashboard: The main screen.
    """

    mode: str
    backend: Backend
    commands: BackgroundCommands
    dashboard: Dashboard
    _index: JobIndex = field(default_factory=JobIndex)  # of its own: a hidden main screen is not updated

    def find_mark(self) -> TabMark | None:
        """Return the mark that says that the scheduler needs attention; None if it does not."""
        snapshot = self.backend.snapshot()
        self._index.update(snapshot.jobs)
        return find_mark(snapshot, self._index, self.backend.connection_error)
