"""Returned values as reasons of runs: only if asked for, bounded, without secrets, whatever a `repr` does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from jobtui.engine.enums import RunState
from jobtui.runtime.scheduler import Scheduler

LIMIT = 60.0  # seconds after which a test fails because something has not happened


class Shown:
    """Has the `repr` that a function returns.

    Args:
        show: The function.
    """

    def __init__(self, show: Callable[[], str]) -> None:
        self._show = show

    def __repr__(self) -> str:
        """Return what the function returns."""
        return self._show()


def reason_of(value: object, *, capture_results: bool = True, redact: Sequence[str] = ()) -> str:
    """Return the reason of a run that returns a value."""
    with Scheduler(capture_results=capture_results, redact=redact) as scheduler:
        run = scheduler.now(lambda: value)
        assert run.result(LIMIT) is value
        assert run.state is RunState.OK
        return run.reason


def raise_error(error: BaseException) -> str:
    """Raise an error."""
    raise error


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"rows": 3, "names": ["a", "b"]}, "returned {'rows': 3, 'names': ['a', 'b']}"),
        (0, "returned 0"),
        (False, "returned False"),
        ("", "returned ''"),
        ("two\nlines", "returned 'two\\nlines'"),
        (None, ""),
    ],
)
def test_the_reason_says_what_a_run_returned(value: object, text: str) -> None:
    assert reason_of(value) == text


def test_no_repr_is_called_unless_it_is_asked_for() -> None:
    called = threading.Event()

    def show() -> str:
        called.set()
        return "shown"

    assert reason_of(Shown(show), capture_results=False) == ""
    assert not called.is_set()
    assert reason_of(Shown(show)) == "returned shown"


def test_a_long_value_is_cut() -> None:
    assert reason_of("x" * 10_000_000) == f"returned '{'x' * 198}…"
    assert reason_of(list(range(1_000_000))) == "returned [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...]"


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), KeyboardInterrupt()])
def test_a_repr_that_raises_does_not_fail_the_run(error: BaseException) -> None:
    assert reason_of(Shown(lambda: raise_error(error))) == "returned <Shown: repr() failed>"


def test_a_repr_that_hangs_is_left_out() -> None:
    """So are those of later runs, until it has come to its end."""
    release = threading.Event()
    with Scheduler(capture_results=True) as scheduler:
        hanging = scheduler.now(lambda: Shown(lambda: str(release.wait(LIMIT))))
        assert hanging.wait(LIMIT)
        later = scheduler.now(lambda: 1)
        assert later.wait(LIMIT)
        release.set()
        assert (hanging.state, hanging.reason, later.reason) == (RunState.OK, "", "")


def test_secrets_are_masked() -> None:
    value = {"password": "hunter2", "user": "ada", "note": "key 1234"}
    text = "returned {'password': ***, 'user': 'ada', 'note': 'key ***'}"
    assert reason_of(value, redact=["key ([0-9]+)"]) == text


def test_a_coroutine_says_what_it_returned() -> None:
    async def work() -> int:
        return 7

    with Scheduler(capture_results=True) as scheduler:
        run = scheduler.now(work)
        assert run.wait(LIMIT)
        assert run.reason == "returned 7"


def test_a_run_that_fails_keeps_its_own_reason() -> None:
    with Scheduler(capture_results=True) as scheduler:
        run = scheduler.now(lambda: raise_error(ValueError("no")))
        assert run.wait(LIMIT)
        assert run.reason == "ValueError: no"


def test_the_store_keeps_what_a_run_returned(tmp_path: Path) -> None:
    file = tmp_path / "jobs.db"
    with Scheduler(capture_results=True, store=file) as scheduler:
        run = scheduler.now(lambda: {"rows": 3})
        assert run.wait(LIMIT)
    with Scheduler(store=file) as scheduler:
        assert scheduler.search_runs("returned").runs[0].reason == "returned {'rows': 3}"
