"""The language in which people ask for runs: ``job:import* state:failed since:2d took:>5s "timed out"``.

A query is a list of terms, and a run has to meet all of them. A term is a key with a value, or a word, which
the run's reason, traceback or output has to contain. Quotes keep spaces together; a doubled quote inside
quotes stands for one. A to Z are equal to a to z, and so are the letters of other alphabets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from jobtui.engine.enums import RunState, Trigger
from jobtui.schedules.bad_spec import BadSpec, closest_matches, quote_text
from jobtui.schedules.durations import format_duration, parse_duration

LONGEST_QUERY = 2_000  # characters
LARGEST_NUMBER = 10**17
_LONGEST_SPAN = timedelta(days=100_000)

_DURATION = "a duration such as 90s, 1h30m or 2d"
_INSTANT = "an instant such as 2026-11-27 or 2026-11-27T02:30"


class BadQuery(ValueError):  # noqa: N818 - named like BadSpec, after what is wrong
    """A query that is not valid. The message is one sentence: the term, what is wrong, what is allowed.

    Args:
        message: The sentence.
        place: The place of the term's first character in the query, counted from 1; 0 if no term is wrong.

    Attributes:
        place: The place.
    """

    def __init__(self, message: str, place: int = 0) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The conditions that a run, or a group of ticks that started none, has to meet. `str` writes the query.

    Attributes:
        job: The name of the job, in which ``*`` stands for any text; "" for every job.
        state: The state.
        trigger: What requested the run.
        number: The number of the run.
        since: The first instant at which it may have ended, in UTC; for a RUNNING run, started.
        until: The first later instant at which it may not have.
        longer: The work took longer than this.
        shorter: The work took less time than this.
        words: The texts that its reason, traceback or output contains.
    """

    job: str = ""
    state: RunState | None = None
    trigger: Trigger | None = None
    number: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    longer: timedelta | None = None
    shorter: timedelta | None = None
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the query as text. Parsed at any time and in any zone, it gives this query."""
        values = {
            "job": _quote_if_needed(self.job),
            "state": self.state and _STATE_WORDS[self.state],
            "trigger": self.trigger and _TRIGGER_WORDS[self.trigger],
            "number": self.number,
            "since": self.since and self.since.isoformat(),
            "until": self.until and self.until.isoformat(),
        }
        terms = [f"{key}:{value}" for key, value in values.items() if value]
        for sign, limit in ((">", self.longer), ("<", self.shorter)):
            if limit is not None:
                terms.append(f"took:{sign}{format_duration(limit)}")
        return " ".join([*terms, *map(_quote, self.words)])

    def has_job(self, name: str) -> bool:
        """Return whether a job of that name meets the condition for the job."""
        return not self.job or _pattern(self.job).fullmatch(fold_case(name)) is not None


def parse_query(text: str, now: datetime) -> Query:
    """Parse a query.

    Args:
        text: The query.
        now: The time from which durations such as ``since:2d`` count back; aware. Instants without an offset
            are in its zone.

    Raises:
        BadQuery: The text is not a query.
    """
    if len(text) > LONGEST_QUERY:
        raise BadQuery(f"a query has at most {LONGEST_QUERY} characters; this one has {len(text)}")
    if "\0" in text or not _is_encodable(text):
        raise BadQuery("a query must not contain NUL, nor bytes that are not UTF-8")
    query = Query()
    words: list[str] = []
    keys: set[str] = set()
    for term in _terms(text):
        if not term.key:
            words.append(term.value)
            continue
        try:
            changes = _read_term(term, now, keys)
        except BadQuery as error:
            error.place = term.place
            raise
        keys.update(changes)
        query = replace(query, **changes)
    if query.since is not None and query.until is not None and query.since >= query.until:
        raise BadQuery("since: must be earlier than until:; a duration counts back from now")
    return replace(query, words=tuple(dict.fromkeys(words)))


def fold_case(text: str) -> str:
    """Return a text in which letters that differ only in case are equal. Its length stays the same.

    ASCII letters equal only ASCII letters, as in SQLite: the sign for Kelvin is not a k.
    """
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    lower = character.lower()
    return lower if len(lower) == 1 and lower.isascii() is character.isascii() else character


# --- terms ----------------------------------------------------------------------------------------


class _Term(NamedTuple):
    """A part of a query: a key with its value, or a word, which has the key "". Its place counts from 1."""

    key: str
    value: str
    place: int = 0


_TERM = re.compile(r'\s*(?P<term>)(?:(?P<key>[^\s":]+):)?(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<bare>[^\s"]*))')


def _terms(text: str) -> Iterator[_Term]:
    """Split a query into its terms."""
    position, end = 0, len(text.rstrip())
    while position < end:
        found = _TERM.match(text, position)
        assert found is not None, "every part of the pattern is optional"
        position = found.end()
        if position < end and not text[position].isspace():
            _reject_quote(text, found)
        quoted = found["quoted"]
        value = found["bare"] if quoted is None else quoted.replace('""', '"')
        if not value.strip() and not found["key"]:
            text = '"" is empty; write the text to search for between the quotes'
            raise BadQuery(text, found.start("term") + 1)
        yield _Term(found["key"] or "", value if value.strip() else "", found.start("term") + 1)


def _reject_quote(text: str, found: re.Match[str]) -> NoReturn:
    rest = quote_text(text[found.start() :].split(maxsplit=1)[0])
    place = found.start("term") + 1
    if text[found.end()] == '"' and '"' not in text[found.end() + 1 :]:
        raise BadQuery(f"a closing quote is missing in {rest}", place)
    raise BadQuery(
        f'{rest}: quotes must enclose a whole word or value, as in "timed out"; write "" for a quote', place
    )


def _reject_key(term: _Term) -> NoReturn:
    near = closest_matches(term.key, [*_KEYS])
    hint = f"; did you mean {near[0]}:?" if near else ""
    text = quote_text(f"{term.key}:{term.value}")[1:-1]
    raise BadQuery(
        f"{quote_text(term.key)} is not a key{hint} (keys are {', '.join(_KEYS)}); "
        f'to search for the text, put it in quotes: "{text}"'
    )


def _shown(term: _Term) -> str:
    return quote_text(f"{term.key}:{term.value}")


def _is_encodable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def quote_term(key: str, value: str) -> str:
    """Return the term of a key and any value, as it stands in a query."""
    return f"{key}:{_quote(value)}"


def _quote(text: str) -> str:
    return '"{}"'.format(text.replace('"', '""'))


def _quote_if_needed(value: str) -> str:
    return value if re.fullmatch(r'[^\s"]*', value) else _quote(value)


@lru_cache(maxsize=16)
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, fold_case(glob).split("*"))), re.DOTALL)


# --- values ---------------------------------------------------------------------------------------

_STATE_WORDS = {state: state.value.lower() for state in RunState}
_TRIGGER_WORDS = {trigger: trigger.value.removeprefix("by ") for trigger in Trigger}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAYS = re.compile(r"(?P<days>[0-9]{1,6})d(?P<rest>.*)", re.DOTALL)


def _read_job(term: _Term, _now: datetime) -> dict[str, Any]:
    return {"job": term.value}


def _read_state(term: _Term, _now: datetime) -> dict[str, Any]:
    return {"state": _choose(term, {word: state for state, word in _STATE_WORDS.items()})}


def _read_trigger(term: _Term, _now: datetime) -> dict[str, Any]:
    named = _Term(term.key, term.value.lower().removeprefix("by "))
    return {"trigger": _choose(named, {word: trigger for trigger, word in _TRIGGER_WORDS.items()})}


def _read_number(term: _Term, _now: datetime) -> dict[str, Any]:
    text = term.value.removeprefix("#")
    if not re.fullmatch(r"[0-9]{1,18}", text) or not 0 < int(text) <= LARGEST_NUMBER:
        raise BadQuery(f"{_shown(term)}: the number of a run is a whole number from 1")
    return {"number": int(text)}


def _read_since(term: _Term, now: datetime) -> dict[str, Any]:
    return {"since": _read_instant(term, now)}


def _read_until(term: _Term, now: datetime) -> dict[str, Any]:
    """Return the condition of an instant, or of the end of a day."""
    return {"until": _read_instant(term, now, days=1)}


def _read_took(term: _Term, _now: datetime) -> dict[str, Any]:
    sign, text = term.value[0], term.value[1:]
    limit = _parse_span(text) if sign in "<>" else None
    if limit is None:
        raise BadQuery(f"{_shown(term)}: write {_KEYS['took'].allowed}, with {_DURATION}")
    return {"longer" if sign == ">" else "shorter": limit}


def _read_instant(term: _Term, now: datetime, days: int = 0) -> datetime:
    """Return an instant in UTC.

    Args:
        term: The term. Its value is a duration before now, a date, or a date and a time.
        now: The time; dates and times without an offset are in its zone.
        days: How many days to add to a date without a time.
    """
    text = term.value
    try:
        if _DATE.fullmatch(text):
            day = date.fromisoformat(text) + timedelta(days)
            return datetime.combine(day, time.min, now.tzinfo).astimezone(UTC)
        if _DATE.match(text):
            instant = datetime.fromisoformat(text)
            return (instant if instant.tzinfo else instant.replace(tzinfo=now.tzinfo)).astimezone(UTC)
        span = _parse_span(text)
        if span is not None:
            return now.astimezone(UTC) - span
    except (ValueError, OverflowError):
        pass
    raise BadQuery(f"{_shown(term)}: write {_DURATION}, which counts back from now, or {_INSTANT}")


def _parse_span(text: str) -> timedelta | None:
    """Return a duration that may begin with days of 24 hours; None if the text is not one."""
    found = _DAYS.fullmatch(text)
    days, rest = (timedelta(int(found["days"])), found["rest"]) if found else (timedelta(0), text)
    if rest.startswith(("-", "+")):
        return None
    try:
        span = days + (parse_duration(rest) if rest or not found else timedelta(0))
    except BadSpec:
        return None
    return span if span <= _LONGEST_SPAN else None


def _choose(term: _Term, choices: dict[str, Any]) -> Any:
    word = term.value.lower()
    if word not in choices:
        near = closest_matches(word, [*choices])
        hint = f"; did you mean {near[0]}?" if near else ""
        raise BadQuery(f"{_shown(term)} is not a {term.key}{hint} (allowed: {', '.join(choices)})")
    return choices[word]


def _read_term(term: _Term, now: datetime, earlier: set[str]) -> dict[str, Any]:
    """Return the attributes of a query that a term with a key sets, none of which an earlier one has set."""
    reader = _KEYS.get(term.key.lower())
    if reader is None:
        _reject_key(term)
    if not term.value:
        raise BadQuery(f"{term.key}: has no value; write {reader.allowed}")
    changes = reader.read(term, now)
    if not earlier.isdisjoint(changes):
        raise BadQuery(f"{_shown(term)}: the query has another {term.key}: of this kind; write only one")
    return changes


class _Key(NamedTuple):
    """Reads the values of a key into the attributes of a query."""

    allowed: str
    read: Callable[[_Term, datetime], dict[str, Any]]


_KEYS = {
    "job": _Key("the name of a job, such as job:import or job:import*", _read_job),
    "state": _Key(f"one of {', '.join(_STATE_WORDS.values())}", _read_state),
    "since": _Key(f"{_DURATION}, or {_INSTANT}", _read_since),
    "until": _Key(f"{_DURATION}, or {_INSTANT}", _read_until),
    "took": _Key("took:>5s or took:<5s", _read_took),
    "trigger": _Key(f"one of {', '.join(_TRIGGER_WORDS.values())}", _read_trigger),
    "number": _Key("the number of a run, such as number:12", _read_number),
}
