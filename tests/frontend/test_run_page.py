"""The lines of the page of a run: where its time went, its error with the source, and its folds."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support import snapshots
from support.scripted_backend import ScriptedBackend
from support.snapshots import ago

from jobtui import Scheduler
from jobtui.engine.enums import Overlap, RunState
from jobtui.engine.views import AttemptView, Progress, RunView
from jobtui.frontend.failure import Failure, failure_lines, read_failure
from jobtui.frontend.formatting import format_age
from jobtui.frontend.local_backend import LocalBackend
from jobtui.frontend.parsed_traceback import parse_traceback
from jobtui.frontend.run_page import RunPageLayout, earlier_failure, held_until, time_bar, time_spans
from jobtui.frontend.source_excerpt import SourceState, read_excerpt, read_run_excerpts
from jobtui.frontend.text_lines import Folds, TextLine, code_pieces
from jobtui.runtime.clock import ManualClock

LIMIT = 60.0  # seconds

SOURCE = """\
def read_order(line):
    # the amount may be missing

    return Decimal(line["amount"])


print(1)
"""
CARETS = "           ~~~~^^^^^^^^^^"
LIBRARY = "/usr/lib/python3/dist-packages/"


def shown(lines: Collection[TextLine]) -> list[str]:
    """Return the text of lines, each followed by its carets."""
    found = []
    for line in lines:
        found.append(line.margin + "".join(text for text, _ in line.pieces))
        if line.carets:
            found.append(line.margin + line.carets)
    return found


def trace(*frames: tuple[str, int, str, str], error: str = "KeyError: 'amount'") -> str:
    """Return the text of a traceback, given the file, line, function and source of each frame."""
    text = "".join(
        f'  File "{file}", line {line}, in {function}\n    {source}\n'
        for file, line, function, source in frames
    )
    return f"Traceback (most recent call last):\n{text}{error}"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a file with a function that fails, older than the runs."""
    path = tmp_path / "orders.py"
    path.write_text(SOURCE)
    os.utime(path, (0, ago(500).timestamp()))
    return path


def failed(error: str, **changes: Any) -> RunView:
    """Return a run that has failed."""
    return replace(snapshots.failed_run(866, 32), error=error, **changes)


def page(run: RunView, toggled: Collection[str] = (), *, all_open: bool = False) -> list[str]:
    """Return the text of the page of a run."""
    folds = Folds(toggled, all_open=all_open)
    layout = RunPageLayout(run, snapshots.NOW, excerpts=read_run_excerpts(run), folds=folds)
    return shown(layout.lines())


# --- where the time went --------------------------------------------------------------------------


def names(run: RunView, **arguments: Any) -> list[tuple[str, float]]:
    """Return the name and the seconds of each part of the time of a run."""
    return [(span.name, span.length.total_seconds()) for span in time_spans(run, snapshots.NOW, **arguments)]


def test_the_time_of_a_run_is_late_then_held_then_queued_then_ran() -> None:
    run = replace(
        snapshots.ended_run(9, "a", 0, took=10), due=ago(20), created=ago(18), waiting_since=ago(17)
    )
    assert names(run) == [("late", 3), ("queued", 7), ("ran", 10)]
    assert names(run, held_until=ago(12)) == [("late", 3), ("held", 5), ("queued", 2), ("ran", 10)]


def test_a_run_with_attempts_has_the_time_between_them() -> None:
    made = tuple(
        AttemptView(
            number=number,
            started=ago(start),
            ended=ago(start - 1),
            elapsed=timedelta(seconds=1),
            reason="OSError",
            error="OSError",
        )
        for number, start in ((1, 20), (2, 15))
    )
    run = replace(snapshots.running_run(9, "a", 20), attempts_made=made, started=ago(4))
    expected = [("ran", 1), ("between attempts", 4), ("ran", 1), ("between attempts", 10), ("ran", 4)]
    assert names(run) == expected
    retrying = replace(run, state=RunState.RETRYING, started=ago(15))
    assert names(retrying) == [*expected[:3], ("between attempts", 14)]


@pytest.mark.parametrize("state", [RunState.HELD, RunState.QUEUED])
def test_a_run_that_waits_is_held_or_queued_until_now(state: RunState) -> None:
    assert names(snapshots.waiting_run(9, "a", 8, state)) == [(state.value.lower(), 8)]


def test_each_part_has_at_least_a_cell_of_the_bar() -> None:
    run = replace(snapshots.running_run(9, "a", 100), due=ago(100.001))
    bar = time_bar(time_spans(run, snapshots.NOW))
    assert [(text[0], len(text)) for text, _ in bar] == [
        ("·", 1),
        ("█", 47),
    ]


@pytest.mark.parametrize("seconds", [0.4, 1.96, 59.7, 75.6])
def test_every_time_of_a_run_that_goes_on_is_the_same(seconds: float) -> None:
    """In whole seconds, as elsewhere in the dashboard."""
    run = replace(snapshots.running_run(9, "a", seconds), progress=Progress(done=3, since=ago(seconds)))
    lines = page(run)
    age = format_age(run.started, snapshots.NOW)
    assert lines[0] == f"▶ RUNNING for {age}"
    assert lines[2] == f"█ ran {age}"
    assert lines[3] == f"progress  3 done in {age}"


def test_the_progress_of_a_run_is_left_out_if_only_its_time_is_known() -> None:
    run = snapshots.running_run(9, "a", 4)
    assert not any(line.startswith("progress") for line in page(run))
    reported = replace(run, progress=Progress(done=1, total=4, since=ago(4)))
    assert any(line.startswith("progress") and "25%" in line for line in page(reported))


def test_the_bar_is_never_wider_than_a_line() -> None:
    run = replace(snapshots.running_run(9, "a", 100), due=ago(100.001))
    layout = RunPageLayout(run, snapshots.NOW, width=30)
    [bar, _legend] = [line for line in layout.lines() if line.part == "time"]
    assert sum(len(text) for text, _ in bar.pieces) == 30


def test_a_run_was_held_until_the_earlier_run_of_its_job_had_ended() -> None:
    run = snapshots.ended_run(12, "refresh_cache", 1, waiting_since=ago(9), started=ago(3))
    before = snapshots.ended_run(11, "refresh_cache", 4, took=8)
    backend = ScriptedBackend(snapshots.make([snapshots.make_job()], recent=[run, before]))
    assert held_until(backend, run) == before.ended
    allowed = snapshots.make([snapshots.make_job(overlap=Overlap.ALLOW)], recent=[run, before])
    assert held_until(ScriptedBackend(allowed), run) is None


def test_a_run_was_held_even_if_it_began_at_the_instant_at_which_the_earlier_one_ended() -> None:
    """The instants are seconds with fractions of a microsecond, which datetimes do not have."""
    clock, release = ManualClock(1_700_000_000.0000004), threading.Event()
    with Scheduler(clock=clock) as scheduler:
        job = scheduler.every("1h", lambda: release.wait(LIMIT), name="slow")
        first, second = scheduler.now(job), scheduler.now(job)
        clock.advance(1)
        release.set()
        assert second.wait(LIMIT)
        backend = LocalBackend(scheduler, "demo_jobs.py")
        until = held_until(backend, backend.run_view(second.number))
        assert until == backend.run_view(first.number).ended


# --- the error ------------------------------------------------------------------------------------


def test_the_innermost_own_frame_comes_first_with_the_lines_around_it(source: Path) -> None:
    text = trace(
        (str(source), 7, "main", "print(1)"), (str(source), 4, "read_order", 'return Decimal(line["amount"])')
    )
    text = text.replace("KeyError", f"    {CARETS}\nKeyError")
    lines = page(failed(text))
    start = lines.index("KeyError: 'amount'")
    assert lines[start + 1 : start + 10] == [
        f"▾ {source}:4 in read_order",
        "      2 │ # the amount may be missing",
        "      3 │ ",
        '→     4 │ return Decimal(line["amount"])',
        f"          {CARETS}",
        f"▸ {source}:7 in main",
        "→     7 │ print(1)",
        "",
        "requested   Mon 2026-03-16 10:23:34 GMT, by tick",
    ]


@pytest.mark.parametrize("change", ["newer", "other line", "shorter"])
def test_a_file_that_has_changed_since_the_run_is_not_read_and_the_page_says_so(
    source: Path, change: str
) -> None:
    run = failed(trace((str(source), 4, "read_order", 'return Decimal(line["amount"])')))
    if change == "newer":
        os.utime(source, (0, ago(10).timestamp()))
    else:
        source.write_text("other()\n" * 9 if change == "other line" else "")
        os.utime(source, (0, ago(500).timestamp()))
    lines = page(run)
    assert f"{source}:4 in read_order  the file has changed since the run" in lines
    assert '→     4 │ return Decimal(line["amount"])' in lines
    assert not any("may be missing" in line for line in lines)


@pytest.mark.parametrize("name", ["missing.py", ".", "\0"])
def test_a_file_that_cannot_be_read_leaves_the_line_of_the_traceback(tmp_path: Path, name: str) -> None:
    run = failed(trace((str(tmp_path / name), 4, "work", "work()")))
    frame = next(line.frame for line in RunPageLayout(run, snapshots.NOW).lines() if line.frame)
    assert read_excerpt(frame, run.ended).state is SourceState.UNREADABLE
    assert "→     4 │ work()" in page(run)


def test_frames_of_libraries_are_folded_with_the_names_of_the_packages() -> None:
    text = trace(
        ("/srv/jobs.py", 3, "work", "session.get(1)"),
        (f"{LIBRARY}orm/session.py", 8, "get", "query(1)"),
        (f"{LIBRARY}orm/query.py", 9, "query", "send(1)"),
        (f"{LIBRARY}driver.py", 10, "send", "raise Error"),
    )
    assert "▸ 3 frames of orm, driver" in page(failed(text))
    [fold] = {line.fold for line in RunPageLayout(failed(text), snapshots.NOW).lines() if line.fold}
    lines = page(failed(text), {fold})
    start = lines.index("▾ 3 frames of orm, driver")
    assert lines[start + 1 : start + 3] == [f"  {LIBRARY}driver.py:10 in send", "  →    10 │ raise Error"]


CHAINED = (
    trace(("/srv/db.py", 31, "connect", "dial()"), error="OSError: refused")
    + "\n\nThe above exception was the direct cause of the following exception:\n\n"
    + trace(("/srv/jobs.py", 3, "work", "raise Failed from error"), error="Failed: no orders")
)


def test_an_exception_that_led_to_another_one_is_a_line_that_unfolds() -> None:
    lines = page(failed(CHAINED))
    assert "▸ caused by OSError: refused  /srv/db.py:31" in lines
    assert not any("dial()" in line for line in lines)
    assert "  →    31 │ dial()" in page(failed(CHAINED), {"error.cause"})
    assert "  →    31 │ dial()" in page(failed(CHAINED), all_open=True)


GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "/srv/jobs.py", line 9, in work
  |     check()
  | ExceptionGroup: 2 orders are wrong (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/jobs.py", line 3, in read
    |     read(1)
    | KeyError: 1
    +---------------- 2 ----------------
    | ValueError: 2
    +------------------------------------"""


def test_the_members_of_a_group_are_a_tree() -> None:
    lines = page(failed(GROUP), {"error.1"})
    start = lines.index("├─ ▾ 1 KeyError: 1  /srv/jobs.py:3")
    assert lines[start + 1 : start + 4] == [
        "│  /srv/jobs.py:3 in read",
        "│  →     3 │ read(1)",
        "└─ ▸ 2 ValueError: 2",
    ]
    assert not any("+--" in line for line in lines)


def test_failed_attempts_are_folded_and_the_latest_comes_first() -> None:
    made = tuple(
        AttemptView(
            number=number,
            started=ago(9),
            ended=ago(8),
            elapsed=timedelta(seconds=1),
            reason="x",
            error=trace(("/srv/jobs.py", 3, "work", f"work({number})"), error=f"OSError: {number}"),
        )
        for number in (1, 2)
    )
    run = replace(snapshots.ended_run(9, "a", 1), attempt=3, attempts=4, attempts_made=made)
    lines = page(run, {"attempt1"})
    assert "✓ OK after 42ms, attempt 3 of 4" in lines
    second = lines.index("▸ attempt 2 failed after 1.0s: OSError: 2")
    assert lines[second + 1 : second + 3] == ["▾ attempt 1 failed after 1.0s: OSError: 1", "  OSError: 1"]
    assert "  →     3 │ work(1)" in lines


def test_the_failure_before_a_run_is_found() -> None:
    runs = [
        snapshots.failed_run(9, 1),
        snapshots.ended_run(8, "import_orders", 2),
        snapshots.failed_run(7, 3),
        snapshots.failed_run(6, 4),
    ]
    backend = ScriptedBackend(snapshots.make(snapshots.idle_jobs(), recent=runs))
    assert earlier_failure(backend, runs[0]) == runs[2]
    assert earlier_failure(backend, runs[3]) is None


# --- the failure in a few lines -------------------------------------------------------------------


def test_a_failure_shows_the_error_the_place_and_the_source(source: Path) -> None:
    run = failed(trace((str(source), 4, "read_order", 'return Decimal(line["amount"])')))
    failure = read_failure(ScriptedBackend(snapshots.idle()), run)
    assert shown(failure_lines(failure, with_context=True)) == [
        "✗ FAILED KeyError: 'amount'",
        f"  {source}:4 in read_order  #866, Mon 2026-03-16 10:23:35 GMT",
        "        2 │ # the amount may be missing",
        "        3 │ ",
        '  →     4 │ return Decimal(line["amount"])',
    ]
    assert len(failure_lines(failure, with_context=False)) == 3


def test_the_failure_of_a_group_names_the_member_whose_place_it_shows() -> None:
    lines = shown(failure_lines(Failure(run=failed(GROUP)), with_context=True))
    assert lines[:3] == [
        "✗ FAILED ExceptionGroup: 2 orders are wrong (2 sub-exceptions)",
        "  of KeyError: 1",
        "  /srv/jobs.py:3 in read  #866, Mon 2026-03-16 10:23:35 GMT",
    ]


def test_a_long_traceback_that_a_list_does_not_have_is_asked_for() -> None:
    run = failed(trace(("/srv/jobs.py", 3, "work", "work()")))
    short = replace(run, error="KeyError: 'amount'")
    backend = ScriptedBackend(snapshots.make(snapshots.idle_jobs(), recent=[run]))
    frame = read_failure(backend, short).frame
    assert frame is not None
    assert frame.line == 3
    kept_nowhere = ScriptedBackend(snapshots.empty())
    assert read_failure(kept_nowhere, short) == Failure(run=short)
    assert shown(failure_lines(Failure(run=short), with_context=True))[1].strip().startswith("#866, Mon")


# --- tones ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "toned"),
    [
        ("return 1.5", [("return", "running"), ("1.5", "waiting")]),
        ("x = f'{y} # no' # yes", [("f'{y} # no'", "ok"), ("# yes", "muted")]),
        ('"""open', [('"""open', "ok")]),
        ("returned = x1", []),
        ("'it\\'s' if", [("'it\\'s'", "ok"), ("if", "running")]),
    ],
)
def test_a_line_of_code_has_tones_and_keeps_its_text(code: str, toned: list[tuple[str, str]]) -> None:
    pieces = code_pieces(code)
    assert "".join(text for text, _ in pieces) == code
    assert [piece for piece in pieces if piece[1]] == toned


def test_a_frame_without_its_source_is_its_place() -> None:
    text = 'Traceback (most recent call last):\n  File "<string>", line 1, in <module>\nValueError: x'
    assert parse_traceback(text).frames
    assert "<string>:1 in <module>" in page(failed(text))


def test_local_variables_are_folded_below_their_frame() -> None:
    text = trace(("/srv/jobs.py", 3, "work", "work()\n    where order = {'a': 1}\n    where total = 3"))
    assert "  ▸ locals order, total" in page(failed(text))
    lines = page(failed(text), all_open=True)
    start = lines.index("  ▾ locals")
    assert lines[start + 1 : start + 3] == ["    order = {'a': 1}", "    total = 3"]


# --- recursion ------------------------------------------------------------------------------------


def recursion(*, is_own: bool = True) -> RunView:
    """Return a run that has failed in a function that calls itself, as Python prints it."""
    folder = "/srv/" if is_own else LIBRARY
    walk = (f"{folder}walk.py", 5, "walk", "walk(node)")
    text = trace(("/srv/jobs.py", 9, "work", "walk(root)"), walk, walk, walk, error="RecursionError: deep")
    return failed(text.replace("RecursionError", "  [Previous line repeated 990 more times]\nRecursionError"))


def frames_of(lines: Collection[str]) -> list[str]:
    """Return the lines of frames, of folds and of remarks."""
    return [line for line in lines if " in " in line or "repeated" in line or "frames" in line]


def test_the_remark_on_a_recursion_stands_below_the_frames_that_it_means() -> None:
    """The innermost frame is first, and the remark has no fold, which would unfold to the same text."""
    run = recursion()
    assert frames_of(page(run)) == [
        *["/srv/walk.py:5 in walk"] * 3,
        "[the frame above is repeated 990 more times]",
        "/srv/jobs.py:9 in work",
    ]


def test_the_remark_on_a_recursion_in_a_library_is_in_the_fold_of_its_frames() -> None:
    run = recursion(is_own=False)
    assert frames_of(page(run)) == ["▸ 3 frames of walk", "/srv/jobs.py:9 in work"]
    assert frames_of(page(run, all_open=True)) == [
        "▾ 3 frames of walk",
        *[f"  {LIBRARY}walk.py:5 in walk"] * 3,
        "  [the frame above is repeated 990 more times]",
        "/srv/jobs.py:9 in work",
    ]


def test_the_remark_on_a_recursion_stays_where_another_frame_follows() -> None:
    """The next frame of the traceback is in front of it, although it is of the same function."""
    run = recursion()
    last = trace(("/srv/walk.py", 7, "walk", "stop()"), error="RecursionError: deep").partition("\n")[2]
    run = replace(run, error=run.error.replace("RecursionError: deep", last))
    assert frames_of(page(run)) == [
        "/srv/walk.py:7 in walk",
        *["/srv/walk.py:5 in walk"] * 3,
        "[the frame above is repeated 990 more times]",
        "/srv/jobs.py:9 in work",
    ]


# --- long messages --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "last", "more"),
    [
        ("x" * 100_000, "x" * (400 - len("ValueError: ")), 100_000 + len("ValueError: ") - 400),
        ("\n".join(f"line {number:02}" for number in range(50)), "line 11", 38 * len("line 12")),
    ],
    ids=["one line", "many lines"],
)
def test_the_rest_of_a_long_message_is_folded_above_the_frames(message: str, last: str, more: int) -> None:
    run = failed(trace(("orders.py", 4, "read_order", "f()"), error=f"ValueError: {message}"))
    fold = f"{more:,} more characters of the message"
    lines = page(run)
    index = lines.index(f"▸ {fold}")
    assert lines[index - 1].endswith(last)
    assert "orders.py:4 in read_order" in lines[index + 1]
    opened = page(run, ["error.message"])
    assert opened[index] == f"▾ {fold}"
    assert sum(map(len, opened)) - sum(map(len, lines)) == more


def test_the_essentials_of_a_failure_have_the_beginning_of_a_long_message() -> None:
    run = failed(trace(("orders.py", 4, "read_order", "f()"), error="ValueError: " + "why " * 1_000))
    title, place, *_ = shown(failure_lines(Failure(run=run), with_context=False))
    assert len(title) < 200
    assert title.endswith("…")
    assert "orders.py:4 in read_order" in place
