"""Alt with a digit, which Textual takes for the characters that macOS types with option and a digit."""

from __future__ import annotations

from textual.events import Event, Key

_CHARACTERS = "¡™£¢∞§¶•ª"  # in the order of the digits from 1


def with_alt_digit(event: Event) -> Event:
    """Return the key `alt+1` in place of `¡`, and so on; any other event as it is."""
    if isinstance(event, Key) and event.character and event.character in _CHARACTERS:
        return Key(f"alt+{_CHARACTERS.index(event.character) + 1}", None)
    return event
