"""Tests of the key `t`, which shows where a run is."""

from dataclasses import replace

import pytest
from support import snapshots
from support.app_driver import AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend

from jobtui.engine.enums import RunState
from jobtui.engine.views import RunStack, StackFrame
from jobtui.tui.screens.stack_screen import StackScreen, innermost_first

SLOW = "jj"  # the keys from the first row of Running to the slow run, below two that were abandoned


def make_backend() -> ScriptedBackend:
    """Return a backend with a slow run, whose stack is known."""
    backend = ScriptedBackend(snapshots.overtime())
    backend.stacks[870] = snapshots.stack()
    return backend


async def read_again(driver: AppDriver) -> None:
    """Let the screen read the stack once more, as it does each second."""
    screen = driver.screen
    assert isinstance(screen, StackScreen)
    screen.request_stack()
    await driver.press()


@async_test
async def test_t_on_a_running_run_shows_its_stack_and_closes_with_escape() -> None:
    async with running_app(make_backend()) as driver:
        await driver.press("1", *SLOW, "t")
        assert "Stack: compress_log #870" in driver.text
        assert "RUNNING on worker-1" in driver.text
        assert "/srv/shop/jobs.py:41 in compress_log" in driver.text
        assert "reply = pipe.recv(4096)" in driver.text
        await driver.press("escape")
        assert "Stack: " not in driver.text


@async_test
async def test_the_stack_is_read_again_while_it_is_looked_at() -> None:
    backend = make_backend()
    async with running_app(backend) as driver:
        await driver.press("1", *SLOW, "t")
        [frame, *_] = snapshots.stack().frames
        backend.stacks[870] = replace(snapshots.stack(), frames=(replace(frame, source="flush(log)"),))
        await read_again(driver)
        assert "flush(log)" in driver.text
        del backend.stacks[870]
        await read_again(driver)
        assert "it does not run any more" in driver.text


@async_test
async def test_t_on_a_job_shows_the_stack_of_its_run() -> None:
    async with running_app(make_backend()) as driver:
        names = [job.name for job in driver.backend.snapshot().jobs]
        await driver.press(*"j" * names.index("compress_log"), "t")
        assert "Stack: compress_log #870" in driver.text


@async_test
async def test_t_shows_the_stack_of_an_abandoned_run() -> None:
    snapshot = snapshots.overtime()
    stuck = replace(snapshot.running[0], state=RunState.TIMED_OUT, ended=snapshots.ago(5))
    backend = ScriptedBackend(replace(snapshot, running=snapshot.running[1:], abandoned=(stuck,)))
    backend.stacks[870] = replace(snapshots.stack(), state=RunState.TIMED_OUT)
    async with running_app(backend) as driver:
        names = [job.name for job in snapshot.jobs]
        await driver.press(*"j" * names.index("compress_log"), "t")
        assert "TIMED_OUT on worker-1" in driver.text


@async_test
async def test_abandoned_runs_are_listed_above_the_running_ones_and_t_shows_their_stacks() -> None:
    backend = make_backend()
    backend.stacks[851] = replace(snapshots.stack(), number=851, state=RunState.TIMED_OUT)
    async with running_app(backend) as driver:
        assert "1 Running 4 +2 abandoned" in driver.text
        await driver.press("1", "t")
        assert "Stack: import_orders #851" in driver.text
        assert "TIMED_OUT on worker-1" in driver.text
        await driver.press("escape", "enter")
        assert "its work goes on" in driver.text


@async_test
async def test_x_on_an_abandoned_run_says_that_nothing_can_stop_it() -> None:
    async with running_app(make_backend()) as driver:
        await driver.press("1", "x")
        assert ("warning", "it has ended, and Python cannot stop its thread") in driver.toasts


@pytest.mark.parametrize(
    ("keys", "what"),
    [(("t",), "refresh_cache"), (("4", "t"), "run 871"), (("4", *"jjjjjj", "t"), "a tick")],
)
@async_test
async def test_t_without_a_running_run_says_so(keys: tuple[str, ...], what: str) -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press(*keys)
        assert ("warning", f"{what} does not run now, so it has no stack") in driver.toasts


def deep_stack(last: int) -> RunStack:
    """Return a stack that is much higher than the screen."""
    frames = [
        StackFrame(file="/srv/shop/jobs.py", line=number, function="walk", source=f"walk({number})")
        for number in range(1, last + 1)
    ]
    return replace(snapshots.stack(), frames=tuple(frames))


@async_test
async def test_the_line_that_runs_is_the_first_frame_and_stays_in_view_until_the_user_scrolls() -> None:
    backend = make_backend()
    backend.stacks[870] = deep_stack(50)
    async with running_app(backend) as driver:
        await driver.press("1", *SLOW, "t")
        assert driver.text.index("walk(50)") < driver.text.index("walk(49)")
        assert "walk(1)" not in driver.text
        backend.stacks[870] = deep_stack(60)
        await read_again(driver)
        assert "walk(60)" in driver.text
        await driver.press("pagedown")
        assert "walk(60)" not in driver.text
        await read_again(driver)
        assert "walk(60)" not in driver.text


def test_the_frames_of_awaited_tasks_come_before_those_of_the_task_that_waits() -> None:
    """Each group below the remark that names its task; a remark without frames is the last line."""
    texts = [
        "main",
        "[12 frames left out]",
        "gather",
        "[it waits for Task-2]",
        "fetch",
        "read",
        "[Task-2 waits for Task-3]",
        "recv",
        "[more tasks left out]",
    ]
    frames = [StackFrame(file="" if text[0] == "[" else "jobs.py", source=text) for text in texts]
    assert [frame.source for frame in innermost_first(frames)] == [
        "[Task-2 waits for Task-3]",
        "recv",
        "[it waits for Task-2]",
        "read",
        "fetch",
        "gather",
        "[12 frames left out]",
        "main",
        "[more tasks left out]",
    ]
