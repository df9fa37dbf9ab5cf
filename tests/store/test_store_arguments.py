"""Arguments of a scheduler that make no sense for a store are refused before anything is written."""

from __future__ import annotations

from typing import Any

import pytest

from jobtui import Scheduler


@pytest.mark.parametrize(
    ("store", "error", "message"),
    [
        ("", ValueError, "the store must be the path of a file, such as 'jobtui.db', not ''"),
        (".", ValueError, "the store must be the path of a file, such as 'jobtui.db', not '.'"),
        ("a\0b", ValueError, "the store must be the path of a file"),
        (5, TypeError, "the store must be the path of a file, such as 'jobtui.db', not 5"),
        (b"jobs.db", TypeError, "the store must be the path of a file"),
    ],
)
def test_a_store_that_is_not_the_path_of_a_file_is_refused(
    store: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Scheduler(store=store)


@pytest.mark.parametrize(
    ("limits", "error", "message"),
    [
        ({"keep_days": 0}, ValueError, "keep_days must be at least 1, not 0"),
        ({"keep_days": float("nan")}, ValueError, "keep_days must be at least 1, not nan"),
        ({"keep_rows": -1}, ValueError, "keep_rows must be at least 1000, not -1"),
        ({"keep_rows": "many"}, TypeError, "keep_rows must be a number, not 'many'"),
        ({"keep_mib": True}, TypeError, "keep_mib must be a number, not True"),
        ({"keep_output": 0}, ValueError, "keep_output must be at least 1000, not 0"),
    ],
)
def test_a_limit_that_would_delete_everything_is_refused(
    limits: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Scheduler(**limits)
