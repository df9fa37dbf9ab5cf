"""Transitions of the clock: the badges of ticks, and the notes on the screen of a job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from unittest.mock import patch

import pytest
from rich.cells import cell_len
from support import snapshots
from support.app_driver import NARROW, WIDE, async_test, running_app
from support.scripted_backend import ScriptedBackend
from support.snapshots import AUTUMN, NEW_YORK, SPRING, new_york_job

from jobtui.engine.views import JobView
from jobtui.frontend.backend import JobDetails
from jobtui.frontend.local_backend import LocalBackend
from jobtui.frontend.now_next import NO_RUNS, now_next
from jobtui.frontend.upcoming import list_upcoming
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.scheduler import Scheduler
from jobtui.schedules.dst import PREVIEW_LENGTH, DstEffect, preview_ticks
from jobtui.schedules.schedule import Dst
from jobtui.tui.widgets.columns_of_jobs import JOB_COLUMNS
from jobtui.tui.widgets.columns_of_ticks import UPCOMING_COLUMNS

NEXT = next(column for column in JOB_COLUMNS if column.key == "next")
COUNTDOWN = next(column for column in UPCOMING_COLUMNS if column.key == "countdown")
IN_OVERLAP = datetime(2026, 11, 1, 1, 10, tzinfo=NEW_YORK)


def next_cell(job: JobView, now: datetime, width: int = 30) -> str:
    """Return the text of a job in the column NOW / NEXT."""
    return "".join(text for text, _ in now_next(job, NO_RUNS, now, width))


@contextmanager
def scheduled(now: datetime, spec: str, dst: Dst = "once") -> Iterator[tuple[LocalBackend, ManualClock]]:
    """Return the backend and the clock of a scheduler in New York that has just started, with one job."""
    clock = ManualClock(now.timestamp())
    with Scheduler(tz="America/New_York", clock=clock) as scheduler:
        scheduler.schedule(spec, lambda: None, name="a", dst=dst)
        yield LocalBackend(scheduler, "jobs.py"), clock


def tick_lines(details: JobDetails) -> list[str]:
    """Return the next ticks of a job, each with its effect."""
    return [
        f"{tick.at:%d %H:%M %Z}{' ' + tick.note.effect.value if tick.note else ''}"
        for tick in details.preview.ticks
    ]


# --- badges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "spec", "dst", "cell"),
    [
        (SPRING, "0 30 2 * * *", "once", "in 12h30m DST   8 Mar 03:00"),
        (SPRING, "0 30 2 * * *", "every", "in 1d12h DST   9 Mar 02:30"),  # a tick before it is dropped
        (SPRING + timedelta(hours=14), "0 30 2 * * *", "every", "in 23h00m   9 Mar 02:30"),
        (SPRING, "0 0 3 * * *", "once", "in 12h30m   8 Mar 03:00"),
        (SPRING, "0 30 1 * * *", "once", "in 12h00m   8 Mar 01:30"),
        (SPRING, "TZ=UTC 0 30 6 * * *", "once", "in 12h00m   8 Mar 01:30"),
        (SPRING, "TZ=Europe/London 0 30 1 29 3 ?", "once", "in 21d06h DST  28 Mar 21:00"),
        (AUTUMN, "0 30 1 * * *", "once", "in 12h00m DST   1 Nov 01:30"),
        (AUTUMN, "0 30 1 * * *", "every", "in 12h00m DST   1 Nov 01:30"),
        (AUTUMN, "0 30 2 * * *", "once", "in 14h00m   1 Nov 02:30"),
        (IN_OVERLAP, "0 */15 * * * *", "once", "in 5m00s DST  01:15:00"),
        (IN_OVERLAP.replace(fold=1), "0 */15 * * * *", "once", "in 5m00s DST  01:15:00"),
        (IN_OVERLAP, "@every 5m", "once", "in 5m00s  01:15:00"),
    ],
)
def test_a_tick_that_a_transition_affects_has_a_badge(now: datetime, spec: str, dst: Dst, cell: str) -> None:
    """In a gap or an overlap of the clock. Ticks in UTC and of intervals never have one."""
    job = new_york_job(now, "a", spec, dst=dst)
    if spec == "@every 5m":
        job = replace(job, next=now + timedelta(minutes=5))
    assert next_cell(job, now) == cell


@pytest.mark.parametrize("days", [0, 1, 2, 20, 66, 67, 99, 100, 400])
def test_countdown_and_badge_fit_a_narrow_column_however_far_the_tick_is(days: int) -> None:
    """The instant is left out there."""
    job = new_york_job(SPRING, "a", "0 30 2 8 3 ?")
    for hours in range(24):
        cell = next_cell(job, SPRING - timedelta(days=days, hours=hours), NEXT.width)
        assert cell.endswith(" DST")
        assert cell_len(cell) <= NEXT.width == 21


def test_a_paused_job_shows_paused_and_no_badge() -> None:
    """In the table of jobs and in the pane Upcoming."""
    job = new_york_job(SPRING, "a", "0 30 2 * * *", paused_since=SPRING)
    assert next_cell(job, SPRING) == "paused"
    [row] = list_upcoming(snapshots.make([job], at=SPRING))
    assert COUNTDOWN.cell(row, SPRING) == [("paused", "waiting")]


def test_an_upcoming_tick_that_is_moved_has_a_badge_and_a_shortened_countdown() -> None:
    """Other ticks have a full countdown."""
    jobs = [new_york_job(SPRING, "a", "0 30 2 * * *"), new_york_job(SPRING, "b", "0 0 3 * * *")]
    moved, ordinary = list_upcoming(snapshots.make(jobs, at=SPRING))
    assert [text for text, _ in COUNTDOWN.cell(moved, SPRING)] == ["DST", " 12h"]
    assert [text for text, _ in COUNTDOWN.cell(ordinary, SPRING)] == ["in 12h30m"]


def test_upcoming_ticks_in_an_overlap_are_in_the_order_of_their_instants() -> None:
    """The second 01:15 of a night is later than the first 01:30."""
    jobs = [
        snapshots.make_job("second", next=datetime(2026, 11, 1, 1, 15, fold=1, tzinfo=NEW_YORK)),
        snapshots.make_job("first", next=datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK)),
    ]
    assert [row.job for row in list_upcoming(snapshots.make(jobs, at=AUTUMN))] == ["first", "second"]
    assert NEXT.sort_key is not None
    assert [job.name for job in sorted(jobs, key=NEXT.sort_key)] == ["first", "second"]


@async_test
async def test_only_visible_rows_search_for_transitions() -> None:
    """A search may take milliseconds, and a scheduler may have thousands of jobs."""
    jobs = [new_york_job(SPRING, f"job_{index:04}", f"{index % 60} 30 2 * * *") for index in range(1000)]
    with patch(
        "jobtui.tui.widgets.columns_of_ticks.is_affected_by_transition", return_value=False
    ) as searched:
        backend = ScriptedBackend(snapshots.make(jobs, at=SPRING, zone=NEW_YORK))
        async with running_app(backend) as driver:
            searched.reset_mock()
            later = SPRING + timedelta(seconds=1)
            await driver.show_snapshot(snapshots.make(jobs, at=later, zone=NEW_YORK))
    assert 0 < searched.call_count < 200


@pytest.mark.parametrize("size", [WIDE, NARROW])
@async_test
async def test_the_badge_is_visible_in_a_large_and_in_a_small_terminal(size: tuple[int, int]) -> None:
    """In the table of jobs and in the pane Upcoming, with nothing cut off."""
    async with running_app(ScriptedBackend(snapshots.before_transition(SPRING)), size) as driver:
        await driver.press("3")
        [row] = [line for line in driver.lines(driver.table()) if "nightly_backup" in line]
        assert "in 12h30m DST " in row
        [row] = [line for line in driver.lines(driver.table("upcoming")) if "nightly_backup" in line]
        assert " 8 Mar 03:00 DST 12h " in row


# --- the screen of a job --------------------------------------------------------------------------


def test_the_details_mark_a_moved_tick_and_explain_it() -> None:
    """The note names the wall time that does not exist."""
    with scheduled(SPRING, "0 30 2 * * *") as (backend, _clock):
        details = backend.job_details("a")
        assert tick_lines(details)[:2] == ["08 03:00 EDT moved", "09 02:30 EDT"]
        assert len(details.preview.ticks) == PREVIEW_LENGTH
        [note] = details.preview.changes
        assert note.effect is DstEffect.MOVED
        assert note.sentence.startswith("02:30 does not exist on Sun 2026-03-08")


def test_the_details_list_a_dropped_tick_until_the_transition() -> None:
    """It precedes the job's next tick."""
    with scheduled(SPRING, "0 30 2 * * *", "every") as (backend, clock):
        details = backend.job_details("a")
        assert tick_lines(details)[:2] == ["08 03:00 EDT dropped", "09 02:30 EDT"]
        assert [note.effect for note in details.preview.changes] == [DstEffect.DROPPED]
        clock.advance(14 * 3600)
        details = backend.job_details("a")
        assert tick_lines(details)[0] == "09 02:30 EDT"
        assert details.preview.changes == ()


def test_the_details_explain_all_repeated_ticks_with_one_note() -> None:
    """Each of them is marked."""
    with scheduled(IN_OVERLAP, "0 */15 * * * *") as (backend, _clock):
        details = backend.job_details("a")
        assert tick_lines(details) == [
            "01 01:15 EDT repeated",
            "01 01:30 EDT repeated",
            "01 01:45 EDT repeated",
            "01 01:00 EST repeated",
            "01 01:15 EST repeated",
            "01 01:30 EST repeated",
            "01 01:45 EST repeated",
            "01 02:00 EST",
            "01 02:15 EST",
            "01 02:30 EST",
        ]
        [note] = details.preview.changes
        assert "pass;" not in note.sentence
        assert note.sentence.endswith("and it runs both times")


def test_a_note_on_a_schedule_in_another_zone_names_the_zone() -> None:
    """Its wall times differ from those of the list."""
    with scheduled(SPRING, "TZ=Europe/London 0 30 1 29 3 ?") as (backend, _clock):
        details = backend.job_details("a")
        assert tick_lines(details)[0] == "28 21:00 EDT moved"
        assert details.preview.changes[0].sentence.startswith("in Europe/London, 01:30 does not exist")


def test_the_preview_of_the_same_next_tick_is_cached() -> None:
    """Every refresh requests the details, and a search may take milliseconds."""
    with scheduled(SPRING, "0 30 2 * * *") as (backend, _clock):
        assert backend.job_details("a").preview is backend.job_details("a").preview


def test_the_preview_starts_with_a_late_tick() -> None:
    """If the timer is late, the job's next tick lies in the past; a dropped tick may follow it."""
    due = datetime(2026, 3, 7, 2, 15, tzinfo=NEW_YORK)
    job = new_york_job(due - timedelta(days=1), "a", "0 15 2 * * *", dst="every")
    assert job.schedule is not None
    preview = preview_ticks(due + timedelta(minutes=5), job.schedule, due, NEW_YORK)
    assert preview.ticks[0].at == due
    assert [tick.is_dropped for tick in preview.ticks[:4]] == [False, True, False, False]


@pytest.mark.parametrize("size", [WIDE, NARROW])
@async_test
async def test_the_screen_of_a_job_explains_moved_and_dropped_ticks(size: tuple[int, int]) -> None:
    """The notes wrap, and are hidden if there are none."""
    async with running_app(ScriptedBackend(snapshots.before_transition(SPRING)), size) as driver:
        await driver.press("enter")
        assert "Sun 2026-03-08 03:00:00  in 12h30m moved" in driver.text
        words = " ".join(driver.text.replace("│", " ").split())
        assert "the clock jumps from 02:00 to 03:00, so it runs right after the jump" in words
        await driver.press("escape", "escape", *"jjjj", "enter")
        assert "Sun 2026-03-08 —         no tick   dropped" in driver.text
        words = " ".join(driver.text.replace("│", " ").split())
        assert "the clock jumps from 02:00 to 03:00, so it does not run" in words
        await driver.press("escape", *"jjj", "enter")
        assert "dropped" not in driver.text
        assert not driver.screen.query_one("#transitions").display


@async_test
async def test_help_explains_the_badge() -> None:
    """It is one of the signs."""
    async with running_app(ScriptedBackend(snapshots.idle()), (80, 90)) as driver:
        await driver.press("question_mark", "slash", *"clock")
        assert "DST  a clock change affects it; the page of the job shows how" in " ".join(
            driver.text.split("│")
        )
