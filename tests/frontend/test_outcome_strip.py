"""Tests of the strip of a job's latest outcomes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from support.snapshots import make_job

from jobtui.engine.enums import FINAL_STATES, RunState
from jobtui.engine.views import Duration
from jobtui.frontend.formatting import STATE_SIGNS
from jobtui.frontend.outcome_strip import outcome_strip

OK, FAILED, SKIPPED = RunState.OK, RunState.FAILED, RunState.SKIPPED


def strip_of(states: Sequence[RunState], seconds: Sequence[float | None], length: int = 20) -> str:
    """Return the text of the strip of a job with these endings."""
    durations = tuple(None if each is None else Duration(each) for each in seconds)
    job = make_job(recent=tuple(states), recent_durations=durations)
    return "".join(text for text, _ in outcome_strip(job, length))


@pytest.mark.parametrize(
    ("factor", "bar"),
    [(1.0, "▃"), (2.0, "▅"), (4.0, "▇"), (1.5, "▄"), (0.5, "▁"), (0.001, "▁"), (1000.0, "█")],
)
def test_a_bar_is_as_high_as_the_run_was_long_beside_the_median(factor: float, bar: str) -> None:
    assert strip_of([OK] * 4, [60, 60, 60, 60 * factor])[-1] == bar


def test_differences_of_a_few_milliseconds_do_not_show() -> None:
    assert strip_of([OK] * 4, [0.0001, 0.0002, 0.0001, 0.002]) == "▃▃▃▃"


@pytest.mark.parametrize("state", [state for state in FINAL_STATES if state is not OK])
def test_an_outcome_other_than_ok_is_its_sign(state: RunState) -> None:
    job = make_job(recent=(OK, state), recent_durations=(Duration(1.0), None))
    sign = STATE_SIGNS[state]
    assert outcome_strip(job) == (("▃", "ok"), (sign.glyph, sign.tone))


def test_a_failed_run_does_not_count_for_the_median() -> None:
    assert strip_of([FAILED, FAILED, OK], [600.0, 600.0, 1.0]) == "✗✗▃"


def test_a_narrow_strip_has_the_latest_outcomes() -> None:
    assert strip_of([FAILED, OK, OK, SKIPPED], [1.0, 1.0, 1.0, None], 2) == "▃↷"


def test_outcomes_without_durations_are_bars_of_one_height() -> None:
    """The API of an older scheduler does not send them."""
    assert strip_of([OK, OK], []) == "▃▃"


def test_a_job_that_has_not_run_has_an_empty_strip() -> None:
    assert outcome_strip(make_job(recent=(), recent_durations=())) == ()
