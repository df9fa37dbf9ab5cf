"""``jobtui history``, ``show``, ``logs`` and ``ps`` answer from a store, whether a scheduler runs or not."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import stat
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.stored_runs import NOON, TRACEBACK, write_store

from jobtui import Scheduler
from jobtui.cli.main import main
from jobtui.cli.text_table import Cell, Paper, cut, format_table, text_width
from jobtui.frontend.registry import Entry, Registration

Ask = Callable[..., tuple[int, str, str]]
AskInFolder = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return write_store(tmp_path / "jobs.db")


@pytest.fixture
def ask(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Ask:
    """Return a function that runs a command on the store, and returns its status and its texts.

    Schedulers that happen to run on this machine are not in the registry that the command reads.
    """
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def run(
        command: str, *words: str, options: tuple[str, ...] = ("--store", str(store))
    ) -> tuple[int, str, str]:
        status = main([command, *words, *options])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def numbers(answer: tuple[int, str, str]) -> list[int]:
    return [run["number"] for run in json.loads(answer[1])]


# --- history --------------------------------------------------------------------------------------


def test_history_is_a_table_of_the_endings_newest_first(ask: Ask) -> None:
    """Columns stay aligned below wide characters; characters that control a terminal are escaped."""
    text = (
        "ENDED                STATE        RUN   JOB          BY        TOOK  REASON\n"
        "2026-11-27 12:05:00  ⊘ CANCELLED  #5    mail         tick            cancelled \\x1b[31m by hand\n"
        "2026-11-27 12:04:00  ↷ SKIPPED    tick  import       tick            "
        "still running since 12:02:00, run 2\n"
        "2026-11-27 12:03:00  ✓ OK         #3    import 日本  by hand   3.0s\n"
        "2026-11-27 12:02:00  ✗ FAILED     #2    import       tick     1m01s  TimeoutError: no answer\n"
        "2026-11-27 12:01:00  ✓ OK         #1    import       tick     0.25s\n"
    )
    assert ask("history") == (0, text, "")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], [5, 0, 3, 2, 1]),
        (["job:import"], [0, 2, 1]),
        (["job:import*"], [0, 3, 2, 1]),
        (["--job", "import 日本"], [3]),
        (["--failed"], [2]),
        (["--failed", "--job", "import", "took:>1m"], [2]),
        (["--since", "2026-11-27T12:03"], [5, 0, 3]),
        (["--since", "2026-11-27T11:03Z"], [5, 0, 3]),
        (["since:2026-11-27", "until:2026-11-27T12:02"], [1]),
        (["trigger:hand"], [3]),
        (["IMPORTED"], [3]),
        (["shop.py", "answer"], [2]),
        (["number:5"], [5]),
        (["state:running"], [6]),
        (["-n", "2"], [5, 0]),
        (['"still running"', "state:skipped"], [0]),
    ],
)
def test_a_query_and_the_options_select_runs(ask: Ask, words: list[str], found: list[int]) -> None:
    assert numbers(ask("history", "--json", *words)) == found


def test_history_says_if_there_are_more(ask: Ask) -> None:
    status, out, err = ask("history", "-n", "4")
    assert (status, len(out.splitlines())) == (0, 5)
    assert "there are more; these are the newest 4" in err


def test_the_times_are_in_the_zone_of_the_scheduler_or_of_the_option(ask: Ask) -> None:
    assert "2026-11-27 12:02:00" in ask("history", "number:2")[1]
    assert "2026-11-27 20:02:00" in ask("history", "number:2", "--tz", "Asia/Tokyo")[1]
    assert numbers(ask("history", "--since", "2026-11-27T20:04", "--tz", "Asia/Tokyo", "--json")) == [5, 0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["zebra"], 'meets the query "zebra"'),
        (["job:importt"], "has no job 'importt'; did you mean import or import 日本?"),
        (["job:zzz*"], "has no job 'zzz*'"),
    ],
)
@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_nothing_found_is_status_1(ask: Ask, words: list[str], message: str, json_option: list[str]) -> None:
    status, out, err = ask("history", *words, *json_option)
    assert (status, out) == (1, "[]\n" if json_option else "")
    assert message in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["state:faild"], "did you mean failed?"),
        (["--since", "tuesday"], "2026-11-27T02:30"),
        (["--failed", "state:ok"], "another state: of this kind"),
        (["-n", "0"], "whole number from 1"),
        (["--tz", "Nowhere"], "unknown time zone"),
    ],
)
def test_a_mistake_is_status_2(ask: Ask, words: list[str], message: str) -> None:
    status, out, err = ask("history", *words)
    assert (status, out) == (2, "")
    assert message in err


# --- show and logs --------------------------------------------------------------------------------


def test_show_prints_a_failed_run_with_its_traceback(ask: Ask) -> None:
    text = (
        "import #2\n"
        "state      ✗ FAILED\n"
        "reason     TimeoutError: no answer\n"
        "arguments  12, dry=True\n"
        "requested  Fri 2026-11-27 12:00:20 CET, by tick\n"
        "attempt    2\n"
        "due        Fri 2026-11-27 12:00:21 CET\n"
        "started    Fri 2026-11-27 12:00:59 CET, after 38s, on worker-1\n"
        "ended      Fri 2026-11-27 12:02:00 CET\n"
        "took       1m01s\n"
        "process    2147483647 on mill\n"
        "job file   /srv/shop.py, commit c0ffeec0ffee\n"
        f"\nTraceback\n{TRACEBACK}\n"
        "\nOutput\nnothing is recorded\n"
    )
    assert ask("show", "2") == (0, text, "")


def test_show_prints_the_output_of_a_run(ask: Ask) -> None:
    status, out, _ = ask("show", "#3")
    assert status == 0
    assert out.partition("\nOutput\n")[2] == (
        "2026-11-27 12:03:00.500          imported 12 rows\n"
        "2026-11-27 12:03:01.000 WARNING  row 3: \\x1b[2J日本\n"
    )


def test_show_says_that_a_run_will_be_lost_if_its_process_has_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = write_store(tmp_path / "killed.db", ended=False)
    assert main(["show", "6", "--store", str(store)]) == 0
    assert "ended without stopping: this run will be LOST at the next start" in capsys.readouterr().out


def test_show_as_json_has_the_run_its_output_and_its_process(ask: Ask) -> None:
    answer: dict[str, Any] = json.loads(ask("show", "3", "--json")[1])
    assert answer["run"]["job"] == "import 日本"
    assert answer["output"][1] == {
        "at": "2026-11-27T12:03:01+01:00",
        "stream": "WARNING",
        "text": "row 3: \x1b[2J日本",
    }
    assert (answer["process"]["host"], answer["process"]["lives"]) == ("mill", False)


@pytest.mark.parametrize("word", ["3", "#3", "import 日本"])
def test_logs_prints_the_lines_of_a_run_or_of_the_latest_run_of_a_job(ask: Ask, word: str) -> None:
    status, out, _ = ask("logs", word)
    assert (status, out.splitlines()[0]) == (0, "2026-11-27 12:03:00.500          imported 12 rows")
    assert [line["text"] for line in json.loads(ask("logs", word, "--json")[1])] == [
        "imported 12 rows",
        "row 3: \x1b[2J日本",
    ]


@pytest.mark.parametrize(
    ("command", "word", "message"),
    [
        ("show", "99", "there is no run 99 in"),
        ("logs", "99", "there is no run 99 in"),
        ("logs", "2", "no output of run 2 is recorded in"),
        ("logs", "mail", "no output of run 6 is recorded in"),
        ("logs", "mial", "has no job 'mial'; did you mean mail?"),
    ],
)
def test_a_run_that_is_not_there_is_status_1(ask: Ask, command: str, word: str, message: str) -> None:
    status, out, err = ask(command, word)
    assert (status, out) == (1, "")
    assert message in err


# --- ps -------------------------------------------------------------------------------------------


def test_ps_prints_the_jobs_with_their_counters(ask: Ask, store: Path) -> None:
    text = (
        f"{store}: no scheduler runs; process 2147483647 on mill stopped Fri 2026-11-27 12:05:00 CET\n"
        "\n"
        "STATUS    NAME         LAST RUN              TOOK  OUTCOMES  RUNS  FAIL\n"
        "✗ FAILED  import       2026-11-27 12:00:59  1m01s  ▃✗↷          2  ✗ 1\n"
        "○ IDLE    import 日本  2026-11-27 12:02:57   3.0s  ▃            1  0\n"
        "‖ PAUSED  mail         2026-11-27 12:05:00      —  ⊘            0  0\n"
    )
    assert ask("ps") == (0, text, "")


@pytest.mark.parametrize(
    ("ended", "killed"), [(False, False), (True, True)], ids=["not yet noticed", "noticed by the next one"]
)
def test_ps_says_that_the_process_was_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ended: bool, killed: bool
) -> None:
    store = write_store(tmp_path / "killed.db", ended=ended, killed=killed)
    assert main(["ps", "--store", str(store)]) == 0
    out = capsys.readouterr().out
    assert (
        "no scheduler runs; process 2147483647 on mill ended without stopping, and was last seen Fri" in out
    )


def test_the_commands_answer_while_the_scheduler_runs(tmp_path: Path, ask: Ask) -> None:
    """The run that has not ended is RUNNING; the scheduler goes on writing."""
    store, release = tmp_path / "live.db", threading.Event()
    with Scheduler(store=store, tz="UTC") as scheduler:
        scheduler.stop_logging()
        job = scheduler.schedule("@yearly", release.wait, name="wait")
        run = job.run()
        options = ("--store", str(store))
        while ask("history", "state:running", options=options)[0]:  # until the writer has written it
            assert not run.state.ended
        assert "runs the jobs since" in ask("ps", options=options)[1]
        assert "▶ RUNNING" in ask("show", "1", options=options)[1]
        release.set()
        assert run.wait(10)
    assert numbers(ask("history", "job:wait", "state:ok", "--json", options=options)) == [1]


def test_ps_as_json_has_what_the_store_knows(ask: Ask) -> None:
    answer = json.loads(ask("ps", "--json")[1])
    assert answer["process"]["started"] == NOON.isoformat()
    job = answer["jobs"][0]
    assert (job["name"], job["runs"], job["failures"]) == ("import", 2, 1)
    assert job["endings"] == {"FAILED": 1, "OK": 1, "SKIPPED": 1}
    assert answer["jobs"][2]["paused_since"] == NOON.isoformat()


@pytest.mark.parametrize(("days", "is_paused"), [(300_000, True), (0, False)], ids=["later", "over"])
def test_ps_shows_a_pause_until_its_end(ask: Ask, store: Path, days: int, *, is_paused: bool) -> None:
    with closing(sqlite3.connect(store)) as connection:
        until = (NOON + timedelta(days=days)).timestamp()
        connection.execute("UPDATE jobs SET paused_until = ?, pause_note = 'disk'", (until,))
        connection.commit()
    listed = json.loads(ask("ps", "--json")[1])
    assert listed["progress"] is None
    job = listed["jobs"][2]
    assert (job["status"], job["pause_note"]) == (("PAUSED", "disk") if is_paused else ("IDLE", ""))


@pytest.fixture
def in_folder(tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> AskInFolder:
    """Return a function that runs a command in a folder with a job file and settings, but without a store."""

    def run(settings: str, *words: str) -> tuple[int, str, str]:
        folder = tmp_path / "elsewhere"
        folder.mkdir()
        (folder / "shop.py").touch()
        if settings:
            (folder / "jobtui.toml").write_text(settings)
        monkeypatch.chdir(folder)
        return ask(*words, options=())

    return run


# --- the store ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["shop.py"], ["--config", "jobtui.toml"], []], ids=["file", "config", "folder"]
)
def test_the_settings_name_the_store(
    tmp_path: Path, store: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """The job file is not imported: this one would fail."""
    (tmp_path / "jobtui.toml").write_text(f'jobs.store = "{store.name}"\n')
    (tmp_path / "shop.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    assert numbers(ask("history", *words, "job:mail", "--json", options=())) == [5]


@pytest.mark.parametrize(
    ("words", "settings", "message"),
    [
        ([], "", "there are no settings in this folder that name a store"),
        (["shop.py"], "", "there are no settings next to shop.py"),
        (["nope.py"], "", "nope.py: file not found"),
        ([], "jobs.pool = 2\n", "jobs.store is not set"),
        ([], "jobs.pol = 2\n", "jobs.pol"),
        ([], 'jobs.store = "none.db"\n', "none.db: there is no such file"),
    ],
)
@pytest.mark.parametrize("command", [["history"], ["ps"], ["show", "1"], ["logs", "1"]], ids=" ".join)
def test_a_store_that_is_not_there_is_status_2(
    in_folder: AskInFolder, command: list[str], words: list[str], settings: str, message: str
) -> None:
    status, out, err = in_folder(settings, command[0], *words, *command[1:])
    assert (status, out) == (2, "")
    assert message in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show"], "one RUN is needed"),
        (["show", "import"], "one RUN is needed"),
        (["logs"], "one RUN or JOB is needed"),
        (["logs", "1", "2"], "one RUN or JOB is needed"),
        (["ps", "import"], "unexpected: import"),
    ],
)
def test_wrong_words_are_status_2(ask: Ask, words: list[str], message: str) -> None:
    status, _, err = ask(*words)
    assert status == 2
    assert message in err


@pytest.mark.parametrize("command", [["history", "rows"], ["ps"], ["show", "3"], ["logs", "3"]], ids=" ".join)
def test_a_command_changes_nothing(ask: Ask, store: Path, command: list[str]) -> None:
    def content() -> list[str]:
        with closing(sqlite3.connect(store)) as connection:
            return list(connection.iterdump())

    before = content()
    assert ask(*command)[0] == 0
    assert content() == before
    assert stat.S_IMODE(store.stat().st_mode) == 0o600


def test_an_entry_of_a_scheduler_that_no_longer_listens_is_skipped(
    in_folder: AskInFolder, tmp_path: Path
) -> None:
    """Its process lives on, and holds the lock of the entry."""
    (tmp_path / "run").mkdir()
    place = Registration(tmp_path / "run" / "jobtui")
    with socket.socket(socket.AF_UNIX) as closed:
        closed.bind(str(place.socket))
    place.publish(Entry(pid=os.getpid(), title="shop.py", address=f"unix:{place.socket}"))
    status, out, err = in_folder("", "ps")
    place.remove()
    assert (status, out) == (2, "")
    assert "no scheduler runs here that can be asked, and there are no settings in this folder" in err


# --- tables ---------------------------------------------------------------------------------------


def test_a_table_on_a_terminal_is_coloured_and_cut_to_its_width() -> None:
    rows = [[Cell("日本", "failed"), Cell("a long reason\nof two lines")]]
    assert format_table(["JOB", "REASON"], rows, Paper(width=20, colours=True)) == (
        "\x1b[2mJOB\x1b[0m   \x1b[2mREASON\x1b[0m\n\x1b[31m日本\x1b[0m  a long reason…"
    )


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("a\u200db", 2), ("✗", 1)], ids=ascii
)
def test_the_width_of_a_text_is_that_on_a_terminal(text: str, width: int) -> None:
    assert text_width(text) == width
    assert cut(text, width) == text


@pytest.mark.parametrize(("width", "result"), [(6, "日本語"), (5, "日本…"), (4, "日…"), (1, "…")])
def test_a_text_is_cut_between_wide_characters(width: int, result: str) -> None:
    assert cut("日本語", width) == result
