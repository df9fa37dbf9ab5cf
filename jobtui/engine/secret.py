"""Secrets among the arguments of jobs."""

from __future__ import annotations

from typing import Generic, NoReturn, Self, TypeVar

Value_co = TypeVar("Value_co", covariant=True)

_MASK = "***"


class Secret(Generic[Value_co]):
    """A value that no screen, log or file shows: its text is ``***``.

    A job gets the `Secret` itself, so that its messages and tracebacks are safe, too. It calls `reveal` where
    it needs the value.

    Args:
        value: The value.
    """

    __slots__ = ("_value",)

    def __init__(self, value: Value_co) -> None:
        self._value = value

    def reveal(self) -> Value_co:
        """Return the value."""
        return self._value

    def __repr__(self) -> str:
        """Return ``***``."""
        return _MASK

    def __copy__(self) -> Self:
        """Return the secret itself, which never changes."""
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        """Return the secret itself, also if its value could be copied."""
        return self

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled.

        Raises:
            TypeError: Always.
        """
        raise TypeError("a Secret cannot be pickled, because anybody could read its value; pickle reveal()")
