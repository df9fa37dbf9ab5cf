"""Keys in the user's file and in the settings of a project: what each command does with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import WriteFile

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.cli.main import main
from jobtui.frontend.local_backend import LocalBackend
from jobtui.web.server import Server

JOBS = "import jobtui\n@jobtui.scheduled('@yearly')\ndef work(): pass\n"


@pytest.fixture
def own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of the user's own keys, which does not exist yet, in a new folder."""
    folder = tmp_path / "settings" / "jobtui"
    folder.mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder.parent))
    return folder / "keys.toml"


def test_the_dashboard_shows_the_keys_of_the_user_before_those_of_the_project(
    write_file: WriteFile, own_keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_file("jobs.py", JOBS)
    write_file("jobtui.toml", '[keys]\njob.run = "f8"\njob.pause = "f7"\n')
    own_keys.write_text('job.run = "f9"\n', encoding="utf-8")
    assert main(["jobs.py", "--snapshot", "120x32"]) == 0
    footer = capsys.readouterr().out.splitlines()[-1]
    assert "f9 Run" in footer
    assert "f7 Pause" in footer


def test_an_attached_dashboard_shows_the_keys_of_the_user(
    own_keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_keys.write_text('job.run = "f9"\n', encoding="utf-8")
    scheduler = Scheduler(tz="UTC")
    scheduler.schedule("@yearly", print, name="work")
    with scheduler, Server(LocalBackend(scheduler, "jobs.py"), parse_address("127.0.0.1:0")) as server:
        assert main(["attach", str(server.address), "--snapshot"]) == 0
    assert "f9 Run" in capsys.readouterr().out.splitlines()[-1]


def test_an_error_in_the_own_keys_stops_the_start_with_the_file_and_the_line(
    write_file: WriteFile, own_keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the dashboard has other keys than the user expects."""
    write_file("jobs.py", JOBS)
    own_keys.write_text('\njob.run = "x"\n', encoding="utf-8")
    assert main(["jobs.py", "--snapshot"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{own_keys}, line 2: job.run cannot have x: run.cancel" in captured.err


def test_check_reports_the_keys_of_the_project_and_not_those_of_the_user(
    write_file: WriteFile, own_keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_file("jobs.py", JOBS)
    own_keys.write_text('job.rn = "c"\n', encoding="utf-8")
    settings = write_file("jobtui.toml", '[keys]\njob.run = "f8"\n')
    assert main(["check", "jobs.py"]) == 0
    write_file("jobtui.toml", '[keys]\njob.rn = "c"\n')
    capsys.readouterr()
    assert main(["check", "jobs.py"]) == 1
    assert (
        f"{settings.name}, line 2: unknown action 'job.rn'. Did you mean job.run?" in capsys.readouterr().err
    )
