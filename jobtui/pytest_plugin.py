"""The pytest plugin: the fixture ``simulated_scheduler`` and the marker ``simulated``.

pytest imports it in every environment where jobtui is installed, so it imports nothing of jobtui before a
test uses the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from jobtui.testing import SimulatedScheduler


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        "simulated(start, *, tz, ...): the arguments of `simulated_scheduler`; see jobtui.testing.simulated",
    )


@pytest.fixture
def simulated_scheduler(request: pytest.FixtureRequest) -> Iterator[SimulatedScheduler]:
    """A jobtui scheduler whose time passes when the test says so.

    Its clock starts at midnight of 2026-01-01, UTC. The marker changes start, zone and pool:
    ``@pytest.mark.simulated(start="2026-03-08T00:00", tz="America/New_York")``.
    """
    from jobtui.testing import simulated  # noqa: PLC0415 - loaded only for tests that use it

    marker = request.node.get_closest_marker("simulated")
    args, kwargs = (marker.args, marker.kwargs) if marker else ((), {})
    with simulated(*args, **kwargs) as scheduler:
        yield scheduler
