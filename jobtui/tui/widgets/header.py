"""The lines at the top of the dashboard: the status line, the pool gauge and the alarm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import PurePath
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from jobtui.engine.enums import Phase
from jobtui.engine.views import Snapshot
from jobtui.frontend.alarm import Alarm, AlarmMemory, Sentence, find_alarms
from jobtui.frontend.backend import Backend
from jobtui.frontend.blank_snapshot import is_blank
from jobtui.frontend.formatting import (
    elapsed_between,
    format_abandoned,
    format_age,
    format_end,
    format_pool_change,
    pluralize,
)
from jobtui.frontend.job_index import JobIndex
from jobtui.frontend.slot_history import CELLS, SlotHistory
from jobtui.runtime.timer import HEARTBEAT_LATE
from jobtui.schedules.zones import zone_name
from jobtui.tui.key_names import key_of
from jobtui.tui.widgets.line_table import FOCUSED_MARK
from jobtui.tui.widgets.literal_text import cell_text
from jobtui.tui.widgets.tones import ToneStyles

_POOL = " pool "
_LEAST_MESSAGE = 12  # cells for the error of an alarm, before less important parts give way
_LEAST_PIECE = 4  # characters of a word that is cut; a shorter piece says nothing
_LEAST_NAMES = 12  # cells, for the names of the jobs that failed last

Piece = tuple[str, str]  # a text and its tone; "" is the default tone
CHOSEN = " chosen"  # after a tone: what belongs to the selected job


class _HeaderLine(Widget):
    """One line with pieces of text on the left and on the right; the last on the right are dropped first."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._current_pieces: tuple[Sequence[Piece], Sequence[Piece]] = ((), ())
        self._toned = ToneStyles(self)

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
        if not tone:
            return ""
        name, _, chosen = tone.partition(" ")
        style = self._toned(name)
        return style + Style(bold=True, underline=True) if chosen else style

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
        if is_blank(snapshot):  # its clock and its store are not known
            return left, []
        clock, zone = f"{snapshot.at:%H:%M:%S}", zone_name(snapshot.zone)
        right = [(clock, "strong"), self._heartbeat(snapshot), (zone, "muted")]
        if snapshot.started is not None:
            right.append((f"up {format_age(snapshot.started, snapshot.at)}", "muted"))
        if store := _store_text(snapshot):
            right.append((store, "muted"))
        if self._backend.address:
            right.append((cell_text(self._backend.address), "muted"))
        return left, right

    def _heartbeat(self, snapshot: Snapshot) -> Piece:
        if snapshot.heartbeat is None or self._backend.connection_error:  # unknown
            return "♥ —", "muted"
        age = format_age(snapshot.heartbeat, snapshot.at)
        late = elapsed_between(snapshot.heartbeat, snapshot.at).total_seconds() > HEARTBEAT_LATE
        return (f"♥ STALLED {age}", "failed") if late else (f"♥ {age}", "ok")


def _store_text(snapshot: Snapshot) -> str:
    """Return the name of the store's file, or that there is none; "" if that is not known yet.

    A scheduler in standby has a store, for which it waits, but does not open it before it takes over.
    """
    if snapshot.store.file:
        return cell_text(PurePath(snapshot.store.file).name)
    if snapshot.phase is Phase.STANDBY:
        return "another process uses the store"
    return "" if snapshot.phase is Phase.NEW else "in memory"


class PoolGauge(_HeaderLine):
    """The last minute of the pool's slots, the numbers of its runs, and which jobs failed last or are paused.

    A slot says at the mouse which run has taken it. The slots that work for the selected job are emphasized.

    Args:
        index: The jobs of the snapshot that is shown.
    """

    def __init__(self, index: JobIndex) -> None:
        super().__init__(id="gauge")
        self._index = index
        self._history = SlotHistory()
        self._snapshot: Snapshot | None = None
        self._job = ""  # the selected one
        self._cells = 0  # the length of the strip of each slot; 0 if they share one, or there is none

    def update_snapshot(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""
        self._snapshot = snapshot
        self._history.update(snapshot)
        super().update_snapshot(snapshot)

    def show_job(self, name: str) -> None:
        """Emphasize the slots that work for a job; "" for none."""
        if name != self._job:
            self._job = name
            self._fit()

    def on_resize(self) -> None:
        """Fit the strips to the new width."""
        self._fit()

    def _fit(self) -> None:
        if self._snapshot is not None:
            super().update_snapshot(self._snapshot)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Name the run of the slot at the mouse."""
        place = (event.x - len(_POOL)) // (self._cells + 2)
        self.tooltip = self._describe_slot(place) if self._cells else None

    def _describe_slot(self, place: int) -> str | None:
        runs, snapshot = self._history.runs, self._snapshot
        if not 0 <= place < len(runs) or snapshot is None:
            return None
        run = runs[place]
        if run is None:
            return f"slot {place + 1}: free"
        age = format_age(run.started, snapshot.at)
        return f"slot {place + 1}: {cell_text(run.job)} #{run.number} for {age}"

    def _pieces(self, snapshot: Snapshot) -> tuple[list[Piece], list[Piece]]:
        pool = snapshot.pool
        tone = "failed" if pool.saturated and pool.queued else "waiting" if pool.saturated else "ok"
        of_size = f"/{pool.size}" if pool.size else ""
        numbers = [(f" running {pool.running}{of_size}", "strong")]
        if not pool.size:
            numbers.append((", no limit", "strong"))
        if change := format_pool_change(pool):
            numbers.append((f" ({change})", "muted"))
        numbers.append((f"  queued {pool.queued}", "waiting" if pool.queued else "muted"))
        numbers.append((f"  held {pool.held}", "waiting" if pool.held else "muted"))
        if pool.retrying:
            numbers.append((f"  retrying {pool.retrying}", "waiting"))
        if abandoned := format_abandoned(pool):
            numbers.append((f"  {abandoned}", "failed"))
        if snapshot.quiet_until is not None:
            numbers.append((f"  QUIET {format_end(snapshot.quiet_until, snapshot.at)}", "waiting"))
        if pool.saturated:
            numbers.append((f"  SATURATED{self._saturated_for(snapshot)}", tone))
        troubles = self._troubles()
        room = self.app.size.width - len(_POOL) - sum(len(text) for text, _ in numbers) - 1
        room -= sum(cell_len(text) + 2 for text, _ in troubles)
        strips = self._strips(room, tone)
        room -= sum(len(text) for text, _ in strips) + 2
        right = [*troubles[:1], *self._failing_names(room), *troubles[1:]]  # the names follow their number
        return [(_POOL, ""), *strips, *numbers], right

    def _saturated_for(self, snapshot: Snapshot) -> str:
        since = self._history.saturated_since
        return "" if since is None else f" {format_age(datetime.fromtimestamp(since, UTC), snapshot.at)}"

    def _strips(self, room: int, tone: str) -> list[Piece]:
        """Return the strip of each slot, or one for all of them if there is no room for so many."""
        slots = len(self._history.runs)
        fitting = (cells for cells in CELLS if slots * (cells + 2) <= room)
        self._cells = next(fitting, 0) if slots else 0
        if self._cells:
            strips = self._history.strips(self._cells)
        else:
            length = next((cells for cells in CELLS if cells + 2 <= room), 0)
            strips = [self._history.total(length)] if slots and length else []
        runs = self._history.runs if self._cells else [None]
        pieces: list[Piece] = []
        for strip, run in zip(strips, runs, strict=False):
            if run is not None and run.job == self._job:
                pieces += [(FOCUSED_MARK, "strong"), (strip, tone + CHOSEN), ("▏", "muted")]
            else:
                pieces += [("▕", "muted"), (strip, tone), ("▏", "muted")]
        return pieces

    def _troubles(self) -> list[Piece]:
        """Return how many jobs failed last, and how many are paused."""
        right = []
        if failing := len(self._index.failing):
            right.append((f"✗ {failing} failed last", "failed"))
        if self._index.paused:
            right.append((f"‖ {pluralize(self._index.paused, 'job')} paused", "waiting"))
        return right

    def _failing_names(self, room: int) -> list[Piece]:
        """Return which jobs failed last, as far as the slots leave room for them."""
        if room <= 0:
            return []
        names = ", ".join(cell_text(job.name) for job in islice(self._index.failing, room))
        if not names or room < min(cell_len(names), _LEAST_NAMES):
            return []
        fits = cell_len(names) <= room
        return [(names if fits else f"{set_cell_size(names, room - 1)}…", "failed")]


class AlarmLine(_HeaderLine, can_focus=True):
    """A line that says what is wrong with the jobs. It appears when something is, and then stays.

    If it went away with each run that is OK, the rows below it would jump.

    Args:
        index: The jobs of the snapshot that is shown.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", "Open", id="alarm.enter")]

    @dataclass
    class Selected(Message):
        """The user clicked the line. It names a job."""

        job: str

    @dataclass
    class Opened(Message):
        """The user wants to see the cause of an alarm."""

        alarm: Alarm

    def __init__(self, index: JobIndex) -> None:
        super().__init__(id="alarm")
        self._index = index
        self._alarms: Sequence[Alarm] = ()
        self._memory = AlarmMemory()

    @property
    def memory(self) -> AlarmMemory:
        """The memory of earlier snapshots, for a list of the same alarms."""
        return self._memory

    @property
    def alarms(self) -> Sequence[Alarm]:
        """The alarms of the snapshot, the worst first."""
        return self._alarms

    @property
    def job(self) -> str:
        """The job with the worst trouble; "" without one."""
        return self._alarms[0].job if self._alarms else ""

    def update_snapshot(self, snapshot: Snapshot) -> None:
        """Show what is wrong in a snapshot."""
        self._alarms = find_alarms(snapshot, self._index, self._memory)
        super().update_snapshot(snapshot)
        self.set_class(bool(self._current_pieces[0]), "-raised")

    def on_click(self) -> None:
        """Lead to the job with the trouble."""
        if self.job:
            self.post_message(self.Selected(self.job))

    def action_open(self) -> None:
        """Open the cause of the alarm that is shown."""
        if self._alarms:
            self.post_message(self.Opened(self._alarms[0]))

    def render(self) -> Text:
        """Return the line. In a narrow terminal, the least important parts are left out."""
        left, right = self._current_pieces
        if not self._alarms:
            return super().render()
        worst, width = self._alarms[0], self.size.width - 1
        mark = left[0][0]
        sentence, right = self._fitting(worst.sentence, right, width - cell_len(mark))
        room = width - cell_len(mark) - _cells(right)
        line = Text(no_wrap=True).append(mark + _cut(sentence, room), self._style(worst.tone))
        line.truncate(width - _cells(right), pad=True)
        for text, tone in right:
            line.append("  ").append(text, self._style(tone))
        return line

    def _fitting(
        self, sentence: Sentence, keys: Sequence[Piece], width: int
    ) -> tuple[Sentence, Sequence[Piece]]:
        """Return the parts of an alarm and the keys for which there is room: of the others, each as a whole.

        The number of the other alarms always stays.
        """
        number = keys[:1] if len(self._alarms) > 1 else ()
        brief = sentence.without_details
        choices: tuple[tuple[Sentence, Sequence[Piece]], ...] = (
            (sentence, keys),
            (sentence, number),
            (brief, number),
            (sentence._replace(place=""), number),
            (brief._replace(place=""), number),
        )
        if _full_cells(sentence, number) <= width < _full_cells(sentence, keys):
            return sentence, number  # the whole error is worth more than the name of a key
        for shown, pieces in choices:
            if _least_cells(shown) + _cells(pieces) <= width:
                return shown, keys if _full_cells(shown, keys) <= width else pieces
        short = [(text.replace(" more", ""), tone) for text, tone in number]
        return choices[-1][0], short

    def _pieces(self, _snapshot: Snapshot) -> tuple[list[Piece], list[Piece]]:
        if not self._alarms:
            return ([(" ✓ the alarm is over", "muted")] if self._current_pieces[0] else []), []
        worst, *others = self._alarms
        sign = "✗" if worst.tone == "failed" else "!"
        hints = [(f"+{len(others)} more: {key_of(self, 'alarm.list')}", "strong")] if others else []
        if worst.run is not None or worst.job:
            hints.append((f"{key_of(self, 'alarm.open')} opens it", "muted"))
        return [(f" {sign} ", worst.tone), (worst.text, worst.tone)], hints


def _cells(pieces: Sequence[Piece]) -> int:
    """Return how many cells pieces take, each with two spaces before it."""
    return sum(cell_len(text) + 2 for text, _ in pieces)


def _full_cells(sentence: Sentence, pieces: Sequence[Piece]) -> int:
    """Return how many cells a whole sentence and the pieces after it take."""
    return cell_len(cell_text(sentence.text)) + _cells(pieces)


def _least_cells(sentence: Sentence) -> int:
    """Return how many cells a sentence takes if its message is cut as far as it may be."""
    fixed = cell_len(cell_text(sentence.beginning)) + cell_len(cell_text(sentence.ending))
    return fixed + min(cell_len(cell_text(sentence.message)), _LEAST_MESSAGE)


def _cut(sentence: Sentence, width: int) -> str:
    """Return a sentence in so many cells: its message, or else its end, is cut, but not its place."""
    text, ending = cell_text(sentence.beginning + sentence.message), cell_text(sentence.ending)
    room = width - cell_len(ending)
    if cell_len(text) > room:
        text = set_cell_size(text, max(0, room - 1)).rstrip()
        beginning, space, piece = text.rpartition(" ")
        if space and len(piece) < _LEAST_PIECE:
            text = beginning
        text = f"{text.rstrip(' :;,')}…"
    return text + ending
