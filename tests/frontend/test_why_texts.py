"""The texts with which an explanation names runs."""

from __future__ import annotations

import pytest
from support.snapshots import running_run

from jobtui.frontend.why_texts import name_runs


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([(2, "long")], "run 2 of long"),
        ([(2, "long"), (3, "short")], "run 2 of long, run 3 of short"),
        ([(2, "long"), (3, "short"), (5, "long")], "runs 2, 5 of long, run 3 of short"),
        ([(number, "a") for number in range(10, 22)], "runs 10, 11, 12 and 9 more of a"),
        (
            [(number, f"j{number}") for number in range(12)],
            ", ".join(f"run {number} of j{number}" for number in range(10)) + " and of 2 more jobs",
        ),
    ],
)
def test_runs_are_named_by_their_jobs(runs: list[tuple[int, str]], expected: str) -> None:
    assert name_runs([running_run(number, job, 1) for number, job in runs]) == expected
