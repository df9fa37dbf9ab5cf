"""The progress that the code of a run reports from real threads."""

from __future__ import annotations

import threading

import pytest
from support.real_threads import LIMIT, MakeScheduler
from support.runtime_parts import runtime_of
from support.waiting import wait_until

from jobtui import Progress, Scheduler, current_run


def progress_of(scheduler: Scheduler) -> Progress | None:
    """Return the progress of the run that is RUNNING."""
    return scheduler.snapshot().running[0].progress


def test_secrets_and_control_characters_in_the_text_are_replaced(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(redact=["key=(.+)"])
    seen: list[Progress | None] = []

    def work() -> None:
        for text in ("a\x1b[1m\nkey=hunter2", "x" * 1_000):
            current_run().progress(1, 2, text)
            seen.append(progress_of(scheduler))

    scheduler.start()
    scheduler.now(work).result(LIMIT)
    texts = [each.text for each in seen if each]
    assert "hunter2" not in texts[0]
    assert "***" in texts[0]
    assert texts[0].isprintable()
    assert len(texts[1]) == 200


def test_a_listener_is_called_for_a_report(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    go, stop = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(LIMIT)
        current_run().progress(1, 2)
        stop.wait(LIMIT)

    scheduler.start()
    run = scheduler.now(work)
    wait_until(lambda: bool(scheduler.snapshot().running))
    changed = threading.Event()
    scheduler.on_change(changed.set)
    go.set()
    assert changed.wait(LIMIT)
    wait_until(lambda: progress_of(scheduler))
    stop.set()
    assert run.wait(LIMIT)


def test_threads_that_a_job_starts_may_report(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    seen: list[Progress | None] = []

    def work() -> None:
        run = current_run()
        threads = [threading.Thread(target=run.progress, args=(done, 9)) for done in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        seen.append(progress_of(scheduler))

    scheduler.start()
    scheduler.now(work).result(LIMIT)
    assert [each and each.total for each in seen] == [9]


def test_a_run_that_has_ended_keeps_nothing_of_its_progress(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    runs = []

    def work() -> None:
        runs.append(current_run())
        current_run().progress(1, 2)

    scheduler.start()
    assert scheduler.now(work).wait(LIMIT)
    runs[0].progress(2, 2)  # as a thread may that has outlived the run
    wait_until(lambda: not runtime_of(scheduler).kernel.runs.attachments.meters)


def test_the_current_run_refuses_other_types(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()

    def work() -> None:
        current_run().progress("1")  # type: ignore[arg-type]

    scheduler.start()
    with pytest.raises(TypeError, match="done must be a number, not str"):
        scheduler.now(work).result(LIMIT)
