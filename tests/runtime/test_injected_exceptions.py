"""An exception between any two bytecodes of any public call leaves the scheduler whole.

These tests choose a few places of each call; `tests/stress/interruptions.py` tries all of them.
"""

from __future__ import annotations

import os
import random

import pytest
from support.interrupted_calls import (
    CASES,
    Caller,
    Case,
    alternate_errors,
    interrupt,
    public_members,
)

PLACES = {Caller.MAIN: 10, Caller.OTHER: 4, Caller.JOB: 4}  # how many of each call
SEED = os.environ["JOBTUI_SEED"]


def test_every_public_method_and_property_has_a_case() -> None:
    """A new one needs a case; one that users do not call belongs to `NOT_FOR_USERS`."""
    assert public_members() == {case.member for case in CASES}


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
