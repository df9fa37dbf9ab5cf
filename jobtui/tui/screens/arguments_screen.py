"""The form in which the user gives a run other arguments than those of its job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from jobtui.engine.views import JobView
from jobtui.frontend import commands
from jobtui.frontend.argument_form import ArgumentForm, FormField
from jobtui.frontend.backend import JobDetails
from jobtui.tui.background_work import BackgroundCommands, BackgroundQuery, error_text
from jobtui.tui.widgets.early_keys import EarlyKeys
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.literal_text import cell_lines, cell_text, cell_width, literal_title

_MOST_NAME = 28  # cells for the name of a parameter


def run_with_arguments(app: App[object], job: JobView, background_commands: BackgroundCommands) -> None:
    """Ask for the arguments of a run of a job, and run it."""
    if job.schedule is None:
        background_commands.warn_of_one_off_runs(job)
    else:
        app.push_screen(RunFormScreen(job, background_commands))


class ArgumentInput(Input):
    """A field in which any text may be typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Run", id="arguments.run"),
        Binding("down,tab", "screen.focus_next", "Next", key_display="↓", id="arguments.next"),
        Binding("up,shift+tab", "screen.focus_previous", "Previous", show=False, id="arguments.previous"),
        Binding("ctrl+r", "screen.reset", "Defaults", id="arguments.defaults"),
        Binding("escape", "screen.dismiss(None)", "Cancel", key_display="esc", id="arguments.cancel"),
    ]

    @property
    def text(self) -> str:
        """The text of the field."""
        return self.value

    @text.setter
    def text(self, text: str) -> None:
        self.value = text
        self.select_all()


class ArgumentChoice(Widget, can_focus=True):
    """A field with one of a few texts.

    Args:
        choices: The texts.
        text: The one to begin with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Run", id="choice.run"),
        Binding("right,space", "choose(1)", "Other", key_display="←→", id="choice.next"),
        Binding("left", "choose(-1)", "The one before", show=False, id="choice.previous"),
        Binding("down,tab", "screen.focus_next", "Next", key_display="↓", id="choice.down"),
        Binding("up,shift+tab", "screen.focus_previous", "Previous", show=False, id="choice.up"),
        Binding("ctrl+r", "screen.reset", "Defaults", id="choice.defaults"),
        Binding("escape", "screen.dismiss(None)", "Cancel", key_display="esc", id="choice.cancel"),
    ]

    text = reactive("")

    class Submitted(Message):
        """The user wants to run the job."""

    def __init__(self, choices: Sequence[str], text: str) -> None:
        super().__init__()
        self._choices = choices
        self.set_reactive(ArgumentChoice.text, text)

    def render(self) -> Text:
        """Return all texts with the chosen one marked if they fit, else the chosen one between arrows."""
        shown = [cell_text(each) or "none" for each in self._choices]
        chosen = self._choices.index(self.text) if self.text in self._choices else -1
        line = Text()
        if sum(cell_len(each) + 3 for each in shown) <= self.size.width:
            for at, each in enumerate(shown):
                line.append(
                    f"[{each}] " if at == chosen else f" {each}  ", "bold" if at == chosen else "not bold"
                )
        else:
            name = shown[chosen] if chosen >= 0 else cell_text(self.text)
            line.append(f"< {name} >", "bold")
            line.append(f"  {chosen + 1} of {len(shown)}", "not bold")
        return line

    def action_choose(self, by: int) -> None:
        """Choose the next text, or the one before."""
        at = self._choices.index(self.text) if self.text in self._choices else -1 if by > 0 else 0
        self.text = self._choices[(at + by) % len(self._choices)]

    def action_submit(self) -> None:
        """Run the job."""
        self.post_message(self.Submitted())

    def on_click(self) -> None:
        """Choose the next text."""
        self.action_choose(1)

    def on_key(self, event: events.Key) -> None:
        """Choose the next text that begins with the character of the key."""
        if event.character and event.character.isprintable() and event.character != " ":
            event.stop()
            at = self._choices.index(self.text) if self.text in self._choices else -1
            following = [*self._choices[at + 1 :], *self._choices[: at + 1]]
            wanted = event.character.casefold()
            self.text = next((each for each in following if each.casefold().startswith(wanted)), self.text)


class RunFormScreen(ModalScreen[None]):
    """Asks for the arguments of a run, runs the job with them, and shows each problem at its field.

    The scheduler checks the arguments, too. Until it has sent the parameters of the job, the form keeps the
    keys, so that the user can type at once.

    Args:
        job: The job.
        background_commands: Has the scheduler, and the texts of earlier forms.
    """

    def __init__(self, job: JobView, background_commands: BackgroundCommands) -> None:
        super().__init__()
        self._job = job
        self._commands = background_commands
        self._backend = background_commands.backend
        self._form: ArgumentForm | None = None  # None until the scheduler has sent the parameters
        self._inputs: dict[str, ArgumentInput | ArgumentChoice] = {}
        self._problems: dict[str, Static] = {}
        self._arguments: dict[str, object] = {}
        self._is_submitted = False  # whether the scheduler has the arguments
        self._early_keys = EarlyKeys("parameters")
        self._fields = VerticalScroll(self._early_keys, id="arguments", can_focus=False)
        self._help = Static(id="argument-help")
        self._about = Static(id="argument-about")
        self._error = Static(id="argument-error")
        self._description = BackgroundQuery(self, self._describe, self._show_form, self._show_no_form)
        self._execution = BackgroundQuery(self, self._run, self._finish, self._show_error)

    def compose(self) -> ComposeResult:
        """Compose the fields, and below them what the one with the focus accepts."""
        with Vertical(classes="dialog form") as box:
            box.border_title = literal_title(f"Run {self._job.name} with arguments")
            yield self._about
            yield self._fields
            yield self._help
            yield self._error
        yield KeyFooter()

    def on_mount(self) -> None:
        """Request the parameters."""
        self._error.display = self._about.display = False
        self.set_focus(self._early_keys)
        self._description.request()

    # --- the fields -------------------------------------------------------------------------------

    def _describe(self) -> JobDetails:
        return self._backend.job_details(self._job.name)

    def _show_form(self, details: JobDetails) -> None:
        form = self._form = ArgumentForm(details.parameters)
        remembered = self._commands.typed_arguments.get(self._job.name, {})
        names = max((cell_width(each.name) for each in form.fields), default=0)
        rows: list[Widget] = []
        for each in form.fields:
            field, problem = (
                self._field(each, remembered.get(each.name, each.initial)),
                Static(classes="problem"),
            )
            problem.display = False
            self._inputs[each.name], self._problems[each.name] = field, problem
            name = Static(Text(_fitted(cell_text(each.name), min(names, _MOST_NAME))), classes="name")
            rows += [Horizontal(name, field, classes="argument"), problem]
        self._fields.mount(*(rows or [NoArguments()]))
        self._about.update(Text(cell_text(form.help)))
        self._about.display = bool(form.help)
        self._early_keys.release(self._first_field(form))

    def _field(self, field: FormField, text: str) -> ArgumentInput | ArgumentChoice:
        """Return the widget for a field."""
        if field.choices:
            return ArgumentChoice(field.choices, text)
        required = ", required" if field.required else ""
        return ArgumentInput(
            text, placeholder=f"{cell_text(field.kind)}{required}", password=field.secret, compact=True
        )

    def _first_field(self, form: ArgumentForm) -> Widget:
        """Return the first field without a text that needs one, else the first one."""
        needed = [each.name for each in form.fields if each.required and not self._inputs[each.name].text]
        names = [*needed, *self._inputs]
        return self._inputs[names[0]] if names else self.query_one(NoArguments)

    def _show_no_form(self, error: Exception) -> None:
        """Show why the scheduler has not sent the parameters."""
        self._early_keys.give_up()
        self._show_error(error)

    def field(self, name: str) -> ArgumentInput | ArgumentChoice | None:
        """Return the widget for a parameter; None if there is none of that name."""
        return self._inputs.get(name)

    def action_focus_next(self) -> None:
        """Focus the next field."""
        self.focus_next()

    def action_focus_previous(self) -> None:
        """Focus the previous field."""
        self.focus_previous()

    def action_reset(self) -> None:
        """Give every field the text that it has without a change."""
        for field in self._form.fields if self._form is not None else ():
            self._inputs[field.name].text = field.initial
        self._show_problems({})

    @on(events.DescendantFocus)
    def _show_help(self) -> None:
        """Show what the field with the focus accepts."""
        fields = self._form.fields if self._form is not None else ()
        for each in fields:
            if self._inputs[each.name] is self.focused:
                required = ", required" if each.required else ""
                text = Text(f"{cell_text(each.kind)}{required}")
                if each.help:
                    text.append(f"\n{cell_text(each.help)}", "not bold")
                self._help.update(text)

    # --- running ----------------------------------------------------------------------------------

    @on(Input.Submitted)
    @on(ArgumentChoice.Submitted)
    def _submit(self) -> None:
        """Run the job, unless a text is wrong."""
        if self._form is None or self._is_submitted:
            return
        texts = {name: field.text for name, field in self._inputs.items()}
        self._arguments, problems = self._form.read(texts)
        self._show_problems(problems)
        if not problems:
            self._is_submitted = True
            public = [each.name for each in self._form.fields if not each.secret]
            self._commands.typed_arguments[self._job.name] = {name: texts[name] for name in public}
            self._execution.request()

    def _run(self) -> str:
        return commands.run(self._backend, self._job.name, self._arguments)

    def _finish(self, message: str) -> None:
        self._commands.notify(message)
        self.dismiss()

    def _show_problems(self, problems: dict[str, str]) -> None:
        """Show problems below their fields, and focus the first of these."""
        self._error.display = False
        for name, line in self._problems.items():
            problem = problems.get(name, "")
            line.update(Text(f"✗ {cell_lines(problem)}" if problem else ""))
            line.display = bool(problem)
        for name, field in self._inputs.items():
            if name in problems:
                self.set_focus(field)
                break

    def _show_error(self, error: Exception) -> None:
        """Show an error of the scheduler, at the field that it is about if there is one."""
        self._is_submitted = False
        text = str(error) if isinstance(error, ValueError) else error_text(error)
        name, problem = self._form.place(text) if self._form is not None else ("", text)
        self._show_problems({name: problem} if name else {})
        if not name:
            self._error.update(Text(f"✗ {cell_lines(text)}"))
            self._error.display = True


def _fitted(name: str, width: int) -> str:
    """Return a name in exactly so many cells."""
    return set_cell_size(name, width) if cell_len(name) <= width else f"{set_cell_size(name, width - 1)}…"


class NoArguments(Static, can_focus=True):
    """Says that a job takes no arguments, and lets it run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Run", id="no_arguments.run"),
        Binding("escape,q", "screen.dismiss(None)", "Cancel", key_display="esc", id="no_arguments.cancel"),
    ]

    def __init__(self) -> None:
        super().__init__("It takes no arguments.")

    def action_submit(self) -> None:
        """Run the job."""
        self.post_message(ArgumentChoice.Submitted())
