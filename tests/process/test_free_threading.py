"""The warning on builds of Python without the GIL."""

from __future__ import annotations

import warnings

import pytest

from jobtui.process.free_threading import warn_without_gil


def test_a_python_without_the_gil_gets_one_warning() -> None:
    with pytest.warns(RuntimeWarning, match="not proved on a Python without the GIL") as caught:
        warn_without_gil(gil_enabled=False)
    assert len(caught) == 1


def test_a_python_with_the_gil_gets_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_without_gil(gil_enabled=True)
