"""The lines at the top of the dashboard: the status line, the pool gauge and the alarm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from jobtui.engine.enums import Phase
from jobtui.engine.views import Snapshot
from jobtui.frontend.alarm import find_alarm
from jobtui.frontend.backend import Backend
from jobtui.frontend.formatting import (
    elapsed_between,
    format_abandoned,
    format_age,
    format_end,
    format_pool_change,
    pluralize,
)
from jobtui.frontend.job_index import JobIndex
from jobtui.runtime.timer import HEARTBEAT_LATE
from jobtui.schedules.zones import zone_name
from jobtui.tui.widgets.literal_text import cell_text

GAUGE_WIDTH = 10  # cells
NAMES_WIDTH = 30  # cells, for the names of the jobs that failed last

Piece = tuple[str, str]  # a text and its tone; "" is the default tone


class _HeaderLine(Widget):
    """One line with pieces of text on the left and on the right; the last on the right are dropped first."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"line--{tone}" for tone in ("strong", "muted", "ok", "waiting", "failed", "running")
    }
    _current_pieces: tuple[Sequence[Piece], Sequence[Piece]] = ((), ())

    def update_snapshot(self, snapshot: Snapshot) -> None:
        """Show a snapshot; repaint only if the text changes."""
        pieces = self._pieces(snapshot)
        if pieces != self._current_pieces:
            self._current_pieces = pieces
            self.refresh()

    def render(self) -> Text:
        """Return the line, fitted to the width."""
        left, right = self._current_pieces
        line = Text(no_wrap=True, overflow="ellipsis")
        for text, tone in left:
            line.append(text, self._style(tone))
        while right and line.cell_len + sum(cell_len(text) + 2 for text, _ in right) > self.size.width:
            right = right[:-1]
        end = Text("  ").join(Text(text, self._style(tone)) for text, tone in right) + " "
        line.append(" " * max(0, self.size.width - line.cell_len - end.cell_len))
        line.append_text(end)
        return line

    def _style(self, tone: str) -> Style | str:
        return self.get_component_rich_style(f"line--{tone}") if tone else ""

    def _pieces(self, snapshot: Snapshot) -> tuple[list[Piece], list[Piece]]:
        """Return the pieces on the left and those on the right, in the order of importance."""
        raise NotImplementedError


class StatusLine(_HeaderLine):
    """The job file and any error on the left; clock, heartbeat, zone, uptime, store, address on the right.

    Args:
        backend: The source of the title, the address and the connection error.
    """

    def __init__(self, backend: Backend) -> None:
        super().__init__(id="status")
        self._backend = backend

    def _pieces(self, snapshot: Snapshot) -> tuple[list[Piece], list[Piece]]:
        left = [(" jobtui ", "strong")]
        if self._backend.connection_error:
            left.append((f" ! {cell_text(self._backend.connection_error)} ", "failed"))
        left.append((f" {cell_text(self._backend.title)}", ""))
        if snapshot.phase is not Phase.RUNNING:
            left.append((f"  {snapshot.phase.value}", "waiting"))
        if snapshot.internal_error:
            left.append((f"  ! error: {cell_text(snapshot.internal_error)}", "failed"))
        if snapshot.store.problem:
            left.append((f"  ! store: {cell_text(snapshot.store.problem)}", "failed"))
        clock, zone = f"{snapshot.at:%H:%M:%S}", zone_name(snapshot.zone)
        right = [(clock, "strong"), self._heartbeat(snapshot), (zone, "muted")]
        if snapshot.started is not None:
            right.append((f"up {format_age(snapshot.started, snapshot.at)}", "muted"))
        right.append((cell_text(PurePath(snapshot.store.file).name) or "in memory", "muted"))
        if self._backend.address:
            right.append((cell_text(self._backend.address), "muted"))
        return left, right

    def _heartbeat(self, snapshot: Snapshot) -> Piece:
        if snapshot.heartbeat is None or self._backend.connection_error:  # unknown
            return "♥ —", "muted"
        age = format_age(snapshot.heartbeat, snapshot.at)
        late = elapsed_between(snapshot.heartbeat, snapshot.at).total_seconds() > HEARTBEAT_LATE
        return (f"♥ STALLED {age}", "failed") if late else (f"♥ {age}", "ok")


class PoolGauge(_HeaderLine):
    """The pool's slots, the numbers of waiting runs, and which jobs failed last or are paused.

    Args:
        index: The jobs of the snapshot that is shown.
    """

    def __init__(self, index: JobIndex) -> None:
        super().__init__(id="gauge")
        self._index = index

    def _pieces(self, snapshot: Snapshot) -> tuple[list[Piece], list[Piece]]:
        pool = snapshot.pool
        tone = "failed" if pool.saturated and pool.queued else "waiting" if pool.saturated else "ok"
        left = [(" pool ", "")]
        if pool.size:
            full = min(GAUGE_WIDTH, -(-pool.running * GAUGE_WIDTH // pool.size))  # rounded up
            left.append(("█" * full + "░" * (GAUGE_WIDTH - full), tone))
            left.append((f" {pool.running}/{pool.size}", "strong"))
        else:
            left.append((f"{pool.running} running, no limit", "strong"))
        if change := format_pool_change(pool):
            left.append((f" ({change})", "muted"))
        left.append((f"  queued {pool.queued}", "waiting" if pool.queued else "muted"))
        left.append((f"  held {pool.held}", "waiting" if pool.held else "muted"))
        if abandoned := format_abandoned(pool):
            left.append((f"  {abandoned}", "failed"))
        if snapshot.quiet_until is not None:
            left.append((f"  QUIET {format_end(snapshot.quiet_until, snapshot.at)}", "waiting"))
        if pool.saturated:
            left.append(("  SATURATED", tone))
        right = []
        failing = [job.name for job in self._index.failing]
        if failing:
            right.append((f"✗ {len(failing)} failed last", "failed"))
            names = ", ".join(map(cell_text, failing))
            fits = cell_len(names) <= NAMES_WIDTH
            right.append((names if fits else f"{set_cell_size(names, NAMES_WIDTH - 1)}…", "failed"))
        if self._index.paused:
            right.append((f"‖ {pluralize(self._index.paused, 'job')} paused", "waiting"))
        return left, right


class AlarmLine(_HeaderLine):
    """A line that says what is wrong with the jobs. It appears when something is, and then stays.

    If it went away with each run that is OK, the rows below it would jump.

    Args:
        index: The jobs of the snapshot that is shown.
    """

    def __init__(self, index: JobIndex) -> None:
        super().__init__(id="alarm")
        self._index = index

    def update_snapshot(self, snapshot: Snapshot) -> None:
        """Show what is wrong in a snapshot."""
        super().update_snapshot(snapshot)
        self.set_class(bool(self._current_pieces[0]), "-raised")

    def _pieces(self, snapshot: Snapshot) -> tuple[list[Piece], list[Piece]]:
        alarm = find_alarm(snapshot, self._index)
        if alarm is not None:
            sign = "✗" if alarm.tone == "failed" else "!"
            return [(f" {sign} {cell_text(alarm.text)}", alarm.tone)], []
        return ([(" ✓ the alarm is over", "muted")] if self._current_pieces[0] else []), []
