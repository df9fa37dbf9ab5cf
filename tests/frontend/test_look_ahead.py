"""The part of time that the timeline shows, and the pictures that have it."""

from __future__ import annotations

import pytest
from support import snapshots
from support.scripted_backend import ScriptedBackend

from jobtui.frontend.look_ahead import TimelineView

VIEW = TimelineView(zoom=3)


@pytest.mark.parametrize(
    ("view", "is_in"),
    [
        (VIEW.zoomed(-2), True),
        (VIEW.zoomed(1), False),
        (VIEW.moved(-1), False),
        (VIEW.moved(1), False),
        (VIEW.zoomed(-2).moved(2), True),
        (TimelineView(zoom=3, pool=2), False),
    ],
)
def test_a_picture_serves_every_view_of_a_part_of_it(view: TimelineView, is_in: bool) -> None:
    picture = VIEW.look_ahead(ScriptedBackend(snapshots.mid_run()))
    assert VIEW.is_in(picture)
    assert view.is_in(picture) is is_in


def test_a_forecast_that_was_cut_is_not_made_again_for_a_later_time() -> None:
    """It would be cut at the same run."""
    picture = TimelineView(zoom=9).look_ahead(ScriptedBackend(snapshots.many_jobs()))
    assert picture.forecast.is_cut
    assert TimelineView(zoom=9, steps=3).is_in(picture)
