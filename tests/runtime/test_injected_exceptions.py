"""An exception between any two bytecodes of any public call leaves the scheduler whole.

These tests choose a few places of each call; `tests/stress/interruptions.py` tries all of them.
"""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bytecode_injection import tracing_is_safe
from support.interrupted_calls import (
    CASES,
    Caller,
    Case,
    alternate_errors,
    interrupt,
    interrupt_thread,
    public_members,
)

PLACES = {Caller.MAIN: 10, Caller.OTHER: 4, Caller.JOB: 4}  # how many of each call
SEED = os.environ["JOBTUI_SEED"]
THREADS = ("jobtui-worker", "jobtui-timer", "jobtui-asyncio")
PLACES_IN_THREAD = 6
ROOT = Path(__file__).parents[2]
SECONDS = 0.3  # of exceptions at random moments

# A coroutine is never awaited, if an exception comes before the event loop has it.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def collect_garbage() -> Iterator[None]:
    """Collect the coroutines of a test in that test: a later one would get the warning."""
    yield
    gc.collect()


def test_every_public_method_and_property_has_a_case() -> None:
    """A new one needs a case; one that users do not call belongs to `NOT_FOR_USERS`."""
    assert public_members() == {case.member for case in CASES}


@tracing_is_safe
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("caller", Caller, ids=lambda caller: caller.label)
def test_an_interrupted_call_leaves_the_scheduler_whole(caller: Caller, case: Case) -> None:
    """All accepted runs end, other threads go on, and `stop` works in time."""
    complete = interrupt(case, caller, KeyboardInterrupt(), 0)
    assert not complete.faults
    rng = random.Random(f"{SEED} {caller.label} {case.name}")
    for offset in rng.sample(range(1, complete.count + 1), min(PLACES[caller], complete.count)):
        found = interrupt(case, caller, alternate_errors(offset), offset)
        assert not found.faults, f"at place {offset} of {complete.count}, {found.raised}: {found.faults}"


@tracing_is_safe
@pytest.mark.parametrize("prefix", THREADS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # a thread may end
def test_an_interrupted_thread_of_the_scheduler_loses_no_run(prefix: str) -> None:
    """One exception between two bytecodes; all runs end, and the thread or another one goes on."""
    complete = interrupt_thread(prefix, KeyboardInterrupt(), 0)
    assert not complete.faults
    rng = random.Random(f"{SEED} {prefix}")
    for offset in rng.sample(range(1, complete.count + 1), PLACES_IN_THREAD):
        found = interrupt_thread(prefix, alternate_errors(offset), offset)
        assert not found.faults, f"at place {offset} of {complete.count}, {found.raised}: {found.faults}"


@pytest.mark.parametrize("prefix", THREADS)
def test_exceptions_that_are_set_at_random_moments_lose_no_run(prefix: str) -> None:
    """Hundreds of them, from another thread, as time limits and notebooks set them.

    This has a process of its own: an exception for a thread that has just ended hits the next thread with its
    number.
    """
    program = "import sys; from support.interrupted_calls import main; main(*sys.argv[1:])"
    command = [sys.executable, "-c", program, prefix, str(SECONDS), f"{SEED} {prefix}"]
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    result = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "no faults\n"), result.stderr
