"""Redaction of secrets in what jobs print and raise."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from support.real_threads import LIMIT

from jobtui import Run, RunState, Scheduler
from jobtui.frontend.listening import publish
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.runtime.redaction import Redaction

SECRET = "hun" + "ter2"  # in two parts, so that no source line in a traceback has it
PATTERNS = [r"password=(\S+)", SECRET]


@pytest.mark.parametrize(
    ("patterns", "text", "expected"),
    [
        ([], "password=abc", "password=abc"),
        ([r"sk-\w+"], "use sk-1234 and sk-9", "use *** and ***"),
        ([r"password=(\S+)"], "user=me password=abc ok", "user=me password=*** ok"),
        ([r"(\w+)=secret (\w+)"], "x=secret y", "***=secret y"),
        ([r"token(=\w+)?"], "token and token=1", "token and token***"),
        ([r"a\s+b"], "a\nb a b", "a\nb ***"),
        ([r"^key .*", "日本"], "one\nkey 日本\n日本", "one\n***\n***"),
        (["b", r"\*+"], "abc", "a***c"),
        (["(?i)bearer ([a-z.]+)"], "Authorization: BEARER abc.def", "Authorization: BEARER ***"),
    ],
)
def test_a_match_or_its_first_group_is_replaced_in_each_line(
    patterns: list[str], text: str, expected: str
) -> None:
    assert Redaction(patterns).redact(text) == expected


@pytest.mark.parametrize(
    ("patterns", "error", "message"),
    [
        ("password", TypeError, "redact must be a list of regular expressions, such as ['password']"),
        ([1], TypeError, "a pattern of redact must be a string, not 1"),
        (["a("], ValueError, "'a(' is not a regular expression: missing ), unterminated subpattern at"),
        (["a*"], ValueError, "'a*' matches an empty text, so it would match everywhere"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused(
    patterns: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        Scheduler(redact=patterns)
    assert str(caught.value).startswith(message)


def connect() -> None:
    """Raise an exception with a secret."""
    raise ConnectionError(f"postgres://me:{SECRET}@db")


def leak() -> None:
    """Print a secret, and raise it in an exception with a cause, a note and a group."""
    print(f"connects with password={SECRET} now")
    print(f"in parts: {SECRET[:2]}", end="")
    print(SECRET[2:])
    print(f"no line break: {SECRET}", end="")
    sys.stderr.write(f"stderr {SECRET}\n")
    try:
        connect()
    except ConnectionError as error:
        error.add_note(f"note {SECRET}")
        raise ExceptionGroup(f"two {SECRET}", [ValueError(SECRET), SyntaxError(SECRET)]) from error


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return the path of a file that does not exist yet."""
    return tmp_path / "jobs.db"


@pytest.fixture
def scheduler(store: Path) -> Scheduler:
    """Make a scheduler with a store that redacts."""
    scheduler = Scheduler(store=store, tz="UTC", redact=PATTERNS)
    scheduler.stop_logging()
    return scheduler


@contextmanager
def published(scheduler: Scheduler) -> Iterator[LocalBackend]:
    """Start and publish a scheduler, while output is captured: in the test, because pytest captures, too."""
    log = OutputLog()
    with ExitStack() as cleanup:
        backend = publish(scheduler, "test", log, cleanup, serve=None, serve_locally=None)
        cleanup.enter_context(capture_streams(log))
        cleanup.enter_context(scheduler)
        yield backend


def run_to_end(scheduler: Scheduler) -> Run[None]:
    """Run the job to its end."""
    run = scheduler.now(leak)
    assert run.wait(LIMIT)
    assert run.state is RunState.FAILED
    return run


def test_no_front_end_shows_a_secret(scheduler: Scheduler) -> None:
    """It is replaced in the output of the run, in the log of all output, and in reason and traceback."""
    with published(scheduler) as backend:
        run = run_to_end(scheduler)
        output, view = scheduler.output_of(run.number), scheduler.run_view(run.number)
        chunk = backend.output_since(0)
    lines = [line.text for line in (*chunk.lines, *chunk.unfinished)]
    assert output is not None
    assert output.splitlines()[0] == "connects with password=*** now"
    assert sorted(lines) == sorted(
        ["connects with password=*** now", "in parts: ***", "no line break: ***", "stderr ***"]
    )
    assert "postgres://me:***@db" in view.error
    assert "note ***" in view.error
    assert view.reason == "ExceptionGroup: two *** (2 sub-exceptions): ValueError: ***; SyntaxError: ***"
    assert SECRET not in f"{output} {view} {view.error} {lines} {run.reason} {scheduler.snapshot()}"


def test_no_secret_is_in_the_files_of_the_store(scheduler: Scheduler, store: Path) -> None:
    with published(scheduler):
        run = run_to_end(scheduler)
    with closing(sqlite3.connect(store)) as connection:
        texts = [text for (text,) in connection.execute("SELECT text FROM output ORDER BY text")]
        [(reason, error)] = connection.execute(
            "SELECT reason, error FROM runs WHERE number = ?", (run.number,)
        )
    assert "connects with password=*** now" in texts
    assert "no line break: ***" in texts
    assert "***" in reason
    assert "note ***" in error
    for file in store.parent.iterdir():
        assert SECRET.encode() not in file.read_bytes(), file


def test_the_exception_object_is_left_as_it_is(scheduler: Scheduler) -> None:
    """Code that waits for the result may need the message."""
    with published(scheduler):
        run = run_to_end(scheduler)
    with pytest.raises(ExceptionGroup, match=SECRET):
        run.result(LIMIT)
