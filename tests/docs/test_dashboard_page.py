"""docs/dashboard.md has every key, pane, column and sign of the dashboard, and no other."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from support.doc_pages import code_words, page
from textual.app import App
from textual.binding import Binding

import jobtui.tui
from jobtui.frontend.formatting import JOB_SIGNS, STATE_SIGNS
from jobtui.frontend.look import LookFile
from jobtui.tui.job_filter import SORT_KEYS, VIEWS
from jobtui.tui.widgets.columns_of_jobs import COLUMN_SET, JOB_COLUMNS

PAGE = page("docs/dashboard.md")

# The heading above the keys of each class that has some.
HEADINGS = {
    "Dashboard": "Jobs and runs",
    "FilterInput": "In the filter",
    "LineTable": "In a table",
    "JobtuiApp": "Anywhere",
    "JobScreen": "A job in detail",
    "RunScreen": "A run in detail",
    "LogScreen": "Logs",
    "LogLines": "In a log",
    "DiffScreen": "Differences",
    "LogSearchInput": "In the search",
    "SaveInput": "The name of a file",
    "HistoryScreen": "History",
    "StreakScreen": "The first failure",
    "StackScreen": "Stack",
    "TimelineScreen": "Timeline",
    "CalendarScreen": "Calendar of load",
    "LoadGrid": "In the calendar",
    "TicksScreen": "The ticks of a few minutes",
    "WhyScreen": "Why",
    "QueryInput": "In the query",
    "HelpScreen": "Help",
    "HelpFilter": "In the search of the help",
    "CommandInput": "In the command line",
    "ColumnChooser": "The choice of columns",
    "ConfirmScreen": "Questions",
    "PauseScreen": "The length of a pause",
    "ArgumentInput": "Run with arguments",
    "ArgumentChoice": "A few values to choose from",
    "NoArguments": "A job without parameters",
    "EarlyKeys": "A form on its way",
    "SpecInput": "Another schedule",
    "QuitScreen": "Quit",
    "NoticesScreen": "Messages",
    "AwayScreen": "While you were away",
    "AlarmLine": "In the alarm",
    "AlarmsScreen": "Alarms",
    "SignInField": "Sign in",
}
# Keys that the page calls by the sign on the keyboard.
NAMES = {
    "/": "slash",
    "+": "plus",
    "-": "minus",
    "=": "equals_sign",
    "?": "question_mark",
    "*": "asterisk",
    ":": "colon",
    "[": "left_square_bracket",
    "]": "right_square_bracket",
    ".": "full_stop",
    ",": "comma",
    "esc": "escape",
    "←": "left",
    "→": "right",
    "PgUp": "pageup",
    "PgDn": "pagedown",
    "↑": "up",
    "↓": "down",
}


def classes_with_keys() -> dict[str, type]:
    """Return every class of the dashboard that binds keys, by name."""
    names = [module.name for module in pkgutil.walk_packages(jobtui.tui.__path__, "jobtui.tui.")]
    values = [value for name in names for value in vars(importlib.import_module(name)).values()]
    return {
        value.__name__: value
        for value in values
        if isinstance(value, type) and value.__module__ in names and "BINDINGS" in vars(value)
    }


def bound_keys(cls: type) -> set[str]:
    """Return the keys that a class binds, by Textual's names."""
    bindings: Iterable[object] = vars(cls)["BINDINGS"]
    keys = {
        key.strip() for binding in bindings if isinstance(binding, Binding) for key in binding.key.split(",")
    }
    return keys | {App.COMMAND_PALETTE_BINDING} if issubclass(cls, App) else keys


def documented_keys(heading: str) -> list[str]:
    """Return the keys in the table below a heading, by Textual's names."""
    return [NAMES.get(key, key) for keys, _ in PAGE.table(heading) for key in code_words(keys)]


def test_every_class_with_keys_is_documented() -> None:
    """A new screen needs a table on the page."""
    assert set(classes_with_keys()) == set(HEADINGS)


@pytest.mark.parametrize("name", HEADINGS)
def test_every_key_of_a_class_and_no_other_is_documented(name: str) -> None:
    """A key has one row."""
    documented = documented_keys(HEADINGS[name])
    assert len(documented) == len(set(documented))
    assert set(documented) == bound_keys(classes_with_keys()[name])


def signs(number: int) -> dict[str, str]:
    """Return the words of a table of signs by their sign."""
    return {code_words(sign)[0]: word for sign, word, *_ in PAGE.tables("Signs")[number]}


@pytest.mark.parametrize(
    ("number", "glyphs"),
    [
        (0, {word: sign.glyph for word, sign in JOB_SIGNS.items()}),
        (1, {state.value: sign.glyph for state, sign in STATE_SIGNS.items()}),
    ],
    ids=["job", "run"],
)
def test_every_sign_and_no_other_is_documented(number: int, glyphs: Mapping[str, str]) -> None:
    """With the word that the screen shows next to it."""
    assert signs(number) == {glyph: word for word, glyph in glyphs.items()}


def test_every_column_of_the_jobs_is_documented_in_order() -> None:
    """By the titles on the screen: first the usual ones, then the others."""
    titles = [title for heading in ("The jobs", "Columns") for title, _ in PAGE.table(heading)]
    assert titles == [column.title for column in JOB_COLUMNS]
    assert len(PAGE.table("The jobs")) == len(COLUMN_SET.default)


def test_the_documented_look_is_right(tmp_path: Path) -> None:
    """It sets every key."""
    example = PAGE.text.partition("## The saved look")[2].partition("```text\n")[2].partition("```")[0]
    file = tmp_path / "dashboard.toml"
    file.write_text(example)
    known = {"sort": SORT_KEYS, "columns": COLUMN_SET.known, "view": VIEWS}
    look, problem = LookFile(file).read(known)
    assert problem == ""
    assert [line.partition(" = ")[0] for line in example.splitlines()] == [
        field.name for field in fields(look)
    ]


def test_documented_panes_have_the_number_of_their_key() -> None:
    """The two tables agree."""
    panes = dict(title.split() for title, _ in PAGE.table("The panes"))
    keys = {code_words(key)[0]: text for key, text in PAGE.table("Jobs and runs")}
    assert {number: keys[number] for number in panes} == {
        number: f"moves to the pane {name}" for number, name in panes.items()
    }
