"""Commands show runs that wait for their next attempt, from a store whose scheduler has stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.waiting import wait_until

from jobtui import Retry, RunState, Scheduler
from jobtui.cli.main import main
from jobtui.frontend.local_backend import LocalBackend

Ask = Callable[..., str]


def fail() -> None:
    """Raise an exception."""
    raise OSError("no answer")


def make(path: Path) -> Scheduler:
    """Return a scheduler with a job whose runs are tried again after an hour."""
    scheduler = Scheduler(store=path, tz="UTC")
    scheduler.stop_logging()
    scheduler.every("24h", fail, name="import", retry=Retry(3, first="1h", most="1h"))
    return scheduler


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a store with a run that is RETRYING after one attempt of four."""
    path = tmp_path / "jobs.db"
    with make(path) as scheduler:
        run = scheduler.now(scheduler.job("import"))
        wait_until(lambda: run.state is RunState.RETRYING)
    return path


@pytest.fixture
def ask(path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Return a function that runs a command on the store, and returns what it prints."""

    def run(*words: str) -> str:
        assert main([*words, "--store", str(path)]) == 0
        return capsys.readouterr().out

    return run


def test_the_list_of_jobs_has_the_next_attempt(ask: Ask) -> None:
    assert "\n↻ RETRYING 2/4  import  " in ask("ps")
    [job] = json.loads(ask("ps", "--json"))["jobs"]
    assert (job["status"], job["endings"]) == ("RETRYING", {"RETRYING": 1})


def test_the_run_has_its_attempt_and_says_that_it_goes_on(ask: Ask) -> None:
    shown = ask("show", "1")
    assert "\nattempt    1 of 4\n" in shown
    assert ", which has ended: this run goes on at the next start\n" in shown
    assert "\nOSError: no answer\n" in shown


def test_the_history_finds_it_by_its_state(ask: Ask) -> None:
    [run] = json.loads(ask("history", "state:retrying", "--json"))
    assert (run["number"], run["attempt"], run["attempts"]) == (1, 1, 4)


def test_its_explanation_has_the_next_attempt(ask: Ask) -> None:
    assert ", RETRYING: attempt 1 of 4 failed; the next one is due at " in ask("why", "1")


def test_a_run_that_it_holds_is_explained_by_it_after_a_restart(path: Path) -> None:
    with make(path) as scheduler:
        held = scheduler.now(scheduler.job("import"))
        explanation = LocalBackend(scheduler, "").why_run(held.number)
        assert explanation.runs == (held.number, 1)
        assert "It is held behind run 1 of the same job" in explanation.sentence
        [evidence] = [each for each in explanation.evidence if each.startswith("run 1 of import")]
        assert "RETRYING: goes on after a restart; the next attempt is due at " in evidence
