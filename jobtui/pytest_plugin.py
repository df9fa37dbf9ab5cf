"""What pytest finds where jobtui is installed: the fixture ``simulated_scheduler``, and its marker.

It is loaded in every run of pytest, so it loads nothing itself before a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from jobtui.testing import SimulatedScheduler


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "simulated(start, *, tz, ...): what `simulated_scheduler` is made with; see jobtui.testing.simulated",
    )


@pytest.fixture
def simulated_scheduler(request: pytest.FixtureRequest) -> Iterator[SimulatedScheduler]:
    """A jobtui scheduler whose time passes when the test says so.

    It starts at midnight of 2026-01-01, UTC. Another start, zone or pool is said with a marker:
    ``@pytest.mark.simulated(start="2026-03-08T00:00", tz="America/New_York")``.
    """
    from jobtui.testing import simulated  # noqa: PLC0415 - most tests of most people do not need it

    marker = request.node.get_closest_marker("simulated")
    args, kwargs = (marker.args, marker.kwargs) if marker else ((), {})
    with simulated(*args, **kwargs) as scheduler:
        yield scheduler
