"""The bar and the words for the progress of a run on the page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.snapshots import NOW, ended_run, running_run

from jobtui.engine.typical_duration import TypicalDuration
from jobtui.engine.views import Progress
from jobtui.web.pages.shown_progress import ShownProgress, show_progress

USUAL = TypicalDuration(timedelta(seconds=20), timedelta(seconds=30), 20)


def test_the_clock_moves_the_bar_if_the_code_reports_nothing() -> None:
    shown = show_progress(running_run(1, "a", 5), USUAL, NOW)
    assert shown == ShownProgress(0.25, "25% ~15s left", 20.0, 30.0)


def test_a_run_that_takes_too_long_has_a_full_bar_and_says_by_how_much() -> None:
    shown = show_progress(running_run(1, "a", 50), USUAL, NOW)
    assert shown == ShownProgress(1.0, "+30s over", 20.0, 30.0)


def test_the_code_of_a_run_moves_the_bar() -> None:
    run = replace(running_run(1, "a", 5), progress=Progress(done=40, total=100, text="page 40", since=NOW))
    shown = show_progress(run, USUAL, NOW)
    assert shown is not None
    assert (shown.fraction, shown.usual) == (0.4, 0.0)
    assert shown.text.startswith("40%")
    assert shown.text.endswith("page 40")


def test_amounts_without_a_total_have_no_bar() -> None:
    run = replace(running_run(1, "a", 5), progress=Progress(done=40, since=NOW))
    shown = show_progress(run, None, NOW)
    assert shown is not None
    assert (shown.fraction, shown.text) == (None, "40 done in 5s")


@pytest.mark.parametrize(
    "usual",
    [None, TypicalDuration(timedelta(seconds=1), timedelta(seconds=20), 20)],
    ids=["unknown", "short"],
)
def test_nothing_is_shown_without_knowledge_and_for_short_runs(usual: TypicalDuration | None) -> None:
    assert show_progress(running_run(1, "a", 5), usual, NOW) is None


def test_an_ended_run_has_no_progress() -> None:
    assert show_progress(ended_run(1, "a", 5), USUAL, NOW) is None
