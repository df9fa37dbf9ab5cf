"""The signal that something has changed, which the scheduler's threads send."""

from __future__ import annotations

from support import snapshots
from support.app_driver import async_test, quick_pilot
from support.scripted_backend import ScriptedBackend
from textual.message import Message

from jobtui.tui.app import JobtuiApp


@async_test
async def test_there_is_one_message_for_all_changes_until_the_next_snapshot() -> None:
    """A busy scheduler changes thousands of times a second, and the throttle delays most snapshots."""
    backend, posted = ScriptedBackend(snapshots.idle()), 0

    def count(message: Message) -> None:
        nonlocal posted
        posted += isinstance(message, JobtuiApp.Changed)

    with quick_pilot():
        async with JobtuiApp(backend).run_test(message_hook=count) as pilot:
            await pilot.pause()
            posted, before = 0, backend.snapshots_taken
            for _ in range(50):
                for notify in [*backend.listeners]:
                    notify()
                await pilot.pause(0)
            assert 0 < posted <= backend.snapshots_taken - before + 1


@async_test
async def test_a_change_after_a_snapshot_leads_to_another_one() -> None:
    backend = ScriptedBackend(snapshots.idle())
    with quick_pilot():
        async with JobtuiApp(backend).run_test() as pilot:
            for _ in range(3):
                before = backend.snapshots_taken
                for notify in [*backend.listeners]:
                    notify()
                while backend.snapshots_taken == before:
                    await pilot.pause()
