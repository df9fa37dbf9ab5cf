"""The actions of the dashboard that have keys, and the one place that checks the keys that a user sets.

Each binding of the dashboard is an action, by its id. A key has at most one action in each place: a place is
a widget with the focus, its screen, and the app around them, whose keys work at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_letters, digits, punctuation

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.dom import DOMNode
from textual.keys import Keys, _character_to_key
from textual.widgets import Input

from jobtui.schedules.bad_spec import closest_matches, quote_text
from jobtui.settings.key_settings import KeySetting
from jobtui.settings.setting_errors import BadSetting, setting_error
from jobtui.tui.app_keys import APP_BINDINGS
from jobtui.tui.key_names import key_label
from jobtui.tui.screens.alarms_screen import AlarmsScreen
from jobtui.tui.screens.arguments_screen import ArgumentChoice, ArgumentInput, NoArguments
from jobtui.tui.screens.away import AwayScreen
from jobtui.tui.screens.calendar_screen import CalendarScreen, TicksScreen
from jobtui.tui.screens.column_chooser import ColumnChooser
from jobtui.tui.screens.command_line import CommandInput
from jobtui.tui.screens.confirm import ConfirmScreen
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.tui.screens.diff_screen import DiffScreen
from jobtui.tui.screens.help import HelpFilter, HelpScreen
from jobtui.tui.screens.history_screen import HistoryScreen, QueryInput
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.screens.log_screen import LogScreen
from jobtui.tui.screens.notices_screen import NoticesScreen
from jobtui.tui.screens.pause_dialog import PauseScreen
from jobtui.tui.screens.quit import QuitScreen
from jobtui.tui.screens.reschedule import SpecInput
from jobtui.tui.screens.run import RunScreen
from jobtui.tui.screens.save_log import SaveInput
from jobtui.tui.screens.sign_in import SignInField
from jobtui.tui.screens.stack_screen import StackScreen
from jobtui.tui.screens.streak_screen import StreakScreen
from jobtui.tui.screens.timeline_screen import TimelineScreen
from jobtui.tui.screens.why_screen import WhyScreen
from jobtui.tui.widgets.early_keys import EarlyKeys
from jobtui.tui.widgets.filter_input import FilterInput
from jobtui.tui.widgets.header import AlarmLine
from jobtui.tui.widgets.line_table import LineTable
from jobtui.tui.widgets.load_grid import LoadGrid
from jobtui.tui.widgets.log_lines import LogLines, LogSearchInput

_QUITS, _ALWAYS_QUITS = "app.quit_anywhere", "ctrl+c"
_LEAVES = "escape"
_MOST = 12  # keys in a message
_ON_VIEWS = ("app.help", "app.command_line")  # not in small dialogs
_NOT_IN_TEXT = (*_ON_VIEWS, "tab.next", "tab.previous")


@dataclass(frozen=True, slots=True)
class Place:
    """The keys that work at the same time.

    Attributes:
        name: Where that is.
        classes: The widget with the focus, and its screen.
        is_view: Whether the help and the command line open there.
    """

    name: str
    classes: tuple[type[DOMNode], ...]
    is_view: bool = False

    @property
    def is_text(self) -> bool:
        """Whether characters are typed there."""
        return issubclass(self.classes[0], Input | ArgumentChoice | EarlyKeys)

    @property
    def bindings(self) -> Iterator[Binding]:
        """The bindings of its actions."""
        for each in self.classes:
            yield from _own_bindings(each)
        disabled = _NOT_IN_TEXT if self.is_text else () if self.is_view else _ON_VIEWS
        for binding in APP_BINDINGS:
            if Dashboard in self.classes or (binding.priority and binding.id not in disabled):
                yield binding

    @property
    def built_in_keys(self) -> frozenset[str]:
        """The keys that move, scroll or edit something there, and are no actions."""
        bases = [base for each in self.classes for base in each.__mro__]
        bindings = [each for base in bases for each in _all_bindings(base) if not each.id]
        own = {key for each in self.bindings for key in _split(each.key)}
        return frozenset(each.key for each in bindings) - own


PLACES: Sequence[Place] = (
    Place("on the dashboard", (LineTable, Dashboard), is_view=True),
    Place("on the alarm", (AlarmLine, Dashboard), is_view=True),
    Place("in the list of alarms", (LineTable, AlarmsScreen), is_view=True),
    Place("in the filter", (FilterInput,)),
    Place("on the page of a job", (LineTable, JobScreen), is_view=True),
    Place("beside the runs of a job", (VerticalScroll, JobScreen), is_view=True),
    Place("on the page of a run", (LogLines, RunScreen), is_view=True),
    Place("in a log", (LogLines, LogScreen), is_view=True),
    Place("in the search of a log", (LogSearchInput,)),
    Place("in the name of a file", (SaveInput,)),
    Place("in a difference", (LogLines, DiffScreen), is_view=True),
    Place("in the history", (LineTable, HistoryScreen), is_view=True),
    Place("in the query", (QueryInput,)),
    Place("on the timeline", (LineTable, TimelineScreen), is_view=True),
    Place("in the calendar", (LoadGrid, CalendarScreen), is_view=True),
    Place("in the ticks of the calendar", (LineTable, CalendarScreen), is_view=True),
    Place("in the ticks of a few minutes", (LineTable, TicksScreen), is_view=True),
    Place("in the explanation", (VerticalScroll, WhyScreen)),
    Place("in the first failure", (VerticalScroll, StreakScreen)),
    Place("in the stack", (VerticalScroll, StackScreen), is_view=True),
    Place("in the messages", (VerticalScroll, NoticesScreen), is_view=True),
    Place("in the help", (VerticalScroll, HelpScreen)),
    Place("in the search of the help", (HelpFilter,)),
    Place("in the command line", (CommandInput,)),
    Place("in a question", (ConfirmScreen,)),
    Place("in the question about a pause", (PauseScreen,)),
    Place("in the question about quitting", (QuitScreen,)),
    Place("in an argument", (ArgumentInput,)),
    Place("in an argument with a few values", (ArgumentChoice,)),
    Place("in the form of a job without parameters", (NoArguments,)),
    Place("in a form whose fields are on their way", (EarlyKeys,)),
    Place("in another schedule", (SpecInput,)),
    Place("in the list of missed ticks", (AwayScreen,)),
    Place("in the user name or the password", (SignInField,)),
    Place("in the list of columns", (LineTable, ColumnChooser)),
)

# Two actions that the footer shows as one: the action that it shows, and both in their order.
SHOWN_TOGETHER: Mapping[str, tuple[str, str]] = {
    "timeline.bar": ("timeline.bar_before", "timeline.bar"),
    "timeline.grow": ("timeline.grow", "timeline.shrink"),
    "calendar.grow": ("calendar.grow", "calendar.shrink"),
    "choice.next": ("choice.previous", "choice.next"),
}


def _all_bindings(cls: type) -> Iterable[Binding]:
    own: Iterable[BindingType] = vars(cls).get("BINDINGS", ())
    return Binding.make_bindings(own)


def _own_bindings(cls: type[DOMNode]) -> Iterator[Binding]:
    return (each for each in cls.BINDINGS if isinstance(each, Binding) and each.id)


def _split(keys: str) -> list[str]:
    return [each.strip() for each in keys.split(",")]


ACTIONS: Mapping[str, Binding] = {
    each.id: each for place in PLACES for each in (*place.bindings, *APP_BINDINGS) if each.id
}


def first_key(action: str, keymap: Mapping[str, str]) -> str:
    """Return the first key of an action, by Textual's name.

    Args:
        action: The id of the action.
        keymap: The keys that the user has set.
    """
    return _split(keymap.get(action) or ACTIONS[action].key)[0]


# --- names of keys --------------------------------------------------------------------------------

_PLAIN = [key.value for key in Keys if key.value.replace("+", "").replace("_", "").isalnum()]
_CHARACTERS = {each: _character_to_key(each) for each in (*ascii_letters, *digits, *punctuation, " ")}
_ALT = [f"alt+{each}" for each in (*ascii_letters, *digits)]
# A terminal sends the same for both, and Textual reports the second.
_SAME = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+h": "backspace", "return": "enter"}
_NAMES = frozenset(_PLAIN) | frozenset(_CHARACTERS.values()) | frozenset(_ALT)


def _key(name: str, setting: KeySetting) -> str:
    """Return Textual's name of a key; raise BadSetting if there is no such key."""
    character = _CHARACTERS.get(name) or (name if len(name) == 1 and name.isalnum() else "")
    if character:
        return character
    if name in _SAME:
        raise setting_error(
            setting.entry,
            f": a terminal sends {name} as {_SAME[name]}",
            f"Write {_SAME[name]}, or choose another key.",
        )
    if name in _NAMES:
        return name
    raise setting_error(setting.entry, f": there is no key {quote_text(name)}", _similar_key(name))


def _similar_key(name: str) -> str:
    if "," in name:
        parts = ", ".join(f'"{each.strip()}"' for each in name.split(",") if each.strip())
        return f"Several keys are an array: [{parts}]."
    written = name.lower().replace("-", "+").removeprefix("<").removesuffix(">").replace("control+", "ctrl+")
    modifier, _, letter = written.rpartition("+")
    if modifier == "shift" and len(letter) == 1:
        return f'Write a capital letter: "{letter.upper()}".'
    meant = [written] if written in _NAMES else closest_matches(written, sorted(_NAMES))
    question = f"Did you mean {meant[0]}? " if meant else ""
    return f"{question}A key is a character, or a name such as enter, space, pageup, f5, ctrl+x or alt+x."


def _is_printable(key: str) -> bool:
    return len(key) == 1 or key in _CHARACTERS.values()


# --- checks ---------------------------------------------------------------------------------------


def check_keymap(settings: Sequence[KeySetting]) -> dict[str, str]:
    """Return the keys that the settings give to actions, for Textual: with commas, by the ids of the actions.

    Args:
        settings: Of two for one action, the later one counts.

    Raises:
        BadSetting: An action or a key does not exist, or a key is needed for something else.
    """
    keys = {each.action: _checked_keys(each) for each in settings}
    latest: dict[str, KeySetting] = {}
    for each in reversed(settings):  # the user's own file is the one to change
        latest.setdefault(each.action, each)
    for place in PLACES:
        _check_place(place, keys, latest)
    return {action: ",".join(each) for action, each in keys.items()}


def _checked_keys(setting: KeySetting) -> list[str]:
    if setting.action not in ACTIONS:
        raise _unknown_action(setting)
    keys = list(dict.fromkeys(_key(each, setting) for each in setting.keys))
    if _ALWAYS_QUITS in keys and setting.action != _QUITS:
        raise setting_error(
            setting.entry, f" cannot have {_ALWAYS_QUITS}: it always quits", "Choose another key."
        )
    needed = _needed_key(setting.action)
    if needed and needed not in keys:
        listed = ", ".join(f'"{each}"' for each in (*setting.keys, needed))
        effect = "always quits" if needed == _ALWAYS_QUITS else "always leads back"
        raise setting_error(setting.entry, f" must keep {needed}, which {effect}", f"Write [{listed}].")
    return keys


def _needed_key(action: str) -> str:
    """Return the key that an action cannot lose; "" for most actions."""
    if action == _QUITS:
        return _ALWAYS_QUITS
    is_way_back = _LEAVES in _split(ACTIONS[action].key) and action != "jobs.clear_filter"
    return _LEAVES if is_way_back else ""


def _unknown_action(setting: KeySetting) -> BadSetting:
    group = setting.action.partition(".")[0] + "."
    near = closest_matches(setting.action, list(ACTIONS))
    alike = [each for each in ACTIONS if each.startswith(group)]
    question = f" Did you mean {near[0]}?" if near else ""
    groups = sorted({f"{each.partition('.')[0]}.…" if "." in each else each for each in ACTIONS})
    listed = f"The actions {group}… are {', '.join(alike)}." if alike else f"Actions are {', '.join(groups)}."
    return BadSetting(
        f"{setting.entry.location()}: unknown action {quote_text(setting.action)}.{question}\n{listed}"
    )


def _check_place(place: Place, keys: Mapping[str, list[str]], settings: Mapping[str, KeySetting]) -> None:
    """Raise BadSetting if a key that the user has set has another effect in a place, too."""
    defaults = {each.id or "": _split(each.key) for each in place.bindings}
    current = {action: keys.get(action, default) for action, default in defaults.items()}
    actions = [each for each in settings if each in current]
    for action, key in [(each, key) for each in actions for key in keys[each]]:
        others = [each for each in current if each != action and key in current[each]]
        if key in defaults[action]:
            continue
        if place.is_text and _is_printable(key) and not (key == "space" and ArgumentChoice in place.classes):
            problem = "it is text"
        elif key in place.built_in_keys:
            problem = "it moves or edits something"
        elif others:
            problem = f"{others[0]} ({_text(others[0])}) has it"
        else:
            continue
        raise setting_error(
            settings[action].entry,
            f" cannot have {key_label(key)}: {problem} {place.name}",
            _hint(place, current),
        )


def _text(action: str) -> str:
    binding = ACTIONS[action]
    return binding.tooltip or binding.description


def _hint(place: Place, current: Mapping[str, Sequence[str]]) -> str:
    if place.is_text:
        return "Choose a key such as f5 or ctrl+x."
    taken = {key for keys in current.values() for key in keys}
    free = [each for each in ascii_letters if each not in taken]
    return f"Give that another key, too, or choose one that is free there, such as {', '.join(free[:_MOST])}."
