"""The changes of a job's policies as JSON: what `Scheduler.update` takes, without functions and classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from jobtui.engine.job_policies import Policies
from jobtui.engine.retry import NO_RETRY, Retry
from jobtui.runtime.first_guesses import check_keywords

CALLBACKS = ("on_success", "on_failure", "on_missed")
CHANGEABLE = ("spec", *(name for name in Policies.__annotations__ if name not in CALLBACKS))  # of a job
_RETRY_CLASSES = ("on", "not_on")
_RETRY_KEYS = tuple(field.name for field in fields(Retry) if field.name not in _RETRY_CLASSES)


def changes_to_json(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes as JSON values.

    Raises:
        TypeError: One is a function or names exceptions, which cannot be sent to another process.
    """
    for name in changes:
        if name in CALLBACKS:
            raise TypeError(f"{name} is a function, which cannot be sent to a scheduler in another process")
    return {name: _to_json(value) for name, value in changes.items()}


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if not isinstance(value, Retry):
        return value
    for name in _RETRY_CLASSES:
        if getattr(value, name) != getattr(NO_RETRY, name):
            raise TypeError(f"{name} of a Retry cannot be sent to a scheduler in another process")
    return {name: _to_json(getattr(value, name)) for name in _RETRY_KEYS}


def changes_from_json(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes that a JSON object describes. `Scheduler.update` checks their values.

    Raises:
        TypeError: The retry policy has an unknown key, with the nearest one, or a value of another type.
        ValueError: A value of the retry policy is not allowed.
    """
    retry = body.get("retry")
    if not isinstance(retry, Mapping):
        return dict(body)
    check_keywords("retry", _RETRY_KEYS, dict(retry))
    if "times" not in retry:
        raise TypeError("retry must have times, the number of retries")
    return {**body, "retry": Retry(**retry)}
