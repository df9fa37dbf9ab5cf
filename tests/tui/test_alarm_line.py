"""The line in the header that says what is wrong."""

from __future__ import annotations

from support import snapshots
from support.app_driver import async_test, running_app
from support.scripted_backend import ScriptedBackend


@async_test
async def test_the_line_appears_with_the_first_failure_and_then_stays_in_its_place() -> None:
    """The rows below it would jump with each run that fails or is OK."""
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        assert "0 Jobs" in driver.text.splitlines()[2]
        await driver.show_snapshot(snapshots.saturated())
        assert "import_orders failed at 10:24:04: KeyError: 'amount'" in driver.text.splitlines()[2]
        await driver.show_snapshot(snapshots.idle())
        assert "the alarm is over" in driver.text.splitlines()[2]
        assert "0 Jobs" in driver.text.splitlines()[3]
        await driver.show_snapshot(snapshots.saturated())
        assert "import_orders failed" in driver.text.splitlines()[2]
