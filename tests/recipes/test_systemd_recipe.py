"""The recipe for systemd: the unit is valid, and its command ends within the time that the unit gives."""

from __future__ import annotations

import shlex
import signal
import subprocess
from pathlib import Path

import pytest
from support.recipes import RECIPES, Program, copy_recipe, link_jobtui, needs, replace_in

from jobtui.process.exit import AFTERWARDS

UNIT = "shop-jobs.service"
needs_systemd = needs("systemd-analyze")


def service_options() -> dict[str, str]:
    """Return the options of the section *Service*, none of which is there twice."""
    options: dict[str, str] = {}
    section = ""
    for line in (RECIPES / "systemd" / UNIT).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and not line.startswith("#"):
            name, _, value = line.partition("=")
            assert name not in options
            options[name] = value
    return options


@pytest.fixture
def folder(short_folder: Path) -> Path:
    """Copy the recipe, as if the copy were ``/opt/shop``, with a virtual environment."""
    folder = copy_recipe("systemd", short_folder)
    link_jobtui(folder / ".venv" / "bin")
    replace_in(folder / UNIT, ("/opt/shop", str(folder)))
    return folder


def analyze(verb: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``systemd-analyze``, which prints its complaints on standard error."""
    command = ["systemd-analyze", verb, *arguments, str(folder / UNIT)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@needs_systemd
def test_systemd_has_no_complaint_about_the_unit(folder: Path) -> None:
    verified = analyze("verify", "--recursive-errors=no", folder=folder)
    assert (verified.returncode, verified.stderr) == (0, "")


@needs_systemd
def test_systemd_complains_about_a_misspelt_option(folder: Path) -> None:
    """The test above must be able to fail."""
    replace_in(folder / UNIT, ("KillMode=", "KillMod="))
    assert "KillMod" in analyze("verify", "--recursive-errors=no", folder=folder).stderr


@needs_systemd
def test_the_unit_is_hardened(folder: Path) -> None:
    """The threshold is an exposure of 2.0 out of 10. A unit without hardening has 9.6."""
    rated = analyze("security", "--offline=yes", "--threshold=20", "--no-pager", folder=folder)
    assert rated.returncode == 0, rated.stdout


def test_the_command_of_the_unit_runs_the_jobs_and_ends_at_its_kill_signal(folder: Path) -> None:
    options = service_options()
    runtime, state = folder / "run" / options["RuntimeDirectory"], folder / "lib" / options["StateDirectory"]
    runtime.mkdir(parents=True)
    state.mkdir(parents=True)
    command = options["ExecStart"].replace("/opt/shop", str(folder))
    words = shlex.split(command.replace("%S", str(state.parent)).replace("%t", str(runtime.parent)))
    with Program(*words, folder=folder) as service:
        service.wait_for("OK        run 1    import_orders")
        assert (runtime / "jobs.sock").is_socket()
        assert (state / "jobs.db").exists()
        assert service.stop(signal.Signals[options["KillSignal"]]) == 0


def test_systemd_waits_longer_than_the_grace() -> None:
    options = service_options()
    words = shlex.split(options["ExecStart"])
    grace = float(words[words.index("--grace") + 1])
    assert float(options["TimeoutStopSec"]) >= grace + AFTERWARDS + 5


def test_a_mistake_in_the_job_file_ends_with_the_status_that_prevents_a_restart(folder: Path) -> None:
    (folder / "jobs.py").write_text("import jobtui\njobtui.schedule('nonsense', print)\n", encoding="utf-8")
    words = shlex.split(service_options()["ExecStart"].replace("/opt/shop", str(folder)))[:3]
    with Program(*words, folder=folder) as service:
        assert str(service.wait()) == service_options()["RestartPreventExitStatus"]
