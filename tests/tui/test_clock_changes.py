"""Which fires have a badge, and what the details say of the changes of the clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from unittest.mock import patch

import pytest
from rich.cells import cell_len
from support import snapshots
from support.app_driver import NARROW, WIDE, driven, on_stage
from support.scripted_backend import ScriptedBackend
from support.snapshots import AUTUMN, NEW_YORK, SPRING, new_york_job

from jobtui.engine.views import JobView
from jobtui.frontend.backend import JobDetails, LocalBackend
from jobtui.frontend.upcoming import list_upcoming
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.scheduler import Scheduler
from jobtui.schedules.dst import PREVIEW_LENGTH, DstEffect, preview_ticks
from jobtui.schedules.schedule import Dst
from jobtui.tui.widgets.columns import JOB_COLUMNS, UPCOMING_COLUMNS

NEXT = next(column for column in JOB_COLUMNS if column.key == "next")
LEFT = next(column for column in UPCOMING_COLUMNS if column.key == "left")
IN_OVERLAP = datetime(2026, 11, 1, 1, 10, tzinfo=NEW_YORK)


def next_cell(job: JobView, now: datetime) -> str:
    """What the column NEXT says of a job."""
    return "".join(text for text, _ in NEXT.cell(job, now))


@contextmanager
def scheduled(now: datetime, spec: str, dst: Dst = "once") -> Iterator[tuple[LocalBackend, ManualClock]]:
    """A scheduler in New York that has just started, with one job, as a source of the dashboard."""
    clock = ManualClock(now.timestamp())
    with Scheduler(tz="America/New_York", clock=clock) as scheduler:
        scheduler.schedule(spec, lambda: None, name="a", dst=dst)
        yield LocalBackend(scheduler, "jobs.py"), clock


def listed(details: JobDetails) -> list[str]:
    """The fires of the details, each with the word of its mark."""
    return [
        f"{fire.at:%d %H:%M %Z}{' ' + fire.note.effect.value if fire.note else ''}"
        for fire in details.preview.ticks
    ]


# --- badges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "spec", "dst", "cell"),
    [
        (SPRING, "0 30 2 * * *", "once", " 8 Mar 03:00 DST 12h"),
        (SPRING, "0 30 2 * * *", "every", " 9 Mar 02:30 DST 1d12h"),  # before it, one is dropped
        (SPRING + timedelta(hours=14), "0 30 2 * * *", "every", " 9 Mar 02:30 in 23h00m"),
        (SPRING, "0 0 3 * * *", "once", " 8 Mar 03:00 in 12h30m"),
        (SPRING, "0 30 1 * * *", "once", " 8 Mar 01:30 in 12h00m"),
        (SPRING, "TZ=UTC 0 30 6 * * *", "once", " 8 Mar 01:30 in 12h00m"),
        (SPRING, "TZ=Europe/London 0 30 1 29 3 ?", "once", "28 Mar 21:00 DST 21d"),
        (AUTUMN, "0 30 1 * * *", "once", " 1 Nov 01:30 DST 12h"),
        (AUTUMN, "0 30 1 * * *", "every", " 1 Nov 01:30 DST 12h"),
        (AUTUMN, "0 30 2 * * *", "once", " 1 Nov 02:30 in 14h00m"),
        (IN_OVERLAP, "0 */15 * * * *", "once", "01:15:00 DST in 5m00s"),
        (IN_OVERLAP.replace(fold=1), "0 */15 * * * *", "once", "01:15:00 DST in 5m00s"),
        (IN_OVERLAP, "@every 5m", "once", "01:15:00 in 5m00s"),
    ],
)
def test_next_has_a_badge_where_the_clock_changes(now: datetime, spec: str, dst: Dst, cell: str) -> None:
    """In a gap, in an overlap, with fixed times and stars; UTC and intervals never. The rest is as usual."""
    job = new_york_job(now, "a", spec, dst=dst)
    if spec == "@every 5m":
        job = replace(job, next=now + timedelta(minutes=5))
    assert next_cell(job, now) == cell


@pytest.mark.parametrize("days", [0, 1, 2, 20, 66, 67, 99, 100, 400])
def test_a_badge_never_makes_the_cell_too_long(days: int) -> None:
    """However far the fire is, the moment, the badge and the countdown fit the column as it was."""
    job = new_york_job(SPRING, "a", "0 30 2 8 3 ?")
    for hours in range(24):
        cell = next_cell(job, SPRING - timedelta(days=days, hours=hours))
        assert " DST " in cell
        assert cell_len(cell) <= NEXT.width == 22


def test_a_paused_job_has_no_badge() -> None:
    """It says that it is paused, in the table and among what comes."""
    job = new_york_job(SPRING, "a", "0 30 2 * * *", paused_since=SPRING)
    assert next_cell(job, SPRING) == "paused"
    [row] = list_upcoming(snapshots.scene([job], at=SPRING))
    assert LEFT.cell(row, SPRING) == [("paused", "waiting")]


def test_what_comes_has_the_badge_too() -> None:
    """The fire that is moved has the badge before a countdown that fits; the other rows are as ever."""
    jobs = [new_york_job(SPRING, "a", "0 30 2 * * *"), new_york_job(SPRING, "b", "0 0 3 * * *")]
    moved, plain = list_upcoming(snapshots.scene(jobs, at=SPRING))
    assert [text for text, _ in LEFT.cell(moved, SPRING)] == ["DST", " 12h"]
    assert [text for text, _ in LEFT.cell(plain, SPRING)] == ["in 12h30m"]


def test_what_comes_is_in_the_order_of_the_instants() -> None:
    """The second 01:15 of a night comes after the first 01:30."""
    jobs = [
        snapshots.job("second", next=datetime(2026, 11, 1, 1, 15, fold=1, tzinfo=NEW_YORK)),
        snapshots.job("first", next=datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK)),
    ]
    assert [row.job for row in list_upcoming(snapshots.scene(jobs, at=AUTUMN))] == ["first", "second"]
    assert NEXT.order is not None
    assert [job.name for job in sorted(jobs, key=NEXT.order)] == ["first", "second"]


@driven
async def test_only_rows_that_are_seen_are_asked_for_their_badge() -> None:
    """A picture of many jobs looks for changes of the clock in a screen full of them."""
    jobs = [new_york_job(SPRING, f"job_{index:04}", f"{index % 60} 30 2 * * *") for index in range(1000)]
    with patch("jobtui.tui.widgets.columns.is_affected_by_transition", return_value=False) as asked:
        source = ScriptedBackend(snapshots.scene(jobs, at=SPRING, zone=NEW_YORK))
        async with on_stage(source) as stage:
            asked.reset_mock()
            later = SPRING + timedelta(seconds=1)
            await stage.show(snapshots.scene(jobs, at=later, zone=NEW_YORK), source)
    assert 0 < asked.call_count < 200


@pytest.mark.parametrize("size", [WIDE, NARROW])
@driven
async def test_the_badge_is_seen_in_both_sizes(size: tuple[int, int]) -> None:
    """In the table of jobs and in the pane, with nothing cut off."""
    async with on_stage(ScriptedBackend(snapshots.clock_change(SPRING)), size) as stage:
        await stage.press("3")
        [row] = [line for line in stage.lines(stage.table()) if "nightly_backup" in line]
        assert " 8 Mar 03:00 DST 12h" in row
        [row] = [line for line in stage.lines(stage.table("upcoming")) if "nightly_backup" in line]
        assert " 8 Mar 03:00 DST 12h " in row


# --- details --------------------------------------------------------------------------------------


def test_the_details_mark_a_moved_fire() -> None:
    """It is the first of ten; one note tells why."""
    with scheduled(SPRING, "0 30 2 * * *") as (source, _clock):
        details = source.job_details("a")
        assert listed(details)[:2] == ["08 03:00 EDT moved", "09 02:30 EDT"]
        assert len(details.preview.ticks) == PREVIEW_LENGTH
        [note] = details.preview.changes
        assert note.effect is DstEffect.MOVED
        assert note.sentence.startswith("02:30 does not exist on Sun 2026-03-08")


def test_the_details_tell_of_a_dropped_fire_until_its_time() -> None:
    """It lies before the job's next fire; once the clock has changed it is no longer ahead."""
    with scheduled(SPRING, "0 30 2 * * *", "every") as (source, clock):
        details = source.job_details("a")
        assert listed(details)[:2] == ["08 03:00 EDT dropped", "09 02:30 EDT"]
        assert [note.effect for note in details.preview.changes] == [DstEffect.DROPPED]
        clock.advance(14 * 3600)
        details = source.job_details("a")
        assert listed(details)[0] == "09 02:30 EDT"
        assert details.preview.changes == ()


def test_the_details_tell_of_both_passes_in_one_sentence() -> None:
    """Every fire of the night is marked; what the change does is said once."""
    with scheduled(IN_OVERLAP, "0 */15 * * * *") as (source, _clock):
        details = source.job_details("a")
        assert listed(details) == [
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
        assert note.sentence.endswith("and it runs at both passes")


def test_a_sentence_about_another_zone_names_it() -> None:
    """The times in it are not those of the list."""
    with scheduled(SPRING, "TZ=Europe/London 0 30 1 29 3 ?") as (source, _clock):
        details = source.job_details("a")
        assert listed(details)[0] == "28 21:00 EDT moved"
        assert details.preview.changes[0].sentence.startswith("in Europe/London, 01:30 does not exist")


def test_fires_are_searched_for_once_for_each_next_fire() -> None:
    """Details are asked for with every picture, and a search may take milliseconds."""
    with (
        scheduled(SPRING, "0 30 2 * * *") as (source, _clock),
        patch("jobtui.frontend.backend.preview_ticks", wraps=preview_ticks) as searched,
    ):
        assert source.job_details("a").preview is source.job_details("a").preview
        assert searched.call_count == 1


def test_a_late_fire_is_listed_first() -> None:
    """Where the timer has not come to it yet, the next fire lies in the past; what is dropped comes after."""
    due = datetime(2026, 3, 7, 2, 15, tzinfo=NEW_YORK)
    job = new_york_job(due - timedelta(days=1), "a", "0 15 2 * * *", dst="every")
    assert job.schedule is not None
    coming = preview_ticks(due + timedelta(minutes=5), job.schedule, due, NEW_YORK)
    assert coming.ticks[0].at == due
    assert [fire.is_dropped for fire in coming.ticks[:4]] == [False, True, False, False]


@pytest.mark.parametrize("size", [WIDE, NARROW])
@driven
async def test_the_details_screen_says_why(size: tuple[int, int]) -> None:
    """Marks in the list; under it whole sentences, over as many lines as it takes."""
    async with on_stage(ScriptedBackend(snapshots.clock_change(SPRING)), size) as stage:
        await stage.press("enter")
        assert "Sun 2026-03-08 03:00:00  in 12h30m moved" in stage.text
        said = " ".join(stage.text.replace("│", " ").split())
        assert "the clock jumps from 02:00 to 03:00, so it runs right after the jump" in said
        await stage.press("escape", "escape", *"jjjj", "enter")
        assert "Sun 2026-03-08 —         no fire   dropped" in stage.text
        said = " ".join(stage.text.replace("│", " ").split())
        assert "the clock jumps from 02:00 to 03:00, so it does not run" in said
        await stage.press("escape", *"jjj", "enter")
        assert "dropped" not in stage.text
        assert not stage.screen.query_one("#changes").display


@driven
async def test_help_explains_the_badge() -> None:
    """The badge is among the signs."""
    async with on_stage(ScriptedBackend(snapshots.idle()), (80, 90)) as stage:
        await stage.press("question_mark")
        assert "DST a change of the clock affects this fire; enter says why" in stage.text
