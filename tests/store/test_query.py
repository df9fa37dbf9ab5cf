"""The query language: its terms, its canonical form, and the message for each mistake."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.command_line import run_python

from jobtui import RunState, Trigger
from jobtui.store.query import LONGEST_QUERY, BadQuery, Query, fold_case, parse_query

OSLO = ZoneInfo("Europe/Oslo")
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=OSLO)


def parse(text: str) -> Query:
    return parse_query(text, NOW)


def test_a_query_has_every_kind_of_term() -> None:
    text = (
        'job:import state:failed since:2d until:1h took:>5s took:<1m trigger:hand number:12 "timed out" disk'
    )
    assert parse(text) == Query(
        job="import",
        state=RunState.FAILED,
        trigger=Trigger.HAND,
        number=12,
        since=datetime(2026, 11, 27, 11, tzinfo=UTC),
        until=datetime(2026, 11, 29, 10, tzinfo=UTC),
        longer=timedelta(seconds=5),
        shorter=timedelta(minutes=1),
        words=("timed out", "disk"),
    )


def test_the_language_does_not_load_sqlite3() -> None:
    """The API and the dashboard parse queries, too, also without a store."""
    code = "import sys, jobtui.store.query; sys.exit('sqlite3' in sys.modules)"
    assert run_python("-c", code).returncode == 0


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_query_has_no_condition(text: str) -> None:
    assert parse(text) == Query()
    assert str(Query()) == ""


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ('job:"nightly import"', Query(job="nightly import")),
        ("job:shop:import", Query(job="shop:import")),
        ("STATE:Failed", Query(state=RunState.FAILED)),
        ('trigger:"by hand"', Query(trigger=Trigger.HAND)),
        ("number:#12", Query(number=12)),
        ('"say ""no"""', Query(words=('say "no"',))),
        ('"ValueError: 100%_"', Query(words=("ValueError: 100%_",))),
        (":colon", Query(words=(":colon",))),
        ("twice twice", Query(words=("twice",))),
        ("took:>1d12h", Query(longer=timedelta(days=1, hours=12))),
        ("took:<0", Query(shorter=timedelta(0))),
    ],
)
def test_a_term_is_read(text: str, query: Query) -> None:
    assert parse(text) == query


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("24h", datetime(2026, 11, 28, 11, tzinfo=UTC)),
        ("1d12h", datetime(2026, 11, 27, 23, tzinfo=UTC)),
        ("2026-11-27", datetime(2026, 11, 26, 23, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2026-11-27T02:30", datetime(2026, 11, 27, 1, 30, tzinfo=UTC)),
        ("2026-11-27T02:30:00.250000-05:00", datetime(2026, 11, 27, 7, 30, 0, 250_000, tzinfo=UTC)),
        ("2026-11-27T02:30Z", datetime(2026, 11, 27, 2, 30, tzinfo=UTC)),
        ('"2026-11-27 02:30"', datetime(2026, 11, 27, 1, 30, tzinfo=UTC)),
    ],
)
def test_an_instant_is_in_the_zone_of_now(text: str, since: datetime) -> None:
    assert parse(f"since:{text}") == Query(since=since)


def test_until_a_date_includes_that_day() -> None:
    """On 25 October 2026 a day in Oslo has 25 hours."""
    query = parse("since:2026-10-25 until:2026-10-25")
    assert query.since is not None
    assert query.until is not None
    assert query.until - query.since == timedelta(hours=25)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("stat:failed", ["'stat' is not a key", "did you mean state:?", '"stat:failed"']),
        (
            "http://host/",
            ["'http' is not a key", "job, state, since, until, took, trigger, number", "quotes"],
        ),
        ("state:faild", ["'state:faild' is not a state", "did you mean failed?", "skipped"]),
        ("trigger:cron", ["'trigger:cron' is not a trigger", "tick, now, in, at, hand"]),
        ("state:", ["state: has no value", "failed"]),
        ('job:""', ["job: has no value", "job:import*"]),
        ("state:ok state:failed", ["'state:failed'", "only one"]),
        ("took:>5s took:>6s", ["'took:>6s'", "only one"]),
        ("took:5s", ["'took:5s'", "took:>5s or took:<5s"]),
        ("took:>5x", ["'took:>5x'", "90s, 1h30m or 2d"]),
        ("took:>-5s", ["'took:>-5s'"]),
        ("number:0", ["'number:0'", "whole number from 1"]),
        ("number:twelve", ["'number:twelve'", "whole number from 1"]),
        ("since:yesterday", ["'since:yesterday'", "2d", "2026-11-27T02:30"]),
        ("since:2026-13-01", ["'since:2026-13-01'", "2026-11-27"]),
        ("since:100001d", ["'since:100001d'"]),
        ("until:9999-12-31", ["'until:9999-12-31'"]),
        ("since:1h until:2h", ["since: must be earlier than until:"]),
        ('"timed out', ["closing quote is missing", "timed"]),
        ('"a"b', ["quotes must enclose a whole word"]),
        ('a "" b', ['"" is empty']),
        ("a\0", ["NUL"]),
        ("\udcff", ["UTF-8"]),
        ("x" * (LONGEST_QUERY + 1), [f"at most {LONGEST_QUERY}"]),
    ],
)
def test_a_mistake_is_named_with_the_remedy(text: str, parts: list[str]) -> None:
    with pytest.raises(BadQuery) as caught:
        parse(text)
    message = str(caught.value)
    assert [part for part in parts if part not in message] == [], message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("import", "Import", True),
        ("import", "imports", False),
        ("import*", "imports", True),
        ("*ÅR", "et nytt år", True),
        ("a*c", "a\nc", True),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
    ],
)
def test_a_job_is_matched_by_its_name_with_stars(pattern: str, name: str, matches: bool) -> None:
    assert Query(job=pattern).has_job(name) is matches


@given(st.text())
def test_folding_keeps_the_length_and_is_idempotent(text: str) -> None:
    folded = fold_case(text)
    assert len(folded) == len(text)
    assert fold_case(folded) == folded


# Fragments of the language, and anything else.
_KEYS = st.sampled_from(["job", "state", "since", "until", "took", "trigger", "number", "x", ""])
_VALUES = st.sampled_from(
    [
        "2d",
        "1h30m",
        ">5s",
        "<2d1s",
        "failed",
        "hand",
        "12",
        "2026-11-27",
        "9999-12-31",
        "0001-01-01T00:00",
        '"',
        "*",
    ]
)
_FRAGMENTS = st.builds(
    "{}{}{}{}".format,
    _KEYS,
    st.sampled_from([":", "", " "]),
    _VALUES | st.text(max_size=5),
    st.sampled_from(["", '"']),
)
_TEXTS = st.lists(_FRAGMENTS, max_size=5).map(" ".join) | st.text()


@given(_TEXTS)
def test_any_text_is_a_query_or_a_bad_query_and_its_canonical_form_is_the_same_query(text: str) -> None:
    with suppress(BadQuery):
        query = parse(text)
        later = datetime(2030, 1, 1, tzinfo=UTC)
        assert parse_query(str(query), later) == query


_INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
_SPANS = st.none() | st.timedeltas(timedelta(0), timedelta(days=100_000))
_WORDS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
).filter(str.strip)


@given(
    st.builds(
        Query,
        job=st.just("") | _WORDS,
        state=st.none() | st.sampled_from(RunState),
        trigger=st.none() | st.sampled_from(Trigger),
        number=st.none() | st.integers(1, 10**17),
        since=st.none() | _INSTANTS,
        longer=_SPANS,
        shorter=_SPANS,
        words=st.lists(_WORDS, unique=True, max_size=3).map(tuple),
    )
)
def test_every_query_can_be_written(query: Query) -> None:
    assert parse(str(query)) == query
