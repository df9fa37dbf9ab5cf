"""The pause of a job: since when, until when, by whom and why its ticks start no runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo


@dataclass(frozen=True, slots=True)
class Pause:
    """The pause of a job. Times are in seconds since the epoch.

    Attributes:
        since: When the job was paused.
        until: The instant from which on ticks start runs again; None for no end.
        note: The reason that the user gave; "" for none.
        by: What paused the job, such as `dashboard`; "" if it is not known.
    """

    since: float
    until: float | None = None
    note: str = ""
    by: str = ""

    def covers(self, instant: float) -> bool:
        """Return whether a tick at an instant starts no run."""
        return self.until is None or instant < self.until

    def describe(self, tz: tzinfo) -> str:
        """Return the pause as the reason of a tick that starts no run.

        Args:
            tz: The zone of the times.
        """
        since = datetime.fromtimestamp(self.since, tz)
        text = f"paused since {since:%H:%M:%S}"
        if self.until is not None:
            until = datetime.fromtimestamp(self.until, tz)
            text += (
                f" until {until:%H:%M:%S}"
                if since.date() == until.date()
                else f" until {until:%Y-%m-%d %H:%M:%S}"
            )
        if self.by:
            text += f" by {self.by}"
        return f"{text}: {self.note}" if self.note else text
