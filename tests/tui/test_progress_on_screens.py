"""Every place that shows the progress of a run says the same at one instant."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support import snapshots
from support.app_driver import async_test, running_app
from support.scripted_backend import ScriptedBackend

from jobtui.engine.enums import JobStatus, RunState
from jobtui.engine.typical_duration import typical_duration
from jobtui.engine.views import Progress, Snapshot
from jobtui.frontend.now_next import live_runs, now_next
from jobtui.frontend.progress import estimate_runs
from jobtui.web.pages.shown_progress import show_progress

HUGE = (180, 50)
OK, FAILED = RunState.OK, RunState.FAILED
PROGRESS = Progress(
    done=64, total=100, text="page 64", since=snapshots.ago(50), expected_end=snapshots.ahead(28)
)


def running(durations: tuple[float | None, ...], states: tuple[RunState, ...], **run: Any) -> Snapshot:
    """Return a snapshot whose only job runs since 50 seconds, and whose runs took so long before."""
    job = snapshots.make_job(
        "import",
        status=JobStatus.RUNNING,
        running=1,
        prev=snapshots.ago(50),
        recent=states,
        recent_durations=durations,
    )
    return snapshots.make([job], running=[snapshots.running_run(7, "import", 50, **run)])


CASES = {
    "20 OK runs": (running((10.0,) * 20, (OK,) * 20), "+40s over"),
    "one OK run": (running((10.0,), (OK,)), "+40s over"),
    "in time": (running((200.0,) * 20, (OK,) * 20), "25% ~2m30s left"),
    "a skipped tick": (running((10.0, None), (OK, RunState.SKIPPED)), "+40s over"),
    "one OK run among failures": (running((1.0, 10.0, 1.0), (FAILED, OK, FAILED)), "+40s over"),
    "the second attempt": (running((10.0,), (OK,), attempt=2, attempts=3), "+40s over"),
    "reported, in time": (running((200.0,), (OK,), progress=PROGRESS), "64% ~28s left"),
    "reported, over": (running((10.0,), (OK,), progress=PROGRESS), "64% +40s over"),
}


@pytest.mark.parametrize("case", CASES)
@async_test
async def test_all_places_agree_on_the_progress_of_a_run(case: str) -> None:
    """The list of jobs, the pane, the drawer, the pages of the job and of the run, the web page, programs."""
    snapshot, text = CASES[case]
    [job], [run] = snapshot.jobs, snapshot.running
    is_over = "over" in text
    [estimate] = estimate_runs(snapshot)
    assert estimate.text.startswith(text)
    assert (estimate.overtime is not None) == is_over
    pieces = now_next(job, live_runs(snapshot)[job.name], snapshot.at, 40)
    assert text in "".join(part for part, _ in pieces)
    assert pieces[0][1] == ("waiting" if is_over else "running")
    shown = show_progress(run, typical_duration(job), snapshot.at)
    assert shown is not None
    assert shown.text == estimate.text
    async with running_app(ScriptedBackend(snapshot), size=HUGE) as driver:
        assert text in driver.lines(driver.table())[1]
        assert text in driver.lines(driver.table("running"))[0]
        assert text in driver.lines(driver.screen.query_one("#drawer"))[0]
        await driver.press("enter")
        assert text in driver.text
        await driver.press("escape", "1", "enter")
        assert text in driver.text


@async_test
async def test_a_job_that_has_never_been_ok_has_only_its_age() -> None:
    """The duration of a run that fails says nothing about those that do not."""
    snapshot = running((1.0,) * 20, (FAILED,) * 20)
    [estimate] = estimate_runs(snapshot)
    assert (estimate.text, estimate.fraction, estimate.overtime) == ("for 50s", None, None)
    async with running_app(ScriptedBackend(snapshot), size=HUGE) as driver:
        assert "for 50s" in driver.lines(driver.table())[1]
        assert not re.search("[█░]", driver.lines(driver.table("running"))[0])
