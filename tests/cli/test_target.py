"""``jobtui TARGET``: bad targets, the start, and serving the status page."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from support.command_line import (
    LIMIT,
    ONE_JOB,
    SetTerminal,
    WriteFile,
    run_jobtui,
    run_jobtui_without,
)

import jobtui
from jobtui.access.rules import AccessRules
from jobtui.cli.main import main
from jobtui.runtime.output_log import OutputLog
from jobtui.tui.display import Display


class TestBadTargets:
    """Targets and settings that are wrong. The tests of the loader and of the settings have more of them."""

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
        ids=["syntax", "exception", "exit", "no-jobs", "wrong-argument", "missing"],
    )
    @pytest.mark.parametrize(
        ("arguments", "status"),
        [(["demo.py"], 2), (["demo.py", "--headless"], 2), (["check", "demo.py"], 1)],
        ids=["dashboard", "headless", "check"],
    )
    def test_a_bad_target_is_reported_on_standard_error(
        self,
        write_file: WriteFile,
        capsys: pytest.CaptureFixture[str],
        *,
        content: str | None,
        message: str,
        arguments: list[str],
        status: int,
    ) -> None:
        """With and without a terminal. The exit status is 2, or 1 for check."""
        if content is not None:
            write_file("demo.py", content)
        assert main(arguments) == status
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(message)

    @pytest.mark.parametrize(("command", "status"), [([], 2), (["check"], 1)])
    def test_a_wrong_setting_is_reported_with_its_file_and_line(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str], command: list[str], status: int
    ) -> None:
        """The exit status is that of a bad target."""
        write_file()
        write_file("jobtui.toml", "jobs.pol = 4\n")
        assert main([*command, "demo.py"]) == status
        err = capsys.readouterr().err
        assert err.startswith("jobtui: ")
        assert "jobtui.toml, line 1: unknown key 'jobs.pol'. Did you mean 'jobs.pool'?" in err

    @pytest.mark.parametrize("command", [[], ["check"]])
    def test_a_missing_settings_file_is_an_error(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str], command: list[str]
    ) -> None:
        """If ``--config`` names it."""
        write_file()
        assert main([*command, "demo.py", "--config", "no.toml"]) == (1 if command else 2)
        assert capsys.readouterr().err == "jobtui: no.toml: file not found.\n"

    def test_an_unknown_time_zone_of_the_machine_is_reported_in_one_line(self, write_file: WriteFile) -> None:
        """The environment variable TZ names none."""
        write_file()
        done = run_jobtui("check", "demo.py", TZ="Middle/Earth")
        assert done.returncode == 1
        assert done.stderr.startswith(
            "jobtui: cannot create the scheduler: cannot determine the machine's time zone"
        )
        assert done.stderr.count("\n") == 1

    def test_ctrl_c_during_the_import_ends_the_process_with_130_and_no_message(
        self, write_file: WriteFile
    ) -> None:
        """Python itself would print a traceback."""
        write_file("demo.py", "import threading\nprint('importing', flush=True)\nthreading.Event().wait()\n")
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
    """The dashboard starts, or the start fails."""

    @pytest.mark.parametrize(
        ("stdin", "stdout", "missing"),
        [(True, False, "standard output"), (False, True, "standard input"), (False, False, "standard input")],
    )
    def test_the_dashboard_without_a_terminal_suggests_headless(
        self,
        write_file: WriteFile,
        set_terminal: SetTerminal,
        capsys: pytest.CaptureFixture[str],
        *,
        stdin: bool,
        stdout: bool,
        missing: str,
    ) -> None:
        """The message repeats the target, quoted for the shell."""
        set_terminal(stdin=stdin, stdout=stdout)
        for name, quoted in [("demo.py", "demo.py"), ("my demo.py", "'my demo.py'")]:
            write_file(name)
            assert main([name]) == 2
            assert capsys.readouterr().err == (
                f"jobtui: the dashboard needs a terminal, but {missing} is not one; "
                f"to run without a screen:\n  jobtui {quoted} --headless\n"
            )

    @pytest.mark.parametrize(("term", "shown"), [("dumb", "dumb"), ("unknown", "unknown"), ("", "not set")])
    def test_a_terminal_without_a_moving_cursor_is_rejected(
        self,
        write_file: WriteFile,
        set_terminal: SetTerminal,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        *,
        term: str,
        shown: str,
    ) -> None:
        """It would show escape sequences as text."""
        write_file()
        set_terminal(stdin=True, stdout=True)
        monkeypatch.setenv("TERM", term)
        assert main(["demo.py"]) == 2
        assert capsys.readouterr().err == (
            "jobtui: the dashboard needs a terminal with a cursor that moves, but the environment variable "
            f"TERM is {shown}; to run without a screen:\n  jobtui demo.py --headless\n"
        )
        assert main(["attach", "127.0.0.1:9001"]) == 2
        assert f"TERM is {shown}\n" in capsys.readouterr().err

    def test_closed_standard_streams_are_not_an_error(self, write_file: WriteFile) -> None:
        """The parent process may have closed all three; the exit status is still 2."""
        write_file()
        command = f"{sys.executable} -m jobtui demo.py <&- >&- 2>&-"
        assert subprocess.run(["sh", "-c", command], timeout=LIMIT, check=False).returncode == 2

    def test_the_dashboard_gets_the_scheduler_and_its_status_is_the_exit_status(
        self, write_file: WriteFile, set_terminal: SetTerminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With the title, the grace, which is 10 seconds by default, and the limits of the output."""
        calls: list[object] = []
        limits: list[tuple[int, int]] = []
        local: list[bool] = []

        def run_dashboard(
            scheduler: jobtui.Scheduler,
            *,
            title: str,
            grace: float,
            process_exit: object,
            serve: object,
            serve_locally: object,
            output_log: OutputLog,
            display: Display,
        ) -> int:
            calls.append(([job.name for job in scheduler.jobs], title, grace, serve, display.ascii))
            local.append(callable(serve_locally))
            limits.append((output_log.limit, output_log.run_limit))
            return 5

        replace_dashboard(monkeypatch, run_dashboard)
        write_file()
        write_file("jobtui.toml", "jobs.output.bytes = 30_000\njobs.output.runbytes = 20_000\n")
        set_terminal(stdin=True, stdout=True)
        assert main(["demo.py"]) == 5
        assert main(["demo.py", "--grace", "0.5", "--ascii"]) == 5
        assert calls == [(["greet"], "demo.py", 10.0, None, False), (["greet"], "demo.py", 0.5, None, True)]
        assert local == [True, True]
        assert limits == [(30_000, 20_000)] * 2

    def test_an_on_app_start_function_that_raises_is_reported_with_the_users_frames(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """Its line, its name, the exception, and a traceback without frames of jobtui."""
        write_file(
            "demo.py", ONE_JOB + "@jobtui.on_app_start\ndef connect():\n    raise OSError('no\\nroute')\n"
        )
        assert main(["demo.py", "--headless"]) == 2
        assert capsys.readouterr().err == (
            "jobtui: demo.py:5: on_app_start function connect raised OSError: no route\n\n"
            "Traceback (most recent call last):\n"
            f'  File "{tmp_path}/demo.py", line 5, in connect\n'
            "    raise OSError('no\\nroute')\n"
            "OSError: no\nroute\n"
        )

    def test_a_wrong_argument_in_an_on_app_start_function_is_reported_without_a_traceback(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """As during the import."""
        write_file("demo.py", ONE_JOB + "@jobtui.on_app_start\ndef more():\n    jobtui.every(5, 3)\n")
        assert main(["demo.py", "--headless"]) == 2
        err = capsys.readouterr().err
        assert err.startswith("jobtui: demo.py:5: jobtui.every(5, 3)\n3 cannot be run; ")
        assert "Traceback" not in err

    def test_an_on_app_start_function_that_exits_is_an_error(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The scheduler has not started, so the exit status is 2."""
        write_file(
            "demo.py", ONE_JOB + "@jobtui.on_app_start\ndef connect():\n    raise SystemExit('no route')\n"
        )
        assert main(["demo.py", "--headless"]) == 2
        assert capsys.readouterr().err == (
            "jobtui: demo.py:5: an on_app_start function called sys.exit() before the scheduler started: "
            "no route\n"
        )

    @pytest.mark.parametrize(
        "raised", ["asyncio.CancelledError", "GeneratorExit", "type('Own', (BaseException,), {})"]
    )
    @pytest.mark.parametrize("place", ["import", "start"])
    def test_a_file_that_raises_any_base_exception_does_not_end_with_success(
        self, write_file: WriteFile, raised: str, place: str
    ) -> None:
        """The exit status is 2, and the message begins with the place."""
        body = f"import asyncio\ndef connect():\n    raise {raised}\n"
        body += "connect()\n" if place == "import" else "jobtui.on_app_start(connect)\n"
        write_file("demo.py", ONE_JOB + body)
        done = run_jobtui("demo.py", "--headless")
        assert done.returncode == 2
        assert done.stderr.startswith("jobtui: demo.py:5: ")

    def test_an_unexpected_error_in_a_process_of_its_own_does_not_end_it_with_success(
        self, write_file: WriteFile
    ) -> None:
        """The exit handler that ends the process uses the status of the error."""
        write_file("demo.py", ONE_JOB + "import sys\nsys.modules['jobtui.cli.headless'] = None\n")
        done = run_jobtui("demo.py", "--headless")
        assert done.returncode == 1
        assert "please report it: ModuleNotFoundError" in done.stderr.splitlines()[-1]

    def test_a_thread_that_the_file_started_does_not_keep_check_alive(self, write_file: WriteFile) -> None:
        """Python itself would wait for it."""
        write_file(
            "demo.py", ONE_JOB + "import threading\nthreading.Thread(target=threading.Event().wait).start()\n"
        )
        assert run_jobtui("check", "demo.py").returncode == 0

    def test_output_of_an_exit_handler_is_flushed(self, write_file: WriteFile) -> None:
        """The process ends by ``os._exit``, which does not flush."""
        write_file("demo.py", ONE_JOB + "import atexit\natexit.register(print, 'last words')\n")
        done = run_jobtui("check", "demo.py")
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "last words")


def replace_dashboard(monkeypatch: pytest.MonkeyPatch, run_dashboard: Callable[..., int]) -> None:
    """Replace the module of the dashboard by one that has only this function."""
    app = ModuleType("jobtui.tui.run_app")
    app.run_dashboard = run_dashboard  # type: ignore[attr-defined] # a module made by hand
    monkeypatch.setitem(sys.modules, "jobtui.tui.run_app", app)


class TestListen:
    """``--listen`` and ``jobs.listen`` serve the status page."""

    @pytest.fixture
    def served(self, monkeypatch: pytest.MonkeyPatch) -> list[object]:
        """Return what was served instead of a real page: backend, address, user name, read-only."""
        served: list[object] = []

        class Server:
            def __init__(self, backend: object, address: object, *, access: AccessRules) -> None:
                user = access.credentials.user if access.credentials else ""
                served.append((backend, str(address), user, access.readonly))

        def run_headless(
            scheduler: object, *, serve: Callable[[object], object] | None, **_rest: object
        ) -> int:
            if serve is None:
                served.append("nothing")
            else:
                serve("the backend")
            return 7

        module = ModuleType("jobtui.web.server")
        module.Server = Server  # type: ignore[attr-defined] # a module made by hand
        monkeypatch.setitem(sys.modules, "jobtui.web.server", module)
        monkeypatch.setattr("jobtui.cli.headless.run_headless", run_headless)
        return served

    def test_without_an_address_nothing_is_served(self, write_file: WriteFile, served: list[object]) -> None:
        """Listening is not the default."""
        write_file()
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
    def test_the_listen_option_overrides_the_address_but_not_the_access_rules_in_the_settings(
        self, write_file: WriteFile, served: list[object], arguments: list[str], address: str
    ) -> None:
        """Credentials and read-only mode apply to every address."""
        write_file()
        write_file(
            "jobtui.toml",
            'jobs.listen = "127.0.0.1:9001"\njobs.readonly = true\n'
            'jobs.auth.user = "me"\njobs.auth.pass = "x"\n',
        )
        assert main(["demo.py", "--headless", *arguments]) == 7
        assert served == [("the backend", address, "me", True)]

    def test_access_rules_apply_to_a_scheduler_that_the_file_makes(
        self, write_file: WriteFile, served: list[object]
    ) -> None:
        """The settings do not change such a scheduler, but they decide about the status page."""
        write_file("demo.py", "from jobtui import Scheduler\ns = Scheduler(pool=3)\ns.every(5, print)\n")
        write_file("jobtui.toml", 'jobs.listen = "127.0.0.1:9001"\njobs.readonly = true\n')
        assert main(["demo.py", "--headless"]) == 7
        assert served == [("the backend", "http://127.0.0.1:9001/@jobs", "", True)]

    def test_the_dashboard_serves_the_page_too(
        self,
        write_file: WriteFile,
        set_terminal: SetTerminal,
        served: list[object],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Not only a headless run."""

        def run_dashboard(_scheduler: object, *, serve: Callable[[object], object], **_rest: object) -> int:
            serve("the backend")
            return 7

        replace_dashboard(monkeypatch, run_dashboard)
        write_file()
        set_terminal(stdin=True, stdout=True)
        assert main(["demo.py", "--listen", "localhost:9001"]) == 7
        assert served == [("the backend", "http://127.0.0.1:9001/@jobs", "", False)]

    def test_an_address_in_use_is_reported_in_one_line_and_nothing_starts(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The exit status is 2."""
        write_file("demo.py", ONE_JOB + "@jobtui.on_app_start\ndef begin(): print('started')\n")
        with socket.create_server(("127.0.0.1", 0)) as other:
            address = f"127.0.0.1:{other.getsockname()[1]}"
            assert main(["demo.py", "--headless", "--listen", address]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"jobtui: cannot listen on {address}: ")
        assert err.count("\n") == 1

    def test_an_address_that_other_machines_reach_requires_credentials(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """In ``--listen`` as in the settings."""
        write_file()
        assert main(["demo.py", "--headless", "--listen", "0.0.0.0:0"]) == 2
        assert "can be reached by other machines, so it needs jobs.auth.user and" in capsys.readouterr().err

    @pytest.mark.parametrize("missing", ["aiohttp", "jinja2", "prometheus_client"])
    @pytest.mark.parametrize("by", ["option", "settings"])
    def test_without_the_web_extra_the_message_says_what_to_install(
        self, write_file: WriteFile, missing: str, by: str
    ) -> None:
        """Whichever of its packages is missing. `check` works without it."""
        write_file()
        if by == "settings":
            write_file("jobtui.toml", 'jobs.listen = "127.0.0.1:0"\n')
        done = run_jobtui_without(
            missing, "demo.py", "--headless", *(["--listen", "127.0.0.1:0"] * (by == "option"))
        )
        assert done.returncode == 2
        assert done.stderr.startswith(
            "jobtui: the status page needs the extra 'web': pip install 'jobtui[web]'  ("
        )
        assert missing in done.stderr
        assert done.stderr.count("\n") == 1
        assert run_jobtui_without(missing, "check", "demo.py").returncode == 0

    def test_a_missing_module_of_jobtui_is_not_mistaken_for_the_web_extra(
        self, write_file: WriteFile, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Installing the extra would not repair a broken installation: the error is unexpected."""
        write_file()
        monkeypatch.setitem(sys.modules, "jobtui.web.server", None)
        assert main(["demo.py", "--headless", "--listen", "127.0.0.1:0"]) == 1
        *trace, sentence = capsys.readouterr().err.splitlines()
        assert trace[0] == "Traceback (most recent call last):"
        assert sentence.startswith(
            "jobtui: an unexpected error, which is a fault of jobtui; please report it: "
            "ModuleNotFoundError: import of jobtui.web.server halted"
        )
