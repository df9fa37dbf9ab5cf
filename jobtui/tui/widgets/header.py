"""The two lines on top: where we are and when, and how full the pool is."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from jobtui.engine.enums import JobStatus, Phase, RunState
from jobtui.engine.views import Snapshot
from jobtui.frontend.backend import Backend
from jobtui.frontend.formatting import elapsed_between, format_age, pluralize
from jobtui.process.printable import printable
from jobtui.runtime.timer import HEARTBEAT_LATE
from jobtui.schedules.zones import zone_name

GAUGE = 10  # cells


class _Line(Widget):
    """One line of pieces of text, left and right; pieces on the right give way where there is no room."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line--strong",
        "line--muted",
        "line--ok",
        "line--waiting",
        "line--failed",
        "line--running",
    }

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._snapshot: Snapshot | None = None
        self._seen: object = None

    def show(self, snapshot: Snapshot) -> None:
        """Show this picture; repaints only if the line reads differently."""
        self._snapshot = snapshot
        seen = self._pieces(snapshot)
        if seen != self._seen:
            self._seen = seen
            self.refresh()

    def render(self) -> Text:
        """The line, fitted to the width."""
        if self._snapshot is None:
            return Text("")
        left, right = self._pieces(self._snapshot)
        line = Text(no_wrap=True, overflow="ellipsis")
        for text, tone in left:
            line.append(text, self._style(tone))
        while right and line.cell_len + sum(cell_len(text) + 2 for text, _ in right) > self.size.width:
            right = right[:-1]
        tail = Text("  ").join(Text(text, self._style(tone)) for text, tone in right) + " "
        line.append(" " * max(0, self.size.width - line.cell_len - tail.cell_len))
        line.append_text(tail)
        return line

    def _style(self, tone: str) -> Style | str:
        return self.get_component_rich_style(f"line--{tone}") if tone else ""

    def _pieces(self, snapshot: Snapshot) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        raise NotImplementedError


class StatusLine(_Line):
    """The file, the zone, the clock, the uptime, the timer's heartbeat, the address, and any trouble.

    Args:
        source: Says where the jobs come from, where it can be reached, and what troubles it.
        id: The widget's id.
    """

    def __init__(self, source: Backend, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._source = source

    def _pieces(self, snapshot: Snapshot) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        left = [(" jobtui ", "strong")]
        if self._source.connection_error:
            left.append((f" ! {printable(self._source.connection_error)} ", "failed"))
        left.append((f" {printable(self._source.title)}", ""))
        if snapshot.phase is not Phase.RUNNING:
            left.append((f"  {snapshot.phase.value}", "waiting"))
        if snapshot.internal_error:
            left.append((f"  ! error: {printable(snapshot.internal_error)}", "failed"))
        # In the order of importance: the last goes first.
        right = [
            (f"{snapshot.at:%H:%M:%S}", "strong"),
            self._heartbeat(snapshot),
            (zone_name(snapshot.zone), "muted"),
        ]
        if snapshot.started is not None:
            right.append((f"up {format_age(snapshot.started, snapshot.at)}", "muted"))
        if self._source.address:
            right.append((printable(self._source.address), "muted"))
        return left, right

    def _heartbeat(self, snapshot: Snapshot) -> tuple[str, str]:
        if snapshot.heartbeat is None or self._source.connection_error:  # then nobody knows
            return "♥ —", "muted"
        age = format_age(snapshot.heartbeat, snapshot.at)
        late = elapsed_between(snapshot.heartbeat, snapshot.at).total_seconds() > HEARTBEAT_LATE
        return (f"♥ STALLED {age}", "failed") if late else (f"♥ {age}", "ok")


class PoolGauge(_Line):
    """How many slots are taken and what waits, in numbers, with a word when the pool is full."""

    def _pieces(self, snapshot: Snapshot) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        pool = snapshot.pool
        tone = "failed" if pool.saturated and pool.queued else "waiting" if pool.saturated else "ok"
        if pool.size:
            full = min(GAUGE, -(-pool.running * GAUGE // pool.size))  # rounded up: one running run shows
            left = [
                (" pool ", ""),
                ("█" * full + "░" * (GAUGE - full), tone),
                (f" {pool.running}/{pool.size}", "strong"),
            ]
        else:
            left = [(" pool ", ""), (f"{pool.running} running, no limit", "strong")]
        left += [(f"  queued {pool.queued}", "waiting" if pool.queued else "muted")]
        left += [(f"  held {pool.held}", "waiting" if pool.held else "muted")]
        if pool.saturated:
            left.append(("  SATURATED", tone))
        return left, self._totals(snapshot)

    def _totals(self, snapshot: Snapshot) -> list[tuple[str, str]]:
        paused = sum(job.paused_since is not None for job in snapshot.jobs)
        failing = sum(bool(job.recent) and job.recent[-1] is RunState.FAILED for job in snapshot.jobs)
        running = sum(job.status is JobStatus.RUNNING for job in snapshot.jobs)
        right = [(pluralize(len(snapshot.jobs), "job"), "")]
        if failing:
            right.append((f"✗ {failing} failed last", "failed"))
        if paused:
            right.append((f"‖ {paused} paused", "waiting"))
        if running:
            right.append((f"▶ {running} running", "running"))
        return right
