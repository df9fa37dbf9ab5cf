"""``jobtui next``: the fires of a spec, and what the changes of the clock do to them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobtui.cli.main import main
from jobtui.runtime.clock import SystemClock

Next = Callable[..., str]
CLOCK_CHANGES = Path(__file__).parents[2] / "docs" / "clock-changes.md"


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Next:
    """Run ``jobtui next`` with these arguments; it must end with 0 and complain of nothing."""

    def run(*words: str) -> str:
        assert main(["next", *words]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return run


@pytest.fixture
def complaint(capsys: pytest.CaptureFixture[str]) -> Next:
    """Run ``jobtui next`` with these arguments; it must end with 2 and print nothing on standard output."""

    def run(*words: str) -> str:
        assert main(["next", *words]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        return err

    return run


def fires_of(text: str) -> list[str]:
    """The lines below the head."""
    return text.split("\n\n", 1)[1].splitlines()


def test_a_fixed_time_in_an_overlap_fires_once_and_it_says_why(printed: Next) -> None:
    """London goes back at 02:00 BST on 25 October 2026: 01:30 is shown twice, and fires once."""
    text = printed("0 30 1 * * *", "--tz", "Europe/London", "--from", "2026-10-24T12:00", "-n", "2")
    assert text == (
        "0 30 1 * * *\n"
        "at 01:30 every day (Europe/London)\n"
        "after Sat 2026-10-24 12:00:00 BST\n"
        "\n"
        "Sun 2026-10-25 01:30:00 BST  2026-10-25 00:30:00 UTC  in 13h 30m  ≡ merged\n"
        "    the clock goes back from 02:00 to 01:00 on Sun 2026-10-25 and shows 01:30 twice,"
        " and it runs once, at the first pass\n"
        "Mon 2026-10-26 01:30:00 GMT  2026-10-26 01:30:00 UTC  in 1d 14h\n"
    )
    assert f"-n 2\n{text}```" in CLOCK_CHANGES.read_text(encoding="utf-8")


def test_with_dst_every_it_fires_at_both_passes(printed: Next) -> None:
    """Two lines for one wall time, each with its offset, its mark and the pass it is."""
    text = printed("30 1 * * *", "--tz=Europe/London", "--from=2026-10-24T12:00", "-n2", "--dst", "every")
    first, why, second, why_again = fires_of(text)
    assert first == "Sun 2026-10-25 01:30:00 BST  2026-10-25 00:30:00 UTC  in 13h 30m  ↻ repeated"
    assert second == "Sun 2026-10-25 01:30:00 GMT  2026-10-25 01:30:00 UTC  in 14h 30m  ↻ repeated"
    assert why.endswith("this is the first pass")
    assert why_again.endswith("this is the second pass")


def test_a_fixed_time_in_a_gap_is_moved(printed: Next) -> None:
    """New York jumps from 02:00 to 03:00 on 8 March 2026."""
    text = printed("30 2 * * *", "--tz", "America/New_York", "--from", "2026-03-08T00:00", "-n", "1")
    assert fires_of(text) == [
        "Sun 2026-03-08 03:00:00 EDT  2026-03-08 07:00:00 UTC  in 2h  ↷ moved",
        (
            "    02:30 does not exist on Sun 2026-03-08: the clock jumps from 02:00 to 03:00,"
            " so it runs right after the jump"
        ),
    ]


def test_what_does_not_fire_has_a_line_that_counts_for_nothing(printed: Next) -> None:
    """-n 2 is two fires, however much is dropped between them."""
    text = printed("30 2 * * *", "--tz=America/New_York", "--from=2026-03-07T00:00", "-n2", "--dst=every")
    lines = fires_of(text)
    assert [line.split()[0] for line in lines] == ["Sat", "(not", "02:30", "Mon"]
    assert lines[1].endswith("✗ dropped")
    assert lines[2].endswith("so it does not run")


def test_from_may_have_an_offset_and_no_time(printed: Next) -> None:
    """ISO 8601; without an offset it is on the clock of the spec's zone, which a TZ= in it gives."""
    spec = "TZ=Asia/Tokyo 0 9 * * *"
    for start in ("2026-11-23", "2026-11-23T00:00", "2026-11-22T15:00Z", "2026-11-22T16:00+01:00"):
        text = printed(spec, "--from", start, "-n", "1", "--tz", "UTC")
        assert "after Mon 2026-11-23 00:00:00 JST\n" in text
        assert fires_of(text) == ["Mon 2026-11-23 09:00:00 JST  2026-11-23 00:00:00 UTC  in 9h"]


def test_without_from_it_is_now_and_there_are_ten(printed: Next, monkeypatch: pytest.MonkeyPatch) -> None:
    """The present is cut to the second."""
    now = datetime(2026, 11, 23, 12, 0, 0, 700_000, tzinfo=UTC).timestamp()
    monkeypatch.setattr(SystemClock, "now", lambda self: now)
    text = printed("@hourly", "--tz", "UTC")
    assert "after Mon 2026-11-23 12:00:00 UTC\n" in text
    assert len(fires_of(text)) == 10


@pytest.mark.parametrize(
    ("interval", "distance"),
    [
        ("250ms", "in 0.25s"),
        ("9s", "in 9s"),
        ("59s", "in 59s"),
        ("61s", "in 1m 1s"),
        ("1h", "in 1h"),
        ("3h12m", "in 3h 12m"),
        ("3h12m59s", "in 3h 12m"),
        ("100h", "in 4d 4h"),
    ],
)
def test_how_long_until_then_is_told_in_two_units(printed: Next, interval: str, distance: str) -> None:
    """Enough to see at a glance whether it is soon."""
    text = printed(f"@every {interval}", "--tz", "UTC", "--from", "2026-11-23", "-n", "1")
    assert fires_of(text)[0].endswith(distance)


def test_a_spec_that_never_fires_says_so(printed: Next) -> None:
    """No list is no answer."""
    assert fires_of(printed("0 0 0 30 2 ?")) == ["It never runs: nothing matches within 8 years."]


def test_json_has_the_same_for_programs(printed: Next) -> None:
    """Instants in ISO 8601, seconds from the start, the effect and the sentence; what is dropped apart."""
    told = json.loads(
        printed(
            *("30 2 * * *", "--tz=America/New_York", "--from=2026-03-07T12:00", "-n2", "--json"),
            *("--dst", "every"),
        )
    )
    fires, dropped = told.pop("ticks"), told.pop("dropped")
    assert told == {
        "spec": "30 2 * * *",
        "canonical": "TZ=America/New_York 0 30 2 * * *",
        "words": "at 02:30 every day (America/New_York)",
        "zone": "America/New_York",
        "dst": "every",
        "after": "2026-03-07T12:00:00-05:00",
    }
    assert [fire["local"] for fire in fires] == ["2026-03-09T02:30:00-04:00", "2026-03-10T02:30:00-04:00"]
    assert [fire["utc"] for fire in fires] == ["2026-03-09T06:30:00Z", "2026-03-10T06:30:00Z"]
    assert [fire["seconds"] for fire in fires] == [135000.0, 221400.0]
    assert [(fire["effect"], fire["note"]) for fire in fires] == [(None, None), (None, None)]
    assert [(each["effect"], each["utc"]) for each in dropped] == [("dropped", "2026-03-08T07:00:00Z")]
    assert dropped[0]["note"].startswith("02:30 does not exist on Sun 2026-03-08")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["61 * * * *"], "minute: '61' is above 59 (0-59)\n  61 * * * *\n  ^\n"),
        (["TZ=Nowhere @daily"], "unknown time zone 'Nowhere'; write a name such as Europe/Oslo or UTC\n"),
        (["@daily", "--tz", "Europ/London"], "unknown time zone 'Europ/London'; did you mean Europe/London"),
        (
            ["@daily", "--from", "tomorrow"],
            "--from: 'tomorrow' is not a date and time; write 2026-10-24T12:00",
        ),
        (["@daily", "--from", "2026-13-01"], "--from: '2026-13-01' is not a date and time"),
        (
            ["@daily", "--from", "0001-01-01", "--tz", "Asia/Tokyo"],
            "--from: '0001-01-01' is not a date and time",
        ),
        (["@daily", "-n", "0"], "argument -n: '0' is not a whole number from 1 to 10000\n"),
        (["@daily", "-n", "ten"], "argument -n: 'ten' is not a whole number from 1 to 10000\n"),
        (["@daily", "-n", "10001"], "argument -n: '10001' is not a whole number from 1 to 10000\n"),
        (["@daily", "--dst", "twice"], "argument --dst: invalid choice: 'twice'"),
        (["0", "30", "1", "*", "*", "*"], "SPEC is one argument: quote it"),
        ([], "missing argument SPEC\n"),
        (["@daily", "--headless"], "unrecognized arguments: --headless"),
    ],
)
def test_bad_input_is_told_in_the_users_words(complaint: Next, words: list[str], said: str) -> None:
    """Exit status 2, and a bad spec with a caret under its fault."""
    assert complaint(*words).startswith(f"jobtui: {said}")


def test_help_tells_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    """And the exit status."""
    assert main(["next", "--help"]) == 0
    said = capsys.readouterr().out
    for word in ("SPEC", "-n N", "--tz ZONE", "--from ISO", "--dst", "--json", "exit status"):
        assert word in said


def test_sentences_are_wrapped_on_a_terminal_alone(
    printed: Next, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipe gets a line for each sentence."""
    words = ("30 2 * * *", "--tz=America/New_York", "--from=2026-03-08T00:00", "-n1")
    assert len(fires_of(printed(*words))) == 2
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    lines = fires_of(printed(*words))
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    assert [line[:4] for line in lines[1:]] == ["    ", "    "]
