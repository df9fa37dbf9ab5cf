"""The arguments: what is accepted, what is rejected, and what the help says."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.command_line import LIMIT, ONE_JOB, WriteFile, run_jobtui, run_python

import jobtui
from jobtui.cli import arguments as arguments_module
from jobtui.cli.arguments import AttachParser, NextParser, Parser, TargetParser
from jobtui.cli.main import main
from jobtui.cli.parsers import PARSERS

CHECK_STARTS_NOTHING = "check does not start the scheduler; remove --headless, --grace and --listen"


def test_without_arguments_the_usage_is_printed_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit status is 2."""
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "usage: jobtui TARGET [OPTION]...\n"
        "       jobtui COMMAND [ARGUMENT]... [OPTION]...\n"
        "Try  jobtui --help\n"
    )


def test_the_help_is_short_and_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """80 columns, and less than 40 lines. On standard output, with status 0."""
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 40
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("command", PARSERS)
def test_the_help_of_each_command_has_its_exit_status(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each names its own."""
    assert main([command, "--help"]) == 0
    assert "\nexit status: 0 " in capsys.readouterr().out


def test_the_help_of_a_target_lists_every_option_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard output, with status 0."""
    assert main(["my_jobs.py", "--help"]) == 0
    out = capsys.readouterr().out
    for option in ("config", "pool", "run-mode", "listen", "headless", "grace", "version"):
        assert re.search(rf"^  --{option} ", out, re.MULTILINE)
    assert "examples:\n  jobtui my_jobs.py " in out


def test_the_examples_in_the_help_are_accepted() -> None:
    """Each is parsed by the parser of its command."""
    parsers: dict[str, Parser] = {"next": NextParser(), "attach": AttachParser()}
    examples = re.findall(r"^  jobtui (.+?)  ", arguments_module._EPILOG, re.MULTILINE)  # noqa: SLF001 - the text of the examples, without argparse's layout
    assert len(examples) == 9
    for example in examples:
        words = [word for word in shlex.split(example) if not word.startswith("2>")]  # for the shell
        if words[0] in parsers:
            parsers[words[0]].parse(words[1:])
        else:
            TargetParser().parse(words)


def test_version_prints_the_name_and_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """``jobtui 1.2.3``."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"jobtui {jobtui.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["chekc", "my_jobs.py"], "check"),
        (["histroy", "--failed"], "history"),
        (["shwo", "12"], "show"),
        (["Check", "my_jobs.py"], "check"),
        (["hash_password"], "hash-password"),
    ],
)
def test_a_misspelt_command_is_answered_with_the_nearest_one(
    capsys: pytest.CaptureFixture[str], arguments: list[str], near: str
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err == (
        f"jobtui: {arguments[0]} is neither a command nor a module. Did you mean {near}?\n"
        "Try  jobtui --help\n"
    )


def test_a_module_whose_name_resembles_a_command_is_a_target(write_file: WriteFile) -> None:
    file = write_file("checks.py", "import jobtui\njobtui.every('1h', print)\n")
    done = run_jobtui("checks", "--snapshot", "80x24", cwd=str(file.parent))
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 Jobs 1" in done.stdout


def test_only_the_help_of_a_target_speaks_of_the_time_before_the_start(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The frame of `jobtui attach` shows a scheduler that runs."""
    assert main(["my_jobs.py", "--help"]) == 0
    assert "before the start" in " ".join(capsys.readouterr().out.split())
    assert main(["attach", "--help"]) == 0
    assert "before the start" not in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--headless"], "missing argument TARGET"),
        (["check"], "missing argument TARGET"),
        (["a.py", "b.py"], "only one TARGET is allowed; unexpected: b.py"),
        (["check", "a.py", "b.py"], "only one TARGET is allowed; unexpected: b.py"),
        (["demo", "b.py"], "only one TARGET is allowed; unexpected: b.py"),
        (["a.py", "--haedless"], "unrecognized arguments: --haedless; did you mean --headless?"),
        (["a.py", "--head"], "unrecognized arguments: --head; did you mean --headless?"),
        (["check", "a.py", "--pol=3"], "unrecognized arguments: --pol=3; did you mean --pool?"),
        (["a.py", "-pool", "3"], "unrecognized arguments: -pool 3; did you mean --pool?"),
        (["a.py", "--pool"], "argument --pool: expected one argument"),
        (["a.py", "--pool", "-1"], "argument --pool: '-1' is not a whole number from 0 up (0 is no limit)"),
        (
            ["a.py", "--pool", "four"],
            "argument --pool: 'four' is not a whole number from 0 up (0 is no limit)",
        ),
        (["a.py", "--pool", "9" * 5000], "argument --pool: '9999"),
        (["a.py", "--grace", "-1"], "argument --grace: '-1' is not a number of seconds from 0 to 1000000"),
        (["a.py", "--grace", "nan"], "argument --grace: 'nan' is not a number of seconds from 0 to 1000000"),
        (["a.py", "--grace", "10s"], "argument --grace: '10s' is not a number of seconds from 0 to 1000000"),
        (["a.py", "--grace", "inf"], "argument --grace: 'inf' is not a number of seconds from 0 to 1000000"),
        (
            ["a.py", "--tz", "Denver"],
            "argument --tz: unknown time zone 'Denver'; did you mean America/Denver?",
        ),
        (["a.py", "--tz", "UTC+2"], "argument --tz: unknown time zone 'UTC+2'; write UTC+02:00"),
        (["check", "a.py", "--headless"], CHECK_STARTS_NOTHING),
        (["check", "a.py", "--grace", "1"], CHECK_STARTS_NOTHING),
        (["check", "a.py", "--listen", "127.0.0.1:9001"], CHECK_STARTS_NOTHING),
        (
            ["a.py", "--listen", "9001"],
            (
                "argument --listen: '9001' is not an address and a port, such as 127.0.0.1:9001, "
                "[::1]:9001 or unix:/run/jobtui.sock; did you mean 127.0.0.1:9001?"
            ),
        ),
    ],
)
def test_a_mistake_is_reported_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """A second line names the help. The exit status is 2."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"jobtui: {message}")
    assert err.endswith("\nTry  jobtui --help\n")
    assert err.count("\n") == 2


@pytest.mark.parametrize("command", PARSERS)
def test_a_misspelt_option_of_any_command_gets_the_nearest_one(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """As a command, a job and a key of the settings do."""
    assert main([command, "--hepl"]) == 2
    message = capsys.readouterr().err.splitlines()[0]
    assert message == "jobtui: unrecognized arguments: --hepl; did you mean --help?"


@pytest.mark.parametrize(
    "line", ["--pool 3 check demo.py", "check --pool 3 demo.py", "check demo.py --pool 3"]
)
def test_options_are_accepted_before_and_after_the_command_and_the_target(line: str) -> None:
    """The command is the first word that is not an option."""
    options = TargetParser().parse(line.split())
    assert (options.check, options.target, options.pool) == (True, "demo.py", 3)


OPTIONS_WITH_AN_EMPTY_TEXT = [
    (prefix, option, missing)
    for prefix, options in {
        "jobs.py": ("--store", "--config", "--run-mode"),
        "check jobs.py": ("--store", "--config", "--run-mode"),
        "forecast jobs.py": ("--store", "--config", "--run-mode"),
        "ps": ("--store", "--config", "--run-mode"),
        "history": ("--store", "--config", "--run-mode", "--job", "--since"),
        "show 1": ("--store", "--config", "--run-mode"),
        "logs 1": ("--store", "--config", "--run-mode"),
        "why 1": ("--store", "--config", "--run-mode", "--at"),
        "run jobs.py import": ("--config", "--run-mode"),
        "pause import": ("--for", "--until"),
    }.items()
    for option in options
    for missing in [
        "path of a file"
        if option in ("--store", "--config")
        else "time"
        if option in ("--since", "--at", "--for", "--until")
        else "name"
    ]
]


@pytest.mark.parametrize(("line", "option", "missing"), OPTIONS_WITH_AN_EMPTY_TEXT)
def test_an_option_with_an_empty_text_is_a_mistake(
    capsys: pytest.CaptureFixture[str], line: str, option: str, missing: str
) -> None:
    """A variable of the shell that is not set leaves one."""
    assert main([*line.split(), option, ""]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"jobtui: argument {option}: the {missing} is missing\nTry  jobtui ")


@pytest.mark.parametrize("option", ["--store", "--config"])
@pytest.mark.parametrize("folder", [".", "/", "./"])
def test_a_folder_that_has_no_name_is_not_a_file(
    capsys: pytest.CaptureFixture[str], option: str, folder: str
) -> None:
    """As a store, it would be an error of the scheduler."""
    assert main(["check", "jobs.py", option, folder]) == 2
    assert capsys.readouterr().err.startswith(
        f"jobtui: argument {option}: '{folder}' is a folder, not a file\n"
    )


@pytest.mark.parametrize(
    "line", ["attach", "ps", "logs", "why", "run", "run import", "pause", "resume import"]
)
def test_an_empty_argument_is_a_mistake(capsys: pytest.CaptureFixture[str], line: str) -> None:
    """An empty text names neither an address nor a job or a run."""
    assert main([*line.split(), ""]) == 2
    assert capsys.readouterr().err.startswith("jobtui: an argument is empty\n")


def test_a_file_called_check_is_run_by_its_file_name(
    write_file: WriteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    """``check`` is the command, ``check.py`` the file."""
    write_file("check.py")
    assert main(["check", "check.py"]) == 0
    assert capsys.readouterr().out.startswith("target    check.py: ")


def test_the_console_script_and_the_module_are_the_same_program() -> None:
    """``jobtui`` and ``python -m jobtui``."""
    project = tomllib.loads((Path(jobtui.__file__).parent.parent / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"jobtui": f"{main.__module__}:{main.__name__}"}
    done = run_jobtui("--version")
    assert (done.returncode, done.stdout) == (0, f"jobtui {jobtui.__version__}\n")


INTERRUPTED_IMPORT = """
import os, runpy, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == MODULE:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["jobtui", *LINE.split()]
runpy.run_module("jobtui", run_name="__main__")
"""


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("check demo.py", "jobtui.cli.main"),
        ("check demo.py", "jobtui.cli.target"),
        ("check demo.py", "jobtui.loading.loader"),
        ("check demo.py", "jobtui.cli.check"),
        ("demo.py --headless", "jobtui.cli.target"),
        ("demo.py --headless", "jobtui.cli.headless"),
        ("next @daily", "jobtui.cli.next_ticks"),
    ],
)
def test_ctrl_c_while_jobtui_imports_its_modules_is_status_130(
    write_file: WriteFile, line: str, module: str
) -> None:
    """Nothing is written: the person has asked for the end."""
    write_file("demo.py", ONE_JOB)
    program = INTERRUPTED_IMPORT.replace("MODULE", repr(module)).replace("LINE", repr(line))
    done = run_python("-c", program)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def run_on_full_disk(line: str, unbuffered: str = "") -> tuple[int, str]:
    """Run a command whose standard output is a full disk. Return its exit status and standard error."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "jobtui", *line.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=LIMIT,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    return done.returncode, done.stderr


FULL = (1, "jobtui: cannot write standard output: No space left on device\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "check --help",
        "demo.py --version",
        "check demo.py",
        "next @daily",
        "next @daily --json",
        "forecast demo.py",
        "forecast demo.py --json",
        "ps --store demo.db",
        "ps --store demo.db --json",
        "history --store demo.db",
        "history --store demo.db --json",
        "show 1 --store demo.db",
        "completion bash",
        "demo.py --snapshot",
    ],
)
def test_output_that_a_full_disk_loses_is_an_error(write_file: WriteFile, line: str, unbuffered: str) -> None:
    """The exit status is 1. A reader that has gone away is none: see the test of a closed pipe."""
    write_file("demo.py", ONE_JOB)
    with jobtui.Scheduler(store="demo.db") as scheduler:
        scheduler.every("1h", print, name="import")
        scheduler.run("import").result(LIMIT)
    assert run_on_full_disk(line, unbuffered) == FULL


def test_output_of_one_job_in_the_terminal_that_a_full_disk_loses_is_an_error(write_file: WriteFile) -> None:
    """It is in the buffer when the job has ended."""
    write_file("demo.py", ONE_JOB)
    assert run_on_full_disk("run demo.py greet") == FULL


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
@pytest.mark.parametrize(
    "line", ["check demo.py", "check --help", "demo.py --snapshot", "next @daily", "forecast demo.py"]
)
def test_a_stream_that_the_shell_has_closed_is_not_an_error(
    write_file: WriteFile, line: str, closed: str
) -> None:
    """Python has None for it. Nothing is written to the other stream in its place."""
    write_file("demo.py", ONE_JOB)
    program = (
        f"import sys; sys.{closed} = None; from jobtui.cli.main import main; sys.exit(main({line.split()}))"
    )
    done = run_python("-c", program)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert (done.stdout == "") is (closed == "stdout")


# Unbuffered, the write fails; else the flush, or Python's own flush at exit.
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["check", "demo.py"], ["--help"]])
def test_a_closed_pipe_is_not_an_error(write_file: WriteFile, arguments: list[str], unbuffered: str) -> None:
    """``jobtui --help | head`` closes the pipe before the end."""
    write_file()
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "jobtui", *arguments],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
