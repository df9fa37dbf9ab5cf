"""Where several schedulers use one store at the same time, no two of their runs have the same number."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from support.store_parts import query
from support.waiting import wait_until

from jobtui import Run, Scheduler
from jobtui.store.database import open_for_writing
from jobtui.store.job_states import number_in
from jobtui.store.number_blocks import NUMBERS_IN_BLOCK, NumberBlocks


def shared_scheduler(folder: Path) -> Scheduler:
    """Return a scheduler that uses the store of a folder together with others."""
    return Scheduler(store=folder / "jobs.db", single="off")


def run_some(scheduler: Scheduler, count: int) -> list[Run]:
    """Request runs, and wait until they have ended."""
    runs = [scheduler.now(time.time) for _ in range(count)]
    for run in runs:
        run.wait()
    return runs


def reserved_in(folder: Path) -> int:
    """Return the last number that is reserved in the store of a folder."""
    [(number,)] = query(folder / "jobs.db", "SELECT value FROM settings WHERE name = 'last_number'")
    return int(number)


def test_two_schedulers_with_one_store_never_give_two_runs_one_number(tmp_path: Path) -> None:
    with shared_scheduler(tmp_path) as first, shared_scheduler(tmp_path) as second:
        runs = [run for scheduler in (first, second, first) for run in run_some(scheduler, 20)]
    assert max(Counter(run.number for run in runs).values()) == 1
    rows = query(tmp_path / "jobs.db", "SELECT number FROM runs WHERE number > 0")
    assert sorted(number for (number,) in rows) == sorted(run.number for run in runs)


def test_a_scheduler_that_has_used_half_of_its_numbers_gets_others_than_the_second_one(
    tmp_path: Path,
) -> None:
    with shared_scheduler(tmp_path) as first, shared_scheduler(tmp_path) as second:
        begun = run_some(second, 5)
        before = reserved_in(tmp_path)
        many = run_some(first, NUMBERS_IN_BLOCK // 2)
        wait_until(lambda: reserved_in(tmp_path) == before + NUMBERS_IN_BLOCK)
        many += run_some(first, NUMBERS_IN_BLOCK // 2)
        begun += run_some(second, 5)
    assert max(Counter(run.number for run in many + begun).values()) == 1
    assert many[-1].number > before


def test_numbers_that_no_run_has_are_given_back_at_the_stop(tmp_path: Path) -> None:
    numbers = []
    for _ in range(3):
        with shared_scheduler(tmp_path) as scheduler:
            numbers += [run.number for run in run_some(scheduler, 2)]
    assert numbers == [1, 2, 3, 4, 5, 6]


def test_the_next_block_follows_those_of_the_other_schedulers(tmp_path: Path) -> None:
    connection = open_for_writing(tmp_path / "jobs.db")
    first, second = NumberBlocks(10), NumberBlocks(10)
    skipped: list[int] = []
    first.on_reserved = skipped.append
    for blocks in (first, second):
        blocks.use(blocks.first_block(connection))
    assert not first.note_used(5)
    assert first.note_used(6)
    first.reserve(connection)
    assert (skipped, first.wanted) == ([20], False)
    first.note_used(26)
    first.reserve(connection)
    assert skipped == [20]  # the numbers go on without a gap
    second.give_back(connection)
    assert number_in(connection) == 40  # others have reserved numbers since
    first.give_back(connection)
    assert number_in(connection) == 30
    connection.close()


def test_a_file_that_was_opened_again_keeps_the_block(tmp_path: Path) -> None:
    connection = open_for_writing(tmp_path / "jobs.db")
    blocks = NumberBlocks(10)
    blocks.use(blocks.first_block(connection))
    assert blocks.first_block(connection) == number_in(connection) == 10
    connection.close()
