"""Run the command line as a process, and write the job files that it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

LIMIT = 60.0  # seconds; only a process that hangs takes so long
ONE_JOB = "import jobtui\njobtui.every(5, print, name='greet')\n"

WriteFile = Callable[..., Path]
SetTerminal = Callable[..., None]


def inherited_environment() -> dict[str, str]:
    """Return the environment, without PYTHONUNBUFFERED.

    Most users do not set it, and unbuffered output has no buffer that can get lost or block at the end.
    """
    return {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}


def run_jobtui(
    *arguments: str, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m jobtui`` with standard input closed, and wait for its end.

    Args:
        arguments: The arguments of the command line.
        folder: The current folder of the process; by default the test's own.
        environment: Additional environment variables.
    """
    return run_python(
        "-m", "jobtui", *arguments, folder=folder, environment=inherited_environment() | environment
    )


def run_jobtui_without(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as if a module were not installed."""
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        f"from jobtui.cli.main import main; sys.exit(main({arguments!r}))"
    )
    return run_python("-c", code)


def run_python(
    *arguments: str, folder: Path | None = None, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python with standard input closed, and wait for its end."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        stdin=subprocess.DEVNULL,
        cwd=folder,
        env=environment,
    )
