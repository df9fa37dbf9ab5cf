"""``jobtui next``: the next ticks of a spec, and what clock changes do to them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobtui.cli.main import main
from jobtui.runtime.clock import SystemClock

RunNext = Callable[..., str]
CLOCK_CHANGES = Path(__file__).parents[2] / "docs" / "clock-changes.md"


@pytest.fixture
def print_ticks(capsys: pytest.CaptureFixture[str]) -> RunNext:
    """Return a function that runs ``jobtui next``, asserts that it succeeds, and returns its output."""

    def run(*words: str) -> str:
        assert main(["next", *words]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return run


def test_ticks_in_a_quiet_time_say_until_when(print_ticks: RunNext) -> None:
    """In the text and in JSON; the zone is that of the schedule."""
    words = ("0 2 * * *", "-n", "2", "--tz", "Europe/Oslo", "--from", "2026-11-27T12:00")
    quiet = ("--quiet", "SAT 02:00 for 3h", "--quiet", "daily 12:00 for 5m")
    lines = print_ticks(*words, *quiet).splitlines()
    assert lines[-2].strip() == "It starts no run: quiet until Sat 2026-11-28 05:00:00 CET."
    ticks = json.loads(print_ticks(*words, *quiet, "--json"))["ticks"]
    assert [each["quiet_until"] for each in ticks] == ["2026-11-28T05:00:00+01:00", None]


def test_a_wrong_quiet_time_is_an_error(print_error: RunNext) -> None:
    message = print_error("@daily", "--quiet", "SAR 02:00 for 3h")
    assert message.startswith("jobtui: --quiet: 'SAR' is not a day (SUN-SAT or daily); write SAT")


@pytest.fixture
def print_error(capsys: pytest.CaptureFixture[str]) -> RunNext:
    """Return a function that runs ``jobtui next``, asserts that it fails, and returns its message."""

    def run(*words: str) -> str:
        assert main(["next", *words]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        return err

    return run


def tick_lines(text: str) -> list[str]:
    """Return the lines below the head."""
    return text.split("\n\n", 1)[1].splitlines()


def test_a_fixed_time_in_an_overlap_is_due_once_with_an_explanation(print_ticks: RunNext) -> None:
    """In London, 01:30 on 25 October 2026 exists twice. The documentation shows the same output."""
    text = print_ticks("0 30 1 * * *", "--tz", "Europe/London", "--from", "2026-10-24T12:00", "-n", "2")
    assert text == (
        "0 30 1 * * *\n"
        "at 01:30 every day (Europe/London)\n"
        "after Sat 2026-10-24 12:00:00 BST\n"
        "\n"
        "Sun 2026-10-25 01:30:00 BST  2026-10-25 00:30:00 UTC  in 13h 30m  ≡ merged\n"
        "    the clock goes back from 02:00 to 01:00 on Sun 2026-10-25 and shows 01:30 twice,"
        " and it runs only the first time\n"
        "Mon 2026-10-26 01:30:00 GMT  2026-10-26 01:30:00 UTC  in 1d 14h\n"
    )
    assert f"-n 2\n{text}```" in CLOCK_CHANGES.read_text(encoding="utf-8")


def test_with_dst_every_a_fixed_time_in_an_overlap_is_due_twice(print_ticks: RunNext) -> None:
    """Two lines for one wall time, each with its offset, its mark and its number."""
    text = print_ticks("30 1 * * *", "--tz=Europe/London", "--from=2026-10-24T12:00", "-n2", "--dst", "every")
    first, why, second, why_again = tick_lines(text)
    assert first == "Sun 2026-10-25 01:30:00 BST  2026-10-25 00:30:00 UTC  in 13h 30m  ↻ repeated"
    assert second == "Sun 2026-10-25 01:30:00 GMT  2026-10-25 01:30:00 UTC  in 14h 30m  ↻ repeated"
    assert why.endswith("this is the first time")
    assert why_again.endswith("this is the second time")


def test_a_fixed_time_in_a_gap_is_moved_with_an_explanation(print_ticks: RunNext) -> None:
    """In New York, the clock jumps from 02:00 to 03:00 on 8 March 2026."""
    text = print_ticks("30 2 * * *", "--tz", "America/New_York", "--from", "2026-03-08T00:00", "-n", "1")
    assert tick_lines(text) == [
        "Sun 2026-03-08 03:00:00 EDT  2026-03-08 07:00:00 UTC  in 2h  ↷ moved",
        (
            "    02:30 does not exist on Sun 2026-03-08: the clock jumps from 02:00 to 03:00,"
            " so it runs right after the jump"
        ),
    ]


def test_a_dropped_tick_has_a_line_but_is_not_counted(print_ticks: RunNext) -> None:
    """``-n 2`` prints two ticks, and the dropped ones between them."""
    text = print_ticks("30 2 * * *", "--tz=America/New_York", "--from=2026-03-07T00:00", "-n2", "--dst=every")
    lines = tick_lines(text)
    assert [line.split()[0] for line in lines] == ["Sat", "(not", "02:30", "Mon"]
    assert lines[1].endswith("✗ dropped")
    assert lines[2].endswith("so it does not run")


def test_the_option_from_may_lack_the_time_and_may_have_an_offset(print_ticks: RunNext) -> None:
    """ISO 8601; without an offset it is in the zone of the spec."""
    spec = "TZ=Asia/Tokyo 0 9 * * *"
    for start in ("2026-11-23", "2026-11-23T00:00", "2026-11-22T15:00Z", "2026-11-22T16:00+01:00"):
        text = print_ticks(spec, "--from", start, "-n", "1", "--tz", "UTC")
        assert "after Mon 2026-11-23 00:00:00 JST\n" in text
        assert tick_lines(text) == ["Mon 2026-11-23 09:00:00 JST  2026-11-23 00:00:00 UTC  in 9h"]


def test_by_default_ten_ticks_after_the_current_second_are_printed(
    print_ticks: RunNext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without ``--from`` and ``-n``; fractions of the second are dropped."""
    now = datetime(2026, 11, 23, 12, 0, 0, 700_000, tzinfo=UTC).timestamp()
    monkeypatch.setattr(SystemClock, "now", lambda self: now)
    text = print_ticks("@hourly", "--tz", "UTC")
    assert "after Mon 2026-11-23 12:00:00 UTC\n" in text
    assert len(tick_lines(text)) == 10


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
def test_the_time_until_a_tick_has_at_most_two_units(
    print_ticks: RunNext, interval: str, distance: str
) -> None:
    """The two largest."""
    text = print_ticks(f"@every {interval}", "--tz", "UTC", "--from", "2026-11-23", "-n", "1")
    assert tick_lines(text)[0].endswith(distance)


def test_a_spec_that_is_never_due_prints_a_sentence(print_ticks: RunNext) -> None:
    """Instead of an empty list."""
    assert tick_lines(print_ticks("0 0 0 30 2 ?")) == ["It never runs: nothing matches within 8 years."]


def test_json_lists_ticks_and_dropped_ticks_separately(print_ticks: RunNext) -> None:
    """Instants in ISO 8601, seconds from the start, the effect of a clock change and its explanation."""
    document = json.loads(
        print_ticks(
            *("30 2 * * *", "--tz=America/New_York", "--from=2026-03-07T12:00", "-n2", "--json"),
            *("--dst", "every"),
        )
    )
    ticks, dropped = document.pop("ticks"), document.pop("dropped")
    assert document == {
        "spec": "30 2 * * *",
        "canonical": "TZ=America/New_York 0 30 2 * * *",
        "words": "at 02:30 every day (America/New_York)",
        "zone": "America/New_York",
        "dst": "every",
        "after": "2026-03-07T12:00:00-05:00",
    }
    assert [tick["local"] for tick in ticks] == ["2026-03-09T02:30:00-04:00", "2026-03-10T02:30:00-04:00"]
    assert [tick["utc"] for tick in ticks] == ["2026-03-09T06:30:00Z", "2026-03-10T06:30:00Z"]
    assert [tick["seconds"] for tick in ticks] == [135000.0, 221400.0]
    assert [(tick["effect"], tick["note"]) for tick in ticks] == [(None, None), (None, None)]
    assert [(tick["effect"], tick["utc"]) for tick in dropped] == [("dropped", "2026-03-08T07:00:00Z")]
    assert dropped[0]["note"].startswith("02:30 does not exist on Sun 2026-03-08")


@pytest.mark.parametrize(
    ("words", "message"),
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
        (["@daily", "--from", "9999-12-31"], "--from: '9999-12-31' is not between the years 1900 and 9998"),
        (["@daily", "--from", "1899-12-31"], "--from: '1899-12-31' is not between the years 1900 and 9998"),
        (["@daily", "-n", "0"], "argument -n: '0' is not a whole number from 1 to 10000\n"),
        (["@daily", "-n", "ten"], "argument -n: 'ten' is not a whole number from 1 to 10000\n"),
        (["@daily", "-n", "10001"], "argument -n: '10001' is not a whole number from 1 to 10000\n"),
        (["@daily", "--dst", "twice"], "argument --dst: invalid choice: 'twice'"),
        (["0", "30", "1", "*", "*", "*"], "SPEC is one argument: quote it"),
        ([], "missing argument SPEC\n"),
        (["@daily", "--headless"], "unrecognized arguments: --headless\n"),
    ],
)
def test_a_mistake_is_reported_with_what_is_allowed(
    print_error: RunNext, words: list[str], message: str
) -> None:
    """In a bad spec, a caret marks the position. The exit status is 2."""
    assert print_error(*words).startswith(f"jobtui: {message}")


@pytest.mark.parametrize("spec", ["@hourly", "@every 1h"])
def test_the_last_tick_is_in_the_last_year_of_the_calendar(print_ticks: RunNext, spec: str) -> None:
    """A scheduler runs no later one, either."""
    lines = tick_lines(print_ticks(spec, "--tz=UTC", "--from=9998-12-31T20:00"))
    assert [line.partition(" UTC")[0] for line in lines] == [
        f"Thu 9998-12-31 {hour}:00:00" for hour in (21, 22, 23)
    ]


def test_the_help_lists_every_option_and_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard output."""
    assert main(["next", "--help"]) == 0
    text = capsys.readouterr().out
    for word in ("SPEC", "-n N", "--tz ZONE", "--from ISO", "--dst", "--json", "exit status"):
        assert word in text


def test_explanations_are_wrapped_on_a_terminal_only(
    print_ticks: RunNext, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipe gets one line for each."""
    words = ("30 2 * * *", "--tz=America/New_York", "--from=2026-03-08T00:00", "-n1")
    assert len(tick_lines(print_ticks(*words))) == 2
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    lines = tick_lines(print_ticks(*words))
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    assert [line[:4] for line in lines[1:]] == ["    ", "    "]
