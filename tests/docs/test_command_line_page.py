"""docs/command-line.md has the usage of every command, and the exit statuses."""

from __future__ import annotations

from support.doc_pages import page

from jobtui.cli.parsers import PARSERS
from jobtui.cli.steer import FAILED, OTHER_ENDING, status_of
from jobtui.engine.enums import RunState

PAGE = page("docs/command-line.md")


def test_the_documented_usage_is_that_of_the_help_of_each_command() -> None:
    """The order may differ."""
    [block] = PAGE.in_language("text")
    documented = [line.split() for line in block.text.splitlines()]
    lines: list[list[str]] = []
    for make_parser in PARSERS.values():
        usage = make_parser().format_usage().removeprefix("usage: ")
        lines += [line.split() for line in usage.splitlines() if line.strip()]
    assert sorted(documented) == sorted(map(list, set(map(tuple, lines))))


def test_the_documented_exit_statuses_of_runs_are_those_of_the_command() -> None:
    """0, 1 and 3."""
    text = PAGE.text.partition("## Exit status")[2]
    assert [status_of(state) for state in (RunState.OK, RunState.FAILED, RunState.LOST)] == [0, 1, 3]
    assert f"\n| {FAILED} | `history`" in text
    assert f"\n| {OTHER_ENDING} | `run --wait`: the run ended otherwise" in text
