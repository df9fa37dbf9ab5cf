"""The history of a job moves to another name."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.stored_runs import write_store

from jobtui import RunState, Scheduler
from jobtui.cli.main import main
from jobtui.engine.records import JobHistory
from jobtui.runtime.unregistered_jobs import MAX_LISTED, describe_unregistered
from jobtui.store.history import History
from jobtui.store.renaming import rename_job
from jobtui.store.store_errors import StoreError, StoreInUseError


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Write a store: `import` has two runs and a skipped tick, `mail` a cancelled run and a RUNNING one."""
    return write_store(tmp_path / "jobs.db")


def numbers(store: Path, job: str) -> list[int]:
    """Return the numbers of the endings of a job, newest first."""
    return [run[0] for run in History(store).find(job=job, limit=100)]


def test_a_new_name_gets_the_runs_the_counters_and_the_state(store: Path) -> None:
    before = History(store).histories()["mail"]
    assert rename_job(store, "mail", "post 日本") == 2
    histories = History(store).histories()
    assert "mail" not in histories
    after = histories["post 日本"]
    assert after.pause is not None
    assert (after.endings, after.pause, after.prev) == (before.endings, before.pause, before.prev)
    assert numbers(store, "post 日本") == [5]


def test_a_name_that_has_runs_already_keeps_them_and_its_state(store: Path) -> None:
    """The job has run under its new name since."""
    before = History(store).histories()
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("UPDATE jobs SET watermark = id * 1000.0, last_elapsed = id")
        connection.commit()
    assert rename_job(store, "import", "mail") == 3
    histories = History(store).histories()
    mail = histories["mail"]
    assert "import" not in histories
    assert numbers(store, "mail") == [5, 0, 2, 1]
    assert mail.endings == {
        RunState.OK: 1, RunState.FAILED: 1, RunState.SKIPPED: 1, RunState.CANCELLED: 1
    }  # fmt: skip
    assert (mail.pause, mail.prev) == (before["mail"].pause, before["mail"].prev)
    assert (mail.watermark, mail.last_elapsed) == (3000.0, 3.0)


def test_a_new_name_without_runs_gets_the_times_of_the_old_one(store: Path) -> None:
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("UPDATE jobs SET prev = NULL, last_elapsed = NULL WHERE name = 'mail'")
        connection.commit()
    before = History(store).histories()["import"]
    rename_job(store, "import", "mail")
    mail = History(store).histories()["mail"]
    assert (mail.prev, mail.last_elapsed) == (before.prev, before.last_elapsed)
    assert mail.prev is not None


def test_an_equal_group_of_ticks_does_not_keep_the_rest_from_being_moved(store: Path) -> None:
    with closing(sqlite3.connect(store)) as connection:
        columns = ", ".join(
            name for _, name, *_ in connection.execute("PRAGMA table_info(runs)") if name not in ("id", "job")
        )
        connection.execute(
            f"INSERT INTO runs (job, {columns}) SELECT 3, {columns} FROM runs WHERE number = 0"
        )
        connection.commit()
    rename_job(store, "import", "mail")
    assert numbers(store, "mail") == [5, 0, 2, 1]
    assert History(store).histories()["mail"].endings[RunState.SKIPPED] == 2


def test_a_name_that_the_store_does_not_have_changes_nothing(store: Path) -> None:
    before = History(store).histories()
    with pytest.raises(LookupError):
        rename_job(store, "imports", "mail")
    assert History(store).histories() == before


def test_a_store_that_a_scheduler_uses_is_left_alone(store: Path) -> None:
    with Scheduler(store=store) as scheduler:
        scheduler.stop_logging()
        with pytest.raises(StoreInUseError):
            rename_job(store, "import", "mail")
    assert numbers(store, "import") == [0, 2, 1]
    assert rename_job(store, "import", "mail") == 3  # the lock was given back


def test_a_file_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such file"):
        rename_job(tmp_path / "none.db", "import", "mail")
    assert not list(tmp_path.iterdir())


# --- jobs that are only in the store --------------------------------------------------------------


def history_of(runs: int, *, key: str = "cron", skipped: int = 0) -> JobHistory:
    """Return the history of a job, with one kept run if it has any."""
    return JobHistory(
        endings={RunState.OK: runs, RunState.SKIPPED: skipped},
        recent=((1,),) if runs else (),
        prev=datetime(2026, 11, 27, 8, 30, tzinfo=UTC).timestamp() if runs else None,
        schedule_key=key,
    )


def test_a_job_that_is_only_in_the_store_is_named_with_the_nearest_new_name() -> None:
    histories = {"import orders": history_of(412, skipped=9), "mail": history_of(3)}
    [sentence] = describe_unregistered(histories, {"mail", "import_order"}, UTC, Path("a b.db"))
    assert sentence == (
        "import orders has 412 runs in the store, the last on Fri 2026-11-27 08:30, but no job has this "
        "name; if it was renamed:  jobtui history rename 'import orders' import_order --store 'a b.db'"
    )


def test_jobs_without_kept_runs_and_one_off_runs_are_not_named() -> None:
    histories = {"gone": history_of(0), "one-off": history_of(5, key=""), "mail": history_of(3)}
    assert describe_unregistered(histories, {"mail"}, UTC, Path("a.db")) == []


def test_of_many_jobs_that_are_only_in_the_store_some_are_named() -> None:
    histories = {f"job {number}": history_of(1) for number in range(MAX_LISTED + 2)}
    *sentences, last = describe_unregistered(histories, set(), UTC, Path("a.db"))
    assert len(sentences) == MAX_LISTED
    assert sentences[0].startswith("job 0 has 1 run in the store, ")
    assert sentences[0].endswith(" rename 'job 0' NEW --store a.db")
    assert last == "2 more names in the store have no job"


def work() -> None:
    """Do nothing."""


def test_the_start_names_the_jobs_that_are_only_in_the_store(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = tmp_path / "new.db"
    with Scheduler(store=store, tz="UTC") as scheduler:
        scheduler.schedule("@yearly", work, name="old_name")
        assert scheduler.run("old_name").wait(10)
        assert scheduler.now(work).wait(10)
    with caplog.at_level(logging.WARNING, "jobtui"):
        scheduler = Scheduler(store=store, tz="UTC")
        scheduler.schedule("@yearly", work, name="new_name")
        scheduler.start()
        scheduler.stop()
    [message] = [record.message for record in caplog.records]
    assert message.startswith("old_name has 1 run in the store, the last on ")


def test_check_names_the_jobs_that_are_only_in_the_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, jobs = tmp_path / "new.db", tmp_path / "jobs.py"
    jobs.write_text("import jobtui\njobtui.every('1h', print, name='new_name')\n")
    assert main(["check", str(jobs), "--store", str(store)]) == 0
    assert "in the store" not in capsys.readouterr().out
    with Scheduler(store=store, tz="UTC") as scheduler:
        scheduler.schedule("@yearly", work, name="old_name")
        assert scheduler.run("old_name").wait(10)
    assert main(["check", str(jobs), "--store", str(store)]) == 0
    assert "\nold_name has 1 run in the store, the last on " in capsys.readouterr().out


def test_check_says_that_the_store_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, jobs = tmp_path / "new.db", tmp_path / "jobs.py"
    jobs.write_text("import jobtui\njobtui.every('1h', print)\n")
    store.write_bytes(b"x" * 10_000)
    assert main(["check", str(jobs), "--store", str(store)]) == 0
    assert "new.db: this is not a file of jobtui" in capsys.readouterr().out


# --- the command ----------------------------------------------------------------------------------


def test_the_command_moves_the_history(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "rename", "import", "mail", "--store", str(store)]) == 0
    assert capsys.readouterr().out == "3 entries of import now belong to mail\n"
    assert numbers(store, "mail") == [5, 0, 2, 1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["imports", "mail"], "has no job 'imports'; did you mean import"),
        (["import"], "rename needs two names, OLD and NEW"),
        (["import", "import"], "rename needs two names, OLD and NEW"),
        (["a", "b", "c"], "rename needs two names, OLD and NEW"),
        (["import", "mail", "--failed"], "rename takes no condition"),
    ],
)
def test_wrong_names_are_status_2(
    store: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    try:
        status = main(["history", "rename", *words, "--store", str(store)])
    except SystemExit as error:
        status = int(error.code or 0)
    assert status == 2
    assert message in capsys.readouterr().err


def test_the_command_refuses_while_a_scheduler_runs(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Scheduler(store=store) as scheduler:
        scheduler.stop_logging()
        assert main(["history", "rename", "import", "mail", "--store", str(store)]) == 2
    assert "uses this store, and runs its jobs; stop it first" in capsys.readouterr().err
