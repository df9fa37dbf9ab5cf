"""Runs as columns in JSON: plain lists, since a codec for each value would cost more than the charts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from jobtui.engine.run_columns import NO_ERROR, RunColumns


def encode_columns(columns: RunColumns) -> dict[str, Any]:
    """Return columns as a JSON object. Instants are seconds since the epoch."""
    return {field.name: list(getattr(columns, field.name)) for field in fields(columns)}


def decode_columns(json: Mapping[str, Any]) -> RunColumns:
    """Return the columns that a JSON object describes.

    Raises:
        KeyError: A column is missing.
        TypeError: A value has the wrong type.
        ValueError: The columns do not fit together.
    """
    columns: dict[str, Any] = {
        name: tuple([kind(each) for each in json[name]])
        for name, kind in {
            "numbers": int,
            "ended": float,
            "seconds": float,
            "states": str,
            "errors": int,
            "signatures": str,
            "reasons": str,
        }.items()
    }
    found = RunColumns(**columns)
    lengths = {len(each) for each in (found.numbers, found.ended, found.seconds, found.states, found.errors)}
    count = len(found.signatures)
    if len(lengths) != 1 or len(found.reasons) != count:
        raise ValueError("the columns have different lengths")
    if not all(NO_ERROR <= each < count for each in found.errors):
        raise ValueError("an error has no signature")
    return found
