"""Raise exceptions, and catch them with their tracebacks."""

from collections.abc import Callable


def caught(function: Callable[..., object], *args: object) -> Exception:
    """Return what a function raises."""
    try:
        function(*args)
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError
