"""Suggestions for specs of other programs: the same schedule as a spec of jobtui.

Most rejected specs were written for another program: Quartz, EventBridge, systemd, a whole line of a crontab.
The rules at the end of this module rewrite such a spec, step by step, until it is valid. The message then has
the reason of the first step and suggests the result. A suggestion is always valid.

A rule takes a text without its zone. It returns the reason (what is wrong with the text), and a text that is
closer to a valid spec; or None if the rule does not apply. An empty reason keeps the parser's message.

This module is imported only after a spec has been rejected.
"""

from __future__ import annotations

import re
import unicodedata

from jobtui.schedules.bad_spec import BadSpec, closest_matches, quote_text
from jobtui.schedules.cron import DESCRIPTORS, LONGEST_SPEC
from jobtui.schedules.cron_fields import FIELDS, MONTHS, ORDER, WEEKDAYS, Field, parse_field
from jobtui.schedules.durations import as_interval
from jobtui.schedules.foreign_durations import translate_words, value_by_word
from jobtui.schedules.zones import zone

_SIX, _FIVE = FIELDS, FIELDS[1:]
_MOST_STEPS = 5

# Characters that web pages and word processors put in place of those of a spec, with the original.
TYPOGRAPHY = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
    | dict.fromkeys("\u00a0\u2009\u202f\u3000", " ")
    | dict.fromkeys("\u2217\u204e\uff0a", "*")
    | dict.fromkeys("\u2018\u2019\u201c\u201d\u00ab\u00bb", '"')
    | dict.fromkeys("\u200b\u2060\ufeff\\", "")
)
YEAR = re.compile(r"[*?]|\*/[0-9]+|[0-9]{4}[0-9,/-]*")

_ASCII_WORD = re.compile(r"[^ \t\r\n\f\v]+")
_DATE = re.compile(r"\s*[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CALL = re.compile(r"\s*@?([A-Za-z_][\w.]+)\s*[(\[](.*)", re.ASCII | re.DOTALL)

_Step = tuple[str, str] | None  # the result of a rule


def with_suggestion(bad: BadSpec) -> BadSpec:
    """Return an error that says what to write instead, if the spec is one of another program.

    The result is ``bad`` itself if there is no suggestion, or if ``bad`` has it already.
    """
    if bad.spec is None:
        return bad
    step = _rewrite(bad.spec)
    return _explain_date_or_call(bad, bad.spec) if step is None else _suggest(bad, bad.spec, *step)


def odd_character(character: str) -> str:
    """Return the message for a character that no spec may contain, with its name."""
    name = unicodedata.name(character, "an unnamed character")
    return f"{quote_text(character)} ({name}) is not allowed in a spec"


def _explain_date_or_call(bad: BadSpec, spec: str) -> BadSpec:
    if _DATE.match(spec):
        return BadSpec("a single date is not a schedule; use jobtui.at()", spec=spec, position=0)
    if _CALL.match(spec):
        sentence = f"a call is not a spec; write six fields ({ORDER}) or '@every 5m'"
        return BadSpec(sentence, spec=spec, position=0)
    return bad


def _suggest(bad: BadSpec, spec: str, reason: str, instead: str) -> BadSpec:
    if not reason and bad.sentence.endswith("Sunday is 0)") and spec.rsplit(maxsplit=1)[-1] == "7":
        return bad  # the message is complete
    # Without a reason of its own, a suggestion replaces the advice in the parser's message.
    problem = reason or re.split(r"; (?![^(]*\))", bad.sentence)[0]
    sentence = f"{problem}; write {instead}" if instead[0] == "@" else f"{problem}; write '{instead}'"
    if sentence == bad.sentence:
        return bad
    position = _first_difference(spec, instead) if reason else bad.position
    field = bad.field if position == bad.position else None
    return BadSpec(sentence, spec=spec, field=field, position=position)


def _rewrite(spec: str) -> _Step:
    """Rewrite a spec until it is valid: return the reason of the first rewrite, and the spec or None."""
    reason, text = None, spec
    for _ in range(_MOST_STEPS):
        tz, body = _split_zone(text)
        step = next((step for rule in _RULES if (step := rule(body))), None)
        if step is None:
            return None
        reason, text = (step[0] if reason is None else reason), tz + step[1]
        if _is_valid(text):
            return reason, " ".join(text.split())
    return None


def _split_zone(text: str) -> tuple[str, str]:
    match = re.match(r"\s*((?:CRON_)?TZ=\S+\s+)?(.*)", text, re.DOTALL)
    assert match is not None, "every part of the pattern is optional"
    return match[1] or "", match[2].strip(" \t\r\n\f\v")


def _is_valid(text: str) -> bool:
    tz, body = _split_zone(text)
    words = _ASCII_WORD.findall(body)
    fields = {len(_SIX): _SIX, len(_FIVE): _FIVE}.get(len(words))
    try:
        if fields is not None:
            for field, word in zip(fields, words, strict=True):
                parse_field(text, field, word, 0)
        elif words[:1] == ["@every"] and len(words) == 2:  # noqa: PLR2004 - the word and its duration
            as_interval(words[1])
        elif body not in DESCRIPTORS:
            return False
        if tz:
            zone(tz.strip().partition("=")[2])
    except BadSpec:
        return False
    return len(text) <= LONGEST_SPEC


def _first_difference(spec: str, instead: str) -> int:
    """Return the index in ``spec`` of the first word that ``instead`` does not have at the same place."""
    kept = instead.split()
    for index, word in enumerate(_ASCII_WORD.finditer(spec)):
        if kept[index : index + 1] != [word[0]]:
            return word.start()
    return 0


def _replace_typography(text: str) -> _Step:
    odd = next((character for character in text if ord(character) in TYPOGRAPHY), None)
    return (odd_character(odd), text.translate(TYPOGRAPHY)) if odd else None


def _move_zone_to_front(text: str) -> _Step:
    match = re.fullmatch(r"(.*\S)\s+(?:(?:CRON_)?TZ=)?(UTC|[A-Z][A-Za-z]+/[A-Za-z_/]+)", text, re.DOTALL)
    return ("a zone belongs in front of a spec", f"TZ={match[2]} {match[1]}") if match else None


def _remove_command(text: str) -> _Step:
    """Remove the user and the command from a line of a crontab."""
    words = _ASCII_WORD.findall(text)
    for count in (6, 5, 2, 1):
        fields, rest = " ".join(words[:count]), words[count:]
        # Debian's own crontab has a 7 for Sunday.
        if (
            rest
            and (_is_command(rest) or count == 1)
            and _is_valid((_wrap_past_end(fields) or ("", fields))[1])
        ):
            # The parser's message for a word after "@daily" is good.
            command = f"{quote_text(rest[0])} begins a command, which is not part of a spec"
            return command if count > 1 else "", fields
    return None


def _is_command(words: list[str]) -> bool:
    first = words[0].upper()
    pieces = [piece for piece in re.split(r"[0-9*?,/#~()-]+", first) if piece]
    like_a_day = all(
        piece in ("L", "W", "LW", "H", "R") or (piece.isalpha() and piece[:3] in WEEKDAYS) for piece in pieces
    )
    like_a_name = len(words) == 1 and first.isalpha() and closest_matches(first, [*WEEKDAYS, *MONTHS])
    return bool(re.match(r"[A-Z_~./$([{\"']", first)) and not like_a_day and not like_a_name


def _remove_key(text: str) -> _Step:
    """Remove the key in front of a spec in YAML, in a unit of systemd or in an app.conf."""
    name = r"[\w.]*(?:cron|schedule|calendar|spec|expression)[\w.]*"
    match = re.fullmatch(rf"[-\s\"']*({name})[\"']?\s*[:=]\s*(\S.*)", text, re.DOTALL | re.IGNORECASE)
    return (f"the name {quote_text(match[1])} is not part of a spec", match[2]) if match else None


def _unwrap(text: str) -> _Step:
    bare = re.split(r"\s#", text.lstrip("# "))[0].rstrip(",; ").strip("\"'`| ")
    return ("quotes, commas and comments around a spec are not allowed", bare) if bare != text else None


def _join_spaced_field(text: str) -> _Step:
    joined = re.sub(r"\s*([,/-])\s*", r"\1", text)
    return ("spaces in a field are not allowed", joined) if joined != text and _is_valid(joined) else None


def _wrap_past_end(text: str) -> _Step:
    """Replace the weekday 7, the hour 24 and the minute 60 by 0."""
    words = text.split()
    if "?" in words[-3:] and "7" in words[-1]:
        words[-1] = _name_quartz_weekdays(words[-1])
        return "the weekday 7 is Saturday in Quartz and Sunday in a crontab", " ".join(words)
    fields = _SIX if len(words) == len(_SIX) else _FIVE
    wrapped = [_wrap_word(field, word) for field, word in zip(fields, words, strict=False)]
    return ("", " ".join(wrapped)) if len(words) == len(wrapped) and wrapped != words else None


def _wrap_word(field: Field, word: str) -> str:
    """Return "22-24" as "22-23,0"."""

    def replace(match: re.Match[str]) -> str:
        return f"{match[1]}-{field.high}{',0' if match[1] != '0' else ''}" if match[1] else "0"

    past = rf"(?<![\w/-])(?:(\w+)-)?{field.high + 1}(?![\w/-])"
    return word if field.low else re.sub(past, replace, word)


def _remove_year(text: str) -> _Step:
    """Remove the year: the seventh field of Quartz, the sixth of EventBridge (minute first)."""
    words = text.split()
    if len(words) not in (6, 7) or not YEAR.fullmatch(words[-1]):
        return None
    year, seven = words.pop(), len(words) == len(_SIX)
    if not seven and "?" not in words[2:] and not year[:4].isdecimal():
        return None
    if "?" in words:
        words[-1] = _name_quartz_weekdays(words[-1])
    check = "" if year in "*?" else ", so check the year in the job"
    reason = "" if seven else f"a sixth field for the year is not supported{check}"
    instead = " ".join(words)
    return (reason, instead) if _is_valid(instead) else None


def _name_quartz_weekdays(text: str) -> str:
    """Replace numbers of weekdays by names, where Sunday is 1."""
    return re.sub(r"(?<![/#0-9])[1-7](?![0-9])", lambda day: WEEKDAYS[int(day[0]) - 1], text)


def _unwrap_call(text: str) -> _Step:
    """Unwrap ``cron(...)`` of EventBridge, ``crontab(...)`` of Celery, ``@Scheduled(...)`` of Spring."""
    match = _CALL.fullmatch(text.rstrip(")]"))
    if not match:
        return None
    name, inside = match[1], match[2].strip()
    if name == "cron" and (step := _remove_year(inside)):
        return step
    pairs = re.findall(r"(\w+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([0-9.]+))", inside)
    given = {key: "".join(values) for key, *values in pairs}
    keys = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    if name == "crontab" and (given or not inside) and set(given) <= set(keys):
        inside = " ".join(given.get(key, "*") for key in keys)
    elif name == "interval":  # the repr of a trigger of APScheduler
        inside = re.sub(r"([0-9]+):([0-9]+):([0-9]+)", r"\1h\2m\3s", inside)
    elif given and all(key.endswith("s") for key in given):
        inside = " ".join(f"{value} {key}" for key, value in given.items())
    return f"{quote_text(f'{name}()')} is a call, not a spec", inside


_SHORT_PERIODS = value_by_word({"* * * * * *": "second", "* * * * *": "minute minutely", "0 * * * *": "hour"})
_DAYS = value_by_word(
    {"* * *": "day daily", "* * MON-FRI": "weekday weekdays", "* * SAT,SUN": "weekend weekends"}
    | {"* * MON": "monday", "* * TUE": "tuesday", "* * WED": "wednesday", "* * THU": "thursday"}
    | {"* * FRI": "friday", "* * SAT": "saturday", "* * SUN": "sunday week weekly"}
    | {"1 * *": "month monthly", "1 1 *": "year yearly"}
    | {"1 */3 *": "quarter quarterly", "1 1,7 *": "semiannually"}
)
_EVERY = re.compile(
    r"(?:(?:schedule )?(?:every|each) ?|rate |pt? )?(?P<period>.*?)"
    r"(?: ?\bat (?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2}))?(?: (?P<half>[ap]m))?)?(?: do\b.*)?"
)


def _translate_phrase(text: str) -> _Step:
    """Translate durations (``5m``, ``PT5M``), names (``daily``) and sentences ("every day at 10:30")."""
    # A single word after "@every" is explained by parse_duration().
    if not re.fullmatch(r"[\w@ .,:'\"()]+", text, re.ASCII) or re.fullmatch(r"@every [0-9.]+[dw]", text):
        return None
    if f"@{text.lower()}" in DESCRIPTORS:
        return f"'@' is missing before {quote_text(text)}", f"@{text.lower()}"
    seconds = re.sub(r"^@([0-9]+)$", r"\1s", text)  # FreeBSD
    words = " ".join(re.findall(r"[a-z]+|[0-9]+(?:[.:][0-9]+)*", seconds.lower()))
    match = _EVERY.fullmatch(words)
    assert match is not None, "every part of the pattern is optional"
    period, hour = match["period"], match["hour"]
    reason = f"{quote_text(text)} is not a spec" if text[0] != "@" else ""
    if hour is None and (interval := translate_words(period)):
        if text[:6].lower() == "@every":
            reason = "@every takes one duration without spaces"
        return reason, f"@every {interval}"
    if hour is None and period in _SHORT_PERIODS:
        return reason, _SHORT_PERIODS[period]
    days = _DAYS.get(period or ("day" if hour else ""))
    hours = int(hour or 0) if not match["half"] else int(hour) % 12 + 12 * (match["half"] == "pm")
    return (reason, f"{int(match['minute'] or 0)} {hours} {days}") if days else None


_CALENDAR = re.compile(
    r"(?:(?P<weekdays>[A-Za-z.,]+)(?:\s+|$))?(?:(?:\*-)?(?P<months>[0-9*/.,]+)-(?P<days>[0-9*/.,]+)(?:\s+|$))?"
    r"(?:(?P<hours>[0-9*/.,]+):(?P<minutes>[0-9*/.,]+)(?::(?P<seconds>[0-9*/.,]+))?)?"
)


def _translate_calendar(text: str) -> _Step:
    """Translate the OnCalendar= of systemd: ``Mon..Fri *-*-* 09:00``."""
    match = _CALENDAR.fullmatch(text)
    if not match or not (match["days"] or match["hours"]):
        return None
    given = {
        key: re.sub(r"\b0+(?=[0-9])", "", value or "").replace("..", "-")
        for key, value in match.groupdict().items()
    }
    weekdays = re.sub(r"([A-Za-z]{3})[a-z]*", lambda name: name[1].upper(), given["weekdays"]) or "*"
    days, months = given["days"] or "*", given["months"] or "*"
    if "*" not in (weekdays, days):
        return None  # systemd requires both to match; here one is enough
    seconds = "" if given["seconds"] in ("", "0") else given["seconds"]
    times = f"{seconds} {given['minutes'] or 0} {given['hours'] or 0}"
    return f"{quote_text(text)} is not a spec", f"{times} {days} {months} {weekdays}".strip()


_RULES = (
    *(
        _replace_typography,
        _move_zone_to_front,
        _translate_phrase,
        _remove_command,
        _translate_calendar,
        _remove_year,
    ),
    *(_remove_key, _unwrap_call, _unwrap, _join_spaced_field, _wrap_past_end),
)
