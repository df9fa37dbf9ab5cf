"""The command line: what may be typed, what is answered, and the exit status."""

import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest

import jobtui
from jobtui.access.rules import AccessRules
from jobtui.cli import arguments
from jobtui.cli.check import report
from jobtui.cli.main import main
from jobtui.loading.loader import load
from jobtui.runtime import default as default_module
from jobtui.runtime.clock import ManualClock

LIMIT = 20.0  # seconds; only a hang takes so long
JOB = "import jobtui\njobtui.every(5, print, name='greet')\n"

Write = Callable[..., Path]
Terminal = Callable[..., None]


@pytest.fixture(autouse=True)
def _restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test works in its own folder, and leaves Python's path and modules as they were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(default_module, "_default", None)
    yield
    sys.modules.pop("demo", None)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Give a function that writes a file, by default one that registers a job, and returns its path."""

    def write_file(name: str = "demo.py", content: str = JOB) -> Path:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return write_file


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Give a function that makes standard input and output look like a terminal, or not."""

    def look_like(*, stdin: bool, stdout: bool) -> None:
        monkeypatch.setattr(sys.stdin, "isatty", lambda: stdin)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: stdout)

    return look_like


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m jobtui`` as a process."""
    return subprocess.run(
        [sys.executable, "-m", "jobtui", *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        stdin=subprocess.DEVNULL,
        # Buffered, as it is for most: what is unbuffered is never lost at the end.
        env={key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"} | environment,
    )


class TestUsage:
    """Arguments that make no sense, and those that ask about the arguments."""

    def test_no_arguments(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The usage, on standard error, and status 2."""
        assert main([]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("usage: jobtui TARGET [--config FILE] [--pool N] [--run-mode NAME]")
        for command in ("check TARGET", "attach URL|unix:PATH", "next SPEC", "hash-password"):
            assert f"\n       jobtui {command}" in err

    def test_help(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Every option, and examples."""
        assert main(["--help"]) == 0
        out = capsys.readouterr().out
        for option in ("config", "pool", "run-mode", "listen", "headless", "grace", "version"):
            assert re.search(rf"^  --{option} ", out, re.MULTILINE)
        assert "examples:\n  jobtui my_jobs.py " in out

    def test_the_examples_in_the_help_are_accepted(self) -> None:
        """What the help tells people to type is what the parser takes."""
        parsers: dict[str, arguments.Parser] = {
            "next": arguments.NextParser(),
            "attach": arguments.AttachParser(),
        }
        examples = re.findall(r"^  jobtui (.+?)  ", arguments._EPILOG, re.MULTILINE)
        assert len(examples) == 9
        for example in examples:
            words = [word for word in shlex.split(example) if not word.startswith("2>")]  # for the shell
            parser = parsers.get(words[0])
            if parser is None:
                arguments.TargetParser().parse(words)
            else:
                parser.parse(words[1:])

    def test_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Name and number."""
        assert main(["--version"]) == 0
        assert capsys.readouterr().out == f"jobtui {jobtui.__version__}\n"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--headless"], "missing argument TARGET"),
            (["check"], "missing argument TARGET"),
            (["a.py", "b.py"], "unexpected argument: b.py"),
            (["check", "a.py", "b.py"], "unexpected argument: b.py"),
            (["a.py", "--haedless"], "unrecognized arguments: --haedless"),
            (["a.py", "--head"], "unrecognized arguments: --head"),
            (["a.py", "--pool"], "argument --pool: expected one argument"),
            (
                ["a.py", "--pool", "-1"],
                "argument --pool: '-1' is not a whole number from 0 up (0 is no limit)",
            ),
            (
                ["a.py", "--pool", "four"],
                "argument --pool: 'four' is not a whole number from 0 up (0 is no limit)",
            ),
            (["a.py", "--pool", "9" * 5000], "argument --pool: '9999"),
            (
                ["a.py", "--grace", "-1"],
                "argument --grace: '-1' is not a number of seconds from 0 to 1000000",
            ),
            (
                ["a.py", "--grace", "nan"],
                "argument --grace: 'nan' is not a number of seconds from 0 to 1000000",
            ),
            (
                ["a.py", "--grace", "10s"],
                "argument --grace: '10s' is not a number of seconds from 0 to 1000000",
            ),
            (
                ["a.py", "--grace", "inf"],
                "argument --grace: 'inf' is not a number of seconds from 0 to 1000000",
            ),
            (
                ["check", "a.py", "--headless"],
                "check does not start the scheduler; remove --headless, --grace and --listen",
            ),
            (
                ["check", "a.py", "--grace", "1"],
                "check does not start the scheduler; remove --headless, --grace and --listen",
            ),
            (
                ["check", "a.py", "--listen", "127.0.0.1:9001"],
                "check does not start the scheduler; remove --headless, --grace and --listen",
            ),
            (
                ["a.py", "--listen", "9001"],
                (
                    "argument --listen: '9001' is not an address and a port, such as 127.0.0.1:9001, "
                    "[::1]:9001 or unix:/run/jobtui.sock; did you mean 127.0.0.1:9001?"
                ),
            ),
        ],
    )
    def test_bad_usage(self, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
        """One line says what is wrong, another where to read more; status 2."""
        assert main(arguments) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"jobtui: {message}")
        assert err.endswith("\nTry  jobtui --help\n")
        assert err.count("\n") == 2

    def test_options_may_stand_anywhere(self) -> None:
        """Before the command, between it and the target, and after."""
        for line in ("--pool 3 check demo.py", "check --pool 3 demo.py", "check demo.py --pool 3"):
            read = arguments.TargetParser().parse(line.split())
            assert (read.check, read.target, read.pool) == (True, "demo.py", 3)

    def test_a_file_called_check(self, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
        """`check` is the command; the file of that name has its ending."""
        write("check.py")
        assert main(["check", "check.py"]) == 0
        assert capsys.readouterr().out.startswith("target    check.py: ")

    def test_the_console_script_is_main(self) -> None:
        """`jobtui` and `python -m jobtui` are the same program."""
        project = tomllib.loads((Path(jobtui.__file__).parent.parent / "pyproject.toml").read_text())
        assert project["project"]["scripts"] == {"jobtui": f"{main.__module__}:{main.__name__}"}
        done = run("--version")
        assert (done.returncode, done.stdout) == (0, f"jobtui {jobtui.__version__}\n")


class TestTargets:
    """Targets and settings that are wrong. test_loader and test_settings have the message for each."""

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("def f(:\n", "jobtui: demo.py:1: SyntaxError: invalid syntax\n"),
            ("\n1 / 0\n", "jobtui: demo.py:2: ZeroDivisionError: division by zero\n"),
            (
                "import sys; sys.exit(3)",
                "jobtui: demo.py:1: the file called sys.exit() while it was imported\n",
            ),
            ("x = 1\n", "jobtui: demo.py: the file registers no jobs. "),
            ("import jobtui\njobtui.every(5, 3)", "jobtui: demo.py:2: jobtui.every(5, 3)\n3 cannot be run; "),
            (None, "jobtui: demo.py: file not found."),
        ],
    )
    @pytest.mark.parametrize(
        ("arguments", "status"), [(["demo.py"], 2), (["demo.py", "--headless"], 2), (["check", "demo.py"], 1)]
    )
    def test_a_bad_target(
        self,
        write: Write,
        capsys: pytest.CaptureFixture[str],
        *,
        content: str | None,
        message: str,
        arguments: list[str],
        status: int,
    ) -> None:
        """The message on standard error, whether or not there is a terminal; status 2, or 1 for check."""
        if content is not None:
            write("demo.py", content)
        assert main(arguments) == status
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(message)

    @pytest.mark.parametrize(("command", "status"), [([], 2), (["check"], 1)])
    def test_bad_settings(
        self, write: Write, capsys: pytest.CaptureFixture[str], command: list[str], status: int
    ) -> None:
        """The same for settings."""
        write()
        write("jobtui.toml", "jobs.pol = 4\n")
        assert main([*command, "demo.py"]) == status
        err = capsys.readouterr().err
        assert err.startswith("jobtui: ")
        assert "jobtui.toml, line 1: unknown key 'jobs.pol'. Did you mean 'jobs.pool'?" in err

    @pytest.mark.parametrize("command", [[], ["check"]])
    def test_a_settings_file_that_is_not_there(
        self, write: Write, capsys: pytest.CaptureFixture[str], command: list[str]
    ) -> None:
        """A file that was asked for must be there."""
        write()
        assert main([*command, "demo.py", "--config", "no.toml"]) == (1 if command else 2)
        assert capsys.readouterr().err == "jobtui: no.toml: file not found.\n"

    def test_a_machine_without_a_zone(self, write: Write) -> None:
        """A TZ that names no zone is told in one line."""
        write()
        done = run("check", "demo.py", TZ="Middle/Earth")
        assert done.returncode == 1
        assert done.stderr.startswith(
            "jobtui: cannot create the scheduler: cannot determine the machine's time zone"
        )
        assert done.stderr.count("\n") == 1

    def test_ctrl_c_while_it_is_imported(self, write: Write) -> None:
        """Status 130, and not a word."""
        write("demo.py", "import threading\nprint('importing', flush=True)\nthreading.Event().wait()\n")
        with subprocess.Popen(
            [sys.executable, "-m", "jobtui", "demo.py"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "importing\n"
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=LIMIT) == ("", "")
            assert process.returncode == 130


class TestStart:
    """What happens when the scheduler starts, or cannot."""

    @pytest.mark.parametrize(
        ("stdin", "stdout", "blind"),
        [(True, False, "standard output"), (False, True, "standard input"), (False, False, "standard input")],
    )
    def test_without_a_terminal(
        self,
        write: Write,
        terminal: Terminal,
        capsys: pytest.CaptureFixture[str],
        *,
        stdin: bool,
        stdout: bool,
        blind: str,
    ) -> None:
        """The dashboard says what it needs and what to do without."""
        write()
        terminal(stdin=stdin, stdout=stdout)
        assert main(["demo.py"]) == 2
        assert capsys.readouterr().err == (
            f"jobtui: the dashboard needs a terminal, but {blind} is not one; to run without a screen:\n"
            "  jobtui demo.py --headless\n"
        )

    def test_with_streams_closed(self, write: Write) -> None:
        """A process can be started without any; then there is nobody to tell."""
        write()
        command = f"{sys.executable} -m jobtui demo.py <&- >&- 2>&-"
        assert subprocess.run(["sh", "-c", command], timeout=LIMIT, check=False).returncode == 2

    def test_with_a_terminal(self, write: Write, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        """The dashboard gets the scheduler, the title and the grace, and its status is the exit status."""
        calls: list[object] = []

        def run_dashboard(
            scheduler: jobtui.Scheduler, *, title: str, grace: float, process_exit: object, serve: object
        ) -> int:
            calls.append(([job.name for job in scheduler.jobs], title, grace, serve))
            return 5

        app = ModuleType("jobtui.tui.app")
        app.run_dashboard = run_dashboard  # type: ignore[attr-defined] # a module made by hand
        monkeypatch.setitem(sys.modules, "jobtui.tui.app", app)
        write()
        terminal(stdin=True, stdout=True)
        assert main(["demo.py"]) == 5
        assert main(["demo.py", "--grace", "0.5"]) == 5
        assert calls == [(["greet"], "demo.py", 10.0, None), (["greet"], "demo.py", 0.5, None)]

    def test_a_start_function_that_raises(
        self, write: Write, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """Its line, its name and what it raised; then the user's frames, and none of ours."""
        write("demo.py", JOB + "@jobtui.on_app_start\ndef connect():\n    raise OSError('no\\nroute')\n")
        assert main(["demo.py", "--headless"]) == 2
        assert capsys.readouterr().err == (
            "jobtui: demo.py:5: on_app_start function connect raised OSError: no route\n\n"
            "Traceback (most recent call last):\n"
            f'  File "{tmp_path}/demo.py", line 5, in connect\n'
            "    raise OSError('no\\nroute')\n"
            "OSError: no\nroute\n"
        )

    def test_a_start_function_that_registers_nonsense(
        self, write: Write, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What jobtui refuses there is told as it is during the import."""
        write("demo.py", JOB + "@jobtui.on_app_start\ndef more():\n    jobtui.every(5, 3)\n")
        assert main(["demo.py", "--headless"]) == 2
        err = capsys.readouterr().err
        assert err.startswith("jobtui: demo.py:5: jobtui.every(5, 3)\n3 cannot be run; ")
        assert "Traceback" not in err

    def test_a_start_function_that_exits(self, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
        """sys.exit() in it is no way to end well."""
        write("demo.py", JOB + "@jobtui.on_app_start\ndef connect():\n    raise SystemExit('no route')\n")
        assert main(["demo.py", "--headless"]) == 2
        assert capsys.readouterr().err == (
            "jobtui: demo.py:5: an on_app_start function called sys.exit() before the scheduler started: "
            "no route\n"
        )

    def test_a_thread_that_the_file_left_behind(self, write: Write) -> None:
        """Neither check nor a failed start waits for it for ever."""
        write("demo.py", JOB + "import threading\nthreading.Thread(target=threading.Event().wait).start()\n")
        assert run("check", "demo.py").returncode == 0

    def test_what_an_exit_handler_prints(self, write: Write) -> None:
        """The last words of the file are not lost in a buffer."""
        write("demo.py", JOB + "import atexit\natexit.register(print, 'last words')\n")
        done = run("check", "demo.py")
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "last words")


class TestListen:
    """`--listen` and `jobs.listen`: what serves the page, and what happens where nothing can."""

    @pytest.fixture
    def served(self, monkeypatch: pytest.MonkeyPatch) -> list[object]:
        """Put a server into the real one's place, and give what it is made with."""
        made: list[object] = []

        class Server:
            def __init__(self, source: object, address: object, *, access: AccessRules) -> None:
                user = access.credentials.user if access.credentials else ""
                made.append((source, str(address), user, access.readonly))

        def run_headless(
            scheduler: object, *, serve: Callable[[object], object] | None, **_rest: object
        ) -> int:
            if serve is None:
                made.append("nothing")
            else:
                serve("the source")
            return 7

        module = ModuleType("jobtui.web.server")
        module.Server = Server  # type: ignore[attr-defined] # a module made by hand
        monkeypatch.setitem(sys.modules, "jobtui.web.server", module)
        monkeypatch.setattr("jobtui.cli.headless.run_headless", run_headless)
        return made

    def test_nothing_listens_unasked(self, write: Write, served: list[object]) -> None:
        """Without a word of it there is no page."""
        write()
        assert main(["demo.py", "--headless"]) == 7
        assert served == ["nothing"]

    @pytest.mark.parametrize(
        ("arguments", "address"),
        [
            ([], "http://127.0.0.1:9001/@jobs"),
            (["--listen", "[::1]:80"], "http://[::1]:80/@jobs"),
            (["--listen", "unix:/run/x"], "unix:/run/x"),
            (["--listen", "0.0.0.0:9001"], "http://0.0.0.0:9001/@jobs"),
        ],
    )
    def test_the_command_line_counts_before_the_settings(
        self, write: Write, served: list[object], arguments: list[str], address: str
    ) -> None:
        """But who may come in is what the settings say, wherever it listens."""
        write()
        write(
            "jobtui.toml",
            'jobs.listen = "127.0.0.1:9001"\njobs.readonly = true\n'
            'jobs.auth.user = "me"\njobs.auth.pass = "x"\n',
        )
        assert main(["demo.py", "--headless", *arguments]) == 7
        assert served == [("the source", address, "me", True)]

    def test_a_scheduler_of_the_files_own_is_guarded_too(self, write: Write, served: list[object]) -> None:
        """What the file makes itself keeps its pool, but the page is the settings' business."""
        write("demo.py", "from jobtui import Scheduler\ns = Scheduler(pool=3)\ns.every(5, print)\n")
        write("jobtui.toml", 'jobs.listen = "127.0.0.1:9001"\njobs.readonly = true\n')
        assert main(["demo.py", "--headless"]) == 7
        assert served == [("the source", "http://127.0.0.1:9001/@jobs", "", True)]

    def test_the_dashboard_gets_it_as_well(
        self, write: Write, terminal: Terminal, served: list[object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With a screen, too."""

        def run_dashboard(_scheduler: object, *, serve: Callable[[object], object], **_rest: object) -> int:
            serve("the source")
            return 7

        app = ModuleType("jobtui.tui.app")
        app.run_dashboard = run_dashboard  # type: ignore[attr-defined] # a module made by hand
        monkeypatch.setitem(sys.modules, "jobtui.tui.app", app)
        write()
        terminal(stdin=True, stdout=True)
        assert main(["demo.py", "--listen", "localhost:9001"]) == 7
        assert served == [("the source", "http://127.0.0.1:9001/@jobs", "", False)]

    def test_an_address_that_is_taken(self, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
        """One line, status 2, and nothing has started."""
        write("demo.py", JOB + "@jobtui.on_app_start\ndef begin(): print('started')\n")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            assert main(["demo.py", "--headless", "--listen", address]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"jobtui: cannot listen on {address}: ")
        assert err.count("\n") == 1

    def test_where_others_can_reach_it_without_credentials(
        self, write: Write, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What the settings do not allow, the command line does not either."""
        write()
        assert main(["demo.py", "--headless", "--listen", "0.0.0.0:0"]) == 2
        assert "can be reached by other machines, so it needs jobs.auth.user and" in capsys.readouterr().err

    @pytest.mark.parametrize("missing", ["aiohttp", "jinja2", "prometheus_client"])
    @pytest.mark.parametrize("by", ["option", "settings"])
    def test_without_the_extra(self, write: Write, missing: str, by: str) -> None:
        """What to install is said, whichever part is missing; what does not listen works without."""
        write()
        if by == "settings":
            write("jobtui.toml", 'jobs.listen = "127.0.0.1:0"\n')
        done = run_without(
            missing, "demo.py", "--headless", *(["--listen", "127.0.0.1:0"] * (by == "option"))
        )
        assert done.returncode == 2
        assert done.stderr.startswith(
            "jobtui: the status page needs the extra 'web': pip install 'jobtui[web]'  ("
        )
        assert missing in done.stderr
        assert done.stderr.count("\n") == 1
        assert run_without(missing, "check", "demo.py").returncode == 0

    def test_a_module_of_ours_that_is_missing_is_not_the_extra(
        self, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A broken installation of jobtui is not mended by another package."""
        write()
        monkeypatch.setitem(sys.modules, "jobtui.web.server", None)
        with pytest.raises(ImportError, match=r"jobtui\.web\.server"):
            main(["demo.py", "--headless", "--listen", "127.0.0.1:0"])


def run_without(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line where a module is not installed."""
    hidden = f"import sys; sys.modules[{module!r}] = None"
    code = f"{hidden}; from jobtui.cli.main import main; sys.exit(main({arguments!r}))"
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        stdin=subprocess.DEVNULL,
    )


class FakeConnection:
    """A backend that only records whether it has been closed."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.closed = False

    def close(self) -> None:
        """Record it."""
        self.closed = True


class TestAttach:
    """``jobtui attach``."""

    def test_attach_connects_to_the_address_shows_the_dashboard_and_returns_its_status(
        self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The connection is closed afterwards."""
        connections: list[FakeConnection] = []
        shown: list[FakeConnection] = []

        def connect(address: str) -> FakeConnection:
            connections.append(FakeConnection(address))
            return connections[-1]

        def run_attached(connection: FakeConnection) -> int:
            assert not connection.closed
            shown.append(connection)
            return 5

        app = ModuleType("jobtui.tui.app")
        app.run_attached = run_attached  # type: ignore[attr-defined] # a module made by hand
        monkeypatch.setitem(sys.modules, "jobtui.tui.app", app)
        monkeypatch.setattr("jobtui.cli.attach.connect", connect)
        terminal(stdin=True, stdout=True)
        assert main(["attach", "http://me@127.0.0.1:9001"]) == 5
        assert main(["attach", "unix:/run/x"]) == 5
        assert shown == connections
        assert [connection.address for connection in connections] == [
            "http://me@127.0.0.1:9001",
            "unix:/run/x",
        ]
        assert all(connection.closed for connection in connections)

    def test_ctrl_c_at_the_password(self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        """Status 130."""

        def attach(_text: str) -> int:
            raise KeyboardInterrupt

        module = ModuleType("jobtui.cli.attach")
        module.attach = attach  # type: ignore[attr-defined] # a module made by hand
        monkeypatch.setitem(sys.modules, "jobtui.cli.attach", module)
        terminal(stdin=True, stdout=True)
        assert main(["attach", "127.0.0.1:9001"]) == 130

    def test_nothing_listens_there(self, terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
        """The real one says so in a line; status 2."""
        terminal(stdin=True, stdout=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        assert main(["attach", f"127.0.0.1:{port}"]) == 2
        assert capsys.readouterr().err.startswith(f"jobtui: nothing listens at http://127.0.0.1:{port}/")

    @pytest.mark.parametrize(
        ("stdin", "stdout", "blind"), [(True, False, "standard output"), (False, True, "standard input")]
    )
    def test_without_a_terminal(
        self,
        terminal: Terminal,
        capsys: pytest.CaptureFixture[str],
        *,
        stdin: bool,
        stdout: bool,
        blind: str,
    ) -> None:
        """There is no screen to show anything on."""
        terminal(stdin=stdin, stdout=stdout)
        assert main(["attach", "127.0.0.1:9001"]) == 2
        assert capsys.readouterr().err == f"jobtui: the dashboard needs a terminal, but {blind} is not one\n"

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ([], "missing argument URL"),
            (["http://me:hunter22@a", "b"], "only one URL is allowed"),
            (["127.0.0.1:9001", "--headless"], "unrecognized arguments: --headless"),
        ],
    )
    def test_bad_usage(self, capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
        """One line says what is wrong, another where to read more; a password is not repeated."""
        assert main(["attach", *words]) == 2
        assert capsys.readouterr() == ("", f"jobtui: {message}\nTry  jobtui attach --help\n")

    def test_help(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Where the user and the password come from."""
        assert main(["attach", "--help"]) == 0
        out = capsys.readouterr().out
        assert "JOBTUI_USER and JOBTUI_PASSWORD" in out

    def test_without_the_extra(self) -> None:
        """What to install is said."""
        code = (
            "import io, sys; sys.modules['aiohttp'] = None\n"
            "sys.stdin = sys.stdout = type('Terminal', (io.StringIO,), {'isatty': lambda self: True})()\n"
            "from jobtui.cli.main import main; sys.exit(main(['attach', '127.0.0.1:9001']))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT, check=False
        )
        assert done.returncode == 2
        assert done.stderr.startswith(
            "jobtui: jobtui attach needs the extra 'web': pip install 'jobtui[web]'  ("
        )


class TestCheck:
    """``jobtui check``."""

    def test_the_table(self, write: Write) -> None:
        """Piped, each job is one whole line: name, schedule, three fires with their zone, and the place."""
        write(
            "demo.py",
            "import jobtui\n"
            "def refresh_the_cache_of_all_products_and_their_pictures(): pass\n"
            "jobtui.schedule('cron.workhours_15m', refresh_the_cache_of_all_products_and_their_pictures)\n"
            "jobtui.every('1500ms', print, name='[red]quick')\n"
            "jobtui.schedule('0 0 0 30 2 ?', print, name='never')\n"
            "jobtui.schedule('TZ=Asia/Tokyo 0 0 * * *', print, name='tokyo')\n"
            "jobtui.in_('90m', refresh_the_cache_of_all_products_and_their_pictures)\n"
            "jobtui.now(print)\n"
            "@jobtui.on_app_start\ndef begin(): raise RuntimeError('check called it')\n",
        )
        write("jobtui.toml", 'jobs.pool = 4\ncron.workhours_15m = "0 */15 9-17 ? * MON-FRI"\n')
        done = run("check", "demo.py", TZ="Europe/Oslo")
        assert (done.returncode, done.stderr) == (0, "")
        lines = [re.sub(" {2,}", "|", line) for line in done.stdout.splitlines()]
        assert lines[:3] == ["target|demo.py: 4 jobs on a schedule", "settings|jobtui.toml", "pool|4"]
        assert lines[3].startswith("zone|Europe/Oslo, now 2")
        assert lines[4].startswith("on start|1 on_app_start, not called by check")
        assert lines[6] == "job|schedule|in words|next|then|then|written in"
        name, spec, words, *fires, origin = lines[7].split("|")
        assert name == "refresh_the_cache_of_all_products_and_their_pictures"
        assert spec == "cron.workhours_15m = 0 */15 9-17 ? * MON-FRI"
        assert words == "every 15 minutes from 09:00 to 17:59, Monday to Friday"
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\d (09|1\d):(00|15|30|45):00 CES?T", each) for each in fires)
        assert len(fires) == 3
        assert origin == "demo.py:2"
        assert re.fullmatch(
            r"\[red\]quick\|every 1\.5s\|every 1 second 500 milliseconds(\|\S+ \S+ CES?T){3}\|\(not Python\)",
            lines[8],
        )
        assert (
            lines[9] == "never|0 0 0 30 2 ?|at 00:00, on day 30 of the month in February|never|(not Python)"
        )
        assert re.fullmatch(r"tokyo\|TZ=.+?(\|\S+ 1[67]:00:00 CES?T){3}\|\(not Python\)", lines[10])
        assert lines[12] == "warnings"
        assert lines[13] == "(not Python): never: it never runs within 8 years: there is no day 30 in FEB"
        del lines[11:14]
        assert lines[12] == "one-off run|trigger|due|written in"
        assert re.fullmatch(r"refresh_the_cache\S+\|in\|\S+ \S+ CES?T\|demo\.py:2", lines[13])
        assert lines[14] == "print|now|at start|(not Python)"

    def test_warnings_have_the_place_of_the_job_in_front(
        self, write: Write, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """One line for each doubt, as compilers write them; the exit status stays 0."""
        write(
            "demo.py",
            "import jobtui\n"
            "def nightly(): pass\n"
            "jobtui.schedule('30 2 * * *', nightly, tz='America/New_York')\n"
            "def poll(): pass\n"
            "jobtui.schedule('*/25 * * * *', poll, name='often', tz='UTC')\n"
            "jobtui.schedule('0 */15 9-17 ? * MON-FRI', poll, name='fine', tz='UTC')\n"
            "def pay(): pass\n"
            "jobtui.schedule('0 0 31 * *', pay, tz='UTC')\n",
        )
        assert main(["check", "demo.py"]) == 0
        gap, step, *rest = capsys.readouterr().out.split("warnings\n")[1].splitlines()
        assert re.fullmatch(
            r"demo\.py:2: nightly: 02:30 does not exist on Sun \d{4}-03-\d\d: the clock jumps from 02:00 to"
            r" 03:00, so it runs right after the jump",
            gap,
        )
        assert step == (
            "demo.py:4: often: */25 in minute is uneven: 0 follows 50 after 10 minutes, not 25;"
            " for even intervals write @every 25m"
        )
        assert rest == ["demo.py:7: pay: it skips months without a day 31: FEB, APR, JUN, SEP, NOV"]

    def test_without_doubts_there_is_no_word_of_warnings(
        self, write: Write, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """An empty heading would be noise."""
        write()
        assert main(["check", "demo.py"]) == 0
        assert "warnings" not in capsys.readouterr().out

    def test_a_scheduler_that_the_file_made(self, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
        """The settings are found, and it is said that they do not count here."""
        write(
            "demo.py",
            "from jobtui import Scheduler\ns = Scheduler(pool=0, tz='Asia/Tokyo')\n"
            "s.schedule('@hourly', print)\n",
        )
        write("jobtui.toml", "jobs.pool = 4\n")
        assert main(["check", "demo.py:s"]) == 0
        out = capsys.readouterr().out
        assert "target    demo.py:s: 1 job on a schedule\n" in out
        assert "settings  jobtui.toml (not applied: the file makes this scheduler itself)\n" in out
        assert "pool      no limit\n" in out
        assert len(re.findall(r"\d\d:00:00 JST", out)) == 3

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ("", ""),
            (
                'jobs.listen = "127.0.0.1:9001"',
                "page      http://127.0.0.1:9001/@jobs, open to this machine\n",
            ),
            (
                'jobs.listen = "unix:/run/x"\njobs.readonly = true',
                "page      unix:/run/x, open to this machine, read-only\n",
            ),
            (
                (
                    'jobs.listen = "[::]:80"\njobs.allow = ["10.0.0.0/8"]\n'
                    '[jobs.auth]\nuser = "ada"\npass = "love"'
                ),
                (
                    "page      http://[::]:80/@jobs, open to this machine and 10.0.0.0/8, "
                    "with user name and password\n"
                ),
            ),
        ],
    )
    def test_where_the_page_will_be(
        self, write: Write, capsys: pytest.CaptureFixture[str], settings: str, said: str
    ) -> None:
        """And for whom: who checks before the night wants to know what will be open."""
        write()
        write("jobtui.toml", settings)
        assert main(["check", "demo.py"]) == 0
        out = capsys.readouterr().out
        assert said in out
        assert ("page " in out) is bool(said)
        assert "love" not in out

    # Unbuffered, it is the write that fails; else the flush, or Python's own at the very end.
    @pytest.mark.parametrize("unbuffered", ["", "1"])
    @pytest.mark.parametrize("arguments", [["check", "demo.py"], ["--help"]])
    def test_a_reader_that_has_gone_away(self, write: Write, arguments: list[str], unbuffered: str) -> None:
        """`| head` closes the pipe; that is not an error of anybody's."""
        write()
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

    def test_letters_that_the_stream_does_not_have(self, write: Write) -> None:
        """Names in any script come out somehow, rather than that the table fails."""
        write("demo.py", "import jobtui\njobtui.every(5, print, name='rydde å')\n")
        done = run("check", "demo.py", PYTHONIOENCODING="ascii")
        assert done.returncode == 0
        assert r"rydde \xe5" in done.stdout


class FakeTerminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


class TestReport:
    """The table on a terminal."""

    @pytest.fixture
    def shown(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], str]:
        """Give a function that makes the report for a terminal of some width."""
        write(
            "demo.py",
            "import jobtui\njobtui.every(5, print, name='a_rather_long_name_of_a_job')\n",
        )
        loaded = load("demo.py")
        monkeypatch.setenv("TERM", "xterm-256color")

        def make(columns: int) -> str:
            monkeypatch.setenv("COLUMNS", str(columns))
            noon = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
            return report(loaded, FakeTerminal(), clock=ManualClock(noon))

        return make

    def test_nothing_is_wider_than_it_nor_lost(
        self, shown: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where three fires do not fit side by side, they stand one above the other; names are folded."""
        monkeypatch.setenv("NO_COLOR", "1")
        narrow = shown(60)
        assert max(map(len, narrow.splitlines())) <= 60
        assert "…" not in narrow
        fires = re.findall(r"2026-11-23 12:(\d\d:\d\d) UTC", narrow)
        assert fires == ["00:00", "00:05", "00:10", "00:15"]  # the first is the clock
        assert re.search(r"every 5 .*\n.* seconds ", narrow)  # in words, on two lines
        wide = shown(200)
        assert len(re.findall("^a_rather_long_name_of_a_job .*00:05.*00:10.*00:15", wide, re.MULTILINE)) == 1

    def test_colours_are_for_those_who_want_them(
        self, shown: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Escape sequences on a terminal, and none under NO_COLOR."""
        assert "\x1b[1m" in shown(200)
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b" not in shown(200)

    def test_a_real_terminal(self, write: Write) -> None:
        """What the process writes to a terminal fits it."""
        write()
        ours, theirs = pty.openpty()
        os.set_blocking(ours, False)
        subprocess.run(
            [sys.executable, "-m", "jobtui", "check", "demo.py"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            timeout=LIMIT,
            env={**os.environ, "COLUMNS": "70", "NO_COLOR": "1", "TERM": "xterm"},
            check=True,
        )
        lines = os.read(ours, 100_000).decode().splitlines()
        os.close(ours)
        os.close(theirs)
        assert lines[0] == "target    demo.py: 1 job on a schedule"
        assert max(map(len, lines)) <= 70
