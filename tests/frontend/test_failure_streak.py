"""The failures of a job in a row, and the commit that came in before the first one."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support import snapshots
from support.scripted_backend import ScriptedBackend

from jobtui.engine.run_columns import RunColumns, RunPoint, columns_of
from jobtui.frontend.failure_streak import GitError, commit_before, explain_streak, find_streak

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def columns(*states: str) -> RunColumns:
    """Return a run for each state, a minute apart from noon on."""
    return columns_of(
        [
            RunPoint(
                *(10 + place, place, NOON.timestamp() + 60 * place, 1.0, state, "", ""),
                "" if state == "OK" else f"boom {place}",
            )
            for place, state in enumerate(states)
        ],
        100,
    )


def test_a_job_whose_latest_run_is_ok_has_no_streak() -> None:
    assert find_streak(columns("FAILED", "OK")) is None
    assert find_streak(columns("OK", "CANCELLED")) is None
    assert find_streak(RunColumns()) is None


def test_a_streak_begins_after_the_last_run_that_was_ok() -> None:
    """Runs that were cancelled say nothing about the job."""
    streak = find_streak(columns("FAILED", "OK", "FAILED", "CANCELLED", "TIMED_OUT", "LOST"))
    assert streak is not None
    assert (streak.first, streak.runs, streak.before) == (12, 2, 11)
    assert (streak.since, streak.before_at) == (NOON.timestamp() + 120, NOON.timestamp() + 60)


def test_a_streak_of_all_runs_has_none_before_it() -> None:
    streak = find_streak(columns("FAILED", "FAILED"))
    assert streak is not None
    assert (streak.first, streak.runs, streak.before) == (10, 2, 0)


def test_a_run_belongs_to_the_failures_around_it() -> None:
    """Between the OK runs before and after it; a run that was cancelled is not an end."""
    states = "FAILED", "OK", "FAILED", "CANCELLED", "TIMED_OUT", "OK", "FAILED"
    for run in (12, 14):
        streak = find_streak(columns(*states), run)
        assert streak is not None
        assert (streak.before, streak.first, streak.last, streak.after, streak.runs) == (11, 12, 14, 15, 2)
        assert streak.after_at == NOON.timestamp() + 300
    first, last = find_streak(columns(*states), 10), find_streak(columns(*states), 16)
    assert first is not None
    assert (first.before, first.first, first.after) == (0, 10, 11)
    assert last is not None
    assert last == find_streak(columns(*states))
    assert find_streak(columns(*states), 11) is None
    assert find_streak(columns(*states), 99) is None


# --- git ------------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with a job file, which three commits an hour apart have changed."""
    folder = tmp_path / "jobs"
    folder.mkdir()
    git(tmp_path, "init", "-q")
    for hour, subject in enumerate(("Begin", "Read orders as UTF-16", "Mend it")):
        (folder / "shop.py").write_text(subject)
        commit(tmp_path, subject, NOON + timedelta(hours=hour))
    (tmp_path / "other.txt").write_text("")
    commit(tmp_path, "Elsewhere", NOON + timedelta(hours=2, minutes=30))
    return tmp_path


def git(folder: Path, *words: str, **variables: str) -> None:
    """Run git, without the user's settings."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **variables}
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    subprocess.run(["git", *who, *words], cwd=folder, env=environment, check=True)


def commit(folder: Path, subject: str, at: datetime) -> None:
    """Commit every file."""
    git(folder, "add", "-A")
    git(
        folder,
        *("commit", "-q", "-m", subject),
        GIT_COMMITTER_DATE=at.isoformat(),
        GIT_AUTHOR_DATE=at.isoformat(),
    )


@needs_git
@pytest.mark.parametrize(
    ("minutes", "subject"), [(59, "Begin"), (61, "Read orders as UTF-16"), (600, "Mend it")]
)
def test_the_last_commit_before_an_instant_that_changed_the_folder_is_found(
    repository: Path, minutes: int, subject: str
) -> None:
    found = commit_before(f"{repository}/jobs/shop.py", (NOON + timedelta(minutes=minutes)).timestamp())
    assert (found.subject, found.author) == (subject, "Ann")
    assert found.at.minute == 0
    assert len(found.name) == 10


@needs_git
def test_an_instant_before_the_first_commit_has_none(repository: Path) -> None:
    with pytest.raises(GitError, match=r"git has no commit of .*jobs from before that"):
        commit_before(f"{repository}/jobs/shop.py", NOON.timestamp() - 60)


@needs_git
def test_a_folder_without_a_repository_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(GitError, match="is not in a git repository"):
        commit_before(f"{tmp_path}/shop.py", NOON.timestamp())


def test_a_file_of_another_machine_is_an_error() -> None:
    with pytest.raises(GitError, match=r"the file of the job, /no/such/shop\.py, is not on this machine"):
        commit_before("/no/such/shop.py", NOON.timestamp())
    with pytest.raises(GitError, match="the file of the job, which is not known, is not on this machine"):
        commit_before("", NOON.timestamp())


def test_a_machine_without_git_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="git is not installed"):
        commit_before(f"{tmp_path}/shop.py", NOON.timestamp())


# --- the sentences --------------------------------------------------------------------------------


def backend_with(found: RunColumns, origin: str) -> ScriptedBackend:
    """Return a backend with a job that has these runs and is written in that file."""
    snapshot = snapshots.idle()
    job = replace(snapshot.jobs[0], name="import", origin=origin)
    backend = ScriptedBackend(replace(snapshot, jobs=(job,)))
    backend.columns["import"] = found
    return backend


@needs_git
def test_the_lines_name_the_first_failure_the_run_before_and_the_commit(repository: Path) -> None:
    """The commit came in between the last run that was OK, at 12:30, and the first failure, at 13:30."""
    half_past = NOON + timedelta(minutes=30)
    points = [
        RunPoint(1, 1, half_past.timestamp(), 1.0, "OK"),
        RunPoint(2, 2, half_past.timestamp() + 3600, 1.0, "FAILED", "", "", "boom"),
    ]
    backend = backend_with(columns_of(points, 9), f"{repository}/jobs/shop.py:7")
    streak, lines = explain_streak(backend, "import")
    assert streak is not None
    assert streak.first == 2
    assert lines[:3] == [
        "fails since Fri 2026-11-27 13:30:00 GMT, run 2: the only run since then",
        "error: boom",
        "last run that was OK: Fri 2026-11-27 12:30:00 GMT, run 1",
    ]
    assert "'Read orders as UTF-16', by Ann, Fri 2026-11-27 13:00:00 GMT, 30m00s earlier" in lines[3]
    assert lines[4] == "that commit came in between the last run that was OK and the first that failed"


def test_without_git_the_lines_say_why_the_commit_is_not_known() -> None:
    streak, lines = explain_streak(backend_with(columns("FAILED", "FAILED"), "/no/shop.py:7"), "import")
    assert streak is not None
    assert lines[0].endswith("run 10: all 2 runs since then")
    assert "no run that was OK is kept; it may fail for longer" in lines
    assert lines[-1] == (
        "commit before it: not known, the file of the job, /no/shop.py, is not on this machine"
    )


def test_a_job_that_does_not_fail_says_so() -> None:
    assert explain_streak(backend_with(columns("OK"), ""), "import") == (
        None,
        ["its latest run did not fail"],
    )
    assert explain_streak(backend_with(RunColumns(), ""), "import") == (None, ["none of its runs is kept"])


def test_the_lines_about_failures_that_are_over_have_their_end() -> None:
    """The question is about a run, and not about the job of today."""
    backend = backend_with(columns("OK", "FAILED", "FAILED", "OK", "FAILED", "OK"), "")
    streak, lines = explain_streak(backend, "import", 12)
    assert streak is not None
    assert streak.first == 11
    assert lines[:4] == [
        (
            "failed from Fri 2026-11-27 12:01:00 GMT, run 11, to Fri 2026-11-27 12:02:00 GMT, run 12: "
            "2 runs in a row"
        ),
        "error: boom 4",  # the latest reason with that error
        "last run that was OK: Fri 2026-11-27 12:00:00 GMT, run 10",
        "first run that was OK again: Fri 2026-11-27 12:03:00 GMT, run 13",
    ]
    assert explain_streak(backend, "import", 14)[1][0] == (
        "failed Fri 2026-11-27 12:04:00 GMT, run 14: no other run in a row"
    )
    over = backend_with(columns("FAILED", "OK"), "")
    assert (
        "no run before them that was OK is kept; the job may have failed for longer"
        in (explain_streak(over, "import", 10)[1])
    )
    assert explain_streak(backend, "import", 13) == (None, ["run 13 did not fail"])
    assert explain_streak(backend, "import", 9) == (
        None,
        ["run 9 is not among the runs of the job that are kept"],
    )
