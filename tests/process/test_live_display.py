"""Displays of several lines that a program draws again and again, as rich does."""

from __future__ import annotations

import pytest

from jobtui.process.terminal_text import draw, terminal_line

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
LINE, UP = "\r\x1b[2K", "\x1b[1A\x1b[2K"


def shown(*texts: str) -> tuple[list[str], list[str]]:
    """Return the lines that are final after writing texts, and those that are drawn."""
    drawn, final = "", ""
    for text in texts:
        drawn, more = draw(drawn, text)
        final += more
    return lines_of(final), lines_of(drawn)


def lines_of(text: str) -> list[str]:
    return [terminal_line(line) for line in text.removesuffix("\n").split("\n") if text]


def test_only_the_latest_state_of_all_lines_is_drawn() -> None:
    assert shown(HIDE, f"{LINE}a 0", f"{LINE}a 1\nb 0", f"{LINE}{UP}a 2\nb 1") == ([], ["a 2", "b 1"])


def test_the_last_state_stays_when_the_cursor_is_shown() -> None:
    last = f"{LINE}{UP}a 9\nb 9\n{SHOW}"
    assert shown(HIDE, f"{LINE}a 0\nb 0", last, "next\n") == (["a 9", "b 9", "next"], [])


def test_nothing_stays_of_a_display_that_vanishes() -> None:
    last = f"{LINE}{UP}a 9\nb 9\n{SHOW}\r{UP}{UP}"
    assert shown(HIDE, f"{LINE}a 0\nb 0", last, "next\n") == (["next"], [])


def test_lines_printed_above_the_display_stay_each_once() -> None:
    texts = (f"{LINE}a 0\nb 0", f"{LINE}{UP}one\ntwo\na 1\nb 1", f"{LINE}{UP}three\na 1\nb 1")
    assert shown(HIDE, *texts) == (["one", "two"], ["three", "a 1", "b 1"])
    assert shown(HIDE, *texts, f"{LINE}{UP}a 2\nb 2") == (["one", "two", "three"], ["a 2", "b 2"])


def test_a_first_state_that_erases_nothing_belongs_to_the_display() -> None:
    assert shown(HIDE, "a 0\nb 0", f"{LINE}{UP}a 1\nb 1") == ([], ["a 1", "b 1"])


def test_a_line_of_another_writer_is_final_at_once() -> None:
    assert shown(HIDE, f"{LINE}a 0\nb 0", "record\n") == (["record"], ["a 0", "b 0"])
    assert shown(HIDE, "record\n", f"{LINE}a 0") == (["record"], ["a 0"])


def test_a_line_that_another_writer_has_begun_waits_for_its_end() -> None:
    texts = (HIDE, f"{LINE}a 0\nb 0", "one", f"{LINE}{UP}a 1\nb 1", " line\ntwo")
    assert shown(*texts) == (["one line"], ["a 1", "b 1two"])
    assert shown(*texts, "\n", "\n") == (["one line", "two", ""], ["a 1", "b 1"])
    assert shown(*texts, f"{LINE}{UP}a 9\nb 9\n{SHOW}", "\n") == (["one line", "a 9", "b 9", "two"], [])
    assert shown(*texts, "") == (["one line", "a 1", "b 1", "two"], [])


def test_a_line_of_another_writer_that_does_not_end_is_not_held_for_ever() -> None:
    final, drawn = shown(HIDE, f"{LINE}a 0", "." * 15_000, "." * 15_000)
    assert final == ["." * 30_000]
    assert drawn == ["a 0"]


def test_a_program_that_only_hides_the_cursor_prints_as_usual() -> None:
    assert shown(HIDE, "one\n", "two", " and three\n", "four\n") == (["one", "two and three", "four"], [])


def test_a_display_of_which_the_beginning_is_unknown_is_followed() -> None:
    texts = (f"{LINE}{UP}printed\na 1\nb 1", f"{LINE}{UP}again\na 2\nb 2")
    assert shown(*texts) == (["printed"], ["again", "a 2", "b 2"])


def test_a_display_that_is_not_ended_stays_at_the_end() -> None:
    assert shown(HIDE, f"{LINE}a 0\nb 0", "") == (["a 0", "b 0"], [])


@pytest.mark.parametrize("texts", [[HIDE], [HIDE, f"{LINE}a 0", LINE], [HIDE, f"{LINE}a", f"{LINE}\x1b[0m"]])
def test_nothing_stays_of_an_empty_display(texts: list[str]) -> None:
    assert shown(*texts, "") == ([], [])


def test_a_long_text_above_the_display_is_final_at_once() -> None:
    lines = [f"line {number}" for number in range(5_000)]
    text = "\n".join([f"{LINE}{UP}{lines[0]}", *lines[1:], "a 1", "b 1"])
    assert shown(HIDE, f"{LINE}a 0\nb 0", text) == (lines, ["a 1", "b 1"])


def test_a_second_display_begins_with_nothing_of_the_first() -> None:
    assert shown(HIDE, f"{LINE}a 0", HIDE, f"{LINE}b 0") == (["a 0"], ["b 0"])
