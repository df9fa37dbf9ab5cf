"""How fast pictures may follow each other."""

import pytest

from jobtui.frontend.throttle import FINEST, AdaptiveThrottle

SPACING, LONGEST, SHARE = 0.1, 0.25, 0.2


@pytest.mark.parametrize(
    ("cost", "spacing"),
    [
        (0.0, SPACING),
        (SHARE * SPACING, SPACING),
        (0.03, 0.15),
        (10.0, LONGEST),  # however slow the machine, something moves
    ],
)
def test_the_next_picture_waits_until_the_last_has_taken_no_more_than_its_share(
    cost: float, spacing: float
) -> None:
    """All that the thread has done since the last one began counts as its cost."""
    pace = AdaptiveThrottle(spacing=SPACING, longest=LONGEST, share=SHARE)
    pace.begin(100.0, 7.0)
    assert pace.rest(100.0, 7.0 + cost) == pytest.approx(spacing)
    assert pace.rest(100.0 + spacing / 2, 7.0 + cost) == pytest.approx(spacing / 2)
    assert pace.rest(100.0 + spacing - FINEST / 2, 7.0 + cost) == 0
    assert pace.rest(200.0, 7.0 + cost) == 0
