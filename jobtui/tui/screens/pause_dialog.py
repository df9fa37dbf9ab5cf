"""The dialog that asks how long a job, or some jobs, are to be paused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from jobtui.frontend.formatting import pluralize
from jobtui.schedules.schedule import Cron
from jobtui.tui.key_names import key_of
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.literal_text import cell_text

_MORNING = "0 0 8 * * *"


@dataclass(frozen=True, slots=True)
class PauseEnds:
    """The ends of a pause that the dialog offers, in the scheduler's zone.

    Attributes:
        hour: In an hour.
        morning: At 08:00 of the next day.
    """

    hour: datetime
    morning: datetime

    @classmethod
    def after(cls, now: datetime) -> PauseEnds:
        """Return the ends of a pause that begins now."""
        hour = (now.astimezone(UTC) + timedelta(hours=1)).astimezone(now.tzinfo)
        midnight = now.replace(hour=23, minute=59, second=59, microsecond=0, fold=1)
        morning = Cron(_MORNING, tz=now.tzinfo).next(midnight)
        assert morning is not None  # each day has a morning
        return cls(hour, morning)

    def chosen(self, end: str) -> tuple[datetime | None, str]:
        """Return an end and its text for the user; None for the open end."""
        if end == "hour":
            return self.hour, f"{self.hour:%H:%M}"
        if end == "morning":
            return self.morning, f"{self.morning:%a %H:%M}"
        return None, ""


class PauseScreen(ModalScreen[str]):
    """Asks when a pause is to end; is dismissed with `open`, `hour`, `morning`, or None for no pause.

    The key that has opened it chooses the pause without an end, so pressing it twice needs no reading.

    Args:
        jobs: The names of the jobs.
        ends: The ends to choose from.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p,enter", "dismiss('open')", "Until resumed", key_display="p", id="pause.open"),
        Binding("1,h", "dismiss('hour')", "1 hour", key_display="1", id="pause.hour"),
        Binding("t", "dismiss('morning')", "Until tomorrow", id="pause.morning"),
        Binding("escape,q", "dismiss(None)", "Cancel", key_display="esc", id="pause.cancel"),
    ]

    def __init__(self, jobs: Sequence[str], ends: PauseEnds) -> None:
        super().__init__()
        self._jobs = jobs
        self._ends = ends

    def compose(self) -> ComposeResult:
        """Compose the dialog."""
        _, hour = self._ends.chosen("hour")
        _, morning = self._ends.chosen("morning")
        is_one = len(self._jobs) == 1
        name = cell_text(self._jobs[0]) if is_one else pluralize(len(self._jobs), "job")
        with Vertical(classes="dialog") as box:
            box.border_title = "Pause"
            yield Static(Text(f"Pause {name}?", style="bold"))
            yield Static(Text(f"{'Its' if is_one else 'Their'} ticks start no runs until the pause ends."))
            yield Static(
                Text(
                    f"{key_of(self, 'pause.open')}  until you resume {'it' if is_one else 'them'}\n"
                    f"{key_of(self, 'pause.hour')}  for 1 hour, until {hour}\n"
                    f"{key_of(self, 'pause.morning')}  until tomorrow, {morning}",
                    style="bold",
                ),
                classes="choices",
            )
        yield KeyFooter()
