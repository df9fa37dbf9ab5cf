"""Alt with a digit, which Textual takes for the characters that macOS types with option and a digit."""

from __future__ import annotations

from textual.events import Event, Key

# The code points of these characters, in the order of the digits from 1. They are read, and never drawn.
_CODES = (0xA1, 0x2122, 0xA3, 0xA2, 0x221E, 0xA7, 0xB6, 0x2022, 0xAA)


def with_alt_digit(event: Event) -> Event:
    """Return `alt+1` in place of the first of these characters, and so on; any other event as it is."""
    if isinstance(event, Key) and event.character and ord(event.character[0]) in _CODES:
        return Key(f"alt+{_CODES.index(ord(event.character[0])) + 1}", None)
    return event
