"""The error for a spec, a duration or a zone name that is not valid, and helpers for its message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

# A longer spec is cut to this many columns around its fault.
_WINDOW = 72
_LONGEST_QUOTE = 40  # characters; about half a terminal


class BadSpec(ValueError):  # noqa: N818 - the public name; it reads well in a traceback
    """A spec, a duration or a zone name that is not valid.

    The message is one sentence. If there is a spec to show, the next line has the spec, and the line after
    it has a caret under the fault.

    Attributes:
        sentence: What is wrong and what to write instead, without the spec.
        spec: The whole text as it was given, or None.
        field: The name of the faulty field, such as ``"day-of-week"``, or None.
        position: The index in ``spec`` of the first faulty character, or None.
    """

    sentence: str
    spec: str | None
    field: str | None
    position: int | None

    def __init__(
        self, sentence: str, *, spec: str | None = None, field: str | None = None, position: int | None = None
    ) -> None:
        self.sentence = sentence
        self.spec = spec
        self.field = field
        self.position = position
        super().__init__(f"{sentence}\n{_spec_with_caret(spec, position)}" if spec else sentence)


@contextmanager
def naming(argument: str) -> Iterator[None]:
    """Begin the message of an error about a value with the name of its argument."""
    try:
        yield
    except BadSpec as bad:
        sentence = f"{argument}: {bad.sentence}"
        raise BadSpec(sentence, spec=bad.spec, field=bad.field, position=bad.position) from None
    except (TypeError, ValueError) as error:
        raise type(error)(f"{argument}: {error}") from None


def _spec_with_caret(spec: str, position: int | None) -> str:
    """Return the spec, indented, and below it a caret at ``position``."""
    text = _printable(spec)
    caret = position or 0
    start = max(0, min(caret - _WINDOW // 2, len(text) - _WINDOW))
    before = "\u2026" if start else ""
    after = "\u2026" if start + _WINDOW < len(text) else ""
    line = f"  {before}{text[start : start + _WINDOW]}{after}".rstrip()
    if position is None:
        return line
    return f"{line}\n  {' ' * (len(before) + caret - start)}^"


def _printable(text: str) -> str:
    """Return text of the same length without characters that move the cursor or control a terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def quote_text(text: str) -> str:
    """Return ``text`` in quotes for a message: short, on one line, and without escape sequences."""
    short = text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + "\u2026"
    return f"'{_printable(short)}'"


def closest_matches(word: str, known: list[str]) -> list[str]:
    """Return up to three of ``known`` that resemble ``word``, best first; upper and lower case are equal."""
    from difflib import get_close_matches  # noqa: PLC0415 - only needed after a mistake

    originals = {name.casefold(): name for name in known}
    return [
        originals[match]
        for match in get_close_matches(word[:80].casefold(), list(originals), n=3, cutoff=0.6)
    ]
