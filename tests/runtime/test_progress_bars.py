"""Bars of progress in the output of jobs, as tqdm and other programs draw them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from support.real_threads import LIMIT, MakeScheduler
from support.seen_progress import counts, run_and_look

from jobtui import current_run
from jobtui.process.terminal_text import draw
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.runtime.progress_bars import DrawnBar, parse_bar


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\r 45%|####5     | 45/100 [00:10<00:12,  4.50it/s]", DrawnBar(45, 100, "")),
        (
            "\rpages:  45%|\x1b[32m████▌     \x1b[0m| 45/100 [00:10<00:12,  4.50it/s, loss=0.1]",
            DrawnBar(45, 100, "pages"),
        ),
        ("\r日本語の頁:   0%|          | 0/300 [00:00<?, ?it/s]", DrawnBar(0, 300, "日本語の頁")),
        (
            "\rrows:  12%|#2        | 1.20M/10.0M [00:01<00:09, 1.2MB/s]",
            DrawnBar(1_200_000, 10_000_000, "rows"),
        ),
        ("\r100%|##########| 3/3 [00:03<00:00,  1.00s/it]", DrawnBar(3, 3, "")),
        ("\rrows: 803B [00:09, 63.0B/s]", DrawnBar(803, None, "rows")),
        ("\r45it [00:10,  4.50it/s]", DrawnBar(45, None, "")),
        ("Receiving objects:  45% (45/100), 1.20 MiB\r", DrawnBar(45, 100, "Receiving objects")),
        ("\r 45% (45 of 100) |####     | ETA: 0:00:12", DrawnBar(45, 100, "")),
        ("\r 10%|#  | 1/10 [00:01<00:09, 1it/s]\r 20%|## | 2/10 [00:02<00:08, 1it/s]", DrawnBar(2, 10, "")),
        ("\rcpu 45%", None),
        ("\rloading", None),
        ("\r", None),
        ("", None),
    ],
)
def test_the_latest_state_of_a_bar_is_read(text: str, expected: DrawnBar | None) -> None:
    assert parse_bar(text) == expected


@pytest.mark.parametrize(
    "text", ["\r" + "1" * 100_000, "\r" + "a:" * 50_000, "\r" + " " * 100_000, "\r1%|" + "#" * 100_000]
)
def test_a_long_line_without_a_bar_takes_no_time(text: str) -> None:
    """No form searches again from each character."""
    assert parse_bar(text) is None


def bar(done: int, total: int = 10, name: str = "") -> str:
    """Return what tqdm writes to draw a bar."""
    return f"\r{name and f'{name}: '}{done * 100 // total}%|#    | {done}/{total} [00:01<00:09,  1.00it/s]"


def test_a_bar_on_the_output_of_a_job_is_its_progress(make_scheduler: MakeScheduler) -> None:
    def work(look: Callable[[], None]) -> None:
        look()
        for done in (0, 4):
            sys.stderr.write(bar(done, name="pages"))
            look()
        print("something else")
        look()

    seen = run_and_look(make_scheduler, work)
    assert counts(seen) == [None, (0, 10), (4, 10), (4, 10)]
    assert seen[2] is not None
    assert seen[2].text == "pages"


def test_the_first_of_several_bars_is_the_progress(make_scheduler: MakeScheduler) -> None:
    """They are those of nested loops; tqdm goes down for the inner one, and up again."""

    def work(look: Callable[[], None]) -> None:
        for outer in (1, 2):
            sys.stderr.write(bar(outer, 3))
            for inner in (0, 1):
                for text in ("\n", bar(inner, 50), "\x1b[A"):
                    sys.stderr.write(text)
                look()

    assert counts(run_and_look(make_scheduler, work)) == [(1, 3), (1, 3), (2, 3), (2, 3)]


def test_the_outer_of_nested_bars_that_stay_is_the_progress(make_scheduler: MakeScheduler) -> None:
    """A full inner bar takes the line of the outer one, and a line break follows: tqdm's default."""

    def work(look: Callable[[], None]) -> None:
        for outer in (1, 2, 3):
            sys.stderr.write(bar(outer, 4, "outer"))
            for inner in (0, 50):
                for text in ("\n", bar(inner, 50, "inner"), "\x1b[A"):
                    sys.stderr.write(text)
                look()
            for text in (bar(50, 50, "inner"), "\n"):
                sys.stderr.write(text)
            look()

    seen = run_and_look(make_scheduler, work)
    assert counts(seen) == [(outer, 4) for outer in (1, 2, 3) for _ in range(3)]


def test_a_bar_after_one_that_is_not_full_counts(make_scheduler: MakeScheduler) -> None:
    """A loop was left by `break`."""

    def work(look: Callable[[], None]) -> None:
        for text in (bar(3, 10), "\n", bar(1, 20), bar(2, 20)):
            sys.stderr.write(text)
        look()
        for text in (bar(20, 20), "\n", bar(1, 5)):
            sys.stderr.write(text)
        look()

    assert counts(run_and_look(make_scheduler, work)) == [(2, 20), (1, 5)]


def test_a_bar_below_those_of_other_runs_counts(make_scheduler: MakeScheduler) -> None:
    """Tqdm counts the bars of the whole process."""

    def work(look: Callable[[], None]) -> None:
        for done in (1, 2):
            for text in ("\n\n", bar(done), "\x1b[A\x1b[A"):
                sys.stderr.write(text)
            look()

    assert counts(run_and_look(make_scheduler, work)) == [(1, 10), (2, 10)]


def test_a_bar_after_one_that_is_full_counts(make_scheduler: MakeScheduler) -> None:
    def work(look: Callable[[], None]) -> None:
        sys.stderr.write(bar(10))
        sys.stderr.write("\n")
        for done in (0, 1):
            sys.stderr.write(bar(done, 7))
            look()

    assert counts(run_and_look(make_scheduler, work)) == [(0, 7), (1, 7)]


def test_progress_that_the_code_reports_wins_over_a_bar(make_scheduler: MakeScheduler) -> None:
    def work(look: Callable[[], None]) -> None:
        current_run().progress(1, 2)
        sys.stderr.write(bar(4))
        look()

    assert counts(run_and_look(make_scheduler, work)) == [(1, 2)]


def test_the_bar_of_a_subprocess_counts(make_scheduler: MakeScheduler) -> None:
    def work(look: Callable[[], None]) -> None:
        subprocess.run([sys.executable, "-c", f"print({bar(4)!r}, end='', flush=True)"], check=True)
        look()

    assert counts(run_and_look(make_scheduler, work)) == [(4, 10)]


# --- the output stays readable --------------------------------------------------------------------


def drawn(*texts: str) -> tuple[str, str]:
    """Return the line that is drawn after writing texts, and the final text."""
    line, final = "", ""
    for text in texts:
        line, more = draw(line, text)
        final += more
    return line, final


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["\ra", "\rb"], ("\rb", "")),
        (["\ra", "\rb", "done\n"], ("", "\rbdone\n")),
        (["\ra", "\n", ""], ("", "\ra\n")),
        (["\ra", "\r ", "\r", ""], ("", "")),
        (["\ra", "\n", "text\n"], ("", "\ra\ntext\n")),
        (["\ra", "\n", "\rb", "\x1b[A", "\rc"], ("\rc", "")),
        (["\ra", "\n\n", "\rb", "\x1b[A\x1b[A", "\n", ""], ("", "\ra\n")),
        (["\ra", "\n", "\rb", "\rc"], ("\rc", "\ra\n")),
        (["text\n", "\x1b[A", "more"], ("", "text\n\x1b[Amore")),
        (["\r" + "x" * 5_000], ("", "\r" + "x" * 5_000)),
    ],
)
def test_only_the_latest_state_of_the_first_bar_stays(texts: list[str], expected: tuple[str, str]) -> None:
    assert drawn(*texts) == expected


def test_ten_thousand_states_of_a_bar_displace_no_other_output(make_scheduler: MakeScheduler) -> None:
    log, scheduler = OutputLog(limit=50_000), make_scheduler()

    def work() -> None:
        print("begin")
        for done in range(10_000):
            sys.stderr.write(bar(done, 10_000, "pages"))
        sys.stderr.write("\n")
        print("end")

    with capture_streams(log):
        scheduler.start()
        run = scheduler.now(work)
        assert run.wait(LIMIT)
        output = scheduler.output_of(run.number)
    lines = [line.text for line in log.output_since(0).lines]
    last = "pages: 99%|#    | 9999/10000 [00:01<00:09,  1.00it/s]"
    assert sorted(lines) == sorted(["begin", last, "end"])
    assert output is not None
    assert len(output) < 200
    assert "begin" in output
    assert last in output


def test_bars_of_nested_loops_that_vanish_leave_one_line(make_scheduler: MakeScheduler) -> None:
    """Tqdm also writes the empty text, where it moves by no lines; that ends no line."""
    log, scheduler = OutputLog(), make_scheduler()

    def work() -> None:
        for outer in range(4):
            for text in ("", bar(outer, 3, "outer"), ""):
                sys.stderr.write(text)
            for inner in range(3):
                for text in ("\n", bar(inner, 2, "inner"), "\x1b[A"):
                    sys.stderr.write(text)
            for text in ("", "\n", f"\r{' ' * 40}", "\x1b[A"):
                sys.stderr.write(text)
        for text in (bar(3, 3, "outer"), "\n", bar(1, 9, "gone"), "", f"\r{' ' * 40}", "\r"):
            sys.stderr.write(text)

    with capture_streams(log):
        scheduler.start()
        run = scheduler.now(work)
        assert run.wait(LIMIT)
        output = scheduler.output_of(run.number)
    chunk = log.output_since(0)
    texts = [line.text for line in (*chunk.lines, *chunk.unfinished)]
    last = "outer: 100%|#    | 3/3 [00:01<00:09,  1.00it/s]"
    assert texts == [last]
    assert output is not None
    assert [line for line in output.splitlines() if line.strip()] == [last]
