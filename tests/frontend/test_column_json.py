"""Runs as columns, in JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobtui.engine.run_columns import RunColumns
from jobtui.frontend.column_json import decode_columns, encode_columns

COLUMNS = RunColumns(
    numbers=(1, 2),
    ended=(1.5, 3.0),
    seconds=(0.5, 1.0),
    states=("OK", "FAILED"),
    errors=(-1, 0),
    signatures=("KeyError shop.py:1",),
    reasons=("KeyError: 日本",),
)


def test_columns_survive_the_way_through_json() -> None:
    assert decode_columns(json.loads(json.dumps(encode_columns(COLUMNS)))) == COLUMNS
    assert decode_columns(encode_columns(RunColumns())) == RunColumns()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"numbers": [1]}, ValueError),
        ({"errors": [-1, 1]}, ValueError),
        ({"errors": [-2, 0]}, ValueError),
        ({"reasons": []}, ValueError),
        ({"seconds": ["x", 1]}, ValueError),
        ({"ended": [None, 1]}, TypeError),
        ({"states": None}, TypeError),
    ],
)
def test_columns_that_do_not_fit_together_are_rejected(
    changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        decode_columns({**encode_columns(COLUMNS), **changes})


def test_a_missing_column_is_rejected() -> None:
    without = encode_columns(COLUMNS)
    del without["seconds"]
    with pytest.raises(KeyError):
        decode_columns(without)
