"""The commands ask and steer a scheduler that runs in another process, and find it by themselves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.command_line import LIMIT, inherited_environment, run_jobtui
from support.headless_process import HeadlessProcess, PipeLines

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets")

JOBS = """
import jobtui, sys, time
def import_orders():
    print("imported 12 rows 日本")
    print("row 3 is odd", file=sys.stderr)
def broken():
    print("begins")
    raise ValueError("no such row")
def slow():
    for step in range(3):
        print("step", step)
        time.sleep(0.1)
def stubborn():
    print("begins", flush=True)
    while not jobtui.current_run().wait_cancelled(0.05):
        pass
for job in (import_orders, broken, slow, stubborn):
    jobtui.every("1h", job)
"""

Ask = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a job file, and a folder for the registry in it."""
    (tmp_path / "run").mkdir(mode=0o700)
    (tmp_path / "shop.py").write_text(JOBS, encoding="utf-8")
    return tmp_path


def environment_in(folder: Path) -> dict[str, str]:
    """Return the variables that decide where schedulers are found."""
    return {"XDG_RUNTIME_DIR": str(folder / "run"), "TMPDIR": str(folder), "PYTHONUTF8": "1"}


@pytest.fixture
def ask(folder: Path) -> Ask:
    """Return a function that runs a command as a process."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return run_jobtui(*words, folder=folder, **environment_in(folder))

    return run


@pytest.fixture
def shop(folder: Path) -> Iterator[HeadlessProcess]:
    """Run the job file, without a screen and without options."""
    with HeadlessProcess(folder, "shop.py", **environment_in(folder)) as process:
        process.stderr.wait_for("STARTED")
        yield process


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start a command that does not end by itself."""
    return subprocess.Popen(
        [sys.executable, "-m", "jobtui", *words],
        cwd=folder,
        env=inherited_environment() | environment_in(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# --- find -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("shop")
def test_ps_finds_the_scheduler_that_runs_here(ask: Ask) -> None:
    done = ask("ps")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("shop.py: process ")
    assert "○ IDLE  import_orders" in done.stdout
    listed = json.loads(ask("ps", "--json").stdout)
    assert [job["name"] for job in listed["jobs"]] == ["import_orders", "broken", "slow", "stubborn"]
    assert listed["process"]["lives"] is True


def test_ps_lists_the_runs_that_were_abandoned(folder: Path, ask: Ask) -> None:
    jobs = """
import jobtui, time
jobtui.job(lambda: time.sleep(600), name="stuck", on_start=True, timeout=0.01, abandon=0)
"""
    (folder / "stuck.py").write_text(jobs, encoding="utf-8")
    with HeadlessProcess(folder, "stuck.py", **environment_in(folder)) as process:
        process.stderr.wait_for("TIMED_OUT")
        text = ask("ps").stdout
        listed = json.loads(ask("ps", "--json").stdout)
    assert "abandoned 1: jobtui stack RUN shows where they are\n\nRUN  JOB    STARTED" in text
    assert [(run["number"], run["state"]) for run in listed["abandoned"]] == [(1, "TIMED_OUT")]


def test_ps_says_what_each_job_does_now_or_next(folder: Path, ask: Ask) -> None:
    """As JSON, it has the progress of the runs that are RUNNING."""
    jobs = """
import jobtui, time
def pages():
    jobtui.current_run().progress(0, 100)
    jobtui.current_run().progress(40, 100, "page 40")
    print("begun")
    time.sleep(600)
jobtui.job(pages, on_start=True)
jobtui.job(pages, name="later")
jobtui.schedule("@yearly", pages, name="paused").pause(note="holidays")
"""
    (folder / "pages.py").write_text(jobs, encoding="utf-8")
    with HeadlessProcess(folder, "pages.py", **environment_in(folder)) as process:
        process.stdout.wait_for("begun")
        lines = ask("ps").stdout.splitlines()
        listed = json.loads(ask("ps", "--json").stdout)
    place = lines[3].index("NOW / NEXT")
    now = {line.split()[2]: line[place:] for line in lines[4:]}
    assert now["pages"].startswith("████░░░░░░ 40% ")
    assert now["pages"].endswith("  40/100  page 40")
    assert now["later"] == "—"
    assert now["paused"] == "paused by code"
    [progress] = listed["progress"]
    assert (progress["run"], progress["job"], progress["fraction"]) == (1, "pages", 0.4)


def test_no_scheduler_is_status_2(ask: Ask) -> None:
    for words in (["ps"], ["run", "slow"], ["logs", "slow", "-f"]):
        done = ask(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("jobtui: no scheduler runs here that can be asked")
    done = ask("ps", "--all")
    assert (done.returncode, done.stdout) == (1, "")


def test_the_entry_of_a_killed_scheduler_is_ignored(ask: Ask, shop: HeadlessProcess, folder: Path) -> None:
    shop.send_signal(signal.SIGKILL)
    shop.wait()
    assert ask("ps").returncode == 2
    assert list((folder / "run" / "jobtui").iterdir()) == []


def test_several_schedulers_are_listed_with_what_to_type(
    ask: Ask, shop: HeadlessProcess, folder: Path
) -> None:
    """Each is found by the job file that it runs, too."""
    (folder / "mail.py").write_text("import jobtui\njobtui.every('1h', print, name='send')\n")
    with HeadlessProcess(folder, "mail.py", **environment_in(folder)) as mail:
        mail.stderr.wait_for("STARTED")
        done = ask("logs", "send")
        assert (done.returncode, done.stdout) == (2, "")
        first, *lines = sorted(done.stderr.splitlines())
        assert (len(lines), shop.pid == mail.pid) == (2, False)
        address = f"unix:{folder}/run/jobtui/{mail.pid}.sock"
        assert f"  jobtui logs {address} send   # mail.py, process {mail.pid}" in [first, *lines]
        assert "send" in ask("ps", address).stdout
        assert "send" in ask("ps", "mail.py").stdout
        assert "import_orders" in ask("ps", "shop.py").stdout
        table = ask("ps", "--all").stdout
        assert all(word in table for word in ("mail.py", "shop.py", str(shop.pid), str(mail.pid)))


def test_a_dead_socket_is_status_2(ask: Ask, tmp_path: Path) -> None:
    done = ask("ps", f"unix:{tmp_path}/none.sock")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing listens at unix:" in done.stderr


def test_the_scheduler_that_uses_a_store_answers_in_its_place(ask: Ask, folder: Path) -> None:
    """The settings in the folder name the store; when the scheduler has ended, the store answers."""
    (folder / "jobtui.toml").write_text('jobs.store = "jobs.db"\n')
    with HeadlessProcess(folder, "shop.py", **environment_in(folder)) as process:
        process.stderr.wait_for("STARTED")
        assert ask("run", "import_orders", "--wait").returncode == 0
        live = [json.loads(ask(*words, "--json").stdout) for words in (["ps"], ["show", "1"], ["history"])]
        assert live[0]["jobs"][0]["spec"] == "every 1h"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    stored = [json.loads(ask(*words, "--json").stdout) for words in (["ps"], ["show", "1"], ["history"])]
    assert stored[0]["process"]["lives"] is False
    assert live[0].keys() == stored[0].keys()
    assert live[0]["process"].keys() == stored[0]["process"].keys()
    assert live[0]["jobs"][0].keys() == stored[0]["jobs"][0].keys()
    assert live[2] == stored[2]
    assert live[1]["run"] == stored[1]["run"]
    assert [line["text"] for line in stored[1]["output"]] == [line["text"] for line in live[1]["output"]]


# --- ask ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("shop")
def test_history_show_and_logs_print_a_run_of_a_scheduler_without_a_store(ask: Ask) -> None:
    assert ask("run", "broken", "--wait").returncode == 1
    assert ask("run", "import_orders", "--wait").returncode == 0
    [failed] = json.loads(ask("history", "--failed", "--json").stdout)
    assert (failed["job"], failed["number"]) == ("broken", 1)
    assert "ValueError: no such row" in ask("history", "job:brok*").stdout
    shown = ask("show", "1").stdout
    assert shown.startswith("broken #1\nstate      ✗ FAILED\n")
    assert "begins" in shown
    lines = ask("logs", "import_orders").stdout.splitlines()
    assert [line[23:].split(maxsplit=1) for line in lines] == [
        ["imported", "12 rows 日本"],
        ["stderr", "row 3 is odd"],
    ]
    done = ask("logs", "import_order")
    assert (done.returncode, "near: import_orders" in done.stderr) == (1, True)
    done = ask("history", "job:nothing")
    assert (done.returncode, done.stdout) == (1, "")


# --- steer ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("shop")
def test_run_with_wait_prints_the_output_and_has_the_status_of_the_run(ask: Ask) -> None:
    done = ask("run", "import_orders", "--wait")
    assert (done.returncode, done.stdout) == (0, "imported 12 rows 日本\n")
    assert done.stderr.startswith("row 3 is odd\njobtui: import_orders #1 OK, took ")
    done = ask("run", "broken", "--wait")
    assert (done.returncode, done.stdout) == (1, "begins\n")
    assert "ValueError: no such row\njobtui: broken #2 FAILED" in done.stderr
    done = ask("run", "brokn", "--wait")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no job 'brokn'; near: broken" in done.stderr


def test_a_run_that_is_cancelled_ends_run_with_status_3(ask: Ask, folder: Path) -> None:
    with HeadlessProcess(folder, "shop.py", **environment_in(folder)) as process:
        process.stderr.wait_for("STARTED")
        waiting = started(folder, "run", "stubborn", "--wait")
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "begins\n"
        done = ask("stack", "1")
        assert done.returncode == 0
        assert done.stdout.startswith("stubborn #1 RUNNING on worker-1\n")
        assert "in stubborn\n    while not jobtui.current_run().wait_cancelled(0.05):\n" in done.stdout
        done = ask("cancel", "1")
        assert (done.returncode, done.stdout.startswith("stubborn #1 was asked to stop")) == (0, True)
        _, errors = waiting.communicate(timeout=LIMIT)
        assert waiting.returncode == 3
        assert "stubborn #1 CANCELLED" in errors
        done = ask("cancel", "1")
        assert (done.returncode, done.stderr) == (1, "jobtui: stubborn #1 had ended before: CANCELLED\n")
        assert ask("cancel", "99").returncode == 2
        done = ask("stack", "1")
        assert (done.returncode, done.stderr) == (1, "jobtui: stubborn #1 does not run: CANCELLED\n")
        assert ask("stack", "99").returncode == 2


@pytest.mark.usefixtures("shop")
def test_ctrl_c_ends_run_with_status_130_and_the_run_goes_on(ask: Ask, folder: Path) -> None:
    waiting = started(folder, "run", "stubborn", "--wait")
    assert waiting.stdout is not None
    assert waiting.stdout.readline() == "begins\n"
    waiting.send_signal(signal.SIGINT)
    _, errors = waiting.communicate(timeout=LIMIT)
    assert (waiting.returncode, errors) == (130, "jobtui: run 1 goes on; to cancel it:  jobtui cancel 1\n")
    assert [run["number"] for run in json.loads(ask("history", "state:running", "--json").stdout)] == [1]


def test_run_ends_with_status_2_if_the_scheduler_goes_away(shop: HeadlessProcess, folder: Path) -> None:
    waiting = started(folder, "run", "stubborn", "--wait")
    assert waiting.stdout is not None
    assert waiting.stdout.readline() == "begins\n"
    shop.send_signal(signal.SIGKILL)
    _, errors = waiting.communicate(timeout=LIMIT)
    assert waiting.returncode == 2
    assert errors.startswith("jobtui: no response from unix:")


@pytest.mark.usefixtures("shop")
def test_pause_and_resume_say_whether_they_changed_anything(ask: Ask) -> None:
    for command, text in (
        ("pause", "slow is paused\n"),
        ("pause", "slow was paused already\n"),
        ("resume", "slow is resumed\n"),
        ("resume", "slow was not paused\n"),
    ):
        done = ask(command, "slow")
        assert (done.returncode, done.stdout, done.stderr) == (0, text, "")
    assert ask("pause", "slwo").returncode == 2


# --- follow ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("shop")
def test_logs_follow_a_run_until_it_ends(ask: Ask) -> None:
    number = ask("run", "slow").stdout.strip()
    done = ask("logs", number, "-f", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["run"], line["text"]) for line in lines] == [(1, f"step {step}") for step in range(3)]
    assert done.returncode == 0


@pytest.mark.parametrize("store", [False, True])
def test_logs_follow_a_job_from_run_to_run_until_ctrl_c(ask: Ask, folder: Path, store: bool) -> None:
    """In a store, too, while another process writes it."""
    options = ["--store", "jobs.db"] if store else []
    with HeadlessProcess(folder, "shop.py", *options, **environment_in(folder)) as process:
        process.stderr.wait_for("STARTED")
        assert ask("run", "import_orders", "--wait").returncode == 0
        if store:
            wait_for_row(ask)
        following = started(folder, "logs", "import_orders", "-f", *options)
        assert following.stdout is not None
        lines = PipeLines(following.stdout)
        assert lines.wait_for("<==") == "==> import_orders #1 <==\n"
        lines.wait_for("imported 12 rows 日本")
        ask("run", "import_orders")
        assert lines.wait_for("<==") == "==> import_orders #2 <==\n"
        lines.wait_for("row 3 is odd")
        following.send_signal(signal.SIGINT)
        assert following.wait(LIMIT) == 130
        assert following.stderr is not None
        assert following.stderr.read() == ""
        lines.close()
        following.stderr.close()


def wait_for_row(ask: Ask) -> None:
    """Wait until the store has a run."""
    for _ in range(int(LIMIT)):
        if ask("history", "--store", "jobs.db").returncode == 0:
            return
    raise AssertionError


@pytest.mark.usefixtures("shop")
def test_a_reader_that_goes_away_ends_logs_quietly(folder: Path) -> None:
    """Even if there is nothing more to print."""
    command = f"{sys.executable} -m jobtui logs slow -f | head -n 4"
    environment = inherited_environment() | environment_in(folder)
    run_jobtui("run", "slow", "--wait", folder=folder, **environment_in(folder))
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    assert (done.stdout.splitlines()[0], done.stderr) == ("==> slow #1 <==", "")


COPIES = """
import jobtui
def copy(source: str, limit: int = 5, tags: list[str] | None = None):
    print(f"{source!r} {limit!r} {tags!r}")
jobtui.job(copy, args=("home",))
jobtui.every("1h", print, name="idle")
"""


def test_run_gives_a_job_the_parameters_that_are_written_after_its_name(ask: Ask, folder: Path) -> None:
    """A text stays a text, also if it looks like a number. A run runs again by its number."""
    (folder / "copies.py").write_text(COPIES, encoding="utf-8")
    with HeadlessProcess(folder, "copies.py", **environment_in(folder)) as process:
        process.stderr.wait_for("STARTED")
        assert ask("run", "copy", "--wait").stdout == "'home' 5 None\n"
        given = ask("run", "copy", "source=12", "limit=6", 'tags=["a"]', "--wait")
        assert (given.returncode, given.stdout) == (0, "'12' 6 ['a']\n")
        assert ask("run", "2", "--wait").stdout == given.stdout
        wrong = ask("run", "copy", "source=etc", "limit=many")
        assert (wrong.returncode, wrong.stderr) == (2, "jobtui: limit: must be a whole number, not 'many'\n")
        unknown = ask("run", "copy", "goal=etc")
        assert "goal: there is no such parameter; the parameters are source, limit, tags" in unknown.stderr
        assert "there is no run 99" in ask("run", "99").stderr
        assert "a NAME=VALUE is given twice" in ask("run", "copy", "limit=1", "limit=2").stderr
        assert "remove NAME=VALUE" in ask("run", "copies.py", "copy", "limit=1").stderr
