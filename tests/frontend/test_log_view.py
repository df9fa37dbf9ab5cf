"""Filters, searches and times of the log view."""

from __future__ import annotations

import logging
import signal
from datetime import UTC

import pytest

from jobtui.frontend.backend import LogLine
from jobtui.frontend.log_view import (
    BadPatternError,
    LineFilter,
    LineSearch,
    TimeStamps,
    find_source_line,
    format_line_time,
    format_log_line,
    format_offset,
    level_number,
)


def line(text: str = "x", stream: str = "stdout", job: str = "a") -> LogLine:
    """Return a line of run 7."""
    return LogLine(1_773_656_647.25, job, 7, stream, text)


@pytest.mark.parametrize(
    ("stream", "number"),
    [
        ("WARNING", 30),
        ("Level 25", 25),
        ("stdout", None),
        ("fd 1", None),
        ("", None),
        ("Level x", None),
        ("NOTICE", None),
    ],
)
def test_the_number_of_a_level_is_known_and_that_of_a_stream_is_not(stream: str, number: int | None) -> None:
    assert level_number(stream) == number


def test_a_least_level_hides_lower_records_and_no_line_of_a_stream() -> None:
    streams = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "Level 35", "stdout", "stderr", "fd 1", ""]
    least = LineFilter(least="WARNING")
    assert [each for each in streams if not least.admits(line(stream=each))] == ["DEBUG", "INFO"]


def test_the_key_for_levels_cycles_back_to_all_and_keeps_the_jobs() -> None:
    current, seen = LineFilter(frozenset({"a"})), []
    for _ in range(5):
        current = current.next_level()
        seen.append(current.least)
    assert seen == ["INFO", "WARNING", "ERROR", "CRITICAL", ""]
    assert current.jobs == frozenset({"a"})
    assert not current.admits(line(job="b"))
    assert not current.admits_all


@pytest.mark.parametrize(
    ("text", "is_regex", "found"),
    [
        ("order", False, ["order", "Order"]),
        ("Order", False, ["Order"]),
        ("5.1", False, ["5.1"]),
        ("5.1", True, ["5.1", "501"]),
        (r"\S1", True, ["5.1", "501"]),
        (r"ORD\S", True, []),
        ("straße", False, ["STRAßE", "straße"]),
        ("日本", False, ["日本語"]),
    ],
)
def test_a_search_ignores_case_unless_it_has_upper_case(text: str, is_regex: bool, found: list[str]) -> None:
    search = LineSearch(text, is_regex=is_regex)
    texts = ["order", "Order", "5.1", "501", "STRAßE", "straße", "日本語"]
    assert [each for each in texts if search.matches(each)] == found
    assert [each for each in texts if list(search.spans(each))] == found


def test_an_empty_match_has_no_span() -> None:
    assert list(LineSearch("a*", is_regex=True).spans("baab")) == [(1, 3)]


def test_places_are_counted_from_the_first_line() -> None:
    assert LineSearch("a").places(["a", "b", "A"], 7) == [7, 9]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer for CPU time")
@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|a)*$", r"(.*)(.*)(.*)(.*)(.*)(.*)x", r"(?:a|aa)+$"])
def test_a_regular_expression_that_takes_too_long_is_given_up(pattern: str) -> None:
    """In one line of ordinary length, which would take years, so this test would not end."""
    handler = signal.getsignal(signal.SIGVTALRM)
    search = LineSearch(pattern, is_regex=True)
    assert search.problem == ""
    assert search.places(["a" * 500 + "b"]) == []
    assert search.problem == "the search takes more than 0.25 s: simplify the regular expression"
    assert search.spans("a") == []
    assert search.places(["a"]) == []
    assert signal.getsignal(signal.SIGVTALRM) == handler
    assert signal.getitimer(signal.ITIMER_VIRTUAL)[0] == 0.0


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a(b", "not a regular expression: missing ), unterminated subpattern, at character 2"),
        ("ab[", "not a regular expression: unterminated character set, at character 3"),
        ("*", "not a regular expression: nothing to repeat, at character 1"),
        ("a{99999999999}", "not a regular expression: it is too large"),
    ],
)
def test_a_bad_regular_expression_is_refused_with_its_place(pattern: str, message: str) -> None:
    with pytest.raises(BadPatternError) as caught:
        LineSearch(pattern, is_regex=True)
    assert str(caught.value) == message
    LineSearch(pattern)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "+0.000"),
        (1.2034, "+1.203"),
        (59.9994, "+59.999"),
        (62.5, "+1:02.500"),
        (3723.5, "+1:02:03.5"),
        (360_000.0, "+100:00:00.0"),
        (-0.25, "-0.250"),
    ],
)
def test_an_offset_has_as_many_parts_as_it_needs(seconds: float, text: str) -> None:
    assert format_offset(seconds) == text
    assert len(text) <= 12


def test_times_are_those_of_the_day_or_since_the_start_or_absent() -> None:
    at = 1_773_656_647.25
    assert format_line_time(at, TimeStamps.ABSOLUTE, None, UTC) == "10:24:07.250"
    assert format_line_time(at, TimeStamps.RELATIVE, at - 1, UTC) == "+1.000"
    assert format_line_time(at, TimeStamps.RELATIVE, None, UTC) == ""
    assert format_line_time(at, TimeStamps.OFF, at, UTC) == ""
    assert format_line_time(None, TimeStamps.ABSOLUTE, at, UTC) == ""


def test_a_line_for_a_file_has_what_the_screen_shows() -> None:
    record = line("no amount", "WARNING")
    assert format_log_line(record, "10:24:07.250", with_job=True) == "10:24:07.250 a #7 WARNING no amount"
    assert format_log_line(record, "", with_job=False) == "WARNING no amount"
    assert format_log_line(line("1;2"), "", with_job=False) == "1;2"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('  File "/srv/my jobs.py", line 12, in work', ("/srv/my jobs.py", 12)),
        ("jobs/orders.py:7: DeprecationWarning", ("jobs/orders.py", 7)),
        ("(see ./a.b.c:3:5)", ("./a.b.c", 3)),
        ("at 12:30:15", None),
        ("http://127.0.0.1:8080/", None),
        ("http://example.org:80/", None),
        ("orders.py", None),
    ],
)
def test_the_first_source_line_in_a_line_of_output_is_found(text: str, place: object) -> None:
    assert find_source_line(text) == place


def test_names_of_levels_that_are_registered_later_are_known() -> None:
    logging.addLevelName(27, "NOTABLE")
    try:
        level_number.cache_clear()
        assert level_number("NOTABLE") == 27
    finally:
        del logging._nameToLevel["NOTABLE"]  # noqa: SLF001 - there is no public way back
        del logging._levelToName[27]  # noqa: SLF001 - as above
        level_number.cache_clear()
