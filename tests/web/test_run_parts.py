"""The bar with the parts of the time of a run."""

from __future__ import annotations

from datetime import timedelta

from jobtui.frontend.run_page import RunSpan
from jobtui.web.pages.run_parts import TimePart, draw_parts


def seconds(name: str, length: float) -> RunSpan:
    """Return a part of the time of a run."""
    return RunSpan(name, timedelta(seconds=length))


def test_each_part_has_its_share_of_the_width() -> None:
    parts = draw_parts([seconds("held", 2), seconds("queued", 1), seconds("ran", 5)])
    assert parts == [
        TimePart(0.0, 25.0, "held", "waiting", "2.0s"),
        TimePart(25.0, 12.5, "queued", "waiting", "1.0s"),
        TimePart(37.5, 62.5, "ran", "running", "5.0s"),
    ]


def test_a_short_part_that_is_not_a_few_milliseconds_is_visible() -> None:
    assert draw_parts([seconds("queued", 1), seconds("ran", 9_999)])[0].width == 0.4


def test_a_run_that_did_not_wait_has_no_bar() -> None:
    assert draw_parts([seconds("ran", 5)]) == []
    assert draw_parts([seconds("queued", 0.002), seconds("ran", 5)]) == []
    assert draw_parts([]) == []
