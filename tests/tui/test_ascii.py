"""The dashboard in ASCII: every sign has a form, and no other character is painted except texts of users."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from rich.cells import cell_len
from support import snapshots
from support.app_driver import async_test, running_app
from support.drawn_texts import drawn_texts
from support.scripted_backend import ScriptedBackend

from jobtui.engine.enums import FINAL_STATES, RunState
from jobtui.frontend.ascii_signs import ASCII_FORMS, ascii_signs
from jobtui.frontend.formatting import JOB_SIGNS, STATE_SIGNS
from jobtui.frontend.outcome_strip import BARS
from jobtui.frontend.output_signs import NEW_OUTPUT, SILENT
from jobtui.frontend.run_page import SPAN_SIGNS
from jobtui.frontend.text_lines import CLOSED, OPEN
from jobtui.tui.ascii_filter import AsciiFilter
from jobtui.tui.display import Display
from jobtui.tui.widgets.line_table import CHOSEN_MARK, FOCUSED_MARK, UNFOCUSED_MARK

SCREENS: dict[str, Sequence[str]] = {
    "dashboard": (),
    "filter": ("slash", "x"),
    "job": ("enter",),
    "run": ("4", "enter"),
    "output": ("o",),
    "timeline": ("5",),
    "history": ("h",),
    "why": ("w",),
    "help": ("question_mark",),
    "pause": ("p",),
    "schedule": ("e",),
    "quit": ("q",),
    "palette": ("ctrl+p",),
}


def test_every_sign_in_the_code_has_an_ascii_form() -> None:
    """Add a missing one to `jobtui/frontend/ascii_signs.py`."""
    not_drawn = "\ufe0e\ufe0f\u200d" + "".join(map(chr, range(0x1F3FB, 0x1F400)))  # removed from all texts
    missing = {
        (character, place)
        for text, place in drawn_texts()
        for character in text
        if not character.isascii() and ord(character) not in ASCII_FORMS and character not in not_drawn
    }
    assert not missing


def test_every_form_is_ascii_and_as_wide_as_its_sign() -> None:
    assert all(form.isascii() and len(form) == cell_len(chr(code)) for code, form in ASCII_FORMS.items())


@pytest.mark.parametrize(
    "signs",
    [
        [FOCUSED_MARK, UNFOCUSED_MARK, CHOSEN_MARK, STATE_SIGNS[RunState.RUNNING].glyph],
        [STATE_SIGNS[RunState.OK].glyph, OPEN, CLOSED, STATE_SIGNS[RunState.RUNNING].glyph],
        [*(SPAN_SIGNS[span][0] for span in ("late", "held", "queued", "ran", "between attempts"))],
        [NEW_OUTPUT, SILENT, CHOSEN_MARK, "!"],
        [sign.glyph for sign in JOB_SIGNS.values()],
        [sign.glyph for sign in STATE_SIGNS.values()],
        [*BARS, *(STATE_SIGNS[state].glyph for state in FINAL_STATES if state is not RunState.OK)],
    ],
    ids=["cursor", "folds", "parts of a run", "after a name", "jobs", "runs", "outcomes"],
)
def test_signs_of_one_column_differ_in_ascii_too(signs: Sequence[str]) -> None:
    assert len({ascii_signs(sign) for sign in signs}) == len(signs)


@pytest.mark.parametrize(
    "sign",
    [NEW_OUTPUT, SILENT, STATE_SIGNS[RunState.TIMED_OUT].glyph, STATE_SIGNS[RunState.CANCELLED].glyph, "×"],  # noqa: RUF001 - of several ticks
)
def test_a_sign_that_may_touch_a_name_or_a_number_is_no_letter_or_digit_in_ascii(sign: str) -> None:
    assert not ascii_signs(sign).isalnum()


@async_test
async def test_keys_have_words_for_their_signs_in_ascii() -> None:
    """The enter key looked like a key for the left, and the arrow like the letter v."""
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend, (180, 70), display=Display(ascii=True)) as driver:
        assert driver.text.splitlines()[-1].strip().startswith("ent Open")
        await driver.press("R")
        assert "ent Run" in driver.text.splitlines()[-1]
        await driver.press("escape", "question_mark")
        assert "up k  Up" in driver.text
        assert "down j  Down" in driver.text


@async_test
async def test_a_form_in_ascii_names_the_key_to_the_next_field_with_a_word() -> None:
    backend = ScriptedBackend(snapshots.idle())
    backend.parameters = {"properties": {"n": {"type": "integer"}, "b": {"type": "boolean"}}}
    async with running_app(backend, display=Display(ascii=True)) as driver:
        await driver.press("R")
        assert "down Next" in driver.text.splitlines()[-1]
        await driver.press("down")
        assert "left/right Other" in driver.text.splitlines()[-1]


@pytest.mark.parametrize("screen", SCREENS)
@async_test
async def test_a_screen_in_ascii_has_no_other_character(screen: str) -> None:
    async with running_app(
        ScriptedBackend(snapshots.saturated()), stop=lambda _grace: None, display=Display(ascii=True)
    ) as driver:
        await driver.press(*SCREENS[screen])
        assert {character for character in driver.text if not character.isascii()} == set()
        assert "@ RUNNING" in driver.text or screen != "dashboard"


@async_test
async def test_ascii_leaves_the_texts_of_users_as_they_are() -> None:
    display = Display(ascii=True)
    snapshot = snapshots.make([snapshots.make_job("日本語 é ▶")])
    async with running_app(ScriptedBackend(snapshot), display=display) as driver:
        assert "日本語 é @" in driver.text


@async_test
async def test_a_terminal_with_another_encoding_gets_ascii_alone_without_an_option() -> None:
    """A character that takes two cells becomes two question marks, so that columns stay aligned."""
    snapshot = snapshots.make([snapshots.make_job("日本語 é")])
    async with running_app(ScriptedBackend(snapshot), display=Display(encoding="latin-1")) as driver:
        assert "?????? ? " in driver.text
        assert driver.text.isascii()


@pytest.mark.parametrize(
    ("encoding", "is_ascii"),
    [("utf-8", False), ("UTF8", False), (None, False), ("ANSI_X3.4-1968", True), ("no such encoding", True)],
)
def test_only_an_encoding_other_than_utf_8_chooses_ascii(encoding: str | None, is_ascii: bool) -> None:
    assert (AsciiFilter.for_terminal(encoding, wanted=False) is not None) is is_ascii
