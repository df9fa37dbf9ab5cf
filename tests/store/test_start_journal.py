"""The journal keeps the starts of ticks, whatever happens to the process."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobtui.engine.enums import Trigger
from jobtui.engine.records import JobRecord, RunRecord
from jobtui.engine.runnables import Runnable
from jobtui.store.start_journal import (
    SLOT_BYTES,
    SLOTS,
    NotedStart,
    StartJournal,
    read_last_number,
    read_starts,
)


def run(number: int, *, job: str = "job", trigger: Trigger = Trigger.TICK) -> RunRecord:
    """Return a run that has started."""
    record = JobRecord(job, Runnable(print, job, ("", "")), None, spec="@hourly")
    started = RunRecord(number, record, trigger, None, 100.5, 100.5, 100.25)
    started.started = 101.0
    return started


@pytest.fixture
def journal(tmp_path: Path) -> StartJournal:
    """Return an empty journal."""
    journal = StartJournal(tmp_path / "jobs.db")
    journal.open()
    return journal


def test_starts_are_read_in_the_order_of_their_numbers(journal: StartJournal) -> None:
    journal.note([run(2, job="日本語"), run(1)])
    assert read_starts(journal.path) == [
        NotedStart(1, "job", 100.5, 100.25, 101.0, 1),
        NotedStart(2, "日本語", 100.5, 100.25, 101.0, 1),
    ]


def test_only_runs_of_ticks_are_noted(journal: StartJournal) -> None:
    journal.note([run(number, trigger=trigger) for number, trigger in enumerate(Trigger, 1)])
    assert [start.number for start in read_starts(journal.path)] == [1]


def test_the_starts_of_further_attempts_are_noted_whatever_the_trigger(journal: StartJournal) -> None:
    retried = run(3, trigger=Trigger.HAND)
    extras = retried.ensure_extras()
    extras.attempt, extras.attempts_made = 2, ((1, 100.5, 100.6, 0.1, ()),)
    journal.note([retried])
    assert [(start.number, start.attempt) for start in read_starts(journal.path)] == [(3, 2)]


def test_the_latest_starts_take_the_slots_of_the_oldest(journal: StartJournal) -> None:
    journal.note(run(number) for number in range(1, SLOTS + 11))
    numbers = [start.number for start in read_starts(journal.path)]
    assert numbers == list(range(11, SLOTS + 11))


def test_an_entry_that_is_not_complete_is_left_out(journal: StartJournal) -> None:
    journal.note([run(1), run(2)])
    with journal.path.open("r+b") as file:
        file.seek(1 * SLOT_BYTES + 20)
        file.write(b"\xff")
    assert [start.number for start in read_starts(journal.path)] == [2]


def test_a_job_with_a_name_that_does_not_fit_has_no_entries(journal: StartJournal) -> None:
    journal.note([run(1, job="x" * 216), run(2, job="x" * 215)])
    assert [(start.number, start.job) for start in read_starts(journal.path)] == [(2, "x" * 215)]


def test_the_last_number_that_was_reserved_is_kept(tmp_path: Path) -> None:
    journal = StartJournal(tmp_path / "jobs.db")
    journal.reserve_numbers(100)
    journal.open()
    assert read_last_number(journal.path) == 100
    for number in (300, 200):  # by two threads
        journal.reserve_numbers(number)
    assert read_last_number(journal.path) == 300
    assert read_starts(journal.path) == []
    journal.close()
    assert read_last_number(journal.path) == 0


def test_only_the_user_can_read_the_file_and_a_close_removes_it(journal: StartJournal) -> None:
    assert journal.path.stat().st_mode & 0o777 == 0o600
    journal.close()
    assert not journal.path.exists()
    assert read_starts(journal.path) == []
    journal.note([run(1)])  # without effect
