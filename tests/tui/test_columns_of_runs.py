"""The cells of the tables of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from support import snapshots

from jobtui.engine.enums import RunState
from jobtui.engine.views import Progress, RunView
from jobtui.frontend.now_next import queued_for
from jobtui.tui.widgets.columns_of_runs import RECENT_COLUMNS, running_columns, waiting_columns
from jobtui.tui.widgets.line_table import Column


def text_of(columns: Sequence[Column[RunView]], key: str, run: RunView, width: int = 30) -> str:
    """Return the text of the cell of a run."""
    [column] = [column for column in columns if column.key == key]
    return "".join(text for text, _ in column.content(run, snapshots.NOW, width))


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (snapshots.waiting_run(8, "a", 3), "for a slot"),
        (snapshots.waiting_run(8, "a", 3, reason="waits for run 7"), "for a slot"),
        (snapshots.waiting_run(8, "a", 3, RunState.HELD, reason="waits for run 7"), "behind run 7"),
    ],
    ids=["queued", "held before", "held"],
)
def test_a_waiting_run_says_what_it_waits_for(run: RunView, expected: str) -> None:
    columns = waiting_columns(lambda run: queued_for(run, snapshots.saturated()))
    assert text_of(columns, "reason", run) == expected


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (snapshots.ended_run(866, "a", 3), "#866"),
        (snapshots.ended_ticks("a", 3, RunState.SKIPPED, "still running"), ""),
        (snapshots.ended_ticks("a", 3, RunState.SKIPPED, "still running", ticks=3), "×3"),  # noqa: RUF001 - the sign
    ],
    ids=["run", "one tick", "ticks"],
)
def test_the_number_of_an_ending_is_never_cut(run: RunView, expected: str) -> None:
    assert text_of(RECENT_COLUMNS, "number", run) == expected


def test_a_running_run_that_was_asked_to_stop_says_so_in_place_of_its_progress() -> None:
    """Also if nothing is known of its progress."""
    columns = running_columns(lambda _: None)
    run = snapshots.running_run(870, "a", 3)
    assert text_of(columns, "progress", run, 36) == ""
    run = replace(run, reason="asked to stop at 12:00:03: cancelled")
    assert text_of(columns, "progress", run, 17) == "asked to stop"
    assert text_of(columns, "progress", run, 40) == run.reason


@pytest.mark.parametrize("width", range(17, 60))
def test_the_words_of_a_progress_are_whole_or_left_out(width: int) -> None:
    """Only the text of the code is cut, and only if enough of it is left."""
    progress = Progress(
        done=40, total=100, text="page 40 of the catalogue", since=snapshots.NOW, expected_end=None
    )
    run = replace(snapshots.running_run(870, "a", 3), progress=progress)
    run = replace(run, progress=replace(progress, expected_end=snapshots.NOW + timedelta(seconds=725)))
    text = text_of(running_columns(lambda _: None), "progress", run, width)
    words = " 40% ~12m05s left  40/100  page 40 of the catalogue"
    shown = text.lstrip("█░")
    assert len(text) <= width
    if shown.endswith("…"):
        assert words.startswith(shown[:-1])
        assert len(shown) >= len(" 40% ~12m05s left  40/100") + 8
    else:
        assert shown in (" 40%", " 40% ~12m05s left", " 40% ~12m05s left  40/100", words)
