"""The dashboard in a process that jobtui has begun."""

from __future__ import annotations

import gc

import pytest
from support import snapshots
from support.app_driver import async_test, running_app
from support.scripted_backend import ScriptedBackend


def is_collected(value: object) -> bool:
    """Return whether garbage collections look at an object."""
    return any(each is value for each in gc.get_objects())


@pytest.mark.parametrize("owns_process", [True, False])
@async_test
async def test_collections_leave_out_what_was_there_when_the_first_screen_was_painted(
    owns_process: bool,
) -> None:
    """Each of these objects would keep the user waiting. A program of the user may drop its own."""
    existing: list[object] = [[]]
    async with running_app(ScriptedBackend(snapshots.idle()), owns_process=owns_process) as driver:
        if owns_process:
            await driver.until(lambda: not is_collected(existing))
        assert is_collected(existing) is not owns_process
        later: list[object] = [[]]
        assert is_collected(later)
