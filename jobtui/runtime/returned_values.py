"""Describe what the work of a run returned, as the reason of the run."""

from __future__ import annotations

from collections.abc import Callable

from jobtui.runtime.value_text import BoundedCalls, value_text


class ReturnedValues:
    """Describes returned values. A thread calls it that has executed a run, before the run ends.

    Args:
        redact: Replaces secrets in a text.
    """

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact
        self._calls = BoundedCalls(name="jobtui-results")

    def describe(self, value: object) -> str:
        """Return a text such as ``returned {'rows': 3}``. Never raises.

        The text is "" if the `repr` of the value or of an earlier one hangs, or no thread can be started.
        """
        texts: list[str] = []
        try:
            self._calls.call(self._add_text, value, texts)
        except BaseException:  # noqa: BLE001 - such as a MemoryError: the run ends as it would without this
            return ""
        return f"returned {texts[0]}" if texts else ""

    def _add_text(self, value: object, texts: list[str]) -> None:
        texts.append(value_text(value, self._redact))
