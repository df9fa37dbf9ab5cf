"""The list of upcoming ticks and runs."""

from support import snapshots

from jobtui.frontend.upcoming import MAX_UPCOMING, list_upcoming


def test_upcoming_ticks_and_runs_are_sorted_by_instant_and_limited_in_number() -> None:
    """The tick of a paused job is marked as paused."""
    rows = list_upcoming(snapshots.idle())
    assert [row.due for row in rows] == sorted(row.due for row in rows)
    assert {row.job: row.number for row in rows}["send_mail"] == 872
    assert not any(row.paused for row in rows)
    assert all(row.paused for row in list_upcoming(snapshots.paused()))
    assert any(row.quiet_until is not None for row in list_upcoming(snapshots.quiet()))
    assert len(list_upcoming(snapshots.many_jobs(300))) == MAX_UPCOMING
