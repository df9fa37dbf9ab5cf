"""No text of the dashboard names a key, which the user may have changed: it asks for the key of an action."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import jobtui
from jobtui.frontend.sign_help import SIGNS
from jobtui.tui.keymap import ACTIONS

PACKAGE = Path(jobtui.__file__).parent
# These define the keys, or check those that a user sets.
ABOUT_KEYS = {"app_keys.py", "key_footer.py", "key_names.py", "keymap.py"}
# A key by its name; or a character before a verb: "u undoes it", "earlier: m".
NAMES_KEY = re.compile(
    r"(?!tab$)\b(enter|esc|escape|tab|space|pageup|pagedown|ctrl\+\w+|shift\+\w+|alt\+\w+)\b"
    r"|(?:^|[\s;,(])(?!a |: )[a-zA-Z0-9/?:*] (?!is\b|means\b|jobs\b)[a-z]+s\b"
    r"|[a-z]: [a-zA-Z/?*] ?$"
)


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the strings outside of bindings and docstrings, with their lines."""
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Binding":
            skipped.update(ast.walk(node))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(node.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped:
            yield node.lineno, node.value


def modules() -> list[Path]:
    found = [*PACKAGE.glob("tui/**/*.py"), *PACKAGE.glob("frontend/*.py")]
    return sorted(each for each in found if each.name not in ABOUT_KEYS)


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_text_of_the_dashboard_names_a_key(path: Path) -> None:
    """Use `key_of(self, "job.run")`, which also knows the keys that the user has set."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [(line, text) for line, text in texts(tree) if NAMES_KEY.search(text)] == []


def test_no_sign_is_explained_with_a_key() -> None:
    assert [text for signs in SIGNS.values() for _, text in signs if NAMES_KEY.search(text)] == []


@pytest.mark.parametrize(
    "text", ["; u undoes it", "enter opens", "0 moves to them", " earlier: m ", "searching: esc ends it"]
)
def test_the_search_finds_texts_that_name_a_key(text: str) -> None:
    assert NAMES_KEY.search(text)


def test_every_action_whose_key_a_text_asks_for_exists() -> None:
    """By the literal ids in the code."""
    asked = {
        node.args[-1].value
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and node.args
        and isinstance(node.args[-1], ast.Constant)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) in ("key_of", "_key")
    }
    assert len(asked) > 20
    assert asked - set(ACTIONS) == set()
