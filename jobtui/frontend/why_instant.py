"""Read the instant of a question, such as ``02:30`` or ``2026-11-29T02:30``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

_TIME = re.compile(
    r"(?:(?P<day>today|yesterday|tomorrow)\s+)?(?P<time>[0-9]{2}:[0-9]{2}(?P<second>:[0-9]{2})?)"
)
_DAYS = {"yesterday": -1, "tomorrow": 1}
_DATE_AND_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?P<second>:[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-].*)?"
)


@dataclass(frozen=True, slots=True)
class AskedInstant:
    """An instant with the accuracy of its text.

    Attributes:
        at: The instant, aware. Its wall time may be one that the clock jumps over.
        length: How long after it a tick is still meant: a minute if the text has no seconds.
    """

    at: datetime
    length: timedelta

    @property
    def end(self) -> datetime:
        """The first instant that is not meant any more."""
        return (self.at.astimezone(UTC) + self.length).astimezone(self.at.tzinfo)

    @property
    def exists(self) -> bool:
        """Whether the clock of its zone shows this wall time."""
        return self.at.astimezone(UTC).astimezone(self.at.tzinfo).replace(tzinfo=None) == self.at.replace(
            tzinfo=None
        )


def parse_asked_instant(text: str, now: datetime) -> AskedInstant:
    """Parse an instant.

    Args:
        text: A time of today, such as ``02:30`` or ``02:30:15``, of ``yesterday 02:30`` or of ``tomorrow
            02:30``, or a date and a time in ISO 8601. Without an offset it is in the zone of `now`; if the
            clock shows it twice, the first time is meant.
        now: The time; aware.

    Raises:
        ValueError: The text is none of these. The message is for the user.
    """
    try:
        at, has_seconds = _parse(text.strip(), now)
        at.astimezone(UTC)  # raises if no calendar has it
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r:.40} is not an instant; write 02:30, 'yesterday 02:30' or 2026-11-29T02:30, with or "
            "without seconds and an offset"
        ) from None
    return AskedInstant(at, timedelta(seconds=1 if has_seconds else 60))


def _parse(text: str, now: datetime) -> tuple[datetime, bool]:
    """Return the instant of a text, and whether it has seconds."""
    found = _TIME.fullmatch(text)
    if found is not None:
        day = now.date() + timedelta(_DAYS.get(found["day"] or "", 0))
        clock = time.fromisoformat(found["time"])
        return datetime.combine(day, clock, now.tzinfo), found["second"] is not None
    found = _DATE_AND_TIME.fullmatch(text)
    if found is None:
        raise ValueError(text)
    at = datetime.fromisoformat(text)
    at = at.replace(tzinfo=now.tzinfo) if at.tzinfo is None else at.astimezone(now.tzinfo)
    return at, found["second"] is not None
