"""Marked jobs: keys act on all of them, after one question where it cannot be undone; and `u`."""

from __future__ import annotations

import re

import pytest
from support import snapshots
from support.app_driver import async_test, running_app
from support.scripted_backend import ScriptedBackend

from jobtui import Scheduler
from jobtui.frontend.local_backend import LocalBackend
from jobtui.tui.screens.confirm import ConfirmScreen


@async_test
async def test_space_marks_a_job_and_moves_on_and_again_removes_the_mark() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("space", "space")
        assert "2 marked" in driver.text
        lines = driver.lines(driver.table())
        assert [line[:2] for line in lines[1:4]] == [" ◆", " ◆", "▸ "]
        await driver.press("k", "space")
        assert "1 marked" in driver.text


@async_test
async def test_asterisk_marks_all_jobs_that_are_shown_and_again_none() -> None:
    """A marked job that the filter hides stays marked, and the title says so."""
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("space", "slash", *"report", "enter", "asterisk")
        assert "2 marked, 1 of them hidden" in driver.text
        await driver.press("asterisk")
        assert "1 marked, 1 of them hidden" in driver.text


@async_test
async def test_escape_removes_the_marks_after_the_filter() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("space", "slash", *"cache", "enter", "escape")
        assert "1 marked" in driver.text
        await driver.press("escape")
        assert "marked" not in driver.text


@async_test
async def test_r_runs_all_marked_jobs_after_a_question_that_counts_them() -> None:
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("space", "space", "r")
        assert "Run 2 marked jobs now?" in driver.text
        assert "They are refresh_cache, hash_folder." in driver.text
        await driver.press("n")
        assert backend.commands == []
        await driver.press("r", "y")
        assert backend.commands == [("run", "refresh_cache"), ("run", "hash_folder")]
        assert driver.toasts == [("information", "▶ 2 jobs: runs 900, 900")]


@async_test
async def test_a_question_about_one_marked_job_names_that_job_alone() -> None:
    async with running_app(ScriptedBackend(snapshots.saturated())) as driver:
        await driver.press("space", "r")
        assert "Run 1 marked job now?" in driver.text
        assert "It is refresh_cache." in driver.text
        await driver.press("n", "p")
        assert "Pause refresh_cache?" in driver.text
        assert "Its ticks start no runs until the pause ends." in driver.text
        assert "p  until you resume it" in driver.text
        await driver.press("escape", "x")
        assert "Cancel run 883 of refresh_cache?" in driver.text
        assert "They are" not in driver.text


@async_test
async def test_p_pauses_the_marked_jobs_that_are_active_and_else_resumes_them() -> None:
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await driver.press("space", "space", "p")
        assert "Pause 2 jobs?" in driver.text
        assert "Their ticks start no runs until the pause ends." in driver.text
        assert "p  until you resume them" in driver.text
        await driver.press("p")
        assert backend.commands == [("pause", "refresh_cache"), ("pause", "hash_folder")]
    backend = ScriptedBackend(snapshots.paused())
    async with running_app(backend) as driver:
        await driver.press("space", "space", "p")
        assert [command for command, *_ in backend.commands] == ["resume", "resume"]


@pytest.mark.parametrize("key", ["x", "X"])
@async_test
async def test_x_and_upper_x_cancel_a_run_of_each_marked_job_after_one_question(key: str) -> None:
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend) as driver:
        await driver.press("asterisk", key)
        assert isinstance(driver.screen, ConfirmScreen)
        assert re.search(r"Cancel \d runs of marked jobs\?", driver.text)
        assert backend.commands == []
        await driver.press("n", key, "y")
        cancelled = [number for _, number in backend.commands]
        assert len(cancelled) == len(set(cancelled)) > 1


@pytest.mark.parametrize(("key", "asks"), [("x", True), ("X", False)])
@async_test
async def test_upper_x_cancels_the_only_run_of_the_marked_jobs_without_a_question(
    key: str, asks: bool
) -> None:
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend) as driver:
        await driver.press("space", key)
        assert isinstance(driver.screen, ConfirmScreen) is asks
        assert backend.commands == ([] if asks else [("cancel", 883)])


@pytest.mark.parametrize("key", ["x", "X"])
@async_test
async def test_a_key_to_cancel_says_that_the_marked_jobs_have_no_run(key: str) -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("space", key)
        assert driver.toasts == [("warning", "no run of the marked jobs waits or runs")]


@async_test
async def test_upper_x_cancels_the_selected_run_without_a_question() -> None:
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend) as driver:
        await driver.press("1", "X")
        assert [command for command, *_ in backend.commands] == ["cancel"]


@async_test
async def test_keys_act_on_the_row_of_a_pane_that_has_the_focus_and_not_on_marked_jobs() -> None:
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend) as driver:
        await driver.press("asterisk", "1", "X")
        assert len(backend.commands) == 1
        await driver.press("space")
        assert driver.toasts[-1] == ("warning", "only jobs can be marked; 0 moves to them")


@async_test
async def test_the_mark_of_a_job_that_was_removed_is_forgotten() -> None:
    snapshot = snapshots.idle()
    async with running_app(ScriptedBackend(snapshot)) as driver:
        await driver.press("space", "space")
        await driver.show_snapshot(snapshots.make(snapshot.jobs[1:]))
        assert "1 marked" in driver.text


@async_test
async def test_u_takes_back_the_latest_change_and_then_the_one_before() -> None:
    scheduler = Scheduler(tz="UTC", pool=4)
    scheduler.schedule("@yearly", print, name="work")

    def state() -> tuple[bool, int]:
        snapshot = scheduler.snapshot()
        return snapshot.jobs[0].paused_since is not None, snapshot.pool.size

    with scheduler:
        async with running_app(LocalBackend(scheduler, "jobs.py")) as driver:
            await driver.press("p", "p", "plus")
            assert driver.toasts[-1] == ("information", "pool: 5 runs at once; u undoes it")
            assert state() == (True, 5)
            await driver.press("u")
            assert state() == (True, 4)
            await driver.press("u")
            assert state() == (False, 4)
            assert driver.toasts[-1] == ("information", "undone: work resumed")
            await driver.press("u")
            assert driver.toasts[-1][1].startswith("nothing to undo")
