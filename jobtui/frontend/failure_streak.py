"""The failures of a job in a row: since when, and the commit that came in before the first one."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import NamedTuple

from jobtui.engine.enums import RunState
from jobtui.engine.run_columns import NO_ERROR, RunColumns
from jobtui.frontend.backend import Backend
from jobtui.frontend.formatting import elapsed_between, format_duration, format_instant_full, pluralize

_PATIENCE = 5.0  # seconds that git gets
_NAME_LENGTH = 10  # characters of a commit's name


class Commit(NamedTuple):
    """A commit of git.

    Attributes:
        name: The beginning of its hash.
        author: The name of its author.
        at: When it was committed.
        subject: The first line of its message.
    """

    name: str
    author: str
    at: datetime
    subject: str


class GitError(Exception):
    """Git does not know the commit. The message is for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureStreak:
    """Runs of a job in a row, all of which failed. Runs that were cancelled or lost do not count.

    Attributes:
        first: The number of the first run.
        since: When it ended, in seconds since the epoch.
        runs: How many runs there are.
        reason: The latest reason of those with the error of the first one.
        before: The number of the last run that was OK; 0 if none is kept.
        before_at: When that one ended, in seconds since the epoch.
        last: The number of the last run.
        last_at: When that one ended, in seconds since the epoch.
        after: The number of the first run after them that was OK; 0 if the job fails still.
        after_at: When that one ended, in seconds since the epoch.
    """

    first: int
    since: float
    runs: int
    reason: str
    before: int = 0
    before_at: float = 0.0
    last: int = 0
    last_at: float = 0.0
    after: int = 0
    after_at: float = 0.0


def find_streak(columns: RunColumns, run: int = 0) -> FailureStreak | None:
    """Return the failures in a row to which a run belongs; None if the run did not fail or is not kept.

    Args:
        columns: The runs.
        run: The number of the run; 0 for the latest one that returned or raised.
    """
    states = [RunState(state) for state in columns.states]
    numbers = list(columns.numbers)
    if not run:
        end = len(states)
    elif run in numbers and states[place := numbers.index(run)].failed:
        end = next((at for at in range(place, len(states)) if _is_ok(states[at])), len(states))
    else:
        return None
    begin = next((at for at in range(end - 1, -1, -1) if _is_ok(states[at])), -1)
    failed = [at for at in range(begin + 1, end) if states[at].failed]
    if not failed:
        return None
    first, last = failed[0], failed[-1]
    error = columns.errors[first]
    return FailureStreak(
        first=numbers[first],
        since=columns.ended[first],
        runs=len(failed),
        reason="" if error == NO_ERROR else columns.reasons[error],
        before=0 if begin < 0 else numbers[begin],
        before_at=0.0 if begin < 0 else columns.ended[begin],
        last=numbers[last],
        last_at=columns.ended[last],
        after=0 if end == len(states) else numbers[end],
        after_at=0.0 if end == len(states) else columns.ended[end],
    )


def _is_ok(state: RunState) -> bool:
    return state.completed and not state.failed


def commit_before(file: str, instant: float) -> Commit:
    """Return the last commit before an instant that changed the directory of a file.

    Args:
        file: The path of the file.
        instant: The instant, in seconds since the epoch.

    Raises:
        GitError: There is none, or git cannot tell.
    """
    folder = Path(file).parent
    if not file or not folder.is_dir():
        raise GitError(f"the file of the job, {file or 'which is not known'}, is not on this machine")
    before = datetime.fromtimestamp(instant, UTC).isoformat(timespec="seconds")
    command = ["git", "log", "-1", f"--before={before}", "--format=%H%x00%an%x00%cI%x00%s", "--", "."]
    try:
        found = subprocess.run(  # noqa: S603 - its arguments are ours
            command,
            cwd=folder,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        raise GitError("git is not installed") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"git has not answered within {_PATIENCE:.0f} s") from None
    except OSError as error:
        raise GitError(f"git cannot be started: {error}") from None
    if found.returncode:
        reason = found.stderr.decode("utf-8", "replace").strip().splitlines()[:1]
        if "not a git repository" in "".join(reason):
            raise GitError(f"{folder} is not in a git repository")
        raise GitError(f"git failed: {''.join(reason)}")
    name, _, rest = found.stdout.decode("utf-8", "replace").rstrip("\n").partition("\0")
    if not name:
        raise GitError(f"git has no commit of {folder} from before that")
    author, at, subject = rest.split("\0", 2)
    return Commit(name[:_NAME_LENGTH], author, datetime.fromisoformat(at), subject)


def explain_streak(backend: Backend, job: str, run: int = 0) -> tuple[FailureStreak | None, list[str]]:
    """Return the failures of a job in a row to which a run belongs, and lines for the user about them.

    Args:
        backend: The scheduler. The call may take seconds.
        job: The name of the job.
        run: The number of the run; 0 for the latest one.
    """
    columns = backend.run_columns(job)
    streak = find_streak(columns, run)
    if streak is None:
        return None, [_explain_no_streak(columns, run)]
    zone = backend.zone
    since = datetime.fromtimestamp(streak.since, zone)
    lines = [_describe_length(streak, zone)]
    if streak.reason:
        lines.append(f"error: {streak.reason}")
    if streak.before:
        before = format_instant_full(datetime.fromtimestamp(streak.before_at, zone))
        lines.append(f"last run that was OK: {before}, run {streak.before}")
    elif streak.after:
        lines.append("no run before them that was OK is kept; the job may have failed for longer")
    else:
        lines.append("no run that was OK is kept; it may fail for longer")
    if streak.after:
        after = format_instant_full(datetime.fromtimestamp(streak.after_at, zone))
        lines.append(f"first run that was OK again: {after}, run {streak.after}")
    view = next((each for each in backend.snapshot().jobs if each.name == job), None)
    file = "" if view is None else view.origin.rpartition(":")[0]
    try:
        commit = commit_before(file, streak.since)
    except GitError as error:
        lines.append(f"commit before it: not known, {error}")
    else:
        lines.append(f"commit before it: {_describe(commit, since)}")
        if streak.before and commit.at.timestamp() > streak.before_at:
            lines.append("that commit came in between the last run that was OK and the first that failed")
    return streak, lines


def _explain_no_streak(columns: RunColumns, run: int) -> str:
    if not run:
        return "its latest run did not fail" if columns.numbers else "none of its runs is kept"
    if run not in columns.numbers:
        return f"run {run} is not among the runs of the job that are kept"
    return f"run {run} did not fail"


def _describe_length(streak: FailureStreak, zone: tzinfo) -> str:
    """Return when the failures began and ended, and how many there are."""
    since = format_instant_full(datetime.fromtimestamp(streak.since, zone))
    if not streak.after:
        every = "the only run" if streak.runs == 1 else f"all {pluralize(streak.runs, 'run')}"
        return f"fails since {since}, run {streak.first}: {every} since then"
    if streak.runs == 1:
        return f"failed {since}, run {streak.first}: no other run in a row"
    last = format_instant_full(datetime.fromtimestamp(streak.last_at, zone))
    return (
        f"failed from {since}, run {streak.first}, to {last}, run {streak.last}: "
        f"{pluralize(streak.runs, 'run')} in a row"
    )


def _describe(commit: Commit, since: datetime) -> str:
    at = format_instant_full(commit.at.astimezone(since.tzinfo))
    age = format_duration(max(timedelta(), elapsed_between(commit.at, since)))
    return f"{commit.name} {commit.subject!r}, by {commit.author}, {at}, {age} earlier"
