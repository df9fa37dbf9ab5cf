"""The dialog in which the user gives a job another schedule."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from jobtui.engine.views import JobView, Snapshot
from jobtui.frontend import undo
from jobtui.frontend.backend import SchedulePreview
from jobtui.frontend.formatting import ABSENT, countdown, editable_spec
from jobtui.frontend.upcoming import is_quiet_at
from jobtui.tui.background_work import BackgroundCommands, BackgroundQuery, error_text
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.literal_text import cell_lines, literal_title

_TICKS = 5  # next ticks that are shown
_AGE = timedelta(seconds=1)  # of the shown countdowns, at most
_EXAMPLE = "0 */15 9-17 * * MON-FRI, @daily, 30s"


def edit_schedule(app: App[object], job: JobView, background_commands: BackgroundCommands) -> None:
    """Ask for another schedule of a job, and give it to the job."""
    if job.schedule is None:
        background_commands.notify(f"{job.name} groups one-off runs: it has no schedule to edit", "warning")
        return

    def apply(spec: str | None) -> None:
        if spec is not None:
            background_commands.execute(undo.reschedule, job.name, spec)

    app.push_screen(RescheduleScreen(job, background_commands), apply)


class SpecInput(Input):
    """The field for the spec."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Apply", id="reschedule.apply"),
        Binding("escape", "screen.dismiss(None)", "Cancel", key_display="esc", id="reschedule.cancel"),
    ]


class RescheduleScreen(ModalScreen[str | None]):
    """Asks for a spec, and shows what it means while the user types; is dismissed with it, or None.

    The scheduler checks the spec, because it alone knows the named specs and the policies of the job.

    Args:
        job: The job.
        background_commands: Has the scheduler.
    """

    def __init__(self, job: JobView, background_commands: BackgroundCommands) -> None:
        super().__init__()
        self._job = job.name
        self._backend = background_commands.backend
        self._spec = editable_spec(job)
        self._shown_spec: str | None = None  # that of the answer on the screen, if it is valid
        self._shown_at: datetime | None = None  # the time of the snapshot that the answer belongs to
        self._is_submitted = False  # whether the user has submitted the spec before it was checked
        self._query = BackgroundQuery(self, self._check, self._show, self._show_error)
        self._input = SpecInput(
            self._spec, placeholder=_EXAMPLE, id="spec", compact=True, select_on_focus=False
        )
        self._meaning = Static(id="spec-meaning")

    def compose(self) -> ComposeResult:
        """Compose the field, and below it what the spec means or what is wrong with it."""
        with Vertical(classes="dialog spec") as box:
            box.border_title = literal_title(f"Schedule of {self._job}")
            yield self._input
            yield self._meaning
        yield KeyFooter()

    def on_mount(self) -> None:
        """Check the spec that the job has."""
        self.set_focus(self._input)
        self._query.request()

    def update_snapshot(self, snapshot: Snapshot) -> None:
        """Ask for the next ticks again, so that the countdowns go on and no tick is shown that has passed."""
        is_old = self._shown_at is not None and snapshot.at - self._shown_at >= _AGE
        if is_old and self._shown_spec == self._spec:
            self._query.request()

    # --- checking ---------------------------------------------------------------------------------

    def _check(self) -> tuple[str, SchedulePreview | Exception]:
        spec = self._spec  # the app's thread may replace it
        try:
            return spec, self._backend.preview(self._job, spec.strip())
        except (ValueError, LookupError) as error:
            return spec, error

    def _show(self, answer: tuple[str, SchedulePreview | Exception]) -> None:
        spec, found = answer
        if spec != self._spec:  # the user has typed more
            return
        if isinstance(found, Exception):
            self._show_error(found)
            return
        snapshot = self._backend.snapshot()
        self._shown_spec, self._shown_at = spec, snapshot.at
        self._meaning.set_class(False, "-wrong")
        self._meaning.update(_meaning(found, snapshot))
        if self._is_submitted:
            self.dismiss(spec.strip())

    def _show_error(self, error: Exception) -> None:
        self._shown_spec, self._is_submitted = None, False
        self._meaning.set_class(True, "-wrong")
        text = str(error) if isinstance(error, ValueError) else error_text(error)
        self._meaning.update(Text(cell_lines(text)))

    # --- messages ---------------------------------------------------------------------------------

    @on(Input.Changed)
    def _check_again(self, message: Input.Changed) -> None:
        message.stop()
        self._spec, self._is_submitted = message.value, False
        self._query.request()

    @on(Input.Submitted)
    def _submit(self, message: Input.Submitted) -> None:
        """Dismiss the dialog with the spec, as soon as it is known to be valid."""
        message.stop()
        if self._shown_spec == self._spec:
            self.dismiss(self._spec.strip())
        else:
            self._is_submitted = True
            self._query.request()


def _meaning(found: SchedulePreview, snapshot: Snapshot) -> Text:
    """Return a schedule in words, and its next ticks."""
    text = Text(f"{cell_lines(found.description)}\n", "bold")
    ticks = [*islice(found.preview.ticks, _TICKS)]
    if not ticks:
        text.append("\nno next tick", "not bold")
    for tick in ticks:
        line = f"{tick.at:%a %Y-%m-%d %H:%M:%S %Z}  {countdown(tick.at, snapshot.at)}"
        if is_quiet_at(snapshot, tick.at):
            line += "  quiet"
        if tick.is_dropped:  # its wall time does not exist
            line = f"{tick.at:%a %Y-%m-%d} {ABSENT:8}  no tick"
        note = "" if tick.note is None else f"  {tick.note.effect.value}"
        text.append(f"\n{line}{note}", "not bold")
    return text
