"""``--snapshot``: one frame of the dashboard on standard output."""

from __future__ import annotations

import socket
import textwrap

import pytest
from support.command_line import WriteFile

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.cli.main import main
from jobtui.frontend.local_backend import LocalBackend
from jobtui.web.server import Server


def test_a_file_is_shown_as_it_is_before_the_start(
    write_file: WriteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is started, so no function is called and no job runs."""
    write_file(
        "demo.py",
        textwrap.dedent(
            """
            import jobtui

            @jobtui.on_app_start
            def begin():
                raise SystemExit("started")

            @jobtui.scheduled("@every 1s")
            def greet():
                print("hello")
            """
        ),
    )
    assert main(["demo.py", "--snapshot", "90x20"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert len(lines) == 20
    assert max(map(len, lines)) <= 90
    assert any("IDLE" in line and "greet" in line for line in lines)
    assert "new" in lines[0]


def test_a_scheduler_that_runs_is_shown_after_attach(capsys: pytest.CaptureFixture[str]) -> None:
    """It goes on."""
    scheduler = Scheduler(tz="UTC")
    scheduler.schedule("@yearly", print, name="work")
    with scheduler, Server(LocalBackend(scheduler, "jobs.py"), parse_address("127.0.0.1:0")) as server:
        assert main(["attach", str(server.address), "--snapshot", "--ascii", "--color"]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        frame = printed.out
        assert scheduler.snapshot().started is not None
    assert "\x1b[" in frame
    assert "work" in frame
    assert frame.isascii()
    assert len(frame.splitlines()) == 32


def test_the_frame_of_several_schedulers_has_their_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    """The first one is shown; one that does not answer has a tab, too."""
    scheduler = Scheduler(tz="UTC")
    scheduler.schedule("@yearly", print, name="work")
    with socket.create_server(("127.0.0.1", 0)) as free:
        unused = f"127.0.0.1:{free.getsockname()[1]}"
    with scheduler, Server(LocalBackend(scheduler, "jobs.py"), parse_address("127.0.0.1:0")) as server:
        assert main(["attach", str(server.address), unused, "--snapshot", "100x30"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[0] == f" [1 jobs.py]   2 {unused} ! lost"
    assert any("work" in line for line in lines)
    assert len(lines) == 30


@pytest.mark.parametrize("size", ["120", "0x32", "ax5", "9999x9999", "12x"])
def test_a_wrong_size_is_an_error_with_the_form(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo.py", "--snapshot", size]) == 2
    assert "is not WIDTHxHEIGHT, such as 120x32" in capsys.readouterr().err
