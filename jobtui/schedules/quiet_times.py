"""Quiet times: the times, such as a maintenance window, in which nothing starts.

A quiet time begins at the ticks of a cron schedule, so the rules for clock changes are those of fixed times,
and lasts for so much elapsed time. Quiet times that overlap or touch each other are one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from jobtui.schedules.bad_spec import BadSpec, closest_matches, quote_text
from jobtui.schedules.cron_fields import WEEKDAYS
from jobtui.schedules.durations import format_duration, parse_duration
from jobtui.schedules.schedule import Cron, spec_text

EXAMPLE = "SAT 02:00 for 3h"
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=7)
MOST_WITHOUT_GAP = timedelta(days=62)
_DAILY = "daily"
_MOST_JOINED = 10_000  # quiet times that follow each other without a gap
_SPANS_KEPT = 32
_WORD = re.compile(r"\S+")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_TIME_LIKE = re.compile(r"([0-9]{1,2})[:.h]([0-9]{2})(?:-([0-9]{1,2})[:.h]([0-9]{2}))?")
_REFERENCE = datetime(2024, 1, 1, tzinfo=UTC)  # where quiet times without a gap are searched for
_DAY_FORM_WORDS = 2  # the days and the time


@dataclass(frozen=True, slots=True)
class QuietTime:
    """A time that returns, and in which nothing starts.

    Attributes:
        text: The quiet time as the user wrote it.
        begins: When it begins.
        length: How long it lasts.
    """

    text: str
    begins: Cron
    length: timedelta


class QuietSpan(NamedTuple):
    """A part of the time line in which it is either quiet or not. Instants are seconds since the epoch.

    Attributes:
        start: An instant in it, not necessarily the first one.
        end: The first instant after it; inf for none.
        is_quiet: Whether it is quiet.
    """

    start: float
    end: float
    is_quiet: bool


def parse_quiet_time(text: str, *, tz: str | tzinfo | None = None) -> QuietTime:
    """Parse a quiet time: ``SAT 02:00 for 3h``, ``daily 22:00 for 8h``, or a cron spec in front of ``for``.

    Args:
        text: The quiet time.
        tz: The zone of its beginning, unless the cron spec names one; None is the machine's zone.

    Raises:
        BadSpec: It is not valid; the message says what to write instead.
        TypeError: It is not a string.
    """
    if not isinstance(text, str):
        raise TypeError(f"a quiet time must be a text such as {EXAMPLE!r}, not {text!r:.80}")
    spec_text(text)
    words = [*_WORD.finditer(text)]
    place = next((place for place, word in enumerate(words) if word[0].lower() == "for"), None)
    if place is None:
        raise _missing_length(text, words)
    if not place:
        raise BadSpec(f"the day and the time are missing; write {EXAMPLE}", spec=text, position=0)
    length = _parse_length(text, words[place], text[words[place].end() :])
    return QuietTime(" ".join(text.split()), _parse_beginning(text, words[:place], tz), length)


def _missing_length(text: str, words: Sequence[re.Match[str]]) -> BadSpec:
    last = words[-1][0] if words else ""
    found = _TIME_LIKE.fullmatch(last)
    advice = EXAMPLE
    if len(words) > 1 and _is_duration(last):
        before = [word[0] for word in words[:-1]]
        advice = " ".join(before[:-1] if closest_matches(before[-1], ["for"]) else before) + f" for {last}"
    elif found is not None and found[3] is not None:
        hours, minutes, until_hours, until_minutes = map(int, found.groups())
        length = timedelta(minutes=(until_hours - hours) * 60 + until_minutes - minutes)
        length += timedelta(days=length <= timedelta())
        day = words[0][0] if len(words) > 1 else _DAILY
        advice = f"{day} {hours:02}:{minutes:02} for {format_duration(length)}"
    sentence = f"a quiet time has a beginning and a length; write {advice}"
    return BadSpec(sentence, spec=text, position=len(text.rstrip()))


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text)
    except BadSpec:
        return False
    return True


def _parse_length(text: str, word: re.Match[str], rest: str) -> timedelta:
    position = word.end() + len(rest) - len(rest.lstrip())
    try:
        length = parse_duration(rest.strip())
    except BadSpec as error:
        sentence = f"the length after 'for': {error.sentence}"
        raise BadSpec(sentence, spec=text, position=position + (error.position or 0)) from None
    if not SHORTEST <= length <= LONGEST:
        allowed = f"{format_duration(SHORTEST)} to {format_duration(LONGEST)}"
        raise BadSpec(f"a quiet time lasts from {allowed}", spec=text, position=position)
    return length


def _parse_beginning(text: str, words: Sequence[re.Match[str]], tz: str | tzinfo | None) -> Cron:
    is_cron = len(words) > _DAY_FORM_WORDS or words[0][0].startswith(("@", "TZ=", "CRON_TZ="))
    if is_cron and not any(_TIME_LIKE.fullmatch(word[0]) for word in words):
        return _parse_cron(text, text[words[0].start() : words[-1].end()], tz)
    time = words[-1]
    position, found = time.start(), _TIME.fullmatch(time[0])
    if found is None:
        near = _TIME_LIKE.fullmatch(time[0])
        hint = "; write the hour and the minute, such as 02:00"
        if near is not None and int(near[1]) < 24 and int(near[2]) < 60:  # noqa: PLR2004 - hours, minutes
            hint = f"; write {int(near[1]):02}:{near[2]}"
        raise BadSpec(f"{quote_text(time[0])} is not a time of day{hint}", spec=text, position=position)
    if len(words) == 1:
        raise BadSpec(f"the day is missing; write {_DAILY} {time[0]}", spec=text, position=position)
    if len(words) > _DAY_FORM_WORDS:
        sentence = "write several days as SAT,SUN or MON-FRI, without spaces"
        raise BadSpec(sentence, spec=text, position=words[1].start())
    days = words[0][0]
    minute, hour = int(found[2]), int(found[1])
    if days.lower() == _DAILY:
        return Cron(f"0 {minute} {hour} * * ?", tz=tz)
    try:
        return Cron(f"0 {minute} {hour} ? * {days}", tz=tz)
    except BadSpec as error:
        sentence = error.sentence.removeprefix("day-of-week: ")
        if days.isalpha():
            full = [day for day in WEEKDAYS if days.upper().startswith(day)]
            similar = [*full, *closest_matches(days, [*WEEKDAYS, _DAILY])]
            sentence = f"{quote_text(days)} is not a day ({WEEKDAYS[0]}-{WEEKDAYS[-1]} or {_DAILY})"
            sentence += f"; write {similar[0]}" if similar else ""
        raise BadSpec(sentence, spec=text, position=words[0].start()) from None


def _parse_cron(text: str, spec: str, tz: str | tzinfo | None) -> Cron:
    if spec.split(maxsplit=1)[0].lower() == "@every":
        raise BadSpec(f"an interval has no time of day; write {EXAMPLE}", spec=text, position=0)
    try:
        return Cron(spec, tz=tz)
    except BadSpec as error:
        position = None if error.position is None else text.index(spec) + error.position
        raise BadSpec(error.sentence, spec=text, field=error.field, position=position) from None


class QuietTimes:
    """All quiet times of a scheduler. Thread-safe.

    Args:
        times: The quiet times.

    Raises:
        BadSpec: One never begins, or together they leave no time to start anything.
    """

    def __init__(self, times: Sequence[QuietTime] = ()) -> None:
        self.times = tuple(times)
        # The latest answers. The tuple is replaced as a whole, so a race costs a search at most.
        self._spans: tuple[QuietSpan, ...] = ()
        for each in self.times:
            first = each.begins.next(_REFERENCE)
            if first is None:
                raise BadSpec("it never begins: nothing matches within 8 years", spec=each.text)
            if self._end_of(first.astimezone(UTC)) - first.astimezone(UTC) > MOST_WITHOUT_GAP:
                sentence = f"nothing could start for more than {MOST_WITHOUT_GAP.days} days"
                raise BadSpec(sentence, spec=each.text)

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self.times)

    def __str__(self) -> str:
        """Return them as the user wrote them."""
        return ", ".join(each.text for each in self.times)

    def span_at(self, instant: float) -> QuietSpan:
        """Return the time around an instant in which it stays as quiet, or not quiet, as it is then."""
        for span in self._spans:
            if span.start <= instant < span.end:
                return span
        at = datetime.fromtimestamp(instant, UTC)
        end = self._end_of(at)
        if end > at:
            span = QuietSpan(instant, end.timestamp(), is_quiet=True)
        else:
            begins = [begin.timestamp() for each in self.times if (begin := each.begins.next(at)) is not None]
            span = QuietSpan(instant, min(begins, default=math.inf), is_quiet=False)
        self._spans = (span, *self._spans[: _SPANS_KEPT - 1])
        return span

    def end_at(self, instant: float) -> float | None:
        """Return when the quiet time at an instant ends; None if it is not quiet then."""
        if not self.times:
            return None
        span = self.span_at(instant)
        return span.end if span.is_quiet else None

    def _end_of(self, at: datetime) -> datetime:
        """Return the end of the quiet time at an instant in UTC; the instant itself if it is not quiet."""
        end = at
        for _ in range(_MOST_JOINED):
            later = max([self._end_from(each, end) for each in self.times], default=end)
            if later == end or later - at > 2 * MOST_WITHOUT_GAP:
                return later
            end = later
        return at + 2 * MOST_WITHOUT_GAP

    @staticmethod
    def _end_from(time: QuietTime, at: datetime) -> datetime:
        """Return when one quiet time ends that lasts at an instant or begins then; else the instant."""
        begin = time.begins.next(at - time.length)
        if begin is None or (begin := begin.astimezone(UTC)) > at:
            return at
        return begin + time.length


NO_QUIET_TIMES = QuietTimes()


def parse_quiet_times(
    texts: Sequence[str], *, tz: str | tzinfo | None = None, name: str = "quiet[{}]"
) -> QuietTimes:
    """Parse the quiet times of a scheduler.

    Args:
        texts: The quiet times.
        tz: As for `parse_quiet_time`.
        name: The name of one in messages, in which ``{}`` becomes its place.

    Raises:
        BadSpec: One is not valid; the message begins with its name, such as ``quiet[0]``.
        TypeError: One is of another type, or there is one text instead of a list.
    """
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise TypeError(f"quiet must be a list of texts such as [{EXAMPLE!r}], not {texts!r:.80}")
    times: list[QuietTime] = []
    for place, text in enumerate(texts):
        try:
            times.append(parse_quiet_time(text, tz=tz))
            QuietTimes(times)
        except BadSpec as error:
            sentence = f"{name.format(place)}: {error.sentence}"
            raise BadSpec(sentence, spec=error.spec, field=error.field, position=error.position) from None
        except TypeError as error:
            raise TypeError(f"{name.format(place)}: {error}") from None
    return QuietTimes(times)
