"""docs/keys.md has every action that may have another key, with its keys, and no other."""

from __future__ import annotations

from pathlib import Path

from support.doc_pages import code_words, page

from jobtui.settings.key_settings import read_key_file
from jobtui.settings.settings import read_settings
from jobtui.tui.keymap import ACTIONS, check_keymap

PAGE = page("docs/keys.md")


def rows() -> dict[str, str]:
    """Return the line of each action, as the page should have it."""
    return {
        action: f"| `{action}` | {', '.join(f'`{key}`' for key in each.key.split(','))} "
        f"| {(each.tooltip or each.description).replace('|', chr(92) + '|')} |"
        for action, each in ACTIONS.items()
    }


def test_the_page_lists_every_action_with_its_keys() -> None:
    """The message of a failure has the lines to put into the page."""
    section = PAGE.section("Actions").splitlines()
    assert [line for line in rows().values() if line not in section] == []


def test_the_page_lists_no_other_action() -> None:
    assert {code_words(cells[0])[0] for cells in PAGE.table("Actions")} - set(ACTIONS) == set()


def test_the_examples_of_the_page_are_valid(tmp_path: Path) -> None:
    """Those of the user's own file and of a project."""
    for block in PAGE.blocks:
        file = tmp_path / block.file_name
        file.write_text(block.text, encoding="utf-8")
        keys = read_key_file(file) if file.name == "keys.toml" else read_settings(file).keys
        assert check_keymap(keys)
