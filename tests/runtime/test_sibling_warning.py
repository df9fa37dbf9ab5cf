"""A scheduler in a server with several worker processes says that each of them runs every job."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobtui import Scheduler


def test_without_a_store_the_log_warns(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_SOFTWARE", "gunicorn/23.0")
    scheduler = Scheduler()
    scheduler.schedule("@yearly", print)
    with scheduler:
        pass
    [message] = caplog.messages
    assert message.startswith(
        "gunicorn may run several workers, and the scheduler of each of them runs every job"
    )


def test_with_a_store_it_does_not(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SERVER_SOFTWARE", "gunicorn/23.0")
    scheduler = Scheduler(store=tmp_path / "jobs.db")
    scheduler.schedule("@yearly", print)
    with scheduler:
        pass
    assert caplog.messages == []


def test_without_jobs_on_a_schedule_it_does_not(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One-off runs run in the process that asks for them."""
    monkeypatch.setenv("SERVER_SOFTWARE", "gunicorn/23.0")
    with Scheduler() as scheduler:
        scheduler.now(print).wait(60)
    assert caplog.messages == []
