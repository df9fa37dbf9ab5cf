"""The delay between two frames of a front end."""

import pytest

from jobtui.frontend.throttle import SHORTEST_DELAY, AdaptiveThrottle

MIN_INTERVAL, MAX_INTERVAL, CPU_SHARE = 0.1, 0.25, 0.2


@pytest.mark.parametrize(
    ("cost", "interval"),
    [
        (0.0, MIN_INTERVAL),
        (CPU_SHARE * MIN_INTERVAL, MIN_INTERVAL),
        (0.03, 0.15),
        (10.0, MAX_INTERVAL),  # a slow machine still shows changes
    ],
)
def test_the_interval_grows_with_the_cost_of_the_last_frame(cost: float, interval: float) -> None:
    """The cost is the CPU time that the thread has used since the last frame began."""
    throttle = AdaptiveThrottle(MIN_INTERVAL, MAX_INTERVAL, CPU_SHARE)
    throttle.begin(100.0, 7.0)
    assert throttle.delay(100.0, 7.0 + cost) == pytest.approx(interval)
    assert throttle.delay(100.0 + interval / 2, 7.0 + cost) == pytest.approx(interval / 2)
    assert throttle.delay(100.0 + interval - SHORTEST_DELAY / 2, 7.0 + cost) == 0
    assert throttle.delay(200.0, 7.0 + cost) == 0
