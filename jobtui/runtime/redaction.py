"""Redaction: replaces secrets in the texts of runs, before anything shows or stores them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from jobtui.engine.packed_exceptions import PackedException, map_texts

REPLACEMENT = "***"
_PROBE = "hunter2hunter2"  # a value that looks like a password


class Redaction:
    """Replaces what matches one of the patterns.

    Args:
        patterns: Regular expressions, each of which is searched in every line of a text. If one has a group,
            only what its first group matches is replaced, else the whole match.

    Raises:
        TypeError: A pattern is not a string, or `patterns` is one string.
        ValueError: A pattern is not a regular expression, or matches an empty text.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        if isinstance(patterns, str):
            raise TypeError(f"redact must be a list of regular expressions, such as [{patterns!r}]")
        if not isinstance(patterns, Iterable):
            raise TypeError(f"redact must be a list of regular expressions, not {patterns!r:.80}")
        self._patterns = tuple(_compile(pattern) for pattern in patterns)
        self._redact_error = lru_cache(maxsize=64)(self._map_error)  # a job fails mostly in the same way

    def redact(self, text: str) -> str:
        """Return a text with every match replaced."""
        if not self._patterns:
            return text
        return "\n".join(map(self._redact_line, text.split("\n")))

    def masks(self, name: str) -> bool:
        """Return whether the patterns replace the value of an argument because of its name."""
        return _PROBE in self.redact(_PROBE) and _PROBE not in self.redact(f"{name}={_PROBE!r}")

    def redact_error(self, error: PackedException) -> PackedException:
        """Return an exception with every match in its messages and notes replaced."""
        return self._redact_error(error) if self._patterns and error else error

    def _map_error(self, error: PackedException) -> PackedException:
        return map_texts(error, self.redact)

    def _redact_line(self, line: str) -> str:
        for pattern in self._patterns:
            line = pattern.sub(_replace, line)
        return line


def _replace(match: re.Match[str]) -> str:
    """Return what replaces a match."""
    if not match.re.groups:
        return REPLACEMENT
    if match[1] is None:  # the group is optional
        return match[0]
    start, end = match.start(1) - match.start(), match.end(1) - match.start()
    return f"{match[0][:start]}{REPLACEMENT}{match[0][end:]}"


def _compile(pattern: object) -> re.Pattern[str]:
    if not isinstance(pattern, str):
        raise TypeError(f"a pattern of redact must be a string, not {pattern!r:.80}")
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{pattern!r:.200} is not a regular expression: {error}") from None
    if compiled.search(""):
        raise ValueError(f"{pattern!r:.200} matches an empty text, so it would match everywhere")
    return compiled
