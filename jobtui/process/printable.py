"""Make text harmless for whatever displays it: a terminal, a log file or a browser."""

from __future__ import annotations

import unicodedata

# Control characters, format characters (they reverse text or have no width), lone surrogates, line and
# paragraph separators.
_ESCAPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str) -> str:
    r"""Return `text` on one line, with every character that a terminal would act on escaped, as in ``\x1b``.

    Line breaks and tabs become spaces.
    """
    if text.isprintable():
        return text
    return "".join(map(_printable_character, text))


def printable_lines(text: str) -> str:
    """Return `text` with its lines kept, without white space at the end, and with each line `printable`.

    A tab becomes four spaces, so that indented code stays indented.
    """
    return "\n".join(printable(line.replace("\t", "    ")) for line in text.rstrip().split("\n"))


def _printable_character(character: str) -> str:
    if character in "\n\r\t":
        return " "
    if unicodedata.category(character) in _ESCAPED_CATEGORIES:
        return character.encode("unicode_escape").decode("ascii")
    return character
