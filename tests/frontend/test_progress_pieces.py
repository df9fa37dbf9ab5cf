"""The bar, the part and the words of a run's progress."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support import snapshots
from support.scripted_backend import ScriptedBackend

from jobtui import Progress, RunState, RunView
from jobtui.engine.enums import Trigger
from jobtui.engine.typical_duration import TypicalDuration
from jobtui.frontend.job_facts import list_job_facts
from jobtui.frontend.progress import (
    RunEstimate,
    estimate_progress,
    estimate_runs,
    format_amount,
    progress_bar,
    progress_pieces,
    progress_text,
)

START = datetime(2026, 11, 27, 12, tzinfo=UTC)
USUAL = TypicalDuration(timedelta(seconds=10), timedelta(seconds=12), 20)


def run_with(progress: Progress | None) -> RunView:
    """Return a run that has reported a progress."""
    return RunView(
        number=1,
        job="import",
        trigger=Trigger.TICK,
        state=RunState.RUNNING,
        created=START,
        started=START,
        progress=progress,
    )


def reported(done: float, total: float | None = None, text: str = "", end: float | None = None) -> Progress:
    """Return a progress whose end is expected so many seconds after the start."""
    expected_end = None if end is None else START + timedelta(seconds=end)
    return Progress(done=done, total=total, text=text, since=START, expected_end=expected_end)


CLOSE = USUAL._replace(p95=timedelta(seconds=10.2))  # to the median


@pytest.mark.parametrize(
    ("progress", "usual", "seconds", "expected"),
    [
        (None, USUAL, 5, "█████░░░░░ 50% ~5.0s left"),
        (None, USUAL, 11, "█████████░ 99% nearly done"),
        (None, USUAL, 50, "██████████ +40s over"),
        (None, CLOSE, 10.5, "██████████ <1s over"),
        (None, None, 5, "for 5s"),
        (None, USUAL._replace(median=timedelta(seconds=1)), 1, "for 1s of ~1.0s"),
        (reported(40, 100, end=10), USUAL, 4, "████░░░░░░ 40% ~6.0s left  40/100"),
        (
            reported(40, 100, "page 40", end=75),
            USUAL,
            30,
            "████░░░░░░ 40% +20s over ~45s left  40/100  page 40",
        ),
        (reported(0, 100), None, 1, "░░░░░░░░░░  0%  0/100"),
        (reported(100, 100, end=5), None, 5, "██████████ 100% nearly done  100/100"),
        (reported(999, 1_000, end=5), None, 5, "█████████░ 99% nearly done  999/1000"),
        (reported(9, 10, end=10), USUAL, 11, "█████████░ 90% nearly done  9/10"),
        (reported(9, 10, end=10), USUAL, 19, "█████████░ 90% +9s over  9/10"),
        (reported(9, 10, end=12), USUAL, 13, "█████████░ 90% +3s over  9/10"),
        (reported(9, 10, end=10), None, 12, "█████████░ 90% nearly done  9/10"),
        (reported(9, 10, end=10), None, 19, "█████████░ 90%  9/10"),
        (reported(0.25, 1), None, 1, "██░░░░░░░░ 25%"),
        (reported(40, text="page 40"), None, 3, "40 done in 3s  page 40"),
        (reported(40), USUAL, 50, "40 done +40s over"),
        (reported(120, 100), None, 3, "██████████ 100%  120/100"),
    ],
)
def test_progress_is_shown_as_a_bar_with_words(
    progress: Progress | None, usual: TypicalDuration | None, seconds: float, expected: str
) -> None:
    now = START + timedelta(seconds=seconds)
    assert progress_text(progress_pieces(run_with(progress), usual, START, now)) == expected


def test_a_run_that_takes_longer_than_95_percent_is_amber() -> None:
    tones = {
        seconds: progress_pieces(run_with(reported(1, 2)), USUAL, START, START + timedelta(seconds=seconds))[
            0
        ][1]
        for seconds in (11, 13)
    }
    assert tones == {11: "running", 13: "waiting"}


def test_an_estimate_says_whether_the_code_has_reported() -> None:
    now = START + timedelta(seconds=5)
    by_clock = estimate_progress(None, USUAL, START, now)
    by_code = estimate_progress(run_with(reported(1, 4, end=20)), USUAL, START, now)
    assert (by_clock.fraction, by_clock.reported) == (0.5, None)
    assert (by_code.fraction, by_code.left) == (0.25, timedelta(seconds=15))
    assert by_code.reported is not None


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (0, "0"),
        (40.0, "40"),
        (0.25, "0.25"),
        (99_999, "99999"),
        (100_000, "100k"),
        (1_234_567, "1.23M"),
        (98_765_432, "98.8M"),
        (10**15, "1.00P"),
        (12.34, "12.3"),
    ],
)
def test_an_amount_has_at_most_six_characters(amount: float, expected: str) -> None:
    assert format_amount(amount) == expected


@pytest.mark.parametrize(("fraction", "expected"), [(0, "░░░░"), (0.5, "██░░"), (0.999, "███░"), (1, "████")])
def test_a_bar_is_full_only_when_all_is_done(fraction: float, expected: str) -> None:
    assert progress_bar(fraction, 4) == expected


def test_a_few_cells_have_a_shorter_bar_and_all_that_matters() -> None:
    now = START + timedelta(seconds=84)
    over = progress_pieces(run_with(reported(64, 100, end=126)), USUAL, START, now, 22)
    assert progress_text(over).startswith("███░░ 64% +1m14s over ~42s left")
    in_time = progress_pieces(run_with(reported(64, 100, end=126)), None, START, now, 22)
    assert progress_text(in_time).startswith("███░░░ 64% ~42s left")


@pytest.mark.parametrize("width", range(23, 40))
def test_the_bar_leaves_room_for_the_time_that_is_left(width: int) -> None:
    now = START + timedelta(seconds=275)
    pieces = progress_pieces(run_with(reported(25, 100, end=1_000)), None, START, now, width)
    assert progress_text(pieces[1:4]) == " 25% ~12m05s left"
    assert len(progress_text(pieces[:4])) == min(27, width)


def test_programs_read_the_progress_of_each_running_run() -> None:
    """Those of jobs that the snapshot does not know, too: they are not registered any more."""
    running = (
        replace(run_with(reported(40, 100, "page 40", end=75)), number=2),
        replace(run_with(None), number=3),
        replace(run_with(None), number=4, job="gone"),
    )
    job = snapshots.make_job("import", recent=(RunState.OK,) * 3, recent_durations=(9.0, 10.0, 12.0))
    snapshot = snapshots.make([job], running=running, at=START + timedelta(seconds=50))
    end = START + timedelta(seconds=75)
    over = timedelta(seconds=40)
    assert estimate_runs(snapshot) == [
        RunEstimate(
            run=2,
            job="import",
            fraction=0.4,
            expected_end=end,
            overtime=over,
            is_reported=True,
            text="40% +40s over ~25s left  40/100  page 40",
        ),
        RunEstimate(
            run=3,
            job="import",
            fraction=None,
            expected_end=None,
            overtime=over,
            is_reported=False,
            text="+40s over",
        ),
        RunEstimate(
            run=4,
            job="gone",
            fraction=None,
            expected_end=None,
            overtime=None,
            is_reported=False,
            text="for 50s",
        ),
    ]


@pytest.mark.parametrize(
    ("progress", "seconds", "is_known"),
    [
        (reported(9, 10, end=20), 19, True),
        (reported(9, 10, end=20), 21, False),
        (None, 9, True),
        (None, 11, False),
    ],
)
def test_no_expected_end_is_in_the_past(progress: Progress | None, seconds: float, is_known: bool) -> None:
    job = snapshots.make_job("import", recent=(RunState.OK,) * 3, recent_durations=(9.0, 10.0, 12.0))
    at = START + timedelta(seconds=seconds)
    [found] = estimate_runs(snapshots.make([job], running=(run_with(progress),), at=at))
    assert (found.expected_end is not None) is is_known
    assert found.expected_end is None or found.expected_end >= at


def test_the_status_of_a_job_has_the_progress_of_its_run() -> None:
    backend = ScriptedBackend(snapshots.progressing())
    snapshot = backend.snapshot()
    facts = {job.name: dict(list_job_facts(job, (), "", snapshot))["status"] for job in snapshot.jobs}
    assert facts["hash_folder"] == "▶ RUNNING  1.23M done in 3s  page 41"
    assert facts["compress_log"].endswith(" 64% +1m14s over ~42s left  640/1000  日本語の頁 640")
    assert facts["import_orders"] == "○ IDLE"
