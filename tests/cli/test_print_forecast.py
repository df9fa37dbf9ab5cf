"""``jobtui forecast`` prints what the jobs will do, and its exit status tells whether that is in order."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from support.command_line import run_jobtui
from support.headless_process import HeadlessProcess
from support.stored_runs import add_run, write_store

from jobtui import RunState
from jobtui.store.database import open_for_writing

JOBS = """
import jobtui
jobtui.schedule("0 0 * * * *", print, name="import")
jobtui.schedule("0 0 * * * *", print, name="import 日本")
jobtui.schedule("0 0 * * * *", print, name="mail").pause()
"""
CROWDED = """
import jobtui
jobtui.schedule("0 0 * * * *", print, name="import 日本")
jobtui.schedule("0 0 * * * *", print, name="import")
"""
SKIPPING = JOBS + 'jobtui.every("1s", print, name="poll", overlap="skip")\n'

Ask = Callable[..., CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a job file, its settings, and a store that knows how long its jobs took."""
    (tmp_path / "shop.py").write_text(JOBS, encoding="utf-8")
    (tmp_path / "jobtui.toml").write_text("jobs.pool = 1\njobs.tz = 'UTC'\n")
    write_store(tmp_path / "jobs.db")
    return tmp_path


@pytest.fixture
def ask(folder: Path) -> Ask:
    """Return a function that runs ``jobtui forecast``."""
    return lambda *words: run_jobtui("forecast", *words, folder=folder, PYTHONUTF8="1", TMPDIR=str(folder))


def test_it_prints_the_runs_of_each_job_and_when_the_pool_is_full(ask: Ask) -> None:
    """`import` takes 0.25 s, `import 日本` 3 s, and `mail`, which has never ended OK, the median of both."""
    asked = ask("shop.py", "--store", "jobs.db", "--for", "24h")
    assert (asked.returncode, asked.stderr) == (0, "")
    head, table, full = asked.stdout.split("\n\n")
    assert head.startswith("shop.py: 20")
    assert head.endswith(" (UTC), a pool with 1 slot")
    rows = [line.split() for line in table.splitlines()]
    assert [(row[0], row[-1]) for row in rows] == [
        ("JOB", "RUN"),
        ("import", "—"),
        ("import", "—"),
        ("mail", "intended"),
    ]
    assert rows[1][1:3] == ["24", "0.25s"]
    assert rows[2][2:4] == ["24", "3.0s"]
    assert "0.25s" in rows[2][-2]
    assert full.startswith("The pool is full 24 times, 6.0s in all, never for a second.")


def test_it_names_the_crowded_minutes_with_a_free_one(ask: Ask, folder: Path) -> None:
    (folder / "shop.py").write_text(CROWDED, encoding="utf-8")
    crowded = ask("shop.py", "--store", "jobs.db", "--for", "26h").stdout.split("\n\n")[-1]
    title, sentence = crowded.splitlines()
    assert title == "Crowded minutes:"
    assert re.fullmatch(
        r"  2 jobs at :00:00 \(2[56] times\) and a pool of 1: the last, import, waits 3\.0s; :01 is free",
        sentence,
    )


def test_its_json_has_the_crowded_minutes_and_the_longest_wait_of_a_full_pool(ask: Ask, folder: Path) -> None:
    (folder / "shop.py").write_text(CROWDED, encoding="utf-8")
    found = json.loads(ask("shop.py", "--store", "jobs.db", "--for", "26h", "--json").stdout)
    [crowd] = found["crowded"]
    assert re.fullmatch(r"....-..-..T..:00:00\+00:00", crowd.pop("start"))
    assert crowd.pop("times") in (25, 26)
    assert crowd.pop("text").endswith("the last, import, waits 3.0s; :01 is free")
    assert crowd == {
        "second": 0,
        "jobs": 2,
        "last": "import",
        "longest_wait": 3.0,
        "move": "import",
        "to_minute": 1,
    }
    assert {span["longest_wait"] for span in found["full"]} == {3.0}


def test_it_lists_when_the_pool_is_full_and_the_longest_wait(ask: Ask, folder: Path) -> None:
    (folder / "shop.py").write_text(CROWDED, encoding="utf-8")
    full = ask("shop.py", "--store", "jobs.db", "--for", "1h").stdout.split("\n\n")[2]
    first, titles, row = full.splitlines()
    assert first == "The pool is full 1 time, 3.0s in all:"
    assert titles.split("  ")[-1].strip() == "LONGEST WAIT"
    assert row.split()[-3:] == ["3.0s", "1", "3.0s"]


def test_its_exit_status_says_that_a_run_waits_too_long(ask: Ask) -> None:
    words = ("shop.py", "--store", "jobs.db", "--for", "2h", "--max-wait")
    assert ask(*words, "300ms").returncode == 0
    assert ask(*words, "200ms").returncode == 1
    assert ask(*words, "200ms", "--pool", "2").returncode == 0


def test_its_exit_status_says_that_ticks_will_start_no_run(ask: Ask, folder: Path) -> None:
    """Those of a paused job do not count."""
    (folder / "shop.py").write_text(SKIPPING, encoding="utf-8")
    asked = ask("shop.py", "--store", "jobs.db", "--for", "2h", "--json")
    assert asked.returncode == 1
    found = json.loads(asked.stdout)
    skipped = [run for run in found["runs"] if run["state"] == "SKIPPED"]
    assert {run["job"] for run in skipped if not run["intended"]} == {"poll"}
    assert {run["job"] for run in skipped if run["intended"]} == {"mail"}
    assert found["expected"]["import"] == 0.25
    assert found["pool"] == 1


def test_a_job_whose_latest_runs_all_failed_takes_as_long_as_when_it_was_ok(ask: Ask, folder: Path) -> None:
    with closing(open_for_writing(folder / "jobs.db")) as connection:
        for number in range(7, 32):
            add_run(connection, number, 1, RunState.FAILED, took=61)
    found = json.loads(ask("shop.py", "--store", "jobs.db", "--json").stdout)
    assert found["expected"]["import"] == 0.25


def test_without_a_store_runs_take_no_time(ask: Ask) -> None:
    asked = ask("shop.py")
    assert asked.returncode == 0
    assert "No scheduled run waits for a slot." in asked.stdout


def test_it_says_that_it_does_not_know_how_long_runs_take(ask: Ask, folder: Path) -> None:
    """Those of all jobs, or of some; `mail` is paused, so that none of its runs counts."""
    unknown = "The duration of {} is not known yet; the forecast counts {} runs as 0 s."
    assert ask("shop.py").stdout.endswith(f"\n\n{unknown.format('2 jobs', 'their')}\n")
    (folder / "shop.py").write_text(JOBS + 'jobtui.schedule("0 0 * * * *", print, name="new")\n', "utf-8")
    some = ask("shop.py", "--store", "jobs.db", "--for", "2h")
    assert some.stdout.endswith(f"\n\n{unknown.format('1 job', 'its')}\n")
    as_json = ask("shop.py", "--json")
    assert (as_json.stderr, json.loads(as_json.stdout)["expected"]) == ("", {})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("shop.py", "--for", "32d"), "jobtui: --for is at most 31d"),
        (("shop.py", "--for", "0s"), "jobtui: argument --for: '0s' is not longer than 0"),
        (("shop.py", "--for", "soon"), "jobtui: argument --for: "),
        (
            ("--store", "jobs.db"),
            "jobtui: --config, --run-mode and --store are for a TARGET, which is missing",
        ),
        (("shop.py", "mail"), "jobtui: unexpected: mail; one TARGET or ADDRESS is enough"),
        (("shop.pi",), "jobtui: shop.pi: "),
    ],
)
def test_mistakes_are_explained_in_one_line(ask: Ask, words: tuple[str, ...], message: str) -> None:
    asked = ask(*words)
    assert asked.returncode == 2
    assert asked.stdout == ""
    assert asked.stderr.startswith(message)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets")
def test_a_run_that_is_running_has_its_true_start_and_has_not_waited(folder: Path) -> None:
    socket = folder / "s"
    code = (
        "import time, jobtui\n"
        "def nap():\n"
        "    print('napping', flush=True)\n"
        "    time.sleep(60)\n"
        "jobtui.every('1h', nap, on_start=True)\n"
    )
    (folder / "nap.py").write_text(code)
    with HeadlessProcess(folder, "nap.py", "--listen", f"unix:{socket}") as process:
        process.stdout.wait_for("napping")
        words = (f"unix:{socket}", "--for", "10m", "--max-wait", "1s", "--json")
        asked = run_jobtui("forecast", *words, folder=folder)
    assert (asked.returncode, asked.stderr) == (0, "")
    found = json.loads(asked.stdout)
    [run] = found["runs"]
    assert run["number"] == 1
    assert run["started"] < found["start"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets")
def test_a_scheduler_that_runs_is_asked_for_its_jobs_and_the_lengths_of_their_runs(folder: Path) -> None:
    socket = folder / "s"
    code = 'import time, jobtui\ndef nap():\n    time.sleep(0.05)\njobtui.every("1h", nap).run()\n'
    (folder / "nap.py").write_text(code)
    with HeadlessProcess(folder, "nap.py", "--listen", f"unix:{socket}") as process:
        process.stderr.wait_for("OK")
        asked = run_jobtui("forecast", f"unix:{socket}", "--for", "7d", "--json", folder=folder)
    assert (asked.returncode, asked.stderr) == (0, "")
    found = json.loads(asked.stdout)
    assert len([run for run in found["runs"] if run["job"] == "nap"]) == 168
    assert found["expected"]["nap"] >= 0.05
