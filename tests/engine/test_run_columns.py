"""The ended runs of a job as columns."""

from __future__ import annotations

import pytest

from jobtui.engine.run_columns import NO_ERROR, RunColumns, RunPoint, columns_of, error_signature


def failed(number: int, reason: str, exception: str = "", place: str = "") -> RunPoint:
    """Return the point of a run that failed."""
    return RunPoint(number, number, number + 1.0, 1.0, "FAILED", exception, place, reason)


def ok(number: int, seconds: float = 1.0) -> RunPoint:
    """Return the point of a run that is OK."""
    return RunPoint(number, number, number + seconds, seconds, "OK")


def test_points_become_columns_oldest_first() -> None:
    columns = columns_of([ok(3), failed(2, "KeyError: 'a'"), ok(1, 0.5)], 10)
    assert columns == RunColumns(
        numbers=(1, 2, 3),
        ended=(1.5, 3.0, 4.0),
        seconds=(0.5, 1.0, 1.0),
        states=("OK", "FAILED", "OK"),
        errors=(NO_ERROR, 0, NO_ERROR),
        signatures=("KeyError: '…'",),
        reasons=("KeyError: 'a'",),
    )


def test_only_the_latest_runs_are_kept() -> None:
    assert columns_of([ok(number) for number in (5, 1, 4, 2, 3)], 2).numbers == (4, 5)
    assert columns_of([], 2) == RunColumns()


def test_a_run_that_the_ledger_and_the_store_have_counts_once() -> None:
    """A run with the same number, of another process, is another run."""
    other = RunPoint(1, 99.0, 100.0, 1.0, "OK")
    assert columns_of([ok(1), other, ok(1)], 10).numbers == (1, 1)


def test_equal_errors_share_a_signature_and_have_the_latest_reason() -> None:
    columns = columns_of([failed(1, "order 12 is bad"), failed(2, "no disk"), failed(3, "order 7 is bad")], 9)
    assert columns.errors == (0, 1, 0)
    assert columns.signatures == ("order N is bad", "no disk")
    assert columns.reasons == ("order 7 is bad", "no disk")


@pytest.mark.parametrize(
    ("exception", "place", "reason", "signature"),
    [
        ("ValueError", "/srv/shop.py:12", "ValueError: 5", "ValueError shop.py:12"),
        ("ValueError", "C:\\x\\shop.py:12", "", "ValueError C:\\x\\shop.py:12"),
        ("ValueError", "", "ValueError: order 5117 of 'Ann'", "ValueError: order N of '…'"),
        ("", "", "took longer than 1m30s", "took longer than NmNs"),
        ("", "", "at 12:03:11 by 0x7ff1", "at N by N"),
        ("", "", 'no file "a b.txt"', "no file '…'"),
        ("", "", "x" * 500, "x" * 119 + "…"),
    ],
)
def test_the_signature_is_what_equal_errors_share(
    exception: str, place: str, reason: str, signature: str
) -> None:
    assert error_signature(exception, place, reason) == signature
