"""Make text harmless for whatever displays it: a terminal, a log file or a browser."""

from __future__ import annotations

import unicodedata

# Control characters, format characters (they reverse text or have no width), lone surrogates, line and
# paragraph separators.
_ESCAPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# They have no width, and join or separate the characters around them: Persian words, families of emoji.
NON_JOINER, JOINER = "\u200c", "\u200d"


def is_printable(text: str) -> bool:
    """Return whether `printable` would leave a text as it is."""
    return text.isprintable() or printable(text) == text


def printable(text: str) -> str:
    r"""Return `text` on one line, with every character that a terminal would act on escaped, as in ``\x1b``.

    Line breaks and tabs become spaces. A joiner stays next to a character that is not ASCII, where it has an
    effect; elsewhere it would make two different texts look the same.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character in (NON_JOINER, JOINER) and _is_joined(text[max(0, index - 1) : index + 2])
        else _printable_character(character)
        for index, character in enumerate(text)
    )


def printable_lines(text: str) -> str:
    """Return `text` with its lines kept, without white space at the end, and with each line `printable`.

    A tab becomes four spaces, so that indented code stays indented.
    """
    return "\n".join(printable(line.replace("\t", "    ")) for line in text.rstrip().split("\n"))


def _is_joined(around: str) -> bool:
    return any(character.isprintable() and not character.isascii() for character in around)


def _printable_character(character: str) -> str:
    if character in "\n\r\t":
        return " "
    if unicodedata.category(character) in _ESCAPED_CATEGORIES:
        return character.encode("unicode_escape").decode("ascii")
    return character
